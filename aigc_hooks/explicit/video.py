"""Draws the label on the frames of films: lists of pictures, arrays and tensors, in place (GB 45438-2025, 5.4)."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from aigc_hooks.errors import LabelError, UnsupportedOutputError
from aigc_hooks.media import NO_PICTURE, channel_axis, is_picture
from aigc_hooks.provider import Provider
from aigc_hooks.styles import VideoStyle

ASSUMED_FPS = 60.0
"""Frames a second where nothing tells: at any lower rate, what is an opening then lasts longer than it must."""

_MOST_FPS = 1000.0

_ASKED = 8
"""How many frames are asked for the range of a film's values."""


@dataclass(frozen=True)
class Run:
    """Frames of a film that got the label together.

    Attributes:
        frames: Their numbers, one after the other.
        covered: What lay under the label, as the renderer of pictures or arrays keeps it.
    """

    frames: range
    covered: Any


def check_fps(fps: Any) -> float:
    """Checks a frame rate.

    Raises:
        LabelError: It is no number above 0 and at most 1000.
    """
    try:
        rate = 0.0 if isinstance(fps, (bool, str)) else float(fps)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        rate = 0.0
    if not 0 < rate <= _MOST_FPS:
        raise LabelError(f"fps = {fps!r}: a frame rate is a number of frames a second, such as 24", stage="detect")
    return rate


def check_film(film: Any) -> None:
    """Checks that something is the frames of one film.

    Raises:
        UnsupportedOutputError: It has no frames, they are no pictures, or they are of several sizes.
    """
    if not len(film):
        raise UnsupportedOutputError("a film without frames", stage="detect")
    sizes = set(map(_size, film)) if isinstance(film, (list, tuple)) else {_size(film)}
    if len(sizes) > 1:
        raise UnsupportedOutputError(f"the frames of a film have one size, found {sorted(sizes)}", stage="detect")


def _size(frame: Any) -> tuple[int, ...]:
    if is_picture(frame):
        return tuple(frame.size)
    if channel_axis(frame) == NO_PICTURE:
        raise UnsupportedOutputError(
            f"shape {tuple(frame.shape)} is no film: expected (F,H,W,C) or (B,F,H,W,C) for arrays, (F,C,H,W) or "
            "(B,F,C,H,W) for tensors, with 1 to 4 channels",
            stage="detect",
        )
    return tuple(frame.shape)


def as_picture(provider: Provider) -> Provider:
    """The provider with the style of films in place of that of pictures."""
    return _as_picture(provider)


@functools.lru_cache(maxsize=64)
def _as_picture(provider: Provider) -> Provider:
    return provider.model_copy(update={"image": provider.video})


def labelled_frames(count: int, style: VideoStyle, fps: float | None) -> list[int]:
    """Numbers of the frames that must show the label."""
    if style.coverage == "throughout":
        return list(range(count))
    span = opening(style, fps)
    shown = set(range(min(span, count)))
    if style.middle:
        shown.update(range(max(0, (count - span) // 2), min(count, (count + span + 1) // 2)))
    if style.end:
        shown.update(range(max(0, count - span), count))
    return sorted(shown)


def opening(style: VideoStyle, fps: float | None) -> int:
    """How many frames the label stays: as many as last at least the seconds that the style asks for."""
    return math.ceil(style.seconds * (fps or ASSUMED_FPS) - 1e-6)


def missing(film: Any, provider: Provider, fps: float | None) -> Iterator[int]:
    """Numbers of the frames that must show the label and do not: the first settles whether a film is labelled.

    Raises:
        UnsupportedOutputError: They are no pictures, or too small for the label.
        LabelError: Their values leave the range of their dtype.
    """
    wanted = labelled_frames(len(film), provider.video, fps)
    by = as_picture(provider)
    if not isinstance(film, (list, tuple)):
        from aigc_hooks.explicit import array

        levels = _levels(film)
        for run in _runs(wanted):
            shown = array.showing(film[run.start : run.stop], by, levels)
            yield from (number for number, shows in zip(run, shown, strict=True) if not shows)
        return
    from aigc_hooks.explicit import array, picture

    for number in wanted:
        if not (picture if is_picture(film[number]) else array).shows_label(film[number], by):
            yield number


def draw(film: Any, provider: Provider, frames: Iterable[int]) -> list[Run]:
    """Draws the label into frames of a film, in place, and returns what it covers.

    Args:
        film: A list of PIL images or of arrays (H,W,C), an array (F,H,W,C) or a tensor (F,C,H,W); dtypes and ranges as
            in ``explicit.array``.
        provider: Gives wording and style.
        frames: Numbers of the frames, in order.

    Raises:
        UnsupportedOutputError: The frames are no pictures, or too small for the wording.
        LabelError: An array is read-only, or its values leave the range of its dtype.
    """
    from aigc_hooks.explicit import array, picture

    by = as_picture(provider)
    if not isinstance(film, (list, tuple)):
        levels = _levels(film)
        return [Run(run, array.draw(film[run.start : run.stop], by, levels)) for run in _runs(frames)]
    arrays = [frame for frame in film if not is_picture(frame)]
    shades = _levels(arrays) if arrays else None
    return [
        Run(
            range(number, number + 1),
            picture.draw(film[number], by) if is_picture(film[number]) else array.draw(film[number], by, shades),
        )
        for number in frames
    ]


def _levels(film: Any) -> tuple[float, float]:
    """The values of black and white, which a frame without dark pixels does not tell: a few frames are asked."""
    from aigc_hooks.explicit import array

    few = film[:: -(-len(film) // _ASKED)]
    return min(map(array.value_range, few)) if isinstance(film, (list, tuple)) else array.value_range(few)


def _runs(frames: Iterable[int]) -> Iterator[range]:
    """Numbers in order, as ranges."""
    start = stop = None
    for number in frames:
        if start is None or number != stop:
            if start is not None and stop is not None:
                yield range(start, stop)
            start = number
        stop = number + 1
    if start is not None and stop is not None:
        yield range(start, stop)
