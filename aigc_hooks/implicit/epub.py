"""EPUB: ``<meta name="AIGC" content="…"/>`` in the metadata of the package document.

A choice of this project: no guide is known to name a place. Both EPUB 2 and 3 allow such an element, and it reads like
the one that implementers write in HTML. A signed book is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aigc_hooks.artifact import RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import xml_part
from aigc_hooks.implicit.field import meant
from aigc_hooks.implicit.zipped import Format, Package
from aigc_hooks.labels import FIELD_NAME

if TYPE_CHECKING:
    from lxml.etree import _Element

PLACE = "EPUB package meta AIGC"
"""Place of the label."""

MIMETYPE = b"application/epub+zip"
"""What the first part of such a package holds."""

_CONTAINER, _SIGNATURES = "META-INF/container.xml", "META-INF/signatures.xml"
_CONTAINERS = "urn:oasis:names:tc:opendocument:xmlns:container"


def _known(package: Package) -> bool:
    if "mimetype" in package:
        return package.read("mimetype", 256).startswith(MIMETYPE)
    return _CONTAINER in package


def books(package: Package) -> list[str]:
    """The package documents.

    Raises:
        CarrierError: There is none.
    """
    root = xml_part.parse(package.read(_CONTAINER), _CONTAINER)
    paths = (str(file.get("full-path", "")) for file in root.iter(f"{{{_CONTAINERS}}}rootfile"))
    found = [path for path in dict.fromkeys(paths) if path.lower().endswith(".opf")]
    if not found:
        raise CarrierError(f"the {_CONTAINER} of this EPUB names no package document")
    return found


def _labels(root: _Element) -> Iterator[tuple[_Element, RawLabel]]:
    for item in root.iter("{*}meta"):
        text = item.get("content") or "".join(item.itertext("*"))
        name = item.get("name") or item.get("property", "")
        if not meant(name.rpartition(":")[2], text):
            continue
        defects = [] if name == FIELD_NAME else [f"it is named {name[:60]!r}, not {FIELD_NAME!r}"]
        if not item.get("name"):
            defects.append("it is written as a property")
        yield item, RawLabel(PLACE, text, tuple(defects))


def refuse_signed(package: Package) -> None:
    """Refuses a book whose signature a label would break.

    Raises:
        CarrierError: It is signed.
    """
    if _SIGNATURES in package:
        raise CarrierError("the book is signed, and a label would break the signature: label it first, sign it last")


def _find(package: Package) -> Iterator[RawLabel]:
    for name in books(package):
        for _, raw in _labels(xml_part.parse(package.read(name), name)):
            yield raw


def _edit(package: Package, text: str) -> dict[str, bytes]:
    from lxml import etree

    refuse_signed(package)
    changes: dict[str, bytes] = {}
    for name in books(package):
        data = package.read(name)
        root = xml_part.parse(data, name)
        found = [item for item, _ in _labels(root)]
        if not changes:
            place = root.find("{*}metadata")
            if place is None:
                raise CarrierError(f"the package document {name[:100]!r} has no metadata element, which it must have")
            namespace = etree.QName(place).namespace
            item = found.pop(0) if found else etree.Element(f"{{{namespace}}}meta" if namespace else "meta")
            if item.getparent() is None:
                xml_part.append(place, item)
            for attribute in ("property", "refines", "scheme"):
                item.attrib.pop(attribute, None)
            item[:] = []
            item.text = None
            item.set("name", FIELD_NAME)
            item.set("content", xml_part.safe(text))
        for other in found:
            xml_part.remove(other)
        changes[name] = xml_part.serialised(root, data)
    return changes


def _bare(package: Package) -> dict[str, bytes]:
    """The package documents without the label."""
    found = {}
    for name in books(package):
        root = xml_part.parse(package.read(name), name)
        for item in [item for item, raw in _labels(root) if not raw.defects and not len(item)]:
            xml_part.remove(item)
        found[name] = xml_part.plain(root)
    return found


FORMAT = Format("EPUB", _known, _find, _edit, _bare)
"""EPUB 2 and 3."""
