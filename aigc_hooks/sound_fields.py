"""Where sound is in what libraries return: in places of tuples, under names of mappings and records, however deep.

What stands beside sound may be anything: durations, spectrograms, embeddings, texts. Where it has another name than
sound has, and yet looks like it, it must not leave unseen.
"""

from __future__ import annotations

import io
import os
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.media import MOST_CHANNELS, is_array, is_samples, is_tensor
from aigc_hooks.structures import changed, get, joined, names_of

SAMPLES = frozenset(
    (
        *("audio", "audios", "sound", "sounds", "speech", "tts_speech", "wav", "wavs", "wave", "waves"),
        *("waveform", "waveforms", "samples", "array", "pcm", "song", "music", "stems"),
        *("audio_array", "audio_data", "audio_samples", "audio_values", "audio_waveform", "generated_audio"),
        *("vocals", "no_vocals", "instrumental", "accompaniment", "drums", "bass", "voices"),
    )
)
"""Names, in lower case, under which mappings and records hold samples, across the libraries that speak and sing."""

RATES = ("sampling_rate", "sample_rate", "samplerate", "rate", "sr", "fs")
"""Names under which they tell the rate of these."""

_SOUNDING = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32")

# What lasts a sixteenth of the sound beside it may be sound at another rate; what counts its frames is shorter.
_SHARE = 16
_LONG, _SHORT = 4000, 1000

_BYTES, _TEXT, _FEW = 1000, 200, 64
_OTHER_BYTES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"PK\x03\x04", b"{", b"[", b"<")
_OTHER_TEXTS = ("iVBOR", "/9j/", "R0lGOD", "data:image/", "http:", "https:", "{", "[", "<")
"""How pictures, documents and texts begin, as bytes and as text."""

_DEEPEST = 50

Change = Callable[[Any, "int | None"], Any]
_Inner = Callable[[Any, "int | None", int], Any]


def replaced(output: Any, change: Change, rate: int | None = None, source: str = "", *, fresh: bool = False) -> Any:
    """An output with other sounds, in the same form.

    Args:
        output: Samples; a tuple of rate and samples, in either order, with more behind it; a mapping or record that
            names its samples and perhaps their rate; an encoded file as bytes; or a list of such.
        change: Is given each sound and its rate, and returns what takes its place.
        rate: Samples a second, where the output does not tell.
        source: What made it, for messages. Empty: what is no sound, or looks like one in the wrong place, stays.
        fresh: Whether mappings and records are copied; else they are changed in place where they can be.

    Raises:
        UnsupportedOutputError: It is no sound, or holds what looks like sound and cannot be told.
    """
    return _Walk(change, source, fresh).known(output, rate, 0)


def held_sound(output: Any, rate: int | None = None) -> list[tuple[Any, int | None]]:
    """The sounds in an output, as samples or bytes, and their rates; nothing of what is not known as sound."""
    found: list[tuple[Any, int | None]] = []

    def keep(sound: Any, told: int | None) -> Any:
        found.append((sound, told))
        return sound

    replaced(output, keep, rate)
    return found


def check_known(output: Any, rate: int | None, source: str) -> list[tuple[Any, int | None]]:
    """``held_sound`` of an output in which nothing else may be sound.

    Raises:
        UnsupportedOutputError: There is no sound in it, or what looks like sound cannot be told.
    """
    found = held_sound(output, rate)
    replaced(output, lambda sound, _: sound, rate, source)
    if not found and not (isinstance(output, (list, tuple)) and not output):
        raise unknown(output, source)
    return found


def length(sound: Any) -> int:
    """Of samples, how many there are, of all channels; of bytes, how many of these."""
    if is_array(sound):
        return int(sound.size)
    return int(sound.numel()) if is_tensor(sound) else len(sound)


def is_notice(item: Any) -> bool:
    """Whether an item of a stream only tells something: it holds numbers and short texts, and no sound."""
    return not isinstance(item, (str, Real)) and _is_told("", item, 0)


def _is_told(name: str, value: Any, depth: int) -> bool:
    if isinstance(value, str):
        return name.lower() not in SAMPLES and len(value) <= _TEXT
    if value is None or isinstance(value, Real):
        return True
    if depth > _DEEPEST or (isinstance(value, list) and is_samples(value) and len(value) > _FEW):
        return False
    if (names := names_of(value)) is not None:
        return all(_is_told(str(each), get(value, each), depth + 1) for each in names)
    return isinstance(value, (list, tuple)) and all(_is_told(name, each, depth + 1) for each in value)


