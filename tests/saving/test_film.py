"""Films on disk: the label is seen in their pictures, and all else stays; decoded and compared by ffmpeg."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

import aigc_hooks
from aigc_hooks import CarrierError, ForeignLabelError, LabelError, Provider, UnsupportedCarrierError, label, read_label
from aigc_hooks.explicit.stencil import stencil

ACME = Provider(producer="acme")
PICTURES = ["-f", "lavfi", "-i", "testsrc2=size={size}:rate={rate}:duration={seconds}"]
SOUND = ["-f", "lavfi", "-i", "sine=440:duration={seconds}"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]


@pytest.fixture(autouse=True)
def _needs_ffmpeg(command: Callable[..., bytes]) -> None:
    command("ffmpeg", "-version")


def run(*command: Any) -> bytes:
    done = subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, command)], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def film(
    path: Path, *options: Any, size: str = "320x240", rate: Any = 25, seconds: float = 1.0, sound: bool = True
) -> Path:
    source = [*PICTURES, *(SOUND if sound else [])]
    run(*(part.format(size=size, rate=rate, seconds=seconds) for part in source), *(options or X264), path)
    return path


def probe(path: Path, entries: str) -> Any:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", entries, path]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def streams(path: Path, entries: str) -> Any:
    """What is told of each stream; pixels that are square may be told or not."""
    found = probe(path, entries)["streams"]
    return [{name: value for name, value in each.items() if value != "1:1"} for each in found]


def frames(path: Path, width: int, height: int, *options: Any) -> Any:
    """All pictures as displayed, (F,H,W) of brightness."""
    data = run(
        "-i", path, "-map", "0:v:0", "-vsync", "passthrough", *options, "-f", "rawvideo", "-pix_fmt", "gray", "-"
    )
    return numpy.frombuffer(data, "u1").reshape(-1, height, width)


def shows(picture: Any) -> bool:
    """Whether the label stands where the standard label of a picture of this size does: text bright, plate dark."""
    height, width = picture.shape
    mark = stencil(width, height, ACME)
    left, top, right, bottom = mark.box
    part = picture[top:bottom, left:right].astype(float)
    text = numpy.asarray(mark.text_mask, bool)
    plate = numpy.asarray(mark.plate_mask, bool)
    return bool(part[text].mean() > 190 and part[plate].mean() < 125)


def packets(path: Path, stream: str) -> list[list[str]]:
    """Time and checksum of each packet."""
    data = run("-i", path, "-map", f"0:{stream}", "-c", "copy", "-copyts", "-f", "framecrc", "-").decode()
    return [[part.strip() for part in line.split(",")] for line in data.splitlines() if not line.startswith("#")]


CODECS: dict[str, tuple[str, list[str]]] = {
    "h264": ("mp4", X264),
    "h264 in mov": ("mov", [*X264, "-c:a", "pcm_s16le"]),
    "h264 in mkv": ("mkv", [*X264, "-c:a", "flac"]),
    "h264 in flv": ("flv", [*X264, "-ar", "44100"]),
    "h264 of 10 bits": ("mp4", ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"]),
    "h264 of full colour": ("mkv", ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"]),
    "h264 of full range": ("mp4", ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuvj420p"]),
    "hevc": ("mp4", ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1"]),
    "vp8": ("webm", ["-c:v", "libvpx", "-b:v", "1M", "-deadline", "realtime", "-c:a", "libopus"]),
    "vp9": ("webm", ["-c:v", "libvpx-vp9", "-b:v", "1M", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"]),
    "mpeg4": ("avi", ["-c:v", "mpeg4", "-q:v", "3", "-c:a", "mp3"]),
    "mjpeg": ("avi", ["-c:v", "mjpeg", "-q:v", "3", "-c:a", "pcm_s16le"]),
    "prores": ("mov", ["-c:v", "prores_ks", "-c:a", "pcm_s16le"]),
    "ffv1": ("mkv", ["-c:v", "ffv1", "-c:a", "flac"]),
}


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_and_container(name: str, tmp_path: Path) -> None:
    suffix, options = CODECS[name]
    path = film(tmp_path / f"a.{suffix}", *options)
    bare = path.read_bytes()
    made = label(path, output=tmp_path / f"b.{suffix}", producer="acme")
    assert path.read_bytes() == bare
    found = read_label(made)
    assert found.label is not None
    assert found.label.content_producer == "acme"
    assert found.conforms
    pictures = frames(made, 320, 240)
    assert len(pictures) == len(frames(path, 320, 240)) == 25
    assert all(map(shows, pictures))
    assert not any(map(shows, frames(path, 320, 240)))
    kept = "stream=codec_name,width,height,pix_fmt,sample_rate,channels,sample_aspect_ratio,color_range"
    assert streams(made, kept) == streams(path, kept)
    # FLV and AVI tell the times of sound by what stands before it.
    columns = slice(5, 6) if suffix in ("flv", "avi") else slice(1, 6)
    assert [row[columns] for row in packets(made, "a")] == [row[columns] for row in packets(path, "a")]
    assert shown_times(made) == shown_times(path)


@pytest.mark.parametrize("name", CODECS)
def test_content_beside_the_label_looks_the_same(name: str, tmp_path: Path) -> None:
    suffix, options = CODECS[name]
    path = film(tmp_path / f"a.{suffix}", *options, sound=False, seconds=0.4)
    before = frames(path, 320, 240).astype(float)
    label(path, producer="acme")
    after = frames(path, 320, 240).astype(float)
    left, top, _, _ = stencil(320, 240, ACME).box
    for part in ((slice(None), slice(0, top - 8)), (slice(None), slice(None), slice(0, left - 8))):
        error = ((before[part] - after[part]) ** 2).mean()
        assert 10 * numpy.log10(255**2 / max(error, 1e-9)) > 36  # PSNR in dB


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_phones_turn_their_films(rotation: int, tmp_path: Path) -> None:
    upright = film(tmp_path / "a.mp4")
    path = tmp_path / "b.mp4"
    run("-i", upright, "-c", "copy", "-metadata:s:v", f"rotate={rotation}", path)
    label(path, producer="acme")
    size = (320, 240) if rotation == 180 else (240, 320)
    assert all(map(shows, frames(path, *size)))
    told = probe(path, "stream_side_data=rotation")["streams"][0]["side_data_list"][0]["rotation"]
    assert told % 360 == rotation


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", *X264, "-vf", "setsar=2/1")
    label(path, producer="acme")
    assert all(map(shows, frames(path, 640, 240, "-vf", "scale=640:240")))
    assert probe(path, "stream=sample_aspect_ratio")["streams"][0]["sample_aspect_ratio"] == "2:1"


@pytest.mark.parametrize("rate", ["24000/1001", 24, "30000/1001", 60])
def test_times_stay(rate: Any, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", *X264, "-bf", "3", rate=rate)
    entries = "stream=time_base,avg_frame_rate,r_frame_rate:format=duration"
    before = shown_times(path), probe(path, entries)
    label(path, producer="acme")
    assert (shown_times(path), probe(path, entries)) == before


def shown_times(path: Path) -> list[float]:
    command = ["ffprobe", "-v", "error", "-of", "csv=p=0", "-select_streams", "v", "-show_entries", "frame=pts_time"]
    done = subprocess.run([*command, path], capture_output=True, check=True, text=True, timeout=60)
    return [float(line.strip(",")) for line in done.stdout.split() if line.strip(",")]


def test_a_screen_recording_of_varying_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    source = "testsrc2=size=320x240:rate=30:duration=3"
    choice = "select='not(mod(n,7))+not(mod(n,5))'"
    run("-f", "lavfi", "-i", source, "-vf", choice, "-vsync", "vfr", *X264, path)
    before = shown_times(path)
    label(path, producer="acme")
    assert shown_times(path) == before
    assert len(set(numpy.diff(before).round(3))) > 2
    assert all(map(shows, frames(path, 320, 240)))


def test_a_film_that_does_not_begin_at_zero(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", "-output_ts_offset", "5", *X264)
    before = [probe(path, "stream=start_time")["streams"], shown_times(path)]
    label(path, producer="acme")
    assert [probe(path, "stream=start_time")["streams"], shown_times(path)] == before


def test_subtitles_chapters_titles_and_languages_stay(tmp_path: Path) -> None:
    lines = tmp_path / "a.srt"
    lines.write_text("1\n00:00:00,100 --> 00:00:00,900\n你好\n", encoding="utf-8")
    marks = tmp_path / "marks.txt"
    marks.write_text(
        ";FFMETADATA1\ntitle=River\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=one\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1000\ntitle=two\n"
    )
    for suffix, form in (("mkv", "srt"), ("mp4", "mov_text")):
        bare = film(tmp_path / f"a.{suffix}")
        path = tmp_path / f"b.{suffix}"
        maps = ["-map", "0", "-map", "1", "-map_metadata", "2", "-map_chapters", "2"]
        languages = ["-metadata:s:a:0", "language=chi", "-disposition:s:0", "default"]
        run("-i", bare, "-i", lines, "-i", marks, *maps, "-c", "copy", "-c:s", form, *languages, path)
        entries = (
            "stream=codec_type:stream_tags=language:format_tags=title:chapter=start_time,end_time:chapter_tags=title"
        )
        before = probe(path, entries), packets(path, "s")
        label(path, producer="acme")
        assert (probe(path, entries), packets(path, "s")) == before


@pytest.mark.parametrize("seconds", [0.04, 0.5])
def test_short_films(seconds: float, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", seconds=seconds, sound=False)
    count = len(frames(path, 320, 240))
    label(path, producer="acme")
    pictures = frames(path, 320, 240)
    assert len(pictures) == count
    assert all(map(shows, pictures))


@pytest.mark.parametrize("size", ["322x242", "854x480", "478x850"])
def test_odd_sizes(size: str, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", size=size, sound=False, seconds=0.2)
    label(path, producer="acme")
    width, height = map(int, size.split("x"))
    assert all(map(shows, frames(path, width, height)))


def test_the_ink_is_a_twentieth_high(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", size="1280x720", sound=False, seconds=0.2)
    label(path, producer="acme")
    picture = frames(path, 1280, 720)[0]
    left, top, right, bottom = stencil(1280, 720, ACME).box
    bright = picture[top:bottom, left:right] > 200
    rows = numpy.flatnonzero(bright.any(axis=1))
    assert rows[-1] - rows[0] + 1 >= 36
    Image.fromarray(picture)  # as others would look at it


@pytest.mark.parametrize("quality", [18, 28, 35])
def test_it_is_legible_after_encoding_anew(quality: int, tmp_path: Path) -> None:
    path = label(film(tmp_path / "a.mp4", size="640x480", seconds=0.5), producer="acme")
    again = tmp_path / "b.mp4"
    run("-i", path, "-c:v", "libx264", "-crf", quality, again)
    assert all(map(shows, frames(again, 640, 480)))


def test_twice_changes_nothing(tmp_path: Path) -> None:
    path = label(film(tmp_path / "a.mp4"), producer="acme")
    once = path.read_bytes()
    label(path, producer="acme")
    assert path.read_bytes() == once


def test_twice_changes_nothing_wherever_films_have_their_label(tmp_path: Path) -> None:
    style = {"position": "top-left"}
    path = label(film(tmp_path / "a.mp4"), producer="acme", video=style)
    once = path.read_bytes()
    label(path, producer="acme", video=style)
    assert path.read_bytes() == once


def test_what_cannot_be_recorded_does_not_leave(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    before = path.read_bytes()
    with pytest.raises(LabelError):
        label(path, producer="acme", audit_url=str(tmp_path / "no" / "such" / "record.db"))
    assert path.read_bytes() == before


def test_a_visible_label_alone_is_completed_without_encoding(tmp_path: Path) -> None:
    path = label(film(tmp_path / "a.mp4"), producer="acme")
    bare = tmp_path / "b.mp4"
    run("-i", path, "-c", "copy", "-map_metadata", "-1", bare)
    assert read_label(bare).label is None
    before = packets(bare, "v")
    label(bare, producer="acme")
    assert packets(bare, "v") == before
    assert read_label(bare).conforms


def test_the_label_of_another_is_not_replaced(tmp_path: Path) -> None:
    path = label(film(tmp_path / "a.mp4"), producer="other")
    before = path.read_bytes()
    with pytest.raises(ForeignLabelError, match="other"):
        label(path, producer="acme")
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_film_that_was_cut_off(suffix: str, share: float, tmp_path: Path) -> None:
    fast = ["-movflags", "+faststart"] if suffix == "mp4" else []
    path = film(tmp_path / f"a.{suffix}", *X264, *fast, seconds=5)
    data = path.read_bytes()[: int(path.stat().st_size * share)]
    path.write_bytes(data)
    with pytest.raises(CarrierError):
        label(path, producer="acme")
    assert path.read_bytes() == data
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_codec_without_an_encoder(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", "-c:v", "cinepak", seconds=0.2, sound=False)
    before = path.read_bytes()
    with pytest.raises(UnsupportedCarrierError, match=r"cinepak, for which there is no encoder here.*write_label"):
        label(path, producer="acme")
    assert path.read_bytes() == before


def test_names_that_do_not_agree(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", seconds=0.2)
    with pytest.raises(UnsupportedCarrierError, match="a film keeps its container"):
        label(path, output=tmp_path / "b.mkv", producer="acme")
    assert not (tmp_path / "b.mkv").exists()


def test_write_label_touches_no_packet(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    before = packets(path, "v"), packets(path, "a")
    aigc_hooks.write_label(path, aigc_hooks.Label(content_producer="acme", produce_id="1"))
    assert (packets(path, "v"), packets(path, "a")) == before
