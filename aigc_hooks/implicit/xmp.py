"""XMP packets: the property ``TC260:AIGC`` written, merged into a user's packet, and found (TC260-PG-20259A)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import TYPE_CHECKING

from aigc_hooks.artifact import RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import MAX_PACKET, MAX_TEXT
from aigc_hooks.implicit.xmp_tree import NAMESPACE as NAMESPACE
from aigc_hooks.implicit.xmp_tree import RDF, decoded, parsed, properties, remove
from aigc_hooks.labels import FIELD_NAME, Label

if TYPE_CHECKING:
    from lxml.etree import _Element

PREFIX = "TC260"
"""Usual prefix of the property; any other bound to its namespace is read as well."""

_META = "adobe:ns:meta/"
_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TAIL = '\n<?xpacket end="w"?>'
_BEFORE = (
    f'{_HEAD}<x:xmpmeta xmlns:x="{_META}"><rdf:RDF xmlns:rdf="{RDF}">'
    f'<rdf:Description rdf:about="" xmlns:{PREFIX}="{NAMESPACE}"><{PREFIX}:{FIELD_NAME}>'
)
_AFTER = f"</{PREFIX}:{FIELD_NAME}></rdf:Description></rdf:RDF></x:xmpmeta>{_TAIL}"

_BEFORE_BYTES, _AFTER_BYTES = _BEFORE.encode(), _AFTER.encode()

# Characters that XML 1.0 cannot hold and JSON does not escape by itself.
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
_MAX_GUESSES = 50
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
    text = decoded(existing)
    if not text:
        return packet(label)
    from lxml import etree

    root = parsed(text)
    for item in list(properties(root)):
        remove(item)
    rdf = root if root.tag == f"{{{RDF}}}RDF" else root.find(f".//{{{RDF}}}RDF")
    if rdf is None:
        if root.tag not in (f"{{{_META}}}xmpmeta", f"{{{_META}}}xapmeta"):
            raise CarrierError(f"the XMP packet holds no rdf:RDF; its root is {str(root.tag)[:100]!r}")
        rdf = etree.SubElement(root, f"{{{RDF}}}RDF", nsmap={"rdf": RDF})
    first = rdf.find(f"{{{RDF}}}Description")
    # All descriptions of one packet name the same resource (ISO 16684-1, 7.4).
    about = "" if first is None else first.get(f"{{{RDF}}}about") or first.get("about") or ""
    # An own description keeps the namespace off the property, so that its bytes are as the guide prints them.
    own = etree.SubElement(rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": about}, {PREFIX: NAMESPACE})
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
    if is_own(existing):
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
    root = parsed(decoded(existing))
    for item in list(properties(root)):
        remove(item)
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
    if is_own(packet):
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
        root = parsed(decoded(packet))
    except CarrierError as error:
        yield from _guess(packet[:MAX_PACKET], place, f"{error}; found by searching its text")
        return
    for item in properties(root):
        yield RawLabel(place, item.text, item.defects)


def is_own(existing: bytes) -> bool:
    """Whether a packet is one that was made new here, with nothing but a label in it."""
    return (
        existing.startswith(_BEFORE_BYTES)
        and existing.endswith(_AFTER_BYTES)
        and existing.count(b"<") == _BEFORE_BYTES.count(b"<") + _AFTER_BYTES.count(b"<")
    )


def _xml_safe(label: Label | str) -> str:
    """The bare value of the field; what XML cannot hold is escaped the JSON way."""
    text = label if isinstance(label, str) else label.to_json()
    return _NOT_XML.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


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
