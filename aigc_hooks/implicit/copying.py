"""Copying parts of files: by the operating system where it can, for the bytes need not pass through here."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

_PIECE = 1 << 20


def copy(source: BinaryIO, target: BinaryIO, start: int, count: int | None = None) -> None:
    """Copies bytes from an offset on, in constant memory.

    Args:
        source: Where from.
        target: Where to, at its position.
        start: Offset of the first byte.
        count: How many; None copies all that follow. Fewer where the source ends before.
    """
    done = _by_the_system(source, target, start, count)
    source.seek(start + done)
    while count is None or done < count:
        data = source.read(_PIECE if count is None else min(_PIECE, count - done))
        if not data:
            return
        target.write(data)
        done += len(data)


def _by_the_system(source: BinaryIO, target: BinaryIO, start: int, count: int | None) -> int:
    """Copies what it can between two files on disk; returns how many bytes."""
    try:
        one, other = source.fileno(), target.fileno()
        left = os.fstat(one).st_size - start if count is None else count
        if left < _PIECE or not hasattr(os, "copy_file_range"):
            return 0
        target.flush()
        position, done = target.tell(), 0
        while done < left:
            copied = os.copy_file_range(one, other, left - done, start + done, position + done)
            if not copied:
                break
            done += copied
    except (OSError, AttributeError, io.UnsupportedOperation):  # no file, or no file system that can
        return 0
    target.seek(position + done)
    return done
