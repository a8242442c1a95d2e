"""AVIF and HEIC: the label in a ``mime`` item with XMP (TC260-PG-20259A; ISO/IEC 14496-12, 8.11; 23008-12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.implicit import c2pa, heif_items, heif_update, mp4_content, mp4_samples
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.boxes import Box, boxes
from aigc_hooks.implicit.copying import splice
from aigc_hooks.implicit.mp4_offsets import Shifts, correct
from aigc_hooks.implicit.parts import Part

__all__ = ["AVIF", "HEIC", "Box", "boxes", "has_brand"]

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of the file's items."""
    top = list(boxes(source, 0, source.size))
    if not top or top[0].kind != b"ftyp":
        raise source.fault(0, "no ftyp box at its beginning")
    if not any(box.kind in (b"meta", b"moov") for box in top):
        raise source.fault(source.size, "it ends without a meta or moov box")
    for box in top:
        if box.kind == b"meta" and (inner := heif_items.inside(source, box)):
            yield from heif_items.labels(source, inner)
        elif c2pa.is_box(source, box):
            yield Manifest("uuid C2PA")


def _write(source: Source, target: BinaryIO, text: str) -> None:
    """Copies a file with the label in the XMP item of its picture; what is told by its offset is told anew."""
    metas, begin = [], 0
    film = False
    for box in boxes(source, 0, source.size):
        if box.kind == b"meta" and (inner := heif_items.inside(source, box)):
            metas.append((begin, box, inner))
        film |= box.kind in (b"moov", b"moof", b"mfra", b"sidx")
        begin = box.end
    if len(metas) != 1:
        raise source.fault(
            source.size,
            f"{len(metas)} meta boxes with items in it, not one: no label can be put into it; write the picture anew",
        )
    edits = heif_update.labelled(source, *metas[0], text)
    splice(source.stream, target, edits)
    if film:
        shifts = Shifts()
        for edit in sorted(edits):
            shifts.add(edit.end, len(edit.data) - (edit.end - edit.start))
        correct(target, shifts, items_are_right=True)
        target.seek(0, 2)


def _writer(name: str) -> Callable[[BinaryIO, BinaryIO, str], None]:
    return lambda stream, target, text: _write(Source(stream, name), target, text)


def content(source: Source) -> Iterator[Part]:
    """Pictures and samples: of files with items what their items and tracks name, of others what ``mp4_content`` says.

    Both without items of XMP and Exif: a longer one moves and leaves a gap, which nothing names.
    """
    top = list(boxes(source, 0, source.size))
    metas = [inner for box in top if box.kind == b"meta" and (inner := heif_items.inside(source, box))]
    fragments = any(box.kind == b"moof" for box in top)
    if not metas or fragments:
        yield from mp4_content.content(source, top)
        return
    named = [extent for inner in metas for extent in heif_items.pictures(source, inner)]
    named += [chunk for box in top if box.kind == b"moov" for chunk in mp4_samples.chunks(source, box)]
    end = 0
    for start, length in sorted(named):  # a sequence's first picture is often an item and a sample
        begin = max(start, end)
        end = max(start + length, end)
        yield Part(b"mdat", begin, end - begin)


def has_brand(head: bytes, brands: set[bytes]) -> bool:
    """Whether the ftyp box at the beginning names one of these brands."""
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return head[8:12] in brands or any(head[at : at + 4] in brands for at in range(16, end, 4))


def _sniff_avif(head: bytes) -> bool:
    return has_brand(head, _AVIF_BRANDS)


def _sniff_heic(head: bytes) -> bool:
    return has_brand(head, _HEIC_BRANDS) and not _sniff_avif(head)


AVIF = Carrier(
    "AVIF", (".avif", ".avifs"), _sniff_avif, reader("AVIF", _walk), _writer("AVIF"), medium="image", by_analogy=True
)
"""AVIF, still or sequence."""

HEIC = Carrier("HEIC", (".heic", ".heif", ".hif"), _sniff_heic, reader("HEIC", _walk), _writer("HEIC"), medium="image")
"""HEIC and other HEIF pictures."""
