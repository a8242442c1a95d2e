"""HTML pages: the label at the start or the end of the body, seen in a browser (T-01 to T-05)."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from aigc_hooks import CarrierError, Provider, label, read_label
from aigc_hooks.explicit.text import NOTICE

HEAD = '<!doctype html><html><head><meta charset="utf-8"><title>春</title></head>'
PAGES = {
    "whole": HEAD + "<body>\n<h1>春眠</h1><p>不觉晓</p>\n</body></html>\n",
    "without body": "<!doctype html><title>x</title>Hello <b>you</b><p>para",
    "not closed": "<!doctype html><html><head></head><body><div><p>a</p></div>",
    "script": "<!doctype html><html><body><p>a</p><script>var x='</p><body></body>'</script></body></html>",
    "comment": "<!doctype html><body><p>a</p><!-- </body> --> tail",
    "empty": "<!doctype html><html><head></head><body></body></html>",
    "latin": "<!doctype html><html><head><meta charset=iso-8859-1></head><body><p>caf\xe9</p></body></html>",
    "list": "<!doctype html><body><ul><li>a<li>b</ul><table><tr><td>c</table></body>",
}
HOSTILE = """<!doctype html><html><head><meta charset="utf-8"><style>
p, sup { display: none !important; color: #fff !important; font-size: 0 !important; opacity: 0 !important }
p, sup { transform: scale(0) !important; text-indent: -9999px }
* { visibility: hidden } body { background: #000; color: #000 }
</style></head><body><div>x</div></body></html>"""


class Text(HTMLParser):
    """The text of a page in order, without that of its head."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.raised: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "br", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not set(self._open) & {"title", "script", "style"}:
            self.found.append(data.strip())
            if "sup" in self._open:
                self.raised.append(data.strip())


@pytest.mark.parametrize("position", ["end", "start", "both"])
@pytest.mark.parametrize("name", PAGES)
def test_a_notice_where_it_is_asked_for(name: str, position: str, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    before = PAGES[name].encode("latin-1" if name == "latin" else "utf-8")
    path.write_bytes(before)
    assert label(path, provider=provider, text={"position": position}) == path
    data = path.read_bytes()
    found = Text(data.decode("latin-1" if name == "latin" else "utf-8")).found
    assert (found[0] == NOTICE) == (position != "end" or name == "empty")
    assert (found[-1] == NOTICE) == (position != "start" or name == "empty")
    assert found.count(NOTICE) == (2 if position == "both" else 1)
    assert read_label(path).conforms
    # Every other byte is as it was.
    left = re.sub(rb'\n?<p data-aigc-label="start".*?</p>|<p data-aigc-label="end".*?</p>\n', b"", data)
    assert re.sub(rb'\n?\s*<meta name="AIGC"[^>]*>', b"", left) == before
    label(path, provider=provider, text={"position": position})
    assert path.read_bytes() == data


@pytest.mark.parametrize("name", PAGES)
def test_a_corner_mark_stands_at_the_text(name: str, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(PAGES[name].encode("latin-1" if name == "latin" else "utf-8"))
    for position, at in (("end", -1), ("start", 0)):
        label(path, provider=provider, text={"position": position, "mark": "corner"})
        found = Text(path.read_bytes().decode("latin-1"))
        assert found.raised == ["AI"]
        assert found.found[at] == "AI"
    assert b"</sup>" in path.read_bytes()
    label(path, provider=provider, text={"mark": "corner"})
    if name == "whole":
        assert "不觉晓<sup" in path.read_text(encoding="utf-8")


SEEN = """JSON.stringify([...document.querySelectorAll('[data-aigc-label]')].map(e => {
const s = getComputedStyle(e), r = e.getBoundingClientRect();
return [e.innerText, s.color, s.backgroundColor, s.visibility, s.opacity, parseFloat(s.fontSize), r.width, r.height,
r.left, s.verticalAlign] }))"""


@pytest.mark.parametrize("mark", ["notice", "corner"])
@pytest.mark.parametrize("page", [PAGES["whole"], PAGES["without body"], HOSTILE], ids=["whole", "bare", "hostile"])
def test_a_browser_shows_it_legibly(
    page: str, mark: str, provider: Provider, tmp_path: Path, told: Callable[[Path, str], str]
) -> None:
    path = tmp_path / "a.html"
    path.write_text(page, encoding="utf-8")
    label(path, provider=provider, text={"position": "both", "mark": mark})
    found = json.loads(told(path, SEEN).replace("&quot;", '"'))
    assert len(found) == 2
    for text, colour, paper, visibility, opacity, size, width, height, left, raised in found:
        assert text == ("AI" if mark == "corner" else NOTICE)
        assert (colour, paper, visibility, opacity) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)", "visible", "1")
        assert size >= 12
        assert width >= 8
        assert height >= 8
        assert left >= 0
        assert (raised == "super") == (mark == "corner")


def test_another_wording_replaces_ours(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(PAGES["whole"], encoding="utf-8")
    label(path, provider=provider)
    label(path, provider=provider, text={"wording": "人工智能合成 <&>", "position": "start"})
    assert Text(path.read_text(encoding="utf-8")).found == ["人工智能合成 <&>", "春眠", "不觉晓"]


def test_a_corner_mark_replaces_a_notice_in_the_paragraph_before(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(PAGES["whole"], encoding="utf-8")
    label(path, provider=provider)
    label(path, provider=provider, text={"mark": "corner"})
    assert "不觉晓<sup" in path.read_text(encoding="utf-8")


def test_a_text_that_was_labelled_before_it_became_a_page(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    inside = label("<p>春</p>", provider=provider, text={"markup": "html"})
    path.write_text(f"{HEAD}<body>{inside}</body></html>", encoding="utf-8")
    label(path, provider=provider)
    assert Text(path.read_text(encoding="utf-8")).found == ["春", NOTICE]


@pytest.mark.parametrize(
    ("mark", "encoding"), [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF8, "utf-8"), (b"", "gb18030")]
)
def test_the_encoding_is_kept(mark: bytes, encoding: str, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(
        mark + f'<html><head><meta charset="{encoding}"></head><body><p>春</p></body></html>'.encode(encoding)
    )
    label(path, provider=provider)
    data = path.read_bytes()
    assert data.startswith(mark)
    assert Text(data.removeprefix(mark).decode(encoding)).found == ["春", NOTICE]


def test_xhtml_stays_well_formed(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.xhtml"
    path.write_text(
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head>'
        "<body><p>x<br/></p></body></html>"
    )
    label(path, provider=provider, text={"position": "both"})
    body = etree.parse(path).getroot()[-1]
    assert [child.text for child in body] == [NOTICE, "x", NOTICE]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<!doctype html><p>x<!-- open", "within a tag, a comment or a script"),
        ("<!doctype html><p>x<script>open", "within a tag, a comment or a script"),
        ("<!doctype html><p>x<a href='", "within a tag, a comment or a script"),
        ("<!doctype html><p>x<template><p>", "'template', whose content is not shown"),
        ("<!doctype html><body><p>x<details><p>y</body>", "'details', whose content is not shown"),
        ("<!doctype html><frameset><frame src=x></frameset>", "frames"),
        ("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head/></html>", "has no body"),
    ],
)
def test_a_page_that_would_not_show_it_is_refused(page: str, message: str, provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(page)
    with pytest.raises(CarrierError, match=message):
        label(path, provider=provider)
    assert path.read_text() == page
    assert len(list(tmp_path.iterdir())) == 1


PIECES = st.lists(
    st.sampled_from(
        [
            *["<p>", "</p>", "<div>", "<body>", "</body>", "</html>", "x", " ", "\n", "<!-- ", "-->"],
            *[
                "<script>",
                "</script>",
                "<li>",
                "<template>",
                "</template>",
                "<a b='>",
                "'>",
                "<",
                "&lt;",
                "春",
                "<sup>",
                "<title>",
            ],
            *["</title>", '<p data-aigc-label="end">', '<sup data-aigc-label="start">', "</sup>"],
        ]
    ),
    max_size=14,
)


@given(pieces=PIECES, position=st.sampled_from(["end", "start", "both"]), mark=st.sampled_from(["notice", "corner"]))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_page_is_labelled_once_or_refused(
    pieces: list[str], position: str, mark: str, provider: Provider, tmp_path: Path
) -> None:
    path = tmp_path / "a.html"
    path.write_text("<!doctype html>" + "".join(pieces), encoding="utf-8")
    before = path.read_bytes()
    look = {"position": position, "mark": mark}
    try:
        label(path, provider=provider, text=look)
    except CarrierError:
        assert path.read_bytes() == before
        return
    once = path.read_bytes()
    label(path, provider=provider, text=look)
    assert path.read_bytes() == once
    assert once.count(b"important") >= len(("start", "end") if position == "both" else (position,))
    assert read_label(path).label is not None
