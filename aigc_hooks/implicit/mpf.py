"""The index of a JPEG with several pictures: where each begins, told anew when the first one grows (CIPA DC-007)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.copying import Edit, moved
from aigc_hooks.implicit.ifd import Directories

HEADER = b"MPF\0"
"""How the APP2 segment with the index begins."""

_ENTRIES_TAG = 0xB002
_ROW = 16


class _Index(NamedTuple):
    """The table of the pictures: where it begins in the segment's data, its bytes, and how a size and an offset stand.

    Each row has 16 bytes: attributes, size, offset, and two numbers of other rows.
    """

    start: int
    table: bytes
    form: struct.Struct

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """Yields where size and offset of each picture stand, and both."""
        for at in range(4, len(self.table) - _ROW + 5, _ROW):
            yield at, *self.form.unpack_from(self.table, at)


def _index(source: Source, data: bytes) -> _Index | None:
    """The index, if it can be read: one that cannot was useless before, and no more is made of it."""
    try:
        directories = Directories(source.inside(data[len(HEADER) :], "MPF"))
        entry = next((entries[_ENTRIES_TAG] for entries in directories.chain() if _ENTRIES_TAG in entries), None)
        if entry is None:
            return None
        table = directories.value(entry, "index of the pictures")
    except CarrierError:
        return None
    return _Index(len(HEADER) + entry.offset, table, struct.Struct(directories.order + "II"))


def others(source: Source, data: bytes, offset: int) -> list[int]:
    """Where the pictures behind the first one begin, as far as there is one.

    Args:
        source: The file.
        data: The data of the segment with the index, with its header.
        offset: Where they begin in the file.
    """
    index = _index(source, data)
    # Offsets are counted from behind the header, but for the first picture's, which is 0.
    places = {offset + len(HEADER) + place for _, _, place in index.rows() if place} if index else set()
    return sorted(place for place in places if place + 2 <= source.size and source.read(place, 2) == b"\xff\xd8")


def mended(source: Source, data: bytes, offset: int, edits: Sequence[Edit]) -> bytes:
    """The data of the segment with the places and sizes of the pictures as the edits make them.

    Args:
        source: The file.
        data: The data of the segment, with its header.
        offset: Where they begin in the file.
        edits: The edits; only those within the first picture make it longer or shorter.

    Raises:
        CarrierError: A picture would lie beyond 4 GiB.
    """
    index = _index(source, data)
    if index is None:
        return data
    origin = offset + len(HEADER)
    grown = sum(len(edit.data) - (edit.end - edit.start) for edit in edits)
    table = bytearray(index.table)
    for at, size, place in index.rows():
        if place:
            place = moved(origin + place, edits) - moved(origin, edits)
        elif size:
            size += grown
        if not 0 <= max(size, place) < 1 << 32:
            raise source.fault(origin, "its pictures would lie beyond 4 GiB")
        index.form.pack_into(table, at, size, place)
    return data[: index.start] + bytes(table) + data[index.start + len(table) :]
