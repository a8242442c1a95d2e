"""Picture files that already exist: opened with everything that must survive, saved again with the label."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageSequence, UnidentifiedImageError

from aigc_hooks.artifact import Reading
from aigc_hooks.carry import carried, carry, covered_by
from aigc_hooks.errors import CarrierError, LabelError, UnsupportedCarrierError
from aigc_hooks.labels import FIELD_NAME
from aigc_hooks.media import channel_axis, is_array, is_tensor
from aigc_hooks.provider import Provider
from aigc_hooks.reading import carrier_of, read_label
from aigc_hooks.saving import encoders, kept
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.manifests import OnSignedContent, keep_manifests

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
        source: The file that it was read from, if its bytes may go to the target as they are.
        reading: The labels in the file that it was opened from.
        origin: That file, if it could be read.
    """

    frames: list[Image.Image]
    target: Path
    format: str
    arguments: dict[str, Any] = field(default_factory=dict)
    source: Path | None = None
    reading: Reading | None = None
    origin: Path | None = None

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
                format = _format(image, source, target)
                file = cls._read(image, source, target, format)
            file._note_labels(source)
            return file
        except (CarrierError, MemoryError):
            raise
        except UnidentifiedImageError as error:
            carrier = carrier_of(source)
            why = (
                "its format is not known, or it is cut. label() takes pictures, .txt and .md, sounds, films, HTML, "
                "DOCX, PPTX, ODT, EPUB, PDF and SVG: look at the suffix of its name, or convert it to one of them"
                if carrier is None
                else f"it is cut, or no {carrier.name} can be decoded; write_label() writes the implicit label alone"
            )
            raise CarrierError(f"{source} cannot be read as a picture: {why}") from error
        except Exception as error:  # Pillow's decoders raise whatever a broken file makes them raise
            if isinstance(error, OSError) and error.errno is not None:  # the file system's word, which names the file
                raise
            raise CarrierError(f"{source} cannot be read as a picture: it is damaged: {error}") from error

    @classmethod
    def _read(cls, image: Image.Image, source: Path, target: Path, format: str) -> PictureFile:
        count = getattr(image, "n_frames", 1)
        image.load()
        if target.resolve() == source.resolve() and kept.is_deeper(image, source):
            raise CarrierError(
                f"{source} has 16 bits to a colour, and the labelled picture would have 8: give another file with "
                "output= to keep the original"
            )
        arguments = {name: image.info[name] for name in kept.KEPT if name in image.info}
        if image.format == "TIFF":
            arguments["exif"] = kept.tiff_tags(image)
        if format != image.format:
            arguments.pop("comment", None)
        if format in kept.LOSSY:
            arguments |= {"lossless": True} if kept.is_lossless(image, source) else {"quality": _LOSSY_QUALITY}
        if format == image.format == "PNG":
            arguments["pnginfo"] = kept.png_chunks(source)
        if format == image.format:
            file = cls([image], target, format, arguments, source)
        else:
            file = cls([image], target, format, arguments)
        if count > 1:
            file._read_frames(image, count)
        elif format == "GIF":
            file.frames = [kept.with_room(image)]
        elif format == "JPEG" and image.format in ("JPEG", "MPO"):
            image.format = "JPEG"
            arguments |= {"quality": "keep", "progressive": bool(image.info.get("progressive"))}
        return file

    def _read_frames(self, image: Image.Image, count: int) -> None:
        """Takes every frame of an animation or every page of a document, as a viewer composes it."""
        if self.format not in Image.SAVE_ALL:
            raise UnsupportedCarrierError(
                f"{self.target}: a {self.format} file holds one picture, the source has {count}; choose GIF, PNG, "
                "WebP, AVIF or TIFF for the output"
            )
        frames, durations = [], []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            durations.append(frame.info.get("duration", 0))
            frames.append(frame.copy())
        if len(frames) != count:
            raise CarrierError(f"the file announces {count} frames and holds {len(frames)}")
        self.frames = frames
        self.arguments |= {"save_all": True}
        if self.format == "PNG":
            alone = bool(getattr(image, "default_image", False))
            # The frames are composed already: each replaces what was there.
            self.arguments |= {"default_image": alone, "disposal": 0, "blend": 0}
            durations = durations[1:] if alone else durations
        elif self.format == "GIF":
            self.arguments["disposal"] = 2 if any(frame.has_transparency_data for frame in frames) else 0
            self.frames = [kept.with_room(frame) for frame in frames]
        if any(durations):
            exact = self.format == "PNG"  # the others count whole milliseconds
            self.arguments["duration"] = durations if exact else [round(duration) for duration in durations]
            if image.format == "GIF" and self.format != "GIF":
                self.arguments.setdefault("loop", 1)  # a GIF that does not say plays once

    def _note_labels(self, source: Path) -> None:
        """Tells the pictures of labels at places that Pillow does not look at, so that they are found."""
        try:
            self.reading = read_label(source)
            self.origin = source
        except UnsupportedCarrierError:
            return  # such as BMP, which becomes another format
        for finding in self.reading.findings:
            for frame in self.frames:
                if finding.label is not None and read_label(frame).label is None:
                    frame.info[FIELD_NAME] = finding.label.to_json(wrapped=True)

    def save(self, on_signed_content: OnSignedContent = "raise") -> None:
        """Writes the target; its old content stays until the new one is whole and on the disk.

        A file that shows its label and holds it, and nothing else, is not encoded anew.

        Args:
            on_signed_content: What becomes of a file that C2PA has signed, and that has to be encoded anew.

        Raises:
            SignedContentError: It is refused.
            LabelError: The format cannot hold this kind of picture, or the label did not arrive in it.
            OSError: The target cannot be written.
        """
        if self.source is not None and self._is_labelled():
            if self.source.resolve() != self.target.resolve():
                with replacing(self.target) as file:
                    file.write(self.source.read_bytes())
            return
        keep_manifests(self.origin or self.target, self.reading, on_signed_content)
        if len(self.frames) > 1:
            self.arguments["append_images"] = self.frames[1:]
        with replacing(self.target) as file:
            try:
                self.frames[0].save(file, self.format, **self.arguments)
            except OSError as error:
                if error.errno is not None:
                    raise
                raise LabelError(
                    f"{self.target}: {error}; choose another format for the output, such as PNG", stage="save"
                ) from error

    def _is_labelled(self) -> bool:
        """Whether the file that was read holds exactly the label that its frames carry, and none had to be drawn on."""
        labels = [finding.label for finding in self.reading.findings] if self.reading else []
        return labels == [carried(self.frames[0])] and not any(map(covered_by, self.frames))


