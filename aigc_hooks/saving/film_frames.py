"""Frames of films as they are stored: in planes, with the shape, turn and range that the label must know."""

from __future__ import annotations

from typing import Any

from aigc_hooks.explicit.overlay import Form

MOST_PIXELS = 1 << 26
"""Largest picture that is decoded: 64 million pixels."""

_UNEVEN = ("yuv410", "yuv411", "yuvj411")
"""Layouts whose colours share more pixels than two by two."""


def is_planar(name: str) -> bool:
    """Whether brightness has a plane of its own, whole and before those of colour, by the name of a layout."""
    return name.startswith(("yuv4", "yuvj4", "yuva4", "gray")) and not name.endswith("be") and name[:7] not in _UNEVEN


def in_planes(frame: Any, wish: str | None = None) -> Any:
    """A frame in planes that can be drawn on, of the layout that is wished for."""
    name = frame.format.name
    if (wish is None and is_planar(name)) or name == wish:
        return frame
    time_base, pts, duration = frame.time_base, frame.pts, frame.duration
    made = frame.reformat(format=wish or "yuv420p")
    made.pts, made.time_base, made.duration = pts, time_base, duration
    return made


def form_of(frame: Any, aspect: float) -> Form:
    """How a frame is stored and shown, with the width of its pixels in their heights."""
    planar = in_planes(frame)
    parts = planar.format.components
    halved = (False, False)
    if len(parts) > 1:
        halved = parts[1].width < planar.width, parts[1].height < planar.height
    full = planar.format.name.startswith("yuvj") or int(frame.color_range or 0) == 2
    rotation = round(frame.rotation) % 360
    return Form(frame.width, frame.height, rotation, aspect, parts[0].bits, halved, full, int(frame.color_trc or 0))
