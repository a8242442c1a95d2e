"""What a wrapped pipeline makes of every form of input and output."""

from __future__ import annotations

import concurrent.futures
import copy
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import tiny_text_models as tiny
import torch
from PIL import Image
from seen import producer
from transformers import GenerationConfig, LlamaForCausalLM, Pipeline, TextGenerationPipeline, pipeline

import aigc_hooks
from aigc_hooks import (
    AdapterNotFoundError,
    LabelError,
    Provider,
    UnsupportedOutputError,
    UnsupportedVersionError,
    is_wrapped,
    override,
)

LABEL = "（本内容由AI生成）"
END = f"\n\n{LABEL}"
START = f"{LABEL}\n\n"
ASK = [{"role": "user", "content": "hi"}]


@pytest.fixture
def pipe() -> Any:
    return aigc_hooks.wrap(tiny.pipe(), producer="acme")


def text(record: Any) -> Any:
    return record["generated_text"]


# --- every form of input --------------------------------------------------------------------------------------------


def test_a_string(pipe: Any) -> None:
    assert pipe("Hello ", **tiny.says("你好。")) == [{"generated_text": f"Hello 你好。{END}"}]


def test_the_new_text_alone(pipe: Any) -> None:
    assert pipe("Hello ", return_full_text=False, **tiny.says("你好。")) == [{"generated_text": f"你好。{END}"}]


def test_a_list(pipe: Any) -> None:
    answers = pipe(["Hello ", "the "], **tiny.says("cat"))
    assert answers == [[{"generated_text": f"Hello cat{END}"}], [{"generated_text": f"the cat{END}"}]]


def test_a_batch(pipe: Any) -> None:
    answers = pipe(["Hello ", "the cat sat on the "], batch_size=2, **tiny.says("mat", "sofa"))
    assert [text(answer[0]) for answer in answers] == [f"Hello mat{END}", f"the cat sat on the sofa{END}"]


def test_a_batch_with_one_blank_answer(pipe: Any) -> None:
    answers = pipe(["one", "two"], batch_size=2, return_full_text=False, **tiny.says("mat", " \n"))
    assert [text(answer[0]) for answer in answers] == [f"mat{END}", " \n"]


def test_several_answers(pipe: Any) -> None:
    arguments = tiny.says("cat", "mat", "sat")
    answers = pipe("the ", num_return_sequences=3, **{**arguments, "do_sample": True})
    assert [text(answer) for answer in answers] == [f"the {word}{END}" for word in ("cat", "mat", "sat")]


def test_a_conversation(pipe: Any) -> None:
    answer = pipe(ASK, **tiny.says("你好。"))
    assert answer == [{"generated_text": [*ASK, {"role": "assistant", "content": f"你好。{END}"}]}]
    assert ASK == [{"role": "user", "content": "hi"}]


def test_conversations(pipe: Any) -> None:
    answers = pipe([ASK, ASK], **tiny.says("one"))
    assert [text(answer[0])[-1]["content"] for answer in answers] == [f"one{END}"] * 2


def test_a_generator_stays_lazy(pipe: Any) -> None:
    drawn: list[str] = []

    def prompts() -> Iterator[str]:
        for word in ("one", "two", "three"):
            drawn.append(word)
            yield word

    answers = iter(pipe(prompts(), return_full_text=False, **tiny.says("cat")))
    assert text(next(answers)[0]) == f"cat{END}"
    assert len(drawn) < 3
    assert [text(answer[0]) for answer in answers] == [f"cat{END}"] * 2


