"""The content of a file, as byte ranges that writing the label does not change, and bytes that stand for such."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from aigc_hooks.implicit.bounds import Source


class Part(NamedTuple):
    """One byte range of content.

    Attributes:
        kind: Four bytes that name it; ranges of one kind that follow each other are one.
        start: Where it begins in the file.
        length: How long it is.
        data: What is content in its place, where the file's own bytes change with the label; None where they do not.
    """

    kind: bytes
    start: int
    length: int
    data: bytes | None = None


def told(kind: bytes, data: bytes) -> Part:
    """Content that stands nowhere in the file as it is."""
    return Part(kind, 0, len(data), data)


def around(kind: bytes, start: int, end: int, holes: Iterable[tuple[int, int]]) -> Iterator[Part]:
    """What lies between two offsets, without some ranges of it."""
    for begin, after in sorted(holes):
        if start <= begin < end:
            yield Part(kind, start, begin - start)
        start = max(start, min(after, end))
    yield Part(kind, start, end - start)


def chunks(source: Source, offset: int, head: Struct, kinds: Collection[bytes]) -> Iterator[Part]:
    """The chunks of some kinds in a file of chunks, each with kind and length before it (IFF, RIFF).

    Args:
        source: The file.
        offset: Where the first chunk begins.
        head: How kind and length are packed.
        kinds: The kinds that are content.
    """
    while offset + 8 <= source.size:
        kind, length = head.unpack(source.read(offset, 8, "chunk header"))
        source.step(offset)
        if kind in kinds:
            yield Part(kind, offset + 8, min(length, source.size - offset - 8))
        offset += 8 + length + length % 2
