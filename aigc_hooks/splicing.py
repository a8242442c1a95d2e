"""The label among the items of a stream: a piece of its own, and no piece waits for it.

``Splicer`` says in which order items leave; the iterators around it, one sync and one async, only call.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from typing import Any, Generic, TypeVar, cast

from aigc_hooks.duties.waiting import recorded
from aigc_hooks.streams import TextStream

T = TypeVar("T")


class Splicer(Generic[T]):
    """Puts the label among the items of a stream, in the order in which they leave.

    Items with text leave at once. Those without any content are held back once there was text, for the label must come
    after the last text and before what only ends the stream.

    Args:
        stream: The text.
        text: The text of an item: empty for one without any content, None for one with content of another kind.
        item: Makes an item that holds a text, like another one.
        plain: The text of an item that is nothing but text, found fast; empty for any other, and where in doubt.
        parts: Cuts an item up where a label may have to go between its parts.

    Attributes:
        stream: The text.
        plain: As given.
        held: The items that wait.
        last: The last item with text.
    """

    def __init__(
        self,
        stream: TextStream,
        text: Callable[[T], str | None],
        item: Callable[[str, T], T],
        *,
        plain: Callable[[T], str],
        parts: Callable[[T], Iterable[T]] = lambda item: (item,),
    ) -> None:
        self.stream = stream
        self._text = text
        self._item = item
        self.plain = plain
        self._parts = parts
        self.held: list[T] = []
        self.last: T | None = None

    def put(self, item: T) -> list[T]:
        """Takes the next item; returns what leaves now."""
        return [released for part in self._parts(item) for released in self._put(part)]

    def _put(self, item: T) -> list[T]:
        piece = self._text(item)
        if piece:
            label = self.stream.feed(piece)
            self.last = item
        elif piece is None or (self.last is None and not self.held):
            label = ""
        else:
            label = None
        if label is None:
            self.held.append(item)
            return []
        if not label and not self.held:
            return [item]
        held = self.held.copy()
        self.held.clear()
        return [self._item(label, item), *held, item] if label else [*held, item]

    def end(self, passes: str = "") -> list[T]:
        """Ends the stream; returns what is still to leave."""
        before = "" if passes else self.stream.settle()
        after = self.stream.end(passes)
        held = self.held.copy()
        self.held.clear()
        if not (before or after):
            return held
        assert self.last is not None
        # Of what is held, there may be text that waited to the end: it stands between the labels.
        cut = max((place for place, item in enumerate(held, start=1) if self._text(item)), default=0)
        first, last = ([self._item(label, self.last)] if label else [] for label in (before, after))
        return [*first, *held[:cut], *last, *held[cut:]]


def spliced(
    items: Iterator[T],
    splicer: Splicer[T],
    passes: Callable[[], str] = str,
    step: Callable[[], T] | None = None,
    close: Callable[[], object] | None = None,
) -> Generator[T, Any, Any]:
    """The items of a stream and its label. What is sent or thrown into it goes to the bare stream, if that takes it.

    Args:
        items: The bare stream.
        splicer: Made for it.
        passes: Asked at the end why the text is no content to label; empty labels it.
        step: Makes the next item; None takes the bare stream's own.
        close: Called if the stream is broken off before its end; None closes the bare stream.

    Returns:
        What the bare stream returns, if it is a generator.
    """
    ended = False
    held, plain, stream, add = splicer.held, splicer.plain, splicer.stream, splicer.stream.pieces.append
    slow, last = stream.waiting or stream.checked, splicer.last
    pull = onward = step or items.__next__
    try:
        while True:
            try:
                item = pull()
            except StopIteration as stop:
                value = stop.value
                break
            pull = onward
            # Nearly all items are nothing but text, and there are thousands: they take the short way.
            if not slow and not held and (text := plain(item)):
                add(text)
                last = item
            else:
                splicer.last = last
                released = splicer.put(item)
                slow, last = stream.waiting or stream.checked, splicer.last
                if not released:
                    continue
                item = released.pop()
                yield from released
            try:
                sent = yield item
            except Exception as error:
                pull = functools.partial(_thrower(items, "throw", error), error)
            else:
                if sent is not None:
                    pull = functools.partial(items.send, sent)  # type: ignore[attr-defined]
        splicer.last = last
        ended = True
        yield from splicer.end(passes())
        return value
    finally:
        if not ended:
            stream.abort()
            if (close := close or getattr(items, "close", None)) is not None:
                close()


async def aspliced(
    items: AsyncIterator[T],
    splicer: Splicer[T],
    passes: Callable[[], str] = str,
    step: Callable[[], Awaitable[T]] | None = None,
    close: Callable[[], Awaitable[object]] | None = None,
) -> AsyncGenerator[T, Any]:
    """``spliced`` for asynchronous streams."""
    ended = False
    held, plain, stream, add = splicer.held, splicer.plain, splicer.stream, splicer.stream.pieces.append
    slow, last = stream.waiting or stream.checked, splicer.last
    pull = onward = step or items.__anext__
    try:
        while True:
            try:
                item = await pull()
            except StopAsyncIteration:
                break
            pull = onward
            if not slow and not held and (text := plain(item)):
                add(text)
                last = item
            else:
                splicer.last = last
                released = await recorded(splicer.put, item)
                slow, last = stream.waiting or stream.checked, splicer.last
                if not released:
                    continue
                item = released.pop()
                for before in released:
                    yield before
            try:
                sent = yield item
            except Exception as error:
                pull = functools.partial(_thrower(items, "athrow", error), error)
            else:
                if sent is not None:
                    pull = functools.partial(items.asend, sent)  # type: ignore[attr-defined]
        splicer.last = last
        ended = True
        for after in await recorded(splicer.end, passes()):
            yield after
    finally:
        if not ended:
            await stream.aabort()
            if (close := close or getattr(items, "aclose", None)) is not None:
                await close()


def relayed(
    items: Iterator[T], put: Callable[[T], Iterable[T]], end: Callable[[], Iterable[T]]
) -> Generator[T, Any, Any]:
    """``spliced`` for a stream that is no text.

    Args:
        items: The bare stream.
        put: Takes each item, and returns what leaves then.
        end: Returns what leaves last.
    """
    ended = False
    pull = onward = items.__next__
    try:
        while True:
            try:
                item = pull()
            except StopIteration as stop:
                value = stop.value
                break
            pull = onward
            released = list(put(item))
            if not released:
                continue
            item = released.pop()
            yield from released
            try:
                sent = yield item
            except Exception as error:
                pull = functools.partial(_thrower(items, "throw", error), error)
            else:
                if sent is not None:
                    pull = functools.partial(items.send, sent)  # type: ignore[attr-defined]
        ended = True
        yield from end()
        return value
    finally:
        if not ended and (close := getattr(items, "close", None)) is not None:
            close()


async def arelayed(
    items: AsyncIterator[T], put: Callable[[T], Iterable[T]], end: Callable[[], Iterable[T]]
) -> AsyncGenerator[T, Any]:
    """``relayed`` for asynchronous streams."""
    ended = False
    pull = onward = items.__anext__
    try:
        while True:
            try:
                item = await pull()
            except StopAsyncIteration:
                break
            pull = onward
            released = await recorded(lambda taken: list(put(taken)), item)
            if not released:
                continue
            item = released.pop()
            for before in released:
                yield before
            try:
                sent = yield item
            except Exception as error:
                pull = functools.partial(_thrower(items, "athrow", error), error)
            else:
                if sent is not None:
                    pull = functools.partial(items.asend, sent)  # type: ignore[attr-defined]
        ended = True
        for after in await recorded(list, end()):
            yield after
    finally:
        if not ended and (close := getattr(items, "aclose", None)) is not None:
            await close()


def _thrower(items: object, name: str, error: Exception) -> Callable[[Exception], Any]:
    """What takes an error that was thrown into a stream; raises it where the bare stream takes none."""
    if (throw := getattr(items, name, None)) is None:
        raise error
    return cast(Callable[[Exception], Any], throw)
