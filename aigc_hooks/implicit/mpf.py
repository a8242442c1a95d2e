"""The index of a JPEG with several pictures: where each begins, told anew when the first one grows (CIPA DC-007)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.copying import Edit, moved
from aigc_hooks.implicit.ifd import Directories

HEADER = b"MPF\0"
"""How the APP2 segment with the index begins."""

_ENTRIES_TAG = 0xB002
_ENTRY_SIZE = 16


def mended(source: Source, data: bytes, offset: int, edits: Sequence[Edit]) -> bytes:
    """The segment's data with the places and sizes of the pictures as the edits make them.

    An index that cannot be read was useless before, and is left as it is.

    Args:
        source: The file.
        data: The data of the segment, with its header.
        offset: Where they begin in the file.
        edits: The edits, all of them within the first picture.

    Raises:
        CarrierError: A picture would lie beyond 4 GiB.
    """
    origin = offset + len(HEADER)  # offsets are counted from here, but for the first picture's, which is 0
    grown = sum(len(edit.data) - (edit.end - edit.start) for edit in edits)
    try:
        directories = Directories(source.inside(data[len(HEADER) :], "MPF"))
        entry = next((entries[_ENTRIES_TAG] for entries in directories.chain() if _ENTRIES_TAG in entries), None)
        table = bytearray(directories.value(entry, "index of the pictures") if entry else b"")
    except CarrierError:
        return data
    if entry is None:
        return data
    form = struct.Struct(directories.order + "II")
    for at in range(4, len(table) - _ENTRY_SIZE + 5, _ENTRY_SIZE):
        size, place = form.unpack_from(table, at)
        if place:
            place = moved(origin + place, edits) - moved(origin, edits)
        elif size:
            size += grown
        if not 0 <= max(size, place) < 1 << 32:
            raise source.fault(origin, "its pictures would lie beyond 4 GiB")
        form.pack_into(table, at, size, place)
    start = len(HEADER) + entry.offset
    return data[:start] + bytes(table) + data[start + len(table) :]
