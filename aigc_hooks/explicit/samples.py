"""Sound as samples: what is sound, which way time runs in it, and how loud it is.

Sound is a NumPy array, a torch tensor on any device, or a list of numbers: (N,), (C,N), (N,C), (B,N), (B,C,N) or
(B,N,C); floating point between -1 and 1, floating point in the range of 16-bit integers, or integers.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from aigc_hooks.errors import LabelError
from aigc_hooks.media import host, is_array, is_tensor, require_numpy, time_axis

LEAST_RATE, MOST_RATE = 8_000, 192_000
"""Sampling rates that are labelled, in Hz."""

INTEGER_RANGE = 32.0
"""Floating-point samples beyond this are in the range of 16-bit integers: models overshoot 1, but not by so much."""

_FULL_SCALE = {"uint8": 128.0, "int8": 128.0, "int16": 32768.0, "int32": 2147483648.0}
_FLOATING = ("float16", "bfloat16", "float32", "float64", "float96", "float128")

_LARGEST = 3.4e38
"""Samples beyond this are no numbers: 32 bits hold none."""

# How loud sound is where there is some, is told by the middle of so many frames of so many samples.
_FRAMES, _FRAME = 32, 256
_ACTIVE = 1e-3
"""Least power of a frame that counts as sound, against the loudest frame: 30 dB below it."""


def check_rate(rate: Any) -> int:
    """Checks a sampling rate.

    Raises:
        LabelError: It is missing, no whole number, or outside 8 to 192 kHz.
    """
    if rate is None:
        raise LabelError(
            "the sampling rate of sound must be given: label(audio, rate=24000), in samples a second", stage="detect"
        )
    try:
        whole = 0 if isinstance(rate, (bool, str)) else int(rate)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        whole = 0
    if not whole or whole != rate:
        raise LabelError(
            f"rate = {rate!r}: a sampling rate is a whole number of samples a second, such as 24000", stage="detect"
        )
    if not LEAST_RATE <= whole <= MOST_RATE:
        raise LabelError(
            f"rate = {whole}: a sampling rate is between {LEAST_RATE} and {MOST_RATE} samples a second; resample the "
            "sound first",
            stage="detect",
        )
    return whole


def samples_of(audio: Any) -> Any:
    """Sound as an array or tensor, checked; a list of whole numbers as the integers that hold them.

    Raises:
        LabelError: It is empty or of another kind, nobody can tell which way time runs in it, or NumPy is missing.
    """
    require_numpy("sound is labelled and looked at", "audio")
    if isinstance(audio, list):
        audio = _listed(audio)
    if not (is_array(audio) or is_tensor(audio)):
        raise LabelError(f"{type(audio).__name__} is no sound: give an array, a tensor or a list", stage="detect")
    if _is_hollow(audio):
        raise LabelError(
            f"{type(audio).__name__} has samples that are masked, sparse or not there: give a plain array or tensor",
            stage="detect",
        )
    kind = kind_of(audio)
    if kind not in _FULL_SCALE and kind not in _FLOATING:
        raise LabelError(
            f"samples of dtype {kind} are no sound: {', '.join((*_FLOATING[:4], *_FULL_SCALE))} are; convert them, as "
            "in samples.astype('int16') or samples.float()",
            stage="detect",
        )
    try:
        axis = time_axis(audio)
    except ValueError as error:
        raise LabelError(str(error), stage="detect") from error
    if not audio.shape[axis] or not all(audio.shape):
        raise LabelError(f"sound of shape {tuple(audio.shape)} is empty: there is nothing to label", stage="detect")
    return audio.detach() if is_tensor(audio) else audio


def _listed(audio: list[Any]) -> Any:
    import numpy

    try:
        made = numpy.asarray(audio)
        if made.size and made.dtype.kind not in "iuf":
            raise ValueError(f"found {made.dtype.name}")
    except (TypeError, ValueError, RuntimeError) as error:
        raise LabelError(f"a list is no sound, for not all in it is a number: {error}", stage="detect") from error
    if made.size and made.dtype.kind in "iu":
        fits = made.min() >= -32768 and made.max() <= 32767
        return made.astype(numpy.int16 if fits else numpy.int32)
    return made.astype(numpy.float64, copy=False)


def _is_hollow(audio: Any) -> bool:
    if is_tensor(audio):
        return bool(audio.is_meta or str(audio.layout) != "torch.strided")
    return hasattr(audio, "mask")


def kind_of(samples: Any) -> str:
    """The name of a dtype, without its byte order or the name of its library."""
    return _name(samples.dtype)


@functools.lru_cache(maxsize=64)
def _name(dtype: Any) -> str:
    return str(getattr(dtype, "name", dtype)).removeprefix("torch.")


def is_integer(samples: Any) -> bool:
    """Whether samples are integers."""
    return kind_of(samples) in _FULL_SCALE


def middle(samples: Any) -> float:
    """What silence is in these samples: bytes without a sign have it in the middle of their range."""
    return 128.0 if kind_of(samples) == "uint8" else 0.0


def rows(samples: Any) -> list[Any]:
    """Each channel of each sound by itself, (N,), as views."""
    axis = time_axis(samples)
    moved = samples.movedim(axis, -1) if is_tensor(samples) else samples.swapaxes(axis, -1)
    if moved.ndim == 1:
        return [moved]
    return list(moved) if moved.ndim == 2 else [row for sound in moved for row in sound]


def window(samples: Any, count: int, place: str) -> Any:
    """The first or last samples of every channel of every sound: (rows, n) float32 on the host.

    Args:
        samples: The sound, checked.
        count: How many samples, at most.
        place: ``"start"`` or ``"end"``.

    Raises:
        LabelError: One of them is NaN or infinite.
    """
    axis = time_axis(samples)
    at: list[Any] = [slice(None)] * samples.ndim
    at[axis] = slice(None, count) if place == "start" else slice(max(samples.shape[axis] - count, 0), None)
    part = as_floats(samples[tuple(at)])
    part = part.swapaxes(axis, -1).reshape(-1, part.shape[axis])
    flat = part.reshape(-1)
    if not math.isfinite(float(flat @ flat)):
        raise no_numbers()
    return part


def as_floats(part: Any) -> Any:
    """A part of samples as a float32 array on the host, with silence at 0."""
    import numpy

    zero = middle(part)
    if is_tensor(part):
        part = part.detach().float().cpu().numpy()
    if part.dtype != "float32":
        with numpy.errstate(over="ignore"):  # what does not fit is refused as infinite
            part = part.astype("float32")
    return part - part.dtype.type(zero) if zero else part


def loudness(samples: Any) -> tuple[float, float]:
    """How loud sound is where it is not silent, as a share of full scale (root mean square), and full scale itself.

    Raises:
        LabelError: A sample is NaN or infinite.
    """
    import numpy

    scale = _FULL_SCALE.get(kind_of(samples), 1.0)
    with numpy.errstate(all="ignore"):  # what is no number is refused
        loud = _active(samples)
        if not is_integer(samples) and _peak(samples) > INTEGER_RANGE:
            scale = 32768.0
    return loud / scale, scale


def _peak(samples: Any) -> float:
    """The peak of floating-point samples where it may be beyond their usual range, and 0 where it is not.

    All are looked at once, which is the least that finds what is no number: the highest bit of the exponent is set in
    numbers from 2 on, and in those that are none.

    Raises:
        LabelError: A sample is NaN or infinite.
    """
    import numpy

    numbers = host(samples)
    if is_tensor(numbers):
        return _range(numbers.float())
    if numbers.dtype.itemsize > 8:
        numbers = numbers.astype("float64")
    size = numbers.dtype.itemsize
    bits = int(numpy.bitwise_or.reduce(numbers.view(f"{numbers.dtype.byteorder}u{size}"), axis=None))
    return _range(numbers) if bits >> (8 * size - 2) & 1 else 0.0


def check_numbers(sound: Any) -> None:
    """Checks sound that leaves as it is, as a piece of a stream.

    Raises:
        LabelError: It is no sound, or one of its samples is NaN or infinite.
    """
    if isinstance(sound, list):
        try:
            if not math.isfinite(sum(sound)):
                raise no_numbers()
            return
        except (TypeError, OverflowError):
            sound = _listed(sound)
    samples = samples_of(sound)
    if not is_integer(samples):
        _peak(samples)


def _range(numbers: Any) -> float:
    """The largest of numbers, whatever its sign.

    Raises:
        LabelError: One of them is NaN or infinite, or would be in 32 bits.
    """
    largest = max(float(numbers.max()), -float(numbers.min()))
    if not largest <= _LARGEST:
        raise no_numbers()
    return largest


def _active(samples: Any) -> float:
    """Root mean square of the frames that hold sound; a constant offset is none."""
    import numpy

    axis = time_axis(samples)
    moved = samples.movedim(axis, -1) if is_tensor(samples) else samples.swapaxes(axis, -1)
    count = moved.shape[-1]
    frames = max(min(count // _FRAME, _FRAMES), 1)
    step = count // frames
    # A view of all frames, of which the beginnings are taken: whatever the length, little is looked at.
    parts = moved[..., : frames * step].reshape(*moved.shape[:-1], frames, step)[..., :_FRAME]
    part = as_floats(parts).reshape(-1, parts.shape[-1])
    mean = part.sum(axis=1) / part.shape[1]
    power = numpy.einsum("ij,ij->i", part, part) / part.shape[1] - mean * mean
    heard = power[power >= max(_ACTIVE * float(power.max()), 0.0)]
    return math.sqrt(float(heard.sum()) / len(heard)) if len(heard) else 0.0


def no_numbers() -> LabelError:
    """The error for samples that are none."""
    return LabelError("the sound holds NaN or infinite samples; its model or its scaling is at fault", stage="detect")
