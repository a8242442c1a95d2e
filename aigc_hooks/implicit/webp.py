"""WebP: the label in the ``XMP `` chunk, or in Exif UserComment (TC260-PG-20259A)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit import exif, xmp
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.parts import Part, chunks

PLACE = "WebP XMP"
"""Place of the label."""

_HEAD = Struct("<4sI")
_XMP_FLAG = 0x04
_CONTENT = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_UNANNOUNCED = "the VP8X chunk does not announce XMP: other readers skip it"


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of every chunk."""
    head = source.read(0, 12, "RIFF header")
    if head[:4] != b"RIFF" or head[8:] != b"WEBP":
        raise source.fault(0, "no RIFF header of WebP")
    end = 8 + int.from_bytes(head[4:8], "little")
    if end > source.size:
        raise source.fault(4, f"the RIFF header announces {end} bytes, the file has {source.size}")
    announced = False
    offset = 12
    while offset + 8 <= end:
        kind, length = _HEAD.unpack(source.read(offset, 8, "chunk header"))
        source.step(offset)
        if offset + 8 + length > end:
            raise source.fault(offset, f"the {kind!r} chunk of {length} bytes ends after the file")
        if kind == b"VP8X":
            announced = bool(source.read(offset + 8, 1, "VP8X chunk")[0] & _XMP_FLAG) if length else False
        elif kind in (b"XMP ", b"XMP\0"):
            defects: tuple[str, ...] = () if announced else (_UNANNOUNCED,)
            if kind != b"XMP ":
                defects += (f"the chunk is named {kind!r}, not b'XMP '",)
            for raw in xmp.find(source.payload(offset + 8, length, "XMP chunk"), PLACE):
                yield RawLabel(PLACE, raw.text, raw.defects + defects)
        elif kind == b"EXIF":
            yield from exif.find(source.payload(offset + 8, length, "EXIF chunk"), source)
        offset += 8 + length + length % 2  # chunks begin at even offsets


def content(source: Source) -> Iterator[Part]:
    """The pixels: VP8, VP8L and ALPH, and of an animation ANIM and ANMF."""
    return chunks(source, 12, _HEAD, _CONTENT)


def _sniff(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


CARRIER = Carrier("WebP", (".webp",), _sniff, reader("WebP", _walk))
"""WebP, lossy, lossless or animated."""
