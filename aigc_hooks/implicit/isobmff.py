"""AVIF and HEIC: the label in a ``mime`` item with XMP (TC260-PG-20259A; ISO/IEC 14496-12, 8.11; 23008-12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit import exif, xmp
from aigc_hooks.implicit.bounds import MAX_PACKET, Source, reader
from aigc_hooks.implicit.parts import Part

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
_XMP_TYPE = b"application/rdf+xml"
_MAX_ITEMS = 1000
_MAX_EXTENTS = 1000


class Box(NamedTuple):
    """One box: its type, and where its content lies."""

    kind: bytes
    start: int
    end: int


class _Cursor:
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


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of the file's items."""
    top = list(boxes(source, 0, source.size))
    if not top or top[0].kind != b"ftyp":
        raise source.fault(0, "no ftyp box at its beginning")
    if not any(box.kind in (b"meta", b"moov") for box in top):
        raise source.fault(source.size, "it ends without a meta or moov box")
    for meta in top:
        if meta.kind == b"meta":
            # A FullBox: version and flags stand before the boxes in it.
            inner = {box.kind: box for box in boxes(source, meta.start + 4, meta.end)}
            if b"iinf" in inner and b"iloc" in inner:
                yield from _items(source, inner)


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


def _items(source: Source, inner: dict[bytes, Box]) -> Iterator[RawLabel]:
    """The labels of the XMP and Exif items of one meta box."""
    wanted = _wanted(source, inner[b"iinf"])
    if not wanted:
        return
    for item, extents in _locations(source, inner, set(wanted)):
        data = b"".join(source.payload(start, length, "item") for start, length in extents)
        if wanted[item] == b"Exif":
            # The item begins with the offset of the TIFF header, counted behind that number (23008-12, A.2.1).
            skip = 4 + int.from_bytes(data[:4], "big")
            yield from exif.find(data[skip:], source, (exif.NOT_IN_GUIDE,))
        else:
            yield from xmp.find(data, f"{source.carrier} mime item")


def _wanted(source: Source, box: Box) -> dict[int, bytes]:
    """The item type, by item number, of the items that can hold a label."""
    head = _Cursor(source, Box(box.kind, box.start, min(box.end, box.start + 8)))
    version = head.number(4) >> 24
    head.number(4 if version else 2)
    wanted: dict[int, bytes] = {}
    for entry in boxes(source, box.start + (8 if version else 6), box.end):
        if entry.kind != b"infe":
            continue
        cursor = _Cursor(source, entry)
        version = cursor.number(4) >> 24
        if version < 2:
            continue  # has no item type; no AVIF or HEIC uses it
        item = cursor.number(4 if version > 2 else 2)
        cursor.number(2)
        kind = cursor.take(4)
        if kind == b"mime":
            cursor.string()
        if kind == b"Exif" or (kind == b"mime" and cursor.string().lower() == _XMP_TYPE):
            wanted[item] = kind
            if len(wanted) > _MAX_ITEMS:
                raise source.fault(entry.start, f"more than {_MAX_ITEMS} XMP and Exif items")
    return wanted


def _locations(
    source: Source, inner: dict[bytes, Box], wanted: set[int]
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """The wanted items with their extents, offset and length in the file (14496-12, 8.11.3)."""
    cursor = _Cursor(source, inner[b"iloc"])
    version = cursor.number(4) >> 24
    if version > 2:
        raise source.fault(inner[b"iloc"].start, f"iloc version {version} is unknown")
    sizes = cursor.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    extent = index_size + offset_size + length_size
    for _ in range(cursor.number(4 if version == 2 else 2)):
        item = cursor.number(4 if version == 2 else 2)
        method = cursor.number(2) & 15 if version else 0
        elsewhere = cursor.number(2)
        base = cursor.number(base_size)
        count = cursor.number(2)
        if item not in wanted:
            cursor.take(count * extent)
            continue
        wanted.discard(item)  # an item that is located twice is read once
        if elsewhere or method > 1 or count > _MAX_EXTENTS:
            raise source.fault(inner[b"iloc"].start, f"item {item} is located in a way that is not supported")
        area = inner.get(b"idat") if method else Box(b"file", 0, source.size)
        if area is None:
            raise source.fault(inner[b"iloc"].start, f"item {item} lies in an idat box that is missing")
        extents: list[tuple[int, int]] = []
        for _ in range(count):
            cursor.take(index_size)
            start = area.start + base + cursor.number(offset_size)
            length = cursor.number(length_size) or area.end - start  # 0: all of it
            if start + length > area.end or length < 0:
                raise source.fault(inner[b"iloc"].start, f"item {item} of {length} bytes ends after its box")
            extents.append((start, length))
        if sum(length for _, length in extents) > MAX_PACKET:
            raise source.fault(inner[b"iloc"].start, f"item {item} is longer than {MAX_PACKET} bytes")
        yield item, extents


def content(source: Source) -> Iterator[Part]:
    """Pictures, film and sound: what mdat boxes hold, without items of XMP and Exif."""
    top = list(boxes(source, 0, source.size))
    cut: list[tuple[int, int]] = []
    for meta in top:
        if meta.kind == b"meta" and meta.end - meta.start > 4:
            inner = {box.kind: box for box in boxes(source, meta.start + 4, meta.end)}
            if b"iinf" in inner and b"iloc" in inner:
                wanted = set(_wanted(source, inner[b"iinf"]))
                cut += [extent for _, extents in _locations(source, inner, wanted) for extent in extents]
    for box in top:
        if box.kind == b"mdat":
            at = box.start
            for start, length in sorted(extent for extent in cut if box.start <= extent[0] < box.end):
                yield Part(b"mdat", at, max(start - at, 0))
                at = max(at, start + length)
            yield Part(b"mdat", at, max(box.end - at, 0))


def has_brand(head: bytes, brands: set[bytes]) -> bool:
    """Whether the ftyp box at the beginning names one of these brands."""
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return head[8:12] in brands or any(head[at : at + 4] in brands for at in range(16, end, 4))


def _sniff_avif(head: bytes) -> bool:
    return has_brand(head, _AVIF_BRANDS)


def _sniff_heic(head: bytes) -> bool:
    return has_brand(head, _HEIC_BRANDS) and not _sniff_avif(head)


AVIF = Carrier("AVIF", (".avif", ".avifs"), _sniff_avif, reader("AVIF", _walk))
"""AVIF, still or sequence."""

HEIC = Carrier("HEIC", (".heic", ".heif", ".hif"), _sniff_heic, reader("HEIC", _walk))
"""HEIC and other HEIF pictures."""
