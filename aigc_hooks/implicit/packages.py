"""Documents that are ZIP packages: which kind one is, by its parts, and the carriers of all kinds.

The first bytes of a package tell its kind only by custom. Each carrier takes what looks like its own, OOXML every other
ZIP, and the parts decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import UnsupportedCarrierError
from aigc_hooks.implicit import c2pa, epub, odf, ofd, ooxml
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.parts import Part
from aigc_hooks.implicit.zipped import SIGNATURE, Format, Package, first_part

_FORMATS = (ooxml.FORMAT, odf.FORMAT, epub.FORMAT, ofd.FORMAT)
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _open(source: Source) -> tuple[Package, Format]:
    package = Package(source)
    known = next((format for format in _FORMATS if format.known(package)), None)
    if known is None:
        raise UnsupportedCarrierError(
            "this ZIP archive is no document with a place for the label "
            f"(known: {', '.join(format.name for format in _FORMATS)}): label the files in it one by one"
        )
    return package, known


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of a package."""
    package, format = _open(source)
    yield from format.find(package)
    if c2pa.PART in package:
        yield Manifest(f"ZIP {c2pa.PART}")


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a package with the label; all parts but those that hold or register it stay as they are."""
    package, format = _open(Source(stream, "ZIP"))
    package.copy_to(target, format.edit(package, text))


def content(source: Source) -> Iterator[Part]:
    """The parts, and those that hold or register the label without it."""
    package, format = _open(source)
    return package.content(format.bare(package))


def _is_odf(head: bytes) -> bool:
    name, data = first_part(head)
    return name == b"mimetype" and bool(data) and odf.MIMETYPE.startswith(data[: len(odf.MIMETYPE)])


def _is_epub(head: bytes) -> bool:
    name, data = first_part(head)
    return name == b"mimetype" and bool(data) and epub.MIMETYPE.startswith(data[: len(epub.MIMETYPE)])


def _is_ofd(head: bytes) -> bool:
    return first_part(head)[0] == ofd.PART.encode()


def _is_other(head: bytes) -> bool:
    return head.startswith(SIGNATURE) and not (_is_odf(head) or _is_epub(head) or _is_ofd(head))


_OOXML_SUFFIXES = tuple(
    f".{name}"
    for name in ("docx", "xlsx", "pptx", "docm", "xlsm", "pptm", "dotx", "xltx", "potx", "dotm", "xltm", "ppsx")
)
_ODF_SUFFIXES = tuple(f".{name}" for name in ("odt", "ods", "odp", "odg", "odf", "ott", "ots", "otp", "otg"))

ODF = Carrier("ODF", _ODF_SUFFIXES, _is_odf, reader("ODF", _walk), _write, medium="document", by_analogy=True)
"""OpenDocument."""

EPUB = Carrier("EPUB", (".epub",), _is_epub, reader("EPUB", _walk), _write, medium="document", by_analogy=True)
"""EPUB."""

OFD = Carrier("OFD", (".ofd",), _is_ofd, reader("OFD", _walk), _write, medium="document", by_analogy=True)
"""OFD."""

OOXML = Carrier("OOXML", _OOXML_SUFFIXES, _is_other, reader("OOXML", _walk), _write, medium="document")
"""Office Open XML, and what else is a ZIP archive."""

OLE = Carrier(
    "OLE",
    (".doc", ".xls", ".ppt"),
    lambda head: head.startswith(_OLD),
    lambda stream: (),
    medium="document",
    refusal="a file of old Office programs, or a document with a password, has no place for the label: save it as "
    "DOCX, XLSX or PPTX without a password",
)
"""Old Office files and encrypted ones, which are refused with the way out."""
