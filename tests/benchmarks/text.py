"""The hot paths of text: a whole answer, the first piece of a stream, a long stream, a long text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from measuring import Rows, medians, ratio

import aigc_hooks
from aigc_hooks.provider import Provider

PROVIDER = Provider(producer="benchmark")
PIECES = 2000
COPIES = 10


class Instant(BaseChatModel):
    """A chat model that takes no time to think."""

    @property
    def _llm_type(self) -> str:
        return "instant"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("Good morning, and good luck."))])

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for _ in range(PIECES):
            yield ChatGenerationChunk(message=AIMessageChunk(" word"))


def text(rows: Rows) -> None:
    """Answers of a chat model, and a megabyte of text."""
    bare, model = Instant(), aigc_hooks.wrap(Instant(), provider=PROVIDER)
    one, other = medians(lambda: _first(model), lambda: _first(bare), rounds=500)
    rows.append(_more("time to the first piece of a stream", "the bare chat model", "1.02 + 0.2 ms", one, other, 1.02))
    measured = ratio(lambda: list(model.stream("hi")), lambda: list(bare.stream("hi")), rounds=25)
    rows.append((f"stream of {PIECES:,} pieces", "the bare chat model", 1.1, measured))
    one, other = medians(lambda: model.invoke("hi"), lambda: bare.invoke("hi"), rounds=1000)
    rows.append(_more("`invoke` of a chat model", "the bare chat model", "1 + 0.15 ms", one, other, 1.0))
    answer = "Good morning. 早上好。\n" * 50_000
    measured = ratio(lambda: aigc_hooks.label(answer, provider=PROVIDER), lambda: _copies(answer), rounds=100)
    rows.append(
        (f"label a text of {len(answer) / 1e6:.0f} million characters", f"copying it {COPIES} times", 1.0, measured)
    )


def _first(model: Any) -> None:
    stream = model.stream("hi")
    next(stream)
    stream.close()


def _copies(answer: str) -> list[str]:
    return [answer + " " for _ in range(COPIES)]


def _more(what: str, against: str, limit: str, one: float, other: float, allowed: float) -> tuple[str, str, str, str]:
    """A row that says by how many milliseconds the labelled operation exceeds a multiple of the bare one."""
    return (
        what,
        against,
        limit,
        f"{allowed:g} {'+' if one >= allowed * other else '−'} {abs(one - allowed * other) * 1e3:.3f} ms",
    )
