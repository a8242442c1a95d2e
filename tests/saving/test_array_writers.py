"""Pictures as arrays keep their label through what makes images or picture files of them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import imageio.v2 as imageio_v2
import imageio.v3 as imageio_v3
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from aigc_hooks import Provider, UnsupportedCarrierError, exempt, label, read_label

ACME = Provider(producer="acme")


def batch(seed: int = 0) -> Any:
    """Two pictures as diffusers returns them with ``output_type="np"``."""
    return np.random.default_rng(seed).random((2, 256, 320, 3)).astype(np.float32)


def to_bytes(picture: Any) -> Any:
    return (picture * 255).round().astype(np.uint8)


def through_pillow(picture: Any, path: Path) -> None:
    Image.fromarray(to_bytes(picture)).save(path)


def through_memory(picture: Any, path: Path) -> None:
    Image.frombytes("RGB", (320, 256), to_bytes(picture).tobytes()).save(path)


def through_another_mode(picture: Any, path: Path) -> None:
    with_alpha = np.dstack([to_bytes(picture), np.full((256, 320), 255, np.uint8)])
    Image.frombuffer("RGBA", (320, 256), with_alpha, "raw", "RGBA", 0, 1).convert("RGB").save(path)


def through_imageio(picture: Any, path: Path) -> None:
    imageio_v2.imwrite(path, to_bytes(picture))


def through_imageio_3(picture: Any, path: Path) -> None:
    imageio_v3.imwrite(path, to_bytes(picture))


def through_opencv(picture: Any, path: Path) -> None:
    assert cv2.imwrite(str(path), cv2.cvtColor(to_bytes(picture), cv2.COLOR_RGB2BGR))


def encoded_by_opencv(picture: Any, path: Path) -> None:
    done, data = cv2.imencode(path.suffix, to_bytes(picture)[:, :, ::-1])
    assert done
    assert data.dtype == np.uint8
    path.write_bytes(data.tobytes())


def through_tifffile(picture: Any, path: Path) -> None:
    tifffile.imwrite(path, to_bytes(picture))


WRITERS = (
    through_pillow,
    through_memory,
    through_another_mode,
    through_imageio,
    through_imageio_3,
    through_opencv,
    encoded_by_opencv,
    through_tifffile,
)


@pytest.mark.parametrize(
    ("write", "suffix"),
    [
        *itertools.product([each for each in WRITERS if each is not through_tifffile], [".png", ".jpg", ".webp"]),
        (through_tifffile, ".tiff"),
        (through_imageio, ".tif"),
        (through_imageio_3, ".tiff"),
        (through_opencv, ".tiff"),
    ],
)
def test_writers_keep_the_label(write: Callable[[Any, Path], None], suffix: str, tmp_path: Path) -> None:
    pictures, other = batch(1), batch(2)
    label(pictures, provider=ACME)
    label(other, provider=ACME)
    path = tmp_path / f"a{suffix}"
    write(pictures[1].copy(), path)
    reading = read_label(path)
    assert reading.conforms
    assert reading.label == read_label(pictures).label != read_label(other).label
    with Image.open(path) as image:
        assert image.size == (320, 256)


@pytest.mark.parametrize("write", WRITERS)
def test_pictures_of_others_are_left_alone(write: Callable[[Any, Path], None], tmp_path: Path) -> None:
    pictures = batch(3)
    before = pictures.copy()
    label(pictures, provider=ACME)
    for number, picture in enumerate((before[0], batch(4)[0])):
        path = tmp_path / f"{number}.png"
        write(picture, path)
        assert read_label(path).findings == ()
        assert b"AIGC" not in path.read_bytes()


@pytest.mark.parametrize("size", [(160, 128), (200, 160), (640, 512), (500, 300)])
def test_a_resized_picture_is_known_again(size: tuple[int, int], tmp_path: Path) -> None:
    coarse = np.random.default_rng(15).random((2, 8, 10, 3)).astype(np.float32)
    pictures = np.stack([cv2.resize(each, (320, 256), interpolation=cv2.INTER_CUBIC).clip(0, 1) for each in coarse])
    before = pictures.copy()
    label(pictures, provider=ACME)
    for number in range(2):
        resized = cv2.resize(to_bytes(pictures[number]), size, interpolation=cv2.INTER_AREA)
        Image.fromarray(resized).save(tmp_path / "a.png")
        assert cv2.imwrite(str(tmp_path / "b.png"), resized)
        for name in ("a.png", "b.png"):
            assert read_label(tmp_path / name).label == read_label(pictures).label
    Image.fromarray(cv2.resize(to_bytes(before[0]), size, interpolation=cv2.INTER_AREA)).save(tmp_path / "c.png")
    assert read_label(tmp_path / "c.png").findings == ()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "I;16"])
def test_an_image_that_became_an_array(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":
        image = Image.fromarray((np.random.default_rng(16).random((256, 320)) * 65535).astype(np.uint16))
    else:
        image = Image.fromarray(to_bytes(batch(16)[0])).convert(mode)
    label(image, provider=ACME)
    array = np.array(image if mode in ("RGB", "RGBA", "L", "I;16") else image.convert("RGB"))
    Image.fromarray(array).save(tmp_path / "a.png")
    assert read_label(tmp_path / "a.png").label == read_label(image).label
    if mode == "RGB":
        assert cv2.imwrite(str(tmp_path / "b.jpg"), array[:, :, ::-1])
        assert read_label(tmp_path / "b.jpg").label == read_label(image).label


def test_a_tensor_that_becomes_an_image() -> None:
    pictures = torch.rand(2, 3, 128, 192, generator=torch.Generator().manual_seed(0))
    label(pictures, provider=ACME)
    image = Image.fromarray((pictures[1].permute(1, 2, 0) * 255).round().byte().numpy())
    assert read_label(image).label == read_label(pictures).label


@pytest.mark.parametrize("dtype", [np.uint16, np.uint8])
def test_grey_of_eight_and_sixteen_bits(dtype: Any, tmp_path: Path) -> None:
    most = np.iinfo(dtype).max
    picture = (np.random.default_rng(5).random((200, 300)) * most).astype(dtype)
    label(picture, provider=ACME)
    Image.fromarray(picture.copy()).save(tmp_path / "a.png")
    assert cv2.imwrite(str(tmp_path / "b.png"), picture.copy())
    assert read_label(tmp_path / "a.png").label == read_label(tmp_path / "b.png").label == read_label(picture).label
    assert np.array_equal(cv2.imread(str(tmp_path / "b.png"), cv2.IMREAD_UNCHANGED), picture)


def test_labelling_a_copy_again_changes_nothing() -> None:
    pictures = batch(6)
    label(pictures, provider=ACME)
    copy = to_bytes(pictures)
    before = copy.copy()
    label(copy, provider=ACME)
    assert np.array_equal(copy, before)
    assert read_label(copy).label == read_label(pictures).label


def test_a_batch_of_pictures_with_different_labels_gets_one_of_its_own() -> None:
    one, other = batch(7), batch(8)
    label(one, provider=ACME)
    label(other, provider=ACME)
    mixed = np.stack([one[0], other[0]])
    label(mixed, provider=ACME)
    labels = [read_label(array).label for array in (one, other, mixed)]
    assert len({found.produce_id for found in labels if found}) == 3


def test_an_exempted_picture_keeps_its_implicit_label(tmp_path: Path) -> None:
    provider = Provider(producer="acme", audit_url=f"sqlite:///{tmp_path / 'record.db'}")
    pictures = batch(9)
    before = pictures.copy()
    with exempt(user="u-1", agreement="v3", reason="print"):
        label(pictures, provider=provider)
    assert np.array_equal(pictures, before)
    through_opencv(pictures[0], tmp_path / "a.png")
    assert read_label(tmp_path / "a.png").conforms


def test_pages_of_tifffile_in_memory_and_beside_others() -> None:
    pictures = batch(13)
    label(pictures, provider=ACME)
    stack, several = BytesIO(), BytesIO()
    tifffile.imwrite(stack, to_bytes(pictures), photometric="rgb", bigtiff=True)
    with tifffile.TiffWriter(several) as writer:
        writer.write(to_bytes(batch(14)[0]), photometric="rgb")
        writer.write(iter([to_bytes(pictures[0])]), shape=(256, 320, 3), dtype=np.uint8, photometric="rgb")
        writer.write(to_bytes(pictures[1]), photometric="rgb")
    for file in (stack, several):
        assert read_label(file.getvalue()).label == read_label(pictures).label
        file.seek(0)
        assert np.array_equal(tifffile.imread(file, key=-1), to_bytes(pictures[1]))


def test_animations_and_pages_of_opencv(tmp_path: Path) -> None:
    pictures = batch(10)
    label(pictures, provider=ACME)
    frames = [to_bytes(picture) for picture in pictures]
    assert cv2.imwritemulti(str(tmp_path / "a.tiff"), frames)
    animation = cv2.Animation()
    animation.frames, animation.durations = frames, [100, 100]
    assert cv2.imwriteanimation(str(tmp_path / "a.webp"), animation)
    for name in ("a.tiff", "a.webp"):
        assert read_label(tmp_path / name).label == read_label(pictures).label
        with Image.open(tmp_path / name) as image:
            assert image.n_frames == 2


def test_the_second_place_of_the_guide(tmp_path: Path) -> None:
    pictures = batch(18)
    label(pictures, provider=ACME, picture_place="alternative")
    through_opencv(pictures[0], tmp_path / "a.jpg")
    encoded_by_opencv(pictures[0], tmp_path / "b.png")
    assert [finding.place for finding in read_label(tmp_path / "a.jpg").findings] == ["Exif UserComment"]
    assert [finding.place for finding in read_label(tmp_path / "b.png").findings] == ["PNG tEXt AIGC"]


def test_what_has_no_place_is_refused_before_the_old_file_goes(tmp_path: Path) -> None:
    pictures = batch(11)
    label(pictures, provider=ACME)
    path = tmp_path / "a.bmp"
    path.write_bytes(b"old")
    with pytest.raises(UnsupportedCarrierError, match="BMP"):
        through_opencv(pictures[0], path)
    with pytest.raises(UnsupportedCarrierError, match="BMP"):
        cv2.imencode(".bmp", to_bytes(pictures[0]))
    assert path.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [path]


def test_opencv_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    pictures = batch(12)
    label(pictures, provider=ACME)
    with pytest.raises(FileNotFoundError):
        through_opencv(pictures[0], tmp_path / "no" / "a.png")
    with pytest.raises(cv2.error):
        cv2.imwrite(str(tmp_path / "a.png"), to_bytes(pictures[0]), [1, 2, 3])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", ["import numpy", "from cv2 import imwrite"])
def test_opencv_is_taught_when_it_is_loaded_later_or_earlier(first: str, tmp_path: Path) -> None:
    script = (
        f"{first}\n"
        "import sys, numpy, aigc_hooks\n"
        "picture = numpy.random.default_rng(0).random((96, 96, 3)).astype('float32')\n"
        "aigc_hooks.label(picture, provider=aigc_hooks.Provider(producer='acme'))\n"
        f"assert ('cv2' in sys.modules) == {'cv2' in first}\n"
        f"{'' if 'cv2' in first else 'from cv2 import imwrite'}\n"
        "imwrite('a.png', (picture * 255).round().astype('uint8'))\n"
        "assert aigc_hooks.read_label('a.png').conforms\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
