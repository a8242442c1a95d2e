"""MoviePy's writer of films, whose versions 1 and 2 have the same class, on its documented shape and a real ffmpeg."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from aigc_hooks import Provider, UnsupportedCarrierError, label, read_label
from tests.saving.moving import Command, arrays, decoded, film, key, shows

ACME = Provider(producer="acme")
FPS = 10
_MODULE = "moviepy.video.io.ffmpeg_writer"

Write = Callable[[Path, list[Any]], None]


class FFMPEG_VideoWriter:  # noqa: N801 (its name there)
    """Pipes frames to ffmpeg."""

    def __init__(self, filename: str, size: tuple[int, int], fps: float, codec: str = "libx264", **_: Any) -> None:
        form = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", f"{fps:.2f}"]
        command = ["ffmpeg", "-y", "-v", "error", *form, "-i", "-", "-c:v", codec, "-pix_fmt", "yuv420p", filename]
        self.proc = subprocess.Popen(command, stdin=subprocess.PIPE)

    def write_frame(self, img_array: Any) -> None:
        assert self.proc.stdin
        self.proc.stdin.write(img_array.tobytes())

    def close(self) -> None:
        assert self.proc.stdin
        self.proc.stdin.close()
        self.proc.wait()

    def __enter__(self) -> FFMPEG_VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """A way to write frames with a fresh class, which is taught when something is labelled next."""
    writer: Any = type("FFMPEG_VideoWriter", (FFMPEG_VideoWriter,), {})
    module: Any = ModuleType(_MODULE)
    module.FFMPEG_VideoWriter = writer
    monkeypatch.setitem(sys.modules, _MODULE, module)

    def write(path: Path, frames: list[Any]) -> None:
        height, width = frames[0].shape[:2]
        with writer(str(path), (width, height), FPS) as opened:
            for frame in frames:
                opened.write_frame(frame)

    return write


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_labelled_frames_keep_both_labels(suffix: str, write: Write, tmp_path: Path, command: Command) -> None:
    frames = arrays(label(film(30), fps=FPS, provider=ACME, video={"coverage": "opening"}))
    path = tmp_path / f"a{suffix}"
    write(path, frames)
    assert read_label(path).conforms
    assert key(path, command)["ContentProducer"] == "acme"
    shown = list(map(shows, decoded(path, command)))
    assert len(shown) == 30
    assert all(shown[: 2 * FPS])


def test_frames_that_were_resized(write: Write, tmp_path: Path, command: Command) -> None:
    frames = arrays(label(film(4, 320, 192), fps=FPS, provider=ACME))
    write(tmp_path / "a.mp4", [cv2.resize(frame, (240, 144), interpolation=cv2.INTER_AREA) for frame in frames])
    assert read_label(tmp_path / "a.mp4").conforms
    assert all(map(shows, decoded(tmp_path / "a.mp4", command)))


def test_other_films_and_other_formats(write: Write, tmp_path: Path) -> None:
    frames = arrays(label(film(4), fps=FPS, provider=ACME))
    write(tmp_path / "plain.mp4", [np.full_like(frame, 90) for frame in frames])
    assert not read_label(tmp_path / "plain.mp4").found
    with pytest.raises(UnsupportedCarrierError, match=r"a\.ts"):
        write(tmp_path / "a.ts", frames)
