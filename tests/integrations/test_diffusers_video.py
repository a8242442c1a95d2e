"""Films out of pipelines: every frame labelled and nothing else changed, sound in step, files that keep both labels."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pipelines as tiny
import pytest
import torch
from diffusers import ImagePipelineOutput
from diffusers.pipelines.cosmos.pipeline_cosmos3_omni import Cosmos3OmniPipelineOutput
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_zero import TextToVideoPipelineOutput
from diffusers.pipelines.kandinsky6.pipeline_output import Kandinsky6TI2VAPipelineOutput
from diffusers.pipelines.ltx2.pipeline_output import LTX2PipelineOutput
from diffusers.utils import BaseOutput, encode_video, export_to_gif, export_to_video
from PIL import Image
from seen import only_the_label_differs, producer, same

import aigc_hooks
from aigc_hooks import UnsupportedOutputError, find_rhythm, read_label

RATE = 16_000


def wrapped(pipe: Any, **settings: Any) -> Any:
    return aigc_hooks.wrap(pipe, **{"producer": "acme", **settings})


def seeded(pipe: Any, **arguments: Any) -> Any:
    return pipe(**arguments, **tiny.STEPS, generator=torch.manual_seed(0))


REAL: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "animatediff": (tiny.animatediff, tiny.ANIMATEDIFF),
    "wan": (tiny.wan, {**tiny.WAN, "height": 64, "width": 64}),
    "cogvideox": (tiny.cogvideox, tiny.COGVIDEOX),
}


@pytest.mark.parametrize(
    ("name", "output_type", "return_dict"),
    [
        ("animatediff", "pil", True),
        ("wan", "pil", False),
        ("wan", "np", True),
        ("wan", "pt", True),
        ("cogvideox", "np", False),
    ],
)
def test_real_pipelines_label_every_frame_and_change_nothing_else(
    name: str, output_type: str, return_dict: bool
) -> None:
    build, arguments = REAL[name]
    pipe = build()
    plain = seeded(pipe, **arguments, output_type=output_type).frames
    made = seeded(wrapped(pipe), **arguments, output_type=output_type, return_dict=return_dict)
    films = made[0]
    if return_dict:
        assert films is made.frames is made["frames"]
    assert type(films) is type(plain)
    assert len(films) == len(plain) == 1
    assert len(films[0]) == len(plain[0]) > 1
    for one, other in zip(films[0], plain[0], strict=True):
        assert only_the_label_differs(one, other)
    assert read_label(films[0][0]).label == read_label(films[0][-1]).label


def test_latents_pass() -> None:
    pipe = tiny.wan()
    plain = seeded(pipe, **tiny.WAN, output_type="latent").frames
    assert torch.equal(seeded(wrapped(pipe), **tiny.WAN, output_type="latent").frames, plain)


def test_from_the_pipeline_to_the_file(tmp_path: Path) -> None:
    pipe = wrapped(tiny.wan())
    size = {"height": 64, "width": 64}
    labels = []
    for output_type in ("pil", "np"):
        film = seeded(pipe, **{**tiny.WAN, **size}, output_type=output_type).frames[0]
        for number, export in enumerate((export_to_video, lambda shown, path: encode_video(shown, 8, path))):
            path = tmp_path / f"{output_type}{number}.mp4"
            export(film, str(path))
            assert read_label(path).conforms
            assert read_label(path).label == read_label(film[0]).label
        labels.append(read_label(film[0]).label)
    assert labels[0] != labels[1]
    film = seeded(pipe, **{**tiny.WAN, **size}, output_type="pil").frames[0]
    export_to_gif(film, str(tmp_path / "cat.gif"))
    assert read_label(tmp_path / "cat.gif").label == read_label(film[0]).label


# --- outputs of every form -------------------------------------------------------------------------------------------


def grey(*shape: int) -> Any:
    return numpy.full(shape, 0.4, numpy.float32)


def frames(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (64, 64), (9 * number, 99, 99)) for number in range(count)]


class Speaking(tiny.Published):
    """One whose models tell at what rate they speak."""

    vocoder = SimpleNamespace(config=SimpleNamespace(output_sampling_rate=RATE))


def tone() -> torch.Tensor:
    return torch.sin(torch.arange(RATE) / 7).repeat(1, 2, 1) / 2


FILMS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "frames": (lambda: LTX2PipelineOutput(frames=[frames(3), frames(2)], audio=None), lambda made: made.frames[1]),
    "an array": (lambda: LTX2PipelineOutput(frames=grey(2, 3, 64, 64, 3), audio=None), lambda made: made.frames[1]),
    "omni, pictures": (lambda: Cosmos3OmniPipelineOutput(video=frames(3)), lambda made: made.video),
    "omni, array": (lambda: Cosmos3OmniPipelineOutput(video=grey(3, 64, 64, 3)), lambda made: made.video),
    "omni, tensor": (lambda: Cosmos3OmniPipelineOutput(video=torch.full((3, 3, 64, 64), 0.4)), lambda made: made.video),
    "zero, pictures": (
        lambda: TextToVideoPipelineOutput(images=frames(3), nsfw_content_detected=[False] * 3),
        lambda made: made.images,
    ),
    "zero, array": (
        lambda: TextToVideoPipelineOutput(images=grey(3, 64, 64, 3), nsfw_content_detected=None),
        lambda made: made.images,
    ),
    "five axes called images": (lambda: ImagePipelineOutput(images=grey(1, 3, 64, 64, 3)), lambda made: made.images[0]),
    "five axes, unknown": (
        lambda: {"result": torch.full((1, 3, 5, 64, 64), 0.4)},
        lambda made: made["result"][0].swapaxes(0, 1),
    ),
    "five axes, bare": (lambda: grey(1, 3, 64, 64, 3), lambda made: made[0]),
    "half precision": (
        lambda: BaseOutput(frames=torch.full((1, 3, 3, 64, 64), 0.4, dtype=torch.bfloat16)),
        lambda made: made.frames[0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILMS)
def test_films_are_known_by_the_names_and_shapes_of_fields(name: str) -> None:
    build, take = FILMS[name]
    made = take(wrapped(tiny.Published(result=build()))())
    for one, other in zip(made, take(build()), strict=True):
        assert only_the_label_differs(one, other)


class TextToVideoTomorrowPipeline(tiny.Published):
    pass


def test_a_pipeline_of_videos_may_call_its_frames_images() -> None:
    result = (frames(40), None)
    style = {"coverage": "opening"}
    pipe = wrapped(TextToVideoTomorrowPipeline(result=result), video=style)
    made, flags = pipe()
    assert flags is None
    assert len({read_label(frame).label for frame in made}) == 1
    assert producer(wrapped(TextToVideoTomorrowPipeline(result=Image.new("RGB", (64, 64))))()) == "acme"


@pytest.mark.parametrize("name", ["fps", "frame_rate", "target_fps"])
def test_the_rate_of_the_call_counts_and_an_unknown_one_is_assumed(name: str, caplog: pytest.LogCaptureFixture) -> None:
    class Timed(tiny.Published):
        def __call__(self, fps: float | None = None, frame_rate: Any = None, target_fps: Any = None) -> Any:
            return LTX2PipelineOutput(frames=[frames(130)], audio=None)

    pipe = wrapped(Timed(), video={"coverage": "opening"})
    with caplog.at_level(logging.INFO, "aigc_hooks.audit"):
        pipe(**{name: 25})
        pipe()
    assert "pixels of 50 of 130 frames, 25 a second" in caplog.text
    assert "pixels of 120 of 130 frames, 60 (assumed) a second" in caplog.text


# --- sound that comes with a film ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "take"),
    [
        (lambda: LTX2PipelineOutput(frames=[frames(3)], audio=tone()), lambda made: made.audio),
        (lambda: Kandinsky6TI2VAPipelineOutput(frames=[frames(3)], audio=tone()[:, 0]), lambda made: made.audio),
        (lambda: Cosmos3OmniPipelineOutput(video=frames(3), sound=tone()[0]), lambda made: made.sound),
        (lambda: {"videos": [frames(3)], "sound": tone()[0]}, lambda made: made["sound"]),
    ],
)
def test_sound_stays_in_step_with_its_film(build: Any, take: Any) -> None:
    plain = take(build())
    sound = take(wrapped(Speaking(result=build()))())
    assert torch.equal(sound[..., :RATE], plain)
    (rhythm,) = find_rhythm(sound.reshape(-1, sound.shape[-1])[0], RATE)
    assert rhythm.start >= 1.0
    made = wrapped(Speaking(result=build()), video={"sound": "start"})()
    assert torch.equal(take(made)[..., -RATE:], plain)
    untouched = take(wrapped(Speaking(result=build()), video={"sound": "none"})())
    assert torch.equal(untouched, plain)


def test_as_a_tuple() -> None:
    class LTX2TomorrowPipeline(Speaking):
        def __call__(self, return_dict: bool = True) -> Any:
            if not return_dict:
                return [frames(3)], tone()
            return LTX2PipelineOutput(frames=[frames(3)], audio=tone())

    film, sound = wrapped(LTX2TomorrowPipeline())(return_dict=False)
    assert all(only_the_label_differs(one, other) for one, other in zip(film[0], frames(3), strict=True))
    assert torch.equal(sound[..., :RATE], tone())
    assert len(find_rhythm(sound[0], RATE)) == 1


def test_film_and_sound_in_one_file(tmp_path: Path) -> None:
    made = wrapped(Speaking(result=LTX2PipelineOutput(frames=[frames(8)], audio=tone())))()
    path = tmp_path / "film.mp4"
    encode_video(made.frames[0], 8, str(path), audio=made.audio[0], audio_sample_rate=RATE)
    assert read_label(path).conforms
    assert read_label(path).label == read_label(made.frames[0][0]).label


def test_sound_alone_has_its_label_where_sound_has_it() -> None:
    sound = wrapped(Speaking(result=LTX2PipelineOutput(frames=None, audio=tone())))().audio
    assert torch.equal(sound[..., -RATE:], tone())


# --- what goes back in, and what is no film --------------------------------------------------------------------------


def test_a_model_gets_its_own_frames_back_without_the_label() -> None:
    class Echo(tiny.Published):
        def __call__(self, video: Any = None) -> Any:
            self.seen = video
            return LTX2PipelineOutput(frames=[frames(2)], audio=None)

    pipe = wrapped(Echo())
    for plain in (frames(3), grey(3, 64, 64, 3), grey(1, 3, 64, 64, 3), torch.full((1, 3, 3, 64, 64), 0.4)):
        given = plain.copy() if not isinstance(plain, torch.Tensor) else plain.clone()
        given = [frame.copy() for frame in given] if isinstance(given, list) else given
        aigc_hooks.label(given, fps=8, producer="acme")
        pipe(video=given)
        seen = pipe.seen if isinstance(pipe.seen, list) or pipe.seen.ndim == 4 else pipe.seen[0]
        before = plain if isinstance(plain, list) or plain.ndim == 4 else plain[0]
        assert all(same(one, other) for one, other in zip(seen, before, strict=True))


@pytest.mark.parametrize(
    "value",
    [[], [0.5], [["a frame"]], grey(3), grey(2, 3, 4, 64, 64, 3), "film.mp4", object()],
)
def test_what_is_no_film_is_not_released(value: Any) -> None:
    with pytest.raises(UnsupportedOutputError, match="video"):
        wrapped(tiny.Published(result=LTX2PipelineOutput(frames=value, audio=None)))()
