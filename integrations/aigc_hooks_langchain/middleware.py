"""The middleware for ``langchain.agents.create_agent``: whichever model a step uses, it is labelled."""

from __future__ import annotations

import copy
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from langchain.agents.middleware import AgentMiddleware

from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, active, resolve
from aigc_hooks.wrapping import wrap
from aigc_hooks_langchain.messages import missed

logger = logging.getLogger("aigc_hooks.langchain")


class AIGCLabelMiddleware(AgentMiddleware):  # type: ignore[misc, unused-ignore]
    """Labels the final answers of an agent, streamed or not; steps that call tools stay clean.

        agent = create_agent("openai:…", tools, middleware=[AIGCLabelMiddleware(provider="acme")])

    It works for models that are given as strings or chosen at run time, since it labels a copy of the model of each
    step. Give it as the last of several: what a later one puts in the model's place, such as a fallback, is labelled
    when it is complete, but streams without.

    Args:
        provider: Name of a provider in the configuration, or a ``Provider``.
        **overrides: Settings of ``Provider`` for this agent.

    Raises:
        ConfigError: A setting is missing or wrong.
        PluginError: A required plugin is missing.
    """

    def __init__(self, *, provider: str | Provider | None = None, **overrides: Any) -> None:
        super().__init__()
        self._provider = resolve(provider, overrides, in_context=False)
        hooks(self._provider)

    def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Runs one step with a labelled copy of its model."""
        return self._checked(handler(self._labelled(request)), request)

    async def awrap_model_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """``wrap_model_call`` for asynchronous agents."""
        return self._checked(await handler(self._labelled(request)), request)

    def _labelled(self, request: Any) -> Any:
        # A copy, for the model belongs to whoever built the agent and may serve others.
        return request.override(model=wrap(copy.copy(request.model), provider=self._provider))

    def _checked(self, response: Any, request: Any) -> Any:
        """Labels an answer that came past the labelled model: another middleware may have put one in its place."""
        if request.response_format is not None:
            return response  # structured answers stay clean
        if getattr(response, "type", None) == "ai":  # a middleware may return the message alone
            return self._message(response)
        messages = getattr(response, "result", None)
        if not messages:
            return response
        checked = [self._message(message) for message in messages]
        if all(one is other for one, other in zip(checked, messages, strict=True)):
            return response
        return replace(response, result=checked)

    def _message(self, message: Any) -> Any:
        labelled = missed(message, {}, active(self._provider), type(self).__name__)
        if labelled is not message:
            logger.info("an answer came past the labelled model, from another middleware, and is labelled now")
        return labelled
