"""Which services the law obliges to show the label (Deep Synthesis Provisions, article 17), in its own words."""

from __future__ import annotations

from typing import NamedTuple

from aigc_hooks.provider import Provider


class Class(NamedTuple):
    """One class of services, as a sentence about the provider's own."""

    chinese: str
    english: str


_RULE = "《互联网信息服务深度合成管理规定》第十七条"
_IN_ENGLISH = "Deep Synthesis Provisions, article 17"

_LISTED = {
    "a": (
        "第一款第（一）项：智能对话、智能写作等模拟自然人进行文本的生成或者编辑服务",
        "(1) dialogue, writing and the like: text generated or edited in the manner of a natural person",
    ),
    "b": (
        "第一款第（二）项：合成人声、仿声等语音生成或者显著改变个人身份特征的编辑服务",
        "(2) synthetic or imitated voices: speech generated, or edited so that a person's identity changes markedly",
    ),
    "c": (
        "第一款第（三）项：人脸生成、人脸替换、人脸操控、姿态操控等人物图像、视频生成或者显著改变个人身份特征的编辑服务",
        "(3) faces and poses generated, replaced or controlled: pictures and films of people generated, or edited so "
        "that a person's identity changes markedly",
    ),
    "d": (
        "第一款第（四）项：沉浸式拟真场景等生成或者编辑服务",
        "(4) immersive, lifelike scenes and the like generated or edited",
    ),
    "e": (
        "第一款第（五）项：其他具有生成或者显著改变信息内容功能的服务",
        "(5) other services that generate content or change it markedly",
    ),
}

_OTHER = Class(
    f"{_RULE}第一款所列服务之外的深度合成服务（第二款）。本服务提供显著标识功能，您可以对生成或者编辑的内容进行显著标识。",
    f"A service beyond those listed ({_IN_ENGLISH}, paragraph 2). It offers a function that labels content visibly, "
    "and you may label with it what you generate or edit.",
)


def class_of(provider: Provider) -> Class | None:
    """What a provider's ``service_class`` says; None where it says nothing."""
    if provider.service_class is None:
        return None
    if provider.service_class == "other":
        return _OTHER
    chinese, english = _LISTED[provider.service_class]
    return Class(f"{_RULE}{chinese}。", f"{_IN_ENGLISH}, paragraph 1 {english}.")
