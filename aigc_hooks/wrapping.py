"""wrap, unwrap, is_wrapped: an object's class is swapped for a generated subclass that labels what it makes.

Proxies lose the label on ``.to()`` and ``|``, and an instance's own ``__call__`` is never called; a subclass with one
base, the same name and the same signature survives both. Settings live on the generated class, so that copies and
pickles carry them.
"""

from __future__ import annotations

import inspect
import re
import threading
import weakref
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires
from typing import Any, TypeVar

from aigc_hooks.artifact import Adapter
from aigc_hooks.errors import AdapterNotFoundError, UnsupportedVersionError
from aigc_hooks.plugins import DISTRIBUTION, hooks
from aigc_hooks.provider import Provider, resolve

T = TypeVar("T")

# By name, not by isinstance: the mark outlives a reload of this module.
_BASE = "__aigc_hooks_base__"
_PROVIDER = "__aigc_hooks_provider__"

_classes: weakref.WeakValueDictionary[tuple[type, str, Provider], type] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def wrap(obj: T, *, provider: str | Provider | None = None, **overrides: Any) -> T:
    """Makes an object label everything it generates.

    Args:
        obj: An object that an adapter knows, such as a diffusers pipeline; or its class, to label all that it makes.
        provider: Name of a provider in the configuration, or a ``Provider``.
        **overrides: Settings of ``Provider`` for this object.

    Returns:
        The same object; for a class, a subclass of the same name. A second ``wrap`` replaces the first.

    Raises:
        AdapterNotFoundError: No adapter knows the object.
        UnsupportedVersionError: The framework lacks a method that the adapter must replace.
        ConfigError: A setting is missing or wrong.
        PluginError: A required plugin is missing.
    """
    settings = resolve(provider, overrides)
    base = _base(obj if isinstance(obj, type) else type(obj))
    adapter = hooks(settings).adapter(base)
    if adapter is None:
        raise AdapterNotFoundError(_unknown(base))
    generated = _generated(base, adapter, settings)
    if isinstance(obj, type):
        return generated  # type: ignore[return-value]
    return _swap(obj, generated, adapter)


def unwrap(obj: T) -> T:
    """Takes the labels off what an object generates from now on; what it has generated keeps them.

    Returns:
        The same object; for a generated class, the class that it was made from.
    """
    if isinstance(obj, type):
        return _base(obj)  # type: ignore[return-value]
    base = _base(type(obj))
    if base is not type(obj):
        object.__setattr__(obj, "__class__", base)
        adapter = hooks().adapter(base)
        if adapter is not None and adapter.unwrapped is not None:
            adapter.unwrapped(obj)
    return obj


def is_wrapped(obj: object) -> bool:
    """Whether an object, or what a class makes, is labelled."""
    return hasattr(obj if isinstance(obj, type) else type(obj), _BASE)


def provider_of(obj: object) -> Provider | None:
    """The settings that an object was wrapped with, or None."""
    provider: Provider | None = getattr(obj if isinstance(obj, type) else type(obj), _PROVIDER, None)
    return provider


def _base(cls: type) -> type:
    # Only a generated class itself is undone: a user's subclass of one keeps what the user added.
    base: type = vars(cls).get(_BASE, cls)
    return base


def _swap(obj: T, generated: type, adapter: Adapter) -> T:
    # Past the __setattr__ of frameworks, several of which have their own.
    object.__setattr__(obj, "__class__", generated)
    if adapter.wrapped is not None:
        adapter.wrapped(obj)
    return obj


def _generated(base: type, adapter: Adapter, provider: Provider) -> type:
    """The one subclass for a class, an adapter and settings."""
    key = (base, adapter.name, provider)
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
        "__reduce_ex__": _reduce_ex,
        _BASE: base,
        _PROVIDER: provider,
    }
    if not base.__dictoffset__:
        namespace["__slots__"] = ()  # else the layouts differ, and the class cannot be swapped
    for name, seam in adapter.seams.items():
        try:
            original = inspect.getattr_static(base, name)
        except AttributeError:
            raise UnsupportedVersionError(
                f"{base.__module__}.{base.__qualname__} has no {name}, which the adapter {adapter.name!r} must replace: "
                "this version of the framework is not supported; see the versions in the README"
            ) from None
        # Settings go to the seam as arguments, and not as attributes of the object: copies would lose them.
        if isinstance(original, classmethod):
            namespace[name] = classmethod(seam(original.__func__, provider))
        else:
            namespace[name] = seam(original, provider)
    # The metaclass of the base must build it: ABCMeta and pydantic's keep their own books.
    return type(base)(base.__name__, (base,), namespace)


def _reduce_ex(self: object, protocol: Any) -> Any:
    """Pickles and copies as the importable base, which is wrapped again on arrival."""
    cls = type(self)
    base = vars(cls).get(_BASE)
    plain = getattr(cls, _BASE).__reduce_ex__(self, protocol)
    if base is None or isinstance(plain, str):  # a user's subclass pickles by its own name
        return plain
    function, arguments, *rest = plain
    arguments = tuple(base if argument is cls else argument for argument in arguments)
    return (_restore, (base, getattr(cls, _PROVIDER), function, arguments), *rest)


def _restore(base: type, provider: Provider, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    obj = function(*arguments)
    adapter = hooks(provider).adapter(base)
    if adapter is None:
        raise AdapterNotFoundError(_unknown(base))
    return _swap(obj, _generated(base, adapter, provider), adapter)


def _unknown(cls: type) -> str:
    infos = hooks().plugins()
    adapters = [info.name for info in infos if "aigc_adapter" in info.hooks] or ["none"]
    message = (
        f"no adapter knows {cls.__module__}.{cls.__qualname__}; adapters found: {', '.join(adapters)}. To label finished "
        "pictures use label()"
    )
    roots = {parent.__module__.partition(".")[0] for parent in cls.__mro__}
    if extra := next((extra for package, extra in _extras().items() if package in roots), None):
        message += f". For {extra}: pip install --upgrade '{DISTRIBUTION}[{extra}]'"
    if problems := [f"{info.name} ({info.problem})" for info in infos if info.problem]:
        message += f". Not loaded: {', '.join(problems)}"
    return message


def _extras() -> dict[str, str]:
    """Which extra brings which package, from our own metadata: ``{"diffusers": "diffusers", …}``."""
    try:
        requirements = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # run from a source tree that was not installed
        return {}
    found: dict[str, str] = {}
    for requirement in requirements:
        match = re.match(r"([A-Za-z0-9_.-]+).*extra\s*==\s*['\"]([a-z]+)['\"]", requirement)
        if match and match[2] not in ("all", "demo", "test"):
            found.setdefault(match[1].replace("-", "_"), match[2])
    return found
