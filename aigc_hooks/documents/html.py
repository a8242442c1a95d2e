"""HTML: an element of its own at the start or the end of the body, or a superscript at the text (GB 45438-2025, 5.1).

The element says itself how it looks, black on white, whatever the style sheets of the page are. All other characters of
the page stay. A page that ends within a comment, a script or another element whose content is not shown is refused.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import BinaryIO, NamedTuple

from aigc_hooks.documents.plan import INK, PAPER, Place, Plan, places_of, planned
from aigc_hooks.errors import CarrierError
from aigc_hooks.explicit.text import Sign, sign_of
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.html import Page, Tag, opened, tags
from aigc_hooks.provider import Provider

ATTRIBUTE = "data-aigc-label"
"""The attribute by which the element is known again."""

_FRAMES = ("frameset", "frame")
# What stands in these is not shown as text of the page, or not always.
_HIDING = frozenset(
    [
        "template",
        "noscript",
        "select",
        "svg",
        "math",
        "object",
        "video",
        "audio",
        "canvas",
        "details",
        "dialog",
        "datalist",
        "iframe",
        "textarea",
    ]
)
_HEAD = frozenset(["html", "head", "meta", "title", "base", "link", "script", "style", "noscript", "template"])
_TEXTS = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "li", "dd", "dt", "td", "th", "blockquote", "figcaption", "caption"]
)
_AROUND = frozenset(
    ["html", "body", "div", "main", "article", "section", "header", "footer", "aside", "ul", "ol", "dl"]
)
_UNSEEN = frozenset(["title", "script", "style", "template", "noscript", "iframe", "noembed", "noframes"])
_RULES = (
    f"color:#{INK}",
    f"background:#{PAPER.lower()}",
    "visibility:visible",
    "opacity:1",
    "position:static",
    "float:none",
    "clear:both",
    "transform:none",
    "filter:none",
    "clip-path:none",
    "mask:none",
    "text-indent:0",
    "letter-spacing:normal",
    "white-space:normal",
)
_LINE = ("display:block", "margin:1em 0", "padding:.2em 0", "width:auto", "height:auto", "max-height:none")
_NOTICE = (*_LINE, "font:16px/1.5 sans-serif", "text-align:start")
_CORNER = ("display:inline", "font:bold 12px/1 sans-serif", "vertical-align:super", "padding:0 .1em", "margin:0")


class _Label(NamedTuple):
    """An element of ours in a page."""

    start: int
    stop: int


class _Outline:
    """What a page is made of, as far as a label needs to know.

    Attributes:
        begin: Where the content of the body begins.
        stop: Where it ends.
        labels: The elements of ours in it.
        first: Where the text of the first paragraph begins, if nothing stands before it; else None.
        last: Where the text of the last paragraph ends, if nothing follows it; else None.
    """

    def __init__(self, page: Page, source: Source) -> None:
        self.begin = -1
        self.labels: list[_Label] = []
        self.first: int | None = None
        self.last: int | None = None
        self._page = page
        self._hiding: Counter[str] = Counter()
        self._open: Tag | None = None
        self._ends: dict[str, tuple[int, list[str]]] = {}
        self._searching = True
        self._cut = False
        self._runs: list[int] = []  # where each piece of text begins
        closers: list[Tag] = []
        before: Tag | None = None
        for tag in tags(page, source):
            if tag.name in _FRAMES:
                raise CarrierError("a page of frames shows other pages, and no text of its own: label those")
            self._look_for_text(before, tag.start)
            self._look_for_the_beginning(tag)
            self._look_for_labels(tag)
            if tag.name in _HIDING and not page.text.endswith("/>", 0, tag.stop):
                self._hiding[tag.name] += 1
            elif tag.closes in self._hiding:
                self._hiding[tag.closes] -= 1
            if tag.closes in ("body", "html"):
                self._ends[tag.closes] = tag.start, self._hidden()
            if tag.closes in _TEXTS and (not self.labels or self.labels[-1].stop != tag.stop):
                closers = [tag]
            self._cut = tag.cut
            before = tag
        self._look_for_text(before, len(page.text))
        if self.begin < 0:
            self.begin = self._runs[0] if self._runs else before.stop if before is not None else 0
        self.stop = self._end()
        if self.begin > self.stop or (page.is_xml and not {"body", "html"} <= set(self._ends)):
            raise CarrierError("the page has no body, or ends before it begins: the label would stand in none")
        if closers and self.is_bare(closers[0].start, self.stop):
            self.last = closers[0].start

    def is_bare(self, start: int, stop: int) -> bool:
        """Whether there is no text between two places."""
        return bisect_left(self._runs, start) == bisect_left(self._runs, stop)

    def _look_for_text(self, before: Tag | None, stop: int) -> None:
        start = before.stop if before is not None else 0
        if before is not None and before.name in _UNSEEN:
            return
        text = self._page.text[start:stop]
        if seen := text.lstrip():
            self._runs.append(start + len(text) - len(seen))

    def _look_for_the_beginning(self, tag: Tag) -> None:
        """Finds the body, which many pages have without its tag."""
        text = self._page.text
        if tag.name == "body":
            self.begin, self._searching, self.first = tag.stop, True, None
            return
        if self.begin < 0:
            # What stands between two tags of a head is white space.
            if self._runs:
                self.begin, self._searching = self._runs[0], False
            elif tag.name and tag.name not in _HEAD:
                self.begin = tag.start
        if self.begin >= 0 and self._searching and tag.start >= self.begin and tag.name:
            if tag.name in _TEXTS and ATTRIBUTE not in text[tag.start : tag.stop]:
                self.first = tag.stop if self.is_bare(self.begin, tag.start) else None
                self._searching = False
            elif tag.name not in _AROUND:
                self._searching = False

    def _look_for_labels(self, tag: Tag) -> None:
        if tag.name == "body" or tag.closes in ("body", "html"):
            self._open = None  # an element of ours holds words, and no end of a page
        elif self._open is not None and tag.closes == self._open.name:
            self.labels.append(_Label(self._open.start, tag.stop))
            del self._runs[bisect_left(self._runs, self._open.start) :]  # its words are none of the page's
            self._open = None
        elif tag.name in ("p", "sup") and ATTRIBUTE in self._page.text[tag.start : tag.stop]:
            self._open = tag

    def _hidden(self) -> list[str]:
        return [name for name, count in self._hiding.items() if count > 0]

    def _end(self) -> int:
        for name in ("body", "html"):
            if name in self._ends:
                stop, hidden = self._ends[name]
                break
        else:
            stop, hidden = len(self._page.text), self._hidden()
            if self._cut:
                raise CarrierError("the page ends within a tag, a comment or a script: close it")
        if hidden:
            raise CarrierError(f"the page ends within an element {hidden[0]!r}, whose content is not shown: close it")
        return stop


def plan(stream: BinaryIO, provider: Provider) -> Plan:
    """The plan for a page.

    Raises:
        CarrierError: It is damaged, or its label would not be seen.
    """
    source = Source(stream, "HTML")
    page = opened(source)
    text = edited(page, source, provider, places_of(provider))
    if text == page.text:
        return planned(provider, None)
    return planned(provider, lambda target: void(target.write(page.encoded(text))))


def void(_: object) -> None:
    """Nothing, of whatever a stream returns."""


def edited(page: Page, source: Source, provider: Provider, places: Sequence[Place]) -> str:
    """The text of a page that shows its label at some places, and nowhere else.

    Raises:
        CarrierError: The page is damaged, or its label would not be seen.
    """
    sign = sign_of(provider.model_copy(update={"text": provider.text.model_copy(update={"markup": "html"})}))
    outline = _Outline(page, source)
    kept: list[_Label] = []
    put: list[tuple[int, str]] = []
    for place in places:
        label = _element(page, sign, place)
        at = next((each for each in outline.labels if _stands(page, outline, each, label, place)), None)
        if at is not None:
            kept.append(at)
        elif not _is_said(page, outline, sign, place):
            put.append(_put(outline, label, place, sign))
    edits = [*((at, at, label) for at, label in put)]
    edits += [(*_with_line(page.text, label), "") for label in outline.labels if label not in kept]
    made, done = [], 0
    for start, stop, label in sorted(edits, key=lambda edit: edit[:2]):
        made += [page.text[done:start], label]
        done = max(done, stop)
    return "".join([*made, page.text[done:]])


def _element(page: Page, sign: Sign, place: Place) -> str:
    rules = (*_RULES, *(_CORNER if sign.corner else _NOTICE))
    style = ";".join(f"{rule}!important" for rule in rules)
    name = "sup" if sign.corner else "p"
    words = page.stored(escape(sign.words, quote=False))
    return f'<{name} {ATTRIBUTE}="{place}" lang="zh-CN" style="{style}">{words}</{name}>'


def _stands(page: Page, outline: _Outline, found: _Label, label: str, place: Place) -> bool:
    if page.text[found.start : found.stop] != label or not outline.begin <= found.start < outline.stop:
        return False
    if place == "start":
        return outline.is_bare(outline.begin, found.start)
    return outline.is_bare(found.stop, outline.stop)


def _is_said(page: Page, outline: _Outline, sign: Sign, place: Place) -> bool:
    """Whether the page has the element that a text gets which is labelled before it becomes a page."""
    known = {sign.text, page.stored(sign.text)}
    body = page.text[outline.begin : outline.stop].strip()
    return any(body.startswith(each) if place == "start" else body.endswith(each) for each in known)


def _put(outline: _Outline, label: str, place: Place, sign: Sign) -> tuple[int, str]:
    """Where a label goes, and how it is laid out."""
    at = outline.first if place == "start" else outline.last
    if sign.corner and at is not None:
        return at, label
    if place == "start":
        return outline.begin, f"\n{label}"
    return outline.stop, f"{label}\n"


def _with_line(text: str, label: _Label) -> tuple[int, int]:
    """An element of ours, and the line end that was put in with it."""
    element = text[label.start : label.stop]
    if element.startswith("<p"):
        if f'{ATTRIBUTE}="start"' in element and text.startswith("\n", label.start - 1):
            return label.start - 1, label.stop
        if f'{ATTRIBUTE}="end"' in element and text.startswith("\n", label.stop):
            return label.start, label.stop + 1
    return label.start, label.stop
