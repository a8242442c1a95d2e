"""Draws the label on PIL images of every mode, in place."""

from __future__ import annotations

import functools
import math
import sys
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, ImageChops, ImageStat

from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.explicit.stencil import Stencil, stencil
from aigc_hooks.provider import Provider

_Ink = tuple[Any, Any]

# For each mode that blends by band, what each band holds for a grey: the grey itself ("+"), its negative ("-") or a
# constant. CMYK black is all K; YCbCr and LAB have their colourless middle at 128.
_BLENDED: dict[str, tuple[str | int, ...]] = {
    "L": ("+",),
    "LA": ("+", 255),
    "RGB": ("+", "+", "+"),
    "RGBA": ("+", "+", "+", 255),
    "RGBX": ("+", "+", "+", 255),
    "CMYK": (0, 0, 0, "-"),
    "YCbCr": ("+", 128, 128),
    "LAB": ("+", 128, 128),
    "HSV": (0, 0, "+"),
}
# Modes whose pixels cannot be mixed: the plate is solid and the text has hard edges.
_SOLID: dict[str, _Ink] = {
    "1": (0, 255),
    "La": ((0, 255), (255, 255)),
    "RGBa": ((0, 0, 0, 255), (255, 255, 255, 255)),
    **dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), (0, 65535)),
}
# What a mode whose transparency is one of its colours becomes.
_KEYED = {"1": "LA", "L": "LA", "RGB": "RGBA"}

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
        _blend(sheet, replace(self.mark, box=(0, 0, *sheet.size)))
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
    _blend(image, mark)
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
    if image.mode in ("L", "RGB") and min(pixel if isinstance(pixel, tuple) else (pixel,)) < mark.full - _TOLERANCE:
        return False
    region = _visible(image.crop(mark.box))
    # The text is white and the plate is dark, whatever the picture: that is what makes it legible.
    darkest = min(low for low, _ in _extrema(region, mark.text_mask))
    if darkest < mark.full - _TOLERANCE:
        return False
    brightest = max(high for _, high in _extrema(region, mark.plate_mask))
    return brightest <= 255 * (1 - mark.opacity) + _TOLERANCE


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


def _extrema(region: Image.Image, mask: Image.Image) -> list[tuple[int, int]]:
    return ImageStat.Stat(region, mask).extrema


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


def _blend(image: Image.Image, mark: Stencil) -> None:
    """Puts the label into the picture: blended where the mode allows it, else solid."""
    if image.mode in _KEYED and "transparency" in image.info:
        _convert(image, _KEYED[image.mode])
    if image.mode in _BLENDED:
        alpha = image.crop(mark.box).getchannel("A") if image.mode in ("RGBA", "LA") else None
        image.paste(_patch(mark, image.mode), mark.box, mark.cover)
        if alpha is not None and alpha.getextrema() != (255, 255):
            # A label on transparent pixels would not be seen: the plate is opaque where it lies.
            region = image.crop(mark.box)
            region.putalpha(ImageChops.screen(alpha, mark.shape))
            image.paste(region, mark.box)
        return
    if image.mode in ("P", "PA"):
        inks = _palette_inks(image)
        if inks is None:
            _convert(image, "RGBA" if image.has_transparency_data else "RGB")
            _blend(image, mark)
            return
    elif image.mode in ("I", "F"):
        inks = _range_inks(image)
    elif image.mode in _SOLID:
        inks = _SOLID[image.mode]
    else:
        raise UnsupportedOutputError(
            f"pictures of mode {image.mode!r} cannot be labelled; convert them to 'RGB' or 'RGBA' first",
            stage="render_explicit",
        )
    black, white = inks
    edge = mark.full / 2
    hard = mark.ink.point(lambda value: 255 if value >= edge else 0)
    if image.mode.startswith("I;16"):
        # Pillow pastes numbers into 16-bit pictures byte by byte, and not always the right ones.
        image.paste(_words(hard, image), mark.box)
        return
    image.paste(black, mark.box)
    image.paste(white, mark.box, hard)


