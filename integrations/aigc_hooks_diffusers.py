"""The adapter for diffusers: pipelines and modular pipelines label the pictures they make.

Outputs are told apart by the names of their fields, never by the class of the pipeline: one that is published tomorrow
is labelled too. Video, audio and 3-D outputs are refused, for this version cannot label them.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import logging
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from aigc_hooks.artifact import Adapter, Call
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.labelling import labelled, passed, prepare
from aigc_hooks.media import channel_axis, is_array, is_image_like, is_tensor, pictures_in
from aigc_hooks.provider import Provider, active
from aigc_hooks.wrapping import is_wrapped, provider_of, wrap

logger = logging.getLogger("aigc_hooks.diffusers")

# Names of output fields, as all pipelines together use them.
_PICTURES = {"images", "image", "rgb", "unsafe_images", "vae_reconstruction_images"}
_NOT_YET = {"frames", "video", "videos", "audio", "audios", "sound"}
# What a model says of a picture, or hands to the next model, is no picture: such fields pass as they are.
_PASSING = re.compile(
    r"embed|latent|predict|uncertain|mask|depth|nsfw|watermark|keyframe|c2w|action|position|text|sequence|rate|control|noise"
)


@hookimpl
def aigc_adapter(cls: type) -> Adapter | None:
    """Knows pipelines by the names of their base classes: asking imports nothing."""
    names = {parent.__name__ for parent in cls.__mro__ if parent.__module__.partition(".")[0] == "diffusers"}
    if names & {"DiffusionPipeline", "ModularPipeline"}:
        # DiffusionPipeline itself only loads others.
        return _PIPELINE if any("__call__" in vars(parent) for parent in cls.__mro__) else _LOADER
    return _LOADER if any(name.startswith("AutoPipelineFor") for name in names) else None


# --- calls ----------------------------------------------------------------------------------------------------------

_running: ContextVar[Any] = ContextVar("aigc_hooks_diffusers_running", default=None)


def _labelled_call(call: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``__call__``: the one way out of every pipeline."""

    @functools.wraps(call)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        outer = _running.get()
        part = outer is not None and any(value is self for value in vars(outer).values())
        token = _running.set(self)
        try:
            if part:  # a pipeline inside the one that runs: the outer one labels what leaves
                return call(self, *args, **kwargs)
            settings = active(provider)
            _own_components(self)
            request = Call(type(self).__name__, list(args), dict(kwargs))
            prepare(request, settings)
            output = call(self, *request.arguments, **request.keywords)
        finally:
            _running.reset(token)
        return _Output(self, call, request, settings).label(output)

    return __call__


class _Output:
    """What one call of a pipeline returned, on its way out."""

    def __init__(self, pipeline: Any, call: Callable[..., Any], request: Call, provider: Provider) -> None:
        self.pipeline = pipeline
        self.request = request
        self.provider = provider
        bound = inspect.signature(call).bind_partial(pipeline, *request.arguments, **request.keywords)
        bound.apply_defaults()
        self.arguments = {**bound.arguments, **request.keywords}
        self.latent = self.arguments.get("output_type") == "latent"

    def label(self, output: Any) -> Any:
        """Labels every picture in an output of any form and returns it in that form."""
        if _is_a(output, "PipelineState"):
            # A state holds the inputs as well: only what the blocks declare as their result is generated.
            for name in _declared_outputs(self.pipeline) & output.values.keys():
                output.values[name] = self.field(name, output.values[name])
        elif _is_a(output, "BaseOutput"):
            for name in list(output.keys()):
                value = self.field(name, output[name])
                if value is not output[name]:
                    setattr(output, name, value)
        elif isinstance(output, dict):
            for name, value in output.items():
                output[name] = self.field(name, value)
        elif isinstance(output, tuple):
            names = _field_names(type(self.pipeline), len(output))
            output = tuple(map(self.field, names, output))
        else:
            name = self.arguments.get("output")
            output = self.field(name if isinstance(name, str) else "images", output)
        return output

    def field(self, name: str, value: Any) -> Any:
        """Labels one field; refuses what cannot be labelled; passes what is no content."""
        if value is None or any(value is argument for argument in self.request.keywords.values()):
            return value  # a modular pipeline hands its inputs back under their names
        pictures = next(pictures_in(value), None) is not None
        if name in _NOT_YET and not self.latent:
            self.refuse(name, "video and audio cannot be labelled by this version")
        if name in _PICTURES or not _PASSING.search(name):
            if pictures or (not self.latent and self.is_raster(name, value)):
                return labelled(value, self.provider, self.request.source)
            if name in _PICTURES and not self.latent:
                self.refuse(name, f"{_kind(value)} is no picture: 3-D content cannot be labelled by this version")
        if is_tensor(value) or is_array(value):
            self.passed(name)
        return value

    def is_raster(self, name: str, value: Any) -> bool:
        """Whether a value is pixels: by its shape where the field is known, with three channels where it is not."""
        items = value if isinstance(value, (list, tuple)) else [value]
        if not items or not all(is_image_like(item) for item in items):
            return False
        return name in _PICTURES or all(_channels(item) == 3 for item in items)

    def refuse(self, name: str, why: str) -> None:
        raise UnsupportedOutputError(
            f"{self.request.source} returned {name!r}: {why}, and so it is not released. unwrap() the pipeline and label "
            "its output by other means",
            stage="detect",
        )

    def passed(self, name: str) -> None:
        """Notes once per kind of output that it left unlabelled because it is no content."""
        if (self.request.source, name) not in _noted:
            _noted.add((self.request.source, name))
            logger.info("%s: %s passes unlabelled: latents and embeddings are no content", self.request.source, name)
        passed(self.request.source, self.provider, f"{name}: no content")


