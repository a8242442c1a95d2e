"""Every carrier, every way in which Pillow saves: one label, the same for an independent reader (M-11, F rows)."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps, ImageSequence

from aigc_hooks import label, read_label

FORMATS: dict[str, dict[str, Any]] = {
    "out.png": {},
    "interlaced.png": {"optimize": True},
    "out.jpg": {"quality": 90},
    "progressive.jpeg": {"progressive": True, "optimize": True},
    "lossy.webp": {"quality": 80},
    "lossless.webp": {"lossless": True},
    "out.gif": {},
    "raw.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "deflate.tiff": {"compression": "tiff_adobe_deflate"},
    "jpeg.tif": {"compression": "jpeg"},
    "big.tif": {"big_tiff": True},
    "biglzw.tif": {"big_tiff": True, "compression": "tiff_lzw"},
    "out.avif": {"quality": 80},
    "out.mpo": {},
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_carrier(name, labelled, plain, field, tmp_path: Path, one_label):
    path = tmp_path / name
    labelled.save(path, **FORMATS[name])
    assert one_label(path) == field(labelled)
    assert read_label(path).conforms
    with Image.open(path) as saved:
        assert saved.size == labelled.size
        pixels = np.asarray(saved.convert("RGB"), int)
    bare = tmp_path / f"plain-{name}"
    twin = labelled.copy()
    del twin.info["AIGC"]
    twin.save(bare, **FORMATS[name])
    with Image.open(bare) as saved:
        assert (np.asarray(saved.convert("RGB"), int) == pixels).all(), "the label changed decoded pixels"
    assert sorted(tmp_path.iterdir()) == sorted([path, bare])


def test_pictures_as_pages_of_a_pdf(labelled, plain, field, tmp_path: Path):
    path = tmp_path / "out.pdf"
    labelled.save(path, save_all=True, append_images=[plain, labelled], title="Title")
    reading = read_label(path)
    assert [finding.place for finding in reading.findings] == ["PDF Info AIGC"]
    assert reading.conforms
    told = subprocess.run(["exiftool", "-j", "-a", "-u", path], capture_output=True, text=True, check=True)
    (tags,) = json.loads(told.stdout)
    assert (json.loads(tags["AIGC"]), tags["Title"], tags["PageCount"]) == (field(labelled), "Title", 3)
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=True)
    assert "No syntax or stream encoding errors found" in checked.stdout

    file = io.BytesIO()
    plain.save(file, "PDF", append_images=[labelled], save_all=True)  # one labelled page is enough
    assert read_label(file.getvalue()).label == reading.label


def test_group4_and_16_bit_and_both_byte_orders(provider, tmp_path: Path, one_label, field):
    fax = label(Image.new("1", (400, 300), 1), provider=provider)
    fax.save(tmp_path / "fax.tif", compression="group4")
    deep = label(Image.new("I;16", (64, 64), 999), provider=provider)
    deep.save(tmp_path / "deep.tif")
    big = label(Image.new("I;16B", (64, 64), 999), provider=provider)
    big.save(tmp_path / "big.tif")
    assert one_label(tmp_path / "fax.tif") == field(fax)
    assert one_label(tmp_path / "deep.tif") == field(deep)
    assert one_label(tmp_path / "big.tif") == field(big)
    assert (tmp_path / "deep.tif").read_bytes()[:2] == b"II"
    assert (tmp_path / "big.tif").read_bytes()[:2] == b"MM"
    with Image.open(tmp_path / "big.tif") as saved:
        assert saved.getpixel((0, 0)) == 999
    with Image.open(tmp_path / "fax.tif") as saved:
        assert saved.tobytes() == fax.tobytes()
        assert saved.tag_v2.tagtype[700] == 7


OPERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resize": lambda image: image.resize((64, 48)),
    "reduce": lambda image: image.reduce(2),
    "thumbnail": lambda image: (image.thumbnail((50, 50)), image)[1],
    "crop": lambda image: image.crop((5, 5, 90, 80)),
    "convert": lambda image: image.convert("L").convert("RGB"),
    "quantize": lambda image: image.quantize(16),
    "rotate": lambda image: image.rotate(30, expand=True),
    "transpose": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "transform": lambda image: image.transform((60, 60), Image.Transform.EXTENT, (0, 0, 100, 90)),
    "filter": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "enhance": lambda image: ImageEnhance.Contrast(image).enhance(1.2),
    "copy": lambda image: image.copy(),
    "copy.copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda image: pickle.loads(pickle.dumps(image)),
    "split-merge": lambda image: Image.merge("RGB", image.split()),
    "getchannel": lambda image: image.getchannel("G"),
    "pad": lambda image: ImageOps.pad(image, (200, 100)),
    "expand": lambda image: ImageOps.expand(image, 9, "red"),
    "fit": lambda image: ImageOps.fit(image, (50, 70)),
    "mirror": ImageOps.mirror,
    "sheet": lambda image: _sheet(image),
    "sheet-masked": lambda image: (
        sheet := Image.new("RGB", (300, 99)),
        sheet.paste(image, (1, 1), image.convert("L")),
    )[0],
    "alpha-below": lambda image: Image.alpha_composite(
        image.convert("RGBA"), Image.new("RGBA", image.size, (9, 9, 9, 9))
    ),
    "alpha-above": lambda image: Image.alpha_composite(Image.new("RGBA", image.size, "red"), image.convert("RGBA")),
    "alpha-method": lambda image: (
        under := Image.new("RGBA", (200, 200)),
        under.alpha_composite(image.convert("RGBA")),
    )[0],
    "blend-first": lambda image: Image.blend(image, Image.new("RGB", image.size), 0.2),
    "blend-second": lambda image: Image.blend(Image.new("RGB", image.size), image, 0.8),
    "composite": lambda image: Image.composite(Image.new("RGB", image.size), image, Image.new("L", image.size, 20)),
    "composite-second": lambda image: Image.composite(
        image, Image.new("RGB", image.size), Image.new("L", image.size, 200)
    ),
    "exif_transpose": ImageOps.exif_transpose,
}


def _sheet(image: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", (2 * image.width, image.height))
    for column in range(2):
        sheet.paste(im=image, box=(column * image.width, 0))
    return sheet


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_the_label_survives_what_people_do_before_they_save(operation, suffix, labelled, field, tmp_path, one_label):
    wanted = field(labelled)
    made = OPERATIONS[operation](labelled)
    made.save(tmp_path / f"out.{suffix}")
    if suffix == "png" or operation in ("sheet", "pickle"):
        assert one_label(tmp_path / f"out.{suffix}") == wanted
    found = read_label(tmp_path / f"out.{suffix}")
    assert found.conforms
    assert found.label.to_dict() == wanted


def test_a_picture_pasted_into_from_an_unlabelled_one_stays_as_it_is(plain):
    sheet = Image.new("RGB", (300, 300))
    sheet.paste(plain, (3, 3))
    sheet.paste((1, 2, 3), (0, 0, 9, 9))
    sheet.paste("red", (0, 0, 9, 9), Image.new("L", (9, 9), 9))
    assert "AIGC" not in sheet.info


class Unseekable(io.RawIOBase):
    """A pipe or a socket."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: Any) -> int:
        self.data += bytes(data)
        return len(data)

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_every_kind_of_target(form, labelled, tmp_path: Path):
    suffix = {"JPEG": ".jpg", "TIFF": ".tif"}.get(form, f".{form.lower()}")
    wanted = read_label(labelled).label
    targets = {}
    labelled.save(str(tmp_path / f"str{suffix}"))
    labelled.save(tmp_path / f"path{suffix}")
    labelled.save(os.fsencode(tmp_path / f"bytes{suffix}"))
    labelled.save(tmp_path / "nosuffix", form.lower())
    for path in tmp_path.iterdir():
        targets[path.name] = path.read_bytes()
    assert len(targets) == 4
    memory, writer = io.BytesIO(), Unseekable()
    labelled.save(memory, form)
    labelled.save(writer, form)
    targets |= {"memory": memory.getvalue(), "writer": writer.data}
    with (tmp_path / f"open{suffix}").open("w+b") as file:
        labelled.save(file, format=form)
        targets["seen before it is closed"] = (tmp_path / f"open{suffix}").read_bytes()
    with (tmp_path / "behind").open("w+b") as file:
        file.write(b"HEADER")
        labelled.save(file, form)
        file.write(b"TRAILER")
    behind = (tmp_path / "behind").read_bytes()
    assert behind.startswith(b"HEADER")
    assert behind.endswith(b"TRAILER")
    targets["behind"] = behind[6:-7]
    for name, data in targets.items():
        found = read_label(data)
        assert found.conforms, name
        assert found.label == wanted, name
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    assert len(set(targets.values())) == 1


