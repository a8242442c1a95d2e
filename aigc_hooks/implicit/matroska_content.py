"""The content of a Matroska or WebM file: what the label neither is nor moves (RFC 9559)."""

from __future__ import annotations

from collections.abc import Iterator

from aigc_hooks.implicit import ebml
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.ebml import Element
from aigc_hooks.implicit.matroska_index import CLUSTER_POSITION, before_blocks
from aigc_hooks.implicit.matroska_segment import CLUSTER, CUES, SEEK_HEAD, TAGS, after, segments
from aigc_hooks.implicit.parts import Part

_WITHOUT = (SEEK_HEAD, CUES, TAGS, ebml.VOID, ebml.CRC)
_OF_A_CLUSTER = (CLUSTER_POSITION, ebml.VOID, ebml.CRC)
_WIDTH = 4


def content(source: Source) -> Iterator[Part]:
    """The heads of the file, and of each segment all but its tags, its indexes, its checksum and what is void."""
    before = 0
    for segment in segments(source):
        for part in ebml.elements(source, before, segment.element.begin):
            if part.kind != ebml.VOID:
                yield Part(b"HEAD", part.begin, part.end - part.begin)
        offset = segment.element.start
        while offset < segment.element.end:
            part = ebml.element(source, offset, segment.element.end)
            offset = after(source, part) if part.kind == CLUSTER else part.end
            if part.kind == CLUSTER:
                yield from _cluster(source, part, offset)
            elif part.kind not in _WITHOUT:
                yield Part(part.kind.to_bytes(_WIDTH, "big"), part.begin, part.end - part.begin)
        before = segment.element.end


def _cluster(source: Source, part: Element, end: int) -> Iterator[Part]:
    """A cluster with its head; of what stands before its blocks, not where it stands and what is void."""
    kind = CLUSTER.to_bytes(_WIDTH, "big")
    offset = part.start
    yield Part(kind, part.begin, part.start - part.begin)
    for each in before_blocks(source, part._replace(end=end)):
        if each.kind not in _OF_A_CLUSTER:
            yield Part(kind, each.begin, each.end - each.begin)
        offset = each.end
    yield Part(kind, offset, end - offset)
