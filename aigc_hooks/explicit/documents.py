"""Texts that programs read, and a label would break: JSON, lines of JSON, XML.

They are known by being whole and well-formed. CSV, code and settings are not known: nothing tells them from what people
write.
"""

from __future__ import annotations

import json
import re
from xml.parsers import expat

FIRST = re.compile(r"[^\s\ufeff]")
"""The first character of a text; a byte order mark is none."""

_CLOSING = {"{": "}", "[": "]", "<": ">"}
_TAG = re.compile(r"<([A-Za-z_][\w.:-]*)")
_WINDOW = 512

# Numbers stay text: one of ten thousand digits is no reason to fail.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str)

# What a page is built of: people read it, and a label behind it is shown.
_HTML = frozenset(
    """
    a abbr acronym address area article aside audio b base bdi bdo big blockquote body br button canvas caption center
    cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset figcaption figure
    font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label legend
    li link main map mark menu meta meter nav noscript object ol optgroup option output p param picture pre progress q
    rp rt ruby s samp script search section select slot small source span strike strong style sub summary sup table
    tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr
    """.split()  # noqa: SIM905
)


def document(text: str) -> str:
    """What a text is that a label would break: ``"one JSON document"`` and the like; empty for any other.

    A JSON document is an object or an array. A number, a word or a quotation is an answer like any other. Lines of JSON
    are objects: arrays may be the numbers of notes.
    """
    first = FIRST.search(text)
    if first is None or text[-_WINDOW:].rstrip()[-1:] not in (_CLOSING.get(first[0], first[0]), ""):
        return ""
    body = text[first.start() :]
    if first[0] == "<":
        return "one XML document" if may_be_xml(body) and _is_xml(body) else ""
    if first[0] not in _CLOSING:
        return ""
    try:
        return "one JSON document" if _is_json(body) else "JSON Lines" if _is_lines(body) else ""
    except RecursionError:
        return "one JSON document"  # lists in a thousand lists, which are no sentence


def may_be_xml(text: str) -> bool:
    """Whether a text that begins with ``<`` may become an XML document, rather than a piece of a page."""
    tag = _TAG.match(text)
    return text.startswith("<?xml") if tag is None else not _is_html(tag[1])


def _is_html(name: str) -> bool:
    return name.lower() in _HTML or "-" in name  # pages define names of their own, with a hyphen


def _is_json(text: str) -> bool:
    try:
        _JSON.decode(text)
    except ValueError:
        return False
    return True


def _is_lines(text: str) -> bool:
    lines = (line for line in text.split("\n") if line.strip())
    return text[0] == "{" and all(line.lstrip()[0] == "{" and _is_json(line) for line in lines)


def _is_xml(text: str) -> bool:
    if "<!ENTITY" in text:  # a few of them can make a text of any length
        return False
    roots: list[str] = []
    parser = expat.ParserCreate()

    def begun(name: str, attributes: object) -> None:
        roots.append(name)
        parser.StartElementHandler = None

    parser.StartElementHandler = begun
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError):  # a lone surrogate is a ValueError
        return False
    return not _is_html(roots[0]) if _TAG.match(text) else roots[0] != "html"
