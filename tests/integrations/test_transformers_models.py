"""Models and processors that are used without a pipeline."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny_text_models as tiny
import torch
from aigc_hooks_transformers import models, pipelines, streamers
from seen import producer
from transformers import EncodecModel, LlamaForCausalLM, LlamaModel

import aigc_hooks
from aigc_hooks import AdapterNotFoundError, UnsupportedOutputError, UnsupportedVersionError, is_wrapped, override

LABEL = "（本内容由AI生成）"
END = f"\n\n{LABEL}"


@pytest.fixture
def model() -> Any:
    return aigc_hooks.wrap(tiny.llama(), producer="acme")


@pytest.fixture
def inputs() -> Any:
    return tiny.tokenizer()("Hello ", return_tensors="pt")


# --- models ---------------------------------------------------------------------------------------------------------


def test_token_ids_pass_and_are_recorded(model: Any, inputs: Any, caplog: pytest.LogCaptureFixture) -> None:
    plain = tiny.llama().generate(**inputs, do_sample=False)
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        assert torch.equal(model.generate(**inputs, do_sample=False), plain)
        found = model.generate(**inputs, do_sample=False, return_dict_in_generate=True, output_scores=True)
    assert torch.equal(found.sequences, plain)
    assert tiny.audited(caplog) == [("passed", "LlamaForCausalLM", "token ids")] * 2


def test_positional_arguments(model: Any, inputs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from transformers import GenerationConfig, TextStreamer

    config = GenerationConfig(max_new_tokens=20, do_sample=False, eos_token_id=0, pad_token_id=1)
    streamer = TextStreamer(tiny.tokenizer(), skip_special_tokens=True)
    says = tiny.says("the cat")["logits_processor"]
    model.generate(inputs["input_ids"], config, says, None, None, None, None, streamer)
    assert capsys.readouterr().out == f"Hello the cat{END}\n"
    with pytest.raises(TypeError, match="multiple values"):
        model.generate(inputs["input_ids"], config, generation_config=config)


def test_the_object_stays_what_it_was(model: Any, tmp_path: Path, inputs: Any) -> None:
    plain = tiny.llama()
    assert isinstance(model, LlamaForCausalLM)
    assert inspect.signature(model.generate) == inspect.signature(plain.generate)
    assert model.to("cpu") is model
    assert model.eval() is model
    assert model.to(torch.float32) is model
    assert model.state_dict().keys() == plain.state_dict().keys()
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
    again = LlamaForCausalLM.from_pretrained(tmp_path)
    assert type(again) is LlamaForCausalLM
    assert torch.equal(again.generate(**inputs, do_sample=False), plain.generate(**inputs, do_sample=False))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_label(model: Any, copied: Any) -> None:
    clone = copied(model)
    aigc_hooks.unwrap(model)
    assert is_wrapped(clone)
    assert not is_wrapped(model)


def test_a_wrapped_class_loads_wrapped_models(tmp_path: Path) -> None:
    tiny.llama().save_pretrained(tmp_path)
    model = aigc_hooks.wrap(LlamaForCausalLM, producer="acme").from_pretrained(tmp_path)
    assert is_wrapped(model)
    assert isinstance(model, LlamaForCausalLM)


def test_a_wrapped_model_in_a_pipeline_leaves_the_text_to_it(caplog: pytest.LogCaptureFixture) -> None:
    pipe = tiny.pipe(model=aigc_hooks.wrap(tiny.llama(), producer="acme"))
    assert pipe("Hello ", **tiny.says("cat")) == [{"generated_text": "Hello cat"}]  # ids passed through the model
    aigc_hooks.wrap(pipe, producer="acme")
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        assert pipe("Hello ", **tiny.says("cat")) == [{"generated_text": f"Hello cat{END}"}]
    assert tiny.audited(caplog) == [("labelled", "TextGenerationPipeline", "")]


def test_models_without_generate_are_refused_and_told_why() -> None:
    with pytest.raises(AdapterNotFoundError, match=r"no generate\(\).*a pipeline, a streamer.*kind='text'"):
        aigc_hooks.wrap(LlamaModel(tiny.llama().config), producer="acme")


def test_a_vocoder_alone_is_refused_with_the_call_that_labels_it() -> None:
    _, vocoder = tiny.speecht5()
    with pytest.raises(AdapterNotFoundError, match=r"wrap\(function, kind='audio', rate=vocoder\.config") as refused:
        aigc_hooks.wrap(vocoder, producer="acme")
    assert "text" not in str(refused.value)
    with pytest.raises(AdapterNotFoundError, match=r"kind='audio'"):
        aigc_hooks.wrap(EncodecModel, producer="acme")
    rate = vocoder.config.sampling_rate
    speak = aigc_hooks.wrap(lambda mel: vocoder(mel), kind="audio", rate=rate, producer="acme")
    mel = torch.rand(50, vocoder.config.model_in_dim)
    assert len(aigc_hooks.find_rhythm(speak(mel), rate)) == 1


# --- models that make sound ------------------------------------------------------------------------------------------

SOUND_OUTPUTS: list[Any] = [
    torch.rand(1, 1, 100),
    (torch.zeros(1, 3, dtype=torch.long), torch.rand(100)),
    {"sequences": torch.zeros(1, 3, dtype=torch.long), "audio": [torch.rand(100)]},
    {"sequences": torch.rand(1, 100)},
]


def speaks(output: Any, rate: int | None) -> Any:
    class Speaks(LlamaForCausalLM):  # type: ignore[misc]
        def generate(self, *args: Any, **kwargs: Any) -> Any:
            return copy.deepcopy(output)

    model = Speaks(tiny.llama().config)
    model.config.sampling_rate = rate
    return aigc_hooks.wrap(model, producer="acme")


def sounds(output: Any) -> list[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        return [output] if output.is_floating_point() else []
    return [sound for item in (output.values() if isinstance(output, dict) else output) for sound in sounds(item)]


@pytest.mark.parametrize("output", SOUND_OUTPUTS)
def test_sound_of_a_model_in_every_form(output: Any) -> None:
    made = speaks(output, 8_000).generate()
    assert type(made) is type(output)
    (sound,), (bare,) = sounds(made), sounds(output)
    assert len(aigc_hooks.find_rhythm(sound, 8_000)) == 1
    assert torch.equal(sound[..., -bare.shape[-1] :], bare)


@pytest.mark.parametrize("output", SOUND_OUTPUTS)
def test_sound_of_an_unknown_rate_is_not_released(output: Any) -> None:
    model = speaks(output, None)
    with pytest.raises(UnsupportedOutputError, match="rate"):
        model.generate()
    with override(on_error="warn"), pytest.warns(UserWarning, match="rate"):
        assert sounds(model.generate())[0].shape == sounds(output)[0].shape


# transformers 4 compiles parts of it with what torch deprecates.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_a_model_that_speaks_in_one_pass() -> None:
    inputs = tiny.tokenizer()(["hello", "hello my dear"], padding=True, return_tensors="pt")
    model = tiny.vits()
    torch.manual_seed(0)
    bare = model(**inputs)
    aigc_hooks.wrap(model, producer="acme")
    torch.manual_seed(0)
    made = model(**inputs)
    assert len(aigc_hooks.find_rhythm(made.waveform.detach(), model.config.sampling_rate)) == 1
    longer = made.waveform.shape[-1] - bare.waveform.shape[-1]
    # Callers cut the padding off by these.
    assert (made.sequence_lengths - bare.sequence_lengths).tolist() == [longer, longer]
    assert torch.equal(made.waveform[:, longer:], bare.waveform)
    with pytest.raises(UnsupportedOutputError, match="return_dict=True"):
        model(**inputs, return_dict=False)


def test_a_model_with_a_vocoder() -> None:
    model, vocoder = tiny.speecht5()
    aigc_hooks.wrap(model, producer="acme")
    ids = tiny.tokenizer()(["hello"], return_tensors="pt")["input_ids"]
    speaker = torch.zeros(1, 8)
    for speak in (model.generate, model.generate_speech):
        sound = speak(ids, speaker_embeddings=speaker, vocoder=vocoder)
        assert len(aigc_hooks.find_rhythm(sound, vocoder.config.sampling_rate)) == 1
        sound, lengths = speak(ids, speaker_embeddings=speaker, vocoder=vocoder, return_output_lengths=True)
        assert lengths == [sound.shape[-1]]
        with pytest.raises(UnsupportedOutputError, match="vocoder="):
            speak(ids, speaker_embeddings=speaker)


# Encodec is made of what torch has renamed since.
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_model_that_makes_music() -> None:
    model = aigc_hooks.wrap(tiny.musicgen(), producer="acme")
    inputs = tiny.tokenizer()(["a tune"], return_tensors="pt")
    music = model.generate(**inputs, max_new_tokens=10, guidance_scale=1, do_sample=False)
    assert music.ndim == 3
    assert len(aigc_hooks.find_rhythm(music, model.config.sampling_rate)) == 1


def test_the_plain_model_next_to_it_is_left_alone(model: Any, inputs: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "aigc_hooks.audit"):
        tiny.llama().generate(**inputs)
    assert tiny.audited(caplog) == []


# --- processors -----------------------------------------------------------------------------------------------------


@pytest.fixture
def processor() -> Any:
    pytest.importorskip("transformers.models.janus.image_processing_pil_janus", reason="needs torchvision here")
    return aigc_hooks.wrap(tiny.janus_processor(), producer="acme")


def test_pictures_of_a_processor(processor: Any, tmp_path: Path) -> None:
    images = processor.post_process_multimodal_output(torch.rand(2, 3, 64, 64), generation_mode="image")
    assert [producer(image) for image in images] == ["acme", "acme"]
    images[0].save(tmp_path / "cat.png")
    label = aigc_hooks.read_label(tmp_path / "cat.png").label
    assert label is not None
    assert label.content_producer == "acme"


def test_pictures_of_another_processor() -> None:
    from transformers import Emu3ImageProcessor, Emu3Processor

    if not hasattr(Emu3Processor, "post_process_multimodal_output"):
        with pytest.raises(UnsupportedVersionError, match="post_process_multimodal_output"):
            aigc_hooks.wrap(Emu3Processor, producer="acme")
        return
    names = ("image", "boi", "eoi", "image_wrapper", "eof", "eol")
    extra = {f"{name}_token": f"<{name}>" for name in names}
    processor = Emu3Processor(Emu3ImageProcessor(), tiny.tokenizer(extra_special_tokens=extra))
    aigc_hooks.wrap(processor, producer="acme")
    (image,) = processor.post_process_multimodal_output(torch.rand(1, 3, 64, 64), generation_mode="image")
    assert producer(image) == "acme"


def test_text_of_a_processor(processor: Any) -> None:
    ids = processor.tokenizer(["one", "two"], padding=True, return_tensors="pt")["input_ids"]
    assert processor.post_process_multimodal_output(ids) == [f"one{END}", f"two{END}"]
    assert processor.tokenizer.batch_decode(ids, skip_special_tokens=True) == ["one", "two"]


def test_sound_of_a_processor_is_not_released() -> None:
    from transformers import Qwen2_5OmniProcessor

    if not hasattr(Qwen2_5OmniProcessor, "post_process_multimodal_output"):
        pytest.skip("this version of transformers makes no sound there")
    # The method needs nothing of a processor, which takes a video processor and so torchvision.
    processor = object.__new__(Qwen2_5OmniProcessor)
    processor.tokenizer = tiny.tokenizer()
    aigc_hooks.wrap(processor, producer="acme")
    outputs = (processor.tokenizer(["one"], return_tensors="pt")["input_ids"], torch.rand(1, 100))
    assert processor.post_process_multimodal_output(outputs) == [f"one{END}"]
    with pytest.raises(UnsupportedOutputError, match="audio, which cannot be labelled"):
        processor.post_process_multimodal_output(outputs, generation_mode="audio")


def test_a_saved_processor_keeps_its_name(processor: Any, tmp_path: Path) -> None:
    processor.save_pretrained(tmp_path)
    saved = "".join(file.read_text() for file in tmp_path.iterdir())
    assert '"processor_class": "JanusProcessor"' in saved
    assert "aigc" not in saved.lower()


def test_a_wrapped_processor_in_a_wrapped_pipeline_labels_once(processor: Any) -> None:
    pipe = aigc_hooks.wrap(tiny.janus(), producer="acme")
    aigc_hooks.wrap(pipe.processor, producer="other")
    (answer,) = pipe("hello", return_full_text=False)
    assert answer["generated_text"].count(LABEL) == 1
    assert not answer["generated_text"].startswith("hello")
    assert producer(pipe("hello", generation_mode="image")[0]["generated_image"]) == "acme"


# --- the seams ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seams", "owner"),
    [
        (models.model_adapter(LlamaForCausalLM).seams, "GenerationMixin"),
        (streamers.STREAMER.seams, "TextIteratorStreamer"),
        (pipelines.PIPELINE.seams, "TextGenerationPipeline"),
    ],
    ids=["model", "streamer", "pipeline"],
)
def test_this_version_of_transformers_has_every_seam(seams: Any, owner: str) -> None:
    import transformers

    assert [name for name in seams if not callable(getattr(getattr(transformers, owner), name, None))] == []


def test_what_is_not_of_transformers_is_not_touched() -> None:
    class Pipeline:
        def __call__(self) -> None: ...

    from aigc_hooks_transformers import aigc_adapter

    assert aigc_adapter(Pipeline) is None
    assert aigc_adapter(SimpleNamespace) is None
    assert aigc_adapter(type(tiny.tokenizer())) is None
