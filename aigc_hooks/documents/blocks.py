"""Texts made of paragraphs: where a notice or a corner mark goes, and how it is known again (GB 45438-2025, 5.1).

A notice is the first or the last paragraph. A corner mark stands in the first or the last one, as a superscript. Both
are enclosed in a bookmark of ours, which office programs keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from aigc_hooks.documents.plan import MARK, Cut, Place, places_of
from aigc_hooks.documents.xml_map import Element, Map
from aigc_hooks.errors import CarrierError
from aigc_hooks.explicit.text import Sign, says, sign_of
from aigc_hooks.provider import Provider

_MOST = 100
_SEEN = (b"drawing", b"pict", b"object", b"draw:", b"oMath", b"tab/>")
# What makes text another colour, another size, or none.
_DRESSED = (b"vanish", b"color", b"<w:sz", b"w:del", b"display", b"font-size", b"opacity")


class Dialect(NamedTuple):
    """How one kind of document writes what a label is made of.

    Attributes:
        paragraphs: Names of the elements that are paragraphs.
        head: Name of the element in a paragraph that stands before its text; empty if there is none.
        opens: Name of the element that begins a bookmark.
        closes: Name of the element that ends it.
        key: The attribute by which the two are tied.
        notice: Writes a paragraph that is a notice, or that holds a corner mark only.
        corner: Writes a corner mark.
        legible: Whether what is written between the marks of a label shows its text as ours does.
    """

    paragraphs: tuple[str, ...]
    head: str
    opens: str
    closes: str
    key: str
    notice: Callable[[str, Place, bool], bytes]
    corner: Callable[[str, Place], bytes]
    legible: Callable[[bytes, bool], bool]


class _Mark(NamedTuple):
    """A label of ours: the paragraph that it stands in, its place there, what it says and what stands around it."""

    block: Element
    start: int
    stop: int
    text: str
    before: str
    after: str

    @property
    def is_alone(self) -> bool:
        return not (self.before + self.after).strip()


def edited(map: Map, body: Element, blocks: Sequence[Element], dialect: Dialect, provider: Provider) -> list[Cut]:
    """What changes in a text so that it shows its label where the settings ask for it, and nowhere else.

    Args:
        map: The part that holds the text.
        body: The element that holds the paragraphs.
        blocks: Paragraphs, tables and what else stands in it, in order.
        dialect: How labels are written.
        provider: The settings.

    Raises:
        CarrierError: It holds far too many labels.
    """
    sign = sign_of(provider)
    marks = list(islice((mark for block in blocks for mark in _marks(map, block, dialect)), _MOST + 1))
    if len(marks) > _MOST:
        raise CarrierError(f"the document holds more than {_MOST} labels of this kind: take them out")
    kept: list[_Mark] = []
    wanted: list[Place] = []
    for place in places_of(provider):
        if (mark := _known(map, blocks, marks, dialect, place, sign)) is not None:
            kept.append(mark)
        elif sign.corner or not _is_said(map, blocks, dialect, place, sign):
            wanted.append(place)
    old = [mark for mark in marks if mark not in kept]
    gone = {id(mark.block) for mark in old if mark.is_alone}
    left = [block for block in blocks if id(block) not in gone]
    cuts = [
        Cut(mark.block.start, mark.block.stop, b"") if mark.is_alone else Cut(mark.start, mark.stop, b"")
        for mark in old
    ]
    made = b""
    for place in wanted:
        at, label = _put(map, body, blocks, left, dialect, place, sign)
        if body.is_empty:
            made += label
        else:
            cuts.append(Cut(at, at, label))
    if made:
        opened = map.raw(body)[:-2] + b">"
        cuts.append(Cut(body.start, body.stop, opened + made + b"</" + body.tag.encode() + b">"))
    return cuts


def _marks(map: Map, block: Element, dialect: Dialect) -> Iterator[_Mark]:
    if block.name not in dialect.paragraphs or MARK.encode() not in map.raw(block):
        return
    for first, child in enumerate(block.children):
        if child.name != dialect.opens or not child.get("name").startswith(MARK):
            continue
        for other in block.children[first:]:
            if other.name == dialect.closes and other.get(dialect.key) == child.get(dialect.key):
                texts = block.texts
                before = "".join(text for at, text in texts if at < child.start)
                inside = "".join(text for at, text in texts if child.start < at < other.start)
                after = "".join(text for at, text in texts if at > other.start)
                yield _Mark(block, child.start, other.stop, inside, before, after)
                break


def _is_blank(map: Map, block: Element) -> bool:
    return not block.text.strip() and not any(sign in map.raw(block) for sign in _SEEN) and not _is_table(block)


def _is_table(block: Element) -> bool:
    return block.name in ("tbl", "table")


def _edge(map: Map, blocks: Sequence[Element], place: Place) -> Element | None:
    """The first or the last block in which something is seen."""
    order = blocks if place == "start" else blocks[::-1]
    return next((block for block in order if not _is_blank(map, block)), None)


def _known(
    map: Map, blocks: Sequence[Element], marks: Sequence[_Mark], dialect: Dialect, place: Place, sign: Sign
) -> _Mark | None:
    """The label of ours that stands where one is wanted, as it is wanted."""
    edge = _edge(map, blocks, place)
    for mark in marks:
        # An office program may move how all of a paragraph looks to the paragraph.
        raw = map.raw(mark.block) if mark.is_alone else map.data[mark.start : mark.stop]
        if mark.block is not edge or mark.text != sign.words or not dialect.legible(raw, sign.corner):
            continue
        if mark.is_alone or (sign.corner and not (mark.before if place == "start" else mark.after).strip()):
            return mark
    return None


def _is_said(map: Map, blocks: Sequence[Element], dialect: Dialect, place: Place, sign: Sign) -> bool:
    """Whether the text says what the notice says, in a paragraph that looks like the others."""
    edge = _edge(map, blocks, place)
    if edge is None or edge.name not in dialect.paragraphs or not says(edge.text, sign.words):
        return False
    raw = map.raw(edge)
    return MARK.encode() not in raw and not any(sign in raw for sign in _DRESSED)


def _put(
    map: Map,
    body: Element,
    blocks: Sequence[Element],
    left: Sequence[Element],
    dialect: Dialect,
    place: Place,
    sign: Sign,
) -> tuple[int, bytes]:
    """Where a label goes, and how it is written."""
    edge = _edge(map, left, place)
    if sign.corner and edge is not None and edge.name in dialect.paragraphs and edge.text.strip():
        if place == "end":
            return edge.end, dialect.corner(sign.words, place)
        first = edge.children[0] if edge.children else None
        at = first.stop if first is not None and first.name == dialect.head else edge.inner
        return at, dialect.corner(sign.words, place)
    if not blocks:
        return body.inner, dialect.notice(sign.words, place, sign.corner)
    return (blocks[0].start if place == "start" else blocks[-1].stop), dialect.notice(sign.words, place, sign.corner)
