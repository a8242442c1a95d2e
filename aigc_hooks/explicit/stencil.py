"""The shape of a picture's label: which pixels are text, which are plate. Made once per size and style, then reused."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.explicit.lettering import SHIPPED_FONT, break_lines, check_glyphs, lawful_size, load_font
from aigc_hooks.provider import Provider
from aigc_hooks.styles import MIN_TEXT_HEIGHT, ImageStyle

if TYPE_CHECKING:
    from PIL import Image

LEGIBLE_EM = 12
"""Font size in pixels under which characters blur (standard: "legible"). Small pictures get it where it fits."""

LEAST_EM = 6
"""Font size under which Chinese characters cannot be told apart: a picture that allows no more is refused."""

# All in units of the font size.
_PADDING = 0.22
_LINE_PITCH = 1.2
_MARGIN = 0.2
_CORNER = 0.18

# Of the picture's shorter side: a tall label keeps to the edge too, its ink within the outer tenth.
_MOST_PADDING = 0.05
_MOST_MARGIN = 0.03


@dataclass(frozen=True, eq=False)
class Stencil:
    """The label's pixels for one picture size: white text on a black plate.

    Attributes:
        box: Left, top, right, bottom of the plate in the picture, in pixels.
        ink: Coverage of the text within the box, mode ``L``, 0 to 255.
        shape: Coverage of the plate with its rounded corners, mode ``L``; opacity not applied.
        opacity: Opacity of the plate, 0 to 1.
    """

    box: tuple[int, int, int, int]
    ink: Image.Image
    shape: Image.Image
    opacity: float

    @functools.cached_property
    def cover(self) -> Image.Image:
        """How much of each pixel the label covers, plate and text together, mode ``L``, 0 to 255."""
        from PIL import ImageChops

        return ImageChops.screen(self.shape.point(lambda value: round(value * self.opacity)), self.ink)

    @functools.cached_property
    def grey(self) -> Image.Image:
        """The label's own brightness where it covers, mode ``L``: pasted through ``cover``, it gives text on plate."""
        clear = 1 - self.opacity
        return self.ink.point(lambda ink: round(255 * ink / (255 - (255 - ink) * clear)))

    @functools.cached_property
    def probe(self) -> tuple[int, int]:
        """A pixel within the box that is text through and through, to look at first."""
        box = self.text_mask.getbbox() or (0, 0, 1, 1)
        row = self.text_mask.crop((box[0], box[1], box[2], box[1] + 1)).getbbox() or (0, 0, 1, 1)
        return box[0] + row[0], box[1]

    @functools.cached_property
    def full(self) -> int:
        """Coverage of 255 from which a pixel is text through and through; the smallest sizes have none that is full."""
        _, darkest = self.ink.getextrema()
        assert isinstance(darkest, int)
        return min(250, darkest)

    @functools.cached_property
    def text_mask(self) -> Image.Image:
        """Only pixels that are text through and through, mode ``1``."""
        return self.ink.point(lambda value: 255 if value >= self.full else 0, "1")

    @functools.cached_property
    def plate_mask(self) -> Image.Image:
        """Only pixels that are bare plate, mode ``1``: one character's edge does not blur into them."""
        from PIL import ImageChops, ImageFilter

        bare = self.ink.filter(ImageFilter.MaxFilter(3)).point(lambda value: 0 if value else 255)
        return ImageChops.multiply(bare, self.shape).point(lambda value: 255 if value >= 250 else 0, "1")


def stencil(width: int, height: int, provider: Provider) -> Stencil:
    """The stencil for a picture of this size.

    Args:
        width: In pixels, as displayed.
        height: In pixels, as displayed.
        provider: Gives wording and style.

    Raises:
        UnsupportedOutputError: The wording does not fit the picture at a lawful and legible size.
        ConfigError: The font cannot be read or lacks a character of the wording.
    """
    style = provider.image
    return _stencil(width, height, style.wording or provider.wording, style)


def check_style(provider: Provider) -> None:
    """Checks, before anything is generated, that the fonts can draw the wordings.

    Raises:
        ConfigError: A font cannot be read or lacks a character of its wording.
    """
    for style in (provider.image, provider.video):
        check_glyphs(style.wording or provider.wording, style.font or SHIPPED_FONT)


