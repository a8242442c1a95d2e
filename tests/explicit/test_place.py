"""At an edge or corner, inside the picture, and nowhere else (checklist I-03, I-04, I-07, I-08, I-11)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from aigc_hooks import ConfigError, ImageStyle, Provider, label

from .ink import extent, ink_of

POSITIONS = ["top-left", "top", "top-right", "right", "bottom-right", "bottom", "bottom-left", "left"]


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(("width", "height"), [(64, 64), (513, 257), (200, 900), (1024, 768), (100, 1000)])
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_the_ink_reaches_the_outer_tenth_and_stays_inside(position, width, height, share, text_on_black):
    style = ImageStyle(position=position, height=share)
    ink = text_on_black(width, height, Provider(producer="acme", image=style))
    (top, bottom), (left, right) = extent(ink, 0), extent(ink, 1)
    assert top > 0 or share > 0.05 or height < 100
    near = {
        "top": top <= 0.1 * height,
        "bottom": bottom >= 0.9 * height,
        "left": left <= 0.1 * width,
        "right": right >= 0.9 * width,
    }
    assert all(near[side] for side in position.split("-")), (position, near, (left, top, right, bottom))
    # The whole wording is there: as much ink as where there is room all around it.
    roomy = text_on_black(20 * min(width, height), min(width, height), Provider(producer="acme", image=style))
    assert ink.sum() == pytest.approx(roomy.sum(), rel=0.002)
    if "-" not in position:
        across = (left + right - width) if position in ("top", "bottom") else (top + bottom - height)
        assert abs(across) <= 3


@pytest.mark.parametrize("position", ["centre", "center", "middle", "", "bottom_right", "BOTTOM", None])
def test_other_positions_are_refused(position):
    with pytest.raises(ConfigError, match="position"):
        ImageStyle(position=position)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "P"])
def test_pixels_outside_one_box_are_untouched(mode, provider):
    random = np.random.default_rng(3)
    plain = Image.fromarray(random.integers(0, 256, (300, 400, 3), dtype=np.uint8))
    plain = plain.quantize(200) if mode == "P" else plain.convert(mode)
    labelled = label(plain.copy(), provider=provider)
    assert labelled.mode == mode
    difference = np.asarray(plain.convert("RGB"), int) - np.asarray(labelled.convert("RGB"), int)
    rows, columns = np.nonzero(difference.any(axis=2))
    assert rows.min() > 250
    assert columns.min() > 270
    # Not scattered either: nearly all of that box changed.
    box = difference[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert box.any(axis=2).mean() > 0.9


def test_a_round_picture_gets_an_opaque_label_sized_by_its_rectangle(text_on_black, provider):
    picture = Image.new("RGBA", (600, 600), (200, 30, 30, 255))
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((0, 0, 599, 599), fill=255)
    picture.putalpha(mask)
    plain = picture.copy()
    label(picture, provider=provider)
    alpha = np.asarray(picture.getchannel("A"))
    ink = text_on_black(600, 600, provider)
    assert (alpha[ink > 0] == 255).all()
    assert ink.shape == alpha.shape
    (top, bottom), (left, right) = extent(ink, 0), extent(ink, 1)
    assert bottom - top >= 30
    seen = np.asarray(Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("L"), int)
    assert (seen[top:bottom, left:right][ink[top:bottom, left:right] >= 250] >= 250).all()
    assert np.median(seen[top:bottom, left:right]) < 100
    outside = np.asarray(plain)[:400] == np.asarray(picture)[:400]
    assert outside.all()


def test_a_fully_transparent_picture_shows_its_label(provider):
    picture = label(Image.new("RGBA", (400, 300)), provider=provider)
    page = Image.new("RGBA", picture.size, "white")
    seen = np.asarray(Image.alpha_composite(page, picture).convert("L"))
    assert seen.min() < 90
    rows, _ = np.nonzero(seen < 120)
    assert rows.max() - rows.min() >= 15
    assert np.asarray(picture)[:200].max() == 0


def oriented(base: Image.Image, orientation: int) -> Image.Image:
    """A picture stored so that a viewer that obeys ``orientation`` shows ``base``."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return base.transpose(turn[orientation]) if orientation in turn else base.copy()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("position", ["bottom-right", "top"])
def test_orientation_of_a_file(orientation, position, tmp_path: Path):
    provider = Provider(producer="acme", image=ImageStyle(position=position))
    base = Image.linear_gradient("L").resize((480, 320)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    oriented(base, orientation).save(path, exif=exif, quality=98, subsampling=0)
    label(path, provider=provider)
    with Image.open(path) as photo:
        assert photo.getexif()[0x0112] == orientation
        upright = ImageOps.exif_transpose(photo)
    direct = label(base.copy(), provider=provider)
    assert upright.size == direct.size
    assert np.abs(np.asarray(upright.convert("L"), int) - np.asarray(direct.convert("L"), int)).mean() < 1.5
    wanted, shown = ink_of(direct, base), ink_of(upright, base)
    assert np.corrcoef(wanted.ravel(), shown.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("carrier", ["info", "getexif", "xmp"])
def test_orientation_in_memory(orientation, carrier, provider):
    base = Image.linear_gradient("L").resize((200, 300)).convert("RGB")
    stored = oriented(base, orientation)
    if carrier == "getexif":
        stored.getexif()[0x0112] = orientation
    elif carrier == "info":
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored.info["exif"] = exif.tobytes()
    else:
        stored.info["xmp"] = f'<x tiff:Orientation="{orientation}"/>'.encode()
    label(stored, provider=provider)
    upright = ImageOps.exif_transpose(stored)
    assert upright.tobytes() == label(base.copy(), provider=provider).tobytes()
