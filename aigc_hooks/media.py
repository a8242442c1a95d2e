"""Tells pictures and arrays apart by the names of their classes, so that no framework is imported to ask."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from numbers import Real
from typing import Any, cast

from aigc_hooks.errors import LabelError


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


def is_mesh(value: object) -> bool:
    """Whether a value is a mesh, as pipelines return it: an object with ``verts`` (N,3) and ``faces`` (M,3)."""
    return _is_triples(getattr(value, "verts", None)) and _is_triples(getattr(value, "faces", None))


def _is_triples(value: Any) -> bool:
    return (is_array(value) or is_tensor(value)) and value.ndim == 2 and value.shape[1] == 3


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


def host(pixels: Any) -> Any:
    """A tensor's own memory as an array where NumPy can see it, else the tensor.

    A label is small: torch would spend its time on waking threads.
    """
    if is_tensor(pixels) and pixels.device.type == "cpu" and str(pixels.dtype) != "torch.bfloat16":
        return pixels.detach().numpy()
    return pixels


def pictures_in(value: Any) -> Iterator[Any]:
    """Every PIL image in a value or in nested lists and tuples of them."""
    if is_picture(value):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from pictures_in(item)


def require_numpy(what: str, extra: str) -> None:
    """Checks that NumPy is there, which comes with most frameworks and with no installation of ours alone.

    Args:
        what: Cannot be done without it.
        extra: Of our own distribution, which brings it.

    Raises:
        LabelError: It is not installed.
    """
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        raise LabelError(f"{what} with NumPy: pip install 'aigc-hooks[{extra}]'", stage="detect") from error


def is_samples(value: object) -> bool:
    """Whether a value can be samples of sound: an array, a tensor, or a list of numbers."""
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], Real) and not isinstance(value[0], bool)
    return (is_array(value) or is_tensor(value)) and cast(Any, value).ndim > 0


MOST_CHANNELS = 8
"""Most channels that sound may have where its longer axis does not tell which one is time."""


def time_axis(value: Any) -> int:
    """Which axis of sound is time: of (N,), (C,N), (N,C), (B,N), (B,C,N) and (B,N,C).

    Channels are few, at most 8, and samples are many. Where both axes are short, time is the last, as models have the
    habit; where both are longer than 8, the longer one is, if that is the last: a batch of sounds.

    Raises:
        ValueError: It has no axis, more than three, or more channels than tell which axis is time.
    """
    shape = tuple(value.shape)
    if len(shape) not in (1, 2, 3):
        raise ValueError(f"sound has the shape (N,), (C,N), (N,C) or (B,C,N), found {shape}")
    if len(shape) == 1:
        return 0
    if shape[-1] > MOST_CHANNELS and MOST_CHANNELS < shape[-2] >= shape[-1]:
        raise ValueError(
            f"sound of shape {shape} has more than {MOST_CHANNELS} channels, and nothing tells which axis is time: "
            f"give (C,N) or (N,C) with at most {MOST_CHANNELS}, or a batch of sounds as (B,N)"
        )
    return len(shape) - 2 if shape[-1] <= MOST_CHANNELS < shape[-2] else len(shape) - 1


def films_in(value: Any) -> list[Any]:
    """The films in a value, each as its frames: a list of pictures or arrays, or a view (F,H,W,C) or (F,C,H,W).

    A list of pictures is one film, a list of films several; of an array (B,F,…) the first axis is the batch. A tensor
    may have its channels before its frames, as models compute them. Nothing else holds films: the result is empty.
    """
    if isinstance(value, (list, tuple)):
        if all(is_picture(item) or ((is_array(item) or is_tensor(item)) and item.ndim in (2, 3)) for item in value):
            return [value]
        films = [films_in(item) for item in value]
        return [film for found in films for film in found] if all(films) else []
    if not is_array(value) and not is_tensor(value):
        return []
    if value.ndim == 4:
        return [_frames_first(value)]
    # By number: of what a tensor yields when it is iterated over, autograd allows no writing.
    return [_frames_first(value[number]) for number in range(len(value))] if value.ndim == 5 else []


def _frames_first(film: Any) -> Any:
    if is_tensor(film) and channel_axis(film) == NO_PICTURE and film.shape[0] in (1, 3):
        return film.swapaxes(0, 1)
    return film
