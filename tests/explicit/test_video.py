"""The label in the frames of films: which frames show it, in every form that frames have, and nothing else changes."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_hooks import ConfigError, LabelError, Provider, UnsupportedOutputError, VideoStyle, label, read_label

from .ink import extent, ink_of

ACME = Provider(producer="acme")


def picture(number: int, width: int = 96, height: int = 64) -> Image.Image:
    noise = np.random.default_rng(number).integers(60, 200, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def film(count: int, width: int = 96, height: int = 64) -> list[Image.Image]:
    return [picture(number, width, height) for number in range(count)]


def changed(after: list[Image.Image], before: list[Image.Image]) -> list[int]:
    return [n for n, (one, other) in enumerate(zip(after, before, strict=True)) if one.tobytes() != other.tobytes()]


def acme(**video: Any) -> Provider:
    return Provider(producer="acme", video=VideoStyle(**video))


@pytest.mark.parametrize(
    ("fps", "frames"), [(23.976, 48), (24, 48), (25, 50), (29.97, 60), (30, 60), (60, 120), (12.5, 25), (0.5, 1)]
)
def test_an_opening_lasts_two_seconds_at_the_real_rate(fps: float, frames: int) -> None:
    before = film(130, 32, 32)
    after = [frame.copy() for frame in before]
    label(after, fps=fps, provider=acme(coverage="opening"))
    assert changed(after, before) == list(range(frames))
    assert frames / fps >= 2 - 1e-3  # 48 frames at 24000/1001 last a little longer than 2 seconds


def test_middle_and_end_join_the_opening_and_never_replace_it() -> None:
    before = film(60, 32, 32)
    after = [frame.copy() for frame in before]
    label(after, fps=5, provider=acme(coverage="opening", middle=True, end=True))
    assert changed(after, before) == [*range(10), *range(25, 35), *range(50, 60)]


def test_longer_where_it_is_asked_for() -> None:
    before = film(60, 32, 32)
    after = [frame.copy() for frame in before]
    label(after, fps=5, provider=acme(coverage="opening", seconds=3.5))
    assert changed(after, before) == list(range(18))


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("coverage", ["throughout", "opening"])
def test_a_short_film_shows_it_throughout(count: int, coverage: Any) -> None:
    before = film(count)
    after = [frame.copy() for frame in before]
    assert label(after, fps=24, provider=acme(coverage=coverage)) is after
    assert changed(after, before) == list(range(count))


def forms(pictures: list[Image.Image]) -> dict[str, Any]:
    """The same frames in every form."""
    arrays = np.stack([np.asarray(frame) for frame in pictures])
    floats = arrays.astype(np.float32) / 255
    first = torch.from_numpy(floats).permute(0, 3, 1, 2).contiguous()
    return {
        "list of pictures": [frame.copy() for frame in pictures],
        "tuple of pictures": tuple(frame.copy() for frame in pictures),
        "list of lists": [[frame.copy() for frame in pictures]],
        "list of arrays": list(arrays.copy()),
        "list of float arrays": [frame.copy() for frame in floats],
        "(F,H,W,C) uint8": arrays.copy(),
        "(F,H,W,C) uint16": arrays.astype(np.uint16) * 257,
        "(B,F,H,W,C) float32": floats[None].copy(),
        "(B,F,H,W,C) float16": floats[None].astype(np.float16),
        "(F,C,H,W) float32": first.clone(),
        "(F,C,H,W) uint8": (first * 255).round().to(torch.uint8),
        "(B,F,C,H,W) bfloat16": first[None].bfloat16(),
        "(B,F,C,H,W) −1 to 1": first[None] * 2 - 1,
        "(B,C,F,H,W)": first.permute(1, 0, 2, 3)[None].clone(),
        "needs a gradient": first[None].clone().requires_grad_(),
        "list of tensors": [first.clone()],
    }


def as_pictures(content: Any) -> list[Image.Image]:
    """Back to pictures, by other code than the library's."""
    if isinstance(content, (list, tuple)):
        made = [as_pictures(item) if isinstance(item, list) else item for item in content]
        if isinstance(made[0], list):
            return made[0]
        if isinstance(made[0], Image.Image):
            return made
        content = made[0] if made[0].ndim == 4 else np.stack(made)
    values = content.detach().float().numpy() if isinstance(content, torch.Tensor) else content.astype(np.float32)
    integer = "int" in str(content.dtype)
    white = values.max() if integer else 1.0
    if not integer and values.min() < -0.1:
        values = (values + 1) / 2
    values = values[0] if values.ndim == 5 else values
    if values.shape[0] == 3 and values.shape[1] != 3:
        values = values.swapaxes(0, 1)
    if values.shape[1] == 3:
        values = np.moveaxis(values, 1, -1)
    return [Image.fromarray((frame / white * 255).round().clip(0, 255).astype(np.uint8)) for frame in values]


