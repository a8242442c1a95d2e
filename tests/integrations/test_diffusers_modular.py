"""Modular pipelines: a state, a value or a dict comes out, and inputs stand in it among the results."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy
import pipelines as tiny
import pytest
import torch
from diffusers import ComponentsManager, ModularPipeline, ModularPipelineBlocks
from diffusers.modular_pipelines import (
    ComponentSpec,
    InputParam,
    OutputParam,
    PipelineState,
    SequentialPipelineBlocks,
)
from PIL import Image
from seen import only_the_label_differs, producer, same

import aigc_hooks
from aigc_hooks import is_wrapped


class Encode(ModularPipelineBlocks):  # type: ignore[misc]
    model_name = "tiny"

    @property
    def inputs(self) -> list[Any]:
        return [InputParam("prompt"), InputParam("image"), InputParam("seed", default=0)]

    @property
    def intermediate_outputs(self) -> list[Any]:
        return [OutputParam("prompt_embeds"), OutputParam("processed_image"), OutputParam("num_frames")]

    def __call__(self, components: Any, state: Any) -> Any:
        block = self.get_block_state(state)
        block.prompt_embeds = torch.ones(1, 4, 8)
        image = block.image
        block.processed_image = None if image is None else image.resize((64, 64)) if hasattr(image, "resize") else image
        block.num_frames = 5
        self.set_block_state(state, block)
        return components, state


class Denoise(ModularPipelineBlocks):  # type: ignore[misc]
    model_name = "tiny"

    @property
    def expected_components(self) -> list[Any]:
        return [ComponentSpec("unet", tiny.UNet2DModel)]

    @property
    def inputs(self) -> list[Any]:
        return [InputParam("seed", default=0), InputParam("image"), InputParam("output_type", default="pil")]

    @property
    def intermediate_outputs(self) -> list[Any]:
        return [OutputParam("images"), OutputParam("latents"), OutputParam("preview")]

    def __call__(self, components: Any, state: Any) -> Any:
        block = self.get_block_state(state)
        block.latents = torch.randn(1, 4, 16, 16, generator=torch.manual_seed(block.seed))
        pixels = torch.rand(1, 64, 64, 3, generator=torch.manual_seed(block.seed)).numpy() * 0.5 + 0.2
        if block.image is not None:
            pixels = pixels * 0.5 + numpy.asarray(block.image, numpy.float32)[None] / 510
        if components.unet is not None:
            pixels = components.unet(torch.from_numpy(pixels).permute(0, 3, 1, 2), 1).sample.sigmoid()
            pixels = pixels.permute(0, 2, 3, 1).numpy()
        block.images = pixels
        if block.output_type == "pil":
            block.images = [Image.fromarray((picture * 255).astype(numpy.uint8)) for picture in pixels]
        elif block.output_type == "pt":
            block.images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        elif block.output_type == "latent":
            block.images = block.latents
        block.preview = Image.new("RGB", (32, 32), (9, 99, 199))
        self.set_block_state(state, block)
        state.set("undeclared", Image.new("RGB", (32, 32), (99, 199, 9)))
        return components, state


class Film(Denoise):
    @property
    def intermediate_outputs(self) -> list[Any]:
        return [OutputParam("videos"), OutputParam("audio_scheduler")]

    def __call__(self, components: Any, state: Any) -> Any:
        block = self.get_block_state(state)
        block.videos = numpy.zeros((1, 3, 64, 64, 3), numpy.float32)
        block.audio_scheduler = object()
        self.set_block_state(state, block)
        return components, state


class Blocks(SequentialPipelineBlocks):  # type: ignore[misc]
    model_name = "tiny"
    block_classes = [Encode, Denoise]  # noqa: RUF012
    block_names = ["encode", "denoise"]  # noqa: RUF012


class FilmBlocks(Blocks):
    block_classes = [Encode, Film]  # noqa: RUF012


def modular(blocks: Any = Blocks, **settings: Any) -> Any:
    return ModularPipeline(blocks=blocks(), **settings)


def unet() -> Any:
    return tiny.ddpm().unet


@pytest.fixture
def pipe() -> Any:
    return aigc_hooks.wrap(modular(), producer="acme")


def photo() -> Image.Image:
    return Image.fromarray(numpy.random.default_rng(0).integers(60, 200, (64, 64, 3), dtype=numpy.uint8))


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
@pytest.mark.parametrize("output", [None, "images", ["images", "latents"]])
def test_state_value_and_dict(pipe: Any, output_type: str, output: Any) -> None:
    def images(result: Any) -> Any:
        return result.get("images") if output is None else result if output == "images" else result["images"]

    plain = modular()(prompt="a cat", output=output, output_type=output_type)
    result = pipe(prompt="a cat", output=output, output_type=output_type)
    assert type(result) is type(plain)
    assert type(images(result)) is type(images(plain))
    assert only_the_label_differs(images(result)[0], images(plain)[0])
    if output_type == "pil":
        assert producer(images(result)[0]) == "acme"
    if output is None:
        assert isinstance(result, PipelineState)
        assert set(vars(result)) == set(vars(plain))
    if output != "images":
        latents = result.get("latents") if output is None else result["latents"]
        assert torch.equal(latents, plain.get("latents") if output is None else plain["latents"])


def test_inputs_in_the_state_are_not_labelled(pipe: Any) -> None:
    image = photo()
    kept = image.copy()
    state = pipe(prompt="a cat", image=image)
    assert state.get("image") is image
    assert same(image, kept)
    assert "AIGC" not in image.info
    assert "AIGC" not in state.get("processed_image").info
    assert same(state.get("processed_image"), kept)
    assert state.get("num_frames") == 5
    assert pipe(prompt="a cat", image=image, output="image") is image
    assert pipe(prompt="a cat", image=image, output=["image"])["image"] is image


def test_every_picture_that_the_blocks_make_is_labelled(pipe: Any) -> None:
    state = pipe(prompt="a cat")
    assert [producer(picture) for picture in (*state.get("images"), state.get("preview"), state.get("undeclared"))] == [
        "acme"
    ] * 3


class Crop(Denoise):
    @property
    def intermediate_outputs(self) -> list[Any]:
        return [OutputParam("cropped_image")]

    def __call__(self, components: Any, state: Any) -> Any:
        state.set("cropped_image", photo())
        return components, state


def test_only_what_was_given_a_picture_can_derive_one() -> None:
    pipe = aigc_hooks.wrap(modular(Crop), producer="acme")
    assert producer(pipe(output="cropped_image")) == "acme"
    assert producer(pipe(image=photo(), output="cropped_image")) is None


def test_latents_embeddings_and_nothing(pipe: Any) -> None:
    assert pipe(prompt="a cat", output="prompt_embeds").shape == (1, 4, 8)
    assert torch.equal(pipe(output_type="latent", output="images"), modular()(output_type="latent", output="images"))
    assert pipe(output="no such value") is None
    assert pipe(output="num_frames") == 5


def test_a_labelled_output_as_input_reaches_the_blocks_clean(pipe: Any) -> None:
    plain = modular()
    labelled, clean = pipe(output="images")[0], plain(output="images")[0]
    result = pipe(image=labelled, seed=1)
    expected = plain(image=clean, seed=1)
    assert only_the_label_differs(result.get("images")[0], expected.get("images")[0])
    assert result.get("image") is labelled  # comes back as it was given
    assert producer(result.get("image")) == "acme"


def test_a_state_that_is_passed_back_in(pipe: Any) -> None:
    plain = modular()
    labelled, clean = pipe(output="images")[0], plain(output="images")[0]
    state, plain_state = pipe(image=labelled, seed=1), plain(image=clean, seed=1)
    first = aigc_hooks.read_label(state.get("images")[0]).label
    for arguments in ({"state": state, "seed": 2}, {"state": copy.deepcopy(state), "seed": 2}):
        again, plain_again = pipe(**arguments), plain(state=plain_state, seed=2)
        assert type(again) is PipelineState
        assert set(vars(again)) == set(vars(plain_again))
        assert only_the_label_differs(again.get("images")[0], plain_again.get("images")[0])
        assert producer(again.get("image")) == "acme"
        assert again.get("image") is not labelled  # diffusers copies what is in a state
        pickle.loads(pickle.dumps(again))
    again = pipe(state, seed=2)
    assert aigc_hooks.read_label(state.get("images")[0]).label == first  # the user's own state is untouched
    assert only_the_label_differs(state.get("images")[0], plain_state.get("images")[0])
    assert producer(again.get("images")[0]) == "acme"


def test_pictures_that_stay_in_a_state_keep_their_label(pipe: Any) -> None:
    state = pipe(prompt="a cat")
    only_encode = aigc_hooks.wrap(modular(Encode), producer="acme")
    after = only_encode(state=state)
    assert aigc_hooks.read_label(after.get("images")[0]).label == aigc_hooks.read_label(state.get("images")[0]).label
    assert same(after.get("images")[0], state.get("images")[0])


@pytest.mark.parametrize("output", [None, "videos", ["videos"]])
def test_video_is_labelled(output: Any) -> None:
    pipe = aigc_hooks.wrap(modular(FilmBlocks), producer="acme")
    made = pipe(prompt="a cat", output=output)
    videos = made if output == "videos" else made["videos"] if output else made.get("videos")
    label = aigc_hooks.read_label(videos[0]).label
    assert label is not None
    assert label.content_producer == "acme"
    assert all(only_the_label_differs(frame, numpy.zeros((64, 64, 3))) for frame in videos[0])


def test_copies_and_the_class(pipe: Any) -> None:
    assert isinstance(pipe, ModularPipeline)
    assert type(pipe).__name__ == "ModularPipeline"
    clone = copy.copy(pipe)
    assert is_wrapped(clone)
    assert producer(clone(output="images")[0]) == "acme"
    made = aigc_hooks.wrap(ModularPipeline, producer="acme")(blocks=Blocks())
    assert producer(made(output="images")[0]) == "acme"
    assert not is_wrapped(modular())
    assert producer(aigc_hooks.unwrap(pipe)(output="images")[0]) is None


def test_components_are_shared_through_update_and_manager() -> None:
    pipe = aigc_hooks.wrap(modular(), producer="acme")
    pipe.update_components(unet=unet())
    assert producer(pipe(output="images")[0]) == "acme"
    other = modular()
    assert not is_wrapped(other)
    other.update_components(unet=pipe.unet)
    assert producer(other(output="images")[0]) == "acme"
    assert is_wrapped(tiny.DDPMPipeline(unet=pipe.unet, scheduler=tiny.DDPMScheduler()))

    manager = ComponentsManager()
    first = aigc_hooks.wrap(modular(components_manager=manager, collection="one"), producer="acme")
    first.update_components(unet=unet())
    second = modular(components_manager=manager, collection="two")
    second.update_components(unet=manager.get_one(name="unet"))
    assert is_wrapped(second)


def test_a_modular_pipeline_from_the_models_of_a_wrapped_ordinary_one() -> None:
    ordinary = aigc_hooks.wrap(tiny.ddpm(), producer="acme")
    pipe = modular()
    pipe.update_components(unet=ordinary.unet)
    assert producer(pipe(output="images")[0]) == "acme"
