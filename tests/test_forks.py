"""Locks that a forked child finds open, whoever held them when it was forked."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from typing import Any

import pytest

from aigc_hooks import films, meshes, own_voice, plugins, sounds, wrapping
from aigc_hooks.duties.log import database
from aigc_hooks.explicit import outlines
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.saving import video
from aigc_hooks.security import keys

LOCKS = {
    "films": films._lock,
    "meshes": meshes._lock,
    "sounds": sounds._lock,
    "video": video._lock,
    "keys": keys._lock,
    "outlines": outlines._lock,
    "own_voice": own_voice._lock,
    "plugins": plugins._lock,
    "wrapping": wrapping._lock,
    "database": database._upgrading,
    "any": ForkSafeLock(),
}


def _taken_twice(lock: ForkSafeLock) -> None:
    for _ in range(2):
        with lock:
            pass


# Python warns of what a fork may meet: a lock that a thread of the parent holds, which is what is tested.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning", "ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("name", LOCKS)
def test_a_child_takes_a_lock_that_a_thread_of_its_parent_held(name: str) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with LOCKS[name]:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(60)
        child = multiprocessing.get_context("fork").Process(target=_taken_twice, args=(LOCKS[name],))
        child.start()
        child.join(30)
        assert child.exitcode == 0
        child.close()
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock])
def test_it_keeps_others_out_and_lets_go_when_its_holder_fails(make: Callable[[], Any]) -> None:
    lock, seen = ForkSafeLock(make), []

    def work() -> None:
        for _ in range(200):
            with lock:
                seen.append(None)
                assert len(seen) == 1
                seen.pop()

    with pytest.raises(KeyError), lock:
        raise KeyError
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not seen
