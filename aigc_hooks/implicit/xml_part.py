"""XML parts of packages: parsed within bounds, without entities, and written as they were declared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aigc_hooks.errors import CarrierError

if TYPE_CHECKING:
    from lxml.etree import _Element

_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml[^>]{0,200}\?>)?\s{0,100}")
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
# What XML 1.0 cannot hold and JSON does not escape by itself.
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
# A tree node takes some hundred bytes: the bound keeps a part of 16 MiB of "<a/>" from becoming a gigabyte.
_MAX_NODES = 500_000


def parse(data: bytes, what: str) -> _Element:
    """The root of a part. Nothing is loaded, nothing expanded.

    Raises:
        CarrierError: It is no XML, holds a DOCTYPE, or too much.
    """
    narrow = data.replace(b"\0", b"")
    if b"<!DOCTYPE" in narrow:
        raise CarrierError(f"the part {what!r} holds a DOCTYPE, which is refused")
    if narrow.count(b"<") + narrow.count(b"=") > _MAX_NODES:
        raise CarrierError(f"the part {what!r} holds more than {_MAX_NODES} elements and attributes")
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, strip_cdata=False
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise CarrierError(f"the part {what!r} is not well-formed XML: {str(error)[:200]}") from error
    if root.getroottree().docinfo.doctype:
        raise CarrierError(f"the part {what!r} holds a DOCTYPE, which is refused")
    return root


def serialised(root: _Element, data: bytes) -> bytes:
    """The part of a changed root, with the declaration and the encoding of the old part."""
    from lxml import etree

    tree = root.getroottree()
    if data.startswith(_WIDE_MARKS):
        return bytes(etree.tostring(tree, encoding="UTF-16", xml_declaration=True, standalone=tree.docinfo.standalone))
    prolog = _PROLOG.match(data)
    assert prolog is not None
    body = bytes(etree.tostring(tree, encoding=tree.docinfo.encoding or "UTF-8", xml_declaration=False))
    return prolog.group() + body + data[len(data.rstrip()) :]


def safe(text: str) -> str:
    """A label as XML can hold it; what it cannot is escaped the JSON way."""
    return _NOT_XML.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def local(name: object) -> str:
    """The name of an element or attribute without its namespace; empty for a comment."""
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def append(parent: _Element, child: _Element) -> None:
    """Adds a child behind the others, indented as they are."""
    if len(parent) and parent.text and not parent.text.strip():
        child.tail, parent[-1].tail = parent[-1].tail, parent.text
    parent.append(child)


def remove(child: _Element) -> None:
    """Takes an element out, and the white space that was its indentation."""
    parent = child.getparent()
    assert parent is not None
    before = child.getprevious()
    if before is None and len(parent) == 1:
        parent.text = None
    elif before is not None and child.getnext() is None:
        before.tail = child.tail
    parent.remove(child)


def plain(root: _Element) -> bytes:
    """A part in one form, however it was written (Canonical XML 1.0), without the white space between elements.

    Raises:
        CarrierError: It has none.
    """
    from lxml import etree

    for each in root.iter():
        if len(each) and each.text and not each.text.strip():
            each.text = None
        if each.tail and not each.tail.strip():
            each.tail = None
    try:
        return bytes(etree.tostring(root.getroottree(), method="c14n"))
    except etree.LxmlError as error:
        raise CarrierError(f"a part has no canonical form: {str(error)[:200]}") from error
