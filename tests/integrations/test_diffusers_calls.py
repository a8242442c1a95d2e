"""Calling a wrapped pipeline: nesting, callbacks, errors, threads, processes, inputs, settings."""

from __future__ import annotations

import concurrent.futures
import copy
import inspect
import multiprocessing
import pickle
from typing import Any

import aigc_hooks_diffusers as adapter
import aigc_hooks_diffusers.sharing as sharing
import diffusers
import numpy
import pipelines as tiny
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionPipeline
from PIL import Image
from seen import only_the_label_differs, producer, same

import aigc_hooks
from aigc_hooks import LabelError, PluginError, is_wrapped

CAT = {"prompt": "a cat", "num_inference_steps": 1}


@pytest.fixture
def sd() -> Any:
    return aigc_hooks.wrap(tiny.sd(), producer="acme")


def seeded(pipe: Any, **arguments: Any) -> Any:
    return pipe(**arguments, generator=torch.manual_seed(0))


def bare(pipe: Any) -> Any:
    """A plain pipeline of the same models."""
    return aigc_hooks.unwrap(copy.copy(pipe))


# --- the object stays what it was -----------------------------------------------------------------------------------


# torch's own inductor uses what torch deprecates.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
def test_the_object_stays_what_it_was(sd: Any) -> None:
    plain = tiny.sd()
    assert isinstance(sd, StableDiffusionPipeline)
    assert type(sd).__module__.startswith("diffusers.pipelines")
    assert type(sd).__name__ == "StableDiffusionPipeline"
    assert inspect.signature(sd.__call__) == inspect.signature(plain.__call__)
    assert sd.components.keys() == plain.components.keys()
    assert sd.to("cpu") is sd
    assert sd.to(dtype=torch.float32) is sd
    sd.enable_attention_slicing()
    sd.disable_attention_slicing()
    sd.vae.enable_slicing()
    sd.scheduler = diffusers.DDPMScheduler.from_config(sd.scheduler.config)
    sd.unet = torch.compile(sd.unet)  # not called, and so not compiled
    sd.unet = sd.unet._orig_mod
    assert producer(sd(**CAT).images[0]) == "acme"


def test_wrapping_again_replaces(sd: Any) -> None:
    assert aigc_hooks.wrap(sd, producer="other") is sd
    assert sum(hasattr(parent, "__aigc_hooks_base__") for parent in type(sd).__mro__[:1]) == 1
    assert type(sd).__mro__[1] is StableDiffusionPipeline
    assert producer(sd(**CAT).images[0]) == "other"


def test_progress_bars_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    pipe = aigc_hooks.wrap(tiny.sd(), producer="acme")
    pipe.set_progress_bar_config(disable=False)
    pipe(**CAT)
    assert "1/1" in capsys.readouterr().err


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda pipe: pickle.loads(pickle.dumps(pipe))])
def test_copies_label(sd: Any, copied: Any) -> None:
    clone = copied(sd)
    assert clone is not sd
    assert type(clone) is type(sd)
    assert producer(clone(**CAT).images[0]) == "acme"
    aigc_hooks.unwrap(sd)
    assert is_wrapped(clone)


def work(pipe: Any) -> tuple[bool, Any]:
    torch.set_num_threads(1)  # forked after threads have run, torch's pool would wait for them
    pipe.set_progress_bar_config(disable=True)
    image = pipe(**CAT).images[0]
    return is_wrapped(pipe), image


def test_spawned_workers_label(sd: Any) -> None:
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        wrapped, image = pool.submit(work, sd).result()
    assert wrapped
    assert producer(image) == "acme"


def small_work(pipe: Any) -> tuple[bool, Any]:
    fresh = tiny.Published(model=pipe.model, result=pipe.result)  # takes the adapter's lock
    return is_wrapped(fresh), pipe()["images"][0]


# Python warns of what a fork may meet: a lock that a thread of the parent holds, which is what is tested.
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_forked_workers_label() -> None:
    result = {"images": [Image.new("RGB", (64, 64))]}
    pipe = aigc_hooks.wrap(tiny.Published(model=torch.nn.Identity(), result=result), producer="acme")
    with (
        sharing._lock,
        concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool,
    ):
        wrapped, image = pool.submit(small_work, pipe).result(timeout=60)
    assert wrapped
    assert producer(image) == "acme"


def test_threads_with_providers_of_their_own() -> None:
    def generate(number: int) -> list[str | None]:
        pipe = aigc_hooks.wrap(tiny.ddpm(), producer=f"service-{number}")
        return [producer(pipe(num_inference_steps=1).images[0]) for _ in range(4)]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for number, seen in enumerate(pool.map(generate, range(8))):
            assert seen == [f"service-{number}"] * 4


