"""TIFF and BigTIFF: the label in tag 700 (TC260-PG-20259A)."""

from __future__ import annotations

from collections.abc import Iterator

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit import exif, xmp
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.ifd import Directories, is_tiff

PLACE = "TIFF tag 700"
"""Place of the label."""

_XMP_TAG = 700
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


CARRIER = Carrier("TIFF", (".tif", ".tiff"), is_tiff, reader("TIFF", _walk))
"""TIFF in either byte order, and BigTIFF."""
