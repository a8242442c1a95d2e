"""How one XMP item of an AVIF or HEIC file gets the label: the edits of its meta box (ISO/IEC 14496-12, 8.11).

What items describe tells ``iref``.
"""

from __future__ import annotations

from typing import NamedTuple

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import exif, xmp
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.boxes import Box, Cursor, boxed, boxes
from aigc_hooks.implicit.copying import Edit, moved
from aigc_hooks.implicit.heif_items import XMP_TYPE, data_of, exif_begin, located, wanted_items
from aigc_hooks.implicit.item_places import Item, Places

_DESCRIBES = b"cdsc"
_SHORT = 0xFFFF
_HEAD_SIZE = 8


def labelled(source: Source, begin: int, meta: Box, inner: dict[bytes, Box], text: str) -> list[Edit]:
    """The edits after which the picture's XMP item holds the label, and no other item does.

    An item's data are written over the old ones where they fit. Otherwise they get an mdat box of their own behind the
    meta box: what stands at the end of a file stays its end.

    Args:
        source: The file.
        begin: Where the meta box begins, with its header.
        meta: The meta box.
        inner: The boxes in it.
        text: The label.

    Raises:
        CarrierError: The boxes are damaged, or have no room for another item.
    """
    wanted = wanted_items(source, inner[b"iinf"])
    places = dict(located(source, inner, set(wanted)))
    about = _about(source, inner)
    chosen = _chosen([item for item, kind in wanted.items() if kind == b"mime" and item in places], about)
    edits: list[Edit] = []
    longer: dict[int, bytes] = {}
    for item, extents in places.items():
        data = data_of(source, extents)
        if wanted[item] == b"Exif":
            skip = exif_begin(data)
            made = data[:skip] + exif.without(data[skip:], source)
        else:
            made = xmp.labelled(data, text) if item == chosen else xmp.cleaned(data)
        if len(made) > len(data):
            longer[item] = made
            made = bytes(len(data)) if any(xmp.find(data, "")) else data  # an old label is nowhere in the file
        elif wanted[item] == b"mime":
            made = xmp.padded(made, len(data))
        if made != data:
            edits += _spread(made, extents)
    more: list[Edit] = []
    begins = _begins(source, meta)
    if chosen is None:
        chosen = _free(source, inner)
        longer[chosen] = xmp.packet(text)
        more.append(_listed(source, begins[b"iinf"], inner[b"iinf"], chosen))
    if about.picture is not None and chosen not in about.its:
        more.append(_referred(source, begins, inner, chosen, about.picture))
    if not longer and not more:
        return edits
    # The item's own box, if an earlier label of ours made it, gives way to the new one.
    end = _own_end(source, meta, [places.get(item, []) for item in longer])
    edits = [edit for edit in edits if not meta.end <= edit.start < end]
    return edits + _moved(source, (begin, meta), Edit(begins[b"iloc"], inner[b"iloc"].end, b""), more, longer, end)


def _moved(
    source: Source, meta: tuple[int, Box], iloc: Edit, more: list[Edit], longer: dict[int, bytes], end: int
) -> list[Edit]:
    """The edits of a meta box that grows, with the places of all items in the file as they make them.

    Args:
        source: The file.
        meta: Where the meta box begins, and the box.
        iloc: Where its iloc box stands.
        more: The other edits in the meta box.
        longer: The items that get new data behind it.
        end: Where what follows these data begins.
    """
    begin, box = meta
    places = Places(source, Box(b"iloc", _content(source, iloc.start), iloc.end))
    for item in places.items:
        _refuse_fixed(source, item, begin, box)
    new = {
        number: next((item for item in places.items if item.number == number), None) or places.add(number)
        for number in longer
    }
    for number, data in longer.items():
        places.put(new[number], 0, len(data))
    # How long the iloc box becomes does not depend on the places that it tells.
    more = [*more, iloc._replace(data=places.packed())]
    size = box.end - begin + sum(len(edit.data) - (edit.end - edit.start) for edit in more)
    more.append(Edit(begin, box.start, _head(b"meta", size, box.start - begin)))
    place = moved(box.end, more) + _HEAD_SIZE
    if longer:
        more.append(Edit(box.end, end, boxed(b"mdat", *longer.values())))
    places.shift(lambda offset: moved(offset, more), list(new.values()))
    for number, data in longer.items():
        places.put(new[number], place, len(data))
        place += len(data)
    return [edit._replace(data=places.packed()) if edit.start == iloc.start else edit for edit in more]


def _refuse_fixed(source: Source, item: Item, begin: int, meta: Box) -> None:
    """Refuses an item that could not be found any more when the boxes around it grow.

    Raises:
        CarrierError: It lies in the meta box itself, or where only a reference to a file tells.
    """
    if item.elsewhere and item.method == 0:
        what = f"item {item.number} is told by a reference to a file, which cannot be told anew when its data move"
        raise source.fault(meta.start, what)
    for _, offset, length in item.extents if item.in_file else ():
        start = item.base + offset
        if start < meta.end and start + length > begin:
            raise source.fault(start, f"item {item.number} lies in the meta box that tells of it")


class _About(NamedTuple):
    """What items with metadata describe: the number of the picture, which are its own, and which are another's."""

    picture: int | None
    its: set[int]
    others: set[int]


