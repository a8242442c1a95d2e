"""Where the elements of an XML part stand in its bytes, so that a label goes between them and nothing else changes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from html import escape
from xml.parsers import expat

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.xml_part import safe

_TAG = re.compile(rb"<([^\s/>]+)(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_MAX_ELEMENTS = 1_000_000


@dataclass(slots=True, eq=False)
class Element:
    """One element.

    Attributes:
        namespace: The address of its namespace, or nothing.
        name: Its name there.
        tag: Its name as written, with the prefix.
        attributes: Its attributes; the name of one with a namespace is ``"address}name"``.
        start: Where it begins.
        inner: Where its content begins; of an empty element, where it ends.
        end: Where its content ends.
        stop: Where what follows begins.
        pieces: The pieces of text in it and in no child, each with its place.
        children: The elements in it, down to the depth that was asked for.
    """

    namespace: str
    name: str
    tag: str
    attributes: dict[str, str]
    start: int
    inner: int
    end: int = 0
    stop: int = 0
    pieces: list[tuple[int, str]] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def texts(self) -> list[tuple[int, str]]:
        """All pieces of text in it, in order, each with its place."""
        found, waiting = [], [self]
        while waiting:
            element = waiting.pop()
            found += element.pieces
            waiting += element.children
        return sorted(found)

    @property
    def text(self) -> str:
        """The text in it."""
        return "".join(text for _, text in self.texts)

    @property
    def is_empty(self) -> bool:
        """Whether it is one tag, which has no room for content."""
        return self.inner == self.end == self.stop

    @property
    def prefix(self) -> str:
        """Its prefix with the colon, or nothing."""
        prefix, colon, _ = self.tag.rpartition(":")
        return prefix + colon

    def get(self, name: str) -> str:
        """An attribute by its name without namespace; nothing if it is missing."""
        return next((value for key, value in self.attributes.items() if key.rpartition("}")[2] == name), "")

    def child(self, name: str) -> Element | None:
        """The first child of a name."""
        return next((child for child in self.children if child.name == name), None)


class Map:
    """An XML part.

    Args:
        data: Its bytes.
        what: Its name, for messages.
        depth: How deep elements are listed; the root is 1.
        texts: The names of the elements whose text counts; None counts all.
        doctype: Whether it may declare a document type.

    Attributes:
        root: Its root.
        data: Its bytes.

    Raises:
        CarrierError: It is not well-formed, declares what it must not, or is in an encoding that is not read.
    """

    def __init__(
        self, data: bytes, what: str, depth: int, texts: Collection[str] | None = None, *, doctype: bool = False
    ) -> None:
        if data[:2] in _WIDE or b"\0" in data[:4]:
            raise CarrierError(f"{what} is written in UTF-16, in which the visible label is not put: save it as UTF-8")
        self.data = data
        self._what, self._limit, self._texts, self._doctype = what, depth, texts, doctype
        self._depth = self._count = self._counting = 0
        self._encoding = "utf-8"
        self._open: list[Element] = []
        self._root: Element | None = None
        self._parser = parser = expat.ParserCreate(namespace_separator="}")
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = self._typed
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._finish
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise CarrierError(
                f"{what} is no well-formed XML: {expat.ErrorString(error.code)}, at offset {parser.ErrorByteIndex}"
            ) from error
        except (ValueError, LookupError) as error:
            if isinstance(error, CarrierError):
                raise
            raise CarrierError(f"{what} is in an encoding that is not read, save it as UTF-8: {error}") from error
        assert self._root is not None
        self.root: Element = self._root

    def stored(self, text: str) -> bytes:
        """Text as it stands in the part: escaped, and by references where its encoding may lack a character."""
        escaped = escape(safe(text))
        return escaped.encode() if self._encoding == "utf-8" else escaped.encode("ascii", "xmlcharrefreplace")

    def path(self, *names: str) -> Element:
        """An element by the names on the way to it.

        Raises:
            CarrierError: There is none.
        """
        root: Element = self.root
        found: Element | None = root if root.name == names[0] else None
        for name in names[1:]:
            found = found and found.child(name)
        if found is None:
            raise CarrierError(f"{self._what} has no element {'/'.join(names)}, which holds what the document shows")
        return found

    def raw(self, element: Element) -> bytes:
        """How an element is written."""
        return self.data[element.start : element.stop]

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        self._encoding = (encoding or "utf-8").lower()

    def _typed(self, *_: object) -> None:
        if not self._doctype:
            raise CarrierError(f"{self._what} holds a DOCTYPE, which is refused")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._count > _MAX_ELEMENTS:
            raise CarrierError(f"{self._what} holds more than {_MAX_ELEMENTS} elements")
        namespace, _, local = name.rpartition("}")
        if self._texts is not None and local in self._texts:
            self._counting += 1
        if self._depth > self._limit:
            return
        at = self._parser.CurrentByteIndex
        tag = _TAG.match(self.data, at)
        if tag is None:
            raise CarrierError(f"{self._what} has a start tag at offset {at} that cannot be told: save it as UTF-8")
        element = Element(namespace, local, tag[1].decode("utf-8", "replace"), attributes, at, tag.end())
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _finish(self, name: str) -> None:
        if self._texts is not None and name.rpartition("}")[2] in self._texts:
            self._counting -= 1
        if self._depth <= self._limit:
            element, at = self._open.pop(), self._parser.CurrentByteIndex
            if self.data.endswith(b"/>", 0, element.inner):
                element.end = element.stop = element.inner
            else:
                element.end, element.stop = at, self.data.index(b">", at) + 1
        self._depth -= 1

    def _characters(self, text: str) -> None:
        if self._texts is None or self._counting:
            self._open[-1].pieces.append((self._parser.CurrentByteIndex, text))
