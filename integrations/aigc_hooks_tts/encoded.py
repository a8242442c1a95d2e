"""edge-tts and gTTS, which hand over MP3 as it comes from a service."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigc_hooks.artifact import Adapter
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider
from aigc_hooks.saving.writing import write_label
from aigc_hooks_tts.mp3 import Mp3Stream

_LABEL = "_aigc_hooks_label"
# edge-tts tells times in steps of 100 nanoseconds.
_STEPS = 10_000_000


def _labelled_chunks(stream: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``Communicate.stream``, through which everything of edge-tts goes: sound, and where its words begin."""

    @functools.wraps(stream)
    async def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        sound = Mp3Stream(provider, type(self).__name__)
        waiting: list[Any] = []
        async for chunk in stream(self, *args, **kwargs):
            if chunk["type"] != "audio":
                waiting.append(chunk)  # how much later its word begins is known with the first sound
            elif data := sound.put(chunk["data"]):
                yield {**chunk, "data": data}
            if sound.begun:
                for boundary in waiting:
                    yield _later(boundary, sound.delay)
                waiting.clear()
        if data := sound.end():
            yield {"type": "audio", "data": data}
        for boundary in waiting:
            yield boundary
        vars(self)[_LABEL] = sound.label

    return replacement


def _later(chunk: Any, seconds: float) -> Any:
    return {**chunk, "offset": chunk["offset"] + round(seconds * _STEPS)} if "offset" in chunk else chunk


def _labelled_pieces(stream: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``gTTS.stream``, through which everything of gTTS goes."""

    @functools.wraps(stream)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        sound = Mp3Stream(provider, type(self).__name__)
        for piece in stream(self, *args, **kwargs):
            if data := sound.put(piece):
                yield data
        if data := sound.end():
            yield data
        vars(self)[_LABEL] = sound.label

    return replacement


def _labelled_save(save: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``gTTS.save``: the file gets the implicit label as well."""

    @functools.wraps(save)
    def replacement(self: Any, savefile: Any, *args: Any, **kwargs: Any) -> Any:
        output = save(self, savefile, *args, **kwargs)
        _finish(Path(str(savefile)), vars(self).pop(_LABEL, None))
        return output

    return replacement


def _labelled_async_save(save: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``Communicate.save``, which ``save_sync`` calls."""

    @functools.wraps(save)
    async def replacement(self: Any, audio_fname: Any, *args: Any, **kwargs: Any) -> Any:
        output = await save(self, audio_fname, *args, **kwargs)
        path = audio_fname.decode() if isinstance(audio_fname, bytes) else audio_fname
        _finish(Path(path), vars(self).pop(_LABEL, None))
        return output

    return replacement


def _finish(path: Path, label: Label | None) -> None:
    """Writes the implicit label into a file of which nothing else is to be changed."""
    if label is None:  # there was no sound
        return
    try:
        write_label(path, label)
    except BaseException:  # it could not be labelled, and so it does not stay
        path.unlink(missing_ok=True)
        raise


EDGE = Adapter("edge-tts", {"stream": _labelled_chunks, "save": _labelled_async_save})
GTTS = Adapter("gTTS", {"stream": _labelled_pieces, "save": _labelled_save})
