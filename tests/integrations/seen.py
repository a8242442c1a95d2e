"""How a test sees that a picture carries its label."""

from __future__ import annotations

from typing import Any

import numpy
import torch
from PIL import Image

from aigc_hooks import read_label


def producer(image: Image.Image) -> str | None:
    """Who the implicit label of a PIL image names; None without one."""
    found = read_label(image).label
    return found.content_producer if found else None


def pixels(picture: Any) -> Any:
    """One picture as (H,W,C) float64 in 0–1."""
    if isinstance(picture, Image.Image):
        return numpy.asarray(picture, dtype=numpy.float64) / 255
    if isinstance(picture, torch.Tensor):
        return picture.detach().float().permute(1, 2, 0).numpy().astype(numpy.float64)
    return numpy.asarray(picture, dtype=numpy.float64)


def only_the_label_differs(labelled: Any, plain: Any) -> bool:
    """Whether a picture is another one plus white text on a dark plate in its lower right, and nothing else."""
    one, other = pixels(labelled), pixels(plain)
    changed = (one != other).any(axis=-1)
    height, width = changed.shape
    rows, columns = numpy.nonzero(changed)
    if not len(rows):
        return False
    in_corner = rows.min() >= height // 2 and columns.max() >= width * 0.9 and rows.max() >= height * 0.9
    white = bool((one[changed] > 0.97).all(axis=-1).any())
    return bool(in_corner and white)


def same(one: Any, other: Any) -> bool:
    return bool(numpy.array_equal(pixels(one), pixels(other)))
