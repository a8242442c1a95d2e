"""MP4, M4A and MOV: the label in ``moov.udta.meta`` under a key ``AIGC`` (TC260-PG-202510A, TC260-PG-20257A).

The boxes are those of ISO/IEC 14496-12; keys and items are QuickTime's. Titles as iTunes writes them (``hdlr`` is
``mdir``) have no keys: they stay in a ``meta`` of their own before the label's, where players look for them.

A ``moov`` before the media grows into empty ``free`` boxes behind it or in it, so that nothing moves; where there are
none, the media make way. No guide is known that names 3GP: it is made of the same boxes and has the label in the same
place, which is our choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.implicit import c2pa, xmp
from aigc_hooks.implicit import mp4_free as free
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

_BRANDS = {b"M4A ", b"M4B ", b"M4P ", b"M4V ", b"mp41", b"mp42", b"avc1", b"qt  ", b"dash", b"isom", b"isml", b"piff"}
_BRANDS |= {b"M4VH", b"M4VP", b"f4v ", b"F4V ", b"MSNV", b"XAVC", b"mmp4", b"hvc1", b"av01", b"cmfc"}
_BRANDS |= {b"iso%d" % number for number in range(2, 10)}
_INSIDE = {b"moov": (b"udta", b"meta", b"trak"), b"trak": (b"udta", b"meta"), b"udta": (b"meta", b"XMP_")}
_MOBILE = b"3g"  # 3gp4, 3g2a and many more
_BRANDED = 12
_WITHOUT_BRAND = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_NOT_XMP = "the guide has the key AIGC here, not XMP"


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of the film, of its tracks, and of XMP."""
    mobile = source.size >= _BRANDED and _is_mobile(source.read(0, _BRANDED))
    for found in _found(source):
        yield replace(found, by_analogy=True) if mobile and isinstance(found, RawLabel) else found


def _found(source: Source) -> Iterator[RawLabel | Manifest]:
    known = False
    for box in boxes(source, 0, source.size):
        if box.kind == b"moov":
            known = True
            yield from _labels(source, box, "moov")
        elif box.kind == b"meta":
            yield from labels(opened(source, box, "meta"))
        elif _is_xmp(source, box):
            yield from _in_xmp(source, box, "uuid")
        elif c2pa.is_box(source, box):
            yield Manifest("uuid C2PA")
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
    shifts, done = Shifts(), 0
    for begin, end, pieces in _changes(source, text):
        copy(stream, target, done, begin - done)
        for piece in pieces:
            _put(stream, target, piece)
        done = end
        shifts.add(done, sum(map(size, pieces)) - (end - begin))
    copy(stream, target, done)
    correct(target, shifts)
    target.seek(0, 2)


def _changes(source: Source, text: str) -> Iterator[tuple[int, int, list[Piece]]]:
    """From where to where the file is not as it was, and what stands there instead."""
    begin, moovs, end = 0, 0, 0
    for box in boxes(source, 0, source.size):
        pieces: list[Piece] = [(begin, box.end)]
        end = box.end
        if box.kind == b"moov":
            moovs += 1
            end, pieces = _film(source, begin, box, text)
        elif box.kind == b"meta":
            pieces = rewritten(source, begin, box, opened(source, box, "meta"), None)
        elif _is_xmp(source, box):
            pieces = _without_xmp(source, begin, box)
        if pieces != [(begin, box.end)]:
            yield begin, end, pieces
        begin = box.end
    if moovs != 1:
        raise source.fault(source.size, f"it has {moovs} moov boxes, not one")


def _film(source: Source, begin: int, box: Box, text: str) -> tuple[int, list[Piece]]:
    """The moov box with the label, and the empty boxes behind it as far as they are needed; and where that ends."""
    pieces = _rewritten(source, begin, box, "moov", text)
    grown = sum(map(size, pieces)) - (box.end - begin)
    if not grown or box.end == source.size:
        return box.end, pieces
    end = free.behind(source, box.end)
    left = end - box.end - grown
    if left == 0 or left >= free.SMALLEST:
        return end, [*pieces, *free.empty(left)]
    if grown > 0 and (spare := free.inside(source, box, grown)):
        pieces = _rewritten(source, begin, box, "moov", text, spare)
    return box.end, pieces


def _put(stream: BinaryIO, target: BinaryIO, piece: Piece) -> None:
    if isinstance(piece, bytes):
        target.write(piece)
    else:
        copy(stream, target, piece[0], piece[1] - piece[0])


def _rewritten(
    source: Source, begin: int, box: Box, path: str, text: str | None, spare: free.Spare | None = None
) -> list[Piece]:
    """A moov, trak or udta box without a label, or with this one; as it is where nothing changes.

    An empty box in it that is to spare is as much shorter as that says.
    """
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
            made = _rewritten(source, at_child, child, where, here, spare)
            text = None if here is not None else text
        if spare and made == [(at_child, child.end)]:
            made = spare.taken(at_child, child)
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


def _is_mobile(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:10] == _MOBILE


def _sniff(head: bytes) -> bool:
    if head[4:8] in _WITHOUT_BRAND:  # QuickTime, before there were brands
        return head[:3] == bytes(3) or head[4:8] in (b"moov", b"mdat")
    known = has_brand(head, _BRANDS) or _is_mobile(head)
    return known and not AVIF.sniff(head) and not HEIC.sniff(head)


_SUFFIXES = (".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".f4v", ".ismv")
CARRIER = Carrier("MP4", _SUFFIXES, _sniff, reader("MP4", _walk), _write, medium="video")
"""MP4 and MOV, M4A and 3GP among them."""
