"""Asynchronous callers wait for the record without holding up their event loop.

The hook ``aigc_audit`` is synchronous, and under ``audit="required"`` it returns when its row is committed. A seam that
can wait in another way says so:

    with deferred() as rows:
        made = …  # stages run, and rows go to the writer
    await rows.committed()  # nothing is released before

So do asynchronous functions and text streams, LangChain's ``ainvoke`` and ``astream``, and asynchronous speech. Where a
coroutine calls a synchronous function of ours, such as ``label``, the loop waits for one commit: call it in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from aigc_hooks.errors import ConfigError, LabelError

T = TypeVar("T")
R = TypeVar("R")


class Rows:
    """Rows that are on their way to the database."""

    def __init__(self) -> None:
        self._futures: list[Future[None]] = []

    def add(self, future: Future[None]) -> None:
        """Takes a row."""
        self._futures.append(future)

    async def committed(self) -> None:
        """Returns when all rows are committed.

        Raises:
            LabelError: One could not be written; what it tells of must not be released.
        """
        waiting, self._futures = self._futures, []
        for future in waiting:
            try:
                # Whoever is cancelled here leaves the row to be written all the same.
                await asyncio.shield(asyncio.wrap_future(future))
            except (LabelError, ConfigError):
                raise
            except Exception as error:
                raise failed(error) from error


def failed(error: BaseException) -> LabelError:
    """What a caller gets whose row could not be written."""
    return LabelError(
        f"stage audit failed, and nothing was released: {error}", stage="audit", plugin="aigc_hooks.duties.audit"
    )


_deferred: ContextVar[Rows | None] = ContextVar("aigc_hooks_deferred_rows", default=None)


@contextmanager
def deferred() -> Iterator[Rows]:
    """Rows of required records are collected while the context lasts, and not waited for. Do not ``await`` within."""
    rows = Rows()
    token = _deferred.set(rows)
    try:
        yield rows
    finally:
        _deferred.reset(token)


async def recorded(function: Callable[[T], R], argument: T) -> R:
    """What a synchronous function makes of its argument, once all rows about it are committed.

    Raises:
        LabelError: A row could not be written.
    """
    with deferred() as rows:
        made = function(argument)
    await rows.committed()
    return made


def wait(future: Future[None]) -> None:
    """Waits for a row, or leaves that to the ``deferred`` context that is open.

    Raises:
        Exception: It could not be written.
    """
    if (rows := _deferred.get()) is not None:
        rows.add(future)
    else:
        future.result()
