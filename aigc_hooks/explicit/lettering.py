"""Fonts: how large a text must be set so that its ink is high enough, where it may break, whether it can be drawn."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from aigc_hooks.errors import ConfigError, LabelError

if TYPE_CHECKING:
    from PIL import Image, ImageFont

    Font = ImageFont.FreeTypeFont

SHIPPED_FONT = Path(__file__).parent / "fonts" / "NotoSansCJKsc-Label.otf"

INK = 0.5
"""Coverage from which a pixel counts as ink, as a share of its character's darkest pixel: the height is measured on
what is seen, not on faint edges."""

# What stays together: words, the two elements that the standard asks for, and punctuation with what it belongs to
# (GB/T 15834-2011, 5.1.9 to 5.1.11, in short).
_CLOSING = r"[、。，．：；！？）】》”’!?,.:;)\]]*"
_UNBROKEN = re.compile(
    rf"[A-Za-z0-9]+(?:[-'’.][A-Za-z0-9]+)*{_CLOSING}|[（【《“‘(\[]*(?:人工智能|生成|合成|\S){_CLOSING}|\s+"
)


def break_lines(text: str, font: Font, room: int) -> list[str]:
    """Breaks a text into as few lines as fit, of about equal length; empty if a single character does not fit."""
    lines = wrap(text, font, room)
    least = 0
    while len(lines) > 1 and room - least > 1:
        middle = (least + room) // 2
        tighter = wrap(text, font, middle)
        if tighter and len(tighter) == len(lines):
            lines, room = tighter, middle
        else:
            least = middle
    return lines


def wrap(text: str, font: Font, room: int) -> list[str]:
    """Breaks a text into full lines that fit; empty if a single character does not."""
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


def lawful_size(text: str, path: Path, required: int) -> int:
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
    ImageDraw.Draw(canvas).text((size, 2 * size), character, fill=255, font=load_font(path, size), anchor="ls")
    return canvas


@functools.lru_cache(maxsize=64)
def load_font(path: Path, size: int) -> Font:
    """A font at a size in pixels.

    Raises:
        ConfigError: The file is no font, or cannot be read.
    """
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
