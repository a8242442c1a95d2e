"""ID3v2 tags: the label in a frame ``TXXX`` described ``AIGC`` (TC260-PG-202510A), read and written frame by frame.

Frames that hold no label are never decoded: they are walked over by their headers and kept byte for byte. Only a tag of
version 2.2, whose frames have other names, is first made one of 2.4 by mutagen.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from aigc_hooks.artifact import Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import c2pa, xmp
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, MAX_TEXT, Source
from aigc_hooks.implicit.field import meant
from aigc_hooks.implicit.mutagens import guarded, mutagen
from aigc_hooks.labels import FIELD_NAME

PLACE = "ID3v2 TXXX AIGC"
"""Place of the label."""

_HEAD = 10
_PADDING = 1024
_END = bytes(4)
_LONGEST_TYPE = 64
_UNSYNCHRONISED, _EXTENDED, _FOOTER = 0x80, 0x40, 0x10
_KINDS = {b"TXX": b"TXXX", b"COM": b"COMM", b"GEO": b"GEOB"}  # the names of version 2.2
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")


class _Frame(NamedTuple):
    """One frame: its name, its flags, and where its header, its content and the next frame begin."""

    kind: bytes
    flags: int
    head: int
    start: int
    after: int


class Tag(NamedTuple):
    """One tag.

    Attributes:
        source: What its frames are read from: the file, or the tag without its unsynchronisation.
        version: Such as 4 for ID3v2.4.
        flags: Of its header.
        start: Where its frames begin.
        end: Where its frames and its padding end.
        after: Where what follows it begins in the file.
    """

    source: Source
    version: int
    flags: int
    start: int
    end: int
    after: int


def tag_at(source: Source, offset: int = 0) -> Tag | None:
    """The tag that begins at an offset; None if none does.

    Raises:
        CarrierError: It is longer than the file or than what is read.
    """
    head = source.read(offset, min(_HEAD, source.size - offset))
    if len(head) < _HEAD or head[:3] != b"ID3":
        return None
    if any(byte > 127 for byte in head[6:]) or head[3] not in (2, 3, 4):
        raise source.fault(offset, f"no ID3 tag of version 2.2 to 2.4: its header is {head.hex(' ')}")
    version, flags, end = head[3], head[5], offset + _HEAD + _syncsafe(head[6:])
    after = end + (_HEAD if version == 4 and flags & _FOOTER else 0)
    if after > source.size:
        raise source.fault(offset + 6, f"the ID3 tag of {after - offset} bytes ends after the file")
    if after - offset > MAX_PAYLOAD:
        raise source.fault(offset + 6, f"the ID3 tag of {after - offset} bytes is longer than {MAX_PAYLOAD}")
    start = offset + _HEAD
    if version < 4 and flags & _UNSYNCHRONISED:  # the whole tag is escaped, the lengths in it are not
        data = source.payload(start, end - start, "ID3 tag", MAX_PAYLOAD).replace(b"\xff\0", b"\xff")
        source, start, end = source.inside(data, "ID3 tag"), 0, len(data)
    if version > 2 and flags & _EXTENDED:
        length = source.read(start, 4, "extended header") if end - start >= 4 else b"\0\0\0\0"
        start = min(end, start + (_syncsafe(length) if version == 4 else 4 + int.from_bytes(length, "big")))
    return Tag(source, version, flags, start, end, after)


def tags(source: Source) -> Iterator[Tag]:
    """The tags at the beginning of a file: one, or in a few files several, one behind the other."""
    offset = 0
    while tag := tag_at(source, offset):
        source.step(offset)
        yield tag
        offset = tag.after


def find(tag: Tag, place: str = PLACE, defects: tuple[str, ...] = ()) -> Iterator[RawLabel]:
    """Yields the labels in a tag.

    Args:
        tag: The tag.
        place: What its place is called.
        defects: What is wrong with this place in this carrier.
    """
    for frame in _frames(tag):
        for raw in _labels(tag, frame):
            where = raw.place.replace(PLACE, place)
            yield RawLabel(where, raw.text, (*defects, *raw.defects))


def manifests(tag: Tag) -> Iterator[Manifest]:
    """Yields the C2PA manifests in a tag, which are files in it."""
    for frame in _frames(tag):
        if frame.kind == b"GEOB":
            head = tag.source.read(frame.start, min(frame.after - frame.start, _LONGEST_TYPE), "ID3 frame")
            if head[1:].partition(b"\0")[0] in c2pa.MEDIA_TYPES:
                yield Manifest("ID3v2 GEOB C2PA")


def rewritten(tag: Tag, text: str | None) -> bytes:
    """The tag with this label as its only one; with None, without any.

    The label stands first, where a reader finds it whatever follows. Padding makes room for it, so that the tag keeps
    its length where it can.
    """
    if tag.version == 2:
        tag = _upgraded(tag)
    kept, behind = [], tag.start
    for each in _frames(tag):
        behind = each.after
        if any(_labels(tag, each)):
            kept.append(_without(tag, each))
        else:
            kept.append(tag.source.read(each.head, each.after - each.head, "ID3 frame"))
    rest = tag.source.read(behind, tag.end - behind, "rest of the ID3 tag")
    body = (label_frame(text, tag.version) if text is not None else b"") + b"".join(kept)
    if rest.count(0) == len(rest):  # padding
        room = tag.end - tag.start - len(body)
        rest = bytes(room if room >= 0 else _PADDING)
    elif body and not rest.startswith(_END):
        rest = _END + rest  # what is no frame must not be taken for more of the last one
    # An extended header may hold a checksum, a footer mirrors the header: neither outlives a change.
    flags = tag.flags & ~(_EXTENDED | _FOOTER) & (0xFF if tag.version == 4 else ~_UNSYNCHRONISED)
    return _packed(tag.version, flags, body + rest)


def made(text: str) -> bytes:
    """A new tag with this label."""
    return _packed(4, 0, label_frame(text, 4) + bytes(_PADDING))


def label_frame(text: str, version: int) -> bytes:
    """The frame with a label, readable in the bytes of the file wherever the version allows it."""
    encoding = 3 if version == 4 else 0 if text.isascii() else 1
    ends = b"\0\0" if encoding == 1 else b"\0"
    name, value = (part.encode(_ENCODINGS[encoding]) for part in (FIELD_NAME, text))
    data = bytes([encoding]) + name + ends + value
    length = _unsynced(len(data)) if version == 4 else len(data).to_bytes(4, "big")
    return b"TXXX" + length + b"\0\0" + data


def _packed(version: int, flags: int, body: bytes) -> bytes:
    if len(body) >= 1 << 28:
        raise CarrierError(f"an ID3 tag cannot hold {len(body)} bytes")
    return b"ID3" + bytes([version, 0, flags]) + _unsynced(len(body)) + body


def _syncsafe(data: bytes) -> int:
    """A number of seven bits a byte."""
    number = 0
    for byte in data:
        number = number << 7 | byte & 127
    return number


def _unsynced(number: int) -> bytes:
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def _frames(tag: Tag) -> Iterator[_Frame]:
    """The frames, up to the padding or to what is none."""
    name, head = (3, 6) if tag.version == 2 else (4, 10)
    offset = tag.start
    while offset + head <= tag.end:
        data = tag.source.read(offset, head, "ID3 frame header")
        if not _LETTERS.issuperset(data[:name]):
            return
        tag.source.step(offset)
        length = _length(tag, data, offset)
        if offset + head + length > tag.end:
            return
        kind = data[:name]
        flags = 0 if tag.version == 2 else data[9]
        yield _Frame(_KINDS.get(kind, kind), flags, offset, offset + head, offset + head + length)
        offset += head + length


def _length(tag: Tag, head: bytes, offset: int) -> int:
    """The length of a frame's content."""
    if tag.version == 2:
        return int.from_bytes(head[3:6], "big")
    plain = int.from_bytes(head[4:8], "big")
    if tag.version == 3 or plain < 128:
        return plain
    # Version 2.4 has seven bits a byte, which old versions of iTunes did not know: the next frame tells.
    length = _syncsafe(head[4:8])
    if any(byte > 127 for byte in head[4:8]) or (
        not _lands(tag, offset + _HEAD + length) and _lands(tag, offset + _HEAD + plain)
    ):
        return plain
    return length


