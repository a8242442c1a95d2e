"""Work on many files on all cores. A file that kills its process is told; the others go on.

Where the system can, the processes are forked from one that has loaded what they need and does nothing else, and which
loads it while this one still looks for the files. Each would need half a second for that otherwise: as long as for a
hundred pictures.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple, TypeVar

if sys.platform != "win32":
    from multiprocessing import forkserver

T = TypeVar("T")
R = TypeVar("R")

WORTH_A_PROCESS = 64
"""How many more files make another process worth its start."""

_NEEDED = [
    f"aigc_hooks.{name}"
    for name in (
        "folders.work",
        "duties.audit",
        "explicit.picture",
        "explicit.plugin",
        "implicit.plugin",
        "saving.files",
        "saving.plugin",
        "security.plugin",
    )
]
_WAITING = 4
"""How many items a process has waiting for it, so that it never is."""


class Crash(NamedTuple):
    """Instead of a result: the process that worked on the item ended, such as for want of memory."""

    reason: str = "the process that worked on it was killed, or crashed in a decoder"


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prepare(places: Iterable[str], jobs: int | None) -> None:
    """Begins to load what several processes will need, if these places are folders with work for them.

    Args:
        places: Files and folders.
        jobs: How many processes were asked for; None: as many as there are cores.
    """
    if sys.platform != "win32" and (jobs or cores()) > 1:
        found = itertools.chain.from_iterable(names for place in places for _, _, names in os.walk(place))
        if next(itertools.islice(found, WORTH_A_PROCESS - 1, None), None) is not None:
            _context()
            forkserver.ensure_running()


def _context() -> BaseContext:
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_NEEDED)
    return context


def spread(function: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[tuple[int, R | Crash]]:
    """Applies a function to every item, in several processes, and yields each result with the item's number.

    Args:
        function: Can be pickled, as its items and results, and raises nothing.
        items: What it is applied to.
        jobs: How many processes; with one, all is done in this one, in order.
    """
    if jobs <= 1 or len(items) <= 1:
        for number, item in enumerate(items):
            yield number, function(item)
        return
    numbers = iter(range(len(items)))
    while lost := (yield from _pooled(function, items, numbers, min(jobs, len(items)), _WAITING)):
        # One of those that were out has killed its process, and the pool with it: one after the other tells which.
        suspects = iter(sorted(lost))
        while alone := (yield from _pooled(function, items, suspects, 1, 1)):
            yield alone[0], Crash()


def _pooled(
    function: Callable[[T], R], items: Sequence[T], numbers: Iterator[int], jobs: int, waiting: int
) -> Generator[tuple[int, R], None, list[int]]:
    """Works through numbers of items until a process dies; returns the numbers whose results are lost."""
    out: dict[Future[R], int] = {}
    pool = ProcessPoolExecutor(jobs, _context(), _start, (function,))
    try:
        while True:
            for number in itertools.islice(numbers, waiting * jobs - len(out)):
                try:
                    out[pool.submit(_work, items[number])] = number
                except BrokenProcessPool:
                    return [*out.values(), number]
            if not out:
                return []
            done, _ = wait(out, return_when=FIRST_COMPLETED)
            for future in done:
                if not isinstance(future.exception(), BrokenProcessPool):
                    yield out.pop(future), future.result()
            if not done.isdisjoint(out):
                return list(out.values())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_function: Callable[[Any], Any]


def _start(function: Callable[[Any], Any]) -> None:
    """In each process: an interrupt is for the one that began, which it does not outlive, and warnings are for users.

    The function comes once, and not with each item: it holds all settings.
    """
    global _function
    _function = function
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.formatwarning = lambda message, *_, **__: f"aigc-hooks: warning: {message}\n"


def _end_with_the_first() -> None:
    """A process that is killed says nothing to those that work for it, and they would wait for ever."""
    first = multiprocessing.parent_process()
    assert first is not None
    first.join()
    os._exit(1)


def _work(item: Any) -> Any:
    return _function(item)
