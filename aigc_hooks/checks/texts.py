"""Looks for the explicit label in a text: at its ends the label of this library, anywhere the words that one needs."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from aigc_hooks.checks.report import Check, every
from aigc_hooks.errors import CarrierError, WordingError
from aigc_hooks.explicit import text as labels
from aigc_hooks.explicit.wording import check_wording
from aigc_hooks.provider import Provider
from aigc_hooks.saving.documents import TextFile
from aigc_hooks.styles import TextStyle

Place = Literal["end", "start"]
Mark = Literal["notice", "corner"]

_AI = re.compile(r"人工智能|(?<![A-Za-z])AI(?![A-Za-z])|ᴬᴵ")
"""What every lawful label of a text has, a corner mark too."""

_LONGEST = 60
"""Longest line that is taken for a label in somebody's own words, in characters."""


def judge(path: Path, provider: Provider | None) -> list[Check]:
    """The verdicts on the explicit label of a text file.

    Args:
        path: The file.
        provider: Whose label is looked for, before that of the default settings; None for the latter only.
    """
    try:
        content = TextFile.open(path, path).content
    except CarrierError as error:
        return every(("T-01", "W-01"), "unknown", f"the text cannot be read: {error}")
    if nothing := labels.left_alone(content):
        return [Check("T-01", "unknown", f"{nothing}: it gets no label in the text; label what shows it")]
    for settings in filter(None, (provider, Provider(producer="check"))):
        for mark in get_args(Mark):
            places = [place for place in get_args(Place) if labels.shows_label(content, look(settings, place, mark))]
            if places:
                return _passed(look(settings, places[0], mark), places)
    if not _AI.search(content):
        reason = "neither 人工智能 nor AI stands in it, which every label of a text has"
        return [Check("T-01", "fail", reason), Check("W-01", "fail", reason)]
    if line := _like_a_label(content):
        reason = f"{line!r} may be a label in words of somebody's own, or a sentence of the text"
    else:
        reason = "the label of this library was not found; AI or 人工智能 stands in it, which may be a corner mark"
    return every(("T-01", "W-01"), "unknown", reason)


def look(settings: Provider, place: Place | Literal["both"], mark: Mark) -> Provider:
    """The settings with another place and another form of a text's label, whose wording is the usual one then."""
    same = settings.text.mark == mark
    style = TextStyle(
        position=place, mark=mark, wording=settings.text.wording if same else None, markup=settings.text.markup
    )
    return settings.model_copy(update={"text": style})


def _passed(settings: Provider, places: list[Place]) -> list[Check]:
    sign, place = labels.sign_of(settings), ", ".join(places)
    at = Check("T-01", "pass", f"the label stands at the {' and the '.join(places)}", place)
    if sign.corner:
        return [at, Check("T-02", "pass", f"{sign.text!r}, the one place where AI may stand alone", place)]
    return [at, Check("W-01", "pass", f"it says {sign.words!r}", place)]


def _like_a_label(content: str) -> str:
    """The first or last line, if it has both elements of a wording; else nothing."""
    text = content.strip()
    for line in (text.partition("\n")[0], text.rpartition("\n")[2]):
        if len(line) <= _LONGEST:
            with suppress(WordingError):
                return check_wording(line.strip())
    return ""
