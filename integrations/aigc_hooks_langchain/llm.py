"""Text models, which complete a prompt: strings go in, and generations or pieces of one come out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from aigc_hooks.artifact import Artifact
from aigc_hooks.provider import Provider, active
from aigc_hooks.splicing import Splicer
from aigc_hooks.stages import record, run
from aigc_hooks.streams import TextStream
from aigc_hooks_langchain.calls import Below, Kind, cache_key
from aigc_hooks_langchain.messages import RECORD, structured


def _clean(prompt: Any, provider: Provider) -> Any:
    """A prompt is one string in which nobody can tell who wrote what: labels in it stay."""
    return prompt


def _result(result: Any, arguments: Mapping[str, Any], provider: Provider, source: str) -> Any:
    """An ``LLMResult`` with every completion labelled."""
    passes = "structured output" if structured(arguments) else ""
    generations = [[_completion(each, passes, provider, source) for each in group] for group in result.generations]
    return result.model_copy(update={"generations": generations})


def _completion(generation: Any, passes: str, provider: Provider, source: str) -> Any:
    artifact = Artifact(generation.text, "text", source, passes=passes)
    if outcome := run(artifact, provider):
        record(artifact, outcome, provider)
    if artifact.label is None:
        return generation
    info = {**(generation.generation_info or {}), RECORD: artifact.label.to_dict()}
    return generation.model_copy(update={"text": artifact.content, "generation_info": info})


def _text(chunk: Any) -> str:
    return str(chunk.text)


class _Answer:
    """One completion in pieces."""

    def __init__(self, source: str, arguments: Mapping[str, Any], provider: Provider) -> None:
        stream = TextStream(provider, source, "structured output" if structured(arguments) else "")
        self.splicer: Splicer[Any] = Splicer(stream, _text, self._item, plain=_text)
        self.labels: list[Any] = []

    def passes(self) -> str:
        return ""

    def _item(self, label: str, like: Any) -> Any:
        record = self.splicer.stream.label
        info = {RECORD: record.to_dict()} if record and not self.labels else None
        self.labels.append(like.model_copy(update={"text": label, "generation_info": info}))
        return self.labels[-1]


def _separate(described: Callable[..., dict[str, Any]], provider: Provider) -> Callable[..., dict[str, Any]]:
    """What a text model says of itself, by which caches know it."""

    @functools.wraps(described)
    def as_dict(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**described(self, *args, **kwargs), RECORD: cache_key(active(provider))}

    return as_dict


MODELS = Below.of("BaseLLM", Kind(_clean, _result, _Answer), dict=_separate)
