"""The content of a film or sound in boxes: the samples, and what says how they are shown (ISO/IEC 14496-12).

Of ``moov`` and ``moof`` everything counts but metadata (``udta``, ``meta``), room, and the times at which a file was
made; places of samples count from the ``mdat`` box that they are in, for the label may move that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from struct import iter_unpack, pack

from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.boxes import Box
from aigc_hooks.implicit.mp4_items import children
from aigc_hooks.implicit.parts import Part, around, told

_INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf")
_WITHOUT = (b"udta", b"meta", b"free", b"skip", b"wide", b"saio")
_TIMED = (b"mvhd", b"tkhd", b"mdhd")
_PIECE = 1 << 16


def content(source: Source, top: list[Box]) -> Iterator[Part]:
    """The parts of a file whose boxes are these."""
    data = [box for box in top if box.kind == b"mdat"]
    for box in sorted(top, key=lambda box: box.kind != b"moov"):  # which the label may move behind the samples
        if box.kind in (b"ftyp", b"mdat"):
            yield Part(box.kind, box.start, box.end - box.start)
        elif box.kind in _INSIDE:
            yield from _inside(source, box, data)


def _inside(source: Source, box: Box, data: list[Box]) -> Iterator[Part]:
    for _, child in children(source, box.start, box.end):
        if child.kind in _INSIDE:
            yield told(b"tree", child.kind)
            yield from _inside(source, child, data)
        elif child.kind in (b"stco", b"co64"):
            yield from _places(source, child, data)
        elif child.kind not in _WITHOUT:
            yield from around(child.kind, child.start, child.end, _holes(source, child))


def _holes(source: Source, box: Box) -> list[tuple[int, int]]:
    """Where a box tells when the file was made, or where a fragment begins."""
    head = source.read(box.start, min(4, box.end - box.start))
    if box.kind in _TIMED:
        return [(box.start + 4, box.start + (20 if head[:1] == b"\1" else 12))]
    if box.kind == b"tfhd" and head[3:] and head[3] & 1:
        return [(box.start + 8, box.start + 16)]
    return []


def _places(source: Source, box: Box, data: list[Box]) -> Iterator[Part]:
    """Where the chunks of a track lie: in which ``mdat`` box, and how far from its beginning."""
    width = 8 if box.kind == b"co64" else 4
    yield Part(b"stco", box.start, min(8, box.end - box.start))
    for begin in range(box.start + 8, box.end - width + 1, _PIECE * width):
        some = source.read(begin, min(_PIECE, (box.end - begin) // width) * width, "places of samples")
        pairs = [_relative(offset, data) for (offset,) in iter_unpack(">Q" if width == 8 else ">I", some)]
        yield told(b"stco", b"".join(pack(">iq", *pair) for pair in pairs))


def _relative(offset: int, data: list[Box]) -> tuple[int, int]:
    number = bisect_right(data, offset, key=lambda box: box.start) - 1
    return (number, offset - data[number].start) if number >= 0 and offset < data[number].end else (-1, offset)
