"""JPEG and MPO: the label in the XMP packet of an APP1 segment, or in Exif UserComment (TC260-PG-20259A).

UserComment is the guide's second way (Annex B), for programs that read no XMP. One label a file is the rule (GB
45438-2025, 6.1 c): the label stands in the one place or in the other. XMP is the usual one, because cameras and editors
keep remarks of their own in UserComment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import c2pa, exif, field, mpf, xmp
from aigc_hooks.implicit.bounds import MAX_PACKET, MAX_PARTS, Source, reader
from aigc_hooks.implicit.copying import Edit, splice
from aigc_hooks.implicit.parts import Part

PLACE = "JPEG APP1 XMP"
"""Place of the label."""

XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
"""How an APP1 segment with an XMP packet begins."""

XMP_LIMIT = 65502
"""Bytes of XMP in one APP1 segment (XMP specification, part 3)."""

_EXTENSION_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
_EXTENDED_PLACE = "JPEG APP1 extended XMP"
_EXTENDED = "the label stands in extended XMP, which many readers skip"
_EXTENDED_PART = 65400  # as the XMP specification advises
_LATER = "it stands in a further picture; the guide has the first"
_OWN_TEXT = "the label is bare text in segment {}, a place that the guides do not name"

_APP0, _APP1, _APP2, _APP11, _APP15, _COM, _SOS, _EOI = 0xE0, 0xE1, 0xE2, 0xEB, 0xEF, 0xFE, 0xDA, 0xD9
_STANDALONE = {0x01, 0xD8, *range(0xD0, 0xD8)}
_MAX_FILL = 1 << 16
_LONGEST = 0xFFFF - 2  # what a segment holds
_JUMBF_HEAD = 64
_ADOBE = 0xEE


class _Segment(NamedTuple):
    """A segment that can hold metadata, APPn or COM: its marker, where it begins and ends, its data."""

    marker: int
    start: int
    end: int
    data: bytes

    @property
    def name(self) -> str:
        return "COM" if self.marker == _COM else f"APP{self.marker - _APP0}"


class _Part(NamedTuple):
    """A part of extended XMP: the digest that names the whole, its offset there, its data."""

    name: bytes
    at: int
    data: bytes


def _segments(source: Source, start: int = 0) -> Iterator[_Segment]:
    """The segments with metadata before the pixels of the picture that begins at an offset."""
    if source.read(start, 2, "SOI marker") != b"\xff\xd8":
        raise source.fault(start, "no SOI marker")
    offset = start + 2
    for _ in range(MAX_PARTS):
        source.step(offset)
        marker, offset = _marker(source, offset)
        if marker in (_SOS, _EOI):
            return
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(source.read(offset, 2, "segment length"), "big")
        if length < 2 or offset + length > source.size:
            raise source.fault(offset, f"the segment FF{marker:02X} of {length} bytes ends after the file")
        if marker == _COM or _APP0 <= marker <= _APP15:
            data = source.payload(offset + 2, length - 2, "segment")
            yield _Segment(marker, offset - 2, offset + length, data)
        offset += length
    raise source.fault(offset, f"more than {MAX_PARTS} segments")


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of every segment before the pixels.

    Behind them only what the index of further pictures names is looked at. Libraries copy the metadata into each: the
    same text is the same label and is not listed again; a different one is.
    """
    extended: dict[bytes, list[_Part]] = {}
    seen: set[str] = set()
    others: list[int] = []
    for segment in _segments(source):
        if part := _part(segment):
            extended.setdefault(part.name, []).append(part)
            continue
        for raw in _labels(source, segment):
            seen.add(raw.text.strip())
            yield raw
        if segment.marker == _APP11 and c2pa.MANIFEST in segment.data[:_JUMBF_HEAD]:
            yield Manifest("JPEG APP11 C2PA")
        if _is_index(segment):
            others += mpf.others(source, segment.data, segment.end - len(segment.data))
    for parts in extended.values():
        for raw in xmp.find(_whole(parts), _EXTENDED_PLACE):
            yield RawLabel(raw.place, raw.text, (*raw.defects, _EXTENDED))
    for segment in _further(source, others):
        for raw in _labels(source, segment):
            if raw.text.strip() not in seen:
                seen.add(raw.text.strip())
                yield RawLabel(raw.place, raw.text, (*raw.defects, _LATER))