@pytest.mark.parametrize("form", forms(film(2)))
def test_every_form_gets_the_same_label_in_place_and_once(form: str) -> None:
    before = film(6)
    content = forms(before)[form]
    assert label(content, fps=3, provider=ACME) is content
    after = as_pictures(content)
    expected = label([frame.copy() for frame in before], fps=3, provider=ACME)
    for one, other in zip(after, expected, strict=True):
        difference = np.abs(np.asarray(one, int) - np.asarray(other, int))
        assert difference.max() <= 2
    again = [frame.tobytes() for frame in as_pictures(content)]
    label(content, fps=3, provider=ACME)
    assert [frame.tobytes() for frame in as_pictures(content)] == again


def test_only_the_opening_of_an_array_is_drawn_on() -> None:
    for kind, axes in ((np.asarray, (1, 2, 3)), (torch.tensor, (1, 2, 3))):
        plain = np.full((40, 48, 64, 3), 0.6, np.float32)
        content = kind(plain if kind is np.asarray else plain.transpose(0, 3, 1, 2))
        before = np.asarray(content).copy()
        label(content, fps=10, provider=acme(coverage="opening", end=True))
        drawn = np.flatnonzero((np.asarray(content) != before).any(axis=axes))
        assert list(drawn) == [*range(40)]
        content[...] = 0.6
        label(content, fps=5, provider=acme(coverage="opening", end=True))
        drawn = np.flatnonzero((np.asarray(content) != before).any(axis=axes))
        assert list(drawn) == [*range(10), *range(30, 40)]


