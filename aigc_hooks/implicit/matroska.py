"""MKV and WebM: the label in a SimpleTag ``AIGC`` of the segment's Tags (TC260-PG-20257A; RFC 9559).

Writing moves nothing where it can be helped. The tags, with the label among them, stay where they are if there is room,
or go into a void before the first cluster, or to the end of the segment, where the SeekHead then names them. Only in a
file without a SeekHead, such as browsers record, do the clusters make way.

Of files with an index the clusters are not walked: of tags that stand between them and that no SeekHead names, nothing
is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit import ebml
from aigc_hooks.implicit.bounds import MAX_PACKET, Source, reader
from aigc_hooks.implicit.copying import Edit, splice
from aigc_hooks.implicit.matroska_index import moved, named
from aigc_hooks.implicit.matroska_segment import SEEK_HEAD, TAGS, Segment, segments
from aigc_hooks.implicit.matroska_tags import PLACE, Tags, labelled

_MAGIC = ebml.HEADER.to_bytes(4, "big")
_KIND_WIDTH = 4
_WIDEST = 8


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of every segment."""
    for segment in segments(source):
        for part in segment.of(TAGS):
            yield from Tags(source, part).labels()


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label as the only one; no cluster changes."""
    source = Source(stream, "Matroska")
    first, *others = segments(source)
    edits = _labelled(source, first, text)
    for segment in others:
        edits += _cleared([Tags(source, part) for part in segment.of(TAGS)])
    splice(stream, target, edits)


def _labelled(source: Source, segment: Segment, text: str) -> list[Edit]:
    tags = [Tags(source, part) for part in segment.of(TAGS)]
    home = next((each for each in tags if any(raw.place == PLACE for raw in each.labels())), tags[0] if tags else None)
    made = labelled(text) if home is None else home.rewritten(text) or b""
    if len(made) > MAX_PACKET:
        raise source.fault(segment.element.begin, f"its tags would be longer than the {MAX_PACKET} bytes that are read")
    others = [each for each in tags if each is not home]
    gone = {each.part.begin for each in others if each.rewritten(None) is None}
    edits = _placed(source, segment, home, made, gone)
    # A checksum over the whole segment is true no longer.
    edits += [ebml.blank(part.begin, part.end, part.end) for part in segment.of(ebml.CRC)]
    edits += _cleared(others)
    return edits + _told(segment, sum(len(edit.data) - (edit.end - edit.start) for edit in edits))


def _cleared(tags: list[Tags]) -> Iterator[Edit]:
    """Takes the labels out of tags; nothing moves."""
    for each in tags:
        begin, end, kept = each.part.begin, each.part.end, each.rewritten(None)
        if any(each.labels()):
            yield ebml.blank(begin, end, end) if kept is None else ebml.fitted(TAGS, kept, begin, end, end)


def _placed(source: Source, segment: Segment, home: Tags | None, made: bytes, gone: set[int]) -> list[Edit]:
    """Puts the tags where they are, into a void, at the end or, if nothing else is left, between what must make way."""
    end = segment.element.end
    cluster = end if segment.cluster is None else segment.cluster
    old = [] if home is None else [home.part]
    for part in old:
        # As long as it was it needs no void, not even one that was made meanwhile.
        after = part.end if ebml.exact(TAGS, made, part.end - part.begin) else segment.behind(part.end)
        edit = Edit(part.begin, after, ebml.packed(TAGS, made)) if after == end else None
        if ebml.room(TAGS, made, after - part.begin):
            edit = ebml.fitted(TAGS, made, part.begin, part.end, after)
        if edit and (found := named(source, segment, part.begin, gone)) is not None:
            return [edit, *found]
    left = [ebml.blank(part.begin, part.end, part.end) for part in old]
    absent = gone | {part.begin for part in old}
    heads = {head.end for head in segment.of(SEEK_HEAD)}  # the room behind them is theirs
    for begin, after in segment.spaces(cluster):
        if begin not in heads and ebml.room(TAGS, made, after - begin):
            found = named(source, segment, begin, absent)
            return [ebml.fitted(TAGS, made, begin, begin, after), *left, *(found or [])]
    if (found := named(source, segment, end, absent)) is not None:
        return [Edit(end, end, ebml.packed(TAGS, made)), *left, *found]
    begin, after = (old[0].begin, segment.behind(old[0].end)) if old else (cluster, cluster)
    edit = Edit(begin, after, ebml.packed(TAGS, made))
    return [edit, *moved(source, segment, after, len(edit.data) - (after - begin))]


def _told(segment: Segment, grown: int) -> list[Edit]:
    """Tells the new length of the segment, if it told the old one."""
    begin, start, end = segment.element.begin + _KIND_WIDTH, segment.element.start, segment.element.end
    if segment.element.is_open or not grown:
        return []
    width = start - begin if ebml.fits(end - start + grown, start - begin) else _WIDEST
    return [Edit(begin, start, ebml.sized(end - start + grown, width))]


def _sniff(head: bytes) -> bool:
    return head[:4] == _MAGIC and (b"matroska" in head or b"webm" in head)


CARRIER = Carrier(
    "Matroska", (".mkv", ".webm", ".mka", ".mk3d"), _sniff, reader("Matroska", _walk), _write, medium="video"
)
"""MKV and WebM, film or sound alone."""
