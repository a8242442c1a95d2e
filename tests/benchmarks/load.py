"""Many threads of several processes label at once: every output has its row, numbers are unique, memory stays flat.

    python tests/benchmarks/load.py --processes 4 --threads 64 --seconds 60

Prints what was found, as JSON. The tests run it too, for a shorter time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from measuring import Rows
from PIL import Image

import aigc_hooks
from aigc_hooks.duties.digest import digest
from aigc_hooks.duties.log import chain
from aigc_hooks.duties.log.database import Database

PROCESSES, THREADS, SECONDS = 4, 64, 60.0
_SAMPLED = 0.25
"""Seconds between two looks at the memory in use."""


def load(rows: Rows) -> None:
    """The row of the table."""
    found = run(PROCESSES, THREADS, SECONDS)
    clean = found["intact"] and not found["without_row"] and found["numbers"] == found["rows"] == found["outputs"]
    told = f"{found['outputs']:,} outputs, {'all recorded once, intact' if clean else 'NOT all recorded'}"
    what = f"{THREADS} threads in each of {PROCESSES} processes label for {SECONDS:.0f} s"
    rows.append((what, "–", "each has its row", told))
    rows.append(("memory of such a process, last tenth of the time", "its first half", 1.05, found["memory"]))


def run(processes: int, threads: int, seconds: float) -> dict[str, Any]:
    """Lets processes label into one record, and compares what left them with what stands there."""
    with tempfile.TemporaryDirectory() as folder:
        url = str(Path(folder, "record.db"))
        command = [sys.executable, __file__, "--threads", str(threads), "--seconds", str(seconds), "--into", url]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
        memory = [json.loads(process.communicate()[0]) for process in running]
        lines = [line for path in Path(folder).glob("*.outputs") for line in path.read_text().splitlines()]
        return _compared(url, [tuple(json.loads(line)) for line in lines]) | {"memory": max(map(_growth, memory))}


def _compared(url: str, outputs: list[tuple[str, ...]]) -> dict[str, Any]:
    """What left, as pairs of digest and number (of a text, which does not hold it, empty), beside the rows."""
    database = Database(url)
    found = chain.verify(database)
    with database.reading() as connection:
        rows = [row for head in found.heads for row in chain.rows_of(connection, head.writer)]
    pictures = {(row.digest, row.produce_id) for row in rows if row.modality == "image"}
    texts = {(row.digest, "") for row in rows if row.modality == "text"}
    return {
        "outputs": len(outputs),
        "rows": len(rows),
        "numbers": len({row.produce_id for row in rows}),
        "without_row": len(set(outputs) - pictures - texts),
        "intact": found.intact,
        "chains": len(found.heads),
    }


def _growth(memory: list[int]) -> float:
    """The most memory of the last tenth over the most of the first half, in which everything is made once."""
    half, tenth = len(memory) // 2, max(len(memory) // 10, 1)
    return max(memory[-tenth:]) / max(memory[: half or 1])


def work(url: str, threads: int, seconds: float) -> None:
    """One of the processes; notes in a file what leaves it, and prints how much memory was in use."""
    provider = aigc_hooks.Provider(producer="benchmark", audit_url=url)
    ends = time.monotonic() + seconds
    file = os.open(f"{url}.{os.getpid()}.outputs", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(content: Any, number: str) -> None:
        os.write(file, f"{json.dumps([digest(content), number])}\n".encode())

    def go(thread: int) -> None:
        for count in itertools.count():
            note(aigc_hooks.label(f"text {os.getpid()} {thread} {count}", provider=provider), "")
            picture = aigc_hooks.label(Image.new("RGB", (64, 64), (thread, count % 256, 0)), provider=provider)
            label = aigc_hooks.read_label(picture).label
            assert label is not None
            note(picture, label.produce_id)
            if time.monotonic() > ends:
                return

    memory = []
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(go, thread) for thread in range(threads)]
        while not all(each.done() for each in running):
            memory.append(_resident())
            time.sleep(_SAMPLED)
    for each in running:
        each.result()
    print(json.dumps(memory))


def _resident() -> int:
    """Bytes of memory in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Runs one process where ``--into`` names its record, or all of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--into")
    options = parser.parse_args()
    if options.into:
        work(options.into, options.threads, options.seconds)
    else:
        print(json.dumps(run(options.processes, options.threads, options.seconds)))


if __name__ == "__main__":
    main()