@pytest.mark.parametrize(("width", "height"), [(832, 480), (480, 832), (512, 512), (661, 1200), (642, 902)])
def test_the_ink_is_high_enough_also_after_an_encoder_enlarged_it(width: int, height: int) -> None:
    plain = Image.new("RGB", (width, height))
    content = [plain.copy()]
    label(content, fps=24, provider=ACME)
    # As diffusers' export does: to whole macroblocks.
    size = (-(-width // 16) * 16, -(-height // 16) * 16)
    ink = ink_of(content[0].resize(size, Image.Resampling.BICUBIC), plain.resize(size))
    top, bottom = extent(ink, 0)
    left, right = extent(ink, 1)
    assert bottom - top >= 0.05 * min(size)
    assert bottom >= 0.9 * size[1]
    assert right >= 0.9 * size[0]
    assert left > 0


def test_the_style_is_its_own() -> None:
    settings = Provider(
        producer="acme", image={"position": "top-left"}, video={"position": "bottom", "wording": "人工智能合成"}
    )
    plain = Image.new("L", (300, 200))
    frame = label([plain.copy()], fps=24, provider=settings)[0]
    assert extent(ink_of(frame, plain), 0)[0] > 150
    still = label(plain.copy(), provider=settings)
    assert extent(ink_of(still, plain), 0)[1] < 50
    width = extent(ink_of(frame, plain), 1)
    assert abs(sum(width) / 2 - 150) < 5


def test_one_film_has_one_label_and_a_batch_has_as_many_as_films() -> None:
    films = [film(3), film(3)]
    label(films, fps=8, provider=ACME)
    labels = [[read_label(frame).label for frame in frames] for frames in films]
    assert [len(set(found)) for found in labels] == [1, 1]
    assert labels[0][0] != labels[1][0]
    batch = np.stack([np.stack([np.asarray(frame) for frame in film(3)])] * 2) // 2
    label(batch, fps=8, provider=ACME)
    assert read_label(batch[0]).label != read_label(batch[1]).label


def test_a_film_that_was_labelled_keeps_its_number(caplog: pytest.LogCaptureFixture) -> None:
    frames = film(8)
    label(frames, fps=8, provider=ACME)
    own = read_label(frames[0]).label
    copied = np.stack([np.asarray(frame) for frame in frames]).astype(np.float32) / 255
    with caplog.at_level(logging.INFO, "aigc_hooks.audit"):
        label(copied, fps=8, provider=ACME)
        label(frames[2:6], fps=8, provider=ACME)
    assert caplog.text.count("already-labelled") == 2
    assert read_label(copied).label in (own, None)


def test_new_frames_of_a_labelled_film_are_drawn_on_and_no_other() -> None:
    frames = film(4)
    label(frames, fps=8, provider=ACME)
    own = read_label(frames[0]).label
    before = [frame.tobytes() for frame in frames]
    longer = [*frames, picture(77)]
    label(longer, fps=8, provider=ACME)
    assert [frame.tobytes() for frame in longer[:4]] == before
    assert longer[4].tobytes() != picture(77).tobytes()
    assert read_label(longer[4]).label == own


def test_a_buffer_that_was_filled_anew_is_another_film() -> None:
    buffer = np.full((4, 64, 96, 3), 90, np.uint8)
    buffer[:] = np.asarray(picture(1))
    label(buffer, fps=8, provider=ACME)
    first = read_label(buffer).label
    buffer[:] = np.asarray(picture(2))
    label(buffer, fps=8, provider=ACME)
    assert read_label(buffer).label != first


def test_what_was_assumed_is_recorded(caplog: pytest.LogCaptureFixture) -> None:
    from aigc_hooks.contents import labelled_films

    settings = acme(coverage="opening")
    with caplog.at_level(logging.INFO, "aigc_hooks.audit"):
        labelled_films(film(130, 32, 32), settings)
        label(film(130, 32, 32), fps=25, provider=settings)
    assert "pixels of 120 of 130 frames, 60 (assumed) a second" in caplog.text
    assert "pixels of 50 of 130 frames, 25 a second" in caplog.text


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1001, True, "24", object(), 1e-400])
def test_a_frame_rate_that_is_none_is_refused(fps: Any) -> None:
    frames = film(2)
    with pytest.raises(LabelError, match="frame rate"):
        label(frames, fps=fps, provider=ACME)
    assert changed(frames, film(2)) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "without frames"),
        (np.zeros((0, 32, 32, 3), np.uint8), "without frames"),
        ([picture(0), picture(0, 64, 64)], "one size"),
        (np.zeros((4, 32, 32, 7), np.float32), "no film"),
        (np.zeros((32, 32, 3), np.uint8), "is no film"),
        ("a film", "is no film"),
        ([picture(0), "a frame"], "is no film"),
        ([Image.new("RGB", (8, 8))], "does not fit"),
        (np.zeros((2, 32, 32, 3), np.int64), "no agreed range"),
    ],
)
def test_what_is_no_film_is_refused(content: Any, words: str) -> None:
    with pytest.raises(UnsupportedOutputError, match=words):
        label(content, fps=24, provider=ACME)


def test_frames_that_cannot_be_written_are_refused() -> None:
    content = np.zeros((2, 32, 32, 3), np.uint8)
    content.flags.writeable = False
    with pytest.raises(LabelError, match="read-only"):
        label(content, fps=24, provider=ACME)


def test_settings_of_films_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"video\.seconds = 1\.5"):
        Provider(producer="acme", video={"seconds": 1.5})
    with pytest.raises(ConfigError, match="coverage"):
        Provider(producer="acme", video={"coverage": "somewhere"})
    with pytest.raises(ConfigError, match="one of image"):
        Provider(producer="acme", position="top")
