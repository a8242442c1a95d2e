"""The adapter for diffusers: pipelines and modular pipelines label the pictures and texts they make.

Nothing here names a pipeline: classes are known by their base class, outputs by the names of their fields and the shape
of what is in them, so that a pipeline which is published tomorrow is labelled too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from aigc_hooks.artifact import Adapter, Call
from aigc_hooks.explicit.stencil import check_style
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.provider import Provider, active
from aigc_hooks.wrapping import provider_of, wrap
from aigc_hooks_diffusers.inputs import Inputs
from aigc_hooks_diffusers.outputs import Release
from aigc_hooks_diffusers.sharing import disown, is_of, own, watch

_ROOTS = ("DiffusionPipeline", "ModularPipeline")


@hookimpl
def aigc_adapter(cls: type) -> Adapter | None:
    """Knows pipelines by the names of their base classes: asking imports nothing."""
    for parent in cls.__mro__:
        if is_of(parent, "diffusers") and parent.__name__ in _ROOTS:
            # A wrapped class has no wrapped object yet, but what it makes may be handed on at once.
            watch(parent)
            if not _callable(parent) and parent.__name__ == cls.__name__ and is_of(cls, "diffusers"):
                return _LOADER  # DiffusionPipeline itself only loads others
            return _MODULAR if parent.__name__ == "ModularPipeline" else _PIPELINE
    automatic = any(
        is_of(parent, "diffusers") and parent.__name__.startswith("AutoPipelineFor") for parent in cls.__mro__
    )
    return _LOADER if automatic else None


def _callable(cls: type) -> bool:
    return any("__call__" in vars(parent) for parent in cls.__mro__)


# The pipeline that runs in this thread or task.
_running: ContextVar[Any] = ContextVar("aigc_hooks_diffusers_running", default=None)


def _labelled_call(call: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``__call__``: the one way out of every pipeline."""
    check_style(provider)  # a font that lacks a character should not be found out after a minute of generation

    @functools.wraps(call)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        outer = _running.get()
        # A pipeline inside the one that runs makes an intermediate: the outer one labels what leaves. Any other that is
        # called meanwhile, as from a callback, hands its pictures to the user.
        if outer is not None and any(part is self for part in _parts(outer)):
            return call(self, *args, **kwargs)
        settings = active(provider)
        own(self)
        inputs = Inputs(Call(type(self).__name__, list(args), dict(kwargs), "diffusers"), settings)
        token = _running.set(self)
        try:
            output = call(self, *inputs.call.arguments, **inputs.call.keywords)
        finally:
            _running.reset(token)
            inputs.done()
        return Release(self, call, inputs, settings).release(output)

    return __call__


def _parts(pipeline: Any, depth: int = 3) -> Iterator[Any]:
    """The pipelines that one is made of: in its attributes, in lists and dicts there, and in those in turn."""
    found: list[Any] = []
    for value in vars(pipeline).values():
        found += value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
    for value in found:
        if any(is_of(parent, "diffusers") and parent.__name__ in _ROOTS for parent in type(value).__mro__):
            yield value
            if depth:
                yield from _parts(value, depth - 1)


def _labelled_loader(load: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``from_pretrained`` and ``from_pipe`` of a wrapped class, which may answer with an object of another class."""

    @functools.wraps(load)
    def loader(cls: Any, *args: Any, **kwargs: Any) -> Any:
        pipeline = load(cls, *args, **kwargs)
        return pipeline if provider_of(pipeline) == provider else wrap(pipeline, provider=provider)

    return loader


def _required(original: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """Left as it is, but a framework without it is refused: its constructors do not work as ``sharing`` expects."""
    return original


_LOADER = Adapter("diffusers", {"from_pretrained": _labelled_loader, "from_pipe": _labelled_loader})
_PIPELINE = Adapter(
    "diffusers",
    {"__call__": _labelled_call, "from_pretrained": _labelled_loader, "register_modules": _required},
    wrapped=own,
    unwrapped=disown,
)
_MODULAR = Adapter(
    "diffusers",
    {"__call__": _labelled_call, "from_pretrained": _labelled_loader, "register_components": _required},
    wrapped=own,
    unwrapped=disown,
)
