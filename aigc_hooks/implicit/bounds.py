"""Reading with bounds: whatever a file claims, time and memory stay small and every fault is a CarrierError."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from io import BytesIO, FileIO
from typing import BinaryIO

from aigc_hooks.artifact import Manifest, RawLabel
from aigc_hooks.errors import CarrierError, UnsupportedCarrierError

MAX_TEXT = 1 << 20
"""Longest label text that is parsed, in bytes or characters: 1 MiB."""

MAX_PACKET = 16 << 20
"""Longest XMP packet or metadata box that is read, in bytes: 16 MiB."""

MAX_PAYLOAD = 64 << 20
"""Most metadata that is read from one file, decompressed, in bytes: 64 MiB."""

MAX_PARTS = 1_000_000
"""Most chunks, blocks, boxes or directory entries that are walked in one file."""

MAX_LABELS = 100
"""Most labels that are listed for one file; GB 45438-2025, 6.1 c) allows one."""


_HEAD_SIZE = 4096


def opened_file(path: str | os.PathLike[str]) -> FileIO:
    """A file on disk for reading, unbuffered: readers hop from header to header, and a buffer would read ahead.

    Raises:
        UnsupportedCarrierError: It is a pipe or a terminal, which is not waited for.
        OSError: It cannot be opened.
    """
    file = FileIO(path, opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
    if not file.seekable():
        file.close()
        raise UnsupportedCarrierError(f"{os.fspath(path)} is a pipe or a device, and no file: save what it gives first")
    return file


class _Spent:
    """What was read of one file so far."""

    payload = 0
    parts = 0


class Source:
    """A seekable binary stream of one carrier, read by offset.

    Args:
        stream: The file, positioned anywhere.
        carrier: Name of its format, for messages.

    Attributes:
        size: Its length in bytes.
        stream: The stream itself, for readers that others wrote.
    """

    def __init__(self, stream: BinaryIO, carrier: str) -> None:
        self.carrier = carrier
        self.size = stream.seek(0, 2)
        stream.seek(0)
        # Most headers stand together at the beginning: read them at once.
        self._head = stream.read(_HEAD_SIZE)
        self.stream = stream
        self._spent = _Spent()

    def inside(self, data: bytes, what: str) -> Source:
        """A block of this file as a source of its own, which spends from the same bounds."""
        inner = Source(BytesIO(data), f"{self.carrier} ({what})")
        inner._spent = self._spent
        return inner

    def fault(self, offset: int, what: str) -> CarrierError:
        """The error that says what is wrong with this file, and where."""
        return CarrierError(f"damaged {self.carrier} file: {what}, at offset {offset}")

    def read(self, offset: int, count: int, what: str = "structure") -> bytes:
        """Reads exactly ``count`` bytes.

        Raises:
            CarrierError: The file ends before.
        """
        # The length is compared first: a buffered file allocates what it is asked for, even 4 GiB.
        if offset + count > self.size:
            raise self.fault(offset, f"the {what} of {count} bytes ends after the file of {self.size} bytes")
        if offset + count <= len(self._head):
            return self._head[offset : offset + count]
        self.stream.seek(offset)
        data = self.stream.read(count)
        if len(data) != count:
            raise self.fault(offset, f"the {what} of {count} bytes could not be read whole")
        return data

    def payload(self, offset: int, count: int, what: str, limit: int = MAX_PACKET) -> bytes:
        """Reads metadata, within the limits for one piece and for the whole file.

        Raises:
            CarrierError: The piece or the sum is too long, or the file ends before.
        """
        if count > limit:
            raise self.fault(offset, f"the {what} of {count} bytes is longer than the {limit} that are read")
        self.spend(offset, count)
        return self.read(offset, count, what)

    def spend(self, offset: int, count: int) -> None:
        """Counts metadata read or decompressed.

        Raises:
            CarrierError: It is more than ``MAX_PAYLOAD``.
        """
        self._spent.payload += count
        if self._spent.payload > MAX_PAYLOAD:
            raise self.fault(offset, f"more than {MAX_PAYLOAD} bytes of metadata")

    def step(self, offset: int, parts: int = 1) -> None:
        """Counts chunks, blocks, boxes or entries.

        Raises:
            CarrierError: They are more than ``MAX_PARTS``.
        """
        self._spent.parts += parts
        if self._spent.parts > MAX_PARTS:
            raise self.fault(offset, f"more than {MAX_PARTS} parts")


def reader(
    carrier: str, walk: Callable[[Source], Iterator[RawLabel | Manifest]]
) -> Callable[[BinaryIO], Iterator[RawLabel | Manifest]]:
    """Makes a ``Carrier.read`` from a walk over a ``Source``.

    Labels that were yielded before the damage are not lost silently: the error counts them.
    """

    def read(stream: BinaryIO) -> Iterator[RawLabel | Manifest]:
        """Yields every label in the stream, and every manifest."""
        source = Source(stream, carrier)
        found = 0
        try:
            for raw in walk(source):
                found += 1
                if found > MAX_LABELS:
                    raise source.fault(0, f"more than {MAX_LABELS} AIGC labels")
                yield raw
        except CarrierError as error:
            if not found:
                raise
            raise CarrierError(f"{error}; AIGC labels found before that: {found}") from error

    return read
