"""How labelled content looks: a text as a page, a sound as its waveform, a film by two of its pictures."""

from __future__ import annotations

import array
import re
import wave
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from aigc_hooks.explicit.lettering import SHIPPED_FONT, wrap
from aigc_hooks.explicit.scene import SceneLabel
from aigc_hooks.explicit.text import RAISED, sign_of
from aigc_hooks.provider import Provider

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_WIDTH, _MARGIN, _LINE = 960, 40, 44


def _raised(line: str) -> list[tuple[str, bool]]:
    """The pieces of a line, and whether each is a corner mark: its letters stand in few fonts, and are drawn small."""
    pieces = re.split(f"({RAISED})", line)
    return [("AI" if piece == RAISED else piece, piece == RAISED) for piece in pieces if piece]


def page(text: str) -> Picture:
    """A text as a reader sees it."""
    font, small = (ImageFont.truetype(SHIPPED_FONT, size) for size in (28, 17))
    lines = [part for line in text.splitlines() for part in (wrap(line, font, _WIDTH - 2 * _MARGIN) or [""])]
    image = Image.new("RGB", (_WIDTH, 2 * _MARGIN + _LINE * len(lines)), "white")
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        left = float(_MARGIN)
        for piece, mark in _raised(line):
            of = small if mark else font
            pen.text((left, _MARGIN + _LINE * number), piece, fill="black", font=of)
            left += of.getlength(piece)
    return image


def sheet(text: str, provider: Provider) -> Picture:
    """A text on a page that shows its label above it or below it, as a labelled PDF does."""
    sign, body = sign_of(provider), page(text)
    font = ImageFont.truetype(SHIPPED_FONT, 20)
    words = "AI" if sign.corner else sign.words
    image = Image.new("RGB", (body.width, body.height + 2 * _LINE), "white")
    image.paste(body, (0, _LINE))
    pen = ImageDraw.Draw(image)
    left = body.width - _MARGIN - font.getlength(words) if sign.corner else (body.width - font.getlength(words)) / 2
    for place, top in (("start", _LINE / 2), ("end", image.height - _LINE)):
        if provider.text.position in (place, "both"):
            pen.text((left, top), words, fill="black", font=font)
    return image


def picture(path: Path) -> Picture:
    """A picture without its metadata."""
    with Image.open(path) as image:
        shown: Picture = image.convert("RGB")
    shown.info.clear()
    return shown


def waveform(path: Path) -> Picture:
    """A WAV file of 16 bits."""
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


def frames(path: Path) -> Picture:
    """The start frame of a film, and the one in its middle."""
    import av

    with av.open(str(path)) as container:
        found = [frame.to_image() for frame in container.decode(video=0)]
    first, middle = found[0], found[len(found) // 2]
    gap = 12
    image = Image.new("RGB", (2 * first.width + gap, first.height), "white")
    image.paste(first, (0, 0))
    image.paste(middle, (first.width + gap, 0))
    return image


def scene(behind: Picture, provider: Provider) -> Picture:
    """The start frame of a scene on a web page, where its label has the size and the place of ``SceneLabel.html``."""
    width, height = behind.size
    side = min(width, height)
    label = Image.fromarray(SceneLabel(provider=provider).rgba(side, side))
    position = provider.image.position
    left = 0 if "left" in position else width - side if "right" in position else (width - side) // 2
    top = 0 if "top" in position else height - side if "bottom" in position else (height - side) // 2
    image = behind.convert("RGB")
    image.paste(label, (left, top), label.getchannel("A"))
    return image
