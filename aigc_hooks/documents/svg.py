"""SVG: the label of a picture as outlines, at an edge or a corner of what is seen of it (GB 45438-2025, 5.2).

It is the last element of the picture, so that nothing lies over it, needs no font, and says in words what it shows to
those who cannot see it. All other bytes stay.
"""

from __future__ import annotations

import re
from typing import BinaryIO, NamedTuple

from aigc_hooks.documents.plan import Cut, Plan, spliced
from aigc_hooks.documents.xml_map import Element, Map
from aigc_hooks.errors import CarrierError
from aigc_hooks.explicit import outlines
from aigc_hooks.explicit.outlines import EM, Sheet
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, Source
from aigc_hooks.provider import Provider

ATTRIBUTE = "data-aigc-label"
"""The attribute by which the element is known again."""

_MOST = 1e9
_SPACE = "http://www.w3.org/2000/svg"
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2})?")
_LENGTH = re.compile(rf"\s*({_NUMBER.pattern})(px|in|cm|mm|q|pt|pc)?\s*", re.IGNORECASE)
_UNITS = {"": 1.0, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "q": 96 / 101.6, "pt": 96 / 72, "pc": 16.0}
_RULES = (
    "display:inline",
    "transform-origin:0 0",
    "animation:none",
    "transition:none",
    "stroke:none",
    "opacity:1",
    "fill-rule:nonzero",
    "visibility:visible",
    "filter:none",
    "mask:none",
    "clip-path:none",
    "mix-blend-mode:normal",
)


class _View(NamedTuple):
    """What is seen of a picture: its size as it is seen, and how lengths in it become the picture's own."""

    width: float
    height: float
    left: float
    top: float
    scale_x: float
    scale_y: float


def plan(stream: BinaryIO, provider: Provider) -> Plan:
    """The plan for a picture.

    Raises:
        CarrierError: It is damaged, or does not tell how large it is.
        UnsupportedOutputError: The wording does not fit.
    """
    source = Source(stream, "SVG")
    data = source.payload(0, source.size, "picture", MAX_PAYLOAD)
    map = Map(data, "the picture", 2, doctype=True)
    view = _view(map.root)
    sheet = outlines.on_picture(view.width, view.height, provider)
    words = provider.image.wording or provider.wording
    label = _drawn(map, view, sheet, words, provider)
    own = [child for child in map.root.children if child.get(ATTRIBUTE)]
    places = (provider.image.position,)
    if own and own[-1] is map.root.children[-1] and len(own) == 1 and map.raw(own[0]) == label:
        return Plan(places, words, False, None, picture=True)
    cuts = [Cut(child.start, child.stop, b"") for child in own]
    if map.root.is_empty:
        opened = map.raw(map.root)[:-2] + b">"
        cuts.append(Cut(map.root.start, map.root.stop, opened + label + b"</" + map.root.tag.encode() + b">"))
    else:
        cuts.append(Cut(map.root.end, map.root.end, label))

    def write(target: BinaryIO) -> None:
        target.write(spliced(data, cuts))

    return Plan(places, words, False, write, picture=True)


def _view(root: Element) -> _View:
    """What is seen of a picture.

    Raises:
        CarrierError: It does not tell.
    """
    box = [float(number) for number in _NUMBER.findall(root.attributes.get("viewBox", ""))]
    width, height = _length(root.attributes.get("width", "")), _length(root.attributes.get("height", ""))
    if len(box) != 4 or not all(abs(side) < _MOST for side in box) or min(box[2:]) < 1 / _MOST:
        if width is None or height is None:
            raise CarrierError(
                "the picture tells neither a viewBox nor a width and a height in fixed units, and so the place of its "
                "label cannot be told: give it a viewBox"
            )
        return _View(width, height, 0, 0, 1, 1)
    left, top, wide, high = box
    aspect = root.attributes.get("preserveAspectRatio", "").split()
    if width is None or height is None:
        if "slice" in aspect or "none" in aspect:
            raise CarrierError(
                f"the picture is cut or stretched to a size that it does not tell (preserveAspectRatio="
                f"{' '.join(aspect)[:40]!r}): give it a width and a height, or take that attribute out"
            )
        return _View(wide, high, left, top, 1, 1)
    if "none" in aspect:
        return _View(width, height, left, top, wide / width, high / height)
    if "slice" in aspect:
        scale = max(width / wide, height / high)
        seen_x, seen_y = width / scale, height / scale
        align = aspect[-2] if len(aspect) > 1 else "xMidYMid"
        shift_x = {"xMin": 0.0, "xMax": 1.0}.get(align[:4], 0.5) * (wide - seen_x)
        shift_y = {"YMin": 0.0, "YMax": 1.0}.get(align[4:], 0.5) * (high - seen_y)
        return _View(seen_x, seen_y, left + shift_x, top + shift_y, 1, 1)
    return _View(wide, high, left, top, 1, 1)


def _length(text: str) -> float | None:
    """A length in pixels; None where it depends on what shows the picture."""
    match = _LENGTH.fullmatch(text)
    value = float(match[1]) * _UNITS[(match[2] or "").lower()] if match else 0.0
    return value if 1 / _MOST < value < _MOST else None


def _drawn(map: Map, view: _View, sheet: Sheet, words: str, provider: Provider) -> bytes:
    """The label as an element: the plate, and the characters as one path, in units of the font, with y going down."""
    prefix = map.root.prefix if map.root.namespace else ""
    space = "" if prefix or not map.root.namespace else f' xmlns="{_SPACE}"'
    em = EM / sheet.size
    pieces = []
    for line in sheet.lines:
        x, y = line.x * em, (sheet.height - line.y) * em
        for character in line.text:
            found = outlines.glyph(sheet.font, character)
            for kind, points in found.curves:
                pairs = zip(points[::2], points[1::2], strict=True)
                pieces.append(kind + " ".join(f"{x + a:.1f},{y - b:.1f}" for a, b in pairs))
            x += found.advance
    left = view.left + sheet.left * view.scale_x
    top = view.top + (view.height - sheet.bottom - sheet.height) * view.scale_y
    place = f"matrix({view.scale_x / em:.9g},0,0,{view.scale_y / em:.9g},{left:.9g},{top:.9g})"
    radius = f"{sheet.radius * em:.1f}"
    box = f'width="{sheet.width * em:.1f}" height="{sheet.height * em:.1f}" rx="{radius}" ry="{radius}"'
    told = map.stored(words).decode("latin-1")
    plate, ink = f"fill:#000;fill-opacity:{provider.image.opacity:g}", "fill:#fff;fill-opacity:1"
    made = (
        f'<{prefix}g{space} {ATTRIBUTE}="{provider.image.position}" role="img" aria-label="{told}" '
        f'transform="{place}" style="{_style(f"transform:{place}")}"><{prefix}title>{told}</{prefix}title>'
        f'<{prefix}rect {box} style="{_style(plate, "transform:none")}"/>'
        f'<{prefix}path d="{"".join(pieces)}" style="{_style(ink, "transform:none")}"/></{prefix}g>'
    )
    return made.encode("latin-1")


def _style(*rules: str) -> str:
    """A style that no style sheet of the picture changes, and no animation of it moves."""
    return ";".join(f"{rule}!important" for group in (*rules, *_RULES) for rule in group.split(";"))