class Prompts(torch.utils.data.Dataset[str]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> str:
        return ["one ", "two ", "three "][index]


def test_a_data_set(pipe: Any) -> None:
    answers = pipe(Prompts(), batch_size=2, **tiny.says("cat"))
    assert [text(answer[0]) for answer in answers] == [f"{word} cat{END}" for word in ("one", "two", "three")]


def test_predict_and_transform(pipe: Any) -> None:
    pipe._forward_params.update(tiny.says("cat"))
    assert pipe.predict("the ") == pipe.transform("the ") == [{"generated_text": f"the cat{END}"}]


def test_an_empty_prompt(pipe: Any) -> None:
    assert pipe("", **tiny.says("cat")) == [{"generated_text": f"cat{END}"}]


@pytest.mark.parametrize("wrong", [None, [], 3, [None]])
def test_wrong_input_fails_as_it_does_without_a_label(pipe: Any, wrong: Any) -> None:
    with pytest.raises(Exception) as labelled:  # noqa: PT011
        pipe(wrong, **tiny.says("cat"))
    with pytest.raises(Exception) as bare:  # noqa: PT011
        aigc_hooks.unwrap(pipe)(wrong, **tiny.says("cat"))
    assert type(labelled.value) is type(bare.value)
    assert str(labelled.value) == str(bare.value)


# --- every form of output -------------------------------------------------------------------------------------------


def test_token_ids_pass_and_are_recorded(pipe: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        (record,) = pipe("the ", return_tensors=True, **tiny.says("cat"))
    assert set(record) == {"generated_token_ids"}
    assert tiny.audited(caplog) == [("passed", "TextGenerationPipeline", "token ids")]


def test_what_else_is_in_a_record_stays(pipe: Any) -> None:
    arguments = {"return_dict_in_generate": True, "output_scores": True, **tiny.says("cat")}
    labelled = pipe("the ", **arguments)[0]
    plain = aigc_hooks.unwrap(pipe)("the ", **{**arguments, **tiny.says("cat")})[0]
    assert text(labelled) == text(plain) + END
    assert {**labelled, "generated_text": ""} == {**plain, "generated_text": ""}


def test_one_record_for_each_answer(pipe: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        pipe(["one", "two"], **tiny.says("cat"))
    assert tiny.audited(caplog) == [("labelled", "TextGenerationPipeline", "")] * 2


@pytest.mark.parametrize("answer", ['{"name": "cat"}', "[1, 2]"])
def test_json_stays_json(pipe: Any, answer: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        found = text(pipe("the ", return_full_text=False, **tiny.says(answer))[0])
    assert json.loads(found) == json.loads(answer)
    assert tiny.audited(caplog) == [("passed", "TextGenerationPipeline", "one JSON document")]


def test_an_answer_that_ends_with_the_label_gets_no_other(pipe: Any) -> None:
    assert text(pipe("Hello ", **tiny.says(f"cat{END}"))[0]) == f"Hello cat{END}"


def test_a_prompt_that_ends_with_the_label_is_a_quotation(pipe: Any) -> None:
    prompt = f"What does this mean:{END}"
    arguments = tiny.says("cat")
    assert text(pipe(prompt, **arguments)[0]) == f"{prompt}cat{END}"
    assert LABEL in tiny.seen(arguments)[0]


def test_an_answer_that_repeats_the_prompt(pipe: Any) -> None:
    with override(text={"position": "start"}):
        assert text(pipe("cat", return_full_text=False, **tiny.says("cat cat"))[0]) == f"{START}cat cat"


@pytest.mark.parametrize(
    ("position", "expected"), [("start", f"{START}cat"), ("end", f"cat{END}"), ("both", f"{START}cat{END}")]
)
def test_the_prompt_stays_in_front(pipe: Any, position: str, expected: str) -> None:
    prompt = "the "
    with override(text={"position": position}):
        assert text(pipe(prompt, **tiny.says("cat"))[0])[len(prompt) :] == expected


def test_stop_strings(pipe: Any) -> None:
    answer = pipe("the ", stop_strings=["cat"], tokenizer=pipe.tokenizer, **tiny.says("big cat sat"))[0]
    assert text(answer) == f"the big cat{END}"


def test_a_long_answer(pipe: Any) -> None:
    answer = "the cat sat on the mat. " * 60
    assert text(pipe("Hello ", **tiny.says(answer))[0]) == f"Hello {answer}{END}"


def test_what_a_model_makes_up(pipe: Any) -> None:
    prompt = "Hello world"
    answers = pipe([prompt] * 4, max_new_tokens=20)
    assert all(text(answer[0]).startswith(prompt) and text(answer[0]).endswith(LABEL) for answer in answers)


def test_a_prefix_and_a_shortened_prompt(pipe: Any) -> None:
    assert text(pipe("the ", prefix="Hello ", **tiny.says("cat"))[0]) == f"the cat{END}"
    pipe.tokenizer.model_max_length = 40
    arguments = {**tiny.says("mat"), "max_new_tokens": 20}
    prompt = "the cat sat on " * 20
    assert text(pipe(prompt, handle_long_generation="hole", **arguments)[0]) == f"{prompt}mat{END}"


def test_settings_of_the_call(pipe: Any) -> None:
    config = GenerationConfig(max_new_tokens=3, eos_token_id=0, pad_token_id=1, do_sample=False)
    with override(text={"wording": "人工智能生成"}):
        (answer,) = pipe("Hello ", generation_config=config, return_full_text=False)
    assert text(answer).endswith("\n\n人工智能生成")


# --- other pipelines ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seeing() -> Any:
    return aigc_hooks.wrap(tiny.llava(), producer="acme")


PICTURE = Image.new("RGB", (20, 20), "red")


def test_text_about_a_picture(seeing: Any) -> None:
    (answer,) = seeing(PICTURE, text="<image>what?", generate_kwargs=tiny.says("a cat"))
    assert answer == {"input_text": "<image>what?", "generated_text": f"<image>what?a cat{END}"}


def test_texts_about_pictures(seeing: Any) -> None:
    prompts = ["<image>what?", "<image>who?"]
    with override(text={"position": "start"}):
        answers = seeing([PICTURE, PICTURE], text=prompts, generate_kwargs=tiny.says("a cat"))
    assert [text(answer) for answer in answers] == [f"{prompt}{START}a cat" for prompt in prompts]


def test_a_conversation_about_a_picture(seeing: Any) -> None:
    asked = {"role": "user", "content": [{"type": "image", "image": PICTURE}, {"type": "text", "text": "what?"}]}
    (answer,) = seeing([asked], generate_kwargs=tiny.says("a cat"))
    assert text(answer) == [asked, {"role": "assistant", "content": f"a cat{END}"}]
    told = {"role": "assistant", "content": [{"type": "text", "text": f"a cat{END}"}]}
    arguments = tiny.says("yes")
    (answer,) = seeing([asked, told, asked], generate_kwargs=arguments)
    assert text(answer)[-1]["content"] == f"yes{END}"
    assert text(answer)[1] == told
    assert LABEL not in tiny.seen(arguments)[0]


def test_an_answer_about_a_picture_that_goes_on(seeing: Any) -> None:
    asked = {"role": "user", "content": [{"type": "image", "image": PICTURE}, {"type": "text", "text": "what?"}]}
    begun = {"role": "assistant", "content": [{"type": "text", "text": f"a cat{END}"}]}
    arguments = tiny.says(" on a mat")
    (answer,) = seeing([asked, begun], generate_kwargs=arguments)
    assert text(answer)[-1]["content"] == [{"type": "text", "text": f"a cat on a mat{END}"}]
    assert tiny.seen(arguments)[0].endswith("a cat")
    assert begun["content"][0]["text"] == f"a cat{END}"  # type: ignore[index]


def test_a_pipeline_of_pictures_and_text() -> None:
    pytest.importorskip("transformers.pipelines.any_to_any", reason="this version has no such pipeline")
    pipe = aigc_hooks.wrap(tiny.janus(), producer="acme")
    answer = pipe("hello", generation_mode="image")[0]
    assert producer(answer["generated_image"]) == "acme"
    assert text(pipe("hello", return_full_text=False)[0]).endswith(END)


@pytest.mark.parametrize("task", ["summarization", "translation", "text2text-generation"])
def test_summaries_and_translations(task: str) -> None:
    from transformers.pipelines import PIPELINE_REGISTRY

    if task not in PIPELINE_REGISTRY.get_supported_tasks():
        pytest.skip(f"this version of transformers has no {task} any more")
    pipe = aigc_hooks.wrap(pipeline(task, model=tiny.t5(), tokenizer=tiny.tokenizer(), device="cpu"), producer="acme")
    (answer,) = pipe("the cat", max_length=100, **{**tiny.says("a cat"), "max_new_tokens": 50})
    ((name, found),) = answer.items()
    assert name.endswith("_text")
    assert found.rstrip().endswith(LABEL)


# transformers 4 compiles parts of it with what torch deprecates.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_sound() -> None:
    from transformers import TextToAudioPipeline

    pipe = TextToAudioPipeline(model=tiny.vits(), tokenizer=tiny.tokenizer(), device="cpu")
    torch.manual_seed(0)
    bare = pipe("hello")
    aigc_hooks.wrap(pipe, producer="acme")
    torch.manual_seed(0)
    answer = pipe("hello")
    rate = answer["sampling_rate"]
    assert len(aigc_hooks.find_rhythm(answer["audio"], rate)) == 1
    # transformers 4 returns (1,N).
    assert numpy.array_equal(answer["audio"][..., -bare["audio"].shape[-1] :], bare["audio"])
    answers = [*pipe(["hello", "the cat"], batch_size=2), *pipe(text for text in ("hello", "hi"))]
    assert [len(aigc_hooks.find_rhythm(each["audio"], rate)) for each in answers] == [1, 1, 1, 1]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_sound_in_a_file(tmp_path: Path) -> None:
    import soundfile
    from transformers import TextToAudioPipeline

    pipe = aigc_hooks.wrap(
        TextToAudioPipeline(model=tiny.vits(), tokenizer=tiny.tokenizer(), device="cpu"), producer="acme"
    )
    answer = pipe("hello")
    soundfile.write(tmp_path / "hello.wav", answer["audio"].squeeze(), answer["sampling_rate"])
    label = aigc_hooks.read_label(tmp_path / "hello.wav").label
    assert label is not None
    assert label.content_producer == "acme"


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_sound_of_an_unknown_rate_is_not_released() -> None:
    from transformers import TextToAudioPipeline

    pipe = TextToAudioPipeline(model=tiny.vits(), tokenizer=tiny.tokenizer(), device="cpu")
    pipe.sampling_rate = None
    pipe.model.config.sampling_rate = 0
    aigc_hooks.wrap(pipe, producer="acme")
    with pytest.raises(UnsupportedOutputError, match="nothing tells the rate of this sound"):
        pipe("hello")
    with override(on_error="warn"), pytest.warns(UserWarning, match="nothing tells the rate"):
        assert len(pipe("hello")["audio"])


@pytest.mark.parametrize(
    "name",
    ["TextClassificationPipeline", "AutomaticSpeechRecognitionPipeline", "DocumentQuestionAnsweringPipeline"],
)
def test_what_only_reads_is_refused_and_told_why(name: str) -> None:
    import transformers

    with pytest.raises(AdapterNotFoundError, match=r"makes no content.*Wrap the pipeline that generates"):
        aigc_hooks.wrap(getattr(transformers, name), producer="acme")


class Told(Pipeline):  # type: ignore[misc]
    """A user's own pipeline, which says nothing of itself."""

    answer: Any = None

    def _sanitize_parameters(self, **parameters: Any) -> Any:
        return {}, parameters, {}

    def preprocess(self, inputs: Any) -> Any:
        return self.tokenizer(inputs, return_tensors="pt")

    def _forward(self, model_inputs: Any, **parameters: Any) -> Any:
        return {"ids": self.model.generate(**model_inputs, **parameters)}

    def postprocess(self, outputs: Any) -> Any:
        return copy.deepcopy(self.answer)


@pytest.fixture
def told() -> Any:
    return aigc_hooks.wrap(Told(model=tiny.llama(), tokenizer=tiny.tokenizer(), device="cpu"), producer="acme")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("a cat", f"a cat{END}"),
        ({"caption": "a cat", "score": 0.5}, {"caption": f"a cat{END}", "score": 0.5}),
        ([{"text": ["a", "b"]}], [{"text": [f"a{END}", f"b{END}"]}]),
        (
            [{"summary_text": "a"}, {"translation_text": "b"}],
            [{"summary_text": f"a{END}"}, {"translation_text": f"b{END}"}],
        ),
        ({"message_text": {"role": "assistant", "content": "a"}}, None),
        ({"prompt_text": "a", "generated_text": None, "token_ids": [1]}, {"prompt_text": "a"}),
        (None, None),
    ],
)
def test_a_users_own_pipeline_is_known_by_the_names_of_its_fields(told: Any, answer: Any, expected: Any) -> None:
    told.answer = answer
    found = told("hello", max_new_tokens=2)
    if isinstance(expected, dict):
        assert expected.items() <= found.items()
    elif isinstance(answer, dict):
        assert found["message_text"]["content"] == f"a{END}"
    else:
        assert found == expected


@pytest.mark.parametrize(
    "answer",
    [{"story": "a cat"}, {}, 3.5, {"text": 3.5}, {"generated_video": [1]}, {"token_ids": [1], "story": "a cat"}],
)
def test_what_is_not_known_as_content_is_not_released(told: Any, answer: Any) -> None:
    told.answer = answer
    with pytest.raises(UnsupportedOutputError, match="not released"):
        told("hello", max_new_tokens=2)
    with override(on_error="warn"), pytest.warns(UserWarning, match="released without a label"):
        assert told("hello", max_new_tokens=2) == answer


def test_a_pipeline_that_reads_in_other_processes(pipe: Any) -> None:
    answers = pipe(["one ", "two "], num_workers=1, **tiny.says("cat"))
    assert [text(answer[0]) for answer in answers] == [f"one cat{END}", f"two cat{END}"]


def test_a_users_picture_is_labelled(told: Any) -> None:
    told.answer = {"picture": Image.new("RGB", (64, 64)), "score": 1}
    assert producer(told("hello", max_new_tokens=2)["picture"]) == "acme"


def test_every_sound_of_a_users_pipeline_is_labelled_and_no_other_passes_unseen(told: Any) -> None:
    noise = numpy.random.default_rng(0).normal(0, 0.1, (3, 24_000)).astype(numpy.float32)
    told.answer = {"audio": noise[0], "vocals": noise[1], "sampling_rate": 24_000, "scores": noise[2][:50]}
    made = told("hello", max_new_tokens=2)
    assert [len(aigc_hooks.find_rhythm(made[name], 24_000)) for name in ("audio", "vocals")] == [1, 1]
    assert numpy.array_equal(made["scores"], noise[2][:50])
    told.answer = {"audio": noise[0], "sampling_rate": 24_000, "vox": noise[1]}
    with pytest.raises(UnsupportedOutputError, match=r"'vox'.*looks like sound"):
        told("hello", max_new_tokens=2)


def test_a_version_without_a_seam_is_refused() -> None:
    class Changed(Told):
        postprocess = None

    with pytest.raises(UnsupportedVersionError, match="postprocess"):
        aigc_hooks.wrap(Changed, producer="acme")


# --- the object stays what it was -----------------------------------------------------------------------------------


def test_wrapping_again_replaces(pipe: Any) -> None:
    assert aigc_hooks.wrap(pipe, producer="acme", text={"wording": "人工智能生成"}) is pipe
    assert type(pipe).__mro__[1] is TextGenerationPipeline
    assert text(pipe("the ", **tiny.says("cat"))[0]) == "the cat\n\n人工智能生成"


def test_unwrapping_and_other_pipelines(pipe: Any) -> None:
    other = tiny.pipe()
    assert text(other("the ", **tiny.says("cat"))[0]) == "the cat"
    assert aigc_hooks.unwrap(pipe) is pipe
    assert type(pipe) is TextGenerationPipeline
    assert text(pipe("the ", **tiny.says("cat"))[0]) == "the cat"


def test_a_wrapped_class() -> None:
    pipe = aigc_hooks.wrap(TextGenerationPipeline, producer="acme")(
        model=tiny.llama(), tokenizer=tiny.tokenizer(), device="cpu"
    )
    assert text(pipe("the ", **tiny.says("cat"))[0]) == f"the cat{END}"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda pipe: pickle.loads(pickle.dumps(pipe))])
