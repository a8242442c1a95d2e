"""Teaches OpenCV's writer of films to keep the label of labelled frames, and leaves other films alone.

The class here takes the place of ``cv2.VideoWriter``, also in modules that imported it by this name before; one that
was given another name is out of reach. It holds a plain writer and is none: OpenCV frees what derives from its classes
in a wrong way. A writer that nobody releases is released when it goes, or at exit.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import weakref
from numbers import Real
from typing import Any

from aigc_hooks.saving import teaching, video

_NAME = "VideoWriter"

_open: weakref.WeakSet[Any] = weakref.WeakSet()


def teach(module: Any) -> None:
    """Puts the class here in the place of ``cv2.VideoWriter``."""
    plain = module.VideoWriter
    if "_plain" in vars(plain):
        return
    taught = type(_NAME, (_Writer,), {"__doc__": plain.__doc__, "__module__": plain.__module__, "_plain": plain})
    teaching.hand_out(_NAME, plain, taught)


class _Writer:
    """What stands in the place of OpenCV's writer."""

    _plain: Any = None
    _export: video.Export | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._writer = self._plain(*args, **kwargs)
        self._begin(args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_writer":  # one that could not be made
            raise AttributeError(name)
        return getattr(self._writer, name)

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Opens a file; one that is open is released before."""
        self.release()
        opened = self._writer.open(*args, **kwargs)
        self._begin(args, kwargs)
        return opened

    def write(self, image: Any) -> Any:
        """Writes a frame, with its label where it is of a labelled film.

        Raises:
            UnsupportedCarrierError: The file will have no place for the implicit label.
        """
        if self._export is not None and str(getattr(image, "dtype", "")) == "uint8":
            image = self._export.take(image)
        return self._writer.write(image)

    def release(self) -> None:
        """Closes the file, and puts the implicit label into it.

        Raises:
            LabelError: It did not arrive.
        """
        export, self._export = self._export, None
        _open.discard(self)
        self._writer.release()
        if export is not None:
            export.finish()

    def _begin(self, args: Any, kwargs: Any) -> None:
        if not self._writer.isOpened() or teaching.is_resting():
            return
        target = str(args[0] if args else kwargs["filename"])
        several = self._writer.getBackendName() == "CV_IMAGES"  # each frame becomes a file
        self._export = video.Export(f"{target} (several pictures)" if several else target, _rate(args, kwargs))
        _open.add(self)

    def __del__(self) -> None:
        if self._export is not None:
            self.release()


def _rate(args: Any, kwargs: Any) -> float | None:
    """Frames a second: the number before the size, whichever way the writer was called."""
    numbers = list(itertools.takewhile(lambda value: isinstance(value, Real), args[1:]))
    rate = kwargs.get("fps", numbers[-1] if len(numbers) > 1 else None)
    return float(rate) if rate else None


@atexit.register
def _release() -> None:
    """At exit: what would be released later could not be labelled any more."""
    with contextlib.ExitStack() as all_of_them:
        for writer in list(_open):
            all_of_them.callback(writer.release)
