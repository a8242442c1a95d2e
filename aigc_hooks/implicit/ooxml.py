"""DOCX, XLSX and PPTX: the custom property ``AIGC`` in ``docProps/custom.xml``.

The place is that of TC260-PG-20258A 6.1, known through implementers. The part is registered in ``[Content_Types].xml``
and ``_rels/.rels``; every other part stays as it is. A document that is signed is refused: the label goes in first, and
the signature last.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aigc_hooks.artifact import RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import xml_part
from aigc_hooks.implicit.field import meant
from aigc_hooks.implicit.zipped import Format, Package
from aigc_hooks.labels import FIELD_NAME

if TYPE_CHECKING:
    from lxml.etree import _Element

PLACE = "OOXML custom.xml property AIGC"
"""Place of the label."""

_TYPES_PART, _LINKS_PART, _PART = "[Content_Types].xml", "_rels/.rels", "docProps/custom.xml"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_MAIN_LINKS = {f"{_OFFICE}/officeDocument", f"{_STRICT}/officeDocument"}
_CUSTOM_LINKS = {f"{_OFFICE}/custom-properties", f"{_STRICT}/customProperties"}
_CUSTOM_TYPE = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
_PROPERTIES = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"
_VALUES = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"
_STRICT_PROPERTIES = "http://purl.oclc.org/ooxml/officeDocument/customProperties"
_STRICT_VALUES = "http://purl.oclc.org/ooxml/officeDocument/docPropsVTypes"
_SET = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"
_SIGNED_LINK = "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/origin"
_EMPTY = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<Properties xmlns="{}" xmlns:vt="{}"/>'


def _links(package: Package) -> list[tuple[str, str]]:
    """Types and targets of what the package is made of."""
    if _LINKS_PART not in package or _TYPES_PART not in package:
        return []
    root = xml_part.parse(package.read(_LINKS_PART), _LINKS_PART)
    return [
        (link.get("Type", ""), _name(link.get("Target", "")))
        for link in root.iter(f"{{{_LINKS}}}Relationship")
        if link.get("TargetMode", "Internal") == "Internal"
    ]


def _name(target: str) -> str:
    """The part that a relationship of the package points to."""
    return posixpath.normpath(unquote(target).lstrip("/"))


def _known(package: Package) -> bool:
    return any(kind in _MAIN_LINKS for kind, _ in _links(package))


def _parts(package: Package) -> list[tuple[str, bool]]:
    """The parts with custom properties, and whether each is registered."""
    named = [target for kind, target in _links(package) if kind in _CUSTOM_LINKS and target in package]
    found = dict.fromkeys(named, True)
    if _PART in package:
        found.setdefault(_PART, False)
    return list(found.items())


def _labels(root: _Element, registered: bool) -> Iterator[tuple[_Element, RawLabel]]:
    """The properties that are labels."""
    numbers = [item.get("pid", "") for item in root if xml_part.local(item.tag) == "property"]
    for item in root:
        name, text = item.get("name", ""), "".join(item.itertext("*")).strip()
        if xml_part.local(item.tag) != "property" or not meant(name, text):
            continue
        defects = [] if registered else [f"the part is not registered in {_LINKS_PART}"]
        if name != FIELD_NAME:
            defects.append(f"the property is named {name[:60]!r}, not {FIELD_NAME!r}")
        kind = xml_part.local(item[0].tag) if len(item) else "nothing"
        if kind != "lpwstr":
            defects.append(f"the guide has a vt:lpwstr here, found {kind[:60]!r}")
        if not _is_number(item.get("pid", "")) or numbers.count(item.get("pid", "")) > 1:
            defects.append(f"the pid {item.get('pid', '')[:20]!r} is no number of its own from 2 on")
        if item.get("fmtid", "").upper() != _SET:
            defects.append(f"the fmtid is {item.get('fmtid', '')[:60]!r}, not {_SET!r}")
        yield item, RawLabel(PLACE, text, tuple(defects))


def _is_number(pid: str) -> bool:
    return pid.isascii() and pid.isdigit() and len(pid) < 10 and int(pid) >= 2


def _find(package: Package) -> Iterator[RawLabel]:
    for name, registered in _parts(package):
        for _, raw in _labels(xml_part.parse(package.read(name), name), registered):
            yield raw


def main_part(package: Package) -> str:
    """The name of the part that holds what is shown.

    Raises:
        CarrierError: None is named.
    """
    found = next((name for kind, name in _links(package) if kind in _MAIN_LINKS and name in package), None)
    if found is None:
        raise CarrierError(f"the document's {_LINKS_PART} names no main part that is in it")
    return found


def refuse_signed(package: Package) -> None:
    """Refuses a document whose signature a label would break.

    Raises:
        CarrierError: It is signed.
    """
    if any(kind == _SIGNED_LINK for kind, _ in _links(package)) or any(
        name.startswith("_xmlsignatures/") for name in package.entries
    ):
        raise CarrierError(
            "the document is signed, and a label would break the signature: label it first, sign it last"
        )


def _edit(package: Package, text: str) -> dict[str, bytes]:
    links = _links(package)
    refuse_signed(package)
    parts = [name for name, _ in _parts(package)]
    own = parts[0] if parts else _PART
    if strict := any(kind.startswith(_STRICT) for kind, _ in links):
        empty = _EMPTY.format(_STRICT_PROPERTIES, _STRICT_VALUES).encode()
    else:
        empty = _EMPTY.format(_PROPERTIES, _VALUES).encode()
    changes: dict[str, bytes] = {}
    for name in parts or [own]:
        data = package.read(name) if name in package else empty
        root = xml_part.parse(data, name)
        found = [item for item, _ in _labels(root, True)]
        if name == own:
            _set(root, found.pop(0) if found else None, text)
        for item in found:
            xml_part.remove(item)
        changes[name] = xml_part.serialised(root, data)
    changes[_TYPES_PART] = _with_type(package.read(_TYPES_PART), own)
    if not any(kind in _CUSTOM_LINKS and target == own for kind, target in links):
        kind = f"{_STRICT}/customProperties" if strict else f"{_OFFICE}/custom-properties"
        changes[_LINKS_PART] = _with_link(package.read(_LINKS_PART), own, kind)
    return changes


def _set(root: _Element, item: _Element | None, text: str) -> None:
    """Makes a property the label; a new one if it is None."""
    from lxml import etree

    namespace = etree.QName(root).namespace or _PROPERTIES
    values = _STRICT_VALUES if namespace == _STRICT_PROPERTIES else _VALUES
    numbers = [each.get("pid", "") for each in root if each is not item and each.tag is not etree.Comment]
    if item is None:
        item = etree.Element(f"{{{namespace}}}property")
        xml_part.append(root, item)
    pid = item.get("pid", "")
    if not _is_number(pid) or pid in numbers:
        pid = str(max((int(number) for number in numbers if _is_number(number)), default=1) + 1)
    for name, value in {"fmtid": _SET, "pid": pid, "name": FIELD_NAME}.items():
        item.set(name, value)
    item[:] = []
    item.text = None
    etree.SubElement(item, f"{{{values}}}lpwstr", nsmap={"vt": values}).text = xml_part.safe(text)


def _with_type(data: bytes, name: str) -> bytes:
    """The content types, with that of the part."""
    from lxml import etree

    root = xml_part.parse(data, _TYPES_PART)
    entry = next(
        (each for each in root.iter(f"{{{_TYPES}}}Override") if each.get("PartName", "").lower() == f"/{name}".lower()),
        None,
    )
    if entry is not None and entry.get("ContentType") == _CUSTOM_TYPE:
        return data
    if entry is None:
        entry = etree.Element(f"{{{_TYPES}}}Override", {"PartName": f"/{name}"})
        xml_part.append(root, entry)
    entry.set("ContentType", _CUSTOM_TYPE)
    return xml_part.serialised(root, data)


def _with_link(data: bytes, name: str, kind: str) -> bytes:
    """The relationships, with one to the part."""
    from lxml import etree

    root = xml_part.parse(data, _LINKS_PART)
    used = {each.get("Id") for each in root}
    number = next(number for number in range(1, len(used) + 2) if f"rId{number}" not in used)
    link = etree.Element(f"{{{_LINKS}}}Relationship", {"Id": f"rId{number}", "Type": kind, "Target": name})
    xml_part.append(root, link)
    return xml_part.serialised(root, data)


def _bare(package: Package) -> dict[str, bytes]:
    """The custom properties without the label, and what registers parts without what registers those."""
    names = [name for name, _ in _parts(package)] or [_PART]
    found = dict.fromkeys(names, b"")
    for name in names:
        if name in package:
            root = xml_part.parse(package.read(name), name)
            for item in [item for item, raw in _labels(root, True) if not raw.defects and not len(item[0])]:
                xml_part.remove(item)
            found[name] = xml_part.plain(root) if len(root) else b""
    types, links = (xml_part.parse(package.read(name), name) for name in (_TYPES_PART, _LINKS_PART))
    registered = {f"/{name}".lower() for name in names}
    for entry in list(types.iter(f"{{{_TYPES}}}Override")):
        if entry.get("PartName", "").lower() in registered and entry.get("ContentType") == _CUSTOM_TYPE:
            xml_part.remove(entry)
    for link in list(links.iter(f"{{{_LINKS}}}Relationship")):
        if link.get("Type") in _CUSTOM_LINKS and _name(link.get("Target", "")) in names:
            xml_part.remove(link)
    return {**found, _TYPES_PART: xml_part.plain(types), _LINKS_PART: xml_part.plain(links)}


FORMAT = Format("OOXML", _known, _find, _edit, _bare)
"""Office Open XML, transitional and strict, with templates and files with macros."""
