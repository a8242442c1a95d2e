"""Functions of a user's own that make sound."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import numpy
import pytest

from aigc_hooks import (
    ConfigError,
    LabelError,
    Provider,
    UnsupportedOutputError,
    find_rhythm,
    is_wrapped,
    label,
    unwrap,
    wrap,
)

ACME = Provider(producer="acme")
RATE = 16_000
BARE = numpy.random.default_rng(5).normal(0, 0.1, RATE).astype(numpy.float32)


@pytest.mark.parametrize(
    ("held", "place"),
    [((RATE, BARE), 1), ((BARE, RATE), 0), ((BARE, RATE, "more"), 0), ((float(RATE), BARE.tolist()), 1)],
)
def test_label_takes_pairs_of_rate_and_samples(held: Any, place: int) -> None:
    made = label(held, provider=ACME)
    assert type(made) is tuple
    assert len(find_rhythm(made[place], RATE)) == 1
    assert all(one is other for n, (one, other) in enumerate(zip(made, held, strict=True)) if n != place)


def test_label_takes_what_transformers_returns() -> None:
    held = [{"audio": BARE.copy(), "sampling_rate": RATE} for _ in range(2)]
    assert label(held, provider=ACME) is held
    assert [len(find_rhythm(each["audio"], RATE)) for each in held] == [1, 1]


def test_two_rates_that_differ_are_refused() -> None:
    with pytest.raises(LabelError, match=r"rate = 8000, and the sound comes with 16000"):
        label((RATE, BARE), rate=8_000, provider=ACME)


def test_an_array_of_one_axis_asks_for_its_rate() -> None:
    with pytest.raises(LabelError, match=r"of sound give the rate"):
        label(BARE, provider=ACME)


def test_integers_in_lists_stay_integers() -> None:
    bare = (BARE * 20_000).astype(int).tolist()
    made = label(bare, rate=RATE, provider=ACME)
    assert {type(each) for each in made} == {int}
    assert made[-len(bare) :] == bare
    assert max(made[:RATE]) > 500


def test_floats_that_overshoot_are_not_taken_for_integers() -> None:
    bare = numpy.random.default_rng(0).normal(0, 0.6, RATE).astype(numpy.float32)
    assert 2 < numpy.abs(bare).max() < 4
    assert numpy.abs(label(bare, rate=RATE, provider=ACME)[:RATE]).max() <= 0.5


def test_a_short_sound_in_a_long_silence_sets_the_level() -> None:
    bare = numpy.zeros(60 * RATE, numpy.float32)
    bare[RATE : 3 * RATE] = numpy.random.default_rng(0).normal(0, 0.2, 2 * RATE)
    level = float(numpy.abs(label(bare, rate=RATE, provider=ACME)[:RATE]).max())
    assert level == pytest.approx(0.4, rel=0.1)
    assert float(numpy.abs(label(bare[RATE : 3 * RATE] + 0.5, rate=RATE, provider=ACME)[:RATE]).max()) == pytest.approx(
        0.4, rel=0.1
    )


def test_a_batch_of_which_one_is_labelled_is_labelled() -> None:
    one = label(BARE, rate=RATE, provider=ACME)
    other = numpy.random.default_rng(1).normal(0, 0.01, len(one)).astype(numpy.float32)
    made = label(numpy.stack([one, other])[:, None], rate=RATE, provider=ACME)
    assert [len(find_rhythm(each, RATE)) for each in made] == [2, 1]
    assert label(made, rate=RATE, provider=ACME).shape == made.shape


@pytest.mark.parametrize("samples", [numpy.ma.masked_array(BARE), BARE.astype(numpy.int64), numpy.zeros((99, 99))])
def test_samples_of_another_kind_are_refused_with_the_fix(samples: Any) -> None:
    with pytest.raises(LabelError, match=r"give|convert"):
        label(samples, rate=RATE, provider=ACME)


def test_methods_coroutines_and_undoing() -> None:
    class Speaker:
        @wrap(kind="audio", rate=RATE, provider=ACME)
        def say(self) -> Any:
            return BARE

        @wrap(kind="audio", rate=RATE, provider=ACME)
        async def asay(self) -> Any:
            return BARE

    assert len(find_rhythm(Speaker().say(), RATE)) == 1
    assert len(find_rhythm(asyncio.run(Speaker().asay()), RATE)) == 1

    def speak() -> Any:
        return BARE

    wrapped = wrap(speak, kind="audio", rate=RATE, provider=ACME)
    assert is_wrapped(wrapped)
    assert unwrap(wrapped)() is BARE


def test_a_generator_that_returns_or_is_closed_early() -> None:
    closed = []

    @wrap(kind="audio", rate=RATE, provider=ACME, audio={"position": "both"})
    def speak() -> Any:
        try:
            yield BARE
            yield BARE
            return "done"
        finally:
            closed.append(True)

    pieces = speak()
    assert len(find_rhythm(next(pieces), RATE)) == 1
    pieces.close()
    assert closed.pop()
    made, pieces = [], speak()
    while True:
        try:
            made.append(next(pieces))
        except StopIteration as stop:
            assert stop.value == "done"
            break
    assert len(made) == 4
    assert closed == [True]


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="'audio'"):
        wrap(lambda: BARE, kind="sound", provider=ACME)


def test_a_file_in_memory_is_no_stream_and_its_bytes_are_asked_for() -> None:
    with pytest.raises(UnsupportedOutputError, match=r"returned _io\.BytesIO.*bytes of encoded sound"):
        wrap(lambda: io.BytesIO(b"RIFF"), kind="audio", rate=24_000, producer="acme")()
