"""How loud a sound is from moment to moment: what is left of it at another rate, filtered, coded or mixed.

By it a sound is known again where its samples have become others. It is told by a second and a half of it, or less than
one where there is no more, from where it gets loud. What is shorter, or as loud all through, is not known by it: others
would be taken for it.
"""

from __future__ import annotations

from typing import Any

LENGTHS = (150, 90)
"""How many steps tell a sound, and how many where it is shorter."""

_STEP = 0.01
_SMOOTH = 3
_LAGS = range(-4, 5)
"""By how many half steps the beginning may be found earlier or later than it was."""

_LOUD = 0.2
"""From which share of what is loudest at its beginning a sound is loud."""

_LEAST = 0.2
"""Least variation, as a share of the loudness."""

ALIKE = {150: 0.97, 90: 0.985}
"""Least correlation of two that are taken for one, by how many steps tell them."""


def envelope(part: Any, rate: int) -> tuple[Any, int]:
    """The envelope of a sound, (150,) of mean 0 and size 1, and how many steps it has; 0 for none."""
    import numpy

    begin = _begin(part, rate)
    for length in LENGTHS:
        if begin is not None and (found := _curve(part, rate, begin, length)) is not None:
            return found, length
    return numpy.zeros(LENGTHS[0], numpy.float32), 0


def likest(part: Any, rate: int, kept: Any, lengths: Any) -> tuple[bool, float, int]:
    """Whether one of some envelopes is that of a sound, how much it is like it, and which it is: the first of equals.

    Args:
        part: The sound.
        rate: Samples a second.
        kept: (n,150), as ``envelope`` makes them.
        lengths: (n,), how many steps each has.
    """
    import numpy

    if (begin := _begin(part, rate)) is None:
        return False, 0.0, 0
    for length in LENGTHS:
        best = (0.0, 0)
        for lag in _LAGS:
            own = _curve(part, rate, begin + round(lag * _STEP / 2 * rate), length)
            if own is None:
                continue
            alike = numpy.where(lengths == length, kept @ own, 0.0).round(3)
            place = int(alike.argmax())
            if alike[place] > best[0]:
                best = float(alike[place]), place
        if best[0] >= ALIKE[length]:
            return True, *best
    return False, 0.0, 0


def _steps(part: Any, rate: int, begin: int, count: int) -> Any:
    """The energy of so many steps."""
    import numpy

    if rate % 100 == 0:  # each has as many samples, as at most rates
        frames = part[begin : begin + count * (rate // 100)].reshape(count, -1)
        return numpy.einsum("ij,ij->i", frames, frames)
    edges = numpy.round(numpy.arange(count + 1) * (_STEP * rate)).astype(numpy.intp)
    piece = part[begin : begin + edges[-1]]
    return numpy.add.reduceat(piece * piece, edges[:-1])


def _begin(part: Any, rate: int) -> int | None:
    """Where a sound gets loud; None where it is too short."""
    import numpy

    count = min(int(len(part) / (_STEP * rate)), LENGTHS[0])
    if count < LENGTHS[-1]:
        return None
    loud = numpy.sqrt(_steps(part, rate, 0, count))
    return round(int((loud >= _LOUD * loud.max()).argmax()) * _STEP * rate)


def _curve(part: Any, rate: int, begin: int, length: int) -> Any:
    """The envelope from a sample on; None where there is less of it, or it is as loud all through."""
    import numpy

    count = length + _SMOOTH - 1
    if begin < 0 or begin + round(count * _STEP * rate) > len(part):
        return None
    loud = numpy.sqrt(numpy.convolve(_steps(part, rate, begin, count), numpy.ones(_SMOOTH), "valid"))
    middle = float(loud.mean())
    loud -= middle
    size = float(numpy.linalg.norm(loud))
    if not size > _LEAST * middle * length**0.5:
        return None
    found: Any = numpy.zeros(LENGTHS[0], numpy.float32)
    found[:length] = loud / size
    return found
