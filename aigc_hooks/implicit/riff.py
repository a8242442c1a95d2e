"""WAV, RF64 and BW64: the label in a RIFF chunk ``AIGC`` (TC260-PG-202510A).

What is tolerated, and mended when the label is written: a length of the file or of its sound that was never filled in,
as programs that stream leave it (0 or 0xFFFFFFFF); a missing pad byte behind an odd chunk; chunks behind the end that
the RIFF header tells. What else stands there is kept behind the label. A file cut off in a chunk is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import c2pa, riff_chunks
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.parts import Part
from aigc_hooks.implicit.riff_chunks import HEAD, KIND, Form

PLACE = "WAV AIGC chunk"
"""Place of the label."""

_FORM = Form("WAV", PLACE, "an AIGC chunk")
_WIDE = Struct("<QQQI")
_ENTRY = Struct("<4sQ")
_FORMS = (b"RIFF", b"RF64", b"BW64")
_UNKNOWN = 0xFFFFFFFF
_NOT_TOLD = (0, _UNKNOWN, (1 << 64) - 1)
"""Lengths of sound that was streamed, in the header of its chunk or in ds64."""
_MAX_ENTRIES = 1000


class _Chunk(NamedTuple):
    """One chunk: its kind, where its content begins, how long that is, what its header says, where the next begins."""

    kind: bytes
    start: int
    length: int
    told: int
    after: int
    outside: bool = False


def _chunks(source: Source) -> Iterator[_Chunk]:
    head = source.read(0, 12, "RIFF header")
    if not _sniff(head):
        raise source.fault(0, "no RIFF header of WAVE")
    told = int.from_bytes(head[4:8], "little")
    end = 8 + told if told not in (0, _UNKNOWN) and head[:4] == b"RIFF" else source.size
    lengths: dict[bytes, int] = {}
    offset = 12
    while offset + 8 <= source.size:
        kind, told = HEAD.unpack(source.read(offset, 8, "chunk header"))
        source.step(offset)
        start = offset + 8
        length = lengths.get(kind, told) if told == _UNKNOWN else told
        # A program that streamed the file did not know how long it would be.
        if kind == b"data" and length in _NOT_TOLD and not _ends(source, start + length):
            length = source.size - start
        if start + length > source.size:
            if offset >= end:
                return  # no chunk, but what somebody put behind the file
            raise source.fault(offset, f"the {kind!r} chunk of {length} bytes ends after the file")
        if offset >= end and not _begins(source, offset):
            return
        if kind == b"ds64":
            lengths = _wide(source, start, length)
        after = start + length
        if length % 2 and not (_begins(source, after) and not _begins(source, after + 1)):
            after = min(after + 1, source.size)
        yield _Chunk(kind, start, length, told, after, offset >= end)
        offset = after


def kinds(stream: BinaryIO) -> set[bytes]:
    """The kinds of the chunks of a WAV file.

    Raises:
        CarrierError: It is damaged.
    """
    return {chunk.kind for chunk in _chunks(Source(stream, "WAV"))}


def _wide(source: Source, start: int, length: int) -> dict[bytes, int]:
    """The lengths beyond 32 bits that a ds64 chunk tells, by kind of chunk."""
    if length < _WIDE.size:
        raise source.fault(start, f"the ds64 chunk has {length} bytes, and at least {_WIDE.size} belong in it")
    _, data, _, count = _WIDE.unpack(source.read(start, _WIDE.size, "ds64 chunk"))
    found = {b"data": data}
    for index in range(min(count, _MAX_ENTRIES, (length - _WIDE.size) // _ENTRY.size)):
        kind, size = _ENTRY.unpack(source.read(start + _WIDE.size + index * _ENTRY.size, _ENTRY.size, "ds64 chunk"))
        found.setdefault(kind, size)
    return found


def _begins(source: Source, offset: int) -> bool:
    """Whether what looks like a chunk begins at an offset, and ends within the file."""
    if offset + 8 > source.size:
        return False
    kind, length = HEAD.unpack(source.read(offset, 8, "chunk header"))
    return all(0x20 <= byte < 0x7F for byte in kind) and offset + 8 + length <= source.size


def _ends(source: Source, offset: int) -> bool:
    """Whether sound can end at an offset: the file does, or a chunk follows."""
    even = offset + offset % 2  # behind the pad byte
    return even == source.size or offset == source.size or _begins(source, offset) or _begins(source, even)


def _labels(source: Source, chunk: _Chunk) -> Iterator[RawLabel]:
    """The labels in one chunk."""
    for raw in riff_chunks.labels(source, _FORM, chunk.kind, chunk.start, chunk.length):
        outside = ("it stands behind the end that the RIFF header tells",) if chunk.outside else ()
        yield RawLabel(raw.place, raw.text, (*raw.defects, *outside))


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of every chunk."""
    for chunk in _chunks(source):
        yield from _labels(source, chunk)
        if chunk.kind == c2pa.CHUNK:
            yield Manifest("WAV C2PA")


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label as its last chunk; the samples and every other chunk stay."""
    source = Source(stream, "WAV")
    copy(stream, target, 0, 12)
    sizes, sound, offset = None, None, 12
    for chunk in _chunks(source):
        offset = chunk.after
        if any(_labels(source, chunk)):
            target.write(riff_chunks.without(source, chunk.kind, chunk.start, chunk.length))
            continue
        if chunk.kind == b"data":
            sound = chunk.length
        elif chunk.kind == b"ds64":
            sizes = target.tell() + 8
        told = chunk.told
        if told != chunk.length and not (told == _UNKNOWN and sizes is not None):
            told = chunk.length
        if told > _UNKNOWN:
            raise CarrierError(f"a WAV file cannot hold {told} bytes of sound; save it as RF64 first")
        target.write(HEAD.pack(chunk.kind, told))
        copy(stream, target, chunk.start, chunk.length)
        target.write(b"\0" * (chunk.length % 2))
    if sound is None:
        raise source.fault(12, "no data chunk")
    target.write(label_chunk(text))
    length = target.tell() - 8
    copy(stream, target, offset)  # what somebody put behind the file
    _tell(target, length, sound, sizes)


def _tell(target: BinaryIO, length: int, sound: int, sizes: int | None) -> None:
    """Fills in the lengths of the file and of its sound."""
    if sizes is not None:
        target.seek(sizes)
        target.write(length.to_bytes(8, "little") + sound.to_bytes(8, "little"))
        length = _UNKNOWN
    elif length >= _UNKNOWN:
        raise CarrierError("a WAV file cannot grow beyond 4 GiB; save it as RF64 first")
    target.seek(4)
    target.write(length.to_bytes(4, "little"))
    target.seek(0, 2)


def label_chunk(text: str) -> bytes:
    """The chunk that holds the label."""
    return riff_chunks.packed(KIND, text.encode())


def content(source: Source) -> Iterator[Part]:
    """The samples, and how they are laid: fmt and data."""
    return (
        Part(chunk.kind, chunk.start, chunk.length) for chunk in _chunks(source) if chunk.kind in (b"fmt ", b"data")
    )


def _sniff(head: bytes) -> bool:
    return head[:4] in _FORMS and head[8:12] == b"WAVE"


WAV = Carrier("WAV", (".wav", ".wave", ".rf64", ".bw64"), _sniff, reader("WAV", _walk), _write, medium="audio")
"""WAV, also beyond 4 GiB."""


def append(file: BinaryIO, text: str) -> None:
    """Adds the label to a WAV that was just written and holds none: nothing is copied, and nothing need be read.

    Args:
        file: The finished file from its first byte on; seekable and writable.
        text: The label.
    """
    end = file.seek(0, 2)
    file.write(b"\0" * (end % 2) + label_chunk(text))
    length = file.tell() - 8
    if length >= _UNKNOWN:
        raise CarrierError("a WAV file cannot grow beyond 4 GiB; save it as RF64")
    file.seek(4)
    file.write(length.to_bytes(4, "little"))
    file.seek(0, 2)
