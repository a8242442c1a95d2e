"""One sample of each kind, labelled by a provider's settings as its own content would be."""

from __future__ import annotations

import array
import math
import wave
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageOps

from aigc_hooks.checking import check
from aigc_hooks.cli import screenshots
from aigc_hooks.duties import evidence_pdf
from aigc_hooks.duties.evidence import Sample
from aigc_hooks.explicit.scene import SceneLabel
from aigc_hooks.labelling import label, save
from aigc_hooks.on_disk import label_metadata
from aigc_hooks.provider import Provider
from aigc_hooks.reading import read_label

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

RATE = 24_000
_SECONDS = 2
_FPS, _FRAMES = 12, 36
_SCENE = (1280, 720)

_TEXT = """# 样例 Sample

这是一段用于展示标识的样例文本，由程序生成，不含任何用户数据。

This is a sample that shows the labels.
A program wrote it; it holds no user's data.
"""


class _Kind(NamedTuple):
    """What makes a sample, and gives a look at it."""

    name: str
    title: str
    file: str
    make: Callable[[Path, Provider], Picture]


def make(folder: Path, provider: Provider) -> tuple[Sample, ...]:
    """Makes the samples and their screenshots in a folder.

    Raises:
        AIGCHooksError: One cannot be labelled.
    """
    return tuple(_made(kind, folder, provider) for kind in _KINDS)


def _made(kind: _Kind, folder: Path, provider: Provider) -> Sample:
    path, shot = folder / "samples" / kind.file, folder / "screenshots" / f"{kind.name}.png"
    for each in (path, shot):
        each.parent.mkdir(exist_ok=True)
        each.unlink(missing_ok=True)
    shown = kind.make(path, provider)
    shown.info.clear()  # a look at content is another file, with a label of its own
    shown.save(shot, "PNG")
    label_metadata(shot, None, provider)
    name = path.relative_to(folder).as_posix()
    return Sample(
        kind=kind.name,
        title=kind.title,
        path=name,
        screenshot=shot.relative_to(folder).as_posix(),
        shown=shot.read_bytes(),
        reading=read_label(path),
        report=replace(check(path, provider=provider), path=name),
        data=path.read_bytes(),
    )


def _text(path: Path, provider: Provider) -> Picture:
    path.write_text(_TEXT, encoding="utf-8")
    label(path, provider=provider)
    return screenshots.page(path.read_text(encoding="utf-8").split("---\n")[-1])  # without its front matter


def _document(path: Path, provider: Provider) -> Picture:
    """A text on a page, which is labelled as any other PDF."""
    text = _TEXT.strip().lstrip("# ")
    pdf = evidence_pdf.blank()
    pdf.set_title("样例 Sample")
    pdf.add_page()
    pdf.set_font("label", size=14)
    for line in text.splitlines():
        pdf.write(10, line)
        pdf.ln(10)
    path.write_bytes(bytes(pdf.output()))
    label(path, provider=provider)
    return screenshots.sheet(text, provider)


def _image(path: Path, provider: Provider) -> Picture:
    _gradient(768, 512).save(path)
    label(path, provider=provider)
    return screenshots.picture(path)


def _gradient(width: int, height: int) -> Picture:
    light = Image.radial_gradient("L").resize((width, height))
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    return Image.merge("RGB", (light, across, Image.new("L", (width, height), 160)))


def _sound(path: Path, provider: Provider) -> Picture:
    """Two tones that rise and fall, at the loudness of speech."""
    samples = array.array("h")
    for n in range(_SECONDS * RATE):
        swell = math.sin(math.pi * n / (_SECONDS * RATE))
        samples.append(round(6000 * swell * (math.sin(n / 17) + 0.5 * math.sin(n / 11))))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    label(path, provider=provider)
    return screenshots.waveform(path)


def _film(path: Path, provider: Provider) -> Picture:
    first = _gradient(640, 360)
    frames = [ImageChops.offset(first, 640 * number // _FRAMES, 0) for number in range(_FRAMES)]
    save(frames, path, fps=_FPS, provider=provider)
    return screenshots.frames(path)


def _scene(path: Path, provider: Provider) -> Picture:
    """A web page that is a scene: the look around goes on, the label stays."""
    picture, landscape = BytesIO(), _landscape()
    landscape.save(picture, "JPEG", quality=85)
    data = b64encode(picture.getvalue()).decode()
    path.write_text(
        '<!DOCTYPE html>\n<html lang="zh"><head><meta charset="utf-8"><title>样例 Sample</title><style>\n'
        "body { margin: 0; height: 100vh; overflow: hidden; animation: look 60s linear infinite;\n"
        f"  background: url(data:image/jpeg;base64,{data}) 0 / auto 100% repeat-x }}\n"
        f"@keyframes look {{ to {{ background-position-x: -{100 * _SCENE[0] / _SCENE[1]:.2f}vh }} }}\n"
        f"</style></head>\n<body>{SceneLabel(provider=provider).html()}</body></html>\n",
        encoding="utf-8",
    )
    label_metadata(path, None, provider)
    return screenshots.scene(landscape, provider)


def _landscape() -> Picture:
    """Hills under a sky, which meet where the picture begins anew."""
    width, height = _SCENE
    image = ImageOps.colorize(Image.linear_gradient("L").resize(_SCENE), "#4682c8", "#faf0e0")
    pen = ImageDraw.Draw(image)
    for depth, colour in enumerate(("#7fa08a", "#5a8068", "#37594a")):
        heights = [math.sin((depth + 1) * math.tau * x / width + depth) for x in range(width + 1)]
        ridge = [(x, height * (0.55 + 0.13 * depth) - 45 * y) for x, y in enumerate(heights)]
        pen.polygon([(0, height), *ridge, (width, height)], fill=colour)
    return image


_KINDS = (
    _Kind("text", "文本 Text", "sample.md", _text),
    _Kind("document", "文档 Document (PDF)", "sample.pdf", _document),
    _Kind("image", "图片 Picture", "sample.png", _image),
    _Kind("audio", "音频 Sound (波形 waveform)", "sample.wav", _sound),
    _Kind("video", "视频 Film (起始和中间画面 start and middle frame)", "sample.mp4", _film),
    _Kind("scene", "虚拟场景 Virtual scene (起始画面 start frame)", "sample.html", _scene),
)
