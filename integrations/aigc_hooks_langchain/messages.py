"""The text in LangChain's messages: found, labelled, and cleaned of own labels before it goes back to a model.

Messages are never changed, only replaced by copies: caches and callers may hold them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aigc_hooks.artifact import Artifact
from aigc_hooks.errors import LabelError
from aigc_hooks.explicit.text import left_alone, shows_label, strip_label
from aigc_hooks.provider import Provider
from aigc_hooks.stages import record, run
from aigc_hooks_langchain.media import MEDIA, labelled_media

RECORD = "aigc"
"""Key of ``response_metadata`` (of a text model: ``generation_info``) that holds the implicit label as a dict."""

# Arguments that ask for an answer in a given form, by the names that providers' integrations use, with the values that
# ask for none.
_STRUCTURED = {
    "response_format": (None, {"type": "text"}),
    "response_schema": (None,),
    "response_json_schema": (None,),
    "response_mime_type": (None, "text/plain"),
    "format": (None, ""),
    "output_format": (None,),
    "json_schema": (None,),
    "grammar": (None, ""),
    "guided_json": (None,),
    "guided_regex": (None,),
    "guided_choice": (None,),
    "guided_grammar": (None,),
    "structured_outputs": (None,),
    "ls_structured_output_format": (None,),
    "tool_choice": (None, "", False, "auto", "none", {"type": "auto"}, {"type": "none"}),
}
# Types of content blocks that are text, and where they keep it.
_TEXTS = {"text": "text", "output_text": "text", "text-plain": "text", "refusal": "refusal"}
# Words in the types of blocks whose text is no answer.
_UNSEEN = {"call", "code", "error", "function", "input", "output", "reasoning", "result", "search", "summary"}
_UNSEEN |= {"thinking", "thought", "tool"}
# Of these arguments, only the table "format" in them does.
_HOLDS_FORMAT = ("text", "output_config")


def structured(arguments: Mapping[str, Any]) -> bool:
    """Whether a request asks for an answer in a given form, or forces a tool call."""
    for name, value in arguments.items():
        if name in _STRUCTURED and value not in _STRUCTURED[name]:
            return True
        if name in _HOLDS_FORMAT and isinstance(value, Mapping):
            form = value.get("format")
            if form and not (isinstance(form, Mapping) and form.get("type") == "text"):
                return True
    return False


def calls_tools(message: Any) -> bool:
    """Whether a message, or a piece of one, calls tools: it is a step of an agent and no answer."""
    extra = getattr(message, "additional_kwargs", None) or {}
    return bool(
        getattr(message, "tool_calls", None)
        or getattr(message, "invalid_tool_calls", None)
        or getattr(message, "tool_call_chunks", None)
        or extra.get("tool_calls")
        or extra.get("function_call")
    )


def text_of(content: Any) -> str:
    """The text in the content of a message: a string, or a list of blocks of which some are text."""
    if isinstance(content, str):
        return content
    return "".join(text for block in content if (text := _text(block)) is not None)


def _text(block: Any) -> str | None:
    """The text of a block; None for one of another kind, such as reasoning."""
    if isinstance(block, str):
        return block
    if not isinstance(block, dict):
        return None
    kind = block.get("type", "text")
    if kind == "non_standard":  # which wraps what langchain-core has no type for
        return _text(block.get("value"))
    text = block.get(_key(str(kind)))
    return text if isinstance(text, str) else None


@functools.lru_cache(maxsize=256)
def _key(kind: str) -> str:
    """Where a block of a type keeps text that people read; of a type that is not known, where others do."""
    if kind in _TEXTS:
        return _TEXTS[kind]
    return "" if kind in MEDIA or _UNSEEN & set(re.split(r"\W|_", kind)) else "text"


def _changed(block: Any, text: str) -> Any:
    """A block of text with another one."""
    if isinstance(block, str):
        return text
    if block.get("type") == "non_standard":
        return {**block, "value": _changed(block["value"], text)}
    return {**block, _key(str(block.get("type", "text"))): text}


def with_texts(content: Any, change: Callable[[int, str], str]) -> Any:
    """A content whose texts went through a function of number and text; the same object where nothing changed."""
    if isinstance(content, str):
        changed = change(0, content)
        return content if changed == content else changed
    blocks, number = list(content), 0
    for place, block in enumerate(content):
        if (text := _text(block)) is not None:
            if (new := change(number, text)) != text:
                blocks[place] = _changed(block, new)
            number += 1
    return blocks if any(one is not other for one, other in zip(blocks, content, strict=True)) else content


def without_labels(messages: Iterable[Any], provider: Provider) -> list[Any]:
    """A history as the model gets it: what was generated or came from a tool is without own labels.

    What people and the system wrote is not touched, even where it quotes a label.
    """
    return [_without_label(message, provider) for message in messages]


def _without_label(message: Any, provider: Provider) -> Any:
    generated = message.type in ("ai", "tool", "function", "AIMessageChunk") or (
        message.type in ("chat", "ChatMessageChunk") and getattr(message, "role", "") in ("assistant", "ai", "model")
    )
    if not generated or not message.content:
        return message
    content = with_texts(message.content, lambda _, text: strip_label(text, provider))
    return message if content is message.content else message.model_copy(update={"content": content})


def labelled_message(message: Any, arguments: Mapping[str, Any], provider: Provider, source: str) -> Any:
    """A whole answer with its label, as a copy; the message itself where it stays as it is.

    Raises:
        LabelError: It cannot be labelled.
    """
    message = labelled_media(message, provider, source)
    text = text_of(message.content)
    passes = "tool calls" if calls_tools(message) else "structured output" if structured(arguments) else ""
    if not text and not passes:
        return message
    artifact = Artifact(text, "text", source, passes=passes)
    outcome = run(artifact, provider)
    update: dict[str, Any] = {}
    if artifact.content != text:
        update["content"] = _replaced(message.content, text, artifact.content)
    if outcome:
        record(artifact, outcome, provider)
    if artifact.label is not None:
        update["response_metadata"] = {**message.response_metadata, RECORD: artifact.label.to_dict()}
    return message.model_copy(update=update) if update else message


def missed(message: Any, arguments: Mapping[str, Any], provider: Provider, source: str) -> Any:
    """An answer that may have come past the labelled methods of a model, with its label; as it is where it shows it."""
    if getattr(message, "type", "") not in ("ai", "AIMessageChunk") or RECORD in message.response_metadata:
        return message
    message = labelled_media(message, provider, source)
    text = text_of(message.content)
    if calls_tools(message) or left_alone(text) or shows_label(text, provider):
        return message
    return labelled_message(message, arguments, provider, source)


def _replaced(content: Any, text: str, new: str) -> Any:
    """A content with a new text: what stands before and after the old one goes to the first and the last block."""
    texts = [block for block in ([content] if isinstance(content, str) else content) if _text(block) is not None]
    if len(texts) == 1:
        return with_texts(content, lambda *_: new)
    before, found, after = new.partition(text)
    if not found:
        raise LabelError(
            f"a plugin rewrote an answer that stands in {len(texts)} blocks of text; it can only add before and after",
            stage="render_explicit",
        )
    last = len(texts) - 1
    return with_texts(content, lambda n, old: (before if n == 0 else "") + old + (after if n == last else ""))


def label_block(like: Any, label: str) -> Any:
    """A content that holds a label, of the kind of another one, so that the two merge into one text."""
    if isinstance(like, str):
        return label
    block = next((block for block in reversed(like) if _text(block) is not None), None)
    if block is None or isinstance(block, str):
        return [label]
    if "index" not in block or block.get("type") == "non_standard":
        return [{"type": "text", "text": label}]
    kind = block.get("type", "text")
    return [{"type": kind, _key(str(kind)): label, "index": block["index"]}]
