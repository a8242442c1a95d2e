"""Exported films: the label is in the pixels that a decoder shows and in the file, however a script wrote it."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import imageio
import numpy as np
import pytest
import torch
from diffusers.utils import encode_video, export_to_gif, export_to_video  # before anything is taught
from PIL import Image

import aigc_hooks
from aigc_hooks import (
    ForeignLabelError,
    Label,
    LabelError,
    Provider,
    UnsupportedCarrierError,
    VideoStyle,
    label,
    read_label,
    save,
)
from tests.saving.moving import Command, arrays, decoded, film, ink_in, key, shows

ACME = Provider(producer="acme")
OPENING = Provider(producer="acme", video=VideoStyle(coverage="opening"))
FPS = 16


def by_imageio(frames: Any, path: Any, **params: Any) -> None:
    with imageio.get_writer(path, fps=FPS, **params) as writer:
        for frame in frames:
            writer.append_data(frame)


def by_pyav(frames: Any, path: Any, form: str | None = None, fps: int = FPS, pixels: str = "rgb24") -> None:
    with av.open(path, "w", format=form) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels)))
        container.mux(stream.encode())


WAYS: dict[str, Callable[[list[Image.Image], str], Any]] = {
    "export_to_video": lambda frames, path: export_to_video(frames, path, fps=FPS),
    "export_to_video, a slice": lambda frames, path: export_to_video(frames[3:], path, fps=FPS),
    "export_to_video, float arrays": lambda frames, path: export_to_video(
        list(np.stack(frames).astype(np.float32) / 255), path, fps=FPS
    ),
    "export_to_video, resized": lambda frames, path: export_to_video(
        [frame.resize((320, 192)) for frame in frames], path, fps=FPS
    ),
    "encode_video": lambda frames, path: encode_video(frames, FPS, path),
    "encode_video, float array": lambda frames, path: encode_video(np.stack(frames) / 255.0, FPS, path),
    "encode_video, tensor": lambda frames, path: encode_video(torch.from_numpy(np.stack(frames)), FPS, path),
    "encode_video, with sound": lambda frames, path: encode_video(
        frames, FPS, path, audio=torch.rand(2, 8000) / 2, audio_sample_rate=16_000
    ),
    "imageio.get_writer": lambda frames, path: by_imageio(arrays(frames), path),
    "imageio.mimsave": lambda frames, path: imageio.mimsave(path, arrays(frames), fps=FPS),
    "imageio, lists and back": lambda frames, path: by_imageio(
        [np.asarray(frame.tolist(), np.uint8) for frame in arrays(frames)], path
    ),
    "imageio.v3, PyAV": lambda frames, path: __import__("imageio.v3").v3.imwrite(
        path, np.stack(frames), plugin="pyav", codec="libx264", fps=FPS
    ),
    "PyAV": lambda frames, path: by_pyav(arrays(frames), path),
    "PyAV, planar": lambda frames, path: by_pyav(arrays(frames), path, pixels="yuv444p"),
    "save": lambda frames, path: save(frames, path, fps=FPS),
    "save, array": lambda frames, path: save(label(np.stack(frames), fps=FPS, provider=ACME), path, fps=FPS),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_a_film_keeps_both_labels(way: str, tmp_path: Path, command: Command) -> None:
    frames = label(film(), fps=FPS, provider=ACME)
    own = read_label(frames[0]).label
    path = tmp_path / "river.mp4"
    WAYS[way](frames, str(path))
    reading = read_label(path)
    assert reading.conforms, reading.defects
    assert reading.label == own
    assert own is not None
    assert key(path, command)["ProduceID"] == own.produce_id
    shown = decoded(path, command)
    assert len(shown) == (5 if "slice" in way else 8)
    assert all(map(shows, shown))


@pytest.mark.parametrize("way", [way for way in WAYS if not way.startswith("save")])
def test_films_that_are_not_labelled_are_left_alone(way: str, tmp_path: Path) -> None:
    label(film(), fps=FPS, provider=ACME)  # of the same size
    path = tmp_path / "plain.mp4"
    WAYS[way](film(), str(path))
    assert not read_label(path).found


def test_the_unlabelled_frames_that_were_there_before_are_another_film(tmp_path: Path) -> None:
    frames = film()
    label([frame.copy() for frame in frames], fps=FPS, provider=ACME)
    export_to_video(frames, str(tmp_path / "plain.mp4"), fps=FPS)
    assert not read_label(tmp_path / "plain.mp4").found


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv", ".webm"])
@pytest.mark.parametrize("fps", [24, 23.976, 60])
def test_save_writes_films_at_any_rate(suffix: str, fps: float, tmp_path: Path, command: Command) -> None:
    path = save(film(6), tmp_path / f"river{suffix}", fps=fps, provider=ACME)
    probed = command(
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "stream=avg_frame_rate",
        "-of",
        "csv=p=0",
        path,
    )
    over, under = map(int, probed.decode().strip().split("/"))
    assert over / under == pytest.approx(fps, rel=1e-3)
    assert read_label(path).conforms
    assert all(map(shows, decoded(path, command)))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("crf", [18, 28, 35])
@pytest.mark.parametrize(("width", "height"), [(832, 480), (480, 832), (320, 240)])
def test_the_label_is_legible_after_encoding(
    crf: int, width: int, height: int, tmp_path: Path, command: Command
) -> None:
    plain = film(5, width, height)
    frames = label([frame.copy() for frame in plain], fps=24, provider=ACME)
    path = save(frames, tmp_path / "river.mp4", fps=24, crf=crf)
    # What the label should look like: the labelled frame before it was encoded, where it differs from the plain one.
    for after, before, frame in zip(frames, plain, decoded(path, command), strict=True):
        wanted = np.asarray(after.convert("L"), np.float64)
        rows, columns = np.nonzero(wanted != np.asarray(before.convert("L")))
        box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        template, found = wanted[box].ravel(), frame[box].astype(np.float64).ravel()
        assert np.corrcoef(template, found)[0, 1] >= 0.95
        ink, last = ink_in(frame)
        assert ink >= 0.05 * min(width, height)
        assert last >= 0.9 * height


# --- sound ------------------------------------------------------------------------------------------------------------


def tone(rate: int, *shape: int) -> Any:
    """A second and a half of it."""
    count = 3 * rate // 2
    wave = 0.4 * np.sin(2 * np.pi * 440 * np.arange(count) / rate)
    return np.broadcast_to(wave[:, None] if shape == (-1, 2) else wave, [count if n < 0 else n for n in shape])


def heard(path: Path, command: Command) -> Any:
    raw = command("ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-ac", "1", "-ar", "48000", "-")
    return np.frombuffer(raw, np.float32)


SOUNDS: dict[str, Callable[[], tuple[Any, int]]] = {
    "stereo": lambda: (tone(48_000, 2, -1).astype(np.float32), 48_000),
    "samples first, a rate that no encoder has": lambda: (tone(11_000, -1, 2).astype(np.float32), 11_000),
    "integers": lambda: ((tone(22_050, -1) * 32767).astype(np.int16), 22_050),
    "a tensor": lambda: (torch.from_numpy(tone(16_000, 1, -1).copy()), 16_000),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("kind", SOUNDS)
def test_save_with_sound(suffix: str, kind: str, tmp_path: Path, command: Command) -> None:
    samples, rate = SOUNDS[kind]()
    path = save(film(36), tmp_path / f"river{suffix}", fps=24, audio=samples, rate=rate, provider=ACME)
    reading = read_label(path)
    assert reading.conforms, reading.defects
    shown = decoded(path, command)
    assert len(shown) == 36
    assert all(map(shows, shown))
    sound = heard(path, command)
    # The tone is in step, and the label follows it.
    loud = np.abs(sound[:48_000]).max()
    assert 0.3 < loud < 0.7  # of two channels more
    assert int(np.argmax(np.abs(sound) > 0.1)) < 0.08 * 48_000
    (rhythm,) = aigc_hooks.find_rhythm(sound, 48_000)
    assert 1.5 < rhythm.start < 2.0
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("sound", ["none", "start"])
def test_sound_is_labelled_as_the_settings_say(sound: str, tmp_path: Path, command: Command) -> None:
    provider = Provider(producer="acme", video=VideoStyle(sound=sound))
    path = save(film(36), tmp_path / "river.mp4", fps=24, audio=tone(16_000, -1), rate=16_000, provider=provider)
    found = aigc_hooks.find_rhythm(heard(path, command), 48_000)
    assert [rhythm.start < 0.5 for rhythm in found] == ([True] if sound == "start" else [])
    assert read_label(path).conforms


def test_sound_that_no_film_holds(tmp_path: Path) -> None:
    old = tmp_path / "river.mp4"
    old.write_bytes(b"old")
    with pytest.raises(UnsupportedCarrierError, match="no sound"):
        save(film(), tmp_path / "river.gif", fps=24, audio=tone(16_000, -1), rate=16_000, provider=ACME)
    with pytest.raises(UnsupportedCarrierError, match="has 4"):
        save(film(), old, fps=24, audio=tone(16_000, 4, -1), rate=16_000, provider=ACME)
    for more in ({"fps": 24, "audio": tone(16_000, -1)}, {"audio": tone(16_000, -1), "rate": 16_000}):
        with pytest.raises(TypeError, match="audio=…, rate=…"):
            save(film(), old, provider=ACME, **more)
    with pytest.raises(TypeError, match="audio=…, rate=…"):
        save(film(), old, fps=24, rate=16_000, provider=ACME)
    with pytest.raises(LabelError):
        save(film(), old, fps=24, audio=np.zeros((0,), np.float32), rate=16_000, provider=ACME)
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_ocr_reads_it(tmp_path: Path, command: Command) -> None:
    path = save(film(3, 1280, 720), tmp_path / "river.mp4", fps=24, crf=28, provider=ACME)
    frame = decoded(path, command)[0][600:, 900:]
    black_on_white = np.where(frame > 190, 0, 255).astype(np.uint8)
    Image.fromarray(black_on_white).resize((1140, 360)).save(tmp_path / "frame.png")
    text = command("tesseract", tmp_path / "frame.png", "-", "-l", "chi_sim", "--psm", "6").decode()
    assert "生成" in text.replace(" ", "")


def test_odd_sizes_and_one_frame(tmp_path: Path, command: Command) -> None:
    for number, (count, width, height) in enumerate([(1, 161, 97), (3, 99, 64), (1, 33, 201)]):
        path = save(film(count, width, height), tmp_path / f"{number}.mp4", fps=24, provider=ACME)
        shown = decoded(path, command)
        assert shown.shape == (count, height + height % 2, width + width % 2)
        assert read_label(path).conforms
        frames = label(film(count, width, height), fps=24, provider=ACME)
        export_to_video(frames, str(tmp_path / "exported.mp4"), fps=24)
        assert read_label(tmp_path / "exported.mp4").conforms
        assert shows(decoded(tmp_path / "exported.mp4", command)[0])


# --- without imageio ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pictures", "arrays"])
def test_opencv_in_the_place_of_imageio(
    kind: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("diffusers.utils.export_utils.is_imageio_available", lambda: False)
    frames = label(film(70), fps=10, provider=OPENING)
    own = read_label(frames[0]).label
    before = [frame.tobytes() for frame in frames]
    given = frames if kind == "pictures" else list(np.stack(frames).astype(np.float32) / 255)
    path = tmp_path / "river.mp4"
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        assert export_to_video(given, str(path), fps=30) == str(path)
    assert read_label(path).conforms
    assert read_label(path).label == own
    assert own is not None
    assert key(path, command)["ProduceID"] == own.produce_id
    assert '"places": [".mp4 file"]' in caplog.text
    shown = [shows(frame) for frame in decoded(path, command)]
    assert shown[:60] == [True] * 60
    assert not any(shown[60:])
    assert [frame.tobytes() for frame in frames] == before
    plain = film(4)
    export_to_video(plain, str(tmp_path / "plain.mp4"), fps=30)
    assert not read_label(tmp_path / "plain.mp4").found
    chosen = Path(export_to_video(frames[:4], fps=30))
    try:
        assert read_label(chosen).label == own
    finally:
        chosen.unlink()


def test_opencv_writes_nothing_that_could_not_hold_the_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diffusers.utils.export_utils.is_imageio_available", lambda: False)
    with pytest.raises(UnsupportedCarrierError, match="no place"):
        export_to_video(label(film(4), fps=30, provider=ACME), str(tmp_path / "river.mpg"), fps=30)
    assert not list(tmp_path.iterdir())


# --- an opening, and the rate that only the export knows ------------------------------------------------------------


def test_an_opening_is_made_longer_where_the_export_is_quicker(tmp_path: Path, command: Command) -> None:
    for write in (
        lambda frames, path: export_to_video(frames, path, fps=30),
        lambda frames, path: by_pyav(arrays(frames), path, fps=30),
    ):
        frames = label(film(70), fps=10, provider=OPENING)
        path = tmp_path / "quick.mp4"
        write(frames, str(path))
        shown = [shows(frame) for frame in decoded(path, command)]
        assert shown[:60] == [True] * 60
        assert not any(shown[60:])
        assert read_label(path).label == read_label(frames[0]).label


def test_a_film_cut_after_its_opening_has_a_new_one(tmp_path: Path, command: Command) -> None:
    frames = label(film(60), fps=10, provider=OPENING)
    before = [frame.tobytes() for frame in frames]
    for number, write in enumerate((WAYS["export_to_video"], WAYS["encode_video"], WAYS["imageio.mimsave"])):
        path = tmp_path / f"{number}.mp4"
        write(frames[25:], str(path))
        shown = [shows(frame) for frame in decoded(path, command)]
        assert shown == [True] * 32 + [False] * 3
        assert read_label(path).label == read_label(frames[0]).label
    assert [frame.tobytes() for frame in frames] == before


def test_joined_films_begin_with_a_label(tmp_path: Path, command: Command) -> None:
    one, other = (label(film(20), fps=10, provider=OPENING) for _ in range(2))
    path = tmp_path / "joined.mp4"
    export_to_video([*one, *other], str(path), fps=10)
    assert all(shows(frame) for frame in decoded(path, command))
    assert read_label(path).label == read_label(one[0]).label
    mixed = tmp_path / "mixed.mp4"
    by_imageio([*arrays(film(4)), *arrays(one)], str(mixed))
    assert read_label(mixed).label == read_label(one[0]).label


def test_a_still_out_of_a_film_is_a_labelled_picture(tmp_path: Path) -> None:
    frames = label(film(60), fps=10, provider=OPENING)
    bare = np.asarray(frames[40]).copy()
    frames[40].save(tmp_path / "still.png")
    still = Image.open(tmp_path / "still.png")
    assert read_label(tmp_path / "still.png").label == read_label(frames[0]).label
    changed = (np.asarray(still) != bare).any(axis=2)
    assert shows(np.asarray(still.convert("L")))
    assert changed[changed.shape[0] // 2 :].any()
    assert np.array_equal(np.asarray(frames[40]), bare)


# --- GIF ------------------------------------------------------------------------------------------------------------

GIFS: dict[str, Callable[[list[Image.Image], str], Any]] = {
    "export_to_gif": lambda frames, path: export_to_gif(frames, path, fps=10),
    "imageio": lambda frames, path: imageio.mimsave(path, arrays(frames), duration=100),
    "save": lambda frames, path: save(frames, path, fps=10),
    "save, array": lambda frames, path: save(label(np.stack(frames), fps=10, provider=ACME), path, fps=10),
}


@pytest.mark.parametrize("way", GIFS)
def test_gif(way: str, tmp_path: Path, command: Command) -> None:
    frames = label(film(), fps=10, provider=ACME)
    own = read_label(frames[0]).label
    path = tmp_path / "river.gif"
    GIFS[way](frames, str(path))
    assert read_label(path).conforms
    assert read_label(path).label == own
    assert all(map(shows, decoded(path, command)))


def test_a_gif_cut_after_the_opening_has_a_new_one(tmp_path: Path, command: Command) -> None:
    frames = label(film(60), fps=10, provider=OPENING)
    export_to_gif(frames[25:], str(tmp_path / "river.gif"), fps=10)
    shown = [shows(frame) for frame in decoded(tmp_path / "river.gif", command)]
    assert shown[:20] == [True] * 20
    assert not any(shown[20:])


def test_a_gif_counts_in_hundredths(tmp_path: Path, command: Command) -> None:
    save(film(90), tmp_path / "river.gif", fps=30, provider=OPENING)
    shown = [shows(frame) for frame in decoded(tmp_path / "river.gif", command)]
    assert sum(shown) * 0.03 >= 2
    assert not all(shown)


# --- targets ---------------------------------------------------------------------------------------------------------


def test_files_in_memory() -> None:
    frames = label(film(), fps=FPS, provider=ACME)
    own = read_label(frames[0]).label
    buffer = io.BytesIO()
    by_pyav(arrays(frames), buffer, "mp4")
    assert read_label(buffer.getvalue()).label == own
    data = imageio.mimwrite("<bytes>", arrays(frames), format="mp4", fps=FPS)
    assert read_label(data).label == own


@pytest.mark.parametrize("end", ["write(); gc.collect()", "left = write()"])
def test_a_container_that_nobody_closes(end: str, tmp_path: Path) -> None:
    frames = label(film(), fps=FPS, provider=ACME)
    script = f"""
        import gc, av, numpy
        from aigc_hooks import label, Provider, read_label
        from PIL import Image

        def write():
            container = av.open({str(tmp_path / "left.mp4")!r}, "w")
            stream = container.add_stream("libx264", rate=16)
            stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
            film = numpy.random.default_rng(0).integers(0, 200, (4, 96, 160, 3), dtype=numpy.uint8)
            for frame in label(film, fps=16, provider=Provider(producer="acme")):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
            container.mux(stream.encode())
            return container

        {end}
    """
    assert frames
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60, capture_output=True)
    assert b"Exception" not in done.stderr
    assert read_label(tmp_path / "left.mp4").conforms


def test_taught_when_they_are_imported_later(tmp_path: Path) -> None:
    script = f"""
        import numpy
        import aigc_hooks
        film = numpy.random.default_rng(0).integers(0, 200, (4, 96, 160, 3), dtype=numpy.uint8)
        aigc_hooks.label(film, fps=16, provider=aigc_hooks.Provider(producer="acme"))
        import sys
        assert not {{"av", "imageio", "diffusers"}} & set(sys.modules)
        import imageio
        imageio.mimsave({str(tmp_path / "later.mp4")!r}, list(film), fps=16)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)
    assert read_label(tmp_path / "later.mp4").conforms


