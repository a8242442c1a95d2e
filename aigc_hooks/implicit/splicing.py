"""New files that are old ones with a few parts changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from aigc_hooks.implicit.copying import copy


class Edit(NamedTuple):
    """What stands from one offset of the old file to another is these bytes in the new one."""

    begin: int
    end: int
    data: bytes


def splice(source: BinaryIO, target: BinaryIO, edits: Iterable[Edit]) -> None:
    """Copies a file with its edits, in constant memory.

    What takes exactly the place of the old is written into the finished copy, so that the copy is one piece and a file
    system may share its blocks.
    """
    kept: list[Edit] = []
    done = grown = 0
    for edit in sorted(edits):
        if len(edit.data) == edit.end - edit.begin:
            kept.append(Edit(edit.begin + grown, edit.end + grown, edit.data))
            continue
        copy(source, target, done, edit.begin - done)
        target.write(edit.data)
        grown += len(edit.data) - (edit.end - edit.begin)
        done = edit.end
    copy(source, target, done)
    for edit in kept:
        target.seek(edit.begin)
        target.write(edit.data)
    target.seek(0, 2)
