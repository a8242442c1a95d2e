"""Teaches the savers of sound that people use to write the label of labelled sound, and leaves other sound alone.

The samples tell whether they are labelled (``aigc_hooks.sounds``), so that it does not matter what a script did with
its arrays. Taught are ``wave``, ``soundfile``, ``scipy.io.wavfile`` and ``IPython.display.Audio``, each when it is
loaded, and each at a place that also reaches scripts that imported the function before.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import importlib.abc
import importlib.machinery
import inspect
import io
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aigc_hooks import sounds
from aigc_hooks.implicit import riff
from aigc_hooks.saving.sound import Found, embed, refuse
from aigc_hooks.security.signing import bound

_SECONDS = 12
"""How much of the beginning and of the end of a sound is kept until it is written, and its label is looked for."""

_ORIGINAL = "__aigc_hooks_original__"
# Containers of soundfile that hold the label.
_HOLDING = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3", "AIFF")


_resting: ContextVar[bool] = ContextVar("aigc_hooks_resting", default=False)


@contextlib.contextmanager
def resting() -> Iterator[None]:
    """While it lasts, films and WAV files are written as they are: whoever writes them labels them."""
    token = _resting.set(True)
    try:
        yield
    finally:
        _resting.reset(token)


def is_resting() -> bool:
    """Whether films and WAV files are written as they are."""
    return _resting.get()


class _Written:
    """The beginning and the end of a sound on its way to a file, beside which its label is."""

    def __init__(self) -> None:
        self.head: list[Any] = []
        self.tail: collections.deque[Any] = collections.deque()
        self.heads = self.tails = 0
        self.refused = False

    def take(self, samples: Any, rate: int) -> None:
        """Takes the next samples, (N,) or (N,C)."""
        # Copies, for a script may fill the same buffer again.
        enough = round(_SECONDS * rate)
        if room := enough - self.heads:
            self.head.append(samples[:room].copy())
            self.heads += len(self.head[-1])
            samples = samples[room:]
        if len(samples):
            self.tail.append(samples[-enough:].copy())
            self.tails += len(self.tail[-1])
            while self.tails - len(self.tail[0]) >= enough:
                self.tails -= len(self.tail.popleft())

    def look(self, rate: int) -> Found | None:
        """Looks for the label in what has been taken."""
        import numpy

        return sounds.label_of(numpy.concatenate([*self.head, *self.tail]), rate) if self.head else None


# wave


def _teach_wave(module: Any) -> None:
    writer = module.Wave_write
    for name, seam in (("writeframesraw", _wave_frames), ("close", _wave_close)):
        lay(writer, name, seam)


def _wave_frames(original: Callable[..., Any], self: Any, data: Any) -> Any:
    result = original(self, data)
    if is_resting():
        return result
    written = vars(self).setdefault("_aigc_hooks", _Written())
    if (samples := _pcm(data, self.getsampwidth(), self.getnchannels())) is not None:
        written.take(samples, self.getframerate())
    return result


def _pcm(data: Any, width: int, channels: int) -> Any:
    """Samples of PCM bytes, (N,C); None for those of 24 bits, which are taken by their upper 16."""
    import numpy

    raw = bytes(data)
    if width == 3:
        return numpy.frombuffer(raw, numpy.uint8).reshape(-1, 3)[:, 1:].copy().view("<i2").reshape(-1, channels)
    return numpy.frombuffer(raw, {1: "u1", 2: "<i2", 4: "<i4"}[width]).reshape(-1, channels)


def _wave_close(original: Callable[..., Any], self: Any) -> Any:
    written: _Written | None = vars(self).pop("_aigc_hooks", None)
    file, opened = self._file, getattr(self, "_i_opened_the_file", None)
    found = written.look(self.getframerate()) if written is not None and file is not None else None
    result = original(self)
    if found is not None:
        embed(found, opened.name if opened is not None else file, "WAV")
    return result


# soundfile


def _teach_soundfile(module: Any) -> None:
    for name, seam in (("write", _soundfile_write), ("close", _soundfile_close)):
        lay(module.SoundFile, name, seam)


def _soundfile_write(original: Callable[..., Any], self: Any, data: Any) -> Any:
    import numpy

    written = vars(self).setdefault("_aigc_hooks", _Written())
    samples = numpy.asarray(data)
    written.take(samples, self.samplerate)
    # To be told only when it is closed would be too late.
    early = self.format not in _HOLDING and not written.tail and not written.refused
    if early and (found := written.look(self.samplerate)) is not None:
        written.refused = True
        refuse(found, self.format, self.name)
    return original(self, data)


def _soundfile_close(original: Callable[..., Any], self: Any) -> Any:
    written: _Written | None = vars(self).pop("_aigc_hooks", None)
    found = written.look(self.samplerate) if written and not written.refused and not self.closed else None
    if found is None:
        return original(self)  # also of one that could not be opened, which has no name
    name, form = self.name, self.format
    result = original(self)
    if form not in _HOLDING:
        refuse(found, form, name)
    elif isinstance(name, int):
        refuse(found, "file given by number", name)
    else:
        embed(found, name, form)
    return result


# IPython


def _teach_ipython(module: Any) -> None:
    plain = module.Audio._make_wav
    if hasattr(plain, _ORIGINAL):
        return

    @functools.wraps(plain)
    def _make_wav(data: Any, rate: int, normalize: bool) -> bytes:
        made = io.BytesIO(plain(data, rate, normalize))
        if (found := sounds.label_of(_rows(data), int(rate))) is not None:
            riff.append(made, bound(*found, made).to_json())
        return made.getvalue()

    setattr(_make_wav, _ORIGINAL, plain)
    module.Audio._make_wav = staticmethod(_make_wav)


def _rows(data: Any) -> Any:
    import numpy

    return numpy.asarray(data)


# scipy


def _teach_scipy(module: Any) -> None:
    write = module.write
    if hasattr(write, _ORIGINAL):
        return
    # A script may have imported the function already: the function itself changes, and not the name in its module.
    original = types.FunctionType(write.__code__, write.__globals__, write.__name__, write.__defaults__)
    write.__signature__ = inspect.signature(original)
    setattr(write, _ORIGINAL, original)
    write.__defaults__ = None
    write.__code__ = _scipy_write.__code__


def _scipy_write(*args: Any, **kwargs: Any) -> Any:
    from aigc_hooks.saving.teaching import written_by_scipy

    return written_by_scipy(*args, **kwargs)


def written_by_scipy(*args: Any, **kwargs: Any) -> Any:
    """``scipy.io.wavfile.write(filename, rate, data)``."""
    original = getattr(sys.modules["scipy.io.wavfile"].write, _ORIGINAL)
    given = inspect.signature(original).bind(*args, **kwargs).arguments
    result = original(*args, **kwargs)
    file, rate, data = given["filename"], given["rate"], given["data"]
    if (found := sounds.label_of(data, int(rate))) is not None:
        embed(found, file if hasattr(file, "write") else Path(file), "WAV")
    return result


# When they are loaded

Teachers = Mapping[str, Callable[[Any], None]]
"""What teaches a module, by its name."""

_TEACHERS: dict[str, list[Callable[[Any], None]]] = {
    "wave": [_teach_wave],
    "soundfile": [_teach_soundfile],
    "scipy.io.wavfile": [_teach_scipy],
    "IPython.lib.display": [_teach_ipython],
}


def lay(owner: Any, name: str, seam: Callable[..., Any]) -> bool:
    """Lays a seam over a method, once: it gets the plain method and the arguments; tells whether it is new there."""
    plain = getattr(owner, name)
    if hasattr(plain, _ORIGINAL):
        return False

    @functools.wraps(plain)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        return seam(plain, *args, **kwargs)

    setattr(replacement, _ORIGINAL, plain)
    setattr(owner, name, replacement)
    return True


def hand_out(name: str, plain: Any, taught: Any) -> None:
    """Puts what is taught in the place of the plain one, in every module that has that by its own name."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        if names.get(name) is plain:
            names[name] = taught


class _Teacher(importlib.abc.MetaPathFinder):
    """Sees the savers being imported, and teaches them then."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name not in _TEACHERS:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                self._teach_after(spec.loader, name)
                return spec
        return None

    @staticmethod
    def _teach_after(loader: Any, name: str) -> None:
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            _teach(module, name)

        loader.exec_module = exec_module


_teacher = _Teacher()


def install(teachers: Teachers = MappingProxyType({})) -> None:
    """Teaches the savers that are loaded, and those that will be; of sound, and what ``teachers`` names besides."""
    for name, teach in teachers.items():
        if teach not in (known := _TEACHERS.setdefault(name, [])):
            known.append(teach)
    for name in _TEACHERS:
        if name in sys.modules:
            _teach(sys.modules[name], name)
    if not any(type(finder).__name__ == "_Teacher" for finder in sys.meta_path):
        sys.meta_path.insert(0, _teacher)


def _teach(module: Any, name: str) -> None:
    for teach in _TEACHERS[name]:
        teach(module)
