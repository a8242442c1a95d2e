"""wrap, unwrap, is_wrapped: an object's class is swapped for a generated subclass that labels what it makes.

Proxies lose the label on ``.to()`` and ``|``, and an instance's own ``__call__`` is never called; a subclass with one
base, the same name and the same signature survives both. Settings live on the generated class, so that copies and
pickles carry them.
"""

from __future__ import annotations

import functools
import re
import weakref
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires
from typing import Any, TypeVar, overload

from aigc_hooks import functions
from aigc_hooks.artifact import Adapter
from aigc_hooks.discovery import DISTRIBUTION
from aigc_hooks.errors import AdapterNotFoundError, UnsupportedVersionError
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, resolve

T = TypeVar("T")

_NOTHING: Any = object()

# By name, not by isinstance: the mark outlives a reload of this module.
_BASE = "__aigc_hooks_base__"
_PROVIDER = "__aigc_hooks_provider__"

_classes: weakref.WeakValueDictionary[tuple[object, ...], type] = weakref.WeakValueDictionary()
_lock = ForkSafeLock()


@overload
def wrap(
    *,
    provider: str | Provider | None = None,
    kind: str,
    rate: int | None = None,
    fps: float | None = None,
    **overrides: Any,
) -> Callable[[T], T]: ...
@overload
def wrap(
    obj: T,
    /,
    *,
    provider: str | Provider | None = None,
    kind: str | None = None,
    rate: int | None = None,
    fps: float | None = None,
    **overrides: Any,
) -> T: ...
def wrap(
    obj: Any = _NOTHING,
    /,
    *,
    provider: str | Provider | None = None,
    kind: str | None = None,
    rate: int | None = None,
    fps: float | None = None,
    **overrides: Any,
) -> Any:
    """Makes an object label everything it generates.

        pipe = aigc_hooks.wrap(pipe, provider="acme")


        @aigc_hooks.wrap(kind="text", provider="acme")
        async def answer(question): ...

    Args:
        obj: An object that an adapter knows, such as a diffusers pipeline or a chat model; or its class, to label all
            that it makes. With ``kind``, a function, generator function or iterator of your own; left away, ``wrap`` is
            a decorator.
        provider: Name of a provider in the configuration, or a ``Provider``.
        kind: What a function of your own makes: ``"text"`` (strings, returned or yielded), ``"image"``, ``"audio"``
            or ``"video"`` (frames as ``label`` takes them, or yielded one by one).
        rate: For ``kind="audio"``: samples a second, where what the function returns does not tell.
        fps: For ``kind="video"``: frames a second, where the function is called without ``fps=``.
        **overrides: Settings of ``Provider`` for this object.

    Returns:
        The same object; for a class, a subclass of the same name; for a function, a function of the same kind and
        signature. A second ``wrap`` replaces the first.

    Raises:
        AdapterNotFoundError: No adapter knows the object.
        UnsupportedVersionError: The framework lacks a method that the adapter must replace.
        ConfigError: A setting is missing or wrong.
        PluginError: A required plugin is missing.
    """
    if fps is not None and kind != "video":
        raise TypeError("fps= goes with kind='video'; of a known framework's objects it is found out")
    settings = resolve(provider, overrides, in_context=False)  # what override() lays over must not stay
    if obj is _NOTHING:
        if kind is None:
            raise TypeError("wrap() takes an object, or as a decorator the kind: @wrap(kind='text')")
        return functools.partial(functions.labelling, kind=kind, provider=settings, rate=rate, fps=fps)
    if kind is not None:
        hooks(settings)
        return functions.labelling(obj, kind, settings, rate, fps)
    if rate is not None:
        raise TypeError("rate= goes with kind='audio'; of a known framework's objects it is found out")
    base = _base(obj if isinstance(obj, type) else type(obj))
    adapter = _adapter(base, settings)
    generated = _generated(base, adapter, settings)
    if isinstance(obj, type):
        return generated
    return _swap(obj, generated, adapter)


def unwrap(obj: T) -> T:
    """Takes the labels off what an object generates from now on; what it has generated keeps them.

    Returns:
        The same object; for a generated class, the class that it was made from.
    """
    if isinstance(obj, type):
        return _base(obj)  # type: ignore[return-value]
    if (function := functions.original(obj)) is not obj:
        return function  # type: ignore[no-any-return]
    base = _base(type(obj))
    if base is not type(obj):
        object.__setattr__(obj, "__class__", base)
        adapter = hooks().adapter(base)
        if adapter is not None and adapter.unwrapped is not None:
            adapter.unwrapped(obj)
    return obj


def is_wrapped(obj: object) -> bool:
    """Whether an object, or what a class makes, is labelled."""
    return provider_of(obj) is not None


def provider_of(obj: object) -> Provider | None:
    """The settings that an object was wrapped with, or None."""
    provider: Provider | None = getattr(obj if isinstance(obj, type) else type(obj), _PROVIDER, None)
    return provider or functions.provider_of_function(obj)


def _base(cls: type) -> type:
    # Only a generated class itself is undone: a user's subclass of one keeps what the user added.
    base: type = vars(cls).get(_BASE, cls)
    return base


def _swap(obj: T, generated: type, adapter: Adapter) -> T:
    before = type(obj)
    # Past the __setattr__ of frameworks, several of which have their own.
    object.__setattr__(obj, "__class__", generated)
    if adapter.wrapped is not None:
        try:
            adapter.wrapped(obj)
        except BaseException:
            object.__setattr__(obj, "__class__", before)
            raise
    return obj


