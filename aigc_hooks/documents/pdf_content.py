"""The content of a PDF page: what must be closed behind it, so that a label stands on its own (ISO 32000, 7.8, 8.4)."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    rb"%[^\r\n]*|/[^\0\t\n\f\r ()<>\[\]{}/%]*|<<|>>|<[0-9A-Fa-f\0\t\n\f\r ]*>|\(|[\[\]{}]|[^\0\t\n\f\r ()<>\[\]{}/%]+"
)
_PAREN = re.compile(rb"\\[\s\S]|[()]")
_IMAGE_END = re.compile(rb"[\0\t\n\f\r ]EI(?=[\0\t\n\f\r ]|\Z)")


def brackets(content: bytes) -> tuple[bytes, bytes]:
    """What goes before and behind the content of a page, so that the state of the page is as at its beginning.

    Usually ``q`` and ``Q``. A content that leaves more open, or closes what it did not open, gets more of them.
    """
    depth = least = marked = 0
    text = False
    at = 0
    while token := _TOKEN.search(content, at):
        at, word = token.end(), token.group()
        if word == b"(":
            at = _string_end(content, at)
        elif word == b"q":
            depth += 1
        elif word == b"Q":
            depth -= 1
            least = min(least, depth)
        elif word in (b"BT", b"ET"):
            text = word == b"BT"
        elif word in (b"BDC", b"BMC"):
            marked += 1
        elif word == b"EMC":
            marked = max(marked - 1, 0)
        elif word == b"ID":
            end = _IMAGE_END.search(content, at)
            at = end.end() if end else len(content)
    before = b"q\n" * (1 - least)
    return before, (b"ET\n" if text else b"") + b"EMC\n" * marked + b"Q\n" * (1 - least + depth)


def _string_end(content: bytes, at: int) -> int:
    level = 1
    while mark := _PAREN.search(content, at):
        at = mark.end()
        level += {b"(": 1, b")": -1}.get(mark.group(), 0)
        if level == 0:
            return at
    return len(content)