def _further(source: Source, places: list[int]) -> Iterator[_Segment]:
    """The segments of further pictures, as far as they are such; many an index tells wrong places."""
    for place in places:
        with suppress(CarrierError):
            yield from (segment for segment in _segments(source, place) if not _part(segment))


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


def _part(segment: _Segment) -> _Part | None:
    """The part of extended XMP in a segment, if it holds one."""
    if segment.marker != _APP1 or not segment.data.startswith(_EXTENSION_HEADER):
        return None
    # 32 characters of a digest, length of the whole, offset of this part, the part
    rest = segment.data[len(_EXTENSION_HEADER) :]
    return _Part(rest[:32], int.from_bytes(rest[36:40], "big"), rest[40:])


def _whole(parts: list[_Part]) -> bytes:
    """Extended XMP of its parts in order: with one missing it is broken XML, which the search still reads."""
    return b"".join(part.data for part in sorted(parts, key=lambda part: (part.at, part.data)))[:MAX_PACKET]


def _is_packet(segment: _Segment) -> bool:
    return segment.marker == _APP1 and segment.data.startswith(XMP_HEADER)


def _is_index(segment: _Segment) -> bool:
    return segment.marker == _APP2 and segment.data.startswith(mpf.HEADER)


def _is_exif(segment: _Segment) -> bool:
    return segment.marker == _APP1 and segment.data.startswith(b"Exif\0")


def _labels(source: Source, segment: _Segment) -> Iterator[RawLabel]:
    """The labels of one segment, but for parts of extended XMP."""
    if _is_packet(segment):
        yield from xmp.find(segment.data[len(XMP_HEADER) :], PLACE)
    elif _is_exif(segment):
        yield from exif.find(segment.data, source)
    else:
        yield from field.glued(segment.data, f"JPEG {segment.name}", _OWN_TEXT.format(segment.name))


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in its XMP packet, or in a new one behind JFIF and Exif; pixels stay, and trailers.

    Trailers are what follows the first picture: more pictures, gain maps, films. They tell their places from their own
    beginning or from the end of the file, but for the index of CIPA DC-007, which is mended. An older label in a
    picture that this index names is blanked there.
    """
    _copy(stream, target, text, alternative=False)


def _write_alternative(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in the UserComment of its Exif block, or of a new one behind JFIF."""
    _copy(stream, target, text, alternative=True)


def _copy(stream: BinaryIO, target: BinaryIO, text: str, *, alternative: bool) -> None:
    """Copies a file with the label in one of its two places, and in no other."""
    source = Source(stream, "JPEG")
    edits: list[Edit] = []
    extended: dict[bytes, list[tuple[_Segment, _Part]]] = {}
    packet, block, index = None, None, None
    place, leading = 2, True
    for segment in _segments(source):
        leading &= segment.marker == _APP0 or _is_exif(segment)
        place = segment.end if leading else place
        if part := _part(segment):
            extended.setdefault(part.name, []).append((segment, part))
        elif packet is None and _is_packet(segment):
            packet = segment
        elif block is None and alternative and _is_exif(segment):
            block = segment
        elif index is None and _is_index(segment):
            index = segment
        elif any(_labels(source, segment)):
            edits.append(Edit(segment.start, segment.end, _without(source, segment)))
    old = packet.data[len(XMP_HEADER) :] if packet else b""
    if alternative:
        made = b"" if xmp.is_own(old) else xmp.cleaned(old)
        start, end = (block.start, block.end) if block else (place, place)
        labelled = exif.labelled(block.data if block else exif.HEADER, text, source)
        edits.append(Edit(start, end, _in_exif(labelled)))
    else:
        made = xmp.labelled(old, text)
    for name, parts in extended.items():
        if any(xmp.find(_whole([part for _, part in parts]), _EXTENDED_PLACE)):
            renamed, pieces = _extended([part for _, part in parts])
            if len(name) == len(renamed):
                made = made.replace(name, renamed)  # the packet names its extension
            edits += [Edit(segment.start, segment.end, b"") for segment, _ in parts[1:]]
            edits.append(Edit(parts[0][0].start, parts[0][0].end, pieces))
    if packet or made:
        start, end = (packet.start, packet.end) if packet else (place, place)
        edits.append(Edit(start, end, _packed(made) if made else b""))
    if index is not None:
        offset = index.end - len(index.data)
        for segment in _further(source, mpf.others(source, index.data, offset)):
            if any(_labels(source, segment)):
                edits.append(Edit(segment.start, segment.end, _blanked(source, segment)))
        edits.append(Edit(index.start, index.end, _stored(_APP2, mpf.mended(source, index.data, offset, edits))))
    splice(stream, target, edits)


