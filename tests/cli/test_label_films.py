"""aigc-hooks label for films: how far it is, and the label of their sound."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
import pytest

from aigc_hooks import find_rhythm, read_label

Cli = Callable[..., Any]

RATE = 48_000


@pytest.fixture(autouse=True)
def producer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_HOOKS_PRODUCER", "acme")


@pytest.fixture
def film(cli: Cli, command: Callable[..., bytes]) -> Path:
    path = Path("river.mp4")
    source = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=2", "-f", "lavfi", "-i", "sine=440:d=2"]
    command("ffmpeg", "-v", "error", *source, "-c:v", "libx264", "-preset", "ultrafast", path)
    return path


def rhythms(path: Path, command: Callable[..., bytes]) -> int:
    data = command("ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-")
    return len(find_rhythm(numpy.frombuffer(data, "<f4"), RATE))


def test_the_label_of_sound_is_an_option(cli: Cli, film: Path, command: Callable[..., bytes]) -> None:
    assert cli("label", film, "--out", "kept").exit_code == 0
    assert rhythms(Path("kept/river.mp4"), command) == 0
    result = cli("label", film, "--out", "labelled", "--label-sound", "--position", "top-left")
    assert result.exit_code == 0, result.output
    assert rhythms(Path("labelled/river.mp4"), command) == 1
    assert read_label("labelled/river.mp4").conforms


def test_the_label_of_sound_goes_with_films(cli: Cli, film: Path) -> None:
    Path("a.txt").write_text("a text")
    result = cli("label", "a.txt", "--out", "out", "--label-sound")
    assert result.exit_code == 2
    assert "no file is one" in result.output
    result = cli("label", film, "--out", "out", "--label-sound", "--implicit-only")
    assert result.exit_code == 2
    assert "--label-sound could apply to" in result.output
    assert not Path("out").exists()


def test_a_bar_shows_how_far_a_film_is(film: Path) -> None:
    ours, theirs = pty.openpty()
    shown = bytearray()

    def look() -> None:
        with suppress(OSError):  # which is how a terminal ends
            while part := os.read(ours, 1 << 16):
                shown.extend(part)

    reader = threading.Thread(target=look)
    reader.start()
    command = [sys.executable, "-m", "aigc_hooks.cli", "label", film, "--out", "out"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, timeout=120, check=True)
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    assert b"labelled 1 of 1" in done.stdout
    assert b"river.mp4" in shown
    assert b"100/100" in shown


def test_without_a_terminal_it_is_quiet(film: Path) -> None:
    command = [sys.executable, "-m", "aigc_hooks.cli", "label", film, "--out", "out"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    assert done.stderr == b""
    assert done.stdout.decode() == "labelled 1 of 1 into out 已标识 1/1\n"
