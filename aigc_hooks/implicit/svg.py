"""SVG: XMP in a ``metadata`` element, the property ``TC260:AIGC`` in it.

A choice of this project after the image guide (TC260-PG-20259A), which does not name SVG: XMP, as in the other
pictures, in SVG's own place for it. The element is put first into the picture; nothing else changes. Compressed SVG is
not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import BinaryIO, NamedTuple
from xml.parsers import expat

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import xmp
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, MAX_TEXT, Source, reader
from aigc_hooks.implicit.parts import Part, around, told
from aigc_hooks.implicit.xml_part import safe
from aigc_hooks.labels import FIELD_NAME

PLACE = "SVG metadata XMP"
"""Place of the label."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_MANIFEST = "http://c2pa.org/manifest}manifest"
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_START = re.compile(
    r"(?:\s|<\?(?:(?!\?>).){0,1000}\?>|<!--(?:(?!-->).){0,4000}-->)*<(?:!DOCTYPE\s+(?:[\w.-]+:)?svg\b|(?:[\w.-]+:)?svg[\s/>])",
    re.DOTALL,
)
_TAG = re.compile(rb"<([^\s/>]+)(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_ATTRIBUTE = re.compile(rb"\s+[^\s=/>\"']*AIGC\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_BARE = re.compile(rb"<([^\s/>]+)(?:\s+xmlns(?::[\w.-]+)?\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*\s*>[^<]*</\1\s*>")
_OPENING = f"<{xmp.PREFIX}:{FIELD_NAME}>".encode()
_MAX_ENTITIES = 100
_MAX_ENTITY = 4096


class _Label(NamedTuple):
    """A label: the start and end of its element, whether it is an attribute of that, and how it reads."""

    start: int
    stop: int
    attribute: bool
    raw: RawLabel


class _Scan:
    """One walk over a picture.

    Attributes:
        root: Where its root element begins.
        labels: The labels in it, in the order in which their elements end.
        signed: Whether it holds a C2PA manifest.
    """

    def __init__(self, source: Source, data: bytes) -> None:
        self.root = -1
        self.labels: list[_Label] = []
        self.signed = False
        self._source = source
        self._data = data
        self._open: list[tuple[int, int, str, list[str]]] = []
        self._depth = self._entities = 0
        self._parser = parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._finish
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._entity
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise source.fault(parser.ErrorByteIndex, f"no well-formed XML: {expat.ErrorString(error.code)}") from error
        except (ValueError, LookupError) as error:
            if isinstance(error, CarrierError):
                raise
            raise source.fault(0, f"its encoding is not read, save it as UTF-8: {str(error)[:100]}") from error

    def _entity(self, name: str, parameter: bool, value: str | None, *_: object) -> None:
        self._entities += 1
        # Drawing programs declare namespaces so; what is larger or refers to others is a bomb. None outside is loaded.
        if parameter or "&" in (value or "") or len(value or "") > _MAX_ENTITY or self._entities > _MAX_ENTITIES:
            raise CarrierError(
                f"the SVG declares the entity {name[:40]!r}, which is refused: it may grow without bounds"
            )

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        self._source.step(at)
        if self.root < 0:
            self.root = at
            if name.rpartition("}")[2] != "svg":
                raise self._source.fault(at, f"its root is {name[:100]!r}, not svg")
        self._depth += 1
        self.signed |= name == _MANIFEST
        if _is_field(name):
            self._open.append((self._depth, at, name, []))
        for key, value in attributes.items():
            if "}" in key and _is_field(key):
                stop = at + len(_tag(self._source, self._data, at).group())
                self.labels.append(_Label(at, stop, True, _raw(key, value)))

    def _characters(self, text: str) -> None:
        for _, _, _, pieces in self._open:
            if sum(map(len, pieces)) <= MAX_TEXT:
                pieces.append(text)

    def _finish(self, name: str) -> None:
        if self._open and self._open[-1][0] == self._depth:
            _, start, name, pieces = self._open.pop()
            end = self._parser.CurrentByteIndex
            if self._data.startswith(b"</", end):  # else the tag of an empty element ends here
                end = self._data.index(b">", end) + 1
            self.labels.append(_Label(start, end, False, _raw(name, "".join(pieces)[: MAX_TEXT + 1])))
        self._depth -= 1


def _is_field(name: str) -> bool:
    return name.rpartition("}")[2].upper() == FIELD_NAME


def _raw(name: str, text: str) -> RawLabel:
    namespace, _, local = name.rpartition("}")
    defects = [] if local == FIELD_NAME else [f"the XMP property is named {local!r}, not {FIELD_NAME!r}"]
    if namespace != xmp.NAMESPACE:
        defects.append(f"the XMP namespace is {namespace[:100]!r}; the guide has {xmp.NAMESPACE!r}")
    return RawLabel(PLACE, text, tuple(defects))


def _tag(source: Source, data: bytes, at: int) -> re.Match[bytes]:
    match = _TAG.match(data, at)
    if match is None:
        raise source.fault(at, "a start tag cannot be told in this encoding: save the picture as UTF-8")
    return match


def _read(source: Source) -> tuple[bytes, _Scan]:
    data = source.payload(0, source.size, "picture", MAX_PAYLOAD)
    return data, _Scan(source, data)


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of a picture, in file order."""
    _, scan = _read(source)
    for label in sorted(scan.labels, key=lambda label: label.start):
        yield label.raw
    if scan.signed:
        yield Manifest("SVG c2pa:manifest")


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a picture with the label in its metadata."""
    source = Source(stream, "SVG")
    data, scan = _read(source)
    if data[:2] in _WIDE or b"\0" in data[:4]:
        raise CarrierError("an SVG in UTF-16 is not labelled: save it as UTF-8")
    label = escape(safe(text), quote=False).encode("ascii", "xmlcharrefreplace")
    edits: list[tuple[int, int, bytes]] = []
    own = next((each for each in scan.labels if not each.attribute and not each.raw.defects), None)
    for each in scan.labels:
        tag = _tag(source, data, each.start)
        if each is own:
            name = tag.group(1)
            bare = tag.group()[:-2] + b">" if tag.group().endswith(b"/>") else tag.group()
            edits.append((each.start, each.stop, bare + label + b"</" + name + b">"))
        elif each.attribute:
            edits.append((each.start, tag.end(), _ATTRIBUTE.sub(b"", tag.group())))
        else:
            edits.append((each.start, each.stop, b""))
    if own is None:
        edits.append(_first(_tag(source, data, scan.root), label))
    done = 0
    for start, stop, made in sorted(edits):
        if start < done:
            raise CarrierError("the SVG has one label inside another; take one of them out")
        target.write(data[done:start] + made)
        done = stop
    target.write(data[done:])


def _first(root: re.Match[bytes], label: bytes) -> tuple[int, int, bytes]:
    """What makes a metadata element the first in the picture."""
    element = _element(root, label)
    if root.group().endswith(b"/>"):
        return root.end() - 2, root.end(), b">" + element + b"</" + root.group(1) + b">"
    return root.end(), root.end(), element


def _element(root: re.Match[bytes], label: bytes) -> bytes:
    """A metadata element that holds a label and nothing else."""
    prefix = root.group(1).rpartition(b":")[0]
    name = prefix + b":metadata" if prefix else b"metadata"
    made = (
        f'><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" xmlns:{xmp.PREFIX}="{xmp.NAMESPACE}">'.encode()
        + _OPENING
        + label
        + f"</{xmp.PREFIX}:{FIELD_NAME}></rdf:Description></rdf:RDF></".encode()
    )
    return b"<" + name + made + name + b">"


def content(source: Source) -> Iterator[Part]:
    """The picture without its labels, and without the metadata that was made for one."""
    data, scan = _read(source)
    root = _tag(source, data, scan.root)
    holes = [hole for each in scan.labels if (hole := _hole(source, data, root, each))]
    if root.group().endswith(b"/>"):  # as it is written when something stands in it
        yield from around(b"DRAW", 0, root.end() - 2, holes)
        yield told(b"DRAW", b"></" + root.group(1) + b">")
        yield Part(b"DRAW", root.end(), source.size - root.end())
    else:
        yield from around(b"DRAW", 0, source.size, holes)


def _hole(source: Source, data: bytes, root: re.Match[bytes], label: _Label) -> tuple[int, int] | None:
    """From where to where there is a label and nothing else; None where more could stand in it."""
    if label.attribute or not _BARE.fullmatch(data, label.start, label.stop):
        return None
    text = data[_tag(source, data, label.start).end() : data.rindex(b"</", label.start, label.stop)]
    made = _element(root, text)
    begin = label.start - made.index(_OPENING)
    if begin >= 0 and data.startswith(made, begin):
        return begin, begin + len(made)
    return label.start, label.stop


def _sniff(head: bytes) -> bool:
    wide = _WIDE.get(head[:2])
    text = head[2:].decode(wide, "replace") if wide else head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return _START.match(text) is not None


CARRIER = Carrier("SVG", (".svg",), _sniff, reader("SVG", _walk), _write, medium="document", by_analogy=True)
"""SVG pictures."""
