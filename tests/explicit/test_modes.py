"""Every mode that Pillow has (checklist I-09)."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from aigc_hooks import LabelError, UnsupportedOutputError, label
from aigc_hooks.explicit import picture

from .ink import extent

MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"]
NUMBERS = ["I", "F", "I;16", "I;16L", "I;16B", "I;16N"]


def base() -> Image.Image:
    return Image.radial_gradient("L").resize((300, 200)).convert("RGB")


def in_mode(mode: str) -> Image.Image:
    plain = base()
    if mode in ("La", "RGBa"):
        return plain.convert("LA" if mode == "La" else "RGBA").convert(mode)
    if mode == "LAB":
        from PIL import ImageCms

        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(plain, srgb, lab, outputMode="LAB")
    if mode == "PA":
        return plain.convert("LA").convert("PA")
    if mode in NUMBERS:
        values = np.asarray(plain.convert("L"), np.uint16) * 257
        if mode == "I":
            return Image.fromarray(values.astype(np.int32))
        if mode == "F":
            return Image.fromarray((values / 65535).astype(np.float32))
        made = Image.new(mode, plain.size)
        made.frombytes(values.astype(">u2" if mode == "I;16B" else "<u2").tobytes())
        return made
    return plain.convert(mode)


def shown(image: Image.Image) -> np.ndarray:
    """What a viewer shows, as grey values from 0 to 255."""
    if image.mode in NUMBERS:
        if image.mode.startswith("I;16"):
            values = np.frombuffer(image.tobytes(), ">u2" if image.mode == "I;16B" else "<u2").reshape(image.size[::-1])
            return values / 257.0
        values = np.asarray(image, float)
        return values * 255 if image.mode == "F" else values / 257
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode == "LAB":
        return np.asarray(image.getchannel(0), float)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    return np.asarray(image.convert("L"), float)


@pytest.mark.parametrize("mode", MODES + NUMBERS)
def test_mode_and_size_are_kept_and_the_label_is_readable(mode, provider, text_on_black):
    plain = in_mode(mode)
    before = shown(plain)
    labelled = plain.copy()
    assert label(labelled, provider=provider) is labelled
    assert labelled.mode == mode
    assert labelled.size == (300, 200)
    seen = shown(labelled)
    ink = text_on_black(300, 200, provider)
    rows, columns = np.nonzero(ink)
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert seen[box][ink[box] == 255].min() >= 235
    assert seen[box][ink[box] == 0].max() <= 110
    assert np.corrcoef(seen[box].ravel(), ink[box].ravel())[0, 1] > 0.85
    tall = extent(seen[box] * (ink[box] > 0), 0)
    assert tall[1] - tall[0] >= 10
    changed = np.argwhere(np.abs(seen - before) > 1)
    assert changed.min(axis=0)[0] > 150
    assert changed.min(axis=0)[1] > 180


@pytest.mark.parametrize("mode", MODES + NUMBERS)
def test_a_second_label_changes_nothing_in_any_mode(mode, provider):
    labelled = label(in_mode(mode), provider=provider)
    pixels, field = labelled.tobytes(), str(labelled.info["AIGC"])
    label(labelled, provider=provider)
    assert labelled.tobytes() == pixels
    assert str(labelled.info["AIGC"]) == field
    assert picture.shows_label(labelled, provider)
    assert not picture.shows_label(in_mode(mode), provider)


def test_a_full_palette_becomes_true_colour(provider):
    random = np.random.default_rng(5)
    plain = Image.fromarray(random.integers(1, 250, (256, 256), dtype=np.uint8), "L").convert("P")
    colours = random.permutation(256 * 3).astype(np.uint8).reshape(256, 3) % 200 + 20
    plain.putpalette(colours.astype(np.uint8).tobytes())
    plain.putdata(list(range(256)) * 256)
    true = np.asarray(plain.convert("RGB"))
    label(plain, provider=provider)
    assert plain.mode == "RGB"
    assert (np.asarray(plain)[:180] == true[:180]).all()
    assert np.asarray(plain).max() == 255


@pytest.mark.parametrize("transparency", [0, 1, bytes([0, 255, 128])])
@pytest.mark.parametrize("first", [(0, 0, 0), (255, 255, 255)])
def test_transparent_palette_entries_are_not_drawn_with(transparency, first, provider):
    plain = Image.new("P", (200, 200), 1)
    plain.putpalette([*first, 200, 0, 0, 0, 90, 0])
    plain.info["transparency"] = transparency
    hidden = np.asarray(plain.convert("RGBA"))[..., 3][:150].copy()
    label(plain, provider=provider)
    assert plain.mode == "P"
    seen = np.asarray(plain.convert("RGBA"), int)
    box = seen[189:194, 160:190]
    assert (box[..., 3] == 255).all()
    assert box[..., :3].min() <= 1
    assert box[..., :3].max() >= 254
    assert (seen[:150, :, 3] == hidden).all()


@pytest.mark.parametrize(
    ("mode", "key", "kept"),
    [
        ("L", 255, "LA"),
        ("RGB", (255, 255, 255), "RGBA"),
        ("RGB", (0, 0, 0), "RGBA"),
        ("1", 1, "LA"),
        ("I;16", 65535, "I;16"),
    ],
)
def test_a_colour_that_means_transparent_does_not_hide_the_label(mode, key, kept, provider, tmp_path):
    plain = Image.new(mode, (200, 200), 0 if mode == "I;16" else None)
    plain.info["transparency"] = key
    label(plain, provider=provider)
    assert plain.mode == kept
    plain.save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as saved:
        if mode == "I;16":
            assert saved.getextrema() == (0, 65534)
            assert saved.info["transparency"] == 65535
            return
        seen = np.asarray(saved.convert("RGBA"))[189:194, 160:190]
    assert (seen[..., 3] == 255).all()
    assert seen[..., 0].max() == 255


@pytest.mark.parametrize(
    ("values", "white"), [((0, 1), 1.0), ((0, 255), 255.0), ((0, 60000), 65535.0), ((-3, 9), 255.0)]
)
def test_number_modes_take_white_from_their_range(values, white, provider):
    plain = Image.new("F", (200, 200), values[0])
    plain.putpixel((0, 0), values[1])
    label(plain, provider=provider)
    assert plain.getextrema() == (min(values[0], 0), white)


def test_values_that_are_no_numbers_are_refused(provider):
    plain = Image.new("F", (100, 100), float("nan"))
    with pytest.raises(LabelError, match="not finite"):
        label(plain, provider=provider)
    assert "AIGC" not in plain.info


def test_an_empty_picture_is_refused(provider):
    with pytest.raises(UnsupportedOutputError, match="0×5"):
        label(Image.new("RGB", (0, 5)), provider=provider)
