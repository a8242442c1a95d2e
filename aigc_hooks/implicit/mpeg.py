"""MP3 and AAC in ADTS frames: the label in an ID3v2 tag before the frames (TC260-PG-202510A).

Of AAC no guide is known that says where: this place is ours, for ffmpeg and players read titles there or skip it. An
APEv2 tag at the end of a file loses a label that stands in it; an ID3v1 tag has no room for one, and is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.implicit import ape, flac, id3
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.parts import Part

_BESIDE_FLAC = "the guide has the Vorbis comments here, not an ID3 tag before them"
_SECOND = "it stands in a second ID3 tag, which players do not read"


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels in the tags; the sound behind them tells what is wrong with that place."""
    tags = list(id3.tags(source))
    after = tags[-1].after if tags else 0
    head = source.read(after, min(4, source.size - after))
    defects = (_BESIDE_FLAC,) if head == flac.MAGIC else ()
    by_analogy = _sniff_aac(head)
    for index, tag in enumerate(tags):
        for raw in id3.find(tag, id3.PLACE, (*defects, _SECOND) if index else defects):
            yield replace(raw, by_analogy=by_analogy)
        yield from id3.manifests(tag)
    if head == flac.MAGIC:
        yield from flac.find(source, after)
    else:
        yield from ape.find(source, after)


def content(source: Source) -> Iterator[Part]:
    """The sound: everything behind the ID3v2 tags; of FLAC behind a tag, that of FLAC."""
    tags = list(id3.tags(source))
    after = tags[-1].after if tags else 0
    if source.read(after, min(4, source.size - after)) == flac.MAGIC:
        return flac.content(source, after)
    return iter([Part(b"FRAM", after, source.size - after)])


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Writes the tags anew and copies the frames; of FLAC behind a tag, the label goes into its own comments."""
    source = Source(stream, "MP3")
    tags = list(id3.tags(source))
    after = tags[-1].after if tags else 0
    inside = source.read(after, min(4, source.size - after)) == flac.MAGIC
    for index, tag in enumerate(tags):
        target.write(id3.rewritten(tag, text if index == 0 and not inside else None))
    if inside:
        flac.put(source, target, text, after)
        return
    if not tags:
        target.write(id3.made(text))
    if edit := ape.without(source, after):
        copy(stream, target, after, edit.start - after)
        target.write(edit.data)
        after = edit.end
    copy(stream, target, after)


def _sniff_mp3(head: bytes) -> bool:
    """An ID3v2 tag, or the header of an MPEG audio frame (ISO/IEC 11172-3, 2.4.2.3)."""
    if head[:3] == b"ID3":
        return len(head) >= 10 and head[3] in (2, 3, 4) and all(byte < 128 for byte in head[6:10])
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, rate, frequency = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    # Layer I is left out: hardly a file has it, and UTF-16 text begins alike.
    return version != 1 and layer in (1, 2) and rate not in (0, 15) and frequency != 3 and head[3] & 3 != 2


def _sniff_aac(head: bytes) -> bool:
    """The header of an ADTS frame (ISO/IEC 13818-7, 6.2)."""
    return len(head) > 3 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13


MP3 = Carrier("MP3", (".mp3",), _sniff_mp3, reader("MP3", _walk), _write, medium="audio")
"""MP3, and any other file that begins with an ID3v2 tag."""

AAC = Carrier("AAC", (".aac",), _sniff_aac, reader("AAC", _walk), _write, medium="audio", by_analogy=True)
"""AAC in ADTS frames; with ID3v2 in front, where its label is, it is known as MP3 is, and its place called so."""
