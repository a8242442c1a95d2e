"""XMP packets: the property ``TC260:AIGC`` written, merged into a user's packet, and found (TC260-PG-20259A)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from aigc_hooks.artifact import RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import MAX_PACKET, MAX_TEXT
from aigc_hooks.labels import FIELD_NAME, KEYS, Label

if TYPE_CHECKING:
    from lxml.etree import _Element

NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
"""Namespace of the property (TC260-PG-20259A)."""

PREFIX = "TC260"
"""Its usual prefix; any other bound to the namespace is read as well."""

KNOWN_WRONG_NAMESPACES = frozenset({"http://ns.adobe.com/xap/1.0/tc/"})
"""Namespaces that tools write by mistake. Any other is found as well and called unknown."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TAIL = '\n<?xpacket end="w"?>'
_BEFORE = (
    f'{_HEAD}<x:xmpmeta xmlns:x="{_META}"><rdf:RDF xmlns:rdf="{_RDF}">'
    f'<rdf:Description rdf:about="" xmlns:{PREFIX}="{NAMESPACE}"><{PREFIX}:{FIELD_NAME}>'
)
_AFTER = f"</{PREFIX}:{FIELD_NAME}></rdf:Description></rdf:RDF></x:xmpmeta>{_TAIL}"

_BEFORE_BYTES, _AFTER_BYTES = _BEFORE.encode(), _AFTER.encode()

_PADDING = "\0\ufeff \t\r\n"
_DECLARATION = re.compile(r"<\?xml\s[^>]{0,200}\?>")
# Characters that XML 1.0 cannot hold and JSON does not escape by itself.
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
# A tree node takes some hundred bytes: the bound keeps a packet of 16 MiB of "<a/>" from becoming a gigabyte.
_MAX_NODES = 500_000
# lxml looks an attribute up by walking all of its element's.
_MAX_ATTRIBUTES = 2000
_MAX_GUESSES = 50
_MAX_HELD = 50  # elements of a structure
_GUESS = re.compile(
    rf"{FIELD_NAME}(?:\s[^<>]{{0,2000}})?>([^<]{{1,{MAX_TEXT}}})"  # an element
    rf"|{FIELD_NAME}\s{{0,9}}=\s{{0,9}}\"([^\"]{{1,{MAX_TEXT}}})\""  # an attribute
    rf"|{FIELD_NAME}\s{{0,9}}=\s{{0,9}}'([^']{{1,{MAX_TEXT}}})'"
)


def packet(label: Label | str) -> bytes:
    """Makes a new packet that holds the label, or its text: the bare object, as the image guide asks."""
    return (
        _BEFORE + _xml_safe(label).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") + _AFTER
    ).encode()