def test_threads_on_one_pipeline() -> None:
    pipe = aigc_hooks.wrap(tiny.ddpm(), producer="acme")

    def generate(number: int) -> str | None:
        with aigc_hooks.override(producer=f"service-{number}"):
            return producer(pipe(num_inference_steps=1).images[0])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(generate, range(16))) == [f"service-{number}" for number in range(16)]


# --- callbacks, nesting, errors -------------------------------------------------------------------------------------


def test_callbacks_get_the_users_object(sd: Any) -> None:
    seen: list[Any] = []

    def callback(pipe: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        seen.append(pipe)
        return values

    sd(**CAT, callback_on_step_end=callback)
    assert len(seen) == 1
    assert seen[0] is sd


def test_a_pipeline_called_in_a_callback_labels(sd: Any) -> None:
    other = aigc_hooks.wrap(tiny.ddpm(), producer="other")
    inside: list[Image.Image] = []

    def callback(pipe: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
        inside.extend(other(num_inference_steps=1).images)
        inside.extend(pipe(**CAT).images)  # itself, too
        return values

    outer = sd(**CAT, callback_on_step_end=callback).images
    assert [producer(image) for image in inside] == ["other", "acme"]
    assert producer(outer[0]) == "acme"


class Interrupt(BaseException):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interrupt, RuntimeError, LabelError("own")])
def test_errors_come_through_unchanged_and_leave_nothing_behind(sd: Any, error: Any) -> None:
    def callback(*_: Any) -> Any:
        raise error

    with pytest.raises(error if isinstance(error, type) else type(error)) as caught:
        sd(**CAT, callback_on_step_end=callback)
    assert caught.value is error or type(caught.value) is error
    assert adapter._running.get() is None
    with pytest.raises(ValueError, match="prompt"):
        sd()
    with pytest.raises(TypeError):
        aigc_hooks.wrap(tiny.ddpm(), producer="acme")(no_such_argument=1)
    assert adapter._running.get() is None
    assert producer(sd(**CAT).images[0]) == "acme"


# The combined pipeline passes an argument that its part deprecates.
@pytest.mark.filterwarnings("ignore:`callback_steps` is deprecated:FutureWarning")
def test_a_combined_pipeline_labels_once() -> None:
    pipe = tiny.kandinsky_combined()
    arguments = {"prompt": "a cat", "height": 64, "width": 64, "prior_num_inference_steps": 2, "num_inference_steps": 2}
    for return_dict in (True, False):
        before = seeded(pipe, **arguments, return_dict=return_dict)[0]
        after = seeded(aigc_hooks.wrap(pipe, producer="acme"), **arguments, return_dict=return_dict)[0]
        assert only_the_label_differs(after[0], before[0])
        assert producer(after[0]) == "acme"
        aigc_hooks.unwrap(pipe)


class Outer(diffusers.DiffusionPipeline):  # type: ignore[misc]
    """A user's pipeline around others: it makes a picture, and one more from that."""

    def __init__(self, first: Any, second: Any = None, nested: Any = None) -> None:
        super().__init__()
        self.first = first
        self.rest = [second]
        self.nested = {"pipe": nested}
        self.between: list[Any] = []

    def __call__(self, return_dict: bool = True) -> Any:
        images = self.first(**CAT, generator=torch.manual_seed(0)).images
        self.between.append(images[0].copy())
        if self.rest[0] is not None:
            images = self.rest[0](**CAT, image=images[0], strength=1.0, generator=torch.manual_seed(1)).images
        return diffusers.ImagePipelineOutput(images) if return_dict else (images,)


def test_a_wrapped_pipeline_inside_a_plain_one_labels(sd: Any) -> None:
    images = Outer(sd)().images
    assert only_the_label_differs(images[0], seeded(aigc_hooks.unwrap(sd), **CAT).images[0])


@pytest.mark.parametrize("return_dict", [True, False])
def test_a_wrapped_pipeline_inside_a_wrapped_one_labels_once_and_only_the_end(sd: Any, return_dict: bool) -> None:
    second = StableDiffusionImg2ImgPipeline.from_pipe(sd)
    plain = Outer(bare(sd), bare(second))
    expected = plain()[0][0]
    outer = aigc_hooks.wrap(Outer(sd, second), producer="outer")
    image = outer(return_dict=return_dict)[0][0]
    assert only_the_label_differs(image, expected)
    assert same(outer.between[0], plain.between[0])  # the second model saw the first one's picture clean
    assert producer(image) == "outer"


def test_a_wrapped_pipeline_two_floors_down_labels_once(sd: Any) -> None:
    outer = aigc_hooks.wrap(Outer(Middle(sd)), producer="outer")
    image = outer().images[0]
    assert producer(image) == "outer"
    assert only_the_label_differs(image, seeded(aigc_hooks.unwrap(sd), **CAT).images[0])