def test_formats_without_a_place_are_refused_before_they_are_written(tmp_path: Path) -> None:
    frames = label(film(), fps=FPS, provider=ACME)
    with pytest.raises(UnsupportedCarrierError, match="no place"):
        by_imageio(arrays(frames), str(tmp_path / "river.mpg"), format="FFMPEG")
    assert not (tmp_path / "river.mpg").exists()
    tolerant = Provider(producer="acme", on_unsupported_carrier="warn")
    frames = label(film(), fps=FPS, provider=tolerant)
    with pytest.warns(UserWarning, match="no place") as caught:
        by_imageio(arrays(frames), str(tmp_path / "river.mpg"), format="FFMPEG")
    assert len(caught) == 1
    assert (tmp_path / "river.mpg").stat().st_size


def test_a_stream_that_cannot_be_read_again_is_refused() -> None:
    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            return len(data)

    frames = label(film(), fps=FPS, provider=ACME)
    with pytest.raises(LabelError, match="cannot be read again"):
        by_pyav(arrays(frames), Pipe(), "mpegts")


def test_save_refuses_what_is_no_film_and_keeps_the_old_file(tmp_path: Path) -> None:
    old = tmp_path / "river.mp4"
    old.write_bytes(b"old")
    with pytest.raises(UnsupportedCarrierError, match=r"river\.mp4"):
        save(film(), tmp_path / "river.xyz", fps=24, provider=ACME)
    with pytest.raises(LabelError, match="2 films"):
        save([film(), film()], old, fps=24, provider=ACME)
    with pytest.raises(LabelError, match="frame rate"):
        save(film(), old, fps=0, provider=ACME)
    with pytest.raises(TypeError, match="quality"):
        save(film(), old, fps=24, provider=ACME, quality=3)
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]
    with pytest.raises(FileNotFoundError):
        save(film(), tmp_path / "nowhere" / "river.mp4", fps=24, provider=ACME)
    save(film(), old, fps=24, provider=ACME)
    assert read_label(old).conforms


