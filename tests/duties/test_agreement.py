"""Article 8: the clause says the methods and styles that the provider really has, and the users' duties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fontTools.ttLib import TTFont

from aigc_hooks import AudioStyle, ImageStyle, Provider, TextStyle, VideoStyle
from aigc_hooks.cli import samples
from aigc_hooks.duties import evidence, scheme, service
from aigc_hooks.duties.agreement import agreement
from aigc_hooks.explicit.lettering import SHIPPED_FONT
from aigc_hooks.security.algorithms import ALGORITHMS

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


def signing(algorithm: str, **settings: Any) -> Provider:
    return Provider(producer="acme", security={"key": "key.pem", "algorithm": algorithm, **settings})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_tells_of_signatures_where_there_are_any(algorithm: str) -> None:
    by = signing(algorithm)
    title = ALGORITHMS[algorithm].title
    assert f"及文件内容的数字签名（{title}" in agreement(by, "zh")
    assert ("TC260-PG-202511A" in agreement(by)) == (algorithm in ("sm2", "rsa"))
    assert "文件内容" not in agreement(signing(algorithm, content=False), "zh")
    assert f"elements and of the content ({title}" in agreement(by, "en")
    made = evidence.Evidence(by, "2026-01-01", (), "").settings()
    assert made["security.algorithm"] == algorithm
    assert "security.key" not in made


def test_it_tells_of_no_signature_where_there_is_none() -> None:
    by = Provider(producer="acme")
    assert "签名" not in agreement(by)
    assert "ReservedCode1" not in agreement(by)
    assert not [name for name in evidence.Evidence(by, "2026-01-01", (), "").settings() if "security" in name]


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
    texts += [agreement(signing(name)) for name in ALGORITHMS]
    texts += [f"{chinese}{english}" for chinese, english in scheme.RULES]
    texts += [Path(module.__file__ or "").read_text(encoding="utf-8") for module in (evidence, samples, service)]
    assert {
        character for character in "".join(texts) if character.isprintable() and ord(character) not in known
    } == set()


SERVICES = {
    "a": ("（一）项", "智能对话、智能写作等模拟自然人进行文本的生成或者编辑服务"),
    "b": ("（二）项", "合成人声、仿声等语音生成或者显著改变个人身份特征的编辑服务"),
    "c": ("（三）项", "人脸生成、人脸替换、人脸操控、姿态操控等人物图像、视频生成或者显著改变个人身份特征的编辑服务"),
    "d": ("（四）项", "沉浸式拟真场景等生成或者编辑服务"),
    "e": ("（五）项", "其他具有生成或者显著改变信息内容功能的服务"),
}


@pytest.mark.parametrize("service_class", SERVICES)
def test_it_says_in_the_words_of_the_law_which_service_it_is(service_class: Any) -> None:
    provider = Provider(producer="acme", service_class=service_class)
    for words in ("第十七条第一款", *SERVICES[service_class]):
        assert words in agreement(provider, "zh")
    assert f"article 17, paragraph 1 ({'abcde'.index(service_class) + 1})" in agreement(provider, "en")
    assert "可以对生成或者编辑的内容进行显著标识" not in agreement(provider, "zh")


def test_another_service_offers_the_label_and_reminds_its_users() -> None:
    provider = Provider(producer="acme", service_class="other")
    for words in ("第十七条第一款所列服务之外", "提供显著标识功能", "您可以对生成或者编辑的内容进行显著标识"):
        assert words in agreement(provider, "zh")
    assert "you may label with it" in agreement(provider, "en")
    assert "第十七条" not in agreement(Provider(producer="acme"), "zh")


@pytest.mark.parametrize("coverage", ["opening", "throughout"])
def test_films_and_scenes_are_in_the_scheme(coverage: Any) -> None:
    style = VideoStyle(coverage=coverage, seconds=3, middle=True, position="left", wording="AI合成")
    provider = Provider(producer="acme", video=style, image=ImageStyle(position="top"))
    rules = {rule.kind: rule for rule in scheme.scheme(provider)}
    assert list(rules) == ["text", "image", "audio", "video", "scene", "implicit"]
    for words in ("左边", "“AI合成”", "起始画面", "5.4", "不少于3秒" if coverage == "opening" else "全程"):
        assert words in rules["video"].chinese
    assert ("中间" in rules["video"].chinese) == (coverage == "opening")
    assert "上边" in rules["scene"].chinese
    assert "起始画面" in rules["scene"].chinese
