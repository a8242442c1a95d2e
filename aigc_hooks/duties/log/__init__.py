"""The record in a database: every output that left, in rows that are chained by their hashes.

Logs of generation are kept by law (Deep Synthesis Provisions, article 16), those of content that left without an
explicit label for at least six months (Measures, article 9). From the ground up:

- ``row``: what a row holds, and its hash;
- ``database``: SQLite (WAL) or PostgreSQL, its transactions, its errors in words, its schema (``migrations/``);
- ``chain``: rows are appended to a chain, and chains are verified;
- ``writer``: the thread that commits the rows of a process in batches;
- ``keeping``: purge and merge; ``finding``: what the commands show and export.

One chain belongs to one machine in one database; all processes of the machine continue it. A hash chain shows every
change by hand to rows in it. Who can write to the database could compute all hashes anew: to show that too, note a head
that ``aigc-hooks log verify`` prints in another place, and give it back later with ``--known``.
"""

from importlib.util import find_spec

from aigc_hooks.errors import ConfigError


def _must_be_there(name: str) -> None:
    # Found, not imported: alembic is needed once in the life of a database, and takes its time.
    if find_spec(name) is None:
        raise ConfigError(f"the record in a database needs {name}: pip install 'aigc-hooks[record]'")


_must_be_there("sqlalchemy")
_must_be_there("alembic")
