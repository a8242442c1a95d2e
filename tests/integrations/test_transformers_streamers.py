"""Streamers: the label is one piece more, and nothing waits for it."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
import tiny_text_models as tiny
from transformers import AsyncTextIteratorStreamer, TextIteratorStreamer, TextStreamer
from transformers.generation.streamers import BaseStreamer

import aigc_hooks
from aigc_hooks import AdapterNotFoundError, LabelError, is_wrapped, override

LABEL = "（本内容由AI生成）"
END = f"\n\n{LABEL}"
START = f"{LABEL}\n\n"


class Pieces(TextStreamer):  # type: ignore[misc]
    """A user's own streamer: keeps what it is sent."""

    def __init__(self, skip_prompt: bool = True) -> None:
        super().__init__(tiny.tokenizer(), skip_prompt=skip_prompt, skip_special_tokens=True)
        self.pieces: list[str] = []
        self.ends = 0

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        assert not self.ends or not text
        self.pieces.append(text)
        self.ends += stream_end

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@pytest.fixture
def pipe() -> Any:
    return aigc_hooks.wrap(tiny.pipe(), producer="acme")


def generate(model: Any, prompt: str, streamer: Any, **arguments: Any) -> Any:
    """A generation as people write it without a pipeline."""
    tokenizer = tiny.tokenizer()
    inputs = tokenizer(prompt, return_tensors="pt")
    return model.generate(**inputs, streamer=streamer, **arguments)


def alone(prompt: str, streamer: Any, **arguments: Any) -> None:
    """A wrapped streamer and a bare model."""
    generate(tiny.llama(), prompt, aigc_hooks.wrap(streamer, producer="acme"), **arguments)


def by_a_pipeline(prompt: str, streamer: Any, **arguments: Any) -> None:
    """A bare streamer and a wrapped pipeline."""
    aigc_hooks.wrap(tiny.pipe(), producer="acme")(prompt, streamer=streamer, **arguments)


def by_a_model(prompt: str, streamer: Any, **arguments: Any) -> None:
    """A bare streamer and a wrapped model."""
    generate(aigc_hooks.wrap(tiny.llama(), producer="acme"), prompt, streamer, **arguments)


def by_all(prompt: str, streamer: Any, **arguments: Any) -> None:
    """Everything wrapped that can be."""
    model = aigc_hooks.wrap(tiny.llama(), producer="acme")
    pipe = aigc_hooks.wrap(tiny.pipe(model=model), producer="acme")
    pipe(prompt, streamer=aigc_hooks.wrap(streamer, producer="acme"), **arguments)


WAYS = pytest.mark.parametrize("way", [alone, by_a_pipeline, by_a_model, by_all])
Way = Callable[..., None]


# --- what is sent ---------------------------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize(
    ("position", "expected"),
    [("end", f"the cat sat{END}"), ("start", f"{START}the cat sat"), ("both", f"{START}the cat sat{END}")],
)
def test_a_stream_shows_its_label_once(way: Way, position: str, expected: str) -> None:
    streamer = Pieces()
    with override(text={"position": position}):
        way("Hello ", streamer, **tiny.says("the cat sat"))
    assert streamer.text == expected
    assert streamer.ends == 1


@pytest.mark.parametrize("position", ["end", "start", "both"])
@pytest.mark.parametrize(
    "said", ["the cat sat on the mat", "你好，世界。", "one\n\ntwo\n", "\n\n the cat", "```py\ncat", "x"]
)
def test_a_stream_says_what_the_pipeline_returns(pipe: Any, position: str, said: str) -> None:
    streamer = Pieces()
    with override(text={"position": position}):
        (answer,) = pipe("Hello ", return_full_text=False, streamer=streamer, **tiny.says(said))
    assert streamer.text == answer["generated_text"]
    assert LABEL in streamer.text


def test_pieces_leave_as_they_come_and_the_label_is_one_of_its_own(pipe: Any) -> None:
    said = "the cat sat on the mat 你好 world"
    bare, labelled = Pieces(), Pieces()
    pipe("Hello ", streamer=labelled, **tiny.says(said))
    aigc_hooks.unwrap(pipe)("Hello ", streamer=bare, **tiny.says(said))
    assert labelled.pieces == [*bare.pieces, END]


