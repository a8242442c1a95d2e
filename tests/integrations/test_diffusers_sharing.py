"""Pipelines made of a wrapped one's models label as it does, or the user hears of it."""

from __future__ import annotations

import copy
import gc
import json
import logging
import pickle
import weakref
from pathlib import Path
from typing import Any

import pipelines as tiny
import pytest
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Audio,
    AutoPipelineForText2Image,
    DiffusionPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPAGPipeline,
    StableDiffusionPipeline,
)
from seen import producer

import aigc_hooks
from aigc_hooks import is_wrapped

NO_CHECKER = {"requires_safety_checker": False}
FAST = {"num_inference_steps": 1}


@pytest.fixture
def sd() -> Any:
    return aigc_hooks.wrap(tiny.sd(), producer="acme")


def labels(pipe: Any) -> bool:
    pipe.set_progress_bar_config(disable=True)
    assert is_wrapped(pipe)
    return producer(pipe("a cat", **FAST).images[0]) == "acme"


class OwnCall(StableDiffusionPipeline):  # type: ignore[misc]
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


def test_text_to_image_pipelines_from_a_wrapped_one(sd: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="aigc_hooks.diffusers")
    assert labels(StableDiffusionPAGPipeline.from_pipe(sd))
    assert "StableDiffusionPAGPipeline shares vae with a wrapped pipeline and labels as it does" in caplog.text
    assert labels(AutoPipelineForText2Image.from_pipe(sd))
    assert labels(OwnCall.from_pipe(sd))
    assert labels(OwnCall(**sd.components, **NO_CHECKER))
    assert labels(type(sd).from_pipe(sd))
    assert labels(StableDiffusionPipeline(**{**tiny.sd_components(), "unet": sd.unet}, **NO_CHECKER))


# torch's own inductor uses what torch deprecates.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda sd: StableDiffusionImg2ImgPipeline.from_pipe(sd),
        lambda sd: StableDiffusionImg2ImgPipeline(**sd.components, **NO_CHECKER),
        lambda sd: StableDiffusionInpaintPipeline.from_pipe(sd),
        lambda sd: AutoPipelineForImage2Image.from_pipe(sd),
        lambda sd: AutoPipelineForInpainting.from_pipe(sd),
        lambda sd: AutoPipelineForImage2Image.from_pipe(StableDiffusionInpaintPipeline.from_pipe(sd)),
        lambda sd: tiny.Published(model=sd.unet),
        lambda sd: tiny.Published(model=torch.nn.DataParallel(sd.unet)),
        lambda sd: tiny.Published(model=torch.compile(sd.unet)),
    ],
)
def test_other_pipelines_from_a_wrapped_one(sd: Any, make: Any) -> None:
    other = make(sd)
    assert is_wrapped(other)
    assert type(other).__module__.startswith(("diffusers.pipelines", "pipelines"))
    # The components themselves are never touched: from_pipe compares their exact classes.
    assert {type(part).__module__.partition(".")[0] for part in sd.components.values() if part is not None} <= {
        "diffusers",
        "transformers",
    }
    assert not any(is_wrapped(part) for part in sd.components.values())


def test_audio_pipelines_from_a_wrapped_one_refuse_by_themselves(sd: Any) -> None:
    with pytest.raises(ValueError, match="AutoPipeline"):
        AutoPipelineForText2Audio.from_pipe(sd)


def test_a_model_remembers_after_the_pipeline_is_gone() -> None:
    sd = aigc_hooks.wrap(tiny.sd(), producer="acme")
    components = sd.components
    del sd
    gc.collect()
    assert labels(StableDiffusionPipeline(**components, **NO_CHECKER))


def test_assigned_models(sd: Any) -> None:
    other = tiny.sd()
    other.unet = sd.unet
    assert labels(other)


def test_models_that_join_a_wrapped_pipeline_later(sd: Any) -> None:
    sd.unet = tiny.conditional_unet()
    assert is_wrapped(tiny.Published(model=sd.unet))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda pipe: pickle.loads(pickle.dumps(pipe))])
def test_from_a_copy_that_was_never_called(sd: Any, copied: Any) -> None:
    clone = copied(sd)
    assert labels(StableDiffusionPipeline(**clone.components, **NO_CHECKER))


