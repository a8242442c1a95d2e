"""How a label stays with content in memory until it is saved.

A PIL image carries it in ``info``, which Pillow hands on through resize, crop, convert, rotate, copy and pickle. Arrays
and tensors have no such place: they are remembered by identity for as long as they live.
"""

from __future__ import annotations

import functools
import importlib
import weakref
from typing import Any, NamedTuple

from aigc_hooks.labels import FIELD_NAME, Label
from aigc_hooks.media import is_picture
from aigc_hooks.provider import Provider


class Mark(str):
    """The label of a PIL image, under ``info["AIGC"]``.

    It is a string, the wrapped JSON of TC260-PG-20259A's alternative place in PNG (tEXt ``AIGC``): a tool that copies
    ``info`` into the file on its own writes something lawful.
    """

    __slots__ = ("__dict__",)

    label: Label
    provider: Provider
    covered: Any

    def __new__(cls, label: Label, provider: Provider, covered: Any = None) -> Mark:
        """Makes the string and hangs the records on it."""
        mark = super().__new__(cls, label.to_json(wrapped=True))
        mark.label, mark.provider, mark.covered = label, provider, covered
        return mark

    def __deepcopy__(self, memo: object) -> Mark:
        return self  # nothing in it changes

    def __reduce__(self) -> tuple[Any, ...]:
        return restore_mark, (self.label, self.provider, self.covered)


def restore_mark(label: Label, provider: Provider, covered: Any) -> Mark:
    """Rebuilds a mark from a pickle, and teaches this process's Pillow to write it: it may never have seen one."""
    _teach_pillow()
    return Mark(label, provider, covered)


def _teach_pillow() -> None:
    """A mark that no saver writes would be lost in silence: whoever sets one sees to it that it is written."""
    # By name: the savers live on a higher floor.
    importlib.import_module("aigc_hooks.saving.pictures").install()


class _Remembered(NamedTuple):
    reference: weakref.ref[Any]
    label: Label
    provider: Provider
    covered: Any


_arrays: dict[int, _Remembered] = {}


def carry(content: Any, label: Label, provider: Provider, covered: Any = None) -> None:
    """Attaches a label to a PIL image, an array or a tensor."""
    if is_picture(content):
        _teach_pillow()
        content.info[FIELD_NAME] = Mark(label, provider, covered)
        return
    key = id(content)
    forget = functools.partial(_arrays.pop, key)  # bound here: at exit, a module's names may be gone before its arrays
    # The entry goes when the array does, before its id can be another's.
    _arrays[key] = _Remembered(weakref.ref(content, lambda _: forget(None)), label, provider, covered)


def carried(content: Any) -> Label | None:
    """The label that content carries in memory, or None."""
    mark = mark_of(content) if is_picture(content) else _remembered(content)
    return mark.label if mark else None


def labelled_by(content: Any) -> Provider | None:
    """The provider whose label content carries in memory, or None."""
    mark = mark_of(content) if is_picture(content) else _remembered(content)
    return mark.provider if mark else None


def covered_by(content: Any) -> Any:
    """What the content had under its explicit label, as the renderer keeps it, or None."""
    mark = mark_of(content) if is_picture(content) else _remembered(content)
    return mark.covered if mark else None


def mark_of(image: Any) -> Mark | None:
    """The mark of a PIL image. A plain string under the same key comes from somebody else's file."""
    value = image.info.get(FIELD_NAME)
    # By name, not by isinstance: a mark outlives a reload of this module.
    return value if type(value).__name__ == "Mark" and hasattr(value, "label") else None


def _remembered(content: Any) -> _Remembered | None:
    entry = _arrays.get(id(content))
    return entry if entry is not None and entry.reference() is content else None