@pytest.mark.parametrize("said", ["", " \n", '{"a": 1}', f"the cat{END}"])
def test_what_gets_no_label_streams_as_it_would(pipe: Any, said: str) -> None:
    bare, labelled = Pieces(), Pieces()
    pipe("Hello ", streamer=labelled, **tiny.says(said))
    with override(text={"position": "start"}):
        aigc_hooks.unwrap(pipe)("Hello ", streamer=bare, **tiny.says(said))
    assert labelled.pieces == bare.pieces
    assert labelled.ends == 1


@pytest.mark.parametrize("said", ["", " \n", " \n\n"])
def test_blank_text_that_waited_for_a_label_leaves_at_the_end(pipe: Any, said: str) -> None:
    streamer = Pieces()
    with override(text={"position": "start"}):
        pipe("Hello ", streamer=streamer, **tiny.says(said))
    assert streamer.text == said
    assert streamer.ends == 1


# --- the prompt -----------------------------------------------------------------------------------------------------


@WAYS
@pytest.mark.parametrize("prompt", ["Hello wor", "Hello world ", "Hello\n", "你好", f"What is {LABEL}", f"a{END}", "x"])
def test_a_prompt_that_is_shown_gets_no_label(way: Way, prompt: str) -> None:
    for position, expected in (("end", f"ld and cat{END}"), ("start", f"{START}ld and cat")):
        streamer = Pieces(skip_prompt=False)
        with override(text={"position": position}):
            way(prompt, streamer, **tiny.says("ld and cat"))
        assert streamer.text == prompt + expected


def test_a_prompt_that_is_shown_leaves_in_the_same_pieces(pipe: Any) -> None:
    bare, labelled = Pieces(skip_prompt=False), Pieces(skip_prompt=False)
    pipe("Hello wor", streamer=labelled, **tiny.says("ld and cat"))
    aigc_hooks.unwrap(pipe)("Hello wor", streamer=bare, **tiny.says("ld and cat"))
    assert labelled.pieces == [*bare.pieces, END]


def test_a_shown_prompt_and_a_blank_answer(pipe: Any) -> None:
    for position in ("end", "start"):
        streamer = Pieces(skip_prompt=False)
        with override(text={"position": position}):
            pipe("Hello wor", streamer=streamer, **tiny.says(" \n"))
        assert streamer.text == "Hello wor \n"


@pytest.mark.parametrize("skip_prompt", [True, False])
def test_a_model_that_reads_with_one_half_and_writes_with_the_other(skip_prompt: bool) -> None:
    streamer = Pieces(skip_prompt)
    with override(text={"position": "both"}):
        generate(aigc_hooks.wrap(tiny.t5(), producer="acme"), "Hello ", streamer, **tiny.says("the cat"))
    assert streamer.text == f"{START}the cat{END}"


def test_tokens_that_come_several_at_a_time(pipe: Any) -> None:
    streamer = Pieces()
    arguments = {"max_new_tokens": 40, "prompt_lookup_num_tokens": 4, "do_sample": False}
    (answer,) = pipe("the the the the ", return_full_text=False, streamer=streamer, **arguments)
    assert streamer.text == answer["generated_text"]
    assert streamer.text.endswith(LABEL)


# --- every kind of streamer -----------------------------------------------------------------------------------------


