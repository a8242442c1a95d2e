"""How the label of a film is found again when it is exported.

A PIL image carries its label in ``info``, and an array is remembered by where it lies; but what makes a film of frames
makes other arrays of them first. So the frames themselves are asked: a few pixels of each that was labelled in this
process are kept, spread over the frame, as brightness. A frame is found again after ``asarray``, slicing, conversion to
integers or floating point of any size, in any layout, with its channels in any order.

After resizing those pixels are others. Of the first frames of each film that show the label a small picture is kept
besides, averaged over areas: a frame of another size that is like one of them, and still shows the label where it was,
is of that film. After cropping or lossy coding a frame is not found again, nor in another process, unless that was
forked since.
"""

from __future__ import annotations

import math
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from aigc_hooks.labels import Label
from aigc_hooks.media import NO_PICTURE, channel_axis, host, is_picture, is_tensor
from aigc_hooks.provider import Provider

_POINTS = 12
"""How many places in each direction are looked at."""

_MOST_SIZES = 8
_MOST = 8192
"""How many frames of one size are remembered; the oldest are forgotten."""

_MOST_OF_ONE = 1024
"""How many frames of one film are: of a longer one its beginning, and some of the rest."""

_NEAR = 2.5
"""How far apart two prints of one frame may be, of 255, as a mean: integers round, half precision too."""

_SAME = 0.25
"""How much further, squared, is as near: so small a difference is rounding."""

_FLAT = 3.0
"""A frame that varies less than this is like too many others to be known by what it shows."""

FEW = 4
"""Of how many frames of a film there is a small picture too: of its first ones."""

_MOST_SMALL = 64
"""How many small pictures of one size are kept."""

_SIDE = 16
"""How many values they have in each direction."""

_LIKE, _LIKE_SHARE = 6.0, 0.25
"""How far apart small pictures of one frame may be, of 255 and of what they vary: resizing blurs, or skips pixels."""

_DARKEST = -0.3
"""Below this, floating point is of −1 to 1: resizing with sharp edges goes a little below 0."""


_Owner = tuple[Label, Provider, bool]
"""Whose a frame is, and whether it shows the explicit label."""


class _Shelf:
    """The prints of the frames of one size, in a ring that grows."""

    def __init__(self) -> None:
        self.made = 0
        self.owners: list[_Owner] = []
        self.prints: Any = None
        self.sizes: Any = None
        self.small: deque[tuple[Any, _Owner]] = deque(maxlen=_MOST_SMALL)

    def add_small(self, frames: Iterable[Any], owner: _Owner) -> None:
        """Keeps small pictures of the first frames of a film."""
        room = FEW - sum(label is owner[0] for _, (label, *_) in self.small)
        self.small.extend((_small(frame), owner) for frame, _ in zip(frames, range(room), strict=False))

    def add(self, prints: Any, owners: list[_Owner]) -> None:
        import numpy

        for found, owner in zip(prints, owners, strict=True):
            at = self.made % _MOST
            self.made += 1
            if self.prints is None or at >= len(self.prints):
                room = min(max(64, 2 * at), _MOST)
                kept: Any = numpy.zeros((room, _POINTS * _POINTS), numpy.float32)
                sizes: Any = numpy.zeros(room, numpy.float32)
                if at:
                    kept[:at], sizes[:at] = self.prints, self.sizes
                self.prints, self.sizes = kept, sizes
            if at >= len(self.owners):
                self.owners.append(owner)
            self.owners[at] = owner
            self.prints[at], self.sizes[at] = found, float(found @ found)

    def find(self, found: Any) -> _Owner | None:
        """The newest of the nearest, if it is near enough."""
        size = float(found @ found)
        if not size < math.inf:  # nor where it is no number
            return None
        count = len(self.owners)
        distance = self.sizes[:count] - 2 * (self.prints[:count] @ found)
        if float(distance.min()) + size > _NEAR**2 * len(found):
            return None
        alike = (distance <= distance.min() + _SAME * len(found)).nonzero()[0]
        return self.owners[int(min(alike, key=lambda at: (self.made - 1 - at) % _MOST))]


_shelves: OrderedDict[tuple[int, int], _Shelf] = OrderedDict()
_lock = threading.Lock()


