"""Teaches what makes images or picture files of arrays to keep the label of labelled pictures and frames.

An array has no place for its label, and scripts make other arrays of it first: the pixels tell (``aigc_hooks.films``).
Taught are Pillow, at the two functions through which it makes images of memory (``fromarray`` and whoever uses it, such
as imageio, matplotlib and torchvision, go through them), and the writers of pictures of OpenCV and tifffile.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from aigc_hooks import films
from aigc_hooks.artifact import SNIFFED, AuditRecord
from aigc_hooks.carry import Mark, carry, mark_of
from aigc_hooks.media import is_array
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import active
from aigc_hooks.reading import known_carrier
from aigc_hooks.saving import pictures, teaching
from aigc_hooks.saving.sound import embed
from aigc_hooks.saving.writing import put_signed, signed_by, write_into


def install() -> None:
    """Teaches those that are loaded, and those that will be."""
    pictures.install()
    teaching.install(_TEACHERS)


# Pillow


def _teach_pillow(module: Any) -> None:
    for name in ("frombuffer", "frombytes"):
        teaching.lay(module, name, _pillow_from)


def _pillow_from(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    image = original(*args, **kwargs)
    if mark_of(image) is None and (owner := films.owner_of(image, resized=True)) is not None:
        carry(image, owner.label, owner.by())
    return image


# OpenCV


def _teach_opencv(module: Any) -> None:
    for begin, seam in (("imwrite", _opencv_write), ("imencode", _opencv_encode)):
        for name in (begin, f"{begin}multi", f"{begin}animation"):  # the last came with version 4.11
            plain = getattr(module, name, None)
            if plain is not None and teaching.lay(module, name, seam):
                teaching.hand_out(name, plain, getattr(module, name))


def _opencv_write(original: Callable[..., Any], filename: Any, img: Any, *args: Any, **kwargs: Any) -> Any:
    mark = _mark(img)
    path = Path(os.fsdecode(filename))
    if mark is None or not _has_place(path.suffix, mark):
        return original(filename, img, *args, **kwargs)
    # Beside it, so that nobody sees a file without the label, and the old one stays if something fails.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".aigc-") as folder:
        made = Path(folder, path.name)
        result = original(str(made), img, *args, **kwargs)
        if result:
            put_signed(made, path, mark.label, active(mark.provider))
            _record(path.suffix, mark)
    return result


def _opencv_encode(original: Callable[..., Any], ext: str, img: Any, *args: Any, **kwargs: Any) -> Any:
    done, data = original(ext, img, *args, **kwargs)
    mark = _mark(img)
    if not done or mark is None or not _has_place(ext, mark):
        return done, data
    import numpy

    encoded = data.tobytes()
    carrier = known_carrier(encoded[:SNIFFED], None)
    assert carrier is not None  # its suffix has a place
    labelled, settings = BytesIO(), active(mark.provider)
    write_into(
        BytesIO(encoded),
        labelled,
        carrier,
        mark.label,
        Path(f"picture{ext}"),
        finish=signed_by(settings),
        place=settings.picture_place,
    )
    _record(ext, mark)
    return done, numpy.frombuffer(labelled.getvalue(), numpy.uint8).copy()


def _mark(written: Any) -> Mark | None:
    """The mark of a picture, or of the first labelled one of several, or of an animation."""
    several = getattr(written, "frames", written)
    if is_array(several):
        several = several if several.ndim > 3 else [several]
    if not is_array(several) and not isinstance(several, (list, tuple)):
        return None
    for picture in several:
        if is_array(picture) and (owner := films.owner_of(picture, resized=True)) is not None:
            return Mark(owner.label, owner.by())
    return None


def _has_place(suffix: str, mark: Mark) -> bool:
    """Whether files of a suffix hold the implicit label.

    Raises:
        UnsupportedCarrierError: They do not, and the settings do not allow that.
    """
    if any(carrier.write is not None and suffix.lower() in carrier.suffixes for carrier in hooks().carriers):
        return True
    pictures.without_place(suffix.lstrip(".").upper() or "nameless", mark)
    return False


def _record(suffix: str, mark: Mark) -> None:
    record = AuditRecord.now("labelled", "image", source="save", label=mark.label, places=[f"{suffix} file"])
    hooks(mark.provider).audit(record, mark.provider)


# tifffile, which imageio uses for TIFF


def _teach_tifffile(module: Any) -> None:
    teaching.lay(module.TiffWriter, "write", _tifffile_write)
    teaching.lay(module.TiffWriter, "close", _tifffile_close)


def _tifffile_write(original: Callable[..., Any], self: Any, data: Any = None, *args: Any, **kwargs: Any) -> Any:
    if "_aigc_hooks" not in vars(self) and (mark := _mark(data)) is not None:
        vars(self)["_aigc_hooks"] = mark
    return original(self, data, *args, **kwargs)


def _tifffile_close(original: Callable[..., Any], self: Any) -> Any:
    mark: Mark | None = vars(self).pop("_aigc_hooks", None)
    file = self.filehandle
    result = original(self)
    if mark is not None:
        # What it was given: a path, or a file object, which stays open.
        embed((mark.label, mark.provider), file._file, "TIFF", "image")
    return result


_TEACHERS: dict[str, Callable[[Any], None]] = {
    "PIL.Image": _teach_pillow,
    "cv2": _teach_opencv,
    "tifffile": _teach_tifffile,
}
