"""Functions and generators of a user's own: what they return or yield is labelled, and they stay what they are."""

from __future__ import annotations

import functools
import inspect
import io
import types
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import aclosing
from typing import Any

from aigc_hooks.artifact import Call
from aigc_hooks.contents import labelled, labelled_films
from aigc_hooks.duties.waiting import recorded
from aigc_hooks.errors import AdapterNotFoundError, ConfigError, UnsupportedOutputError
from aigc_hooks.explicit.video import check_fps
from aigc_hooks.frames import FilmStream
from aigc_hooks.iterators import LabelledAsyncStream, LabelledStream, text_splicer
from aigc_hooks.media import is_array, is_picture, is_tensor
from aigc_hooks.own_voice import in_own_voice
from aigc_hooks.provider import Provider, active
from aigc_hooks.speech import SoundStream, labelled_sound
from aigc_hooks.splicing import arelayed, aspliced, relayed, spliced
from aigc_hooks.stages import review

KINDS = ("text", "image", "audio", "video")
"""What ``wrap(function, kind=…)`` can be told that a function makes."""

# On the function itself, with the function: one that copies its attributes, as functools.wraps does, is not it.
_MARK = "__aigc_hooks_function__"


def labelling(function: Any, kind: str, provider: Provider, rate: int | None = None, fps: float | None = None) -> Any:
    """A function like the given one whose output is labelled; for an iterator, an iterator.

    Args:
        function: A function, method, (async) generator function or other callable, or an iterator or async iterator.
        kind: ``"text"``, ``"image"``, ``"audio"`` or ``"video"``.
        provider: The settings.
        rate: Of sound, samples a second, where what the function returns does not tell.
        fps: Of films, frames a second, where no argument of this name tells; None: it is not known.

    Raises:
        ConfigError: The kind is unknown.
        LabelError: The frame rate is none.
        AdapterNotFoundError: It is neither a callable nor an iterator.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind = {kind!r}: a function makes {' or '.join(map(repr, KINDS))}")
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(labelling(function.__func__, kind, provider, rate, fps))
    release = Release(kind, provider, rate, _name(function), check_fps(fps) if fps is not None else None)
    function = original(function)
    if not callable(function):
        if isinstance(function, (Iterator, AsyncIterator)):
            return release(function)
        raise AdapterNotFoundError(
            f"kind={kind!r} goes with a function or an iterator, found {type(function).__name__} {function!r:.60}; to "
            "label finished content use label()"
        )
    wrapper = _wrapper(function, release)
    setattr(wrapper, _MARK, (wrapper, function, provider))
    return wrapper


def original(function: Any) -> Any:
    """The function that a labelling one was made from; any other as it is."""
    mark = _mark(function)
    if mark is None:
        return function
    if isinstance(function, types.MethodType):
        return types.MethodType(mark[1], function.__self__)
    return type(function)(mark[1]) if isinstance(function, (staticmethod, classmethod)) else mark[1]


def provider_of_function(function: Any) -> Provider | None:
    """The settings that a function labels with, or None."""
    mark = _mark(function)
    return mark[2] if mark else None


def _mark(function: Any) -> tuple[Any, Any, Provider] | None:
    mark = getattr(function, _MARK, None)
    # A method has the attributes of its function, which stands in it.
    return mark if isinstance(mark, tuple) and mark[0] is getattr(function, "__func__", function) else None


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", "") or type(function).__qualname__)


def _wrapper(function: Callable[..., Any], release: Release) -> Callable[..., Any]:
    """Of the same kind as the function, for frameworks ask: a coroutine function stays one, a generator too."""
    call: Any = function
    if not (inspect.isroutine(function) or isinstance(function, functools.partial)):
        call = type(function).__call__
    wrapper: Callable[..., Any]
    if inspect.isasyncgenfunction(call):

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            own = release.called(function, args, kwargs)
            async with aclosing(own.apieces(function(*args, **kwargs))) as pieces:
                pull: Callable[[], Awaitable[Any]] = pieces.__anext__
                while True:
                    try:
                        piece = await pull()
                    except StopAsyncIteration:
                        return
                    # There is no asynchronous "yield from", which would hand on what is sent and thrown.
                    try:
                        pull = functools.partial(pieces.asend, (yield piece))
                    except Exception as error:
                        pull = functools.partial(pieces.athrow, error)

    elif inspect.isgeneratorfunction(call):

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            own = release.called(function, args, kwargs)
            return (yield from own.pieces(function(*args, **kwargs)))

    elif inspect.iscoroutinefunction(call):

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            own = release.called(function, args, kwargs)
            return await recorded(own, await function(*args, **kwargs))

    else:

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return release.called(function, args, kwargs)(function(*args, **kwargs))

    return functools.update_wrapper(wrapper, function)


class Release:
    """What a function returned or yields, on its way out.

    Args:
        kind: One of ``KINDS``.
        provider: The settings.
        rate: Of sound, samples a second, where it does not tell.
        name: Of the function, for the audit record.
        fps: Of films, frames a second; None where nothing tells.
    """

    def __init__(self, kind: str, provider: Provider, rate: int | None, name: str, fps: float | None = None) -> None:
        self.kind = kind
        self.provider = provider
        self.rate = rate
        self.name = name
        self.fps = fps

    def __call__(self, output: Any) -> Any:
        """What a function returned, labelled; streams and awaitables stay such.

        Raises:
            LabelError: It cannot be labelled.
        """
        if inspect.isawaitable(output):
            return self._awaited(output)
        if isinstance(output, AsyncIterator):
            if self.kind == "text":
                return LabelledAsyncStream(output, self.provider, self.name)
            return self.apieces(output)
        if isinstance(output, Generator):
            return self.pieces(output)
        # A file in memory is whole, though it can be iterated over.
        if isinstance(output, Iterator) and not isinstance(output, io.BytesIO):
            return LabelledStream(output, self.provider, self.name) if self.kind == "text" else self.pieces(output)
        return self._whole(output)

    def called(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Release:
        """The same for one call: reviewed, and with a label in the function's voice where the settings ask for it.

        Raises:
            ReviewRefused: A plugin refused what goes in.
        """
        review(Call(self.name, list(args), dict(kwargs)), active(self.provider))
        if self.kind == "video" and kwargs.get("fps") is not None:
            return Release(self.kind, self.provider, self.rate, self.name, check_fps(kwargs["fps"]))
        if self.kind != "audio":
            return self
        provider = in_own_voice(self.provider, function, function, args, kwargs, self.rate)
        return Release(self.kind, provider, self.rate, self.name)

    async def _awaited(self, output: Awaitable[Any]) -> Any:
        return await recorded(self, await output)

    def pieces(self, items: Any) -> Generator[Any, Any, Any]:
        """The items of a stream, labelled."""
        if self.kind == "text":
            return spliced(items, text_splicer(self.provider, self.name))
        return relayed(items, *self._labelling())

    def _labelling(self) -> tuple[Callable[[Any], Iterable[Any]], Callable[[], Iterable[Any]]]:
        """What takes each item of a stream, and what ends it."""
        if self.kind == "audio":
            stream = SoundStream(self.provider, self.name, self.rate)
            return stream.put, stream.end
        one = self._whole if self.kind == "image" else FilmStream(self.provider, self.name, self.fps).put
        return lambda item: (one(item),), tuple

    def apieces(self, items: AsyncIterator[Any]) -> AsyncGenerator[Any, Any]:
        """``pieces`` of an asynchronous stream."""
        if self.kind == "text":
            return aspliced(items, text_splicer(self.provider, self.name))
        return arelayed(items, *self._labelling())

    def _whole(self, output: Any) -> Any:
        if output is None:
            return None
        if self.kind == "audio":
            return labelled_sound(output, self.provider, self.name, self.rate)
        if self.kind == "video":
            return labelled_films(output, self.provider, self.name, self.fps)
        if type(output) in (list, tuple):
            return type(output)(map(self._whole, output))
        if isinstance(output, str) if self.kind == "text" else self._is_drawn(output):
            return labelled(output, self.provider, self.name)
        known = "text" if self.kind == "text" else "PIL images, arrays, tensors"
        found = f"{type(output).__module__}.{type(output).__qualname__}"
        raise UnsupportedOutputError(
            f"{self.name} returned {found}, which cannot be labelled, and so it is not released; labelled are {known}, "
            "lists and tuples of it, and iterators of it. Let it return the content alone, or label() the part of it "
            "that is content",
            stage="detect",
        )

    @staticmethod
    def _is_drawn(output: Any) -> bool:
        return is_picture(output) or is_array(output) or is_tensor(output)