def test_printed_text(pipe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pipe("Hello ", streamer=TextStreamer(pipe.tokenizer, skip_special_tokens=True), **tiny.says("the cat"))
    assert capsys.readouterr().out == f"Hello the cat{END}\n"


def test_a_streamer_given_when_the_pipeline_is_built() -> None:
    streamer = Pieces()
    pipe = aigc_hooks.wrap(tiny.pipe(streamer=streamer), producer="acme")
    pipe("Hello ", **tiny.says("the cat"))
    assert streamer.text == f"the cat{END}"


def test_an_iterator_in_another_thread(pipe: Any) -> None:
    streamer = TextIteratorStreamer(pipe.tokenizer, skip_prompt=True, timeout=30, skip_special_tokens=True)
    thread = threading.Thread(target=pipe, args=("Hello ",), kwargs={"streamer": streamer, **tiny.says("the cat sat")})
    thread.start()
    pieces = list(streamer)
    thread.join()
    assert "".join(pieces) == f"the cat sat{END}"
    assert pieces[-1] == END
    assert streamer.text_queue.empty()


@WAYS
async def test_an_iterator_in_an_event_loop(way: Way) -> None:
    streamer = AsyncTextIteratorStreamer(tiny.tokenizer(), skip_prompt=True, timeout=30, skip_special_tokens=True)
    task = asyncio.create_task(asyncio.to_thread(way, "Hello ", streamer, **tiny.says("the cat sat")))
    pieces = [piece async for piece in streamer]
    await task
    assert "".join(pieces) == f"the cat sat{END}"
    assert pieces[-1] == END


def test_a_streamer_of_drafts(capsys: pytest.CaptureFixture[str]) -> None:
    import transformers

    if not hasattr(transformers, "TextDiffusionStreamer"):
        pytest.skip("this version of transformers has no such streamer")
    tokenizer = tiny.tokenizer()
    streamer = aigc_hooks.wrap(transformers.TextDiffusionStreamer(tokenizer, skip_prompt=True), producer="acme")
    streamer.put(tokenizer("Hello", return_tensors="pt")["input_ids"])
    for block in ("the cat ", "sat"):
        ids = tokenizer(block, return_tensors="pt")["input_ids"]
        streamer.put_draft(ids)
        streamer.put(ids)
    streamer.end()
    shown = capsys.readouterr().out.split("\0338\033[J")  # a draft stands before each of these, and is wiped away
    assert "".join(part.partition("\0337")[0] for part in shown) == f"the cat sat{END}\n"


class Numbers(TextStreamer):  # type: ignore[misc]
    """Decodes in its own way, and keeps nothing that its base class would."""

    def __init__(self) -> None:
        self.text = ""

    def put(self, value: Any) -> None:
        self.on_finalized_text(" ".join(map(str, value.flatten().tolist())))

    def end(self) -> None:
        self.on_finalized_text("", stream_end=True)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        self.text += text


def test_a_streamer_that_decodes_in_its_own_way(pipe: Any) -> None:
    streamer = Numbers()
    pipe("x", streamer=streamer, **tiny.says(""))
    assert streamer.text == f"{pipe.tokenizer('x')['input_ids'][0]}0{END}"


class Ids(BaseStreamer):  # type: ignore[misc]
    def __init__(self) -> None:
        self.values: list[Any] = []

    def put(self, value: Any) -> None:
        self.values += value.flatten().tolist()

    def end(self) -> None:
        self.values.append(None)


def test_a_streamer_of_token_ids_gets_them_unchanged(pipe: Any) -> None:
    streamer = Ids()
    pipe("Hello ", streamer=streamer, **tiny.says("the cat"))
    prompt, said = (pipe.tokenizer(text)["input_ids"] for text in ("Hello ", "the cat"))
    assert streamer.values == [*prompt, *said, 0, None]
    with pytest.raises(AdapterNotFoundError, match="TextStreamer"):
        aigc_hooks.wrap(streamer, producer="acme")


# --- again, elsewhere, broken ---------------------------------------------------------------------------------------


@WAYS
def test_a_streamer_can_be_used_again(way: Way) -> None:
    streamer = Pieces()
    for _ in range(2):
        way("Hello ", streamer, **tiny.says("the cat"))
        assert streamer.text == f"the cat{END}"
        streamer.pieces.clear()
        streamer.ends = 0


@pytest.mark.parametrize("way", [by_a_pipeline, by_a_model])
def test_a_streamer_is_only_lent(way: Way) -> None:
    streamer = Pieces()
    way("Hello ", streamer, **tiny.says("the cat"))
    assert type(streamer) is Pieces
    streamer.pieces, streamer.ends = [], 0
    generate(tiny.llama(), "Hello ", streamer, **tiny.says("the cat"))
    assert streamer.text == "the cat"


def test_a_streamer_of_its_own_settings_keeps_them(pipe: Any) -> None:
    streamer = aigc_hooks.wrap(Pieces(), producer="acme", text={"wording": "人工智能生成"})
    (answer,) = pipe("Hello ", return_full_text=False, streamer=streamer, **tiny.says("the cat"))
    assert streamer.text == "the cat\n\n人工智能生成"
    assert answer["generated_text"] == f"the cat{END}"
    assert is_wrapped(streamer)


@WAYS
def test_a_generation_that_breaks_off(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    bare, labelled = Pieces(), Pieces()
    with pytest.raises(RuntimeError, match="out of memory"):
        generate(tiny.llama(), "Hello ", bare, **tiny.says("the cat sat on", fail_after=3))
    with pytest.raises(RuntimeError, match="out of memory"), caplog.at_level("INFO", "aigc_hooks.audit"):
        way("Hello ", labelled, **tiny.says("the cat sat on", fail_after=3))
    assert labelled.pieces == bare.pieces
    assert (labelled.ends, labelled.token_cache) == (0, bare.token_cache)
    if way is not alone:  # who only hears the stream cannot know that no more will come
        assert tiny.audited(caplog) == [("aborted", "Pieces", "the stream was broken off before its end")]
        assert vars(labelled).keys() == vars(bare).keys()


def test_unwrapping_in_the_middle_ends_the_label(caplog: pytest.LogCaptureFixture) -> None:
    streamer = aigc_hooks.wrap(Pieces(), producer="acme")
    with pytest.raises(RuntimeError, match="out of memory"):
        generate(tiny.llama(), "Hello ", streamer, **tiny.says("the cat sat on", fail_after=3))
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        aigc_hooks.unwrap(streamer)
    assert tiny.audited(caplog)[0][0] == "aborted"
    assert "_aigc_hooks_text" not in vars(streamer)


@pytest.mark.parametrize(("position", "left"), [("end", "the cat "), ("start", "")])
def test_a_label_that_fails_stops_the_stream(
    pipe: Any, position: str, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> str:
        raise ValueError("broken")

    monkeypatch.setattr("aigc_hooks.explicit.text.after", broken)
    monkeypatch.setattr("aigc_hooks.explicit.text.before", broken)
    streamer = Pieces()
    with override(text={"position": position}), pytest.raises((LabelError, ValueError), match="broken"):
        pipe("Hello ", streamer=streamer, **tiny.says("the cat sat"))
    assert (streamer.text, streamer.ends) == (left, 0)


def test_a_batch_is_refused_as_it_is_without_a_label(pipe: Any) -> None:
    streamer = Pieces()
    with pytest.raises(ValueError, match="batch size 1"):
        pipe(["one", "two"], batch_size=2, streamer=streamer, **tiny.says("cat"))
    assert not streamer.pieces
    pipe("one", streamer=streamer, **tiny.says("cat"))
    assert streamer.text == f"cat{END}"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda streamer: pickle.loads(pickle.dumps(streamer))])
def test_copies_label(copied: Any) -> None:
    streamer = aigc_hooks.wrap(Pieces(), producer="acme")
    clone = copied(streamer)
    aigc_hooks.unwrap(streamer)
    generate(tiny.llama(), "Hello ", clone, **tiny.says("the cat"))
    assert clone.text == f"the cat{END}"


def test_a_copy_of_a_stream_in_the_middle_goes_on_by_itself() -> None:
    tokenizer = tiny.tokenizer()
    streamer = aigc_hooks.wrap(Pieces(), producer="acme")
    streamer.put(tokenizer("Hello", return_tensors="pt")["input_ids"])
    streamer.put(tokenizer("the cat ", return_tensors="pt")["input_ids"])
    clone = copy.deepcopy(streamer)
    for one in (streamer, clone):
        one.put(tokenizer("sat", return_tensors="pt")["input_ids"])
        one.end()
        assert one.text == f"the cat sat{END}"


def test_the_stream_and_the_answer_are_two_records(pipe: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        pipe("Hello ", streamer=Pieces(), **tiny.says("the cat"))
    assert tiny.audited(caplog) == [("labelled", "Pieces", ""), ("labelled", "TextGenerationPipeline", "")]


def test_threads_stream_side_by_side(pipe: Any) -> None:
    streamers = [Pieces() for _ in range(8)]
    threads = [
        threading.Thread(target=pipe, args=("Hello ",), kwargs={"streamer": streamer, **tiny.says(f"the cat {number}")})
        for number, streamer in enumerate(streamers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [streamer.text for streamer in streamers] == [f"the cat {number}{END}" for number in range(8)]
