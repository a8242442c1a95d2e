"""How long rows are kept, and how the logs of two machines become one.

Rows are kept for at least six months (Measures, article 9; Cybersecurity Law, article 21). A purge takes rows from the
beginning of a chain only, and only where they verify; it leaves a row that says who purged what, and from which hash
the chain goes on.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from aigc_hooks.duties.log import chain
from aigc_hooks.duties.log.chain import STEP, Head, heads, rows_of
from aigc_hooks.duties.log.database import ROWS, WRITERS, Database
from aigc_hooks.duties.log.row import FIRST, Entry, Row, checkpoint, hash_of, in_utc
from aigc_hooks.errors import RecordError

MONTHS = 6
"""For how long rows are kept at least, in months of the calendar."""


class _Cut(NamedTuple):
    """What of a chain is old enough: all rows up to one."""

    head: Head
    through: int
    hash: str
    oldest: str
    newest: str


def youngest_purgeable(now: datetime) -> datetime:
    """The moment before which rows may be purged."""
    month = now.month - MONTHS
    year, month = (now.year - 1, month + 12) if month < 1 else (now.year, month)
    return now.replace(year=year, month=month, day=min(now.day, calendar.monthrange(year, month)[1]))


def purge(database: Database, before: datetime, by: str, reason: str = "") -> int:
    """Removes rows that are older than a moment; their chains go on, and verify.

    A row counts as no older than any row before it: where a clock was set back, that makes nothing old.

    Args:
        database: The record.
        before: Rows of this moment and later stay. At least six months ago.
        by: Who signs it off.
        reason: Why, for the row that is left.

    Returns:
        How many rows were removed.

    Raises:
        RecordError: Rows would be too young, a chain does not verify, or the database cannot be written.
    """
    now = datetime.now(timezone.utc)
    before = in_utc(before)
    if before > (limit := youngest_purgeable(now)):
        raise RecordError(
            f"rows are kept for at least {MONTHS} months (Measures, article 9): nothing from {limit:%Y-%m-%d %H:%M} "
            f"UTC or later is purged, and --before is {before:%Y-%m-%d %H:%M}"
        )
    if not by.strip():
        raise RecordError("a purge is signed off: say by whom")
    with database.reading() as connection:
        cuts = [_cut(connection, head, before) for head in heads(connection)]
    count = sum(cut.through - cut.head.purged for cut in cuts)
    if not count:
        return 0
    with database.writing() as connection:
        if {head.writer: head.purged for head in heads(connection)} != {
            cut.head.writer: cut.head.purged for cut in cuts
        }:
            raise RecordError("another purge or a merge has run at the same time; nothing was purged: run it again")
        for cut in cuts:
            writer = cut.head.writer
            connection.execute(
                update(WRITERS).where(WRITERS.c.writer == writer).values(purged=cut.through, purged_hash=cut.hash)
            )
            connection.execute(delete(ROWS).where(ROWS.c.writer == writer, ROWS.c.sequence <= cut.through))
        # Of earlier purges too: their own checkpoints may be among what goes now.
        chain.append(connection, [_left(cut, by, reason, now) for cut in cuts if cut.through])
    return count


def _cut(connection: Connection, head: Head, before: datetime) -> _Cut:
    cut = _Cut(head, head.purged, head.purged_hash, "", "")
    latest = datetime.min.replace(tzinfo=timezone.utc)
    for row in rows_of(connection, head.writer, head.purged):
        try:
            latest = max(latest, in_utc(datetime.fromisoformat(row.time.replace("Z", "+00:00"))))
        except ValueError:  # a plugin's own notion of time: how old it is nobody knows
            break
        if latest >= before:
            break
        if row.sequence != cut.through + 1 or row.previous != cut.hash or hash_of(row) != row.hash:
            raise RecordError(
                f"row {row.sequence} of chain {head.writer} does not verify, and a purge would hide that; nothing was "
                "purged: see aigc-hooks log verify, keep a copy of the database, and find out why"
            )
        cut = _Cut(head, row.sequence, row.hash, cut.oldest or row.time, row.time)
    return cut


def _left(cut: _Cut, by: str, reason: str, now: datetime) -> Entry:
    details = {
        "writer": cut.head.writer,
        "through": cut.through,
        "hash": cut.hash,
        "removed": cut.through - cut.head.purged,
        "oldest": cut.oldest,
        "newest": cut.newest,
        "by": by,
    }
    return checkpoint(now.isoformat(timespec="milliseconds"), details, reason)


def merge(source: Database, target: Database) -> int:
    """Copies the rows of another machine's log that are not there yet; both chains go on.

    Returns:
        How many rows were copied.

    Raises:
        RecordError: A row does not verify, or the two hold different rows under one number; nothing was copied.
    """
    count = 0
    with source.reading() as reader, target.writing() as writer:
        there = {head.writer: head for head in heads(writer)}
        for head in heads(reader):
            known = there.get(head.writer)
            if known is None:
                known = Head(head.writer, head.host, head.purged, head.purged_hash, head.purged, head.purged_hash)
                # Of another machine: no process here continues it.
                writer.execute(insert(WRITERS), [{**known._asdict(), "active": False}])
            count += _continue(reader, writer, head, known)
    return count


def _continue(reader: Connection, writer: Connection, head: Head, known: Head) -> int:
    """Copies what a chain has beyond what is known of it."""
    if known.sequence > head.sequence:
        return 0  # the copy is the newer one
    if known.sequence < head.purged:
        raise RecordError(
            f"chain {head.writer}: rows {known.sequence + 1} to {head.purged} were purged before they were merged; "
            "merge into a new database"
        )
    if known.sequence and _hash_at(reader, head, known.sequence) != known.hash:
        raise RecordError(
            f"chain {head.writer} has two different rows {known.sequence}: two machines continue copies of one "
            "database under one name. Merge the other into a new database, and give the machines names of their own"
        )
    sequence, previous = known.sequence, known.hash
    rows = rows_of(reader, head.writer, sequence)
    while batch := list(islice(_verified(rows, head.writer, sequence, previous), STEP)):
        writer.execute(insert(ROWS), [row._asdict() for row in batch])
        sequence, previous = batch[-1].sequence, batch[-1].hash
    if (sequence, previous) != (head.sequence, head.hash):
        raise RecordError(f"chain {head.writer} lacks rows at its end: see aigc-hooks log verify")
    writer.execute(update(WRITERS).where(WRITERS.c.writer == head.writer).values(sequence=sequence, hash=previous))
    return sequence - known.sequence


def _verified(rows: Iterator[Row], name: str, sequence: int, previous: str) -> Iterator[Row]:
    for row in rows:
        sequence += 1
        if row.sequence != sequence or row.previous != previous or hash_of(row) != row.hash:
            raise RecordError(f"row {sequence} of chain {name} does not verify: see aigc-hooks log verify")
        previous = row.hash
        yield row


def _hash_at(connection: Connection, head: Head, sequence: int) -> str:
    if sequence == head.purged:
        return head.purged_hash
    where = (ROWS.c.writer == head.writer) & (ROWS.c.sequence == sequence)
    return str(connection.execute(select(ROWS.c.hash).where(where)).scalar() or FIRST)
