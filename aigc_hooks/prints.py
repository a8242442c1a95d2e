"""What is kept of a picture or a frame, to know it again: brightness, at places or averaged over areas.

Both tell the same of a PIL image, an array and a tensor, of any dtype and layout, with its channels in any order.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from aigc_hooks.media import channel_axis, host, is_picture, is_tensor

POINTS = 12
"""How many places in each direction are looked at."""

SIDE = 16
"""How many values a small picture has in each direction."""

_LOOKED_AT = 96
"""How many pixels in each direction a small picture is made of, at least, where there are as many."""

_DARKEST, _DARKEST_OF_AREAS = -0.02, -0.3
"""Below this, floating point is of −1 to 1. Resizing with sharp edges goes a little below 0."""


def size(frame: Any) -> tuple[int, int]:
    """Height and width of a PIL image, an array, a tensor, or of each picture in one."""
    if is_picture(frame):
        return int(frame.height), int(frame.width)
    shape = tuple(frame.shape)
    return (shape[-3], shape[-2]) if channel_axis(frame) == -1 else (shape[-2], shape[-1])


def plain(frame: Any) -> Any:
    """A picture in a form that can be looked at: of 16 bits as an array, for Pillow makes colours of it by cutting."""
    if is_picture(frame) and frame.mode.startswith("I;16"):
        import numpy

        return numpy.asarray(frame)
    return frame


def print_of(frame: Any) -> Any:
    """The brightness of a frame at its places, (POINTS²,), around 0.

    Raises:
        TypeError: It is of a dtype that no picture has.
    """
    return (of_pictures([frame]) if is_picture(frame) else of_film(frame[None]))[0]


def of_pictures(frames: Sequence[Any]) -> Any:
    """Those of PIL images, (F, POINTS²)."""
    import numpy
    from PIL import Image

    # The nearest pixels: Pillow finds them much quicker than it makes an array of a whole frame, or of each small one.
    sheet = Image.new("RGB", (POINTS, POINTS * len(frames)))
    for number, frame in enumerate(frames):
        small = frame.resize((POINTS, POINTS), 0)
        sheet.paste(_coloured(small), (0, POINTS * number))
    values = numpy.frombuffer(sheet.tobytes(), numpy.uint8).reshape(len(frames), POINTS * POINTS, 3)
    return _brightness(values) - numpy.float32(127.5)


def of_film(film: Any) -> Any:
    """Those of all frames of an array or tensor, (F, POINTS²).

    Raises:
        TypeError: It is of a dtype that no film has.
    """
    height, width = size(film)
    rows, columns = _places(height)[:, None], _places(width)
    # What lies on a device takes lists.
    places = (rows.tolist(), columns.tolist()) if is_tensor(film) else (rows, columns)
    values, white = _at(film, places, _DARKEST)
    return values.reshape(len(values), -1) * (255 / white) - 127.5


def small(frame: Any) -> Any:
    """The brightness of a frame averaged over areas, (SIDE, SIDE), from 0 to 255.

    Raises:
        TypeError: It is of a dtype that no picture has.
    """
    import numpy

    if is_picture(frame):
        near = frame.resize([len(range(side)[_every(side)]) for side in frame.size], 0)
        plane, white = _brightness(numpy.asarray(_coloured(near))), 255.0
    else:
        height, width = size(frame)
        films, white = _at(frame[None], (_every(height), _every(width)), _DARKEST_OF_AREAS)
        plane = films[0]
    with numpy.errstate(all="ignore"):  # a frame may hold what is no number
        narrow = _shares(plane.shape[0]) @ plane @ _shares(plane.shape[1]).T
    return narrow * numpy.float32(255 / white)


def _at(film: Any, places: tuple[Any, Any], darkest: float) -> tuple[Any, float]:
    """The mean of the colours at some places, (F, rows, columns), and what is white there."""
    import numpy

    white = _white(film)
    axis = channel_axis(film)
    if is_tensor(film):
        film = host(film.detach())
    few = film[(..., *places, slice(None)) if axis == -1 else (..., *places)]
    few = few.float().cpu().numpy() if is_tensor(few) else few
    if axis is not None and few.ndim > 3:
        planes = numpy.moveaxis(few, axis, 0)
        values: Any = planes[0].astype(numpy.float32)
        colours = len(planes) - (len(planes) in (2, 4))
        for plane in planes[1:colours]:  # one after the other: a batch of pictures may be large
            values += plane
        values /= colours
    else:
        values = few.astype(numpy.float32)
    if white == 1.0 and float(values.min()) < darkest:
        return values + 1, 2.0
    return values, white


def _coloured(picture: Any) -> Any:
    if picture.mode == "RGB":
        return picture
    if picture.mode in ("P", "PA"):  # with a transparency for each colour, Pillow warns of any other way
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def _brightness(values: Any) -> Any:
    """The mean of three channels, which are last in the array."""
    import numpy

    return values.astype(numpy.float32) @ numpy.full(3, 1 / 3, numpy.float32)


def _places(side: int) -> Any:
    """Where to look along a side: where Pillow does, which adds up steps from the middle of the first."""
    import numpy

    step = side / POINTS
    return numpy.add.accumulate([step / 2] + [step] * (POINTS - 1)).astype(int)


def _every(side: int) -> slice:
    """Which pixels along a side a small picture is made of."""
    step = max(side // _LOOKED_AT, 1)
    return slice(step // 2, None, step)


@functools.lru_cache(maxsize=32)
def _shares(side: int) -> Any:
    """How much each pixel along a side counts for each value of a small picture, (SIDE, side)."""
    import numpy

    edges, pixels = numpy.linspace(0, side, SIDE + 1)[:, None], numpy.arange(side)
    overlap = numpy.minimum(edges[1:], pixels + 1) - numpy.maximum(edges[:-1], pixels)
    return (overlap.clip(0) * (SIDE / side)).astype(numpy.float32)


def _white(film: Any) -> float:
    """The value of white in its dtype.

    Raises:
        TypeError: No film has it.
    """
    name = str(getattr(film.dtype, "name", film.dtype)).removeprefix("torch.")
    if name in ("uint8", "uint16"):
        return 255.0 if name == "uint8" else 65535.0
    if "float" not in name and name != "longdouble":
        raise TypeError(name)
    return 1.0
