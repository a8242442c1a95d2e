"""Work on all cores: every item has its answer, also that of a process that died."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aigc_hooks.folders.pool import _NEEDED, WORTH_A_PROCESS, Crash, cores, spread


def double(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


@pytest.mark.parametrize("items", [[1], list(range(40))])
def test_work_is_spread(items: list[int]) -> None:
    for jobs in (1, 2):
        assert dict(spread(double, items, jobs)) == {number: 2 * item for number, item in enumerate(items)}


def test_an_item_that_kills_its_process_is_told_and_the_others_go_on() -> None:
    items = [1, 2, -1, 3, 4, -2, *range(5, 16)]
    found = dict(spread(double, items, 2))
    assert len(found) == len(items)
    assert {number for number, answer in found.items() if isinstance(answer, Crash)} == {2, 5}
    assert [found[number] for number in range(6, len(items))] == [2 * item for item in items[6:]]


def dwell(number: int) -> int:
    os.write(1, f"{os.getpid()}\n".encode())  # at once: print may write the end of the line by itself
    time.sleep(0.5)
    return number


def test_a_killed_run_takes_its_processes_along() -> None:
    script = "from tests.folders.test_pool import dwell, spread\nfor _ in spread(dwell, range(200), 2): pass"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert {int(run.stdout.readline()) for _ in range(6)}
        run.kill()
        rest, _ = run.communicate(timeout=60)  # ends when the last process that could write to it has ended
    assert len(rest.split()) < 100


def test_what_they_need_is_loaded_for_large_folders_only(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for number in range(WORTH_A_PROCESS - 1):
        (tmp_path / "below" / f"{number}.txt").touch()
    assert not _is_running(tmp_path, 2)
    (tmp_path / "one more.txt").touch()
    assert _is_running(tmp_path, 2)
    assert not _is_running(tmp_path, 1)
    assert not _is_running(tmp_path / "one more.txt", 2)


def _is_running(place: Path, jobs: int) -> bool:
    """Whether a fresh process has the other one beside it, that loads."""
    script = (
        "import sys; from multiprocessing import forkserver; from aigc_hooks.folders.pool import prepare\n"
        "prepare([sys.argv[1]], int(sys.argv[2])); print(forkserver._forkserver._forkserver_pid is not None)"
    )
    command = [sys.executable, "-c", script, str(place), str(jobs)]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout == "True\n"


def test_what_they_need_can_be_loaded() -> None:
    for name in _NEEDED:  # what cannot be is passed over in silence
        assert importlib.import_module(name)


def test_cores_are_those_that_this_process_may_use() -> None:
    assert cores() == len(os.sched_getaffinity(0))
