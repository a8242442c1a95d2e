"""The font of a PDF label: the outlines of its characters, and which characters they are (ISO 32000, 9.6.4, 9.10.3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aigc_hooks.errors import CarrierError
from aigc_hooks.explicit import outlines
from aigc_hooks.explicit.outlines import EM, Glyph
from aigc_hooks.implicit.pdf_syntax import Reference

_OPERATORS = {"M": b"m", "L": b"l", "C": b"c", "Z": b"h"}


def codes_of(words: str) -> dict[str, int]:
    """The code of each character in the label's font.

    Raises:
        CarrierError: There are more of them than codes.
    """
    characters = list(dict.fromkeys(words))
    if len(characters) > 255:
        raise CarrierError(
            "a label of more than 255 different characters has no font in a PDF: choose a shorter wording"
        )
    return {character: code for code, character in enumerate(characters, 1)}


def font_of(words: str, face: Path, stream: Callable[[bytes], Reference]) -> bytes:
    """A font of the characters of a label, which draws their outlines and tells which they are.

    Args:
        words: The label.
        face: The font file that has the outlines.
        stream: Makes a stream object of its data.
    """
    codes = codes_of(words)
    glyphs = {character: outlines.glyph(face, character) for character in codes}
    names = {character: b"u%04X" % ord(character) for character in codes}
    drawn = b" ".join(
        b"/%s %d %d R" % (names[character], *stream(_outline(glyph))) for character, glyph in glyphs.items()
    )
    boxes = list(zip(*(glyph.box for glyph in glyphs.values()), strict=True))
    box = (min(boxes[0]), min(boxes[1]), max(boxes[2]), max(boxes[3]))
    return (
        b"<< /Type /Font /Subtype /Type3 /FontMatrix [%s 0 0 %s 0 0] /FontBBox [%s] /CharProcs << %s >> "
        b"/Encoding << /Type /Encoding /Differences [1 %s] >> /FirstChar 1 /LastChar %d /Widths [%s] "
        b"/ToUnicode %d %d R /Resources << >> >>"
        % (
            number(1 / EM),
            number(1 / EM),
            b" ".join(map(number, box)),
            drawn,
            b" ".join(b"/" + name for name in names.values()),
            len(codes),
            b" ".join(number(glyph.advance) for glyph in glyphs.values()),
            *stream(_characters(codes)),
        )
    )


def number(value: float) -> bytes:
    """A number as a PDF file writes it."""
    return f"{value:.4f}".rstrip("0").rstrip(".").encode()


def _outline(glyph: Glyph) -> bytes:
    pieces = [b" ".join(map(number, (glyph.advance, 0, *glyph.box))) + b" d1"]
    pieces += [b" ".join((*map(number, points), _OPERATORS[kind])) for kind, points in glyph.curves]
    return b"\n".join([*pieces, b"f"])


def _characters(codes: dict[str, int]) -> bytes:
    """The map by which readers take the characters out."""
    told = [b"<%02X> <%s>" % (code, each.encode("utf-16-be").hex().upper().encode()) for each, code in codes.items()]
    runs = [told[at : at + 100] for at in range(0, len(told), 100)]
    return (
        b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo << /Registry (Adobe) "
        b"/Ordering (UCS) /Supplement 0 >> def\n/CMapName /AIGC def\n/CMapType 2 def\n"
        b"1 begincodespacerange\n<00> <FF>\nendcodespacerange\n"
        + b"".join(b"%d beginbfchar\n%s\nendbfchar\n" % (len(run), b"\n".join(run)) for run in runs)
        + b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend"
    )
