"""Conversations: whose label goes where, what a model is given of it, and what programs read."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import tiny_text_models as tiny

import aigc_hooks
from aigc_hooks import override

LABEL = "（本内容由AI生成）"
END = f"\n\n{LABEL}"
START = f"{LABEL}\n\n"
ASK = {"role": "user", "content": "hi"}


@pytest.fixture
def pipe() -> Any:
    return aigc_hooks.wrap(tiny.pipe(), producer="acme")


def last(answers: Any) -> Any:
    return answers[0]["generated_text"][-1]


def answer(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


# --- the history ----------------------------------------------------------------------------------------------------


def test_the_model_does_not_see_its_labels_and_the_user_keeps_them(pipe: Any) -> None:
    history = [ASK, answer(f"one{END}"), ASK, answer(f"two{END}"), ASK]
    given = copy.deepcopy(history)
    arguments = tiny.says("three")
    found = pipe(history, **arguments)[0]["generated_text"]
    assert LABEL not in tiny.seen(arguments)[0]
    assert "<|assistant|>one<|end|>" in tiny.seen(arguments)[0]
    assert found == [*given, answer(f"three{END}")]
    assert history == given


@pytest.mark.parametrize("text", [{"position": "start"}, {"position": "both"}, {"mark": "corner"}, {"markup": "html"}])
def test_labels_of_every_style_are_taken_out(pipe: Any, text: Any) -> None:
    plain, arguments = tiny.says("two"), tiny.says("two")
    with override(text=text):
        history = pipe([ASK], **tiny.says("one"))[0]["generated_text"]
        pipe([*history, ASK], **arguments)
    aigc_hooks.unwrap(pipe)([ASK, answer("one"), ASK], **plain)
    assert history[-1]["content"] != "one"
    assert tiny.seen(arguments) == tiny.seen(plain)


def test_a_label_that_people_quote_reaches_the_model(pipe: Any) -> None:
    arguments = tiny.says("it is a label")
    system = {"role": "system", "content": f"Write this at the end:{END}"}
    pipe([system, {"role": "user", "content": f"What is this?{END}"}], **arguments)
    assert tiny.seen(arguments)[0].count(LABEL) == 2


def test_parts_of_a_message(pipe: Any) -> None:
    told = answer([{"type": "text", "text": "one "}, {"type": "text", "text": f"two{END}"}])
    arguments = tiny.says("three")
    found = pipe([ASK, told, ASK], **arguments)[0]["generated_text"]
    assert "<|assistant|>one two<|end|>" in tiny.seen(arguments)[0]
    assert found[1] == told
    assert told["content"][-1]["text"] == f"two{END}"


def test_many_turns_show_one_label_each(pipe: Any) -> None:
    messages: list[Any] = []
    for turn in range(4):
        messages = pipe([*messages, ASK], **tiny.says(f"answer {turn}"))[0]["generated_text"]
    contents = [message["content"] for message in messages if message["role"] == "assistant"]
    assert contents == [f"answer {turn}{END}" for turn in range(4)]


def test_conversations_of_a_batch_and_of_a_generator(pipe: Any) -> None:
    chats = [[ASK, answer(f"one{END}"), ASK]] * 2
    for inputs, size in ((chats, 2), ((chat for chat in chats), 1)):
        arguments = tiny.says("two")
        found = list(pipe(inputs, batch_size=size, **arguments))
        assert [answers[0]["generated_text"] for answers in found] == [[*chats[0], answer(f"two{END}")]] * 2
        assert not any(LABEL in prompt for prompt in tiny.seen(arguments))


def test_only_the_new_text_of_a_conversation(pipe: Any) -> None:
    assert pipe([ASK], return_full_text=False, **tiny.says("one")) == [{"generated_text": f"one{END}"}]


# --- an answer that goes on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "begun", "expected"),
    [
        ("end", "The cat", f"The cat sat{END}"),
        ("end", f"The cat{END}", f"The cat sat{END}"),
        ("start", "The cat", f"{START}The cat sat"),
        ("start", f"{START}The cat", f"{START}The cat sat"),
        ("both", f"{START}The cat{END}", f"{START}The cat sat{END}"),
    ],
)
def test_an_answer_that_goes_on_shows_its_label_once(pipe: Any, position: str, begun: str, expected: str) -> None:
    arguments = tiny.says(" sat")
    with override(text={"position": position}):
        found = pipe([ASK, answer(begun)], **arguments)
    assert last(found)["content"] == expected
    assert tiny.seen(arguments)[0].endswith("<|assistant|>The cat")


def test_an_answer_that_does_not_go_on_keeps_its_label(pipe: Any) -> None:
    history = [ASK, answer(f"one{END}")]
    found = pipe(history, continue_final_message=False, **tiny.says("two"))
    assert found[0]["generated_text"] == [*history, answer(f"two{END}")]


def test_nothing_new_keeps_the_label_of_what_there_was(pipe: Any) -> None:
    assert last(pipe([ASK, answer(f"one{END}")], **tiny.says("")))["content"] == f"one{END}"


# --- messages that programs read ------------------------------------------------------------------------------------

# How a model writes its reasoning and its calls of tools, as its tokenizer says.
READER = {
    "start_anchor": "<|assistant|>",
    "defaults": {"role": "assistant"},
    "fields": {
        "thinking": {"open": "<think>", "close": "</think>"},
        "tool_calls": {"open": "<call>", "close": "</call>", "content": "json", "repeats": True},
        "content": {"close": "<|end|>"},
    },
}


@pytest.fixture
def reading() -> Any:
    pipe = tiny.pipe()
    if not hasattr(pipe.tokenizer, "parse_response") or not hasattr(pipe.tokenizer, "response_template"):
        pytest.skip("this version of transformers reads no messages out of answers")
    pipe.tokenizer.response_template = READER
    return aigc_hooks.wrap(pipe, producer="acme")


CALL = '<call>{"name": "weather", "arguments": {"city": "北京"}}</call>'


def test_reasoning_stays_clean(reading: Any) -> None:
    message = last(reading([ASK], **tiny.says("<think>Hm.</think>Hello.")))
    assert message == {"role": "assistant", "thinking": "Hm.", "content": f"Hello.{END}"}


def test_a_call_of_a_tool_stays_clean(reading: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        message = last(reading([ASK], **tiny.says(f"Let me look.{CALL}")))
    assert message["tool_calls"][0]["name"] == "weather"
    assert message["content"] == "Let me look."
    assert tiny.audited(caplog) == [("passed", "TextGenerationPipeline", "tool calls")]


def test_a_call_of_a_tool_as_the_model_wrote_it_stays_clean(reading: Any) -> None:
    (record,) = reading([ASK], return_full_text=False, **tiny.says(CALL))
    assert record["generated_text"].removesuffix("<|end|>") == CALL
    (record,) = reading([ASK], return_full_text=False, **tiny.says("Hello."))
    assert record["generated_text"].endswith(LABEL)


def test_a_stream_that_calls_a_tool_stays_clean(reading: Any) -> None:
    from transformers import TextIteratorStreamer

    for said, labelled in ((CALL, False), ("Hello there.", True), ("<call>no JSON</call>", True)):
        streamer = TextIteratorStreamer(reading.tokenizer, skip_prompt=True)
        reading([ASK], return_tensors=True, streamer=streamer, **tiny.says(said))
        assert ("".join(streamer).removesuffix("<|end|>") == said) is not labelled


def test_a_message_without_text(reading: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        message = last(reading([ASK], **tiny.says("<think>Hm.</think>")))
    assert LABEL not in str(message)
    assert tiny.audited(caplog)[0][0] == "passed"
