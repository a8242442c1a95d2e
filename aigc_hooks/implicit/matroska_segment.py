"""The segment of a Matroska or WebM file: its parts, found without a look at each cluster (RFC 9559).

What stands before the first cluster is walked, what the SeekHead names is looked up, and what follows the last cluster
that the Cues name is walked again. Files without such an index, or with one that is wrong, are walked from cluster to
cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import ebml
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.ebml import Element

SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
SEEK_HEAD, CUES, TAGS = 0x114D9B74, 0x1C53BB6B, 0x1254C367
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC

_LONG_KIND = 0x10000000
"""Parts of a segment have names of four bytes, those of a cluster shorter ones."""

_CUE_POSITION = re.compile(rb"\xf1([\x81-\x88])", re.DOTALL)
_LAST_CUES = 4096
_MOST_PARTS = 10_000


class Seek(NamedTuple):
    """An entry of a SeekHead: what stands there, and where, counted from the segment's content."""

    kind: int
    position: int
    data: bytes


class Segment(NamedTuple):
    """A segment taken apart.

    Attributes:
        element: The segment; its end is where it ends indeed.
        parts: What stands in it, by offset, without the clusters.
        seeks: The entries of each SeekHead, by its offset.
        cluster: Where the first cluster begins; None where there is none.
    """

    element: Element
    parts: dict[int, Element]
    seeks: dict[int, list[Seek]]
    cluster: int | None

    def of(self, kind: int) -> list[Element]:
        """The parts of a kind, in their order."""
        return [self.parts[begin] for begin in sorted(self.parts) if self.parts[begin].kind == kind]

    def spaces(self, end: int) -> Iterator[tuple[int, int]]:
        """From where to where there are voids before an offset, one behind the other."""
        after = 0
        for void in self.of(ebml.VOID):
            if after <= void.begin < end:
                after = self.behind(void.begin)
                yield void.begin, after

    def behind(self, offset: int) -> int:
        """Where the voids end that begin at an offset."""
        while (part := self.parts.get(offset)) and part.kind == ebml.VOID:
            offset = part.end
        return offset


def segments(source: Source) -> Iterator[Segment]:
    """The segments of a file, each behind its EBML header; what follows the last is no business of ours.

    Raises:
        CarrierError: The file is damaged.
    """
    offset = 0
    while offset == 0 or (offset + 4 <= source.size and ebml.number(source.read(offset, 4)) == ebml.HEADER):
        part = ebml.element(source, offset, source.size)
        if part.kind != ebml.HEADER or part.is_open:
            raise source.fault(offset, "no EBML header")
        while part.kind in (ebml.HEADER, ebml.VOID):
            part = ebml.element(source, part.end, source.size)
        if part.kind != SEGMENT:
            raise source.fault(part.begin, "no segment")
        segment = _segment(source, part)
        yield segment
        offset = segment.element.end


def _segment(source: Source, element: Element) -> Segment:
    segment = Segment(element, {}, {}, None)
    offset, cluster = element.start, None
    while offset < element.end:
        part = ebml.element(source, offset, element.end)
        if part.kind in (ebml.HEADER, SEGMENT) and element.is_open:
            return segment._replace(element=element._replace(end=offset), cluster=cluster)
        if part.kind == CLUSTER:
            last = _last_cluster(source, segment) if cluster is None else None
            cluster = offset if cluster is None else cluster
            offset = last if last and last > offset else after(source, part)
            continue
        _note(source, segment, part)
        offset = part.end
    return segment._replace(cluster=cluster)


def _note(source: Source, segment: Segment, part: Element) -> None:
    if part.is_open:
        raise source.fault(part.begin, f"the element {part.kind:#x} does not tell its length")
    if len(segment.parts) >= _MOST_PARTS:
        raise source.fault(part.begin, f"more than {_MOST_PARTS} parts beside the clusters")
    segment.parts[part.begin] = part
    if part.kind == SEEK_HEAD and part.begin not in segment.seeks:
        segment.seeks[part.begin] = list(_seeks(source, part))


def _seeks(source: Source, part: Element) -> Iterator[Seek]:
    """The entries of a SeekHead; the checksum that may stand before them is none."""
    data = source.payload(part.start, part.end - part.start, "SeekHead")
    inner = source.inside(data, "SeekHead")
    for entry in ebml.elements(inner, 0, len(data)):
        if entry.kind == _SEEK:
            source.step(part.begin, 10)  # each is kept
            found = {each.kind: data[each.start : each.end] for each in ebml.elements(inner, entry.start, entry.end)}
            if _SEEK_ID in found and _SEEK_POSITION in found:
                values = ebml.number(found[_SEEK_ID]), ebml.number(found[_SEEK_POSITION])
                yield Seek(*values, data[entry.begin : entry.end])


def seek(kind: int, position: int) -> Seek:
    """An entry for a SeekHead."""
    where = ebml.packed(_SEEK_ID, ebml.numbered(kind)) + ebml.packed(_SEEK_POSITION, ebml.numbered(position))
    return Seek(kind, position, ebml.packed(_SEEK, where))


def _last_cluster(source: Source, segment: Segment) -> int | None:
    """The last cluster that an index names, once everything else that one names is known.

    None where no index names any, or one names what is not there: then nothing but a walk finds what there is.
    """
    start, known = segment.element.start, set(segment.seeks)
    last: set[int] = set()
    waiting = [entry for entries in segment.seeks.values() for entry in entries]
    while waiting:
        kind, position, _ = waiting.pop()
        if kind == CLUSTER:
            last.add(start + position)
        elif start + position not in segment.parts:
            try:
                part = ebml.element(source, start + position, segment.element.end)
            except CarrierError:
                return None
            if part.kind != kind:
                return None
            _note(source, segment, part)
        waiting += [entry for begin in set(segment.seeks) - known for entry in segment.seeks[begin]]
        known = set(segment.seeks)
    for cues in segment.of(CUES):
        begin = max(cues.start, cues.end - _LAST_CUES)
        data = source.read(begin, cues.end - begin, "Cues")
        for match in _CUE_POSITION.finditer(data):
            last.add(start + ebml.number(data[match.end() : match.end() + match[1][0] - 0x80]))
    # The bytes may be chance: only a cluster is believed.
    return next((place for place in sorted(last, reverse=True) if _is_cluster(source, segment, place)), None)


def _is_cluster(source: Source, segment: Segment, offset: int) -> bool:
    source.step(offset)
    return offset + 4 <= segment.element.end and ebml.number(source.read(offset, 4)) == CLUSTER


def after(source: Source, cluster: Element) -> int:
    """Where a cluster ends; one that does not tell its length is walked."""
    if not cluster.is_open:
        return cluster.end
    offset = cluster.start
    while offset < cluster.end:
        part = ebml.element(source, offset, cluster.end)
        if part.kind >= _LONG_KIND:
            break
        offset = part.start if part.is_open else part.end
    return offset
