"""Arrays and tensors, labelled where they are (issue: pictures without a detour over PIL)."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_hooks import LabelError, UnsupportedOutputError, label
from aigc_hooks.carry import carried

W, H = 160, 120
NUMPY = ["float16", "float32", "float64", "uint8", "uint16"]
TORCH = ["float16", "bfloat16", "float32", "float64", "uint8", "uint16"]
WHITE = {"uint8": 255, "uint16": 65535}
CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def plain(channels: int) -> Image.Image:
    colours = np.random.default_rng(channels).integers(0, 256, (H, W, 4), dtype=np.uint8)
    picture = Image.fromarray(colours, "RGBA")
    return picture.convert(CHANNELS[channels])


def wanted(channels: int, provider) -> np.ndarray:
    """What the PIL rendering of the same picture looks like, in 0–1, channels last."""
    pixels = np.asarray(label(plain(channels), provider=provider), float) / 255
    return pixels.reshape(H, W, channels)


def values(channels: int, dtype: str) -> np.ndarray:
    share = np.asarray(plain(channels), float).reshape(H, W, channels) / 255
    if dtype in WHITE:
        return np.round(share * WHITE[dtype]).astype(dtype)
    return share.astype("float32" if dtype == "bfloat16" else dtype)


def tensor(array: np.ndarray, dtype: str) -> torch.Tensor:
    return torch.from_numpy(array).to(getattr(torch, dtype))


def share(pixels, dtype: str) -> np.ndarray:
    if isinstance(pixels, torch.Tensor):
        pixels = pixels.detach().to(torch.float64).numpy()
    return np.asarray(pixels, float) / WHITE.get(dtype, 1)


def tolerance(dtype: str) -> float:
    return 1.01 / 255 + (2**-8 if dtype == "bfloat16" else 0)


@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("layout", ["HWC", "BHWC", "CHW", "BCHW", "HW"])
def test_arrays_look_like_the_pil_rendering(layout, channels, dtype, provider):
    if layout == "HW":
        channels = 1
    pixels = values(channels, dtype)
    pixels = {
        "HWC": lambda: pixels,
        "BHWC": lambda: np.stack([pixels] * 3),
        "CHW": lambda: np.moveaxis(pixels, -1, 0).copy(),
        "BCHW": lambda: np.stack([np.moveaxis(pixels, -1, 0)] * 2),
        "HW": lambda: pixels[..., 0].copy(),
    }[layout]()
    before = pixels.copy()
    assert label(pixels, provider=provider) is pixels
    seen = share(pixels, dtype)
    if "C" in layout and not layout.endswith("C"):
        seen, changed = np.moveaxis(seen, -3, -1), np.moveaxis(pixels != before, -3, -1)
    else:
        changed = pixels != before
    seen, changed = seen.reshape(-1, H, W, channels), changed.reshape(-1, H, W, channels).any(axis=(0, 3))
    for one in seen:
        assert np.abs(one - wanted(channels, provider)).max() <= tolerance(dtype)
    rows, columns = np.nonzero(changed)
    assert rows.min() > H - 30
    assert columns.min() > W - 60


@pytest.mark.parametrize("dtype", TORCH)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("layout", ["CHW", "BCHW", "HWC", "channels_last", "HW"])
def test_tensors_look_like_the_pil_rendering(layout, channels, dtype, provider):
    if layout == "HW":
        channels = 1
    first = tensor(np.moveaxis(values(channels, dtype), -1, 0).copy(), dtype)
    pixels = {
        "CHW": lambda: first,
        "BCHW": lambda: first.unsqueeze(0).repeat(3, 1, 1, 1),
        "HWC": lambda: first.permute(1, 2, 0).contiguous(),
        "channels_last": lambda: first.unsqueeze(0).repeat(2, 1, 1, 1).contiguous(memory_format=torch.channels_last),
        "HW": lambda: first[0].clone(),
    }[layout]()
    strides = pixels.stride()
    assert label(pixels, provider=provider) is pixels
    assert pixels.stride() == strides
    seen = share(pixels, dtype)
    seen = seen if layout in ("HWC", "HW") else np.moveaxis(seen, -3, -1)
    for one in seen.reshape(-1, H, W, channels):
        assert np.abs(one - wanted(channels, provider)).max() <= tolerance(dtype)


def test_views_are_written_through(provider):
    sheet = np.zeros((2 * H, 3 * W, 3), np.uint8)
    sheet[...] = 77
    label(sheet[H:, W : 2 * W], provider=provider)
    assert (sheet[:H] == 77).all()
    assert (sheet[H:, :W] == 77).all()
    assert (sheet[H:, 2 * W :] == 77).all()
    assert sheet[H:, W : 2 * W].max() >= 250
    turned = np.ascontiguousarray(values(3, "uint8")[::-1, ::-1])[::-1, ::-1]
    label(turned, provider=provider)
    assert np.abs(share(turned, "uint8") - wanted(3, provider)).max() <= tolerance("uint8")
    strided = np.zeros((2 * H, 2 * W, 3), np.uint8)
    strided[::2, ::2] = values(3, "uint8")
    label(strided[::2, ::2], provider=provider)
    assert np.abs(share(strided[::2, ::2], "uint8") - wanted(3, provider)).max() <= tolerance("uint8")
    assert not strided[1::2].any()


def test_expanded_tensors_are_refused_with_the_way_out(provider):
    grey = torch.full((1, H, W), 0.5)
    for expanded in (grey.expand(3, H, W), torch.full((1, 3, H, W), 0.5).expand(4, 3, H, W)):
        with pytest.raises(LabelError, match=r"share one memory cell.*contiguous\(\)"):
            label(expanded, provider=provider)
    assert (grey == 0.5).all()
    assert label(grey.expand(3, H, W).contiguous(), provider=provider).max() > 0.98


def test_read_only_arrays_are_refused_with_the_way_out(provider):
    for frozen in (np.broadcast_to(np.full((H, W, 1), 9, np.uint8), (H, W, 3)), np.asarray(plain(3))):
        kept = frozen.copy()
        with pytest.raises(LabelError, match=r"read-only.*label\(array\.copy\(\)\)"):
            label(frozen, provider=provider)
        assert (frozen == kept).all()


def test_autograd_and_inference_tensors(provider):
    leaf = torch.full((3, H, W), 0.5, requires_grad=True)
    label(leaf, provider=provider)
    assert leaf.requires_grad
    assert leaf.is_leaf
    assert leaf.detach().max() > 0.98
    derived = leaf * 1
    label(derived, provider=provider)
    derived.sum().backward()
    assert leaf.grad is not None
    with torch.inference_mode():
        inferred = torch.full((2, 3, H, W), 0.5)
    label(inferred, provider=provider)
    assert inferred.is_inference()
    assert inferred.max() > 0.98
    with torch.no_grad():
        assert label(torch.full((3, H, W), 0.5), provider=provider).max() > 0.98


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize(
    "pixels",
    [
        values(3, "float32") * 255,
        values(3, "float32") * 4 - 2,
        np.full((H, W, 3), np.nan, np.float32),
        np.full((H, W, 3), np.inf, np.float32),
        np.full((H, W, 3), 100, np.float16),
    ],
    ids=["0-255", "-2-2", "nan", "inf", "half"],
)
def test_wrong_range_is_refused(pixels, kind, provider):
    content = kind(pixels.copy())
    with pytest.raises(LabelError, match="must lie in 0–1, or in −1–1, found"):
        label(content, provider=provider)
    assert np.array_equal(np.asarray(content), pixels, equal_nan=True)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_pixels_from_minus_one_to_one_get_a_black_of_minus_one(kind, provider):
    plain = values(3, "float32")
    expected, content = label(plain.copy(), provider=provider), kind(plain * 2 - 1)
    label(content, provider=provider)
    assert np.allclose((np.asarray(content) + 1) / 2, expected, atol=1e-6)
    again = np.asarray(content).copy()
    label(content, provider=provider)
    assert np.array_equal(np.asarray(content), again)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_a_slice_of_a_labelled_batch_goes_back_to_a_model_clean(kind, provider):
    """The batch itself may be gone by then: ``image = pipe(…, output_type="pt").images[0]``."""
    from aigc_hooks.artifact import Call
    from aigc_hooks.saving.plugin import aigc_prepare

    plain = np.stack([values(3, "float32"), 1 - values(3, "float32"), values(3, "float32") / 2])
    batch = label(kind(plain.copy()), provider=provider, image={"position": "top"})
    picture, pair, whole = batch[1], batch[1:], batch
    del batch
    other = whole[:, :8]
    call = Call("model", [picture, {"images": [[pair]]}], {"image": whole, "other": other})
    aigc_prepare(call)
    assert np.array_equal(call.arguments[0], plain[1])
    assert np.array_equal(call.arguments[1]["images"][0][0], plain[1:])
    assert np.array_equal(call.keywords["image"], plain)
    assert call.keywords["other"] is other  # a part of a picture is left as it is
    assert not np.array_equal(picture, plain[1])  # what the user holds keeps its label


def test_a_buffer_that_is_filled_anew_is_another_picture(provider):
    buffer = values(3, "float32")
    label(buffer, provider=provider)
    first = carried(buffer)
    buffer[...] = 0.5
    label(buffer, provider=provider)
    assert carried(buffer).produce_id != first.produce_id


def test_memory_that_went_is_forgotten(provider):
    from aigc_hooks import carry

    before = len(carry._arrays)
    batch = label(torch.zeros(4, 3, H, W), provider=provider)
    picture = batch[2]
    assert len(carry._arrays) == before + 4
    del batch
    assert carried(picture) is not None
    del picture
    assert len(carry._arrays) == before


def test_a_bright_spot_under_the_label_is_seen_too(provider):
    pixels = np.zeros((H, W, 3), np.float32)
    pixels[H - 13, W - 23] = 255
    with pytest.raises(LabelError, match="must lie in 0–1, or in −1–1, found 0 to 255"):
        label(pixels, provider=provider)


@pytest.mark.parametrize(
    "content",
    [
        np.zeros((H, W, 3), np.int32),
        np.zeros((H, W, 3), bool),
        np.zeros((H, W, 3), np.int8),
        np.zeros((H, W, 3), np.complex64),
        np.zeros((1, 1, H, W, 3), np.uint8),
        np.zeros((H, W, 7), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((0, 3, H, W), np.float32),
        torch.zeros((3, H, W), dtype=torch.int64),
        torch.zeros((3, H, W), dtype=torch.bool),
        torch.zeros((3, H, W), dtype=torch.float8_e4m3fn),
        torch.zeros((1, 3, 2, H, W)),
        torch.zeros((2, 5, H, W)),
        torch.zeros((0, 3, H, W)),
    ],
    ids=lambda content: f"{type(content).__name__}-{content.dtype}-{tuple(content.shape)}",
)
def test_what_is_no_picture_is_refused(content, provider):
    with pytest.raises(UnsupportedOutputError, match=r"dtype|shape"):
        label(content, provider=provider)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_batch_takes_little_memory_beside_itself(dtype, provider):
    batch = np.zeros((24, 256, 256, 3), dtype)
    label(np.zeros((256, 256, 3), dtype), provider=provider)  # fonts and the stencil are made once
    tracemalloc.start()
    label(batch, provider=provider)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 0.05 * batch.nbytes


def test_a_second_label_changes_nothing(provider):
    for content in (
        values(3, "float32"),
        values(4, "uint8"),
        tensor(np.moveaxis(values(3, "uint8"), -1, 0), "bfloat16") / 255,
    ):
        label(content, provider=provider)
        once = content.clone() if isinstance(content, torch.Tensor) else content.copy()
        label(content, provider=provider)
        assert (content == once).all()


@pytest.mark.parametrize("side", [16, 17, 20, 24, 40, 64])
@pytest.mark.parametrize("fill", [0, 255, 80])
def test_plain_pictures_do_not_count_as_labelled(side, fill, provider):
    for content in (np.full((side, side, 3), fill, np.uint8), torch.full((3, side, side), fill, dtype=torch.uint8)):
        label(content, provider=provider)
        assert int(content.max()) - int(content.min()) >= 80, "nothing was drawn"
    picture = label(Image.new("RGB", (side, side), (fill,) * 3), provider=provider)
    low, high = picture.convert("L").getextrema()
    assert high - low >= 80


def test_autograd_knows_that_the_pixels_changed(provider):
    weight = torch.ones(1, requires_grad=True)
    picture = torch.full((3, H, W), 0.5)
    loss = (weight * picture).sum()
    label(picture, provider=provider)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_one_unlabelled_picture_in_a_batch_is_found(provider):
    batch = np.full((3, H, W, 3), 90, np.uint8)
    label(batch, provider=provider)
    batch[1] = 90
    label(batch, provider=provider)
    for one in batch:
        assert one.max() >= 250
        assert one[H - 14 : H - 4, W - 40 : W - 4].min() <= 40


def test_a_label_made_transparent_is_drawn_again(provider):
    pixels = values(4, "uint8")
    label(pixels, provider=provider)
    pixels[..., 3] = 0
    label(pixels, provider=provider)
    assert pixels[H - 12, W - 20, 3] == 255
