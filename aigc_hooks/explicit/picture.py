"""Draws the label on PIL images of every mode, in place."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, ImageChops, ImageStat

from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.explicit.modes import blend
from aigc_hooks.explicit.stencil import Stencil, stencil
from aigc_hooks.provider import Provider

# EXIF orientation: what turns the stored picture into the displayed one, and back (Exif 2.32, tag 0x0112).
_ORIENTATION = 0x0112
_EXIF_PLACES = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
_TO_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}

_RINGING, _STRAY = 64, 0.1
"""How far single pixels may be off, of 255, and the share of pixels that may be off further: lossy formats ring."""

_TOLERANCE = 24
"""How far a saved and reloaded pixel may be off, of 255, and still count as the label's: lossy formats blur."""


@dataclass(frozen=True)
class Covered:
    """What a picture had under its label.

    Attributes:
        box: The label's box in the picture as stored, in pixels.
        size: Size of the picture, in pixels.
        before: The pixels in the box before the label.
        mark: The label, to tell how the box looks with it.
    """

    box: tuple[int, int, int, int]
    size: tuple[int, int]
    before: Image.Image
    mark: Stencil

    @functools.cached_property
    def after(self) -> Image.Image:
        """The pixels in the box with the label."""
        sheet = self.before.copy()
        blend(sheet, replace(self.mark, box=(0, 0, *sheet.size)))
        return sheet


def draw(image: Image.Image, provider: Provider) -> Covered:
    """Draws the label into a picture, in place, and returns what it covers.

    The picture keeps its mode, with two exceptions: a palette without room for black and white becomes ``RGB``
    (``RGBA`` where it has transparency), and a colour that stands for transparency becomes an alpha channel, for the
    label may have that colour. Modes ``I`` and ``F`` do not say what white is: their brightest pixel tells, as 1, 255
    or 65535.

    Args:
        image: Any mode, at least about 16×16 pixels; its EXIF orientation is respected.
        provider: Gives wording and style.

    Raises:
        UnsupportedOutputError: An animation opened from a file, an empty picture, or one too small for the wording.
    """
    if (count := getattr(image, "n_frames", 1)) > 1:
        raise UnsupportedOutputError(
            f"an opened {image.format} of {count} frames: a label on the current frame would "
            "miss the others; use label(Path(…)) for the file, or label a list of its frames",
            stage="render_explicit",
        )
    image.load()
    if not image.width or not image.height:
        raise UnsupportedOutputError(f"a picture of {image.width}×{image.height} pixels", stage="render_explicit")
    mark = _stored(image, provider)
    before = image.crop(mark.box)
    blend(image, mark)
    if image.mode != before.mode:  # a full palette had no room for the label
        before = before.convert(image.mode)
    # Only pixels: what else the picture carries, an older label too, must not live on in here.
    before.info = {key: value for key, value in before.info.items() if key == "transparency"}
    return Covered(mark.box, image.size, before, mark)


def shows_label(image: Image.Image, provider: Provider) -> bool:
    """Whether the picture shows this provider's label, legibly, where the provider's style puts it."""
    if getattr(image, "n_frames", 1) > 1 or not image.width or not image.height:
        return False
    image.load()
    try:
        mark = _stored(image, provider)
    except UnsupportedOutputError:
        return False
    # One pixel settles it for nearly every fresh picture.
    pixel: Any = image.getpixel((mark.box[0] + mark.probe[0], mark.box[1] + mark.probe[1]))
    if image.mode in ("L", "RGB") and min(pixel if isinstance(pixel, tuple) else (pixel,)) < mark.full - _RINGING:
        return False
    region = _visible(image.crop(mark.box))
    # The text is white and the plate is dark, whatever the picture: that is what makes it legible. What a lossy format
    # left of it is told by most pixels, not by each: its edges ring.
    text, plate = ImageStat.Stat(region, mark.text_mask), ImageStat.Stat(region, mark.plate_mask)
    limit = round(255 * (1 - mark.opacity))
    return (
        min(text.mean) >= mark.full - _TOLERANCE
        and max(plate.mean, default=0) <= limit + _TOLERANCE
        and _share(text, range(mark.full - _RINGING)) <= _STRAY
        and _share(plate, range(limit + _RINGING, 256)) <= _STRAY
    )


