"""The items of an MP4's ``meta`` box: QuickTime's keys and values, iTunes' titles, and the label among them."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack
from typing import NamedTuple

from aigc_hooks.artifact import RawLabel
from aigc_hooks.implicit.bounds import MAX_TEXT, Source
from aigc_hooks.implicit.boxes import Box, boxes
from aigc_hooks.implicit.field import meant
from aigc_hooks.labels import FIELD_NAME

PATH = "moov.udta.meta"
"""Where the box with the label stands."""

HANDLER = b"mdta"
"""Handler of the box, and namespace of the key."""

_UTF8 = 1
_TEXTS = {0: "utf-8", _UTF8: "utf-8", 2: "utf-16-be"}
_SHORT = 64 << 10

Piece = bytes | tuple[int, int]
"""Of a new file: its bytes, or from where to where they are copied."""


class _Item(NamedTuple):
    """An item of an ``ilst``: from where to where it stands, its key's number (0: none), what it is called.

    ``texts`` are the values of a label with their data types; no other item has any.
    """

    begin: int
    end: int
    key: int
    is_label: bool
    place: str
    defects: tuple[str, ...]
    texts: list[tuple[int, str]]


class Meta(NamedTuple):
    """A ``meta`` box taken apart; its children begin at ``start``."""

    start: int
    handler: bytes
    keys: list[tuple[bytes, bytes]]
    items: list[_Item]


def children(source: Source, start: int, end: int) -> Iterator[tuple[int, Box]]:
    """The boxes in a box, each with where it begins; QuickTime closes some lists with four zero bytes."""
    while end - start >= 8 and source.read(start, 4) != bytes(4):
        box = next(boxes(source, start, end))
        yield start, box
        start = box.end


def first(source: Source, box: Box) -> int:
    """Where the boxes in a meta box begin: QuickTime's is plain, that of ISO/IEC 14496-12 has version and flags."""
    plain = box.end - box.start >= 8 and source.read(box.start + 4, 4) == b"hdlr"
    return box.start if plain else min(box.start + 4, box.end)


def user_text(source: Source, box: Box, path: str) -> Iterator[RawLabel]:
    """The label in a text of a udta box, such as QuickTime's comment: with its length and language, or bare."""
    count = box.end - box.start
    if (box.kind[:1] == b"\xa9" and count <= _SHORT) or box.kind == FIELD_NAME.encode():
        data = source.payload(box.start, count, "text", MAX_TEXT)
        length = int.from_bytes(data[:2], "big")
        text = (data[4 : 4 + length] if 0 < length <= count - 4 else data).decode("utf-8", "replace")
        if meant(box.kind.decode("latin-1"), text):
            yield RawLabel(f"{path} text", text, (f"it stands in {path}; the guide has {PATH}",))


def opened(source: Source, box: Box, path: str) -> Meta:
    """Takes a meta box apart, which stands at this path."""
    start = first(source, box)
    inner = {child.kind: child for _, child in children(source, start, box.end)}
    handler, keys = b"", []
    if (found := inner.get(b"hdlr")) and found.end - found.start >= 12:
        handler = source.read(found.start + 8, 4)
    if found := inner.get(b"keys"):
        for _, child in children(source, min(found.start + 8, found.end), found.end):
            keys.append((child.kind, source.payload(child.start, child.end - child.start, "key", MAX_TEXT)))
    meta = Meta(start, handler, keys, [])
    if found := inner.get(b"ilst"):
        for begin, child in children(source, found.start, found.end):
            meta.items.append(_item(source, begin, child, meta, path))
    return meta


def labels(meta: Meta) -> Iterator[RawLabel]:
    """The labels among the items of a box."""
    for item in meta.items:
        for kind, text in item.texts:
            wrong = () if kind == _UTF8 else (f"its data type is {kind}; the guide has 1, which is UTF-8",)
            yield RawLabel(item.place, text, (*item.defects, *wrong))


