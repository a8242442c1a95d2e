"""Vorbis comments: the label as ``AIGC=`` (TC260-PG-202510A), for FLAC and Ogg."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from aigc_hooks.artifact import RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.field import meant
from aigc_hooks.labels import FIELD_NAME


class Comments(NamedTuple):
    """A block of comments, in pieces.

    Attributes:
        vendor: What stands before the comments: the name of the program that made the file.
        items: The comments as they stand in the file, ``NAME=value`` in UTF-8.
        rest: What follows them, such as a framing bit.
    """

    vendor: bytes
    items: tuple[bytes, ...]
    rest: bytes


def comments(source: Source) -> Comments:
    """Takes a block apart.

    Raises:
        CarrierError: A length leads out of it.
    """
    vendor, offset = _string(source, 0)
    count = _number(source, offset)
    offset += 4
    source.step(offset, min(count, source.size))
    items = []
    for _ in range(count):
        item, offset = _string(source, offset)
        items.append(item)
    return Comments(vendor, tuple(items), source.read(offset, source.size - offset))


def _number(source: Source, offset: int) -> int:
    return int.from_bytes(source.read(offset, 4, "length in the comments"), "little")


def _string(source: Source, offset: int) -> tuple[bytes, int]:
    length = _number(source, offset)
    return source.read(offset + 4, length, "comment"), offset + 4 + length


def find(found: Comments, place: str, defects: tuple[str, ...] = ()) -> Iterator[RawLabel]:
    """Yields the labels among comments.

    Args:
        found: The comments.
        place: What their place is called.
        defects: What is wrong with this place in this carrier.
    """
    for item in found.items:
        if label := _label(item):
            name, text = label
            wrong = () if name.upper() == FIELD_NAME else (f"the comment is named {name[:60]!r}, not {FIELD_NAME!r}",)
            yield RawLabel(place, text, (*defects, *wrong))


def _label(item: bytes) -> tuple[str, str] | None:
    """The name and the text of a comment that is meant as a label."""
    if len(item) > 1 and (b"AIGC" in item[:8].upper() or b"ContentProducer" in item or b"ProduceID" in item):
        name, _, text = item.decode("utf-8", "replace").partition("=")
        if meant(name, text):
            return name, text
    return None


def with_label(found: Comments, text: str | None) -> bytes:
    """The block with this label as its only one, or with None without any; every other comment stays.

    Raises:
        CarrierError: There are too many comments.
    """
    items = [item for item in found.items if _label(item) is None]
    if text is not None:
        items.append(f"{FIELD_NAME}={text}".encode())
    if len(items) >= 1 << 32:
        raise CarrierError(f"{len(items)} comments are too many")
    parts = [found.vendor, *items]
    packed = [len(part).to_bytes(4, "little") + part for part in parts]
    return b"".join([packed[0], len(items).to_bytes(4, "little"), *packed[1:], found.rest])
