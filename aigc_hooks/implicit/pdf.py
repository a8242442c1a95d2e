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
from typing import Any, BinaryIO

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import xmp
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
_OUR_END = b"\n%%EOF\n"
_MOST = 4 << 20
_MAX_GENERATION = 0xFFFF
_MAX_OFFSET = 9_999_999_999
"""The last one that a line of a cross-reference table has room for."""
_TRAILER_KEYS = ("Root", "ID")
_MAX_FIELDS = 10_000
_ENCRYPTED = "the document is encrypted: {} (qpdf --decrypt does it)"
_XMP = "the guide has the Info dictionary here, not XMP"


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of the last revision."""
    document = _open(source)
    if "Encrypt" in document.trailer:
        raise CarrierError(_ENCRYPTED.format("its labels can be read once it is decrypted"))
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
    told = (document.get(each) for each in (files if isinstance(files, list) else [])[:_MAX_FIELDS])
    return any(isinstance(each, Dictionary) and each.get("AFRelationship") == "C2PA_Manifest" for each in told)


def _open(source: Source) -> Document:
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
    document = _open(source)
    if "Encrypt" in document.trailer:
        raise CarrierError(_ENCRYPTED.format("decrypt it, label it, and encrypt it again"))
    if _is_signed(document):
        raise CarrierError(
            "the document is signed, and a label would break the signature: label it first, sign it last"
        )
    if list(_labels(document)) == [RawLabel(PLACE, label)]:
        copy(stream, target, 0)
        return
    if (end := _before_ours(source)) is not None:
        source = Source(stream, "PDF")
        source.size = end
        document = _open(source)
    copy(stream, target, 0, source.size)
    target.write(_update(document, target.tell(), label))


def _before_ours(source: Source) -> int | None:
    """Where the file ended before its last update, if that is one of this project."""
    count = min(source.size, _MOST)
    tail = source.read(source.size - count, count, "end of the file")
    at = tail.rfind(_OURS)
    if at < 0 or not tail.endswith(_OUR_END) or tail.count(b"%%EOF", at) != 1:
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
    if any(each.generation > _MAX_GENERATION for each in objects) or start > _MAX_OFFSET:
        raise document.source.fault(document.start, "numbers or offsets are larger than PDF has room for")
    made = bytearray(_OURS)
    offsets: dict[Reference, int] = {}
    for each, body in sorted(objects.items()):
        offsets[each] = start + len(made)
        made += b"%d %d obj\n%s\nendobj\n" % (*each, body)
    trailer = b" ".join(document.trailer.written[key] for key in _TRAILER_KEYS if key in document.trailer)
    trailer += b" /Info %d %d R /Prev %d" % (*reference, document.start)
    place = start + len(made)
    made += _stream(offsets, trailer, number, place) if document.packed else _table(offsets, trailer, number)
    return bytes(made) + b"startxref\n%d" % place + _OUR_END


def _table(offsets: dict[Reference, int], trailer: bytes, size: int) -> bytes:
    lines = (b"%d 1\n%010d %05d n \n" % (each.number, offset, each.generation) for each, offset in offsets.items())
    head = b"xref\n0 1\n0000000000 65535 f \n"  # some readers look for object 0 in every section
    return head + b"".join(lines) + b"trailer\n<< %s /Size %d >>\n" % (trailer, size)


def _stream(offsets: dict[Reference, int], trailer: bytes, number: int, place: int) -> bytes:
    """A cross-reference stream, which is an object itself and tells of itself too."""
    places = {**offsets, Reference(number, 0): place}
    index = b" ".join(b"%d 1" % each.number for each in places)
    rows = b"".join(b"\1" + at.to_bytes(8, "big") + each.generation.to_bytes(2, "big") for each, at in places.items())
    head = b"/Type /XRef /W [1 8 2] /Index [%s] /Size %d /Length %d" % (index, number + 1, len(rows))
    return b"%d 0 obj\n<< %s %s >>\nstream\n%s\nendstream\nendobj\n" % (number, head, trailer, rows)


def content(source: Source) -> Iterator[Part]:
    """The file without its last update, if that is one of this project and holds nothing but the label."""
    label = next((raw for raw in _walk(source) if isinstance(raw, RawLabel) and raw.place == PLACE), None)
    end = _before_ours(source)
    if label is not None and end is not None:
        before = Source(source.stream, "PDF")
        before.size = end
        update = source.read(end, source.size - end, "update")
        if update == _update(_open(before), end, label.text):
            return iter([Part(b"BODY", 0, end)])
    return iter([Part(b"BODY", 0, source.size)])


def _is_signed(document: Document) -> bool:
    """Whether a signature, or the rights that one grants, would be broken."""
    catalogue = document.catalogue
    form = document.get(catalogue.get("AcroForm"))
    if "Perms" in catalogue or "DSS" in catalogue:
        return True
    if not isinstance(form, Dictionary):
        return False
    flags = document.get(form.get("SigFlags"))
    return bool(isinstance(flags, int) and flags & 1) or _has_signature(document, form.get("Fields"))


def _has_signature(document: Document, fields: Any) -> bool:
    waiting = list(found) if isinstance(found := document.get(fields), list) else []
    seen: set[Any] = set()
    while waiting and len(seen) < _MAX_FIELDS:
        each = waiting.pop()
        if isinstance(each, Reference) and each not in seen:
            seen.add(each)
            field = document.get(each)
            if isinstance(field, Dictionary):
                if field.get("FT") == "Sig" and field.get("V") is not None:
                    return True
                kids = document.get(field.get("Kids"))
                waiting += kids if isinstance(kids, list) else []
    return False


def _sniff(head: bytes) -> bool:
    return re.match(rb"(?:\xef\xbb\xbf)?\s{0,16}%PDF-\d", head) is not None


CARRIER = Carrier("PDF", (".pdf",), _sniff, reader("PDF", _walk), write, medium="document")
"""PDF, up to 2.0."""