def test_a_film_of_another_producer_is_not_replaced() -> None:
    frames = label(film(), fps=24, provider=Provider(producer="other"))
    with pytest.raises(ForeignLabelError, match="other"):
        label(frames, fps=24, provider=ACME)


def test_a_reader_that_reads_while_others_write(tmp_path: Path) -> None:
    films = [label(film(), fps=FPS, provider=ACME) for _ in range(4)]
    paths = [tmp_path / f"{number}.mp4" for number in range(4)]
    threads = [
        threading.Thread(target=by_pyav, args=(arrays(frames), str(path)))
        for frames, path in zip(films, paths, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read_label(path).label for path in paths] == [read_label(frames[0]).label for frames in films]


def test_the_label_of_one_export_is_the_label_of_another(tmp_path: Path) -> None:
    own = Label(content_producer="acme", produce_id="1")
    export_to_video(label(film(), fps=FPS, provider=ACME), str(tmp_path / "a.mp4"), fps=FPS)
    aigc_hooks.write_label(tmp_path / "a.mp4", own)
    assert read_label(tmp_path / "a.mp4").label == own


@pytest.mark.parametrize(("suffix", "fix"), [("mp4", "fps=16"), ("WEBM", "fps=16"), ("wav", "rate=24000")])
@pytest.mark.parametrize("content", [[Image.new("RGB", (64, 64))] * 2, np.zeros((2, 64, 64, 3), np.uint8), np.zeros(9)])
def test_save_asks_for_the_rate_that_the_file_needs(suffix: str, fix: str, content: Any, tmp_path: Path) -> None:
    with pytest.raises(aigc_hooks.UnsupportedOutputError, match=fix):
        aigc_hooks.save(content, tmp_path / f"a.{suffix}", provider=ACME)
    assert not list(tmp_path.iterdir())
