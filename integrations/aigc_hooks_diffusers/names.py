"""What the names of a pipeline's outputs say of what they hold, and how its code names the items of a tuple."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any

# Words in the names of output fields. All 95 output classes of diffusers together have some forty names; a class that
# is published tomorrow will choose its own of the same words.
PICTURES = frozenset(("image", "images", "picture", "pictures", "photo", "photos", "img", "imgs", "rgb", "rgba"))
TEXTS = frozenset(("text", "texts", "caption", "captions"))
SOUND = frozenset(("audio", "audios", "sound", "sounds", "waveform", "waveforms", "speech", "music", "song", "voice"))
VIDEO = frozenset(("frame", "frames", "video", "videos", "clip", "clips", "movie"))
MESHES = frozenset(("mesh", "meshes", "verts", "vertices"))
# What a model says of a picture, or hands to the next model, is no content, unless it is a PIL image …
PASSING = frozenset(
    """
    action atom attention c2w ca camera cond condition coords density emb embed embedding embeddings embeds
    feature features flow guidance hidden ids indices intrinsics keyframe keyframes latent latents logits logprobs
    loss mask masks noise normals nsfw positions prediction predictions prob probs residue rotary score scores sigma
    sigmas state states timestep timesteps token tokens uncertainty velocity watermark
    """.split()  # noqa: SIM905
)
# … and of PIL images only these are none: a map of a picture, not one to look at.
MAPS = frozenset(("depth", "depths", "mask", "masks"))
# What the blocks of a modular pipeline make of the pictures they are given stands in its state among the rest.
DERIVED = frozenset(("processed", "preprocessed", "resized", "cropped", "masked", "condition", "conditions", "control"))


class Words(tuple[str, ...]):
    """The words of a name, in order, and as a set to compare."""

    __slots__ = ()

    def __and__(self, other: Any) -> frozenset[str]:
        return frozenset(self) & frozenset(other)


@functools.lru_cache(maxsize=1024)
def words_of(name: str) -> Words:
    """The words of a name, such as those of ``output_frames`` or ``QwenImagePipeline``."""
    return Words(re.findall(r"[a-z]+\d*|\d+[a-z]*", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()))


@functools.lru_cache(maxsize=256)
def names_of(cls: Any) -> tuple[str, ...]:
    """Names for the items of the tuple of ``return_dict=False``: the fields of the output class that stands for it.

    It is the class that ``__call__`` names in its code, else one that its module knows.
    """
    calls = [vars(parent)["__call__"] for parent in cls.__mro__ if "__call__" in vars(parent)]
    functions = [inspect.unwrap(call) for call in calls if callable(call)]
    for function in functions:
        scope = getattr(function, "__globals__", {})
        for name in _names_in(getattr(function, "__code__", None)):
            if fields := fields_of(scope.get(name)):
                return fields
    for parent in cls.__mro__:
        module = sys.modules.get(parent.__module__)
        for value in list(vars(module).values()) if module else []:
            if fields := fields_of(value):
                return fields
    return ()


def _names_in(code: CodeType | None) -> Iterator[str]:
    if code is not None:
        yield from code.co_names
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from _names_in(constant)


def fields_of(value: Any, suffix: str = "Output") -> tuple[str, ...]:
    """The names of the fields of an output class; none of anything else."""
    if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__name__.endswith(suffix):
        return tuple(field.name for field in dataclasses.fields(value))
    return ()
