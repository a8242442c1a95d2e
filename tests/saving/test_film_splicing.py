"""Films that show their label at their opening: the pictures behind it are the old ones, packet by packet."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from aigc_hooks import CarrierError, Provider, label, read_label
from aigc_hooks.codecs.h264 import Configuration
from aigc_hooks.explicit.stencil import stencil

ACME = Provider(producer="acme")
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac"]


@pytest.fixture(autouse=True)
def _needs_ffmpeg(command: Callable[..., bytes]) -> None:
    command("ffmpeg", "-version")


def run(*command: Any) -> bytes:
    done = subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, command)], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    return done.stdout


def film(path: Path, *options: Any, seconds: float = 6, rate: Any = 25) -> Path:
    picture = f"testsrc2=size=320x240:rate={rate}:duration={seconds}"
    run("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=440:duration={seconds}", *(options or X264), path)
    return path


def frames(path: Path) -> Any:
    data = run("-i", path, "-map", "0:v:0", "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-")
    return numpy.frombuffer(data, "u1").reshape(-1, 240, 320)


def times(path: Path) -> list[float]:
    command = ["ffprobe", "-v", "error", "-of", "csv=p=0", "-select_streams", "v", "-show_entries", "frame=pts_time"]
    done = subprocess.run([*command, path], capture_output=True, check=True, text=True, timeout=60)
    return [float(line.strip(",")) for line in done.stdout.split() if line.strip(",")]


def packets(path: Path, stream: str = "v") -> list[list[str]]:
    data = run("-i", path, "-map", f"0:{stream}", "-c", "copy", "-copyts", "-f", "framecrc", "-").decode()
    return [[part.strip() for part in line.split(",")][2:] for line in data.splitlines() if not line.startswith("#")]


def shown(pictures: Any) -> list[bool]:
    mark = stencil(320, 240, ACME)
    left, top, right, bottom = mark.box
    text, plate = numpy.asarray(mark.text_mask, bool), numpy.asarray(mark.plate_mask, bool)
    parts = (picture[top:bottom, left:right].astype(float) for picture in pictures)
    return [bool(part[text].mean() > 190 and part[plate].mean() < 125) for part in parts]


KINDS: dict[str, tuple[str, list[str]]] = {
    "h264": ("mp4", [*X264, "-preset", "veryfast", "-bf", "3"]),
    "h264 for simple decoders": ("mp4", [*X264, "-profile:v", "baseline", "-pix_fmt", "yuv420p"]),
    "h264 of 10 bits": ("mp4", [*X264, "-preset", "veryfast", "-pix_fmt", "yuv420p10le"]),
    "h264 in mkv": ("mkv", [*X264, "-preset", "veryfast", "-bf", "2"]),
    "interlaced h264 in mov": ("mov", [*X264, "-flags", "+ildct+ilme", "-x264opts", "tff=1"]),
    "vp9": ("webm", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-c:a", "libopus"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_does_not_show_it_is_copied(name: str, tmp_path: Path) -> None:
    suffix, options = KINDS[name]
    path = film(tmp_path / f"a.{suffix}", *options)
    made = label(path, output=tmp_path / f"b.{suffix}", producer="acme", video={"coverage": "opening", "seconds": 2.5})
    before, after = frames(path), frames(made)
    assert len(after) == len(before) == 150
    seen = shown(after)
    assert all(seen[:63])
    assert not any(seen[63:])
    assert (after[75:] == before[75:]).all()  # the third second is drawn on in part
    assert [row[-2:] for row in packets(made)[75:]] == [row[-2:] for row in packets(path)[75:]]
    assert packets(made, "a") == packets(path, "a")
    assert times(made) == times(path)
    assert read_label(made).conforms


@pytest.mark.parametrize("rate", ["24000/1001", 60])
def test_it_lasts_two_seconds_at_any_rate(rate: Any, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", rate=rate, seconds=4)
    label(path, producer="acme", video={"coverage": "opening"})
    seen = shown(frames(path))
    assert times(path)[seen.index(False)] >= 2.0


def test_the_middle_and_the_end_too(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", seconds=12)
    before = frames(path)
    label(path, producer="acme", video={"coverage": "opening", "middle": True, "end": True})
    after = frames(path)
    seen = shown(after)
    assert len(seen) == 300
    assert all(seen[:50])
    assert all(seen[126:174])
    assert all(seen[250:])
    assert not any(seen[50:125])
    assert not any(seen[176:250])
    for part in (slice(50, 125), slice(200, 250)):
        assert (after[part] == before[part]).all()


def test_turned_films_stay_turned(tmp_path: Path) -> None:
    upright, path = film(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    run("-i", upright, "-c", "copy", "-metadata:s:v", "rotate=180", path)
    label(path, producer="acme", video={"coverage": "opening"})
    seen = shown(frames(path))  # as displayed
    assert all(seen[:50])
    assert not any(seen[75:])


@pytest.mark.parametrize(
    "options",
    [
        [*X264, "-preset", "veryfast", "-bf", "3", "-x264opts", "open-gop=1"],
        ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-g", "25"],
        ["-c:v", "libx264", "-preset", "ultrafast", "-g", "1000"],
    ],
)
def test_films_that_cannot_be_cut_are_encoded_whole(options: list[str], tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", *options)
    before = times(path)
    label(path, producer="acme", video={"coverage": "opening"})
    seen = shown(frames(path))
    assert all(seen[:50])
    assert not any(seen[50:])
    assert times(path) == before


def test_a_film_that_was_cut_off(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", *X264, "-movflags", "+faststart")
    data = path.read_bytes()[: int(path.stat().st_size * 0.7)]
    path.write_bytes(data)
    with pytest.raises(CarrierError):
        label(path, producer="acme", video={"coverage": "opening"})
    assert path.read_bytes() == data


def test_parameter_sets_of_both_stand_side_by_side(tmp_path: Path) -> None:
    path = label(film(tmp_path / "a.mp4"), producer="acme", video={"coverage": "opening"})
    data = path.read_bytes()
    at = data.index(b"avcC")
    found = Configuration.parse(data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")])
    assert found is not None
    assert len(found.sequences) == len(found.pictures) == 2
    assert len(found.ids) == 2


def test_damaged_parameter_sets_are_refused_at_every_byte(tmp_path: Path) -> None:
    data = film(tmp_path / "a.mp4", seconds=0.2).read_bytes()
    at = data.index(b"avcC")
    record = data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]
    whole = Configuration.parse(record)
    assert whole is not None
    assert whole.joined(b"") == record
    end = len(record) - len(whole.rest)
    assert all(Configuration.parse(record[:count]) is None for count in range(end))
