"""The record when processes are killed, fork, run beside each other, or find the disk full."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import AuditRecord, Provider
from aigc_hooks.duties.log import chain, finding
from aigc_hooks.duties.log.database import Database
from aigc_hooks.duties.log.writer import write

ROOT = Path(__file__).parent.parent.parent

PROLOGUE = """
import os, sys, threading
from aigc_hooks import AuditRecord, Label, Provider
from aigc_hooks.duties.log.writer import write
def record(number):
    label = Label(content_producer="acme", produce_id=str(number))
    return AuditRecord.now("labelled", "image", label=label)
"""

Start = Callable[..., Any]


def numbers(url: str) -> list[str]:
    return [row.produce_id for row in finding.last(Database(url), 1_000_000)]


@pytest.mark.parametrize("after", [1, 37, 300])
def test_no_row_is_lost_whose_call_returned_when_a_process_is_killed(url: str, start: Start, after: int) -> None:
    script = PROLOGUE + (
        "provider = Provider(producer='acme', audit_url=sys.argv[1])\n"
        "def go(thread):\n"
        "    for number in range(100_000):\n"
        "        write(record(f'{thread}-{number}'), provider)\n"
        "        os.write(1, f'{thread}-{number}\\n'.encode())\n"
        "for thread in range(4): threading.Thread(target=go, args=(thread,)).start()\n"
    )
    process = start(script, url)
    returned = [process.stdout.readline().strip() for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    returned += process.stdout.read().split()
    process.wait()
    found = chain.verify(Database(url))
    assert found.intact, found.problems
    assert set(returned) <= set(numbers(url))
    write(AuditRecord.now("labelled", "image"), Provider(producer="acme", audit_url=url))
    assert chain.verify(Database(url)).intact


def test_processes_and_threads_continue_one_chain(url: str, start: Start) -> None:
    script = PROLOGUE + (
        "provider = Provider(producer='acme', audit_url=sys.argv[1])\n"
        "def go(thread):\n"
        "    for number in range(30): write(record(f'{sys.argv[2]}-{thread}-{number}'), provider)\n"
        "threads = [threading.Thread(target=go, args=(thread,)) for thread in range(4)]\n"
        "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
    )
    for process in [start(script, url, name) for name in ("a", "b")]:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    found = chain.verify(Database(url))
    assert (found.intact, found.rows, len(found.heads)) == (True, 2 * 4 * 30, 1)
    assert len(set(numbers(url))) == found.rows


def test_threads_of_several_processes_label_at_once_and_every_output_has_its_row() -> None:
    script = ROOT / "tests" / "benchmarks" / "load.py"
    command = [sys.executable, script, "--processes", "4", "--threads", "64", "--seconds", "1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(done.stdout)
    assert found["outputs"] >= 4 * 64 * 2
    assert found["outputs"] == found["rows"] == found["numbers"]
    assert (found["without_row"], found["intact"], found["chains"]) == (0, True, 1)


def test_processes_that_are_killed_do_not_disturb_the_others(url: str, start: Start) -> None:
    script = PROLOGUE + (
        "provider = Provider(producer='acme', audit_url=sys.argv[1])\n"
        "def go(thread):\n"
        "    for number in range(60):\n"
        "        write(record(f'{sys.argv[2]}-{thread}-{number}'), provider)\n"
        "        os.write(1, f'{sys.argv[2]}-{thread}-{number}\\n'.encode())\n"
        "for thread in range(8): threading.Thread(target=go, args=(thread,)).start()\n"
    )
    killed = [start(script, url, name) for name in ("a", "b")]
    others = [start(script, url, name) for name in ("c", "d")]
    returned = [process.stdout.readline().strip() for process in killed for _ in range(40)]
    for process in killed:
        process.send_signal(signal.SIGKILL)
        returned += process.stdout.read().split()
    for process in others:
        told, errors = process.communicate(timeout=120)
        assert (process.returncode, len(told.split())) == (0, 8 * 60), errors
        returned += told.split()
    found = chain.verify(Database(url))
    assert (found.intact, len(found.heads)) == (True, 1), found.problems
    there = numbers(url)
    assert set(returned) <= set(there)
    assert len(there) == len(set(there)) == found.rows


def test_a_forked_process_writes_on_while_threads_of_its_parent_write(url: str, start: Start) -> None:
    # Python warns of any fork beside threads: the process is one of its own, for warnings are errors here.
    script = PROLOGUE + (
        "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        "provider = Provider(producer='acme', audit_url=sys.argv[1])\n"
        "write(record('first'), provider)\n"
        "ends = threading.Event()\n"
        "count = [0] * 4\n"
        "def go(thread):\n"
        "    while not ends.is_set():\n"
        "        write(record(f'parent-{thread}-{count[thread]}'), provider); count[thread] += 1\n"
        "threads = [threading.Thread(target=go, args=(thread,)) for thread in range(4)]\n"
        "[thread.start() for thread in threads]\n"
        "for child in range(5):\n"
        "    if not (pid := os.fork()):\n"
        "        for number in range(10): write(record(f'child-{child}-{number}'), provider)\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "ends.set(); [thread.join() for thread in threads]\n"
        "print(sum(count))\n"
    )
    process = start(script, url)
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    found = chain.verify(Database(url))
    assert (found.intact, found.rows, len(found.heads)) == (True, 1 + int(told) + 50, 1)
    assert {f"child-{child}-{number}" for child in range(5) for number in range(10)} <= set(numbers(url))


def test_a_forked_process_of_a_pool_writes(url: str, start: Start) -> None:
    script = PROLOGUE + (
        "import multiprocessing\n"
        "provider = Provider(producer='acme', audit_url=sys.argv[1])\n"
        "def go(number): write(record(number), provider)\n"
        "write(record('first'), provider)\n"
        "from aigc_hooks.duties.log import writer; writer.close()\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: pool.map(go, range(20))\n"
        "write(record('last'), provider)\n"
    )
    process = start(script, url)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    found = chain.verify(Database(url))
    assert (found.intact, found.rows, len(found.heads)) == (True, 22, 1)


def test_a_full_disk_releases_nothing_loses_nothing_and_is_over_when_there_is_space(url: str, start: Start) -> None:
    script = PROLOGUE + (
        "import resource\n"
        "from aigc_hooks import LabelError, label\n"
        "def go(text): return label(text, producer='acme', audit_url=sys.argv[1])\n"
        "go('one'); go('two')\n"
        "full = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "size = max(os.path.getsize(sys.argv[1] + '-wal'), os.path.getsize(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, full[1]))\n"
        "released = 0\n"
        "try:\n"
        "    for number in range(100): go(str(number)); released += 1\n"
        "except LabelError as error: print(error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, full)\n"
        "go('there is space again')\n"
        "print(released)\n"
    )
    process = start(script, url)
    told, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    error, released = told.splitlines()
    assert "nothing was released: the record" in error
    assert error.endswith("; free space on the disk, and label again")
    found = chain.verify(Database(url))
    assert (found.intact, found.rows) == (True, 3 + int(released))
    assert 0 <= int(released) < 100


def test_threads_that_come_first_at_once_make_one_database(url: str) -> None:
    provider = Provider(producer="acme", audit_url=url)
    gate = threading.Barrier(16)

    def go() -> None:
        gate.wait()
        write(AuditRecord.now("labelled", "image"), provider)

    threads = [threading.Thread(target=go) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = chain.verify(Database(url))
    assert (found.intact, found.rows, len(found.heads)) == (True, 16, 1)


def test_a_process_that_ends_writes_the_rows_that_nobody_waited_for(url: str, start: Start) -> None:
    script = PROLOGUE + (
        "provider = Provider(producer='acme', audit_url=sys.argv[1], audit='best-effort')\n"
        "for number in range(200): write(record(number), provider)\n"
    )
    process = start(script, url)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert chain.verify(Database(url)).rows == 200
