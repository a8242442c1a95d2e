"""The settings of texts: their layers, their secrets, and what is said of a wrong one."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import ConfigError, Provider, SamplingWatermark, TextStyle, WordingError, label, override
from aigc_hooks.explicit.wording import check_wording
from aigc_hooks.layers import ENV_PREFIX
from aigc_hooks.provider import resolve

SECRET = 918273645


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for variable in os.environ:
        if variable.startswith(ENV_PREFIX):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def message(call: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        call()
    return str(caught.value)


def test_each_layer_lays_over_the_weaker_ones_key_by_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "aigc.toml").write_text(
        '[text]\nposition = "both"\nmark = "corner"\nmarkup = "html"\n'
        '[providers.acme]\nproducer = "acme"\ntext = { mark = "notice", wording = "AI合成" }\n',
        encoding="utf-8",
    )
    assert resolve("acme", {}).text == TextStyle(position="both", markup="html", wording="AI合成")
    monkeypatch.setenv("AIGC_HOOKS_TEXT__POSITION", "start")
    assert resolve("acme", {}).text.position == "start"
    assert resolve("acme", {"text": {"position": "end"}}).text.position == "end"
    with override(text={"position": "both"}):
        assert resolve("acme", {"text": {"position": "end"}}).text == TextStyle(
            position="both", markup="html", wording="AI合成"
        )


def test_a_general_wording_of_a_stronger_layer_wins(folder: Path) -> None:
    (folder / "aigc.toml").write_text(
        'producer = "acme"\n[text]\nwording = "AI合成"\n[image]\nwording = "AI合成"\n', encoding="utf-8"
    )
    assert label("hi") == "hi\n\nAI合成"
    assert label("hi", wording="人工智能生成") == "hi\n\n人工智能生成"
    assert resolve(None, {"wording": "人工智能生成"}).image.wording is None
    assert label("hi", wording="人工智能生成", text={"wording": "由AI生成"}) == "hi\n\n由AI生成"


def test_a_watermark_from_the_environment_and_from_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "aigc.toml").write_text(
        'producer = "acme"\n[text.watermark]\nscheme = "synthid"\nkeys = [1, 2, 3]\n', encoding="utf-8"
    )
    watermark = resolve(None, {}).text.watermark
    assert watermark is not None
    assert (watermark.scheme, watermark.keys, watermark.ngram_len) == ("synthid", (1, 2, 3), 5)
    monkeypatch.setenv("AIGC_HOOKS_TEXT__WATERMARK__KEYS", "7, 8")
    watermark = resolve(None, {}).text.watermark
    assert watermark is not None
    assert watermark.keys == (7, 8)


def test_a_secret_is_shown_nowhere() -> None:
    style = {"watermark": {"scheme": "kgw", "keys": SECRET}}
    provider = Provider(producer="acme", text=style)
    assert str(SECRET) not in f"{provider!r} {provider} {provider.text.watermark!r}"
    wrong = [
        {"watermark": {"scheme": "kgw", "keys": [SECRET, "x"]}},
        {"watermark": {"scheme": "kgw", "keys": [SECRET, SECRET]}},
        {"watermark": {"scheme": "kgw", "kys": [SECRET]}},
        {"watermark": {"scheme": "sign", "keys": [SECRET]}},
        {"watermark": SECRET},
        {"watermark": {"scheme": "kgw", "keys": [-SECRET]}},
        {"watermark": {"scheme": "kgw", "keys": [SECRET], "bias": -1}},
    ]
    for each in wrong:
        assert str(SECRET) not in message(lambda each=each: Provider(producer="acme", text=each))
    assert str(SECRET) not in message(lambda: SamplingWatermark(scheme="synthid", keys=[SECRET] * 65))


def test_settings_are_values(folder: Path) -> None:
    style = TextStyle(position="both", watermark=SamplingWatermark(scheme="kgw", keys=[SECRET]))
    provider = Provider(producer="acme", text=style)
    assert {provider: 1}[pickle.loads(pickle.dumps(provider))] == 1
    assert copy.deepcopy(provider) == provider
    with override(image={"position": "top"}):
        assert resolve(provider, {}).text == style


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ({"position": "middle"}, "text.position = 'middle': Input should be 'end', 'start' or 'both'"),
        ({"mark": "stamp"}, "text.mark = 'stamp'"),
        ({"markup": "rtf"}, "text.markup = 'rtf'"),
        ({"wording": "made by a machine"}, "lacks the AI element"),
        ({"wording": "AI"}, "lacks the generation element"),
        ({"wording": "AI生成\n"}, "AI生成"),
        ({"postion": "end"}, "unknown setting 'text.postion'; did you mean 'position'?"),
        ({"opacity": 1}, "unknown setting 'text.opacity'"),
        ({"watermark": {"scheme": "kgw", "keys": []}}, "text.watermark.keys"),
        ({"watermark": {"scheme": "kgw"}}, "text.watermark.keys is missing"),
        ({"watermark": {"scheme": "kgw", "keys": [0]}}, "text.watermark.keys.0"),
        ({"watermark": {"scheme": "kgw", "keys": [2**63]}}, "text.watermark.keys.0"),
        ({"watermark": {"scheme": "kgw", "keys": [1, 2]}}, "scheme 'kgw' takes one key, found 2"),
        ("end", "text = 'end'"),
    ],
)
def test_what_is_wrong_is_named(style: Any, said: str) -> None:
    if style == {"wording": "AI生成\n"}:
        assert Provider(producer="acme", text=style).text.wording == "AI生成"  # the space around it is nothing
        return
    assert said in message(lambda: Provider(producer="acme", text=style))


def test_a_setting_at_the_wrong_place_is_told_the_right_one() -> None:
    said = message(lambda: Provider(producer="acme", mark="corner"))
    assert "unknown setting 'mark'; it is one of text: text={'mark': …}" in said
    said = message(lambda: Provider(producer="acme", position="end"))
    assert "it is one of image: image={'position': …}, or of text: text={'position': …}" in said


def test_w03_a_lone_ai_is_a_corner_mark_of_texts_and_nothing_else() -> None:
    assert TextStyle(mark="corner", wording="AI").wording == "AI"
    assert label("hi", producer="acme", text={"mark": "corner", "wording": "AI"}) == "hiᴬᴵ"
    for build in (
        lambda: TextStyle(wording="AI"),
        lambda: Provider(producer="acme", wording="AI", text={"mark": "corner"}),
        lambda: Provider(producer="acme", image={"wording": "AI"}, text={"mark": "corner"}),
    ):
        assert "label text 'AI' lacks the generation element" in message(build)


def test_w03_a_corner_mark_still_needs_the_ai_element() -> None:
    assert check_wording("人工智能", corner=True) == "人工智能"
    for text in ("", "生成", "ai", "ＡＩ", "AIGC", "A I"):
        with pytest.raises(WordingError, match=r"a corner mark needs it, as in 'AI'"):
            check_wording(text, corner=True)
