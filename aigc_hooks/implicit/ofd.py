"""OFD (GB/T 33190): ``CustomData`` named ``AIGC`` among the custom data of the document's ``DocInfo``.

A choice of this project: no guide is known to name a place. A signed document is refused.
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

PLACE = "OFD DocInfo CustomData AIGC"
"""Place of the label."""

PART = "OFD.xml"
"""The part that every such package has."""


def _known(package: Package) -> bool:
    return PART in package


def _labels(root: _Element) -> Iterator[tuple[_Element, RawLabel]]:
    for item in root.iter("{*}CustomData"):
        name, text = item.get("Name", ""), "".join(item.itertext("*")).strip()
        if meant(name, text):
            defects = () if name == FIELD_NAME else (f"it is named {name[:60]!r}, not {FIELD_NAME!r}",)
            yield item, RawLabel(PLACE, text, defects)


def _find(package: Package) -> Iterator[RawLabel]:
    for _, raw in _labels(xml_part.parse(package.read(PART), PART)):
        yield raw


def _edit(package: Package, text: str) -> dict[str, bytes]:
    data = package.read(PART)
    root = xml_part.parse(data, PART)
    if next(root.iter("{*}Signatures"), None) is not None:
        raise CarrierError(
            "the document is signed, and a label would break the signature: label it first, sign it last"
        )
    place = next(root.iter("{*}DocInfo"), None)
    if place is None:
        raise CarrierError(f"the part {PART!r} has no DocInfo, which it must have")
    first, *others = [item for item, _ in _labels(root)] or [None]
    for item in others:
        xml_part.remove(item)
    if first is None:
        first = _child(_child(place, "CustomDatas"), "CustomData", new=True)
    first.set("Name", FIELD_NAME)
    first[:] = []
    first.text = xml_part.safe(text)
    return {PART: xml_part.serialised(root, data)}


def _child(parent: _Element, name: str, *, new: bool = False) -> _Element:
    """A child in the namespace of its parent; behind all others, as the schema has it, if it is new."""
    from lxml import etree

    namespace = etree.QName(parent).namespace
    child = None if new else parent.find(f"{{*}}{name}")
    if child is None:
        child = etree.Element(f"{{{namespace}}}{name}" if namespace else name)
        xml_part.append(parent, child)
    return child


def _bare(package: Package) -> dict[str, bytes]:
    """The part that tells of the document, without the label."""
    root = xml_part.parse(package.read(PART), PART)
    for item in [item for item, raw in _labels(root) if not raw.defects and not len(item)]:
        xml_part.remove(item)
    for holder in list(root.iter("{*}CustomDatas")):
        if not len(holder):
            xml_part.remove(holder)
    return {PART: xml_part.plain(root)}


FORMAT = Format("OFD", _known, _find, _edit, _bare)
"""OFD."""
