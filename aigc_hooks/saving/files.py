"""Picture files that already exist: opened with everything that must survive, saved again with the label."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageSequence, UnidentifiedImageError

from aigc_hooks.carry import carried, carry
from aigc_hooks.errors import CarrierError, LabelError, UnsupportedCarrierError
from aigc_hooks.media import channel_axis, is_tensor
from aigc_hooks.provider import Provider
from aigc_hooks.saving import encoders

# What of an opened file goes into the saved one, by the name of Pillow's save argument.
_KEPT = ("icc_profile", "exif", "xmp", "dpi", "comment", "loop", "transparency", "background", "compression")
_LOSSY_QUALITY = 95
"""Quality for formats that do not tell how they were compressed: the second compression must not be seen."""


@dataclass
class PictureFile:
    """A picture or animation on its way from one file to another.

    Attributes:
        frames: Its pictures, one for a still.
        target: Where it goes.
        format: Pillow's name of the target's format.
        arguments: Save arguments that keep metadata, timing and quality.
    """

    frames: list[Image.Image]
    target: Path
    format: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, source: Path, target: Path) -> PictureFile:
        """Reads a file whole, so that the target may be the same file.

        Raises:
            CarrierError: It is no picture, or damaged.
            UnsupportedCarrierError: The target's format has no place for the label.
            OSError: It cannot be opened.
        """
        Image.init()
        try:
            with Image.open(source) as image:
                chosen = Image.registered_extensions().get(target.suffix.lower())
                # A wrong suffix on an existing file does not change what it is.
                format = str(image.format) if target == source or chosen is None else chosen
                if format not in encoders.PLACES:
                    raise UnsupportedCarrierError(
                        f"{target}: a {format} file has no place for the implicit label; choose another format for the "
                        f"output: {', '.join(encoders.PLACES)}, for example {target.with_suffix('.png').name!r}"
                    )
                return cls._read(image, target, format)
        except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, EOFError, ValueError) as error:
            if isinstance(error, CarrierError):
                raise
            raise CarrierError(f"{source} cannot be read as a picture: {error}") from error
        except OSError as error:
            if error.errno is not None:  # the file system's word, which names the file
                raise
            raise CarrierError(f"{source} is damaged: {error}") from error

    @classmethod
    def _read(cls, image: Image.Image, target: Path, format: str) -> PictureFile:
        arguments = {name: image.info[name] for name in _KEPT if name in image.info}
        if format != image.format:
            for name in ("transparency", "background", "compression", "comment"):
                arguments.pop(name, None)
        if (count := getattr(image, "n_frames", 1)) == 1:
            image.load()
            arguments |= _still(image, format)
            return cls([image], target, format, arguments)
        frames, durations, disposals = [], [], []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            durations.append(frame.info.get("duration", 0))
            disposals.append(getattr(frame, "disposal_method", frame.info.get("disposal")))
            frames.append(frame.copy())
        if len(frames) != count:
            raise CarrierError(f"the file announces {count} frames and holds {len(frames)}")
        arguments.pop("transparency", None)
        arguments |= {"save_all": True, "append_images": frames[1:]}
        if any(durations):
            arguments["duration"] = durations
        if format == "PNG":
            arguments["default_image"] = bool(getattr(image, "default_image", False))
        if format == "WEBP":
            arguments |= {"quality": _LOSSY_QUALITY}
        return cls(frames, target, format, arguments)

    def save(self) -> None:
        """Writes the target; its old content stays until the new one is whole and on the disk."""
        from aigc_hooks.saving.atomic import replacing

        if "append_images" in self.arguments:
            self.arguments["append_images"] = self.frames[1:]
        with replacing(self.target) as file:
            self.frames[0].save(file, self.format, **self.arguments)


def _still(image: Image.Image, format: str) -> dict[str, Any]:
    """Arguments that recompress a still as it was compressed."""
    if format == "JPEG" and image.format in ("JPEG", "MPO"):
        image.format = "JPEG"
        return {"quality": "keep", "progressive": bool(image.info.get("progressive"))}
    if format in ("JPEG", "AVIF", "MPO"):
        return {"quality": _LOSSY_QUALITY}
    if format == "WEBP":
        lossless = image.format in ("PNG", "TIFF", "GIF", "BMP")
        return {"lossless": True} if lossless else {"quality": _LOSSY_QUALITY}
    return {}


def to_picture(pixels: Any, provider: Provider) -> Image.Image:
    """One labelled picture of an array or tensor as a PIL image that carries the label on.

    Raises:
        LabelError: A batch of several pictures.
    """
    import numpy

    label = carried(pixels)
    assert label is not None
    values = pixels.detach().float().cpu().numpy() if is_tensor(pixels) and pixels.is_floating_point() else pixels
    values = values.cpu().numpy() if is_tensor(values) else values
    axis = channel_axis(pixels)
    if values.ndim == 4:
        if len(values) != 1:
            raise LabelError(
                f"a batch of {len(values)} pictures is no single file; save each: save(batch[i], …)", stage="save"
            )
        values = values[0]
    if axis == -3:
        values = numpy.moveaxis(values, 0, -1)
    if axis is not None and values.shape[-1] == 1:
        values = values[..., 0]
    if values.dtype.kind == "f":
        values = (values.clip(0, 1) * 255).round().astype(numpy.uint8)
    elif values.dtype == numpy.uint16 and values.ndim == 3:
        values = (values >> 8).astype(numpy.uint8)  # Pillow has no 16-bit colour
    picture = Image.fromarray(numpy.ascontiguousarray(values))
    carry(picture, label, provider)
    return picture
