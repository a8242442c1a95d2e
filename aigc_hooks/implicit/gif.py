"""GIF: the label in the application extension ``XMP DataXMP`` (TC260-PG-20259A; XMP specification, part 3)."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import field, xmp
from aigc_hooks.implicit.bounds import MAX_TEXT, Source, reader
from aigc_hooks.implicit.copying import Edit, splice
from aigc_hooks.implicit.parts import Part

PLACE = "GIF XMP DataXMP"
"""Place of the label."""

_IDENTIFIER = b"XMP DataXMP"
_HEAD = b"\x21\xff\x0b" + _IDENTIFIER
_MANIFEST = b"\x21\xff\x0bC2PA_GIF"
# The packet is not cut into sub-blocks. Whatever byte a reader takes for a length, it lands in this slide, where each
# byte leads to the terminator: 258 bytes with it.
_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\0"

_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_PLAIN_TEXT, _GRAPHIC_CONTROL, _COMMENT, _APPLICATION = 0x01, 0xF9, 0xFE, 0xFF
_CONTENT = (_IMAGE, _GRAPHIC_CONTROL, _PLAIN_TEXT, _END)
_WINDOW = 1 << 16
_FULL = 256
_COMMENT_DEFECT = "the label is text in a comment extension, a place that the guides do not name"


class _Block(NamedTuple):
    """One block: ``kind`` is the extension's label, or the image's or the end's own byte."""

    kind: int
    start: int
    body: int
    end: int


def insert(data: bytes, packet: bytes) -> bytes:
    """Puts an XMP packet into an encoded GIF, before its first picture, in place of one that is there.

    Every other byte stays, but for the version: extensions need GIF89a.

    Args:
        data: The file.
        packet: The packet. No byte of it may be 0, which no XML in UTF-8 has.

    Raises:
        CarrierError: The file is damaged, or the packet holds a zero byte.
    """
    extension = _extension(packet)
    source = Source(BytesIO(data), "GIF")
    edits = [Edit(0, 6, b"GIF89a")]
    place = 0
    for block in _blocks(source):
        if not place and block.kind in _CONTENT:
            place = block.start
            edits.append(Edit(place, place, extension))
            if data.find(_HEAD, place) < 0:
                break  # nothing to remove behind it: the pixels need not be walked
        if data.startswith(_HEAD, block.start):
            edits.append(Edit(block.start, block.end, b""))
    target = BytesIO()
    splice(source.stream, target, edits)
    return target.getvalue()


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in its XMP extension, or in a new one before its first picture."""
    source = Source(stream, "GIF")
    edits = [Edit(0, 6, b"GIF89a")]  # which extensions need
    old: _Block | None = None
    place = 0
    for block in _blocks(source):
        if not place and block.kind in _CONTENT:
            place = block.start
        if not any(_labels(source, block)):
            if old is None and _is_packet(source, block):
                old = block
        elif block.kind == _COMMENT:
            edits.append(Edit(block.start, block.end, _comment(source, block)))
        elif old is None:
            old = block
        else:
            edits.append(Edit(block.start, block.end, _extension(xmp.cleaned(_packet(source, block)[0]))))
    if old is None:
        edits.append(Edit(place, place, _extension(xmp.packet(text))))
    else:
        packet, defects = _packet(source, old)
        made = xmp.labelled(packet, text)
        if old.start > place:
            edits += [Edit(place, place, _extension(made)), Edit(old.start, old.end, b"")]
        elif defects or made != packet:
            edits.append(Edit(old.start, old.end, _extension(made)))
    splice(stream, target, edits)


def _extension(packet: bytes) -> bytes:
    """The extension with a packet."""
    if b"\0" in packet:
        raise CarrierError("an XMP packet for GIF is UTF-8 without zero bytes")
    return _HEAD + packet + _TRAILER


def _comment(source: Source, block: _Block) -> bytes:
    """A comment extension that holds labels, without them; nothing where nothing else is in it."""
    data = _joined(source.payload(block.body, block.end - block.body, "comment extension"))
    rest = field.without(data.decode("latin-1")).encode("latin-1")
    pieces = [bytes((len(rest[at : at + 255]),)) + rest[at : at + 255] for at in range(0, len(rest), 255)]
    return bytes((_EXTENSION, _COMMENT)) + b"".join(pieces) + b"\0" if rest else b""


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of every extension, between the frames as well."""
    for block in _blocks(source):
        yield from _labels(source, block)
        if block.kind == _APPLICATION and source.read(block.start, len(_MANIFEST)) == _MANIFEST:
            yield Manifest("GIF C2PA_GIF")


