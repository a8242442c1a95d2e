"""The sampling watermark: it is found again, its keys are found nowhere, and it is not taken for the label."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

import pytest
import tiny_text_models as tiny
import torch
from aigc_hooks_transformers import Detection, aigc_prepare, detect_watermark
from aigc_hooks_transformers.detection import LEAST_TOKENS
from transformers import GenerationConfig, SynthIDTextWatermarkingConfig, WatermarkingConfig

import aigc_hooks
from aigc_hooks import Call, ConfigError, Provider

LABEL = "（本内容由AI生成）"
SECRETS = (48151623, 42108151)
SCHEMES = {
    "kgw": {"scheme": "kgw", "keys": SECRETS[0]},
    "synthid": {"scheme": "synthid", "keys": [*SECRETS, 836, 123, 340, 443, 597, 160]},
}
BOTH = pytest.mark.parametrize("scheme", list(SCHEMES))


def provider(scheme: str, **changes: Any) -> Provider:
    return Provider(producer="acme", text={"watermark": {**SCHEMES[scheme], **changes}})


# Only tokens that say something: a tiny model with random weights would choose the others as well.
WRITE = {"max_new_tokens": 150, "min_new_tokens": 150, "suppress_tokens": list(range(8)), "do_sample": True}


def answer(pipe: Any, prompt: str = "Hello ", **arguments: Any) -> list[int]:
    """The tokens that a pipeline makes up, without the prompt."""
    torch.manual_seed(0)
    (record,) = pipe(prompt, return_tensors=True, **{**WRITE, **arguments})
    return list(record["generated_token_ids"][len(tiny.tokenizer()(prompt)["input_ids"]) :])


@functools.lru_cache(maxsize=2)
def watermarked(scheme: str) -> tuple[int, ...]:
    return tuple(answer(aigc_hooks.wrap(tiny.pipe(), provider=provider(scheme))))


@functools.lru_cache(maxsize=1)
def plain() -> tuple[int, ...]:
    return tuple(answer(aigc_hooks.wrap(tiny.pipe(), producer="acme")))


@functools.lru_cache(maxsize=1)
def model() -> Any:
    return tiny.llama()


def detect(content: Any, scheme: str, **changes: Any) -> Detection:
    return detect_watermark(content, model=model(), provider=provider(scheme, **changes))


# --- it is there, and only there ------------------------------------------------------------------------------------


@BOTH
def test_a_watermark_is_found(scheme: str) -> None:
    found = detect(watermarked(scheme), scheme)
    assert (found.scheme, found.verdict) == (scheme, "watermarked")
    assert found.score > found.threshold
    assert 100 < found.tokens <= 150


@BOTH
def test_none_is_found_without_one(scheme: str) -> None:
    assert detect(plain(), scheme).verdict == "not found"


@BOTH
def test_other_keys_find_nothing(scheme: str) -> None:
    other = {"kgw": 7, "synthid": [7, 8, 9, 10, 11]}[scheme]
    assert detect(watermarked(scheme), scheme, keys=other).verdict == "not found"


def test_the_other_scheme_finds_nothing() -> None:
    assert detect(watermarked("kgw"), "synthid").verdict == "not found"
    assert detect(watermarked("synthid"), "kgw").verdict == "not found"


@BOTH
def test_a_model_and_a_batch_are_watermarked_too(scheme: str) -> None:
    wrapped = aigc_hooks.wrap(tiny.llama(), provider=provider(scheme))
    inputs = tiny.tokenizer()(["Hello ", "the cat "], padding=True, return_tensors="pt", padding_side="left")
    torch.manual_seed(0)
    rows = wrapped.generate(**inputs, **WRITE)[:, inputs["input_ids"].shape[1] :]
    for row in rows:
        assert detect(row, scheme).verdict == detect(row[None], scheme).verdict == "watermarked"


@BOTH
def test_pictures_described_in_a_watermarked_text(scheme: str) -> None:
    from PIL import Image

    pipe = aigc_hooks.wrap(tiny.llava(), provider=provider(scheme))
    torch.manual_seed(0)
    (record,) = pipe(Image.new("RGB", (20, 20)), text="<image>what?", return_tensors=True, generate_kwargs=dict(WRITE))
    assert detect(record["generated_token_ids"][-150:], scheme).verdict == "watermarked"


@BOTH
def test_a_labelled_text_is_searched_without_its_label(scheme: str) -> None:
    words = tiny.tokenizer()
    ascii_only = [token for token in range(400) if not words.decode([token]).isascii()] + list(range(8))
    pipe = aigc_hooks.wrap(tiny.pipe(), provider=provider(scheme))
    torch.manual_seed(0)
    (record,) = pipe("Hello ", return_full_text=False, **{**WRITE, "suppress_tokens": ascii_only})
    assert record["generated_text"].endswith(LABEL)
    found = detect_watermark(record["generated_text"], tokenizer=words, model=model(), provider=provider(scheme))
    bare = record["generated_text"].removesuffix(f"\n\n{LABEL}")
    assert found == detect_watermark(bare, tokenizer=words, model=model(), provider=provider(scheme))
    assert found.tokens >= LEAST_TOKENS


@BOTH
def test_what_follows_the_end_does_not_count(scheme: str) -> None:
    ids = list(watermarked(scheme))
    assert detect([*ids, 0, *[1] * 200], scheme) == detect(ids, scheme)


@BOTH
@pytest.mark.parametrize("count", [0, 1, 4, 5, 30])
def test_too_short_a_text_gets_no_verdict(scheme: str, count: int) -> None:
    found = detect(watermarked(scheme)[:count], scheme)
    assert found.verdict == "too short"
    assert found.tokens < LEAST_TOKENS


@BOTH
def test_a_text_that_repeats_itself_is_too_short(scheme: str) -> None:
    assert detect(watermarked(scheme)[:20] * 20, scheme).verdict == "too short"


def test_keys_that_are_the_same_to_the_table_count_once() -> None:
    ids = [int(token) for token in torch.randint(8, 400, (120,), generator=torch.manual_seed(3))]
    once = detect(ids, "synthid", keys=[5])
    assert detect(ids, "synthid", keys=[5 + 2**16 * number for number in range(30)]) == once


def test_a_watermark_next_to_a_stream() -> None:
    from transformers import TextIteratorStreamer

    pipe = aigc_hooks.wrap(tiny.pipe(), provider=provider("kgw"))
    streamer = TextIteratorStreamer(pipe.tokenizer, skip_prompt=True)
    ids = answer(pipe, streamer=streamer)
    assert "".join(streamer).endswith(LABEL)
    assert detect(ids, "kgw").verdict == "watermarked"


# --- whose setting wins ---------------------------------------------------------------------------------------------

OWN = WatermarkingConfig(hashing_key=7)


def call_with(pipe: Any) -> Any:
    return answer(pipe, watermarking_config=OWN)


def config_with(pipe: Any) -> Any:
    config = GenerationConfig(**WRITE, eos_token_id=0, pad_token_id=1, watermarking_config=OWN)
    return list(pipe("Hello ", return_tensors=True, generation_config=config)[0]["generated_token_ids"][-150:])


def model_with(pipe: Any) -> Any:
    pipe.model.generation_config.watermarking_config = OWN
    if hasattr(pipe, "generation_config"):  # pipelines of transformers 4 have a copy
        pipe.generation_config.watermarking_config = OWN
    return answer(pipe)


def model_with_and_call_without(pipe: Any) -> Any:
    pipe.model.generation_config.watermarking_config = OWN
    config = GenerationConfig(**WRITE, eos_token_id=0, pad_token_id=1)
    return list(pipe("Hello ", return_tensors=True, generation_config=config)[0]["generated_token_ids"][-150:])


@pytest.mark.parametrize("own", [call_with, config_with, model_with, model_with_and_call_without])
def test_a_users_own_watermark_wins(own: Any) -> None:
    ids = own(aigc_hooks.wrap(tiny.pipe(), provider=provider("synthid")))
    assert detect(ids, "kgw", keys=7).verdict == "watermarked"
    assert detect(ids, "synthid").verdict == "not found"


def test_a_pipeline_that_was_built_with_a_watermark_keeps_it() -> None:
    pipe = aigc_hooks.wrap(tiny.pipe(watermarking_config=OWN), provider=provider("synthid"))
    assert detect(answer(pipe), "kgw", keys=7).verdict == "watermarked"


def test_a_users_configuration_is_not_changed() -> None:
    config = GenerationConfig(**WRITE, eos_token_id=0, pad_token_id=1)
    pipe = aigc_hooks.wrap(tiny.pipe(), provider=provider("kgw"))
    torch.manual_seed(0)
    (record,) = pipe("Hello ", return_tensors=True, generation_config=config)
    assert config.watermarking_config is None
    assert detect(record["generated_token_ids"][-150:], "kgw").verdict == "watermarked"


def test_other_frameworks_and_pictures_get_none() -> None:
    for call in (
        Call("x", [], {}),
        Call("x", [], {}, framework="diffusers"),
        Call("x", [], {"generation_mode": "image"}, framework="transformers"),
    ):
        before = dict(call.keywords)
        aigc_prepare(call, provider("kgw"))
        assert call.keywords == before
    call = Call("x", [], {}, framework="transformers")
    aigc_prepare(call, provider("synthid"))
    assert isinstance(call.keywords["watermarking_config"], SynthIDTextWatermarkingConfig)


# --- ways of generating ---------------------------------------------------------------------------------------------

WAYS = {
    "beams": {"num_beams": 2},
    "lookup": {"prompt_lookup_num_tokens": 3},
    "configured beams": {"generation_config": GenerationConfig(num_beams=2, max_new_tokens=60, do_sample=True)},
}


@pytest.mark.parametrize("way", WAYS)
def test_synthid_says_what_it_cannot_follow(way: str) -> None:
    pipe = aigc_hooks.wrap(tiny.pipe(), provider=provider("synthid"))
    with pytest.raises(ConfigError, match=r"synthid.*kgw") as error:
        pipe("Hello ", **WAYS[way])
    assert not any(str(key) in str(error.value) for key in SECRETS)
    with pytest.raises(ConfigError, match="num_beams"):
        model_of_beams().generate(**tiny.tokenizer()("Hello ", return_tensors="pt"))


def model_of_beams() -> Any:
    made = tiny.llama()
    made.generation_config.num_beams = 2
    return aigc_hooks.wrap(made, provider=provider("synthid"))


def test_synthid_says_that_it_cannot_follow_an_assistant() -> None:
    pipe = aigc_hooks.wrap(tiny.pipe(assistant_model=tiny.llama()), provider=provider("synthid"))
    with pytest.raises(ConfigError, match="assistant_model"):
        pipe("Hello ")
    wrapped = aigc_hooks.wrap(tiny.llama(), provider=provider("synthid"))
    with pytest.raises(ConfigError, match="assistant_model"):
        wrapped.generate(**tiny.tokenizer()("Hello ", return_tensors="pt"), assistant_model=tiny.llama())


@pytest.mark.parametrize("way", ["beams", "lookup"])
def test_kgw_follows_all(way: str) -> None:
    pipe = aigc_hooks.wrap(tiny.pipe(), provider=provider("kgw"))
    assert detect(answer(pipe, **WAYS[way]), "kgw").verdict == "watermarked"


# --- the keys are secret --------------------------------------------------------------------------------------------


@BOTH
def test_keys_are_written_nowhere(scheme: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import transformers

    pipe = aigc_hooks.wrap(tiny.pipe(), provider=provider(scheme))
    inner = aigc_hooks.wrap(tiny.llama(), provider=provider(scheme))
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_debug()
    transformers.logging.enable_propagation()
    try:
        with caplog.at_level(logging.DEBUG):
            pipe("Hello ", **WRITE)
            pipe("Hello ", generation_config=GenerationConfig(**WRITE, eos_token_id=0, pad_token_id=1))
            inner.generate(**tiny.tokenizer()("Hello ", return_tensors="pt"), **WRITE)
            pipe.save_pretrained(tmp_path / "pipe")
            inner.save_pretrained(tmp_path / "model")
    finally:
        transformers.logging.disable_propagation()
        transformers.logging.set_verbosity(before)
    assert tiny.audited(caplog)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 4
    seen = [
        caplog.text,
        repr(pipe),
        repr(provider(scheme)),
        str(vars(pipe)),
        repr(pipe.model.generation_config),
        repr(inner.generation_config),
        *(file.read_bytes().decode("latin-1") for file in files),
    ]
    assert not [text for text in seen if any(str(key) in text for key in SECRETS)]


# --- what detection needs -------------------------------------------------------------------------------------------


def test_detection_says_what_it_needs() -> None:
    with pytest.raises(ConfigError, match="no watermark is set"):
        detect_watermark([1], producer="acme")
    with pytest.raises(ConfigError, match="model= or vocab_size="):
        detect_watermark([1], provider=provider("kgw"))
    with pytest.raises(ConfigError, match="tokenizer="):
        detect_watermark("text", model=model(), provider=provider("kgw"))
    with pytest.raises(ConfigError, match="a batch of 2"):
        detect_watermark(torch.zeros(2, 9, dtype=torch.long), model=model(), provider=provider("kgw"))


def test_detection_without_a_model() -> None:
    ids = torch.tensor(watermarked("kgw"))
    size = model().config.vocab_size
    assert detect_watermark(ids, vocab_size=size, provider=provider("kgw")) == detect(ids, "kgw")
    ids = torch.tensor(watermarked("synthid"))
    assert detect_watermark(ids, provider=provider("synthid")) == detect(ids, "synthid")
    assert detect_watermark(ids.numpy(), producer="acme", text={"watermark": SCHEMES["synthid"]}).verdict
