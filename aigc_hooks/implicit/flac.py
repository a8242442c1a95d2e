"""FLAC: the label in the Vorbis comments of its metadata (TC260-PG-202510A; RFC 9639, 8.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import vorbis
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.parts import Part

PLACE = "FLAC comment AIGC"
"""Place of the label."""

MAGIC = b"fLaC"
"""What a FLAC stream begins with."""

_STREAMINFO, _PADDING, _COMMENTS = 0, 1, 4
_LAST = 0x80
_MAX_BLOCK = (1 << 24) - 1


class _Block(NamedTuple):
    """One metadata block: its kind, and where its content begins and ends."""

    kind: int
    start: int
    end: int


def _blocks(source: Source, offset: int) -> Iterator[_Block]:
    if source.read(offset, 4, "signature") != MAGIC:
        raise source.fault(offset, "no FLAC signature")
    offset += 4
    last = False
    while not last:
        head = source.read(offset, 4, "block header")
        source.step(offset)
        last = bool(head[0] & _LAST)
        start = offset + 4
        end = start + int.from_bytes(head[1:], "big")
        if end > source.size:
            raise source.fault(offset, f"the metadata block of {end - start} bytes ends after the file")
        yield _Block(head[0] & ~_LAST, start, end)
        offset = end


def _comments(source: Source, block: _Block) -> vorbis.Comments:
    data = source.payload(block.start, block.end - block.start, "comments")
    return vorbis.comments(source.inside(data, "comments"))


def find(source: Source, offset: int = 0, defects: tuple[str, ...] = ()) -> Iterator[RawLabel]:
    """Yields the labels of a FLAC stream that begins at an offset.

    Args:
        source: The file.
        offset: Where the stream begins: an ID3 tag may stand before it.
        defects: What is wrong with this place in this carrier.
    """
    for block in _blocks(source, offset):
        if block.kind == _COMMENTS:
            yield from vorbis.find(_comments(source, block), PLACE, defects)


def put(source: Source, target: BinaryIO, text: str, offset: int = 0) -> None:
    """Copies a FLAC stream with this label as its only one; frames and all other metadata stay as they are.

    Padding makes room where there is enough of it, so that the file keeps its length.
    """
    blocks = list(_blocks(source, offset))
    first = next((block for block in blocks if block.kind == _COMMENTS), None)
    # What it stands in for, and its content: None is copied.
    made: list[tuple[_Block, bytes | None]] = []
    growth = 0
    for block in blocks:
        content = None
        if block.kind == _COMMENTS:
            content = vorbis.with_label(_comments(source, block), text if block is first else None)
            growth += len(content) - (block.end - block.start)
        made.append((block, content))
    if first is None:
        content = vorbis.with_label(vorbis.Comments(b"aigc_hooks", (), b""), text)
        growth += 4 + len(content)
        made.insert(1, (_Block(_COMMENTS, 0, 0), content))  # STREAMINFO comes first
    target.write(MAGIC)
    for index, (block, content) in enumerate(made):
        length = block.end - block.start if content is None else len(content)
        if block.kind == _PADDING and 0 <= length - growth <= _MAX_BLOCK:
            length, content, growth = length - growth, bytes(length - growth), 0
        if length > _MAX_BLOCK:
            raise CarrierError(f"the comments of a FLAC file cannot hold {length} bytes, only {_MAX_BLOCK}")
        last = _LAST if index == len(made) - 1 else 0
        target.write(bytes([block.kind | last]) + length.to_bytes(3, "big"))
        if content is None:
            copy(source.stream, target, block.start, length)
        else:
            target.write(content)
    copy(source.stream, target, blocks[-1].end)


def content(source: Source, offset: int = 0) -> Iterator[Part]:
    """The sound: STREAMINFO, and everything behind the metadata."""
    end = offset
    for block in _blocks(source, offset):
        if block.kind == _STREAMINFO:
            yield Part(b"INFO", block.start, block.end - block.start)
        end = block.end
    yield Part(b"FRAM", end, source.size - end)


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    put(Source(stream, "FLAC"), target, text)


CARRIER = Carrier("FLAC", (".flac",), lambda head: head[:4] == MAGIC, reader("FLAC", find), _write, medium="audio")
"""FLAC in its own container; in Ogg see ``ogg``."""
