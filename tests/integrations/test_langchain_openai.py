"""ChatOpenAI and the openai client, as they are, against a server that speaks their protocols."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import openai
import pytest
from chat_models import LABEL, added, records
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI
from pydantic import BaseModel

from aigc_hooks import LabelError, Provider, UnsupportedOutputError, wrap
from aigc_hooks.testing import ModelServer, Reply

ACME = Provider(producer="acme")
SAID = "The capital of France is Paris."


class City(BaseModel):
    """A city."""

    city: str


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def answer(request: dict[str, Any]) -> Reply:
    asked = json.dumps(request.get("messages") or request.get("input"), ensure_ascii=False)
    if request.get("response_format") or (request.get("text") or {}).get("format"):
        return Reply('{"city": "Paris"}')
    if request.get("tool_choice") not in (None, "auto"):
        return Reply(tool_calls=(("City", {"city": "Paris"}),))
    if request.get("tools") and "sunny in" not in asked and "weather" in asked:
        return Reply("Let me look.", tool_calls=(("weather", {"city": "Paris"}),))
    if "break" in asked:
        return Reply(SAID, breaks_after=3)
    if "refuse" in asked:
        return Reply("bad request", status=400)
    if "empty" in asked:
        return Reply("")
    return Reply(SAID, reasoning="France, hm.")


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(answer) as server:
        yield server


APIS: list[dict[str, Any]] = [
    {},
    {"stream_usage": True},
    {"output_version": "v1"},
    {"use_responses_api": True},
    {"use_responses_api": True, "output_version": "v1"},
    {"use_responses_api": True, "output_version": "responses/v1"},
    {"streaming": True},
]


@pytest.fixture(params=APIS, ids=lambda api: ",".join(map(str, api.values())) or "chat")
def model(request: pytest.FixtureRequest, server: ModelServer) -> Any:
    return wrap(ChatOpenAI(model="any", base_url=server.url, api_key="none", **request.param), provider=ACME)


def test_invoke_and_stream_give_the_same_labelled_text(model: Any) -> None:
    whole = added(list(model.stream("capital?")))
    assert model.invoke("capital?").text == whole.text == SAID + LABEL
    assert records(model.invoke("capital?")) == records(whole) == ["acme"]
    assert whole.chunk_position == "last"


async def test_and_asynchronously(model: Any) -> None:
    whole = added([chunk async for chunk in model.astream("capital?")])
    assert (await model.ainvoke("capital?")).text == whole.text == SAID + LABEL


def test_the_label_comes_before_the_end_of_the_stream(model: Any) -> None:
    texts = [chunk.text for chunk in model.stream("capital?")]
    assert [text for text in texts if text][-1] == LABEL
    assert texts.count(LABEL) == 1
    assert len([text for text in texts if text]) == len(Reply(SAID).pieces()) + 1


def test_all_but_the_label_is_as_from_the_bare_model(server: ModelServer) -> None:
    bare = ChatOpenAI(model="any", base_url=server.url, api_key="none", stream_usage=True)
    model = wrap(ChatOpenAI(model="any", base_url=server.url, api_key="none", stream_usage=True), provider=ACME)
    one, other = added(list(bare.stream("capital?"))), added(list(model.stream("capital?")))
    assert other.usage_metadata == one.usage_metadata
    assert {k: v for k, v in other.response_metadata.items() if k not in ("aigc", "id")} == {
        k: v for k, v in one.response_metadata.items() if k != "id"
    }
    assert bare.invoke("capital?").content == SAID


def test_tools(model: Any, server: ModelServer) -> None:
    step = model.bind_tools([weather]).invoke("weather?")
    assert step.text == "Let me look."
    assert [call["name"] for call in step.tool_calls] == ["weather"]
    assert records(step) == []
    streamed = added(list(model.bind_tools([weather]).stream("weather?")))
    assert streamed.text == "Let me look."
    assert [call["args"] for call in streamed.tool_calls] == [{"city": "Paris"}]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of the bare model as well
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("api", [{}, {"output_version": "v1"}])
async def test_structured_output(method: Any, api: dict[str, Any], server: ModelServer) -> None:
    model = wrap(ChatOpenAI(model="any", base_url=server.url, api_key="none", **api), provider=ACME)
    asking = model.with_structured_output(City, method=method)
    assert asking.invoke("json: which city?") == City(city="Paris")
    assert await asking.ainvoke("json: which city?") == City(city="Paris")
    assert list(asking.stream("json: which city?"))[-1] == City(city="Paris")
    raw = model.with_structured_output(City, method=method, include_raw=True).invoke("json: which city?")["raw"]
    assert "AI" not in raw.text
    assert records(raw) == []


def test_structured_output_of_the_responses_api(server: ModelServer) -> None:
    model = wrap(ChatOpenAI(model="any", base_url=server.url, api_key="none", use_responses_api=True), provider=ACME)
    assert model.with_structured_output(City, method="function_calling").invoke("which city?") == City(city="Paris")
    assert json.loads(model.invoke("which city?", text={"format": {"type": "json_object"}}).text) == {"city": "Paris"}


def test_the_next_request_is_clean(model: Any, server: ModelServer) -> None:
    first = model.invoke("capital?")
    model.invoke([HumanMessage("capital?"), first, HumanMessage("and （本内容由AI生成）?")])
    sent = json.dumps(server.requests[-1], ensure_ascii=False)
    assert sent.count("本内容由AI生成") == 1  # what the user wrote
    assert SAID in sent


def test_several_answers(server: ModelServer) -> None:
    model = wrap(ChatOpenAI(model="any", base_url=server.url, api_key="none", n=3), provider=ACME)
    (generations,) = model.generate([[HumanMessage("capital?")]]).generations
    assert [each.text for each in generations] == [SAID + LABEL] * 3


def test_an_empty_answer_stays_empty(model: Any) -> None:
    assert model.invoke("empty").text == ""
    assert added(list(model.stream("empty"))).text == ""


def test_a_refused_request_is_the_clients_own_error(model: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="bad request"):
        model.invoke("refuse")
    with pytest.raises(openai.BadRequestError, match="bad request"):
        list(model.stream("refuse"))


async def test_a_broken_connection_is_the_clients_own_error(server: ModelServer) -> None:
    model = wrap(ChatOpenAI(model="any", base_url=server.url, api_key="none", max_retries=0), provider=ACME)
    texts: list[str] = []

    def read() -> None:
        texts.extend(chunk.text for chunk in model.stream("break"))

    with pytest.raises((httpx.RemoteProtocolError, openai.APIConnectionError)):
        read()
    assert LABEL not in texts
    assert "".join(texts) == "The capital of"


def test_in_a_chain_on_a_server(server: ModelServer) -> None:
    model = wrap(ChatOpenAI(model="any", base_url=server.url, api_key="none"), provider=ACME)
    chain = ChatPromptTemplate.from_messages([("user", "{question}")]) | model | StrOutputParser()
    assert chain.invoke({"question": "capital?"}) == SAID + LABEL
    assert "".join(chain.stream({"question": "capital?"})) == SAID + LABEL


async def test_many_requests_at_once(server: ModelServer) -> None:
    model = wrap(ChatOpenAI(model="any", base_url=server.url, api_key="none"), provider=ACME)
    answers = model.batch(["capital?"] * 8) + await model.abatch(["capital?"] * 8)
    assert {message.content for message in answers} == {SAID + LABEL}
    assert len({message.response_metadata["aigc"]["ProduceID"] for message in answers}) == 16


# The bare client, in a function of the user's own


def test_the_openai_client_in_a_generator(server: ModelServer) -> None:
    client = openai.OpenAI(base_url=server.url, api_key="none")

    @wrap(kind="text", provider=ACME)
    def ask(question: str) -> Iterator[str]:
        messages = [{"role": "user", "content": question}]
        for chunk in client.chat.completions.create(model="any", messages=messages, stream=True):
            yield chunk.choices[0].delta.content or ""

    pieces = list(ask("capital?"))
    assert "".join(pieces) == SAID + LABEL
    assert pieces[-2:] == [LABEL, ""]


async def test_the_async_openai_client_in_a_function(server: ModelServer) -> None:
    client = openai.AsyncOpenAI(base_url=server.url, api_key="none")

    @wrap(kind="text", provider=ACME)
    async def ask(question: str) -> str:
        messages = [{"role": "user", "content": question}]
        done = await client.chat.completions.create(model="any", messages=messages)
        return done.choices[0].message.content

    @wrap(kind="text", provider=ACME)
    async def stream(question: str) -> AsyncIterator[str]:
        async for event in await client.responses.create(model="any", input=question, stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta

    assert await ask("capital?") == SAID + LABEL
    assert "".join([piece async for piece in stream("capital?")]) == SAID + LABEL


def test_a_clients_own_objects_are_refused_by_name(server: ModelServer) -> None:
    client = openai.OpenAI(base_url=server.url, api_key="none")
    messages = [{"role": "user", "content": "capital?"}]
    create = wrap(client.chat.completions.create, kind="text", provider=ACME)
    with pytest.raises(UnsupportedOutputError, match="ChatCompletion"):
        create(model="any", messages=messages)
    with (
        create(model="any", messages=messages, stream=True) as stream,
        pytest.raises(LabelError, match="yields strings"),
    ):
        next(stream)


def test_a_text_model_against_a_server(server: ModelServer) -> None:
    # The completions API is gone from this server: the error is the client's own.
    model = wrap(OpenAI(model="any", base_url=server.url, api_key="none", max_retries=0), provider=ACME)
    with pytest.raises(openai.NotFoundError, match="no such path"):
        model.invoke("hi")
