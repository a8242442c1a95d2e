"""Frames are known again by a few of their pixels, in whatever form they come."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_hooks import Label, Provider, VideoStyle, films, label

ACME = Provider(producer="acme")
BARE = Provider(producer="acme", video=VideoStyle(coverage="opening"))


def picture(seed: int, width: int = 80, height: int = 60) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("width", [13, 16, 64, 80, 96, 97, 480, 720, 721, 832, 1001, 1920])
def test_a_picture_and_its_array_are_looked_at_in_the_same_places(width: int) -> None:
    for height in (24, 60, 333, width):
        frame = picture(1, width, height)
        own = Label(content_producer="acme", produce_id=f"{width}-{height}")
        films.remember([frame], own, BARE, ())
        array = np.asarray(frame)
        for form in (array, array.astype(np.float32) / 255, torch.from_numpy(array.copy()).permute(2, 0, 1)):
            found = films.label_of(form)
            assert found is not None
            assert found[0] == own


def forms(frame: Image.Image) -> dict[str, Any]:
    array = np.asarray(frame)
    return {
        "the same": frame,
        "a copy": frame.copy(),
        "with alpha": frame.convert("RGBA"),
        "uint8": array,
        "integers by truncation": (array / 255.0 * 255).astype(np.uint8),
        "uint16": array.astype(np.uint16) * 257,
        "blue first": array[..., ::-1],
        "not contiguous": np.asfortranarray(array),
        "channels first": np.moveaxis(array, -1, 0),
        "float16": (array / 255).astype(np.float16),
        "bfloat16": (torch.from_numpy(array / 255).permute(2, 0, 1)).bfloat16(),
        "with alpha, array": np.dstack([array, np.full(array.shape[:2], 255, np.uint8)]),
        "−1 to 1": (array / 127.5 - 1).astype(np.float32),
    }


@pytest.mark.parametrize("form", forms(picture(0)))
def test_a_frame_is_known_in_every_form(form: str) -> None:
    frames = label([picture(seed) for seed in range(4)], fps=24, provider=ACME)
    own = films.label_of(frames[2])
    assert own is not None
    assert films.label_of(forms(frames[2])[form]) == own


@pytest.mark.parametrize(
    "other",
    [
        picture(2),  # as it was before it was labelled
        picture(99),
        Image.new("RGB", (80, 60)),
        Image.new("RGB", (80, 61)),
        np.zeros((60, 80, 7), np.uint8),
        np.zeros((60, 80, 3), np.int64),
        np.zeros((60, 80, 3), bool),
        np.full((60, 80, 3), np.nan, np.float32),
        np.zeros(5),
    ],
)
def test_no_other_is(other: Any) -> None:
    label([picture(seed) for seed in range(4)], fps=24, provider=ACME)
    assert films.label_of(other) is None


def test_a_flat_frame_is_known_by_its_label_only() -> None:
    black = [Image.new("RGB", (82, 60)) for _ in range(60)]
    label(black, fps=10, provider=BARE)
    assert films.label_of(black[0]) is not None
    assert films.label_of(black[-1]) is None


def test_of_equal_films_the_newest_counts() -> None:
    first, second = ([picture(5)] for _ in range(2))
    label(first, fps=24, provider=ACME)
    label(second, fps=24, provider=ACME)
    found = films.label_of(np.asarray(first[0]))
    assert found is not None
    assert found == films.label_of(np.asarray(second[0]))


def test_a_long_film_is_known_at_its_beginning_and_within_a_second_later() -> None:
    film = np.random.default_rng(6).integers(0, 256, (3000, 24, 26, 3), dtype=np.uint8)
    own = Label(content_producer="acme", produce_id="long")
    films.remember(film, own, BARE, ())
    known = [number for number in range(len(film)) if films.label_of(film[number])]
    assert known[:512] == list(range(512))
    assert max(np.diff(known)) <= 6


def test_memory_is_bounded_and_the_newest_stay() -> None:
    for number in range(12):
        own = Label(content_producer="acme", produce_id=str(number))
        films.remember(np.full((1000, 30, 31 + number % 10, 3), number, np.uint8), own, BARE, ())
    assert len(films._shelves) <= films._MOST_SIZES
    noise = np.random.default_rng(8).integers(0, 256, (9000, 12, 14, 3), dtype=np.uint8)
    for start in range(0, 9000, 1000):
        films.remember(noise[start : start + 1000], Label(content_producer="acme", produce_id=str(start)), BARE, ())
    assert len(films._shelves[12, 14].owners) == films._MOST
    assert films.label_of(noise[0]) is None
    found = films.label_of(noise[-1])
    assert found is not None
    assert found[0].produce_id == "8000"


def test_threads() -> None:
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for number in range(20):
                frames = label([picture(1000 * seed + number, 90, 70)], fps=24, provider=ACME)
                assert films.label_of(np.asarray(frames[0])) is not None
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
