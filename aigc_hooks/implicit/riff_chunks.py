"""What WAV and AVI have in common: chunks of RIFF, and the labels that stand in them."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from aigc_hooks.artifact import RawLabel
from aigc_hooks.implicit import id3, xmp
from aigc_hooks.implicit.bounds import MAX_TEXT, Source
from aigc_hooks.implicit.field import meant
from aigc_hooks.labels import FIELD_NAME

KIND = FIELD_NAME.encode()
"""Kind of the chunk or item with a label."""

HEAD = Struct("<4sI")
"""Head of a chunk: its kind, and the length of its content."""


class Form(NamedTuple):
    """A form of RIFF: its name, and where the guide has its label, as a reader and as a sentence names that."""

    name: str
    place: str
    guide: str


def is_info(source: Source, kind: bytes, start: int, length: int) -> bool:
    """Whether a chunk is a list of texts about the file."""
    return kind == b"LIST" and length >= 4 and source.read(start, 4) == b"INFO"


def labels(source: Source, form: Form, kind: bytes, start: int, length: int) -> Iterator[RawLabel]:
    """The labels in a chunk whose content begins at ``start``."""
    if kind == KIND:
        data = source.payload(start, length, "AIGC chunk", MAX_TEXT)
        yield _found(form, f"{form.name} AIGC chunk", text(data), "an AIGC chunk")
    elif is_info(source, kind, start, length):
        for name, data in items(source.payload(start, length, "LIST chunk")):
            if meant(name.decode("latin-1"), text(data)):
                place = f"{form.name} LIST INFO {name.decode('latin-1')}"
                what = place.partition(" ")[2] if "INFO" in form.guide else "LIST/INFO"
                yield _found(form, place, text(data), what)
    elif tag := _tag(source, kind, start, length):
        for raw in id3.find(tag, f"{form.name} id3 TXXX AIGC"):
            yield _found(form, raw.place, raw.text, "an ID3 tag", raw.defects)
    elif kind == b"_PMX":
        for raw in xmp.find(source.payload(start, length, "XMP chunk"), f"{form.name} XMP"):
            yield _found(form, raw.place, raw.text, "XMP", raw.defects)


def _found(form: Form, place: str, label: str, what: str, defects: tuple[str, ...] = ()) -> RawLabel:
    wrong = () if place == form.place else (f"the guide has {form.guide} here, not {what}",)
    return RawLabel(place, label, (*defects, *wrong))


def _tag(source: Source, kind: bytes, start: int, length: int) -> id3.Tag | None:
    if kind.upper() != b"ID3 ":
        return None
    return id3.tag_at(source.inside(source.payload(start, length, "ID3 chunk"), "ID3 chunk"))


def items(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The items of an INFO list."""
    offset = 4
    while offset + 8 <= len(data):
        kind, length = HEAD.unpack_from(data, offset)
        yield kind, data[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2


def text(data: bytes) -> str:
    """What an item says; zeros close it."""
    return data.rstrip(b"\0").decode("utf-8", "replace")


def without(source: Source, kind: bytes, start: int, length: int) -> bytes:
    """A chunk with labels, without them; nothing where nothing else is in it."""
    if tag := _tag(source, kind, start, length):
        return packed(kind, id3.rewritten(tag, None))
    data = source.payload(start, length, "chunk")
    if kind == b"LIST":
        kept = others(data)
        return packed(b"LIST", b"INFO" + b"".join(kept)) if kept else b""
    return packed(kind, xmp.without(data)) if kind == b"_PMX" else b""


def others(data: bytes) -> list[bytes]:
    """The items of an INFO list that are no label, each as a chunk."""
    return [packed(kind, item) for kind, item in items(data) if not meant(kind.decode("latin-1"), text(item))]


def packed(kind: bytes, data: bytes) -> bytes:
    """A chunk with its head, of an even length."""
    return HEAD.pack(kind, len(data)) + data + b"\0" * (len(data) % 2)
