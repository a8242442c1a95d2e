"""Chat models: messages go in, and messages or pieces of one come out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from aigc_hooks.provider import Provider, active
from aigc_hooks.splicing import Splicer
from aigc_hooks.streams import TextStream
from aigc_hooks_langchain.calls import Below, Kind, cache_key
from aigc_hooks_langchain.media import labelled_media
from aigc_hooks_langchain.messages import (
    RECORD,
    calls_tools,
    label_block,
    labelled_message,
    structured,
    text_of,
    without_labels,
)

# What providers write into the piece that ends an answer.
_ENDINGS = ("finish_reason", "stop_reason", "done_reason", "finishReason")


def _result(result: Any, arguments: Mapping[str, Any], provider: Provider, source: str) -> Any:
    """A ``ChatResult`` with every answer labelled: there are several for ``n`` above one."""
    generations = []
    for generation in result.generations:
        message = labelled_message(generation.message, arguments, provider, source)
        update = {"message": message, "text": text_of(message.content)}
        generations.append(generation if message is generation.message else generation.model_copy(update=update))
    return result.model_copy(update={"generations": generations})


class _Answer:
    """One answer in pieces."""

    def __init__(self, source: str, arguments: Mapping[str, Any], provider: Provider) -> None:
        stream = TextStream(provider, source, "structured output" if structured(arguments) else "")
        self.splicer: Splicer[Any] = Splicer(stream, self._text, self._item, plain=_plain, parts=self._parts)
        self._source = source
        self._provider = provider
        self._calls_tools = False
        self.labels: list[Any] = []

    def passes(self) -> str:
        """Why the answer is no content to label, now that it is complete."""
        return "tool calls" if self._calls_tools else ""

    def _parts(self, chunk: Any) -> tuple[Any, ...]:
        """A piece, with its media labelled; as two, text and end, where it holds both: the label goes between them."""
        message = labelled_media(chunk.message, self._provider, self._source)
        if message is not chunk.message:
            chunk = chunk.model_copy(update={"message": message})
        if not _ends(chunk) or not text_of(message.content) or calls_tools(message):
            return (chunk,)
        empty = "" if isinstance(message.content, str) else []
        end = _changed(message, content=empty, additional_kwargs={})
        text = _changed(message, response_metadata={}, usage_metadata=None, chunk_position=None)
        return (
            chunk.model_copy(update={"message": text, "generation_info": None}),
            chunk.model_copy(update={"message": end, "text": ""}),
        )

    def _text(self, chunk: Any) -> str | None:
        message = chunk.message
        if not self._calls_tools:
            self._calls_tools = calls_tools(message)
        if text := text_of(message.content):
            return text
        other = any(not isinstance(block, str) and "text" not in block for block in message.content)
        return None if other or self._calls_tools or any(message.additional_kwargs.values()) else ""

    def _item(self, label: str, like: Any) -> Any:
        record = self.splicer.stream.label
        # Merging would join two records into one that is none: it stands on one piece only.
        metadata = {RECORD: record.to_dict()} if record and not self.labels else {}
        message = _changed(
            like.message,
            content=label_block(like.message.content, label),
            response_metadata=metadata,
            additional_kwargs={},
            usage_metadata=None,
            chunk_position=None,
        )
        self.labels.append(like.model_copy(update={"message": message, "text": label, "generation_info": None}))
        return self.labels[-1]


def _plain(chunk: Any) -> str:
    """The text of a piece that is nothing but text; empty where it holds anything else."""
    # By the dict: a field of a pydantic object costs three times what an item of it does, for thousands of pieces.
    message = chunk.message.__dict__
    content = message["content"]
    if type(content) is not str or message["additional_kwargs"]:
        return ""
    if (chunk.generation_info or message["response_metadata"]) and _ends(chunk):
        return ""
    try:
        return "" if message["tool_call_chunks"] or message["chunk_position"] else content
    except KeyError:  # a generic piece, which names its role, has neither
        return ""


def _ends(chunk: Any) -> bool:
    """Whether a piece says that it is the last with content."""
    metadata = {**(chunk.generation_info or {}), **chunk.message.response_metadata}
    return getattr(chunk.message, "chunk_position", None) == "last" or any(metadata.get(name) for name in _ENDINGS)


def _changed(message: Any, **changes: Any) -> Any:
    """A copy of a piece of a message; of the changes, those to fields that its class has."""
    fields = type(message).model_fields
    return message.model_copy(update={name: value for name, value in changes.items() if name in fields})


def _separate(llm_string: Callable[..., str], provider: Provider) -> Callable[..., str]:
    """``_get_llm_string``, by which caches know a model."""

    @functools.wraps(llm_string)
    def _get_llm_string(self: Any, *args: Any, **kwargs: Any) -> str:
        return f"{llm_string(self, *args, **kwargs)}---{cache_key(active(provider))}"

    return _get_llm_string


MODELS = Below.of("BaseChatModel", Kind(without_labels, _result, _Answer), _get_llm_string=_separate)
