"""Functions and generators of a user's own: what they return or yield is labelled, and they stay what they are."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

from aigc_hooks.errors import AdapterNotFoundError, ConfigError, UnsupportedOutputError
from aigc_hooks.labelling import labelled
from aigc_hooks.media import is_array, is_picture, is_tensor
from aigc_hooks.provider import Provider
from aigc_hooks.streams import LabelledAsyncStream, LabelledStream, aspliced, spliced, text_splicer

KINDS = ("text", "image")
"""What ``wrap(function, kind=…)`` can be told that a function makes."""

# On the function itself, with the function: one that copies its attributes, as functools.wraps does, is not it.
_MARK = "__aigc_hooks_function__"


def labelling(function: Any, kind: str, provider: Provider) -> Any:
    """A function like the given one whose output is labelled; for an iterator, an iterator.

    Args:
        function: A function, method, (async) generator function or other callable, or an iterator or async iterator of
            strings.
        kind: ``"text"`` or ``"image"``.
        provider: The settings.

    Raises:
        ConfigError: The kind is unknown.
        AdapterNotFoundError: It is neither a callable nor an iterator.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind = {kind!r}: a function makes {' or '.join(map(repr, KINDS))}")
    function = original(function)
    if not callable(function):
        if isinstance(function, (Iterator, AsyncIterator)):
            return _released(function, kind, provider, type(function).__name__)
        raise AdapterNotFoundError(
            f"kind={kind!r} goes with a function or an iterator, found {type(function).__name__} {function!r:.60}; to "
            "label finished content use label()"
        )
    wrapper = _wrapper(function, kind, provider, _name(function))
    setattr(wrapper, _MARK, (wrapper, function, provider))
    return wrapper


def original(function: Any) -> Any:
    """The function that a labelling one was made from; any other as it is."""
    mark = getattr(function, _MARK, None)
    return mark[1] if mark and mark[0] is function else function


def provider_of_function(function: Any) -> Provider | None:
    """The settings that a function labels with, or None."""
    mark = getattr(function, _MARK, None)
    found: Provider | None = mark[2] if mark and mark[0] is function else None
    return found


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", "") or type(function).__qualname__)


def _wrapper(function: Callable[..., Any], kind: str, provider: Provider, name: str) -> Callable[..., Any]:
    """Of the same kind as the function, for frameworks ask: a coroutine function stays one, a generator too."""
    call = (
        function if inspect.isroutine(function) or isinstance(function, functools.partial) else type(function).__call__
    )
    text = kind == "text"
    wrapper: Callable[..., Any]
    if inspect.isasyncgenfunction(call) and text:

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            async with aclosing(aspliced(function(*args, **kwargs), text_splicer(provider, name))) as pieces:
                async for piece in pieces:
                    yield piece

    elif inspect.isgeneratorfunction(call) and text:

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return (yield from spliced(function(*args, **kwargs), text_splicer(provider, name)))

    elif inspect.iscoroutinefunction(call):

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return _released(await function(*args, **kwargs), kind, provider, name)

    else:

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return _released(function(*args, **kwargs), kind, provider, name)

    return functools.update_wrapper(wrapper, function)


def _released(output: Any, kind: str, provider: Provider, name: str) -> Any:
    """What a function returned, labelled."""
    if inspect.isawaitable(output):
        return _awaited(output, kind, provider, name)
    if kind == "image":
        return _pictures(output, provider, name)
    if isinstance(output, AsyncIterator):
        return LabelledAsyncStream(output, provider, name)
    if isinstance(output, Iterator):
        return LabelledStream(output, provider, name)
    return _texts(output, provider, name)


async def _awaited(output: Awaitable[Any], kind: str, provider: Provider, name: str) -> Any:
    return _released(await output, kind, provider, name)


def _texts(output: Any, provider: Provider, name: str) -> Any:
    if output is None:
        return None
    if isinstance(output, str):
        return labelled(output, provider, name)
    if type(output) in (list, tuple):
        return type(output)(_texts(item, provider, name) for item in output)
    raise _unsupported(output, name, "text, lists and tuples of it, and iterators of it")


def _pictures(output: Any, provider: Provider, name: str) -> Any:
    if output is None:
        return None
    if isinstance(output, Iterator):
        return (_pictures(item, provider, name) for item in output)
    if type(output) in (list, tuple):
        return type(output)(_pictures(item, provider, name) for item in output)
    if is_picture(output) or is_array(output) or is_tensor(output):
        return labelled(output, provider, name)
    raise _unsupported(output, name, "PIL images, arrays, tensors, lists of them, and iterators of them")


def _unsupported(output: Any, name: str, known: str) -> UnsupportedOutputError:
    kind = f"{type(output).__module__}.{type(output).__qualname__}"
    return UnsupportedOutputError(
        f"{name} returned {kind}, which cannot be labelled, and so it is not released; labelled are {known}. Let it "
        "return the content alone, or label() the part of it that is content",
        stage="detect",
    )
