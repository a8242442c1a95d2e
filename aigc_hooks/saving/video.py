"""Teaches the writers of films that people use to keep the label of labelled frames, and leaves other films alone.

The frames tell whether they are labelled (``aigc_hooks.films``), so that it does not matter what a script did with its
lists and arrays. Taught are imageio's ffmpeg writer, which diffusers' ``export_to_video`` uses, and PyAV, which its
``encode_video`` uses (``saving.exports`` sees to the two themselves, ``saving.opencv`` and ``saving.moviepy_films`` to
the writers of these, ``saving.arrays`` to frames that become images, as those of GIFs do): each when it is loaded, and
at a place that also reaches scripts that imported the function before.
What comes first in a file shows the label for the seconds that the style asks for, at the rate of that file: frames
that do not are drawn on as they are written. The implicit label follows when the file is closed, and is read back.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from aigc_hooks import films
from aigc_hooks.artifact import AuditRecord
from aigc_hooks.errors import UnsupportedCarrierError
from aigc_hooks.explicit.video import as_picture
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.labels import Label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, active
from aigc_hooks.saving import arrays, teaching
from aigc_hooks.saving.sound import embed, path_of
from aigc_hooks.saving.writing import put

Found = tuple[Label, Provider]

# What a caller knows of the frames that are about to be written, where they could not tell themselves.
_expected: ContextVar[Found | None] = ContextVar("aigc_hooks_expected_film", default=None)


@contextlib.contextmanager
def expecting(found: Found | None) -> Iterator[None]:
    """While it lasts, the film that is written is known to have this label; None: its frames are asked."""
    token = _expected.set(found)
    try:
        yield
    finally:
        _expected.reset(token)


class Export:
    """A film on its way to a file.

    Args:
        target: The path or name of the file, as far as there is one.
        fps: Frames a second, for frames that come without a time.
    """

    def __init__(self, target: str, fps: float | None) -> None:
        self.target = target
        self.fps = fps
        self.found: Found | None = None
        self._refused = self._done = False
        self._begun: float | None = None
        self._count = 0
        if (expected := _expected.get()) is not None:
            self._know(expected)

    def take(self, frame: Any, time: float | None = None) -> Any:
        """Takes the next frame, (H,W) or (H,W,C), and returns what is to be written: the frame, or a labelled copy.

        Args:
            frame: The frame as an array.
            time: When it is shown, in seconds.

        Raises:
            UnsupportedCarrierError: The file will have no place for the implicit label.
        """
        if time is None:
            time = self._count / (self.fps or 60.0)
        self._count += 1
        if self.found is None and not self._refused:
            known = films.label_of(frame, resized=self._count <= films.FEW)
            if known is not None:
                self._know(known)
        if self.found is None:
            return frame
        provider = active(self.found[1])
        self._begun = time if self._begun is None else self._begun
        self._done = time - self._begun >= provider.video.seconds - 1e-6
        return frame if self._done or _shows(frame, provider) else _drawn(frame, provider)

    def looks(self, width: int, height: int) -> bool:
        """Whether the next frame, of this size, needs to be looked at."""
        early = self._count < films.FEW
        return not self._done and (self.found is not None or films.known_size(width, height, resized=early))

    def finish(self, file: Any = None) -> None:
        """Puts the implicit label into the file that has been written: the target, or a file object.

        Raises:
            LabelError: It did not arrive.
            CarrierError: The format has no place for it.
        """
        found, self.found = self.found, None
        if found is None:
            return
        if file is None:
            path = Path(self.target)
            put(path, found[0])  # nor does who wrote it wait for the disk
            form = path.suffix
            record = AuditRecord.now("labelled", "video", source="save", label=found[0], places=[f"{form} file"])
            hooks(found[1]).audit(record, found[1])
        else:
            embed(found, file, "film", "video")

    def _know(self, found: Found) -> None:
        """The film is ours: its file must hold the label, and that is said before minutes of encoding."""
        suffix = Path(self.target).suffix.lower()
        holding = [carrier for carrier in hooks().carriers if carrier.write is not None]
        if not suffix or any(suffix in carrier.suffixes for carrier in holding):
            self.found = found
            return
        known = sorted({suffix for carrier in holding for suffix in carrier.suffixes})
        message = (
            f"{self.target}: a film written as {suffix} has no place for the implicit label of generated films; choose "
            f"a suffix that has: {', '.join(known)}" + ("; GIF is written by Pillow" if suffix == ".gif" else "")
        )
        self._refused = True
        settings = active(found[1])
        if settings.on_unsupported_carrier == "raise":
            raise UnsupportedCarrierError(message)
        warnings.warn(f'{message} (on_unsupported_carrier = "warn")', stacklevel=6)
        hooks(settings).audit(
            AuditRecord.now("unsupported-carrier", "video", source="save", label=found[0], reason=message), settings
        )


def _shows(frame: Any, provider: Provider) -> bool:
    from aigc_hooks.explicit import array

    return array.shows_label(frame, as_picture(provider))


def _drawn(frame: Any, provider: Provider) -> Any:
    from aigc_hooks.explicit import array

    copy = frame.copy()
    array.draw(copy, as_picture(provider))
    return copy


# imageio


def _teach_imageio(module: Any) -> None:
    writer = module.FfmpegFormat.Writer
    teaching.lay(writer, "_append_data", _imageio_append)
    teaching.lay(writer, "_close", _imageio_close)


def _imageio_append(original: Callable[..., Any], self: Any, im: Any, meta: Any) -> Any:
    if teaching.is_resting():
        return original(self, im, meta)
    export = vars(self).get("_aigc_hooks")
    if export is None:
        export = vars(self)["_aigc_hooks"] = Export(str(self._filename), float(self.request.kwargs.get("fps", 10)))
    return original(self, export.take(im), meta)


def _imageio_close(original: Callable[..., Any], self: Any) -> Any:
    export = vars(self).pop("_aigc_hooks", None)
    result = original(self)
    if export is not None:
        export.finish()
    return result


# PyAV


# By id, for containers know no weak references. One that nobody closes is closed when it goes.
_exports: dict[int, Export] = {}
_lock = ForkSafeLock()


def _teach_pyav(module: Any) -> None:
    try:
        teaching.lay(module.video.stream.VideoStream, "encode", _pyav_encode)
        teaching.lay(module.container.OutputContainer, "close", _pyav_close)
        module.container.OutputContainer.__del__ = _pyav_del
    except TypeError:  # its classes cannot be changed before version 18
        warnings.warn(
            f"PyAV {module.__version__} cannot be taught to keep the labels of films: pip install 'av>=17', or "
            "write them with aigc_hooks.save(frames, path, fps=…)",
            stacklevel=2,
        )


def _pyav_encode(original: Callable[..., Any], self: Any, frame: Any = None) -> Any:
    container = getattr(self, "container", None)
    if frame is None or container is None or teaching.is_resting():
        return original(self, frame)
    with _lock:
        export = _exports.get(id(container))
        if export is None:
            rate = self.codec_context.framerate
            export = _exports[id(container)] = Export(_name(container), float(rate) if rate else None)
    if not export.looks(frame.width, frame.height):
        return original(self, frame)
    pixels = frame.to_ndarray(format="rgb24")
    shown = export.take(pixels, frame.time)
    return original(self, frame if shown is pixels else _replaced(frame, shown))


def _replaced(frame: Any, pixels: Any) -> Any:
    """A frame with other pixels, in the format and at the time of the old one."""
    made = type(frame).from_ndarray(pixels, format="rgb24")
    if frame.format.name != "rgb24":
        made = made.reformat(format=frame.format.name)
    if frame.time_base is not None:
        made.pts, made.time_base = frame.pts, frame.time_base
    return made


def _name(container: Any) -> str:
    return "" if container.file is not None else str(container.name)


def _pyav_close(original: Callable[..., Any], self: Any) -> Any:
    with _lock:
        export = _exports.pop(id(self), None)
    if export is None or export.found is None:
        return original(self)
    file = getattr(self.file, "file", None)
    result = original(self)
    if file is not None and not all(getattr(file, name, bool)() for name in ("readable", "seekable")):
        export.target, file = str(path_of(file)), None
    export.finish(file)
    return result


def _pyav_del(self: Any) -> None:
    self.close()


@atexit.register
def _close_all() -> None:
    """At exit: a container that goes later could not be labelled any more. They are found by the collector's list."""
    left = set(_exports)
    with contextlib.ExitStack() as all_of_them:
        for known in gc.get_objects() if left else ():
            if id(known) in left:
                all_of_them.callback(known.close)


_TEACHERS: dict[str, Callable[[Any], None]] = {
    "av": _teach_pyav,
    "imageio.plugins.ffmpeg": _teach_imageio,
}


def install() -> None:
    """Teaches the writers that are loaded, and those that will be."""
    arrays.install()
    teaching.install(_TEACHERS)
