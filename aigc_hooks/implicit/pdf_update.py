"""Incremental updates of a PDF file: changed objects appended behind it (ISO 32000, 7.5.6).

Refused: a signed document, for a label goes in first and the signature last, and an encrypted one, for what is appended
would be encrypted with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.pdf_file import Document
from aigc_hooks.implicit.pdf_syntax import Dictionary, Reference

ENCRYPTED = "the document is encrypted: {} (qpdf --decrypt does it)"
"""Why such a document is refused, with room for what to do."""

END = b"\n%%EOF\n"
"""How an update ends."""

_MAX_GENERATION = 0xFFFF
_MAX_OFFSET = 9_999_999_999
"""The last one that a line of a cross-reference table has room for."""
_TRAILER_KEYS = ("Root", "ID")
_MAX_FIELDS = 10_000


def refuse_protected(document: Document) -> None:
    """Refuses a document that an update would break.

    Raises:
        CarrierError: It is encrypted or signed.
    """
    if "Encrypt" in document.trailer:
        raise CarrierError(ENCRYPTED.format("decrypt it, label it, and encrypt it again"))
    if _is_signed(document):
        raise CarrierError(
            "the document is signed, and a label would break the signature: label it first, sign it last"
        )


def update(
    document: Document,
    start: int,
    head: bytes,
    objects: Mapping[Reference, bytes],
    info: Reference | None,
    number: int,
) -> bytes:
    """The bytes of an update that begins at an offset.

    Args:
        document: What is updated.
        start: The offset.
        head: The comment that the update begins with.
        objects: The objects that are new or changed.
        info: The Info dictionary of the updated document; None if there is none.
        number: The first number that no object has.

    Raises:
        CarrierError: A number or an offset has no room.
    """
    if any(each.generation > _MAX_GENERATION for each in objects) or start > _MAX_OFFSET:
        raise document.source.fault(document.start, "numbers or offsets are larger than PDF has room for")
    made = bytearray(head)
    offsets: dict[Reference, int] = {}
    for each, body in sorted(objects.items()):
        offsets[each] = start + len(made)
        made += b"%d %d obj\n%s\nendobj\n" % (*each, body)
    trailer = b" ".join(document.trailer.written[key] for key in _TRAILER_KEYS if key in document.trailer)
    trailer += b" /Info %d %d R" % info if info is not None else b""
    trailer += b" /Prev %d" % document.start
    place = start + len(made)
    made += _stream(offsets, trailer, number, place) if document.packed else _table(offsets, trailer, number)
    return bytes(made) + b"startxref\n%d" % place + END


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
