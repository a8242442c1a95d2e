"""An XMP packet as a tree: parsed within bounds, and the properties named AIGC in it (TC260-PG-20259A)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import MAX_PACKET, MAX_TEXT
from aigc_hooks.labels import FIELD_NAME, KEYS

if TYPE_CHECKING:
    from lxml.etree import _Element

NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
"""Namespace of the property (TC260-PG-20259A)."""

KNOWN_WRONG_NAMESPACES = frozenset({"http://ns.adobe.com/xap/1.0/tc/"})
"""Namespaces that tools write by mistake. Any other is found as well and called unknown."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
"""Namespace of RDF, in which a packet tells its properties."""

_PADDING = "\0\ufeff \t\r\n"
_DECLARATION = re.compile(r"<\?xml\s[^>]{0,200}\?>")
# A tree node takes some hundred bytes: the bound keeps a packet of 16 MiB of "<a/>" from becoming a gigabyte.
_MAX_NODES = 500_000
# lxml looks an attribute up by walking all of its element's.
_MAX_ATTRIBUTES = 2000
_MAX_HELD = 50  # elements of a structure


class Property(NamedTuple):
    """One property named AIGC, as an element, or as an attribute of one."""

    element: _Element
    attribute: str | None
    text: str
    defects: tuple[str, ...]


def decoded(packet: bytes | str) -> str:
    """The text of a packet without padding, byte order mark and XML declaration; empty if it is only padding."""
    if len(packet) > MAX_PACKET:
        raise CarrierError(f"the XMP packet of {len(packet)} bytes is longer than the {MAX_PACKET} that are read")
    if isinstance(packet, bytes):
        first = packet.find(b"<")
        unit = 1
        if first >= 0 and packet[first + 1 : first + 2] == b"\0":
            unit = 4 if packet[first + 1 : first + 4] == b"\0\0\0" else 2
        # "<" is the first byte of a little-endian character and the last of a big-endian one.
        order = "le" if first % unit == 0 else "be"
        encoding = "utf-8" if unit == 1 else f"utf-{8 * unit}-{order}"
        try:
            packet = packet[: len(packet) // unit * unit].decode(encoding)
        except UnicodeDecodeError as error:
            raise CarrierError(f"the XMP packet is not {encoding.upper()}: {error.reason}") from error
    text = packet.strip(_PADDING)
    return text[match.end() :].lstrip() if (match := _DECLARATION.match(text)) else text


def parsed(text: str) -> _Element:
    """The root of a packet. Nothing is loaded, nothing expanded."""
    if "<!DOCTYPE" in text:
        raise CarrierError("the XMP packet holds a DOCTYPE, which is refused")
    if text.count("<") + text.count("=") > _MAX_NODES:
        raise CarrierError(f"the XMP packet holds more than {_MAX_NODES} elements and attributes")
    if text.count("=") > _MAX_ATTRIBUTES and max(tag.count("=") for tag in text.split("<")) > _MAX_ATTRIBUTES:
        raise CarrierError(f"the XMP packet holds an element with more than {_MAX_ATTRIBUTES} attributes")
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, strip_cdata=False, encoding="utf-8"
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "surrogatepass"), parser)
    except etree.XMLSyntaxError as error:
        raise CarrierError(f"the XMP packet is not well-formed XML: {str(error.msg)[:200]}") from error
    return root


def properties(root: _Element) -> Iterator[Property]:
    """Every property named AIGC, in document order."""
    for element in root.iter("*"):
        parent = element.getparent()
        if "aigc" in _local_name(element.tag).lower():
            text = _value(element)
            yield from _property(element, None, element.tag, text, parent is not None and _is_description(parent))
        for name in map(str, element.attrib):
            if "aigc" in _local_name(name).lower():
                yield from _property(element, name, name, str(element.get(name)), _is_description(element))


def _value(element: _Element) -> str:
    """The text of a property; one that is a structure, or has its value in an attribute, as JSON or that value."""
    held = {_local_name(str(name)): str(value) for name, value in element.attrib.items()}
    for inner in islice(element.iterdescendants("*"), _MAX_HELD):
        held[_local_name(str(inner.tag))] = "".join(inner.itertext("*"))
    elements = {name: value.strip() for name, value in held.items() if name in KEYS.values()}
    if elements:
        return json.dumps(elements, ensure_ascii=False)
    text = "".join(element.itertext("*"))
    return text if text.strip() else str(element.get(f"{{{RDF}}}value", ""))


def _property(element: _Element, attribute: str | None, name: str, text: str, described: bool) -> Iterator[Property]:
    """One property with what is wrong about its name and its place in the packet."""
    namespace, _, local = name.rpartition("}")
    namespace = namespace.lstrip("{")
    exact = local.upper() == FIELD_NAME
    if not exact and "ContentProducer" not in text:
        return  # such as a vendor's own AIGCModel: no label
    defects: list[str] = []
    if namespace != NAMESPACE:
        known = "a known wrong one" if namespace in KNOWN_WRONG_NAMESPACES else "an unknown one"
        defects.append(f"the XMP namespace {namespace[:100]!r} is {known}; the guide has {NAMESPACE!r}")
    if local != FIELD_NAME:
        defects.append(f"the XMP property is named {local[:60]!r}, not {FIELD_NAME!r}")
    if not described:
        defects.append("the XMP property is not directly in an rdf:Description")
    if attribute is None and (len(element) or (element.attrib and not (element.text or "").strip())):
        defects.append("the XMP property holds elements, not plain text")
    # One more than is parsed: the parser of the field sees that it is too long.
    yield Property(element, attribute, text[: MAX_TEXT + 1], tuple(defects))


def _local_name(name: str) -> str:
    return name.rpartition("}")[2]


def _is_description(element: _Element) -> bool:
    return bool(element.tag == f"{{{RDF}}}Description")


def remove(item: Property) -> None:
    """Takes a property out of the tree, and the description that held nothing else."""
    element, parent = item.element, item.element.getparent()
    if item.attribute is not None:
        del element.attrib[item.attribute]
        description = element
    elif parent is None:
        raise CarrierError(f"the XMP packet holds no rdf:RDF; its root is {str(element.tag)[:100]!r}")
    else:
        parent.remove(element)
        description = parent
    above = description.getparent()
    about = {f"{{{RDF}}}about", "about"}
    if (
        above is not None
        and _is_description(description)
        and not len(description)
        and about.issuperset(description.attrib)
    ):
        above.remove(description)
