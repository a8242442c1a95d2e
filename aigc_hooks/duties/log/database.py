"""The database of the record: SQLite in WAL mode, or PostgreSQL; its transactions, its schema, its errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, Boolean, Column, Connection, MetaData, Table, Text, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from aigc_hooks.duties.log.row import Row
from aigc_hooks.errors import ConfigError, RecordError
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.layers import record_url

VERSION_TABLE = "aigc_version"
"""Alembic's table, by a name of our own: the database may be shared with a program that uses alembic too."""

HEAD = "0001"
"""The step of ``migrations/versions`` that this version of the package works with."""

BUSY = 30.0
"""Seconds to wait for another process that writes to the same SQLite file, or holds a lock in PostgreSQL."""

_metadata = MetaData()

WRITERS = Table(
    "aigc_writers",
    _metadata,
    Column("writer", Text, primary_key=True),
    Column("host", Text),
    Column("active", Boolean),
    Column("sequence", BigInteger),
    Column("hash", Text),
    Column("purged", BigInteger),
    Column("purged_hash", Text),
)
"""The chains. ``sequence`` and ``hash`` are those of the last row; ``purged`` and ``purged_hash`` those of the last row
that was purged. ``active``: processes of ``host`` continue it; a merged chain is not active."""

ROWS = Table(
    "aigc_rows",
    _metadata,
    *(
        Column(name, BigInteger if name == "sequence" else Text, primary_key=name in ("writer", "sequence"))
        for name in Row._fields
    ),
)

_upgrading = ForkSafeLock()  # alembic's context is one for the process


class Database:
    """One database, with one connection at a time.

    Args:
        url: A URL of SQLite or PostgreSQL, or the path of an SQLite file.
        create: Whether an SQLite file may be made, and the schema brought up to date.
        keep: Whether the connection stays open between transactions, until ``close``.
    """

    def __init__(self, url: str, *, create: bool = False, keep: bool = False) -> None:
        self._url = _parsed(url)
        self.shown = _shown(self._url)
        self._create = create
        self._ready = False
        self._engine = self._made(keep)

    def _made(self, keep: bool) -> sqlalchemy.Engine:
        sqlite = self._url.get_backend_name() == "sqlite"
        # What a server or a network that hangs may cost; SQLite waits for its lock only.
        arguments: dict[str, Any] = (
            {"timeout": BUSY, "check_same_thread": False}
            if sqlite
            else {
                "connect_timeout": 5,
                "application_name": "aigc-hooks",
                "options": f"-c lock_timeout={int(BUSY * 1000)}",
                "tcp_user_timeout": 10_000,
            }
        )
        arguments = {name: value for name, value in arguments.items() if name not in self._url.query}
        try:
            pool: dict[str, Any] = {"pool_size": 1, "max_overflow": 0} if keep else {"poolclass": sqlalchemy.NullPool}
            engine = sqlalchemy.create_engine(
                self._url, connect_args=arguments, pool_pre_ping=keep and not sqlite, **pool
            )
        except (ImportError, NoSuchModuleError) as error:
            raise ConfigError(
                f"the record in {self.shown} needs a driver ({error}): pip install 'aigc-hooks[record]'"
            ) from error
        if sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state of the database, and whose results stream.

        Raises:
            RecordError: It cannot be reached or read, or holds no record.
        """
        isolation = {} if self._is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._told(), self._connected() as connection:
            connection = connection.execution_options(stream_results=True, **isolation)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is committed when the block ends without an error.

        Raises:
            RecordError: It cannot be reached or written; nothing of the block is kept.
        """
        with self._told(), self._connected() as connection, connection.execution_options(aigc_writes=True).begin():
            yield connection

    def upgrade(self) -> bool:
        """Brings the schema to this version of the package; returns whether there was anything to do.

        Raises:
            ConfigError: A newer version of the package has written it.
            RecordError: It cannot be reached or written.
        """
        with self._told():
            return self._upgrade()

    def close(self) -> None:
        """Closes the connection; the next transaction opens it anew."""
        self._engine.dispose()

    @property
    def attempts(self) -> int:
        """How often to try a transaction: a server that was restarted answers the second time, on a new connection."""
        return 1 if self._is_sqlite else 2

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        if not self._ready:
            if self._create:
                self._upgrade()
            else:
                self._must_be_there()
            self._ready = True
        with self._engine.connect() as connection:
            yield connection

    def _upgrade(self) -> bool:
        if self._is_sqlite:
            folder = Path(self._url.database or "").parent
            if not folder.is_dir():
                raise RecordError(f"the record {self.shown}: the folder {folder} does not exist; make it")
        if self._version() == HEAD:
            return False
        with _upgrading, self._engine.connect().execution_options(aigc_writes=True) as connection, connection.begin():
            if not self._is_sqlite:
                # Several machines may come first at once.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('aigc_hooks.record'))")
            _run_migrations(connection)
        return True

    def _must_be_there(self) -> None:
        path = Path(self._url.database or "")
        if self._is_sqlite and not path.is_file():
            raise RecordError(f"no record at {path}: nothing has been written there yet, or the path is another")
        version = self._version()
        if version is None:
            raise RecordError(f"{self.shown} holds no record: nothing has been written there yet, or it is another")
        if version != HEAD:
            raise RecordError(f"the record {self.shown} has an older schema: run aigc-hooks log upgrade")

    def _version(self) -> str | None:
        with self._engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table(VERSION_TABLE):
                return None
            version: str | None = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
        if version is not None and version > HEAD:
            raise ConfigError(
                f"the record {self.shown} was written by a newer version of aigc-hooks (schema {version}, this one "
                f"knows {HEAD}): pip install --upgrade aigc-hooks"
            )
        return version

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says of an error of the database what it means, without the password in the URL."""
        try:
            yield
        except SQLAlchemyError as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            text = " ".join(str(cause).split())
            raise RecordError(f"the record {self.shown}: {text}{_fix(text, self._is_sqlite)}") from cause


def _run_migrations(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Transactions are ours: the driver's own begin too late, and not at all before statements that make tables.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout = {int(BUSY * 1000)}", "journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # Who reads first and writes later is refused if another has written in between: writers say so at once.
    writes = connection.get_execution_options().get("aigc_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _parsed(url: str) -> URL:
    try:
        url = record_url(url)
    except ValueError as error:
        raise ConfigError(f"audit_url: {error}") from None
    if "://" not in url:
        return URL.create("sqlite", database=url)
    try:
        parsed = make_url(url)
    except (ValueError, SQLAlchemyError):  # it quotes the URL, with its password
        raise ConfigError("audit_url is no URL, such as postgresql://user:password@host:5432/database") from None
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _shown(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}, drivername="postgresql").render_as_string(hide_password=True)


def _fix(text: str, sqlite: bool) -> str:
    lowered = text.lower()
    if "full" in lowered or "disk i/o" in lowered or "no space" in lowered:
        return "; free space on the disk, and label again"
    if "unable to open" in lowered or "readonly" in lowered or "permission" in lowered:
        return "; the file and its folder must be writable"
    if "locked" in lowered or "lock timeout" in lowered:
        return f"; another program has held it for {BUSY:.0f} seconds: end that, and label again"
    if "malformed" in lowered or "not a database" in lowered:
        return "; keep the file as it is, and let audit_url name a new one"
    return "" if sqlite else "; is the server of audit_url running, and does it let this user in?"
