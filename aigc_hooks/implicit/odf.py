"""ODT, ODS, ODP and their kin: the user-defined field ``AIGC`` in ``meta.xml``.

A choice of this project: no guide is known to name a place. It is the field that becomes the custom property ``AIGC``
when LibreOffice saves the document as DOCX, and the other way round. A signed or encrypted document is refused.
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

PLACE = "ODF meta.xml user-defined AIGC"
"""Place of the label."""

MIMETYPE = b"application/vnd.oasis.opendocument."
"""What the first part of such a package begins with."""

_PART, _LIST, _SIGNATURES = "meta.xml", "META-INF/manifest.xml", "META-INF/documentsignatures.xml"
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
_META = "urn:oasis:names:tc:opendocument:xmlns:meta:1.0"
_MANIFEST = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
_EMPTY = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document-meta xmlns:office="{_OFFICE}" xmlns:meta="{_META}" '
    'office:version="1.2"><office:meta/></office:document-meta>'
).encode()


def _known(package: Package) -> bool:
    return "mimetype" in package and package.read("mimetype", 256).startswith(MIMETYPE)


def _labels(root: _Element) -> Iterator[tuple[_Element, RawLabel]]:
    for item in root.iter(f"{{{_META}}}user-defined"):
        name, text = item.get(f"{{{_META}}}name", ""), "".join(item.itertext("*"))
        if meant(name, text):
            defects = () if name == FIELD_NAME else (f"the field is named {name[:60]!r}, not {FIELD_NAME!r}",)
            yield item, RawLabel(PLACE, text, defects)


def refuse_encrypted(package: Package) -> None:
    """Refuses a document whose parts cannot be read.

    Raises:
        CarrierError: It is encrypted.
    """
    if _LIST in package:
        root = xml_part.parse(package.read(_LIST), _LIST)
        if next(root.iter(f"{{{_MANIFEST}}}encryption-data"), None) is not None:
            raise CarrierError("the document is encrypted: save it without a password first")


def refuse_protected(package: Package) -> None:
    """Refuses a document that a label would break.

    Raises:
        CarrierError: It is encrypted or signed.
    """
    refuse_encrypted(package)
    if _SIGNATURES in package:
        raise CarrierError(
            "the document is signed, and a label would break the signature: label it first, sign it last"
        )


def _find(package: Package) -> Iterator[RawLabel]:
    refuse_encrypted(package)
    if _PART in package:
        for _, raw in _labels(xml_part.parse(package.read(_PART), _PART)):
            yield raw


def _edit(package: Package, text: str) -> dict[str, bytes]:
    from lxml import etree

    refuse_protected(package)
    data = package.read(_PART) if _PART in package else _EMPTY
    root = xml_part.parse(data, _PART)
    place = root.find(f"{{{_OFFICE}}}meta")
    if place is None:
        place = etree.SubElement(root, f"{{{_OFFICE}}}meta")
    first, *others = [item for item, _ in _labels(root)] or [None]
    for item in others:
        xml_part.remove(item)
    if first is None:
        first = etree.Element(f"{{{_META}}}user-defined", nsmap={"meta": _META})
        xml_part.append(place, first)
    first.set(f"{{{_META}}}name", FIELD_NAME)
    first.set(f"{{{_META}}}value-type", "string")
    first[:] = []
    first.text = xml_part.safe(text)
    changes = {_PART: xml_part.serialised(root, data)}
    if _PART not in package and _LIST in package:
        changes[_LIST] = _listed(package.read(_LIST))
    return changes


def _listed(data: bytes) -> bytes:
    """The manifest, with an entry for the new part."""
    from lxml import etree

    root = xml_part.parse(data, _LIST)
    path, kind = f"{{{_MANIFEST}}}full-path", f"{{{_MANIFEST}}}media-type"
    if all(entry.get(path) != _PART for entry in root):
        xml_part.append(root, etree.Element(f"{{{_MANIFEST}}}file-entry", {path: _PART, kind: "text/xml"}))
    return xml_part.serialised(root, data)


def _bare(package: Package) -> dict[str, bytes]:
    """The metadata without the label, and the manifest without them."""
    found = {_PART: b"", _LIST: b""}
    if _PART in package:
        root = xml_part.parse(package.read(_PART), _PART)
        for item in [item for item, raw in _labels(root) if not raw.defects and not len(item)]:
            xml_part.remove(item)
        for place in root.findall(f"{{{_OFFICE}}}meta"):
            if not len(place) and not (place.text or "").strip():
                xml_part.remove(place)
        found[_PART] = xml_part.plain(root) if len(root) else b""
    if _LIST in package:
        root = xml_part.parse(package.read(_LIST), _LIST)
        for entry in [entry for entry in root if entry.get(f"{{{_MANIFEST}}}full-path") == _PART]:
            xml_part.remove(entry)
        found[_LIST] = xml_part.plain(root)
    return found


FORMAT = Format("ODF", _known, _find, _edit, _bare)
"""OpenDocument as a package; a flat XML file is none."""
