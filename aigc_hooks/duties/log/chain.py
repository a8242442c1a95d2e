"""The chains of rows: how they grow, and how a row that was removed, moved or changed shows."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from aigc_hooks.duties.log.database import ROWS, WRITERS, Database
from aigc_hooks.duties.log.row import FIRST, PURGED, Entry, Row, hash_of, linked

STEP = 1000
"""Rows that are in memory at a time."""

_MOST_PROBLEMS = 100
"""Problems that are told; the others are counted."""


class Head(NamedTuple):
    """Where a chain stands.

    Attributes:
        writer: Its name.
        host: The machine that wrote it.
        sequence: Number of its last row.
        hash: Hash of that row.
        purged: Number of the last row that was purged; 0 if none was.
        purged_hash: Hash of that row.
    """

    writer: str
    host: str
    sequence: int
    hash: str
    purged: int
    purged_hash: str


_HEADS = select(*(WRITERS.c[name] for name in Head._fields))


def heads(connection: Connection) -> list[Head]:
    """All chains, by name."""
    return sorted(Head(*found) for found in connection.execute(_HEADS))


def append(connection: Connection, entries: Iterable[Entry]) -> list[Row]:
    """Adds entries to the chain of this machine. Until the transaction ends, other processes wait."""
    head = _own(connection)
    sequence, previous = head.sequence, head.hash
    rows: list[Row] = []
    for entry in entries:
        sequence += 1
        rows.append(linked(entry, head.writer, sequence, previous))
        previous = rows[-1].hash
    if rows:
        connection.execute(insert(ROWS), [row._asdict() for row in rows])
        connection.execute(
            update(WRITERS).where(WRITERS.c.writer == head.writer).values(sequence=sequence, hash=previous)
        )
    return rows


def holds(connection: Connection, row: Row) -> bool:
    """Whether the database has a row."""
    where = (ROWS.c.writer == row.writer) & (ROWS.c.sequence == row.sequence) & (ROWS.c.hash == row.hash)
    return connection.execute(select(ROWS.c.sequence).where(where)).first() is not None


def _own(connection: Connection) -> Head:
    """The head of this machine's chain, locked."""
    host = socket.gethostname()
    query = _HEADS.where(WRITERS.c.host == host, WRITERS.c.active).with_for_update()
    found = connection.execute(query).first()
    if found is None and connection.dialect.name == "postgresql":
        # Two processes of a new machine must not begin two chains.
        connection.exec_driver_sql("LOCK TABLE aigc_writers IN SHARE ROW EXCLUSIVE MODE")
        found = connection.execute(query).first()
    if found is not None:
        return Head(*found)
    head = Head(secrets.token_hex(8), host, 0, FIRST, 0, FIRST)
    connection.execute(insert(WRITERS), [{**head._asdict(), "active": True}])
    return head


def rows_of(connection: Connection, writer: str, after: int = 0) -> Iterator[Row]:
    """The rows of one chain behind a number, in order, as a stream."""
    query = select(ROWS).where(ROWS.c.writer == writer, ROWS.c.sequence > after).order_by(ROWS.c.sequence)
    found = connection.execute(query.execution_options(yield_per=STEP))
    try:
        for row in found:
            yield Row(*row)
    finally:
        found.close()


class Problem(NamedTuple):
    """One thing in a chain that is not as it was written."""

    writer: str
    sequence: int
    what: str