_noted: set[tuple[str, str]] = set()


def _is_a(value: object, name: str) -> bool:
    return any(cls.__name__ == name and cls.__module__.partition(".")[0] == "diffusers" for cls in type(value).__mro__)


def _kind(value: Any) -> str:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return f"{type(value).__name__}{shape}"


def _channels(value: Any) -> int | None:
    axis = channel_axis(value)
    return None if axis is None else int(value.shape[axis])


def _declared_outputs(pipeline: Any) -> set[str]:
    names = {output.name for output in pipeline.blocks.outputs}
    return (names & (_PICTURES | _NOT_YET)) | {name for name in names if not _PASSING.search(name)}


@functools.lru_cache(maxsize=256)
def _field_names(cls: type, count: int) -> tuple[str, ...]:
    """Names for the items of a tuple (``return_dict=False``), from the output class in the pipeline's own module."""
    for parent in cls.__mro__:
        module = sys.modules.get(parent.__module__)
        outputs = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__name__.endswith("Output")
        ] if module else []
        if outputs:
            names = [field.name for field in dataclasses.fields(outputs[0])]
            return tuple((names + [""] * count)[:count])
    return ("",) * count


# --- pipelines that are made of a wrapped one's components ----------------------------------------------------------

# ``X.from_pipe(pipe)``, ``AutoPipelineFor….from_pipe(pipe)`` and ``X(**pipe.components)`` make new pipelines of other
# classes around the same models. They label as well: else the label would be lost without a word.
_owners: weakref.WeakKeyDictionary[Any, Provider] = weakref.WeakKeyDictionary()
_owners_lock = threading.Lock()


def _models(components: Iterable[Any]) -> list[Any]:
    return [
        component
        for component in components
        if any(cls.__name__ == "Module" and cls.__module__.startswith("torch.nn") for cls in type(component).__mro__)
    ]


def _own_components(pipeline: Any) -> None:
    provider = provider_of(pipeline)
    models = _models(vars(pipeline).values())
    with _owners_lock:
        for model in models:
            if provider is not None:
                _owners[model] = provider


def _disown_components(pipeline: Any) -> None:
    with _owners_lock:
        for model in _models(vars(pipeline).values()):
            _owners.pop(model, None)


def _wrapped(pipeline: Any) -> None:
    for parent in type(pipeline).__mro__:
        for name in ("register_modules", "register_components"):
            plain = vars(parent).get(name)
            if plain is not None and parent.__module__.partition(".")[0] == "diffusers" and not hasattr(plain, _PATCHED):
                setattr(parent, name, _register(plain))
    _own_components(pipeline)


_PATCHED = "__aigc_hooks_original__"


def _register(plain: Callable[..., Any]) -> Callable[..., Any]:
    """``register_modules``, which the constructor of every pipeline calls with its components."""

    @functools.wraps(plain)
    def register(self: Any, **components: Any) -> Any:
        result = plain(self, **components)
        if is_wrapped(self):
            _own_components(self)
            return result
        with _owners_lock:
            provider = next((_owners[model] for model in _models(components.values()) if model in _owners), None)
        if provider is not None and not is_wrapped(self):
            wrap(self, provider=provider)
            logger.info("%s shares models with a wrapped pipeline and labels as it does", type(self).__name__)
        return result

    setattr(register, _PATCHED, plain)
    return register


# --- loading --------------------------------------------------------------------------------------------------------


def _labelled_loader(load: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``from_pretrained`` and ``from_pipe`` of a wrapped class, which may answer with an object of another class."""

    @functools.wraps(load)
    def loader(cls: Any, *args: Any, **kwargs: Any) -> Any:
        pipeline = load(cls, *args, **kwargs)
        return pipeline if is_wrapped(pipeline) else wrap(pipeline, provider=provider)

    return loader


_LOADING = {"from_pretrained": _labelled_loader, "from_pipe": _labelled_loader}
_LOADER = Adapter("diffusers", _LOADING)
_PIPELINE = Adapter(
    "diffusers",
    {"__call__": _labelled_call, "from_pretrained": _labelled_loader},
    wrapped=_wrapped,
    unwrapped=_disown_components,
)
