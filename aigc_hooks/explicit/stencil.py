"""The shape of a picture's label: which pixels are text, which are plate. Made once per size and style, then reused."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aigc_hooks.errors import ConfigError, LabelError, UnsupportedOutputError
from aigc_hooks.provider import ImageStyle, Provider

if TYPE_CHECKING:
    from PIL import Image, ImageFont

    Font = ImageFont.FreeTypeFont

SHIPPED_FONT = Path(__file__).parent / "fonts" / "NotoSansCJKsc-Label.otf"

INK = 0.5
"""Coverage from which a pixel counts as ink, as a share of its character's darkest pixel: the height is measured on
what is seen, not on faint edges."""

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

# What stays together: words, the two elements that the standard asks for, and punctuation with what it belongs to
# (GB/T 15834-2011, 5.1.9 to 5.1.11, in short).
_CLOSING = r"[、。，．：；！？）】》”’!?,.:;)\]]*"
_UNBROKEN = re.compile(
    rf"[A-Za-z0-9]+(?:[-'’.][A-Za-z0-9]+)*{_CLOSING}|[（【《“‘(\[]*(?:人工智能|生成|合成|\S){_CLOSING}|\s+"
)


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


@functools.lru_cache(maxsize=64)
def _stencil(width: int, height: int, text: str, style: ImageStyle) -> Stencil:
    shorter = min(width, height)
    path = style.font or SHIPPED_FONT
    check_glyphs(text, path)
    lawful = _lawful_size(text, path, math.ceil(style.height * shorter - 1e-9))
    # Larger than the law asks where the law alone would blur; never smaller than it asks: lines break instead.
    for size in range(max(lawful, LEGIBLE_EM), max(lawful, LEAST_EM) - 1, -1):
        inset = _inset(size, shorter)
        lines = _balanced(text, _font(path, size), width - 2 * inset)
        if lines and (block := _draw(lines, size, inset, style)).fits(width, height):
            return block.placed(width, height, min(round(_MARGIN * size), round(_MOST_MARGIN * shorter)))
    raise UnsupportedOutputError(
        f"the label {text!r} does not fit a picture of {width}×{height} pixels at the lawful size of "
        f"{max(lawful, LEAST_EM)} px; make a larger picture"
        + (" or choose a shorter wording" if len(text) > 4 else ""),
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

    font = _font(style.font or SHIPPED_FONT, size)
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


def _balanced(text: str, font: Font, room: int) -> list[str]:
    """Breaks a text into as few lines as fit, of about equal length; empty if a single character does not fit."""
    lines = _wrap(text, font, room)
    least = 0
    while len(lines) > 1 and room - least > 1:
        middle = (least + room) // 2
        tighter = _wrap(text, font, middle)
        if tighter and len(tighter) == len(lines):
            lines, room = tighter, middle
        else:
            least = middle
    return lines


def _wrap(text: str, font: Font, room: int) -> list[str]:
    """Breaks a text into lines that fit; empty if a single character does not."""
    lines = [""]
    for piece in _pieces(text, font, room):
        if font.getlength(piece.rstrip()) > room:
            return []
        if lines[-1] and font.getlength((lines[-1] + piece).rstrip()) > room:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines if line.strip()]


def _pieces(text: str, font: Font, room: int) -> Iterator[str]:
    """What stays together on a line: a word, or a character with its punctuation; single characters if need be."""
    for match in _UNBROKEN.finditer(text):
        piece = match.group()
        if font.getlength(piece.rstrip()) > room:
            yield from piece
        else:
            yield piece


def _lawful_size(text: str, path: Path, required: int) -> int:
    """The least font size at which the ink of every counted character is ``required`` pixels high."""
    characters = sorted({character for character in text if not character.isspace()})
    probe = 200
    heights = {character: _ink_height(path, probe, character) for character in characters}
    counted = [character for character in characters if _counts(path, probe, character)]
    size = max(1, math.floor(required * probe / min(heights[character] for character in counted)) - 2)
    while any(_ink_height(path, size, character) < required for character in counted):
        size += 1
    return size


def _counts(path: Path, size: int, character: str) -> bool:
    """Whether a character's own ink must reach the lawful height.

    The standard does not say how 文字高度 is measured; this is the strictest reading that can be drawn: every letter,
    digit and ideograph, capitals and small letters alike. Punctuation does not count, nor does a character that is
    flat by design, such as 一: more than twice as wide as it is high.
    """
    if not character.isalnum():
        return False
    left, top, right, bottom = _ink_box(path, size, character)
    return right - left <= 2 * (bottom - top)


def _ink_height(path: Path, size: int, character: str) -> int:
    _, top, _, bottom = _ink_box(path, size, character)
    return bottom - top


@functools.lru_cache(maxsize=4096)
def _ink_box(path: Path, size: int, character: str) -> tuple[int, int, int, int]:
    glyph = _glyph(path, size, character)
    _, darkest = glyph.getextrema()
    assert isinstance(darkest, int)
    threshold = max(1, INK * darkest)
    return glyph.point(lambda value: 255 if value >= threshold else 0).getbbox() or (0, 0, 0, 0)


def _glyph(path: Path, size: int, character: str) -> Image.Image:
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (3 * size, 3 * size))
    ImageDraw.Draw(canvas).text((size, 2 * size), character, fill=255, font=_font(path, size), anchor="ls")
    return canvas


@functools.lru_cache(maxsize=64)
def _font(path: Path, size: int) -> Font:
    from PIL import ImageFont

    try:
        # The basic layout draws one glyph per character on every machine, with libraqm or without.
        return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise ConfigError(
            f"image.font = {str(path)!r} cannot be read as a TrueType or OpenType font: {error}"
        ) from error


@functools.lru_cache(maxsize=64)
def check_glyphs(text: str, path: Path) -> None:
    """Checks that a font draws every character of a text, and no box in its place.

    Raises:
        ConfigError: A character is missing; the message names it.
    """
    # No font maps this noncharacter: what it draws is the font's sign for "missing".
    missing_sign = _glyph(path, 64, "\U0010ffff").tobytes()
    for character in text:
        if not character.isspace() and _glyph(path, 64, character).tobytes() == missing_sign:
            raise ConfigError(
                f"font {str(path)!r} has no glyph for {character!r} (U+{ord(character):04X}) of the label {text!r}; "
                "set image.font to a font that has it, or change the wording"
            )
    if not any(_counts(path, 64, character) for character in text):
        raise LabelError(f"the label {text!r} has no character whose height can be measured", stage="render_explicit")
