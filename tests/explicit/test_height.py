"""Text height ≥ 5 % of the shorter side, by measured ink (GB 45438-2025, 5.2; checklist I-01, I-02, W-06)."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_hooks import ImageStyle, Provider, UnsupportedOutputError, label

from .ink import extent, runs

SIZES = [
    (64, 64),
    (65, 63),
    (97, 970),
    (128, 72),
    (100, 2000),
    (255, 257),
    (333, 500),
    (512, 512),
    (640, 360),
    (360, 640),
    (777, 7770),
    (1024, 1024),
    (1080, 1920),
    (1919, 1081),
    (2048, 2048),
    (3840, 2160),
    (4320, 432),
    (8192, 4320),
]


def needed(width: int, height: int, share: float = 0.05) -> float:
    return share * min(width, height)


@pytest.mark.parametrize(("width", "height"), SIZES, ids=lambda value: str(value))
def test_every_character_of_the_default_wording_is_high_enough(width, height, text_on_black, provider):
    ink = text_on_black(width, height, provider)
    top, bottom = extent(ink, 0)
    left, right = extent(ink, 1)
    assert bottom - top >= needed(width, height)
    assert 0 <= left < right <= width
    # "A", "I", "生" and "成" stand apart: each group of columns is one character, 生 or 成 may fall into parts.
    text = ink[top:bottom, left:right]
    groups = runs((text >= text.max() / 2).any(axis=0))
    assert len(groups) >= 3
    for start, end in groups[:2]:
        low, high = extent(text[:, start:end], 0)
        assert high - low >= needed(width, height), (start, end)
    low, high = extent(text[:, groups[2][0] :], 0)
    assert high - low >= needed(width, height)


@pytest.mark.parametrize("character", list("AIQaiegnrtxz0123456789人工智能生成合由本图片内容请注意"))
def test_each_counted_character_is_high_enough_alone(character, text_on_black):
    # The wording's other characters are told apart by drawing it with and without the one that is measured.
    wording = f"AI生成{character}"
    with_it = text_on_black(800, 600, Provider(producer="acme", image=ImageStyle(position="left", wording=wording)))
    columns = runs((with_it >= with_it.max() / 2).any(axis=0))
    advance = extent(with_it, 1)
    # From the right: parts of the last character, until they are high enough together, or 成 is reached.
    for start, _ in reversed(columns):
        last = with_it[:, start : advance[1]]
        low, high = extent(last, 0)
        if high - low >= 30:
            break
    assert high - low >= 30


@pytest.mark.parametrize("share", [0.05, 0.08, 0.2, 0.3])
def test_a_larger_height_is_kept_too(share, text_on_black):
    ink = text_on_black(900, 700, Provider(producer="acme", image=ImageStyle(height=share)))
    groups = runs((ink >= ink.max() / 2).any(axis=0))
    low, high = extent(ink[:, groups[0][0] : groups[0][1]], 0)
    assert high - low >= 700 * share


@pytest.mark.parametrize("wording", ["本内容由人工智能生成合成，请注意甄别真伪", "AI生成 / AI-generated content"])
@pytest.mark.parametrize(("width", "height"), [(100, 2000), (120, 900), (300, 300)])
def test_long_wording_wraps_and_never_shrinks(wording, width, height, text_on_black):
    long = text_on_black(width, height, Provider(producer="acme", wording=wording))
    lines = runs((long >= long.max() / 2).any(axis=1))
    # Lines overlap in no row; a line of 一-like strokes would still be one run of the whole line's height.
    tall = [bottom - top for top, bottom in lines]
    assert max(tall) >= needed(width, height)
    assert not long[:, 0].any() or width < 200
    # Nothing is lost: the same amount of ink as in one long line at the same size.
    side = 20 * min(width, height)
    flat = text_on_black(side, min(width, height), Provider(producer="acme", wording=wording))
    assert long.sum() == pytest.approx(flat.sum(), rel=0.002)


def test_wording_that_fits_nowhere_is_refused_with_the_way_out(provider):
    wording = "本内容由人工智能生成合成，请注意甄别真伪" * 6
    with pytest.raises(UnsupportedOutputError, match=r"does not fit a picture of 64×64 pixels.*shorter wording"):
        label(np.zeros((64, 64, 3), np.uint8), provider=provider, wording=wording)


@pytest.mark.parametrize("side", [16, 20, 24, 32, 48])
def test_small_pictures_are_labelled(side, text_on_black, provider):
    ink = text_on_black(side, side, provider)
    assert ink.max() >= 150
    top, bottom = extent(ink, 0)
    assert bottom - top >= max(6, needed(side, side))


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 200)])
def test_pictures_without_room_are_refused(size, provider):
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    with pytest.raises(UnsupportedOutputError, match=rf"does not fit a picture of {size[0]}×{size[1]} pixels"):
        label(picture, provider=provider)
    assert not picture.any()
