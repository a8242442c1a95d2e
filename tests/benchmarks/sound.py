"""The hot paths of sound: the label in the samples, saving, and the label in files of ten minutes."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy
import soundfile
from measuring import Rows, ratio

import aigc_hooks
from aigc_hooks.explicit import sound as explicit
from aigc_hooks.provider import Provider

PROVIDER = Provider(producer="benchmark")
RATE = 24_000


def speech(seconds: float) -> Any:
    """Something as loud, as quiet and as hard to compress as speech: noise in syllables."""
    generator = numpy.random.default_rng(0)
    time = numpy.arange(round(seconds * RATE)) / RATE
    syllables = numpy.clip(numpy.sin(2 * numpy.pi * 3 * time), 0, None)
    return (0.2 * syllables * generator.standard_normal(len(time))).astype(numpy.float32)


def sound(rows: Rows) -> None:
    """Sixty seconds in memory, and files of ten minutes."""
    bare = speech(60)
    made = aigc_hooks.label(bare.copy(), rate=RATE, provider=PROVIDER)
    prompt = made[: len(made) - len(bare)].copy()
    measured = ratio(
        lambda: explicit.put(bare, RATE, PROVIDER, ("start",)), lambda: numpy.concatenate([prompt, bare]), rounds=300
    )
    rows.append(("rhythm on 60 s of 24 kHz mono float32", "`numpy.concatenate` of label and audio", 1.5, measured))
    unlabelled = numpy.concatenate([prompt[::-1].copy(), bare])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.wav"
        write = functools.partial(soundfile.write, path, samplerate=RATE)
        measured = ratio(lambda: write(data=made), lambda: write(data=unlabelled), rounds=60)
        rows.append(("`soundfile.write` of it, labelled", "the same unlabelled", 1.05, measured))
        _files(rows, Path(folder))


def _files(rows: Rows, folder: Path) -> None:
    label = aigc_hooks.Label(
        content_producer="benchmark", produce_id="1", content_propagator="benchmark", propagate_id="1"
    )
    for suffix in ("wav", "mp3", "flac"):
        path, copy = folder / f"long.{suffix}", folder / f"copy.{suffix}"
        soundfile.write(path, speech(600), RATE)
        size = path.stat().st_size / 1e6

        def write(path: Path = path, copy: Path = copy) -> None:
            """To a new file each time: how a file system replaces an old one is its own affair."""
            copy.unlink(missing_ok=True)
            aigc_hooks.write_label(path, label, output=copy)

        def copied(path: Path = path, copy: Path = copy) -> None:
            copy.unlink(missing_ok=True)
            shutil.copyfile(path, copy)

        rows.append(
            (f"`write_label` to a {size:.0f} MB {suffix} file", "copying it", 1.5, ratio(write, copied, rounds=40))
        )
        write()
        shutil.move(copy, path)
        read = functools.partial(aigc_hooks.read_label, path)
        rows.append((f"`read_label` of it, {suffix}", "copying it", 0.1, ratio(read, copied, rounds=40)))
