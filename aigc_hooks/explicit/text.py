"""The explicit label of a text (GB 45438-2025, 5.1): where it goes, what it leaves alone, and how it is known again.

Every function takes plain strings and looks at their ends; a text of a megabyte costs about as much as copying it.
"""

from __future__ import annotations

import functools
import html
import re
from typing import NamedTuple

from aigc_hooks.explicit.blocks import open_block
from aigc_hooks.explicit.documents import FIRST, document, may_be_xml
from aigc_hooks.explicit.wording import CORNER_MARK
from aigc_hooks.provider import DEFAULT_WORDING, Provider
from aigc_hooks.styles import TextStyle

NOTICE = "（本内容由AI生成）"
"""The notice where nothing else is configured."""

CORNER = "AI"
"""The corner mark where nothing else is configured: the one place where "AI" may stand alone (5.1 c)."""

# Plain text has no superscript but these letters of Unicode.
_SUPERSCRIPT = str.maketrans("AI", "ᴬᴵ")

RAISED = CORNER.translate(_SUPERSCRIPT)
"""The usual corner mark as it stands in plain text."""

_WINDOW = 512
"""How many characters beside a label may make up a line with it, or its surroundings."""

# What people and models put around a notice, or leave away.
_EDGES = "()（）[]【】〔〕「」『』<>《》*_~`-—–=#|.。:：!！\"'“”"

# A line that a corner mark at its end would break: one without a word, as fences, rules and formulas end; markup, table
# rows, indented code, addresses of the web.
_BLOCK = re.compile(r"[\W_]*\Z|\s*[<|]|.*(?: {4}|\t|\|\Z|://\S*\Z)")
# A beginning that a corner mark before it would break is anything but a word or a quotation; a number may begin a list.
_WORD = re.compile(r"[^\W\d_]|[“‘「『《（]")
_WHOLE_PAGE = re.compile(r"<[!?]|<html", re.IGNORECASE)
# The beginning of a tag whose name may go on.
_HALF_TAG = re.compile(r"<[\w.:-]*\Z")


class Sign(NamedTuple):
    """The label as it stands in a text.

    Attributes:
        text: With its markup.
        words: Without.
        corner: Whether it stands in the line, as a small sign, and not in a paragraph of its own.
    """

    text: str
    words: str
    corner: bool


def sign_of(provider: Provider) -> Sign:
    """The label that a provider's settings ask for."""
    return _sign(provider.text, provider.wording)


@functools.lru_cache(maxsize=256)
def _sign(style: TextStyle, general: str) -> Sign:
    corner = style.mark == CORNER_MARK
    usual = CORNER if corner else NOTICE if general == DEFAULT_WORDING else general
    words = style.wording or usual
    if style.markup == "html":
        tag = "sup" if corner else "p"
        return Sign(f"<{tag}>{html.escape(words, quote=False)}</{tag}>", words, corner)
    if corner:
        raised = words.translate(_SUPERSCRIPT)
        return Sign(raised if words == CORNER else f"[{words}]", words, True)
    return Sign(words, words, False)


def left_alone(text: str) -> str:
    """Why a text gets no label: it is blank, or one document that programs read; empty if it gets one."""
    return "blank text" if FIRST.search(text) is None else document(text)


def before(text: str, provider: Provider) -> str:
    """What goes before a text; empty where nothing is asked for, or the label is there."""
    sign = sign_of(provider)
    if provider.text.position == "end" or _begins(text, sign) or not _takes_start(text):
        return ""
    if sign.corner and _WORD.match(text):
        return sign.text if provider.text.markup == "html" else f"{sign.text} "
    return f"{sign.text}\n" if provider.text.markup == "html" else f"{sign.text}\n\n"


def after(text: str, provider: Provider) -> str:
    """What goes after a text; empty where nothing is asked for, or the label is there."""
    sign = sign_of(provider)
    if provider.text.position == "start" and (_begins(text, sign) or _takes_start(text)):
        return ""
    closing = open_block(text) if provider.text.markup == "plain" else None
    if closing is None and _ends(text, sign):
        return ""
    if provider.text.markup == "html":
        return sign.text if sign.corner else f"\n{sign.text}"
    end = text[-_WINDOW:]
    if closing:  # in a block of code, the label would be taken for code
        return ("" if end.endswith("\n") else "\n") + f"{closing}\n\n{sign.text}"
    if sign.corner and closing is None and not end[-1:].isspace() and not _BLOCK.match(end[end.rfind("\n") + 1 :]):
        return sign.text
    blank = end[len(end.rstrip("\r\n")) :].count("\n")
    return "\n" * max(2 - blank, 0) + sign.text


