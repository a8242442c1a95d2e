"""AIFF and AIFF-C: the label in an ID3v2 tag in the chunk ``ID3``.

No guide is known that has a place for it. This one is ours: titles stand there in this format, and mutagen, ffmpeg and
ExifTool read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import id3
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.parts import Part

PLACE = "AIFF ID3 TXXX AIGC"
"""Place of the label."""

_KIND = b"ID3 "
_HEAD = Struct(">4sI")


class _Chunk(NamedTuple):
    """One chunk: its kind, where its header and its content begin, its length, and where the next begins."""

    kind: bytes
    head: int
    start: int
    length: int
    after: int


def _chunks(source: Source) -> Iterator[_Chunk]:
    head = source.read(0, 12, "FORM header")
    if not _sniff(head):
        raise source.fault(0, "no FORM header of AIFF")
    end = 8 + int.from_bytes(head[4:8], "big")
    if end < 12:  # streamed: nothing tells where its sound ends either
        raise source.fault(4, f"the FORM header announces {end - 8} bytes; write it to a file, and not to a pipe")
    if end > source.size + 1:  # the last pad byte is often missing
        raise source.fault(4, f"the FORM header announces {end} bytes, the file has {source.size}")
    offset = 12
    while offset + 8 <= min(end, source.size):
        kind, length = _HEAD.unpack(source.read(offset, 8, "chunk header"))
        source.step(offset)
        start = offset + 8
        if start + length > source.size:
            raise source.fault(offset, f"the {kind!r} chunk of {length} bytes ends after the file")
        after = min(start + length + length % 2, source.size)
        yield _Chunk(kind, offset, start, length, after)
        offset = after


def _tag(source: Source, chunk: _Chunk) -> id3.Tag | None:
    if chunk.kind.upper() != _KIND:
        return None
    data = source.payload(chunk.start, chunk.length, "ID3 chunk", MAX_PAYLOAD)
    return id3.tag_at(source.inside(data, "ID3 chunk"))


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels in the ID3 chunks."""
    for chunk in _chunks(source):
        if tag := _tag(source, chunk):
            yield from id3.find(tag, PLACE)


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies the file with the label in its first ID3 chunk, or in a new one at the end."""
    source = Source(stream, "AIFF")
    copy(stream, target, 0, 12)
    offset, left = 12, text
    for chunk in _chunks(source):
        if tag := _tag(source, chunk):
            _put(target, id3.rewritten(tag, left or None))
            left = ""
        else:
            copy(stream, target, chunk.head, chunk.after - chunk.head)
            target.write(b"\0" * (target.tell() % 2))
        offset = chunk.after
    if left:
        _put(target, id3.made(text))
    length = target.tell() - 8
    if length >= 1 << 32:
        raise CarrierError("an AIFF file cannot grow beyond 4 GiB")
    copy(stream, target, offset)  # what follows the form
    target.seek(4)
    target.write(length.to_bytes(4, "big"))
    target.seek(0, 2)


def _put(target: BinaryIO, tag: bytes) -> None:
    target.write(_HEAD.pack(_KIND, len(tag)) + tag + b"\0" * (len(tag) % 2))


def content(source: Source) -> Iterator[Part]:
    """The samples, and how they are laid: COMM and SSND."""
    return (
        Part(chunk.kind, chunk.start, chunk.length) for chunk in _chunks(source) if chunk.kind in (b"COMM", b"SSND")
    )


def _sniff(head: bytes) -> bool:
    return head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC")


CARRIER = Carrier(
    "AIFF", (".aiff", ".aif", ".aifc"), _sniff, reader("AIFF", _walk), _write, medium="audio", by_analogy=True
)
"""AIFF and AIFF-C."""
