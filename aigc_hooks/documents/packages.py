"""Documents that are ZIP packages: the parts that a visible label changes, all others as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import BinaryIO

from aigc_hooks.documents import book, opendocument, slides, word
from aigc_hooks.documents.plan import Cut, Plan, planned, spliced
from aigc_hooks.documents.xml_map import Map
from aigc_hooks.errors import UnsupportedCarrierError
from aigc_hooks.implicit import epub as implicit_epub
from aigc_hooks.implicit import odf, ooxml
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, Source
from aigc_hooks.implicit.zipped import Package
from aigc_hooks.provider import Provider


def office(stream: BinaryIO, provider: Provider) -> Plan:
    """The plan for an Office Open XML document.

    Raises:
        UnsupportedCarrierError: It is of a kind in which the label cannot be put.
        CarrierError: It is damaged, encrypted or signed.
    """
    package = Package(Source(stream, "OOXML"))
    ooxml.refuse_signed(package)
    name = ooxml.main_part(package)
    data = package.read(name, MAX_PAYLOAD)
    kind = Map(data, f"the part {name!r}", 1).root.name
    if kind == "document":
        return _plan(package, provider, {name: _changed(data, word.edited(data, name, provider))})
    if kind == "presentation":

        def read(part: str) -> bytes:
            return package.read(part, MAX_PAYLOAD)

        cuts = slides.edited(read, name, provider)
        return _plan(package, provider, {part: _changed(read(part), found) for part, found in cuts.items()})
    raise UnsupportedCarrierError(
        f"nothing here puts the visible label into an Office file whose main part is a {kind!r}: put it into the "
        "cells when it is made, and write_label() writes the implicit label"
    )


def open_document(stream: BinaryIO, provider: Provider) -> Plan:
    """The plan for an OpenDocument file.

    Raises:
        CarrierError: It is damaged, encrypted or signed, or no text.
    """
    package = Package(Source(stream, "ODF"))
    odf.refuse_protected(package)
    data = package.read(opendocument.PART, MAX_PAYLOAD)
    return _plan(package, provider, {opendocument.PART: _changed(data, opendocument.edited(data, provider))})


def epub(stream: BinaryIO, provider: Provider) -> Plan:
    """The plan for a book.

    Raises:
        CarrierError: It is damaged, encrypted or signed, or has no text.
    """
    package = Package(Source(stream, "EPUB"))
    implicit_epub.refuse_signed(package)
    return _plan(package, provider, book.edited(package, implicit_epub.books(package)[0], provider))


def _changed(data: bytes, cuts: list[Cut]) -> bytes | None:
    return spliced(data, cuts) if cuts else None


def _plan(package: Package, provider: Provider, parts: Mapping[str, bytes | None]) -> Plan:
    changed = {name: data for name, data in parts.items() if data is not None}
    write: Callable[[BinaryIO], None] | None = None
    if changed:

        def write(target: BinaryIO) -> None:
            package.copy_to(target, changed)

    return planned(provider, write)
