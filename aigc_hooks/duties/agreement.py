"""The clause on labels in the user agreement (Measures, article 8): method, style, and the users' own duties."""

from __future__ import annotations

from typing import Literal

from aigc_hooks.duties.scheme import STANDARD, scheme
from aigc_hooks.duties.service import class_of
from aigc_hooks.provider import Provider

Language = Literal["both", "zh", "en"]

_CHINESE = """# 生成合成内容标识条款

**请您仔细阅读并理解本条款关于生成合成内容标识的管理要求。** 本条款依据\
《人工智能生成合成内容标识办法》（以下简称《办法》）第八条和强制性国家标准 {standard} 制定。

## 一、显式标识

{service}本服务生成合成的内容带有用户可以明显感知的显式标识：

{explicit}

除第四部分所述情形外，通过下载、复制、导出等方式提供的文件中同样含有显式标识。

## 二、隐式标识

{implicit}

## 三、您的义务

1. 您使用网络信息内容传播服务发布本服务生成合成的内容时，应当主动声明，\
并使用该服务提供的标识功能进行标识（《办法》第十条）。
2. 您不得恶意删除、篡改、伪造、隐匿生成合成内容标识，不得为他人实施上述行为提供工具或者服务，\
不得通过不正当标识手段损害他人合法权益。

## 四、未添加显式标识的内容

1. 您主动要求提供未添加显式标识的内容的，应当与我们明确约定：对该内容的标识义务和使用责任由您承担（《办法》第九条）。
2. 该内容仍然带有隐式标识。您向公众发布、传播该内容前，应当主动声明并添加显式标识。
3. 我们依法留存提供对象信息等相关日志不少于六个月。
"""

_ENGLISH = """# Clause on the labels of AI-generated content

**Please read and make sure that you understand what this clause asks for about the labels of AI-generated content.** \
It follows article 8 of the Measures for Labelling AI-Generated Content (“the Measures”) and the mandatory national \
standard {standard}.

## 1. Explicit labels

{service}What this service generates carries a label that people notice:

{explicit}

Files that are downloaded, copied or exported carry it as well, except as section 4 says.

## 2. Implicit labels

{implicit}

## 3. Your duties

1. When you publish content that this service has generated, declare it, and label it with the function that the \
platform offers (Measures, article 10).
2. Do not maliciously delete, alter, forge or hide labels of generated content, do not supply tools or services for \
it, and do not harm the rights of others by improper labels.

## 4. Content without explicit label

1. If you ask for content without explicit label, you agree with us beforehand that the duty to label it and the \
responsibility for its use are yours (Measures, article 9).
2. Such content still carries its implicit label. Before you show it to the public, declare it and add an explicit \
label.
3. As the law asks, we keep logs of it, including whom it was supplied to, for at least six months.
"""


def agreement(provider: Provider, language: Language = "both") -> str:
    """The clause, from the provider's settings, as Markdown.

    Args:
        provider: The settings.
        language: ``"zh"``, ``"en"`` or ``"both"``. The Chinese text is the one that the Measures ask for.
    """
    rules, service, parts = scheme(provider), class_of(provider), []
    if language != "en":
        told = [f"{rule.title.split()[0]}：{rule.chinese}" for rule in rules]
        stated = f"服务类型：{service.chinese}\n\n" if service else ""
        parts.append(_filled(_CHINESE, told, rules[-1].chinese, stated))
    if language != "zh":
        told = [f"{rule.title.split(maxsplit=1)[1]}: {rule.english}" for rule in rules]
        stated = f"The service: {service.english}\n\n" if service else ""
        parts.append(_filled(_ENGLISH, told, rules[-1].english, stated))
    return "\n".join(parts)


def _filled(template: str, told: list[str], implicit: str, service: str) -> str:
    """The clause in one language. The last rule is that of the implicit label, and has a part of its own."""
    explicit = "\n".join(f"- {rule}" for rule in told[:-1])
    return template.format(standard=STANDARD, service=service, explicit=explicit, implicit=implicit)
