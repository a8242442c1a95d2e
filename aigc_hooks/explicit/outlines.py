"""The label as outlines, for pictures without pixels: which glyphs, where, how large. Lengths are the picture's own."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any, NamedTuple

from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.explicit.lettering import SHIPPED_FONT, break_lines, check_glyphs, lawful_size, load_font
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.provider import Provider
from aigc_hooks.styles import Position

EM = 1000
"""Units of the glyphs: how many make one em."""

_SIDE = 2000
_SLACK = 1.08
"""By how much characters are higher than the law asks: drawn with few pixels, their faint edges do not count."""

# In ems, as those of the label in pixels.
_PADDING = 0.22
_PITCH = 1.2
_MARGIN = 0.2
_CORNER = 0.18
_MOST_MARGIN = 0.03

_lock = ForkSafeLock()


class Glyph(NamedTuple):
    """One character: its advance, its curves (``M``, ``L``, ``C``, ``Z`` with coordinates), its box; y goes up."""

    advance: float
    curves: tuple[tuple[str, tuple[float, ...]], ...]
    box: tuple[float, float, float, float]


class Line(NamedTuple):
    """One line of the label: where its first character stands, from the lower left corner of the plate."""

    text: str
    x: float
    y: float


class Sheet(NamedTuple):
    """The label as it is drawn.

    Attributes:
        lines: Its lines.
        font: The font.
        size: Its size.
        left: Of the plate, from the left edge of the picture.
        bottom: Of the plate, from the lower edge.
        width: Of the plate.
        height: Of the plate.
        radius: Of its corners.
    """

    lines: tuple[Line, ...]
    font: Path
    size: float
    left: float
    bottom: float
    width: float
    height: float
    radius: float


def on_picture(width: float, height: float, provider: Provider) -> Sheet:
    """The label of a picture (GB 45438-2025, 5.2), with the place, the words and the height of the settings.

    Raises:
        UnsupportedOutputError: The wording does not fit.
        ConfigError: The font cannot be read or lacks a character of the wording.
    """
    style, shorter = provider.image, min(width, height)
    words, font = style.wording or provider.wording, style.font or SHIPPED_FONT
    check_glyphs(words, font)
    size = lawful_size(words, font, math.ceil(style.height * _SLACK * _SIDE)) * shorter / _SIDE
    return _sheet(words, font, size, width, height, style.position, _MARGIN * size)


def on_page(width: float, height: float, words: str, position: Position, least: float, provider: Provider) -> Sheet:
    """The label of a page of text, no smaller than a least size.

    Raises:
        UnsupportedOutputError: The wording does not fit.
        ConfigError: The font cannot be read or lacks a character of the wording.
    """
    font = provider.image.font or SHIPPED_FONT
    check_glyphs(words, font)
    size = max(least, min(width, height) / 50)
    return _sheet(words, font, size, width, height, position, size)  # printers leave a margin white


def _sheet(
    words: str, font: Path, size: float, width: float, height: float, position: Position, margin: float
) -> Sheet:
    scale, padding = size / EM, _PADDING * size
    lines = break_lines(words, load_font(font, EM), int((width - 2 * padding) / scale)) if size < width else []
    boxes = [_box(line, font) for line in lines]
    if lines:
        wide = max(right - left for left, _, right, _ in boxes) * scale
        pitch = _PITCH * size
        under = min(bottom * scale - pitch * number for number, (_, bottom, _, _) in enumerate(boxes))
        over = max(top * scale - pitch * number for number, (_, _, _, top) in enumerate(boxes))
        whole_width, whole_height = wide + 2 * padding, over - under + 2 * padding
    if not lines or whole_width > width or whole_height > height:
        raise UnsupportedOutputError(
            f"the label {words!r} does not fit a page of {width:g}×{height:g} at the size of {size:g} that it needs; "
            "make the page larger, or choose a shorter wording",
            stage="render_explicit",
        )
    placed = []
    for number, (line, (left, _, right, _)) in enumerate(zip(lines, boxes, strict=True)):
        slack = wide - (right - left) * scale
        indent = slack if "right" in position else 0 if "left" in position else slack / 2
        placed.append(Line(line, padding + indent - left * scale, padding - under - pitch * number))
    margin = min(margin, _MOST_MARGIN * min(width, height))
    room_x, room_y = width - whole_width, height - whole_height
    margin_x, margin_y = min(margin, room_x), min(margin, room_y)
    x = margin_x if "left" in position else room_x - margin_x if "right" in position else room_x / 2
    y = margin_y if "bottom" in position else room_y - margin_y if "top" in position else room_y / 2
    return Sheet(tuple(placed), font, size, x, y, whole_width, whole_height, min(_CORNER * size, padding))


def _box(line: str, font: Path) -> tuple[float, float, float, float]:
    """The ink of a line, from where its first character stands."""
    at, boxes = 0.0, []
    for character in line:
        found = glyph(font, character)
        if found.curves:
            left, bottom, right, top = found.box
            boxes.append((at + left, bottom, at + right, top))
        at += found.advance
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


@functools.lru_cache(maxsize=4096)
def glyph(font: Path, character: str) -> Glyph:
    """The outline of a character; the font has it."""
    with _lock:  # a font reads its glyphs when they are asked for
        return _drawn(font, character)


def _drawn(font: Path, character: str) -> Glyph:
    from fontTools.pens.basePen import BasePen
    from fontTools.pens.boundsPen import BoundsPen

    glyphs, names, scale = _opened(font)
    curves: list[tuple[str, tuple[float, ...]]] = []

    class Pen(BasePen):  # type: ignore[misc]
        """Notes the curves, all of them cubic."""

        def _moveTo(self, at: Any) -> None:  # noqa: N802 - fontTools' name
            curves.append(("M", self._scaled(at)))

        def _lineTo(self, at: Any) -> None:  # noqa: N802
            curves.append(("L", self._scaled(at)))

        def _curveToOne(self, one: Any, other: Any, at: Any) -> None:  # noqa: N802
            curves.append(("C", self._scaled(one, other, at)))

        def _closePath(self) -> None:  # noqa: N802
            curves.append(("Z", ()))

        def _scaled(self, *points: Any) -> tuple[float, ...]:
            return tuple(round(value * scale, 1) for point in points for value in point)

    name = names[ord(character)]
    glyphs[name].draw(Pen(glyphs))
    bounds = BoundsPen(glyphs)
    glyphs[name].draw(bounds)
    left, bottom, right, top = (round(value * scale, 1) for value in bounds.bounds or (0, 0, 0, 0))
    return Glyph(round(glyphs[name].width * scale, 1), tuple(curves), (left, bottom, right, top))


@functools.lru_cache(maxsize=4)
def _opened(font: Path) -> tuple[Any, dict[int, str], float]:
    """The glyphs of a font, their names by character, and how they are scaled."""
    from fontTools.ttLib import TTFont

    opened = TTFont(font, fontNumber=0)
    return opened.getGlyphSet(), opened.getBestCmap(), EM / opened["head"].unitsPerEm
