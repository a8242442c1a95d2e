"""How the label of a film, or of a picture in an array, is found again when it is saved.

A PIL image carries its label in ``info``, and an array is remembered by where it lies; but what makes a film of frames,
or an image of an array, makes other arrays of them first. So the frames themselves are asked: a few pixels of each that
was labelled in this process are kept, spread over the frame, as brightness. A frame is found again after ``asarray``,
slicing, conversion to integers or floating point of any size, in any layout, with its channels in any order.

After resizing those pixels are others. Of pictures, and of the first frames of each film that show the label, a small
picture is kept besides, averaged over areas: a frame of another size that is like one of them, and still shows the
label where it was, is the same. After cropping or lossy coding a frame is not found again, nor in another process,
unless that was forked since.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from aigc_hooks import prints
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.labels import Label
from aigc_hooks.media import NO_PICTURE, channel_axis, is_picture
from aigc_hooks.provider import Provider

_MOST_SIZES = 32
_MOST = 4096
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

_LIKE, _LIKE_SHARE = 6.0, 0.25
"""How far apart small pictures of one frame may be, of 255 and of what they vary: resizing blurs, or skips pixels."""


class Owner(NamedTuple):
    """Whose a frame is.

    Attributes:
        label: The label of its film, or its own.
        provider: The settings.
        shown: Whether it shows the explicit label.
        still: Whether it is a picture by itself, which the style of pictures is for.
    """

    label: Label
    provider: Provider
    shown: bool
    still: bool

    def by(self) -> Provider:
        """The settings by which the explicit label is drawn on it."""
        from aigc_hooks.explicit.video import as_picture

        return self.provider if self.still else as_picture(self.provider)


class _Shelf:
    """The prints of the frames of one size, in a ring that grows."""

    def __init__(self) -> None:
        self.made = 0
        self.owners: list[Owner] = []
        self.prints: Any = None
        self.sizes: Any = None
        self.small: deque[tuple[Any, Owner]] = deque(maxlen=_MOST_SMALL)

    def add_small(self, frames: Iterable[Any], owner: Owner) -> None:
        """Keeps small pictures of the first frames of a film."""
        room = FEW - sum(label is owner[0] for _, (label, *_) in self.small)
        self.small.extend((prints.small(frame), owner) for frame, _ in zip(frames, range(room), strict=False))

    def add(self, found: Any, owners: list[Owner]) -> None:
        import numpy

        for each, owner in zip(found, owners, strict=True):
            at = self.made % _MOST
            self.made += 1
            if self.prints is None or at >= len(self.prints):
                room = min(max(64, 2 * at), _MOST)
                kept: Any = numpy.zeros((room, prints.POINTS**2), numpy.float32)
                sizes: Any = numpy.zeros(room, numpy.float32)
                if at:
                    kept[:at], sizes[:at] = self.prints, self.sizes
                self.prints, self.sizes = kept, sizes
            if at >= len(self.owners):
                self.owners.append(owner)
            self.owners[at] = owner
            self.prints[at], self.sizes[at] = each, float(each @ each)

    def find(self, found: Any) -> Owner | None:
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
_lock = ForkSafeLock()


def remember(film: Any, label: Label, provider: Provider, shown: Collection[int], *, still: bool = False) -> None:
    """Keeps the label of a film that has been labelled, or of pictures that are one array.

    Args:
        film: PIL images or arrays in a list, an array, or a tensor.
        label: Its implicit label.
        provider: The settings.
        shown: Numbers of the frames that show the explicit label.
        still: Whether they are pictures by themselves.
    """
    count = len(film)
    chosen = list(range(count))
    if count > _MOST_OF_ONE:
        half = _MOST_OF_ONE // 2
        chosen = [*range(half), *(half + (count - half) * n // half for n in range(half))]
    if isinstance(film, (list, tuple)):
        film = list(map(prints.plain, film))
        frames = [film[n] for n in chosen]
        found = prints.of_pictures(frames) if all(map(is_picture, frames)) else list(map(prints.print_of, frames))
        size = prints.size(film[0])
    else:
        found = prints.of_film(film if len(chosen) == count else film[chosen])
        size = prints.size(film)
    with _lock:
        if size not in _shelves:
            while len(_shelves) >= _MOST_SIZES:
                _shelves.popitem(last=False)
            _shelves[size] = _Shelf()
        _shelves.move_to_end(size)
        both = [Owner(label, provider, visible, still) for visible in (False, True)]
        _shelves[size].add(found, [both[number in shown] for number in chosen])
        _shelves[size].add_small((film[number] for number in chosen if number in shown), both[True])


def known_size(width: int, height: int, *, resized: bool = False) -> bool:
    """Whether a frame of this size, or of one that may be resized to it, has been labelled.

    Where none has, no frame needs to be looked at.
    """
    return (height, width) in _shelves or (resized and bool(_shelves))


def label_of(frame: Any, *, resized: bool = False) -> tuple[Label, Provider] | None:
    """The label of the film that a frame is of, and by which settings; as ``owner_of``."""
    owner = owner_of(frame, resized=resized)
    return (owner.label, owner.provider) if owner else None


def owner_of(frame: Any, *, resized: bool = False) -> Owner | None:
    """Whose a frame is, or a picture; None where it got no label in this process.

    The same frame without the explicit label that it got is another, such as one that was there before.

    Args:
        frame: A PIL image, an array or a tensor.
        resized: Whether it may be one of the first frames of a film that was resized since.
    """
    if not _shelves or (not is_picture(frame) and channel_axis(frame) == NO_PICTURE):
        return None
    frame = prints.plain(frame)
    size = prints.size(frame)
    try:
        return _of_this_size(frame, size) or (_of_another_size(frame, size) if resized else None)
    except (TypeError, ValueError):  # of a dtype that no film has
        return None


def _of_this_size(frame: Any, size: tuple[int, int]) -> Owner | None:
    shelf = _shelves.get(size)
    if shelf is None or not shelf.owners:
        return None
    found = prints.print_of(frame)
    with _lock:
        owner = shelf.find(found)
    if owner is None:
        return None
    known = _shows(frame, owner.by()) if owner.shown else float(found.std()) > _FLAT
    return owner if known else None


def _of_another_size(frame: Any, size: tuple[int, int]) -> Owner | None:
    from aigc_hooks.explicit import array

    with _lock:
        kept = [(other, *known) for other, shelf in _shelves.items() if other != size for known in shelf.small]
    # The label first: hardly any other frame shows it, and its box is small.
    places = {(other, owner.by()) for other, _, owner in kept}
    shown = {(other, by): array.still_shows(frame, by, other) for other, by in places}
    alike = [known for known in kept if shown[known[0], known[2].by()]]
    if not alike:
        return None
    found = prints.small(frame)
    near = [(float(((small - found) ** 2).mean()), small, owner) for _, small, owner in reversed(alike)]
    distance, small, owner = min(near, key=lambda item: item[0])
    return owner if distance**0.5 <= min(_LIKE, _LIKE_SHARE * float(small.std())) else None


def _shows(frame: Any, by: Provider) -> bool:
    from aigc_hooks.explicit import array, picture

    return bool((picture if is_picture(frame) else array).shows_label(frame, by))
