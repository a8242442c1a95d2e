"""Where an MP4 file tells places in itself by their offsets, and how they are told anew when boxes before them grow."""

from __future__ import annotations

from bisect import bisect_right
from struct import pack, unpack
from typing import BinaryIO

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.boxes import Box, boxes
from aigc_hooks.implicit.mp4_items import children, first
from aigc_hooks.implicit.mp4_locations import correct_items

_PIECE = 1 << 16
_INSIDE = {
    b"moov": {b"trak", b"cmov", b"udta", b"meta"},
    b"trak": {b"mdia", b"udta", b"meta"},
    b"udta": {b"meta"},
    b"meta": {b"iloc"},
    b"mdia": {b"minf"},
    b"minf": {b"stbl"},
    b"stbl": {b"stco", b"co64", b"saio"},
    b"moof": {b"traf"},
    b"traf": {b"tfhd"},
    b"mfra": {b"tfra"},
}


class Shifts:
    """Where a file grew or shrank, and by how much."""

    def __init__(self) -> None:
        self._places: list[int] = []
        self._sums = [0]

    def add(self, place: int, by: int) -> None:
        """What stood at this offset or later stands so many bytes later; places are added in their order."""
        self._places.append(place)
        self._sums.append(self._sums[-1] + by)

    def moved(self, offset: int) -> int:
        """The new offset of what stood at an old one."""
        return offset + self._sums[bisect_right(self._places, offset)]

    def was(self, offset: int) -> int:
        """The old offset of what stands at a new one."""
        moved = list(map(int.__add__, self._places, self._sums[1:]))
        return offset - self._sums[bisect_right(moved, offset)]

    def matter(self, size: int) -> bool:
        """Whether anything moved, in a new file of this size."""
        return any(self._sums) and self._places[0] < size - self._sums[-1]


def correct(target: BinaryIO, shifts: Shifts, *, items_are_right: bool = False) -> None:
    """Corrects every offset in a new file, whose parts have been moved already.

    Args:
        target: The file.
        shifts: What was moved.
        items_are_right: Whether the places of the items in ``meta`` boxes have been told anew already.

    Raises:
        CarrierError: It tells places in a way that is not known, or in numbers that have become too small.
    """
    source = Source(target, "MP4")
    if not shifts.matter(source.size):
        return
    for box in boxes(source, 0, source.size):
        if box.kind == b"sidx":
            _segments(source, target, box, shifts)
        if box.kind == b"meta" and items_are_right:
            continue
        _inside(source, target, box, shifts)


def _inside(source: Source, target: BinaryIO, box: Box, shifts: Shifts) -> None:
    wanted = _INSIDE.get(box.kind, set())
    start = first(source, box) if box.kind == b"meta" else box.start
    for _, child in children(source, start, box.end) if wanted else ():
        if child.kind == b"iloc":
            correct_items(source, target, child, shifts.moved)
        elif child.kind in _INSIDE and child.kind in wanted:
            _inside(source, target, child, shifts)
        elif child.kind in wanted:
            _corrected(source, target, child, shifts)


def _segments(source: Source, target: BinaryIO, box: Box, shifts: Shifts) -> None:
    """An index of segments tells their lengths, from its own end on (8.16.3)."""
    data = bytearray(source.payload(box.start, box.end - box.start, "sidx box"))
    width = 8 if data[:1] == b"\1" else 4
    start = 12 + 2 * width
    count = int.from_bytes(data[start + 2 : start + 4], "big")
    if start + 4 + 12 * count > len(data):
        raise source.fault(box.start, f"the sidx box of {count} entries is short")
    source.step(box.start, count)
    place = shifts.was(box.end) + int.from_bytes(data[start - width : start], "big")
    data[start - width : start] = _number(shifts.moved(place) - box.end, 8 * width).to_bytes(width, "big")
    for at in range(start + 4, start + 4 + 12 * count, 12):
        told = int.from_bytes(data[at : at + 4], "big")
        kind, end = told >> 31 << 31, place + (told & 0x7FFFFFFF)
        new = _number(shifts.moved(end) - shifts.moved(place), 31)
        data[at : at + 4] = (kind | new).to_bytes(4, "big")
        place = end
    target.seek(box.start)
    target.write(data)


def _corrected(source: Source, target: BinaryIO, box: Box, shifts: Shifts) -> None:
    head = source.read(box.start, min(16, box.end - box.start)).ljust(16, b"\0")
    version, flags = head[0], int.from_bytes(head[1:4], "big")
    start, width, step = box.start + 8, 4, 4
    match box.kind:
        case b"cmov":
            raise _impossible("its moov box is compressed")
        case b"tfhd":
            count, width, step = flags & 1, 8, 8
        case b"tfra":
            wide = 8 if version else 4
            count, width = int.from_bytes(head[12:16], "big"), wide
            start, step = box.start + 16 + wide, 2 * wide + sum((head[11] >> bits & 3) + 1 for bits in (0, 2, 4))
        case b"saio":
            skip = 8 if flags & 1 else 0
            start += skip
            count = int.from_bytes(head[4 + skip : 8 + skip], "big")
            width = step = 8 if version else 4
        case _:
            count = int.from_bytes(head[4:8], "big")
            width = step = 8 if box.kind == b"co64" else 4
    if count and start + (count - 1) * step + width > box.end:
        raise source.fault(box.start, f"the {box.kind.decode()} box of {count} entries is short")
    if step == width:
        _table(source, target, start, count, width, shifts)
        return
    for place in range(start, start + count * step, step):
        source.step(place)
        _table(source, target, place, 1, width, shifts)


def _table(source: Source, target: BinaryIO, start: int, count: int, width: int, shifts: Shifts) -> None:
    """Corrects numbers that stand one after the other, some thousand at a time."""
    for done in range(0, count, _PIECE):
        some = min(_PIECE, count - done)
        place, form = start + done * width, f">{some}{'Q' if width == 8 else 'I'}"
        moved = [shifts.moved(offset) for offset in unpack(form, source.read(place, some * width))]
        _number(max(moved), 8 * width)
        target.seek(place)
        target.write(pack(form, *moved))


def _number(value: int, bits: int) -> int:
    if value < 0 or value >> bits:
        raise _impossible(f"its offsets do not fit into {bits} bits any more")
    return value


def _impossible(why: str) -> CarrierError:
    return CarrierError(
        f"no label can be put into this MP4 file, for {why}; write it anew with `ffmpeg -i in.mp4 -c copy out.mp4`"
    )
