"""TIFF and BigTIFF: the label in tag 700 (TC260-PG-20259A)."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.implicit import exif, xmp
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.ifd import Directories, Entry, is_tiff
from aigc_hooks.implicit.parts import Part

PLACE = "TIFF tag 700"
"""Place of the label."""

XMP_TAG = 700
"""Tag of the XMP packet."""

_MANIFEST = 52545

UNDEFINED = 7
"""Its type, as the guide has it."""

_TYPES = {1, UNDEFINED}  # ExifTool writes 1 (byte), the guide has 7
_WORD = 8  # of BigTIFF; TIFF asks for two bytes only
# Where strips and tiles lie, and how long they are.
_PIXELS = ((273, 279), (324, 325))
_NUMBERS = {3: "H", 4: "L", 16: "Q"}


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of every directory.

    Libraries copy the packet into each page of a multi-page file. The same text in a later page is the same label and
    is not listed again; one that only a later page has, or a different one, is.
    """
    seen: set[str] = set()
    directories = Directories(source)
    for index, entries in enumerate(directories.chain()):
        found: list[RawLabel] = []
        if entry := entries.get(XMP_TAG):
            defects = () if entry.kind in _TYPES else (f"tag 700 is of type {entry.kind}; the guide has 7",)
            packet = directories.value(entry, "XMP packet")
            found += [RawLabel(raw.place, raw.text, raw.defects + defects) for raw in xmp.find(packet, PLACE)]
        found += exif.find_in(directories, entries, (exif.NOT_IN_GUIDE,))
        for raw in found:
            if index == 0:
                yield raw
            elif raw.text not in seen:
                yield RawLabel(raw.place, raw.text, (*raw.defects, f"it stands in IFD{index}; the guide has IFD0"))
            seen.add(raw.text)
        if _MANIFEST in entries:
            yield Manifest(f"TIFF tag {_MANIFEST}")


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in its first directory, and then changes only the copy's directories and packets.

    Nothing moves but a packet that does not fit in the old one's place, and the first directory when it gets an entry
    more: they go to the end of the file.
    """
    source = Source(stream, "TIFF")
    for part in content(source):  # what is appended must not become pixels
        if part.start + part.length > source.size:
            raise source.fault(part.start, f"a strip or tile of {part.length} bytes ends after the file")
    copied = _Copy(stream, target)
    label: str | None = text
    for offset, listed in copied.directories.pages():
        rows, following = copied.directories.rows(offset)
        new: list[bytes | None] = list(rows)
        for index, place, data in exif.texts(copied.directories, listed):
            copied.put(place, data)
            new[index] = rows[index] if any(data) else None
        if within := exif.inner(copied.directories, listed):
            for place, data in exif.removals(copied.directories, within):
                copied.put(place, data)
        for index, entry in enumerate(listed):
            if entry.tag == XMP_TAG:
                new[index] = copied.repacked(entry, label) or rows[index]
                label = None
        found = [row for row in new if row is not None]
        if label is not None:
            before = sum(row is not None and entry.tag < XMP_TAG for row, entry in zip(new, listed, strict=True))
            found.insert(before, copied.packed(xmp.packet(label)))
            label = None
        if found != rows:
            copied.redirected(offset, rows, found, following)
    if label is not None:
        raise source.fault(copied.directories.first, "it has no directory")
    target.seek(0, 2)


class _Copy:
    """A copy of a file, whose directories and packets are changed while the file itself is read."""

    def __init__(self, stream: BinaryIO, target: BinaryIO) -> None:
        self.directories = Directories(Source(stream, "TIFF"))
        every = Directories(Source(stream, "TIFF")).pages()
        self._users = Counter(entry.offset for _, listed in every for entry in listed if entry.tag == XMP_TAG)
        self._kept: int | None = None
        self._target = target
        copy(stream, target, 0)

    def put(self, place: int, data: bytes) -> None:
        """Writes over what stands at a place."""
        self._target.seek(place)
        self._target.write(data)

    def repacked(self, entry: Entry, label: str | None) -> bytes | None:
        """The entry of a packet with this label, or with none; None where it stays as it is."""
        packet = self.directories.value(entry, "XMP packet")
        made = xmp.cleaned(packet) if label is None else xmp.labelled(packet, label)
        if made == packet and (label is None or entry.kind in _TYPES):
            self._kept = self._kept if label is None else entry.offset
            return None
        if len(made) <= entry.size and self._users[entry.offset] == 1:
            self.put(entry.offset, xmp.padded(made, entry.size))
            return self.directories.row(XMP_TAG, UNDEFINED, entry.size, entry.offset)
        if entry.offset != self._kept and any(xmp.find(packet, "")):
            self.put(entry.offset, bytes(entry.size))  # an old label is nowhere in the file
        return self.packed(made)

    def packed(self, packet: bytes) -> bytes:
        """The entry of a new packet."""
        return self.directories.row(XMP_TAG, UNDEFINED, len(packet), self._append(packet))

    def redirected(self, offset: int, old: list[bytes], new: list[bytes], following: int) -> None:
        """Writes a directory with other entries in its old place, or, if they are more, the first one at the end."""
        table = self.directories.table(new, following)
        if len(new) <= len(old):
            self.put(offset, table.ljust(len(self.directories.table(old, following)), b"\0"))
        else:
            self.put(self.directories.first, self.directories.pointed(self._append(table)))

    def _append(self, data: bytes) -> int:
        """Writes at the end, where the next word begins; returns where that is."""
        end = self._target.seek(0, 2)
        self._target.write(bytes(-end % _WORD) + data)
        return end + -end % _WORD


def content(source: Source) -> Iterator[Part]:
    """The pixels: the strips and tiles of every picture."""
    directories = Directories(source)
    for entries in directories.chain():
        for places, lengths in _PIXELS:
            if places in entries and lengths in entries:
                starts, counts = (_numbers(directories, entries[tag]) for tag in (places, lengths))
                for start, count in zip(starts, counts, strict=False):
                    source.step(start)
                    yield Part(b"STRP", start, count)


def _numbers(directories: Directories, entry: Entry) -> tuple[int, ...]:
    code = _NUMBERS.get(entry.kind, "B")
    data = directories.value(entry, "list of strips")
    return struct.unpack(f"{directories.order}{len(data) // struct.calcsize('=' + code)}{code}", data)


CARRIER = Carrier("TIFF", (".tif", ".tiff"), is_tiff, reader("TIFF", _walk), _write, medium="image")
"""TIFF in either byte order, and BigTIFF."""
