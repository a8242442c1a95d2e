"""The label of sound over the sound of films: heard, clearly distinguishable, in step with the picture."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from aigc_hooks import LabelError, UnsupportedCarrierError, find_rhythm, label, read_label

SOUND = {"track": "label"}
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
MPEG4 = ["-c:v", "mpeg4", "-q:v", "5"]
RATE = 48_000


@pytest.fixture(autouse=True)
def _needs_ffmpeg(command: Callable[..., bytes]) -> None:
    command("ffmpeg", "-version")


def run(*command: Any) -> bytes:
    done = subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, command)], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def film(path: Path, *options: Any, sound: str = "sine=440:duration=3", seconds: float = 3.0) -> Path:
    picture = f"testsrc2=size=160x120:rate=25:duration={seconds}"
    run("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *(options or (*X264, "-c:a", "aac")), path)
    return path


def heard(path: Path, track: int = 0, rate: int = RATE) -> Any:
    """The samples of a track as ffmpeg plays it, (N,2)."""
    # By its times: what an encoder puts before the sound has times before 0.
    options = ["-map", f"0:a:{track}", "-af", "aresample=async=1:first_pts=0", "-ac", "2", "-ar", rate]
    return numpy.frombuffer(run("-copyts", "-i", path, *options, "-f", "f32le", "-"), "<f4").reshape(-1, 2)


def told(path: Path, entries: str) -> Any:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", entries, path]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def packets(path: Path, stream: str) -> list[list[str]]:
    """Time and checksum of each packet; when it is decoded, Matroska does not tell."""
    data = run("-i", path, "-map", f"0:{stream}", "-c", "copy", "-copyts", "-f", "framecrc", "-").decode()
    return [[part.strip() for part in line.split(",")][2:] for line in data.splitlines() if not line.startswith("#")]


CODECS: dict[str, tuple[str, list[str]]] = {
    "aac": ("mp4", [*X264, "-c:a", "aac"]),
    "aac in 5.1": ("mp4", [*X264, "-c:a", "aac", "-ac", "6"]),
    "aac in flv": ("flv", [*X264, "-c:a", "aac", "-ar", "44100"]),
    "mp3": ("mp4", [*X264, "-c:a", "mp3"]),
    "mp3 in avi": ("avi", [*MPEG4, "-c:a", "mp3", "-ar", "22050"]),
    "opus": ("webm", ["-c:v", "libvpx", "-cpu-used", "8", "-deadline", "realtime", "-c:a", "libopus"]),
    "ac3": ("mkv", [*X264, "-c:a", "ac3", "-ac", "6"]),
    "eac3": ("mkv", [*X264, "-c:a", "eac3", "-ac", "2"]),
    "mp2": ("avi", [*MPEG4, "-c:a", "mp2"]),
    "alac": ("mov", [*X264, "-c:a", "alac"]),
    "flac": ("mkv", [*X264, "-c:a", "flac", "-sample_fmt", "s32", "-ac", "2"]),
    "8 bits": ("avi", [*MPEG4, "-c:a", "pcm_u8", "-ar", "8000"]),
    "24 bits": ("mov", [*X264, "-c:a", "pcm_s24le", "-ar", "96000"]),
    "floating point": ("mkv", [*X264, "-c:a", "pcm_f32le", "-ac", "2"]),
}


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_gets_it_and_stays_in_step(name: str, tmp_path: Path) -> None:
    suffix, options = CODECS[name]
    # A tone that rises: no part of it is like another, and a shift would be seen.
    source = f"aevalsrc='0.3*sin(2*PI*(300+150*t)*t)':s={RATE}:d=3"
    path = film(tmp_path / f"a.{suffix}", *options, sound=source)
    made = label(path, output=tmp_path / f"b.{suffix}", producer="acme", video=SOUND)
    before, after = heard(path), heard(made)
    (found,) = find_rhythm(after, RATE)
    assert found.start < 0.1
    assert not find_rhythm(before, RATE)
    entries = "stream=codec_name,sample_rate,channels,channel_layout,sample_fmt"
    assert told(made, entries) == told(path, entries)
    one, other = (float(told(each, "format=duration")["format"]["duration"]) for each in (path, made))
    assert abs(one - other) <= 0.04
    assert read_label(made).conforms
    part = slice(round(1.8 * RATE), round(2.6 * RATE))
    reach = 480
    shifts = [
        float(before[part, 0] @ after[part.start + shift : part.stop + shift, 0]) for shift in range(-reach, reach + 1)
    ]
    assert abs(int(numpy.argmax(shifts)) - reach) <= 48  # 1 ms


@pytest.mark.parametrize("codec", ["flac", "pcm_s16le"])
def test_behind_the_label_samples_stay_as_they_are(codec: str, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", *X264, "-c:a", codec)
    before = heard(path)
    label(path, producer="acme", video=SOUND)
    after = heard(path)
    assert after.shape == before.shape
    assert (after[2 * RATE :] == before[2 * RATE :]).all()


LOUD = {
    "noise": "anoisesrc=d=3:a=0.9:c=white:r=48000",
    "its own tone": "sine=800:duration=3,volume=4",
    "silence": "anullsrc=d=3",
    "quiet": "anoisesrc=d=3:a=0.01:c=pink:r=48000",
    "clicks": "aevalsrc='if(lt(mod(t,0.25),0.01),1,0)*0.95':d=3",
}


@pytest.mark.parametrize("name", LOUD)
def test_it_is_clearly_distinguishable(name: str, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", *X264, "-c:a", "pcm_f32le", sound=LOUD[name])
    label(path, producer="acme", video=SOUND)
    samples = heard(path)[:, 0]
    (found,) = find_rhythm(samples, RATE)
    begin = round(found.start * RATE)

    def power(first: float, last: float) -> float:
        part = samples[begin + round(first * RATE) : begin + round(last * RATE)].astype(float)
        return float((part @ part) / len(part))

    sounds = [power(*part) for part in ((0.01, 0.09), (0.21, 0.49), (0.81, 0.89), (1.01, 1.09))]
    silences = [power(*part) for part in ((0.11, 0.19), (0.51, 0.79), (0.91, 0.99))]
    assert 10 * numpy.log10(min(sounds) / max(*silences, 1e-9)) > 6  # dB
    assert abs(samples).max() <= 1.0


def test_pictures_and_other_tracks_stay_packet_by_packet(tmp_path: Path) -> None:
    lines = tmp_path / "a.srt"
    lines.write_text("1\n00:00:00,100 --> 00:00:00,900\n你好\n", encoding="utf-8")
    bare = film(tmp_path / "a.mkv", *X264, "-c:a", "aac")
    path = tmp_path / "b.mkv"
    maps = ["-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "1", "-metadata:s:a:1", "language=chi"]
    run("-i", bare, "-i", lines, *maps, "-c:v", "copy", "-c:a:0", "copy", "-c:a:1", "flac", path)
    label(path, producer="acme")
    before = packets(path, "v"), packets(path, "s"), packets(path, "a:0")
    entries = "stream=codec_name:stream_tags=language:stream_disposition=default"
    kept = told(path, entries)
    label(path, producer="acme", video=SOUND)  # the pictures have their label already
    assert (packets(path, "v"), packets(path, "s")) == before[:2]
    assert packets(path, "a:0") != before[2]
    assert told(path, entries) == kept
    for track in (0, 1):
        assert len(find_rhythm(heard(path, track), RATE)) == 1


def test_twice_changes_nothing(tmp_path: Path) -> None:
    for suffix in ("mp4", "flv"):
        path = label(film(tmp_path / f"a.{suffix}", *X264, "-c:a", "aac"), producer="acme", video=SOUND)
        once = path.read_bytes()
        label(path, producer="acme", video=SOUND)
        assert path.read_bytes() == once


@pytest.mark.parametrize(("position", "starts"), [("end", [2.9]), ("both", [0.0, 2.9])])
def test_its_place(position: str, starts: list[float], tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", *X264, "-c:a", "aac", sound="sine=440:duration=4", seconds=4)
    label(path, producer="acme", video=SOUND, audio={"position": position})
    found = find_rhythm(heard(path), RATE)
    assert [each.start for each in found] == pytest.approx(starts, abs=0.06)
    once = path.read_bytes()
    label(path, producer="acme", video=SOUND, audio={"position": position})
    assert path.read_bytes() == once


def test_a_voice(command: Callable[..., bytes], tmp_path: Path) -> None:
    command("espeak-ng", "--version")
    path = film(tmp_path / "a.mp4", sound="anoisesrc=d=8:a=0.1:c=pink:r=48000", seconds=8)
    before = heard(path)[:, 0].astype(float)
    label(path, producer="acme", video=SOUND, audio={"kind": "voice"})
    after = heard(path)[:, 0].astype(float)
    spoken, rest = slice(0, 3 * RATE), slice(7 * RATE, 8 * RATE - 4096)
    assert (after[spoken] ** 2).mean() > 2 * (before[spoken] ** 2).mean()
    assert (after[rest] ** 2).mean() == pytest.approx((before[rest] ** 2).mean(), rel=0.1)
    once = path.read_bytes()
    label(path, producer="acme", video=SOUND, audio={"kind": "voice"})
    assert path.read_bytes() == once


def test_sound_that_is_shorter_than_its_label(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", sound="sine=440:duration=0.5", seconds=0.5)
    before = path.read_bytes()
    with pytest.raises(LabelError, match=r"lasts 0\.5\d s, and its label 1\.55 s.*video\.track"):
        label(path, producer="acme", video=SOUND)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_codec_without_an_encoder(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", *X264, "-c:a", "libvorbis")
    before = path.read_bytes()
    with pytest.raises(UnsupportedCarrierError, match=r"vorbis .*cannot be encoded here.*video\.track"):
        label(path, producer="acme", video=SOUND)
    assert path.read_bytes() == before
    label(path, producer="acme")  # without, it is copied
    assert read_label(path).conforms


def test_a_film_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    run("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=1", *X264, path)
    label(path, producer="acme", video=SOUND)
    assert read_label(path).conforms


def test_sound_that_begins_later(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=4"]
    run(*picture, "-itsoffset", "1", "-f", "lavfi", "-i", "sine=440:duration=3", *X264, "-c:a", "aac", path)
    entries = "stream=start_time,duration"
    before = told(path, entries)["streams"]
    label(path, producer="acme", video=SOUND)
    after = told(path, entries)["streams"]
    for one, other in zip(before, after, strict=True):
        for name in one:
            assert float(one[name]) == pytest.approx(float(other[name]), abs=0.03)
    assert len(find_rhythm(heard(path), RATE)) == 1
