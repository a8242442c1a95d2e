"""``write_label`` into pictures that other tools made: what they show and say stays, and others read the label."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence
from PIL.TiffImagePlugin import AppendingTiffWriter

from aigc_hooks import CarrierError, ForeignLabelError, Label, read_label, write_label

Tool = Callable[..., bytes]

LABEL = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")
LONGER = Label(content_producer="acme", produce_id="2", reserved_code1='{"a":"<&>\'"}', propagate_id="2" * 99)
FOREIGN = Label(content_producer="other", produce_id="1")
NAMES = [
    "plain.jpg",
    "progressive.jpg",
    "grey.jpg",
    "cmyk.jpg",
    "full.jpg",
    "two.mpo",
    "plain.png",
    "palette.png",
    "deep.png",
    "full.png",
    "moving.png",
    "moving-ffmpeg.apng",
    "lossy.webp",
    "lossless.webp",
    "alpha.webp",
    "clear.webp",
    "full.webp",
    "moving.webp",
    "odd.webp",
    "still.gif",
    "moving.gif",
    "moving-ffmpeg.gif",
    "comment.gif",
    "II.tif",
    "MM.tif",
    "pages.tif",
    "big.tif",
    "big-MM.tif",
    "tiles.tif",
    "deflate.tif",
    "full.tif",
    "plain.avif",
    "alpha.avif",
    "full.avif",
    "moving.avif",
    "avifenc.avif",
    "grid.avif",
    "plain.heic",
    "many.heic",
    "thumbnail.heic",
    "alpha.heic",
    "full.heic",
]
PLACES = {
    ".jpg": "JPEG APP1 XMP",
    ".mpo": "JPEG APP1 XMP",
    ".png": "PNG iTXt XML:com.adobe.xmp",
    ".apng": "PNG iTXt XML:com.adobe.xmp",
    ".webp": "WebP XMP",
    ".gif": "GIF XMP DataXMP",
    ".tif": "TIFF tag 700",
    ".avif": "AVIF mime item",
    ".heic": "HEIC mime item",
}


def frame(step: int, mode: str = "RGB") -> Image.Image:
    image = Image.linear_gradient("L").resize((61, 47)).rotate(45 * step).convert("RGB")
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.radial_gradient("L").resize(image.size))
    return image.convert(mode)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, tool: Tool) -> Path:
    """Every file of ``NAMES``; those named ``full`` hold XMP, Exif, an ICC profile and a time beside the picture."""
    folder = tmp_path_factory.mktemp("made")

    def save(name: str, mode: str = "RGB", frames: int = 1, **options: Any) -> Path:
        first, *others = [frame(step, mode) for step in range(frames)]
        more = {"save_all": True, "append_images": others} if others else {}
        first.save(folder / name, **more, **options)
        return folder / name

    save("plain.jpg")
    save("progressive.jpg", progressive=True, icc_profile=bytes(99_999))
    save("grey.jpg", "L")
    save("cmyk.jpg", "CMYK")
    save("two.mpo", frames=2)
    source = save("plain.png")
    save("palette.png", "P")
    Image.new("I;16", (9, 7), 40_000).save(folder / "deep.png")
    save("moving.png", frames=3, duration=40, loop=2)
    video = ("-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:d=0.4:r=10")
    tool("ffmpeg", *video, folder / "moving-ffmpeg.apng")
    tool("ffmpeg", *video, folder / "moving-ffmpeg.gif")
    save("lossless.webp", lossless=True)
    save("clear.webp", "RGBA", lossless=True, exact=True)
    save("alpha.webp", "RGBA")
    save("moving.webp", frames=3)
    tool("cwebp", "-quiet", source, "-o", folder / "lossy.webp")
    save("odd.webp", quality=1)
    save("still.gif")
    save("moving.gif", frames=3, duration=50, loop=0)
    save("comment.gif", comment=b"made by hand")
    little = save("II.tif")
    tool("tiffcp", "-B", little, folder / "MM.tif")
    tool("tiffcp", "-8", little, folder / "big.tif")
    tool("tiffcp", "-8", "-B", little, folder / "big-MM.tif")
    tool("tiffcp", "-t", "-w", "32", "-l", "16", little, folder / "tiles.tif")
    save("deflate.tif", compression="tiff_deflate")
    with AppendingTiffWriter(folder / "pages.tif") as writer:
        for step in range(3):
            frame(step).save(writer, "TIFF")
            writer.newFrame()
    save("plain.avif", speed=10)
    save("alpha.avif", "RGBA", speed=10)
    save("moving.avif", frames=3, speed=10)
    tool("avifenc", "-s", "10", source, folder / "avifenc.avif")
    tool("heif-enc", source, "-o", folder / "plain.heic")
    tool("heif-enc", source, folder / "palette.png", "-o", folder / "many.heic")
    tool("heif-enc", "-t", "16", source, "-o", folder / "thumbnail.heic")
    tiles = [folder / f"tile{step}.png" for step in range(2)]
    for step, tile in enumerate(tiles):
        frame(step).resize((64, 64)).save(tile)
    tool("avifenc", "-s", "10", "--grid", "2x1", *tiles, folder / "grid.avif")
    clear = save("clear.png", "RGBA")
    tool("heif-enc", clear, "-o", folder / "alpha.heic")
    for suffix in ("jpg", "png", "webp", "tif", "avif", "heic"):
        full = folder / f"full.{suffix}"
        bare = {"tif": "II.tif", "webp": "lossy.webp"}.get(suffix, f"plain.{suffix}")
        full.write_bytes((folder / bare).read_bytes())
        about = ["-XMP-dc:Title=T & Ü", "-XMP-xmp:Rating=3", "-EXIF:Artist=somebody", "-EXIF:UserComment=a comment"]
        tool("exiftool", "-q", "-overwrite_original", *about, full)
    return folder


@pytest.fixture(params=NAMES)
def file(request: pytest.FixtureRequest, made: Path, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_bytes((made / request.param).read_bytes())
    return path


@pytest.fixture
def pixels(tool: Tool, tmp_path: Path) -> Callable[[Path], list[bytes]]:
    """Every frame as it is shown, by decoders that this project did not write."""

    def decode(path: Path) -> list[bytes]:
        shown = [path]
        if path.suffix == ".heic":
            tool("heif-convert", "--with-aux", path, tmp_path / "shown.png")
            shown = sorted(tmp_path.glob("shown*.png"))
        elif path.name == "big-MM.tif":  # which Pillow does not read
            tool("tiffcp", "-L", path, tmp_path / "shown.tif")
            shown = [tmp_path / "shown.tif"]
        found = []
        for each in shown:
            with Image.open(each) as image:
                found += [
                    f"{page.mode}{page.size}{page.info.get('duration')}".encode() + page.tobytes()
                    for page in ImageSequence.Iterator(image)
                ]
        return found

    return decode


@pytest.fixture(scope="session")
def told(made: Path, tmp_path_factory: pytest.TempPathFactory, tool: Tool) -> list[dict[str, dict[str, Any]]]:
    """All that ExifTool reads of each file, before it was labelled and after it was, twice; all in one run each."""
    folder = tmp_path_factory.mktemp("labelled")
    for name in NAMES:
        write_label(made / name, LABEL, output=folder / name)
        write_label(folder / name, LONGER)
    found = []
    for each in (made, folder):
        options = ["-j", "-a", "-u", "-ee", "-G1", "-struct", "-warning", "-error", "-all:all"]
        entries = json.loads(tool("exiftool", *options, *(each / name for name in NAMES)))
        found.append({Path(entry["SourceFile"]).name: entry for entry in entries})
    return found


def kept(tags: dict[str, Any]) -> dict[str, Any]:
    """What of it is not the label, and not told of the file's own size and places."""
    own = {"SourceFile", "GIF:GIFVersion", "XMP-x:XMPToolkit", "XMP-TC260:Aigc", "IFD0:ApplicationNotes"}
    moving = ("Offset", "Offsets", "MediaDataSize", "MPImageStart", "MPImageLength", "Flags")
    return {
        key: value
        for key, value in tags.items()
        if key not in own
        and not key.startswith(("System:", "File:", "ExifTool:ExifToolVersion", "Composite:"))
        and not key.endswith(moving)
    }


