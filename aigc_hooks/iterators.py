"""Streams of strings, as functions return them: labelled iterators in the place of the bare ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.provider import Provider
from aigc_hooks.splicing import Splicer, aspliced, spliced
from aigc_hooks.streams import TextStream


class LabelledStream:
    """A stream of strings with its label, in the place of the bare one: as iterator and as context manager."""

    def __init__(self, bare: Any, provider: Provider, source: str) -> None:
        self._bare = bare
        self._closed = False
        self._items = spliced(iter(bare), text_splicer(provider, source), close=self._close_bare)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return str(next(self._items))

    def close(self) -> None:
        """Ends the stream early, and the bare one with it."""
        self._items.close()
        self._close_bare()

    def _close_bare(self) -> None:
        # Once: whether the stream is broken off by an error, by its reader, or both.
        if not self._closed:
            self._closed = True
            if (close := getattr(self._bare, "close", None)) is not None:
                close()

    def __enter__(self) -> LabelledStream:
        if (enter := getattr(self._bare, "__enter__", None)) is not None:
            enter()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        if (leave := getattr(self._bare, "__exit__", None)) is None:
            self.close()
            return None
        self._closed = True  # by leaving it
        self._items.close()
        return bool(leave(*error))


class LabelledAsyncStream:
    """``LabelledStream`` for asynchronous streams."""

    def __init__(self, bare: Any, provider: Provider, source: str) -> None:
        self._bare = bare
        self._closed = False
        self._items = aspliced(aiter(bare), text_splicer(provider, source), close=self._close_bare)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        return str(await anext(self._items))

    async def aclose(self) -> None:
        """Ends the stream early, and the bare one with it."""
        await self._items.aclose()
        await self._close_bare()

    async def _close_bare(self) -> None:
        if not self._closed:
            self._closed = True
            if (close := getattr(self._bare, "aclose", None)) is not None:
                await close()

    async def __aenter__(self) -> LabelledAsyncStream:
        if (enter := getattr(self._bare, "__aenter__", None)) is not None:
            await enter()
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        if (leave := getattr(self._bare, "__aexit__", None)) is None:
            await self.aclose()
            return None
        self._closed = True  # by leaving it
        await self._items.aclose()
        return bool(await leave(*error))


def text_splicer(provider: Provider, source: str) -> Splicer[Any]:
    """The splicer of a stream of strings."""

    def text(item: Any) -> str:
        if isinstance(item, str):
            return item
        raise UnsupportedOutputError(
            f"{source} yielded {type(item).__module__}.{type(item).__qualname__}, and a stream of text yields strings: "
            "yield the text alone, or label() it",
            stage="detect",
        )

    return Splicer(
        TextStream(provider, source),
        text,
        lambda label, like: label,
        plain=lambda item: item if type(item) is str else "",
    )
