"""HTML: ``<meta name="AIGC" content="…">`` in the head.

The place is not from a guide that was seen; it is what implementers write. The element is put behind the one that tells
the encoding, so that browsers still find that within their first 1024 bytes, or else at the beginning of the head;
nothing else of the page changes. A page without a head gets none: its first elements make one.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from html import unescape
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, MAX_TEXT, Source, reader
from aigc_hooks.implicit.field import meant
from aigc_hooks.implicit.parts import Part, told
from aigc_hooks.labels import FIELD_NAME

PLACE = "HTML meta AIGC"
"""Place of the label."""

_WIDE = {BOM_UTF16_LE: "utf-16-le", BOM_UTF16_BE: "utf-16-be"}
_START = re.compile(
    r"(?:\s|<\?xml[^>]{0,300}\?>|<!--(?:(?!-->).){0,4000}-->)*<(?:!doctype\s+html\b|html[\s>]|head[\s>]|meta\s+name\s*=\s*[\"']?AIGC\b)",
    re.I | re.DOTALL,
)
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))|<[!?/][^>]*(?:>|\Z)", re.DOTALL)
_NAME = re.compile(r"<([a-zA-Z][^\s/>]*)")
# From attribute to attribute: a ">" in quotes behind "=" does not end a tag.
_STEP = re.compile(r"[^>=]*(?:(>)|=\s*(?:\"[^\"]*\"|'[^']*')?)")
_ATTRIBUTE = re.compile(r"([^\s\"'>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
# What stands in these is text, whatever it looks like.
_TEXTS = {
    name: re.compile(f"</{name}", re.I)
    for name in ("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "plaintext")
}
_TOLD = frozenset(("meta", "script", "link"))
_HEAD_TAGS = frozenset(("html", "head", "meta", "title", "base", "link", "script", "style", "noscript", "template"))
_XHTML = re.compile(r"\s*<\?xml|<!doctype[^>]*xhtml", re.I)
_DECLARED = re.compile(r"<\?xml[^>]{0,200}\bencoding\s*=\s*[\"']([\w.:-]{1,40})")
_CHARSET = re.compile(r"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.I)
_LIKELY = re.compile("AIGC|ContentProducer|ProduceID|ServiceProvider", re.I)
_MANIFESTS = ("application/c2pa", "c2pa-manifest")
_MANIFEST = re.compile("application/c2pa|c2pa-manifest", re.I)
_LINE_END = re.compile(r"\r\n|\n|\r")
_INDENT = re.compile(r"[ \t]{0,80}(?=<)")
_LINE_BEFORE = re.compile(r"(?:\r\n|\n|\r)[ \t]*\Z")
_LONGEST_INDENT = 82
_UNPRINTED = re.compile(r"[^ -~]")
_SHIFTING = "\x1b$"


class Tag(NamedTuple):
    """One tag, comment or declaration: the element that it begins, or nothing, and its place.

    Attributes:
        name: The element that begins here, or nothing.
        attributes: Those of a ``meta`` element.
        start: Where it begins.
        stop: Where what follows begins.
        closes: The element that ends here, or nothing.
        cut: Whether the page ends in it, or in the text of the element that it begins.
    """

    name: str
    attributes: dict[str, str]
    start: int
    stop: int
    closes: str = ""
    cut: bool = False


class Page(NamedTuple):
    """A page as characters of which each is one byte, or two in UTF-16; ``mark`` stands before them."""

    mark: bytes
    codec: str
    text: str

    def encoded(self, text: str) -> bytes:
        """The bytes of the page with another text."""
        return self.mark + text.encode(self.codec, "surrogatepass")

    def shown(self, value: str) -> str:
        """The value of an attribute as a browser decodes it."""
        if self.codec == "latin-1" and not value.isascii():
            declared = _CHARSET.search(self.text, 0, 4096)
            for encoding in ("utf-8", declared.group(1) if declared else "gb18030"):
                try:
                    return unescape(value.encode("latin-1").decode(encoding))
                except (UnicodeDecodeError, LookupError):
                    continue
        return unescape(value)

    @property
    def is_xml(self) -> bool:
        """Whether it is written in XHTML."""
        return _XHTML.match(self.text) is not None

    def stored(self, value: str) -> str:
        """Text as it stands in the page: itself where the page tells that it can, as references otherwise."""
        if self.codec != "latin-1":
            return value
        told = _CHARSET.search(self.text, 0, 4096) or _DECLARED.match(self.text)
        if self.mark or (told.group(1).lower() in ("utf-8", "utf8") if told else self.text.startswith("<?xml")):
            return value.encode("utf-8").decode("latin-1")
        return value.encode("ascii", "xmlcharrefreplace").decode()


def opened(source: Source) -> Page:
    """A page, whole.

    Raises:
        CarrierError: It is too long, or in an encoding that is not read.
    """
    data = source.payload(0, source.size, "page", MAX_PAYLOAD)
    for mark, encoding in _WIDE.items():
        if data.startswith(mark):
            try:
                page = Page(mark, encoding, data[len(mark) :].decode(encoding, "surrogatepass"))
            except UnicodeDecodeError as error:
                raise source.fault(error.start, "the page is not the UTF-16 that its first bytes tell") from error
            return page
    if (offset := data.find(b"\0")) >= 0:
        raise source.fault(offset, "a NUL byte, which no page holds")
    mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    # Markup is ASCII in every other encoding of HTML but those that shift, and its bytes occur in no character.
    page = Page(mark, "latin-1", data[len(mark) :].decode("latin-1"))
    if _SHIFTING in page.text:
        raise CarrierError("a page in ISO-2022 is not read: save it as UTF-8")
    return page


def tags(page: Page, source: Source) -> Iterator[Tag]:
    """The tags of a page, without what only looks like one."""
    text, at = page.text, 0
    while (start := text.find("<", at)) >= 0:
        source.step(start)
        if comment := _COMMENT.match(text, start):
            at = comment.end()
            closes = text.startswith("</", start) and _NAME.match("<" + text[start + 2 : min(at, start + 40)])
            ends = ("-->", "--!>") if text.startswith("<!--", start) else ">"
            cut = at == len(text) and not comment.group().endswith(ends)
            yield Tag("", {}, start, at, closes.group(1).lower() if closes else "", cut)
            continue
        begun = _NAME.match(text, start)
        if begun is None:
            at = start + 1
            continue
        at = _end(text, begun.end())
        if at < 0:
            yield Tag("", {}, start, len(text), cut=True)  # a tag that the page ends in is none
            return
        name = begun.group(1).lower()
        attributes: dict[str, str] = {}
        if name in _TOLD:
            for key, *values in _ATTRIBUTE.findall(text, begun.end(), at - 1):
                attributes.setdefault(key.lower(), next(filter(None, values), ""))
        closed = _TEXTS[name].search(text, at) if name in _TEXTS else None
        yield Tag(name, attributes, start, at, cut=name in _TEXTS and closed is None)
        if name in _TEXTS:
            at = closed.start() if closed else len(text)


def _end(text: str, at: int) -> int:
    """Where a start tag ends, from behind its name on; -1 if it does not."""
    while step := _STEP.match(text, at):
        at = step.end()
        if step.group(1):
            return at
    return -1


def _labels(page: Page, source: Source) -> Iterator[tuple[Tag, RawLabel]]:
    if _LIKELY.search(page.text) is None:
        return
    for tag in tags(page, source):
        key = next((key for key in ("name", "property", "itemprop", "http-equiv") if key in tag.attributes), None)
        if tag.name != "meta" or key is None:
            continue
        name = page.shown(tag.attributes[key]).strip()
        content = page.shown(tag.attributes.get("content", "")[: MAX_TEXT + 1])
        if not meant(name, content):
            continue
        defects = [] if name == FIELD_NAME else [f"the element is named {name[:60]!r}, not {FIELD_NAME!r}"]
        if key != "name":
            defects.append(f"the element has the attribute {key!r}, not 'name'")
        yield tag, RawLabel(PLACE, content, tuple(defects))


def _walk(source: Source) -> Iterator[RawLabel | Manifest]:
    """Yields the labels of a page."""
    page = opened(source)
    for _, raw in _labels(page, source):
        yield raw
    if _MANIFEST.search(page.text):
        for tag in tags(page, source):
            if tag.attributes.get("type" if tag.name == "script" else "rel", "").lower() in _MANIFESTS:
                yield Manifest(f"HTML {tag.name} C2PA")


def _place(page: Page, source: Source) -> int:
    """Where a new element goes."""
    place, rank = 0, 0
    ranks = {"html": 2, "head": 3, "meta": 4}
    for tag in tags(page, source):
        if tag.name and tag.name not in _HEAD_TAGS:
            break
        this = 1 if not tag.name else ranks.get(tag.name, 0)
        if tag.name == "meta" and not _tells_encoding(tag):
            this = 0
        if not tag.name and not page.text[tag.start : tag.start + 9].lower().startswith(("<!doctype", "<?xml")):
            this = 0
        if this > rank or this == rank == 1:
            place, rank = tag.stop, this
        if rank == 4:
            break
    return place


def _tells_encoding(tag: Tag) -> bool:
    return "charset" in tag.attributes or tag.attributes.get("http-equiv", "").lower() == "content-type"


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a page with the label in its head."""
    source = Source(stream, "HTML")
    page = opened(source)
    old = page.text
    made = f'<meta name="{FIELD_NAME}" content="{_escaped(text)}"{" /" if page.is_xml else ""}>'
    spans = [(tag.start, tag.stop) for tag, _ in _labels(page, source)]
    if spans:
        (start, stop), *others = spans
    else:
        start = stop = _place(page, source)
        made = _laid_out(old, start, made)
        others = []
    pieces = [old[:start], made]
    for begin, end in others:
        pieces.append(old[stop:begin])
        stop = end
    target.write(page.encoded("".join([*pieces, old[stop:]])))