# What stands beside the label, byte by byte, by readers of this test's own


def jpeg_parts(data: bytes) -> Iterator[bytes]:
    offset = 2
    while data[offset + 1] != 0xDA:
        length = int.from_bytes(data[offset + 2 : offset + 4], "big") + 2
        part = data[offset : offset + length]
        if (b"ns.adobe.com/xap/1.0/\0" not in part[:40] and not part.startswith(b"\xff\xe2")) or b"ICC" in part[:9]:
            yield part
        offset += length
    yield data[offset:]


def png_parts(data: bytes) -> Iterator[bytes]:
    offset = 8
    while offset < len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        body = data[offset + 8 : offset + 8 + length]
        assert zlib.crc32(kind + body) == int.from_bytes(data[offset + 8 + length :][:4], "big")
        if not body.startswith(b"XML:com.adobe.xmp"):
            yield kind + body
        offset += 12 + length
    assert offset == len(data)


def webp_parts(data: bytes) -> Iterator[bytes]:
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    offset = 12
    while offset < len(data):
        kind, length = struct.unpack_from("<4sI", data, offset)
        if kind not in (b"VP8X", b"XMP "):
            yield kind + data[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2
    assert offset == len(data)


def gif_parts(data: bytes) -> Iterator[bytes]:
    start = data.find(b"\x21\xff\x0bXMP DataXMP")
    yield data[6:] if start < 0 else data[6:start] + data[data.index(b"\x02\x01\x00\x00", start) + 4 :]


def tiff_parts(data: bytes) -> Iterator[bytes]:
    """The strips or tiles of every page, and all entries but the packet's; that each directory is sorted."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    (offset,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    assert offset % 2 == 0
    while offset:
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, offset)
        offset += 8 if big else 2
        tags, places, lengths = [], (), ()
        for _ in range(count):
            tag, kind, number = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, offset)
            form = f"{order}{number}{ {1: 'B', 2: 'B', 3: 'H', 4: 'I', 7: 'B', 16: 'Q'}.get(kind, 'x') }"
            at = offset + (12 if big else 8)
            if struct.calcsize(form) > (8 if big else 4):
                (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, at)
            values = struct.unpack_from(form, data, at)
            places = values if tag in (273, 324) else places
            lengths = values if tag in (279, 325) else lengths
            tags.append(tag)
            if tag != 700:
                yield repr((tag, kind, values if tag not in (34665,) else 0)).encode()
            else:
                assert kind in (1, 7)
            offset += 20 if big else 12
        assert tags == sorted(set(tags))
        yield from (data[place : place + length] for place, length in zip(places, lengths, strict=True))
        (offset,) = struct.unpack_from(order + ("Q" if big else "I"), data, offset)


def heif_parts(data: bytes) -> Iterator[bytes]:
    """The data of every item, as iloc tells where they lie; of films, the data behind the first mdat box's header."""
    place = data.index(b"iloc") + 4
    version, sizes = data[place], int.from_bytes(data[place + 4 : place + 6], "big")
    offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15 if version else 0
    cursor = io.BytesIO(data[place + 6 :])

    def number(size: int) -> int:
        return int.from_bytes(cursor.read(size), "big")

    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        method = number(2) if version else 0
        number(2)
        start, pieces = number(base), []
        start += data.index(b"idat") + 4 if method == 1 else 0
        for _ in range(number(2)):
            number(index)
            at, size = start + number(offset), number(length)
            pieces.append(data[at : at + size])
        if b"<x:xmpmeta" not in b"".join(pieces):
            yield repr((item, pieces)).encode()


PARTS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    ".jpg": jpeg_parts,
    ".mpo": jpeg_parts,
    ".png": png_parts,
    ".apng": png_parts,
    ".webp": webp_parts,
    ".gif": gif_parts,
    ".tif": tiff_parts,
    ".avif": heif_parts,
    ".heic": heif_parts,
}


