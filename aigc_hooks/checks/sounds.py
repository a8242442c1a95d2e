"""Looks for the rhythm label in the samples of a sound, decoded block by block.

A spoken prompt is not understood: what has no rhythm is unknown, not wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from aigc_hooks.checks.report import Check, every
from aigc_hooks.codecs import pyav
from aigc_hooks.errors import AIGCHooksError, LabelError, UnsupportedCarrierError
from aigc_hooks.explicit.rhythm import Rhythm
from aigc_hooks.explicit.samples import check_rate
from aigc_hooks.explicit.sound import find_rhythm
from aigc_hooks.media import MOST_CHANNELS
from aigc_hooks.provider import Provider
from aigc_hooks.styles import AudioStyle

MAX_SAMPLES = 1 << 31
"""Most samples that are decoded, of all channels together: half a day of stereo at 24 kHz."""

RULES = ("A-01", "A-02")
"""What the explicit label of a sound is judged by."""

_BLOCK, _OVERLAP, _MARGIN = 10.0, 4.0, 0.5
"""How many seconds are looked at, how many of them again with the next block, and how near to a cut none is believed:
the longest rhythm takes 2.2, and more than half a second of what is beside it tells it from other letters."""


def judge(path: Path, provider: Provider | None) -> list[Check]:
    """The verdicts on the explicit label of a sound file.

    Args:
        path: The file.
        provider: Whose label is looked for, beside that of the default settings; None for the latter only.
    """
    styles = list(dict.fromkeys([*([provider.audio] if provider else []), AudioStyle()]))
    try:
        found, seconds, whole = _heard(path, styles)
    except AIGCHooksError as error:
        return every(RULES, "unknown", f"the sound cannot be decoded here: {error}")
    if not found:
        reason = "no rhythm label was found; a spoken prompt is not recognised"
        return every(RULES, "unknown", reason if whole else f"{reason}, and not all of the file was listened to")
    place = ", ".join(f"{each.start:.2f}–{each.end:.2f} s" for each in found[:8])
    heard = f"the rhythm is heard {len(found)} times" if len(found) > 1 else "the rhythm is heard once"
    return [
        Check("A-01", "pass", f"{heard} in {seconds:.1f} s", place),
        Check("A-02", "pass", "two short-long, short-short groups of one tone", place),
    ]


def _heard(path: Path, styles: list[AudioStyle]) -> tuple[list[Rhythm], float, bool]:
    """The rhythms in a file, how long it is in seconds, and whether it was heard to its end."""
    found: list[Rhythm] = []
    with closing(_decoded(path)) as decoded:
        if (opened := next(decoded, None)) is None or not len(opened[0]):
            return [], 0.0, True
        import numpy  # what is missing has been said by the decoder

        first_block, own = opened
        if first_block.shape[1] > MOST_CHANNELS:
            raise LabelError(f"it has {first_block.shape[1]} channels, and at most {MOST_CHANNELS} are looked at")
        rate, left = check_rate(own), MAX_SAMPLES
        kept = round(_OVERLAP * rate)
        window: Any = first_block[:0]
        start = 0
        blocks = itertools.chain([(first_block, own)], decoded)
        while left > 0:
            # What a file says of its length is not to be believed: only what comes out of it counts.
            block, _ = next(blocks, (window[:0], rate))
            left -= block.size
            if len(block):
                window = numpy.concatenate([window, block])
            last = not len(block)
            if last and not start and not len(window):
                break
            for each in _in(window, rate, styles):
                first, end = each.start * rate, each.end * rate
                if (first < _MARGIN * rate and start) or (end > len(window) - _MARGIN * rate and not last):
                    continue  # cut off here, and seen whole in the block beside
                found.append(Rhythm(start / rate + each.start, start / rate + each.end))
            if last:
                break
            start += max(len(window) - kept, 0)
            window = window[-kept:]
        seconds = (start + len(window)) / rate
    return _once(found), seconds, left > 0


def _decoded(path: Path) -> Generator[tuple[Any, int], None, None]:
    """Some seconds of a sound at a time, (N,C) float32, and their rate.

    Raises:
        AIGCHooksError: It cannot be decoded.
    """
    try:
        import soundfile
    except ImportError as error:
        raise UnsupportedCarrierError("sound is decoded with soundfile: pip install 'aigc-hooks[audio]'") from error
    try:
        with soundfile.SoundFile(path) as file:
            while len(block := file.read(round(_BLOCK * file.samplerate), dtype="float32", always_2d=True)):
                yield block, int(file.samplerate)
            return
    except soundfile.LibsndfileError:
        pass  # what it does not know, PyAV may
    import numpy

    parts: list[Any] = []
    rate = 0
    for samples, rate in pyav.blocks(path):
        scale = 1.0 if samples.dtype.kind == "f" else 2.0 ** (8 * samples.dtype.itemsize - 1)
        parts.append(samples.astype(numpy.float32) / numpy.float32(scale))
        if sum(map(len, parts)) >= _BLOCK * rate:
            yield numpy.concatenate(parts), rate
            parts.clear()
    if parts:
        yield numpy.concatenate(parts), rate


def _in(window: object, rate: int, styles: list[AudioStyle]) -> list[Rhythm]:
    return [each for style in styles for each in find_rhythm(window, rate, style=style)]


def _once(found: list[Rhythm]) -> list[Rhythm]:
    kept: list[Rhythm] = []
    for each in sorted(found):
        if not kept or each.start > kept[-1].end:
            kept.append(each)
    return kept
