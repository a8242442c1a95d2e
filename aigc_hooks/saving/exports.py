"""Teaches the exporters of diffusers to keep the label: of films, with imageio, PyAV or OpenCV, and of meshes.

A script may have imported them already: the functions themselves change, and not their names in their module.
"""

from __future__ import annotations

import functools
import inspect
import sys
import tempfile
import types
from collections.abc import Callable
from typing import Any

from aigc_hooks.carry import mark_of
from aigc_hooks.media import is_picture, pictures_in
from aigc_hooks.saving import moviepy_films, opencv, scenes, teaching, video

_MODULE = "diffusers.utils.export_utils"
_ORIGINAL = "__aigc_hooks_original__"


def install() -> None:
    """Teaches the exporters if they are loaded, or once they are, and the writers of films below them."""
    video.install()
    teaching.install({_MODULE: _teach, "cv2": opencv.teach, **moviepy_films.TEACHERS})


def _teach(module: Any) -> None:
    for name in _SEAMS:
        function = getattr(module, name, None)
        if function is None or hasattr(function, _ORIGINAL):
            continue
        original = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        function.__signature__ = inspect.signature(original)
        setattr(function, _ORIGINAL, original)
        function.__defaults__ = None
        function.__kwdefaults__ = {"_aigc_hooks_name": name}
        function.__code__ = _exporter.__code__


def _exporter(*args: Any, _aigc_hooks_name: str, **kwargs: Any) -> Any:
    from aigc_hooks.saving.exports import exported

    return exported(_aigc_hooks_name, *args, **kwargs)


def exported(name: str, *args: Any, **kwargs: Any) -> Any:
    """Calls what stands in the place of one of the functions."""
    original = getattr(getattr(sys.modules[_MODULE], name), _ORIGINAL)
    return _SEAMS[name](original, *args, **kwargs)


def _film(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """PIL images tell their label also where they were resized, which the arrays of them do not."""
    frames = next(iter(inspect.signature(original).bind(*args, **kwargs).arguments.values()))
    mark = next(filter(None, map(mark_of, pictures_in(frames))), None)
    with video.expecting((mark.label, mark.provider) if mark else None):
        return original(*args, **kwargs)


def _film_by_opencv(
    original: Callable[..., Any], video_frames: Any, output_video_path: str | None = None, fps: int = 10
) -> Any:
    """What ``export_to_video`` does without imageio: it leaves OpenCV's writer to go, where an error would be lost."""
    import numpy
    from PIL import Image

    if output_video_path is None:
        with tempfile.NamedTemporaryFile(suffix=".mp4", delete=False) as made:
            output_video_path = made.name
    export = video.Export(str(output_video_path), float(fps))
    # As it makes bytes of them itself: of arrays by 255, of pictures as they are.
    frames = [
        export.take(numpy.array(frame) if is_picture(frame) else (frame * 255).astype(numpy.uint8))
        for frame in video_frames
    ]
    if export.found is None:
        return original(video_frames, output_video_path, fps)
    with teaching.resting():
        result = original([Image.fromarray(frame) for frame in frames], output_video_path, fps)
    export.finish()
    return result


def _mesh(original: Callable[..., Any], *args: Any, suffix: str, **kwargs: Any) -> Any:
    mesh, path = (*inspect.signature(original).bind(*args, **kwargs).arguments.values(), None)[:2]
    returned: list[Any] = []
    made = scenes.exported(mesh, path, suffix, lambda target: returned.append(original(mesh, target)))
    if made is None:
        return original(*args, **kwargs)
    return made if returned[0] is not None else None  # export_to_obj tells nothing


_SEAMS: dict[str, Callable[..., Any]] = {
    "export_to_video": _film,
    "encode_video": _film,
    "_legacy_export_to_video": _film_by_opencv,
    "export_to_ply": functools.partial(_mesh, suffix=".ply"),
    "export_to_obj": functools.partial(_mesh, suffix=".obj"),
}
