"""Labelled sound is known by its envelope where its samples have become others, and only then."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
from scipy import signal
from scipy.io import wavfile

from aigc_hooks import Provider, label, read_label, sounds
from aigc_hooks.sounds import label_of

ACME = Provider(producer="acme")
RATE = 24_000


_seeds = itertools.count()


def speech(seconds: float = 3) -> Any:
    """Noise in syllables of different length and loudness, each time another."""
    generator = numpy.random.default_rng(next(_seeds))
    made = []
    while sum(map(len, made)) < seconds * RATE:
        length = int(generator.uniform(0.08, 0.3) * RATE)
        loud = generator.uniform(0.02, 0.3) * numpy.sin(numpy.pi * numpy.arange(length) / length)
        made.append(signal.lfilter([0.3], [1, -0.7], loud * generator.standard_normal(length)))
    return numpy.concatenate(made)[: int(seconds * RATE)].astype(numpy.float32)


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    """Other tests label the same sounds, and a sound that was labelled twice has two labels."""
    sounds._shelves.clear()


CHANGES: dict[str, Callable[[Any], tuple[Any, int]]] = {
    "resampled to 16 kHz": lambda x: (signal.resample_poly(x, 2, 3), 16_000),
    "resampled to 8 kHz": lambda x: (signal.resample_poly(x, 1, 3), 8_000),
    "resampled to 44.1 kHz": lambda x: (signal.resample_poly(x, 147, 80), 44_100),
    "resampled to 48 kHz, 16 bits": lambda x: ((signal.resample_poly(x, 2, 1) * 32767).astype(numpy.int16), 48_000),
    "filtered": lambda x: (signal.lfilter(*signal.butter(4, 3000, fs=RATE), x), RATE),
    "hissing": lambda x: (x + numpy.random.default_rng(1).normal(0, 0.003, len(x)), RATE),
    "stereo with a delay": lambda x: (numpy.stack([x[100:], 0.7 * x[:-100]], axis=1), RATE),
}


@pytest.mark.parametrize("position", ["start", "end"])
@pytest.mark.parametrize("seconds", [1.6, 3])
@pytest.mark.parametrize("name", CHANGES)
def test_the_right_one_of_many_is_known(name: str, seconds: float, position: str, tmp_path: Path) -> None:
    made = [label(speech(seconds), rate=RATE, provider=ACME, audio={"position": position}) for _ in range(12)]
    for each in made[::5]:
        samples, rate = CHANGES[name](each)
        soundfile.write(tmp_path / "a.wav", samples, rate)
        wavfile.write(tmp_path / "b.wav", rate, samples)
        known = label_of(each, RATE)
        assert known is not None
        assert read_label(tmp_path / "a.wav").label == read_label(tmp_path / "b.wav").label == known[0]


def test_labelling_it_again_keeps_its_label() -> None:
    made = label(speech(), rate=RATE, provider=ACME)
    other = signal.resample_poly(made, 2, 3).astype(numpy.float32)
    again = label(other, rate=16_000, provider=ACME)
    assert len(again) == len(other)
    one, two = label_of(made, RATE), label_of(again, 16_000)
    assert one is not None
    assert two is not None
    assert one[0].produce_id == two[0].produce_id


@pytest.mark.parametrize("content", ["noise", "tone", "silence", "other speech"])
def test_what_was_not_labelled_here_is_not_taken_for_it(content: str, tmp_path: Path) -> None:
    """Sound with a rhythm of somebody else before it."""
    bare = speech()
    made = label(bare, rate=RATE, provider=ACME)
    prompt = made[: len(made) - 3 * RATE]
    label(numpy.random.default_rng(5).normal(0, 0.1, 3 * RATE), rate=RATE, provider=ACME)
    label((0.2 * numpy.sin(numpy.arange(3 * RATE) / 9)).astype(numpy.float32), rate=RATE, provider=ACME)
    other = {
        "noise": numpy.random.default_rng(6).normal(0, 0.1, 3 * RATE),
        "tone": 0.2 * numpy.sin(numpy.arange(3 * RATE) / 11),
        "silence": numpy.zeros(3 * RATE),
        "other speech": speech(),
    }[content]
    foreign = signal.resample_poly(numpy.concatenate([prompt, other]), 2, 3)
    soundfile.write(tmp_path / "a.wav", foreign, 16_000)
    assert read_label(tmp_path / "a.wav").findings == ()
    soundfile.write(tmp_path / "b.wav", signal.resample_poly(bare, 2, 3), 16_000)
    assert read_label(tmp_path / "b.wav").findings == ()