def _words(hard: Image.Image, image: Image.Image) -> Image.Image:
    """The label in a 16-bit mode. It has no mode with alpha: a value that means transparent is avoided by one."""
    key = image.info.get("transparency")
    black, white = int(key == 0), 65535 - int(key == 65535)
    halves = [
        hard.point(lambda value, shift=shift: (white if value else black) >> shift & 255)  # type: ignore[misc]
        for shift in (8, 0)
    ]
    big = image.mode == "I;16B" or (image.mode == "I;16N" and sys.byteorder == "big")
    pairs = Image.merge("LA", halves if big else halves[::-1])
    return Image.frombytes(image.mode, hard.size, pairs.tobytes())


@functools.lru_cache(maxsize=64)
def _patch(mark: Stencil, mode: str) -> Image.Image:
    """The label's grey in the bands of a mode."""
    negative = ImageChops.invert(mark.grey)
    bands = [
        mark.grey if band == "+" else negative if band == "-" else Image.new("L", mark.grey.size, band)
        for band in _BLENDED[mode]
    ]
    return Image.merge(mode, bands) if len(bands) > 1 else mark.grey


def _range_inks(image: Image.Image) -> _Ink:
    """Black and white of a picture whose mode does not say its range: 0–1, 0–255 or 0–65535 by its brightest pixel."""
    low, high = image.getextrema()
    assert isinstance(low, (int, float))
    assert isinstance(high, (int, float))
    if not math.isfinite(low) or not math.isfinite(high):
        raise UnsupportedOutputError(
            f"a picture of mode {image.mode!r} with values from {low} to {high}: replace what is not finite",
            stage="render_explicit",
        )
    scales = (1.0, 255.0, 65535.0) if image.mode == "F" else (255, 65535)
    white = next((scale for scale in scales if high <= scale), high)
    return min(low, 0), white


def _palette_inks(image: Image.Image) -> _Ink | None:
    """Indices of black and white in a palette, adding them where there is room; None where there is not."""
    palette = image.palette
    if palette is None or palette.rawmode not in (None, "RGB") or palette.mode != "RGB":
        return None
    entries = bytes(palette.palette)
    colours = [entries[start : start + 3] for start in range(0, len(entries), 3)]
    used = (image if image.mode == "P" else image.getchannel("P")).histogram()
    # Not with Pillow's own getcolor(): in a full palette it gives one unused entry to both colours.
    black, white = (_index(bytes([grey] * 3), colours, used, image.info) for grey in (0, 255))
    if black is None or white is None:
        return None
    image.putpalette(b"".join(colours))
    return ((black, 255), (white, 255)) if image.mode == "PA" else (black, white)


def _index(colour: bytes, colours: list[bytes], used: list[int], info: dict[Any, Any]) -> int | None:
    """Where a colour stands in a palette, opaque, or where there is room for it; None where there is none."""
    transparency = info.get("transparency")  # an index, or the alpha of each
    alphas = transparency if isinstance(transparency, bytes) else b""
    clear = {index for index, alpha in enumerate(alphas) if alpha < 255} | {transparency}
    for index in range(256):
        if index < len(colours) and colours[index] == colour and index not in clear:
            used[index] += 1
            return index
    room = [*range(len(colours), 256), *range(len(colours))]
    for index in room:
        if not used[index] and index not in clear and index != info.get("background"):
            colours += [bytes(3)] * (index + 1 - len(colours))
            colours[index] = colour
            used[index] += 1
            return index
    return None


def _convert(image: Image.Image, mode: str) -> None:
    """Changes a picture's mode in place, as Pillow itself does in ``thumbnail`` and ``exif_transpose``."""
    converted = image.convert(mode)
    image.im = converted.im
    image._mode = converted.mode
    image.palette = converted.palette
    image.info.pop("transparency", None)
    image.readonly = 0