def test_the_label_is_written_and_the_picture_stays(file: Path, pixels: Callable[[Path], list[bytes]]) -> None:
    parts = PARTS[file.suffix]
    shown, stored = pixels(file), list(parts(file.read_bytes()))
    assert len(stored) > 0
    for label in (LABEL, LONGER, LABEL):
        assert write_label(file, label) == file
        reading = read_label(file)
        assert reading.conforms, reading.defects
        assert [(finding.label, finding.place) for finding in reading.findings] == [(label, PLACES[file.suffix])]
        assert list(parts(file.read_bytes())) == stored
        assert file.read_bytes().count(b'"ContentProducer"') == 1
    assert pixels(file) == shown


@pytest.mark.parametrize("name", NAMES)
def test_exiftool_reads_it_and_all_that_was_there_and_warns_of_nothing(
    name: str, told: list[dict[str, dict[str, Any]]]
) -> None:
    before, after = (every[name] for every in told)
    assert json.loads(after["XMP-TC260:Aigc"]) == LONGER.to_dict()
    assert str(after).count("ContentProducer") == 1
    assert kept(after) == kept(before)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("webp")])
def test_webpmux_finds_it(name: str, made: Path, tmp_path: Path, tool: Tool) -> None:
    path = write_label(made / name, LABEL, output=tmp_path / name)
    tool("webpmux", "-get", "xmp", path, "-o", tmp_path / "x.xmp")
    assert LABEL.to_json().encode() in (tmp_path / "x.xmp").read_bytes()
    lines = tool("webpmux", "-info", path).decode()
    assert ("transparency" in lines) == (name in ("alpha.webp", "clear.webp"))


