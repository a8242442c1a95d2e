"""What is laid over a method that speaks, by the form in which it hands over its sound."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aigc_hooks.artifact import Call, Seam
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.functions import Release
from aigc_hooks.labelling import passed, review, save
from aigc_hooks.media import is_samples
from aigc_hooks.own_voice import in_own_voice
from aigc_hooks.provider import Provider, active
from aigc_hooks.speech import SoundStream, labelled_sound

Rate = Callable[[Any], int]

# The object that speaks in this thread or task. Its methods call each other, and only the outermost labels.
_speaking: ContextVar[Any] = ContextVar("aigc_hooks_tts_speaking", default=None)


@contextmanager
def speaking(obj: Any) -> Iterator[None]:
    """Marks an object as the one that speaks."""
    token = _speaking.set(obj)
    try:
        yield
    finally:
        _speaking.reset(token)


def fixed(rate: int) -> Rate:
    """The rate of a library whose models all speak at the same."""
    return lambda _: rate


def attribute(path: str, otherwise: int | None = None) -> Rate:
    """The rate that stands at a dotted place in the object; ``otherwise`` where older versions have none there."""

    def rate(obj: Any) -> int:
        for name in path.split("."):
            obj = getattr(obj, name, None)
        found = otherwise if obj is None else obj
        if found is None:
            raise UnsupportedOutputError(
                f"nothing tells the rate of this sound: the object has no {path}. Label what it returns with "
                "label(audio, rate=…)",
                stage="detect",
            )
        return int(found)

    return rate


def _reviewed(obj: Any, args: Any, kwargs: Any, provider: Provider) -> None:
    """Lets the plugins refuse what is to be spoken."""
    review(Call(type(obj).__name__, list(args), dict(kwargs), "tts"), active(provider))


def returned(rate: Rate) -> Seam:
    """A method that returns sound, in any form of ``labelled_sound``, or an iterator of it."""

    def seam(method: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
        @functools.wraps(method)
        def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
            if _speaking.get() is self:
                return method(self, *args, **kwargs)
            _reviewed(self, args, kwargs, provider)
            with speaking(self):
                settings = in_own_voice(provider, self, functools.partial(method, self), args, kwargs, rate(self))
                output = method(self, *args, **kwargs)
            source = type(self).__name__
            if isinstance(output, list) and output and isinstance(output[0], str):
                passed(source, active(provider), "text that is to be spoken")
                return output
            return Release("audio", settings, rate(self), source)(output)

        return replacement

    return seam


def yielded(rate: Rate, samples: Callable[[Any], Any], other: Callable[[Any, Any], Any]) -> Seam:
    """A method that yields a record for every sentence, of which the first carries the label.

    Args:
        rate: Of a record.
        samples: Takes the samples out of a record; None where it has none.
        other: Makes a record like one with other samples.
    """

    def seam(method: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
        @functools.wraps(method)
        def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
            def speak(*args: Any, **kwargs: Any) -> Any:
                return [(samples(record), rate(record)) for record in method(self, *args, **kwargs)]

            _reviewed(self, args, kwargs, provider)
            settings = in_own_voice(provider, self, speak, args, kwargs, None)
            stream = SoundStream(settings, type(self).__name__, None)
            last = None
            for record in method(self, *args, **kwargs):
                sound = samples(record)
                if sound is None:
                    yield record
                    continue
                last = record
                for pair in stream.put((sound, rate(record))):
                    yield record if pair[0] is sound else other(record, pair[0])
            for pair in stream.end():
                yield other(last, pair[0])

        return replacement

    return seam


def written(rate: Rate, parameter: str, answer: Callable[[Any, Any], Any], refused: tuple[str, ...] = ()) -> Seam:
    """A method that writes a file where it is given a path, and returns the sound where it is not.

    It is asked for the sound, which is labelled and written with both labels.

    Args:
        rate: Of the object.
        parameter: Takes the path.
        answer: What it returns where it has written, of the path and the labelled sound.
        refused: Parameters that take the label away again, or hand out sound that it did not reach.
    """

    def seam(method: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
        signature = inspect.signature(method)

        @functools.wraps(method)
        def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
            if _speaking.get() is self:
                return method(self, *args, **kwargs)
            _reviewed(self, args, kwargs, provider)
            source = type(self).__name__
            bound = signature.bind(self, *args, **kwargs)
            for name in refused:
                if bound.arguments.get(name):
                    raise UnsupportedOutputError(
                        f"{source}: {name}={bound.arguments[name]!r} makes sound that the label would not reach: leave "
                        "it away",
                        stage="detect",
                    )
            path = bound.arguments.get(parameter)
            if path is not None and not isinstance(path, (str, os.PathLike)):
                raise UnsupportedOutputError(
                    f"{source}: {parameter}={path!r} is no path of a file: call it without, and save() what it returns",
                    stage="detect",
                )
            bound.arguments[parameter] = None
            with speaking(self):
                speak = functools.partial(method, self)
                settings = in_own_voice(provider, self, speak, bound.args[1:], bound.kwargs, rate(self))
                output = method(*bound.args, **bound.kwargs)
            made = labelled_sound(output, settings, source, rate(self))
            if path is None:
                return made
            parts = made if isinstance(made, tuple) else (made, rate(self))
            save(
                next(part for part in parts if is_samples(part)),
                path,
                rate=next(int(part) for part in parts if isinstance(part, int)),
                provider=settings,
            )
            return answer(path, made)

        return replacement

    return seam
