"""The implicit label written into picture files of 5 MB, against replacing them by a copy in the same careful way."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from pathlib import Path

import numpy
from measuring import Rows, ratio
from PIL import Image

import aigc_hooks

LABEL = aigc_hooks.Label(content_producer="benchmark", produce_id="1", content_propagator="benchmark", propagate_id="1")


def pictures(rows: Rows) -> None:
    """Each format with a limit, in place."""
    generator = numpy.random.default_rng(0)
    for suffix, side, options in (
        ("jpg", 1700, {"quality": 99}),
        ("png", 1300, {}),
        ("webp", 1300, {"lossless": True, "method": 0}),
    ):
        noise = Image.fromarray(generator.integers(0, 255, (side, side, 3), dtype=numpy.uint8))
        with tempfile.TemporaryDirectory() as folder:
            bare, labelled, copied = (Path(folder, f"{name}.{suffix}") for name in ("bare", "labelled", "copied"))
            noise.save(bare, **options)
            _afresh(bare, labelled, copied)  # the warm-up has no round before it
            measured = ratio(
                functools.partial(aigc_hooks.write_label, labelled, LABEL),
                functools.partial(_replaced, copied),
                rounds=40,
                before=functools.partial(_afresh, bare, labelled, copied),
            )
            size = bare.stat().st_size / 1e6
            rows.append(
                (f"`write_label` to a {size:.0f} MB {suffix} file, in place", "copy, fsync, replace", 1.3, measured)
            )


def _afresh(bare: Path, *files: Path) -> None:
    """Files without a label, on the disk already."""
    for file in files:
        shutil.copyfile(bare, file)
    os.sync()


def _replaced(path: Path) -> None:
    made = path.with_suffix(".tmp")
    shutil.copyfile(path, made)
    with made.open("rb+") as file:
        os.fsync(file.fileno())
    made.replace(path)
