"""Every kind of output: pictures leave labelled, latents unchanged, and what cannot be labelled does not leave."""

from __future__ import annotations

import dataclasses
import logging
from collections import namedtuple
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy
import pipelines as tiny
import pytest
import torch
from diffusers import ImagePipelineOutput
from diffusers.pipelines.deprecated.stable_diffusion_ldm3d.pipeline_stable_diffusion_ldm3d import LDM3DPipelineOutput
from diffusers.pipelines.deprecated.stable_diffusion_safe import StableDiffusionSafePipelineOutput
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_zero import TextToVideoPipelineOutput
from diffusers.pipelines.deprecated.unidiffuser.pipeline_unidiffuser import ImageTextPipelineOutput
from diffusers.pipelines.kandinsky5.pipeline_output import KandinskyImagePipelineOutput
from diffusers.pipelines.ltx2.pipeline_output import LTX2PipelineOutput
from diffusers.pipelines.pipeline_utils import AudioPipelineOutput
from diffusers.pipelines.rfd4_proteina.pipeline_output import RFD4ProteinaPipelineOutput
from diffusers.pipelines.shap_e.pipeline_shap_e import ShapEPipelineOutput
from diffusers.utils import BaseOutput
from PIL import Image
from seen import only_the_label_differs, pixels, producer, same

import aigc_hooks
from aigc_hooks import LabelError, UnsupportedOutputError, find_rhythm

CAT = {"prompt": "a cat", **tiny.STEPS}
ZEROS = torch.zeros(1, 8)


def photo(seed: int = 0, side: int = 64) -> Image.Image:
    noise = numpy.random.default_rng(seed).integers(60, 200, (side, side, 3), dtype=numpy.uint8)
    return Image.fromarray(noise)


def seeded(pipe: Any, **arguments: Any) -> Any:
    return pipe(**arguments, generator=torch.manual_seed(0))


def wrapped(pipe: Any, **settings: Any) -> Any:
    return aigc_hooks.wrap(pipe, **{"producer": "acme", **settings})


@pytest.fixture
def sd() -> Any:
    return wrapped(tiny.sd())


# --- real pipelines -------------------------------------------------------------------------------------------------

REAL: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "stable diffusion": (tiny.sd, CAT),
    "latent consistency": (tiny.lcm, CAT),
    "controlnet": (tiny.controlnet, {**CAT, "image": photo()}),
    "upscaler": (tiny.upscaler, {**CAT, "image": photo(side=32)}),
    "sdxl": (tiny.sdxl, CAT),
    "sd3": (tiny.sd3, {**tiny.SD3, **tiny.STEPS}),
    "flux": (tiny.flux, {**tiny.FLUX, **tiny.STEPS}),
    "pixart": (tiny.pixart, {**tiny.PIXART, **tiny.STEPS}),
    "dit": (tiny.dit, {"class_labels": [1], **tiny.STEPS}),
    "ddpm": (tiny.ddpm, tiny.STEPS),
    "ddim": (lambda: tiny.ddpm(tiny.DDIMPipeline), tiny.STEPS),
    "kandinsky decoder": (
        tiny.kandinsky_decoder,
        {"image_embeds": ZEROS, "negative_image_embeds": ZEROS, "height": 64, "width": 64, **tiny.STEPS},
    ),
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("output_type", ["pil", "np"])
def test_real_pipelines_label_each_picture_once_and_change_nothing_else(name: str, output_type: str) -> None:
    build, arguments = REAL[name]
    pipe = build()
    before = seeded(pipe, **arguments, output_type=output_type)
    after = seeded(wrapped(pipe), **arguments, output_type=output_type)
    assert type(after) is type(before)
    assert type(after.images) is type(before.images)
    assert len(after.images) == len(before.images) == 1
    assert type(after.images[0]) is type(before.images[0])
    assert only_the_label_differs(after.images[0], before.images[0])
    assert after.images is after["images"] is after[0]
    if output_type == "pil":
        assert producer(after.images[0]) == "acme"


