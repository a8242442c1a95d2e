"""Copying parts of files, in constant memory."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple, cast

from aigc_hooks.errors import CarrierError

_PIECE = 1 << 20
_BLOCK = 4096
_WORTH_SHARING = 16 << 20  # what is shorter is read and written faster, where nothing can be shared


class Edit(NamedTuple):
    """A part of a file, from where to where it stands, and what takes its place."""

    start: int
    end: int
    data: bytes


def splice(source: BinaryIO, target: BinaryIO, edits: Iterable[Edit]) -> None:
    """Copies a file whole, but for the parts that are edited; what is put in at one place stays in its order.

    What takes exactly the place of the old is written into the finished copy, so that the copy is one piece and a file
    system may share its blocks.

    Raises:
        CarrierError: Two of them overlap.
    """
    kept: list[tuple[int, bytes]] = []
    done = reached = grown = 0
    for start, end, data in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if start < reached:
            raise CarrierError(f"two parts of the file that hold labels overlap, at offset {start}")
        reached = end
        if len(data) == end - start:
            kept.append((start + grown, data))
            continue
        copy(source, target, done, start - done)
        target.write(data)
        grown += len(data) - (end - start)
        done = end
    copy(source, target, done)
    for place, data in kept:
        target.seek(place)
        target.write(data)
    target.seek(0, 2)


def moved(offset: int, edits: Iterable[Edit]) -> int:
    """Where the byte at an offset stands after the edits, none of which is of that byte."""
    return offset + sum(len(data) - (end - start) for start, end, data in edits if end <= offset)


def copy(source: BinaryIO, target: BinaryIO, start: int, count: int | None = None) -> None:
    """Copies bytes from an offset on.

    Args:
        source: Where from.
        target: Where to, at its position.
        start: Offset of the first byte.
        count: How many; None copies all that follow. Fewer where the source ends before.
    """
    done = _by_the_system(source, target, start, count)
    left = source.seek(0, 2) - start - done if count is None else count - done
    source.seek(start + done)
    if left < _PIECE:
        target.write(source.read(left))
        return
    space = memoryview(bytearray(_PIECE))
    room = _PIECE - target.tell() % _PIECE  # pieces that lie even in the new file are written faster
    while left > 0:
        got = cast(io.RawIOBase, source).readinto(space[: min(left, room)])
        if not got:
            return
        target.write(space[:got])
        left -= got
        room = _PIECE


def _by_the_system(source: BinaryIO, target: BinaryIO, start: int, count: int | None) -> int:
    """Copies between two files on disk what they may share there; returns how many bytes.

    Only blocks that lie alike in both files can be shared. Where none are, the system's way is slower than reading and
    writing.
    """
    position = target.tell()
    try:
        one, other = source.fileno(), target.fileno()
        left = os.fstat(one).st_size - start if count is None else count
        if left < _WORTH_SHARING or (position - start) % _BLOCK or not hasattr(os, "copy_file_range"):
            return 0
        target.flush()
        done = -start % _PIECE
        source.seek(start)
        target.write(source.read(done))  # whole pieces are copied faster, and whole blocks can be shared
        target.flush()
        while done < left:
            copied = os.copy_file_range(one, other, left - done, start + done, position + done)
            if not copied:
                break
            done += copied
    except (OSError, AttributeError, io.UnsupportedOperation):  # no file, or no file system that can
        target.seek(position)
        return 0
    target.seek(position + done)
    return done
