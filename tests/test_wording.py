"""What the text of an explicit label must say (GB 45438-2025, 5.1 b to 5.6 b)."""

from __future__ import annotations

import pytest

from aigc_hooks import ConfigError, ImageStyle, Provider, WordingError
from aigc_hooks.explicit.wording import check_wording


@pytest.mark.parametrize(
    "text",
    [
        "AI生成",
        "人工智能生成",
        "AI合成",
        "人工智能合成",
        "由AI生成",
        "内容由 AI 生成",
        "人工智能生成合成",
        "本内容由人工智能生成",
        "该内容疑似由AI生成合成",
    ],
)
def test_w01_both_elements_pass(text: str) -> None:
    assert check_wording(text) == text


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("AI", "生成 or 合成"),
        ("人工智能", "生成 or 合成"),
        ("AI制作", "生成 or 合成"),
        ("AI-generated", "生成 or 合成"),
        ("生成", "人工智能 or AI"),
        ("智能生成", "人工智能 or AI"),
        ("机器合成", "人工智能 or AI"),
        ("AIGC生成", "人工智能 or AI"),
        ("AIR生成", "人工智能 or AI"),
        ("AIGC", "人工智能 or AI"),
        ("AIGC", "生成 or 合成"),
        ("", "人工智能 or AI"),
        ("", "生成 or 合成"),
        ("   ", "人工智能 or AI"),
    ],
)
def test_w02_one_element_alone_is_refused_and_the_missing_one_named(text: str, missing: str) -> None:
    with pytest.raises(WordingError, match=missing):
        check_wording(text)


def test_w02_the_message_shows_a_lawful_text() -> None:
    with pytest.raises(WordingError, match=r"'AI生成' or '本内容由人工智能生成'"):
        check_wording("AI")


def test_w03_a_lone_ai_is_no_label_of_a_picture() -> None:
    for build in (lambda: Provider(producer="acme", wording="AI"), lambda: ImageStyle(wording="AI")):
        with pytest.raises(ConfigError, match=r"wording = 'AI': label text 'AI' lacks the generation element"):
            build()


@pytest.mark.parametrize("text", ["ＡＩ生成", "ａｉ生成", "ai生成", "Ai生成", "aI合成", "AIGC生成"])
def test_w04_full_width_and_lower_case_are_refused_and_the_spelling_told(text: str) -> None:
    with pytest.raises(WordingError, match=r"AI, spelt in ASCII capitals and standing alone"):
        check_wording(text)


@pytest.mark.parametrize("text", ["AI生成 / AI-generated", "AI-generated · AI生成", "人工智能生成 (made by a machine)"])
def test_w05_another_language_may_stand_beside(text: str) -> None:
    assert check_wording(text) == text


@pytest.mark.parametrize("text", ["AI-generated", "made by artificial intelligence", "generado por IA"])
def test_w05_another_language_cannot_stand_instead(text: str) -> None:
    with pytest.raises(WordingError, match="lacks the"):
        check_wording(text)


@pytest.mark.parametrize(
    ("character", "name"),
    [("\n", "U+000A"), ("\t", "U+0009"), ("\u200b", "U+200B"), ("\u202e", "U+202E"), ("\u3000", "U+3000")],
)
def test_what_cannot_be_seen_is_refused_and_named(character: str, name: str) -> None:
    with pytest.raises(WordingError, match=name.replace("+", r"\+")):
        check_wording(f"AI{character}生成")


def test_settings_strip_the_space_around_a_wording() -> None:
    assert Provider(producer="acme", wording=" AI生成 ").wording == "AI生成"
    assert Provider(producer="acme").wording == "AI生成"
