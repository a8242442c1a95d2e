"""What the text of an explicit label must say."""

from __future__ import annotations

import re

from aigc_hooks.errors import WordingError

# GB 45438-2025, 5.1 b to 5.6 b: "人工智能" or "AI", and "生成" and/or "合成". "AI" is meant as a word: it does not
# stand in "AIGC" or "AIR". Lower-case "ai" and full-width "ＡＩ" are not its spelling and are refused (W-04).
_AI_ELEMENT = re.compile(r"人工智能|(?<![A-Za-z])AI(?![A-Za-z])")
_GENERATION_ELEMENT = re.compile(r"生成|合成")
_LOOKALIKE = re.compile(r"ai|ＡＩ|ａｉ", re.IGNORECASE)


CORNER_MARK = "corner"
"""The form of a text's label whose wording may be a lone "AI" (GB 45438-2025, 5.1 c)."""


def check_wording(text: str, *, corner: bool = False) -> str:
    """Checks that a label text holds both elements, and returns it.

    Text in another language is welcome beside them: ``"AI生成 / AI-generated"`` passes, ``"AI-generated"`` does not.

    Args:
        text: The wording.
        corner: Whether it is the corner mark of a text, which needs the AI element only.

    Raises:
        WordingError: An element is missing (GB 45438-2025, 5.1 b to 5.6 b), or a character of the text cannot be seen.
    """
    if unseen := [f"U+{ord(character):04X}" for character in text if not character.isprintable()]:
        raise WordingError(
            f"label text {text!r} holds {', '.join(unseen)}: use plain spaces, and neither control characters nor line "
            "breaks; the label wraps by itself"
        )
    missing = []
    if not _AI_ELEMENT.search(text):
        hint = ", spelt in ASCII capitals and standing alone" if _LOOKALIKE.search(text) else ""
        missing.append(f"the AI element (人工智能 or AI{hint})")
    if not corner and not _GENERATION_ELEMENT.search(text):
        missing.append("the generation element (生成 or 合成)")
    if missing:
        example = (
            "a corner mark needs it, as in 'AI'"
            if corner
            else "asks for both, as in 'AI生成' or '本内容由人工智能生成'"
        )
        raise WordingError(f"label text {text!r} lacks {' and '.join(missing)}; GB 45438-2025 {example}")
    return text
