"""The bundle as PDF, in the font that ships with the package: it looks the same wherever it is opened."""

from __future__ import annotations

import io
from itertools import zip_longest
from typing import TYPE_CHECKING

from PIL import Image

from aigc_hooks.duties.evidence import TITLE, Block, Evidence, Figure, Heading, Paragraph, Table
from aigc_hooks.errors import ConfigError
from aigc_hooks.explicit.lettering import SHIPPED_FONT, load_font, wrap
from aigc_hooks.explicit.text import CORNER, RAISED

if TYPE_CHECKING:
    from fpdf import FPDF

_LINE = 6.0
"""Height of a line, in millimetres."""

_FIGURE = (150.0, 110.0)
"""Greatest width and height of a picture, in millimetres."""

_SIZES = {1: 18, 2: 14, 3: 12, 4: 10}
"""Of headings, in points."""

_TEXT, _SMALL = 10, 9
"""Sizes of text and of tables, in points."""

_POINT = 25.4 / 72
"""In millimetres."""

_MEASURED = 100
"""Size at which lines are measured, in pixels."""

_WIDTHS = {2: (52, 138), 3: (16, 40, 134)}
"""Of the columns of a table, by their number, in millimetres."""

_TOGETHER = 60.0
"""A table that is no higher stays on one page, in millimetres."""

_GREEN, _RED, _GREY = (23, 112, 58), (176, 0, 32), (190, 190, 190)


def blank() -> FPDF:
    """A document without a page, in the font of the package.

    Raises:
        ConfigError: The library that writes PDF is missing.
    """
    try:
        from fpdf import FPDF
    except ImportError as error:
        raise ConfigError("the bundle as PDF needs fpdf2: pip install 'aigc-hooks[papers]'") from error
    pdf = FPDF()
    pdf.add_font("label", fname=SHIPPED_FONT)
    pdf.set_auto_page_break(True, 15)
    return pdf


def document(evidence: Evidence) -> bytes:
    """The whole document.

    Raises:
        ConfigError: The library that writes PDF is missing.
    """
    pdf = blank()
    pdf.set_title(TITLE)
    pdf.add_page()
    blocks = list(evidence.blocks())
    for block, following in zip_longest(blocks, blocks[1:]):
        if isinstance(block, Heading) and pdf.will_page_break(_with_heading(following)):
            pdf.add_page()
        _write(pdf, block)
    return bytes(pdf.output())


def _with_heading(block: Block | None) -> float:
    """The room that a heading needs together with what it heads, in millimetres."""
    return 20 + (_size_of(block.sample.shown)[1] if isinstance(block, Figure) else 20)


def _write(pdf: FPDF, block: Block) -> None:
    match block:
        case Heading(text, level):
            _heading(pdf, text, level)
        case Paragraph(lines, good):
            pdf.set_text_color(*(0, 0, 0) if good is None else _GREEN if good else _RED)
            _paragraph(pdf, lines)
            pdf.set_text_color(0, 0, 0)
        case Table(rows):
            _table(pdf, rows)
        case Figure(sample):
            _figure(pdf, sample.shown, sample.title)


def _heading(pdf: FPDF, text: str, level: int) -> None:
    size = _SIZES[level]
    pdf.ln(_LINE / 2)
    pdf.set_font("label", size=size)
    pdf.multi_cell(0, size * 0.6, text, align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(1)


def _paragraph(pdf: FPDF, lines: tuple[str, ...]) -> None:
    pdf.set_font("label", size=_TEXT)
    for line in lines:
        for part in _lines(line, _TEXT, pdf.epw):
            pdf.cell(0, _LINE, part, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(1)


def _lines(text: str, size: int, width: float) -> list[str]:
    """A text in lines that fit. Chinese breaks between any two characters, but not before its punctuation."""
    room = width - 2.5  # what fpdf2 leaves free on both sides of a cell
    text = text.replace(RAISED, CORNER)  # few fonts have these letters
    return wrap(text, load_font(SHIPPED_FONT, _MEASURED), int(room / (size * _POINT) * _MEASURED))


def _table(pdf: FPDF, rows: tuple[tuple[str, ...], ...]) -> None:
    from fpdf.fonts import FontFace

    if not rows:
        return
    widths = _WIDTHS[len(rows[0])]
    cells = [
        ["\n".join(_lines(cell, _SMALL, width - 2)) for cell, width in zip(row, widths, strict=True)] for row in rows
    ]
    height = (_LINE - 1) * sum(max(cell.count("\n") for cell in row) + 1.2 for row in cells)
    if height < _TOGETHER and pdf.will_page_break(height):
        pdf.add_page()
    pdf.set_font("label", size=_SMALL)
    pdf.set_draw_color(*_GREY)
    with pdf.table(
        col_widths=widths,
        first_row_as_headings=False,
        line_height=_LINE - 1,
        padding=(0.5, 1.0),
        text_align="LEFT",
        v_align="TOP",
    ) as table:
        for name, *others in cells:
            row = table.row()
            row.cell(name, style=FontFace(fill_color=(243, 243, 243)))
            for cell in others:
                row.cell(cell)
    pdf.ln(2)


def _figure(pdf: FPDF, picture: bytes, title: str) -> None:
    width, height = _size_of(picture)
    if pdf.will_page_break(height):
        pdf.add_page()
    left, top = pdf.get_x(), pdf.get_y()
    pdf.image(io.BytesIO(picture), w=width, h=height, alt_text=title)
    pdf.set_draw_color(*_GREY)
    pdf.rect(left, top, width, height)
    pdf.ln(2)


def _size_of(picture: bytes) -> tuple[float, float]:
    """Width and height of a picture on paper, in millimetres."""
    with Image.open(io.BytesIO(picture)) as image:
        scale = min(_FIGURE[0] / image.width, _FIGURE[1] / image.height)
        return image.width * scale, image.height * scale