def test_other_instances_stay_as_they_are(sd: Any) -> None:
    other = tiny.sd()
    assert not is_wrapped(other)
    assert type(other) is StableDiffusionPipeline
    assert producer(other("a cat", **FAST).images[0]) is None
    assert not is_wrapped(StableDiffusionImg2ImgPipeline.from_pipe(other))


def test_a_pipeline_without_models_shares_nothing(sd: Any) -> None:
    # Schedulers and tokenizers make no pictures.
    assert not is_wrapped(tiny.Published(model=sd.scheduler))


def test_unwrap_releases_the_models(sd: Any) -> None:
    components = sd.components
    aigc_hooks.unwrap(sd)
    assert type(sd) is StableDiffusionPipeline
    assert not is_wrapped(StableDiffusionImg2ImgPipeline(**components, **NO_CHECKER))
    assert not is_wrapped(StableDiffusionImg2ImgPipeline.from_pipe(sd))
    sd.unet = torch.nn.DataParallel(sd.unet)
    assert not is_wrapped(sd)


def test_unwrapping_one_of_two_that_share_leaves_the_other_its_models(sd: Any) -> None:
    first = StableDiffusionImg2ImgPipeline.from_pipe(sd)
    aigc_hooks.unwrap(first)
    assert labels(StableDiffusionPipeline(**sd.components, **NO_CHECKER))
    assert not is_wrapped(first)
    first.unet = sd.unet  # was unwrapped by the user's will: stays so
    assert not is_wrapped(first)
    assert is_wrapped(aigc_hooks.wrap(first, producer="acme"))


def test_the_last_wrap_decides_for_new_pipelines(sd: Any) -> None:
    aigc_hooks.wrap(sd, producer="other")
    other = StableDiffusionPipeline.from_pipe(sd)
    assert producer(other("a cat", **FAST).images[0]) == "other"


def test_an_override_context_does_not_stick_to_a_shared_pipeline(sd: Any) -> None:
    with aigc_hooks.override(producer="passing"):
        other = StableDiffusionPipeline.from_pipe(sd)
        assert producer(other("a cat", **FAST).images[0]) == "passing"
    assert producer(other("a cat", **FAST).images[0]) == "acme"


def test_wrapped_classes(tmp_path: Path) -> None:
    wrapped = aigc_hooks.wrap(StableDiffusionPipeline, producer="acme")
    made = wrapped(**tiny.sd_components(), **NO_CHECKER)
    assert labels(made)
    # Sharing works from the first instance of a wrapped class on, though no object was ever wrapped.
    assert is_wrapped(StableDiffusionImg2ImgPipeline(**made.components, **NO_CHECKER))
    assert labels(wrapped.from_pipe(tiny.sd()))
    assert not is_wrapped(tiny.sd())
    assert aigc_hooks.unwrap(wrapped) is StableDiffusionPipeline


def test_saved_and_loaded(sd: Any, tmp_path: Path) -> None:
    sd.save_pretrained(tmp_path)
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionPipeline"
    assert "aigc" not in (tmp_path / "model_index.json").read_text()
    for cls in (StableDiffusionPipeline, DiffusionPipeline, AutoPipelineForText2Image):
        loaded = aigc_hooks.wrap(cls, producer="acme").from_pretrained(tmp_path)
        assert isinstance(loaded, StableDiffusionPipeline)
        assert labels(loaded)
    image = aigc_hooks.wrap(AutoPipelineForImage2Image, producer="acme").from_pretrained(tmp_path)
    assert isinstance(image, StableDiffusionImg2ImgPipeline)
    assert is_wrapped(image)
    plain = StableDiffusionPipeline.from_pretrained(tmp_path)  # new models: nobody said that they are to label
    assert not is_wrapped(plain)


def test_a_wrapped_auto_class_decides_over_what_it_shares(sd: Any) -> None:
    other = aigc_hooks.wrap(AutoPipelineForText2Image, producer="other").from_pipe(sd)
    assert producer(other("a cat", **FAST).images[0]) == "other"


def test_wrapping_keeps_nothing_alive() -> None:
    pipe = aigc_hooks.wrap(tiny.sd(), producer="acme")
    model = weakref.ref(pipe.unet)
    del pipe
    gc.collect()
    assert model() is None
