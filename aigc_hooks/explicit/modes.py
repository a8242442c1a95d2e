"""How each of Pillow's modes takes the label: blended where its pixels can be mixed, else solid."""

from __future__ import annotations

import functools
import math
import sys
from typing import Any

from PIL import Image, ImageChops

from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.explicit.stencil import Stencil

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


def blend(image: Image.Image, mark: Stencil) -> None:
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
            blend(image, mark)
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
    halves = [hard.point(lambda value, shift=shift: (white if value else black) >> shift & 255) for shift in (8, 0)]
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
    transparency: int | bytes | None = info.get("transparency")  # an index, or the alpha of each
    alphas = transparency if isinstance(transparency, bytes) else b""
    clear = {index for index, alpha in enumerate(alphas) if alpha < 255}
    if isinstance(transparency, int):
        clear.add(transparency)
    background: object = info.get("background")
    for index in range(256):
        if index < len(colours) and colours[index] == colour and index not in clear:
            used[index] += 1
            return index
    room: list[int] = [*range(len(colours), 256), *range(len(colours))]
    for free in room:
        if used[free] == 0 and free not in clear and free != background:
            colours += [bytes(3)] * (free + 1 - len(colours))
            colours[free] = colour
            used[free] += 1
            return free
    return None


def _convert(image: Image.Image, mode: str) -> None:
    """Changes a picture's mode in place, as Pillow itself does in ``thumbnail`` and ``exif_transpose``."""
    converted = image.convert(mode)
    image.im = converted.im
    image._mode = converted.mode
    image.palette = converted.palette
    image.info.pop("transparency", None)
    image.readonly = 0
