"""Which models run: they call their own methods, and only the outermost call of an object labels.

``_stream`` calls ``_generate`` in some, and the default ``_agenerate`` runs ``_generate`` in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_running: ContextVar[frozenset[int]] = ContextVar("aigc_hooks_langchain_running", default=frozenset())


def is_running(model: object) -> bool:
    """Whether a labelled method of this object is below us on the stack, also across the threads that it starts."""
    return id(model) in _running.get()


@contextmanager
def running(model: object) -> Iterator[None]:
    """Marks an object as running while the context lasts."""
    token = _running.set(_running.get() | {id(model)})
    try:
        yield
    finally:
        _running.reset(token)


def step(model: object, items: Iterator[Any]) -> Callable[[], Any]:
    """What makes the next item while the object is marked: who takes the items does not see the mark."""
    mark = _running.get() | {id(model)}
    enter, leave, advance = _running.set, _running.reset, items.__next__  # thousands of times

    def marked() -> Any:
        token = enter(mark)
        try:
            return advance()
        finally:
            leave(token)

    return marked


def astep(model: object, items: AsyncIterator[Any]) -> Callable[[], Awaitable[Any]]:
    """``step`` for asynchronous streams."""
    mark = _running.get() | {id(model)}

    async def marked() -> Any:
        token = _running.set(mark)
        try:
            return await anext(items)
        finally:
            _running.reset(token)

    return marked
