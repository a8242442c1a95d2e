"""The label of scenes and interfaces: over frames, in a real browser, and as a plane before a camera."""

from __future__ import annotations

import io
import json
import math
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from aigc_hooks import ConfigError, Provider, SceneLabel, UnsupportedOutputError, WordingError
from aigc_hooks.explicit.stencil import stencil

ACME = Provider(producer="acme")
VIEWPORTS = [(1920, 1080), (1080, 1920), (640, 640), (320, 200), (3840, 1600)]


@pytest.mark.parametrize("size", VIEWPORTS)
def test_over_the_opening_frame(size: tuple[int, int]) -> None:
    made = SceneLabel(provider=ACME).rgba(*size)
    assert made.shape == (size[1], size[0], 4)
    assert made.dtype == numpy.uint8
    frame = Image.new("RGB", size, (90, 140, 200))
    frame.paste(Image.fromarray(made), (0, 0), Image.fromarray(made))
    seen(numpy.asarray(frame.convert("L")), size)


def seen(picture: Any, size: tuple[int, int]) -> None:
    """White ink on a dark plate, high enough, at the edge, and nothing elsewhere."""
    width, height = size
    ink = picture > 235
    rows, columns = numpy.flatnonzero(ink.any(axis=1)), numpy.flatnonzero(ink.any(axis=0))
    shorter = min(size)
    assert rows[-1] - rows[0] + 1 >= 0.05 * shorter - 1
    assert height - rows[-1] < 0.1 * shorter
    assert width - columns[-1] < 0.1 * shorter
    plate = picture[rows[0] : rows[-1], columns[0] : columns[-1]]
    assert numpy.percentile(plate, 30) < 110


def test_a_viewport_that_is_too_small() -> None:
    with pytest.raises(UnsupportedOutputError, match="does not fit"):
        SceneLabel(provider=ACME).rgba(8, 8)


PAGE = """<!doctype html><html><head><meta charset="utf-8"><style>
body{{margin:0;background:#5a8cc8}} .tall{{height:4000px;background:linear-gradient(#5a8cc8,#5a8cc8)}}
.over{{position:fixed;inset:0;background:#5a8cc8;z-index:999999}}
.box{{position:relative;container-type:size;width:50vw;height:50vh}}</style></head>
<body>{body}<div class="tall"></div><div class="over"></div><script>{script}</script></body></html>"""
# A screenshot without a window shows the top of a page, wherever it was scrolled to: there the browser tells the place.
TELL = """window.scrollTo(0, 2500);
const r = document.querySelector("img").getBoundingClientRect();
document.body.dataset.told = JSON.stringify([r.left, r.top, r.right, r.bottom, innerWidth, innerHeight, scrollY]);"""


@pytest.fixture
def shot(command: Callable[..., bytes], tmp_path: Path) -> Callable[..., Any]:
    """What a browser shows of a page, as brightness."""

    def take(body: str, size: tuple[int, int]) -> Any:
        page, picture = tmp_path / "page.html", tmp_path / "page.png"
        page.write_text(PAGE.format(body=body, script=""), encoding="utf-8")
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={picture}"]
        command("chromium", *options, f"--window-size={size[0]},{size[1]}", page.as_uri())
        return numpy.asarray(Image.open(picture).convert("L"))

    return take


@pytest.mark.parametrize("size", [(1280, 720), (600, 900)])
def test_in_a_browser_of_any_size(shot: Callable[..., Any], size: tuple[int, int]) -> None:
    picture = shot(SceneLabel(provider=ACME).html(), size)
    seen(picture, (picture.shape[1], picture.shape[0]))


@pytest.mark.parametrize("zoom", ["html{zoom:0.5}", "body{zoom:0.7}", "body{zoom:1.5}"])
def test_a_page_that_is_zoomed(shot: Callable[..., Any], zoom: str) -> None:
    picture = shot(f"<style>{zoom}</style>{SceneLabel(provider=ACME).html()}", (900, 700))
    seen(picture, (picture.shape[1], picture.shape[0]))


