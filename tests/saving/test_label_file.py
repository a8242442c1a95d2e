"""label(Path): pictures that already exist (I-10, I-12, M-18, F-25)."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from aigc_hooks import (
    CarrierError,
    ForeignLabelError,
    LabelError,
    UnsupportedCarrierError,
    label,
    read_label,
)

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SUFFIXES = ["jpg", "png", "webp", "tif", "gif", "avif"]


def photo(width: int = 320, height: int = 240) -> Image.Image:
    ramp = Image.radial_gradient("L").resize((width, height))
    return Image.merge("RGB", (ramp, ImageOps.mirror(ramp.point(lambda value: value // 2)), ImageOps.flip(ramp)))


def metadata() -> dict[str, object]:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2025:09:01 10:00:00"
    return {"exif": exif.tobytes(), "icc_profile": PROFILE, "dpi": (144, 144)}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_in_place(suffix, provider, tmp_path: Path, one_label, text_box):
    path = tmp_path / f"in.{suffix}"
    photo().save(path, quality=92)
    with Image.open(path) as before:
        form, old = before.format, np.asarray(before.convert("RGB"), int)
    assert label(path, provider=provider) == path
    assert one_label(path)["ContentProducer"] == "acme"
    assert read_label(path).conforms
    with Image.open(path) as after:
        assert after.format == form
        new = np.asarray(after.convert("RGB"), int)
    outside = ~text_box(320, 240, 16)
    difference = np.abs(new - old)[outside]
    assert difference.mean() < 1
    if suffix in ("png", "tif", "jpg"):
        assert difference.max() <= (2 if suffix == "jpg" else 0)
    assert new[~outside].max() >= 240
    assert len(list(tmp_path.iterdir())) == 1


@pytest.fixture
def text_box() -> Callable[..., np.ndarray]:
    """Where the label of a picture lies, with a margin for compression blocks."""

    def box(width: int, height: int, margin: int) -> np.ndarray:
        drawn = np.asarray(label(Image.new("L", (width, height), 128), producer="acme")) != 128
        rows, columns = np.nonzero(drawn)
        mask = np.zeros((height, width), bool)
        top, left = max(0, rows.min() - margin), max(0, columns.min() - margin)
        mask[top : rows.max() + margin + 1, left : columns.max() + margin + 1] = True
        return mask

    return box


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", ["jpg", "png", "webp", "tif", "avif"])
def test_another_format(source, target, provider, tmp_path: Path, one_label):
    path = tmp_path / f"in.{source}"
    photo().save(path, quality=92)
    before = path.read_bytes()
    output = tmp_path / f"out.{target}"
    assert label(path, provider=provider, output=output) == output
    assert path.read_bytes() == before
    one_label(output)
    with Image.open(output) as image:
        assert np.abs(np.asarray(image.convert("RGB"), int)[:180] - np.asarray(photo(), int)[:180]).mean() < 6


@pytest.mark.parametrize("suffix", ["bmp", "ppm", "tga", "ico"])
def test_formats_without_a_place_need_another_output(suffix, provider, tmp_path: Path, one_label):
    path = tmp_path / f"in.{suffix}"
    photo(64, 64).save(path)
    before = path.read_bytes()
    with pytest.raises(UnsupportedCarrierError, match=r"no place.*'in\.png'"):
        label(path, provider=provider)
    with pytest.raises(UnsupportedCarrierError, match=r"no place.*'out\.png'"):
        label(path, provider=provider, output=tmp_path / "out.bmp")
    assert path.read_bytes() == before
    one_label(label(path, provider=provider, output=tmp_path / "out.png"))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_profile_exif_and_resolution_are_kept(suffix, provider, tmp_path: Path, exif_tags):
    path = tmp_path / f"in.{suffix}"
    photo().save(path, **metadata())
    before = exif_tags(path)
    label(path, provider=provider)
    after = exif_tags(path)
    assert after["ExifIFD:DateTimeOriginal"] == "2025:09:01 10:00:00"
    assert after["IFD0:Make"] == "Maker"
    lost = {
        name: value
        for name, value in before.items()
        if after.get(name) != value and name.split(":")[0] not in ("System", "ExifTool", "Composite", "SourceFile")
    }
    # How the pixels are stored is the encoder's.
    allowed = (
        "StripOffsets",
        "StripByteCounts",
        "RowsPerStrip",
        "Filter",
        "WebP_Flags",
        "MediaData",
        "Size",
        "Offset",
        "Extent",
    )
    assert not {name: value for name, value in lost.items() if not name.endswith(allowed)}
    with Image.open(path) as image:
        assert image.info["icc_profile"] == PROFILE


def test_texts_and_colours_of_a_png_are_kept(provider, tmp_path: Path, one_label):
    given = PngImagePlugin.PngInfo()
    given.add_text("parameters", "a cat")
    given.add_text("long", "y" * 300, zip=True)
    given.add_itxt("Title", "猫", "zh", "标题")
    given.add(b"gAMA", struct.pack(">I", 45455))
    given.add(b"sRGB", b"\0")
    given.add(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    path = tmp_path / "in.png"
    photo().save(path, pnginfo=given, dpi=(72, 72))
    with Image.open(path) as before:
        before.load()
        text, info = dict(before.text), dict(before.info)
    label(path, provider=provider)
    with Image.open(path) as after:
        after.load()
        assert {name: after.text[name] for name in text} == text
        assert after.text["Title"].tkey == "标题"
        for name in ("gamma", "srgb", "chromaticity", "dpi"):
            assert after.info[name] == info[name]
    one_label(path)


def quantisation(data: bytes) -> list[bytes]:
    tables, offset = [], 2
    while data[offset + 1] != 0xDA:
        length = struct.unpack_from(">H", data, offset + 2)[0]
        if data[offset + 1] == 0xDB:
            tables.append(data[offset + 4 : offset + 2 + length])
        offset += 2 + length
    return tables


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_keeps_its_own_quality(mode, quality, subsampling, provider, tmp_path: Path, text_box):
    path = tmp_path / "in.jpg"
    photo().convert(mode).save(path, quality=quality, subsampling=subsampling, progressive=quality == 75)
    tables = quantisation(path.read_bytes())
    with Image.open(path) as before:
        old, progressive, sampling = np.asarray(before, int), before.info.get("progressive"), before.layer
    label(path, provider=provider)
    assert b"".join(quantisation(path.read_bytes())) == b"".join(tables)
    with Image.open(path) as after:
        new = np.asarray(after, int)
        assert after.mode == mode
        assert bool(after.info.get("progressive")) == bool(progressive)
        if mode == "RGB":  # Pillow does not keep the factors of other modes
            assert [layer[:3] for layer in after.layer] == [layer[:3] for layer in sampling]
    assert np.abs(new - old)[~text_box(320, 240, 16)].max() <= (8 if mode == "CMYK" else 3)


def test_the_content_tells_what_a_file_is_not_its_suffix(provider, tmp_path: Path):
    path = tmp_path / "wrong.jpg"
    photo().save(path, "PNG")
    label(path, provider=provider)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert read_label(path).conforms
    label(path, provider=provider, output=tmp_path / "right.jpg")
    assert (tmp_path / "right.jpg").read_bytes().startswith(b"\xff\xd8")
    (tmp_path / "none").write_bytes(path.read_bytes())
    label(tmp_path / "none", provider=provider)
    assert read_label(tmp_path / "none").conforms


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_second_time_changes_nothing(suffix, provider, tmp_path: Path):
    path = tmp_path / f"in.{suffix}"
    photo().save(path, quality=90)
    label(path, provider=provider)
    once = path.read_bytes()
    label(path, provider=provider)
    assert path.read_bytes() == once
    again = label(path, provider=provider, output=tmp_path / f"copy.{suffix}")
    assert again.read_bytes() == once
    other = label(path, provider=provider, output=tmp_path / ("other.jpg" if suffix == "png" else "other.png"))
    assert read_label(other).label == read_label(path).label


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_label_of_another_producer_stays(suffix, provider, tmp_path: Path):
    path = tmp_path / f"in.{suffix}"
    photo().save(path)
    label(path, producer="other")
    before = path.read_bytes()
    with pytest.raises(ForeignLabelError, match="'other'"):
        label(path, provider=provider)
    with pytest.raises(ForeignLabelError):
        label(path, provider=provider, output=tmp_path / "out.png")
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_the_label_of_another_producer_in_an_odd_place_stays(provider, tmp_path: Path):
    path = tmp_path / "in.jpg"
    field = '{"Label":"1","ContentProducer":"other","ProduceID":"x"}'
    photo().save(path, comment=f"AIGC{field}")
    before = path.read_bytes()
    with pytest.raises(ForeignLabelError, match="'other'"):
        label(path, provider=provider)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_truncated_files(suffix, share, provider, tmp_path: Path):
    memory = io.BytesIO()
    Image.effect_noise((200, 200), 90).convert("RGB").save(memory, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix))
    path = tmp_path / f"in.{suffix}"
    path.write_bytes(memory.getvalue()[: int(len(memory.getvalue()) * share)])
    before = path.read_bytes()
    with pytest.raises(CarrierError, match=str(path)):
        label(path, provider=provider)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"II*\0\0\0\0\0"],
)
def test_what_is_no_picture(content, provider, tmp_path: Path):
    path = tmp_path / "in.png"
    path.write_bytes(content)
    with pytest.raises(CarrierError, match="cannot be read as a picture"):
        label(path, provider=provider)
    assert path.read_bytes() == content


def test_missing_files_and_folders(provider, tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        label(tmp_path / "none.png", provider=provider)
    with pytest.raises(IsADirectoryError):
        label(tmp_path, provider=provider)
    photo().save(tmp_path / "in.png")
    with pytest.raises(FileNotFoundError):
        label(tmp_path / "in.png", provider=provider, output=tmp_path / "no" / "out.png")
    with pytest.raises(TypeError, match="output="):
        label(photo(), provider=provider, output=tmp_path / "x.png")


def test_a_mode_that_the_output_cannot_hold(provider, tmp_path: Path):
    Image.new("RGBA", (99, 99)).save(tmp_path / "in.png")
    (tmp_path / "out.jpg").write_bytes(b"old")
    with pytest.raises(LabelError, match=r"out\.jpg: cannot write mode RGBA.*PNG"):
        label(tmp_path / "in.png", provider=provider, output=tmp_path / "out.jpg")
    assert (tmp_path / "out.jpg").read_bytes() == b"old"


def test_an_output_that_is_the_same_file_by_another_name(provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    photo().save(tmp_path / "wrong.jpg", "PNG")
    (tmp_path / "link.jpg").symlink_to("wrong.jpg")
    monkeypatch.chdir(tmp_path)
    label(tmp_path / "wrong.jpg", provider=provider, output="link.jpg")
    assert (tmp_path / "wrong.jpg").read_bytes().startswith(b"\x89PNG")
    assert read_label(tmp_path / "wrong.jpg").conforms


def test_transparency_of_files(provider, tmp_path: Path):
    clear = Image.new("RGBA", (200, 150), (0, 200, 0, 0))
    clear.paste((200, 0, 0, 255), (0, 0, 90, 90))
    palette = clear.quantize(8)
    for name, image in {"a.png": clear, "a.webp": clear, "p.png": palette, "p.gif": clear, "a.tif": clear}.items():
        path = tmp_path / name
        image.save(path)
        label(path, provider=provider)
        with Image.open(path) as saved:
            seen = np.asarray(saved.convert("RGBA"))
        assert seen[120, 20, 3] == 0, name
        assert (seen[:80, :80, 3] == 255).all()
        assert (seen[138:146, 160:190, 3] == 255).all(), name
        assert seen[138:146, 160:190, :3].max() >= 225


def test_a_lossless_webp_stays_lossless(provider, tmp_path: Path):
    path = tmp_path / "in.webp"
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    picture.save(path, lossless=True)
    label(path, provider=provider)
    with Image.open(path) as saved:
        assert (np.asarray(saved)[:150] == np.asarray(picture)[:150]).all()


def test_pages_of_a_document(provider, tmp_path: Path, one_label):
    path = tmp_path / "in.tif"
    pages = [photo(), Image.new("1", (300, 400), 1), photo().convert("L")]
    for page, compression in zip(pages, ("tiff_lzw", "group4", "tiff_adobe_deflate"), strict=True):
        page.info["compression"] = compression
    pages[0].save(path, save_all=True, append_images=pages[1:], description="kept")
    label(path, provider=provider)
    one_label(path)
    with Image.open(path) as saved:
        assert saved.n_frames == 3
        assert saved.tag_v2[270] == "kept"
        for number, page in enumerate(pages):
            saved.seek(number)
            saved.load()
            assert saved.mode == page.mode
            assert saved.info["compression"] == page.info["compression"]
            assert (np.asarray(saved)[:150] == np.asarray(page)[:150]).all()
            assert saved.tobytes() != page.tobytes()
