"""The record in SQLite: rows a second, the verification of a million rows, and what it costs a labelled save."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from measuring import Rows

from aigc_hooks.artifact import AuditRecord
from aigc_hooks.duties.log import writer
from aigc_hooks.duties.log.row import Entry, entry_of
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider

WRITTEN = 50_000
VERIFIED = (125_000, 1_000_000)
ABREAST = 2000  # callers that wait at a time, as the tasks of a server do

_VERIFY = """
import json, sys, time
from aigc_hooks.duties.log import chain
from aigc_hooks.duties.log.database import Database
begin = time.perf_counter()
found = chain.verify(Database(sys.argv[1]))
assert found.intact
spent = time.perf_counter() - begin
lines = open("/proc/self/status").read().splitlines()
peak = int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
print(json.dumps([found.rows, spent, peak / 1024]))
"""


def record(rows: Rows) -> None:
    """A database is filled, and verified by a process of its own at two sizes."""
    with tempfile.TemporaryDirectory() as folder:
        url = str(Path(folder, "record.db"))
        provider = Provider(producer="benchmark", audit_url=url)

        def entry(number: int) -> Entry:
            label = Label(content_producer="benchmark", produce_id=f"{number:032d}")
            return entry_of(AuditRecord.now("labelled", "image", source="Pipeline", label=label), provider)

        _fill(url, entry, 1)
        rate = WRITTEN / _fill(url, entry, WRITTEN)
        rows.append(("rows of the record, SQLite, one process", "–", "≥ 5,000 a second", f"{rate:,.0f} a second"))
        told = []
        count = WRITTEN + 1
        for size in VERIFIED:
            _fill(url, entry, size - count)
            count = size
            told.append(_verified(url))
        writer.close()
    (few, short, _), (many, long, peak) = told
    linear = (long / many) / (short / few)
    rows.append((f"`log verify` of {many:,} rows, a row", f"a row of {few:,}", 1.2, linear))
    rows.append((f"peak memory of `log verify`, {many:,} rows", "–", "100 MB", f"{peak:.0f} MB in {long:.0f} s"))


def _fill(url: str, entry: Callable[[int], Entry], count: int) -> float:
    """Writes rows, each waited for; returns the seconds that took."""
    begin = time.perf_counter()
    waiting = deque(writer.submit(entry(number), url) for number in range(min(ABREAST, count)))
    for number in range(len(waiting), count):
        waiting.popleft().result()
        waiting.append(writer.submit(entry(number), url))
    for future in waiting:
        future.result()
    return time.perf_counter() - begin


def _verified(url: str) -> tuple[int, float, float]:
    done = subprocess.run([sys.executable, "-c", _VERIFY, url], check=True, capture_output=True)
    count, spent, peak = json.loads(done.stdout)
    return count, spent, peak
