"""How a label stays with content in memory until it is saved.

A PIL image carries it in ``info``, which Pillow hands on through resize, crop, convert, rotate, copy and pickle.
Arrays and tensors have no such place: each picture in one is remembered by where its pixels lie, for as long as they
lie there, so that a batch, a slice of it and a view of either are known again.
"""

from __future__ import annotations

import importlib
import weakref
from typing import Any, NamedTuple

from aigc_hooks.labels import FIELD_NAME, Label
from aigc_hooks.media import is_array, is_picture, is_tensor
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
    bare: bool

    def __new__(cls, label: Label, provider: Provider, covered: Any = None, bare: bool = False) -> Mark:
        """Makes the string and hangs the records on it."""
        mark = super().__new__(cls, _text(label))
        mark.label, mark.provider, mark.covered, mark.bare = label, provider, covered, bare
        return mark

    def __deepcopy__(self, memo: object) -> Mark:
        return self  # nothing in it changes

    def __reduce__(self) -> tuple[Any, ...]:
        return restore_mark, (self.label, self.provider, self.covered, self.bare)


_latest: tuple[Label | None, str] = (None, "")


def _text(label: Label) -> str:
    """The wrapped JSON of a label. All frames of a film have the same: it is made once."""
    global _latest
    known, text = _latest
    if known is not label:
        text = label.to_json(wrapped=True)
        _latest = (label, text)
    return text


def restore_mark(label: Label, provider: Provider, covered: Any, bare: bool) -> Mark:
    """Rebuilds a mark from a pickle, and teaches this process's Pillow to write it: it may never have seen one."""
    _teach_pillow()
    return Mark(label, provider, covered, bare)


def _teach_pillow() -> None:
    """A mark that no saver writes would be lost in silence: whoever sets one sees to it that it is written."""
    # By name: the savers live on a higher floor.
    importlib.import_module("aigc_hooks.saving.pictures").install()


class _Remembered(NamedTuple):
    """One picture of an array or tensor."""

    owner: weakref.ref[Any]
    layout: tuple[Any, ...]
    label: Label
    provider: Provider
    covered: Any
    number: int | None


_arrays: dict[int, _Remembered] = {}


def carry(content: Any, label: Label, provider: Provider, covered: Any = None, *, bare: bool = False) -> None:
    """Attaches a label to a PIL image, an array or a tensor; a bare image shows none, as a frame later in a film."""
    if is_picture(content):
        _teach_pillow()
        content.info[FIELD_NAME] = Mark(label, provider, covered, bare)
        return
    layout, places = _pictures(content)
    pop = _arrays.pop  # bound here: at exit, a module's names may be gone before its arrays

    def forget(_: object) -> None:
        for place in places:
            pop(place, None)

    # The entries go with the memory, before its place can be another's.
    owner = weakref.ref(_owner(content), forget)
    for index, place in enumerate(places):
        _arrays[place] = _Remembered(owner, layout, label, provider, covered, index if content.ndim == 4 else None)


def _pictures(content: Any) -> tuple[tuple[Any, ...], list[int]]:
    """How a picture of an array or tensor lies in memory, and where each one begins."""
    if is_tensor(content):
        start, unit = content.data_ptr(), content.element_size()
        strides = tuple(stride * unit for stride in content.stride())
    else:
        start, strides = content.__array_interface__["data"][0], content.strides
    shape = tuple(content.shape)
    kind = str(content.dtype).removeprefix("torch.")
    if len(shape) != 4:
        return (shape, strides, kind), [start]
    return (shape[1:], strides[1:], kind), [start + strides[0] * index for index in range(shape[0])]


def _owner(content: Any) -> Any:
    """What keeps the memory alive: a tensor's storage, or the array that a view, or an array around a tensor, is of."""
    while not is_tensor(content):
        if not (is_array(content.base) or is_tensor(content.base)):
            return content
        content = content.base
    return content.untyped_storage()  # a view made in inference mode does not name the tensor that it is of


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
    if is_picture(content):
        mark = mark_of(content)
        return mark.covered if mark else None
    entries = _entries(content)
    if not entries or any(entry.covered is not entries[0].covered for entry in entries) or not entries[0].covered:
        return None
    return entries[0].covered.part([entry.number for entry in entries], batch=content.ndim == 4)


def mark_of(image: Any) -> Mark | None:
    """The mark of a PIL image. A plain string under the same key comes from somebody else's file."""
    value = image.info.get(FIELD_NAME)
    # By name, not by isinstance: a mark outlives a reload of this module.
    return value if type(value).__name__ == "Mark" and hasattr(value, "label") else None


def _remembered(content: Any) -> _Remembered | None:
    """The entry that all pictures of an array or tensor agree in."""
    entries = _entries(content)
    return entries[0] if entries and all(entry.label == entries[0].label for entry in entries) else None


def _entries(content: Any) -> list[_Remembered]:
    """The entries of all pictures in an array or tensor; none where one picture has none."""
    if not _arrays:
        return []
    layout, places = _pictures(content)
    entries = [entry for place in places if (entry := _arrays.get(place)) and entry.layout == layout]
    return entries if len(entries) == len(places) else []
