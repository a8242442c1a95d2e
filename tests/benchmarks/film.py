"""Films on disk: what it costs to burn the label into one, in time and in memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import Rows, ratio

import aigc_hooks

_SECONDS, _MINUTES = 60, 10
_SAME = ("-c:v", "libx264", "-crf", "18", "-preset", "veryfast")
"""How films of this codec are encoded anew."""


def film(rows: Rows) -> None:
    """Time against ffmpeg's own lettering, for a whole film and for its opening, and memory."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        _time(rows, Path(folder))
        _memory(rows, Path(folder))


def _time(rows: Rows, folder: Path) -> None:
    path, ours, theirs = (folder / f"{name}.mp4" for name in ("film", "ours", "theirs"))
    _make(path, f"testsrc2=size=1280x720:rate=25:duration={_SECONDS}", "-g", "50")
    text = "drawtext=text=AI生成:fontsize=48:fontcolor=white:box=1:boxcolor=black@0.65:x=w-tw-20:y=h-th-20"

    def drawn() -> None:
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", path, "-vf", text, *_SAME, theirs], check=True)

    def burnt(coverage: str) -> None:
        aigc_hooks.label(path, output=ours, producer="benchmark", video={"coverage": coverage})

    what = f"burning the label into a film of {_SECONDS} s, 720p, H.264"
    measured = ratio(lambda: burnt("throughout"), drawn, rounds=3, warm=1)
    rows.append((what, "ffmpeg `drawtext`, the same encoder settings", 1.3, measured))
    assert aigc_hooks.read_label(ours).conforms
    measured = ratio(lambda: burnt("opening"), drawn, rounds=1, warm=0)
    rows.append((f"{what}, its opening only", "the same", float("nan"), measured))


def _memory(rows: Rows, folder: Path) -> None:
    path, made = folder / "long.mp4", folder / "made.mp4"
    _make(path, f"testsrc2=size=640x360:rate=10:duration={60 * _MINUTES}", "-g", "250")
    script = (
        "import pathlib, sys, aigc_hooks\n"
        "def peak():\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return int(next(line for line in lines if line.startswith('VmHWM')).split()[1])\n"
        "before = peak()\n"
        "path, video = pathlib.Path(sys.argv[1]), {'coverage': sys.argv[3]}\n"
        "aigc_hooks.label(path, output=sys.argv[2], producer='benchmark', video=video)\n"
        "print(peak() - before)\n"
    )
    for coverage in ("throughout", "opening"):
        command = [sys.executable, "-c", script, path, made, coverage]
        more = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) / 1024
        what = f"peak memory of labelling a film of {_MINUTES} minutes, {coverage}"
        rows.append((what, "the start", "+ 256 MB", f"+ {more:.0f} MB"))


def _make(path: Path, source: str, *options: str) -> None:
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", *options]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *encoder, path], check=True)
