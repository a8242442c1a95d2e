"""Teaches Pillow's own savers to write the label of marked images, and touches no other image.

Three seams, each for a reason:

* ``Image.SAVE`` and ``Image.SAVE_ALL``, the registries through which every save goes, also to ``BytesIO`` and from
  IPython: here the label is merged into what the user saves, and the bytes are read back before they are released.
* ``Image.save``: Pillow truncates the target before the registry is reached, and keeps the arguments of a save on the
  image, where two threads that save one image overwrite each other's.
* ``Image.paste``, ``alpha_composite`` and ``blend``: a picture put onto another one is still generated content, be it a
  sheet of pictures or one with a border.
"""

from __future__ import annotations

import contextvars
import functools
import os
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from PIL import Image

from aigc_hooks.artifact import SNIFFED, AuditRecord
from aigc_hooks.carry import Mark, carry, mark_of
from aigc_hooks.errors import LabelError, UnsupportedCarrierError
from aigc_hooks.labels import Label
from aigc_hooks.media import pictures_in
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import active
from aigc_hooks.reading import known_carrier, read_label
from aigc_hooks.saving import encoders
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.security import signing

_ORIGINAL = "__aigc_hooks_original__"
# Some savers save parts of their file through other savers; the outermost one labels.
_within = contextvars.ContextVar("aigc_hooks_within_save", default=False)

Handler = Callable[[Image.Image, IO[bytes], Any], None]


def install() -> None:
    """Puts the seams into Pillow, once.

    There is no lock, which a fork could leave locked for ever: two threads that come first lay the same seam over the
    same plain function, and the last one stays.
    """
    if hasattr(Image.Image.save, _ORIGINAL):
        return  # every save of a marked image looks for savers that were registered since
    _guard_registries()
    seams: list[tuple[Any, str, Callable[..., Any]]] = [
        (Image, name, _together) for name in ("alpha_composite", "blend")
    ]
    seams += [(Image.Image, name, _onto) for name in ("paste", "alpha_composite")]
    # Laid last: once it is there, all are.
    seams.append((Image.Image, "save", _save))
    for owner, name, seam in seams:
        plain = getattr(owner, name)
        if not hasattr(plain, _ORIGINAL):
            setattr(owner, name, _over(plain, seam))


