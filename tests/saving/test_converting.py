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


@pytest.mark.parametrize("name", ["b.bmp", "b.xyz", "b", "b.svg"])
def test_what_cannot_be_written_is_named_as_it_was_asked_for(name: str, cat: Path, tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    soundfile.write(path, label(numpy.zeros(RATE, "f4"), rate=RATE, provider=ACME), RATE)
    for source in (cat, path):
        with pytest.raises(UnsupportedCarrierError) as caught:
            convert(source, tmp_path / name)
        assert ".aigc_hooks" not in str(caught.value)
        assert str(tmp_path / name) in str(caught.value)
        assert "converted" not in str(caught.value)


@pytest.mark.parametrize("shape", [(44_100,), (44_100, 2), (44_100, 6)])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_format_that_cannot_have_the_rate_gets_another(shape: tuple[int, ...], subtype: str, tmp_path: Path) -> None:
    tone = 0.3 * numpy.sin(2 * numpy.pi * 330 * numpy.arange(44_100) / 44_100)
    path = tmp_path / "voice.wav"
    samples = label(
        numpy.broadcast_to(tone.astype("f4").reshape(-1, *[1] * (len(shape) - 1)), shape).copy(),
        rate=44_100,
        provider=ACME,
    )
    soundfile.write(path, samples, 44_100, subtype=subtype)
    made = convert(path, tmp_path / "voice.opus")
    assert read_label(made).label == read_label(path).label
    decoded, rate = soundfile.read(made, always_2d=True)
    assert (rate, decoded.shape[1]) == (48_000, shape[1] if len(shape) > 1 else 1)
    assert len(decoded) / rate == pytest.approx(len(samples) / 44_100, abs=0.05)
    assert find_rhythm(decoded[:, 0].astype("f4"), rate)
    tail = decoded[-24_000:-6_000, 0]
    assert numpy.abs(numpy.fft.rfft(tail)).argmax() * rate / len(tail) == pytest.approx(330, abs=5)
    assert numpy.abs(tail).max() == pytest.approx(0.3, abs=0.05)


def test_a_high_rate_becomes_one_that_mp3_and_aac_have(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    soundfile.write(path, label(numpy.zeros(192_000, "f4"), rate=192_000, provider=ACME), 192_000)
    for name in ("voice.mp3", "voice.aac", "voice.m4a"):
        assert read_label(convert(path, tmp_path / name)).label == read_label(path).label


@pytest.mark.parametrize("profile", [None, b"no profile"])
@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif", ".gif", ".tiff", ".jpg"])
def test_printing_inks_become_colours_of_screens(suffix: str, profile: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    inks = label(Image.new("CMYK", (320, 240), (0, 255, 255, 0)), provider=ACME)
    inks.save(path, quality=95, **({"icc_profile": profile} if profile else {}))
    made = convert(path, tmp_path / f"made{suffix}")
    assert read_label(made).label == read_label(path).label
    with Image.open(made) as image:
        red, green, blue = image.convert("RGB").getpixel((20, 20))
        assert red > 200
        assert max(green, blue) < 60
        assert image.mode == "CMYK" or "icc_profile" not in image.info
