"""PDF: the text string ``/AIGC`` in the Info dictionary (TC260-PG-20258A 6.3, known through implementers).

The label is appended as an incremental update (ISO 32000, 7.5.6): the file stays as it was, byte for byte, in front of
it. Where the last update is one of this project, the new one takes its place. What counts is what the last update says:
a label that an older one of another program replaced is not looked for.

Refused: a signed document, for the label goes in first and the signature last; an encrypted one, for the label would be
encrypted with it; and one whose structure is damaged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import pdf_update, xmp
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.field import meant
from aigc_hooks.implicit.parts import Part
from aigc_hooks.implicit.pdf_file import Document
from aigc_hooks.implicit.pdf_syntax import Dictionary, Reference, text, text_string
from aigc_hooks.labels import FIELD_NAME

PLACE = "PDF Info AIGC"
"""Place of the label."""

_OURS = b"\n%AIGC label\n"
_MOST = 4 << 20
_MAX_FILES = 10_000
_XMP = "the guide has the Info dictionary here, not XMP"


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of the last revision."""
    document = opened(source)
    if "Encrypt" in document.trailer:
        raise CarrierError(pdf_update.ENCRYPTED.format("its labels can be read once it is decrypted"))
    yield from _labels(document)
    if _has_manifest(document):
        yield Manifest("PDF C2PA_Manifest")


def _labels(document: Document) -> Iterator[RawLabel]:
    for _, raw in _in_info(_info(document)):
        yield raw
    if packet := _packet(document):
        for raw in xmp.find(packet[2], "PDF XMP"):
            yield RawLabel(raw.place, raw.text, (*raw.defects, _XMP))


def _has_manifest(document: Document) -> bool:
    """Whether a file in it, which the catalogue tells of, is a C2PA manifest."""
    files = document.get(document.catalogue.get("AF"))
    told = (document.get(each) for each in (files if isinstance(files, list) else [])[:_MAX_FILES])
    return any(isinstance(each, Dictionary) and each.get("AFRelationship") == "C2PA_Manifest" for each in told)


def opened(source: Source) -> Document:
    """A document, whatever stands in it.

    Raises:
        CarrierError: It is none, or damaged.
    """
    if not _sniff(source.read(0, min(source.size, 64))):
        raise source.fault(0, "no PDF header")
    return Document(source)


def _info(document: Document) -> Dictionary:
    found = document.get(document.trailer.get("Info"))
    return found if isinstance(found, Dictionary) else Dictionary()


def _in_info(info: Dictionary) -> Iterator[tuple[str, RawLabel]]:
    for key, value in info.items():
        if isinstance(value, bytes) and meant(key, found := text(value)):
            defects = () if key == FIELD_NAME else (f"the key is {key[:60]!r}, not {FIELD_NAME!r}",)
            yield key, RawLabel(PLACE, found, defects)


def _packet(document: Document) -> tuple[Reference, Dictionary, bytes] | None:
    """The document's XMP packet, with its stream and the number of that."""
    reference = document.catalogue.get("Metadata")
    found = document.stream(reference) if isinstance(reference, Reference) else None
    return (reference, *found) if found and isinstance(reference, Reference) else None


def write(stream: BinaryIO, target: BinaryIO, label: str) -> None:
    """Copies a document and appends the label as an update."""
    source = Source(stream, "PDF")
    document = opened(source)
    pdf_update.refuse_protected(document)
    if list(_labels(document)) == [RawLabel(PLACE, label)]:
        copy(stream, target, 0)
        return
    if (end := _before_ours(source)) is not None:
        source = Source(stream, "PDF")
        source.size = end
        document = opened(source)
    copy(stream, target, 0, source.size)
    target.write(_update(document, target.tell(), label))


def _before_ours(source: Source) -> int | None:
    """Where the file ended before its last update, if that is one of this project."""
    count = min(source.size, _MOST)
    tail = source.read(source.size - count, count, "end of the file")
    at = tail.rfind(_OURS)
    if at < 0 or not tail.endswith(pdf_update.END) or tail.count(b"%%EOF", at) != 1:
        return None
    return source.size - count + at


def _update(document: Document, start: int, label: str) -> bytes:
    """The bytes of an update that begins at an offset."""
    info = _info(document)
    old = [key for key, _ in _in_info(info)]
    entries = (info.without(*old, FIELD_NAME) + b" /AIGC " + text_string(label)).strip()
    reference = document.trailer.get("Info")
    number = document.free_number()
    if not isinstance(reference, Reference) or not info:
        reference, number = Reference(number, 0), number + 1
    objects = {reference: b"<< " + entries + b" >>"}
    if (packet := _packet(document)) and any(xmp.find(packet[2], "PDF XMP")):
        data = xmp.without(packet[2])
        head = packet[1].without("Filter", "DecodeParms", "Length")
        objects[packet[0]] = b"<< %s /Length %d >>\nstream\n%s\nendstream" % (head, len(data), data)
    return pdf_update.update(document, start, _OURS, objects, reference, number)


def content(source: Source) -> Iterator[Part]:
    """The file without its last update, if that is one of this project and holds nothing but the label."""
    label = next((raw for raw in _walk(source) if isinstance(raw, RawLabel) and raw.place == PLACE), None)
    end = _before_ours(source)
    if label is not None and end is not None:
        before = Source(source.stream, "PDF")
        before.size = end
        update = source.read(end, source.size - end, "update")
        if update == _update(opened(before), end, label.text):
            return iter([Part(b"BODY", 0, end)])
    return iter([Part(b"BODY", 0, source.size)])


def _sniff(head: bytes) -> bool:
    return re.match(rb"(?:\xef\xbb\xbf)?\s{0,16}%PDF-\d", head) is not None


CARRIER = Carrier("PDF", (".pdf",), _sniff, reader("PDF", _walk), write, medium="document")
"""PDF, up to 2.0."""
