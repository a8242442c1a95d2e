"""What the record holds: its last rows, those of one number, and all of them as JSON Lines or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TextIO

from sqlalchemy import Select, select

from aigc_hooks.duties.log.chain import STEP, heads, rows_of
from aigc_hooks.duties.log.database import ROWS, Database
from aigc_hooks.duties.log.row import Row, in_utc

# What spreadsheets begin a formula with, in wide characters too; and the sign that keeps them from it.
_FORMULAS = tuple("=+-@\t\r\n＝＋－＠'")

# Characters that JSON leaves as they are, and at which some readers end a line.
_LINE_ENDS = {ord(each): json.dumps(each)[1:-1] for each in "\x85\u2028\u2029"}


def last(database: Database, count: int) -> list[Row]:
    """The last rows of all chains by their time, oldest first."""
    query = select(ROWS).order_by(ROWS.c.time.desc(), ROWS.c.writer, ROWS.c.sequence.desc()).limit(count)
    return list(_rows(database, query))[::-1]


def after(database: Database, seen: dict[str, int]) -> list[Row]:
    """The rows that came after those whose numbers were seen last, by the names of their chains; notes them there."""
    with database.reading() as connection:
        rows = [row for head in heads(connection) for row in rows_of(connection, head.writer, seen.get(head.writer, 0))]
    seen.update((row.writer, row.sequence) for row in rows)
    return sorted(rows, key=lambda row: row.time)


def ends(database: Database) -> dict[str, int]:
    """The number of the last row of each chain, for ``after``."""
    with database.reading() as connection:
        return {head.writer: head.sequence for head in heads(connection)}


def by_number(database: Database, produce_id: str) -> list[Row]:
    """Every row about the content that has a ``ProduceID``, in order of time."""
    query = select(ROWS).where(ROWS.c.produce_id == produce_id).order_by(ROWS.c.time, ROWS.c.writer, ROWS.c.sequence)
    return list(_rows(database, query))


def export(
    database: Database, target: TextIO, form: str, since: datetime | None = None, until: datetime | None = None
) -> int:
    """Writes rows chain by chain, each in its order; memory does not grow with them.

    In CSV a value that spreadsheets would take for a formula, and one that begins with an apostrophe, gets an
    apostrophe before it. What is hashed is the value without that.

    Args:
        database: The record.
        target: Where to; for CSV opened with ``newline=""``.
        form: ``"jsonl"`` or ``"csv"``.
        since: The first moment.
        until: The moment before which it ends.

    Returns:
        How many rows were written.
    """
    query = select(ROWS).order_by(ROWS.c.writer, ROWS.c.sequence)
    if since is not None:
        query = query.where(ROWS.c.time >= _text(since))
    if until is not None:
        query = query.where(ROWS.c.time < _text(until))
    count = 0
    table = csv.writer(target)
    if form == "csv":
        table.writerow(Row._fields)
    for row in _rows(database, query):
        if form == "csv":
            table.writerow([_as_text(value) for value in row])
        else:
            target.write(json.dumps(row.to_dict(), ensure_ascii=False).translate(_LINE_ENDS) + "\n")
        count += 1
    return count


def _as_text(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def _rows(database: Database, query: Select[Any]) -> Iterator[Row]:
    with database.reading() as connection:
        for row in connection.execute(query.execution_options(yield_per=STEP)):
            yield Row(*row)


def _text(time: datetime) -> str:
    """A moment as the rows spell it, so that texts compare as times do."""
    return in_utc(time).isoformat(timespec="milliseconds")
