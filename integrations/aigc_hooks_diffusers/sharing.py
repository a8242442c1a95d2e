"""Pipelines that are made of a wrapped one's models label as it does.

``X.from_pipe(pipe)``, ``AutoPipelineFor….from_pipe(pipe)``, ``X(**pipe.components)`` and ``X(unet=pipe.unet, …)`` make
new pipelines of other classes around the same models. Left alone they would lose the label without a word.
"""

from __future__ import annotations

import functools
import logging
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.provider import Provider
from aigc_hooks.speech import rate_of
from aigc_hooks.wrapping import is_wrapped, provider_of, wrap

logger = logging.getLogger("aigc_hooks.diffusers")

# Whose each model is. It outlives the wrapped pipeline: the model may stay when the pipeline goes.
_owned: weakref.WeakKeyDictionary[Any, Provider] = weakref.WeakKeyDictionary()
# By id, for a user's pipeline need not be hashable.
_wrapped: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_unwrapped: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_lock = ForkSafeLock(threading.RLock)

_WATCHED = "__aigc_hooks_original__"


def is_of(cls: type, package: str) -> bool:
    """Whether a class comes from a top-level package."""
    return cls.__module__.partition(".")[0] == package


def _is_model(value: object) -> bool:
    return any(
        (parent.__name__ == "Module" and is_of(parent, "torch"))
        or (parent.__name__ == "OnnxRuntimeModel" and is_of(parent, "diffusers"))
        for parent in type(value).__mro__
    )


def models_of(pipeline: Any) -> list[Any]:
    """The models among the attributes of a pipeline."""
    return [value for value in list(vars(pipeline).values()) if _is_model(value)]


def speaking_rate(pipeline: Any) -> int | None:
    """Samples a second of the sound that a pipeline makes: that of the last of its models; None: none of them tells.

    What a pipeline reads, as with a feature extractor, may have another rate.
    """
    last = [getattr(pipeline, name, None) for name in ("vocoder", "vae")]
    others = [value for value in list(vars(pipeline).values()) if hasattr(value, "config") and _makes(value)]
    return rate_of(*last, pipeline, *others)


def _makes(part: Any) -> bool:
    return "Extractor" not in type(part).__name__ and "Processor" not in type(part).__name__


def own(pipeline: Any) -> None:
    """Notes the models of a wrapped pipeline."""
    provider = provider_of(pipeline)
    if provider is None:
        return
    with _lock:
        _wrapped[id(pipeline)] = pipeline
        _unwrapped.pop(id(pipeline), None)
        for model in models_of(pipeline):
            _owned[model] = provider


def disown(pipeline: Any) -> None:
    """Forgets the models of a pipeline that was unwrapped, except those that another wrapped one still uses."""
    with _lock:
        _wrapped.pop(id(pipeline), None)
        _unwrapped[id(pipeline)] = pipeline
        for model in models_of(pipeline):
            for part in _modules(model):
                _owned.pop(part, None)
        for other in list(_wrapped.values()):
            own(other)


def _owner(model: Any) -> Provider | None:
    """What pipelines around this model label with, also where another module wraps it, as compiled ones do."""
    with _lock:
        # A copy or an unpickled pipeline gets its models past __setattr__: ask those that live.
        for pipeline in list(_wrapped.values()):
            if not all(known in _owned for known in models_of(pipeline)):
                own(pipeline)
        if not _owned:
            return None
        return next((_owned[part] for part in _modules(model) if part in _owned), None)


def _modules(model: Any) -> Iterable[Any]:
    modules: Iterator[Any] | list[Any] = model.modules() if hasattr(model, "modules") else [model]
    return modules


def watch(root: type) -> None:
    """Sees every model that becomes part of a pipeline of this base class, by whatever constructor or assignment."""
    with _lock:
        plain: Any = root.__setattr__
        if not hasattr(plain, _WATCHED):
            root.__setattr__ = _watching(plain)  # type: ignore[method-assign]


def _watching(plain: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(plain)
    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        plain(self, name, value)
        if not _is_model(value):
            return
        if is_wrapped(self):
            own(self)
        elif id(self) not in _unwrapped and (provider := _owner(value)) is not None:
            wrap(self, provider=provider)
            logger.info("%s shares %s with a wrapped pipeline and labels as it does", type(self).__name__, name)

    setattr(__setattr__, _WATCHED, plain)
    return __setattr__
