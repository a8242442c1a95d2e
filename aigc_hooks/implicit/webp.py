"""WebP: the label in the ``XMP `` chunk, or in Exif UserComment (TC260-PG-20259A)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import c2pa, exif, xmp
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.copying import Edit, splice
from aigc_hooks.implicit.parts import Part, chunks

PLACE = "WebP XMP"
"""Place of the label."""

_HEAD = Struct("<4sI")
_XMP, _XMP_KINDS = b"XMP ", (b"XMP ", b"XMP\0")
_EXIF = b"EXIF"
_XMP_FLAG, _EXIF_FLAG, _ALPHA_FLAG, _ICC_FLAG = 0x04, 0x08, 0x10, 0x20
_EXTENDED_SIZE = 10
_LOSSLESS_MARK = 0x2F
_LARGEST = 0xFFFFFFFE  # of the length in the RIFF header, which is even
_CONTENT = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_UNANNOUNCED = "the VP8X chunk does not announce XMP: other readers skip it"


class _Chunk(NamedTuple):
    """A chunk: its kind, where it begins and where the next one does, how long its content is."""

    kind: bytes
    start: int
    end: int
    length: int


def _chunks(source: Source) -> Iterator[_Chunk]:
    head = source.read(0, 12, "RIFF header")
    if head[:4] != b"RIFF" or head[8:] != b"WEBP":
        raise source.fault(0, "no RIFF header of WebP")
    end = 8 + int.from_bytes(head[4:8], "little")
    if end > source.size:
        raise source.fault(4, f"the RIFF header announces {end} bytes, the file has {source.size}")
    offset = 12
    while offset + 8 <= end:
        kind, length = _HEAD.unpack(source.read(offset, 8, "chunk header"))
        source.step(offset)
        after = offset + 8 + length + length % 2  # chunks begin at even offsets
        if offset + 8 + length > end:
            raise source.fault(offset, f"the {kind!r} chunk of {length} bytes ends after the file")
        yield _Chunk(kind, offset, min(after, end), length)
        offset = after


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of every chunk."""
    announced = False
    for chunk in _chunks(source):
        if chunk.kind == b"VP8X":
            announced = bool(source.read(chunk.start + 8, 1, "VP8X chunk")[0] & _XMP_FLAG) if chunk.length else False
        elif chunk.kind in _XMP_KINDS:
            defects: tuple[str, ...] = () if announced else (_UNANNOUNCED,)
            if chunk.kind != _XMP:
                defects += (f"the chunk is named {chunk.kind!r}, not {_XMP!r}",)
            for raw in xmp.find(_payload(source, chunk), PLACE):
                yield RawLabel(PLACE, raw.text, raw.defects + defects)
        elif chunk.kind == _EXIF:
            yield from exif.find(_payload(source, chunk), source)
        elif chunk.kind == c2pa.CHUNK:
            yield Manifest("WebP C2PA")


def _payload(source: Source, chunk: _Chunk) -> bytes:
    return source.payload(chunk.start + 8, chunk.length, f"{chunk.kind.decode('latin-1').strip()} chunk")


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in its XMP chunk, or in a new one that is the last; every other chunk stays.

    A file of one picture alone becomes an extended one (VP8X), which can hold metadata.
    """
    _copy(stream, target, text, alternative=False)


def _write_alternative(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in its EXIF chunk, or in a new one that is the last; every other chunk stays."""
    _copy(stream, target, text, alternative=True)


def _copy(stream: BinaryIO, target: BinaryIO, text: str, *, alternative: bool) -> None:
    """Copies a file with the label in one of its two places, and in no other."""
    source = Source(stream, "WebP")
    edits: list[Edit] = []
    chunks: dict[bytes, _Chunk] = {}  # the first of each kind
    old, end = None, 12
    for chunk in _chunks(source):
        chunks.setdefault(chunk.kind, chunk)
        end = chunk.end
        if old is None and (chunk.kind == _EXIF if alternative else chunk.kind in _XMP_KINDS):
            old = chunk
        elif chunk.kind in (*_XMP_KINDS, _EXIF):
            data = _payload(source, chunk)
            rest = exif.without(data, source) if chunk.kind == _EXIF else xmp.cleaned(data)
            if rest != data:
                edits.append(Edit(chunk.start, chunk.end, _chunk(chunk.kind, rest)))
    held = _payload(source, old) if old else b""
    made = _chunk(_EXIF, exif.labelled(held, text, source)) if alternative else _chunk(_XMP, xmp.labelled(held, text))
    # A last chunk without its pad byte gets it: nothing could follow it.
    edits.append(Edit(old.start, old.end, made) if old else Edit(end, end, b"\0" * (end % 2) + made))
    edits.append(_announced(source, chunks, _EXIF_FLAG if alternative else _XMP_FLAG))
    grown = sum(len(data) - (stop - start) for start, stop, data in edits)
    length = int.from_bytes(source.read(4, 4), "little") + grown
    if length >= _LARGEST:
        raise CarrierError(f"a WebP file cannot grow beyond {_LARGEST} bytes; save the picture as PNG or AVIF")
    edits.append(Edit(4, 8, length.to_bytes(4, "little")))
    splice(stream, target, edits)


def _announced(source: Source, chunks: dict[bytes, _Chunk], flag: int) -> Edit:
    """The edit that makes the first chunk a VP8X with the flag of what holds the label (RFC 9649, 2.7)."""
    if extended := chunks.get(b"VP8X"):
        if extended.length < _EXTENDED_SIZE:
            raise source.fault(extended.start, f"the VP8X chunk has {extended.length} bytes, not {_EXTENDED_SIZE}")
        flags = source.read(extended.start + 8, 1, "VP8X chunk")[0] | flag
        return Edit(extended.start + 8, extended.start + 9, bytes((flags,)))
    flags = flag | (_EXIF_FLAG if _EXIF in chunks else 0) | (_ICC_FLAG if b"ICCP" in chunks else 0)
    if lossless := chunks.get(b"VP8L"):
        start = lossless.start + 8
        head = source.read(start, 5, "VP8L header")
        if head[0] != _LOSSLESS_MARK:
            raise source.fault(start, "the VP8L chunk begins without its mark")
        bits = int.from_bytes(head[1:], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags |= _ALPHA_FLAG if bits >> 28 & 1 else 0
    elif lossy := chunks.get(b"VP8 "):
        start = lossy.start + 8
        head = source.read(start, 10, "VP8 header")
        if head[3:6] != b"\x9d\x01\x2a":
            raise source.fault(start, "the VP8 chunk begins with no key frame")
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        flags |= _ALPHA_FLAG if b"ALPH" in chunks else 0
    else:
        raise source.fault(12, "no picture in it")
    if not width or not height:
        raise source.fault(start, f"its picture is of {width}×{height} pixels")
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
    return Edit(12, 12, _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + sides))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return _HEAD.pack(kind, len(data)) + data + b"\0" * (len(data) % 2)


def content(source: Source) -> Iterator[Part]:
    """The pixels: VP8, VP8L and ALPH, and of an animation ANIM and ANMF."""
    return chunks(source, 12, _HEAD, _CONTENT)


def _sniff(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


CARRIER = Carrier(
    "WebP",
    (".webp",),
    _sniff,
    reader("WebP", _walk),
    _write,
    medium="image",
    alternative=_write_alternative,
)
"""WebP, lossy, lossless or animated."""
