"""APEv2 tags at the end of MP3 and AAC files: a label there is read and taken out, for its place is the ID3v2 tag.

Some programs write their fields there, before an ID3v1 tag if there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from aigc_hooks.artifact import RawLabel
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.copying import Edit
from aigc_hooks.implicit.field import meant
from aigc_hooks.labels import FIELD_NAME

_MAGIC = b"APETAGEX"
_HEAD = Struct("<8sIIII8s")  # magic, version, length with the footer, number of items, flags
_ITEM = Struct("<II")
_ID3V1, _ID3V1_SIZE = b"TAG", 128
_HAS_HEADER, _IS_HEADER = 1 << 31, 1 << 29
_NOT_TEXT = 0x6
_NOT_HERE = "the guide has an ID3v2 frame here, not an APEv2 tag"


class _Tag(NamedTuple):
    """One tag: where it begins and ends, what its footer says, and its items."""

    start: int
    end: int
    version: int
    flags: int
    items: list[tuple[str, bytes, bytes]]


def _tag(source: Source, begin: int) -> _Tag | None:
    """The tag at the end of a file, if it begins behind an offset and can be read."""
    end = source.size
    if end - begin >= _ID3V1_SIZE and source.read(end - _ID3V1_SIZE, 3) == _ID3V1:
        end -= _ID3V1_SIZE
    if end - begin < _HEAD.size:
        return None
    magic, version, length, count, flags, _ = _HEAD.unpack(source.read(end - _HEAD.size, _HEAD.size))
    start = end - length
    if magic != _MAGIC or length < _HEAD.size or start < begin:
        return None
    data = source.payload(start, length - _HEAD.size, "APEv2 tag")
    items, at = [], 0
    for _ in range(min(count, len(data))):
        zero = data.find(b"\0", at + _ITEM.size)
        if zero < 0:
            return None
        source.step(start + at)
        size, kind = _ITEM.unpack_from(data, at)
        after = zero + 1 + size
        value = b"" if kind & _NOT_TEXT else data[zero + 1 : after]
        items.append((data[at + _ITEM.size : zero].decode("latin-1"), value, data[at:after]))
        at = after
    if flags & _HAS_HEADER and start - begin >= _HEAD.size and source.read(start - _HEAD.size, 8) == _MAGIC:
        start -= _HEAD.size
    return _Tag(start, end, version, flags, items)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def find(source: Source, begin: int) -> Iterator[RawLabel]:
    """Yields the labels in a tag at the end of a file, whose sound begins at an offset."""
    tag = _tag(source, begin)
    for key, value, _ in tag.items if tag else ():
        if meant(key, _text(value)):
            wrong = () if key == FIELD_NAME else (f"the key is {key[:60]!r}, not {FIELD_NAME!r}",)
            for text in filter(None, _text(value).split("\0")):
                yield RawLabel(f"APEv2 {FIELD_NAME}", text, (_NOT_HERE, *wrong))


def without(source: Source, begin: int) -> Edit | None:
    """The edit that takes the labels out of that tag; None where it holds none."""
    tag = _tag(source, begin)
    if tag is None or not any(find(source, begin)):
        return None
    kept = [raw for key, value, raw in tag.items if not meant(key, _text(value))]
    if not kept:
        return Edit(tag.start, tag.end, b"")
    body = b"".join(kept)
    told = (_MAGIC, tag.version, len(body) + _HEAD.size, len(kept))
    footer = _HEAD.pack(*told, tag.flags & ~_IS_HEADER, bytes(8))
    header = _HEAD.pack(*told, tag.flags | _IS_HEADER, bytes(8)) if tag.flags & _HAS_HEADER else b""
    return Edit(tag.start, tag.end, header + body + footer)
