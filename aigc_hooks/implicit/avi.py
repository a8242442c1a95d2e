"""AVI: the label as chunk ``AIGC`` of ``LIST``/``INFO`` (TC260-PG-20257A); OpenDML files beyond 2 GB are among them.

Many programs leave empty ``JUNK`` before the film, and the list grows into that: nothing moves. Where there is none the
film makes way, and its indexes are told anew: ``idx1`` if it counts from the beginning of the file, and OpenDML's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import c2pa, riff_chunks
from aigc_hooks.implicit.avi_index import anew, bases, relative
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.copying import Edit, splice
from aigc_hooks.implicit.parts import Part, around, told
from aigc_hooks.implicit.riff_chunks import HEAD, KIND, Form

PLACE = "AVI LIST INFO AIGC"
"""Place of the label."""

_FORM = Form("AVI", PLACE, "LIST INFO AIGC")
_LONGEST = 0xFFFFFFFF
_MOST_JUNK = 1 << 20
_BESIDE = (b"JUNK", b"_PMX", b"ID3 ", KIND)
"""What is no content: room, and metadata."""


class _Chunk(NamedTuple):
    """A chunk: its kind, where it begins and where the next one does, and where its content lies."""

    kind: bytes
    begin: int
    start: int
    length: int
    after: int


def _chunks(source: Source, offset: int, end: int) -> Iterator[_Chunk]:
    while offset + HEAD.size <= end:
        source.step(offset)
        kind, length = HEAD.unpack(source.read(offset, HEAD.size, "chunk header"))
        start = offset + HEAD.size
        if start + length > end:
            raise source.fault(offset, f"the {kind!r} chunk of {length} bytes ends after the file or its parent")
        after = min(start + length + length % 2, end)
        yield _Chunk(kind, offset, start, length, after)
        offset = after


def _riffs(source: Source) -> Iterator[_Chunk]:
    """The parts of the file: the first, and those of an OpenDML file behind it."""
    offset = 0
    while offset == 0 or (offset + 12 <= source.size and source.read(offset, 4) == b"RIFF"):
        if offset == 0 and not _sniff(source.read(0, 12, "RIFF header")):
            raise source.fault(0, "no RIFF header of AVI")
        riff = next(_chunks(source, offset, source.size))
        if riff.length < 4:
            raise source.fault(offset, "a RIFF part without a form")
        yield riff
        offset = riff.after


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of every chunk."""
    for riff in _riffs(source):
        for chunk in _chunks(source, riff.start + 4, riff.start + riff.length):
            yield from _labels(source, chunk)
            if chunk.kind == c2pa.CHUNK:
                yield Manifest("AVI C2PA")


