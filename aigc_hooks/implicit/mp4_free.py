"""Empty boxes of an MP4 file, which make room for a label so that nothing moves (ISO/IEC 14496-12, 8.1.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.isobmff import Box, boxes
from aigc_hooks.implicit.mp4_items import Piece, boxed, children, first

SMALLEST = 8
"""Length of the shortest box."""

_KINDS = (b"free", b"skip")
_LONGEST = 1 << 20


class Spare(NamedTuple):
    """An empty box, from where to where it stands, and how many of its bytes are needed."""

    begin: int
    end: int
    needed: int

    def taken(self, begin: int, box: Box) -> list[Piece]:
        """A box as it becomes: it is the empty one, or a ``meta`` box that holds it, or stays."""
        if begin == self.begin:
            return empty(self.end - self.begin - self.needed)
        if box.kind == b"meta" and box.start <= self.begin < box.end:
            left = empty(self.end - self.begin - self.needed)
            return boxed(box.kind, (box.start, self.begin), *left, (self.end, box.end))
        return [(begin, box.end)]


def empty(length: int) -> list[Piece]:
    """An empty box; none where there is no length."""
    return boxed(b"free", bytes(length - SMALLEST)) if length else []


def behind(source: Source, offset: int) -> int:
    """Where the empty boxes end that stand at an offset, one behind the other."""
    for box in boxes(source, offset, source.size):
        if not _is_empty(source, box):
            break
        offset = box.end
    return offset


def inside(source: Source, moov: Box, needed: int) -> Spare | None:
    """An empty box in a moov, its udta or the meta of that, of which so many bytes can be taken."""
    for begin, box in _held(source, moov):
        left = box.end - begin - needed
        if (left == 0 or left >= SMALLEST) and _is_empty(source, box):
            return Spare(begin, box.end, needed)
    return None


def _held(source: Source, parent: Box) -> Iterator[tuple[int, Box]]:
    start = first(source, parent) if parent.kind == b"meta" else parent.start
    for begin, child in children(source, start, parent.end):
        if child.kind == b"udta" or (child.kind == b"meta" and parent.kind == b"udta"):
            yield from _held(source, child)
        else:
            yield begin, child


def _is_empty(source: Source, box: Box) -> bool:
    """Whether nothing is in it: some programs hide data there, which stay."""
    length = box.end - box.start
    return box.kind in _KINDS and length <= _LONGEST and not any(source.payload(box.start, length, "free box"))
