"""Where an AVI file tells places in itself: ``idx1``, and the indexes of OpenDML (OpenDML AVI 1.02, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import iter_unpack, unpack_from

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, Source
from aigc_hooks.implicit.copying import Edit
from aigc_hooks.implicit.parts import Part, told
from aigc_hooks.implicit.riff_chunks import HEAD

_Chunk = tuple[bytes, int, int]
"""Its kind, where its content begins, and how long that is."""

_OLD = 16
_TOLD_BY = 8
_PIECE = _OLD << 16
_OF_INDEXES, _OF_CHUNKS = 0, 1
_BASE = 12
_ENTRIES, _ENTRY = 24, 16


def anew(source: Source, chunks: Iterable[_Chunk], place: int, by: int) -> Iterator[Edit]:
    """Tells every place anew in a file of which a part moves.

    Args:
        source: The file.
        chunks: The chunks of its parts.
        place: Offset of the first byte that moves.
        by: How far.

    Raises:
        CarrierError: The file is damaged, or a number has become too long for where it stands.
    """
    film, listed = None, list(chunks)
    for kind, start, length in listed:
        form = source.read(start, min(4, length)) if kind == b"LIST" else b""
        if form == b"movi" and film is None:
            film = start
        elif kind == b"idx1" and film is not None:
            yield from _old(source, start, length, film, place, by)
    for at in bases(source, listed):
        yield _told(source, at, place, by)


def bases(source: Source, chunks: Iterable[_Chunk]) -> Iterator[int]:
    """Where the indexes of OpenDML tell places, each in eight bytes.

    Raises:
        CarrierError: The file is damaged.
    """
    for kind, start, length in chunks:
        if kind == b"LIST" and source.read(start, min(4, length)) == b"hdrl":
            for stream in _inside(source, start + 4, start + length, b"LIST"):
                for _, at, count in _inside(source, stream[1] + 4, stream[1] + stream[2], b"indx"):
                    yield from _open(source, at, count)


def relative(source: Source, start: int, length: int, film: int) -> Iterator[Part]:
    """An ``idx1`` that counts from the list of the film on, however the file's own counts.

    Args:
        source: The file.
        start: Where its content begins.
        length: How long that is.
        film: Where the content of the film's list begins.
    """
    base = 0 if _counts_from_the_beginning(source, start, length, film) else film
    for begin in range(start, start + length, _PIECE):
        data = bytearray(source.read(begin, min(_PIECE, start + length - begin), "idx1 chunk"))
        for at in range(8, len(data) - 7, _OLD) if base == 0 else ():
            offset = int.from_bytes(data[at : at + 4], "little") - film
            data[at : at + 4] = (offset & 0xFFFFFFFF).to_bytes(4, "little")
        yield told(b"idx1", bytes(data))


def _inside(source: Source, offset: int, end: int, wanted: bytes) -> Iterator[_Chunk]:
    while offset + HEAD.size <= end:
        source.step(offset)
        kind, length = HEAD.unpack(source.read(offset, HEAD.size, "chunk header"))
        offset += HEAD.size
        if offset + length > end:
            raise source.fault(offset - HEAD.size, f"the {kind!r} chunk of {length} bytes ends after its parent")
        if kind == wanted:
            yield kind, offset, length
        offset += length + length % 2


def _old(source: Source, start: int, length: int, film: int, place: int, by: int) -> Iterator[Edit]:
    """``idx1`` counts from the list of the film on, or from the beginning of the file: its first entries tell."""
    count = length // _OLD
    if not _counts_from_the_beginning(source, start, length, film):
        return
    data = bytearray(source.payload(start, count * _OLD, "idx1 chunk", MAX_PAYLOAD))
    for at in range(8, len(data), _OLD):
        source.step(start + at)
        data[at : at + 4] = _moved(bytes(data[at : at + 4]), place, by)
    yield Edit(start, start + len(data), bytes(data))


def _counts_from_the_beginning(source: Source, start: int, length: int, film: int) -> bool:
    first = list(iter_unpack("<4s4xI4x", source.read(start, min(length // _OLD, _TOLD_BY) * _OLD)))

    def are_there(base: int) -> bool:
        places = [(kind, base + offset) for kind, offset in first]
        return all(place + 4 <= source.size and source.read(place, 4) == kind for kind, place in places)

    return not are_there(film) and are_there(0)


def _open(source: Source, start: int, length: int) -> Iterator[int]:
    """The places in an index of indexes, and in those; or in one index of chunks."""
    if length < _ENTRIES:
        raise source.fault(start, f"the indx chunk has {length} bytes, and at least {_ENTRIES} belong in it")
    kind, count = unpack_from("<3xBI", source.read(start, 8))
    if kind == _OF_CHUNKS:
        yield start + _BASE
    elif kind == _OF_INDEXES:
        for at in range(
            start + _ENTRIES, start + _ENTRIES + min(count, (length - _ENTRIES) // _ENTRY) * _ENTRY, _ENTRY
        ):
            (index,) = unpack_from("<Q", source.read(at, 8))
            if index:
                yield at
                yield index + HEAD.size + _BASE


def _told(source: Source, at: int, place: int, by: int) -> Edit:
    source.step(at)
    return Edit(at, at + 8, _moved(source.read(at, 8, "index"), place, by))


def _moved(number: bytes, place: int, by: int) -> bytes:
    offset = int.from_bytes(number, "little")
    offset += by if offset >= place else 0
    if offset < 0 or offset >> 8 * len(number):
        raise CarrierError("an offset in this AVI file's index does not fit any more; write it anew as MKV or MP4")
    return offset.to_bytes(len(number), "little")
