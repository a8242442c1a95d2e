"""Films that are not like others: depth, colours, times, containers, covers; and work that is broken off."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from aigc_hooks import CarrierError, Provider, UnsupportedCarrierError, label, read_label
from aigc_hooks.explicit.stencil import stencil
from aigc_hooks.folders.walking import is_leftover

ACME = Provider(producer="acme")
X264 = ["-c:v", "libx264", "-preset", "ultrafast"]
PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=0.6"]
SOUND = ["-f", "lavfi", "-i", "sine=440:duration=0.6"]


@pytest.fixture(autouse=True)
def _needs_ffmpeg(command: Callable[..., bytes]) -> None:
    command("ffmpeg", "-version")


def run(*command: Any) -> bytes:
    done = subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, command)], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def told(path: Path, entries: str, *options: str) -> Any:
    command = ["ffprobe", "-v", "error", "-of", "json", *options, "-show_entries", entries, path]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def times(path: Path) -> list[str]:
    found = told(path, "frame=best_effort_timestamp_time", "-select_streams", "v:0")["frames"]
    return [each["best_effort_timestamp_time"] for each in found]


def shown(path: Path, form: str = "gray") -> list[bool]:
    """Whether each picture shows the label: text bright, plate dark."""
    data = run("-i", path, "-map", "0:v:0", "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", form, "-")
    mark = stencil(320, 240, ACME)
    left, top, right, bottom = mark.box
    text, plate = numpy.asarray(mark.text_mask, bool), numpy.asarray(mark.plate_mask, bool)
    parts = numpy.frombuffer(data, "u1").reshape(-1, 240, 320)[:, top:bottom, left:right].astype(float)
    return [bool(part[text].mean() > 130 and part[plate].mean() < 125) for part in parts]


PICTURES: dict[str, tuple[str, list[str]]] = {
    "red, green and blue": ("mp4", ["-c:v", "libx264rgb", "-preset", "ultrafast"]),
    "without losses": ("mkv", ["-c:v", "ffv1", "-pix_fmt", "bgr0"]),
    "without losses, 16 bits": ("mkv", ["-c:v", "ffv1", "-pix_fmt", "gbrp16le"]),
    "grey": ("mkv", ["-c:v", "ffv1", "-pix_fmt", "gray"]),
    "transparent": ("mov", ["-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"]),
    "422 of 10 bits": ("mp4", [*X264, "-pix_fmt", "yuv422p10le"]),
    "12 bits": ("mkv", ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"]),
    "mpeg2": ("mp4", ["-c:v", "mpeg2video"]),
    "interlaced mpeg2": ("mkv", ["-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-top", "1"]),
    "mpeg4 of fine times": ("mp4", ["-c:v", "mpeg4", "-video_track_timescale", "90000"]),
    "flash": ("flv", ["-c:v", "flv1"]),
    "h264 in avi": ("avi", X264),
    "h264 in avi, out of order": ("avi", [*X264, "-bf", "3"]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_every_kind(name: str, tmp_path: Path) -> None:
    suffix, options = PICTURES[name]
    path = tmp_path / f"a.{suffix}"
    depth = ["-pix_fmt", "yuv420p12le"] if name == "12 bits" else []
    run(*PICTURE, *options, *depth, path)
    entries = "stream=codec_name,pix_fmt,color_space,color_range,width,height:format=duration"
    before = told(path, entries), len(shown(path))
    made = label(path, output=tmp_path / f"b.{suffix}", producer="acme")
    assert (told(made, entries), len(shown(made))) == before
    if suffix != "avi":  # it tells no times
        assert times(made) == times(path)
    assert all(shown(made))
    assert not any(shown(path))
    assert read_label(made).conforms


def test_colours_that_four_pixels_share(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    run(*PICTURE, "-c:v", "ffv1", "-pix_fmt", "yuv411p", path)
    label(path, producer="acme")
    assert all(shown(path))
    assert told(path, "stream=pix_fmt")["streams"][0]["pix_fmt"] == "yuv422p"


def test_the_label_is_opaque_on_transparent_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    clear = ["-vf", "format=rgba,colorchannelmixer=aa=0"]
    run(*PICTURE, *clear, "-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le", path)
    label(path, producer="acme")
    data = run("-i", path, "-vf", "alphaextract", "-f", "rawvideo", "-pix_fmt", "gray", "-")
    opacity = numpy.frombuffer(data, "u1").reshape(-1, 240, 320)[0]
    mark = stencil(320, 240, ACME)
    left, top, right, bottom = mark.box
    assert opacity[: top - 2].max() < 5
    assert opacity[top:bottom, left:right][numpy.asarray(mark.text_mask, bool)].min() > 240


def test_pictures_whose_transparency_would_be_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    fast = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuva420p"]
    run(*PICTURE, "-vf", "format=rgba,colorchannelmixer=aa=0.3", *fast, path)
    before = path.read_bytes()
    with pytest.raises(UnsupportedCarrierError, match="transparent in part"):
        label(path, producer="acme")
    assert path.read_bytes() == before


def test_the_screen_of_a_film_of_high_dynamic_range(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    screen = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    colours = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    encoder = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", f"log-level=none:hdr10=1:{screen}"]
    run(*PICTURE, *encoder, "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", *colours, path)

    def of_screen() -> Any:
        command = ["ffprobe", "-v", "error", "-of", "json", "-read_intervals", "%+#1", "-show_frames", path]
        found = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        sides = json.loads(found)["frames"][0]["side_data_list"]
        return [each for each in sides if "light" in str(each) or "luminance" in str(each)]

    before = of_screen(), told(path, "stream=color_space,color_transfer,color_primaries,pix_fmt,codec_tag_string")
    assert len(before[0]) == 2
    label(path, producer="acme")
    after = of_screen(), told(path, "stream=color_space,color_transfer,color_primaries,pix_fmt,codec_tag_string")
    assert after == before
    assert all(shown(path))


def test_an_edit_list_leaves_out_a_beginning(tmp_path: Path) -> None:
    bare, path = tmp_path / "bare.mp4", tmp_path / "a.mp4"
    run(*PICTURE, *SOUND, *X264, "-c:a", "aac", bare)
    run("-ss", "0.37", "-i", bare, "-c", "copy", path)
    before = times(path), told(path, "format=duration")
    label(path, producer="acme")
    assert (times(path), told(path, "format=duration")) == before
    assert shown(path)[0]


def test_a_film_of_varying_rate_out_of_order_keeps_its_length(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    source = "testsrc2=size=320x240:rate=24000/1001:duration=3"
    choice = "select='not(mod(n,3))+not(mod(n,7))'"
    run("-f", "lavfi", "-i", source, *X264, "-preset", "veryfast", "-bf", "3", "-vf", choice, "-vsync", "vfr", path)
    before = times(path), told(path, "format=duration")
    label(path, producer="acme")
    assert (times(path), told(path, "format=duration")) == before


def test_a_cover_in_matroska_stays(tmp_path: Path) -> None:
    cover, path = tmp_path / "cover.png", tmp_path / "a.mkv"
    run("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", cover)
    kind = ["-metadata:s:t", "mimetype=image/png", "-metadata:s:t", "filename=cover.png"]
    run(*PICTURE, *X264, "-attach", cover, *kind, path)
    label(path, producer="acme")
    found = told(path, "stream=codec_name,width:stream_tags=filename,mimetype:stream_disposition=attached_pic")
    assert [each["codec_name"] for each in found["streams"]] == ["h264", "png"]
    assert found["streams"][1]["tags"] == {"filename": "cover.png", "mimetype": "image/png"}
    assert run("-i", path, "-map", "0:v:1", "-c", "copy", "-f", "image2pipe", "-") == cover.read_bytes()


def test_two_films_and_two_languages_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    maps = ["-map", "0:v", "-map", "0:v", "-map", "1:a", "-map", "1:a", "-metadata:s:a:1", "language=chi"]
    run(*PICTURE, *SOUND, *maps, *X264, "-c:a", "aac", path)
    entries = "stream=codec_name:stream_tags=language:stream_disposition=default"
    before = told(path, entries)
    label(path, producer="acme")
    assert told(path, entries) == before
    assert all(shown(path))
    second = tmp_path / "second.mp4"
    run("-i", path, "-map", "0:v:1", "-c", "copy", second)
    assert all(shown(second))


def test_a_container_under_the_name_of_another_stays_what_it_is(tmp_path: Path) -> None:
    bare, path = tmp_path / "a.mkv", tmp_path / "b.mp4"
    run(*PICTURE, *X264, bare)
    bare.rename(path)
    label(path, producer="acme")
    assert "matroska" in told(path, "format=format_name")["format"]["format_name"]
    assert read_label(path).conforms


def test_a_film_that_changes_its_size(tmp_path: Path) -> None:
    parts = []
    for size in ("320x240", "160x120"):
        part = tmp_path / f"{size}.h264"
        run("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration=0.4", *X264, part)
        parts.append(part.read_bytes())
        part.unlink()
    raw, path = tmp_path / "raw.h264", tmp_path / "a.mkv"
    raw.write_bytes(b"".join(parts))
    run("-r", "25", "-i", raw, "-c", "copy", path)
    before = path.read_bytes()
    with pytest.raises(CarrierError, match=r"changes its size at 0\.4"):
        label(path, producer="acme")
    assert path.read_bytes() == before


def test_progress_is_told_and_may_stop_the_work(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    run(*PICTURE, *SOUND, *X264, "-c:a", "aac", path)
    before = path.read_bytes()

    class EnoughError(Exception):
        pass

    def stop(share: float) -> None:
        if share > 0.3:
            raise EnoughError

    with pytest.raises(EnoughError):
        label(path, producer="acme", progress=stop)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    shares: list[float] = []
    label(path, producer="acme", progress=shares.append)
    assert shares == sorted(set(shares))
    assert len(shares) > 5
    assert shares[-1] == 1.0
    with pytest.raises(TypeError, match="progress= goes with the path of a film"):
        label("text", producer="acme", progress=shares.append)


def test_a_process_that_is_killed_leaves_the_old_film(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    run("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=25:duration=20", *X264, path)
    before = path.read_bytes()
    script = (
        "import pathlib, sys, aigc_hooks\n"
        "told = lambda share: print(share, flush=True)\n"
        "aigc_hooks.label(pathlib.Path(sys.argv[1]), producer='acme', progress=told)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert path.read_bytes() == before
    assert read_label(path).label is None
    # What is left has the name of unfinished files, which the next run passes over and removes.
    assert all(is_leftover(each.name) for each in tmp_path.iterdir() if each != path)


def test_a_disk_that_is_full_leaves_the_old_film(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    run(*PICTURE, *SOUND, *X264, "-c:a", "aac", path)
    before = path.read_bytes()
    script = (
        "import pathlib, resource, signal, sys, aigc_hooks\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n"
        "    aigc_hooks.label(pathlib.Path(sys.argv[1]), producer='acme')\n"
        "except (aigc_hooks.AIGCHooksError, OSError) as error:\n"
        "    sys.exit(f'one clear error: {error}')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "one clear error" in done.stderr
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("coverage", ["throughout", "opening"])
@pytest.mark.parametrize("suffix", ["mkv", "flv"])
def test_sound_may_go_on_behind_the_pictures_but_a_film_that_was_cut_is_refused(
    coverage: str, suffix: str, tmp_path: Path
) -> None:
    film, made = tmp_path / f"film.{suffix}", tmp_path / f"made.{suffix}"
    pictures = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=3"]
    sound = ["-f", "lavfi", "-i", "sine=440:duration=8"]
    run(*pictures, *sound, *X264, "-g", 25, "-pix_fmt", "yuv420p", "-c:a", "aac", film)
    label(film, output=made, provider=ACME, video={"coverage": coverage})
    found = shown(made)
    assert len(found) == 75
    assert found.count(True) == (75 if coverage == "throughout" else 50)
    streams = ("-map", "0:a", "-c", "copy", "-f", "md5", "-")
    assert run("-i", film, *streams) == run("-i", made, *streams)
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) // 4])
    with pytest.raises(CarrierError):
        label(film, output=made, provider=ACME, video={"coverage": coverage})
    assert film.read_bytes() == whole[: len(whole) // 4]
