"""The pages of a PDF document: in their order, with what they inherit, and how each is seen (ISO 32000, 7.7.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.pdf_file import Document
from aigc_hooks.implicit.pdf_syntax import Dictionary, Reference

_INHERITED = ("Resources", "MediaBox", "CropBox", "Rotate")
_MAX_PAGES = 20_000
_MAX_DEPTH = 64


class Page(NamedTuple):
    """One page: its number, its dictionary, and what it has or inherits."""

    reference: Reference
    dictionary: Dictionary
    told: dict[str, Any]


class Frame(NamedTuple):
    """What is seen of a page: its size as displayed, and how its points become those of the page."""

    width: float
    height: float
    matrix: tuple[float, ...]
    unit: float


def pages_of(document: Document, step: int = 1) -> Iterator[Page]:
    """The pages in their order, or from the last on.

    Raises:
        CarrierError: There are too many, or their tree has no end.
    """
    root = document.catalogue.get("Pages")
    waiting: list[tuple[Any, dict[str, Any], int]] = [(root, {}, 0)]
    seen: set[Reference] = set()
    found = 0
    while waiting:
        reference, told, depth = waiting.pop()
        node = document.get(reference)
        if not isinstance(reference, Reference) or not isinstance(node, Dictionary):
            continue
        if reference in seen or depth > _MAX_DEPTH or len(seen) > 4 * _MAX_PAGES:
            raise document.source.fault(document.start, "its tree of pages leads back to itself, or has no end")
        seen.add(reference)
        if node.get("Type") == "Pages" and "Kids" not in node:
            continue
        told = {**told, **{name: node[name] for name in _INHERITED if name in node}}
        kids = document.get(node.get("Kids"))
        if isinstance(kids, list):
            waiting += [(kid, told, depth + 1) for kid in kids[::-step]]
            continue
        found += 1
        if found > _MAX_PAGES:
            raise CarrierError(f"a document of more than {_MAX_PAGES} pages of pictures is not labelled: split it")
        yield Page(reference, node, told)


def frame_of(document: Document, page: Page) -> Frame:
    """What is seen of a page: its crop box, turned as it is shown."""
    media = _rectangle(document, page.told.get("MediaBox")) or (0.0, 0.0, 612.0, 792.0)
    crop = _rectangle(document, page.told.get("CropBox")) or media
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    if right <= left or top <= bottom:
        left, bottom, right, top = media
    wide, high = right - left, top - bottom
    turned = document.get(page.told.get("Rotate"))
    turned = turned % 360 if isinstance(turned, int) else 0
    unit = document.get(page.dictionary.get("UserUnit"))
    unit = float(unit) if isinstance(unit, (int, float)) and 0 < unit < 1e6 else 1.0
    if turned == 90:
        return Frame(high, wide, (0, 1, -1, 0, right, bottom), unit)
    if turned == 180:
        return Frame(wide, high, (-1, 0, 0, -1, right, top), unit)
    if turned == 270:
        return Frame(high, wide, (0, -1, 1, 0, left, top), unit)
    return Frame(wide, high, (1, 0, 0, 1, left, bottom), unit)


def _rectangle(document: Document, value: Any) -> tuple[float, float, float, float] | None:
    sides = document.get(value)
    sides = [document.get(side) for side in sides] if isinstance(sides, list) and len(sides) == 4 else []
    if len(sides) != 4 or not all(isinstance(side, (int, float)) and abs(side) < 1e7 for side in sides):
        return None
    one, two, three, four = (float(side) for side in sides)
    return min(one, three), min(two, four), max(one, three), max(two, four)