def _about(source: Source, inner: dict[bytes, Box]) -> _About:
    picture = None
    if primary := inner.get(b"pitm"):
        cursor = Cursor(source, primary)
        picture = cursor.number(4 if cursor.number(4) >> 24 else 2)
    about = _About(picture, set(), set())
    if references := inner.get(b"iref"):
        wide = 4 if source.read(references.start, 4, "iref box")[0] else 2
        for box in boxes(source, references.start + 4, references.end):
            if box.kind == _DESCRIBES:
                cursor = Cursor(source, box)
                item = cursor.number(wide)
                targets = {cursor.number(wide) for _ in range(cursor.number(2))}
                (about.its if picture in targets else about.others).add(item)
    return about


def _chosen(packets: list[int], about: _About) -> int | None:
    """The XMP item that describes the picture, or that describes nothing yet."""
    own = [item for item in packets if item in about.its]
    free = [item for item in packets if item not in about.others]
    return next(iter(own or free), None)


def _spread(data: bytes, extents: list[tuple[int, int]]) -> list[Edit]:
    """The edits that write an item's data over the old ones."""
    edits, done = [], 0
    for start, length in extents:
        edits.append(Edit(start, start + length, data[done : done + length]))
        done += length
    return edits


def _begins(source: Source, meta: Box) -> dict[bytes, int]:
    """Where each box in a meta box begins, with its header."""
    found, begin = {}, meta.start + 4
    for box in boxes(source, begin, meta.end):
        found[box.kind] = begin
        begin = box.end
    return found


def _content(source: Source, begin: int) -> int:
    return begin + (2 * _HEAD_SIZE if source.read(begin, 4, "box header") == b"\0\0\0\1" else _HEAD_SIZE)


def _own_end(source: Source, meta: Box, replaced: list[list[tuple[int, int]]]) -> int:
    """Where an mdat box behind a meta box ends, if it holds the data that are replaced, and nothing else."""
    after = next(boxes(source, meta.end, source.size), None)
    own = after is not None and after.kind == b"mdat" and replaced == [[(after.start, after.end - after.start)]]
    return after.end if after is not None and own else meta.end


def _free(source: Source, inner: dict[bytes, Box]) -> int:
    """A number that no item has, nor a group of them (23008-12, 9.4): the one after the last, or the first gap."""
    taken = {item.number for item in Places(source, inner[b"iloc"]).items}
    for box in boxes(source, inner[b"iinf"].start + _entries(source, inner[b"iinf"]), inner[b"iinf"].end):
        if box.kind == b"infe":
            head = source.read(box.start, min(8, box.end - box.start), "infe box").ljust(8, b"\0")
            taken.add(int.from_bytes(head[4 : 8 if head[0] > 2 else 6], "big"))
    for box in boxes(source, inner[b"grpl"].start, inner[b"grpl"].end) if b"grpl" in inner else ():
        taken.add(int.from_bytes(source.read(box.start, min(8, box.end - box.start), "group")[4:], "big"))
    following = max(taken, default=0) + 1
    if following <= _SHORT:
        return following
    free = next((number for number in range(1, _SHORT + 1) if number not in taken), None)
    if free is None:
        raise source.fault(inner[b"iinf"].start, f"all {_SHORT} numbers of items are taken")
    return free


def _entries(source: Source, box: Box) -> int:
    """How many bytes of an iinf box stand before its entries."""
    return 8 if source.read(box.start, 1, "iinf box")[0] else 6


def _listed(source: Source, begin: int, box: Box, number: int) -> Edit:
    """The edit that lists an XMP item in the iinf box (14496-12, 8.11.6)."""
    data = source.payload(box.start, box.end - box.start, "iinf box")
    head = _entries(source, box)
    count = int.from_bytes(data[4:head], "big") + 1
    if count >> 8 * (head - 4):
        raise source.fault(box.start, f"it holds {count - 1} items, and no more can be counted")
    entry = boxed(b"infe", b"\2\0\0\0", number.to_bytes(2, "big"), b"\0\0mimeXMP\0", XMP_TYPE + b"\0")
    made = boxed(b"iinf", data[:4], count.to_bytes(head - 4, "big"), data[head:], entry)
    return Edit(begin, box.end, made)


def _referred(source: Source, begins: dict[bytes, int], inner: dict[bytes, Box], number: int, picture: int) -> Edit:
    """The edit that says that an item describes the picture (14496-12, 8.11.12; 23008-12, 6.6.1)."""
    box = inner.get(b"iref")
    old = source.payload(box.start, box.end - box.start, "iref box") if box else b""
    head = old[:4] or (b"\1\0\0\0" if max(number, picture) > _SHORT else bytes(4))
    wide = 4 if head[0] else 2
    if max(number, picture) >> 8 * wide:
        raise source.fault(inner[b"iinf"].start, "its iref box cannot tell the number of the picture")
    reference = number.to_bytes(wide, "big") + b"\0\1" + picture.to_bytes(wide, "big")
    made = boxed(b"iref", head, old[4:], boxed(_DESCRIBES, reference))
    if box is None:
        return Edit(inner[b"iinf"].end, inner[b"iinf"].end, made)
    return Edit(begins[b"iref"], box.end, made)


def _head(kind: bytes, size: int, length: int) -> bytes:
    """The header of a box, in as many bytes as it had.

    Raises:
        CarrierError: The size does not fit into it.
    """
    if length > _HEAD_SIZE:
        return b"\0\0\0\1" + kind + size.to_bytes(8, "big")
    if size >= 1 << 32:
        raise CarrierError(f"the {kind.decode()} box would be larger than 4 GiB")
    return size.to_bytes(4, "big") + kind