class Middle(diffusers.DiffusionPipeline):  # type: ignore[misc]
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def __call__(self, **arguments: Any) -> Any:
        return self.inner(**arguments)


# --- outputs that come back as inputs -------------------------------------------------------------------------------


@pytest.fixture
def img2img(sd: Any) -> Any:
    return StableDiffusionImg2ImgPipeline.from_pipe(sd).to("cpu")


def batch(images: Any) -> Any:
    return images


def listed(images: Any) -> Any:
    return images if isinstance(images, list) else [images]


def single(images: Any) -> Any:
    return images[0]


# Lists of batches are a form of input that diffusers takes, and deprecates.
@pytest.mark.filterwarnings("ignore:Passing `image` as a list of 4d:FutureWarning")
@pytest.mark.parametrize(
    ("output_type", "form"),
    [("pil", single), ("pil", listed), ("np", batch), ("np", listed), ("pt", batch), ("pt", listed)],
)
def test_the_model_sees_its_own_picture_clean(sd: Any, img2img: Any, output_type: str, form: Any) -> None:
    labelled = form(seeded(sd, **CAT, output_type=output_type).images)
    plain = seeded(bare(sd), **CAT, output_type=output_type).images
    # The memory layout of an array changes a convolution's last bit, and with it a pixel here and there.
    plains = [form(plain), form(numpy.ascontiguousarray(plain))] if output_type == "np" else [form(plain)]
    steps = {"strength": 0.5, "num_inference_steps": 2}
    expected = [seeded(bare(img2img), prompt="a cat", image=image, **steps).images[0] for image in plains]
    for output in (
        seeded(img2img, prompt="a cat", image=labelled, **steps),
        img2img("a cat", labelled, 0.5, 2, generator=torch.manual_seed(0)),
    ):
        assert any(only_the_label_differs(output.images[0], image) for image in expected)
        assert producer(output.images[0]) == "acme"
    if form is single:
        assert producer(labelled) == "acme"  # what the user holds keeps its label


def test_inpainting_its_own_picture(sd: Any) -> None:
    inpaint = StableDiffusionInpaintPipeline.from_pipe(sd)
    labelled = seeded(sd, **CAT).images[0]
    plain = seeded(bare(sd), **CAT).images[0]
    mask = Image.new("L", plain.size, 0)
    mask.paste(255, (0, 0, 32, 32))
    arguments = {**CAT, "mask_image": mask, "strength": 1.0, "height": 64, "width": 64, "num_inference_steps": 2}
    expected = seeded(bare(inpaint), **arguments, image=plain).images[0]
    assert only_the_label_differs(seeded(inpaint, **arguments, image=labelled).images[0], expected)


def test_an_input_that_comes_back_unchanged_keeps_its_label(sd: Any) -> None:
    class Echo(tiny.Published):
        def __call__(self, image: Any) -> Any:
            return {"images": [image], "more": {"input_image": image}}

    image = sd(**CAT).images[0]
    output = aigc_hooks.wrap(Echo(), producer="acme")(image)
    assert output["images"][0] is image
    assert output["more"]["input_image"] is image
    assert producer(image) == "acme"


# --- settings and policy --------------------------------------------------------------------------------------------


def test_override_works_at_call_time(sd: Any) -> None:
    with aigc_hooks.override(producer="other", image={"position": "top-left"}):
        image = seeded(sd, **CAT).images[0]
    assert producer(image) == "other"
    plain = seeded(aigc_hooks.unwrap(sd), **CAT).images[0]
    changed = numpy.argwhere((numpy.asarray(image) != numpy.asarray(plain)).any(axis=-1))
    assert changed.max() < 48


def test_a_pipeline_whose_pictures_are_too_small_releases_nothing_unless_told_to() -> None:
    pipe = aigc_hooks.wrap(tiny.Published(result={"images": [Image.new("RGB", (4, 4))]}), producer="acme")
    with pytest.raises(LabelError):
        pipe()
    with aigc_hooks.override(on_error="warn"), pytest.warns(UserWarning, match="released without a label"):
        assert producer(pipe()["images"][0]) is None


def test_a_required_plugin_that_is_missing() -> None:
    with pytest.raises(PluginError, match="no-such-plugin"):
        aigc_hooks.wrap(tiny.sd(), producer="acme", required_plugins=("no-such-plugin",))
    pipe = aigc_hooks.wrap(tiny.Published(result={"images": [Image.new("RGB", (64, 64))]}), producer="acme")
    with aigc_hooks.override(required_plugins=("no-such-plugin",)), pytest.raises(PluginError, match="no-such-plugin"):
        pipe()
    assert adapter._running.get() is None