def _item(source: Source, begin: int, box: Box, meta: Meta, path: str) -> _Item:
    number = int.from_bytes(box.kind, "big")
    parts = list(children(source, box.start, box.end))
    how, defects = "ilst", []
    if 0 < number <= len(meta.keys):
        namespace, written = meta.keys[number - 1]
        name, how = written.decode("utf-8", "replace"), "keys"
        if name != FIELD_NAME:
            defects.append(f"the key is named {name[:60]!r}, not {FIELD_NAME!r}")
        if namespace != HANDLER:
            defects.append(f"the namespace of the key is {namespace!r}; the guide has b'mdta'")
        if meta.handler != HANDLER:
            defects.append(f"the handler of the meta box is {meta.handler!r}; the guide has b'mdta'")
    else:
        number, name = 0, box.kind.decode("latin-1")
        if box.kind == b"----":
            how = "----"
            name = next((_text(source, part, 4) for _, part in parts if part.kind == b"name"), "")
        defects.append("it stands among titles without keys; the guide has a key AIGC in a meta box of handler 'mdta'")
    if path != PATH:
        defects.append(f"it stands in {path}; the guide has {PATH}")
    named = _named(name.encode())
    texts = []
    for _, part in parts:
        if part.kind != b"data" or part.end - part.start < 8:
            continue
        kind = int.from_bytes(source.read(part.start, 4), "big")
        if named or (kind in _TEXTS and part.end - part.start <= _SHORT):
            text = _text(source, part, 8, _TEXTS.get(kind, "utf-8"))
            if named or meant(name, text):
                texts.append((kind, text))
    return _Item(begin, box.end, number, named or bool(texts), f"{path} {how} {name[:40]}", tuple(defects), texts)


def _named(name: bytes) -> bool:
    return name.rpartition(b".")[2].upper() == FIELD_NAME.encode()


def _text(source: Source, box: Box, skip: int, encoding: str = "utf-8") -> str:
    start = min(box.start + skip, box.end)
    return source.payload(start, box.end - start, "text", MAX_TEXT).decode(encoding, "replace")


def size(piece: Piece) -> int:
    """How many bytes of the new file it makes."""
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]


def boxed(kind: bytes, *pieces: Piece) -> list[Piece]:
    """The pieces in a box."""
    count = 8 + sum(map(size, pieces))
    if count < 1 << 32:
        return [count.to_bytes(4, "big") + kind, *pieces]
    return [b"\0\0\0\1" + kind + (count + 8).to_bytes(8, "big"), *pieces]


def rewritten(source: Source, begin: int, box: Box, meta: Meta, text: str | None) -> list[Piece]:
    """A meta box without a label, or with this one; nothing where it held nothing else."""
    kept = [item for item in meta.items if not item.is_label]
    if text is None and len(kept) == len(meta.items):
        return [(begin, box.end)]
    if text is None and not kept:
        return []
    gone = {item.key for item in meta.items if item.is_label} - {item.key for item in kept}
    gone |= {number for number, (_, name) in enumerate(meta.keys, 1) if _named(name)}
    keys = [(number, key) for number, key in enumerate(meta.keys, 1) if number not in gone]
    numbers = {number: place for place, (number, _) in enumerate(keys, 1)}
    items: list[Piece] = []
    for item in kept:
        if item.key:
            items += [source.read(item.begin, 4) + numbers[item.key].to_bytes(4, "big"), (item.begin + 8, item.end)]
            continue
        if int.from_bytes(source.read(item.begin + 4, 4), "big") <= len(keys) + 1:
            raise source.fault(item.begin, "an item of a key that is not there")
        items.append((item.begin, item.end))
    entries = [_key(kind, name) for _, (kind, name) in keys]
    if text is not None:
        entries.append(_key(HANDLER, FIELD_NAME.encode()))
        items += _labelled(len(entries), text)
    made = {b"keys": boxed(b"keys", pack(">II", 0, len(entries)), *entries), b"ilst": boxed(b"ilst", *items)}
    if text is None and not meta.keys:
        del made[b"keys"]
    pieces: list[Piece] = [(box.start, meta.start)]
    at = meta.start
    for at_child, child in children(source, meta.start, box.end):
        # A second list of one kind is no longer read once the first one is whole.
        pieces += made.pop(child.kind, [] if child.kind in (b"keys", b"ilst") else [(at_child, child.end)])
        at = child.end
    return boxed(b"meta", *pieces, *(piece for more in made.values() for piece in more), (at, box.end))


def new(text: str) -> list[Piece]:
    """A meta box with this label and nothing else."""
    handler = boxed(b"hdlr", bytes(8) + HANDLER + bytes(13))
    keys = boxed(b"keys", pack(">II", 0, 1), _key(HANDLER, FIELD_NAME.encode()))
    return boxed(b"meta", bytes(4), *handler, *keys, *boxed(b"ilst", *_labelled(1, text)))


def _key(namespace: bytes, name: bytes) -> bytes:
    return pack(">I4s", 8 + len(name), namespace) + name


def _labelled(number: int, text: str) -> list[Piece]:
    data = text.encode()
    return [pack(">II", 24 + len(data), number), pack(">I4sII", 16 + len(data), b"data", _UTF8, 0) + data]