def pair(output: tuple[Any, ...]) -> tuple[int, int] | None:
    """Places of samples and rate in a tuple that begins with both."""
    if len(output) < 2:
        return None
    for samples, told in ((0, 1), (1, 0)):
        if is_samples(output[samples]) and isinstance(output[told], Real) and not isinstance(output[told], bool):
            return samples, told
    return None


def tells_rate(value: Any) -> bool:
    """Whether a value is a container of sound that tells its rate, and can be nothing else."""
    if isinstance(value, tuple) and pair(value):
        return True
    names = names_of(value)
    if not names or _told({name: get(value, name) for name in names if str(name) in RATES}) is None:
        return False
    return any(_is_sound_name(name) and is_samples(get(value, name)) for name in names)


def unknown(output: Any, source: str) -> UnsupportedOutputError:
    """The error for what is not known as sound."""
    kind = f"{type(output).__module__}.{type(output).__qualname__}"
    advice = "Return one of these, or label() it"
    if isinstance(output, (str, os.PathLike)):
        advice = "A file that it has written is labelled with label(pathlib.Path(…))"
    elif isinstance(output, (bytearray, memoryview, io.BytesIO)):
        advice = f"Return bytes{'(…)' if not isinstance(output, io.BytesIO) else ', as its getvalue() does'}"
    return UnsupportedOutputError(
        f"{source} returned {kind}, which is not known as sound, and so it is not released; labelled are samples "
        "(arrays, tensors, lists), pairs of rate and samples, mappings that hold both, and bytes of encoded sound. "
        + advice,
        stage="detect",
    )