def _lands(tag: Tag, offset: int) -> bool:
    """Whether a frame, padding or the end of the tag is at an offset."""
    if offset + 4 > tag.end:
        return offset <= tag.end
    name = tag.source.read(offset, 4)
    return not any(name) or _LETTERS.issuperset(name)


def _content(tag: Tag, frame: _Frame, limit: int) -> bytes:
    """The content of a frame without escapes and compression; nothing where it is too long or encrypted."""
    if frame.after - frame.start > limit:
        return b""
    data = tag.source.payload(frame.start, frame.after - frame.start, "ID3 frame", limit)
    if tag.version == 3:
        packed, encrypted, extra = frame.flags & 0x80, frame.flags & 0x40, 4 * bool(frame.flags & 0x80)
        extra += bool(frame.flags & 0x20)
    else:
        packed, encrypted, extra = frame.flags & 0x08, frame.flags & 0x04, 4 * (frame.flags & 1)
        extra += bool(frame.flags & 0x40)
        if tag.version == 4 and (frame.flags & 0x02 or tag.flags & _UNSYNCHRONISED):
            data = data.replace(b"\xff\0", b"\xff")
    if encrypted:
        return b""
    data = data[extra:]
    if packed:
        try:
            data = zlib.decompressobj().decompress(data, limit)
        except zlib.error:
            return b""
        tag.source.spend(frame.start, len(data))
    return data


