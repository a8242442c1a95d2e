"""ZIP packages: single parts read within bounds, and a package copied with some parts changed.

Everything else of the package stays byte for byte: the compressed data of the other parts, their order, their times and
the comment. What is refused: encrypted parts, several disks, ZIP64 (beyond 4 GiB or 65,535 parts), parts that overlap.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from struct import Struct
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import MAX_PACKET, Source
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.parts import Part, told

SIGNATURE = b"PK\3\4"
"""First bytes of a package that has a part."""

_LOCAL = Struct("<4sHHHHHIIIHH")
_RECORD = Struct("<4sHHHHHHIIIHHHHHII")
_END = Struct("<4sHHHHIIH")
_RECORD_SIGNATURE, _END_SIGNATURE = b"PK\1\2", b"PK\5\6"
_MAX_COMMENT = 0xFFFF
_WIDE, _MANY = 0xFFFFFFFF, 0xFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800
_FIRST_OF_1980 = 0x21
"""The earliest date of a ZIP: a new part has it, so that writing twice gives the same file."""


class Entry(NamedTuple):
    """One part as the directory tells it; ``record`` is its line there, ``offset`` where its header stands."""

    name: str
    record: bytes
    offset: int
    flags: int
    method: int
    crc: int
    stored: int
    size: int


class Package:
    """A ZIP file, read by its directory.

    Args:
        source: The file.

    Attributes:
        entries: Its parts by name.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._end = self._find_end()
        (_, disk, first, here, count, length, self._start, _) = _END.unpack(self._end[: _END.size])
        if _MANY in (here, count) or _WIDE in (length, self._start):
            raise CarrierError(f"this {source.carrier} file is a ZIP64 archive, which is not read: save it smaller")
        at = source.size - len(self._end)
        if disk or first or here != count or self._start + length != at:
            raise source.fault(at, "its ZIP directory does not stand where the end of the file tells")
        self.doubled: set[str] = set()
        self.entries: dict[str, Entry] = {}
        self._ordered = list(self._directory(source.payload(self._start, length, "ZIP directory"), count))
        for entry in self._ordered:
            if entry.name in self.entries:
                self.doubled.add(entry.name)
            self.entries.setdefault(entry.name, entry)

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def _find_end(self) -> bytes:
        """The end record and the comment behind it."""
        source = self.source
        for count in (_END.size, _END.size + _MAX_COMMENT):
            start = max(source.size - count, 0)
            data = source.read(start, source.size - start, "end of the ZIP")
            at = len(data)
            while (at := data.rfind(_END_SIGNATURE, 0, at)) >= 0:
                # Its last field tells how long the comment is that ends the file.
                if len(data) >= at + _END.size and len(data) == at + _END.size + int.from_bytes(
                    data[at + 20 : at + 22], "little"
                ):
                    return data[at:]
        raise source.fault(source.size, "no end of a ZIP archive; it may be cut off")

    def _directory(self, data: bytes, count: int) -> Iterator[Entry]:
        offset = 0
        for _ in range(count):
            at = self._start + offset
            self.source.step(at)
            if len(data) < offset + _RECORD.size or not data.startswith(_RECORD_SIGNATURE, offset):
                raise self.source.fault(at, "no ZIP directory record")
            fields = _RECORD.unpack_from(data, offset)
            _, _, _, flags, method, _, _, crc, stored, size, name, extra, comment, _, _, _, place = fields
            stop = offset + _RECORD.size + name + extra + comment
            if stop > len(data):
                raise self.source.fault(at, "a ZIP directory record is cut short")
            if _WIDE in (stored, size, place):
                raise CarrierError(f"this {self.source.carrier} file has ZIP64 parts, which are not read")
            raw = data[offset + _RECORD.size : offset + _RECORD.size + name]
            encoding = "utf-8" if flags & _UTF8 else "cp437"
            yield Entry(raw.decode(encoding, "replace"), data[offset:stop], place, flags, method, crc, stored, size)
            offset = stop
        if offset != len(data):
            raise self.source.fault(self._start + offset, "the ZIP directory is longer than its records")

    def read(self, name: str, limit: int = MAX_PACKET) -> bytes:
        """A part, decompressed.

        Raises:
            CarrierError: It is missing, encrypted, damaged or longer than the limit.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise self.source.fault(self._start, f"the part {name[:100]!r} is missing")
        if name in self.doubled:
            raise self.source.fault(entry.offset, f"the part {name[:100]!r} stands twice in it")
        if entry.flags & _ENCRYPTED:
            raise CarrierError(f"the part {name[:100]!r} is encrypted: save the file without a password first")
        start, _ = self._local(entry)
        if entry.size > limit:
            raise self.source.fault(entry.offset, f"the part {name[:100]!r} is longer than {limit} bytes")
        data = self.source.payload(start, entry.stored, f"part {name[:100]!r}")
        if entry.method == _DEFLATED:
            data = self._inflated(entry, data)
        elif entry.method != _STORED:
            raise self.source.fault(
                entry.offset, f"the part {name[:100]!r} is compressed by method {entry.method}, not deflate"
            )
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise self.source.fault(entry.offset, f"the length or checksum of the part {name[:100]!r} is wrong")
        return data

    def _inflated(self, entry: Entry, data: bytes) -> bytes:
        self.source.spend(entry.offset, entry.size)
        try:
            # One byte more than the directory tells: a part that holds more is no longer than that here.
            return zlib.decompressobj(-15).decompress(data, entry.size + 1)
        except zlib.error as error:
            raise self.source.fault(entry.offset, f"the part {entry.name[:100]!r} is damaged: {error}") from error

    def _local(self, entry: Entry) -> tuple[int, bytes]:
        """Where the data of a part begin, and its local header with name and extra fields."""
        header = self.source.read(entry.offset, _LOCAL.size, "ZIP header")
        if not header.startswith(SIGNATURE):
            raise self.source.fault(entry.offset, f"no ZIP header of the part {entry.name[:100]!r}")
        name, extra = _LOCAL.unpack(header)[-2:]
        start = entry.offset + _LOCAL.size + name + extra
        rest = self.source.read(entry.offset + _LOCAL.size, name + extra, "ZIP header")
        if rest[:name] != entry.record[_RECORD.size :][:name]:
            raise self.source.fault(entry.offset, f"the ZIP header does not name the part {entry.name[:100]!r}")
        if start + entry.stored > self._start:
            raise self.source.fault(entry.offset, f"the part {entry.name[:100]!r} ends after the parts")
        return start, header + rest

    def copy_to(self, target: BinaryIO, parts: Mapping[str, bytes]) -> None:
        """Copies the package with some parts changed, and new ones behind all others.

        Args:
            target: An empty stream.
            parts: The parts that change, by name.

        Raises:
            CarrierError: A part overlaps another, or the package would grow too long.
        """
        # What is as it was keeps its compressed bytes as well.
        changed = {name: data for name, data in parts.items() if name not in self or self.read(name) != data}
        laid = sorted(self._ordered, key=lambda entry: entry.offset)
        places: dict[int, int] = {}
        records: dict[int, bytes] = {}
        done = 0
        for entry, after in zip(laid, [*(other.offset for other in laid[1:]), self._start], strict=False):
            start, header = self._local(entry)
            if start + entry.stored > after:
                raise self.source.fault(entry.offset, f"the part {entry.name[:100]!r} overlaps the next")
            if entry.name in changed:
                copy(self.source.stream, target, done, entry.offset - done)
                places[entry.offset] = target.tell()
                records[entry.offset] = self._put(target, entry, header, changed.pop(entry.name))
                done = after
            else:
                places[entry.offset] = target.tell() + entry.offset - done
        copy(self.source.stream, target, done, self._start - done)
        added = [_add(target, name, data) for name, data in changed.items()]
        directory = target.tell()
        for entry in self._ordered:
            record = records.get(entry.offset, entry.record)
            target.write(record[:42] + places[entry.offset].to_bytes(4, "little") + record[46:])
        target.write(b"".join(added))
        self._finish(target, directory, len(added))

    def _put(self, target: BinaryIO, entry: Entry, header: bytes, data: bytes) -> bytes:
        """Writes a changed part under its old header; returns its record."""
        packed = _deflated(data) if entry.method == _DEFLATED else data
        told = Struct("<III").pack(zlib.crc32(data), len(packed), len(data))
        # Lengths stand in the header now, not behind the data.
        flags = (entry.flags & ~_DESCRIPTOR).to_bytes(2, "little")
        target.write(header[:6] + flags + header[8:14] + told + header[26:] + packed)
        return entry.record[:8] + flags + entry.record[10:16] + told + entry.record[28:]

    def content(self, bare: Mapping[str, bytes]) -> Iterator[Part]:
        """The package, and for the parts that hold or register the label what is left of them without it.

        Args:
            bare: Those parts by name, whether they are there or not; nothing where nothing is left.

        Raises:
            CarrierError: A part overlaps another.
        """
        laid = sorted(self._ordered, key=lambda entry: entry.offset)
        places: dict[int, int] = {}
        done = gone = 0
        for entry, after in zip(laid, [*(other.offset for other in laid[1:]), self._start], strict=False):
            start, _ = self._local(entry)
            if start + entry.stored > after:
                raise self.source.fault(entry.offset, f"the part {entry.name[:100]!r} overlaps the next")
            places[entry.offset] = entry.offset - gone
            if entry.name in bare:
                yield Part(b"PART", done, entry.offset - done)
                gone += after - entry.offset
                done = after
        yield Part(b"PART", done, self._start - done)
        for entry in self._ordered:
            if entry.name not in bare:
                place = places[entry.offset].to_bytes(8, "big")
                yield told(b"LIST", entry.record[:42] + place + entry.record[46:])
        yield told(b"LIST", self._end[20:])
        for name in sorted(bare):
            if bare[name]:
                data = name.encode()
                yield told(b"BARE", len(data).to_bytes(4, "big") + data + len(bare[name]).to_bytes(8, "big"))
                yield told(b"BARE", bare[name])

    def _finish(self, target: BinaryIO, directory: int, added: int) -> None:
        end = target.tell()
        count = len(self._ordered) + added
        if count >= _MANY or end >= _WIDE:
            raise CarrierError("a ZIP archive cannot grow beyond 4 GiB or 65,534 parts without ZIP64")
        target.write(_END_SIGNATURE + self._end[4:8] + Struct("<HHII").pack(count, count, end - directory, directory))
        target.write(self._end[20:])


class Format(NamedTuple):
    """One kind of document that is a package.

    Attributes:
        name: Its name.
        known: Whether a package is of this kind.
        find: Yields the labels in it.
        edit: The parts that change when a label is written.
        bare: Those that may change, without labels and in one form.
    """

    name: str
    known: Callable[[Package], bool]
    find: Callable[[Package], Iterator[RawLabel]]
    edit: Callable[[Package, str], dict[str, bytes]]
    bare: Callable[[Package], dict[str, bytes]]


def first_part(head: bytes) -> tuple[bytes, bytes]:
    """Name and beginning of the first part of a package, from its first bytes; nothing for what is none."""
    if not head.startswith(SIGNATURE) or len(head) < _LOCAL.size:
        return b"", b""
    name, extra = _LOCAL.unpack_from(head)[-2:]
    start = _LOCAL.size + name
    return head[_LOCAL.size : start], head[start + extra :]


def _add(target: BinaryIO, name: str, data: bytes) -> bytes:
    """Writes a new part; returns its record."""
    packed, raw, place = _deflated(data), name.encode(), target.tell()
    flags = 0 if raw.isascii() else _UTF8
    told = (20, flags, _DEFLATED, 0, _FIRST_OF_1980, zlib.crc32(data), len(packed), len(data), len(raw), 0)
    target.write(_LOCAL.pack(SIGNATURE, *told) + raw + packed)
    return _RECORD.pack(_RECORD_SIGNATURE, 20, *told, 0, 0, 0, 0, place) + raw


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()
