"""A label is drawn once, and again where it is gone (T-05 for pictures); what is fed back is clean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from aigc_hooks import Provider, label
from aigc_hooks.artifact import Call
from aigc_hooks.stages import prepare


def scene(mode: str = "RGB", size: tuple[int, int] = (400, 300)) -> Image.Image:
    ramp = Image.radial_gradient("L").resize(size)
    return Image.merge(
        "RGB", (ramp, ImageOps.mirror(ramp).point(lambda value: value // 2), ImageOps.flip(ramp))
    ).convert(mode)


@pytest.mark.parametrize(
    "derive",
    [
        lambda image: image,
        lambda image: image.copy(),
        lambda image: image.resize((200, 150)),
        lambda image: image.resize((800, 600)),
        lambda image: image.convert("L"),
        lambda image: image.convert("RGBA"),
        lambda image: image.convert("CMYK"),
    ],
    ids=["same", "copy", "half", "double", "grey", "rgba", "cmyk"],
)
def test_what_shows_its_label_is_left_alone(derive, provider):
    made = derive(label(scene(), provider=provider))
    pixels, field = made.tobytes(), made.info["AIGC"]
    assert label(made, provider=provider) is made
    assert made.tobytes() == pixels
    assert made.info["AIGC"] == field


@pytest.mark.parametrize(
    "spoil",
    [
        lambda image: image.paste("green", (200, 200, 400, 300)),
        lambda image: image.paste("black", (0, 0, 400, 300)),
        lambda image: image.paste("white", (0, 0, 400, 300)),
        lambda image: image.putalpha(0),
    ],
    ids=["corner", "black", "white", "clear"],
)
def test_what_was_painted_over_is_labelled_again(spoil, provider):
    made = label(scene("RGBA"), provider=provider)
    number = made.info["AIGC"].label.produce_id
    spoil(made)
    assert label(made, provider=provider) is made
    assert made.info["AIGC"].label.produce_id == number
    corner = np.asarray(made)[282:295, 345:390]
    assert corner[..., :3].max() >= 250
    assert corner[..., :3].min() <= 100
    assert (corner[..., 3] == 255).all()


def test_a_crop_without_the_label_gets_its_own(provider):
    whole = label(scene(), provider=provider)
    part = whole.crop((0, 0, 300, 200))
    label(part, provider=provider)
    assert part.info["AIGC"] == whole.info["AIGC"]
    assert np.asarray(part)[180:198, 240:298].max() == 255
    assert part.tobytes() != whole.crop((0, 0, 300, 200)).tobytes()


def test_a_file_that_was_saved_and_opened_keeps_its_label(provider, tmp_path):
    for suffix in ("png", "jpg", "webp"):
        path = tmp_path / f"a.{suffix}"
        label(scene(), provider=provider).save(path, quality=90)
        with Image.open(path) as opened:
            before = opened.convert("RGB").tobytes()
            label(opened, provider=provider)
            assert opened.convert("RGB").tobytes() == before
            number = opened.info["AIGC"].label.produce_id
            assert label(opened, provider=provider).info["AIGC"].label.produce_id == number


def test_many_labels_do_not_pile_up(provider):
    import pickle

    made = label(scene(), provider=provider)
    sizes = []
    for _ in range(5):
        made.paste("green", (200, 200, 400, 300))
        label(made, provider=provider)
        sizes.append(len(pickle.dumps(made)))
    assert max(sizes) - min(sizes) < 1000


def fed_back(value: Any, provider: Provider) -> Any:
    call = Call("Pipeline", [value], {"image": value, "list": [value, "text"], "steps": 3})
    prepare(call, provider)
    assert call.keywords["steps"] == 3
    assert call.keywords["list"][1] == "text"
    assert type(call.keywords["image"]) is type(call.arguments[0])
    return call.keywords["image"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16"])
def test_a_model_gets_its_own_picture_back_clean(mode, provider):
    plain = scene("L").convert("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else scene(mode)
    made = label(plain.copy(), provider=provider)
    shown = made.tobytes()
    clean = fed_back(made, provider)
    assert clean is not made
    assert clean.mode == mode
    if mode == "P":
        assert clean.convert("RGB").tobytes() == plain.convert("RGB").tobytes()
    else:
        assert clean.tobytes() == plain.tobytes()
    assert made.tobytes() == shown


def test_a_picture_whose_mode_had_to_change_is_clean_too(provider):
    full = scene().quantize(256)
    made = label(full.copy(), provider=provider)
    clean = fed_back(made, provider)
    assert clean.convert("RGB").tobytes() == full.convert("RGB").tobytes()


@pytest.mark.parametrize("size", [(200, 150), (800, 600), (500, 300)])
def test_a_resized_picture_is_nearly_clean(size, provider):
    plain = scene()
    clean = fed_back(label(plain.copy(), provider=provider).resize(size), provider)
    difference = np.abs(np.asarray(clean, int) - np.asarray(plain.resize(size), int))
    assert difference.mean() < 1
    assert np.percentile(difference, 99.5) < 25


@pytest.mark.parametrize(
    "derive",
    [
        lambda image: image.crop((10, 10, 390, 290)),
        lambda image: image.rotate(15),
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: ImageEnhance.Brightness(image).enhance(0.5),
        lambda image: image.convert("L"),
    ],
    ids=["crop", "rotate", "flip", "dark", "grey"],
)
def test_what_cannot_be_restored_is_passed_as_it_is(derive: Callable[[Image.Image], Image.Image], provider):
    made = derive(label(scene(), provider=provider))
    assert fed_back(made, provider) is made


def test_unlabelled_and_repainted_pictures_are_passed_as_they_are(provider):
    plain = scene()
    assert fed_back(plain, provider) is plain
    made = label(scene(), provider=provider)
    made.putpixel((395, 280), (1, 2, 3))
    made.paste("green", (350, 280, 400, 300))
    assert fed_back(made, provider) is made


@pytest.mark.parametrize("kind", ["array", "batch", "tensor", "tensor-batch", "half", "rgba"])
def test_arrays_come_back_clean(kind, provider):
    random = np.random.default_rng(4)
    plain = {
        "array": lambda: random.integers(0, 256, (90, 120, 3), dtype=np.uint8),
        "batch": lambda: random.random((3, 90, 120, 3), np.float32),
        "tensor": lambda: torch.from_numpy(random.random((3, 90, 120), np.float32)),
        "tensor-batch": lambda: torch.from_numpy(random.random((2, 3, 90, 120), np.float32)).bfloat16(),
        "half": lambda: random.random((90, 120, 1), np.float32).astype(np.float16),
        "rgba": lambda: random.integers(0, 256, (90, 120, 4), dtype=np.uint8),
    }[kind]()
    kept = plain.clone() if isinstance(plain, torch.Tensor) else plain.copy()
    label(plain, provider=provider)
    assert (plain != kept).any()
    clean = fed_back(plain, provider)
    assert clean is not plain
    assert (clean == kept).all()
    assert fed_back(kept, provider) is kept
