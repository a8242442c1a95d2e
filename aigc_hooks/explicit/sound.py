"""The explicit label of sound: put before or after the samples, which do not change (GB 45438-2025, 5.3).

What is sound: ``aigc_hooks.explicit.samples``. It comes back as the same kind, dtype, layout and device.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from aigc_hooks.explicit import rhythm
from aigc_hooks.explicit.samples import (
    as_floats,
    check_rate,
    is_integer,
    loudness,
    middle,
    no_numbers,
    rows,
    samples_of,
    window,
)
from aigc_hooks.media import is_tensor, time_axis
from aigc_hooks.provider import Provider
from aigc_hooks.styles import AudioStyle

# The label is as loud as the content where that is not silent: its amplitude is twice the content's root mean square,
# and never less or more than this share of full scale.
_QUIETEST, _LOUDEST = 0.06, 0.5
_BESIDE_LOUDNESS = 2.0

_PEAK = 0.98
"""Most that a spoken label reaches, as a share of full scale: speech has peaks far above its loudness."""

_BEGINNING = 1024
"""How many samples tell how loud a sound without label begins."""

_SLACK = 0.6
"""How far from its place a label is still found, in seconds: codecs put silence before what they are given."""

_EXACT, _ALIKE = 0.99, 0.9
"""Least correlation between a label and what is taken for it at once, and for a spoken one."""


def missing(audio: Any, rate: int, provider: Provider) -> tuple[str, ...]:
    """The places, of those that the settings ask for, at which sound has no label yet: ``"start"``, ``"end"``.

    A label counts if every channel of every sound of a batch has it: one that has none must not pass for labelled.

    Raises:
        LabelError: It is no sound that can be labelled.
    """
    style = provider.audio
    asked = ("start", "end") if style.position == "both" else (style.position,)
    samples = samples_of(audio)
    return tuple(place for place in asked if not _is_labelled(samples, rate, style, place))


def _is_labelled(samples: Any, rate: int, style: AudioStyle, place: str) -> bool:
    prompt = prompt_of(rate, style)
    parts = window(samples, _reach(prompt, rate), place)
    silent = [not part.any() for part in parts]
    heard = [
        quiet or _found(part, prompt, rate, style, place) is not None for quiet, part in zip(silent, parts, strict=True)
    ]
    if all(silent) or not all(heard):
        return False
    # What is silent all through needs no label; what is silent only there does.
    return not any(silent) or not any(
        quiet and bool((row != middle(row)).any()) for quiet, row in zip(silent, rows(samples), strict=True)
    )


def reach(rate: int, style: AudioStyle) -> int:
    """How many samples at an end of a sound are looked at for its label."""
    return _reach(prompt_of(rate, style), rate)


def _reach(prompt: Any, rate: int) -> int:
    """How many samples at an end of a sound its label may take up."""
    return len(prompt) + round(_SLACK * rate)


def put(audio: Any, rate: int, provider: Provider, places: tuple[str, ...]) -> Any:
    """Sound with its label at these places, as a new object of the same kind, dtype, layout and device.

    Args:
        audio: The sound.
        rate: Samples a second, in Hz.
        provider: The settings.
        places: ``"start"``, ``"end"`` or both.

    Raises:
        LabelError: It is no sound that can be labelled.
    """
    samples = samples_of(audio)
    axis = time_axis(samples)
    loud, scale = loudness(samples)
    level = level_beside(loud)
    wave = _wave(samples, level, scale, rate, provider.audio)
    more = len(wave) + round(rhythm.PAUSE * provider.audio.unit * rate)
    count = samples.shape[axis]
    begin = more if "start" in places else 0
    size = [*samples.shape]
    size[axis] = begin + count + (more if "end" in places else 0)
    if is_tensor(samples):
        import torch

        made = samples.new_empty(size)
        wave = torch.from_numpy(wave).to(samples.device, samples.dtype)
    else:
        import numpy

        made = numpy.empty(size, samples.dtype)
    along = made.swapaxes(axis, -1)  # a view, with time last
    along[..., begin : begin + count] = samples.swapaxes(axis, -1)
    for place in places:
        at = 0 if place == "start" else begin + count
        silent = at + len(wave) if place == "start" else at
        heard = at if place == "start" else at + more - len(wave)
        along[..., silent : silent + more - len(wave)] = middle(samples)
        along[..., heard : heard + len(wave)] = wave
    return made.tolist() if isinstance(audio, list) else made


def content(audio: Any, rate: int, style: AudioStyle, seconds: float) -> list[tuple[Any, float]]:
    """The seconds of sound beside its label: all channels together, and the first by itself.

    Returns:
        For each, (N,) float32 and the amplitude of its label, both at whatever scale the samples have. Behind a label
        at the start it is the content from its beginning; before one at the end only, from its end, backwards. None for
        what has no label.
    """
    place = "end" if style.position == "end" else "start"
    count = round(seconds * rate)
    pause = round(rhythm.PAUSE * style.unit * rate)
    prompt = prompt_of(rate, style)
    reach = _reach(prompt, rate)
    found = []
    for part in _together(window(samples_of(audio), reach + pause + count, place)):
        edge = part[:reach] if place == "start" else part[-reach:]
        if (at := _found(edge, prompt, rate, style, place)) is None:
            continue
        heard = edge[at[0] : at[1]]
        # The pause is silent, and is no content: its middle is a safe place to begin.
        if place == "start":
            beside = part[at[1] + pause // 2 :]
        else:
            beside = part[: max(len(part) - len(edge) + at[0] - pause // 2, 0)][::-1]
        found.append((beside[:count], max(float(heard.max()), -float(heard.min()))))
    return found


def begins(audio: Any, rate: int, seconds: float) -> list[tuple[Any, float]]:
    """The first seconds of a sound without label, in the form of ``content``, with the amplitude of how it begins."""
    found = []
    for part in _together(window(samples_of(audio), round(seconds * rate), "start")):
        # Not of all that there is: of a stream, only the first piece was seen.
        first = part[int((part != 0).argmax()) :][:_BEGINNING] if len(part) else part
        found.append((part, max(float(first.max(initial=0.0)), -float(first.min(initial=0.0)))))
    return found


def _together(parts: Any) -> list[Any]:
    return [parts[0]] if len(parts) == 1 else [parts.mean(axis=0), parts[0]]


def prompt_of(rate: int, style: AudioStyle) -> Any:
    """What the label sounds like, (N,) float32 without the pause."""
    if style.kind == "rhythm":
        return rhythm.rhythm(rate, style.frequency, style.unit)
    from aigc_hooks.explicit import voice

    return voice.prompt(rate, style)


def level_beside(loud: float) -> float:
    """The amplitude of a label beside sound of this loudness, both as shares of full scale."""
    return min(max(_BESIDE_LOUDNESS * loud, _QUIETEST), _LOUDEST)


def fitting(wave: Any, level: float, style: AudioStyle) -> float:
    """The amplitude that a label can have without being cut: speech has peaks."""
    return min(level, _PEAK / float(abs(wave).max())) if style.kind == "voice" else level


def _wave(samples: Any, level: float, scale: float, rate: int, style: AudioStyle) -> Any:
    """The label at its level, (N,) float32 in the scale of the samples, without the pause."""
    import numpy

    wave = prompt_of(rate, style)
    wave = wave * numpy.float32(fitting(wave, level, style) * scale)
    if not is_integer(samples):
        return wave
    zero = middle(samples)
    return wave.round() + zero if zero else wave.round()


def _found(mono: Any, prompt: Any, rate: int, style: AudioStyle, place: str) -> tuple[int, int] | None:
    """Where in the samples at an end of a sound its label begins and ends; None where it has none there."""
    at = 0 if place == "start" else max(len(mono) - len(prompt), 0)
    alike = _correlation(mono[at : at + len(prompt)], prompt)
    if alike >= (_EXACT if style.kind == "rhythm" else _ALIKE):
        return at, at + len(prompt)  # as it was put there
    if style.kind != "rhythm" or not rhythm.may_hold(mono, rate, style.frequency, style.unit):
        return None
    loudest = max(float(mono.max(initial=0.0)), -float(mono.min(initial=0.0)))
    if not 0 < loudest < math.inf:
        return None
    found = rhythm.find(lambda one, other: mono[one:other] / loudest, len(mono), rate, style.frequency, style.unit)
    if not found:
        return None
    first = max(round(found[0].start * rate), 0)
    return first, min(first + len(prompt), len(mono))


def _correlation(part: Any, prompt: Any) -> float:
    """How much samples are like others, at whatever level: 1 for the same."""
    if len(part) != len(prompt):
        return 0.0
    size = math.sqrt(float(part @ part) * float(prompt @ prompt))
    return float(part @ prompt) / size if 0 < size < math.inf else 0.0


@functools.lru_cache(maxsize=1)
def _default() -> AudioStyle:
    return AudioStyle()


def find_rhythm(audio: Any, rate: int, *, style: AudioStyle | None = None) -> tuple[rhythm.Rhythm, ...]:
    """Finds every rhythm label in sound, in whichever channel, wherever it is, at any level, also after coding.

    Finding none does not mean that the sound was not generated (Measures, article 6). The sound is looked at in blocks
    and is not copied.

    Args:
        audio: An array, tensor or list: (N,), (C,N), (N,C), (B,N) or (B,C,N).
        rate: Samples a second, in Hz.
        style: The settings that it was labelled with, if they are not the defaults.

    Returns:
        In order of time, each with its start and end in seconds.

    Raises:
        LabelError: It is no sound, or the rate is missing.
    """
    style = style or _default()
    rate = check_rate(rate)
    found: list[rhythm.Rhythm] = []
    for row in rows(samples_of(audio)):
        zero = middle(row)
        loudest = max(float(row.max()) - zero, zero - float(row.min()))
        if not math.isfinite(loudest):
            raise no_numbers()
        if loudest:
            found += rhythm.find(functools.partial(_part, row, loudest), len(row), rate, style.frequency, style.unit)
    kept: list[rhythm.Rhythm] = []
    for each in sorted(found):
        if not kept or each.start > kept[-1].end:  # the same one in another channel
            kept.append(each)
    return tuple(kept)


def _part(row: Any, loudest: float, one: int, other: int) -> Any:
    import numpy

    return as_floats(row[one:other]) / numpy.float32(loudest)
