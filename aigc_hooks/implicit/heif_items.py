"""The items of AVIF and HEIC files that can hold the label, and where all items lie (ISO/IEC 14496-12, 8.11).

Which items there are tells ``iinf``, where their data lie ``iloc``.
"""

from __future__ import annotations

from collections.abc import Iterator

from aigc_hooks.artifact import RawLabel
from aigc_hooks.implicit import exif, xmp
from aigc_hooks.implicit.bounds import MAX_PACKET, Source
from aigc_hooks.implicit.boxes import Box, Cursor, boxes
from aigc_hooks.implicit.item_places import Places

XMP_TYPE = b"application/rdf+xml"
"""The content type of a ``mime`` item with XMP."""

_MAX_ITEMS = 1000
_MAX_EXTENTS = 1000


def inside(source: Source, meta: Box) -> dict[bytes, Box]:
    """The boxes in a meta box, by kind; none where it has no items."""
    # A FullBox: version and flags stand before the boxes in it.
    inner = {box.kind: box for box in boxes(source, meta.start + 4, meta.end)}
    return inner if b"iinf" in inner and b"iloc" in inner else {}


def labels(source: Source, inner: dict[bytes, Box]) -> Iterator[RawLabel]:
    """The labels of the XMP and Exif items of one meta box."""
    wanted = wanted_items(source, inner[b"iinf"])
    if not wanted:
        return
    for item, extents in located(source, inner, set(wanted)):
        data = data_of(source, extents)
        if wanted[item] == b"Exif":
            yield from exif.find(data[exif_begin(data) :], source, (exif.NOT_IN_GUIDE,))
        else:
            yield from xmp.find(data, f"{source.carrier} mime item")


def pictures(source: Source, inner: dict[bytes, Box]) -> Iterator[tuple[int, int]]:
    """Offset and length of each part of the other items.

    Raises:
        CarrierError: One lies in another item or file, or outside of its box.
    """
    box = inner[b"iloc"]
    others = wanted_items(source, inner[b"iinf"])
    for item in Places(source, box).items:
        if item.number in others:
            continue
        area = inner.get(b"idat") if item.method == 1 else Box(b"file", 0, source.size)
        if item.method > 1 or item.elsewhere or area is None:
            raise source.fault(box.start, f"item {item.number} is located in a way that is not supported")
        for _, offset, length in item.extents:
            start = area.start + item.base + offset
            length = length or area.end - start  # 0: all of it
            if length < 0 or start + length > area.end:
                raise source.fault(box.start, f"item {item.number} of {length} bytes ends after its box")
            yield start, length


def wanted_items(source: Source, box: Box) -> dict[int, bytes]:
    """The item type, by item number, of the items that can hold a label."""
    head = Cursor(source, Box(box.kind, box.start, min(box.end, box.start + 8)))
    version = head.number(4) >> 24
    head.number(4 if version else 2)
    wanted: dict[int, bytes] = {}
    for entry in boxes(source, box.start + (8 if version else 6), box.end):
        if entry.kind != b"infe":
            continue
        cursor = Cursor(source, entry)
        version = cursor.number(4) >> 24
        if version < 2:
            continue  # has no item type; no AVIF or HEIC uses it
        item = cursor.number(4 if version > 2 else 2)
        cursor.number(2)
        kind = cursor.take(4)
        if kind == b"mime":
            cursor.string()
        if kind == b"Exif" or (kind == b"mime" and cursor.string().lower() == XMP_TYPE):
            wanted[item] = kind
            if len(wanted) > _MAX_ITEMS:
                raise source.fault(entry.start, f"more than {_MAX_ITEMS} XMP and Exif items")
    return wanted


def located(source: Source, inner: dict[bytes, Box], wanted: set[int]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """The wanted items with their extents, offset and length in the file (14496-12, 8.11.3)."""
    cursor = Cursor(source, inner[b"iloc"])
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


def data_of(source: Source, extents: list[tuple[int, int]]) -> bytes:
    """The data of an item."""
    return b"".join(source.payload(start, length, "item") for start, length in extents)


def exif_begin(data: bytes) -> int:
    """Where an Exif item's block begins: the item tells it, counted behind that number (23008-12, A.2.1)."""
    return 4 + int.from_bytes(data[:4], "big")
