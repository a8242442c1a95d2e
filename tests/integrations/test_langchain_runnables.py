"""``wrap(chain)``: every model inside is found and labelled, wherever it hides; where none is found, it says so."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from aigc_hooks_langchain.runnables import models_in
from chat_models import LABEL, Completing, Scripted, Streaming
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import (
    ConfigurableField,
    RouterRunnable,
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableSequence,
)
from langchain_core.runnables.history import RunnableWithMessageHistory

from aigc_hooks import AdapterNotFoundError, Provider, is_wrapped, unwrap, wrap

ACME = Provider(producer="acme")
PROMPT = ChatPromptTemplate.from_messages([("user", "{q}")])
READ = StrOutputParser()
BROKEN = [ConnectionError("down")]
DEFAULT: Any = Scripted(script=["of the default"])
GLOBAL: Any = Scripted(script=["of the module"])


def answer(chain: Any, value: Any = None) -> Any:
    return chain.invoke({"q": "hi"} if value is None else value)


def test_a_sequence() -> None:
    chain = wrap(PROMPT | Streaming() | READ, provider=ACME)
    assert isinstance(chain, RunnableSequence)
    assert is_wrapped(chain)
    assert answer(chain) == "good morning" + LABEL
    assert "".join(chain.stream({"q": "hi"})) == "good morning" + LABEL


def test_what_is_built_of_a_wrapped_chain_labels() -> None:
    chain = wrap(PROMPT | Scripted(), provider=ACME) | READ
    assert answer(chain) == "good morning" + LABEL
    assert answer(chain.with_retry().with_config(tags=["x"])) == "good morning" + LABEL


def test_fallbacks() -> None:
    chain = wrap(PROMPT | Scripted(script=BROKEN).with_fallbacks([Scripted(script=["second"])]) | READ, provider=ACME)
    assert answer(chain) == "second" + LABEL


def test_retries() -> None:
    model = Scripted(script=[ConnectionError("down"), "at last"])
    chain = wrap(PROMPT | model.with_retry(wait_exponential_jitter=False) | READ, provider=ACME)
    assert answer(chain) == "at last" + LABEL


def test_bindings_branches_and_maps() -> None:
    one, two, three, four = (Scripted(script=[word]) for word in ("one", "two", "three", "four"))
    branch = RunnableBranch((lambda value: value["q"] == "hi", PROMPT | one | READ), PROMPT | two | READ)
    chain: Any = RunnableParallel(q=lambda value: value["q"]) | {
        "branch": branch,
        "bound": PROMPT | three.bind(stop=["x"]) | READ,
        "more": RunnablePassthrough.assign(said=PROMPT | four | READ),
    }
    wrap(chain, provider=ACME)
    done = answer(chain)
    assert (done["branch"], done["bound"], done["more"]["said"]) == ("one" + LABEL, "three" + LABEL, "four" + LABEL)
    assert is_wrapped(two)


def test_alternatives_and_routes() -> None:
    model: Any = Scripted().configurable_alternatives(ConfigurableField(id="which"), other=Completing())
    wrap(model, provider=ACME)
    assert model.invoke("hi").content == "good morning" + LABEL
    assert model.with_config(configurable={"which": "other"}).invoke("hi") == "once upon" + LABEL
    routes = wrap(RouterRunnable({"a": Scripted() | READ}), provider=ACME)
    assert routes.invoke({"key": "a", "input": "hi"}) == "good morning" + LABEL


def test_each_item_of_a_list() -> None:
    chain = wrap((Scripted() | READ).map(), provider=ACME)
    assert chain.invoke(["a", "b"]) == ["good morning" + LABEL] * 2


def test_functions() -> None:
    local = Scripted(script=["of the closure"])

    def by_default(value: Any, model: Any = DEFAULT) -> str:
        return str(model.invoke(value).content)

    def with_model(model: Any, value: Any) -> str:
        return str(model.invoke(value).content)

    class Step:
        def __init__(self) -> None:
            self.models = {"inner": [Scripted(script=["of the object"])]}

        def run(self, value: Any) -> str:
            return str(self.models["inner"][0].invoke(value).content)

    for function, said in (
        (lambda value: local.invoke(value).content, "of the closure"),
        (lambda value: GLOBAL.invoke(value).content, "of the module"),
        (by_default, "of the default"),
        (functools.partial(with_model, Scripted(script=["of the partial"])), "of the partial"),
        (Step().run, "of the object"),
    ):
        chain = wrap(RunnableLambda(function), provider=ACME)
        assert chain.invoke("hi") == said + LABEL
    unwrap(GLOBAL)
    unwrap(DEFAULT)


@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_a_chain_with_a_history_that_feeds_no_label_back() -> None:
    model = Scripted()
    history = InMemoryChatMessageHistory()
    chain = wrap(RunnableWithMessageHistory(model, lambda: history), provider=ACME)
    config = {"configurable": {}}
    for _ in range(2):
        assert chain.invoke("hi", config).content == "good morning" + LABEL
    assert [message.content for message in model.seen[-1]] == ["hi", "good morning", "hi"]
    assert history.messages[1].content == "good morning" + LABEL


def test_unwrap_takes_the_label_off_every_model() -> None:
    model = Scripted()
    chain: Any = PROMPT | model | READ
    assert answer(unwrap(wrap(chain, provider=ACME))) == "good morning"
    assert not is_wrapped(chain)
    assert not is_wrapped(model)


def test_a_second_wrap_replaces_the_first() -> None:
    chain = wrap(wrap(PROMPT | Scripted() | READ, provider=ACME), provider=ACME, text={"wording": "AI合成"})
    assert answer(chain) == "good morning\n\nAI合成"


@pytest.mark.parametrize("chain", [RunnableLambda(str), PROMPT, PROMPT | READ], ids=["function", "prompt", "sequence"])
def test_a_runnable_without_a_model_is_refused_and_stays_as_it_was(chain: Any) -> None:
    kind = type(chain)
    with pytest.raises(AdapterNotFoundError, match=f"no model was found in {kind.__name__}"):
        wrap(chain, provider=ACME)
    assert type(chain) is kind


def test_a_cycle_and_a_crowd_end() -> None:
    class Ring(Runnable[Any, Any]):
        def __init__(self) -> None:
            self.ring = self
            self.crowd: list[Any] = []

        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return input

    ring = Ring()
    assert models_in(ring) == []
    ring.crowd = [[number] for number in range(50_000)]
    with pytest.raises(AdapterNotFoundError, match="more than 20000 objects"):
        wrap(ring, provider=ACME)