class _Walk:
    """One walk through an output."""

    def __init__(self, change: Change, source: str, fresh: bool) -> None:
        self._change = change
        self._source = source
        self._fresh = fresh
        self._longest = 0
        self._around: set[int] = set()  # what holds what is looked at, for it may hold itself

    def known(self, output: Any, rate: int | None, depth: int) -> Any:
        """What is sound by where it stands."""
        return self._known(output, rate, depth, self.known)

    def named(self, output: Any, rate: int | None, depth: int) -> Any:
        """What stands under a name of sound: a mapping there may have other names for each, such as languages."""
        return self._known(output, rate, depth, self.named)

    def _known(self, output: Any, rate: int | None, depth: int, inner: _Inner) -> Any:
        if output is None:
            return None
        if isinstance(output, bytes) or is_samples(output):
            return self._sound(output, rate)
        if (held := self._held(output, rate, depth, inner)) is not None:
            return held[0]
        if self._source:
            raise unknown(output, self._source)
        return output

    def other(self, value: Any, rate: int | None, depth: int, name: str = "") -> Any:
        """What may be anything: sound in it is known by names, and what looks like sound and has none is refused."""
        if is_samples(value) or isinstance(value, (bytes, bytearray, memoryview, array, str, Iterator, AsyncIterator)):
            if self._source and self._looks(value):
                raise self._refused(value, name)
            return value
        held = self._held(value, rate, depth, self.other)
        return value if held is None else held[0]

    def _sound(self, sound: Any, rate: int | None) -> Any:
        if not isinstance(sound, bytes):
            self._longest = max(self._longest, len(sound) if isinstance(sound, list) else max(sound.shape))
        return self._change(sound, rate)

    def _held(self, output: Any, rate: int | None, depth: int, inner: _Inner) -> tuple[Any] | None:
        """A tuple, list, mapping or record with other sounds, in a tuple; None of what is none."""
        names = names_of(output)
        if names is None and not isinstance(output, (list, tuple)):
            return None
        if id(output) in self._around:
            return (output,)
        if depth > _DEEPEST:
            raise UnsupportedOutputError(
                f"{self._source or 'an output'} is nested deeper than {_DEEPEST} levels: return its sound alone",
                stage="detect",
            )
        self._around.add(id(output))
        try:
            if names is not None and not (isinstance(output, tuple) and not any(map(_is_sound_name, names))):
                return (self._record(output, names, rate, depth, inner),)
            if isinstance(output, tuple) and (places := pair(output)):
                samples, told = places
                if inner != self.other or self._is_long(output[samples]):
                    items = list(output)
                    items[samples] = self._sound(items[samples], _whole(items[told]))
                    for at in range(2, len(items)):
                        items[at] = self.other(items[at], rate, depth + 1, f"[{at}]")
                    return (joined(output, items),)
            return (joined(output, [inner(item, rate, depth + 1) for item in output]),)
        finally:
            self._around.discard(id(output))

    def _record(self, output: Any, names: list[Any], rate: int | None, depth: int, inner: _Inner) -> Any:
        """A mapping or record: first the sounds, by which what stands beside them is judged."""
        values = {name: get(output, name) for name in names}
        told = _told(values) or rate
        sounding = [name for name in names if _is_sound_name(name) and _may_sound(values[name])]
        made = {name: self.named(values[name], _told(values, f"{name}_") or told, depth + 1) for name in sounding}
        for name in names:
            value = values[name]
            if name in made:
                continue
            if inner == self.named and is_samples(value) and self._is_long(value):
                made[name] = self._sound(value, told)
            else:
                made[name] = self.other(value, told, depth + 1, str(name))
        return changed(output, {name: made[name] for name in names if made[name] is not values[name]}, self._fresh)

    def _looks(self, value: Any) -> bool:
        """Whether something beside sound looks like sound itself."""
        if isinstance(value, str):  # bytes as text
            told = value.startswith(_OTHER_TEXTS) or any(map(str.isspace, value[:_BYTES]))
            return len(value) >= _BYTES and value.isascii() and not told
        if isinstance(value, (Iterator, AsyncIterator)):
            return not isinstance(value, io.TextIOBase)
        if isinstance(value, (bytes, bytearray, memoryview, array)):
            data = value if isinstance(value, bytes) else memoryview(value).tobytes()
            return len(data) >= _BYTES and not (data.startswith(_OTHER_BYTES) or data[8:12] == b"WEBP")
        return self._is_long(value)

    def _is_long(self, samples: Any) -> bool:
        """Whether numbers have the shape of sound: few channels, and as long as sound beside others is."""
        if isinstance(samples, list):
            shape: Sequence[int] = (len(samples),)
        else:
            shape = samples.shape[-2:]
            kind = str(getattr(samples.dtype, "name", samples.dtype)).removeprefix("torch.")
            if kind not in _SOUNDING or samples.ndim > 3:
                return False
        least = max(self._longest // _SHARE, _LONG)
        if self._longest:
            least = max(min(least, self._longest // 2), _SHORT)
        if len(shape) == 1:
            return shape[0] >= least
        # Of embeddings the longer axis is not time.
        return min(shape) <= MOST_CHANNELS and max(shape) >= max(self._longest // 2, least)

    def _refused(self, value: Any, name: str) -> UnsupportedOutputError:
        shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
        return UnsupportedOutputError(
            f"{self._source} returned {name or 'a value'!r} ({type(value).__name__}{shape}), which looks like sound "
            "and has no name that is known as such, and so nothing is released. Name it, if it is sound (audio, wav, "
            "speech, vocals, …), or leave it out of what is returned",
            stage="detect",
        )


def _is_sound_name(name: Any) -> bool:
    return str(name).lower() in SAMPLES


def _may_sound(value: Any) -> bool:
    """Whether something that has the name of sound can be some: a path, a text and a number are none."""
    if isinstance(value, (list, tuple)) or names_of(value) is not None:
        return not isinstance(value, (list, tuple)) or _is_of_sound(value)
    return value is not None and not isinstance(value, (str, Real))


def _is_of_sound(value: Any) -> bool:
    return bool(value) and (is_samples(value) or not all(isinstance(item, (str, Real, type(None))) for item in value))


def _told(values: Mapping[Any, Any], before: str = "") -> Any:
    """The rate that a mapping or record tells, by a name that may have another before it."""
    for name in RATES:
        if whole := _whole(values.get(f"{before}{name}")):
            return whole
    return None


def _whole(value: Any) -> Any:
    """A number, or a tensor of one, as an integer where it is whole; None of what is no number."""
    if value is None or isinstance(value, (bool, str)):
        return None
    try:
        whole = int(value)
        return whole if whole == value else value
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
