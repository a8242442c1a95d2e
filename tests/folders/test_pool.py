"""Work on all cores: every item has its answer, also that of a process that died."""

from __future__ import annotations

import os
import signal

import pytest

from aigc_hooks.folders.pool import Crash, cores, spread


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


def test_cores_are_those_that_this_process_may_use() -> None:
    assert cores() == len(os.sched_getaffinity(0))
