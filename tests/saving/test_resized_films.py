"""Labelled frames that were resized as arrays: the exported film has both labels all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imageio
import numpy as np
import pytest
import torch
from diffusers.utils import encode_video, export_to_video
from PIL import Image

from aigc_hooks import Provider, VideoStyle, films, label, read_label
from tests.saving.moving import Command, decoded, film, key, shows
from tests.saving.test_video import by_imageio, by_pyav

ACME = Provider(producer="acme")
OPENING = Provider(producer="acme", video=VideoStyle(coverage="opening"))
FPS = 16


def by_torch(frames: Any, **how: Any) -> Any:
    planes = torch.from_numpy(np.array(frames)).permute(0, 3, 1, 2).float() / 255
    resized = torch.nn.functional.interpolate(planes, **how)
    return (resized.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


RESIZED: dict[str, Callable[[Any], Any]] = {
    "cv2, half": lambda frames: [cv2.resize(frame, None, fx=0.5, fy=0.5) for frame in frames],
    "cv2, larger": lambda frames: [cv2.resize(frame, (720, 432), interpolation=cv2.INTER_CUBIC) for frame in frames],
    "cv2, area": lambda frames: [cv2.resize(frame, (200, 120), interpolation=cv2.INTER_AREA) for frame in frames],
    "cv2, nearest": lambda frames: [cv2.resize(frame, (240, 144), interpolation=0) for frame in frames],
    "cv2, another shape": lambda frames: [cv2.resize(frame, (256, 256)) for frame in frames],
    "cv2, blue first": lambda frames: [cv2.cvtColor(cv2.resize(f, (240, 144)), cv2.COLOR_RGB2BGR) for f in frames],
    "torch, bicubic": lambda frames: by_torch(frames, size=(192, 320), mode="bicubic"),
    "torch, bilinear, twice": lambda frames: by_torch(
        by_torch(frames, scale_factor=2, mode="bilinear"), size=(160, 240)
    ),
    "every second pixel": lambda frames: [frame[::2, ::2] for frame in frames],
    "each pixel twice": lambda frames: [frame.repeat(2, 0).repeat(2, 1) for frame in frames],
    "Pillow": lambda frames: [np.asarray(Image.fromarray(frame).resize((300, 180))) for frame in frames],
}

WAYS: dict[str, Callable[[Any, str], Any]] = {
    "imageio": by_imageio,
    "PyAV": by_pyav,
    "encode_video": lambda frames, path: encode_video(np.stack(frames) / 255.0, FPS, path),
    "export_to_video": lambda frames, path: export_to_video([frame / 255.0 for frame in frames], path, fps=FPS),
}


def labelled(provider: Provider = ACME, count: int = 6) -> Any:
    return label(np.stack(film(count, 400, 240)), fps=FPS, provider=provider)


@pytest.mark.parametrize("how", RESIZED)
def test_a_resized_frame_is_known(how: str) -> None:
    frames = labelled()
    own = films.label_of(frames[0])
    assert own is not None
    small = RESIZED[how](frames)
    assert [films.label_of(frame, resized=True) for frame in small[: films.FEW]] == [own] * films.FEW
    assert films.label_of(small[0]) is None  # only who asks for it


@pytest.mark.parametrize("how", RESIZED)
def test_no_other_resized_frame_is(how: str) -> None:
    plain = np.stack(film(3, 400, 240))
    frames = label(plain.copy(), fps=FPS, provider=ACME)
    resized = RESIZED[how](frames)
    for other in (RESIZED[how](plain), RESIZED[how](film_arrays())):
        assert not any(films.label_of(frame, resized=True) for frame in other)
    cropped = [frame[:-20] for frame in resized]
    assert not any(films.label_of(frame, resized=True) for frame in cropped)


def film_arrays() -> Any:
    return np.stack(film(3, 400, 240))


def test_the_label_alone_makes_no_film_known() -> None:
    labelled()
    other = labelled()
    for shelf in films._shelves.values():
        while shelf.small and shelf.small[-1][1][0] == read_label_of(other):
            shelf.small.pop()
    assert not any(films.label_of(cv2.resize(frame, (200, 120)), resized=True) for frame in other)


def read_label_of(film: Any) -> Any:
    found = films.label_of(film[0])
    assert found is not None
    return found[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["cv2, half", "torch, bicubic", "cv2, another shape"])
def test_every_way_keeps_both_labels(way: str, how: str, tmp_path: Path, command: Command) -> None:
    frames = labelled()
    own = read_label_of(frames)
    path = tmp_path / "river.mp4"
    WAYS[way](RESIZED[how](frames), str(path))
    assert read_label(path).conforms
    assert read_label(path).label == own
    assert key(path, command)["ProduceID"] == own.produce_id
    shown = decoded(path, command)
    assert len(shown) == 6
    assert all(map(shows, shown))


@pytest.mark.parametrize("way", WAYS)
def test_films_of_others_are_left_alone(way: str, tmp_path: Path) -> None:
    labelled()
    for how in ("cv2, half", "torch, bicubic"):
        WAYS[way](RESIZED[how](film_arrays()), str(tmp_path / "plain.mp4"))
        assert not read_label(tmp_path / "plain.mp4").found


def test_the_opening_lasts_two_seconds_of_the_export(tmp_path: Path, command: Command) -> None:
    frames = label(np.stack(film(70, 160, 96)), fps=10, provider=OPENING)
    path = tmp_path / "quick.mp4"
    by_pyav([cv2.resize(frame, (224, 128)) for frame in frames], str(path), fps=30)
    shown = [shows(frame) for frame in decoded(path, command)]
    assert shown[:60] == [True] * 60
    assert not any(shown[60:])
    assert read_label(path).label == read_label_of(frames)


def test_a_resized_film_keeps_its_number_when_it_is_labelled_again(tmp_path: Path) -> None:
    frames = labelled()
    again = label(np.stack(RESIZED["cv2, half"](frames)), fps=FPS, provider=ACME)
    assert read_label_of(again) == read_label_of(frames)


def test_gif(tmp_path: Path) -> None:
    frames = labelled()
    imageio.mimsave(tmp_path / "river.gif", RESIZED["cv2, half"](frames), duration=60)
    assert read_label(tmp_path / "river.gif").label == read_label_of(frames)


def test_small_pictures_are_few() -> None:
    films._shelves.clear()
    for _ in range(20):
        labelled(count=6)
    (shelf,) = films._shelves.values()
    assert len(shelf.small) == films._MOST_SMALL
    assert sum(owner[0] == shelf.owners[-1][0] for _, owner in shelf.small) == films.FEW


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((2, 2, 3), np.uint8),
        np.zeros((1, 500), np.uint8),
        np.full((60, 81, 3), np.nan, np.float32),
        np.full((60, 81, 3), np.inf, np.float32),
        np.zeros((60, 81, 3), np.int64),
        np.zeros((60, 81, 7), np.uint8),
        torch.zeros(3, 60, 81, dtype=torch.bfloat16),
        Image.new("1", (81, 60)),
        Image.new("P", (3, 3)),
        Image.new("RGBA", (81, 60)),
    ],
)
def test_what_is_no_frame_of_ours_is_none(frame: Any) -> None:
    labelled()
    assert films.label_of(frame, resized=True) is None
