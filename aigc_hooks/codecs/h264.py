"""H.264 as MP4, MOV and Matroska hold it: parameter sets before all, units with their lengths (ISO/IEC 14496-15, 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_SEQUENCE, _PICTURE = 7, 8
"""Kinds of units: what holds for a sequence of pictures, and what for single ones."""

MOST_IDS = 32
"""How many parameter sets of a sequence there may be at a time."""


class Configuration(NamedTuple):
    """The parameter sets of a track.

    Attributes:
        head: Version, profile, compatibility and level.
        size: In how many bytes the length of a unit is told.
        sequences: Those of sequences, each a unit.
        pictures: Those of pictures.
        rest: What follows.
    """

    head: bytes
    size: int
    sequences: tuple[bytes, ...]
    pictures: tuple[bytes, ...]
    rest: bytes

    @classmethod
    def parse(cls, data: bytes) -> Configuration | None:
        """Reads the record; None for one that is damaged, or for a track that is held in another form."""
        if len(data) < 7 or data[0] != 1:
            return None
        at, found = 5, []
        for mask in (0x1F, 0xFF):
            if at >= len(data):
                return None
            units, count = [], data[at] & mask
            at += 1
            for _ in range(count):
                length = int.from_bytes(data[at : at + 2], "big")
                unit = data[at + 2 : at + 2 + length]
                if len(unit) < 2 or len(unit) != length:
                    return None
                units.append(unit)
                at += 2 + length
            found.append(tuple(units))
        return cls(data[:4], (data[4] & 3) + 1, found[0], found[1], data[at:])

    @property
    def ids(self) -> set[int]:
        """The numbers that its parameter sets have."""
        numbers = {_unsigned(unit[4:12]) for unit in self.sequences}
        return numbers | {_unsigned(unit[1:9]) for unit in self.pictures}

    def joined(self, annex_b: bytes) -> bytes | None:
        """The record with more parameter sets, which are given as a stream of units; None if they are too many."""
        units = list(_units(annex_b))
        sequences = [*self.sequences, *(unit for unit in units if unit[0] & 0x1F == _SEQUENCE)]
        pictures = [*self.pictures, *(unit for unit in units if unit[0] & 0x1F == _PICTURE)]
        if len(sequences) > 0x1F or len(pictures) > 0xFF:
            return None
        made = self.head + bytes([0xFC | (self.size - 1), 0xE0 | len(sequences)])
        made += b"".join(len(unit).to_bytes(2, "big") + unit for unit in sequences)
        made += bytes([len(pictures)]) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in pictures)
        return made + self.rest

    def packed(self, annex_b: bytes) -> bytes:
        """Units of a stream with their lengths before them."""
        return b"".join(len(unit).to_bytes(self.size, "big") + unit for unit in _units(annex_b))


def _units(data: bytes) -> Iterator[bytes]:
    """The units of a stream: each begins behind 00 00 01, and zeros before that belong to none."""
    at = data.find(b"\0\0\1")
    while at >= 0:
        following = data.find(b"\0\0\1", at + 3)
        unit = data[at + 3 : following if following >= 0 else len(data)]
        if following >= 0:
            unit = unit.rstrip(b"\0")
        if unit:
            yield unit
        at = following


def _unsigned(data: bytes) -> int:
    """The first number of a unit's bits: as many zeros as there are bits behind the first one."""
    bits = "".join(f"{byte:08b}" for byte in data)
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1
