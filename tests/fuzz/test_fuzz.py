"""A short coverage-guided run over small files of every format; longer ones are started by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import aigc_hooks

SOUNDS = ("wav", "mp3", "flac", "ogg", "opus", "m4a", "aiff", "wma", "aac")
FILMS = ("mp4", "mov", "mkv", "flv", "avi", "webm")
TEXTS = {
    "html": "<!doctype html><html><head><title>x</title></head><body>hi</body></html>",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>',
    "ipynb": '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    "gltf": '{"asset": {"version": "2.0"}}',
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, command: Callable[..., bytes]) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for suffix in SOUNDS:
        command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=0.05:r=8000", folder / f"a.{suffix}")
    for suffix in FILMS:
        command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=d=0.08:size=32x32", folder / f"v.{suffix}")
    picture = Image.effect_noise((8, 8), 50).convert("RGB")
    for suffix in ("jpg", "png", "webp", "gif", "tiff", "avif"):
        picture.save(folder / f"p.{suffix}")
    for suffix, text in TEXTS.items():
        (folder / f"d.{suffix}").write_text(text)
    label = aigc_hooks.Label(content_producer="acme", produce_id="1")
    for path in sorted(folder.iterdir()):
        aigc_hooks.write_label(path, label, output=folder / f"labelled-{path.name}")
    return folder


def test_no_file_brings_another_fault(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this platform")
    script = Path(__file__).with_name("fuzz_carriers.py")
    bounds = ["-runs=4000", "-seed=7", "-timeout=20", "-rss_limit_mb=2000", "-max_len=40000"]
    done = subprocess.run(
        [sys.executable, script, *bounds, corpus],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 4000 runs" in done.stderr