def _share(statistics: ImageStat.Stat, values: range) -> float:
    """The share of pixels with one of these values, in the band that has most of them."""
    bands = [statistics.h[start : start + 256] for start in range(0, len(statistics.h), 256)]
    return max((sum(band[values.start : values.stop]) / max(1, sum(band)) for band in bands), default=0.0)


def restored(image: Image.Image, covered: Covered) -> Image.Image | None:
    """A copy of a labelled picture as it was before the label, or None where that cannot be had.

    It serves generation only: a model that gets its own labelled output back as an input would paint the label into
    its next picture. A resized picture is restored at its new size; a cropped or rotated one is not.
    """
    if image.mode != covered.before.mode:
        return None
    box = _scaled(image, covered)
    size = (box[2] - box[0], box[3] - box[1])
    scaled = size != covered.before.size
    if _deviation(image, covered, box) > (_TOLERANCE / 2 if scaled else 0):
        return None  # the label is not there any more, or not where it was
    copy = image.copy()
    copy.paste(covered.before.resize(size) if scaled else covered.before, box)
    return copy


def still_shows(image: Image.Image, covered: Covered) -> bool:
    """Whether a picture made from a labelled one, such as by resizing or conversion, still has the label in its place.

    One that was resized unevenly, cropped, or drawn on has not.
    """
    if image.width * covered.size[1] > 2 * image.height * covered.size[0]:
        return False
    if image.height * covered.size[0] > 2 * image.width * covered.size[1]:
        return False
    return _deviation(image, covered, _scaled(image, covered)) <= _TOLERANCE / 2


def _scaled(image: Image.Image, covered: Covered) -> tuple[int, int, int, int]:
    """Where the covered box lies in a picture that may have been resized."""
    scale_x, scale_y = image.width / covered.size[0], image.height / covered.size[1]
    left, top, right, bottom = covered.box
    return round(left * scale_x), round(top * scale_y), round(right * scale_x), round(bottom * scale_y)


def _deviation(image: Image.Image, covered: Covered, box: tuple[int, int, int, int]) -> float:
    """How far a box is from the labelled one, of 255, as a mean over the box of the worst band."""
    size = (box[2] - box[0], box[3] - box[1])
    if not all(size):
        return math.inf
    expected = covered.after if size == covered.after.size else covered.after.resize(size)
    shown, wanted = _visible(image.crop(box)), _visible(expected)
    if shown.mode != wanted.mode:
        shown, wanted = shown.convert("L"), wanted.convert("L")
    difference = ImageChops.difference(shown, wanted)
    return max(ImageStat.Stat(difference).mean)


def _visible(region: Image.Image) -> Image.Image:
    """A part of a picture as a viewer shows it, in ``L`` or ``RGB``: what is transparent lies on a white page."""
    if region.mode == "F":
        _, high = region.getextrema()
        scale = 255 / high if isinstance(high, float) and high > 0 else 1.0
        return region.point(lambda value: value * scale + 0).convert("L")
    if region.mode in ("P", "PA", "RGBa", "La") or "transparency" in region.info:
        region = region.convert("LA" if region.mode in ("1", "L", "La") else "RGBA")
    if region.mode in ("RGBA", "LA"):
        page = Image.new(region.mode[:-1], region.size, "white")
        page.paste(region.convert(page.mode), mask=region.getchannel("A"))
        return page
    if region.mode in ("L", "RGB"):
        return region
    return region.convert("L" if region.mode == "1" or region.mode.startswith("I") else "RGB")


def _stored(image: Image.Image, provider: Provider) -> Stencil:
    """The stencil turned as the picture's pixels are stored: a viewer turns picture and label upright together."""
    # Reading EXIF is slow for what it is: most pictures have none.
    has_exif = type(image) is not Image.Image or image._exif is not None or not _EXIF_PLACES.isdisjoint(image.info)
    back = _TO_STORED.get(image.getexif().get(_ORIENTATION, 1)) if has_exif else None
    if back is None:
        return stencil(image.width, image.height, provider)
    turned = back in (
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_270,
    )
    width, height = (image.height, image.width) if turned else image.size
    upright = stencil(width, height, provider)
    # Turn the label on an empty sheet of the displayed size to find its box: simple, and only for photographs.
    sheet = Image.new("1", (width, height))
    sheet.paste(1, upright.box)
    box = sheet.transpose(back).getbbox()
    assert box is not None
    return Stencil(box, upright.ink.transpose(back), upright.shape.transpose(back), upright.opacity)
