"""PNG and APNG: the label in iTXt ``XML:com.adobe.xmp``, or in tEXt ``AIGC`` (TC260-PG-20259A)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.implicit import exif, field, xmp
from aigc_hooks.implicit.bounds import MAX_PACKET, MAX_PARTS, MAX_TEXT, Source, reader
from aigc_hooks.implicit.copying import Edit, splice
from aigc_hooks.implicit.field import meant, resembles
from aigc_hooks.implicit.parts import Part
from aigc_hooks.labels import FIELD_NAME

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""The first eight bytes."""

XMP_KEYWORD = "XML:com.adobe.xmp"
"""Keyword of the chunk with the XMP packet."""

_MAX_KEYWORD = 79
_WORDS = (b"AIGC", b"ContentProducer", b"ProduceID")
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_HEAD = Struct(">I4s")
_TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt"}
_PIXELS = {b"IDAT", b"fcTL", b"IEND"}  # or what stands before them
_CONTENT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT"}


class _Chunk(NamedTuple):
    """A chunk: its kind, where it begins and ends, how long its content is."""

    kind: bytes
    start: int
    end: int
    length: int


class _Text(NamedTuple):
    """What a text chunk that can hold a label says, and what is wrong with it."""

    keyword: str
    is_packet: bool
    body: bytes
    place: str
    defects: tuple[str, ...]


