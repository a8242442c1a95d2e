"""The content of a file, as byte ranges that writing the label does not change."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from struct import Struct
from typing import NamedTuple

from aigc_hooks.implicit.bounds import Source


class Part(NamedTuple):
    """One byte range of content.

    Attributes:
        kind: Four bytes that name it; ranges of one kind that follow each other are one.
        start: Where it begins in the file.
        length: How long it is.
    """

    kind: bytes
    start: int
    length: int


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
