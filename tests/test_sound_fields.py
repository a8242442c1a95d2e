"""Mappings, records and tuples that hold several sounds: every one is labelled, and what looks like one is refused."""

from __future__ import annotations

import collections
import copy
import dataclasses
import io
import pathlib
from collections.abc import Iterator
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy
import pydantic
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_hooks import LabelError, Provider, UnsupportedOutputError, find_rhythm, label, wrap

ACME = Provider(producer="acme")
RATE = 16_000


def sound(seconds: float = 1.0, level: float = 0.1) -> Any:
    return numpy.random.default_rng().normal(0, level, round(seconds * RATE)).astype(numpy.float32)


def released(output: Any, rate: int | None = RATE) -> Any:
    return wrap(lambda: output, kind="audio", rate=rate, provider=ACME)()


def rhythms(samples: Any, rate: int = RATE) -> int:
    return len(find_rhythm(samples, rate))


@pytest.mark.parametrize(
    "names",
    [
        ("audio", "vocals"),
        ("vocals", "instrumental", "drums", "bass"),
        ("Audio", "waveforms"),
        ("wav", "wavs", "audio_values"),
        ("speech", "music"),
    ],
)
@pytest.mark.parametrize("told", ["sampling_rate", "sr"])
def test_every_sound_of_a_mapping_is_labelled(names: tuple[str, ...], told: str) -> None:
    made = released({**{name: sound() for name in names}, told: RATE}, None)
    assert [rhythms(made[name]) for name in names] == [1] * len(names)
    assert made[told] == RATE


def test_label_finds_every_sound_of_a_mapping() -> None:
    held = {"audio": sound(), "vocals": sound(), "sampling_rate": RATE, "text": "你好"}
    assert label(held, provider=ACME) is held
    assert [rhythms(held[name]) for name in ("audio", "vocals")] == [1, 1]
    with pytest.raises(UnsupportedOutputError, match="'vox'"):
        label({"audio": sound(), "vox": sound(), "sampling_rate": RATE}, provider=ACME)


@dataclasses.dataclass(frozen=True)
class Record:
    audio: Any
    sample_rate: int
    vocals: Any = None
    phonemes: str = "nihao"


@dataclasses.dataclass
class Result:
    text: str
    output: Any


class Pair(NamedTuple):
    text: str
    audio: Any
    vocals: Any


