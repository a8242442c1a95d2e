"""Films that OpenCV writes: both labels, whoever imported its writer when."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cv2 import VideoWriter

from aigc_hooks import Provider, UnsupportedCarrierError, VideoStyle, label, read_label
from aigc_hooks.saving import opencv
from tests.saving.moving import Command, decoded, film, key, shows

opencv.teach(cv2)
ACME = Provider(producer="acme")
OPENING = Provider(producer="acme", video=VideoStyle(coverage="opening"))
FPS = 16
CODES = {".mp4": "mp4v", ".mov": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}


def labelled(count: int = 6, provider: Provider = ACME, fps: float = FPS) -> Any:
    return label(np.stack(film(count)), fps=fps, provider=provider)


def own(frames: Any) -> Any:
    found = read_label(frames)
    assert found.label is not None
    return found.label


def opened(path: Path, fps: float = FPS, size: tuple[int, int] = (160, 96)) -> Any:
    return cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*CODES[path.suffix]), fps, size)


def put(writer: Any, frames: Any) -> None:
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))


@pytest.mark.parametrize("suffix", CODES)
def test_both_labels(suffix: str, tmp_path: Path, command: Command, caplog: pytest.LogCaptureFixture) -> None:
    frames = labelled()
    path = tmp_path / f"river{suffix}"
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        writer = opened(path)
        put(writer, frames)
        writer.release()
    assert read_label(path).conforms
    assert read_label(path).label == own(frames)
    if suffix in (".mp4", ".mov"):  # ExifTool reads the others' places by names that it knows
        assert key(path, command)["ProduceID"] == own(frames).produce_id
    shown = decoded(path, command)
    assert len(shown) == 6
    assert all(map(shows, shown))
    assert f'"places": ["{suffix} file"]' in caplog.text


CALLS: dict[str, Callable[[str, int], Any]] = {
    "by name": lambda path, code: cv2.VideoWriter(filename=path, fourcc=code, fps=30, frameSize=(160, 96)),
    "rate and size by name": lambda path, code: cv2.VideoWriter(path, code, fps=30.0, frameSize=(160, 96)),
    "size by name": lambda path, code: cv2.VideoWriter(path, code, 30, frameSize=(160, 96)),
    "back end": lambda path, code: cv2.VideoWriter(path, cv2.CAP_FFMPEG, code, np.float64(30), (160, 96), True),
    "settings": lambda path, code: cv2.VideoWriter(
        path, cv2.CAP_FFMPEG, code, 30, (160, 96), [cv2.VIDEOWRITER_PROP_IS_COLOR, 1]
    ),
    "opened later": lambda path, code: (lambda writer: (writer.open(path, code, 30, (160, 96)), writer)[1])(
        VideoWriter()
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_opening_lasts_two_seconds_at_the_rate_of_the_file(call: str, tmp_path: Path, command: Command) -> None:
    frames = labelled(70, OPENING, fps=10)
    path = tmp_path / "river.mp4"
    writer = CALLS[call](str(path), cv2.VideoWriter_fourcc(*"mp4v"))
    assert isinstance(writer, VideoWriter)
    before = frames.copy()
    put(writer, frames)
    writer.release()
    shown = [shows(frame) for frame in decoded(path, command)]
    assert shown[:60] == [True] * 60
    assert not any(shown[60:])
    assert np.array_equal(frames, before)


def test_resized_and_grey_frames(tmp_path: Path, command: Command) -> None:
    frames = labelled()
    writer = opened(tmp_path / "small.mp4", size=(240, 144))
    put(writer, [cv2.resize(frame, (240, 144)) for frame in frames])
    writer.release()
    assert read_label(tmp_path / "small.mp4").label == own(frames)
    assert all(map(shows, decoded(tmp_path / "small.mp4", command)))
    writer = cv2.VideoWriter(str(tmp_path / "grey.avi"), cv2.VideoWriter_fourcc(*"FFV1"), FPS, (160, 96), False)
    grey = label(np.stack([np.asarray(frame.convert("L")) for frame in film()])[..., None], fps=FPS, provider=ACME)
    for frame in grey:
        writer.write(frame)
    writer.release()
    assert read_label(tmp_path / "grey.avi").label == own(grey)


def test_others_are_left_alone(tmp_path: Path) -> None:
    labelled()
    writer = opened(tmp_path / "plain.mp4")
    put(writer, map(np.asarray, film()))
    writer.release()
    writer.release()
    assert not read_label(tmp_path / "plain.mp4").found
    broken = VideoWriter(str(tmp_path / "no" / "folder.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (160, 96))
    assert not broken.isOpened()
    put(broken, labelled())
    broken.release()
    with pytest.raises((TypeError, cv2.error)):
        VideoWriter(1, 2)


def test_one_writer_for_several_films(tmp_path: Path) -> None:
    writer = VideoWriter()
    films = [labelled() for _ in range(3)]
    for number, frames in enumerate(films):
        assert writer.open(str(tmp_path / f"{number}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (160, 96))
        put(writer, frames)
    writer.release()
    assert [read_label(tmp_path / f"{number}.mp4").label for number in range(3)] == [own(frames) for frames in films]


def test_a_format_without_a_place_is_refused(tmp_path: Path) -> None:
    writer = VideoWriter(str(tmp_path / "river.mpg"), cv2.VideoWriter_fourcc(*"MPG1"), 25, (160, 96))
    assert writer.isOpened()
    with pytest.raises(UnsupportedCarrierError, match="no place"):
        put(writer, labelled())


def test_pictures_by_number_are_refused(tmp_path: Path) -> None:
    writer = VideoWriter(str(tmp_path / "still_%02d.png"), 0, 0, (160, 96))
    assert writer.isOpened()
    with pytest.raises(UnsupportedCarrierError, match="several pictures"):
        put(writer, labelled())


@pytest.mark.parametrize("end", ["del writer", "pass", "held = [writer]; held.append(held); del writer"])
def test_a_writer_that_nobody_releases(end: str, tmp_path: Path) -> None:
    script = f"""
        import cv2, numpy
        from cv2 import VideoWriter  # before it is taught
        from aigc_hooks import label, Provider, read_label
        film = numpy.random.default_rng(0).integers(0, 200, (4, 96, 160, 3), dtype=numpy.uint8)
        label(film, fps=16, provider=Provider(producer="acme"))
        writer = VideoWriter({str(tmp_path / "left.mp4")!r}, cv2.VideoWriter_fourcc(*"mp4v"), 16, (160, 96))
        for frame in film:
            writer.write(frame)
        {end}
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60, capture_output=True)
    assert not done.stderr
    assert read_label(tmp_path / "left.mp4").conforms


def test_taught_when_it_is_imported_later(tmp_path: Path) -> None:
    script = f"""
        import numpy, sys
        import aigc_hooks
        film = numpy.random.default_rng(0).integers(0, 200, (4, 96, 160, 3), dtype=numpy.uint8)
        aigc_hooks.label(film, fps=16, provider=aigc_hooks.Provider(producer="acme"))
        assert "cv2" not in sys.modules
        import cv2
        writer = cv2.VideoWriter({str(tmp_path / "later.avi")!r}, cv2.VideoWriter_fourcc(*"MJPG"), 16, (160, 96))
        for frame in film:
            writer.write(frame)
        writer.release()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)
    assert read_label(tmp_path / "later.avi").conforms


def test_a_class_of_ones_own(tmp_path: Path) -> None:
    class Own(cv2.VideoWriter):  # type: ignore[misc]
        pass

    frames = labelled()
    writer = Own(str(tmp_path / "own.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (160, 96))
    put(writer, frames)
    writer.release()
    assert read_label(tmp_path / "own.mp4").label == own(frames)
