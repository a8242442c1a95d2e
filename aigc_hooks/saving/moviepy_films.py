"""Teaches MoviePy, which pipes frames to a process of ffmpeg, to keep the label of labelled frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aigc_hooks.saving import teaching
from aigc_hooks.saving.video import Export


def _teach(module: Any) -> None:
    writer = module.FFMPEG_VideoWriter
    for name, seam in (("__init__", _begin), ("write_frame", _write), ("close", _close)):
        teaching.lay(writer, name, seam)


def _begin(original: Callable[..., Any], self: Any, filename: Any, size: Any, fps: Any, *args: Any, **kw: Any) -> None:
    original(self, filename, size, fps, *args, **kw)
    vars(self)["_aigc_hooks"] = Export(str(filename), float(fps))


def _write(original: Callable[..., Any], self: Any, img_array: Any) -> Any:
    return original(self, vars(self)["_aigc_hooks"].take(img_array))


def _close(original: Callable[..., Any], self: Any) -> Any:
    export: Export | None = vars(self).pop("_aigc_hooks", None)
    result = original(self)
    if export is not None:
        export.finish()
    return result


TEACHERS: dict[str, Callable[[Any], None]] = {"moviepy.video.io.ffmpeg_writer": _teach}
