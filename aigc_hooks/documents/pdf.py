"""PDF: the label as text on the first or the last page, appended as an incremental update (GB 45438-2025, 5.1 and 5.2).

The file stays as it was, byte for byte, in front of the update. The label is drawn in a font of its own, made of the
outlines of the shipped one, and every reader can take its characters out. On a page of text it is a line of twelve
points or more at its upper or lower edge, black on white; a document without a font is one of pictures, and each of its
pages gets the label of a picture.
"""

from __future__ import annotations

import re
import zlib
from typing import Any, BinaryIO, NamedTuple

from aigc_hooks.documents import pdf_content
from aigc_hooks.documents.pdf_font import font_of, number
from aigc_hooks.documents.pdf_label import FONT, STATE, Label, notice, picture_label
from aigc_hooks.documents.pdf_pages import Page, pages_of
from aigc_hooks.documents.plan import Plan, places_of
from aigc_hooks.errors import CarrierError
from aigc_hooks.explicit.text import sign_of
from aigc_hooks.implicit import pdf, pdf_update
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.pdf_file import Document
from aigc_hooks.implicit.pdf_syntax import Dictionary, Reference
from aigc_hooks.provider import Provider

_HEAD = b"\n%AIGC visible label\n"
_DRAWN = re.compile(rb"(/AIGC <<.{0,200000}EMC)\s*\Z", re.DOTALL)
_MAX_FORMS = 200


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
    first = next(pages_of(document), None)
    if first is None:
        raise CarrierError("the document has no page")
    sign = sign_of(provider)
    picture = not any(_has_font(document, page.told.get("Resources"), set()) for page in pages_of(document))
    if not picture:
        pages = {place: first if place == "start" else next(pages_of(document, -1)) for place in places_of(provider)}
        labels = [(pages[place], notice(document, pages[place], place, provider)) for place in pages]
        places, words, corner = tuple(f"page {place}" for place in pages), sign.words, sign.corner
    else:
        labels = [(page, picture_label(document, page, provider)) for page in pages_of(document)]
        places, corner = (f"every page, {provider.image.position}",), False
        words = provider.image.wording or provider.wording
    update = _Update(document, labels)
    if not update.pages:
        return Plan(places, words, corner, None, picture)

    def write(target: BinaryIO) -> None:
        copy(stream, target, 0)
        target.write(update.made(target.tell()))

    return Plan(places, words, corner, write, picture)


def _has_font(document: Document, value: Any, seen: set[Any]) -> bool:
    resources = document.get(value)
    if not isinstance(resources, Dictionary) or len(seen) > _MAX_FORMS:
        return False
    fonts = document.get(resources.get("Font"))
    if isinstance(fonts, Dictionary) and any(name != FONT for name in fonts):
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


class _Update:
    """The objects that put labels on pages.

    Attributes:
        pages: The pages that do not show their labels yet, with these.
    """

    def __init__(self, document: Document, labels: list[tuple[Page, Label]]) -> None:
        self._document = document
        wanted: dict[Reference, tuple[Page, list[Label]]] = {}
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

    def _shows(self, page: Page, labels: list[Label]) -> bool:
        return self._content(page).label.split() == _drawn(labels).split()

    def _content(self, page: Page) -> _Content:
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

    def _change(self, page: Page, labels: list[Label]) -> None:
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
            ("Font", FONT, self._font(labels[0])),
            ("ExtGState", STATE, self._state(labels[0].opacity)),
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
            value = number(opacity)
            self._states[opacity] = self._new(b"<< /Type /ExtGState /ca %s /CA %s /BM /Normal >>" % (value, value))
        return self._states[opacity]

    def _font(self, label: Label) -> Reference:
        if label.words not in self._fonts:
            self._fonts[label.words] = self._new(font_of(label.words, label.sheet.font, self._stream))
        return self._fonts[label.words]

    def _stream(self, data: bytes) -> Reference:
        packed = zlib.compress(data, 9)
        return self._new(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed))

    def _new(self, body: bytes) -> Reference:
        reference = Reference(self._free, 0)
        self._free += 1
        self._objects[reference] = body
        return reference


def _drawn(labels: list[Label]) -> bytes:
    return b"\n".join(label.drawn for label in labels)