def test_in_a_browser_it_stays_where_the_page_is_scrolled(command: Callable[..., bytes], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGE.format(body=SceneLabel(provider=ACME).html(), script=TELL), encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom", "--window-size=1000,700"]
    told = re.search(r'data-told="([^"]*)"', command("chromium", *options, page.as_uri()).decode())
    assert told is not None
    left, top, right, bottom, width, height, scrolled = json.loads(told[1])
    assert scrolled == 2500
    assert 0 < left < right < width
    assert 0 < top < bottom < height
    assert bottom - top >= 0.05 * min(width, height)
    assert height - bottom < 0.1 * min(width, height)


@pytest.mark.parametrize("position", ["top-left", "top", "right", "bottom", "bottom-left"])
def test_in_a_browser_at_another_place(shot: Callable[..., Any], position: str) -> None:
    picture = shot(SceneLabel(provider=ACME, image={"position": position}).html(), (800, 600))
    ink = picture > 235
    y, x = (numpy.flatnonzero(ink.any(axis=axis)).mean() / ink.shape[1 - axis] for axis in (1, 0))
    assert (y < 0.2) == ("top" in position)
    assert (y > 0.8) == ("bottom" in position)
    assert (x < 0.3) == ("left" in position)
    assert (x > 0.7) == ("right" in position)


HOSTILE = """<style>img {display:none; opacity:0; filter:brightness(.2); transform:scale(.1); transition:all 9s;
max-height:20px !important; margin:90px !important; inset:0 !important; padding:30px; box-sizing:border-box;
clip-path:inset(50%); mix-blend-mode:multiply; visibility:hidden; position:static !important}</style>"""


@pytest.mark.parametrize("inside", [False, True])
def test_styles_of_the_page_do_not_change_it(shot: Callable[..., Any], inside: bool) -> None:
    label = SceneLabel(provider=ACME).html(inside=inside)
    body = f'<div class="box" style="z-index:1000000">{label}</div>' if inside else label
    bare, hostile = shot(body, (1000, 700)), shot(HOSTILE + body, (1000, 700))
    assert (bare > 235).any()
    assert numpy.array_equal(hostile, bare)


def test_inside_an_element(shot: Callable[..., Any]) -> None:
    body = f'<div class="box" style="z-index:1000000">{SceneLabel(provider=ACME).html(inside=True)}</div>'
    picture = shot(body, (1280, 800))
    height, width = picture.shape
    seen(picture[: height // 2, : width // 2], (width // 2, height // 2))


def test_what_it_says_is_checked_and_told() -> None:
    assert 'alt="AI生成"' in SceneLabel(provider=ACME).html()
    assert "<script" not in SceneLabel(provider=ACME).html()
    with pytest.raises((WordingError, ConfigError)):
        SceneLabel(producer="acme", wording="AI")


@pytest.mark.parametrize(("field_of_view", "aspect"), [(1.0, 16 / 9), (0.5, 9 / 16), (2.0, 1.0)])
def test_a_plane_before_a_camera(field_of_view: float, aspect: float) -> None:
    data = SceneLabel(provider=ACME).plane(field_of_view=field_of_view, aspect=aspect)
    described, binary = parsed(data)
    view = described["bufferViews"]
    corners = numpy.frombuffer(binary[: view[0]["byteLength"]], "<f4").reshape(-1, 3)
    half = math.tan(field_of_view / 2)
    # As a camera sees it: in shares of the viewport.
    seen_at = corners[:, :2] / -corners[:, 2:] / (half * aspect, half)
    assert numpy.abs(seen_at).max() <= 1
    assert seen_at[:, 0].max() > 0.9
    assert seen_at[:, 1].min() < -0.9
    png = binary[view[3]["byteOffset"] : view[3]["byteOffset"] + view[3]["byteLength"]]
    with Image.open(io.BytesIO(png)) as image:
        ink = numpy.asarray(image.convert("LA"))[..., 0] > 200
    rows = numpy.flatnonzero(ink.any(axis=1))
    share = (rows[-1] - rows[0] + 1) / ink.shape[0] * (seen_at[:, 1].max() - seen_at[:, 1].min()) / 2
    shorter = 1.0 if aspect >= 1 else aspect
    assert share >= 0.05 * shorter * 0.99


def parsed(data: bytes) -> tuple[Any, bytes]:
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    count, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    size, kind = struct.unpack_from("<I4s", data, 20 + count)
    assert kind == b"BIN\0"
    assert 28 + count + size == len(data)
    return json.loads(data[20 : 20 + count]), data[28 + count :]


def test_a_camera_that_is_none() -> None:
    with pytest.raises(ConfigError, match="give radians between 0 and pi"):
        SceneLabel(provider=ACME).plane(field_of_view=4.0)


def test_it_is_the_label_of_pictures() -> None:
    made = SceneLabel(provider=ACME).rgba(640, 480)
    left, top, right, bottom = stencil(640, 480, ACME).box
    assert made[..., 3].any()
    made[top:bottom, left:right] = 0
    assert not made.any()
