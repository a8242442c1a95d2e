"""Where the items of a ``meta`` box lie, told anew when they move (ISO/IEC 14496-12, 8.11.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.isobmff import Box


class _Numbers:
    """Numbers of a box, read and written one after the other."""

    def __init__(self, source: Source, box: Box) -> None:
        self._source, self._box = source, box
        self.data = bytearray(source.payload(box.start, box.end - box.start, "iloc box"))
        self.at = 0

    def take(self, width: int) -> int:
        """The next number of so many bytes; of none it is 0."""
        self._source.step(self._box.start + self.at)
        self.at += width
        if self.at > len(self.data):
            raise self._source.fault(self._box.start, "the iloc box is short")
        return int.from_bytes(self.data[self.at - width : self.at], "big")

    def put(self, at: int, width: int, value: int) -> None:
        """Writes a number."""
        if value < 0 or value >> 8 * width:
            raise CarrierError(
                "no label can be put into this MP4 file: the place of an item does not fit into its number any more"
            )
        self.data[at : at + width] = value.to_bytes(width, "big")


def correct_items(source: Source, target: BinaryIO, box: Box, moved: Callable[[int], int]) -> None:
    """Tells the places of a box's items in the file anew; other items are told by their place in a box."""
    numbers = _Numbers(source, box)
    version, sizes = numbers.take(4) >> 24, numbers.take(2)
    if version > 2:
        raise source.fault(box.start, f"iloc version {version} is unknown")
    offset_width, length_width, base_width = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_width = sizes & 15 if version else 0
    for _ in range(numbers.take(4 if version == 2 else 2)):
        numbers.take(4 if version == 2 else 2)
        method = numbers.take(2) & 15 if version else 0
        elsewhere = numbers.take(2)
        base_at, base = numbers.at, numbers.take(base_width)
        in_file = not method and not elsewhere
        if in_file and not offset_width:
            numbers.put(base_at, base_width, moved(base))
        for _ in range(numbers.take(2)):
            numbers.take(index_width)
            at, offset = numbers.at, numbers.take(offset_width)
            numbers.take(length_width)
            if in_file and offset_width:
                numbers.put(at, offset_width, moved(base + offset) - base)
    target.seek(box.start)
    target.write(numbers.data)
