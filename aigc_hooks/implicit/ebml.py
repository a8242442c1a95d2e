"""EBML, of which Matroska and WebM files are made: its elements, read within bounds and written (RFC 8794)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.copying import Edit

HEADER = 0x1A45DFA3
VOID = 0xEC
CRC = 0xBF

_LONGEST_HEAD = 12
_WIDE = 8


class Element(NamedTuple):
    """One element: where its head begins, and from where to where its content stands.

    ``is_open`` tells that its head does not say how long it is; then it ends with its parent at the latest.
    """

    kind: int
    begin: int
    start: int
    end: int
    is_open: bool = False


def element(source: Source, offset: int, limit: int) -> Element:
    """The element at an offset, which ends at a limit or before.

    Raises:
        CarrierError: There is none, or it ends behind the limit.
    """
    source.step(offset)
    head = source.read(offset, max(0, min(_LONGEST_HEAD, limit - offset)), "element head")
    width = 9 - head[0].bit_length() if head else 9
    size_width = 9 - head[width].bit_length() if len(head) > width else 9
    start = offset + width + size_width
    if width > 4 or size_width > _WIDE or len(head) < start - offset:
        raise source.fault(offset, "no EBML element")
    kind, size = int.from_bytes(head[:width], "big"), int.from_bytes(head[width : start - offset], "big")
    every = (1 << 7 * size_width) - 1
    if size & every == every:
        return Element(kind, offset, start, limit, is_open=True)
    if start + (size & every) > limit:
        raise source.fault(offset, f"the element {kind:#x} of {size & every} bytes ends after the file or its parent")
    return Element(kind, offset, start, start + (size & every))


def elements(source: Source, start: int, end: int) -> Iterator[Element]:
    """The elements between two offsets."""
    while start < end:
        found = element(source, start, end)
        yield found
        start = found.end


def number(data: bytes) -> int:
    """The unsigned integer that an element holds."""
    return int.from_bytes(data, "big")


def numbered(value: int) -> bytes:
    """An unsigned integer in as few bytes as it takes, but at least one."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def sized(value: int, width: int = 0) -> bytes:
    """A length as it stands in the head of an element, in so many bytes; 0: as few as it takes."""
    width = width or next(few for few in range(1, 9) if fits(value, few))
    return (1 << 7 * width | value).to_bytes(width, "big")


def fits(value: int, width: int) -> bool:
    """Whether a length can be told in so many bytes: the number with every bit set means that it is not known."""
    return value < (1 << 7 * width) - 1


def packed(kind: int, data: bytes, width: int = 0) -> bytes:
    """An element with its head."""
    return numbered(kind) + sized(len(data), width) + data


def checked(parts: list[bytes]) -> bytes:
    """The content of an element, with its checksum right if it begins with one."""
    rest = b"".join(parts[1:])
    if parts and parts[0][0] == CRC and len(parts[0]) == 6:
        return packed(CRC, zlib.crc32(rest).to_bytes(4, "little")) + rest
    return b"".join(parts)


def room(kind: int, data: bytes, length: int) -> bool:
    """Whether an element fits into so many bytes."""
    return len(packed(kind, data)) <= length


def exact(kind: int, data: bytes, length: int) -> bool:
    """Whether an element takes so many bytes, with a length of one byte more if need be."""
    return length - len(packed(kind, data)) in (0, 1)


def fitted(kind: int, data: bytes, begin: int, used: int, end: int) -> Edit:
    """The element in a place that is at least as long; what is left of that is void.

    Args:
        kind: Its kind.
        data: Its content.
        begin: Where the place begins.
        used: Up to where it holds what must not stay; what is behind that is void already.
        end: Where the place ends.
    """
    made = packed(kind, data)
    if end - begin - len(made) == 1:  # too short for a void
        made = packed(kind, data, len(sized(len(data))) + 1)
    return blank(begin, used, end, made)


def blank(begin: int, used: int, end: int, made: bytes = b"") -> Edit:
    """Void in a place, behind what was made for it."""
    left = end - begin - len(made)
    if left:
        width = 1 if fits(left - 2, 1) else _WIDE
        made += numbered(VOID) + sized(left - 1 - width, width)
    made += bytes(max(0, min(used, end) - begin - len(made)))
    return Edit(begin, begin + len(made), made)
