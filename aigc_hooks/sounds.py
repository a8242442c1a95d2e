"""How the label of sound is found again when it is saved.

A picture carries its label in ``info``; samples have no such place, and scripts do with them what they like: make
other arrays of them, scale them to integers, join them. So the samples themselves are asked: behind a label that can be
heard, the beginning of the content is compared with that of the sounds that were labelled in this process.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from aigc_hooks.errors import LabelError
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider

MOST = 4096
"""How many labelled sounds are remembered; the oldest are forgotten."""

_SECONDS = 2.0
_SIZE = 512
_LAG = 48
_ONSET = 0.1
_ALIKE, _SAME = 0.98, 0.99999


class _Kept(NamedTuple):
    rate: int
    print: Any
    label: Label
    provider: Provider


_kept: deque[_Kept] = deque(maxlen=MOST)


def remember(audio: Any, rate: int, label: Label, provider: Provider) -> None:
    """Keeps the label of a sound that has been labelled."""
    found = _print(audio, rate, provider, 0)
    if found is not None:
        _kept.append(_Kept(rate, found, label, provider))


def label_of(audio: Any, rate: int) -> tuple[Label, Provider] | None:
    """The label that a sound got in this process, and by which settings; None where it got none, or was forgotten.

    It is found after other arrays were made of the samples, other integers or floating point, other levels, other
    layouts, and after other sound was put behind; not at another sampling rate.
    """
    prints: dict[Any, Any] = {}
    best, found = _ALIKE, None
    for each in reversed(list(_kept)):
        if each.rate != rate:
            continue
        style = each.provider.audio
        if style not in prints:
            try:
                prints[style] = _print(audio, rate, each.provider, _LAG)
            except LabelError:
                return None
        if prints[style] is not None and (alike := _likeness(each.print, prints[style])) > best:
            best, found = alike, (each.label, each.provider)
            if best >= _SAME:
                break
    return found


def _print(audio: Any, rate: int, provider: Provider, around: int) -> Any:
    """The first samples of the content that can be heard, with some around them; None without a label before them."""
    import numpy

    from aigc_hooks.explicit import sound

    mono = sound.content(audio, rate, provider.audio, _SECONDS)
    if mono is None:
        return None
    loud = numpy.abs(mono)
    peak = float(loud.max(initial=0.0))
    onset = int(numpy.argmax(loud >= _ONSET * peak)) if peak else 0
    size = _SIZE + 2 * around
    part: Any = numpy.zeros(size, numpy.float32)
    begin = onset - around
    inner = mono[max(begin, 0) : begin + size]
    part[max(-begin, 0) : max(-begin, 0) + len(inner)] = inner
    return part


def _likeness(kept: Any, found: Any) -> float:
    """How much a print is like another one at some scale, a few samples earlier or later: 1 for the same."""
    import numpy

    size = float(numpy.linalg.norm(kept))
    if not size:
        return float(not found.any())
    windows = numpy.lib.stride_tricks.sliding_window_view(found, len(kept))
    sizes = numpy.linalg.norm(windows, axis=1) * size
    return float((windows @ kept / numpy.maximum(sizes, 1e-9)).max())