@functools.lru_cache(maxsize=64)
def _stencil(width: int, height: int, text: str, style: ImageStyle) -> Stencil:
    shorter = min(width, height)
    path = style.font or SHIPPED_FONT
    check_glyphs(text, path)
    encoded = -(-shorter // style.grid) * style.grid
    lawful = lawful_size(text, path, math.ceil(style.height * encoded - 1e-9))
    # Larger than the law asks where the law alone would blur; never smaller than it asks: lines break instead.
    for size in range(max(lawful, LEGIBLE_EM), max(lawful, LEAST_EM) - 1, -1):
        inset = _inset(size, shorter)
        lines = break_lines(text, load_font(path, size), width - 2 * inset)
        if lines and (block := _draw(lines, size, inset, style)).fits(width, height):
            return block.placed(width, height, min(round(_MARGIN * size), round(_MOST_MARGIN * shorter)))
    raise UnsupportedOutputError(
        f"the label {text!r} does not fit a picture of {width}×{height} pixels at the lawful size of "
        f"{max(lawful, LEAST_EM)} px; make a larger picture"
        + (", choose a shorter wording" if len(text) > 4 else "")
        + (f", or lower {style.table}.height from {style.height:g}" if style.height > MIN_TEXT_HEIGHT else ""),
        stage="render_explicit",
    )


@dataclass(frozen=True)
class _Block:
    """A drawn label before it has a place in a picture."""

    ink: Image.Image
    shape: Image.Image
    style: ImageStyle

    def fits(self, width: int, height: int) -> bool:
        return self.ink.width <= width and self.ink.height <= height

    def placed(self, width: int, height: int, margin: int) -> Stencil:
        """At the edge or corner that the style names (GB 45438-2025, 5.2: 边或角)."""
        room_x, room_y = width - self.ink.width, height - self.ink.height
        margin_x, margin_y = min(margin, room_x), min(margin, room_y)
        position = self.style.position
        left = margin_x if "left" in position else room_x - margin_x if "right" in position else room_x // 2
        top = margin_y if "top" in position else room_y - margin_y if "bottom" in position else room_y // 2
        box = (left, top, left + self.ink.width, top + self.ink.height)
        return Stencil(box, self.ink, self.shape, self.style.opacity)


def _inset(size: int, shorter: int) -> int:
    """Plate around the text, in pixels: almost none where a tiny picture has no room to spare."""
    return max(0, min(round(_PADDING * (size - 4)), math.ceil(_MOST_PADDING * shorter)))


def _draw(lines: list[str], size: int, inset: int, style: ImageStyle) -> _Block:
    from PIL import Image, ImageDraw

    font = load_font(style.font or SHIPPED_FONT, size)
    pitch = round(_LINE_PITCH * size)
    widths = [math.ceil(font.getlength(line)) for line in lines]
    canvas = Image.new("L", (max(widths) + 2 * size, pitch * len(lines) + 2 * size))
    draw = ImageDraw.Draw(canvas)
    for number, (line, width) in enumerate(zip(lines, widths, strict=True)):
        slack = max(widths) - width
        indent = slack if "right" in style.position else 0 if "left" in style.position else slack // 2
        draw.text((size + indent, size + pitch * number + size), line, fill=255, font=font, anchor="ls")
    left, top, right, bottom = canvas.getbbox() or (0, 0, 1, 1)
    ink = canvas.crop((left - inset, top - inset, right + inset, bottom + inset))
    return _Block(ink, _plate(ink.size, min(round(_CORNER * size), inset)), style)


def _plate(size: tuple[int, int], radius: int) -> Image.Image:
    """A rectangle with smooth round corners."""
    from PIL import Image, ImageDraw

    plate = Image.new("L", size, 255)
    if radius:
        # Pillow draws without smoothing: drawn large and made small, the corners are smooth.
        disc = Image.new("L", (8 * radius, 8 * radius))
        ImageDraw.Draw(disc).ellipse((0, 0, 8 * radius - 1, 8 * radius - 1), fill=255)
        disc = disc.resize((2 * radius, 2 * radius), Image.Resampling.BOX)
        for x, left in ((0, 0), (radius, size[0] - radius)):
            for y, top in ((0, 0), (radius, size[1] - radius)):
                plate.paste(disc.crop((x, y, x + radius, y + radius)), (left, top))
    return plate
