"""Agents of LangChain and LangGraph: final answers carry the label, streamed or not; every step before stays clean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

import pytest
from aigc_hooks_langchain import AIGCLabelMiddleware
from chat_models import LABEL, Scripted, Streaming, records
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelFallbackMiddleware, wrap_model_call
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain.chat_models import init_chat_model
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel

from aigc_hooks import ConfigError, PluginError, Provider, is_wrapped, wrap
from aigc_hooks.testing import ModelServer, Reply

ACME = Provider(producer="acme")
SAID = "It is sunny in Paris."


class City(BaseModel):
    """A city."""

    city: str


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@tool
def ask_expert(city: str) -> str:
    """Asks another agent."""
    expert = create_agent(Scripted(script=["I say sunny."]), middleware=[AIGCLabelMiddleware(provider=ACME)])
    answer: str = expert.invoke({"messages": [("user", city)]})["messages"][-1].content
    assert answer.endswith(LABEL)
    return answer


def answer(request: dict[str, Any]) -> Reply:
    last = request["messages"][-1]
    tools = [each["function"]["name"] for each in request.get("tools") or []]
    if request.get("response_format"):
        return Reply('{"city": "Paris"}')
    if "City" in tools:
        return Reply(tool_calls=(("City", {"city": "Paris"}),))
    if tools and last["role"] == "user":
        return Reply("Let me look.", tool_calls=((tools[0], {"city": "Paris"}),))
    return Reply(SAID)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answer) as server:
        yield server


def chat(server: ModelServer) -> ChatOpenAI:
    return ChatOpenAI(model="any", base_url=server.url, api_key="none")


WAYS = ["model", "middleware", "whole"]


def built(way: str, model: Any, tools: Any = (), **more: Any) -> Any:
    """An agent that labels, by one of three ways to say so."""
    if way == "model":
        return create_agent(wrap(model, provider=ACME), tools, **more)
    if way == "middleware":
        return create_agent(model, tools, middleware=[AIGCLabelMiddleware(provider=ACME)], **more)
    return wrap(create_agent(model, tools, **more), provider=ACME)


def texts(messages: list[Any]) -> list[str]:
    return [message.text for message in messages if message.type == "ai"]


@pytest.mark.parametrize("way", WAYS)
async def test_the_final_answer_is_labelled_and_the_steps_are_clean(way: str, server: ModelServer) -> None:
    agent = built(way, chat(server), [weather])
    for done in (
        agent.invoke({"messages": [("user", "weather?")]}),
        await agent.ainvoke({"messages": [("user", "weather?")]}),
    ):
        assert texts(done["messages"]) == ["Let me look.", SAID + LABEL]
        assert [len(records(message)) for message in done["messages"]] == [0, 0, 0, 1]


@pytest.mark.parametrize("way", WAYS)
async def test_streamed_messages(way: str, server: ModelServer) -> None:
    agent = built(way, chat(server), [weather])
    asked = {"messages": [("user", "weather?")]}
    streamed = [chunk for chunk, _ in agent.stream(asked, stream_mode="messages") if chunk.type != "tool"]
    again = [chunk async for chunk, _ in agent.astream(asked, stream_mode="messages") if chunk.type != "tool"]
    for chunks in (streamed, again):
        assert "".join(chunk.text for chunk in chunks) == f"Let me look.{SAID}{LABEL}"
        assert [chunk.text for chunk in chunks].count(LABEL) == 1


@pytest.mark.parametrize("mode", ["values", "updates", "checkpoints", "tasks", "debug"])
@pytest.mark.parametrize("way", WAYS)
def test_other_stream_modes(way: str, mode: str, server: ModelServer) -> None:
    agent = built(way, chat(server), [weather], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    events = list(agent.stream({"messages": [("user", "weather?")]}, config, stream_mode=mode))
    assert f"{SAID}{LABEL}" in repr(events[-1]).encode().decode("unicode_escape", "ignore") or SAID in repr(events)
    assert texts(agent.get_state(config).values["messages"]) == ["Let me look.", SAID + LABEL]


@pytest.mark.parametrize("way", WAYS)
def test_a_conversation_from_checkpoints_feeds_no_label_back(way: str, server: ModelServer) -> None:
    agent = built(way, chat(server), checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    for turn in range(3):
        done = agent.invoke({"messages": [("user", f"turn {turn}")]}, config)
    assert texts(done["messages"]) == [SAID + LABEL] * 3  # people see them
    assert "本内容由AI生成" not in json.dumps(server.requests, ensure_ascii=False)  # the model does not


@pytest.mark.parametrize("way", WAYS)
def test_a_sub_agent_as_a_tool(way: str, server: ModelServer) -> None:
    agent = built(way, chat(server), [ask_expert])
    done = agent.invoke({"messages": [("user", "weather?")]})
    assert texts(done["messages"]) == ["Let me look.", SAID + LABEL]
    assert server.requests[-1]["messages"][-1]["content"] == "I say sunny."


@pytest.mark.parametrize("strategy", [ProviderStrategy(City), ToolStrategy(City)], ids=["provider", "tool"])
@pytest.mark.parametrize("way", WAYS)
def test_structured_answers_are_clean(way: str, strategy: Any, server: ModelServer) -> None:
    done = built(way, chat(server), response_format=strategy).invoke({"messages": [("user", "which?")]})
    assert done["structured_response"] == City(city="Paris")
    assert [message for message in done["messages"] if "AI生成" in message.text] == []


def test_a_model_given_as_a_string(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    agent = create_agent("openai:any", [weather], middleware=[AIGCLabelMiddleware(provider=ACME)])
    done = agent.invoke({"messages": [("user", "weather?")]})
    assert texts(done["messages"]) == ["Let me look.", SAID + LABEL]


@pytest.mark.parametrize("order", ["outside", "inside"])
def test_a_model_chosen_at_run_time(order: str) -> None:
    @wrap_model_call
    def choose(request: Any, handler: Any) -> Any:
        return handler(request.override(model=Streaming(script=["the other"])))

    label = AIGCLabelMiddleware(provider=ACME)
    agent = create_agent(Scripted(), middleware=[label, choose] if order == "outside" else [choose, label])
    done = agent.invoke({"messages": [("user", "hi")]})
    assert texts(done["messages"]) == ["the other" + LABEL]


@pytest.mark.parametrize("order", ["outside", "inside"])
async def test_a_fallback_model(order: str) -> None:
    label, fallback = AIGCLabelMiddleware(provider=ACME), ModelFallbackMiddleware(Scripted(script=["the fallback"]))
    broken = Scripted(script=[ConnectionError("down")])
    agent = create_agent(broken, middleware=[label, fallback] if order == "outside" else [fallback, label])
    for done in (
        agent.invoke({"messages": [("user", "hi")]}),
        await agent.ainvoke({"messages": [("user", "hi")]}),
    ):
        assert texts(done["messages"]) == ["the fallback" + LABEL]


def test_an_answer_without_a_model_is_labelled_too() -> None:
    @wrap_model_call
    def short_cut(request: Any, handler: Any) -> Any:
        return AIMessage("from a cache of answers")

    agent = create_agent(Scripted(), middleware=[AIGCLabelMiddleware(provider=ACME), short_cut])
    assert texts(agent.invoke({"messages": [("user", "hi")]})["messages"]) == ["from a cache of answers" + LABEL]


def test_the_agents_own_model_stays_as_it_was() -> None:
    model = Scripted()
    agent = create_agent(model, middleware=[AIGCLabelMiddleware(provider=ACME)])
    agent.invoke({"messages": [("user", "hi")]})
    assert not is_wrapped(model)
    assert model.invoke("hi").content == "good morning"


def test_a_labelled_model_and_the_middleware_label_once() -> None:
    agent = create_agent(wrap(Scripted(), provider=ACME), middleware=[AIGCLabelMiddleware(provider=ACME)])
    assert texts(agent.invoke({"messages": [("user", "hi")]})["messages"]) == ["good morning" + LABEL]


def test_the_middleware_takes_settings_and_refuses_wrong_ones() -> None:
    agent = create_agent(Scripted(), middleware=[AIGCLabelMiddleware(producer="acme", text={"position": "start"})])
    assert texts(agent.invoke({"messages": [("user", "hi")]})["messages"]) == ["（本内容由AI生成）\n\ngood morning"]
    with pytest.raises(ConfigError, match="no producer is set"):
        AIGCLabelMiddleware()
    with pytest.raises(PluginError, match="numbering"):
        AIGCLabelMiddleware(producer="acme", required_plugins=("numbering",))
    assert isinstance(AIGCLabelMiddleware(provider=ACME), AgentMiddleware)


class Talk(TypedDict):
    messages: Annotated[list[Any], add_messages]


@pytest.mark.parametrize("way", ["model", "whole"])
async def test_nodes_of_a_graph_of_ones_own(way: str, server: ModelServer) -> None:
    model: Any = wrap(chat(server), provider=ACME) if way == "model" else chat(server)

    def talk(state: Talk) -> Talk:
        return {"messages": [model.invoke(state["messages"])]}

    graph: Any = StateGraph(Talk).add_node("talk", talk).add_edge(START, "talk").compile()
    if way == "whole":
        wrap(graph, provider=ACME)
    done = await graph.ainvoke({"messages": [HumanMessage("hi")]})
    assert texts(done["messages"]) == [SAID + LABEL]
    streamed = [chunk async for chunk, _ in graph.astream({"messages": [HumanMessage("hi")]}, stream_mode="messages")]
    assert "".join(chunk.text for chunk in streamed) == SAID + LABEL


@pytest.mark.filterwarnings("ignore:.*is in beta", "ignore:.*experimental")
def test_event_streams_of_a_graph(server: ModelServer) -> None:
    agent = built("middleware", chat(server))
    run = agent.stream_events({"messages": [("user", "hi")]}, version="v3")
    assert ["".join(message.text) for message in run.messages] == [SAID + LABEL]


def test_a_configurable_model(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    model: Any = wrap(init_chat_model(configurable_fields=("model", "model_provider")), provider=ACME)
    config = {"configurable": {"model": "any", "model_provider": "openai"}}
    assert is_wrapped(model)
    assert model.invoke("hi", config).content == SAID + LABEL
    assert "".join(chunk.content for chunk in model.stream("hi", config)) == SAID + LABEL
    bound = model.bind_tools([weather])
    assert bound.invoke("hi", config).text == "Let me look."
    assert bound.invoke([HumanMessage("hi"), AIMessage("x")], config).text == SAID + LABEL
    assert model.with_config(config).invoke("hi").content == SAID + LABEL
