"""A third party's adapter for tiny_framework: every seam puts the producer's name behind what the original gives."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from aigc_hooks import Adapter, Provider, hookimpl

wrapped: list[Any] = []
unwrapped: list[Any] = []


def plain(original: Callable[..., str], provider: Provider) -> Callable[..., str]:
    @functools.wraps(original)
    def seam(*args: Any, **kwargs: Any) -> str:
        return f"{original(*args, **kwargs)} [{provider.producer}]"

    return seam


def coroutine(original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    @functools.wraps(original)
    async def seam(*args: Any, **kwargs: Any) -> str:
        return f"{await original(*args, **kwargs)} [{provider.producer}]"

    return seam


def generator(original: Callable[..., Iterator[str]], provider: Provider) -> Callable[..., Iterator[str]]:
    @functools.wraps(original)
    def seam(*args: Any, **kwargs: Any) -> Iterator[str]:
        yield from original(*args, **kwargs)
        yield f"[{provider.producer}]"

    return seam


def async_generator(original: Callable[..., AsyncIterator[str]], provider: Provider) -> Callable[..., Any]:
    @functools.wraps(original)
    async def seam(*args: Any, **kwargs: Any) -> AsyncIterator[str]:
        async for part in original(*args, **kwargs):
            yield part
        yield f"[{provider.producer}]"

    return seam


DRAWS = Adapter("tiny", {"draw": plain}, wrapped=wrapped.append, unwrapped=unwrapped.append)
CALLS = Adapter("tiny", {"__call__": plain})
TALKS = Adapter("tiny", {"draw": plain, "adraw": coroutine, "stream": generator, "astream": async_generator})
MAKES = Adapter("tiny", {"made": plain, "drawn": plain})
BY_ROOT = {
    "Drawer": DRAWS,
    "ModelDrawer": DRAWS,
    "CompactDrawer": DRAWS,
    "Caller": CALLS,
    "CallerWithoutCall": CALLS,
    "Talker": TALKS,
    "Maker": MAKES,
}


@hookimpl
def aigc_adapter(cls: type) -> Adapter | None:
    names = [parent.__name__ for parent in cls.__mro__ if parent.__module__ == "tiny_framework"]
    return next((BY_ROOT[name] for name in names if name in BY_ROOT), None)
