"""Looks for the explicit label in the opening pictures of a film: the label of this library, where it may be."""

from __future__ import annotations

from pathlib import Path

from aigc_hooks.checks import pictures
from aigc_hooks.checks.report import Check, every
from aigc_hooks.errors import AIGCHooksError
from aigc_hooks.explicit.video import as_picture
from aigc_hooks.provider import Provider
from aigc_hooks.saving.film import opening

RULES = ("W-01", "V-01", "V-02", "V-03", "V-04")

LEAST_SECONDS = 2.0
"""How long the label is to be seen at least (GB 45438-2025, 5.4 g)."""


def judge(path: Path, provider: Provider | None) -> list[Check]:
    """The verdicts on the explicit label of a film.

    Args:
        path: The file.
        provider: Whose label is looked for, before that of the default settings; None for the latter only.
    """
    try:
        own = as_picture(provider) if provider else None
        looks = pictures.styles(own, as_picture(pictures.DEFAULTS))
        found, until, ended = opening(path, looks, LEAST_SECONDS)
    except AIGCHooksError as error:
        return every(RULES, "unknown", f"the film cannot be decoded here: {error}")
    if found is None:
        reason = "the label of this library is not in the start frame; lettering of others is not recognised"
        return every(RULES, "unknown", reason)
    place = found.image.position
    enough = until >= LEAST_SECONDS - 1e-3 or ended
    lasts = f"it is seen for {until:.2f} s{', which is the whole film' if ended else ' and more' if enough else ''}"
    return [
        Check("W-01", "pass", f"it says {found.image.wording or found.wording!r}", place),
        Check("V-01", "pass", "it is in the start frame", place),
        Check("V-02", "pass" if enough else "fail", lasts, place),
        Check("V-03", "pass", f"every character is at least {found.image.height:.0%} of the shorter side high", place),
        Check("V-04", "pass", f"it is at the {place}", place),
    ]