def _laid_out(text: str, place: int, made: str) -> str:
    """A new element on a line of its own where the one before it has one, indented as what follows."""
    match = _LINE_END.match(text, place)
    if match is None or not place:
        return made
    indent = _INDENT.match(text, match.end())
    return match.group() + (indent.group() if indent else "") + made


def content(source: Source) -> Iterator[Part]:
    """The page without its labels, and without the line that was made for the first."""
    page = opened(source)
    text, done = page.text, 0
    yield told(b"PAGE", page.mark)
    for tag, raw in _labels(page, source):
        if raw.defects or set(tag.attributes) != {"name", "content"}:
            continue  # not as it is written here: more may stand in it
        start = tag.start
        if not done and (line := _LINE_BEFORE.search(text, max(0, start - _LONGEST_INDENT), start)):
            start = line.start()
        yield told(b"PAGE", page.encoded(text[done:start])[len(page.mark) :])
        done = tag.stop
    yield told(b"PAGE", page.encoded(text[done:])[len(page.mark) :])


def _escaped(text: str) -> str:
    """The value of an attribute, in ASCII: the page may be in an encoding that lacks a character of the label."""
    for character, name in {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}.items():
        text = text.replace(character, name)
    # A reference to what is no printable character means another one in HTML; JSON has its own way to write it.
    text = _UNPRINTED.sub(lambda match: match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1], text)
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _sniff(head: bytes) -> bool:
    mark = next((mark for mark in (BOM_UTF8, *_WIDE) if head.startswith(mark)), b"")
    text = head[len(mark) :].decode(_WIDE.get(mark, "latin-1"), "replace")
    return _START.match(text) is not None


CARRIER = Carrier(
    "HTML", (".html", ".htm", ".xhtml"), _sniff, reader("HTML", _walk), _write, medium="document", by_analogy=True
)
"""HTML and XHTML pages."""