def _over(plain: Callable[..., Any], seam: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        return seam(plain, *args, **kwargs)

    setattr(replacement, _ORIGINAL, plain)
    return replacement


def _guard_registries() -> None:
    """Lays the label over every registered saver, also over those that other packages registered since."""
    Image.init()
    for registry in (Image.SAVE, Image.SAVE_ALL):
        for name, handler in list(registry.items()):
            if not hasattr(handler, _ORIGINAL):
                guarded = functools.partial(_handle, name, handler)
                setattr(guarded, _ORIGINAL, handler)
                registry[name] = guarded


def _save(plain: Callable[..., None], self: Image.Image, fp: Any, format: str | None = None, **params: Any) -> None:
    """``Image.save``: a marked image is saved from a shell of its own, to a file that replaces the old one whole."""
    if "append_images" in params:
        params["append_images"] = _frames(params["append_images"])
    if mark_of(self) is None and not any(map(mark_of, pictures_in(params.get("append_images")))):
        plain(self, fp, format, **params)
        return
    _guard_registries()
    self, params = _with_opening(self, params)
    # Pillow keeps a save's arguments on the image: each save gets an image object of its own around the same pixels.
    # Not so an animation that is open as a file: two objects would read it at cross-purposes.
    shell = _shell(self) if getattr(self, "n_frames", 1) == 1 else self
    if not isinstance(fp, (str, bytes, os.PathLike)) or params.get("append"):
        plain(shell, fp, format, **params)
        return
    path = Path(os.fsdecode(fp))
    if format is None:
        format = Image.registered_extensions().get(path.suffix.lower())
        if format is None:
            raise ValueError(f"unknown file extension: {path.suffix}")  # as Pillow says it
    # Not durable: Pillow's own save does not wait for the disk either.
    with replacing(path, durable=False) as file:
        plain(shell, file, format, **params)


def _with_opening(image: Image.Image, params: dict[str, Any]) -> tuple[Image.Image, dict[str, Any]]:
    """Frames of a film that shows its label at other times, as what they become: stills and films that begin here."""
    others = params.get("append_images") if params.get("save_all") else None
    shown = _shown(image)
    if not others:
        return shown, params
    others, times = list(others), params.get("duration", image.info.get("duration", 0))
    elapsed = 0.0
    for number, frame in enumerate((image, *others)):
        mark = mark_of(frame) if isinstance(frame, Image.Image) else None
        if mark is not None and number and elapsed < getattr(mark.provider.image, "seconds", 0.0):
            others[number - 1] = _shown(frame)
        time = times[number] if isinstance(times, (list, tuple)) and number < len(times) else times
        elapsed += time / 1000 if isinstance(time, (int, float)) else 0.0
    return shown, {**params, "append_images": others}


def _shown(image: Image.Image) -> Image.Image:
    """A marked picture, or a copy with the label where it is a frame without one."""
    mark = mark_of(image)
    if mark is None or not mark.bare:
        return image
    from aigc_hooks.explicit import picture

    copy = image.copy()
    picture.draw(copy, mark.provider)
    carry(copy, mark.label, mark.provider)
    return copy


def _shell(image: Image.Image) -> Image.Image:
    """Another image object around the same pixels."""
    image.load()
    shell: Image.Image = object.__new__(type(image))
    shell.__dict__.update(image.__dict__)
    return shell


def _frames(frames: Any) -> Any:
    """The pictures to append, as something that can be read twice: to look for a mark, and to save."""
    if frames is None or isinstance(frames, (list, tuple)):
        return frames
    found = []
    for frame in frames:
        if isinstance(frame, Image.Image) and getattr(frame, "n_frames", 1) == 1:
            # A generator may draw every frame into one and the same image.
            frame = _shell(frame)
            frame.im = frame.im.copy()
        found.append(frame)
    return found


def _onto(plain: Callable[..., None], self: Image.Image, im: Any, *args: Any, **kwargs: Any) -> None:
    """``Image.paste`` and ``Image.alpha_composite``: the picture below becomes generated content too."""
    plain(self, im, *args, **kwargs)
    _hand_on(im, self)


def _together(plain: Callable[..., Image.Image], im1: Any, im2: Any, *args: Any, **kwargs: Any) -> Image.Image:
    """The functions that make one picture of two and keep only the first one's ``info``."""
    result = plain(im1, im2, *args, **kwargs)
    _hand_on(im2, result)
    return result


def _hand_on(source: Any, target: Image.Image) -> None:
    if isinstance(source, Image.Image) and (mark := mark_of(source)) and mark_of(target) is None:
        carry(target, mark.label, mark.provider)


def _handle(name: str, handler: Handler, im: Image.Image, fp: IO[bytes], filename: Any) -> None:
    """A registered saver: encodes a marked image with its label, reads it back, and only then releases the bytes."""
    mark = _mark(im)
    if mark is None or _within.get():
        handler(im, fp, filename)
        return
    place = encoders.PLACES.get(name)
    if place is None:
        without_place(name, mark)
        handler(im, fp, filename)
        return
    if im.encoderinfo.get("append"):
        raise LabelError(
            f"appending to an existing {name} would leave the label out of its first page; save all pages at once with "
            "save_all=True and append_images=[…]",
            stage="save",
        )
    digested = place.digested and bool(mark.label.reserved_code1)
    settings = active(mark.provider)
    blank = signing.blank(mark.label, settings) if digested else None
    label = blank.label if blank else signing.unbound(mark.label)
    arguments = im.encoderinfo
    token = _within.set(True)
    try:
        im.encoderinfo = {**arguments, **place.arguments(im, label)}
        encoded = BytesIO()
        handler(im, encoded, filename)
    finally:
        im.encoderinfo = arguments
        _within.reset(token)
    data = place.finish(encoded.getvalue(), arguments, label)
    if settings.picture_place == "alternative":
        data = _rewritten(data, label, alternative=True)
    if blank is not None:
        data, label = blank.filled(data, name)
    _write(fp, _read_back(name, data, label))
    if hasattr(fp, "flush"):  # as Pillow's encoders do
        fp.flush()


def _write(fp: IO[bytes], data: bytes) -> None:
    """Writes everything, also to a raw stream that takes less than it is given."""
    rest = memoryview(data)
    while rest:
        taken = fp.write(rest)
        if taken == 0:
            raise OSError("the stream takes no more bytes: the file is not whole")
        rest = rest[taken if isinstance(taken, int) else len(rest) :]


def _mark(im: Image.Image) -> Mark | None:
    """The mark of an image or of the first marked one that is appended to it: one file has one label."""
    frames = _frames(im.encoderinfo.get("append_images"))
    if frames is not None:
        im.encoderinfo["append_images"] = frames
    return mark_of(im) or next(filter(None, map(mark_of, pictures_in(frames))), None)


def without_place(name: str, mark: Mark) -> None:
    """Says that a format has no place for the label.

    Raises:
        UnsupportedCarrierError: The settings do not allow that.
    """
    message = (
        f"a {name} file has no place for the implicit label that GB 45438-2025, 6.1 asks for; save as "
        f"{', '.join(encoders.PLACES)}"
    )
    provider = active(mark.provider)
    if provider.on_unsupported_carrier == "raise":
        raise UnsupportedCarrierError(f'{message}. on_unsupported_carrier = "warn" saves it all the same')
    warnings.warn(f"{message}. It was saved without one", stacklevel=6)
    hooks().audit(AuditRecord.now("unsupported-carrier", "image", label=mark.label, reason=message), provider)


def _read_back(name: str, data: bytes, label: Label) -> bytes:
    """The encoded file, which holds exactly this label: an encoder's silence proves nothing."""
    labels = _labels(data)
    if len(labels) > 1 and all(found and found.content_producer == label.content_producer for found in labels):
        data = _rewritten(data, label, alternative=False)
        labels = _labels(data)
    if labels != [label]:
        found = "none" if not labels else f"{len(labels)}: " + "; ".join(map(str, labels))
        raise LabelError(
            f"the encoded {name} should hold the label {label.to_json()} once, found {found}. If exif=, pnginfo= "
            "or tiffinfo= brings another label, leave it out",
            stage="read_back",
        )
    return data


def _labels(data: bytes) -> list[Label | None]:
    return [finding.label for finding in read_label(data).findings]


def _rewritten(data: bytes, label: Label, *, alternative: bool) -> bytes:
    """The file with the label in one place alone: the alternative one, or without older ones beside it."""
    carrier = known_carrier(data[:SNIFFED], None)
    write = None if carrier is None else carrier.alternative if alternative else carrier.write
    if write is None:
        return data
    made = BytesIO()
    write(BytesIO(data), made, label.to_json())
    return made.getvalue()
