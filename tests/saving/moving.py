"""Films that move, and what decoders that this project did not write show of a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Command = Callable[..., bytes]
numbers: Iterator[int] = iter(range(1 << 20))


def film(count: int = 8, width: int = 160, height: int = 96) -> list[Image.Image]:
    """Frames that move, of another film at each call."""
    random = np.random.default_rng(next(numbers))
    coarse = Image.fromarray(random.integers(30, 150, (5, 8, 3), dtype=np.uint8)).resize((width, height), 3)
    return [Image.fromarray(np.roll(np.asarray(coarse), 2 * number, 1)) for number in range(count)]


def arrays(frames: list[Image.Image]) -> list[Any]:
    return [np.asarray(frame) for frame in frames]


def decoded(path: Path, command: Command) -> Any:
    """The frames of a file as ffmpeg shows them, (F,H,W) brightness."""
    probed = command(
        "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=width,height", "-of", "json", path
    )
    stream = json.loads(probed)["streams"][0]
    raw = command(
        "ffmpeg", "-v", "error", "-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"
    )
    return np.frombuffer(raw, np.uint8).reshape(-1, stream["height"], stream["width"])


def ink_in(frame: Any) -> tuple[int, int]:
    """How high the bright text is in the lower right of a frame whose content is darker, and its last row."""
    height, width = frame.shape
    rows = np.flatnonzero((frame[height // 2 :, width // 2 :] > 190).any(axis=1))
    return (int(rows[-1] - rows[0]) + 1, height // 2 + int(rows[-1])) if len(rows) else (0, 0)


def shows(frame: Any) -> bool:
    height, last = ink_in(frame)
    return height >= 0.05 * min(frame.shape) and last >= 0.85 * frame.shape[0]


def key(path: Path, command: Command) -> dict[str, str]:
    """The key as ExifTool reads it: exactly one."""
    lines = command("exiftool", "-a", "-u", "-ee", "-G1", "-s", path).decode().splitlines()
    (line,) = [line for line in lines if "ContentProducer" in line]
    found: dict[str, str] = json.loads(line.partition(": ")[2])
    return found
