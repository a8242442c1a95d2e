"""A wrapped LangChain model: every way out of it carries the label once, and nothing else changes."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from chat_models import LABEL, AsyncStreaming, Completing, Recursive, Scripted, Streaming, added, piece, records
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.load import dumpd, dumps
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField

import aigc_hooks
from aigc_hooks import LabelError, Provider, is_wrapped, override, unwrap, wrap
from aigc_hooks.explicit.text import NOTICE

ACME = Provider(producer="acme")
TEXT = "good morning"
CALL = {"name": "weather", "args": {}, "id": "1", "type": "tool_call"}

MODELS = [Scripted, Streaming, AsyncStreaming, Recursive]


@pytest.fixture(params=MODELS, ids=lambda cls: cls.__name__)
def model(request: pytest.FixtureRequest) -> Any:
    return wrap(request.param(), provider=ACME)


@pytest.fixture
def trail(caplog: pytest.LogCaptureFixture) -> Callable[[], list[Any]]:
    caplog.set_level(logging.INFO, logger="aigc_hooks.audit")
    return lambda: [json.loads(each.getMessage()) for each in caplog.records if each.name == "aigc_hooks.audit"]


def test_the_same_object_of_the_same_class_name(model: Any) -> None:
    assert isinstance(model, Scripted)
    assert is_wrapped(model)
    assert type(model).__name__ in {cls.__name__ for cls in MODELS}
    assert model.invoke("hi").content == TEXT + LABEL
    plain = type(model).__mro__[1]()
    assert plain.invoke("hi").content == TEXT


def test_invoke_batch_generate(model: Any) -> None:
    assert model.invoke("hi").content == TEXT + LABEL
    assert [message.content for message in model.batch(["a", "b"])] == [TEXT + LABEL] * 2
    assert {message.content for _, message in model.batch_as_completed(["a", "b"])} == {TEXT + LABEL}
    (generations,) = model.generate([[HumanMessage("hi")]]).generations
    assert [(each.text, each.message.content) for each in generations] == [(TEXT + LABEL, TEXT + LABEL)]


async def test_ainvoke_abatch_agenerate(model: Any) -> None:
    assert (await model.ainvoke("hi")).content == TEXT + LABEL
    assert [message.content for message in await model.abatch(["a", "b"])] == [TEXT + LABEL] * 2
    assert {message.content async for _, message in model.abatch_as_completed(["a", "b"])} == {TEXT + LABEL}
    (generations,) = (await model.agenerate([[HumanMessage("hi")]])).generations
    assert [each.text for each in generations] == [TEXT + LABEL]


def test_streamed_pieces_add_up_to_the_answer(model: Any) -> None:
    chunks = list(model.stream("hi"))
    whole = added(chunks)
    assert whole.content == TEXT + LABEL
    assert records(whole) == ["acme"]
    assert [chunk.chunk_position for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


async def test_streamed_pieces_add_up_to_the_answer_asynchronously(model: Any) -> None:
    whole = added([chunk async for chunk in model.astream("hi")])
    assert whole.content == TEXT + LABEL
    assert records(whole) == ["acme"]


@pytest.mark.parametrize("cls", [Streaming, AsyncStreaming, Recursive])
def test_the_label_is_a_piece_of_its_own_before_the_end(cls: Any) -> None:
    contents = [chunk.content for chunk in wrap(cls(), provider=ACME).stream("hi")]
    assert contents[:3] == ["good", " morning", LABEL]
    assert set(contents[3:]) == {""}


def test_the_record_stands_on_the_label_alone() -> None:
    chunks = list(wrap(Streaming(), provider=ACME).stream("hi"))
    assert [chunk.content for chunk in chunks if records(chunk)] == [LABEL]
    assert len({chunk.id for chunk in chunks}) == 1


def test_every_answer_has_a_number_of_its_own(model: Any) -> None:
    numbers = {model.invoke("hi").response_metadata["aigc"]["ProduceID"] for _ in range(3)}
    numbers |= {added(list(model.stream("hi"))).response_metadata["aigc"]["ProduceID"] for _ in range(3)}
    assert len(numbers) == 6


@pytest.mark.parametrize("position", ["start", "both", "end"])
@pytest.mark.parametrize("mark", ["notice", "corner"])
async def test_streams_equal_whole_answers_at_every_position(position: str, mark: str) -> None:
    model = wrap(AsyncStreaming(), provider=ACME, text={"position": position, "mark": mark})
    text = model.invoke("hi").content
    assert text == aigc_hooks.label(TEXT, provider=ACME, text={"position": position, "mark": mark})
    assert added(list(model.stream("hi"))).content == text
    assert added([chunk async for chunk in model.astream("hi")]).content == text
    assert [len(records(chunk)) for chunk in model.stream("hi")].count(1) == 1


async def test_event_streams(model: Any) -> None:
    events = [event async for event in model.astream_events("hi", version="v2")]
    streamed = [event["data"]["chunk"].content for event in events if event["event"] == "on_chat_model_stream"]
    ended = [event["data"]["output"].content for event in events if event["event"] == "on_chat_model_end"]
    assert ended == [TEXT + LABEL]
    assert "".join(streamed) == (TEXT + LABEL if type(model)._stream is not BaseChatModel._stream else "")


@pytest.mark.filterwarnings("ignore:.*is in beta")
@pytest.mark.parametrize("cls", [Streaming, AsyncStreaming])
async def test_event_streams_of_version_3(cls: Any) -> None:
    model = wrap(cls(), provider=ACME)
    assert "".join(model.stream_events("hi", version="v3").text) == TEXT + LABEL
    stream = await model.astream_events("hi", version="v3")
    assert "".join([text async for text in stream.text]) == TEXT + LABEL


@pytest.mark.filterwarnings("ignore:.*is in beta")
def test_a_native_event_stream_is_no_way_round() -> None:
    class Native(Streaming):
        def _stream_chat_model_events(self, messages: Any, **kwargs: Any) -> Iterator[Any]:
            raise AssertionError("it went past _stream")
            yield

    assert "".join(wrap(Native(), provider=ACME).stream_events("hi", version="v3").text) == TEXT + LABEL


def test_in_a_chain(model: Any) -> None:
    chain = ChatPromptTemplate.from_messages([("user", "{question}")]) | model | StrOutputParser()
    assert chain.invoke({"question": "hi"}) == TEXT + LABEL
    assert "".join(chain.stream({"question": "hi"})) == TEXT + LABEL
    assert chain.with_retry().invoke({"question": "hi"}) == TEXT + LABEL
    assert model.bind(stop=["x"]).with_config(tags=["t"]).invoke("hi").content == TEXT + LABEL


def test_callbacks_and_tracers_see_the_label(model: Any) -> None:
    class Seen(BaseCallbackHandler):
        def __init__(self) -> None:
            self.tokens: list[str] = []
            self.answers: list[str] = []

        def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
            self.tokens.append(token)

        def on_llm_end(self, response: Any, **kwargs: Any) -> None:
            self.answers.append(response.generations[0][0].text)

    seen = Seen()
    model.invoke("hi", config={"callbacks": [seen]})
    list(model.stream("hi", config={"callbacks": [seen]}))
    assert seen.answers == [TEXT + LABEL] * 2
    assert seen.tokens == [] or "".join(seen.tokens) == TEXT + LABEL


def test_a_model_that_tells_its_manager_itself_tells_of_the_label() -> None:
    class Telling(Streaming):
        def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
            for chunk in Streaming._stream(self, messages, stop, None, **kwargs):
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    class Manager:
        tokens: list[str] = []  # noqa: RUF012

        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            self.tokens.append(token)

    model = wrap(Telling(), provider=ACME)
    for manager in ([None, Manager()], None):
        arguments = manager or []
        keywords = {} if manager else {"run_manager": Manager()}
        Manager.tokens = []
        list(model._stream([HumanMessage("hi")], *arguments, **keywords))
        assert "".join(Manager.tokens) == TEXT + LABEL


# What stays clean


@pytest.mark.parametrize("text", ["", "let me look"])
async def test_a_step_that_calls_tools_is_clean(text: str, trail: Any) -> None:
    model = wrap(AsyncStreaming(script=[AIMessage(text, tool_calls=[CALL])]), provider=ACME)
    whole = [model.invoke("hi"), await model.ainvoke("hi"), added(list(model.stream("hi")))]
    whole.append(added([chunk async for chunk in model.astream("hi")]))
    for message in whole:
        assert message.content == text
        assert [call["name"] for call in message.tool_calls] == ["weather"]
        assert records(message) == []
    assert [(line["outcome"], line["reason"]) for line in trail()] == [("passed", "tool calls")] * 4


def test_an_invalid_tool_call_is_one() -> None:
    broken = {"name": "weather", "args": "{", "id": "1", "error": None, "type": "invalid_tool_call"}
    model = wrap(Scripted(script=[AIMessage("look", invalid_tool_calls=[broken])]), provider=ACME)
    assert model.invoke("hi").content == "look"


@pytest.mark.parametrize(
    "asked",
    [
        {"response_format": {"type": "json_object"}},
        {"format": "json"},
        {"response_mime_type": "application/json"},
        {"text": {"format": {"type": "json_schema"}}},
        {"output_config": {"format": {"type": "json_schema"}}},
        {"tool_choice": "any"},
        {"tool_choice": {"type": "tool", "name": "weather"}},
        {"guided_regex": "[a-z]+"},
    ],
)
@pytest.mark.parametrize("position", ["end", "start"])
def test_a_structured_answer_is_clean(asked: dict[str, Any], position: str, trail: Any) -> None:
    model = wrap(Streaming(), provider=ACME, text={"position": position})
    assert model.invoke("hi", **asked).content == TEXT
    assert added(list(model.stream("hi", **asked))).content == TEXT
    assert [(line["outcome"], line["reason"]) for line in trail()] == [("passed", "structured output")] * 2


@pytest.mark.parametrize(
    "asked",
    [
        {"response_format": {"type": "text"}},
        {"response_format": None},
        {"tool_choice": "auto"},
        {"tool_choice": None},
        {"text": {"verbosity": "low"}},
        {"text": {"format": {"type": "text"}}},
        {"output_config": {"effort": "low"}},
        {"format": ""},
        {"temperature": 1},
    ],
)
def test_what_asks_for_no_form_is_labelled(asked: dict[str, Any]) -> None:
    assert wrap(Streaming(), provider=ACME).invoke("hi", **asked).content == TEXT + LABEL


def test_prompted_json_is_clean_and_still_parses(trail: Any) -> None:
    model = wrap(Streaming(script=['{"a": 1}']), provider=ACME)
    assert (model | JsonOutputParser()).invoke("hi") == {"a": 1}
    assert json.loads("".join(chunk.content for chunk in model.stream("hi"))) == {"a": 1}
    assert {line["reason"] for line in trail()} == {"one JSON document"}


def test_blank_answers_are_clean() -> None:
    for text in ("", "  \n"):
        model = wrap(Scripted(script=[text]), provider=ACME)
        assert model.invoke("hi").content == text
        assert added(list(model.stream("hi"))).content == text


def test_reasoning_is_clean_and_blocks_of_text_are_labelled() -> None:
    blocks = [
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "text", "text": "one "},
        {"type": "text", "text": "two"},
    ]
    model = wrap(Scripted(script=[AIMessage(blocks)]), provider=ACME)
    labelled = model.invoke("hi")
    assert labelled.content == [blocks[0], blocks[1], {"type": "text", "text": "two" + LABEL}]
    start = wrap(Scripted(script=[AIMessage(blocks)]), provider=ACME, text={"position": "start"}).invoke("hi")
    assert start.content == [blocks[0], {"type": "text", "text": f"{NOTICE}\n\none "}, blocks[2]]
    assert blocks[2]["text"] == "two"  # the model's own message is as it was


SAID: list[tuple[Any, Any]] = [
    ({"type": "output_text", "text": "good"}, lambda block: block["text"]),
    ({"type": "text-plain", "text": "good", "mime_type": "text/plain"}, lambda block: block["text"]),
    ({"type": "refusal", "refusal": "good"}, lambda block: block["refusal"]),
    ({"type": "of_tomorrow", "text": "good"}, lambda block: block["text"]),
    (
        {"type": "non_standard", "value": {"type": "refusal", "refusal": "good"}},
        lambda block: block["value"]["refusal"],
    ),
]


@pytest.mark.parametrize(("block", "said"), SAID, ids=[block["type"] for block, _ in SAID])
def test_text_in_blocks_of_any_type(block: Any, said: Any) -> None:
    model = Scripted(script=[AIMessage([block])])
    answer = wrap(model, provider=ACME).invoke("hi")
    assert said(answer.content[0]) == "good" + LABEL
    model.invoke([answer])
    assert model.seen[-1][0].content == [block]  # without the label

    class Pieces(Streaming):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            yield piece([{**block, "index": 0}])

    chunks = list(wrap(Pieces(), provider=ACME).stream("hi"))
    assert chunks[0].content == [{**block, "index": 0}]
    whole = added(chunks).content
    assert "".join(said(each) if each["type"] == block["type"] else each["text"] for each in whole) == "good" + LABEL


@pytest.mark.parametrize("kind", ["thinking", "reasoning_content", "tool_use", "search_result", "summary_text"])
def test_text_that_is_no_answer_is_clean(kind: str) -> None:
    blocks = [{"type": kind, "text": "hm"}, {"type": "text", "text": "good"}]
    answer = wrap(Scripted(script=[AIMessage(blocks)]), provider=ACME).invoke("hi")
    assert answer.content == [blocks[0], {"type": "text", "text": "good" + LABEL}]


def test_pieces_with_blocks_merge_into_one_text() -> None:
    class Blocks(Streaming):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            yield piece([{"type": "reasoning", "reasoning": "hm", "index": 0}])
            yield piece([{"type": "text", "text": "good", "index": 1}])
            yield piece([{"type": "text", "text": " day", "index": 1}])
            yield piece([], usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})

    chunks = list(wrap(Blocks(), provider=ACME).stream("hi"))
    assert chunks[3].content == [{"type": "text", "text": LABEL, "index": 1}]
    whole = added(chunks)
    assert whole.content[1] == {"type": "text", "text": "good day" + LABEL, "index": 1}
    assert whole.usage_metadata["total_tokens"] == 3


def test_text_and_end_in_one_piece_are_parted() -> None:
    class Last(Streaming):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            yield piece("good")
            usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
            message = AIMessageChunk(" day", chunk_position="last", usage_metadata=usage)
            yield ChatGenerationChunk(message=message, generation_info={"finish_reason": "stop"})

    chunks = list(wrap(Last(), provider=ACME).stream("hi"))
    assert [chunk.content for chunk in chunks] == ["good", " day", LABEL, ""]
    assert [chunk.chunk_position for chunk in chunks] == [None, None, None, "last"]
    whole = added(chunks)
    assert whole.usage_metadata["total_tokens"] == 3
    assert whole.response_metadata["finish_reason"] == "stop"


# History


async def test_own_labels_go_back_to_no_model() -> None:
    model = wrap(AsyncStreaming(), provider=ACME)
    answer = model.invoke("hi")
    history = [
        SystemMessage(f"Write {NOTICE} never.\n\n{NOTICE}"),
        HumanMessage(f"What is\n\n{NOTICE}"),
        answer,
        AIMessage([{"type": "text", "text": "block" + LABEL}], tool_calls=[CALL]),
        ToolMessage(f"a sub-agent says{LABEL}", tool_call_id="1"),
        AIMessage(f"he wrote {NOTICE} there"),
        HumanMessage("go on"),
    ]
    before = [message.model_copy(deep=True) for message in history]
    for run in (model.invoke, model.ainvoke, lambda h: list(model.stream(h)), lambda h: list(model.stream(h))):
        model.seen.clear()
        if asyncio.iscoroutine(done := run(history)):
            await done
        system, human, first, second, tool, quotation, last = (message.content for message in model.seen[-1])
        assert (first, second[0]["text"], tool) == (TEXT, "block", "a sub-agent says")
        assert (system, human) == (before[0].content, before[1].content)  # what people wrote is theirs
        assert quotation == before[5].content
        assert last == "go on"
    assert history == before


def test_a_label_that_the_model_wrote_itself_is_enough() -> None:
    model = wrap(Streaming(script=[TEXT + LABEL]), provider=ACME)
    assert model.invoke("hi").content == TEXT + LABEL
    assert added(list(model.stream("hi"))).content == TEXT + LABEL


# Caches


@pytest.fixture
def cache() -> Iterator[InMemoryCache]:
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


async def test_caches_never_mix_labelled_and_unlabelled(cache: InMemoryCache) -> None:
    plain, labelled = Streaming(), wrap(Streaming(), provider=ACME)
    other = wrap(Streaming(), provider=ACME, text={"wording": "AI合成"})
    for _ in range(2):
        assert plain.invoke("hi").content == TEXT
        assert labelled.invoke("hi").content == TEXT + LABEL
        assert (await labelled.ainvoke("hi")).content == TEXT + LABEL
        assert other.invoke("hi").content == f"{TEXT}\n\nAI合成"
    assert (len(plain.seen), len(labelled.seen), len(other.seen)) == (1, 1, 1)


def test_caches_of_text_models_never_mix(cache: InMemoryCache) -> None:
    plain, labelled = Completing(), wrap(Completing(), provider=ACME)
    for _ in range(2):
        assert plain.invoke("hi") == "once upon"
        assert labelled.invoke("hi") == "once upon" + LABEL
    assert len(cache._cache) == 2


# Identity


def test_copies_and_pickles_label(model: Any) -> None:
    for twin in (copy.copy(model), copy.deepcopy(model), model.model_copy(), pickle.loads(pickle.dumps(model))):
        assert is_wrapped(twin)
        assert twin.invoke("hi").content == TEXT + LABEL
        assert added(list(twin.stream("hi"))).content == TEXT + LABEL


def test_fields_and_serialisation_are_as_they_were() -> None:
    plain, model = FakeListChatModel(responses=["x"]), wrap(FakeListChatModel(responses=["x"]), provider=ACME)
    assert model.model_dump() == plain.model_dump()
    assert dumps(model) == dumps(plain)
    assert dumpd(model)["id"] == dumpd(plain)["id"]
    model.responses = ["y"]
    assert model.invoke("hi").content == "y" + LABEL


def test_a_model_without_a_stream_gets_none() -> None:
    model = wrap(Scripted(), provider=ACME)
    assert type(model)._stream is BaseChatModel._stream
    assert type(model)._astream is BaseChatModel._astream
    assert [chunk.content for chunk in model.stream("hi")] == [TEXT + LABEL]


def test_configurable_fields_label() -> None:
    model = wrap(FakeListChatModel(responses=["x"]), provider=ACME)
    configurable = model.configurable_fields(responses=ConfigurableField(id="responses"))
    assert configurable.with_config(configurable={"responses": ["y"]}).invoke("hi").content == "y" + LABEL


def test_a_wrapped_class_makes_wrapped_models() -> None:
    cls = wrap(FakeListChatModel, provider=ACME)
    assert cls(responses=["x"]).invoke("hi").content == "x" + LABEL
    assert FakeListChatModel(responses=["x"]).invoke("hi").content == "x"


def test_unwrap_and_wrap_again() -> None:
    model = wrap(wrap(Streaming(), provider=ACME), provider=ACME, text={"wording": "AI合成"})
    assert model.invoke("hi").content == f"{TEXT}\n\nAI合成"
    assert unwrap(model).invoke("hi").content == TEXT
    assert type(model) is Streaming


def test_override_holds_for_its_context() -> None:
    model = wrap(Streaming(), provider=ACME)
    with override(text={"wording": "AI合成"}):
        assert model.invoke("hi").content == f"{TEXT}\n\nAI合成"
        stream = model.stream("hi")
        first = next(stream)
    assert (first + added(list(stream))).content == f"{TEXT}\n\nAI合成"
    assert model.invoke("hi").content == TEXT + LABEL


# Streams that end early


def test_no_piece_is_held_back() -> None:
    reached = []

    class Slow(Streaming):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            for word in ("a", "b", "c"):
                reached.append(word)
                yield piece(word)

    stream = wrap(Slow(), provider=ACME).stream("hi")
    for word in ("a", "b", "c"):
        assert next(stream).content == word
        assert reached[-1] == word
    assert next(stream).content == LABEL


def test_a_broken_off_stream_closes_the_model_and_is_recorded(trail: Any) -> None:
    closed = []

    class Closing(Streaming):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield piece("a")
                yield piece("b")
            finally:
                closed.append(True)

    stream = wrap(Closing(), provider=ACME).stream("hi")
    assert next(stream).content == "a"
    stream.close()
    assert closed == [True]
    assert [line["outcome"] for line in trail()] == ["aborted"]


async def test_an_error_in_mid_stream_comes_through(trail: Any) -> None:
    class Failing(AsyncStreaming):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            yield piece("a")
            raise ConnectionError("gone")

        async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            yield piece("a")
            raise ConnectionError("gone")

    model = wrap(Failing(), provider=ACME)
    with pytest.raises(ConnectionError, match="gone"):
        list(model.stream("hi"))
    with pytest.raises(ConnectionError, match="gone"):
        [chunk async for chunk in model.astream("hi")]
    assert [line["outcome"] for line in trail()] == ["aborted"] * 2


async def test_a_cancelled_stream_is_cancelled(trail: Any) -> None:
    closed = asyncio.Event()

    class Waiting(AsyncStreaming):
        async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            try:
                yield piece("a")
                await asyncio.sleep(60)
            finally:
                closed.set()

    async def read() -> None:
        async for _ in wrap(Waiting(), provider=ACME).astream("hi"):
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(closed.wait(), 5)
    assert [line["outcome"] for line in trail()] == ["aborted"]


async def test_interleaved_streams_of_one_model_do_not_meet() -> None:
    model = wrap(AsyncStreaming(script=["one two three", "four five six"]), provider=ACME)

    async def read() -> str:
        parts = []
        async for chunk in model.astream("hi"):
            parts.append(chunk.content)
            await asyncio.sleep(0)
        return "".join(parts)

    assert sorted(await asyncio.gather(read(), read())) == ["four five six" + LABEL, "one two three" + LABEL]


def test_another_model_in_a_callback_labels() -> None:
    other = wrap(Scripted(), provider=ACME)

    class Asking(AsyncCallbackHandler, BaseCallbackHandler):
        answers: list[str] = []  # noqa: RUF012

    class Outer(Streaming):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            Asking.answers.append(other.invoke("hi").content)
            yield piece("a")

    assert added(list(wrap(Outer(), provider=ACME).stream("hi"))).content == "a" + LABEL
    assert Asking.answers == [TEXT + LABEL]


# Failures


def test_nothing_leaves_where_the_label_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    model = wrap(Streaming(), producer="acme", required_plugins=())
    with override(required_plugins=("numbering",)), pytest.raises(aigc_hooks.PluginError, match="numbering"):
        model.invoke("hi")


def test_a_plugin_that_rewrites_several_blocks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from aigc_hooks import plugins

    class Shouting:
        @aigc_hooks.hookimpl
        def aigc_render_explicit(self, artifact: Any, label: Any, provider: Any) -> bool:
            artifact.content = artifact.content.upper() + " AI生成"
            return True

    room = plugins.hooks()
    shouting = Shouting()
    room._manager.register(shouting)
    try:
        assert wrap(Scripted(), provider=ACME).invoke("hi").content == "GOOD MORNING AI生成"
        two = AIMessage([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])
        with pytest.raises(LabelError, match="2 blocks of text"):
            wrap(Scripted(script=[two]), provider=ACME).invoke("hi")
        with pytest.raises(LabelError, match="already left as a stream"):
            list(wrap(Streaming(), provider=ACME).stream("hi"))
    finally:
        room._manager.unregister(shouting)


def test_several_answers_to_one_request() -> None:
    class Several(Scripted):
        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
            return ChatResult(generations=[ChatGeneration(message=AIMessage(text)) for text in ("a", "b")])

    (generations,) = wrap(Several(), provider=ACME).generate([[HumanMessage("hi")]]).generations
    assert [each.text for each in generations] == ["a" + LABEL, "b" + LABEL]
    assert len({each.message.response_metadata["aigc"]["ProduceID"] for each in generations}) == 2


async def test_models_that_call_each_other_by_keyword() -> None:
    model, text = wrap(AsyncStreaming(), provider=ACME), wrap(Completing(), provider=ACME)
    asked = [HumanMessage("hi")]
    assert model._generate(messages=asked, stop=None).generations[0].text == TEXT + LABEL
    assert (await model._agenerate(messages=asked)).generations[0].text == TEXT + LABEL
    assert added(list(model._stream(messages=asked, run_manager=None))).text == TEXT + LABEL
    assert text._generate(prompts=["hi"]).generations[0][0].text == "once upon" + LABEL


def test_the_fakes_of_langchain_itself() -> None:
    generic = wrap(GenericFakeChatModel(messages=iter([AIMessage("one two"), AIMessage("one two")])), provider=ACME)
    assert generic.invoke("hi").content == "one two" + LABEL
    chunks = list(generic.stream("hi"))
    assert [chunk.content for chunk in chunks] == ["one", " ", "two", LABEL, ""]
    assert chunks[-1].chunk_position == "last"


# Text models


async def test_text_models() -> None:
    model = wrap(Completing(), provider=ACME)
    assert model.invoke("hi") == "once upon" + LABEL
    assert await model.ainvoke("hi") == "once upon" + LABEL
    assert model.batch(["a", "b"]) == ["once upon" + LABEL] * 2
    assert list(model.stream("hi")) == [*"once upon", LABEL]
    assert [text async for text in model.astream("hi")] == [*"once upon", LABEL]
    events = [event async for event in model.astream_events("hi", version="v2")]
    assert "".join(e["data"]["chunk"] for e in events if e["event"] == "on_llm_stream") == "once upon" + LABEL
    ((generation,),) = model.generate(["hi"]).generations
    assert generation.generation_info["aigc"]["ContentProducer"] == "acme"
    twin = pickle.loads(pickle.dumps(model))
    assert twin.invoke("hi") == "once upon" + LABEL


class Public(Streaming):
    """Answers by the public methods, past those that are labelled."""

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        return AIMessage("good day")

    async def ainvoke(self, *args: Any, **kwargs: Any) -> Any:
        return AIMessage("good day")

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        return iter([AIMessageChunk("good", usage_metadata=usage), AIMessageChunk(" day")])

    async def astream(self, *args: Any, **kwargs: Any) -> Any:
        yield AIMessageChunk("good")
        yield AIMessageChunk(" day")


class PublicText(Completing):
    def invoke(self, *args: Any, **kwargs: Any) -> str:
        return "good day"

    async def ainvoke(self, *args: Any, **kwargs: Any) -> str:
        return "good day"

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        yield from ("good", " day")

    async def astream(self, *args: Any, **kwargs: Any) -> Any:
        yield "good"
        yield " day"


class Delegating(Streaming):
    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        return super().invoke(*args, **kwargs)

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        yield from super().stream(*args, **kwargs)


@pytest.mark.parametrize("cls", [Public, PublicText])
async def test_public_methods_of_a_models_own_are_no_way_round(cls: Any, trail: Any) -> None:
    def text(answer: Any) -> str:
        return answer if isinstance(answer, str) else answer.content

    model = wrap(cls(), provider=ACME)
    assert text(model.invoke("hi")) == text(await model.ainvoke("hi")) == "good day" + LABEL
    assert all(text(answer).endswith(LABEL) for answer in model.batch(["a", "b"]))
    for chunks in (list(model.stream("hi")), [chunk async for chunk in model.astream("hi")]):
        assert [text(chunk) for chunk in chunks] == ["good", " day", LABEL]
    assert {line["outcome"] for line in trail()} == {"labelled"}
    both = wrap(cls(), provider=ACME, text={"position": "both"})
    assert [text(chunk) for chunk in both.stream("hi")] == ["good", " day", LABEL]  # the beginning has left


def test_the_piece_of_the_label_counts_no_tokens() -> None:
    chunks = list(wrap(Public(), provider=ACME).stream("hi"))
    assert added(chunks).usage_metadata["total_tokens"] == 3
    assert [records(chunk) for chunk in chunks] == [[], [], ["acme"]]


@pytest.mark.parametrize("position", ["end", "start", "both"])
def test_public_methods_that_call_the_base_class_label_once(position: str, trail: Any) -> None:
    model = wrap(Delegating(), provider=ACME, text={"position": position})
    expected = aigc_hooks.label("good morning", provider=ACME, text={"position": position})
    before = len(trail())
    assert model.invoke("hi").content == expected
    assert added(list(model.stream("hi"))).content == expected
    assert len(trail()) == before + 2


async def test_public_methods_keep_clean_what_a_label_must_not_touch() -> None:
    class Calls(Public):
        def invoke(self, *args: Any, **kwargs: Any) -> Any:
            return AIMessage("so", tool_calls=[{"name": "f", "args": {}, "id": "1"}])

        def stream(self, *args: Any, **kwargs: Any) -> Any:
            yield AIMessageChunk("so")
            yield AIMessageChunk("", tool_call_chunks=[{"name": "f", "args": "{}", "id": "1", "index": 0}])

        async def astream(self, *args: Any, **kwargs: Any) -> Any:
            yield AIMessageChunk('{"a": 1}')

    model = wrap(Calls(), provider=ACME)
    assert model.invoke("hi").content == "so"
    assert [chunk.content for chunk in model.stream("hi")] == ["so", ""]
    assert [chunk.content async for chunk in model.astream("hi")] == ['{"a": 1}']
    assert wrap(Public(), provider=ACME).invoke("hi", response_format={"type": "json_object"}).content == "good day"
