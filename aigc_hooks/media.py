"""Tells pictures and arrays apart by the names of their classes, so that no framework is imported to ask."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, cast


@functools.lru_cache(maxsize=256)
def _is(kind: type, module: str, name: str) -> bool:
    return any(
        cls.__name__ == name and (cls.__module__ == module or cls.__module__.startswith(f"{module}."))
        for cls in kind.__mro__
    )


def is_picture(value: object) -> bool:
    """Whether a value is a PIL image."""
    return _is(cast(Any, type(value)), "PIL", "Image")


def is_tensor(value: object) -> bool:
    """Whether a value is a torch tensor, on any device."""
    return _is(cast(Any, type(value)), "torch", "Tensor")


def is_array(value: object) -> bool:
    """Whether a value is a NumPy array."""
    return _is(cast(Any, type(value)), "numpy", "ndarray")


NO_PICTURE = 99
"""``channel_axis`` of something that cannot be a picture."""

_CHANNELS = (1, 2, 3, 4)


def channel_axis(value: Any) -> int | None:
    """Where an array or tensor has its channels: -1, -3, None for a plain (H,W), or ``NO_PICTURE``.

    Where both could be, an array has them last and a tensor first, as NumPy and torch have the habit.
    """
    shape = tuple(value.shape)
    if len(shape) == 2:
        return None
    if len(shape) not in (3, 4):
        return NO_PICTURE
    axes = (-3, -1) if is_tensor(value) else (-1, -3)
    return next((axis for axis in axes if shape[axis] in _CHANNELS), NO_PICTURE)


def pictures_in(value: Any) -> Iterator[Any]:
    """Every PIL image in a value or in nested lists and tuples of them."""
    if is_picture(value):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from pictures_in(item)


MOST_CHANNELS = 8
"""Most channels that sound may have where its longer axis does not tell which one is time."""


def time_axis(value: Any) -> int:
    """Which axis of sound is time: of (N,), (C,N), (N,C), (B,N), (B,C,N) and (B,N,C).

    Raises:
        ValueError: It has no axis, or more than three.
    """
    shape = tuple(value.shape)
    if len(shape) not in (1, 2, 3):
        raise ValueError(f"sound has the shape (N,), (C,N), (N,C) or (B,C,N), found {shape}")
    if len(shape) == 1:
        return 0
    # Channels are few and samples are many. Where both are few, time is last, as models have the habit.
    return len(shape) - 2 if shape[-1] <= MOST_CHANNELS < shape[-2] else len(shape) - 1
