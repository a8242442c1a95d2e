"""The boxes that AVIF, HEIC and MP4 files are made of (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import Source


class Box(NamedTuple):
    """One box: its type, and where its content lies."""

    kind: bytes
    start: int
    end: int


def boxes(source: Source, offset: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets."""
    while offset < end:
        source.step(offset)
        head = source.read(offset, 8, "box header")
        size, kind, start = int.from_bytes(head[:4], "big"), head[4:], offset + 8
        if size == 1:
            size, start = int.from_bytes(source.read(start, 8, "box size"), "big"), offset + 16
        elif size == 0:
            size = end - offset  # up to the end
        if size < start - offset or offset + size > end:
            raise source.fault(offset, f"the {kind!r} box of {size} bytes ends after the file or its parent")
        yield Box(kind, start, offset + size)
        offset += size


def boxed(kind: bytes, *parts: bytes) -> bytes:
    """A box of these bytes.

    Raises:
        CarrierError: It would be larger than 4 GiB.
    """
    data = b"".join(parts)
    if len(data) + 8 >= 1 << 32:
        raise CarrierError(f"the {kind.decode('latin-1')} box would be larger than 4 GiB")
    return (len(data) + 8).to_bytes(4, "big") + kind + data


class Cursor:
    """Reads numbers and strings from a box, one after the other."""

    def __init__(self, source: Source, box: Box) -> None:
        self._source, self._box = source, box
        self._data = source.payload(box.start, box.end - box.start, f"{box.kind.decode('latin-1')} box")
        self._at = 0

    def number(self, count: int) -> int:
        """The next big-endian number of so many bytes."""
        return int.from_bytes(self.take(count), "big")

    def take(self, count: int) -> bytes:
        """The next bytes."""
        data = self._data[self._at : self._at + count]
        if len(data) < count:
            raise self._source.fault(self._box.start + self._at, f"the {self._box.kind.decode('latin-1')} box is short")
        self._at += count
        return data

    def string(self) -> bytes:
        """The next string that ends with a zero byte, or with the box."""
        text, _, _ = self._data[self._at :].partition(b"\0")
        self._at = min(self._at + len(text) + 1, len(self._data))
        return text

    def rest(self) -> bytes:
        """All that has not been read."""
        data, self._at = self._data[self._at :], len(self._data)
        return data