def _labels(source: Source, block: _Block) -> Iterator[RawLabel]:
    """The labels of one block."""
    if _is_packet(source, block):
        packet, defects = _packet(source, block)
        for raw in xmp.find(packet, PLACE):
            yield RawLabel(PLACE, raw.text, raw.defects + defects)
    elif block.kind == _COMMENT:
        # A longer comment is no label: what is longer is not parsed anyway.
        data = source.payload(block.body, min(block.end - block.body, MAX_TEXT), "comment extension")
        yield from field.glued(_joined(data), "GIF comment", _COMMENT_DEFECT)


def _is_packet(source: Source, block: _Block) -> bool:
    return block.kind == _APPLICATION and source.read(block.start, 14).upper() == _HEAD.upper()


def _packet(source: Source, block: _Block) -> tuple[bytes, tuple[str, ...]]:
    """The packet of one XMP extension, with the trailer, without it, or cut into sub-blocks; what is wrong with it."""
    data = source.payload(block.body, block.end - block.body, "XMP extension")
    if data.endswith(_TRAILER):
        return data[: -len(_TRAILER)], ()
    if data.startswith((b"<?", b"<x:", b"<rdf:")):
        return data[: data.rfind(b">") + 1], ("the XMP packet ends without the trailer of 258 bytes",)
    return _joined(data), ("the XMP packet is cut into sub-blocks; other readers expect it in one piece",)


def _blocks(source: Source) -> Iterator[_Block]:
    """Every block after the global colour table, the trailer last.

    Raises:
        CarrierError: The file is cut, or holds something else between two blocks.
    """
    head = source.read(0, 13, "GIF header")
    if not _sniff(head):
        raise source.fault(0, "no GIF header")
    offset = 13 + _table(head[10])
    while True:
        source.step(offset)
        kind = source.read(offset, 1, "block")[0]
        if kind == _END:
            yield _Block(kind, offset, offset + 1, offset + 1)
            return
        if kind == _EXTENSION:
            kind = source.read(offset + 1, 1, "extension")[0]
            # The first sub-block of an application extension is its identifier; the data follow.
            body = offset + 2
            if kind == _APPLICATION:
                body += 1 + source.read(body, 1, "application extension")[0]
        elif kind == _IMAGE:
            body = offset + 11 + _table(source.read(offset, 10, "image descriptor")[9])
        elif kind == 0:
            offset += 1  # some encoders leave an empty sub-block between two blocks
            continue
        else:
            raise source.fault(offset, f"byte {kind:#04x} begins no GIF block")
        end = _skip(source, body)
        yield _Block(kind, offset, body, end)
        offset = end


def _skip(source: Source, offset: int) -> int:
    """Where a row of sub-blocks ends, after its terminator."""
    start, window = offset, b""
    size = 256  # most rows end in the first sub-block; pixels go on, and are read in larger windows
    while True:
        at = offset - start
        if at >= len(window):
            start, at = offset, 0
            window = source.read(offset, max(1, min(size, source.size - offset)), "sub-block")
            size = _WINDOW
        if full := _full(window, at):
            offset += full * _FULL
            continue
        length = window[at]
        offset += 1 + length
        if not length:
            return offset


def _full(window: bytes, at: int) -> int:
    """How many of the next sub-blocks are as long as they can be, as nearly all of a picture's are."""
    lengths = window[at::_FULL]
    return len(lengths) - len(lengths.lstrip(b"\xff"))


def _joined(data: bytes) -> bytes:
    """The content of sub-blocks without their lengths."""
    parts, offset = [], 0
    while offset < len(data) and data[offset]:
        parts.append(data[offset + 1 : offset + 1 + data[offset]])
        offset += 1 + data[offset]
    return b"".join(parts)


def _table(flags: int) -> int:
    """Size in bytes of the colour table that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def content(source: Source) -> Iterator[Part]:
    """The pixels: what stands before the first block, without the version, and pictures with their graphic control."""
    yield Part(b"HEAD", 6, 7 + _table(source.read(0, 13, "GIF header")[10]))
    for block in _blocks(source):
        if block.kind in (_IMAGE, _GRAPHIC_CONTROL, _PLAIN_TEXT):
            yield Part(b"PICT", block.start, block.end - block.start)


def _sniff(head: bytes) -> bool:
    return head.startswith((b"GIF87a", b"GIF89a"))


CARRIER = Carrier("GIF", (".gif",), _sniff, reader("GIF", _walk), _write, medium="image")
"""GIF, still or animated."""
