"""Looks for the explicit label in a document: the label of this library, where it puts it.

Words of others are not told from those of the document: what does not show this label is unknown, not wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal, get_args

from aigc_hooks.checks.report import Check, every
from aigc_hooks.checks.texts import Mark, look
from aigc_hooks.documents import families
from aigc_hooks.documents.plan import Plan
from aigc_hooks.errors import AIGCHooksError, UnsupportedCarrierError
from aigc_hooks.provider import Provider
from aigc_hooks.styles import Position

_PLACES: tuple[Literal["both", "end", "start"], ...] = ("both", "end", "start")
_TEXT, _PICTURE = ("T-01", "T-03", "W-01"), ("W-01", "I-01", "I-03", "I-04", "I-05")
_NOT_FOUND = "the label of this library was not found; labels in somebody's own words are not recognised"


def judge(path: Path, carrier: str, provider: Provider | None) -> list[Check]:
    """The verdicts on the explicit label of a document.

    Args:
        path: The file.
        carrier: The name of its format.
        provider: Whose label is looked for, before that of the default settings; None for the latter only.
    """
    try:
        with path.open("rb") as stream:
            return _judged(stream, carrier, [*filter(None, (provider, Provider(producer="check")))])
    except UnsupportedCarrierError as error:
        return [Check("S-06", "unknown", f"the visible label cannot be seen by this version: {error}")]
    except AIGCHooksError as error:
        return every(("S-06",), "unknown", f"the document cannot be looked at: {error}")


def _judged(stream: BinaryIO, carrier: str, known: list[Provider]) -> list[Check]:
    first = families.plan(stream, carrier, known[0])
    if first.picture:
        return _picture(stream, carrier, known)
    for settings in known:
        for mark in get_args(Mark):
            for place in _PLACES:
                plan = families.plan(stream, carrier, look(settings, place, mark))
                if plan.write is None:
                    return _text(plan)
    return every(_TEXT, "unknown", _NOT_FOUND)


def _text(found: Plan) -> list[Check]:
    place = ", ".join(found.places)
    at = [
        Check("T-01", "pass", f"the label stands at the {place}", place),
        Check("T-03", "pass", "its colours and its size are those of this library, or of the text around it", place),
    ]
    if found.corner:
        return [*at, Check("T-02", "pass", f"{found.words!r}, the one place where AI may stand alone", place)]
    return [*at, Check("W-01", "pass", f"it says {found.words!r}", place)]


def _picture(stream: BinaryIO, carrier: str, known: list[Provider]) -> list[Check]:
    for settings in known:
        for position in dict.fromkeys((settings.image.position, *get_args(Position))):
            image = settings.image.model_copy(update={"position": position})
            plan = families.plan(stream, carrier, settings.model_copy(update={"image": image}))
            if plan.write is None:
                height = f"every character is at least {settings.image.height:.0%} of the shorter side high"
                return [
                    Check("W-01", "pass", f"it says {plan.words!r}", position),
                    Check("I-01", "pass", height, position),
                    Check("I-03", "pass", f"it is at the {position}", position),
                    Check("I-04", "pass", "it is inside what is seen of the picture", position),
                    Check("I-05", "pass", "its characters are outlines on a plate of their own", position),
                ]
    return every(_PICTURE, "unknown", _NOT_FOUND)
