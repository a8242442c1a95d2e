"""Messages: own labels are taken out of what goes back to a model, and put on what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigc_hooks.contents import labelled
from aigc_hooks.errors import LabelError
from aigc_hooks.explicit.text import strip_label
from aigc_hooks.provider import Provider
from aigc_hooks.stages import passed

ASSISTANT = "assistant"


def is_chat(value: Any) -> bool:
    """Whether a value is the object in which pipelines hold a conversation."""
    return type(value).__name__ == "Chat" and isinstance(getattr(value, "messages", None), (list, tuple))


def without_labels(messages: Any, provider: Provider) -> Any:
    """A conversation whose answers have lost their labels; the same object where there were none.

    What users and systems say is left as it is: a label in it is a quotation.
    """
    cleaned = [_without_labels(message, provider) for message in messages]
    return cleaned if any(one is not other for one, other in zip(cleaned, messages, strict=True)) else messages


def _without_labels(message: Any, provider: Provider) -> Any:
    if not isinstance(message, Mapping) or message.get("role") != ASSISTANT:
        return message
    content = message.get("content")
    cleaned = _cleaned(content, provider)
    return message if cleaned is content else {**message, "content": cleaned}


def _cleaned(content: Any, provider: Provider) -> Any:
    if isinstance(content, str):
        bare = strip_label(content, provider)
        return content if bare == content else bare
    if not isinstance(content, (list, tuple)):
        return content
    parts = [{**part, "text": _cleaned(part["text"], provider)} if _is_text(part) else part for part in content]
    return content if all(one == other for one, other in zip(parts, content, strict=True)) else parts


def _is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str)


def labelled_message(message: Any, provider: Provider, source: str) -> Any:
    """A message that a model has made, with the label on its content: a new one, for its parts may be the user's.

    Its reasoning stays as it is, and so does all of a message that calls tools: a program reads that.
    """
    if not isinstance(message, Mapping):
        return message
    if message.get("tool_calls"):
        passed(source, provider, "tool calls")
        return message
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": labelled(content, provider, source)}
    if isinstance(content, (list, tuple)) and any(map(_is_text, content)):
        return {**message, "content": _labelled_parts(content, provider, source)}
    passed(source, provider, "a message without text")
    return message


def _labelled_parts(content: Any, provider: Provider, source: str) -> list[Any]:
    """The parts of one content are one text: its label goes before the first and after the last."""
    parts: list[Any] = list(content)
    texts = [index for index, part in enumerate(parts) if _is_text(part)]
    whole = "".join(parts[index]["text"] for index in texts)
    changed = labelled(whole, provider, source)
    before, found, after = changed.partition(whole) if whole else ("", "", "")
    if whole and not found:
        raise LabelError("a plugin changed a text that stands in several parts", stage="render_explicit")
    first, last = texts[0], texts[-1]
    parts[first] = {**parts[first], "text": before + parts[first]["text"]}
    parts[last] = {**parts[last], "text": parts[last]["text"] + after}
    return parts
