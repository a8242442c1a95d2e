"""One sample of each kind, labelled by a provider's settings as its own content would be, and a look at its label."""

from __future__ import annotations

import array
import io
import math
import wave
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from aigc_hooks.duties.evidence import Sample
from aigc_hooks.explicit.lettering import SHIPPED_FONT, break_lines
from aigc_hooks.labelling import label
from aigc_hooks.provider import Provider
from aigc_hooks.reading import read_label

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

RATE = 24_000
_SECONDS = 2
_WIDTH, _MARGIN = 960, 40

_TEXT = """# 样例 Sample

这是一段用于展示标识的样例文本，由程序生成，不含任何用户数据。

This is a sample that shows the labels. A program wrote it; it holds no user's data.
"""


def make(folder: Path, provider: Provider) -> tuple[Sample, ...]:
    """Makes the samples in a folder.

    Raises:
        AIGCHooksError: One cannot be labelled.
    """
    makers: tuple[tuple[str, str, str, Callable[[Path], None], Callable[[Path], Picture]], ...] = (
        ("text", "文本 Text", "sample.md", _write_text, _page),
        ("image", "图片 Picture", "sample.png", _write_picture, _picture),
        ("audio", "音频 Sound (波形 waveform)", "sample.wav", _write_sound, _waveform),
    )
    samples = []
    for kind, title, name, write, look in makers:
        path = folder / name
        write(path)
        label(path, provider=provider)
        shot = io.BytesIO()
        look(path).save(shot, "PNG", optimize=True)
        reading = read_label(path)
        samples.append(Sample(kind, title, f"{folder.name}/{name}", shot.getvalue(), reading, path.read_bytes()))
    return tuple(samples)


def _write_text(path: Path) -> None:
    path.write_text(_TEXT, encoding="utf-8")


def _write_picture(path: Path) -> None:
    light = Image.radial_gradient("L").resize((768, 512))
    across = Image.linear_gradient("L").rotate(90).resize((768, 512))
    Image.merge("RGB", (light, across, Image.new("L", (768, 512), 160))).save(path)


def _write_sound(path: Path) -> None:
    """Two tones that rise and fall, at the loudness of speech."""
    samples = array.array("h")
    for n in range(_SECONDS * RATE):
        swell = math.sin(math.pi * n / (_SECONDS * RATE))
        samples.append(round(6000 * swell * (math.sin(n / 17) + 0.5 * math.sin(n / 11))))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def _picture(path: Path) -> Picture:
    with Image.open(path) as image:
        shown: Picture = image.convert("RGB")
    return shown


def _page(path: Path) -> Picture:
    """A text as a reader sees it: without its front matter."""
    body = path.read_text(encoding="utf-8").split("---\n")[-1]
    font = ImageFont.truetype(SHIPPED_FONT, 28)
    lines = [part for line in body.splitlines() for part in (break_lines(line, font, _WIDTH - 2 * _MARGIN) or [""])]
    image = Image.new("RGB", (_WIDTH, 2 * _MARGIN + 44 * len(lines)), "white")
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((_MARGIN, _MARGIN + 44 * number), line, fill="black", font=font)
    return image


def _waveform(path: Path) -> Picture:
    with wave.open(str(path), "rb") as file:
        samples = array.array("h", file.readframes(file.getnframes()))
    height = 240
    image = Image.new("RGB", (_WIDTH, height), "white")
    pen = ImageDraw.Draw(image)
    peak = max(max(samples), -min(samples), 1)
    for x in range(_WIDTH):
        part = samples[len(samples) * x // _WIDTH : max(len(samples) * (x + 1) // _WIDTH, 1)]
        top, bottom = (height / 2 - value / peak * height * 0.45 for value in (max(part), min(part)))
        pen.line((x, top, x, bottom), fill="teal")
    return image