def _renew() -> None:
    """In a forked child: another thread of the parent may have held the lock."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def remember(film: Any, label: Label, provider: Provider, shown: Collection[int]) -> None:
    """Keeps the label of a film that has been labelled.

    Args:
        film: PIL images or arrays in a list, an array, or a tensor.
        label: Its implicit label.
        provider: The settings.
        shown: Numbers of the frames that show the explicit label.
    """
    count = len(film)
    chosen = list(range(count))
    if count > _MOST_OF_ONE:
        half = _MOST_OF_ONE // 2
        chosen = [*range(half), *(half + (count - half) * n // half for n in range(half))]
    if isinstance(film, (list, tuple)):
        frames = [film[n] for n in chosen]
        prints = _of_pictures(frames) if all(map(is_picture, frames)) else list(map(_print, frames))
        size = _size(film[0])
    else:
        prints = _prints(film if len(chosen) == count else film[chosen])
        size = _size(film)
    with _lock:
        if size not in _shelves:
            while len(_shelves) >= _MOST_SIZES:
                _shelves.popitem(last=False)
            _shelves[size] = _Shelf()
        _shelves.move_to_end(size)
        both = ((label, provider, False), (label, provider, True))
        _shelves[size].add(prints, [both[number in shown] for number in chosen])
        _shelves[size].add_small((film[number] for number in chosen if number in shown), both[True])


def known_size(width: int, height: int, *, resized: bool = False) -> bool:
    """Whether a film of this size, or of one that may be resized to it, has been labelled.

    Where none has, no frame needs to be looked at.
    """
    return (height, width) in _shelves or (resized and bool(_shelves))


def label_of(frame: Any, *, resized: bool = False) -> tuple[Label, Provider] | None:
    """The label of the film that a frame is of, and by which settings; None where it got none in this process.

    The same frame without the explicit label that it got is another, such as one that was there before.

    Args:
        frame: A PIL image, an array or a tensor.
        resized: Whether it may be one of the first frames of a film that was resized since.
    """
    if not _shelves or (not is_picture(frame) and channel_axis(frame) == NO_PICTURE):
        return None
    size = _size(frame)
    try:
        return _of_this_size(frame, size) or (_of_another_size(frame, size) if resized else None)
    except (TypeError, ValueError):  # of a dtype that no film has
        return None


def _of_this_size(frame: Any, size: tuple[int, int]) -> tuple[Label, Provider] | None:
    shelf = _shelves.get(size)
    if shelf is None or not shelf.owners:
        return None
    found = _print(frame)
    with _lock:
        owner = shelf.find(found)
    if owner is None:
        return None
    label, provider, shown = owner
    known = _shows(frame, provider) if shown else float(found.std()) > _FLAT
    return (label, provider) if known else None


def _of_another_size(frame: Any, size: tuple[int, int]) -> tuple[Label, Provider] | None:
    from aigc_hooks.explicit import array
    from aigc_hooks.explicit.video import as_picture

    with _lock:
        kept = [(other, *known) for other, shelf in _shelves.items() if other != size for known in shelf.small]
    # The label first: hardly any other frame shows it, and its box is small.
    shown = {
        (other, provider): array.still_shows(frame, as_picture(provider), other)
        for other, provider in {(other, provider) for other, _, (_, provider, _) in kept}
    }
    alike = [known for known in kept if shown[known[0], known[2][1]]]
    if not alike:
        return None
    found = _small(frame)
    near = [(float(((small - found) ** 2).mean()), small, owner) for _, small, owner in reversed(alike)]
    distance, small, (label, provider, _) = min(near, key=lambda item: item[0])
    return (label, provider) if distance**0.5 <= min(_LIKE, _LIKE_SHARE * float(small.std())) else None


def _shows(frame: Any, provider: Provider) -> bool:
    from aigc_hooks.explicit import array, picture
    from aigc_hooks.explicit.video import as_picture

    return bool((picture if is_picture(frame) else array).shows_label(frame, as_picture(provider)))


def _size(frame: Any) -> tuple[int, int]:
    if is_picture(frame):
        return int(frame.height), int(frame.width)
    shape = tuple(frame.shape)
    return (shape[-3], shape[-2]) if channel_axis(frame) == -1 else (shape[-2], shape[-1])


def _print(frame: Any) -> Any:
    """The brightness of a frame at its places, around 0."""
    return (_of_pictures([frame]) if is_picture(frame) else _prints(frame[None]))[0]


def _of_pictures(frames: Sequence[Any]) -> Any:
    """Those of PIL images, (F, places)."""
    import numpy
    from PIL import Image

    # The nearest pixels: Pillow finds them much quicker than it makes an array of a whole frame, or of each small one.
    sheet = Image.new("RGB", (_POINTS, _POINTS * len(frames)))
    for number, frame in enumerate(frames):
        small = frame.resize((_POINTS, _POINTS), 0)
        sheet.paste(small if small.mode == "RGB" else small.convert("RGB"), (0, _POINTS * number))
    values = numpy.frombuffer(sheet.tobytes(), numpy.uint8).reshape(len(frames), _POINTS * _POINTS, 3)
    brightness: Any = values.astype(numpy.float32) @ numpy.full(3, 1 / 3, numpy.float32)
    return brightness - numpy.float32(127.5)


def _places(side: int) -> Any:
    """Where to look along a side: where Pillow does, which adds up steps from the middle of the first."""
    import numpy

    step = side / _POINTS
    return numpy.add.accumulate([step / 2] + [step] * (_POINTS - 1)).astype(int)


def _prints(film: Any) -> Any:
    """Those of all frames of an array or tensor, (F, places)."""
    import numpy

    white = _white(film)
    height, width = _size(film)
    axis = channel_axis(film)
    rows, columns = _places(height), _places(width)
    at: tuple[Any, ...] = (..., rows[:, None], columns)
    if is_tensor(film):
        film = host(film.detach())
        at = at if not is_tensor(film) else (..., rows[:, None].tolist(), columns.tolist())
    few = film[(*at, slice(None)) if axis == -1 else at]
    values: Any = numpy.asarray(few.float().cpu() if is_tensor(few) else few, numpy.float32)
    if axis is not None and values.ndim > 3:
        colours = values.shape[axis] - (values.shape[axis] in (2, 4))
        values = values[..., :colours].mean(axis=-1) if axis == -1 else values[:, :colours].mean(axis=1)
    if white == 1.0 and float(values.min()) < -0.02:
        values, white = values + 1, 2.0
    return values.reshape(len(values), -1) * (255 / white) - 127.5


def _small(frame: Any) -> Any:
    """The brightness of a frame as a small picture, averaged over areas; (_SIDE, _SIDE)."""
    import numpy
    from PIL import Image

    if is_picture(frame):
        plain = frame if frame.mode in ("RGB", "L") else frame.convert("RGB")
        small = plain.resize((_SIDE, _SIDE), Image.Resampling.BOX).convert("RGB")
        return numpy.asarray(small, numpy.float32).mean(axis=-1)
    white, axis = _white(frame), channel_axis(frame)
    values: Any = host(frame.detach() if is_tensor(frame) else frame)
    values = numpy.asarray(values.float().cpu() if is_tensor(values) else values)
    if axis is not None:
        planes = numpy.moveaxis(values, axis, 0)
        colours = planes[: len(planes) - (len(planes) in (2, 4))]
        values = numpy.ascontiguousarray(colours, numpy.float32).mean(axis=0)
    if white == 1.0 and float(values.min()) < _DARKEST:
        values, white = values + 1, 2.0
    # Not by multiplying matrices, which wakes threads and waits for them; nor by ``fromarray``, which asks in turn.
    plane = numpy.ascontiguousarray(values, numpy.float32)
    sheet = Image.frombuffer("F", plane.shape[::-1], plane, "raw", "F", 0, 1)
    small = numpy.asarray(sheet.resize((_SIDE, _SIDE), Image.Resampling.BOX))
    return small * numpy.float32(255 / white)


def _white(film: Any) -> float:
    """The value of white in its dtype.

    Raises:
        TypeError: No film has it.
    """
    name = str(film.dtype).removeprefix("torch.")
    if name in ("uint8", "uint16"):
        return 255.0 if name == "uint8" else 65535.0
    if "float" not in name and name != "longdouble":
        raise TypeError(name)
    return 1.0
