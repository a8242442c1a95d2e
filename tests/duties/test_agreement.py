"""Article 8: the clause says the methods and styles that the provider really has, and the users' duties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fontTools.ttLib import TTFont

from aigc_hooks import AudioStyle, ImageStyle, Provider, TextStyle
from aigc_hooks.duties import evidence_html, evidence_pdf, scheme
from aigc_hooks.duties.agreement import agreement
from aigc_hooks.explicit.lettering import SHIPPED_FONT

WORDY: dict[str, Any] = {"producer": "001191110102MACQD9K64010000", "wording": "本作品由人工智能生成"}


def test_it_mentions_explicit_and_implicit_labels_and_the_users_duties() -> None:
    chinese = agreement(Provider(producer="acme"), "zh")
    for word in ("显式标识", "隐式标识", "仔细阅读", "主动声明", "不得恶意删除、篡改、伪造、隐匿", "六个月"):
        assert word in chinese
    english = agreement(Provider(producer="acme"), "en")
    for word in ("Explicit labels", "Implicit labels", "Please read", "declare it", "six months", "GB 45438-2025"):
        assert word in english
    assert agreement(Provider(producer="acme")) == f"{chinese}\n{english}"
    own_words = english.replace("（本内容由AI生成）", "").replace("AI生成", "")
    assert not any("一" <= character <= "鿿" for character in own_words)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_follows_the_settings(language: Any) -> None:
    provider = Provider(
        **WORDY,
        propagator="empty",
        image=ImageStyle(position="top-left", height=0.08),
        text=TextStyle(position="both", mark="corner"),
        audio=AudioStyle(kind="voice", position="end", wording="本段音频由AI合成"),
    )
    text = agreement(provider, language)
    for part in (WORDY["producer"], WORDY["wording"], "8%", "“AI”", "本段音频由AI合成"):
        assert part in text
    words = (("左上角", "top left corner"), ("起始和末尾", "beginning and end"), ("角标", "corner mark"))
    for chinese, english in words:
        assert (chinese if language == "zh" else english) in text
    assert ("首次写入时为空" if language == "zh" else "at first empty") in text
    rhythm = agreement(Provider(producer="acme"), language)
    assert ("短长 短短" if language == "zh" else "short-long, short-short") in rhythm


def test_every_place_of_a_label_has_its_words() -> None:
    positions = {
        position
        for style in (ImageStyle, TextStyle, AudioStyle)
        for position in style.model_fields["position"].annotation.__args__  # type: ignore[union-attr]
    }
    assert positions == set(scheme._POSITIONS)


def test_the_shipped_font_has_all_characters_of_the_papers() -> None:
    known = set(TTFont(SHIPPED_FONT).getBestCmap())
    texts = [agreement(Provider(producer="acme")), agreement(Provider(producer="acme", audio=AudioStyle(kind="voice")))]
    texts += [f"{chinese}{english}" for chinese, english in scheme.RULES]
    texts += [Path(module.__file__ or "").read_text(encoding="utf-8") for module in (evidence_html, evidence_pdf)]
    # The last is the end of a range of characters, and no text.
    missing = {character for character in "".join(texts) if character.isprintable() and ord(character) not in known}
    assert missing <= {"鿿"}