@dataclass
class Verification:
    """What ``verify`` found.

    Attributes:
        rows: How many rows were read.
        heads: Where the chains stand.
        problems: What is wrong, the first hundred.
        found: How many things are wrong.
        set_back: How many rows have an earlier time than the one before: the clock was set back. That is no fault of
            the record.
    """

    rows: int = 0
    heads: list[Head] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    found: int = 0
    set_back: int = 0

    @property
    def intact(self) -> bool:
        """Whether every chain is as it was written."""
        return not self.found

    def add(self, problem: Problem) -> None:
        """Counts a problem, and keeps it if there are few."""
        self.found += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON output."""
        return {
            "intact": self.intact,
            "rows": self.rows,
            "clock_set_back": self.set_back,
            "chains": [head._asdict() for head in self.heads],
            "problems": [problem._asdict() for problem in self.problems],
            "problems_found": self.found,
        }


def verify(database: Database, known: Sequence[tuple[str, int, str]] = ()) -> Verification:
    """Reads all chains from their first row to their last, and checks every hash.

    Args:
        database: The record.
        known: Rows noted elsewhere, as writer, number and hash: they must still be there.

    Raises:
        RecordError: The database cannot be read.
    """
    made = Verification()
    checkpoints: dict[str, set[tuple[int, str]]] = {}
    with database.reading() as connection:
        made.heads = heads(connection)
        # A chain whose head was removed shows too.
        names = {head.writer for head in made.heads}
        orphans = select(ROWS.c.writer).distinct().where(ROWS.c.writer.not_in(select(WRITERS.c.writer)))
        for (writer,) in connection.execute(orphans).all():
            made.add(Problem(writer, 0, "rows of a chain that is not listed in aigc_writers"))
        for writer, _, _ in known:
            if writer not in names:
                made.add(Problem(writer, 0, "the chain is known from elsewhere, and is missing"))
        for head in made.heads:
            expected = {sequence: hash for writer, sequence, hash in known if writer == head.writer}
            for row in _checked(head, rows_of(connection, head.writer), made, expected):
                if row.outcome == PURGED:
                    _note(checkpoints, row)
    for head in made.heads:
        if head.purged and (head.purged, head.purged_hash) not in checkpoints.get(head.writer, ()):
            made.add(
                Problem(head.writer, head.purged, f"rows 1 to {head.purged} are missing, and no purge is recorded")
            )
    return made


def _note(checkpoints: dict[str, set[tuple[int, str]]], row: Row) -> None:
    try:
        told = json.loads(row.details)
        checkpoints.setdefault(str(told["writer"]), set()).add((int(told["through"]), str(told["hash"])))
    except (ValueError, TypeError, KeyError):
        return  # it was changed by hand, and its hash has told so


def _checked(head: Head, rows: Iterator[Row], made: Verification, known: Mapping[int, str]) -> Iterator[Row]:
    """Passes the rows of a chain on, and notes what is wrong with them."""
    sequence, previous, time = head.purged, head.purged_hash, ""
    known = {number: hash for number, hash in known.items() if number > head.purged}
    for row in rows:
        made.rows += 1
        if row.sequence <= head.purged:
            made.add(Problem(head.writer, row.sequence, "a row that was purged has come back"))
            continue
        if row.sequence != sequence + 1:
            missing = (
                f"row {sequence + 1}" if row.sequence == sequence + 2 else f"rows {sequence + 1} to {row.sequence - 1}"
            )
            made.add(Problem(head.writer, sequence + 1, f"{missing} missing"))
        elif row.previous != previous:
            made.add(Problem(head.writer, row.sequence, "it does not follow the row before it"))
        if hash_of(row) != row.hash:
            made.add(Problem(head.writer, row.sequence, "it was changed: its hash is another"))
        if known.pop(row.sequence, row.hash) != row.hash:
            made.add(Problem(head.writer, row.sequence, "its hash was another when it was noted elsewhere"))
        made.set_back += row.time < time
        sequence, previous, time = row.sequence, row.hash, row.time
        yield row
    if sequence < head.sequence:
        missing = f"row {head.sequence}" if sequence + 1 == head.sequence else f"rows {sequence + 1} to {head.sequence}"
        made.add(Problem(head.writer, sequence + 1, f"{missing} missing at the end"))
    elif (sequence, previous) != (head.sequence, head.hash):
        made.add(Problem(head.writer, sequence, "the last row is not the one that aigc_writers names"))
    else:
        for number in known:
            made.add(Problem(head.writer, number, "the row is known from elsewhere, and is missing"))
