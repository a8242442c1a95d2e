"""What tests of documents look for in pages, and who judges a file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy


def ink_box(picture: Any, of: Callable[[Any], Any]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that a condition holds for."""
    rows, columns = numpy.nonzero(of(picture))
    assert len(rows), "no ink"
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def checked(path: Path) -> None:
    """Lets qpdf judge a PDF."""
    done = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
