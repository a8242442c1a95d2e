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


def step(model: object) -> Callable[[Iterator[Any]], Any]:
    """``next`` while the object is marked: who takes the items of its stream does not see the mark."""
    mark = _running.get() | {id(model)}
    enter, leave = _running.set, _running.reset  # thousands of times

    def marked(items: Iterator[Any]) -> Any:
        token = enter(mark)
        try:
            return next(items)
        finally:
            leave(token)

    return marked


def astep(model: object) -> Callable[[AsyncIterator[Any]], Awaitable[Any]]:
    """``anext`` while the object is marked."""
    mark = _running.get() | {id(model)}

    async def marked(items: AsyncIterator[Any]) -> Any:
        token = _running.set(mark)
        try:
            return await anext(items)
        finally:
            _running.reset(token)

    return marked
