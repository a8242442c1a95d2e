"""Where the samples of a file's tracks lie: the boxes stco, co64, stsc and stsz (ISO/IEC 14496-12, 8.7)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from struct import unpack

from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.boxes import Box, Cursor, boxes

_WAY = (b"trak", b"mdia", b"minf", b"stbl")


def chunks(source: Source, moov: Box) -> Iterator[tuple[int, int]]:
    """Offset and length of every chunk of samples, track by track.

    Raises:
        CarrierError: The boxes are damaged.
    """
    tables = [moov]
    for kind in _WAY:
        tables = [box for table in tables for box in boxes(source, table.start, table.end) if box.kind == kind]
    for table in tables:
        yield from _of_track(source, table)


def _of_track(source: Source, table: Box) -> Iterator[tuple[int, int]]:
    inner = {box.kind: box for box in boxes(source, table.start, table.end)}
    wide = b"co64" in inner
    missing = {b"stsc", b"stsz"} - inner.keys()
    if missing or not (wide or b"stco" in inner):
        raise source.fault(table.start, "a track does not tell where its samples lie")
    offsets = _numbers(source, inner[b"co64" if wide else b"stco"], 8 if wide else 4)
    source.step(table.start, len(offsets))
    sizes = _sizes(source, inner[b"stsz"])
    at = 0
    for offset, count in zip(offsets, _counts(source, inner[b"stsc"]), strict=False):
        yield offset, sum(sizes[at : at + count])
        at += count


def _numbers(source: Source, box: Box, size: int, each: int = 1) -> tuple[int, ...]:
    """The numbers in a box that tells how many entries of ``each`` numbers there are."""
    cursor = Cursor(source, box)
    cursor.take(4)
    count = cursor.number(4) * each
    return unpack(f">{count}{'Q' if size == 8 else 'L'}", cursor.take(count * size))


def _sizes(source: Source, box: Box) -> tuple[int, ...]:
    cursor = Cursor(source, box)
    cursor.take(4)
    size, count = cursor.number(4), cursor.number(4)
    if not size:
        return unpack(f">{count}L", cursor.take(count * 4))
    source.step(box.start, count)
    return (size,) * count


def _counts(source: Source, box: Box) -> Iterator[int]:
    """How many samples there are in each chunk; the last entry goes for all that follow."""
    entries = _numbers(source, box, 4, 3)
    firsts, counts = entries[::3], entries[1::3]
    runs = (
        repeat(count, max(until - first, 0)) for first, until, count in zip(firsts, firsts[1:], counts, strict=False)
    )
    return chain(chain.from_iterable(runs), repeat(counts[-1]) if counts else ())