class Answer(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    audio: Any
    sampling_rate: int


def test_records_of_every_kind_are_labelled() -> None:
    frozen = released(Record(sound(), RATE, sound()), None)
    assert (rhythms(frozen.audio), rhythms(frozen.vocals), frozen.phonemes) == (1, 1, "nihao")
    nested = released(Result("你好", Record(sound(), RATE)), None)
    assert rhythms(nested.output.audio) == 1
    named = released(Pair("你好", sound(), sound()))
    assert type(named) is Pair
    assert (named.text, rhythms(named.audio), rhythms(named.vocals)) == ("你好", 1, 1)
    assert rhythms(released(Answer(audio=sound(), sampling_rate=RATE), None).audio) == 1
    assert rhythms(released(SimpleNamespace(wav=sound(), sr=RATE), None).wav) == 1
    assert rhythms(released(MappingProxyType({"wav": sound()}))["wav"]) == 1
    assert rhythms(released(collections.UserDict(wav=sound()))["wav"]) == 1


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    text: str


def test_what_a_record_has_not_declared_is_seen() -> None:
    held = Open(text="你好", audio=sound(), vocals=sound(), sampling_rate=RATE)  # type: ignore[call-arg]
    made = released(held, None).model_dump()
    assert [rhythms(made[name]) for name in ("audio", "vocals")] == [1, 1]
    with pytest.raises(UnsupportedOutputError, match="'vox'"):
        released(Open(text="你好", audio=sound(), vox=sound()))  # type: ignore[call-arg]
    result = Result("你好", Record(sound(), RATE))
    vars(result)["vocals"] = sound()
    assert rhythms(vars(released(result))["vocals"]) == 1


def test_sounds_within_sounds_are_labelled() -> None:
    made = released({"audio": {"array": sound(), "sampling_rate": RATE}, "vocals": [sound(), sound()]})
    assert rhythms(made["audio"]["array"]) == 1
    assert [rhythms(each) for each in made["vocals"]] == [1, 1]
    stems = released({"stems": {"vocals": sound(), "drums": sound(), "other": sound(), "name": "a"}, "sr": RATE}, None)
    assert [rhythms(stems["stems"][name]) for name in ("vocals", "drums", "other")] == [1, 1, 1]
    held = released({"results": [{"audio": sound()}, {"wav": sound().tolist()}], "sr": RATE}, None)
    assert (rhythms(held["results"][0]["audio"]), rhythms(held["results"][1]["wav"])) == (1, 1)


def test_each_sound_may_have_a_rate_of_its_own() -> None:
    made = released(
        {"audio": sound(), "sampling_rate": RATE, "vocals": sound(), "vocals_sampling_rate": 2 * RATE, "wav": sound()},
        None,
    )
    assert rhythms(made["vocals"], 2 * RATE) == 1
    assert rhythms(made["wav"]) == 1
    assert rhythms(made["vocals"]) == 0


LOOKS: dict[str, Any] = {
    "an array": sound(),
    "a tensor": torch.from_numpy(sound()),
    "two channels": numpy.stack([sound(), sound()]),
    "columns": numpy.stack([sound(), sound()], axis=1).astype(numpy.float64),
    "a batch": torch.from_numpy(sound())[None, None],
    "integers": (sound() * 9000).astype(numpy.int16),
    "half precision": sound().astype(numpy.float16),
    "a list": sound().tolist(),
    "half as long": sound(0.5),
    "in a list": [sound()],
    "in a mapping": {"zh": sound()},
    "in a tuple": ("zh", sound()),
    "in a record": Result("zh", sound()),
    "bytes": (sound() * 9000).astype("<i2").tobytes(),
    "a buffer": bytearray(2000),
    "bytes as text": "QUJD" * 500,
    "a file": io.BytesIO(b"RIFF"),
    "a generator": iter([sound()]),
}


@pytest.mark.parametrize("form", ["mapping", "tuple", "record"])
@pytest.mark.parametrize("name", LOOKS)
def test_what_looks_like_sound_does_not_leave_unseen(name: str, form: str) -> None:
    held = {
        "mapping": {"audio": sound(), "vox": LOOKS[name]},
        "tuple": (sound(), RATE, LOOKS[name]),
        "record": Record(sound(), RATE, phonemes=LOOKS[name]),
    }[form]
    with pytest.raises(UnsupportedOutputError, match=r"looks like sound|Name it, if it is sound"):
        released(held)


def test_a_sound_alone_under_another_name_is_refused_and_named() -> None:
    with pytest.raises(UnsupportedOutputError, match=r"'vox' \(ndarray of shape \(16000,\)\), which looks like sound"):
        released({"vox": sound(), "sampling_rate": RATE})


BESIDE: dict[str, Any] = {
    "a text": "你好" * 5000,
    "a path": "/home/me/hello.wav",
    "durations": numpy.arange(63, dtype=numpy.float32),
    "an alignment": torch.rand(40, 63),
    "an alignment of few phonemes": numpy.random.default_rng(0).random((5, 63), numpy.float32),
    "words": [("ni", 0.0, 0.2), ("hao", 0.2, 0.4)],
    "words as mappings": [{"text": "ni", "offset": 0.0}] * 3000,
    "phonemes": list(range(300)),
    "a spectrogram": torch.rand(1, 80, 63),
    "a complex spectrogram": numpy.zeros((513, 63), numpy.complex64),
    "hidden states": torch.rand(1, 63, 768),
    "hidden states of few tokens": torch.rand(1, 5, 1024),
    "of all layers": (torch.rand(1, 63, 768),) * 4,
    "an embedding": torch.rand(1, 512),
    "a long embedding": torch.rand(2048),
    "codes": torch.randint(0, 1024, (1, 8, 75)),
    "a pitch curve": numpy.random.default_rng(0).random(200),
    "a mask": numpy.ones(RATE, bool),
    "a mask of integers": torch.ones(1, RATE, dtype=torch.int64),
    "lengths": torch.tensor([RATE]),
    "a picture as bytes": b"\x89PNG\r\n\x1a\n" + bytes(5000),
    "a long address": "https://example.org/a.wav?token=" + "a" * 2000,
    "a picture as text": "iVBORw0KGgo" + "A" * 3000,
    "a report": '{"words":[' + "1," * 2000 + "1]}",
    "nothing": None,
    "attention": torch.rand(2, 4, 63, 63),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_sound_stays(name: str) -> None:
    value = BESIDE[name]
    made = released({"audio": sound(), "beside": value, "sampling_rate": RATE}, None)
    assert rhythms(made["audio"]) == 1
    assert made["beside"] is value
    wave, rate, beside = released((sound(), RATE, value), None)
    assert (rhythms(wave), rate) == (1, RATE)
    assert beside is value


def test_names_of_sound_without_sound_stay() -> None:
    made = released({"audio": sound(), "wav": "hello.wav", "speech": ["你", "好"], "samples": 16000, "vocals": None})
    assert (made["wav"], made["speech"], made["samples"], made["vocals"]) == ("hello.wav", ["你", "好"], 16000, None)
    made = released({"audio": sound(), "vocals": sound()[:0], "music": []})
    assert (len(made["vocals"]), made["music"], rhythms(made["audio"])) == (0, [], 1)


@pytest.mark.parametrize("output", [{"wav": "hello.wav"}, {"status": "done"}, {}, {"audio": None}, SimpleNamespace()])
def test_without_any_sound_nothing_is_released(output: Any) -> None:
    with pytest.raises(UnsupportedOutputError, match="which is not known as sound"):
        released(output)


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("hello.wav", r"label\(pathlib\.Path"),
        (pathlib.Path("hello.wav"), r"label\(pathlib\.Path"),
        (bytearray(9), r"Return bytes\(…\)"),
        (io.BytesIO(b"RIFF"), r"Return bytes, as its getvalue\(\) does"),
    ],
)
def test_what_to_return_instead_is_told(output: Any, advice: str) -> None:
    with pytest.raises(UnsupportedOutputError, match=advice):
        released(output)


