"""Frames of films as they are stored: in planes, with the shape, turn and range that the label must know."""

from __future__ import annotations

import struct
from typing import Any, Literal

from aigc_hooks.explicit.overlay import Form

MOST_PIXELS = 1 << 26
"""Largest picture that is decoded: 64 million pixels."""

_PLANAR = ("yuv420", "yuv422", "yuv440", "yuv444", "yuvj420", "yuvj422", "yuvj440", "yuvj444", "yuva4", "gray", "gbr")
"""How the names of layouts begin whose planes can be drawn on: colours are as many as pixels, or half as many."""

_FLOATING = ("f16le", "f32le")


def is_planar(name: str) -> bool:
    """Whether pictures of a layout can be drawn on as they are, by its name."""
    return name.startswith(_PLANAR) and not name.endswith(("be", *_FLOATING))


def in_planes(frame: Any, layout: str | None = None) -> Any:
    """A frame in planes that can be drawn on, of a given layout where there is one."""
    name = frame.format.name
    wanted = layout or (name if is_planar(name) else "yuv420p")
    if name == wanted:
        return frame
    time_base, pts, dts, duration = frame.time_base, frame.pts, frame.dts, frame.duration
    made = frame.reformat(format=wanted)
    made.time_base, made.pts, made.dts, made.duration = time_base, pts, dts, duration
    return made


def form_of(planar: Any, aspect: float) -> Form:
    """How a frame in planes is stored and shown, with the width of its pixels in their heights."""
    parts = planar.format.components
    name = planar.format.name
    kind: Literal["yuv", "rgb", "grey"] = "rgb" if planar.format.is_rgb else "yuv" if len(parts) > 2 else "grey"
    halved = (False, False)
    if kind == "yuv":
        halved = parts[1].width < planar.width, parts[1].height < planar.height
    full = kind == "rgb" or name.startswith("yuvj") or int(planar.color_range or 0) == 2
    rotation, transfer = round(planar.rotation) % 360, int(planar.color_trc or 0)
    return Form(planar.width, planar.height, rotation, aspect, parts[0].bits, halved, full, transfer, kind)


def pixels(planar: Any) -> bytes:
    """The samples of a frame in planes, without what fills up their rows."""
    import numpy

    wide = 2 if planar.format.components[0].bits > 8 else 1
    rows = (numpy.frombuffer(plane, "u1").reshape(plane.height, -1)[:, : plane.width * wide] for plane in planar.planes)
    return b"".join(each.tobytes() for each in rows)


def side_data(frame: Any, name: str) -> bytes:
    """What a frame tells beside its picture, by PyAV's name of it; empty where it does not."""
    return next((bytes(each) for each in frame.side_data if getattr(each.type, "name", "") == name), b"")


def mastering(frame: Any) -> tuple[list[float], tuple[int, int] | None]:
    """For which screen a film of high dynamic range was made.

    Returns:
        Red, green, blue and white, two coordinates each, and least and most brightness in cd/m²; empty where it is not
        told. And the most brightness of a pixel and of a picture.
    """
    data, light = side_data(frame, "MASTERING_DISPLAY_METADATA"), side_data(frame, "CONTENT_LIGHT_LEVEL")
    told: list[float] = []
    if len(data) >= 88 and struct.unpack_from("<2i", data, 80) == (1, 1):
        numbers = struct.unpack_from("<20i", data)
        told = [one / (other or 1) for one, other in zip(numbers[::2], numbers[1::2], strict=True)]
    return told, (struct.unpack_from("<2I", light) if len(light) >= 8 else None)
