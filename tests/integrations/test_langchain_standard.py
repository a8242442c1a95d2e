"""LangChain's own test suite for chat models passes for a wrapped class as for the bare one."""

from __future__ import annotations

from typing import Any

from langchain_openai import ChatOpenAI
from langchain_tests.unit_tests import ChatModelUnitTests

from aigc_hooks import Provider, is_wrapped, wrap

ACME = Provider(producer="acme")
# One class for the whole module: the suite pickles and compares by class.
WRAPPED = wrap(ChatOpenAI, provider=ACME)


class TestBare(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> Any:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "any", "api_key": "none"}

    @property
    def init_from_env_params(self) -> Any:
        return {"OPENAI_API_KEY": "key"}, {"model": "any"}, {"openai_api_key": "key"}


class TestWrapped(TestBare):
    @property
    def chat_model_class(self) -> Any:
        return WRAPPED

    def test_it_is_the_wrapped_class_that_is_tested(self, model: Any) -> None:
        assert is_wrapped(model)
