"""The second places of the image guide: Exif UserComment and tEXt, where the settings ask for them (F-02, F-04)."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from aigc_hooks import Provider, convert, label, read_label, write_label
from aigc_hooks.errors import CarrierError, ForeignLabelError
from aigc_hooks.implicit import jpeg, png, webp
from aigc_hooks.labels import Label

Tool = Callable[..., bytes]

OURS = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")
OTHER = Label(content_producer="acme", produce_id="2" * 50, content_propagator="acme", propagate_id="2" * 50)
NOTE = bytes(range(256)) * 3
TITLE = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="kept"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
PICTURE = Image.linear_gradient("L").resize((48, 32)).convert("RGB")


def saved(form: str, **options: Any) -> bytes:
    target = io.BytesIO()
    PICTURE.save(target, form, **options)
    return target.getvalue()


def camera(order: str = "<", comment: bytes | None = None) -> bytes:
    """An Exif block as a camera makes it: maker notes, GPS, and in its UserComment what is given."""
    block = Image.Exif()
    block.endian = order
    block[0x010F], block[0x0131] = "a camera", "an editor"
    inner = block.get_ifd(0x8769)
    inner[0x9003], inner[0x927C] = "2026:01:01 00:00:00", NOTE
    if comment is not None:
        inner[0x9286] = comment
    block.get_ifd(0x8825)[0x0001] = "N"
    return block.tobytes()


def wrapped(ours: Label) -> bytes:
    return ours.to_json(wrapped=True).encode()


def exif_of(data: bytes) -> bytes:
    """The Exif block of a JPEG or WebP, without its header, found by the marks around it."""
    if data[:2] == b"\xff\xd8":
        start = data.index(b"Exif\0\0")
        return data[start + 6 : start - 2 + int.from_bytes(data[start - 2 : start], "big")]
    start = data.index(b"EXIF")
    return data[start + 8 : start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")]


def rows(block: bytes, offset: int) -> dict[int, tuple[int, int, bytes]]:
    """The entries of a directory: type, count, and the four bytes of value or offset."""
    order = "<" if block[:2] == b"II" else ">"
    (count,) = struct.unpack_from(order + "H", block, offset)
    entries = [struct.unpack_from(order + "HHL4s", block, offset + 2 + 12 * index) for index in range(count)]
    assert [entry[0] for entry in entries] == sorted({entry[0] for entry in entries})
    return {tag: (kind, size, value) for tag, kind, size, value in entries}


def directories(block: bytes) -> tuple[dict[int, tuple[int, int, bytes]], dict[int, tuple[int, int, bytes]]]:
    """The main directory and the inner one."""
    order = "little" if block[:2] == b"II" else "big"
    main = rows(block, int.from_bytes(block[4:8], order))
    return main, rows(block, int.from_bytes(main[0x8769][2], order))


def comment_of(data: bytes) -> bytes:
    block = exif_of(data)
    kind, size, value = directories(block)[1][0x9286]
    start = int.from_bytes(value, "little" if block[:2] == b"II" else "big")
    assert kind == 7
    return block[start : start + size]


def text_of(data: bytes) -> list[bytes]:
    """The tEXt chunks of a PNG."""
    found, offset = [], 8
    while offset < len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        if kind == b"tEXt":
            found.append(data[offset + 8 : offset + 8 + length])
        offset += 12 + length
    return found


FORMS = {
    "plain.jpg": lambda: saved("JPEG"),
    "little.jpg": lambda: saved("JPEG", exif=camera("<")),
    "big.jpg": lambda: saved("JPEG", exif=camera(">")),
    "blank.jpg": lambda: saved("JPEG", exif=camera("<", b"ASCII\0\0\0" + b" " * 64)),
    "roomy.jpg": lambda: saved("JPEG", exif=camera(">", bytes(2000))),
    "all.jpg": lambda: saved("JPEG", exif=camera(), xmp=TITLE, icc_profile=b"a profile", comment=b"kept"),
    "plain.png": lambda: saved("PNG"),
    "plain.webp": lambda: saved("WEBP"),
    "lossless.webp": lambda: saved("WEBP", lossless=True, exif=camera()),
    "all.webp": lambda: saved("WEBP", exif=camera(">"), xmp=TITLE, icc_profile=b"a profile"),
}


@pytest.fixture(params=FORMS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_bytes(FORMS[request.param]())
    return path


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def test_f02_f04_the_label_stands_there_alone_and_comes_back(file: Path) -> None:
    before = pixels(file)
    write_label(file, OURS)
    for ours in (OURS, OTHER, OURS):
        write_label(file, ours, place="alternative")
        data = file.read_bytes()
        if file.suffix == ".png":
            assert text_of(data) == [b"AIGC\0" + wrapped(ours)]
        else:
            assert comment_of(data) == b"ASCII\0\0\0" + wrapped(ours)
        reading = read_label(file)
        assert (reading.label, len(reading.findings), reading.defects) == (ours, 1, ())
        assert data.count(b'"ProduceID"') == 1
        assert pixels(file) == before
        write_label(file, ours, place="alternative")
        assert file.read_bytes() == data
    write_label(file, OTHER)
    assert [finding.place for finding in read_label(file).findings] == [
        {".jpg": "JPEG APP1 XMP", ".png": "PNG iTXt XML:com.adobe.xmp", ".webp": "WebP XMP"}[file.suffix]
    ]
    assert file.read_bytes().count(b"ProduceID") == 1


@pytest.mark.parametrize("name", [name for name in FORMS if name.endswith((".jpg", "ss.webp", "all.webp"))])
def test_nothing_else_of_exif_moves(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FORMS[name]())
    write_label(path, OURS, place="alternative")
    after = exif_of(path.read_bytes())
    if name == "plain.jpg":
        assert set(directories(after)[0]) == {0x8769}
        return
    before = exif_of(FORMS[name]())
    (old_main, old_inner), (main, inner) = directories(before), directories(after)
    pointer = {0x8769: None}
    assert {**main, **pointer} == {**old_main, **pointer}
    assert {tag: row for tag, row in inner.items() if tag != 0x9286} == {
        tag: row for tag, row in old_inner.items() if tag != 0x9286
    }
    at = int.from_bytes(inner[0x927C][2], "little" if after[:2] == b"II" else "big")
    assert after[at : at + len(NOTE)] == NOTE == before[at : at + len(NOTE)]


def test_exiftool_reads_it_keeps_thumbnail_and_all_and_warns_of_nothing(tmp_path: Path, tool: Tool) -> None:
    path, thumbnail = tmp_path / "camera.jpg", tmp_path / "thumbnail.jpg"
    path.write_bytes(saved("JPEG", exif=camera(), xmp=TITLE))
    thumbnail.write_bytes(saved("JPEG", quality=20))
    tool("exiftool", "-q", "-overwrite_original", f"-ThumbnailImage<={thumbnail}", "-GPSLatitude=1.5", str(path))
    ask = ("exiftool", "-j", "-G1", "-a", "-u", "-b", "-validate", "-warning", str(path))
    full = ("exiftool", "-j", "-G1", "-a", "-u", str(path))
    before, found = json.loads(tool(*ask))[0], json.loads(tool(*full))[0]
    write_label(path, OURS, place="alternative")
    assert json.loads(tool(*ask))[0] == before
    after = json.loads(tool(*full))[0]
    assert json.loads(after.pop("ExifIFD:UserComment")) == {"AIGC": OURS.to_dict()}
    changing = ("System:", "SourceFile", "IFD0:ExifOffset", "IFD1:ThumbnailOffset")
    assert {key: value for key, value in after.items() if not key.startswith(changing)} == {
        key: value for key, value in found.items() if not key.startswith(changing)
    }
    assert tool("exiftool", "-b", "-ThumbnailImage", str(path)) == thumbnail.read_bytes()


def test_png_exiftool_reads_it(tmp_path: Path, tool: Tool) -> None:
    path = tmp_path / "a.png"
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "kept")
    path.write_bytes(saved("PNG", pnginfo=info))
    write_label(path, OURS, place="alternative")
    found = json.loads(tool("exiftool", "-j", "-G1", "-validate", "-PNG:all", str(path)))[0]
    assert found["PNG:Software"] == "kept"
    assert found["ExifTool:Validate"] == "OK"
    assert json.loads(found["PNG:AIGC"] if isinstance(found["PNG:AIGC"], str) else json.dumps(found["PNG:AIGC"])) == {
        "AIGC": OURS.to_dict()
    }


@pytest.mark.parametrize("coded", [b"ASCII\0\0\0my dog", b"my dog", b"UNICODE\0" + "犬".encode("utf-16-le")])
def test_a_remark_is_not_overwritten(coded: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(old := saved("JPEG", exif=camera(comment=coded)))
    with pytest.raises(CarrierError, match=r'is a remark, .* write the label as XMP \(picture_place = "xmp"\)'):
        write_label(path, OURS, place="alternative")
    assert path.read_bytes() == old


def test_m18_anothers_label_stays(file: Path) -> None:
    theirs = Label(content_producer="theirs", produce_id="1", content_propagator="theirs", propagate_id="1")
    write_label(file, theirs, place="alternative")
    data = file.read_bytes()
    for place in ("xmp", "alternative"):
        with pytest.raises(ForeignLabelError):
            write_label(file, OURS, place=place)
    assert file.read_bytes() == data


@pytest.mark.parametrize("size", [2_000, 60_000, 70_000])
def test_m17_long_values_return_or_say_why_not(file: Path, size: int) -> None:
    long = Label(content_producer="acme", produce_id="1", reserved_code1="x" * size)
    if file.suffix == ".jpg" and size > 65_000:
        with pytest.raises(CarrierError, match=r"the Exif block with the label takes .* a JPEG holds 65533; shorten"):
            write_label(file, long, place="alternative")
        return
    write_label(file, long, place="alternative")
    assert read_label(file).findings[0].label == long


def test_other_scripts_and_quotes_are_ascii_there_and_come_back(file: Path) -> None:
    with pytest.warns(UserWarning, match="holds characters outside printable ASCII"):
        wide = Label(content_producer="某公司", produce_id="1", reserved_code1='{"a":"<&>\'"}', strict=False)
    write_label(file, wide, place="alternative")
    assert read_label(file).label == wide
    assert (b"AIGC\0" + b'{"AIGC":' if file.suffix == ".png" else b'ASCII\0\0\0{"AIGC":') in file.read_bytes()


def test_other_formats_have_one_place(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(saved("GIF"))
    write_label(path, OURS, place="alternative")
    assert read_label(path).conforms


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_pillow_savers_label_and_convert_respect_the_setting(form: str, tmp_path: Path) -> None:
    provider = Provider(producer="acme", picture_place="alternative")
    image = PICTURE.resize((300, 200))
    label(image, provider=provider)
    first = tmp_path / f"saved.{form.lower()}"
    image.save(first, exif=camera(), xmp=TITLE)
    second = tmp_path / f"file.{form.lower()}"
    second.write_bytes(saved(form))
    label(second, provider=provider)
    for path in (first, second):
        reading = read_label(path)
        assert [finding.place for finding in reading.findings] == [
            "PNG tEXt AIGC" if form == "PNG" else "Exif UserComment"
        ]
        assert reading.conforms
    assert b'"kept"' in first.read_bytes()
    assert read_label(convert(first, tmp_path / "other.tiff")).label == read_label(first).label


def test_a_user_comment_of_ones_own_is_refused_and_nothing_is_saved(tmp_path: Path) -> None:
    image = PICTURE.resize((300, 200))
    label(image, provider=Provider(producer="acme", picture_place="alternative"))
    with pytest.raises(CarrierError, match="is a remark"):
        image.save(tmp_path / "a.jpg", exif=camera(comment=b"ASCII\0\0\0my dog"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_a_file_cut_anywhere_is_refused_or_labelled(form: str) -> None:
    carrier = {"JPEG": jpeg.CARRIER, "WEBP": webp.CARRIER, "PNG": png.CARRIER}[form]
    assert carrier.alternative is not None
    whole = saved(form, exif=camera(">"))
    done = 0
    for size in range(len(whole)):
        target = io.BytesIO()
        try:
            carrier.alternative(io.BytesIO(whole[:size]), target, OURS.to_json())
        except CarrierError:
            continue
        done += 1
        assert [raw.defects for raw in carrier.read(io.BytesIO(target.getvalue()))] == [()]
    assert done < len(whole)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_mutation_of_exif_is_labelled_or_a_carrier_error(data: st.DataObject) -> None:
    whole = bytearray(
        saved(
            "JPEG", exif=camera(data.draw(st.sampled_from("<>")), data.draw(st.sampled_from([None, b"ASCII\0\0\0 "])))
        )
    )
    start, end = whole.index(b"Exif\0\0"), whole.index(b"\xff\xdb")
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(start, min(start + 250, end - 1)))] = data.draw(st.integers(0, 255))
    target = io.BytesIO()
    try:
        jpeg.CARRIER.alternative(io.BytesIO(whole), target, OURS.to_json())  # type: ignore[misc]
    except CarrierError:
        return
    made = target.getvalue()
    assert made.endswith(bytes(whole[end:]))
    assert any(True for _ in jpeg.CARRIER.read(io.BytesIO(made)))
