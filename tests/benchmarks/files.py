"""Files of 1 GB and archives of many small ones: the cost grows with the label and the header, not with the file."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from measuring import Rows, ratio
from PIL import Image

import aigc_hooks

LABEL = aigc_hooks.Label(content_producer="benchmark", produce_id="1", content_propagator="benchmark", propagate_id="1")
_LARGE = 1_000_000_000
_MANY = 2_000
_LEAST_ROUNDS = 3
_FOLDER = 1_000  # of fewer, the start of the processes is most of the time
_DIFFERENT = 100


def files(rows: Rows) -> None:
    """Large files and many."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        _large(rows, Path(folder))
        _many(rows, Path(folder))


def _large(rows: Rows, folder: Path) -> None:
    noise = numpy.random.default_rng(0).bytes(1 << 20)
    for suffix, form in (("mp4", ["-c:v", "mpeg4"]), ("mkv", ["-c:v", "mpeg4"]), ("wav", [])):
        small, large, copied = (folder / f"{name}.{suffix}" for name in ("small", "large", "copied"))
        source = "testsrc=d=1" if form else "sine=d=1"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *form, small], check=True)
        _grown(small, large, suffix, noise)
        label = functools.partial(aigc_hooks.write_label, large, LABEL, output=copied)
        if suffix == "mp4":
            label()
            measured = ratio(label, functools.partial(_copied, large, copied), rounds=_LEAST_ROUNDS)
            rows.append(("`write_label` to a 1 GB mp4 file", "copying it", 1.1, measured))
        else:
            label()
        measured = ratio(functools.partial(aigc_hooks.read_label, copied), functools.partial(_ends, copied), rounds=200)
        rows.append((f"`read_label` of a 1 GB {suffix} file", "reading its first and last MB", 3.0, measured))
        more = _memory(large, copied)
        rows.append((f"peak memory of `write_label`, 1 GB {suffix}", "the start", "+ 32 MB", f"+ {more:.0f} MB"))
        for path in (small, large, copied):
            path.unlink()


def _grown(small: Path, large: Path, suffix: str, noise: bytes) -> None:
    """A file of 1 GB that a reader takes: what stands at its end stands there still."""
    data = small.read_bytes()
    count = _LARGE // len(noise)
    size = count * len(noise)
    with large.open("wb") as file:
        if suffix == "mp4":  # a second mdat before the moov, which is last
            at = data.rindex(b"moov") - 4
            filling, rest = (8 + size).to_bytes(4, "big") + b"mdat", data[at:]
            file.write(data[:at] + filling)
        elif suffix == "wav":
            at = data.index(b"data")
            length = int.from_bytes(data[at + 4 : at + 8], "little") + size
            total = (len(data) + size - 8).to_bytes(4, "little")
            file.write(data[:4] + total + data[8 : at + 4] + length.to_bytes(4, "little") + data[at + 8 :])
            rest = b""
        else:  # a Void at the end of the segment, whose size is told in eight bytes
            at = data.index(b"\x18\x53\x80\x67") + 4
            length = (int.from_bytes(data[at : at + 8], "big") + 9 + size).to_bytes(8, "big")
            file.write(data[:at] + length + data[at + 8 :] + b"\xec" + (1 << 56 | size).to_bytes(8, "big"))
            rest = b""
        for _ in range(count):
            file.write(noise)
        file.write(rest)


def _copied(source: Path, target: Path) -> None:
    made = target.with_suffix(".tmp")
    shutil.copyfile(source, made)
    with made.open("rb+") as file:
        os.fsync(file.fileno())
    made.replace(target)


def _ends(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        file.read(1 << 20)
        file.seek(-(1 << 20), 2)
        file.read(1 << 20)


def _memory(source: Path, target: Path) -> float:
    """By how many MB a process grows that labels a file."""
    script = (
        "import sys, aigc_hooks\n"
        "def peak():\n"
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return int(next(line for line in lines if line.startswith('VmHWM')).split()[1])\n"
        "label = aigc_hooks.Label(content_producer='benchmark', produce_id='1')\n"
        "before = peak()\n"
        "aigc_hooks.write_label(sys.argv[1], label, output=sys.argv[2])\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, source, target], capture_output=True, check=True, text=True)
    return int(done.stdout) / 1024


def _many(rows: Rows, folder: Path) -> None:
    bare = folder / "bare"
    bare.mkdir()
    picture = Image.effect_noise((200, 200), 50).convert("RGB")
    picture.save(bare / "0.jpg")
    aigc_hooks.write_label(bare / "0.jpg", LABEL)
    paths = [bare / f"{number}.jpg" for number in range(_MANY)]
    for path in paths[1:]:
        shutil.copyfile(paths[0], path)

    def ours() -> None:
        for path in paths:
            assert aigc_hooks.read_label(path).label is not None

    def theirs() -> None:
        done = subprocess.run(
            ["exiftool", "-j", "-XMP:all", "-stay_open", "True", "-@", "-"],
            input="".join(f"-j\n-XMP:all\n{path}\n-execute\n" for path in paths) + "-stay_open\nFalse\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert json.loads(done.stdout.partition("{ready}")[0])

    rows.append((f"`read_label` of {_MANY:,} pictures", "ExifTool `-stay_open`", 0.1, ratio(ours, theirs, rounds=1)))
    _folders(rows, folder)


def _folders(rows: Rows, folder: Path) -> None:
    source = folder / "pictures"
    source.mkdir()
    generator = numpy.random.default_rng(0)
    for number in range(_FOLDER):
        path = source / f"{number}.jpg"
        if number < _DIFFERENT:
            noise = Image.fromarray(generator.integers(0, 255, (32, 32, 3), dtype=numpy.uint8)).resize((768, 768))
            noise.save(path)
        else:
            shutil.copyfile(source / f"{number % _DIFFERENT}.jpg", path)
    # What is installed has its bytecode: that processes compile it anew each time is not what is measured.
    environment = {**os.environ, "AIGC_HOOKS_PRODUCER": "benchmark", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(jobs: int) -> None:
        out = folder / f"out{jobs}"
        shutil.rmtree(out, ignore_errors=True)
        program = Path(sys.executable).with_name("aigc-hooks")
        command = [program, "label", source, "--out", out, "--jobs", str(jobs)]
        subprocess.run(command, check=True, capture_output=True, env=environment)

    measured = ratio(functools.partial(run, 2), functools.partial(run, 1), rounds=_LEAST_ROUNDS)
    rows.append((f"`aigc-hooks label` of {_FOLDER:,} pictures, 2 processes", "1 process", 0.6, measured))
