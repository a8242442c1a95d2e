"""The tags of a Matroska or WebM file, and the label among them (RFC 9559, 5.1.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aigc_hooks.artifact import RawLabel
from aigc_hooks.implicit import ebml
from aigc_hooks.implicit.bounds import MAX_TEXT, Source
from aigc_hooks.implicit.ebml import Element
from aigc_hooks.implicit.field import meant
from aigc_hooks.labels import FIELD_NAME

PLACE = "Matroska SimpleTag AIGC"
"""Place of the label."""

_TAG, _TARGETS, _SIMPLE = 0x7373, 0x63C0, 0x67C8
_NAME, _STRING, _BINARY = 0x45A3, 0x4487, 0x4485
_OF_A_PART = {0x63C5: "track", 0x63C9: "edition", 0x63C4: "chapter", 0x63C6: "attachment"}
_DEEPEST = 8


class _Text(NamedTuple):
    """What a SimpleTag says itself, its name first, and what is wrong with how it says it."""

    name: str
    text: str
    defects: tuple[str, ...]


class Tags:
    """A Tags element, read into memory.

    Args:
        source: The file.
        part: The element.
    """

    def __init__(self, source: Source, part: Element) -> None:
        self.part = part
        self._data = source.payload(part.start, part.end - part.start, "Tags element")
        self._source = source.inside(self._data, "Tags")

    def _inside(self, parent: Element) -> Iterator[Element]:
        return ebml.elements(self._source, parent.start, parent.end)

    def _all(self) -> Element:
        return Element(self.part.kind, 0, 0, len(self._data))

    def labels(self) -> Iterator[RawLabel]:
        """The labels in it."""
        for tag in self._inside(self._all()):
            if tag.kind == _TAG:
                yield from self._labels(tag, self._targets(tag), 0)

    def _labels(self, parent: Element, defects: tuple[str, ...], depth: int) -> Iterator[RawLabel]:
        for simple in self._inside(parent):
            if simple.kind == _SIMPLE and depth < _DEEPEST:
                if found := self._label(simple):
                    name = found.name[:40] if found.name.upper() != FIELD_NAME else FIELD_NAME
                    yield RawLabel(f"Matroska SimpleTag {name}", found.text, found.defects + defects)
                yield from self._labels(simple, (*defects, "it stands inside another tag")[:2], depth + 1)

    def _targets(self, tag: Element) -> tuple[str, ...]:
        """That a tag is not of the whole file, if it is not."""
        for targets in self._inside(tag):
            for target in self._inside(targets) if targets.kind == _TARGETS else ():
                if target.kind in _OF_A_PART and any(self._data[target.start : target.end]):
                    part = _OF_A_PART[target.kind]
                    return (f"it is a tag of one {part}, not of the file",)
        return ()

    def _label(self, simple: Element) -> _Text | None:
        """What a SimpleTag says, if that is meant as a label."""
        parts = {part.kind: part for part in self._inside(simple)}
        value = parts.get(_STRING, parts.get(_BINARY))
        if _NAME not in parts or value is None:
            return None
        name, text = (self._data[part.start : part.end].rstrip(b"\0") for part in (parts[_NAME], value))
        if len(text) > MAX_TEXT and name.upper() == FIELD_NAME.encode():
            raise self._source.fault(
                value.start, f"a label of {len(text)} bytes, longer than the {MAX_TEXT} that are read"
            )
        found = _Text(name.decode("utf-8", "replace"), text.decode("utf-8", "replace"), ())
        if not meant(found.name, found.text):
            return None
        defects = []
        if found.name != FIELD_NAME:
            defects.append(f"the tag is named {found.name[:60]!r}, not {FIELD_NAME!r}")
        if value.kind == _BINARY:
            defects.append("it is told to be binary; the guide has a string")
        return found._replace(defects=tuple(defects))

    def rewritten(self, text: str | None) -> bytes | None:
        """The content of the element without labels, and with this one behind the other tags.

        None where nothing but labels and checksums stood in it, and there is no text.
        """
        kept = [part for tag in self._inside(self._all()) if (part := self._without(tag, 0))]
        if text is not None:
            kept.append(labelled(text))
        return ebml.checked(kept) if any(part[0] not in (ebml.CRC, ebml.VOID) for part in kept) else None

    def _without(self, part: Element, depth: int) -> bytes:
        """A Tag or SimpleTag without labels; nothing where there was nothing else in it."""
        whole = self._data[part.begin : part.end]
        if part.kind not in (_TAG, _SIMPLE) or depth > _DEEPEST:
            return whole
        inside = list(self._inside(part))
        kept = [self._without(each, depth + 1) for each in inside]
        if part.kind == _SIMPLE and self._label(part):
            return b""  # what is said about a label goes with it
        if all(map(bytes.__eq__, kept, (self._data[each.begin : each.end] for each in inside))):
            return whole
        holds_more = part.kind == _SIMPLE or any(map(_is_simple, kept))
        return ebml.packed(part.kind, ebml.checked([each for each in kept if each])) if holds_more else b""


def _is_simple(data: bytes) -> bool:
    return data[:2] == _SIMPLE.to_bytes(2, "big")


def labelled(text: str) -> bytes:
    """A tag of the whole file with the label."""
    simple = ebml.packed(_NAME, FIELD_NAME.encode()) + ebml.packed(_STRING, text.encode())
    return ebml.packed(_TAG, ebml.packed(_TARGETS, b"") + ebml.packed(_SIMPLE, simple))
