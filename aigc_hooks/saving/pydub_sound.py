"""Teaches pydub, which has ffmpeg encode its sound, to keep the label of labelled samples in every format."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable
from typing import Any

from aigc_hooks import sounds
from aigc_hooks.saving import teaching
from aigc_hooks.saving.sound import embed, refuse

_MODULE = "pydub.audio_segment"


def _teach(module: Any) -> None:
    teaching.lay(module.AudioSegment, "export", _export)


def _export(
    original: Callable[..., Any], self: Any, out_f: Any = None, format: str = "mp3", *args: Any, **kw: Any
) -> Any:
    found = sounds.label_of(_samples(self), self.frame_rate)
    if found is None:
        return original(self, out_f, format, *args, **kw)
    if format == "raw":
        refuse(found, "raw", out_f)
        return original(self, out_f, format, *args, **kw)
    # To a file of its own first: what cannot be labelled does not get where it was meant to go.
    with teaching.resting():
        made = original(self, None, format, *args, **kw)
    with contextlib.ExitStack() as left:
        left.enter_context(made)
        embed(found, made, format.upper())
        made.seek(0)
        if out_f is None:
            left.pop_all()
            return made
        target, _ = sys.modules[_MODULE]._fd_or_path_or_tempfile(out_f, "wb+")  # as it opens what it is given
        target.seek(0)
        shutil.copyfileobj(made, target)
        target.truncate()
    target.seek(0)
    return target


def _samples(segment: Any) -> Any:
    """Its samples, (N,C) as integers: those of 24 bits have become 32 when it was made."""
    import numpy

    kinds = {1: numpy.int8, 2: numpy.int16, 4: numpy.int32}
    return numpy.frombuffer(segment.raw_data, kinds[segment.sample_width]).reshape(-1, segment.channels)


TEACHERS: teaching.Teachers = {_MODULE: _teach}
