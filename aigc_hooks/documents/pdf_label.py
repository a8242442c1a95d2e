"""The label of one PDF page: a line at an edge of a page of text, or that of a picture (GB 45438-2025, 5.1, 5.2)."""

from __future__ import annotations

from typing import Any, NamedTuple

from aigc_hooks.documents.pdf_font import codes_of, number
from aigc_hooks.documents.pdf_pages import Frame, Page, frame_of
from aigc_hooks.documents.plan import POINTS
from aigc_hooks.explicit import outlines
from aigc_hooks.explicit.outlines import Sheet
from aigc_hooks.explicit.text import sign_of
from aigc_hooks.implicit.pdf_file import Document
from aigc_hooks.provider import Provider

FONT, STATE = "AIGCf", "AIGCg"
"""The names of the label's font and graphics state in the resources of a page."""


class Label(NamedTuple):
    """The label of one page: how it is drawn, its font's outlines, and how much its plate covers."""

    drawn: bytes
    words: str
    sheet: Sheet
    opacity: float


def notice(document: Document, page: Page, place: str, provider: Provider) -> Label:
    """The label of a page of text, at its upper or lower edge.

    Raises:
        UnsupportedOutputError: The wording does not fit the page.
    """
    frame, sign = frame_of(document, page), sign_of(provider)
    edge = "top" if place == "start" else "bottom"
    position: Any = f"{edge}-right" if sign.corner else edge
    sheet = outlines.on_page(frame.width, frame.height, sign.words, position, POINTS / frame.unit, provider)
    return _label(sheet, frame, sign.words, 1.0, b"1 g", b"0 g")


def picture_label(document: Document, page: Page, provider: Provider) -> Label:
    """The label of a page that is a picture.

    Raises:
        UnsupportedOutputError: The wording does not fit the page.
    """
    frame = frame_of(document, page)
    sheet = outlines.on_picture(frame.width, frame.height, provider)
    words = provider.image.wording or provider.wording
    return _label(sheet, frame, words, provider.image.opacity, b"0 g", b"1 g")


def _label(sheet: Sheet, frame: Frame, words: str, opacity: float, plate: bytes, ink: bytes) -> Label:
    codes = codes_of(words)
    shown = [
        b"BT /%s %s Tf %s %s Td <%s> Tj ET"
        % (
            FONT.encode(),
            number(sheet.size),
            number(sheet.left + line.x),
            number(sheet.bottom + line.y),
            bytes(codes[character] for character in line.text).hex().encode(),
        )
        for line in sheet.lines
    ]
    box = b" ".join(map(number, (sheet.left, sheet.bottom, sheet.width, sheet.height)))
    drawn = b"\n".join(
        (
            b"/AIGC << /ActualText <feff%s> /Lang (zh-CN) >> BDC" % words.encode("utf-16-be").hex().encode(),
            b"q " + b" ".join(map(number, frame.matrix)) + b" cm",
            b"q /%s gs %s %s re f Q" % (STATE.encode(), plate, box),
            ink,
            *shown,
            b"Q",
            b"EMC",
        )
    )
    return Label(drawn, words, sheet, opacity)
