"""read_label: every kind of source, and what it says when there is nothing to read."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import aigc_hooks
from aigc_hooks.errors import UnsupportedCarrierError
from aigc_hooks.provider import Provider


@pytest.fixture
def picture(provider: Provider) -> Image.Image:
    image: Image.Image = aigc_hooks.label(Image.new("RGB", (96, 64), (10, 120, 90)), provider=provider)
    return image


@pytest.fixture
def encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_path_bytes_and_file_objects_read_alike(encoded: bytes, picture: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encoded)
    expected = aigc_hooks.read_label(picture).label
    with path.open("rb") as file:
        sources = [path, str(path), encoded, bytearray(encoded), memoryview(encoded), io.BytesIO(encoded), file]
        readings = [aigc_hooks.read_label(source) for source in sources]
    assert [reading.label for reading in readings] == [expected] * len(sources)
    assert all(reading.conforms and reading.carrier == "PNG" for reading in readings)


def test_a_file_object_is_left_where_it_was(encoded: bytes) -> None:
    stream = io.BytesIO(encoded)
    stream.seek(7)
    assert aigc_hooks.read_label(stream).found
    assert stream.tell() == 7


def test_a_stream_without_seek_is_read(encoded: bytes) -> None:
    reading_end, writing_end = os.pipe()
    with os.fdopen(writing_end, "wb") as writer:
        writer.write(encoded)
    with os.fdopen(reading_end, "rb") as reader:
        assert aigc_hooks.read_label(reader).found


def test_an_image_opened_from_a_file_is_read_without_the_file(encoded: bytes, picture: Image.Image) -> None:
    with Image.open(io.BytesIO(encoded)) as opened:
        assert aigc_hooks.read_label(opened).label == aigc_hooks.read_label(picture).label


def test_nothing_found_says_nothing_about_the_origin() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    reading = aigc_hooks.read_label(buffer)
    assert (reading.label, reading.found, reading.findings, reading.conforms) == (None, False, (), False)
    assert "does not mean" in reading.defects[0]
    assert "不代表" in reading._repr_html_()


def test_the_html_view_names_every_element_and_escapes(provider: Provider) -> None:
    image = aigc_hooks.label(Image.new("RGB", (64, 64)), producer="a<b>&c")
    view = aigc_hooks.read_label(image)._repr_html_()
    assert "a&lt;b&gt;&amp;c" in view
    assert all(key in view for key in ("Label", "ContentProducer", "ProduceID", "ReservedCode2"))
    assert "conforms" in view


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "empty"), (b"GARBAGE!" * 10, "not known"), (b"BM" + bytes(60), "not known")],
)
def test_unknown_content_is_one_clear_error(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(aigc_hooks.UnsupportedCarrierError, match=message):
        aigc_hooks.read_label(data)
    path = tmp_path / "unknown.bin"
    path.write_bytes(data)
    with pytest.raises(aigc_hooks.UnsupportedCarrierError, match=r"unknown\.bin"):
        aigc_hooks.read_label(path)


def test_a_truncated_file_is_damaged_not_unlabelled(encoded: bytes) -> None:
    with pytest.raises(aigc_hooks.CarrierError, match="damaged PNG"):
        aigc_hooks.read_label(encoded[: len(encoded) // 2])


def test_what_is_no_source_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="int"):
        aigc_hooks.read_label(3)


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        aigc_hooks.read_label(tmp_path / "none.png")


@pytest.mark.parametrize("name", ["pipe", "pipe.png", "pipe.md", "pipe.html"])
def test_a_pipe_is_refused_and_not_waited_for(name: str, tmp_path: Path) -> None:
    path, ours = tmp_path / name, aigc_hooks.Label(content_producer="acme", produce_id="1")
    os.mkfifo(path)
    calls: list[Callable[[Path], object]] = [
        aigc_hooks.read_label,
        aigc_hooks.check,
        aigc_hooks.verify,
        lambda pipe: aigc_hooks.write_label(pipe, ours),
        lambda pipe: aigc_hooks.write_label(pipe, ours, output=tmp_path / "b.png"),
        lambda pipe: aigc_hooks.label(pipe, producer="acme"),
    ]
    for call in calls:
        with pytest.raises(UnsupportedCarrierError, match="is a pipe or a device, and no file"):
            call(path)
