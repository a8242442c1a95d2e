"""JPEG and MPO: the label in the XMP packet of an APP1 segment, or in Exif UserComment (TC260-PG-20259A)."""

from __future__ import annotations

from collections.abc import Iterator

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit import exif, xmp
from aigc_hooks.implicit.bounds import MAX_PACKET, MAX_PARTS, Source, reader
from aigc_hooks.implicit.field import glued
from aigc_hooks.implicit.parts import Part

PLACE = "JPEG APP1 XMP"
"""Place of the label."""

XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
"""How an APP1 segment with an XMP packet begins."""

_EXTENSION_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
_EXTENDED = "the label stands in extended XMP, which many readers skip"
_OWN_TEXT = "the label is bare text in segment {}, a place that the guides do not name"

_APP0, _APP1, _APP15, _COM, _SOS, _EOI = 0xE0, 0xE1, 0xEF, 0xFE, 0xDA, 0xD9
_STANDALONE = {0x01, 0xD8, *range(0xD0, 0xD8)}
_MAX_FILL = 1 << 16
_ADOBE = 0xEE


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of every segment before the pixels; nothing behind SOS is looked at."""
    if source.read(0, 2, "SOI marker") != b"\xff\xd8":
        raise source.fault(0, "no SOI marker")
    extended: dict[bytes, list[tuple[int, bytes]]] = {}
    offset = 2
    for _ in range(MAX_PARTS):
        marker, offset = _marker(source, offset)
        if marker in (_SOS, _EOI):
            break
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(source.read(offset, 2, "segment length"), "big")
        if length < 2 or offset + length > source.size:
            raise source.fault(offset, f"the segment FF{marker:02X} of {length} bytes ends after the file")
        if marker == _COM or _APP0 <= marker <= _APP15:
            data = source.payload(offset + 2, length - 2, "segment")
            yield from _segment(source, marker, data, extended)
        offset += length
    else:
        raise source.fault(offset, f"more than {MAX_PARTS} segments")
    for parts in extended.values():
        # In order of their offsets: a packet with a missing part is broken XML, which the search still reads.
        whole = b"".join(data for _, data in sorted(parts))
        for raw in xmp.find(whole[:MAX_PACKET], "JPEG APP1 extended XMP"):
            yield RawLabel(raw.place, raw.text, (*raw.defects, _EXTENDED))


def _marker(source: Source, offset: int) -> tuple[int, int]:
    """The marker at an offset, and where it ends; any number of fill bytes FF may stand before it (B.1.1.2)."""
    start = offset
    first, code = source.read(offset, 2, "marker")
    if first != 0xFF:
        raise source.fault(offset, "no marker where a segment should begin")
    while code == 0xFF:
        offset += 1
        code = source.read(offset + 1, 1, "marker")[0]
        if offset - start > _MAX_FILL:
            raise source.fault(offset, f"more than {_MAX_FILL} fill bytes")
    return code, offset + 2


def _segment(
    source: Source, marker: int, data: bytes, extended: dict[bytes, list[tuple[int, bytes]]]
) -> Iterator[RawLabel]:
    """The labels of one APP or COM segment; parts of extended XMP are put aside."""
    name = "COM" if marker == _COM else f"APP{marker - _APP0}"
    if marker == _APP1 and data.startswith(XMP_HEADER):
        yield from xmp.find(data[len(XMP_HEADER) :], PLACE)
    elif marker == _APP1 and data.startswith(_EXTENSION_HEADER):
        # 32 characters of a digest, length of the whole, offset of this part, the part
        guid, part = data[len(_EXTENSION_HEADER) :][:32], data[len(_EXTENSION_HEADER) + 40 :]
        at = int.from_bytes(data[len(_EXTENSION_HEADER) + 36 :][:4], "big")
        extended.setdefault(guid, []).append((at, part))
    elif marker == _APP1 and data.startswith(b"Exif\0"):
        yield from exif.find(data, source)
    else:
        yield from glued(data, f"JPEG {name}", _OWN_TEXT.format(name))


def content(source: Source) -> Iterator[Part]:
    """The pixels: every segment but APP0 to APP13, APP15 and COM, and everything from the first SOS on."""
    offset = 2
    for _ in range(MAX_PARTS):
        marker, offset = _marker(source, offset)
        if marker in (_SOS, _EOI):
            break
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(source.read(offset, 2, "segment length"), "big")
        if marker == _ADOBE or not (marker == _COM or _APP0 <= marker <= _APP15):
            yield Part(b"SEGM", offset - 1, length + 1)  # with the second byte of its marker
        offset += max(length, 2)
    yield Part(b"SCAN", offset, source.size - offset)


def _sniff(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff")


CARRIER = Carrier("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), _sniff, reader("JPEG", _walk))
"""JPEG, and MPO by its first picture."""