def test_copies_label(pipe: Any, copied: Any) -> None:
    clone = copied(pipe)
    aigc_hooks.unwrap(pipe)
    assert is_wrapped(clone)
    assert text(clone("the ", **tiny.says("cat"))[0]) == f"the cat{END}"


def test_a_saved_pipeline_loads_and_holds_nothing_of_ours(pipe: Any, tmp_path: Path) -> None:
    pipe.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    assert not any(b"aigc_hooks" in file.read_bytes() or b"acme" in file.read_bytes() for file in tmp_path.iterdir())
    again = pipeline("text-generation", str(tmp_path), device="cpu")
    assert type(again) is TextGenerationPipeline
    assert isinstance(again.model, LlamaForCausalLM)
    assert text(again("the ", **tiny.says("cat"))[0]) == "the cat"


def test_a_registered_pipeline_is_saved_as_what_it_is(told: Any, tmp_path: Path) -> None:
    Told._registered_impl = {"told": {"impl": Told, "pt": (), "tf": (), "default": {}, "type": "text"}}
    try:
        told.save_pretrained(tmp_path)
    finally:
        del Told._registered_impl
    saved = json.loads((tmp_path / "config.json").read_text())["custom_pipelines"]
    assert saved["told"]["impl"].endswith(".Told")
    assert is_wrapped(told)


