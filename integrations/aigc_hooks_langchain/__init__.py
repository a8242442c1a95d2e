"""The adapter for LangChain: chat models, text models and everything built of them label their final answers.

    model = aigc_hooks.wrap(ChatOpenAI(model="…"), provider="acme")
    chain = aigc_hooks.wrap(prompt | model.with_fallbacks([other]) | StrOutputParser(), provider="acme")
    agent = create_agent("openai:…", tools, middleware=[AIGCLabelMiddleware(provider="acme")])

Nothing here names a provider's class: models are known by their base class, and labelled at the four methods that every
one of them goes through (``_generate``, ``_agenerate``, ``_stream``, ``_astream``). What a label must not touch stays
clean: tool calls, steps of an agent that call tools, reasoning, structured answers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from aigc_hooks.artifact import Adapter
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks_langchain import chat, llm, runnables

if TYPE_CHECKING:
    from aigc_hooks_langchain.middleware import AIGCLabelMiddleware as AIGCLabelMiddleware

__all__ = ["AIGCLabelMiddleware"]


@hookimpl
def aigc_adapter(cls: type) -> Adapter | None:
    """Knows models and runnables by the names of their base classes: asking imports nothing."""
    for adapter in (chat.MODELS.adapter(cls), llm.MODELS.adapter(cls), runnables.adapter(cls)):
        if adapter is not None:
            return adapter
    return None


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        # The middleware's base class is langchain's, which a chain of langchain-core alone does not have.
        if name == "AIGCLabelMiddleware":
            return importlib.import_module("aigc_hooks_langchain.middleware").AIGCLabelMiddleware
        raise AttributeError(f"module 'aigc_hooks_langchain' has no attribute {name!r}")
