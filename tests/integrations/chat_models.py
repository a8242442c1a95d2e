"""Chat models of langchain-core's real base class that answer by a script, and what a test sees of an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.llms import BaseLLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import (
    ChatGeneration,
    ChatGenerationChunk,
    ChatResult,
    Generation,
    GenerationChunk,
    LLMResult,
)
from pydantic import Field

from aigc_hooks.explicit.text import NOTICE

LABEL = f"\n\n{NOTICE}"


class Scripted(BaseChatModel):
    """Answers each request with the next message of its script, then begins anew; streams word by word."""

    script: list[Any] = Field(default_factory=lambda: ["good morning"])
    seen: list[list[BaseMessage]] = Field(default_factory=list, exclude=True)
    arguments: list[dict[str, Any]] = Field(default_factory=list, exclude=True)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _next(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AIMessage:
        answer = self.script[len(self.seen) % len(self.script)]
        self.seen.append(messages)
        self.arguments.append(kwargs)
        if isinstance(answer, Exception):
            raise answer
        return AIMessage(answer) if isinstance(answer, str) else answer

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages, kwargs))])

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=[tool.name for tool in tools], **kwargs)


class Streaming(Scripted):
    """Streams as well: words, then an empty piece with the reason why it ended."""

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._next(messages, kwargs)
        text = str(answer.text)
        for number, word in enumerate(text.split(" ") if text else []):
            yield piece(word if not number else f" {word}")
        for call in answer.tool_calls:
            chunk = {"name": call["name"], "args": "{}", "id": call["id"], "index": 0, "type": "tool_call_chunk"}
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=[chunk]))
        yield ChatGenerationChunk(message=AIMessageChunk(""), generation_info={"finish_reason": "stop"})


class AsyncStreaming(Streaming):
    """Has asynchronous methods of its own."""

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages, kwargs))])

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in Streaming._stream(self, messages, stop, run_manager, **kwargs):
            yield chunk


class Recursive(Streaming):
    """Its methods call each other, as those of several providers do: it generates by streaming."""

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        text = "".join(chunk.text for chunk in self._stream(messages, stop, **kwargs))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


class Completing(BaseLLM):
    """A text model, streamed letter by letter."""

    answer: str = "once upon"

    @property
    def _llm_type(self) -> str:
        return "completing"

    def _generate(self, prompts: list[str], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> LLMResult:
        return LLMResult(generations=[[Generation(text=self.answer)] for _ in prompts])

    def _stream(
        self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[GenerationChunk]:
        for letter in self.answer:
            chunk = GenerationChunk(text=letter)
            if run_manager:
                run_manager.on_llm_new_token(letter, chunk=chunk)
            yield chunk


def piece(text: str, **more: Any) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(text, **more))


def added(chunks: list[Any]) -> Any:
    """The message that pieces add up to."""
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    return whole


def records(message: Any) -> list[str]:
    """The implicit labels that a message carries in its metadata: their producers."""
    found = message.response_metadata.get("aigc")
    return [found["ContentProducer"]] if found else []
