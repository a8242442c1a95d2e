"""Looks for the explicit label in the pixels of a picture: the label of this library, at each place where it may be.

Lettering of others is not read: what does not show this label is unknown, not wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from aigc_hooks.checks.report import Check, every
from aigc_hooks.provider import Provider
from aigc_hooks.styles import MIN_OPACITY, Position

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 178_956_970
"""Largest picture that is decoded, in pixels: as Pillow has it by default."""

MAX_FRAMES_PIXELS = 1 << 30
"""Most pixels of an animation that are decoded, all frames together."""

_RULES = ("W-01", "I-01", "I-03", "I-04", "I-05")


def judge(path: Path, provider: Provider | None) -> list[Check]:
    """The verdicts on the explicit label of a picture file.

    Args:
        path: The file.
        provider: Whose label is looked for, before that of the default settings; None for the latter only.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            size = image.width * image.height
            if size > MAX_PIXELS:
                return every(_RULES, "unknown", f"{image.width}×{image.height} pixels are more than are looked at")
            return _frames(image, getattr(image, "n_frames", 1), size, styles(provider))
    except Exception as error:  # Pillow's decoders raise whatever a broken file makes them raise
        return every(_RULES, "unknown", f"the picture cannot be decoded here: {error}")


def _frames(image: Image.Image, count: int, size: int, styles: list[Provider]) -> list[Check]:
    seen = min(count, max(MAX_FRAMES_PIXELS // max(size, 1), 1))
    found: Provider | None = None
    for number in range(seen):
        if count > 1:
            image.seek(number)
        shown = _shown(image.copy() if count > 1 else image, [found] if found else styles)
        if shown is None:
            if number == 0 or found is None:
                reason = "the label of this library was not found; lettering of others is not recognised"
                return every(_RULES, "unknown", reason)
            reason = f"frame {number + 1} of {count} lacks the label that the frames before it show"
            return [*_passed(found), Check("I-10", "fail", reason, f"frame {number + 1}")]
        found = shown
    assert found is not None
    if count == 1:
        return _passed(found)
    if seen < count:
        return [*_passed(found), Check("I-10", "unknown", f"the first {seen} of {count} frames show it, no more seen")]
    return [*_passed(found), Check("I-10", "pass", f"all {count} frames show it")]


def _shown(image: Image.Image, styles: list[Provider]) -> Provider | None:
    from aigc_hooks.explicit import picture

    return next((style for style in styles if picture.shows_label(image, style)), None)


DEFAULTS = Provider(producer="check")
"""The label as it is without settings."""


def styles(provider: Provider | None, known: Provider = DEFAULTS) -> list[Provider]:
    """Every look that the label may have, the likeliest first: the provider's own, and that of the defaults."""
    found = []
    for settings in filter(None, (provider, known)):
        # The faintest plate that is legible is enough, whatever the settings say.
        image = settings.image.model_copy(update={"opacity": MIN_OPACITY})
        first = image.position
        for position in (first, *(place for place in get_args(Position) if place != first)):
            found.append(settings.model_copy(update={"image": image.model_copy(update={"position": position})}))
    return found


def _passed(found: Provider) -> list[Check]:
    words = found.image.wording or found.wording
    place = found.image.position
    reasons = {
        "W-01": f"it says {words!r}",
        "I-01": f"every character is at least {found.image.height:.0%} of the shorter side high",
        "I-03": f"it is at the {place}",
        "I-04": "it is found whole",
        "I-05": "the text is bright, and the plate under it dark",
    }
    return [Check(id, "pass", reason, place) for id, reason in reasons.items()]