def test_notebooks_show_labelled_pictures(labelled):
    for data in (labelled._repr_png_(), labelled._repr_jpeg_()):
        assert read_label(data).label == read_label(labelled).label


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, offset = [], 8
    while offset < len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        body = data[offset + 8 : offset + 8 + length]
        assert struct.unpack_from(">I", data, offset + 8 + length)[0] == zlib.crc32(kind + body)
        found.append((kind, body))
        offset += 12 + length
    return found


def test_png_bytes(labelled, plain):
    memory, bare = io.BytesIO(), io.BytesIO()
    labelled.save(memory, "PNG")
    twin = labelled.copy()
    del twin.info["AIGC"]
    twin.save(bare, "PNG")
    with_label, without = chunks(memory.getvalue()), chunks(bare.getvalue())
    (text,) = [body for kind, body in with_label if kind == b"iTXt"]
    assert text.startswith(b"XML:com.adobe.xmp\0\0\0\0\0<?xpacket")
    assert b'"Label":"1"' in text
    assert [chunk for chunk in with_label if chunk[0] != b"iTXt"] == without


def test_webp_bytes(labelled):
    memory = io.BytesIO()
    labelled.save(memory, "WEBP")
    data = memory.getvalue()
    assert data[:4] == b"RIFF"
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    assert data[12:16] == b"VP8X"
    assert data[20] & 0x04
    assert len(data) % 2 == 0
    assert data.count(b"XMP ") == 1


