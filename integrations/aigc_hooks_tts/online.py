"""Libraries whose service sends finished MP3: edge-tts and gTTS. Their streams are labelled on their way."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from aigc_hooks.artifact import Adapter, Call
from aigc_hooks.duties.waiting import recorded
from aigc_hooks.encoded import EncodedSound
from aigc_hooks.errors import AIGCHooksError, UnsupportedOutputError
from aigc_hooks.provider import Provider, active
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.writing import write_label
from aigc_hooks.stages import review

_TICKS = 10_000_000
"""Units a second of the times that edge-tts tells."""

# What the outer method of an object, which saves, learns of the stream that it asks for.
_streams: ContextVar[list[EncodedSound] | None] = ContextVar("aigc_hooks_tts_streams", default=None)


@contextmanager
def _watched() -> Iterator[list[EncodedSound]]:
    """Collects the streams that are made in this thread or task."""
    streams: list[EncodedSound] = []
    token = _streams.set(streams)
    try:
        yield streams
    finally:
        _streams.reset(token)


def _stream(obj: Any, provider: Provider) -> EncodedSound:
    stream = EncodedSound(provider, type(obj).__name__)
    if (streams := _streams.get()) is not None:
        streams.append(stream)
    return stream


@contextmanager
def _saving(target: Any, source: str) -> Iterator[str]:
    """Gives a path to write to, and puts the file with its implicit label in the place of the target afterwards.

    Elsewhere until then: what breaks off, or cannot be labelled, does not stay, and an old file does.

    Raises:
        UnsupportedOutputError: The target is no path.
        LabelError: The label did not arrive.
    """
    if not isinstance(target, (str, bytes, os.PathLike)):
        raise UnsupportedOutputError(
            f"{source}: {target!r} is no path of a file, and the label could not be written into it", stage="detect"
        )
    path = Path(os.fsdecode(target))
    with tempfile.TemporaryDirectory() as folder, _watched() as streams:
        part = Path(folder) / "sound.mp3"
        yield str(part)
        label = streams[-1].label if streams else None
        if label is None:  # there was no sound, or the settings forgive that it has no label
            with part.open("rb") as made, replacing(path) as file:
                shutil.copyfileobj(made, file)
            return
        write_label(part, label, output=path)


def _argument(method: Callable[..., Any], name: str, args: Any, kwargs: Any) -> inspect.BoundArguments:
    bound = inspect.signature(method).bind(*args, **kwargs)
    if name not in bound.arguments:
        raise UnsupportedOutputError(f"{method.__qualname__} was given no {name}", stage="detect")
    return bound


# edge-tts. Its synchronous methods run the others in a thread of their own, where what override() laid over is not seen
# and where what is raised is lost.

_CALLER = "_aigc_hooks_caller"


class _Caller:
    """Who waits in another thread: by which settings, and what went wrong."""

    def __init__(self, provider: Provider) -> None:
        self.settings = active(provider)
        self.errors: list[AIGCHooksError] = []


@contextmanager
def _calling(obj: Any, provider: Provider) -> Iterator[_Caller]:
    caller = vars(obj)[_CALLER] = _Caller(provider)
    try:
        yield caller
    finally:
        vars(obj).pop(_CALLER, None)


def _edge_stream(stream: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``stream``: what comes before the sound waits for it, for only then is it known how much later all will be."""

    @functools.wraps(stream)
    async def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        caller: _Caller | None = vars(self).get(_CALLER)
        sound = _stream(self, caller.settings if caller else provider)
        waiting: list[Any] = []
        try:
            _review_texts(self, caller.settings if caller else active(provider))
            async with aclosing(stream(self, *args, **kwargs)) as items:
                async for item in items:
                    for leaves in await recorded(list, _edge_items(item, sound, waiting)):
                        yield leaves
            if rest := await recorded(EncodedSound.end, sound):
                yield {"type": "audio", "data": rest}
            for item in waiting:
                yield _later(item, sound.delay)
        except AIGCHooksError as error:
            if caller is None:
                raise
            caller.errors.append(error)

    return replacement


def _review_texts(obj: Any, provider: Provider) -> None:
    if (texts := getattr(obj, "texts", None)) is not None:
        obj.texts = list(texts)  # an iterator, which the stream reads once
        review(Call(type(obj).__name__, [b"".join(obj.texts).decode()], {}, "edge_tts"), provider)


def _edge_items(item: Any, sound: EncodedSound, waiting: list[Any]) -> Iterator[Any]:
    if item["type"] == "audio":
        if data := sound.put(item["data"]):
            yield {**item, "data": data}
            while waiting:
                yield _later(waiting.pop(0), sound.delay)
    elif sound.begun:
        yield _later(item, sound.delay)
    else:
        waiting.append(item)


def _later(item: Any, delay: float) -> Any:
    return {**item, "offset": item["offset"] + round(delay * _TICKS)} if "offset" in item else item


def _edge_stream_sync(stream_sync: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``stream_sync``: raises what its thread would swallow, to wait for ever."""

    @functools.wraps(stream_sync)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _calling(self, provider) as caller:
            yield from stream_sync(self, *args, **kwargs)
        if caller.errors:
            raise caller.errors[0]

    return replacement


def _edge_save(save: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``save``: its file gets the implicit label."""

    @functools.wraps(save)
    async def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = _argument(save, "audio_fname", (self, *args), kwargs)
        caller: _Caller | None = vars(self).get(_CALLER)
        with _saving(bound.arguments["audio_fname"], type(self).__name__) as part:
            bound.arguments["audio_fname"] = part
            output = await save(*bound.args, **bound.kwargs)
            if caller is not None and caller.errors:
                raise caller.errors[0]
        return output

    return replacement


def _edge_save_sync(save_sync: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``save_sync``, which goes through ``save`` in another thread."""

    @functools.wraps(save_sync)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _calling(self, provider):
            return save_sync(self, *args, **kwargs)

    return replacement


EDGE = Adapter(
    "edge_tts",
    {
        "stream": _edge_stream,
        "stream_sync": _edge_stream_sync,
        "save": _edge_save,
        "save_sync": _edge_save_sync,
    },
)


# gTTS


def _google_stream(stream: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``stream``, and through it ``write_to_fp``.

    What that writes to a file object carries both labels, for the stream begins with a tag. Where several sounds are
    written to one, each has its audible label, and the tag of the first is the one that is read.
    """

    @functools.wraps(stream)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        review(Call(type(self).__name__, [getattr(self, "text", "")], {}, "gtts"), active(provider))
        sound = _stream(self, provider)
        with contextlib.closing(stream(self, *args, **kwargs)) as pieces:
            for piece in pieces:
                if data := sound.put(piece):
                    yield data
        if rest := sound.end():
            yield rest

    return replacement


def _google_save(save: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``save``: its file gets the implicit label."""

    @functools.wraps(save)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = _argument(save, "savefile", (self, *args), kwargs)
        with _saving(bound.arguments["savefile"], type(self).__name__) as part:
            bound.arguments["savefile"] = part
            return save(*bound.args, **bound.kwargs)

    return replacement


GOOGLE = Adapter("gtts", {"stream": _google_stream, "save": _google_save})
