"""The label of sound laid over it, where nothing may be put before it: the sound of a film (GB 45438-2025, 5.3).

While the label is heard the sound is lowered, so that the label is clearly distinguishable (5.3 f); it keeps its length
and stays in step with the picture.
"""

from __future__ import annotations

import math
from typing import Any

from aigc_hooks.explicit import rhythm
from aigc_hooks.explicit.sound import fitting, prompt_of
from aigc_hooks.styles import AudioStyle

BELOW = 18.0
"""By how many dB the sound lies below its label while that is heard, at its loudest: 6 would be lawful."""

_FADE = 0.15
"""How long the sound takes to come back, in seconds."""

_LOOK = 0.02
"""Of how many seconds the loudest is looked for."""


def length(rate: int, style: AudioStyle) -> int:
    """How many samples the label takes up, with the time in which the sound stays low and comes back."""
    return len(prompt_of(rate, style)) + round((rhythm.PAUSE * style.unit + _FADE) * rate)


def lay(samples: Any, rate: int, style: AudioStyle, level: float, place: str) -> Any:
    """Lays the label over sound.

    Args:
        samples: (C,N) floating point between -1 and 1, N as ``length`` tells.
        rate: Samples a second.
        style: The settings.
        level: Amplitude of the label, as ``sound.level_beside`` tells.
        place: ``"start"``: the sound comes back at the end of these samples; ``"end"``: it is lowered at their start.

    Returns:
        New samples of the same shape, between -1 and 1.
    """
    import numpy

    wave = prompt_of(rate, style)
    level = fitting(wave, level, style)
    wave = wave * numpy.float32(level)
    count = samples.shape[1]
    low = _lowered(samples, rate, level)
    gain: Any = numpy.full(count, low, numpy.float64)
    fade = min(round(_FADE * rate), count)
    gain[count - fade :] += (1 - low) * (1 - numpy.cos(numpy.pi * (numpy.arange(fade) + 0.5) / fade)) / 2
    added: Any = numpy.zeros(count, numpy.float64)
    added[: len(wave)] = wave
    if place == "end":
        gain = gain[::-1]
        added = numpy.roll(added, count - len(wave))
    return (samples * gain + added).clip(-1.0, 1.0)


def _lowered(samples: Any, rate: int, level: float) -> float:
    """What the sound is multiplied with, so that its loudest part lies below the label."""
    width = max(min(round(_LOOK * rate), samples.shape[1]), 1)
    frames = samples[:, : samples.shape[1] // width * width].reshape(samples.shape[0], -1, width)
    loudest = math.sqrt(float((frames * frames).mean(axis=2).max()))
    wanted = level / math.sqrt(2) * 10 ** (-BELOW / 20)
    return min(wanted / loudest, 1.0) if loudest else 1.0
