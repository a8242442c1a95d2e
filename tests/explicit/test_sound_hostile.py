"""Content that could hide the rhythm, or be taken for one: a decoder of this file's own hears it all the same."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from scipy import signal

from aigc_hooks import LabelError, Provider, find_rhythm, label, wrap

ACME = Provider(producer="acme")
RATES = (8_000, 11_025, 44_100, 96_000, 192_000)
SECONDS = 0.8


def sounds(samples: Any, rate: int, frequency: float = 800) -> list[tuple[float, float]]:
    """Begin and length of what is loud at a frequency in the first 1.2 seconds: half as loud as the loudest there."""
    head = numpy.asarray(samples, float)[: round(1.9 * rate)]
    band = signal.butter(3, [0.85 * frequency, 1.15 * frequency], "bandpass", fs=rate, output="sos")
    envelope = numpy.abs(signal.hilbert(signal.sosfiltfilt(band, head - numpy.median(head))))
    width = round(0.02 * rate)
    loud = signal.lfilter(numpy.ones(width) / width, 1, envelope)[: round(1.2 * rate)]
    edges = numpy.diff(numpy.concatenate([[0], (loud > loud.max() / 2).astype(int), [0]]))
    runs = zip(numpy.flatnonzero(edges > 0) / rate, numpy.flatnonzero(edges < 0) / rate, strict=True)
    return [(begin, end - begin) for begin, end in runs if end - begin > 0.04]


def is_short_long_short_short(samples: Any, rate: int, frequency: float = 800) -> bool:
    found = sounds(samples, rate, frequency)
    if len(found) < 4:
        return False
    (one, two, three, four) = [length for _, length in found[:4]]
    gaps = [found[n + 1][0] - sum(found[n]) for n in range(3)]
    return two > 2 * max(one, three, four) and gaps[1] > 1.8 * max(gaps[0], gaps[2])


def morse(signs: str, rate: int, frequency: float = 800, unit: float = 0.1) -> Any:
    """Morse of another make, with hard edges."""
    count = round(unit * rate)
    pieces = []
    for sign in signs:
        length = {".": 1, "-": 3, " ": 0}[sign] * count
        pieces += [numpy.sin(2 * numpy.pi * frequency / rate * numpy.arange(length)), numpy.zeros(count)]
        if sign == " ":
            pieces.append(numpy.zeros(count))
    return 0.5 * numpy.concatenate(pieces)


def tone(rate: int, frequency: float, level: float) -> Any:
    return level * numpy.sin(2 * numpy.pi * frequency / rate * numpy.arange(round(SECONDS * rate)))


def noise(rate: int, level: float) -> Any:
    return level * numpy.random.default_rng(3).uniform(-1, 1, round(SECONDS * rate))


CONTENTS: dict[str, Callable[[int], Any]] = {
    "silence": lambda rate: numpy.zeros(round(SECONDS * rate)),
    "full noise": lambda rate: noise(rate, 1),
    "full square": lambda rate: numpy.sign(tone(rate, 100, 1) + 1e-9),
    "faint": lambda rate: noise(rate, 1e-5),
    "an offset": lambda rate: 0.4 + noise(rate, 0.1),
    "the same tone": lambda rate: tone(rate, 800, 0.9),
    "the same tone, later": lambda rate: numpy.concatenate([numpy.zeros(rate // 3), tone(rate, 800, 0.9)]),
    "beeps": lambda rate: tone(rate, 800, 0.5) * (numpy.arange(round(SECONDS * rate)) * 10 // rate % 2),
    "Morse of other words": lambda rate: morse("... --- ... .- -. ..", rate),
    "Morse of another tone": lambda rate: numpy.concatenate([morse(".- ..", rate, 700), noise(rate, 0.1)]),
    "one click": lambda rate: numpy.eye(1, rate, rate // 2)[0],
}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", CONTENTS)
def test_a02_a03_it_is_heard_before_anything(name: str, rate: int) -> None:
    bare = CONTENTS[name](rate).astype(numpy.float32)
    made = label(bare, rate=rate, provider=ACME)
    more = len(made) - len(bare)
    assert more == pytest.approx(1.4 * rate, abs=10)
    assert numpy.array_equal(made[more:], bare)
    assert float(numpy.abs(made).max()) <= 1
    assert is_short_long_short_short(made, rate)
    assert len(find_rhythm(made, rate)) == 1
    assert label(made, rate=rate, provider=ACME) is made


CODECS = {
    "MP3": (["-b:a", "64k", "-f", "mp3"], []),
    "Opus": (["-c:a", "libopus", "-b:a", "24k", "-f", "ogg"], []),
    "a telephone": (["-ar", "8000", "-f", "mulaw"], ["-f", "mulaw", "-ar", "8000", "-ac", "1"]),
}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", ["full noise", "full square", "an offset", "the same tone", "beeps", "silence"])
def test_a09_and_after_coding(name: str, codec: str) -> None:
    made = label(CONTENTS[name](24_000).astype(numpy.float32), rate=24_000, provider=ACME)
    options, told = CODECS[codec]
    form = ["-f", "f32le", "-ar", "24000", "-ac", "1"]
    coded = _ffmpeg([*form, "-i", "-", *options, "-"], made.tobytes())
    heard = numpy.frombuffer(_ffmpeg([*told, "-i", "-", *form, "-"], coded), numpy.float32)
    assert is_short_long_short_short(heard, 24_000)
    assert len(label(heard, rate=24_000, provider=ACME)) == len(heard)


def _ffmpeg(options: list[str], data: bytes) -> bytes:
    return subprocess.run(["ffmpeg", "-v", "error", *options], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("size", [1, 2, 5, 255, 4095, 4096, 4097, 40_001])
@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf])
@pytest.mark.filterwarnings("error")
def test_one_sample_that_is_no_number_is_found_wherever_it_is(value: float, size: int) -> None:
    for kind in (numpy.float16, numpy.float32, numpy.float64):
        for loud in (0, 0.1):
            for at in {0, size // 3, size // 2, size - 1}:
                bad = (loud * numpy.random.default_rng(at).standard_normal(size)).astype(kind)
                bad[at] = value
                for each in (
                    bad,
                    torch.from_numpy(bad),
                    torch.from_numpy(bad).bfloat16(),
                    numpy.stack([numpy.zeros_like(bad), bad]),
                ):
                    with pytest.raises(LabelError, match="NaN or infinite"):
                        label(each, rate=8_000, provider=ACME)


@pytest.mark.parametrize("seconds", [0.3, 0.9, 4])
@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_the_range_of_integers_is_known_by_a_little_sound(rate: int, seconds: float) -> None:
    sound = numpy.zeros(10 * rate, numpy.float32)
    count = round(seconds * rate)
    sound[4 * rate : 4 * rate + count] = numpy.random.default_rng(0).normal(0, 300, count)
    made = label(sound, rate=rate, provider=ACME)
    assert float(made[: round(1.1 * rate)].max()) > 1000


@pytest.mark.parametrize("empty", [[], [[], []], numpy.zeros(0), numpy.zeros((2, 0)), torch.zeros(1, 0)])
def test_empty_sound_is_refused(empty: Any) -> None:
    with pytest.raises(LabelError, match="empty"):
        label(empty, rate=24_000, provider=ACME)


def test_memory_that_is_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    bare = noise(24_000, 0.1).astype(numpy.float32)
    numpy.save(tmp_path / "a.npy", bare)
    for mode in ("r", "r+", "c"):
        mapped = numpy.load(tmp_path / "a.npy", mmap_mode=mode)
        made = label(mapped, rate=24_000, provider=ACME)
        assert len(find_rhythm(made, 24_000)) == 1
        assert numpy.array_equal(made[-len(bare) :], bare)
    assert numpy.array_equal(numpy.load(tmp_path / "a.npy"), bare)


# Streams that break off


def test_a_stream_that_breaks_off_closes_the_model_and_has_begun_with_its_label() -> None:
    seen: list[str] = []

    def speak() -> Iterator[Any]:
        try:
            for _ in range(5):
                yield noise(24_000, 0.1)
        finally:
            seen.append("closed")

    stream: Any = wrap(speak, kind="audio", rate=24_000, provider=ACME)()
    assert is_short_long_short_short(numpy.concatenate([next(stream), numpy.zeros(24_000)]), 24_000)
    stream.close()
    assert seen == ["closed"]
    with pytest.raises(StopIteration):
        next(stream)


def test_what_the_model_raises_in_the_middle_is_its_own() -> None:
    def speak() -> Iterator[Any]:
        yield noise(24_000, 0.1)
        raise ValueError("out of breath")

    stream: Any = wrap(speak, kind="audio", rate=24_000, provider=ACME)()
    next(stream), next(stream)
    with pytest.raises(ValueError, match="out of breath"):
        next(stream)


def test_asynchronous_streams_that_are_cancelled() -> None:
    seen: list[str] = []

    async def speak() -> AsyncIterator[Any]:
        try:
            for _ in range(50):
                yield noise(24_000, 0.1)
                await asyncio.sleep(0.001)
        finally:
            seen.append("closed")

    async def run() -> None:
        heard: list[Any] = []
        begun = asyncio.Event()

        async def listen() -> None:
            async for piece in wrap(speak, kind="audio", rate=24_000, provider=ACME)():
                heard.append(piece)
                begun.set()

        task = asyncio.create_task(listen())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(find_rhythm(heard[0], 24_000)) == 1

    asyncio.run(run())
    assert seen == ["closed"]