@pytest.mark.parametrize("name", ["stable diffusion", "flux", "ddpm"])
def test_tensors_are_labelled_where_they_are(name: str) -> None:
    build, arguments = REAL[name]
    pipe = build()
    before = seeded(pipe, **arguments, output_type="pt").images
    after = seeded(wrapped(pipe), **arguments, output_type="pt").images
    assert type(after) is type(before)
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert only_the_label_differs(after[0], before[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_pipelines(dtype: torch.dtype) -> None:
    pipe = tiny.sd().to(dtype=dtype)
    before = seeded(pipe, **CAT, output_type="pt").images
    after = seeded(wrapped(pipe), **CAT, output_type="pt").images
    assert after.dtype is before.dtype
    assert only_the_label_differs(after[0], before[0])


def test_in_inference_mode_too(sd: Any) -> None:
    with torch.inference_mode():
        images = seeded(sd, **CAT, output_type="pt").images
        plain = seeded(aigc_hooks.unwrap(sd), **CAT, output_type="pt").images
    assert only_the_label_differs(images[0], plain[0])


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_return_dict_false_keeps_the_tuple(sd: Any, output_type: str) -> None:
    after = seeded(sd, **CAT, output_type=output_type, return_dict=False)
    before = seeded(aigc_hooks.unwrap(sd), **CAT, output_type=output_type, return_dict=False)
    assert type(after) is tuple
    assert len(after) == len(before) == 2
    assert after[1] is None
    assert type(after[0]) is type(before[0])
    assert only_the_label_differs(after[0][0], before[0][0])


def test_batches(sd: Any) -> None:
    images = sd(["a cat", "a"], num_images_per_prompt=2, num_inference_steps=1).images
    assert [producer(image) for image in images] == ["acme"] * 4
    assert len({aigc_hooks.read_label(image).label.produce_id for image in images}) == 4
    arrays = sd(["a cat", "a"], num_inference_steps=1, output_type="np", generator=torch.manual_seed(0)).images
    plain = aigc_hooks.unwrap(sd)(
        ["a cat", "a"], num_inference_steps=1, output_type="np", generator=torch.manual_seed(0)
    )
    assert all(only_the_label_differs(*pair) for pair in zip(arrays, plain.images, strict=True))


def test_the_safety_checker_s_verdict_is_untouched() -> None:
    pipe = wrapped(
        tiny.Published(result=lambda _: StableDiffusionSafePipelineOutput([photo()], [True], [photo(1)], "none"))
    )
    output = pipe()
    assert output.nsfw_content_detected == [True]
    assert output.applied_safety_concept == "none"
    assert producer(output.images[0]) == producer(output.unsafe_images[0]) == "acme"


def test_ldm3d_labels_rgb_and_leaves_depth() -> None:
    pipe = tiny.ldm3d()
    for return_dict in (True, False):
        arguments = {**CAT, "output_type": "np", "return_dict": return_dict}
        before = seeded(aigc_hooks.unwrap(pipe), **arguments)
        after = seeded(wrapped(pipe), **arguments)
        assert type(after) is type(before)
        rgb, depth = (after.rgb, after.depth) if return_dict else after[0]
        plain_rgb, plain_depth = (before.rgb, before.depth) if return_dict else before[0]
        assert only_the_label_differs(rgb[0], plain_rgb[0])
        assert same(depth, plain_depth)


def test_depth_maps_and_masks_in_pillow_form_stay_clean() -> None:
    depth, mask = Image.new("I;16", (64, 64), 9), Image.new("L", (64, 64))
    pipe = wrapped(tiny.Published(result=lambda _: {"rgb": [photo()], "depth": [depth], "mask_image": mask}))
    output = pipe()
    assert producer(output["rgb"][0]) == "acme"
    assert "AIGC" not in depth.info
    assert "AIGC" not in mask.info
    assert depth.getextrema() == (9, 9)
    pipe = wrapped(tiny.Published(result=lambda _: LDM3DPipelineOutput([photo()], [depth], None)))
    assert producer(pipe().rgb[0]) == "acme"
    assert depth.getextrema() == (9, 9)


def test_marigold_s_prediction_is_no_picture(caplog: pytest.LogCaptureFixture) -> None:
    pipe = tiny.marigold()
    for return_dict in (True, False):
        arguments = {"image": photo(), "return_dict": return_dict, "output_uncertainty": False}
        before = seeded(aigc_hooks.unwrap(pipe), **arguments)
        after = seeded(wrapped(pipe), **arguments)
        assert len(after) == len(before)
        assert same(after[0], before[0])


# --- latents and embeddings -----------------------------------------------------------------------------------------


class LatentByDefault(tiny.StableDiffusionPipeline):  # type: ignore[misc]
    def __call__(self, prompt: str, output_type: str = "latent", **rest: Any) -> Any:
        return super().__call__(prompt, output_type=output_type, **rest)


def test_latents_pass_unchanged_with_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="aigc_hooks.diffusers")
    pipe = tiny.sd(LatentByDefault)
    plain = seeded(pipe, **CAT).images
    wrapped(pipe)
    assert torch.equal(seeded(pipe, **CAT).images, plain)
    assert torch.equal(seeded(pipe, **CAT, output_type="latent").images, plain)
    assert torch.equal(pipe("a cat", "latent", num_inference_steps=2, generator=torch.manual_seed(0)).images, plain)
    assert torch.equal(seeded(pipe, **CAT, return_dict=False)[0], plain)
    lines = [record.message for record in caplog.records if "passes unlabelled" in record.message]
    assert lines == ["LatentByDefault: images passes unlabelled: latents and embeddings are no content"]
    assert producer(seeded(pipe, **CAT, output_type="pil").images[0]) == "acme"


def test_the_latents_of_flux_pass() -> None:
    pipe = tiny.flux()
    arguments = {**tiny.FLUX, **tiny.STEPS, "output_type": "latent"}
    assert torch.equal(seeded(pipe, **arguments).images, seeded(wrapped(pipe), **arguments).images)


@pytest.mark.parametrize("build", [tiny.ddpm, tiny.dit])
def test_asking_for_latents_of_a_pipeline_that_gives_pixels_all_the_same(build: Any) -> None:
    pipe = build()
    arguments = {**tiny.STEPS, "output_type": "latent", **({"class_labels": [1]} if build is tiny.dit else {})}
    before, after = seeded(pipe, **arguments).images, seeded(wrapped(pipe), **arguments).images
    assert only_the_label_differs(after[0], before[0])


@pytest.mark.parametrize("return_dict", [True, False])
def test_the_embeddings_of_a_prior_pass(return_dict: bool) -> None:
    pipe = tiny.kandinsky_prior()
    arguments = {**CAT, "return_dict": return_dict}
    before, after = seeded(pipe, **arguments), seeded(wrapped(pipe), **arguments)
    assert type(after) is type(before)
    assert len(after) == len(before) == 2
    assert all(torch.equal(one, other) for one, other in zip(tuple(after[:]), tuple(before[:]), strict=True))


def test_protein_coordinates_pass() -> None:
    fields = {field.name: torch.rand(1, 20, 3) for field in dataclasses.fields(RFD4ProteinaPipelineOutput)}
    output = wrapped(tiny.Published(result=lambda _: RFD4ProteinaPipelineOutput(**fields)))()
    assert all(output[name] is value for name, value in fields.items())


def test_latents_beside_pictures(sd: Any) -> None:
    latents = torch.rand(1, 3, 64, 64)
    pipe = wrapped(
        tiny.Published(result=lambda _: {"images": [photo()], "latents": latents, "scores": [0.5], "seed": 3})
    )
    kept = latents.clone()
    output = pipe()
    assert torch.equal(output["latents"], kept)
    assert output["scores"] == [0.5]
    assert producer(output["images"][0]) == "acme"


# --- a pipeline that is published tomorrow --------------------------------------------------------------------------


@dataclasses.dataclass
class TomorrowOutput(BaseOutput):  # type: ignore[misc]
    generated_images: Any
    composition: Any = None


@dataclasses.dataclass
class PlainRecord:
    picture: Any
    seed: int = 1


@dataclasses.dataclass(frozen=True)
class FrozenRecord:
    canvas: Any


Pair = namedtuple("Pair", ["result", "extra"])


class TomorrowPipeline(tiny.Published):
    def __call__(self, prompt: str = "", return_dict: bool = True) -> Any:
        if not return_dict:
            return (self.result, None)
        return TomorrowOutput(generated_images=self.result)


@pytest.mark.parametrize("kind", ["pil", "np", "pt", "nested"])
@pytest.mark.parametrize("return_dict", [True, False])
def test_unknown_class_and_unknown_fields(kind: str, return_dict: bool) -> None:
    plain = numpy.stack([pixels(photo(seed)) for seed in (0, 1)]).astype(numpy.float32)
    result: Any = {
        "pil": [photo(0), photo(1)],
        "np": plain.copy(),
        "pt": torch.from_numpy(plain.copy()).permute(0, 3, 1, 2).contiguous(),
        "nested": [[photo(0)], [photo(1)]],
    }[kind]
    output = wrapped(TomorrowPipeline(result=result))(return_dict=return_dict)
    pictures = output.generated_images if return_dict else output[0]
    assert pictures is result
    assert type(output) is (TomorrowOutput if return_dict else tuple)
    assert len(output) == (1 if return_dict else 2)
    flat = [picture[0] for picture in pictures] if kind == "nested" else pictures
    for seed, picture in enumerate(flat):
        assert only_the_label_differs(picture, photo(seed) if kind in ("pil", "nested") else plain[seed])


@pytest.mark.parametrize(
    ("result", "pictures"),
    [
        (lambda: photo(), lambda o: [o]),
        (lambda: [photo(), None, photo(1)], lambda o: [o[0], o[2]]),
        (lambda: PlainRecord(photo()), lambda o: [o.picture]),
        (lambda: FrozenRecord((photo(),)), lambda o: o.canvas),
        (lambda: Pair([photo()], 1), lambda o: o.result),
        (lambda: {"composition": photo(), "nested": {"deep": [photo(1)]}}, lambda o: [o["nested"]["deep"][0]]),
        (lambda: KandinskyImagePipelineOutput(image=photo()), lambda o: [o.image]),
        (lambda: TextToVideoPipelineOutput([photo(), photo(1)], [False]), lambda o: o.images),
        (lambda: ShapEPipelineOutput(images=[[photo(), photo(1)]]), lambda o: o.images[0]),
        (lambda: BaseOutput(images=[photo()]), lambda o: o.images),
        (lambda: TomorrowOutput(None, ImagePipelineOutput([photo()])), lambda o: o.composition.images),
        (lambda: ((photo(),), "cat"), lambda o: o[0]),
    ],
)  # fmt: skip
def test_outputs_of_any_form(result: Any, pictures: Any) -> None:
    made = result()
    output = wrapped(tiny.Published(result=made))()
    assert type(output) is type(made)
    assert [producer(picture) for picture in pictures(output)] == ["acme"] * len(pictures(made))


def test_arrays_of_one_and_of_four_channels_where_the_field_is_known() -> None:
    grey, layered = numpy.full((1, 64, 64, 1), 0.5, numpy.float32), numpy.full((1, 64, 64, 4), 0.5, numpy.float32)
    output = wrapped(tiny.Published(result={"images": grey, "rgba_images": layered}))()
    assert output["images"] is grey
    assert len(numpy.unique(grey)) > 1
    assert len(numpy.unique(layered)) > 1


# --- what cannot be labelled yet ------------------------------------------------------------------------------------

SOUND = numpy.zeros((1, 2, 16_000), numpy.float32)


@dataclasses.dataclass
class UnknownOutput(BaseOutput):  # type: ignore[misc]
    result: Any


REFUSED: dict[str, tuple[Any, str]] = {
    "video": (LTX2PipelineOutput(frames=[], audio=None), "video"),
    "video of numbers": (LTX2PipelineOutput(frames=[0.5], audio=None), "video"),
    "five axes": (ImagePipelineOutput(images=numpy.zeros((1, 5, 32, 32, 7), numpy.float32)), "video"),
    "sound": (AudioPipelineOutput(audios=SOUND), "rate of this sound"),
    "sound beside pictures": (BaseOutput(images=[photo()], audios=SOUND), "rate of this sound"),
    "sound beside latents": (LTX2PipelineOutput(frames=None, audio=torch.zeros(1, 2, 99)), "rate of this sound"),
    "parts of a mesh": (BaseOutput(verts=torch.rand(40, 3)), "3-D"),
    "neural field": (ShapEPipelineOutput(images=[object()]), "no picture"),
    "waveform": ({"waveform": SOUND}, "rate of this sound"),
    "numbers of a sound": ({"audio": [0.0, 0.5]}, "rate of this sound"),
    "file of a sound": ({"audio": "/tmp/cat.wav"}, "not known as sound"),
    "unknown numbers": (UnknownOutput(result=SOUND), "nothing in it is known"),
    "unknown object": (UnknownOutput(result=object()), "nothing in it is known"),
    "file in memory": (UnknownOutput(result=b"\x89PNG"), "nothing in it is known"),
    "path of a file": ("/tmp/cat.png", "no picture"),
    "generator": ((step for step in ()), "no picture"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_labelled_is_not_released(name: str) -> None:
    output, words = REFUSED[name]
    with pytest.raises(UnsupportedOutputError, match=words) as caught:
        wrapped(tiny.Published(result=output))()
    assert "unwrap()" in str(caught.value)
    assert caught.value.stage == "detect"


@pytest.mark.parametrize("name", ["sound", "five axes", "unknown numbers"])
def test_nor_as_a_tuple(name: str) -> None:
    output = REFUSED[name][0]
    with pytest.raises(LabelError):
        wrapped(tiny.Published(result=tuple(output.values())))()


def test_texts_are_labelled_beside_pictures_and_alone() -> None:
    output = wrapped(tiny.Published(result=ImageTextPipelineOutput(images=[photo()], text=["a cat", '{"a": 1}'])))()
    assert output.text == ["a cat\n\n（本内容由AI生成）", '{"a": 1}']
    assert producer(output.images[0]) == "acme"
    alone = wrapped(tiny.Published(result=ImageTextPipelineOutput(images=None, text=["a cat"])))()
    assert alone.text == ["a cat\n\n（本内容由AI生成）"]


def test_real_sound() -> None:
    pipe = tiny.dance()
    bare = pipe(**tiny.STEPS, audio_length_in_s=0.004, generator=torch.manual_seed(0)).audios
    wrapped(pipe)
    for return_dict in (True, False):
        output = pipe(**tiny.STEPS, audio_length_in_s=0.004, return_dict=return_dict, generator=torch.manual_seed(0))
        assert len(find_rhythm(output[0], 16_000)) == 1
        assert numpy.array_equal(output[0][..., -bare.shape[-1] :], bare)


class Vocoder(torch.nn.Module):
    config = SimpleNamespace(sampling_rate=16_000)


@pytest.mark.parametrize(
    "sound",
    [SOUND, torch.from_numpy(SOUND), [SOUND[0], SOUND[0]], [0.0] * 16_000],
    ids=["array", "tensor", "list", "numbers"],
)
def test_sound_at_the_rate_of_the_last_model(sound: Any) -> None:
    pipe = tiny.Published(result=AudioPipelineOutput(audios=sound))
    pipe.vocoder = Vocoder()
    # What it reads has another rate than what it makes.
    pipe.feature_extractor = SimpleNamespace(sampling_rate=48_000, config=SimpleNamespace(sampling_rate=48_000))
    audios = wrapped(pipe)().audios
    for each in audios if isinstance(sound, list) and not isinstance(sound[0], float) else [audios]:
        assert len(find_rhythm(numpy.asarray(each), 16_000)) == 1


def test_sound_beside_pictures() -> None:
    pipe = tiny.Published(result=BaseOutput(images=[photo()], audios=SOUND))
    pipe.vocoder = Vocoder()
    output = wrapped(pipe)()
    assert producer(output.images[0]) == "acme"
    assert len(find_rhythm(output.audios, 16_000)) == 1


def test_warn_lets_it_go_with_a_warning_and_a_record(caplog: pytest.LogCaptureFixture) -> None:
    pipe = wrapped(tiny.Published(result=AudioPipelineOutput(audios=SOUND)), on_error="warn")
    with pytest.warns(UserWarning, match=r"released without a label.*rate of this sound"):
        assert pipe().audios is SOUND


def test_pixels_out_of_range_are_not_released() -> None:
    pipe = wrapped(tiny.Published(result=ImagePipelineOutput(images=numpy.full((1, 64, 64, 3), 9.0, numpy.float32))))
    with pytest.raises(LabelError, match="0–1"):
        pipe()


def test_the_pipeline_s_own_watermark_is_left_as_it_is() -> None:
    class Watermark:
        seen: list[Any] = []  # noqa: RUF012

        def apply_watermark(self, images: Any) -> Any:
            self.seen.append(images.clone())
            return images * 0.5 + 0.25

    pipe = tiny.sdxl()
    pipe.watermark = Watermark()
    before = seeded(pipe, **CAT, output_type="np").images
    after = seeded(wrapped(pipe), **CAT, output_type="np").images
    assert len(Watermark.seen) == 2
    assert torch.equal(*Watermark.seen)
    assert only_the_label_differs(after[0], before[0])


def test_manual_decoding_is_not_covered(sd: Any) -> None:
    # Documented: only what a call of the pipeline returns is labelled.
    latents = seeded(sd, **CAT, output_type="latent").images
    decoded = sd.vae.decode(latents.detach() / sd.vae.config.scaling_factor, return_dict=False)[0].detach()
    image = sd.image_processor.postprocess(decoded)[0]
    assert producer(image) is None
    assert producer(aigc_hooks.label(image, producer="acme")) == "acme"