def test_threads_on_one_pipeline(pipe: Any) -> None:
    def ask(number: int) -> str:
        with override(text={"wording": f"AI生成 {number}"}):
            return str(text(pipe(f"{number} ", **tiny.says(f"cat {number}"))[0]))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(16))) == [f"{n} cat {n}\n\nAI生成 {n}" for n in range(16)]


def test_a_pipeline_called_while_another_runs_labels(pipe: Any) -> None:
    other = aigc_hooks.wrap(tiny.pipe(), producer="other")
    inside: list[str] = []

    class Asks(tiny.Says):
        def __call__(self, input_ids: Any, scores: Any) -> Any:
            inside.append(text(other("the ", **tiny.says("mat"))[0]))
            return super().__call__(input_ids, scores)

    arguments = {**tiny.says("x"), "logits_processor": [Asks("c")]}
    assert text(pipe("the ", **arguments)[0]) == f"the c{END}"
    assert set(inside) == {f"the mat{END}"}


def test_errors_come_through_and_leave_nothing_behind(pipe: Any) -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        pipe("the ", **tiny.says("cat", fail_after=1))
    assert text(pipe("the ", **tiny.says("cat"))[0]) == f"the cat{END}"


def test_on_error_warn_releases_without_a_label(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> str:
        raise ValueError("broken")

    monkeypatch.setattr("aigc_hooks.explicit.text.after", broken)
    with pytest.raises(LabelError, match="broken"):
        pipe("the ", **tiny.says("cat"))
    with override(on_error="warn"), pytest.warns(UserWarning, match="released without a label"):
        assert text(pipe("the ", **tiny.says("cat"))[0]) == "the cat"


def test_the_provider_given_by_object() -> None:
    pipe = aigc_hooks.wrap(tiny.pipe(), provider=Provider(producer="acme", text={"mark": "corner"}))
    assert text(pipe("the ", **tiny.says("cat"))[0]) == "the catᴬᴵ"
