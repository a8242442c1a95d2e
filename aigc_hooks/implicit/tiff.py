"""TIFF and BigTIFF: the label in tag 700 (TC260-PG-20259A)."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit import exif, xmp
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.ifd import Directories, is_tiff

PLACE = "TIFF tag 700"
"""Place of the label."""

_XMP_TAG = 700
_UNDEFINED = 7
_TYPES = {1, _UNDEFINED}  # ExifTool writes 1 (byte), the guide has 7
_WORD = 8  # of BigTIFF; TIFF asks for two bytes only


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


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in its first directory, and then changes only the copy's directories and packets.

    Nothing moves but a packet that does not fit in the old one's place, and the first directory when it gets an entry
    more: they go to the end of the file.
    """
    shared = Counter(
        entry.offset
        for _, listed in Directories(Source(stream, "TIFF")).pages()
        for entry in listed
        if entry.tag == _XMP_TAG
    )
    directories = Directories(Source(stream, "TIFF"))
    copy(stream, target, 0)
    label: str | None = text
    kept = 0
    for offset, listed in directories.pages():
        rows, following = directories.rows(offset)
        new: list[bytes | None] = list(rows)
        for index, entry in enumerate(listed):
            if entry.tag != _XMP_TAG:
                continue
            packet = directories.value(entry, "XMP packet")
            made = xmp.cleaned(packet) if label is None else xmp.labelled(packet, label)
            if made == packet and (label is None or entry.kind in _TYPES):
                kept = entry.offset if label is not None else kept
            elif len(made) <= entry.size and shared[entry.offset] == 1:
                _put(target, entry.offset, xmp.padded(made, entry.size))
                new[index] = directories.row(_XMP_TAG, _UNDEFINED, entry.size, entry.offset)
            else:
                if entry.offset != kept and any(xmp.find(packet, "")):
                    _put(target, entry.offset, bytes(entry.size))  # an old label is nowhere in the file
                new[index] = directories.row(_XMP_TAG, _UNDEFINED, len(made), _append(target, made))
            label = None
        for index, place, data in exif.texts(directories, listed):
            _put(target, place, data)
            new[index] = new[index] if any(data) else None
        if inner := exif.inner(directories, listed):
            for place, data in exif.removals(directories, inner):
                _put(target, place, data)
        found = [row for row in new if row is not None]
        if label is not None:
            made = xmp.packet(label)
            before = sum(row is not None and entry.tag < _XMP_TAG for row, entry in zip(new, listed, strict=True))
            found.insert(before, directories.row(_XMP_TAG, _UNDEFINED, len(made), _append(target, made)))
            label = None
        table = directories.table(found, following)
        if len(found) <= len(rows):
            _put(target, offset, table.ljust(len(directories.table(rows, following)), b"\0"))
        else:
            place = _append(target, table)
            directories.row(0, 0, 0, place)  # raises where the file has grown too large
            _put(target, directories.first, struct.pack(directories.order + directories.code, place))
    if label is not None:
        raise Source(stream, "TIFF").fault(directories.first, "it has no directory")
    target.seek(0, 2)


def _put(target: BinaryIO, place: int, data: bytes) -> None:
    target.seek(place)
    target.write(data)


def _append(target: BinaryIO, data: bytes) -> int:
    """Writes at the end of the file, where the next word begins; returns where that is."""
    end = target.seek(0, 2)
    target.write(bytes(-end % _WORD) + data)
    return end + -end % _WORD


CARRIER = Carrier("TIFF", (".tif", ".tiff"), is_tiff, reader("TIFF", _walk), _write)
"""TIFF in either byte order, and BigTIFF."""
