"""Where the data of each item of an AVIF or HEIC file lies: the ``iloc`` box (ISO/IEC 14496-12, 8.11.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.boxes import Box, Cursor, boxed

_MAX_EXTENTS = 100_000
_LARGEST_NUMBER = 0xFFFF


@dataclass(slots=True)
class Item:
    """One item: how and where it is located.

    Attributes:
        number: Its item_ID.
        method: 0: counted from the beginning of the file, 1: of the idat box, 2: of another item.
        elsewhere: Not 0 where it lies in another file.
        base: What is added to every offset.
        extents: Index, offset and length of each part.
    """

    number: int
    method: int
    elsewhere: int
    base: int
    extents: list[tuple[int, int, int]]

    @property
    def in_file(self) -> bool:
        """Whether it is counted from the beginning of this file."""
        return self.method == 0 and self.elsewhere == 0


class Places:
    """The places of all items of a file, which can be told anew.

    Args:
        source: The file.
        box: Its iloc box.

    Attributes:
        items: The items, in their order.

    Raises:
        CarrierError: The box is damaged.
    """

    def __init__(self, source: Source, box: Box) -> None:
        cursor = Cursor(source, box)
        self._head = cursor.take(4)
        self._version = self._head[0]
        if self._version > 2:
            raise source.fault(box.start, f"iloc version {self._version} is unknown")
        sizes = cursor.number(2)
        self._offset, self._length, self._base = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
        self._index = sizes & 15 if self._version else 0
        self._wide = 4 if self._version == 2 else 2
        self.items: list[Item] = []
        count = 0
        for _ in range(cursor.number(self._wide)):
            number = cursor.number(self._wide)
            method = cursor.number(2) if self._version else 0
            item = Item(number, method & 15, cursor.number(2), cursor.number(self._base), [])
            parts = cursor.number(2)
            count += 1 + parts
            if count > _MAX_EXTENTS:
                raise source.fault(box.start, f"more than {_MAX_EXTENTS} items and parts of items")
            for _ in range(parts):
                index, offset = cursor.number(self._index), cursor.number(self._offset)
                length = cursor.number(self._length)
                if not length and item.in_file:
                    length = source.size - item.base - offset  # 0: up to the end, which may move
                item.extents.append((index, offset, length))
            self.items.append(item)
        self._rest = cursor.rest()
        # Of sizes 0 a number cannot be told: an item more needs both.
        self._length = self._length or 4
        if not self._offset and not self._base:
            self._offset = 4

    def add(self, number: int) -> Item:
        """A new item; where it lies is told later.

        Raises:
            CarrierError: There are as many items as can be told.
        """
        if len(self.items) == _LARGEST_NUMBER and self._wide == 2:
            raise CarrierError(f"its iloc box holds {_LARGEST_NUMBER} items and no more")
        item = Item(number, 0, 0, 0, [(0, 0, 0)])
        self.items.append(item)
        return item

    def put(self, item: Item, place: int, length: int) -> None:
        """Tells that an item lies at this place in the file, in one piece."""
        item.method = item.elsewhere = 0
        item.base, offset = (0, place) if self._offset else (place, 0)
        item.extents = [(0, offset, length)]

    def shift(self, moved: Callable[[int], int], but: list[Item]) -> None:
        """Tells every place in the file anew, but those of some items."""
        for item in self.items:
            if not item.in_file or item in but:
                continue
            if self._offset:
                item.extents = [
                    (index, moved(item.base + offset) - item.base, length) for index, offset, length in item.extents
                ]
            elif item.extents:
                item.base = moved(item.base)

    def packed(self) -> bytes:
        """The box.

        Raises:
            CarrierError: A number has become too large.
        """
        sizes = self._offset << 12 | self._length << 8 | self._base << 4 | self._index
        parts = [self._head, sizes.to_bytes(2, "big"), len(self.items).to_bytes(self._wide, "big")]
        try:
            for item in self.items:
                parts.append(item.number.to_bytes(self._wide, "big"))
                if self._version:
                    parts.append(item.method.to_bytes(2, "big"))
                parts.append(item.elsewhere.to_bytes(2, "big") + item.base.to_bytes(self._base, "big"))
                parts.append(len(item.extents).to_bytes(2, "big"))
                for index, offset, length in item.extents:
                    parts.append(index.to_bytes(self._index, "big") + offset.to_bytes(self._offset, "big"))
                    parts.append(length.to_bytes(self._length, "big"))
        except OverflowError as error:
            raise CarrierError("the file would grow beyond what its iloc box can tell") from error
        return boxed(b"iloc", *parts, self._rest)
