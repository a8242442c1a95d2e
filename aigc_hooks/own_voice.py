"""The spoken label in the voice of the model itself (GB 45438-2025, 5.3 b): it is asked to say the prompt, once."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import tempfile
import threading
import wave
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aigc_hooks.errors import ConfigError
from aigc_hooks.explicit import voice
from aigc_hooks.explicit.samples import as_floats, loudness, rows, samples_of
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.media import is_array, is_samples, is_tensor
from aigc_hooks.provider import Provider, active
from aigc_hooks.sound_fields import held_sound, length

# What each speaker has said, by what else it was told, such as the name of a voice.
_said: weakref.WeakKeyDictionary[Any, dict[Any, Path]] = weakref.WeakKeyDictionary()
_lock = ForkSafeLock(threading.RLock)
_folder: tempfile.TemporaryDirectory[str] | None = None


def in_own_voice(
    provider: Provider, speaker: Any, speak: Callable[..., Any], args: Any, kwargs: Mapping[str, Any], rate: int | None
) -> Provider:
    """Settings by which the label of a call is spoken as its content is; as they were, where they ask for nothing else.

    Args:
        provider: The settings.
        speaker: The object that speaks, which remembers what it has said.
        speak: The bare method; it is called as it was, with the prompt in place of the first text.
        args: What it was called with.
        kwargs: By name.
        rate: Samples a second, where what it returns does not tell.

    Raises:
        ConfigError: It was given no text, what it returns is no sound that can be read, or its pace is not lawful.
    """
    settings = active(provider)
    style = settings.audio
    if style.kind != "voice" or style.speaker != "model" or style.clip is not None:
        return settings
    wording = style.wording or voice.WORDING
    args, kwargs = _saying(wording, args, dict(kwargs))
    key = (wording, rate, *_simple(args), *_simple(sorted(kwargs.items())))
    with _lock:
        try:
            known = _said.setdefault(speaker, {})
        except TypeError:  # it can be no key: it is asked each time
            known = {}
        if key not in known:
            known[key] = _recorded(speak(*args, **kwargs), rate, wording)
    told = {"clip": known[key], "transcript": wording}
    return settings.model_copy(update={"audio": style.model_copy(update=told)})


def _saying(wording: str, args: Any, kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Arguments with another text in place of the first."""
    args = list(args)
    places: list[tuple[Any, Any]] = [(args, at) for at in range(len(args))]
    places += [(kwargs, name) for name in kwargs]
    for held, at in places:
        value = held[at]
        if isinstance(value, str):
            held[at] = wording
        elif isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):
            held[at] = type(value)([wording])
        else:
            continue
        return args, kwargs
    raise ConfigError(
        "audio.speaker = 'model': this call was given no text, in place of which it could say the prompt; set "
        "audio.clip with audio.transcript, or audio.speaker = 'espeak'"
    )


def _simple(values: Any) -> Iterator[Any]:
    """What tells some arguments from others: a voice may be a name, a number or an embedding."""
    for value in values:
        if isinstance(value, (str, int, float, bool, type(None))):
            yield value
        elif isinstance(value, (tuple, list)):
            yield tuple(_simple(value))
        elif isinstance(value, Mapping):
            yield tuple(_simple(sorted(value.items())))
        elif is_array(value) or is_tensor(value):
            array = value.detach().float().cpu().numpy() if is_tensor(value) else value
            yield array.shape, hashlib.sha256(array.tobytes()).digest()
        else:
            yield id(value)


def _recorded(output: Any, rate: int | None, wording: str) -> Path:
    """What a model said, as a file that serves as a clip."""
    import numpy

    global _folder
    if inspect.isawaitable(output):
        if inspect.iscoroutine(output):
            output.close()
        raise ConfigError("audio.speaker = 'model' goes with functions that are not asynchronous; set audio.clip")
    parts: list[Any] = []
    rates: set[int] = set()
    for samples, told in _spoken(output, rate):
        checked = samples_of(samples)
        _, scale = loudness(checked)
        parts.append(as_floats(rows(checked)[0]) / numpy.float32(scale))
        rates.add(told or 0)
    if not parts or len(rates) != 1 or not all(rates):
        raise ConfigError(
            "audio.speaker = 'model': what the model returned for the prompt is no sound at a known rate; set "
            "audio.clip with audio.transcript, or audio.speaker = 'espeak'"
        )
    spoken, (own,) = numpy.concatenate(parts), rates
    voice.check_pace("audio.speaker = 'model': the model says the prompt", wording, spoken, own)
    _folder = _folder or tempfile.TemporaryDirectory(prefix="aigc_hooks")
    path = Path(_folder.name) / f"{len(list(Path(_folder.name).iterdir()))}.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, own, 0, "NONE", ""))
        peak = max(float(numpy.abs(spoken).max()), 1e-9)
        file.writeframes((spoken / peak * 32767).astype("<i2").tobytes())
    return path


def _spoken(output: Any, rate: int | None) -> Iterator[tuple[Any, int | None]]:
    """The samples of what was said, piece by piece: of a piece that holds several sounds, the first."""
    whole = not isinstance(output, Iterator) and (type(output) is not list or is_samples(output))
    for piece in (output,) if whole else output:
        sounds = (found for found in held_sound(piece, rate) if not isinstance(found[0], bytes) and length(found[0]))
        yield from itertools.islice(sounds, 1)