def merge(existing: bytes | str, label: Label | str) -> bytes:
    """Sets the one property in a user's packet and keeps everything else.

    Every property named AIGC goes, in whatever namespace: GB 45438-2025, 6.1 c) allows one label in a file.

    Args:
        existing: The user's packet, UTF-8, 16 or 32, with or without wrapper, root and padding.
        label: The label to set, or its text.

    Returns:
        The packet in UTF-8 without padding.

    Raises:
        CarrierError: The packet is not XML, holds a DOCTYPE or no RDF.
    """
    text = _decode(existing)
    if not text:
        return packet(label)
    from lxml import etree

    root = _parse(text)
    for item in list(_properties(root)):
        _remove(item)
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f".//{{{_RDF}}}RDF")
    if rdf is None:
        if root.tag not in (f"{{{_META}}}xmpmeta", f"{{{_META}}}xapmeta"):
            raise CarrierError(f"the XMP packet holds no rdf:RDF; its root is {str(root.tag)[:100]!r}")
        rdf = etree.SubElement(root, f"{{{_RDF}}}RDF", nsmap={"rdf": _RDF})
    first = rdf.find(f"{{{_RDF}}}Description")
    # All descriptions of one packet name the same resource (ISO 16684-1, 7.4).
    about = "" if first is None else first.get(f"{{{_RDF}}}about") or first.get("about") or ""
    # An own description keeps the namespace off the property, so that its bytes are as the guide prints them.
    own = etree.SubElement(rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": about}, {PREFIX: NAMESPACE})
    etree.SubElement(own, f"{{{NAMESPACE}}}{FIELD_NAME}").text = _xml_safe(label)
    return _serialised(root)


def labelled(existing: bytes, text: str) -> bytes:
    """A file's packet with this label as the only one; to the byte as it is where that is so already.

    Args:
        existing: The packet, or nothing where the file has none.
        text: The text of the label.

    Raises:
        CarrierError: The packet cannot be merged; the message says what to do.
    """
    if [(raw.text, raw.defects) for raw in find(existing, "")] == [(_xml_safe(text), ())]:
        return existing
    if _is_own(existing):
        return packet(text)
    with _advised():
        return merge(existing, text)


def cleaned(existing: bytes) -> bytes:
    """A packet without any label; to the byte as it is where it holds none.

    Raises:
        CarrierError: It holds a label and is not XML; the message says what to do.
    """
    with _advised():
        return without(existing) if any(find(existing, "")) else existing


@contextmanager
def _advised() -> Iterator[None]:
    try:
        yield
    except CarrierError as error:
        raise CarrierError(f"{error}; take it out first, such as with `exiftool -XMP= FILE`") from error


def without(existing: bytes, *, wrapper: bool = True) -> bytes:
    """A packet without any label, in UTF-8 and without padding; everything else in it is kept.

    Args:
        existing: The packet.
        wrapper: Whether the result has the wrapper ``<?xpacket …?>``, which the extended XMP of JPEG has not.

    Raises:
        CarrierError: It is not XML, or holds a DOCTYPE.
    """
    root = _parse(_decode(existing))
    for item in list(_properties(root)):
        _remove(item)
    made = _serialised(root)
    return made if wrapper else made[len(_HEAD.encode()) : -len(_TAIL.encode())]


def padded(existing: bytes, size: int) -> bytes:
    """A packet of a certain size, filled with spaces where the XMP specification (part 1, 7.3.2) has them."""
    tail = _TAIL.encode()
    body = existing.removesuffix(tail)
    return body + b" " * (size - len(existing)) + existing[len(body) :]


def _serialised(root: _Element) -> bytes:
    """A packet of this root and of what stands around it."""
    from lxml import etree

    around = [*reversed(list(root.itersiblings(preceding=True))), root, *root.itersiblings()]
    parts = [
        etree.tostring(node, encoding="unicode", with_tail=False)
        for node in around
        if not (isinstance(node, etree._ProcessingInstruction) and node.target == "xpacket")
    ]
    return (_HEAD + "\n".join(parts) + _TAIL).encode()


def find(packet: bytes, place: str) -> Iterator[RawLabel]:
    """Yields every label in a packet: elements and attributes, any prefix, any namespace, wrong ones with a defect.

    A packet that is not XML never raises: what a bounded search finds in it is yielded with a defect.
    """
    if _is_own(packet):
        text = packet[len(_BEFORE_BYTES) : -len(_AFTER_BYTES)]
        if len(text) <= MAX_TEXT and text.isascii() and b"&" not in text:
            # Our own packet around plain text: what a parser would find is known, without one.
            yield RawLabel(place, text.decode())
            return
    lower = packet[:MAX_PACKET].lower()
    # A name cannot be escaped in XML: without these letters there is no property, and lxml need not be loaded.
    if b"aigc" not in lower and b"aigc" not in lower.replace(b"\0", b""):
        return
    try:
        root = _parse(_decode(packet))
    except CarrierError as error:
        yield from _guess(packet[:MAX_PACKET], place, f"{error}; found by searching its text")
        return
    for item in _properties(root):
        yield RawLabel(place, item.text, item.defects)


def _is_own(existing: bytes) -> bool:
    """Whether a packet is one that was made new here, with nothing but a label in it."""
    return (
        existing.startswith(_BEFORE_BYTES)
        and existing.endswith(_AFTER_BYTES)
        and existing.count(b"<") == _BEFORE_BYTES.count(b"<") + _AFTER_BYTES.count(b"<")
    )


class _Property(NamedTuple):
    """One property named AIGC, as an element, or as an attribute of one."""

    element: _Element
    attribute: str | None
    text: str
    defects: tuple[str, ...]


def _xml_safe(label: Label | str) -> str:
    """The bare value of the field; what XML cannot hold is escaped the JSON way."""
    text = label if isinstance(label, str) else label.to_json()
    return _NOT_XML.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _decode(packet: bytes | str) -> str:
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


def _parse(text: str) -> _Element:
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


def _properties(root: _Element) -> Iterator[_Property]:
    """Every property named AIGC, in document order."""
    for element in root.iter("*"):
        parent = element.getparent()
        if "aigc" in _local(element.tag):
            text = _value(element)
            yield from _property(element, None, element.tag, text, parent is not None and _is_description(parent))
        for name in map(str, element.attrib):
            if "aigc" in _local(name):
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
    return text if text.strip() else str(element.get(f"{{{_RDF}}}value", ""))


def _property(element: _Element, attribute: str | None, name: str, text: str, described: bool) -> Iterator[_Property]:
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
    yield _Property(element, attribute, text[: MAX_TEXT + 1], tuple(defects))


def _local_name(name: str) -> str:
    return name.rpartition("}")[2]


def _local(name: str) -> str:
    return name.rpartition("}")[2].lower()


def _is_description(element: _Element) -> bool:
    return bool(element.tag == f"{{{_RDF}}}Description")


def _remove(item: _Property) -> None:
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
    about = {f"{{{_RDF}}}about", "about"}
    if (
        above is not None
        and _is_description(description)
        and not len(description)
        and about.issuperset(description.attrib)
    ):
        above.remove(description)


def _guess(packet: bytes, place: str, defect: str) -> Iterator[RawLabel]:
    """What a search in a broken packet finds. Few candidates, each of bounded length: linear time."""
    text = packet.replace(b"\0", b"").decode("utf-8", "replace")
    position = -1
    for _ in range(_MAX_GUESSES):
        position = text.find(FIELD_NAME, position + 1)
        if position < 0:
            return
        match = _GUESS.match(text, position)
        if match and "{" in (value := unescape(match.group(match.lastindex or 1))):
            yield RawLabel(place, value.strip(), (defect,))
            position = match.end()
