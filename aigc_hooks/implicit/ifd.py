"""Image file directories: the structure that TIFF files and Exif blocks share (TIFF 6.0, section 2; BigTIFF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from aigc_hooks.implicit.bounds import MAX_TEXT, Source

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MAGIC = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}


class Entry(NamedTuple):
    """One directory entry.

    Attributes:
        tag: Its number.
        kind: Its field type, 1 byte, 2 ASCII, 7 undefined and so on.
        size: Length of its value in bytes.
        offset: Where the value lies, counted from the start of the source.
    """

    tag: int
    kind: int
    size: int
    offset: int


def is_tiff(head: bytes) -> bool:
    """Whether these bytes begin a TIFF structure."""
    return head[:4] in _MAGIC


class Directories:
    """The directories of one TIFF structure.

    Args:
        source: Where to read.

    Attributes:
        order: ``"<"`` or ``">"``, byte order for ``struct``.
        first: Where the offset of the first directory stands.

    Raises:
        CarrierError: The header is not one of TIFF.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        magic = source.read(0, 8, "TIFF header")
        if not is_tiff(magic):
            raise source.fault(0, f"no TIFF header, found {magic[:4]!r}")
        self.order, self._big = _MAGIC[magic[:4]]
        self.first = 8 if self._big else 4
        self._start = self._number(source.read(8, 8, "BigTIFF header") if self._big else magic[4:])
        # count of entries, entry, value that fits into the entry
        self._layout = ("Q", 20, 8) if self._big else ("H", 12, 4)

    def chain(self) -> Iterator[dict[int, Entry]]:
        """Yields each directory, from IFD0 on.

        Raises:
            CarrierError: The chain has a loop, or leads out of the file.
        """
        for _, listed in self.pages():
            yield _by_tag(listed)

    def pages(self) -> Iterator[tuple[int, list[Entry]]]:
        """Yields where each directory stands, and all its entries, from IFD0 on.

        Raises:
            CarrierError: The chain has a loop, or leads out of the file.
        """
        seen: set[int] = set()
        offset = self._start
        while offset:
            if offset in seen:
                raise self._source.fault(offset, "the chain of IFDs has a loop")
            seen.add(offset)
            place = offset
            listed, offset = self.listed(place)
            yield place, listed

    def directory(self, offset: int) -> tuple[dict[int, Entry], int]:
        """The entries by tag, and the offset of the next directory (0 for none).

        Raises:
            CarrierError: It does not lie in the file.
        """
        listed, following = self.listed(offset)
        return _by_tag(listed), following

    def listed(self, offset: int) -> tuple[list[Entry], int]:
        """All entries of a directory, also those of one tag, and the offset of the next directory (0 for none).

        Raises:
            CarrierError: It does not lie in the file.
        """
        rows, following = self.rows(offset)
        start, width = offset + struct.calcsize("=" + self._layout[0]), self._layout[1]
        return [self._entry(row, start + index * width) for index, row in enumerate(rows)], following

    def rows(self, offset: int) -> tuple[list[bytes], int]:
        """The entries of a directory as they are stored, and the offset of the next directory.

        Raises:
            CarrierError: It does not lie in the file.
        """
        code, width, _ = self._layout
        head = struct.calcsize("=" + code)
        count = self._number(self._source.read(offset, head, "IFD"))
        self._source.step(offset, count + 1)
        tail = 8 if self._big else 4
        body = self._source.payload(offset + head, count * width + tail, f"IFD with {count} entries")
        rows = [body[index : index + width] for index in range(0, count * width, width)]
        return rows, self._number(body[-tail:])

    def table(self, rows: list[bytes], following: int) -> bytes:
        """A directory of these entries, as it is stored."""
        count = struct.pack(self.order + self._layout[0], len(rows))
        return count + b"".join(rows) + self.pointed(following)

    def row(self, tag: int, kind: int, count: int, value: int) -> bytes:
        """An entry as it is stored; ``value`` is the offset of its value.

        Raises:
            CarrierError: The offset is beyond what the file can tell.
        """
        return struct.pack(self.order + "HH", tag, kind) + self.pointed(count) + self.pointed(value)

    def pointed(self, offset: int) -> bytes:
        """An offset as it is stored.

        Raises:
            CarrierError: It is beyond what the file can tell.
        """
        if not self._big and offset >= 1 << 32:
            raise self._source.fault(offset, "it would grow beyond the 4 GiB of TIFF; save it as BigTIFF first")
        return offset.to_bytes(8 if self._big else 4, "little" if self.order == "<" else "big")

    def value(self, entry: Entry, what: str) -> bytes:
        """The bytes of an entry's value.

        Raises:
            CarrierError: They are too long or do not lie in the file.
        """
        return self._source.payload(entry.offset, entry.size, what)

    def text(self, entry: Entry, what: str) -> bytes:
        """The bytes of an entry's value, no more of them than are parsed: microscopes write long descriptions.

        Raises:
            CarrierError: They do not lie in the file.
        """
        return self._source.payload(entry.offset, min(entry.size, MAX_TEXT + 9), what)

    def pointer(self, entry: Entry) -> int:
        """The offset that an entry such as ExifIFD holds; 0 if it is no number."""
        if entry.kind not in (3, 4, 13, 16, 18) or entry.size not in (2, 4, 8):
            return 0
        return self._number(self.value(entry, "pointer"))

    def _entry(self, data: bytes, offset: int) -> Entry:
        tag, kind = struct.unpack(self.order + "HH", data[:4])
        inline = self._layout[2]
        size = self._number(data[4 : 4 + inline]) * _SIZES.get(kind, 1)
        place = offset + 4 + inline if size <= inline else self._number(data[4 + inline :])
        return Entry(tag, kind, size, place)

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, "little" if self.order == "<" else "big")


def _by_tag(listed: list[Entry]) -> dict[int, Entry]:
    """The first entry of each tag, which is the one that readers take."""
    entries: dict[int, Entry] = {}
    for entry in listed:
        entries.setdefault(entry.tag, entry)
    return entries
