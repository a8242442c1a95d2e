"""SVG: the label as outlines, seen in a browser at several sizes (I-13)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from aigc_hooks import CarrierError, LabelError, Provider, label, read_label

from .looks import ink_box

SPACE = 'xmlns="http://www.w3.org/2000/svg"'
BLUE = '<rect x="-9999" y="-9999" width="29999" height="29999" fill="#5a8cc8"/>'
BLUE_S = BLUE.replace("<", "<s:")
ROUND = '<circle r="9999" fill="#5a8cc8"/>'
STYLE = """path, rect { display: none !important; fill: red } g { opacity: 0 }
g { transform: scale(0); animation: x 1s infinite }
@keyframes x { to { fill: none; transform: scale(0) } }"""
PICTURES = {
    "wide": (f'<svg {SPACE} viewBox="0 0 400 300">{BLUE}</svg>', 4 / 3),
    "small": (f'<s:svg xmlns:s="http://www.w3.org/2000/svg" viewBox="-1 -1 2 3">{BLUE_S}</s:svg>', 2 / 3),
    "large": (f'<svg {SPACE} viewBox="0,0,9000,3000">{BLUE}</svg>', 3.0),
    "styled": (f"<svg {SPACE} viewBox='0 0 100 100'><style>{STYLE}</style>{ROUND}</svg>", 1.0),
}


def shown(shot: Callable[..., Any], page: Path, pictures: list[tuple[Path, int, int]]) -> list[Any]:
    """Some pictures at some sizes, one below the other in a browser."""
    images = [f'<img width={width} height={height} src="{path.as_uri()}">' for path, width, height in pictures]
    page.write_text(f'<body style="margin:0"><style>img{{display:block}}</style>{"".join(images)}')
    whole = shot(page, max(width for _, width, _ in pictures), sum(height for _, _, height in pictures))
    found, top = [], 0
    for _, width, height in pictures:
        found.append(whole[top : top + height, :width])
        top += height
    return found


@pytest.mark.parametrize("name", PICTURES)
def test_at_any_size_it_is_high_enough_and_at_its_place(
    name: str, provider: Provider, tmp_path: Path, shot: Callable[..., Any]
) -> None:
    data, ratio = PICTURES[name]
    path = tmp_path / "a.svg"
    path.write_text(data)
    label(path, provider=provider)
    sizes = [(round(short * max(ratio, 1)), round(short / min(ratio, 1))) for short in (120, 333, 800)]
    for seen in shown(shot, tmp_path / "a.html", [(path, *size) for size in sizes]):
        height, width = seen.shape
        left, top, right, bottom = ink_box(seen, lambda picture: picture > 200)
        assert bottom - top >= 0.05 * min(width, height)
        assert height - bottom < 0.1 * min(width, height)
        assert width - right < 0.1 * min(width, height)
        assert seen[top:bottom, left:right].min() < 70
    assert read_label(path).conforms


def test_at_other_places(provider: Provider, tmp_path: Path, shot: Callable[..., Any]) -> None:
    paths = [tmp_path / f"{position}.svg" for position in ("top-left", "top", "right", "bottom-left")]
    for path in paths:
        path.write_text(PICTURES["wide"][0])
        label(path, provider=provider, image={"position": path.stem, "wording": "人工智能生成", "height": 0.1})
    pages = shown(shot, tmp_path / "a.html", [(path, 400, 300) for path in paths])
    for path, seen in zip(paths, pages, strict=True):
        left, top, right, bottom = ink_box(seen, lambda picture: picture > 200)
        assert bottom - top >= 30
        assert "top" not in path.stem or top < 30
        assert "bottom" not in path.stem or bottom > 270
        assert "left" not in path.stem or left < 30
        assert "right" not in path.stem or right > 370


def test_what_is_seen_of_a_picture_counts(provider: Provider, tmp_path: Path, shot: Callable[..., Any]) -> None:
    pictures = {
        'width="4in" height="80mm"': (384, 302),
        'viewBox="0 0 100 1000" width="500" height="200" preserveAspectRatio="none"': (500, 200),
        'viewBox="0 0 100 1000" width="500" height="200" preserveAspectRatio="xMidYMax slice"': (500, 200),
        'viewBox="0 0 1000 100" width="200px" height="500px" preserveAspectRatio="xMinYMid slice"': (200, 500),
    }
    found = []
    for number, (attributes, size) in enumerate(pictures.items()):
        path = tmp_path / f"{number}.svg"
        path.write_text(f"<svg {SPACE} {attributes}>{BLUE}</svg>")
        found.append((label(path, provider=provider), *size))
    for seen in shown(shot, tmp_path / "a.html", found):
        height, width = seen.shape
        _, top, right, bottom = ink_box(seen, lambda picture: picture > 200)
        assert bottom - top >= 0.05 * min(width, height)
        assert height - bottom < 0.1 * min(width, height)
        assert width - right < 0.1 * min(width, height)


def test_what_others_read_in_it(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    before = (
        '<?xml version="1.0" encoding="iso-8859-1"?>\r\n<!DOCTYPE svg [<!ENTITY blue "#5a8cc8">]>\r\n'
        f"<svg {SPACE} viewBox='0 0 40 30'><rect  width='40' fill='&blue;'/><!-- caf\xe9 --></svg>\r\n"
    ).encode("latin-1")
    path.write_bytes(before)
    label(path, provider=provider, image={"wording": "AI生成 <&>"})
    root = etree.parse(path).getroot()
    assert root[-1].get("aria-label") == "AI生成 <&>"
    assert root[-1].findtext("{*}title") == "AI生成 <&>"
    data = path.read_bytes()
    left = re.sub(rb"<g [^>]*data-aigc-label.*?</g>|<metadata>.*?</metadata>", b"", data)
    assert left == before
    label(path, provider=provider, image={"wording": "AI生成 <&>"})
    assert path.read_bytes() == data
    label(path, provider=provider)
    assert [each.get("aria-label") for each in etree.parse(path).iterfind(".//{*}g")] == ["AI生成"]


def test_what_was_drawn_over_it_goes_under_it(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text(f"<svg {SPACE} viewBox='0 0 40 30'/>")
    label(path, provider=provider)
    path.write_text(path.read_text(encoding="utf-8").replace("</svg>", f"{BLUE}</svg>"), encoding="utf-8")
    label(path, provider=provider)
    names = [etree.QName(child).localname for child in etree.parse(path).getroot()]
    assert names == ["metadata", "rect", "g"]


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ("", "neither a viewBox nor"),
        ('width="100%" height="100%"', "neither a viewBox nor"),
        ('viewBox="0 0 0 5"', "neither a viewBox nor"),
        ('viewBox="0 0 1e999 5"', "neither a viewBox nor"),
        ('viewBox="0 0 5 5" preserveAspectRatio="xMidYMid slice"', "cut or stretched"),
        ('viewBox="0 0 5 5" preserveAspectRatio="none" width="100%"', "cut or stretched"),
    ],
)
def test_a_picture_whose_size_is_not_known_is_refused(
    attributes: str, error: str, provider: Provider, tmp_path: Path
) -> None:
    path = tmp_path / "a.svg"
    path.write_text(f"<svg {SPACE} {attributes}>{BLUE}</svg>")
    before = path.read_bytes()
    with pytest.raises(CarrierError, match=error):
        label(path, provider=provider)
    assert path.read_bytes() == before


def test_a_wording_that_does_not_fit(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text(f"<svg {SPACE} viewBox='0 0 100 1'/>")
    label(path, provider=provider)
    path.write_text(f"<svg {SPACE} viewBox='0 0 40 30'/>")
    with pytest.raises(LabelError, match="does not fit"):
        label(path, provider=provider, image={"wording": "本图片由人工智能生成" * 4, "height": 0.4})
