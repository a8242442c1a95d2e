"""Which models run: they call their own methods, and only the outermost call of an object labels.

``_stream`` calls ``_generate`` in some, and the default ``_agenerate`` runs ``_generate`` in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
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


def steps(model: object, items: Iterator[Any]) -> Iterator[Any]:
    """The items of an iterator, each made while the object is marked: who takes them does not see the mark."""
    mark = _running.get() | {id(model)}
    try:
        while True:
            token = _running.set(mark)
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                _running.reset(token)
            yield item
    finally:
        if (close := getattr(items, "close", None)) is not None:
            close()


async def asteps(model: object, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """``steps`` for asynchronous iterators."""
    mark = _running.get() | {id(model)}
    try:
        while True:
            token = _running.set(mark)
            try:
                item = await anext(items)
            except StopAsyncIteration:
                return
            finally:
                _running.reset(token)
            yield item
    finally:
        if (close := getattr(items, "aclose", None)) is not None:
            await close()