def _labels(tag: Tag, frame: _Frame) -> Iterator[RawLabel]:
    """The labels in one frame."""
    if frame.kind == b"PRIV":
        data = _content(tag, frame, MAX_TEXT)
        if data.startswith(b"XMP\0"):
            for raw in xmp.find(data[4:], "ID3v2 PRIV XMP"):
                yield RawLabel(raw.place, raw.text, (*raw.defects, "the guide has a TXXX frame here, not XMP"))
    elif frame.kind in (b"TXXX", b"COMM"):
        name, text = _named(_content(tag, frame, 4 * MAX_TEXT), 3 * (frame.kind == b"COMM"))
        if frame.kind == b"TXXX":
            defects = () if name == FIELD_NAME else (f"the frame is described {name[:60]!r}, not {FIELD_NAME!r}",)
            place = PLACE
        else:
            defects = (f"the guide has a TXXX frame described {FIELD_NAME!r} here, not a comment",)
            place = "ID3v2 COMM"
        if meant(name, text):
            # Several values of one frame are several labels.
            for value in text.split("\0"):
                if value:
                    yield RawLabel(place, value.strip("\ufeff"), defects)


def _named(data: bytes, skip: int) -> tuple[str, str]:
    """The description and the text of a frame that has both; ``skip`` bytes of language stand between."""
    if not data or data[0] >= len(_ENCODINGS):
        return "", ""
    encoding, data = _ENCODINGS[data[0]], data[1 + skip :]
    wide = encoding.startswith("utf-16")
    end = 0
    while wide and data[end : end + 2] not in (b"\0\0", b"") and end < 1000:
        end += 2
    end = end if wide else data.find(b"\0")
    if end < 0:
        return "", ""
    name, text = data[:end].decode(encoding, "replace"), data[end + 1 + wide :].decode(encoding, "replace")
    return name.strip("\ufeff"), text.strip("\0\ufeff")


def _without(tag: Tag, frame: _Frame) -> bytes:
    """A frame of labels: nothing is left of it, or of XMP what the user had."""
    if frame.kind != b"PRIV":
        return b""
    data = b"XMP\0" + xmp.without(_content(tag, frame, MAX_TEXT)[4:])
    length = _unsynced(len(data)) if tag.version == 4 else len(data).to_bytes(4, "big")
    return b"PRIV" + length + b"\0\0" + data


def _upgraded(tag: Tag) -> Tag:
    """A tag of version 2.2 as one of 2.4: its frames of three letters have no label by the name of the guide."""
    module = mutagen("id3")
    source = tag.source
    body = source.read(tag.start, tag.end - tag.start, "ID3 tag")
    old, new = BytesIO(_packed(2, 0, body)), BytesIO()

    def work() -> None:
        module.ID3(fileobj=old, load_v1=False).save(new, v1=0, v2_version=4, padding=lambda info: _PADDING)

    guarded(source, work)
    made = tag_at(source.inside(new.getvalue(), "ID3 tag"))
    if made is None:  # nothing in it was known
        made = tag_at(source.inside(_packed(4, 0, bytes(_PADDING)), "ID3 tag"))
    assert made is not None
    return made