def _in_exif(block: bytes) -> bytes:
    """The segment with an Exif block."""
    if len(block) > _LONGEST:
        raise CarrierError(
            f"the Exif block with the label takes {len(block)} bytes, a JPEG holds {_LONGEST}; shorten the label's "
            'reserved codes, or write the label as XMP (picture_place = "xmp")'
        )
    return _stored(_APP1, block)


def _packed(packet: bytes) -> bytes:
    """The segment with a packet."""
    if len(packet) > XMP_LIMIT:
        raise CarrierError(
            f"the XMP with the label takes {len(packet)} bytes, a JPEG holds {XMP_LIMIT}; shorten the label's reserved "
            "codes or take out other XMP, or save the picture as PNG or WebP"
        )
    return _stored(_APP1, XMP_HEADER + packet)


def _without(source: Source, segment: _Segment) -> bytes:
    """A segment that holds labels, without them; nothing where nothing else is in it."""
    if _is_packet(segment):
        return _packed(xmp.cleaned(segment.data[len(XMP_HEADER) :]))
    if _is_exif(segment):
        return _stored(_APP1, exif.without(segment.data, source))
    if segment.marker == _APP11 and segment.data.startswith(b"JP"):
        raise source.fault(segment.start, "a label stands in a C2PA manifest, which may not be changed")
    # Latin-1 keeps every byte of what else stands there.
    rest = field.without(segment.data.decode("latin-1")).encode("latin-1")
    return _stored(segment.marker, rest) if rest else b""


def _blanked(source: Source, segment: _Segment) -> bytes:
    """A segment that holds labels, without them and as long: of pictures behind the first one, others tell the size."""
    size = segment.end - segment.start
    made = _without(source, segment)
    if _is_packet(segment):
        packet = xmp.padded(made[4 + len(XMP_HEADER) :], len(segment.data) - len(XMP_HEADER))
        made = _packed(packet)
    elif len(made) < size:
        made = _stored(segment.marker, made[4:].ljust(len(segment.data)))
    if len(made) != size:
        raise source.fault(segment.start, "the XMP of a further picture holds a label and has no room to lose it")
    return made


def _extended(parts: list[_Part]) -> tuple[bytes, bytes]:
    """Extended XMP without labels: the digest that names it, and its segments."""
    whole = xmp.without(_whole(parts), wrapper=False)
    name = hashlib.md5(whole, usedforsecurity=False).hexdigest().upper().encode()
    head = _EXTENSION_HEADER + name + len(whole).to_bytes(4, "big")
    pieces = [
        _stored(_APP1, head + at.to_bytes(4, "big") + whole[at : at + _EXTENDED_PART])
        for at in range(0, len(whole), _EXTENDED_PART)
    ]
    return name, b"".join(pieces)


def _stored(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data


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


CARRIER = Carrier(
    "JPEG",
    (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    _sniff,
    reader("JPEG", _walk),
    _write,
    medium="image",
    alternative=_write_alternative,
)
"""JPEG, and MPO, the label of which is in its first picture."""
