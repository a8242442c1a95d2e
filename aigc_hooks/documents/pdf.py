"""PDF: the label as text on the first or the last page, appended as an incremental update (GB 45438-2025, 5.1 and 5.2).

The file stays as it was, byte for byte, in front of the update. The label is drawn in a font of its own, made of the
outlines of the shipped one, and every reader can take its characters out. On a page of text it is a line of twelve
points or more at its upper or lower edge, black on white; a document without a font is one of pictures, and each of its
pages gets the label of a picture.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from aigc_hooks.documents import pdf_content
from aigc_hooks.documents.plan import POINTS, Plan, places_of
from aigc_hooks.errors import CarrierError
from aigc_hooks.explicit import outlines
from aigc_hooks.explicit.outlines import EM, Glyph, Sheet
from aigc_hooks.explicit.text import sign_of
from aigc_hooks.implicit import pdf, pdf_update
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.pdf_file import Document
from aigc_hooks.implicit.pdf_syntax import Dictionary, Reference
from aigc_hooks.provider import Provider

_HEAD = b"\n%AIGC visible label\n"
_FONT, _STATE = "AIGCf", "AIGCg"
_DRAWN = re.compile(rb"(/AIGC <<.{0,200000}EMC)\s*\Z", re.DOTALL)
_OPERATORS = {"M": b"m", "L": b"l", "C": b"c", "Z": b"h"}
_INHERITED = ("Resources", "MediaBox", "CropBox", "Rotate")
_MAX_PAGES = 20_000
_MAX_DEPTH = 64
_MAX_FORMS = 200


class _Page(NamedTuple):
    """One page: its number, its dictionary, and what it has or inherits."""

    reference: Reference
    dictionary: Dictionary
    told: dict[str, Any]


class _Frame(NamedTuple):
    """What is seen of a page: its size as displayed, and how its points become those of the page."""

    width: float
    height: float
    matrix: tuple[float, ...]
    unit: float


class _Content(NamedTuple):
    """The content of a page: its streams but the last, if that ends with labels of ours; what stands before these."""

    streams: list[Reference]
    closing: bytes | None
    label: bytes


def plan(stream: BinaryIO, provider: Provider) -> Plan:
    """The plan for a document.

    Raises:
        CarrierError: It is damaged, encrypted or signed, or has no page.
        UnsupportedOutputError: The wording does not fit a page.
    """
    document = pdf.opened(Source(stream, "PDF"))
    pdf_update.refuse_protected(document)
    if document.catalogue.get("NeedsRendering") is True:
        raise CarrierError("the pages of this form are made when it is opened, and show no label: print it to a PDF")
    first = next(_pages(document), None)
    if first is None:
        raise CarrierError("the document has no page")
    sign = sign_of(provider)
    picture = not any(_has_font(document, page.told.get("Resources"), set()) for page in _pages(document))
    if not picture:
        pages = {place: first if place == "start" else next(_pages(document, -1)) for place in places_of(provider)}
        labels = [(pages[place], _notice(document, pages[place], place, provider)) for place in pages]
        places, words, corner = tuple(f"page {place}" for place in pages), sign.words, sign.corner
    else:
        labels = [(page, _picture(document, page, provider)) for page in _pages(document)]
        places, corner = (f"every page, {provider.image.position}",), False
        words = provider.image.wording or provider.wording
    update = _Update(document, labels)
    if not update.pages:
        return Plan(places, words, corner, None, picture)

    def write(target: BinaryIO) -> None:
        copy(stream, target, 0)
        target.write(update.made(target.tell()))

    return Plan(places, words, corner, write, picture)


# -- pages ------------------------------------------------------------------------------------------------------------


def _pages(document: Document, step: int = 1) -> Iterator[_Page]:
    """The pages in their order, or from the last on."""
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
        yield _Page(reference, node, told)


def _has_font(document: Document, value: Any, seen: set[Any]) -> bool:
    resources = document.get(value)
    if not isinstance(resources, Dictionary) or len(seen) > _MAX_FORMS:
        return False
    fonts = document.get(resources.get("Font"))
    if isinstance(fonts, Dictionary) and any(name != _FONT for name in fonts):
        return True
    forms = document.get(resources.get("XObject"))
    for each in forms.values() if isinstance(forms, Dictionary) else ():
        if isinstance(each, Reference) and each not in seen:
            seen.add(each)
            form = document.get(each)
            is_form = isinstance(form, Dictionary) and form.get("Subtype") == "Form"
            if is_form and _has_font(document, form.get("Resources"), seen):
                return True
    return False


def _frame(document: Document, page: _Page) -> _Frame:
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
        return _Frame(high, wide, (0, 1, -1, 0, right, bottom), unit)
    if turned == 180:
        return _Frame(wide, high, (-1, 0, 0, -1, right, top), unit)
    if turned == 270:
        return _Frame(high, wide, (0, -1, 1, 0, left, top), unit)
    return _Frame(wide, high, (1, 0, 0, 1, left, bottom), unit)


def _rectangle(document: Document, value: Any) -> tuple[float, float, float, float] | None:
    sides = document.get(value)
    sides = [document.get(side) for side in sides] if isinstance(sides, list) and len(sides) == 4 else []
    if len(sides) != 4 or not all(isinstance(side, (int, float)) and abs(side) < 1e7 for side in sides):
        return None
    one, two, three, four = (float(side) for side in sides)
    return min(one, three), min(two, four), max(one, three), max(two, four)


# -- labels -----------------------------------------------------------------------------------------------------------


class _Label(NamedTuple):
    """The label of one page: how it is drawn, its font's outlines, and how much its plate covers."""

    drawn: bytes
    words: str
    sheet: Sheet
    opacity: float


