"""WAV, RF64 and BW64: the label in a RIFF chunk ``AIGC`` (TC260-PG-202510A)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import MAX_TEXT, Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.labels import FIELD_NAME

PLACE = "WAV AIGC chunk"
"""Place of the label."""

_KIND = FIELD_NAME.encode()
_HEAD = Struct("<4sI")
_WIDE = Struct("<QQQ")
_FORMS = (b"RIFF", b"RF64", b"BW64")
_UNKNOWN = 0xFFFFFFFF


class _Chunk(NamedTuple):
    """One chunk: its kind, where its content begins, how long that is, and where the next chunk begins."""

    kind: bytes
    start: int
    length: int
    after: int


def _chunks(source: Source) -> Iterator[_Chunk]:
    head = source.read(0, 12, "RIFF header")
    if head[:4] not in _FORMS or head[8:] != b"WAVE":
        raise source.fault(0, "no RIFF header of WAVE")
    data_length = None
    offset = 12
    while offset + 8 <= source.size:
        kind, length = _HEAD.unpack(source.read(offset, 8, "chunk header"))
        source.step(offset)
        start = offset + 8
        if kind == b"ds64" and length >= 24:
            data_length = _WIDE.unpack(source.read(start, 24, "ds64 chunk"))[1]
        if kind == b"data":
            if length == _UNKNOWN and data_length is not None:
                length = data_length
            # A program that streamed the file did not know how long it would be.
            if length in (0, _UNKNOWN) and start + length != source.size and not _follows(source, start + length):
                length = source.size - start
        if start + length > source.size:
            raise source.fault(offset, f"the {kind!r} chunk of {length} bytes ends after the file")
        after = min(start + length + length % 2, source.size)
        yield _Chunk(kind, start, length, after)
        offset = after


def kinds(stream: BinaryIO) -> set[bytes]:
    """The kinds of the chunks of a WAV file.

    Raises:
        CarrierError: It is damaged.
    """
    return {chunk.kind for chunk in _chunks(Source(stream, "WAV"))}


def _follows(source: Source, offset: int) -> bool:
    """Whether something that looks like a chunk begins at an offset."""
    return offset + 8 <= source.size and source.read(offset, 4).isascii() and source.read(offset, 4).isalnum()


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of every chunk."""
    for chunk in _chunks(source):
        if chunk.kind == _KIND:
            data = source.payload(chunk.start, chunk.length, "AIGC chunk", MAX_TEXT)
            yield RawLabel(PLACE, data.rstrip(b"\0").decode("utf-8", "replace"))
        elif chunk.kind == b"LIST" and chunk.length >= 4:
            data = source.payload(chunk.start, chunk.length, "LIST chunk")
            for kind, text in _items(data):
                if kind == _KIND:
                    found = text.rstrip(b"\0").decode("utf-8", "replace")
                    yield RawLabel("WAV LIST INFO AIGC", found, ("the guide has an AIGC chunk here, not LIST/INFO",))


def _items(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The items of an INFO list."""
    offset = 4
    while data[:4] == b"INFO" and offset + 8 <= len(data):
        kind, length = _HEAD.unpack_from(data, offset)
        yield kind, data[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label as its last chunk; the samples and every other chunk stay."""
    source = Source(stream, "WAV")
    wide = source.read(0, 4, "RIFF header") != b"RIFF"
    copy(stream, target, 0, 12)
    sizes, has_data = None, False
    for chunk in _chunks(source):
        if chunk.kind == _KIND:
            continue
        if chunk.kind == b"LIST":
            data = source.payload(chunk.start, chunk.length, "LIST chunk")
            if any(kind == _KIND for kind, _ in _items(data)):
                kept = b"".join(_chunk(kind, item) for kind, item in _items(data) if kind != _KIND)
                target.write(_chunk(b"LIST", b"INFO" + kept))
                continue
        has_data |= chunk.kind == b"data"
        if chunk.kind == b"ds64":
            sizes = target.tell() + 8
        told = chunk.length if chunk.length < _UNKNOWN and not (wide and chunk.kind == b"data") else _UNKNOWN
        target.write(_HEAD.pack(chunk.kind, told))
        copy(stream, target, chunk.start, chunk.length)
        target.write(b"\0" * (chunk.length % 2))
    if not has_data:
        raise source.fault(12, "no data chunk")
    target.write(_chunk(_KIND, text.encode()))
    length = target.tell() - 8
    if sizes is not None:
        target.seek(sizes)
        target.write(length.to_bytes(8, "little"))
    elif length >= _UNKNOWN:
        raise CarrierError("a WAV file cannot grow beyond 4 GiB; save it as RF64 first")
    target.seek(4)
    target.write((_UNKNOWN if sizes is not None else length).to_bytes(4, "little"))
    target.seek(0, 2)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return _HEAD.pack(kind, len(data)) + data + b"\0" * (len(data) % 2)


def _sniff(head: bytes) -> bool:
    return head[:4] in _FORMS and head[8:12] == b"WAVE"


WAV = Carrier("WAV", (".wav", ".wave", ".rf64", ".bw64"), _sniff, reader("WAV", _walk), _write)
"""WAV, also beyond 4 GiB."""


def append(file: BinaryIO, text: str) -> None:
    """Adds the label to a WAV that was just written and holds none: nothing is copied, and nothing need be read.

    Args:
        file: The finished file from its first byte on; seekable and writable.
        text: The label.
    """
    end = file.seek(0, 2)
    file.write(b"\0" * (end % 2) + _chunk(_KIND, text.encode()))
    length = file.tell() - 8
    if length >= _UNKNOWN:
        raise CarrierError("a WAV file cannot grow beyond 4 GiB; save it as RF64")
    file.seek(4)
    file.write(length.to_bytes(4, "little"))
    file.seek(0, 2)
