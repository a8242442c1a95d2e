"""TIFF and BigTIFF: the label in tag 700 (TC260-PG-20259A)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit import exif, xmp
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.ifd import Directories, Entry, is_tiff
from aigc_hooks.implicit.parts import Part

PLACE = "TIFF tag 700"
"""Place of the label."""

_XMP_TAG = 700
# Where strips and tiles lie, and how long they are.
_PIXELS = ((273, 279), (324, 325))
_NUMBERS = {3: "H", 4: "L", 16: "Q"}
_TYPES = {1, 7}  # ExifTool writes 1 (byte), the guide has 7 (undefined)


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of every directory.

    Libraries copy the packet into each page of a multi-page file. The same text in a later page is the same label and
    is not listed again; one that only a later page has, or a different one, is.
    """
    seen: set[str] = set()
    directories = Directories(source)
    for index, entries in enumerate(directories.chain()):
        found: list[RawLabel] = []
        if entry := entries.get(_XMP_TAG):
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


CARRIER = Carrier("TIFF", (".tif", ".tiff"), is_tiff, reader("TIFF", _walk))
"""TIFF in either byte order, and BigTIFF."""
