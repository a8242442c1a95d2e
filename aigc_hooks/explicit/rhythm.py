"""The rhythm label of sound: short-long, short-short, Morse for "AI" (GB 45438-2025, 5.3 c and its note 1).

The standard names neither tone nor speed. Ours is 800 Hz in units of 0.1 s, inside the band of a telephone: a short
sound is one unit, a long one three; one unit of silence between the sounds of a letter, three between the letters, and
three between the rhythm and the content.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Sound and silence in units, one after the other.
PULSES = (1, -1, 3, -3, 1, -1, 1)
PAUSE = 3
"""Silence between the rhythm and the content, in units."""

LENGTH = sum(map(abs, PULSES))
"""Length of the rhythm without the pause, in units."""

_EDGE = 0.006
"""How long a sound swells and fades, in seconds: at once, it would click."""

_HOPS = 10
"""In how many steps a unit is looked at."""

# Of the tone: how even the sounds must be, how much of it may be left in the silences, and how much of all sound it is.
_LEAST_IN_SOUND = 0.45
_MOST_IN_SILENCE = 0.35
_LEAST_SHARE = 0.6
_FAINTEST = 1e-4
_BESIDE = 2
"""How many units before and behind it must hold no other sound of its kind."""

_BLOCK = 30.0
"""How many seconds are looked at at a time."""


class Rhythm(NamedTuple):
    """One rhythm label in a sound.

    Attributes:
        start: Where its first sound begins, in seconds.
        end: Where its last sound ends, in seconds.
    """

    start: float
    end: float


@functools.lru_cache(maxsize=64)
def rhythm(rate: int, frequency: float, unit: float) -> Any:
    """The rhythm as samples.

    Args:
        rate: Samples a second, in Hz.
        frequency: Of the tone, in Hz.
        unit: Length of a short sound, in seconds.

    Returns:
        (N,) float32 between -1 and 1, read-only: the seven sounds and silences, without the pause.
    """
    import numpy

    parts: list[Any] = []
    for length in PULSES:
        count = round(abs(length) * unit * rate)
        if length < 0:
            parts.append(numpy.zeros(count, numpy.float32))
            continue
        tone = numpy.sin(2 * numpy.pi * frequency / rate * numpy.arange(count))
        edge = min(round(_EDGE * rate), count // 2)
        swell = (1 - numpy.cos(numpy.pi * (numpy.arange(edge) + 0.5) / max(edge, 1))) / 2
        tone[:edge] *= swell
        tone[count - edge :] *= swell[::-1]
        parts.append(tone.astype(numpy.float32))
    samples = numpy.concatenate(parts)
    samples.flags.writeable = False
    return samples


def may_hold(mono: Any, rate: int, frequency: float, unit: float) -> bool:
    """Whether the tone is in (N,) samples at all: a quick look, which spares most sounds the close one."""
    import numpy

    width = max(round(2 * unit / _HOPS * rate), 8)
    frames = mono[: len(mono) // width * width].reshape(-1, width)
    tone = frames @ _tone(width, rate, frequency)
    power = numpy.einsum("ij,ij->i", frames, frames) * (_LEAST_SHARE / width)
    loudest = float(power.max(initial=0.0))
    if not loudest:
        return False
    return bool(((tone * tone).sum(axis=1) >= numpy.maximum(power, _FAINTEST**2 * loudest)).any())


@functools.lru_cache(maxsize=64)
def _tone(width: int, rate: int, frequency: float) -> Any:
    """What a frame is multiplied with to get the amplitude of the tone in it, as two parts: (width, 2) float32."""
    import numpy

    angle = 2 * numpy.pi * frequency / rate * numpy.arange(width)
    return (numpy.stack([numpy.cos(angle), numpy.sin(angle)], axis=1) * (2 / width)).astype(numpy.float32)


def find(read: Callable[[int, int], Any], count: int, rate: int, frequency: float, unit: float) -> list[Rhythm]:
    """Finds every rhythm in a sound, at whatever level, also after lossy compression.

    Args:
        read: Gives the samples from one index to another, (n,) float32 between -1 and 1.
        count: How many samples there are.
        rate: Samples a second, in Hz.
        frequency: Of the tone, in Hz.
        unit: Length of a short sound, in seconds.

    Returns:
        In order of time. Memory is bounded: it is looked at in blocks.
    """
    found: list[Rhythm] = []
    hop = unit / _HOPS
    for offset, tone, share in _blocks(read, count, rate, frequency, unit):
        for at in _matches(tone, share):
            start = offset + at * hop
            if not found or start > found[-1].end:
                found.append(Rhythm(start, start + LENGTH * unit))
    return found


def _blocks(
    read: Callable[[int, int], Any], count: int, rate: int, frequency: float, unit: float
) -> Iterator[tuple[float, Any, Any]]:
    """For each block its time, and step by step the amplitude of the tone and its share of all sound."""
    import numpy

    hop = unit / _HOPS * rate
    width = max(round(2 * hop), 8)
    window: Any = numpy.hanning(width + 2)[1:-1].astype(numpy.float32)
    wave = window[:, None] * _tone(width, rate, frequency) * (width / window.sum())
    weights = window / window.sum()
    steps = int(count / hop)
    per_block = round(_BLOCK / (hop / rate))
    overlap = (LENGTH + 2 * PAUSE) * _HOPS
    # Silence on both sides, so that a rhythm at an edge is seen whole.
    margin = 2 * width + round(2 * unit * rate)
    for first in range(0, max(steps, 1), per_block):
        begin = round(first * hop) - margin
        end = round((first + per_block + overlap) * hop) + margin
        piece: Any = numpy.zeros(min(end, count + margin) - begin, numpy.float32)
        inner = read(max(begin, 0), min(max(end, 0), count))
        at = max(begin, 0) - begin
        piece[at : at + len(inner)] = inner
        starts = numpy.round(numpy.arange(0, (len(piece) - width) / hop) * hop).astype(numpy.intp)
        frames = numpy.lib.stride_tricks.sliding_window_view(piece, width)[starts]
        tone = numpy.hypot(*(frames @ wave).T)
        power = (frames * frames) @ weights
        share = tone * tone / 2 / numpy.maximum(power, _FAINTEST**2)
        # A frame stands for its middle.
        yield (begin + width / 2) / rate, tone, share


def _matches(tone: Any, share: Any) -> list[int]:
    """The steps at which a rhythm begins: even sounds of the tone alone, and silence where silence should be."""
    import numpy

    # A sound less than a letter's gap before or behind makes other letters of the first and the last.
    first = _BESIDE * _HOPS
    count = len(tone) - first - (LENGTH + _BESIDE) * _HOPS
    if count <= 0:
        return []

    def inner(of: Any, at: int, length: int) -> Any:
        # Without the steps at its ends, which hold a part of what is beside them.
        return numpy.lib.stride_tricks.sliding_window_view(of, length * _HOPS - 4)[at + 2 : at + 2 + count]

    loudest = numpy.zeros(count, tone.dtype)
    faintest = numpy.full(count, numpy.inf, tone.dtype)
    purest = numpy.full(count, numpy.inf, tone.dtype)
    left = numpy.zeros(count, tone.dtype)
    at = first
    for length in (*PULSES, -1):  # silence behind it: else its last sound could be the beginning of a longer one
        part = inner(tone, at, abs(length))
        if length > 0:
            loudest = numpy.maximum(loudest, part.max(axis=1))
            faintest = numpy.minimum(faintest, part.min(axis=1))
            purest = numpy.minimum(purest, numpy.median(inner(share, at, length), axis=1))
        else:
            left = numpy.maximum(left, part.max(axis=1))
        at += abs(length) * _HOPS
    fits = (
        (faintest >= _LEAST_IN_SOUND * loudest)
        & (left <= _MOST_IN_SILENCE * loudest)
        & (purest >= _LEAST_SHARE)
        & (faintest > _FAINTEST)
    )
    for at in (0, first - _HOPS, first + (LENGTH + 1) * _HOPS):
        pure = numpy.median(inner(share, at, 1), axis=1) >= _LEAST_SHARE
        fits &= ~(pure & (inner(tone, at, 1).min(axis=1) >= _LEAST_IN_SOUND * loudest))
    # Neighbouring steps see the same one: the middle of a run is where it is.
    runs = numpy.flatnonzero(numpy.diff(numpy.concatenate([[False], fits, [False]]).astype(numpy.int8)))
    return [first + int((one + other - 1) // 2) for one, other in zip(runs[::2], runs[1::2], strict=True)]