def _notice(document: Document, page: _Page, place: str, provider: Provider) -> _Label:
    frame, sign = _frame(document, page), sign_of(provider)
    edge = "top" if place == "start" else "bottom"
    position: Any = f"{edge}-right" if sign.corner else edge
    sheet = outlines.on_page(frame.width, frame.height, sign.words, position, POINTS / frame.unit, provider)
    return _label(sheet, frame, sign.words, 1.0, b"1 g", b"0 g")


def _picture(document: Document, page: _Page, provider: Provider) -> _Label:
    frame = _frame(document, page)
    sheet = outlines.on_picture(frame.width, frame.height, provider)
    words = provider.image.wording or provider.wording
    return _label(sheet, frame, words, provider.image.opacity, b"0 g", b"1 g")


def _label(sheet: Sheet, frame: _Frame, words: str, opacity: float, plate: bytes, ink: bytes) -> _Label:
    codes = _codes(words)
    shown = [
        b"BT /%s %s Tf %s %s Td <%s> Tj ET"
        % (
            _FONT.encode(),
            _number(sheet.size),
            _number(sheet.left + line.x),
            _number(sheet.bottom + line.y),
            bytes(codes[character] for character in line.text).hex().encode(),
        )
        for line in sheet.lines
    ]
    box = b" ".join(map(_number, (sheet.left, sheet.bottom, sheet.width, sheet.height)))
    drawn = b"\n".join(
        (
            b"/AIGC << /ActualText <feff%s> /Lang (zh-CN) >> BDC" % words.encode("utf-16-be").hex().encode(),
            b"q " + b" ".join(map(_number, frame.matrix)) + b" cm",
            b"q /%s gs %s %s re f Q" % (_STATE.encode(), plate, box),
            ink,
            *shown,
            b"Q",
            b"EMC",
        )
    )
    return _Label(drawn, words, sheet, opacity)


def _codes(words: str) -> dict[str, int]:
    """The code of each character in the label's font."""
    characters = list(dict.fromkeys(words))
    if len(characters) > 255:
        raise CarrierError(
            "a label of more than 255 different characters has no font in a PDF: choose a shorter wording"
        )
    return {character: code for code, character in enumerate(characters, 1)}


def _number(value: float) -> bytes:
    return f"{value:.4f}".rstrip("0").rstrip(".").encode()


# -- the update -------------------------------------------------------------------------------------------------------


