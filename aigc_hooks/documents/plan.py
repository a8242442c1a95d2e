"""What the families of documents have in common: an edit that is made, or that has nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO, Literal, NamedTuple

from aigc_hooks.explicit.text import sign_of
from aigc_hooks.provider import Provider

MARK = "AIGC_label"
"""What names our label in a document, so that it is found again and none is put beside it."""

Place = Literal["start", "end"]

INK, PAPER = "000000", "FFFFFF"
"""Colours of the label's text and of what lies under it: a contrast of 21 : 1 by the formula of WCAG."""

FONTS = ("Arial", "SimSun")
"""Fonts for Latin and for Chinese characters: named, for the document's own may be one of signs."""

POINTS = 12
"""Size of a notice, in points."""


class Plan(NamedTuple):
    """What is to be done to a document so that it shows its label.

    Attributes:
        places: Where the label stands then, for people, such as ``"text end"``.
        words: What it says.
        corner: Whether it is a corner mark.
        write: Copies the document with the label to an empty stream; None where it shows it already.
        picture: Whether it is the label of a picture, by the settings of these, and not of a text.
    """

    places: tuple[str, ...]
    words: str
    corner: bool
    write: Callable[[BinaryIO], None] | None
    picture: bool = False


class Cut(NamedTuple):
    """A part of some bytes, from where to where it stands, and what takes its place."""

    start: int
    stop: int
    made: bytes


def places_of(provider: Provider) -> tuple[Place, ...]:
    """Where the settings ask for a label in a text."""
    return ("start", "end") if provider.text.position == "both" else (provider.text.position,)


def planned(provider: Provider, write: Callable[[BinaryIO], None] | None) -> Plan:
    """The plan for a document of text."""
    sign = sign_of(provider)
    return Plan(tuple(f"text {place}" for place in places_of(provider)), sign.words, sign.corner, write)


def spliced(data: bytes, cuts: Iterable[Cut]) -> bytes:
    """Bytes with some parts taken out or put in; what is put in at one place stays in its order."""
    made, done = [], 0
    for start, stop, piece in sorted(cuts, key=lambda cut: (cut.start, cut.stop)):
        made += [data[done:start], piece]
        done = max(done, stop)
    return b"".join([*made, data[done:]])