def shows_label(text: str, provider: Provider) -> bool:
    """Whether a text has its label at every place where the settings ask for one."""
    return not before(text, provider) and not after(text, provider)


def says(line: str, words: str) -> bool:
    """Whether a line is a notice with some words, also as a model would write it: in other brackets, or spaced out."""
    return _bare(line) == _bare(words)


def strip_label(text: str, provider: Provider) -> str:
    """A text of the model's own, without its labels, as it goes back to the model: it would repeat them.

    Only the exact label of these settings, and only as a line of its own (a corner mark: at an end), is taken out; a
    label that is quoted in a sentence stays. Labels of what people read are not touched (Measures, article 10): this is
    for the history that a model is given, and no public name.
    """
    sign = sign_of(provider)
    if sign.text not in text:
        return text
    return _labels(sign).sub("", text)


@functools.lru_cache(maxsize=64)
def _labels(sign: Sign) -> re.Pattern[str]:
    one = re.escape(sign.text)
    line = rf"(?:\r?\n){{1,2}}{one}[ \t]*(?=\r?\n|\s*\Z)"
    first = rf"\A(?:\s*{one}[ \t]*(?:(?:\r?\n){{1,2}}|\Z))+"
    inline = rf"|\A\s*{one}[ ]?|{one}(?=\s*\Z)" if sign.corner else ""
    return re.compile(f"{first}|{line}{inline}")


def undecided(text: str, provider: Provider) -> bool:
    """Whether the beginning of a stream cannot tell yet what may go before it.

    It is blank; or it begins with half a tag; or its first line may become the label, or a sentence about it.
    """
    sign = sign_of(provider)
    first = FIRST.search(text)
    if first is None:
        return True
    begun = text[first.start() : first.start() + _window(sign)]
    if len(begun) == _window(sign) or first[0] in "{[":
        return False
    if _HALF_TAG.match(begun):
        return True
    if _is_exact(sign):
        return begun != sign.text and sign.text.startswith(begun)
    return "\n" not in begun and _bare(sign.words).startswith(_bare(begun))


def _takes_start(text: str) -> bool:
    """Whether a label may stand before a text.

    Not where it begins as JSON or XML does, and not before a whole HTML page: there the label stands at the end. A
    stream that has begun cannot tell yet what it will be, so the same rule holds for text that is complete.
    """
    first = FIRST.search(text)
    if first is None or first[0] not in "{[<":
        return True
    begun = text[first.start() : first.start() + _WINDOW]
    return first[0] == "<" and not (_WHOLE_PAGE.match(begun) or may_be_xml(begun))


def _begins(text: str, sign: Sign) -> bool:
    first = FIRST.search(text)
    if first is None:
        return False
    start = text[first.start() : first.start() + _window(sign)]
    if _is_exact(sign):
        return start.startswith(sign.text)
    line, more, _ = start.partition("\n")
    return (bool(more) or len(start) < _window(sign)) and _is_notice(line, sign)


def _ends(text: str, sign: Sign) -> bool:
    end = text.rstrip()[-_window(sign) :]
    if _is_exact(sign):
        return end.endswith(sign.text)
    _, more, line = end.rpartition("\n")
    return (bool(more) or len(end) < _window(sign)) and _is_notice(line, sign)


def _window(sign: Sign) -> int:
    """How many characters at an end of a text are looked at; a line that is longer is no label."""
    return _WINDOW + 2 * len(sign.text)


def _is_exact(sign: Sign) -> bool:
    """Whether a label is known by its markup, wherever on the line it stands."""
    return sign.corner or sign.text != sign.words


def _is_notice(line: str, sign: Sign) -> bool:
    """Whether a line is the notice, also as a model would write it: in other brackets, bold, or spaced out.

    In a sentence it is a quotation.
    """
    return says(line, sign.words)


def _bare(text: str) -> str:
    return "".join(text.split()).strip(_EDGES)