def _format(image: Image.Image, source: Path, target: Path) -> str:
    """Pillow's name of the format to write."""
    chosen = Image.registered_extensions().get(target.suffix.lower())
    if chosen is None and target.resolve() != source.resolve():
        raise UnsupportedCarrierError(
            f"{target}: the suffix {target.suffix!r} names no format; choose one for the output: "
            f"{', '.join(encoders.PLACES)}, for example {target.with_suffix('.png').name!r}"
        )
    if chosen == "JPEG" and image.format == "MPO":
        chosen = "MPO"  # a JPEG with several pictures in it
    # A wrong suffix on an existing file does not change what it is.
    format = str(image.format) if chosen is None or target.resolve() == source.resolve() else chosen
    if format not in encoders.PLACES:
        raise UnsupportedCarrierError(
            f"{target}: a {format} file has no place for the implicit label; choose another format for the output: "
            f"{', '.join(encoders.PLACES)}, for example {target.with_suffix('.png').name!r}"
        )
    return format


def to_picture(pixels: Any, provider: Provider) -> Image.Image:
    """One labelled picture of an array or tensor as a PIL image that carries the label on.

    Raises:
        LabelError: A batch of several pictures, or a list of them.
    """
    import numpy

    from aigc_hooks.explicit import array

    if not is_array(pixels) and not is_tensor(pixels):
        raise LabelError(f"a {type(pixels).__name__} is no single picture; save each on its own", stage="save")
    black, _ = array.value_range(pixels)
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
        values = ((values.clip(black, 1) - black) / (1 - black) * 255).round().astype(numpy.uint8)
    elif values.dtype == numpy.uint16 and values.ndim == 3:
        values = (values >> 8).astype(numpy.uint8)  # Pillow has no 16-bit colour
    picture = Image.fromarray(numpy.ascontiguousarray(values))
    if label := carried(pixels):  # none where labelling failed and was forgiven (on_error = "warn")
        carry(picture, label, provider)
    return picture