def _chunks(source: Source) -> Iterator[_Chunk]:
    """Every chunk, but for those of the pixels, of which some stand for all."""
    if source.read(0, 8, "signature") != SIGNATURE:
        raise source.fault(0, "no PNG signature")
    read, size = source.read, source.size
    offset, head = 8, read(8, 8, "chunk header")
    for _ in range(MAX_PARTS):
        length, kind = _HEAD.unpack(head)
        if not kind.isalpha():
            raise source.fault(offset + 4, f"{kind!r} is no chunk type")
        # The end is checked before the chunk is skipped: a file cut in its pixels is an error, not "no label".
        end = offset + 12 + length
        if end > size:
            raise source.fault(offset, f"the {kind.decode()} chunk of {length} bytes ends after the file")
        yield _Chunk(kind, offset, end, length)
        if kind == b"IEND":
            return
        if kind == b"IDAT":
            offset, head = _after_pixels(source, offset, 12 + length)
        else:
            offset, head = end, read(end, 8, "chunk header")
    raise source.fault(offset, f"more than {MAX_PARTS} chunks")


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of every chunk, those after the pixels as well."""
    for chunk in _chunks(source):
        if chunk.kind in _TEXT_CHUNKS:
            if text := _text(source, chunk):
                yield from _labels(text)
        elif chunk.kind == b"eXIf":
            data = source.payload(chunk.start + 8, chunk.length, "eXIf chunk")
            yield from exif.find(data, source, (exif.NOT_IN_GUIDE,))
        elif chunk.kind == b"caBX":
            yield Manifest("PNG caBX")


def _after_pixels(source: Source, offset: int, stride: int) -> tuple[int, bytes]:
    """A chunk that follows an IDAT chunk of ``stride`` bytes, past as much of the pixels as can be told.

    IDAT chunks stand in one row (PNG specification, 5.6), and encoders make all but the last of one size: where the
    last one would then begin, it begins, or every chunk is walked.

    Returns:
        The offset of the chunk and its header.
    """
    last = offset + (source.size - offset - 8) // stride * stride
    if last > offset + stride:
        head = source.read(last, 8, "chunk header")
        if head.endswith(b"IDAT"):
            return last, head
    return offset + stride, source.read(offset + stride, 8, "chunk header")


def _text(source: Source, chunk: _Chunk) -> _Text | None:
    """What a text chunk says, if its keyword is one that can hold a label."""
    kind, offset, length = chunk.kind.decode(), chunk.start, chunk.length
    head = source.read(offset + 8, min(length, _MAX_KEYWORD + 1), "keyword")
    name, zero, _ = head.partition(b"\0")
    keyword = name.decode("latin-1")
    is_packet = keyword.lower() == XMP_KEYWORD.lower()
    if not zero or not (is_packet or FIELD_NAME in keyword.upper()):
        return _free_text(source, chunk, keyword) if zero and length <= MAX_TEXT else None
    data = source.payload(offset + 8, length, f"{kind} chunk")
    defects: list[str] = []
    crc = int.from_bytes(source.read(offset + 8 + length, 4), "big")
    if zlib.crc32(data, zlib.crc32(chunk.kind)) != crc:
        defects.append("the checksum of the chunk is wrong")
    body = _body(source, offset, kind, data[len(name) + 1 :], defects, MAX_PACKET if is_packet else MAX_TEXT)
    right, expected = ("iTXt", XMP_KEYWORD) if is_packet else ("tEXt", FIELD_NAME)
    if kind != right:
        what = "XMP packet" if is_packet else f"keyword {FIELD_NAME}"
        defects.append(f"the guide has the {what} in {right}, not in {kind}")
    if keyword != expected:
        defects.append(f"the keyword is {keyword!r}, not {expected!r}")
    return _Text(keyword, is_packet, body, f"PNG {kind} {expected}", tuple(defects))


def _free_text(source: Source, chunk: _Chunk, keyword: str) -> _Text | None:
    """What a chunk with another keyword says, such as a comment, if it is not compressed and meant as a label."""
    kind = chunk.kind.decode()
    body = source.payload(chunk.start + 8, chunk.length, f"{kind} chunk")[len(keyword) + 1 :]
    # Words first: programs put megabytes of their own JSON there.
    if kind == "zTXt" or not any(word in body for word in _WORDS) or not resembles(_characters(body)):
        return None
    if kind == "iTXt":
        if body[:1] != b"\0":
            return None
        body = body[2:].split(b"\0", 2)[-1]  # flag, method, language tag, translated keyword
    defect = f"the label is text with the keyword {keyword!r}, a place that the guides do not name"
    return _Text(keyword, False, body, f"PNG {kind} {keyword}", (defect,))


def _labels(text: _Text) -> Iterator[RawLabel]:
    """The labels in one text chunk."""
    if text.is_packet:
        for raw in xmp.find(text.body, text.place):
            yield RawLabel(raw.place, raw.text, (*text.defects, *raw.defects)) if text.defects else raw
    elif meant(text.keyword, characters := _characters(text.body)):
        wide = ("the text is UTF-16, which PNG does not have",) if text.body.startswith(_WIDE) else ()
        yield RawLabel(text.place, characters, (*text.defects, *wide))


def _body(source: Source, offset: int, kind: str, data: bytes, defects: list[str], limit: int) -> bytes:
    """The text of a chunk after its keyword, decompressed within the limit."""
    compressed = kind == "zTXt"
    if kind == "iTXt":
        compressed = data[:1] == b"\1"
        # flag, method, language tag, translated keyword
        fields = data[2:].split(b"\0", 2)
        data = fields[2] if len(fields) == 3 else b""
        if len(fields) < 3:
            defects.append("the iTXt chunk is cut short")
    elif compressed:
        data = data[1:]
    if not compressed:
        return data
    defects.append("the text is compressed; the standard asks for plain text")
    try:
        text = zlib.decompressobj().decompress(data, limit + 1)
    except zlib.error as error:
        raise source.fault(offset, f"the compressed {kind} chunk is broken: {error}") from error
    source.spend(offset, len(text))
    if len(text) > limit:
        raise source.fault(offset, f"the {kind} chunk is longer than {limit} bytes when decompressed")
    return text


def _characters(data: bytes) -> str:
    """Text as tools write it: UTF-8, or Latin-1 as the PNG specification has it for tEXt."""
    data = data[: MAX_TEXT + 4]
    if data.startswith(_WIDE):
        return data.decode("utf-16", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in its XMP packet, or in a new one before the pixels; every other chunk stays."""
    _copy(stream, target, text, alternative=False)