def _labels(source: Source, chunk: _Chunk) -> Iterator[RawLabel]:
    return riff_chunks.labels(source, _FORM, chunk.kind, chunk.start, chunk.length)


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label as the only one; no frame changes."""
    source = Source(stream, "AVI")
    first, *others = _riffs(source)
    chunks = list(_chunks(source, first.start + 4, first.start + first.length))
    film = next((chunk for chunk in chunks if _is_film(source, chunk)), None)
    if film is None:
        raise source.fault(first.begin, "no list with a film")
    head = chunks[: chunks.index(film)]
    infos = [chunk for chunk in head if riff_chunks.is_info(source, chunk.kind, chunk.start, chunk.length)]
    home = infos[0] if infos else None
    edits = [_placed(source, head, home, film, text)]
    for riff in others:
        chunks += _chunks(source, riff.start + 4, riff.start + riff.length)
    edits += [_cleared(source, chunk) for chunk in chunks if chunk is not home and any(_labels(source, chunk))]
    if home is not None and not edits[0].start <= home.begin < edits[0].end:
        edits.append(Edit(home.begin, home.after, _junk(home.after - home.begin)))
    by = sum(len(edit.data) - (edit.end - edit.start) for edit in edits)
    if by:
        if first.length + by > _LONGEST:
            raise CarrierError("an AVI file's first part cannot grow beyond 4 GiB; write it anew as MKV or MP4")
        edits.append(Edit(first.begin + 4, first.start, (first.length + by).to_bytes(4, "little")))
        edits += anew(source, [(chunk.kind, chunk.start, chunk.length) for chunk in chunks], edits[0].end, by)
    splice(stream, target, edits)


def _is_film(source: Source, chunk: _Chunk) -> bool:
    return chunk.kind == b"LIST" and chunk.length >= 4 and source.read(chunk.start, 4) == b"movi"


def _placed(source: Source, head: list[_Chunk], home: _Chunk | None, film: _Chunk, text: str) -> Edit:
    """Puts the list with the label where it is, into junk, or before what must make way."""
    data = b"INFO" if home is None else source.payload(home.start, home.length, "LIST chunk")
    label = riff_chunks.packed(KIND, text.encode() + b"\0")
    made = riff_chunks.packed(b"LIST", b"INFO" + b"".join([*riff_chunks.others(data), label]))
    spaces: list[tuple[int, int]] = []
    for index, chunk in enumerate(head):
        if chunk is home or chunk.kind == b"JUNK":
            spaces += _spaces(source, head, index)
    own = [space for space in spaces if home and space[0] == home.begin]
    for begin, end in [*own, *spaces]:
        left = end - begin - len(made)
        if left == 0 or left >= HEAD.size:
            return Edit(begin, end, made + (_junk(left) if left else b""))
    begin, end = own[-1] if own else (film.begin, film.begin)
    return Edit(begin, end, made)


def _spaces(source: Source, head: list[_Chunk], index: int) -> Iterator[tuple[int, int]]:
    """From where to where there is nothing but one list, and more and more of the empty junk behind it."""
    begin = head[index].begin
    for chunk in head[index:]:
        source.step(chunk.begin)
        if chunk.kind == b"JUNK":
            # What is not empty is somebody's data, in a place that everybody may overwrite.
            if chunk.length > _MOST_JUNK or any(source.payload(chunk.start, chunk.length, "JUNK chunk")):
                return
        elif chunk.begin != begin:
            return
        yield begin, chunk.after


def _cleared(source: Source, chunk: _Chunk) -> Edit:
    """Takes the labels out of a chunk; nothing moves."""
    made = riff_chunks.without(source, chunk.kind, chunk.start, chunk.length)
    left = chunk.after - chunk.begin - len(made)
    if left < HEAD.size and left:  # the content of XMP and ID3 may end with what means nothing
        filler = b" " if chunk.kind == b"_PMX" else b"\0"
        made = HEAD.pack(chunk.kind, chunk.length) + made[HEAD.size :].ljust(chunk.after - chunk.start, filler)
        left = chunk.after - chunk.begin - len(made)
    if left < 0:
        raise source.fault(chunk.begin, f"the {chunk.kind!r} chunk has no room to be written without its label")
    return Edit(chunk.begin, chunk.after, made + (_junk(left) if left else b""))


def _junk(length: int) -> bytes:
    return HEAD.pack(b"JUNK", length - HEAD.size) + bytes(length - HEAD.size)


def content(source: Source) -> Iterator[Part]:
    """What is neither metadata nor junk; of what tells places, how far they are from the film."""
    riffs = [list(_chunks(source, riff.start + 4, riff.start + riff.length)) for riff in _riffs(source)]
    chunks = [chunk for riff in riffs for chunk in riff]
    films = [chunk for chunk in chunks if _is_film(source, chunk)]
    indexes = list(bases(source, [(chunk.kind, chunk.start, chunk.length) for chunk in chunks]))
    for chunk in chunks:
        kind, start, end = chunk.kind, chunk.start, chunk.start + chunk.length
        form = source.read(start, min(4, chunk.length)) if kind == b"LIST" else b""
        if chunk in films:
            mine = sorted(at for at in set(indexes) if start <= at and at + 8 <= end)
            for at in mine:
                base = int.from_bytes(source.read(at, 8), "little") - start
                yield told(b"base", base.to_bytes(9, "little", signed=True))
            yield from around(b"movi", start, end, [(at, at + 8) for at in mine])
        elif form == b"hdrl":
            yield from around(form, start, end, [(at, at + 8) for at in indexes])
        elif kind == b"idx1" and films:
            yield from relative(source, start, chunk.length, films[0].start)
        elif form != b"INFO" and kind.upper() not in _BESIDE:
            yield Part(form or kind, start, chunk.length)


def _sniff(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"AVI "


CARRIER = Carrier("AVI", (".avi",), _sniff, reader("AVI", _walk), _write, medium="video")
"""AVI, also beyond 2 GB."""
