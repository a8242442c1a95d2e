"""Chains, fallbacks, agents and other runnables: every model inside them is wrapped, so that no way out is missed."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aigc_hooks.artifact import Adapter
from aigc_hooks.errors import AdapterNotFoundError
from aigc_hooks.provider import Provider
from aigc_hooks.wrapping import is_wrapped, provider_of, unwrap, wrap

_PACKAGES = ("langchain_core", "langchain", "langchain_classic", "langgraph")

MOST_OBJECTS = 20_000
"""How many objects inside a runnable are looked at before it is given up as too large to be sure of."""


def _is_a(cls: type, name: str) -> bool:
    return any(parent.__name__ == name and parent.__module__.partition(".")[0] in _PACKAGES for parent in cls.__mro__)


def _is_model(value: object) -> bool:
    """Whether a value makes answers by itself; a configurable one makes its model at each call."""
    cls = type(value)
    return _is_a(cls, "BaseChatModel") or _is_a(cls, "BaseLLM") or _is_a(cls, "_ConfigurableModel")


def models_in(root: Any) -> list[Any]:
    """Every model in a runnable: in its fields, in lists and dicts there, and in what its functions refer to.

    Raises:
        AdapterNotFoundError: It is too large to be searched.
    """
    found: list[Any] = []
    seen: dict[int, Any] = {}  # with the object, for an id is another's once its object is gone
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if len(seen) > MOST_OBJECTS:
            raise AdapterNotFoundError(
                f"{type(root).__name__} holds more than {MOST_OBJECTS} objects, too many to find every model in it: "
                "wrap its models before it is built of them"
            )
        if _is_model(value):
            found.append(value)
        else:
            waiting += _inside(value)
    return found


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(value, functools.partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, types.MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, types.FunctionType):
        yield from _referred(value)
    elif _is_of_langchain(value) or _is_users(value):
        yield from getattr(value, "__dict__", {}).values()
        yield from (getattr(value, name, None) for name in getattr(type(value), "__slots__", ()) if name != "__dict__")


def _referred(function: types.FunctionType) -> Iterator[Any]:
    """What a function can reach by name: its closure, its defaults, and the globals that its code names."""
    yield from (cell.cell_contents for cell in function.__closure__ or () if _filled(cell))
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    if function.__module__.partition(".")[0] in _PACKAGES:
        return  # their modules hold classes and helpers, and no user's model
    names = set(_names(function.__code__))
    yield from (value for name, value in function.__globals__.items() if name in names and _may_hold_a_model(value))


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _may_hold_a_model(value: Any) -> bool:
    """Of what a module holds: runnables, the user's objects and functions, and no modules or classes."""
    return not isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType))


def _is_of_langchain(value: Any) -> bool:
    cls = type(value)
    return any(parent.__module__.partition(".")[0] in _PACKAGES for parent in cls.__mro__) and not any(
        _is_a(cls, name) for name in _DATA
    )


def _is_users(value: Any) -> bool:
    """Whether a value is an object of a class of the user's, such as one whose method is a step of a chain."""
    return not isinstance(value, (type, types.ModuleType)) and not any(
        (package := parent.__module__.partition(".")[0]) in _FOREIGN or package in sys.stdlib_module_names
        for parent in type(value).__mro__[:-1]
    )


# Packages whose objects hold no model of the user's, and much else.
_FOREIGN = {"httpcore", "httpx", "httpx2", "langsmith", "numpy", "openai", "pydantic", "tiktoken", "torch"}
# Of LangChain's own, what holds data: histories, checkpoints, caches.
_DATA = ("BaseMessage", "BaseCheckpointSaver", "BaseStore", "BaseCache", "BaseCallbackHandler", "BaseCallbackManager")


def _wrapped(runnable: Any) -> None:
    provider = provider_of(runnable)
    assert provider is not None
    models = models_in(runnable)
    if not models:
        raise AdapterNotFoundError(
            f"no model was found in {type(runnable).__name__}, so nothing would be labelled. Wrap its model before it "
            "is built, or give an agent the middleware AIGCLabelMiddleware"
        )
    for model in models:
        wrap(model, provider=provider)


def _unwrapped(runnable: Any) -> None:
    for model in models_in(runnable):
        unwrap(model)


def _labelled_model(model: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``_model`` of a configurable model, which makes the model that answers."""

    @functools.wraps(model)
    def _model(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = model(self, *args, **kwargs)
        return made if is_wrapped(made) else wrap(made, provider=provider)

    return _model


def _labelled_copy(method: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``with_config`` and, through ``__getattr__``, ``bind_tools``: they make a configurable model anew."""

    @functools.wraps(method)
    def copied(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = method(self, *args, **kwargs)
        if inspect.isfunction(made):
            return _labelled_copy_of(made, provider)
        return wrap(made, provider=provider) if _is_a(type(made), "_ConfigurableModel") else made

    return copied


def _labelled_copy_of(function: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    @functools.wraps(function)
    def queue(*args: Any, **kwargs: Any) -> Any:
        return wrap(function(*args, **kwargs), provider=provider)

    return queue


_CONFIGURABLE = Adapter(
    "langchain", {"_model": _labelled_model, "with_config": _labelled_copy, "__getattr__": _labelled_copy}
)
_CONTAINER = Adapter("langchain", {}, wrapped=_wrapped, unwrapped=_unwrapped)


def adapter(cls: type) -> Adapter | None:
    """The adapter for a runnable's class, or None."""
    if _is_a(cls, "_ConfigurableModel"):
        return _CONFIGURABLE
    return _CONTAINER if _is_a(cls, "Runnable") else None
