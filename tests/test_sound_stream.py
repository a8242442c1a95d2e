"""Streams of sound: empty pieces, records, what is no number, and both labels."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy
import pytest
import torch

from aigc_hooks import LabelError, UnsupportedOutputError, find_rhythm, wrap

RATE = 16_000


def sound(seconds: float = 0.5) -> Any:
    return numpy.random.default_rng().normal(0, 0.1, round(seconds * RATE)).astype(numpy.float32)


def streamed(items: list[Any], rate: int | None = RATE, position: str = "start", **settings: Any) -> Iterator[Any]:
    def speak() -> Iterator[Any]:
        yield from items

    return wrap(speak, kind="audio", rate=rate, producer="acme", audio={"position": position}, **settings)()  # type: ignore[no-any-return]


def astreamed(items: list[Any], position: str = "start") -> list[Any]:
    async def speak() -> AsyncIterator[Any]:
        for item in items:
            yield item

    async def collected() -> list[Any]:
        wrapped = wrap(speak, kind="audio", rate=RATE, producer="acme", audio={"position": position})
        return [piece async for piece in wrapped()]

    return asyncio.run(collected())


EMPTY: dict[str, Any] = {
    "an array": numpy.zeros(0, numpy.float32),
    "one channel": numpy.zeros((1, 0), numpy.float32),
    "a tensor": torch.zeros(0),
    "nothing": None,
}


@pytest.mark.parametrize("position", ["start", "end", "both"])
@pytest.mark.parametrize("name", EMPTY)
def test_empty_pieces_pass_and_the_label_comes_with_the_first_that_is_not(name: str, position: str) -> None:
    content = [sound(), sound()]
    items = [EMPTY[name], content[0], EMPTY[name], content[1], EMPTY[name]]
    for made in (list(streamed(items, position=position)), astreamed(items, position)):
        assert len([piece for piece in made if piece is EMPTY[name]]) == 3
        whole = numpy.concatenate([piece for piece in made if piece is not EMPTY[name]])
        assert len(find_rhythm(whole, RATE)) == (2 if position == "both" else 1)
        begin = 0 if position == "end" else round(1.4 * RATE)
        assert numpy.array_equal(whole[begin : begin + RATE], numpy.concatenate(content))


def test_a_stream_of_empty_pieces_stays_empty() -> None:
    empty = [numpy.zeros(0, numpy.float32), []]
    made = list(streamed(empty, position="both"))
    assert all(one is other for one, other in zip(made, empty, strict=True))


@dataclasses.dataclass
class Piece:
    code: str
    audio: Any


@pytest.mark.parametrize("position", ["start", "end", "both"])
def test_records_that_only_tell_something_pass(position: str) -> None:
    items = [
        Piece("header", None),
        {"type": "words", "offset": numpy.float32(0.1), "words": ["你", "好"], "starts": [0.1, 0.2]},
        Piece("segment", (RATE, sound()[:0])),
        Piece("segment", (RATE, sound())),
        Piece("final", (RATE, sound())),
        Piece("end", None),
    ]
    bare = [item.audio[1] for item in items[3:5] if isinstance(item, Piece)]
    made = list(streamed(items, None, position))
    assert made[:3] == items[:3]
    spoken = [piece for piece in made[3:] if piece.audio is not None]
    heard = [len(find_rhythm(piece.audio[1], RATE)) for piece in spoken]
    assert heard == {"start": [1, 0], "end": [0, 0, 1], "both": [1, 0, 1]}[position]
    # The label at the end is a record of its own, and no other has changed.
    assert spoken[1].audio[1] is bare[1]
    if position != "start":
        assert len(spoken[2].audio[1]) == round(1.4 * RATE)
        assert spoken[2].code == "final"


@pytest.mark.parametrize("position", ["start", "end", "both"])
def test_records_of_several_sounds_get_their_label_in_each(position: str) -> None:
    items = [{"audio": sound(), "vocals": [sound(), sound()], "sampling_rate": RATE} for _ in range(3)]
    sizes = [len(item["vocals"][1]) for item in items]
    made = list(streamed(items, None, position))
    heard = [[len(find_rhythm(each, RATE)) for each in (piece["audio"], *piece["vocals"])] for piece in made]
    all_, none = [1, 1, 1], [0, 0, 0]
    expected = {"start": [all_, none, none], "end": [none, none, none, all_], "both": [all_, none, none, all_]}
    assert heard == expected[position]
    assert [len(piece["vocals"][1]) for piece in made[1:3]] == sizes[1:]


def test_records_of_samples_as_bytes() -> None:
    items = [{"audio": (sound() * 20_000).astype("<i2").tobytes(), "sample_rate": RATE} for _ in range(2)]
    made = [numpy.frombuffer(piece["audio"], "<i2") for piece in streamed(items, None, "both")]
    assert [len(find_rhythm(piece, RATE)) for piece in made] == [1, 0, 1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("position", ["start", "end", "both"])
@pytest.mark.parametrize("form", ["array", "float16", "tensor", "list", "pair", "mapping", "stereo"])
def test_what_is_no_number_does_not_leave_in_later_pieces(bad: float, position: str, form: str) -> None:
    def shaped(samples: Any) -> Any:
        return {
            "array": samples,
            "float16": samples.astype(numpy.float16),
            "tensor": torch.from_numpy(samples).bfloat16(),
            "list": samples.tolist(),
            "pair": (RATE, samples),
            "mapping": {"wav": samples, "sr": RATE},
            "stereo": numpy.stack([samples, samples]),
        }[form]

    broken = sound()
    broken[4001] = bad
    pieces = streamed([shaped(sound()), shaped(sound()), shaped(broken), shaped(sound())], position=position)
    left = []
    with pytest.raises(LabelError, match="NaN or infinite"):
        left.extend(pieces)  # what came before has been taken
    pieces = streamed([shaped(sound()), shaped(sound()), shaped(broken)], position=position)
    before = 1 + (position != "end" and form in ("array", "float16", "tensor", "list", "stereo"))
    for _ in range(before + 1):
        next(pieces)
    with pytest.raises(LabelError, match="NaN or infinite"):
        next(pieces)


def test_settings_may_forgive_what_is_no_number() -> None:
    broken = sound()
    broken[:] = numpy.nan
    with pytest.warns(UserWarning, match="NaN or infinite"):
        made = list(streamed([sound(), broken], on_error="warn"))
    assert made[-1] is broken


@pytest.mark.parametrize("later", ["你好", 3, object(), {"vox": 1, "data": b"ab"}, sound().astype(numpy.complex64)])
def test_what_is_no_sound_does_not_leave_in_later_pieces(later: Any) -> None:
    with pytest.raises(LabelError, match=r"known as sound|no sound"):
        list(streamed([sound(), later]))


@pytest.mark.parametrize(
    "first",
    [{"chunk": [0.1] * 100}, {"audio": "UklGR"}, {"x": ["QUJD" * 99]}, {"data": b"ab"}, "你好", {"x": object()}],
)
def test_what_may_be_sound_is_no_notice(first: Any) -> None:
    with pytest.raises(UnsupportedOutputError, match="not known as sound"):
        list(streamed([first, sound()]))


def test_without_a_rate_nothing_leaves_before_a_label_at_the_end() -> None:
    pieces = streamed([sound(), sound()], None, "end")
    with pytest.raises(UnsupportedOutputError, match="nothing tells their rate"):
        next(pieces)


# What is sent, thrown and closed


def spoken(told: list[Any]) -> Any:
    """A generator that tells what it is told."""

    @wrap(kind="audio", rate=RATE, producer="acme")
    def speak() -> Any:
        try:
            while True:
                try:
                    told.append((yield sound()))
                except KeyError as error:
                    told.append(error)
        finally:
            told.append("closed")

    return speak()


def test_what_is_sent_and_thrown_reaches_the_generator() -> None:
    told: list[Any] = []
    pieces, error = spoken(told), KeyError("stop that")
    next(pieces)
    next(pieces)
    assert len(pieces.send("louder")) == RATE // 2
    assert len(pieces.throw(error)) == RATE // 2
    with pytest.raises(ZeroDivisionError):
        pieces.throw(ZeroDivisionError())
    assert told == ["louder", error, "closed"]


def test_what_is_sent_and_thrown_reaches_an_asynchronous_generator() -> None:
    told: list[Any] = []
    error = KeyError("stop that")

    @wrap(kind="audio", rate=RATE, producer="acme")
    async def speak() -> Any:
        try:
            while True:
                try:
                    told.append((yield sound()))
                except KeyError as thrown:
                    told.append(thrown)
        finally:
            told.append("closed")

    async def used() -> None:
        pieces = speak()
        await anext(pieces)
        await anext(pieces)
        assert len(await pieces.asend("louder")) == RATE // 2
        assert len(await pieces.athrow(error)) == RATE // 2
        await pieces.aclose()

    asyncio.run(used())
    assert told == ["louder", error, "closed"]


class Iterated:
    """A stream of a library's own, which is no generator."""

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return sound()

    def close(self) -> None:
        self.closed = True

    __aiter__ = __iter__

    async def __anext__(self) -> Any:
        return sound()

    async def aclose(self) -> None:
        self.closed = True


class Later(Iterated):
    """Asynchronous alone."""

    __iter__ = __next__ = None  # type: ignore[assignment]


class Now(Iterated):
    """Synchronous alone."""

    __aiter__ = __anext__ = None  # type: ignore[assignment]


def test_streams_that_are_broken_off_are_closed() -> None:
    told: list[Any] = []
    pieces = spoken(told)
    next(pieces)
    pieces.close()
    assert told == ["closed"]

    now = Now()
    stream = wrap(lambda: now, kind="audio", rate=RATE, producer="acme")()
    next(stream)
    with pytest.raises(KeyError):
        stream.throw(KeyError("it takes none"))
    assert now.closed

    async def broken_off() -> bool:
        later = Later()
        stream = wrap(lambda: later, kind="audio", rate=RATE, producer="acme")()
        await anext(stream)
        await stream.aclose()
        return later.closed

    assert asyncio.run(broken_off())


def test_a_stream_that_cannot_be_labelled_is_closed() -> None:
    now = Now()
    stream = wrap(lambda: now, kind="audio", producer="acme")()
    with pytest.raises(UnsupportedOutputError, match="nothing tells their rate"):
        next(stream)
    assert now.closed
