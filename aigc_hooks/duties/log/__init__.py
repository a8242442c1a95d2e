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
