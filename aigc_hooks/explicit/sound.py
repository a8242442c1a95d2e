"""The explicit label of sound: put before or after the samples, which do not change (GB 45438-2025, 5.3).

Sound is a NumPy array, a torch tensor on any device, or a list of numbers: (N,), (C,N), (N,C), (B,N) or (B,C,N);
floating point between -1 and 1, floating point in the range of 16-bit integers, or integers. It comes back as the same
kind.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from aigc_hooks.errors import LabelError
from aigc_hooks.explicit import rhythm
from aigc_hooks.media import is_array, is_tensor, time_axis
from aigc_hooks.provider import Provider
from aigc_hooks.styles import AudioStyle

LEAST_RATE, MOST_RATE = 8_000, 192_000
"""Sampling rates that are labelled, in Hz."""

# The label is as loud as the content: twice its root mean square, and never less or more than this share of full scale.
_QUIETEST, _LOUDEST = 0.06, 0.5
_BESIDE_LOUDNESS = 2.0

_INTEGER_RANGE = 1.5
"""Floating-point samples beyond this are in the range of 16-bit integers."""

_CERTAIN = 0.1
"""Mean square below which floating-point samples are between -1 and 1, or silent: no need to look for their peak."""

_FULL_SCALE = {"uint8": 128.0, "int8": 128.0, "int16": 32768.0, "int32": 2147483648.0}

_SLACK = 0.6
"""How far from its place a label is still found, in seconds: codecs put silence before what they are given."""

_EXACT, _ALIKE = 0.99, 0.9
"""Least correlation between a label and what is taken for it at once, and for a spoken one."""


def check_rate(rate: Any) -> int:
    """Checks a sampling rate.

    Raises:
        LabelError: It is missing, no number, or outside 8 to 192 kHz.
    """
    if rate is None:
        raise LabelError(
            "the sampling rate of sound must be given: label(audio, rate=24000), in samples a second", stage="detect"
        )
    if isinstance(rate, bool) or not hasattr(rate, "__int__") or int(rate) != rate:
        raise LabelError(f"rate = {rate!r}: a sampling rate is a whole number of samples a second", stage="detect")
    if not LEAST_RATE <= int(rate) <= MOST_RATE:
        raise LabelError(
            f"rate = {rate}: a sampling rate is between {LEAST_RATE} and {MOST_RATE} samples a second", stage="detect"
        )
    return int(rate)


def missing(audio: Any, rate: int, provider: Provider) -> tuple[str, ...]:
    """The places, of those that the settings ask for, at which sound has no label yet: ``"start"``, ``"end"``.

    Raises:
        LabelError: It is no sound that can be labelled.
    """
    style = provider.audio
    asked = ("start", "end") if style.position == "both" else (style.position,)
    samples = _samples(audio)
    prompt = _prompt(rate, style)
    window = len(prompt) + round(_SLACK * rate)
    return tuple(place for place in asked if _found(_mono(samples, window, place), prompt, rate, style, place) is None)


def put(audio: Any, rate: int, provider: Provider, places: tuple[str, ...]) -> Any:
    """Sound with its label at these places, as a new object of the same kind, dtype, layout and device.

    Args:
        audio: The sound; see the module.
        rate: Samples a second, in Hz.
        provider: The settings.
        places: ``"start"``, ``"end"`` or both.

    Raises:
        LabelError: It is no sound that can be labelled.
    """
    samples = _samples(audio)
    axis = time_axis(samples)
    loudness, scale = _loudness(samples)
    level = min(max(_BESIDE_LOUDNESS * loudness, _QUIETEST), _LOUDEST) * scale
    blocks = {place: _block(samples, axis, level, rate, provider.audio, place) for place in places}
    parts = [part for part in (blocks.get("start"), samples, blocks.get("end")) if part is not None]
    if is_tensor(samples):
        import torch

        return torch.cat(parts, dim=axis)
    import numpy

    joined = numpy.concatenate(parts, axis=axis)
    return joined.tolist() if isinstance(audio, list) else joined


def content(audio: Any, rate: int, style: AudioStyle, seconds: float) -> Any:
    """The first seconds of sound behind its label, as one channel, (N,) float32; None where it has no label."""
    samples = _samples(audio)
    if style.position == "end":
        return _mono(samples, round(seconds * rate), "start")
    prompt, pause = _prompt(rate, style), _pause(rate, style)
    reach = len(prompt) + round(_SLACK * rate)
    mono = _mono(samples, reach + pause + round(seconds * rate), "start")
    found = _found(mono[:reach], prompt, rate, style, "start")
    if found is None:
        return None
    # The pause is silent, and is no content: its middle is a safe place to begin.
    return mono[found + len(prompt) + pause // 2 :][: round(seconds * rate)]


def _samples(audio: Any) -> Any:
    """Sound as an array or tensor, checked.

    Raises:
        LabelError: It is empty, of another kind, or holds numbers that are none.
    """
    import numpy

    if isinstance(audio, list):
        try:
            audio = numpy.asarray(audio, dtype=numpy.float64)
        except (TypeError, ValueError) as error:
            raise LabelError(f"a list is no sound, for not all in it is a number: {error}", stage="detect") from error
    if not (is_array(audio) or is_tensor(audio)):
        raise LabelError(f"{type(audio).__name__} is no sound: give an array, a tensor or a list", stage="detect")
    kind = str(audio.dtype).removeprefix("torch.")
    if kind not in _FULL_SCALE and not kind.startswith(("float", "bfloat")):
        raise LabelError(
            f"samples of dtype {kind} are no sound: floating point, {', '.join(_FULL_SCALE)} are", stage="detect"
        )
    try:
        axis = time_axis(audio)
    except ValueError as error:
        raise LabelError(str(error), stage="detect") from error
    if not audio.shape[axis] or not all(audio.shape):
        raise LabelError(f"sound of shape {tuple(audio.shape)} is empty: there is nothing to label", stage="detect")
    return audio


def _loudness(samples: Any) -> tuple[float, float]:
    """Root mean square of the samples as a share of full scale, and full scale itself.

    Raises:
        LabelError: A sample is NaN or infinite.
    """
    kind = str(samples.dtype).removeprefix("torch.")
    numbers = samples.detach() if is_tensor(samples) else samples
    if kind not in ("float32", "float64"):
        numbers = numbers.float() if is_tensor(samples) else numbers.astype("float32")
    flat = numbers.reshape(-1)
    offset = 128.0 if kind == "uint8" else 0.0
    # One product tells how loud it is, and whether all of it is numbers: it is the fastest look at them all.
    size = float(((flat - offset) if offset else flat) @ ((flat - offset) if offset else flat)) / len(flat)
    if not math.isfinite(size):
        raise _no_numbers()
    scale = _FULL_SCALE.get(kind, 1.0)
    if kind not in _FULL_SCALE and size > _CERTAIN and float(abs(numbers).max()) > _INTEGER_RANGE:
        scale = 32768.0
    return math.sqrt(size) / scale, scale


def _no_numbers() -> LabelError:
    return LabelError("the sound holds NaN or infinite samples; its model or its scaling is at fault", stage="detect")


def _prompt(rate: int, style: AudioStyle) -> Any:
    """The label between -1 and 1, (N,) float32, without the pause."""
    if style.kind == "rhythm":
        return rhythm.rhythm(rate, style.frequency, style.unit)
    from aigc_hooks.explicit import voice

    return voice.prompt(rate, style)


def _pause(rate: int, style: AudioStyle) -> int:
    return round(rhythm.PAUSE * style.unit * rate)


def _block(samples: Any, axis: int, level: float, rate: int, style: AudioStyle, place: str) -> Any:
    """The label and the pause, shaped like the samples."""
    import numpy

    prompt = _prompt(rate, style)
    wave: Any = numpy.zeros(len(prompt) + _pause(rate, style), numpy.float32)
    at = slice(None, len(prompt)) if place == "start" else slice(len(wave) - len(prompt), None)
    numpy.multiply(prompt, numpy.float32(level), out=wave[at])
    kind = str(samples.dtype).removeprefix("torch.")
    if kind in _FULL_SCALE:
        wave = wave.round() + (128 if kind == "uint8" else 0)
    shape = [1] * samples.ndim
    shape[axis] = len(wave)
    whole = [*samples.shape]
    whole[axis] = len(wave)
    if is_tensor(samples):
        import torch

        return torch.from_numpy(wave).to(samples.device, samples.dtype).reshape(shape).expand(whole)
    return numpy.broadcast_to(wave.astype(samples.dtype).reshape(shape), whole)


def _mono(samples: Any, window: int, place: str) -> Any:
    """The first or last samples as one channel, (N,) float32."""
    axis = time_axis(samples)
    at: list[Any] = [slice(None)] * samples.ndim
    at[axis] = slice(None, window) if place == "start" else slice(max(samples.shape[axis] - window, 0), None)
    part = samples[tuple(at)]
    if is_tensor(part):
        part = part.detach().float().cpu().numpy()
    part = part.astype("float32", copy=False)
    if str(samples.dtype).endswith("uint8"):
        part = part - 128
    others = tuple(n for n in range(part.ndim) if n != axis)
    mono = part.mean(axis=others) if others else part
    if not math.isfinite(float(mono @ mono)):
        raise _no_numbers()
    return mono


def _found(mono: Any, prompt: Any, rate: int, style: AudioStyle, place: str) -> int | None:
    """Where in the samples at an end of a sound its label begins; None where it has none there."""
    import numpy

    if style.kind == "rhythm":
        if not rhythm.may_hold(mono, rate, style.frequency, style.unit):
            return None
        if place == "start" and _correlation(mono[: len(prompt)], prompt) >= _EXACT:
            return 0  # as it was put there
        loudest = float(numpy.abs(mono).max(initial=0.0))
        found = rhythm.find(mono / loudest, rate, style.frequency, style.unit) if 0 < loudest < math.inf else []
        return max(round(found[0].start * rate), 0) if found else None
    at = 0 if place == "start" else max(len(mono) - len(prompt), 0)
    return at if _correlation(mono[at : at + len(prompt)], prompt) >= _ALIKE else None


def _correlation(part: Any, prompt: Any) -> float:
    """How much samples are like others, at whatever level: 1 for the same."""
    if len(part) != len(prompt):
        return 0.0
    size = math.sqrt(float(part @ part) * float(prompt @ prompt))
    return float(part @ prompt) / size if 0 < size < math.inf else 0.0


@functools.lru_cache(maxsize=1)
def _default() -> AudioStyle:
    return AudioStyle()


def find_rhythm(audio: Any, rate: int, *, style: AudioStyle | None = None) -> tuple[rhythm.Rhythm, ...]:
    """Finds every rhythm label in sound, wherever it is and however loud, also after lossy compression.

    Finding none does not mean that the sound was not generated (Measures, article 6).

    Args:
        audio: An array, tensor or list: (N,), (C,N), (N,C), (B,N) or (B,C,N).
        rate: Samples a second, in Hz.
        style: The settings that it was labelled with, if they are not the defaults.

    Returns:
        In order of time, each with its start and end in seconds.

    Raises:
        LabelError: It is no sound, or the rate is missing.
    """
    style = style or _default()
    rate = check_rate(rate)
    samples = _samples(audio)
    mono = _mono(samples, samples.shape[time_axis(samples)], "start")
    loudest = float(abs(mono).max(initial=0.0))
    return tuple(rhythm.find(mono / loudest, rate, style.frequency, style.unit)) if loudest else ()