def test_writing_again_changes_nothing_more(file: Path) -> None:
    write_label(file, LABEL)
    once = file.read_bytes()
    write_label(file, LABEL)
    assert file.read_bytes() == once


def test_m18_anothers_label_stays(file: Path) -> None:
    write_label(file, FOREIGN)
    before = file.read_bytes()
    with pytest.raises(ForeignLabelError, match=r"already holds the label of 'other'"):
        write_label(file, LABEL)
    assert file.read_bytes() == before


def test_m17_long_values_return_or_say_why_not(file: Path) -> None:
    for size in (2_000, 60_000, 70_000):
        label = Label(content_producer="acme", produce_id="1", reserved_code1="x" * size)
        if size < 65_000 or file.suffix not in (".jpg", ".mpo"):
            assert read_label(write_label(file, label)).label == label
            continue
        before = file.read_bytes()
        with pytest.raises(CarrierError, match=r"takes 7\d+ bytes, a JPEG holds 65502; shorten"):
            write_label(file, label)
        assert file.read_bytes() == before


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), max_size=200))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_m16_any_value_returns(made: Path, tmp_path: Path, value: str) -> None:
    label = Label(content_producer="acme", produce_id="1", reserved_code1=value)
    for name in ("full.jpg", "plain.png", "lossy.webp", "moving.gif", "pages.tif", "plain.avif", "full.heic"):
        assert read_label(write_label(made / name, label, output=tmp_path / name)).label == label


def test_real_labels_go_in_and_come_back(made: Path, tmp_path: Path, real_labels: list[dict[str, Any]]) -> None:
    for entry in real_labels:
        if entry["conforms"]:
            label = Label.from_json(json.dumps(entry["label"]))
            for suffix in ("jpg", "png", "webp", "gif", "tif", "avif", "heic"):
                source = next(path for path in sorted(made.iterdir()) if path.suffix == f".{suffix}")
                assert read_label(write_label(source, label, output=tmp_path / f"x.{suffix}")).label == label


def test_f25_the_content_tells_the_format(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes((made / "plain.png").read_bytes())
    assert read_label(write_label(path, LABEL)).carrier == "PNG"


def test_f10_a_bmp_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.bmp")
    with pytest.raises(CarrierError, match="its format is not known"):
        write_label(tmp_path / "a.bmp", LABEL)
