"""Samples tell which label they got, whatever a script does with its arrays."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch

from aigc_hooks import Provider, label, sounds, wrap

ACME = Provider(producer="acme")
RATE = 24_000
RNG = numpy.random.default_rng(7)


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "_shelves", type(sounds._shelves)())


def voice(seconds: float = 3.0, level: float = 0.1) -> Any:
    return RNG.normal(0, level, round(seconds * RATE)).astype(numpy.float32)


def number(audio: Any, rate: int = RATE) -> str:
    """The number of the label that sound carries; empty where it has none."""
    found = sounds.label_of(audio, rate)
    return found[0].produce_id if found else ""


CHANGES: dict[str, Callable[[Any], Any]] = {
    "asarray of a list": lambda x: numpy.asarray(x.tolist()),
    "list": lambda x: x.tolist(),
    "int16": lambda x: (x * 32767).astype(numpy.int16),
    "uint8": lambda x: (x * 127 + 128).astype(numpy.uint8),
    "float16": lambda x: x.astype(numpy.float16),
    "louder": lambda x: x * 4,
    "fainter": lambda x: x * 0.01,
    "upside down": lambda x: -x,
    "faded": lambda x: x * numpy.linspace(1, 0.4, len(x), dtype=numpy.float32),
    "torch and back": lambda x: torch.from_numpy(x)[None].clone().numpy(),
    "bfloat16": lambda x: torch.from_numpy(x).bfloat16(),
    "columns": lambda x: x[:, None],
    "stereo": lambda x: numpy.stack([x, x * 0.5], axis=1).T,
    "more behind": lambda x: numpy.concatenate([x, voice(5, 0.3)]),
    "silence before": lambda x: numpy.concatenate([numpy.zeros(RATE // 3, numpy.float32), x]),
    "end cut off": lambda x: x[: round(1.6 * RATE)],
    "padded": lambda x: numpy.pad(x, (0, 5000)),
    "clipped": lambda x: x.clip(-0.25, 0.25),
}


@pytest.mark.parametrize("position", ["start", "both"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_sound_is_known_after(name: str, position: str) -> None:
    style = {"position": position}
    made = [label(voice(), rate=RATE, provider=ACME, audio=style) for _ in range(5)]
    numbers = [number(each) for each in made]
    assert len(set(numbers)) == 5
    assert [number(CHANGES[name](each)) for each in made] == numbers


def test_voices_that_begin_alike_are_told_apart() -> None:
    common = voice(0.6)
    made = [label(numpy.concatenate([common, voice(1)]), rate=RATE, provider=ACME) for _ in range(6)]
    numbers = [number(each) for each in made]
    assert len(set(numbers)) == 6
    assert [number((each * 30_000).astype(numpy.int16)) for each in made] == numbers


def test_each_sound_of_a_batch_and_each_channel_is_known() -> None:
    batch = label(numpy.stack([voice(), voice(), voice()])[:, None], rate=RATE, provider=ACME)
    assert number(batch)
    assert {number(each) for each in (batch[0], batch[1, 0], batch[2], torch.from_numpy(batch))} == {number(batch)}
    stereo = label(numpy.stack([voice(), voice()], axis=1), rate=RATE, provider=ACME)
    assert {number(each) for each in (stereo[:, 0], stereo[:, 1], stereo.mean(axis=1), stereo.T)} == {number(stereo)}


@pytest.mark.parametrize("first", [voice(0.3, 0.01), numpy.zeros(2000, numpy.float32), voice(0.005)])
def test_a_stream_is_known_whose_first_piece_is_faint_silent_or_short(first: Any) -> None:
    pieces = [first, voice(2, 0.3)]
    made = numpy.concatenate(list(wrap(lambda: iter(pieces), kind="audio", rate=RATE, provider=ACME)()))
    assert number(made)


def test_what_was_not_labelled_here_is_not_known() -> None:
    made = label(voice(), rate=RATE, provider=ACME)
    prompt = made[: len(made) - 3 * RATE]
    assert number(voice()) == ""
    assert number(numpy.concatenate([prompt, voice()])) == ""
    assert number(made, 22_050) == ""
    assert number(made[len(prompt) :]) == ""
    assert number(numpy.zeros((RATE, 20), numpy.float32)) == ""


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "MOST", 70)
    made = [label(voice(0.5), rate=RATE, provider=ACME) for _ in range(150)]
    assert [bool(number(each)) for each in made] == [False] * 80 + [True] * 70
    assert len({number(each) for each in made[80:]}) == 70
    for rate in range(8_000, 8_020):
        label(voice(0.1), rate=rate, provider=ACME)
    assert len(sounds._shelves) == sounds._MOST_SHELVES


def test_it_is_fast_when_many_are_remembered() -> None:
    common = voice(0.5)
    made = label(numpy.concatenate([common, voice(1)]), rate=RATE, provider=ACME)
    for _ in range(1000):
        found = label(numpy.concatenate([common, voice(0.3)]), rate=RATE, provider=ACME)
    start = time.perf_counter()
    assert number(made) != number(found) != ""
    assert time.perf_counter() - start < 0.5


def test_threads() -> None:
    found: list[bool] = []

    def work(seed: int) -> None:
        generator = numpy.random.default_rng(seed)
        for _ in range(20):
            made = label(generator.normal(0, 0.1, RATE).astype(numpy.float32), rate=RATE, provider=ACME)
            found.append(bool(number(made)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 120


def _in_child(audio: Any, queue: Any) -> None:
    queue.put((number(audio), number(label(voice(), rate=RATE, provider=ACME))))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_knows_what_its_parent_labelled_though_the_lock_was_held() -> None:
    made = label(voice(), rate=RATE, provider=ACME)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with sounds._lock:
        child = context.Process(target=_in_child, args=(made, queue))
        child.start()
    known, own = queue.get(timeout=30)
    child.join()
    assert known == number(made)
    assert own


@pytest.mark.parametrize("silence", [1.0, 3.0])
def test_silence_with_its_label_at_the_end_makes_no_other_sound_known(silence: float) -> None:
    by = Provider(producer="acme", audio={"position": "end"})
    label(numpy.zeros(round(silence * RATE), numpy.float32), rate=RATE, provider=by)
    other = numpy.random.default_rng(99).standard_normal(3 * RATE).astype(numpy.float32) * 0.1
    assert sounds.label_of(other, RATE) is None
    assert sounds.label_of(numpy.concatenate([numpy.zeros(RATE // 2, numpy.float32), other]), RATE) is None


def test_with_its_label_at_the_end_it_is_known_by_its_end() -> None:
    style = {"position": "end"}
    bare = [voice() for _ in range(3)]
    made = [label(each, rate=RATE, provider=ACME, audio=style) for each in bare]
    numbers = [number(each) for each in made]
    assert len(set(numbers)) == 3
    assert [number(each) for each in bare] == ["", "", ""]
    for change in ("int16", "list", "upside down", "stereo", "bfloat16", "padded"):
        assert [number(CHANGES[change](each)) for each in made] == numbers, change
    assert number(numpy.concatenate([voice(2), made[1]])) == numbers[1]
    assert number(made[1][: len(bare[1])]) == ""  # the label was cut off
