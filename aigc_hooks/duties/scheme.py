"""The labelling scheme of a provider in words, from its own settings, for users, registrars and app stores."""

from __future__ import annotations

from typing import NamedTuple

from aigc_hooks.checks.rules import EDITION
from aigc_hooks.explicit import voice
from aigc_hooks.explicit.text import sign_of
from aigc_hooks.labels import FIELD_NAME
from aigc_hooks.provider import Provider
from aigc_hooks.security.algorithms import ALGORITHMS, GUIDE
from aigc_hooks.styles import ImageStyle

STANDARD = EDITION.standard

RULES = (
    ("人工智能生成合成内容标识办法", "Measures for Labelling AI-Generated Content, in force since 2025-09-01"),
    (f"{STANDARD} 网络安全技术 人工智能生成合成内容标识方法", f"{STANDARD}, labelling method, mandatory"),
    ("TC260-PG-20252A 服务提供者编码规则", "TC260-PG-20252A, codes of service providers"),
    ("TC260-PG-20257A 文件元数据隐式标识 视频文件", "TC260-PG-20257A, implicit label, video files"),
    ("TC260-PG-20258A 文件元数据隐式标识 文本文件", "TC260-PG-20258A, implicit label, text files"),
    ("TC260-PG-20259A 文件元数据隐式标识 图片文件", "TC260-PG-20259A, implicit label, picture files"),
    ("TC260-PG-202510A 文件元数据隐式标识 音频文件", "TC260-PG-202510A, implicit label, sound files"),
)
"""The rules that the scheme follows, in Chinese and English."""

_POSITIONS = {
    "top-left": ("左上角", "top left corner"),
    "top": ("上边", "top edge"),
    "top-right": ("右上角", "top right corner"),
    "right": ("右边", "right edge"),
    "bottom-right": ("右下角", "bottom right corner"),
    "bottom": ("下边", "bottom edge"),
    "bottom-left": ("左下角", "bottom left corner"),
    "left": ("左边", "left edge"),
    "start": ("起始位置", "beginning"),
    "end": ("末尾位置", "end"),
    "both": ("起始和末尾位置", "beginning and end"),
}


class Rule(NamedTuple):
    """One part of the scheme.

    Attributes:
        kind: ``"text"``, ``"image"``, ``"audio"``, ``"video"``, ``"scene"`` or ``"implicit"``.
        title: In Chinese and English.
        chinese: What is done, one sentence.
        english: The same.
    """

    kind: str
    title: str
    chinese: str
    english: str


def scheme(provider: Provider) -> tuple[Rule, ...]:
    """What a provider's settings do to each kind of content; the implicit label is the last."""
    rules = (_text, _image, _audio, _video, _scene, _implicit)
    return tuple(rule(provider) for rule in rules)


def _text(provider: Provider) -> Rule:
    chinese, english = _POSITIONS[provider.text.position]
    sign = sign_of(provider)
    kind = ("角标", "corner mark") if sign.corner else ("文字提示", "notice")
    return Rule(
        "text",
        "文本 Text",
        f"在文本的{chinese}添加{kind[0]}“{sign.words}”（{STANDARD} 5.1）。",
        f"A {kind[1]} “{sign.words}” at the {english} of the text ({STANDARD}, 5.1).",
    )


def _image(provider: Provider) -> Rule:
    chinese, english = _drawn(provider.image, provider)
    return Rule(
        "image",
        "图片 Pictures",
        f"在图片的{chinese}（{STANDARD} 5.2）。",
        f"At the {english} ({STANDARD}, 5.2).",
    )


def _drawn(style: ImageStyle, provider: Provider) -> tuple[str, str]:
    """Where a label is drawn, what it says and how high, in Chinese and English."""
    chinese, english = _POSITIONS[style.position]
    words = style.wording or provider.wording
    share = f"{100 * style.height:g}%"
    return (
        f"{chinese}添加文字“{words}”，字高为画面最短边长度的{share}",
        f"{english}, the text “{words}”, its characters {share} of the shorter side high",
    )


def _audio(provider: Provider) -> Rule:
    style = provider.audio
    chinese, english = _POSITIONS[style.position]
    if style.kind == "rhythm":
        how = ("音频节奏标识“短长 短短”", "the rhythm short-long, short-short")
    else:
        words = (style.transcript if style.clip else style.wording) or voice.WORDING
        how = (f"语音提示“{words}”", f"the spoken prompt “{words}”")
    return Rule(
        "audio",
        "音频 Sound",
        f"在音频的{chinese}添加{how[0]}（{STANDARD} 5.3）。",
        f"At the {english} of the sound, {how[1]} ({STANDARD}, 5.3).",
    )


def _video(provider: Provider) -> Rule:
    style = provider.video
    chinese, english = _drawn(style, provider)
    if style.coverage == "throughout":
        span = ("自起始画面起全程显示", "from the start frame to the last")
    else:
        places = [("起始画面", "start frame")]
        places += [("中间", "middle")] if style.middle else []
        places += [("末尾", "end")] if style.end else []
        span = (
            f"于{'、'.join(place for place, _ in places)}以正常播放速度各显示不少于{style.seconds:g}秒",
            f"for at least {style.seconds:g} seconds at normal speed in the {', in the '.join(e for _, e in places)}",
        )
    return Rule(
        "video",
        "视频 Films",
        f"在视频画面的{chinese}，{span[0]}（{STANDARD} 5.4）。",
        f"At the {english}, {span[1]} ({STANDARD}, 5.4).",
    )


def _scene(provider: Provider) -> Rule:
    chinese, english = _drawn(provider.image, provider)
    return Rule(
        "scene",
        "虚拟场景 Virtual scenes",
        f"在虚拟场景起始画面的{chinese}（{STANDARD} 5.5）。",
        f"In the start frame, at the {english} ({STANDARD}, 5.5).",
    )


def _implicit(provider: Provider) -> Rule:
    chinese = {"producer": "首次写入时与制作要素相同", "empty": "首次写入时为空"}[provider.propagator]
    english = {"producer": "at first those of the producer", "empty": "at first empty"}[provider.propagator]
    signed = _signed(provider)
    return Rule(
        "implicit",
        "隐式标识 Implicit label",
        f"在文件元数据的扩展字段 {FIELD_NAME} 中写入：生成合成标签（Label=1）、服务提供者（ContentProducer="
        f"{provider.producer}）、内容制作编号（ProduceID，每项内容唯一）；传播要素{chinese}（{STANDARD} 附录E）。"
        f"{signed[0]}标识不含用户的个人信息和输入内容。",
        f"In the extended metadata field {FIELD_NAME} of the file: Label=1, ContentProducer={provider.producer}, and "
        f"ProduceID, a number of its own for each piece of content; the propagator's elements are {english} "
        f"({STANDARD}, Annex E). {signed[1]}It holds neither personal data of users nor what they put in.",
    )


def _signed(provider: Provider) -> tuple[str, str]:
    """What the first reserved element holds of a provider that signs, in Chinese and English."""
    if not provider.security.signs:
        return "", ""
    algorithm = ALGORITHMS[provider.security.algorithm]
    how = f"{algorithm.title}, TC260-PG-202511A" if algorithm.profile == GUIDE else algorithm.title
    content = ("及文件内容", " and of the content") if provider.security.content else ("", "")
    return (
        f"预留字段1（ReservedCode1）中写入对上述制作要素{content[0]}的数字签名（{how.replace(', ', '，')}）。",
        f"ReservedCode1 holds a signature of the producer's elements{content[1]} ({how}). ",
    )