def test_what_holds_itself_comes_to_an_end() -> None:
    held: dict[str, Any] = {"audio": sound(), "meta": {}}
    held["meta"]["parent"] = held
    assert rhythms(released(held)["audio"]) == 1
    deep: Any = sound()
    for _ in range(200):
        deep = [deep]
    with pytest.raises(LabelError, match="nested deeper"):
        released({"audio": sound(), "deep": deep})


def test_settings_may_forgive_one_of_several() -> None:
    held = {"audio": sound(), "vocals": sound() > 0}
    with pytest.warns(UserWarning, match="dtype bool"):
        made = wrap(lambda: held, kind="audio", rate=RATE, provider=ACME, on_error="warn")()
    assert rhythms(made["audio"]) == 1
    with pytest.raises(LabelError, match="dtype bool"):
        released({"audio": sound(), "vocals": sound() > 0})


def test_nothing_is_recorded_of_what_is_refused() -> None:
    held = {"audio": sound(), "vox": sound()}
    before = held["audio"]
    with pytest.raises(UnsupportedOutputError):
        released(held)
    assert held["audio"] is before


# Whatever the nesting

NAMES = st.sampled_from(["audio", "vocals", "stems", "beside", "result", "meta", "vox", "text"])
NOISE = sound()
LEAVES = st.sampled_from([NOISE, (RATE, NOISE), NOISE[None], "你好", 0.5, None, numpy.zeros((80, 63), numpy.float32)])
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, max_size=3),
        st.lists(inner, max_size=3),
        st.tuples(st.just("zh"), inner),
        st.builds(Result, st.just("zh"), inner),
        st.builds(Record, inner, st.just(RATE), inner),
    ),
    max_leaves=8,
)


def sounds_in(value: Any) -> Iterator[Any]:
    """Every array of the length of sound, wherever it stands."""
    if isinstance(value, numpy.ndarray):
        if max(value.shape) >= RATE:
            yield value
    elif isinstance(value, dict):
        yield from (each for held in value.values() for each in sounds_in(held))
    elif isinstance(value, (list, tuple)):
        yield from (each for held in value for each in sounds_in(held))
    elif dataclasses.is_dataclass(value):
        yield from (each for held in vars(value).values() for each in sounds_in(held))


@settings(max_examples=150, deadline=None)
@given(output=NESTED)
def test_no_sound_leaves_unlabelled(output: Any) -> None:
    held = copy.deepcopy(output)
    count = len(list(sounds_in(held)))
    try:
        made = released(held)
    except LabelError:
        assert all(each.shape[-1] == RATE for each in sounds_in(held))  # and nothing in it has changed
        return
    found = list(sounds_in(made))
    assert len(found) == count
    assert all(each.shape[-1] == RATE + round(1.4 * RATE) for each in found)


@settings(max_examples=60, deadline=None)
@given(items=st.lists(NESTED, max_size=4), position=st.sampled_from(["start", "end", "both"]))
def test_no_stream_leaves_unlabelled(items: list[Any], position: str) -> None:
    def speak() -> Iterator[Any]:
        yield from copy.deepcopy(items)

    stream = wrap(speak, kind="audio", rate=RATE, provider=Provider(producer="acme", audio={"position": position}))()
    try:
        made = [found for piece in stream for found in sounds_in(piece)]
    except LabelError:
        return
    longer = [each for each in made if each.shape[-1] != RATE]
    assert bool(longer) == bool(made)