def _write_alternative(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in a text chunk of its own before the pixels; every other chunk stays."""
    _copy(stream, target, text, alternative=True)


def _copy(stream: BinaryIO, target: BinaryIO, text: str, *, alternative: bool) -> None:
    """Copies a file with the label in one of its two places, and in no other."""
    source = Source(stream, "PNG")
    edits: list[Edit] = []
    old: tuple[_Chunk, _Text] | None = None
    pixels = None
    for chunk in _chunks(source):
        if pixels is None and chunk.kind in _PIXELS:
            pixels = chunk.start
        if chunk.kind == b"eXIf":
            data = source.payload(chunk.start + 8, chunk.length, "eXIf chunk")
            if data != (rest := exif.without(data, source)):
                edits.append(Edit(chunk.start, chunk.end, _chunk(b"eXIf", rest)))
        elif chunk.kind in _TEXT_CHUNKS and (found := _text(source, chunk)):
            if old is None and (found.keyword.upper() == FIELD_NAME if alternative else found.is_packet):
                old = chunk, found
            elif any(_labels(found)):
                alone = alternative and found.is_packet and xmp.is_own(found.body)
                edits.append(Edit(chunk.start, chunk.end, b"" if alone else _without(source, chunk, found)))
    assert pixels is not None  # a file ends with IEND, or the walk over its chunks with an error
    if alternative:
        made = field.wrapped(text).encode()
        stored = _chunk(b"tEXt", FIELD_NAME.encode() + b"\0" + made)
    else:
        made = xmp.labelled(old[1].body if old else b"", text)
        stored = _itxt(made)
    if old is None:
        edits.append(Edit(pixels, pixels, stored))
    elif old[0].start > pixels:  # where many readers do not look
        edits += [Edit(pixels, pixels, stored), Edit(old[0].start, old[0].end, b"")]
    elif old[1].defects or made != old[1].body:
        edits.append(Edit(old[0].start, old[0].end, stored))
    splice(stream, target, edits)


def _without(source: Source, chunk: _Chunk, text: _Text) -> bytes:
    """A text chunk that holds labels, without them; nothing where it was made for them, or nothing else is in it."""
    if text.is_packet:
        return _itxt(xmp.cleaned(text.body))
    if FIELD_NAME in text.keyword.upper():
        return b""
    # Latin-1 keeps every byte of what else stands there.
    rest = field.without(text.body.decode("latin-1")).encode("latin-1")
    before = source.read(chunk.start + 8, chunk.length - len(text.body), "text chunk")
    return _chunk(chunk.kind, before + rest) if rest else b""


def _itxt(packet: bytes) -> bytes:
    """The chunk with a packet: not compressed, of no language."""
    return _chunk(b"iTXt", XMP_KEYWORD.encode() + bytes(5) + packet)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return _HEAD.pack(len(data), kind) + data + zlib.crc32(data, zlib.crc32(kind)).to_bytes(4, "big")


def content(source: Source) -> Iterator[Part]:
    """The pixels: the data of IHDR, PLTE, tRNS and IDAT, and of an animation acTL, fcTL and fdAT."""
    offset = 8
    while offset + 8 <= source.size:
        length, kind = _HEAD.unpack(source.read(offset, 8, "chunk header"))
        source.step(offset)
        if kind in _CONTENT:
            yield Part(kind, offset + 8, length)
        offset += 12 + length


def checked(data: bytes, at: int) -> bytes:
    """A file with the right checksum for the chunk that holds an offset, whose data have been changed."""
    offset = 8
    while True:
        length, _ = _HEAD.unpack_from(data, offset)
        end = offset + 8 + length
        if at < end + 4:
            return data[:end] + zlib.crc32(data[offset + 4 : end]).to_bytes(4, "big") + data[end + 4 :]
        offset = end + 4


def _sniff(head: bytes) -> bool:
    return head.startswith(SIGNATURE)


CARRIER = Carrier(
    "PNG",
    (".png", ".apng"),
    _sniff,
    reader("PNG", _walk),
    _write,
    medium="image",
    alternative=_write_alternative,
)
"""PNG and animated PNG."""