def _generated(base: type, adapter: Adapter, provider: Provider) -> type:
    """The one subclass for a class, an adapter and settings."""
    # By the seams too: plugins that were found anew may bring another adapter of that name.
    key = (base, adapter.name, frozenset(adapter.seams.items()), adapter.wrapped, provider)
    generated = _classes.get(key)  # without the lock where it can be: a fork may happen at any time
    if generated is None:
        with _lock:
            generated = _classes.get(key)
            if generated is None:
                generated = _classes[key] = _generate(base, adapter, provider)
    return generated


def _generate(base: type, adapter: Adapter, provider: Provider) -> type:
    namespace: dict[str, Any] = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        "__slots__": (),  # else the layouts could differ, and the class of an object could not be swapped
        "__reduce_ex__": _reduce_ex,
        _BASE: base,
        _PROVIDER: provider,
    }
    for name in ("__copy__", "__deepcopy__"):
        if (copy := _plain(base, name)) is not None:
            namespace[name] = _copying(copy, adapter)
    if adapter.wrapped is not None:
        namespace["__setstate__"] = _restoring(_plain(base, "__setstate__"), adapter.wrapped)
    for name, seam in adapter.seams.items():
        original = _plain(base, name)
        if not (callable(original) or isinstance(original, (classmethod, property, functools.cached_property))):
            raise UnsupportedVersionError(
                f"{_name(base)} has no method {name}, which the adapter {adapter.name!r} must replace: this version of "
                "the framework is not supported; see the versions in the README"
            )
        # Settings go to the seam as arguments, and not as attributes of the object: copies would lose them.
        if isinstance(original, (classmethod, staticmethod)):
            namespace[name] = type(original)(seam(original.__func__, provider))
        else:
            namespace[name] = seam(original, provider)
    try:
        # The metaclass of the base must build it: ABCMeta and pydantic's keep their own books.
        generated = type(base)(base.__name__, (base,), namespace)
    except TypeError as error:
        raise UnsupportedVersionError(f"{_name(base)} cannot be wrapped, for it allows no subclass: {error}") from error
    if "__slots__" in vars(generated):
        # The layout is settled. Pickling asks for the slots by this name, and must find those of the base.
        type.__delattr__(generated, "__slots__")
    return generated


def _plain(cls: type, name: str) -> Any:
    """An attribute as the framework or the user wrote it, and neither a generated class's nor the metaclass's."""
    return next((vars(c)[name] for c in cls.__mro__ if name in vars(c) and _BASE not in vars(c)), None)


def _copying(copy: Callable[..., Any], adapter: Adapter) -> Callable[..., Any]:
    """A class's own ``__copy__`` or ``__deepcopy__``, which may name the class that it builds."""

    @functools.wraps(copy)
    def labelled_copy(self: Any, *args: Any) -> Any:
        made = copy(self, *args)
        labelled = next(cls for cls in type(self).__mro__ if _BASE in vars(cls))
        return _swap(made, labelled, adapter) if type(made) is _base(labelled) else made

    return labelled_copy


def _restoring(setstate: Callable[..., Any] | None, wrapped: Callable[[Any], None]) -> Callable[..., Any]:
    """``__setstate__``, by which a copy or a pickle comes complete: only then can the adapter look at it."""

    def restore(self: Any, state: Any) -> None:
        if setstate is not None:
            setstate(self, state)
        else:
            attributes, slots = state if isinstance(state, tuple) else (state, None)
            if attributes:
                vars(self).update(attributes)
            for name, value in (slots or {}).items():
                setattr(self, name, value)
        wrapped(self)

    return restore


def _reduce_ex(self: object, protocol: Any) -> Any:
    """Pickles and copies as the importable base, which is wrapped again on arrival."""
    cls = type(self)
    plain = _plain(cls, "__reduce_ex__")(self, protocol)
    base = vars(cls).get(_BASE)
    if base is None or isinstance(plain, str):  # a user's subclass pickles by its own name
        return plain
    function, arguments, *rest = (base if part is cls else part for part in plain)
    arguments = tuple(base if argument is cls else argument for argument in arguments)
    return (_restore, (base, getattr(cls, _PROVIDER), function, arguments), *rest)


def _restore(base: type, provider: Provider, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    obj = function(*arguments)
    object.__setattr__(obj, "__class__", _generated(base, _adapter(base, provider), provider))
    return obj


def _adapter(base: type, provider: Provider) -> Adapter:
    adapter = hooks(provider).adapter(base)
    if adapter is None:
        raise AdapterNotFoundError(_unknown(base))
    return adapter


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _unknown(cls: type) -> str:
    infos = hooks().plugins()
    adapters = [info.name for info in infos if "aigc_adapter" in info.hooks] or ["none"]
    message = (
        f"no adapter knows {_name(cls)}; adapters found: {', '.join(adapters)}. To label finished content use label(), "
        "to wrap a function of your own say what it makes: wrap(function, kind='text'), or 'image', 'audio', 'video'"
    )
    if extra := _extra({parent.__module__.partition(".")[0] for parent in cls.__mro__}):
        message += f". For {extra}: pip install --upgrade '{DISTRIBUTION}[{extra}]'"
    if problems := [f"{info.name} ({info.problem})" for info in infos if info.problem]:
        message += f". Not loaded: {', '.join(problems)}"
    return message


def _extra(packages: set[str]) -> str | None:
    """The extra that brings the framework of one of these packages, from our own metadata."""
    try:
        requirements = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # run from a source tree that was not installed
        return None
    for requirement in requirements:
        match = re.match(r"([\w.-]+).*extra\s*==\s*['\"](\w+)['\"]", requirement)
        # Named for its framework, as "langchain" is for langchain_core: others bring NumPy and the like.
        if match and (package := match[1].replace("-", "_")) in packages and package.startswith(match[2]):
            return match[2]
    return None
