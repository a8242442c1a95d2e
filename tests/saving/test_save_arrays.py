"""save(): the twin of Image.save for arrays and tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_hooks import LabelError, Provider, UnsupportedCarrierError, label, read_label, save


def rgb() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (90, 120, 3), dtype=np.uint8)


LAYOUTS = {
    "HWC": rgb,
    "BHWC": lambda: rgb()[None].copy(),
    "HW": lambda: rgb()[..., 0].copy(),
    "HW1": lambda: rgb()[..., :1].copy(),
    "HW2": lambda: rgb()[..., :2].copy(),
    "HW4": lambda: np.dstack([rgb(), rgb()[..., 0]]),
    "CHW": lambda: np.moveaxis(rgb(), -1, 0).copy(),
    "float": lambda: (rgb() / 255).astype(np.float32),
    "half": lambda: (rgb() / 255).astype(np.float16),
    "double-gray": lambda: rgb()[..., 0] / 255,
    "uint16": lambda: rgb().astype(np.uint16) * 257,
    "uint16-gray": lambda: rgb()[..., 0].astype(np.uint16) * 257,
    "view": lambda: np.repeat(rgb(), 2, axis=1)[:, ::2],
    "tensor": lambda: torch.from_numpy(np.moveaxis(rgb(), -1, 0) / 255).float(),
    "tensor-batch": lambda: torch.from_numpy(np.moveaxis(rgb(), -1, 0) / 255)[None].bfloat16(),
    "tensor-last": lambda: torch.from_numpy(rgb()),
    "tensor-gray": lambda: torch.from_numpy(rgb()[..., 0].copy()),
    "tensor-16": lambda: torch.from_numpy(np.moveaxis(rgb().astype(np.uint16) * 257, -1, 0).copy()),
    "tensor-leaf": lambda: torch.from_numpy(np.moveaxis(rgb(), -1, 0) / 255).float().requires_grad_(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_each_layout(layout, suffix, provider, tmp_path: Path, one_label):
    content = LAYOUTS[layout]()
    if suffix == "webp" and layout == "uint16-gray":
        with pytest.raises(LabelError, match="hold 8 bits"):
            save(content, tmp_path / "out.webp", provider=provider)
        return
    path = save(
        content, tmp_path / f"out.{suffix}", provider=provider, **({"lossless": True} if suffix == "webp" else {})
    )
    read = one_label(path)
    assert read["ContentProducer"] == "acme"
    with Image.open(path) as saved:
        assert saved.size == (120, 90)
        seen = np.asarray(saved, float)
    if layout == "uint16-gray" and suffix == "png":
        seen /= 257
    seen, wanted = seen.reshape(90, 120, -1)[:60], rgb()[:60].astype(float)
    if "gray" in layout or layout in ("HW", "HW1"):
        seen, wanted = seen[..., 0], wanted[..., 0]
    elif layout == "HW2":  # grey and alpha
        seen, wanted = seen[..., -1], wanted[..., 1]
    elif layout == "HW4":
        opaque = wanted[..., :1] > 0  # WebP does not keep colours that nobody sees
        assert (seen[..., 3] == wanted[..., 0]).all()
        seen, wanted = seen[..., :3] * opaque, wanted * opaque
    assert np.abs(seen - wanted).max() <= 2


def test_a_labelled_array_keeps_its_id(provider, tmp_path: Path):
    content = label(rgb(), provider=provider)
    first = read_label(save(content, tmp_path / "a.png", provider=provider)).label
    second = read_label(save(content, tmp_path / "b.jpg", provider=provider, quality=90)).label
    assert first == second


def test_pictures_go_through_their_own_saver(provider, tmp_path: Path):
    path = save(Image.fromarray(rgb()), tmp_path / "a.jpg", provider=provider, quality=95, subsampling=0)
    with Image.open(path) as saved:
        assert saved.layer[0][1:3] == (1, 1)
    assert read_label(path).conforms


def test_what_is_not_one_picture(provider, tmp_path: Path):
    with pytest.raises(LabelError, match=r"a batch of 2 pictures.*batch\[i\]"):
        save(np.stack([rgb(), rgb()]), tmp_path / "a.png", provider=provider)
    with pytest.raises(LabelError, match="list"):
        save([rgb()], tmp_path / "a.png", provider=provider)
    with pytest.raises(UnsupportedCarrierError, match=r"a text is saved as \.txt, \.md, \.markdown"):
        save("picture", tmp_path / "a.png", provider=provider)
    with pytest.raises(UnsupportedCarrierError):
        save(rgb(), tmp_path / "a.bmp", provider=provider)
    assert not list(tmp_path.iterdir())


def test_what_could_not_be_labelled_is_saved_plain_only_on_purpose(tmp_path: Path):
    lenient = Provider(producer="acme", on_error="warn")
    tiny = np.zeros((4, 4, 3), np.uint8)
    with pytest.warns(UserWarning, match="released without a label"):
        save(tiny, tmp_path / "a.png", provider=lenient)
    assert not read_label(tmp_path / "a.png").found
    with pytest.raises(LabelError):
        save(tiny, tmp_path / "b.png", provider=Provider(producer="acme"))
    assert not (tmp_path / "b.png").exists()