class _Update:
    """The objects that put labels on pages.

    Attributes:
        pages: The pages that do not show their labels yet, with these.
    """

    def __init__(self, document: Document, labels: list[tuple[_Page, _Label]]) -> None:
        self._document = document
        wanted: dict[Reference, tuple[_Page, list[_Label]]] = {}
        for page, label in labels:
            wanted.setdefault(page.reference, (page, []))[1].append(label)
        self.pages = [each for each in wanted.values() if not self._shows(*each)]
        self._free = document.free_number()
        self._objects: dict[Reference, bytes] = {}
        self._fonts: dict[str, Reference] = {}
        self._states: dict[float, Reference] = {}

    def made(self, start: int) -> bytes:
        """The bytes of the update."""
        for page, labels in self.pages:
            self._change(page, labels)
        told = self._document.trailer.get("Info")
        info = told if isinstance(told, Reference) else None
        return pdf_update.update(self._document, start, _HEAD, self._objects, info, self._free)

    def _shows(self, page: _Page, labels: list[_Label]) -> bool:
        return self._content(page).label.split() == _drawn(labels).split()

    def _content(self, page: _Page) -> _Content:
        """The content of a page, and the label of ours at its end, whoever has written the file since."""
        told = page.dictionary.get("Contents")
        found = self._document.get(told)
        streams = [each for each in (found if isinstance(found, list) else [told]) if isinstance(each, Reference)]
        data = self._data(streams[-1]) if streams else None
        drawn = _DRAWN.search(data) if data is not None else None
        if data is None or drawn is None:
            return _Content(streams, None, b"")
        return _Content(streams[:-1], data[: drawn.start(1)], drawn[1])

    def _data(self, reference: Reference) -> bytes | None:
        """What a stream holds; None where it is packed in a way that is not read here."""
        try:
            found = self._document.stream(reference)
        except CarrierError:
            return None
        return found[1] if found else None

    def _change(self, page: _Page, labels: list[_Label]) -> None:
        content = self._content(page)
        streams, closing = content.streams, content.closing
        if closing is None:
            pieces = [self._data(each) for each in streams]
            # What cannot be read is taken to be as the standard asks: that it closes what it opens.
            known = b"\n".join(piece for piece in pieces if piece is not None) if None not in pieces else b""
            opening, closing = pdf_content.brackets(known)
            streams = [self._stream(opening), *streams] if streams else []
            closing = closing if streams else b""
        streams = [*streams, self._stream(closing + _drawn(labels) + b"\n")]
        resources = self._document.get(page.told.get("Resources"))
        resources = resources if isinstance(resources, Dictionary) else Dictionary()
        entries = [resources.without("Font", "ExtGState")]
        for kind, name, reference in (
            ("Font", _FONT, self._font(labels[0])),
            ("ExtGState", _STATE, self._state(labels[0].opacity)),
        ):
            old = self._document.get(resources.get(kind))
            others = old.without(name) if isinstance(old, Dictionary) else b""
            entries.append(b"/%s << %s /%s %d %d R >>" % (kind.encode(), others, name.encode(), *reference))
        self._objects[page.reference] = b"<< %s /Resources << %s >> /Contents [%s] >>" % (
            page.dictionary.without("Contents", "Resources"),
            b" ".join(entries),
            b" ".join(b"%d %d R" % each for each in streams),
        )

    def _state(self, opacity: float) -> Reference:
        if opacity not in self._states:
            value = _number(opacity)
            self._states[opacity] = self._new(b"<< /Type /ExtGState /ca %s /CA %s /BM /Normal >>" % (value, value))
        return self._states[opacity]

    def _font(self, label: _Label) -> Reference:
        """A font of the characters of a label, which draws their outlines and tells which they are."""
        if label.words not in self._fonts:
            codes = _codes(label.words)
            glyphs = {character: outlines.glyph(label.sheet.font, character) for character in codes}
            names = {character: b"u%04X" % ord(character) for character in codes}
            drawn = b" ".join(
                b"/%s %d %d R" % (names[character], *self._stream(_outline(glyph)))
                for character, glyph in glyphs.items()
            )
            boxes = list(zip(*(glyph.box for glyph in glyphs.values()), strict=True))
            box = (min(boxes[0]), min(boxes[1]), max(boxes[2]), max(boxes[3]))
            self._fonts[label.words] = self._new(
                b"<< /Type /Font /Subtype /Type3 /FontMatrix [%s 0 0 %s 0 0] /FontBBox [%s] /CharProcs << %s >> "
                b"/Encoding << /Type /Encoding /Differences [1 %s] >> /FirstChar 1 /LastChar %d /Widths [%s] "
                b"/ToUnicode %d %d R /Resources << >> >>"
                % (
                    _number(1 / EM),
                    _number(1 / EM),
                    b" ".join(map(_number, box)),
                    drawn,
                    b" ".join(b"/" + name for name in names.values()),
                    len(codes),
                    b" ".join(_number(glyph.advance) for glyph in glyphs.values()),
                    *self._stream(_characters(codes)),
                )
            )
        return self._fonts[label.words]

    def _stream(self, data: bytes) -> Reference:
        packed = zlib.compress(data, 9)
        return self._new(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed))

    def _new(self, body: bytes) -> Reference:
        reference = Reference(self._free, 0)
        self._free += 1
        self._objects[reference] = body
        return reference


def _drawn(labels: list[_Label]) -> bytes:
    return b"\n".join(label.drawn for label in labels)


def _outline(glyph: Glyph) -> bytes:
    pieces = [b" ".join(map(_number, (glyph.advance, 0, *glyph.box))) + b" d1"]
    pieces += [b" ".join((*map(_number, points), _OPERATORS[kind])) for kind, points in glyph.curves]
    return b"\n".join([*pieces, b"f"])


def _characters(codes: dict[str, int]) -> bytes:
    """The map by which readers take the characters out."""
    told = [b"<%02X> <%s>" % (code, each.encode("utf-16-be").hex().upper().encode()) for each, code in codes.items()]
    runs = [told[at : at + 100] for at in range(0, len(told), 100)]
    return (
        b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo << /Registry (Adobe) "
        b"/Ordering (UCS) /Supplement 0 >> def\n/CMapName /AIGC def\n/CMapType 2 def\n"
        b"1 begincodespacerange\n<00> <FF>\nendcodespacerange\n"
        + b"".join(b"%d beginbfchar\n%s\nendbfchar\n" % (len(run), b"\n".join(run)) for run in runs)
        + b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
    )
