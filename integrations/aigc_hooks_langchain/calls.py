"""The four methods through which every answer of a model leaves it, whole or in pieces, sync or async.

Chat models and text models differ in what goes in and comes out; a ``Kind`` says how. The calling is the same.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, Protocol, cast

from aigc_hooks.artifact import Adapter, Call, Seam
from aigc_hooks.duties.waiting import deferred
from aigc_hooks.explicit.text import sign_of
from aigc_hooks.provider import Provider, active
from aigc_hooks.splicing import Splicer, aspliced, spliced
from aigc_hooks.stages import prepare
from aigc_hooks.waiver import current
from aigc_hooks_langchain import overrides
from aigc_hooks_langchain.guard import astep, is_running, running, step


class Answer(Protocol):
    """One answer in pieces.

    Attributes:
        splicer: Puts the label among the pieces.
        labels: The pieces that are labels, once they were made.
    """

    splicer: Splicer[Any]
    labels: list[Any]

    def passes(self) -> str:
        """Why the answer is no content to label, now that it is complete; empty labels it."""


@dataclass(frozen=True)
class Kind:
    """What differs between kinds of models.

    Attributes:
        clean: Takes own labels out of what goes in.
        result: Labels what ``_generate`` returned: ``(result, arguments, provider, source)``.
        answer: Begins an answer in pieces: ``(source, arguments, provider)``.
    """

    clean: Callable[[Any, Provider], Any]
    result: Callable[[Any, Mapping[str, Any], Provider, str], Any]
    answer: Callable[[str, Mapping[str, Any], Provider], Answer]

    def prepared(self, model: Any, prompt: Any, arguments: dict[str, Any], provider: Provider) -> Any:
        """What the model gets: without own labels, and as plugins have changed it, arguments included."""
        call = Call(type(model).__name__, [self.clean(prompt, provider)], arguments, "langchain")
        prepare(call, provider)
        return call.arguments[0]


def _generate(kind: Kind, original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """All whole answers: of ``invoke``, ``batch`` and ``generate``."""
    take = _taker(original)

    @functools.wraps(original)
    def labelled(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_running(self):
            return original(self, *args, **kwargs)
        prompt, args = take(args, kwargs)
        settings = active(provider)
        prompt = kind.prepared(self, prompt, kwargs, settings)
        with running(self):
            result = original(self, prompt, *args, **kwargs)
        return kind.result(result, kwargs, settings, type(self).__name__)

    return labelled


def _agenerate(kind: Kind, original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    take = _taker(original)

    @functools.wraps(original)
    async def labelled(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_running(self):
            return await original(self, *args, **kwargs)
        prompt, args = take(args, kwargs)
        settings = active(provider)
        prompt = kind.prepared(self, prompt, kwargs, settings)
        with running(self):
            result = await original(self, prompt, *args, **kwargs)
        with deferred() as rows:
            made = kind.result(result, kwargs, settings, type(self).__name__)
        await rows.committed()
        return made

    return labelled


def _stream(kind: Kind, original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """All answers in pieces, also those of ``astream`` where a model has no asynchronous method of its own."""
    take = _taker(original)

    # No generator itself: each more would be passed by thousands of pieces.
    @functools.wraps(original)
    def labelled(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        if is_running(self):
            return cast(Iterator[Any], original(self, *args, **kwargs))
        prompt, args = take(args, kwargs)
        settings = active(provider)
        prompt = kind.prepared(self, prompt, kwargs, settings)
        answer = kind.answer(type(self).__name__, kwargs, settings)
        bare = iter(original(self, prompt, *args, **kwargs))
        chunks = spliced(bare, answer.splicer, answer.passes, step(self, bare))
        manager = _manager(args, kwargs)
        return chunks if manager is None else _told(chunks, answer.labels, manager)

    return labelled


def _told(chunks: Generator[Any, Any, Any], labels: list[Any], manager: Any) -> Iterator[Any]:
    """The pieces of an answer, whose label the manager is told of: the model itself tells it of the others only."""
    with closing(chunks):
        for chunk in chunks:
            if labels and _is_in(chunk, labels):
                manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


def _astream(kind: Kind, original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    take = _taker(original)

    @functools.wraps(original)
    def labelled(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        if is_running(self):
            return cast(AsyncIterator[Any], original(self, *args, **kwargs))
        prompt, args = take(args, kwargs)
        settings = active(provider)
        prompt = kind.prepared(self, prompt, kwargs, settings)
        answer = kind.answer(type(self).__name__, kwargs, settings)
        bare = aiter(original(self, prompt, *args, **kwargs))
        chunks = aspliced(bare, answer.splicer, answer.passes, astep(self, bare))
        manager = _manager(args, kwargs)
        return chunks if manager is None else _atold(chunks, answer.labels, manager)

    return labelled


async def _atold(chunks: AsyncGenerator[Any, Any], labels: list[Any], manager: Any) -> AsyncIterator[Any]:
    async with aclosing(chunks):
        async for chunk in chunks:
            if labels and _is_in(chunk, labels):
                await manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


def _taker(original: Callable[..., Any]) -> Callable[..., tuple[Any, tuple[Any, ...]]]:
    """What takes the prompt out of the arguments of a call, where models that call each other give it by name."""
    name = list(inspect.signature(original).parameters)[1]

    def take(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, tuple[Any, ...]]:
        return (args[0], args[1:]) if args else (kwargs.pop(name), ())

    return take


def _is_in(chunk: object, labels: list[Any]) -> bool:
    return any(chunk is label for label in labels)  # pieces with the same text are equal


def _manager(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The run manager among the arguments of ``_stream(prompt, stop=None, run_manager=None)``."""
    return args[1] if len(args) > 1 else kwargs.get("run_manager")