def frames_of(data: bytes) -> list[np.ndarray]:
    with Image.open(io.BytesIO(data)) as animation:
        return [np.asarray(frame.convert("RGB"), int) for frame in ImageSequence.Iterator(animation)]


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF", "TIFF", "MPO"])
@pytest.mark.parametrize("which", ["first", "later", "all"])
@pytest.mark.parametrize("how", [list, tuple, iter, lambda frames: (frame for frame in frames)])
def test_animations_have_one_label(form, which, how, labelled, plain, tmp_path: Path, one_label):
    # Pillow itself writes wrong offsets into an MPO of three pictures.
    rest = [plain.rotate(90 * turn) for turn in range(1, 2 if form == "MPO" else 4)]
    first = labelled if which != "later" else plain.copy()
    if which != "first":
        rest[-1] = labelled.copy()
    if which == "all":
        rest = [labelled.transpose(Image.Transpose.ROTATE_180) for _ in rest[:1]] + rest[1:]
    path = tmp_path / f"out.{form.lower()}"
    first.save(path, form, save_all=True, append_images=how(rest), duration=70, loop=3)
    found = read_label(path)
    assert found.conforms, found.defects
    assert found.label == read_label(labelled).label
    if how is list and which != "first":
        one_label(path)
    seen = frames_of(path.read_bytes())
    assert len(seen) == 1 + len(rest)
    for frame, made in zip(seen, [first, *rest], strict=True):
        assert np.abs(frame - np.asarray(made.convert("RGB"), int)).mean() < 12


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_a_generator_may_draw_every_frame_into_one_image(form, marked, provider):
    def frames():
        canvas = Image.new("RGB", (64, 64))
        for step in range(4):
            canvas.paste((60 * step, 0, 90), (0, 0, 64, 64))
            yield canvas

    first = Image.new("RGB", (64, 64), "white")
    if marked:
        label(first, provider=provider)
    memory = io.BytesIO()
    first.save(memory, form, save_all=True, append_images=frames(), duration=50)
    reds = [int(frame[2, 2, 0]) for frame in frames_of(memory.getvalue())]
    assert len(reds) == 5
    assert all(abs(red - wanted) < 12 for red, wanted in zip(reds, [255, 0, 60, 120, 180], strict=True))


def test_saving_leaves_the_image_and_the_arguments_alone(labelled, tmp_path: Path):
    before, info = labelled.tobytes(), dict(labelled.info)
    appended = [labelled.copy()]
    labelled.save(tmp_path / "a.gif", save_all=True, append_images=appended)
    labelled.save(tmp_path / "b.jpg", quality=50)
    assert labelled.tobytes() == before
    assert labelled.info == info
    assert not hasattr(labelled, "encoderinfo") or labelled.encoderinfo == {}
    assert len(appended) == 1


def test_two_labels_written_after_each_other_leave_one(labelled, tmp_path: Path, provider, one_label, field):
    for suffix in ("png", "jpg", "webp", "gif", "tif", "avif"):
        path = tmp_path / f"out.{suffix}"
        labelled.save(path)
        with Image.open(path) as opened:
            again = label(opened if suffix != "gif" else opened.copy(), provider=provider)
            again.save(tmp_path / f"again.{suffix}")
        assert one_label(tmp_path / f"again.{suffix}") == field(again)
        if suffix != "gif":  # Pillow does not say what XMP a GIF has
            assert field(again) == field(labelled)
