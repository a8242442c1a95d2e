"""Measures the hot paths as ratios in one run, and prints them as a Markdown table.

    python tests/benchmarks/run.py

A ratio is the median of the labelled operation over the median of its baseline, taken in turns, so that both meet the
same weather. This is no test: nothing is asserted about time. Pictures are 1024×1024 RGB.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy
import torch
from files import files
from film import film
from load import load
from measuring import Rows, ratio
from pictures import pictures
from PIL import Image, ImageFilter
from record import record
from sound import sound
from text import text
from trust import trust
from video import video

import aigc_hooks
from aigc_hooks.explicit import array, picture
from aigc_hooks.provider import Provider

SIDE = 1024
PROVIDER = Provider(producer="benchmark")


def photograph() -> Image.Image:
    """Something that compresses like a photograph: smooth areas, edges and grain."""
    generator = numpy.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 255, (32, 32, 3), dtype=numpy.uint8)).resize((SIDE, SIDE), 3)
    grain = generator.normal(0, 6, (SIDE, SIDE, 3))
    return Image.fromarray((numpy.asarray(coarse, dtype=float) + grain).clip(0, 255).astype(numpy.uint8)).filter(
        ImageFilter.SMOOTH
    )


def explicit(rows: Rows) -> None:
    """The visible label."""
    plain = photograph()
    spare = plain.copy()

    def unlabel() -> None:
        spare.info.clear()
        spare.paste(plain)

    rows.append(
        (
            "visible label on a PIL image, warm",
            "`Image.copy()`",
            1.0,
            ratio(lambda: picture.draw(plain, PROVIDER), plain.copy, rounds=150),
        )
    )
    rows.append(
        (
            "all stages of `label()` on a PIL image, warm",
            "`Image.copy()`",
            float("nan"),
            ratio(lambda: aigc_hooks.label(spare, provider=PROVIDER), plain.copy, rounds=150, before=unlabel),
        )
    )
    batch = torch.rand(4, 3, SIDE, SIDE)
    rows.append(
        (
            "visible label on a (4,3,1024,1024) float32 tensor",
            "`tensor.clone()`",
            0.3,
            ratio(lambda: array.draw(batch, PROVIDER), batch.clone, rounds=30),
        )
    )


def saving(rows: Rows) -> None:
    """The implicit label at save, read back before the bytes leave."""
    labelled = aigc_hooks.label(photograph(), provider=PROVIDER)
    unlabelled = labelled.copy()  # the same pixels without the mark
    unlabelled.info.clear()
    saves: list[tuple[str, float, int, dict[str, int]]] = [
        ("PNG", 1.02, 9, {}),
        ("WEBP", 1.02, 9, {}),
        ("JPEG", 1.15, 60, {"quality": 90}),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for format, limit, rounds, options in saves:
            save = functools.partial(_save, Path(folder), format, options)
            measured = ratio(lambda: save(labelled), lambda: save(unlabelled), rounds=rounds)  # noqa: B023 (called here)
            rows.append((f"labelled save {format}", "the same save unlabelled", limit, measured))


def _save(folder: Path, format: str, options: dict[str, int], image: Image.Image) -> None:
    """To a new file each time: how a file system replaces an old one is its own affair."""
    path = folder / f"picture.{format}"
    path.unlink(missing_ok=True)
    image.save(path, format, **options)


def reading(rows: Rows) -> None:
    """``read_label`` of files of about 2 MB."""
    generator = numpy.random.default_rng(0)
    for format, side, options in (("PNG", 840, {}), ("JPEG", 1080, {"quality": 99})):
        noise = Image.fromarray(generator.integers(0, 255, (side, side, 3), dtype=numpy.uint8))
        aigc_hooks.label(noise, provider=PROVIDER)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"picture.{format}")
            noise.save(path, format, **options)
            size = path.stat().st_size / 1e6
            measured = ratio(functools.partial(aigc_hooks.read_label, path), path.read_bytes, rounds=500)
            rows.append((f"`read_label` of a {size:.1f} MB {format}", "reading the whole file", 0.5, measured))


def signing(rows: Rows) -> None:
    """Signatures, and what they and the record add to a save."""
    trust(rows, photograph)


def importing(rows: Rows) -> None:
    """``import aigc_hooks`` as a whole process."""

    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    rows.append(
        (
            "`import aigc_hooks`",
            '`python -c "import pydantic"`',
            1.3,
            ratio(run("import aigc_hooks"), run("import pydantic"), rounds=15),
        )
    )


def memory(rows: Rows) -> None:
    """Peak memory of labelling a batch of 64 pictures, over the batch itself."""
    batch = numpy.zeros((64, SIDE, SIDE, 3), dtype=numpy.float32)
    aigc_hooks.label(
        numpy.zeros((1, SIDE, SIDE, 3), dtype=numpy.float32), provider=PROVIDER
    )  # what is made once is not the batch's
    tracemalloc.start()
    aigc_hooks.label(batch, provider=PROVIDER)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    rows.append(("peak memory, batch of 64 arrays", "the batch", 1.05, 1 + peak / batch.nbytes))


def main() -> None:
    """Runs everything and prints the table."""
    rows: Rows = []
    parts = (
        *(explicit, saving, reading, pictures, files, text, sound, video, film),
        *(record, signing, load, importing, memory),
    )
    for part in parts:
        part(rows)
    print("| what | against | at most | measured |\n|---|---|---|---|")
    for what, against, limit, measured in rows:
        print(f"| {what} | {against} | {_shown(limit).rstrip('0').rstrip('.')} | {_shown(measured)} |")


def _shown(cell: object) -> str:
    """A ratio with three digits; what has no limit as a dash."""
    if isinstance(cell, float):
        return "–" if cell != cell else f"{cell:.3f}"
    return str(cell)


if __name__ == "__main__":
    main()