def cache_key(provider: Provider) -> str:
    """What of a provider's settings shows in an answer: answers that differ in it must not share a cache.

    Nor must one without explicit label reach anybody but the user who is exempted, or be handed out unrecorded.
    """
    parts = {"producer": provider.producer, "label": sign_of(provider).text, "position": provider.text.position}
    if (exemption := current()) is not None:
        parts["exemption"] = exemption.number
    return f"aigc:{json.dumps(parts, sort_keys=True)}"


class _Nothing(property):
    """An attribute that is None, on a class and its objects. A plain None would become a private field of pydantic."""

    def __get__(self, obj: object, owner: type | None = None) -> None:  # type: ignore[override]
        return None


def _left_away(original: Callable[..., Any], provider: Provider) -> Any:
    """A model's own event stream would go past ``_stream``; without it, LangChain makes the events of the pieces."""
    return _Nothing()


@dataclass(frozen=True)
class Below:
    """The adapters for the classes below one of langchain-core's.

    Attributes:
        root: Name of that class.
        always: Seams of every model.
        own: Seams of the methods that a model may have of its own. LangChain asks by identity whether it has: a model
            that has not must not get them.
    """

    root: str
    always: Mapping[str, Seam]
    own: Mapping[str, Seam]

    @classmethod
    def of(cls, root: str, kind: Kind, **more: Seam) -> Below:
        """The seams of a kind of models, and more that every model has."""
        return cls(
            root,
            {
                "_generate": functools.partial(_generate, kind),
                "_agenerate": functools.partial(_agenerate, kind),
                **more,
            },
            {
                "_stream": functools.partial(_stream, kind),
                "_astream": functools.partial(_astream, kind),
                "_stream_chat_model_events": _left_away,
                "_astream_chat_model_events": _left_away,
                **overrides.SEAMS,
            },
        )

    def adapter(self, cls: type) -> Adapter | None:
        """The adapter for a class, or None if it is not below the root."""
        for depth, parent in enumerate(cls.__mro__):
            if parent.__name__ == self.root and parent.__module__.partition(".")[0] == "langchain_core":
                named = set().union(*(vars(above) for above in cls.__mro__[:depth]))
                return Adapter("langchain", {**self.always, **{n: s for n, s in self.own.items() if n in named}})
        return None
