"""Where a Matroska or WebM file tells places in itself, and how they are told anew (RFC 9559, 5.1.1, 5.1.3, 5.1.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import ebml
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.copying import Edit
from aigc_hooks.implicit.ebml import Element
from aigc_hooks.implicit.matroska_segment import CLUSTER, CUES, SEEK_HEAD, TAGS, Seek, Segment, after, seek

# Seek; CuePoint, CueTrackPositions and CueReference.
_MASTERS = {0x4DBB, 0xBB, 0xB7, 0xDB}
# SeekPosition; CueClusterPosition, CueCodecState, CueRefCluster and CueRefCodecState.
_POSITIONS = {0x53AC, 0xF1, 0xEA, 0x97, 0xEB}
CLUSTER_POSITION = 0xA7
# Timestamp, SilentTracks and PrevSize: with its position, what stands in a cluster before its blocks.
_BEFORE_BLOCKS = {0xE7, 0x5854, 0xAB, ebml.VOID, ebml.CRC, CLUSTER_POSITION}


def named(source: Source, segment: Segment, new: int, gone: set[int]) -> list[Edit] | None:
    """Makes the SeekHeads name the Tags element at its new place, and none that is gone.

    Where there is no room, entries of what stands before the first cluster are given up: readers pass there anyway.

    Returns:
        None where the element is behind the clusters and cannot be named: readers would not find it.
    """
    start = segment.element.start
    cluster = segment.element.end if segment.cluster is None else segment.cluster
    entry = seek(TAGS, new - start)
    done = any(each[:2] == entry[:2] for seeks in segment.seeks.values() for each in seeks)
    edits = []
    for head in segment.of(SEEK_HEAD):
        kept = [each for each in segment.seeks[head.begin] if start + each.position not in gone]
        lists = [kept] if done else [[*kept, entry], kept]
        if not done and new >= cluster:
            lists.insert(1, [*(each for each in kept if start + each.position >= cluster), entry])
        chosen = next(each for each in lists if each is kept or _room(source, segment, head, each))
        done = done or chosen is not kept
        if chosen != segment.seeks[head.begin]:
            data = _content(source, head, chosen)
            edits.append(ebml.fitted(SEEK_HEAD, data, head.begin, head.end, segment.behind(head.end)))
    return edits if done or new < cluster else None


def _content(source: Source, head: Element, entries: list[Seek]) -> bytes:
    begins = source.read(head.start, min(1, head.end - head.start))
    crc = [ebml.packed(ebml.CRC, bytes(4))] if begins == bytes([ebml.CRC]) else []
    return ebml.checked([*crc, *(entry.data for entry in entries)])


def _room(source: Source, segment: Segment, head: Element, entries: list[Seek]) -> bool:
    return ebml.room(SEEK_HEAD, _content(source, head, entries), segment.behind(head.end) - head.begin)


def moved(source: Source, segment: Segment, place: int, by: int) -> Iterator[Edit]:
    """Tells every place anew in a segment of which a part moves.

    Args:
        source: The file.
        segment: Its segment.
        place: Offset of the first byte that moves.
        by: How far.

    Raises:
        CarrierError: A number has become too long for where it stands.
    """

    def anew(position: int) -> int:
        return position + by if segment.element.start + position >= place else position

    for part in (*segment.of(SEEK_HEAD), *segment.of(CUES)):
        data = bytearray(source.payload(part.start, part.end - part.start, "index"))
        inner = source.inside(bytes(data), "index")
        _tell(inner, data, 0, len(data), anew)
        parts = [bytes(data[each.begin : each.end]) for each in ebml.elements(inner, 0, len(data))]
        yield Edit(part.start, part.end, ebml.checked(parts))
    for cluster in _clusters(source, segment):
        parts_before = list(before_blocks(source, cluster))
        told = [part for part in parts_before if part.kind == CLUSTER_POSITION]
        if not any(ebml.number(source.read(part.start, part.end - part.start)) for part in told):
            return  # of a stream that was live: no cluster tells where it stands
        for part in told:
            data = bytearray(source.read(part.start, part.end - part.start))
            _renumber(source, data, 0, len(data), anew)
            yield Edit(part.start, part.end, bytes(data))
        yield from (ebml.blank(part.begin, part.end, part.end) for part in parts_before if part.kind == ebml.CRC)


def _tell(inner: Source, data: bytearray, start: int, end: int, anew: Callable[[int], int]) -> None:
    for part in ebml.elements(inner, start, end):
        if part.kind in _MASTERS:
            _tell(inner, data, part.start, part.end, anew)
        elif part.kind in _POSITIONS:
            _renumber(inner, data, part.start, part.end, anew)


def _renumber(source: Source, data: bytearray, start: int, end: int, anew: Callable[[int], int]) -> None:
    new = anew(ebml.number(bytes(data[start:end])))
    if new >> 8 * (end - start):
        raise CarrierError(
            f"no label can be put into this {source.carrier} file: a place that it tells does not fit into its "
            f"{end - start} bytes any more; write it anew with `ffmpeg -i in.mkv -map 0 -c copy out.mkv`"
        )
    data[start:end] = new.to_bytes(end - start, "big")


def _clusters(source: Source, segment: Segment) -> Iterator[Element]:
    offset = segment.element.end if segment.cluster is None else segment.cluster
    while offset < segment.element.end:
        part = ebml.element(source, offset, segment.element.end)
        if part.kind == CLUSTER:
            yield part
        offset = after(source, part) if part.kind == CLUSTER else part.end


def before_blocks(source: Source, cluster: Element) -> Iterator[Element]:
    """What stands in a cluster before its blocks."""
    for part in ebml.elements(source, cluster.start, cluster.end):
        if part.kind not in _BEFORE_BLOCKS:
            return
        yield part
