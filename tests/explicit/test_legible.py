"""Legible on any background (checklist I-05, I-06, W-05, W-07)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageOps

import aigc_hooks
from aigc_hooks import AIGCHooksError, ConfigError, ImageStyle, Provider, WordingError, label
from aigc_hooks.explicit import picture

OWN = Path(aigc_hooks.__file__).parent / "explicit" / "fonts" / "NotoSansCJKsc-Label.otf"
NAMES = ["white", "black", "red", "yellow", "grey", "noise", "checkerboard", "stripes"]


def font_with(path: Path, glyphs: dict[str, str | None]) -> Path:
    """A font made of the shipped one, in which some characters have another one's glyph, or none."""
    font = TTFont(OWN)
    shipped = font.getBestCmap()
    for table in font["cmap"].tables:
        for character, other in glyphs.items():
            table.cmap.pop(ord(character), None)
            if other is not None:
                table.cmap[ord(character)] = shipped[ord(other)]
    font.save(path)
    return path


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Relative luminance by WCAG 2.2."""
    share = pixels / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("opacity", [None, 0.55, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_contrast_of_text_and_plate(name, opacity, backgrounds, text_on_black):
    style = ImageStyle() if opacity is None else ImageStyle(opacity=opacity)
    provider = Provider(producer="acme", image=style)
    plain = backgrounds(480, 360)[name]
    seen = luminance(np.asarray(label(plain, provider=provider), float))
    ink = text_on_black(480, 360, provider)
    rows, columns = np.nonzero(ink)
    box = np.zeros(ink.shape, bool)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    text, plate = seen[ink == 255], seen[box & (ink == 0)]
    assert len(text) > 100
    assert len(plate) > 100
    ratio = (text.min() + 0.05) / (plate.max() + 0.05)
    assert ratio >= (7 if opacity is None else 4.5)


@pytest.mark.parametrize("opacity", [0.05, 0.5, 0, -1, 1.1, float("nan")])
def test_opacity_that_would_hide_the_label_is_refused(opacity):
    with pytest.raises(ConfigError, match="opacity"):
        ImageStyle(opacity=opacity)


@pytest.mark.parametrize("name", ["white", "black", "red", "grey", "noise", "stripes"])
@pytest.mark.parametrize("wording", ["AI生成", "本内容由人工智能生成"])
def test_a_text_recogniser_reads_it(name, wording, backgrounds, tmp_path: Path, command: Callable[..., bytes]):
    plain = backgrounds(1024, 768)[name]
    seen = label(plain.copy(), producer="acme", wording=wording)
    # What a reader's eye does: look where the plate is, and see light text on dark.
    box = ImageChops.difference(plain, seen).getbbox()
    line = ImageOps.invert(seen.crop(box).convert("L")).point(lambda value: 0 if value < 90 else 255)
    page = Image.new("L", (line.width + 80, line.height + 80), 255)
    page.paste(line, (40, 40))
    page.save(tmp_path / "page.png", dpi=(150, 150))
    text = command("tesseract", tmp_path / "page.png", "-", "-l", "chi_sim+eng", "--psm", "7").decode()
    assert wording in "".join(text.split()).replace("Al", "AI")


def test_english_beside_chinese(text_on_black):
    ink = text_on_black(900, 500, Provider(producer="acme", wording="AI生成 / AI-generated"))
    short = text_on_black(900, 500, Provider(producer="acme", wording="AI生成"))
    assert ink.sum() > 2 * short.sum()
    with pytest.raises((WordingError, ConfigError), match="生成"):
        Provider(producer="acme", wording="AI-generated")


@pytest.mark.parametrize("glyphs", [{"生": "成", "成": "生"}, {}])
def test_a_font_of_ones_own_wins(glyphs, tmp_path: Path, text_on_black, provider):
    font = font_with(tmp_path / "own.otf", glyphs)
    own = text_on_black(600, 600, Provider(producer="acme", image=ImageStyle(font=font)))
    shipped = text_on_black(600, 600, provider)
    assert (own == shipped).all() == (not glyphs)
    rows, _ = np.nonzero(own >= own.max() / 2)
    assert rows.max() + 1 - rows.min() >= 30


def test_a_missing_glyph_is_named_and_never_drawn_as_a_box(tmp_path: Path):
    plain = Image.new("RGB", (300, 300))
    font = font_with(tmp_path / "lacking.otf", {"生": None, "成": None})
    provider = Provider(producer="acme", image=ImageStyle(font=font))
    with pytest.raises(ConfigError, match=r"no glyph for '[生成]' \(U\+"):
        picture.draw(plain, provider)
    with pytest.raises(AIGCHooksError, match=r"no glyph for '[生成]'"):
        label(plain, provider=provider)
    assert plain.getbbox() is None
    assert not plain.info


@pytest.mark.parametrize("content", [None, b"", b"no font at all", OWN.read_bytes()[:5000]])
def test_an_unreadable_font_is_a_wrong_setting(content, tmp_path: Path):
    path = tmp_path / "font.otf"
    if content is not None:
        path.write_bytes(content)
    plain = Image.new("RGB", (300, 300))
    provider = Provider(producer="acme", image=ImageStyle(font=path))
    with pytest.raises(ConfigError, match=r"font\.otf"):
        picture.draw(plain, provider)
    with pytest.raises(AIGCHooksError, match=r"font\.otf"):
        label(plain, provider=provider)
    assert plain.getbbox() is None
