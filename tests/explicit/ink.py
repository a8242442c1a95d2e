"""Measures a visible label by the pixels that it changed, never by the code that drew it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.float64]


def ink_of(labelled: Image.Image, plain: Image.Image) -> Pixels:
    """The difference as brightness, 0 to 255."""
    return np.abs(np.asarray(labelled.convert("L"), np.float64) - np.asarray(plain.convert("L"), np.float64))


def extent(ink: Pixels, axis: int) -> tuple[int, int]:
    """First and last-plus-one row (axis 0) or column (axis 1) that holds ink: half of the darkest, or more."""
    hit = np.flatnonzero((ink >= ink.max() / 2).any(axis=1 - axis))
    return int(hit[0]), int(hit[-1]) + 1


def runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where a row of flags is set, run by run."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
