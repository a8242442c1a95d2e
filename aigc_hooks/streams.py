"""Text that leaves in pieces: the label is a piece of its own, and no piece waits for it.

The thinking is in ``TextStream`` (what label goes where) and ``Splicer`` (in which order items leave); the iterators
around them, one sync and one async, only call.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from typing import Any, Generic, TypeVar

from aigc_hooks.artifact import Artifact
from aigc_hooks.duties.waiting import recorded
from aigc_hooks.errors import LabelError, ReviewRefused, UnsupportedOutputError
from aigc_hooks.explicit import text as explicit
from aigc_hooks.labelling import forgive, record, review, run
from aigc_hooks.labels import Label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, active
from aigc_hooks.waiver import current

T = TypeVar("T")

logger = logging.getLogger("aigc_hooks.streams")

_BROKEN_OFF = "the stream was broken off before its end"
_NOT_RECORDED = "a stream that was broken off could not be recorded: %s"


class TextStream:
    """The labels of one text whose pieces are on their way out.

    ``feed`` it each piece before the piece leaves, then call ``settle`` and ``end`` once, or ``abort`` where no end
    came. The stages run when the text is complete; for a label at the start they also run ahead of the first piece.

    Args:
        provider: The settings.
        source: What makes the text, for the audit record.
        passes: Why it is no content to label, where that is known from the start.

    Attributes:
        label: The implicit label, once the stages have made it.
        waiting: Whether a label at the start, or the record of an exemption, is still to come.
        pieces: What has left.
        checked: Whether every piece must be fed, for plugins review it. Where not, and while nothing is waited for, to
            add a piece to ``pieces`` is as good as to feed it.
    """

    def __init__(self, provider: Provider, source: str, passes: str = "") -> None:
        self.label: Label | None = None
        self._passes = passes
        self._provider = active(provider)  # as it is when the stream begins, whoever pulls it later
        self._source = source
        self.pieces: list[str] = []
        self._exemption = current()  # likewise
        self.waiting = (self._provider.text.position != "end" or self._exemption is not None) and not passes
        self.checked = hooks(self._provider).reviews
        self._refused = False
        self._begun = False
        self._forgiven = False

    def feed(self, piece: str) -> str | None:
        """Takes a piece that is about to leave.

        Returns:
            What goes before it, mostly nothing; or None where it must wait for the next one. Only the head of a text
            whose label stands at the start waits: while it is blank, or may become a whole HTML page, or its first line
            the label itself.

        Raises:
            LabelError: The text cannot be labelled. The piece must not leave.
        """
        self.pieces.append(piece)
        if self.checked and piece:
            self._review()
        if not self.waiting:
            return ""
        if piece.isspace() or not piece:
            return None
        if self._exemption is None and explicit.undecided("".join(self.pieces), self._provider):
            return None
        return self.settle()

    def _review(self) -> None:
        """Lets the plugins refuse the text with the piece that is about to leave."""
        text = "".join(self.pieces)
        piece = Artifact(
            text, "text", self._source, label=self.label, passes=self._passes, part="piece", exemption=self._exemption
        )
        try:
            review(piece, self._provider)
        except LabelError:
            self._refused = True
            raise

    def settle(self) -> str:
        """Ends the waiting for more.

        Returns:
            What goes before the pieces that have waited, or nothing.

        Raises:
            LabelError: The text cannot be labelled. The pieces must not leave.
        """
        if not self.waiting:
            return ""
        self.waiting = False
        head = "".join(self.pieces)
        if not head.strip() or (self._exemption is None and not explicit.before(head, self._provider)):
            return ""
        artifact = Artifact(head, "text", self._source, part="head", exemption=self._exemption)
        self.pieces.clear()  # where it fails, nothing has left
        self._forgiven = not run(artifact, self._provider, reviewed=self.checked)
        if self._forgiven:
            return ""
        self._begun = True
        self.label = artifact.label
        self.pieces.append(artifact.content)
        return str(artifact.content[: len(artifact.content) - len(head)])

    def end(self, passes: str = "") -> str:
        """Ends the text.

        Args:
            passes: Why it is no content to label, such as ``"tool calls"``.

        Returns:
            What goes after the last piece, or nothing.

        Raises:
            LabelError: The text cannot be labelled, or a plugin changed what has already left.
        """
        if self._forgiven:
            return ""
        sent = "".join(self.pieces)
        artifact = Artifact(
            sent,
            "text",
            self._source,
            label=self.label,
            passes=passes or self._passes,
            part="tail",
            exemption=self._exemption,
        )
        if self._begun and self._exemption is None:
            artifact.places.append("text start")
        try:
            outcome = run(artifact, self._provider)
            if outcome and not artifact.content.startswith(sent):
                outcome = ""
                changed = "a plugin changed text that has already left as a stream; only what follows it can be added"
                forgive(LabelError(changed, stage="render_explicit"), self._provider, source=self._source)
        except LabelError as error:
            self._refused = isinstance(error, ReviewRefused)
            self.abort(str(error))  # it left without, and whoever reads the record must know
            raise
        if not outcome:
            return ""
        self.label = artifact.label
        begun = self._begun and not artifact.passes
        if not (begun and self._exemption is not None):  # that was recorded before its first piece left
            record(artifact, "labelled" if begun else outcome, self._provider)
        return str(artifact.content[len(sent) :])

    def abort(self, reason: str = _BROKEN_OFF) -> None:
        """Records that the text ended without its last label. What has left cannot be called back."""
        sent = "".join(self.pieces)
        if self._forgiven or self._refused or self.waiting or not sent.strip():
            return  # nothing has left, or its refusal has been recorded
        begun = self._begun and self._exemption is None
        places = ["text start"] if begun else []
        artifact = Artifact("", "text", self._source, label=self.label, places=places)
        try:
            outcome = "labelled" if begun else "aborted"
            record(artifact, outcome, self._provider, reason)
        except LabelError as error:  # it must not take the place of what broke the stream off
            logger.error(_NOT_RECORDED, error)


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
    step: Callable[[Iterator[T]], T] = next,
    close: Callable[[], object] | None = None,
) -> Generator[T, None, Any]:
    """The items of a stream and its label.

    Args:
        items: The bare stream.
        splicer: Made for it.
        passes: Asked at the end why the text is no content to label; empty labels it.
        step: Makes the next item.
        close: Called if the stream is broken off before its end; None closes the bare stream.

    Returns:
        What the bare stream returns, if it is a generator.
    """
    ended = False
    held, plain, stream, add = splicer.held, splicer.plain, splicer.stream, splicer.stream.pieces.append
    slow, last = stream.waiting or stream.checked, splicer.last
    try:
        while True:
            try:
                item = step(items)
            except StopIteration as stop:
                value = stop.value
                break
            # Nearly all items are nothing but text, and there are thousands: they take the short way.
            if not held and not slow and (text := plain(item)):
                add(text)
                last = item
                yield item
            else:
                splicer.last = last
                yield from splicer.put(item)
                slow, last = stream.waiting or stream.checked, splicer.last
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
    step: Callable[[AsyncIterator[T]], Awaitable[T]] = anext,
    close: Callable[[], Awaitable[object]] | None = None,
) -> AsyncGenerator[T, None]:
    """``spliced`` for asynchronous streams."""
    ended = False
    held, plain, stream, add = splicer.held, splicer.plain, splicer.stream, splicer.stream.pieces.append
    slow, last = stream.waiting or stream.checked, splicer.last
    try:
        while True:
            try:
                item = await step(items)
            except StopAsyncIteration:
                break
            if not held and not slow and (text := plain(item)):
                add(text)
                last = item
                yield item
            else:
                splicer.last = last
                for released in await recorded(splicer.put, item):
                    yield released
                slow, last = stream.waiting or stream.checked, splicer.last
        splicer.last = last
        ended = True
        for released in await recorded(splicer.end, passes()):
            yield released
    finally:
        if not ended:
            try:
                await recorded(stream.abort, _BROKEN_OFF)
            except LabelError as error:  # it must not take the place of what broke the stream off
                logger.error(_NOT_RECORDED, error)
            if (close := close or getattr(items, "aclose", None)) is not None:
                await close()


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
