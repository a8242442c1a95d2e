"""The hot paths of films: the label in the frames of a usual film, and what it costs to export one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy
import torch
from diffusers.utils import export_to_video
from measuring import Rows, ratio
from PIL import Image

import aigc_hooks
from aigc_hooks.provider import Provider

PROVIDER = Provider(producer="benchmark")
FRAMES, HEIGHT, WIDTH = 49, 480, 832
FPS = 16


def frames() -> list[Image.Image]:
    """Something that moves and compresses as a film does."""
    coarse = numpy.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=numpy.uint8)
    picture = numpy.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), 3))
    return [Image.fromarray(numpy.roll(picture, 3 * number, 1)) for number in range(FRAMES)]


def video(rows: Rows) -> None:
    """A film as tensor and as pictures, and its export."""
    plain = torch.rand(FRAMES, 3, HEIGHT, WIDTH)
    spare = plain.clone()
    measured = ratio(
        lambda: aigc_hooks.label(spare, fps=FPS, provider=PROVIDER),
        plain.clone,
        rounds=15,
        before=lambda: spare.copy_(plain),
    )
    rows.append((f"label {FRAMES} frames of {HEIGHT}×{WIDTH}, float32 tensor", "`tensor.clone()`", 0.25, measured))
    pictures, film = frames(), [frame.copy() for frame in frames()]

    def unlabel() -> None:
        for target, source in zip(film, pictures, strict=True):
            target.info.clear()
            target.paste(source)

    measured = ratio(
        lambda: aigc_hooks.label(film, fps=FPS, provider=PROVIDER),
        lambda: [frame.copy() for frame in pictures],
        rounds=25,
        before=unlabel,
    )
    rows.append((f"label {FRAMES} PIL frames of {HEIGHT}×{WIDTH}", "`Image.copy()` of each", 0.5, measured))
    unlabel()
    aigc_hooks.label(film, fps=FPS, provider=PROVIDER)
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder, "labelled.mp4"), Path(folder, "plain.mp4")

        def fresh() -> None:
            """To a new file each time: how a file system replaces an old one is its own affair."""
            one.unlink(missing_ok=True)
            other.unlink(missing_ok=True)

        measured = ratio(
            lambda: export_to_video(film, str(one), fps=FPS),
            lambda: export_to_video(pictures, str(other), fps=FPS),
            rounds=15,
            before=fresh,
        )
        assert aigc_hooks.read_label(one).conforms
        assert not aigc_hooks.read_label(other).found
    rows.append(("`export_to_video` of labelled frames", "that of unlabelled ones", 1.03, measured))
