"""Films of every form that models and scripts make: labelled in each frame, or refused with a word."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_hooks import LabelError, Provider, UnsupportedOutputError, label, read_label

ACME = Provider(producer="acme")


def array() -> Any:
    return np.random.default_rng(3).integers(0, 120, (3, 64, 96, 3), dtype=np.uint8)


def tensor() -> torch.Tensor:
    return torch.from_numpy(array()).permute(0, 3, 1, 2).contiguous()


def inference() -> torch.Tensor:
    with torch.inference_mode():
        return tensor() / 255


LABELLED: dict[str, Callable[[], Any]] = {
    "uint8": array,
    "uint16": lambda: array().astype(np.uint16) * 257,
    **{
        name: lambda kind=kind, low=low: (array() / (127.5 if low else 255) - low).astype(kind)
        for low in (0, 1)
        for kind, name in ((np.float16, f"float16 from {-low}"), (np.float32, f"float32 from {-low}"))
    },
    "float64": lambda: array() / 255,
    "bfloat16": lambda: (tensor() / 255).bfloat16(),
    "bfloat16 from -1": lambda: (tensor() / 127.5 - 1).bfloat16(),
    "half tensor": lambda: (tensor() / 255).half(),
    "with a gradient": lambda: (tensor() / 255).requires_grad_(),
    "of inference mode": inference,
    "one frame": lambda: array()[:1],
    "three frames of three channels, either way": lambda: np.moveaxis(array(), -1, 1),
    "a tensor with channels last": lambda: torch.from_numpy(array()),
    "a tensor with channels before frames": lambda: tensor().repeat(2, 1, 1, 1).swapaxes(0, 1).contiguous(),
    "mirrored": lambda: array()[:, :, ::-1],
    "every second row": lambda: np.repeat(array(), 2, 1)[:, ::2],
    "of Fortran": lambda: np.asfortranarray(array()),
    "grey": lambda: array()[..., :1],
    "grey and alpha": lambda: array()[..., :2],
    "transparent": lambda: np.concatenate([array(), np.zeros((3, 64, 96, 1), np.uint8)], axis=-1),
    "wide and low": lambda: np.zeros((2, 16, 300, 3), np.uint8),
    "8k": lambda: np.zeros((1, 4320, 7680, 3), np.uint8),
    "a list of arrays": lambda: list(array()),
    "a list of grey ones": lambda: [frame[..., 0] for frame in array()],
    "a list of tensors": lambda: list(tensor()),
    "pictures of several modes": lambda: [
        Image.fromarray(frame).convert(mode) for frame, mode in zip(array(), ("RGB", "L", "RGBA"), strict=True)
    ],
    "one object over and over": lambda: [Image.fromarray(array()[0])] * 3,
}


@pytest.mark.parametrize("form", LABELLED)
def test_every_frame_is_labelled_in_place(form: str) -> None:
    film, before = LABELLED[form](), LABELLED[form]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert label(film, fps=8, provider=ACME) is film
    frames = film if isinstance(film, list) or film.shape[0] != 3 or film.shape[1] != 6 else film.swapaxes(0, 1)
    olds = before if isinstance(before, list) or before.shape[0] != 3 or before.shape[1] != 6 else before.swapaxes(0, 1)
    for frame, old in zip(frames, olds, strict=True):
        one, other = values(frame), values(old)
        changed = (one != other).reshape(*one.shape[:2], -1)
        assert changed.any()
        assert changed.mean() < 0.6
        assert read_label(frame).label == read_label(frames[0]).label is not None


def values(frame: Any) -> Any:
    """With the channels, if any, last."""
    made = frame.detach().float().numpy() if isinstance(frame, torch.Tensor) else np.asarray(frame)
    return np.moveaxis(made, 0, -1) if made.ndim == 3 and made.shape[0] in (1, 2, 3) else made


def spoilt(value: float) -> Any:
    film = (array() / 255).astype(np.float32)
    film[1] = value
    return film


def locked() -> Any:
    film = array()
    film.flags.writeable = False
    return film


REFUSED: dict[str, Callable[[], Any]] = {
    "bool": lambda: array() > 60,
    "int32": lambda: array().astype(np.int32),
    "int8": lambda: array().astype(np.int8),
    "complex": lambda: array().astype(np.complex64),
    "bool tensor": lambda: tensor() > 60,
    "floats in 0-255": lambda: array().astype(np.float32),
    "no number": lambda: spoilt(np.nan),
    "infinite": lambda: spoilt(np.inf),
    "no frames": lambda: array()[:0],
    "no frames in a list": list,
    "a film without frames among others": lambda: [[Image.new("RGB", (64, 64))], []],
    "no films": lambda: np.zeros((0, 4, 64, 96, 3), np.uint8),
    "1x1": lambda: np.zeros((3, 1, 1, 3), np.uint8),
    "3x3 of three channels": lambda: np.zeros((3, 3, 3, 3), np.uint8),
    "five channels": lambda: np.zeros((3, 64, 64, 5), np.uint8),
    "several sizes": lambda: [array()[0], array()[1][:32]],
    "pictures and arrays": lambda: [Image.fromarray(array()[0]), array()[1]],
    "read-only": locked,
    "one frame many times": lambda: tensor()[:1].expand(4, -1, -1, -1),
    "a generator": lambda: iter(array()),
    "numbers": lambda: array().tolist(),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_no_film_is_refused(form: str) -> None:
    label(array(), fps=8, provider=ACME)  # of the same size, to be compared with
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((LabelError, UnsupportedOutputError)) as caught:
            label(REFUSED[form](), fps=8, provider=ACME)
    assert len(str(caught.value)) > 15


def test_films_of_several_lengths_have_a_label_each() -> None:
    films = [list(map(Image.fromarray, array())), list(map(Image.fromarray, array()[:2])), array()]
    assert label(films, fps=8, provider=ACME) is films
    labels = [read_label(film[0] if isinstance(film, list) else film).label for film in films]
    assert None not in labels
    assert len(set(labels)) == 3
