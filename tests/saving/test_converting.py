"""convert: one label goes across formats, whoever wrote it; readers that this project did not write find it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
from PIL import Image

from aigc_hooks import (
    CarrierError,
    Label,
    LabelError,
    Provider,
    UnsupportedCarrierError,
    convert,
    find_rhythm,
    label,
    read_label,
    write_label,
)
from aigc_hooks.explicit import picture

ACME = Provider(producer="acme")
RATE = 24_000


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    path = tmp_path / "cat.jpg"
    label(Image.effect_noise((320, 240), 60).convert("RGB"), provider=ACME).save(path, quality=95)
    return path


def chained(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    made = [path]
    for suffix in suffixes:
        made.append(convert(made[-1], path.with_name(f"{len(made)}{suffix}")))
    return made[1:]


def test_pictures(cat: Path) -> None:
    own = read_label(cat).label
    for path in chained(cat, (".png", ".webp", ".avif", ".tiff", ".gif", ".jpg")):
        found = read_label(path)
        assert (found.label, found.conforms) == (own, True), path
        with Image.open(path) as image:
            assert image.size == (320, 240)
            assert picture.shows_label(image.convert("RGB"), ACME)


def test_sounds(tmp_path: Path) -> None:
    tone = 0.2 * numpy.sin(2 * numpy.pi * 330 * numpy.arange(2 * RATE) / RATE)
    path = tmp_path / "voice.wav"
    soundfile.write(path, label(tone.astype("f4"), rate=RATE, provider=ACME), RATE)
    own = read_label(path).label
    assert own is not None
    for made in chained(path, (".mp3", ".opus", ".flac", ".m4a", ".ogg", ".wav")):
        assert read_label(made).label == own, made
        command = ["ffmpeg", "-v", "error", "-i", made, "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"]
        data = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        assert len(find_rhythm(numpy.frombuffer(data, numpy.float32), RATE)) == 1


def test_films(tmp_path: Path, command: Callable[..., bytes]) -> None:
    path = tmp_path / "film.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=d=1:size=320x240", "-f", "lavfi", "-i", "sine=d=1"]
    command("ffmpeg", "-v", "error", *source, path)
    label(path, producer="acme")
    own = read_label(path).label
    for made in chained(path, (".mkv", ".mov", ".mkv", ".mp4")):
        found = read_label(made)
        assert (found.label, found.conforms) == (own, True)
        assert hashes(made) == hashes(path)


def hashes(path: Path) -> bytes:
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "streamhash", "-"]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def test_the_values_of_another_producer_stay(cat: Path, tmp_path: Path) -> None:
    other = Label(content_producer="001191110102MACQD9K64010000", produce_id="x" * 300, reserved_code1="sig")
    bare = tmp_path / "bare.png"
    Image.new("RGB", (64, 64)).save(bare)
    write_label(bare, other)
    assert read_label(convert(bare, tmp_path / "b.webp")).label == other


@pytest.mark.parametrize(
    ("name", "params", "error", "words"),
    [
        ("b.bmp", {}, UnsupportedCarrierError, "has no place for the implicit label"),
        ("b.xyz", {}, UnsupportedCarrierError, "names no format"),
        ("b.mp3", {}, UnsupportedCarrierError, "names no format"),
        ("missing/b.png", {}, OSError, "folder does not exist"),
    ],
)
def test_where_it_cannot_go(
    name: str, params: dict[str, Any], error: type[Exception], words: str, cat: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        convert(cat, tmp_path / name, **params)
    assert [each.name for each in tmp_path.iterdir()] == ["cat.jpg"]


def test_what_has_no_label_is_not_converted(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(LabelError, match=r"no implicit label.*label\(\) it first"):
        convert(tmp_path / "a.png", tmp_path / "b.jpg")


def test_an_old_target_stays_where_it_fails(cat: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.png"
    target.write_bytes(b"old")
    cat.write_bytes(cat.read_bytes()[:3000])
    with pytest.raises((CarrierError, LabelError)):
        convert(cat, target)
    assert target.read_bytes() == b"old"


def test_another_container_may_not_hold_the_streams(tmp_path: Path, command: Callable[..., bytes]) -> None:
    path = tmp_path / "film.mp4"
    command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=d=0.2:size=320x240", path)
    label(path, producer="acme")
    with pytest.raises(UnsupportedCarrierError, match=r"cannot become \.webm.*encode them first"):
        convert(path, tmp_path / "b.webm")
    assert not (tmp_path / "b.webm").exists()
