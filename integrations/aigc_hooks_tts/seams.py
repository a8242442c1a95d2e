"""What is laid over a method that speaks, by the form in which it hands over its sound."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from aigc_hooks.artifact import Call, Seam
from aigc_hooks.errors import UnsupportedCarrierError, UnsupportedOutputError
from aigc_hooks.functions import Release
from aigc_hooks.labelling import save
from aigc_hooks.media import is_samples, is_tensor
from aigc_hooks.own_voice import in_own_voice
from aigc_hooks.provider import Provider, active
from aigc_hooks.speech import SoundStream, labelled_sound
from aigc_hooks.stages import passed, review

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


def written(
    rate: Rate,
    parameter: str,
    answer: Callable[[Any, Any], Any],
    *,
    text: str,
    rewritten: str = "",
    streaming: str = "",
) -> Seam:
    """A method that writes a file where it is given a path, and returns the sound where it is not.

    It is asked for the sound, which is labelled and written with both labels.

    Args:
        rate: Of the object.
        parameter: Takes the path.
        answer: What it returns where it has written, of the path and the labelled sound.
        text: The parameter that takes what is to be spoken.
        rewritten: A parameter by which the file gets other sound than what is returned: the library writes that file,
            elsewhere, and its sound is labelled too.
        streaming: A parameter by which the sound comes in pieces.
    """

    def seam(method: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
        signature = inspect.signature(method)

        @functools.wraps(method)
        def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
            if _speaking.get() is self:
                return method(self, *args, **kwargs)
            _reviewed(self, args, kwargs, provider)
            bound = signature.bind(self, *args, **kwargs)
            path, speech = _begun(method, bound, parameter, text, provider, self, rate)
            if streaming and bound.arguments.get(streaming):
                return speech.pieces(_spoken(method, bound, self), path, answer)
            if rewritten and path is not None and bound.arguments.get(rewritten):
                with tempfile.TemporaryDirectory() as folder:
                    part = bound.arguments[parameter] = str(Path(folder) / f"sound{Path(path).suffix}")
                    made = speech.labelled(_spoken(method, bound, self))
                    speech.save_other(Path(part), path)
            else:
                made = speech.labelled(_spoken(method, bound, self))
                if path is not None:
                    speech.save(made, path)
            return made if path is None else answer(path, made)

        return replacement

    return seam


def _begun(
    method: Callable[..., Any],
    bound: inspect.BoundArguments,
    parameter: str,
    text: str,
    provider: Provider,
    owner: Any,
    rate: Rate,
) -> tuple[Any, _Speech]:
    """Where a call shall write, of which it is not told, and the speech that it makes."""
    source = type(owner).__name__
    path = _path(bound, parameter, source)
    return path, _Speech(source, _in_voice_of(method, bound, text, provider, owner, rate), rate(owner))


def streamed(rate: Rate, parameter: str, answer: Callable[[Any, Any], Any], *, text: str) -> Seam:
    """A generator method that yields the pieces of a sound, or the whole, and writes a file where it is given a path.

    Args:
        rate: Of the object.
        parameter: Takes the path.
        answer: What it yields where it has written the whole, of the path and the labelled sound.
        text: The parameter that takes what is to be spoken.
    """

    def seam(method: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
        signature = inspect.signature(method)

        @functools.wraps(method)
        def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
            if _speaking.get() is self:
                return method(self, *args, **kwargs)
            _reviewed(self, args, kwargs, provider)
            bound = signature.bind(self, *args, **kwargs)
            path, speech = _begun(method, bound, parameter, text, provider, self, rate)
            return speech.pieces(_spoken(method, bound, self), path, answer)

        return replacement

    return seam


def _path(bound: inspect.BoundArguments, parameter: str, source: str) -> Any:
    """Takes the path of a file out of the arguments of a call.

    Raises:
        UnsupportedOutputError: It is something else.
    """
    path = bound.arguments.get(parameter)
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise UnsupportedOutputError(
            f"{source}: {parameter}={path!r} is no path of a file: call it without, and save() what it returns",
            stage="detect",
        )
    bound.arguments[parameter] = None
    return path


def _spoken(method: Callable[..., Any], bound: inspect.BoundArguments, obj: Any) -> Any:
    with speaking(obj):
        return method(*bound.args, **bound.kwargs)


def _in_voice_of(
    method: Callable[..., Any], bound: inspect.BoundArguments, text: str, provider: Provider, obj: Any, rate: Rate
) -> Provider:
    """Settings of a label in the voice of a call: other texts of it, such as paths, are left alone."""

    def speak(said: Any, others: Mapping[str, Any]) -> Any:
        again = inspect.BoundArguments(bound.signature, OrderedDict(bound.arguments))
        again.arguments[text] = said
        return _spoken(method, again, obj)

    others = {name: value for name, value in bound.arguments.items() if name != text and value is not obj}
    return in_own_voice(provider, obj, speak, [bound.arguments.get(text), others], {}, rate(obj))


class _Speech:
    """The sound of one call.

    Args:
        source: What makes it.
        settings: Label it.
        rate: Samples a second.
    """

    def __init__(self, source: str, settings: Provider, rate: int) -> None:
        self._source = source
        self._settings = settings
        self._rate = rate

    def labelled(self, output: Any) -> Any:
        """The labelled output."""
        return labelled_sound(output, self._settings, self._source, self._rate)

    def save(self, made: Any, path: Any) -> None:
        """Writes labelled sound."""
        parts = made if isinstance(made, tuple) else (made, self._rate)
        samples = next(part for part in parts if is_samples(part))
        rate = next(int(part) for part in parts if isinstance(part, int))
        save(samples, path, rate=rate, provider=self._settings)

    def save_other(self, part: Path, path: Any) -> None:
        """Labels the sound of a file that the library wrote, and writes it where it belongs."""
        try:
            import soundfile
        except ImportError as error:
            raise UnsupportedCarrierError(
                f"{path}: to label it, it is read with soundfile: pip install 'aigc-hooks[audio]'"
            ) from error
        samples, rate = soundfile.read(part, dtype="int16")
        self.save(self.labelled((samples, rate)), path)

    def pieces(self, output: Any, path: Any, answer: Callable[[Any, Any], Any]) -> Iterator[Any]:
        """The labelled pieces of a sound, and then its file; of the whole in one, what the method would yield."""
        stream = SoundStream(self._settings, self._source, self._rate)
        kept: list[Any] = []

        def leaving(items: Iterator[Any]) -> Iterator[Any]:
            for item in items:
                if path is not None:
                    kept.append(item)
                yield item

        with contextlib.closing(output):
            for item in output:
                if item is None or is_samples(item):
                    yield from leaving(stream.put(item))
                    continue
                made = self.labelled(item)
                if path is not None:
                    self.save(made, path)
                yield made if path is None else answer(path, made)
        yield from leaving(stream.end())
        if samples := [item for item in kept if item is not None]:
            self.save(_joined(samples), path)


def _joined(pieces: list[Any]) -> Any:
    if is_tensor(pieces[0]):
        import torch

        return torch.cat(pieces, dim=-1)
    import numpy

    return numpy.concatenate(pieces, axis=-1)
