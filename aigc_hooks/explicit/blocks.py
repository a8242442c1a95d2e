"""Which block is still open at the end of a Markdown text, by the rules of CommonMark.

A label behind it would be taken for code, or would not be shown at all. A text that a model was not let to finish often
ends so.

Definitions of references (``[1]: address``) are taken for paragraphs: that differs where a line of hyphens follows.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Lines that may open or close a block that blank lines do not end, and what stands before that on the line.
_MARKED = re.compile(r"\n([ \t>*+\-\d.)]*)(?:(`{3,}|~{3,})([^\n]*)|<[A-Za-z/!?])")

_FENCE = re.compile(r"(`{3,})[^`]*\Z|(~{3,})")
_ITEM = re.compile(r"([-+*]|\d{1,9}[.)])(?: +|\Z)")
_RULE = re.compile(r"(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})\Z")
_UNDERLINE = re.compile(r"(?:=+|-+) *\Z")
_HEADING = re.compile(r"#{1,6}(?: |\Z)")

# Beginnings of HTML blocks, with the words that end them; None where a blank line does.
_HTML: tuple[tuple[re.Pattern[str], str | None], ...] = (
    (re.compile(r"<(?:script|pre|style|textarea)(?=[\s>]|\Z)", re.IGNORECASE), "</{}>"),
    (re.compile(r"<!--"), "-->"),
    (re.compile(r"<\?"), "?>"),
    (re.compile(r"<![A-Za-z]"), ">"),
    (re.compile(r"<!\[CDATA\["), "]]>"),
    (
        re.compile(
            r"</?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog"
            r"|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe"
            r"|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table"
            r"|tbody|td|tfoot|th|thead|title|tr|track|ul)(?=\s|/?>|\Z)",
            re.IGNORECASE,
        ),
        None,
    ),
)
# The one beginning that cannot stand in a paragraph: a tag, and nothing else.
_TAG = re.compile(r"(?:<[A-Za-z][\w-]*(?:\s[^<>]*)?/?>|</[A-Za-z][\w-]*\s*>)\s*\Z")

_DEEPEST = 32
"""How many lists and quotations may stand in each other; beyond, a text is hostile and each line would cost more."""


def open_block(text: str) -> str | None:
    """What closes the block of code or HTML that is open at the end of a text.

    Returns:
        The line that closes it; empty where a paragraph ends it by itself, because it stands in a list or a quotation;
        None where none is open.
    """
    # Single characters first: they are found at the speed of copying.
    if not (("`" in text and "```" in text) or "<" in text or ("~" in text and "~~~" in text)):
        return None
    fence = ""
    for match in _MARKED.finditer(f"\n{text}"):
        before, run, rest = match.groups()
        if before or not run:
            return _Scan().over(text)
        # Nothing but fences at the margin, which stand in nothing else: they open and close in turn.
        if not fence:
            fence = "" if run[0] == "`" and "`" in rest else run
        elif _closes(run + rest, fence):
            fence = ""
    return fence or None


def _closes(line: str, fence: str) -> bool:
    bare = line.rstrip(" \t\r")
    return len(bare) >= len(fence) and bare == fence[0] * len(bare)


class _Leaf(NamedTuple):
    """The block that a line stands in and that itself holds no blocks.

    Attributes:
        kind: ``"fence"``, ``"html"``, ``"paragraph"``, ``"empty item"`` or nothing of note.
        end: What ends it: the fence, or the end of the HTML; None where a blank line does.
    """

    kind: str = ""
    end: str | None = None


class _Scan:
    """Reads a text line by line and knows which blocks are open."""

    def __init__(self) -> None:
        self.leaf = _Leaf()
        # The lists and quotations around it: how far a list item's content is indented, 0 for a quotation.
        self.around: list[int] = []

    def over(self, text: str) -> str | None:
        for line in text.split("\n"):
            self._take(line.expandtabs(4).rstrip(" \r"))
        if self.leaf.end is None:
            return None
        return "" if self.around else self.leaf.end

    def _take(self, line: str) -> None:
        kept, at = self._stay(line)
        blank = not line[at:].strip(" ")
        same = kept == len(self.around)
        if same and self.leaf.kind == "fence":
            if _indent(line, at) - at <= 3 and _closes(line[at:].strip(" "), self.leaf.end or ""):
                self.leaf = _Leaf()
            return
        if same and self.leaf.kind == "html":
            if (end := self.leaf.end) is None:
                over = blank
            else:
                over = end in line[at:].lower() if end[:2] != "</" else _ends_markup(line[at:])
            if over:
                self.leaf = _Leaf()
            return
        if blank:
            # A list item may begin with one blank line, and not with two.
            del self.around[kept - (same and self.leaf.kind == "empty item") :]
            self.leaf = _Leaf()
            return
        self._open(line, at, kept)

    def _stay(self, line: str) -> tuple[int, int]:
        """How many of the lists and quotations around go on in a line, and where their marks end."""
        if not line:  # a list goes on, a quotation does not
            return (self.around.index(0) if 0 in self.around else len(self.around)), 0
        at = kept = 0
        for width in self.around:
            indent = _indent(line, at)
            if width == 0:
                if indent - at > 3 or line[indent : indent + 1] != ">":
                    break
                at = indent + 1 + line.startswith(" ", indent + 1)
            elif indent < len(line):
                if indent - at < width:
                    break
                at += width
            kept += 1
        return kept, at

    def _open(self, line: str, at: int, kept: int) -> None:
        """What a line that is not blank, and in no block of code, opens."""
        paragraph = self.leaf.kind == "paragraph"
        lazy = paragraph and kept < len(self.around)
        begun: list[int] = []
        while (indent := _indent(line, at)) - at <= 3 and kept + len(begun) < _DEEPEST:
            in_paragraph = paragraph and not lazy and not begun
            if line[indent : indent + 1] == ">":
                at = indent + 1 + line.startswith(" ", indent + 1)
                begun.append(0)
            elif (item := _ITEM.match(line, indent)) and not _RULE.match(line, indent):
                empty = item.end() == len(line)
                # What could be meant as a sentence begins no list in the middle of a paragraph.
                if in_paragraph and (empty or (item[1][-1] in ".)" and int(item[1][:-1]) != 1)):
                    break
                mark = item.end(1) - at
                spaces = item.end() - item.end(1)
                begun.append(mark + (spaces if spaces <= 4 and not empty else 1))
                at += begun[-1]
                if empty:
                    self.around[kept:] = begun
                    self.leaf = _Leaf("empty item")
                    return
            else:
                break
        paragraph = paragraph and not begun
        leaf = self._leaf(line[_indent(line, at) :], _indent(line, at) - at, paragraph, lazy)
        if not (leaf.kind == "paragraph" and paragraph and lazy):
            self.around[kept:] = begun
        self.leaf = leaf

    def _leaf(self, rest: str, indent: int, paragraph: bool, lazy: bool) -> _Leaf:
        if indent > 3:
            return _Leaf("paragraph" if paragraph else "")
        if not rest:
            return _Leaf()
        if fence := _FENCE.match(rest):
            return _Leaf("fence", fence[1] or fence[2])
        for beginning, end in _HTML:
            if found := beginning.match(rest):
                if end is None:
                    return _Leaf("html")
                end = end.format(found[0][1:])
                over = _ends_markup(rest) if end[:2] == "</" else end in rest
                return _Leaf() if over else _Leaf("html", end)
        if _TAG.match(rest) and not paragraph:
            return _Leaf("html")
        if _HEADING.match(rest) or _RULE.match(rest) or (paragraph and not lazy and _UNDERLINE.match(rest)):
            return _Leaf()
        return _Leaf("paragraph")


_SPACES = re.compile(" *")


def _indent(line: str, at: int) -> int:
    """Where the text begins that stands behind spaces."""
    found = _SPACES.match(line, at)
    return found.end() if found else at


_MARKUP_ENDS = re.compile(r"</(?:script|pre|style|textarea)>", re.IGNORECASE)


def _ends_markup(line: str) -> bool:
    return _MARKUP_ENDS.search(line) is not None
