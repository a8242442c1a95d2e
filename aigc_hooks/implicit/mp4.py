"""MP4, M4A and MOV: the label in ``moov.udta.meta`` under a key ``AIGC`` (TC260-PG-202510A, TC260-PG-20257A).

The boxes are those of ISO/IEC 14496-12; keys and items are QuickTime's. Titles as iTunes writes them (``hdlr`` is
``mdir``) have no keys: they stay in a ``meta`` of their own before the label's, where players look for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit import xmp
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.boxes import Box, boxes
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.isobmff import AVIF, HEIC, has_brand
from aigc_hooks.implicit.mp4_items import (
    HANDLER,
    PATH,
    Piece,
    boxed,
    children,
    labels,
    new,
    opened,
    rewritten,
    size,
    user_text,
)
from aigc_hooks.implicit.mp4_offsets import Shifts, correct

_BRANDS = {b"M4A ", b"M4B ", b"M4P ", b"M4V ", b"mp41", b"mp42", b"avc1", b"qt  ", b"dash", b"isom"}
_BRANDS |= {b"iso%d" % number for number in range(2, 10)}
_INSIDE = {b"moov": (b"udta", b"meta", b"trak"), b"trak": (b"udta", b"meta"), b"udta": (b"meta", b"XMP_")}
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_NOT_XMP = "the guide has the key AIGC here, not XMP"


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of the film, of its tracks, and of XMP."""
    known = False
    for box in boxes(source, 0, source.size):
        if box.kind == b"moov":
            known = True
            yield from _labels(source, box, "moov")
        elif box.kind == b"meta":
            yield from labels(opened(source, box, "meta"))
        elif _is_xmp(source, box):
            yield from _in_xmp(source, box, "uuid")
    if not known:
        raise source.fault(source.size, "it ends without a moov box")


def _labels(source: Source, box: Box, path: str) -> Iterator[RawLabel]:
    for _, child in children(source, box.start, box.end):
        where = f"{path}.{child.kind.decode('latin-1')}"
        if child.kind not in _INSIDE[box.kind]:
            if box.kind == b"udta":
                yield from user_text(source, child, where)
        elif child.kind == b"XMP_":
            yield from _in_xmp(source, child, where)
        elif child.kind == b"meta":
            yield from labels(opened(source, child, where))
        else:
            yield from _labels(source, child, where)


def _is_xmp(source: Source, box: Box) -> bool:
    return box.kind == b"uuid" and box.end - box.start >= 16 and source.read(box.start, 16) == _XMP


def _packet(source: Source, box: Box) -> bytes:
    start = box.start + (16 if box.kind == b"uuid" else 0)
    return source.payload(start, box.end - start, "XMP packet")


def _in_xmp(source: Source, box: Box, path: str) -> Iterator[RawLabel]:
    for raw in xmp.find(_packet(source, box), f"{path} XMP"):
        yield RawLabel(raw.place, raw.text, (*raw.defects, _NOT_XMP))


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label as the only one; what is told by its offset in the file is told anew."""
    source = Source(stream, "MP4")
    shifts, begin, done, moovs = Shifts(), 0, 0, 0
    for box in boxes(source, 0, source.size):
        pieces: list[Piece] = [(begin, box.end)]
        if box.kind == b"moov":
            moovs += 1
            pieces = _rewritten(source, begin, box, "moov", text)
        elif box.kind == b"meta":
            pieces = rewritten(source, begin, box, opened(source, box, "meta"), None)
        elif _is_xmp(source, box):
            pieces = _without_xmp(source, begin, box)
        if pieces != [(begin, box.end)]:
            copy(stream, target, done, begin - done)
            for piece in pieces:
                _put(stream, target, piece)
            done = box.end
            shifts.add(done, sum(map(size, pieces)) - (box.end - begin))
        begin = box.end
    if moovs != 1:
        raise source.fault(source.size, f"it has {moovs} moov boxes, not one")
    copy(stream, target, done)
    correct(target, shifts)
    target.seek(0, 2)


def _put(stream: BinaryIO, target: BinaryIO, piece: Piece) -> None:
    if isinstance(piece, bytes):
        target.write(piece)
    else:
        copy(stream, target, piece[0], piece[1] - piece[0])


def _rewritten(source: Source, begin: int, box: Box, path: str, text: str | None) -> list[Piece]:
    """A moov, trak or udta box without a label, or with this one; as it is where nothing changes."""
    pieces: list[Piece] = []
    at, changed = box.start, False
    for at_child, child in children(source, box.start, box.end):
        made: list[Piece] = [(at_child, child.end)]
        where = f"{path}.{child.kind.decode('latin-1')}"
        if child.kind not in _INSIDE[box.kind]:
            if box.kind == b"udta" and any(user_text(source, child, where)):
                made = []
        elif child.kind == b"XMP_":
            made = _without_xmp(source, at_child, child)
        elif child.kind == b"meta":
            meta = opened(source, child, where)
            here = text if where == PATH and meta.handler == HANDLER else None
            made = rewritten(source, at_child, child, meta, here)
            text = None if here is not None else text
        else:
            here = text if where == "moov.udta" else None
            made = _rewritten(source, at_child, child, where, here)
            text = None if here is not None else text
        changed |= made != [(at_child, child.end)]
        pieces += made
        at = child.end
    if text is not None:
        changed = True
        pieces += boxed(b"udta", *new(text)) if path == "moov" else new(text)
    # Of a list that zeros close, they stay its end.
    return boxed(box.kind, *pieces, (at, box.end)) if changed else [(begin, box.end)]


def _without_xmp(source: Source, begin: int, box: Box) -> list[Piece]:
    packet = _packet(source, box)
    if not any(xmp.find(packet, "XMP")):
        return [(begin, box.end)]
    return boxed(box.kind, *([_XMP] if box.kind == b"uuid" else []), xmp.without(packet))


def _sniff(head: bytes) -> bool:
    return has_brand(head, _BRANDS) and not AVIF.sniff(head) and not HEIC.sniff(head)


CARRIER = Carrier("MP4", (".m4a", ".m4b", ".mp4", ".m4v", ".mov"), _sniff, reader("MP4", _walk), _write)
"""MP4 and MOV, M4A among them."""
