"""Functions of a user's own that make films."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import aigc_hooks
from aigc_hooks import (
    ConfigError,
    LabelError,
    Provider,
    UnsupportedOutputError,
    VideoStyle,
    exempt,
    is_wrapped,
    read_label,
    save,
    unwrap,
    wrap,
)

ACME = Provider(producer="acme")
OPENING = Provider(producer="acme", video=VideoStyle(coverage="opening"))
RANDOM = np.random.default_rng(7)


def array(count: int = 4) -> Any:
    return RANDOM.integers(0, 120, (count, 64, 96, 3), dtype=np.uint8)


def pictures(count: int = 4) -> list[Image.Image]:
    return [Image.fromarray(frame) for frame in array(count)]


def ink(frame: Any) -> bool:
    """Whether there is white text in the lower half of a frame whose content is darker."""
    values = np.asarray(frame)
    if isinstance(frame, torch.Tensor):
        values = np.moveaxis(frame.float().numpy() * 255, 0, -1)
    elif values.dtype.kind == "f":
        values = values * 255
    return bool((values[32:].min(axis=-1) > 235).sum() > 10)


def films(made: Any) -> list[Any]:
    return list(made) if getattr(made, "ndim", 0) == 5 or isinstance(made[0], list) else [made]


RETURNED: dict[str, Callable[[], Any]] = {
    "pictures": pictures,
    "several films": lambda: [pictures(), pictures(2)],
    "(F,H,W,C)": array,
    "(B,F,H,W,C)": lambda: np.stack([array(), array()]),
    "floats": lambda: (array() / 255).astype(np.float32),
    "(F,C,H,W)": lambda: torch.from_numpy(array()).permute(0, 3, 1, 2).contiguous() / 255,
    "(B,F,C,H,W)": lambda: torch.from_numpy(np.stack([array(), array()])).permute(0, 1, 4, 2, 3).half() / 255,
}


@pytest.mark.parametrize("kind", RETURNED)
def test_what_is_returned_is_labelled_in_place(kind: str) -> None:
    bare = RETURNED[kind]()
    made = wrap(lambda: bare, kind="video", provider=ACME, fps=8)()
    assert made is bare
    labels = []
    for film in films(made):
        assert all(map(ink, film))
        (label,) = {read_label(frame).label for frame in film} if isinstance(film, list) else {read_label(film).label}
        labels.append(label)
    assert None not in labels
    assert len(set(labels)) == len(labels)


def test_a_decorator_a_coroutine_and_a_method(tmp_path: Path) -> None:
    @wrap(kind="video", provider=ACME, fps=8)
    async def river() -> Any:
        await asyncio.sleep(0)
        return pictures()

    film = asyncio.run(river())
    assert read_label(save(film, tmp_path / "river.mp4", fps=8)).label == read_label(film[0]).label
    assert is_wrapped(river)
    assert not ink(asyncio.run(unwrap(river)())[0])

    class Studio:
        @wrap(kind="video", provider=ACME)
        def shoot(self, fps: int) -> Any:
            return pictures(fps)

    assert all(map(ink, Studio().shoot(fps=3)))


FRAMES: dict[str, Callable[[Any], Any]] = {
    "pictures": Image.fromarray,
    "arrays": lambda frame: frame.copy(),
    "tensors": lambda frame: torch.from_numpy(frame.copy()).permute(2, 0, 1) / 255,
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_that_are_yielded_are_one_film(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    @wrap(kind="video", provider=ACME, fps=8)
    def river() -> Any:
        for frame in array(5):
            yield FRAMES[kind](frame)
        return "done"

    with caplog.at_level(logging.INFO, "aigc_hooks.audit"):
        made = list(river())
    assert len(made) == 5
    assert all(map(ink, made))
    assert len({read_label(frame).label for frame in made}) == 1
    assert read_label(made[0]).label is not None
    assert caplog.text.count('"outcome": "labelled"') == 1


def test_an_opening_ends_and_its_film_is_known_all_the_same(tmp_path: Path) -> None:
    made = list(wrap(lambda: iter(pictures(30)), kind="video", provider=OPENING, fps=10)())
    assert [ink(frame) for frame in made] == [True] * 20 + [False] * 10
    assert len({read_label(frame).label for frame in made}) == 1
    made[-1].save(tmp_path / "still.png")
    with Image.open(tmp_path / "still.png") as still:
        assert ink(still)
    assert read_label(save(made[25:], tmp_path / "cut.gif", fps=10, provider=OPENING)).conforms
    ended = Provider(producer="acme", video=VideoStyle(coverage="opening", end=True))
    assert all(map(ink, wrap(iter(pictures(30)), kind="video", provider=ended, fps=10)))


def test_the_rate_is_that_of_the_call() -> None:
    @wrap(kind="video", provider=OPENING, fps=50)
    def river(fps: int) -> Any:
        return pictures(12)

    assert [ink(frame) for frame in river(fps=5)] == [True] * 10 + [False] * 2
    with pytest.raises(LabelError, match="frame rate"):
        river(fps=-1)


def test_asynchronous_frames() -> None:
    @wrap(kind="video", provider=ACME, fps=8)
    async def river() -> Any:
        for frame in pictures():
            yield frame

    async def collected() -> list[Any]:
        return [frame async for frame in river()]

    assert all(map(ink, asyncio.run(collected())))


def test_films_that_are_yielded_have_labels_of_their_own() -> None:
    made = list(wrap(iter([pictures(), array()]), kind="video", provider=ACME, fps=8))
    assert all(ink(frame) for film in made for frame in film)
    assert read_label(made[0][0]).label != read_label(made[1]).label


def test_an_exempted_film_is_recorded_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "aigc_hooks.audit"), exempt(user="u", agreement="a", reason="asked"):
        made = list(wrap(iter(pictures(5)), kind="video", provider=ACME, fps=8))
    assert not any(map(ink, made))
    assert caplog.text.count('"outcome": "exempted"') == 1
    assert len({read_label(frame).label for frame in made}) == 1


@pytest.mark.parametrize("returned", ["river.mp4", [], object(), np.zeros((4, 64), np.uint8), {"frames": []}, 3])
def test_what_is_no_film_is_not_released(returned: Any) -> None:
    with pytest.raises(UnsupportedOutputError):
        wrap(lambda: returned, kind="video", provider=ACME, fps=8)()


def test_nothing_stays_nothing_and_settings_are_checked_at_once() -> None:
    assert wrap(lambda: None, kind="video", provider=ACME)() is None
    with pytest.raises(TypeError, match="fps="):
        wrap(pictures, kind="image", provider=ACME, fps=8)
    with pytest.raises(LabelError, match="frame rate"):
        wrap(pictures, kind="video", provider=ACME, fps=0)
    with pytest.raises(ConfigError, match="'video'"):
        wrap(pictures, kind="film", provider=ACME)
    assert aigc_hooks.wrap is wrap
