"""The explicit label of sound (GB 45438-2025, 5.3): heard before or after the content, which does not change."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from aigc_hooks import AudioStyle, ConfigError, LabelError, Provider, label, wrap
from aigc_hooks.explicit import voice
from aigc_hooks.explicit.sound import find_rhythm

ACME = Provider(producer="acme")
RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000, 192_000]
RNG = numpy.random.default_rng(0)


def content(kind: str, rate: int, seconds: float = 2.0) -> Any:
    time = numpy.arange(round(rate * seconds)) / rate
    if kind == "silence":
        return numpy.zeros(len(time), numpy.float32)
    if kind == "noise":
        return RNG.uniform(-1, 1, len(time)).astype(numpy.float32)
    if kind == "music":
        notes = sum(numpy.sin(2 * numpy.pi * f * time) for f in (220, 277, 330, 440, 880))
        return (notes / 8 * (1 + numpy.sin(2 * numpy.pi * 3 * time)) / 2).astype(numpy.float32)
    if kind == "same tone":
        return (0.4 * numpy.sin(2 * numpy.pi * 800 * time)).astype(numpy.float32)
    words = 0.3 * numpy.sign(numpy.sin(2 * numpy.pi * 120 * time)) * (numpy.sin(2 * numpy.pi * 4 * time) > 0)
    return (words * numpy.exp(-3 * (time % 0.25))).astype(numpy.float32)


KINDS = ["silence", "noise", "music", "speech", "same tone"]


def pulses(samples: Any, rate: int, frequency: float = 800) -> list[tuple[float, float]]:
    """Start and length of every sound of the tone in seconds, by a decoder of its own: mix down, smooth, threshold."""
    samples = numpy.asarray(samples, dtype=float)
    time = numpy.arange(len(samples)) / rate
    mixed = samples * numpy.exp(-2j * numpy.pi * frequency * time)
    width = round(0.02 * rate)
    smooth = numpy.abs(numpy.convolve(mixed, numpy.ones(width) / width, "same")) * 2
    on = smooth > 0.5 * numpy.max(smooth[: round(1.3 * rate)])
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate([[False], on, [False]]).astype(int)))
    return [(one / rate, (other - one) / rate) for one, other in zip(edges[::2], edges[1::2], strict=True)]


def is_short_long_short_short(found: list[tuple[float, float]]) -> bool:
    """A-02: a long sound is at least 2.5 short ones, and the gap between the letters clearly longer than the others."""
    if len(found) != 4:
        return False
    s1, long, s2, s3 = (length for _, length in found)
    gaps = [found[i + 1][0] - found[i][0] - found[i][1] for i in range(3)]
    return all(long >= 2.5 * s for s in (s1, s2, s3)) and gaps[1] >= 2 * max(gaps[0], gaps[2])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", KINDS)
def test_a02_a06_short_long_short_short_before_the_content(kind: str, rate: int) -> None:
    bare = content(kind, rate)
    made = label(bare, rate=rate, provider=ACME)
    more = len(made) - len(bare)
    assert more == pytest.approx(1.4 * rate, abs=8)
    assert numpy.array_equal(made[more:], bare)
    assert is_short_long_short_short(pulses(made[:more], rate))
    assert numpy.abs(made).max() <= max(1.0, numpy.abs(bare).max())
    (found,) = find_rhythm(made, rate)[:1]
    assert found.start == pytest.approx(0, abs=0.03)
    assert found.end == pytest.approx(1.1, abs=0.03)


def test_a02_the_sounds_have_no_clicks() -> None:
    made = label(content("silence", 48_000), rate=48_000, provider=ACME)
    steps = numpy.abs(numpy.diff(made))
    steepest = 2 * numpy.pi * 800 / 48_000 * numpy.abs(made).max()
    assert steps.max() <= steepest * 1.1


def test_a03_the_level_follows_the_content() -> None:
    levels = []
    for gain in (0.001, 0.05, 0.3, 1.0):
        bare = content("noise", 16_000) * numpy.float32(gain)
        levels.append(float(numpy.abs(label(bare, rate=16_000, provider=ACME)[:16_000]).max()))
    assert levels == sorted(levels)
    assert levels[0] >= 0.05
    assert levels[-1] <= 0.5


@pytest.mark.parametrize(("position", "starts"), [("start", [0.0]), ("end", [2.3]), ("both", [0.0, 3.7])])
def test_a01_positions(position: str, starts: list[float]) -> None:
    made = label(content("music", 16_000), rate=16_000, provider=ACME, audio={"position": position})
    assert [found.start for found in find_rhythm(made, 16_000)] == pytest.approx(starts, abs=0.03)
    assert label(made, rate=16_000, provider=ACME, audio={"position": position}).shape == made.shape


@pytest.mark.parametrize("kind", KINDS)
def test_labelling_twice_adds_nothing_and_keeps_the_number(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="aigc_hooks.audit")
    once = label(content(kind, 24_000), rate=24_000, provider=ACME)
    twice = label(once, rate=24_000, provider=ACME)
    assert numpy.array_equal(once, twice)
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert [line["outcome"] for line in lines] == ["labelled", "already-labelled"]
    assert lines[0]["label"]["ProduceID"] == lines[1]["label"]["ProduceID"]
    assert lines[0]["places"] == ["rhythm start", "memory"]


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "(N,)": lambda x: x,
    "(1,N)": lambda x: x[None],
    "(2,N)": lambda x: numpy.stack([x, x]),
    "(N,1)": lambda x: x[:, None],
    "(N,8)": lambda x: numpy.stack([x] * 8, axis=1),
    "(B,C,N)": lambda x: numpy.stack([[x, x]] * 3),
    "(B,N,C)": lambda x: numpy.stack([numpy.stack([x, x], axis=1)] * 3),
    "float64": lambda x: x.astype(numpy.float64),
    "float16": lambda x: x.astype(numpy.float16),
    "int16": lambda x: (x * 32767).astype(numpy.int16),
    "int32": lambda x: (x * 2**31 * 0.9).astype(numpy.int32),
    "uint8": lambda x: (x * 127 + 128).astype(numpy.uint8),
    "16-bit range": lambda x: x * 32767,
    "list": lambda x: x.tolist(),
    "tensor": torch.from_numpy,
    "tensor (1,1,N)": lambda x: torch.from_numpy(x)[None, None],
    "bfloat16": lambda x: torch.from_numpy(x).bfloat16(),
    "half tensor": lambda x: torch.from_numpy(x).half(),
    "int16 tensor": lambda x: (torch.from_numpy(x) * 32767).to(torch.int16),
    "view": lambda x: numpy.stack([x, x], axis=1)[:, 0],
    "with gradient": lambda x: torch.from_numpy(x).requires_grad_(),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_keeps_its_kind_and_its_samples(name: str) -> None:
    bare = LAYOUTS[name](content("speech", 16_000))
    made = label(bare, rate=16_000, provider=ACME, audio={"position": "both"})
    assert type(made) is type(bare)
    assert getattr(made, "dtype", None) == getattr(bare, "dtype", None)
    assert len(find_rhythm(made, 16_000)) == 2
    one, other = (torch.as_tensor(each).detach().double().numpy() for each in (bare, made))
    axis = next(n for n in range(one.ndim) if one.shape[n] != other.shape[n])
    assert other.shape[axis] - one.shape[axis] == 2 * round(1.4 * 16_000)
    assert numpy.array_equal(numpy.take(other, range(22_400, 22_400 + one.shape[axis]), axis), one)


def test_lists_of_sounds() -> None:
    made = label([content("music", 16_000), content("speech", 16_000)], rate=16_000, provider=ACME)
    assert [len(find_rhythm(each, 16_000)) for each in made] == [1, 1]


def test_other_settings_of_the_rhythm() -> None:
    style = AudioStyle(frequency=1200, unit=0.08)
    made = label(content("music", 16_000), rate=16_000, provider=ACME, audio=style)
    assert is_short_long_short_short(pulses(made[: round(1.0 * 16_000)], 16_000, 1200))
    assert len(find_rhythm(made, 16_000, style=style)) == 1
    assert find_rhythm(made, 16_000) == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "codec",
    [
        ["-ar", "8000", "-c:a", "pcm_mulaw", "-f", "wav"],
        ["-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3"],
        ["-c:a", "libopus", "-b:a", "24k", "-f", "ogg"],
        ["-c:a", "aac", "-b:a", "64k", "-f", "adts"],
    ],
    ids=["mu-law 8 kHz", "MP3 64k", "Opus 24k", "AAC 64k"],
)
def test_a09_the_rhythm_survives_a_telephone_and_lossy_codecs(
    kind: str, codec: list[str], command: Callable[..., bytes], tmp_path: Path
) -> None:
    made = label(content(kind, 24_000, 3), rate=24_000, provider=ACME)
    (tmp_path / "a.raw").write_bytes(made.astype("<f4").tobytes())
    raw = ["-f", "f32le", "-ar", "24000", "-ac", "1"]
    command("ffmpeg", "-v", "error", *raw, "-i", tmp_path / "a.raw", *codec, tmp_path / "b")
    command("ffmpeg", "-v", "error", "-i", tmp_path / "b", "-ar", "24000", "-f", "f32le", tmp_path / "c")
    heard = numpy.frombuffer((tmp_path / "c").read_bytes(), "<f4")
    assert len(find_rhythm(heard, 24_000)) == 1
    start = round(find_rhythm(heard, 24_000)[0].start * 24_000)
    assert is_short_long_short_short(pulses(heard[max(start - 480, 0) : start + 24_000 * 5 // 4], 24_000))
    assert label(heard, rate=24_000, provider=ACME).shape == heard.shape


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_found_where_nothing_is(kind: str) -> None:
    assert find_rhythm(content(kind, 16_000, 20), 16_000) == ()


@pytest.mark.parametrize("letters", ["-. ..", ".- .-", "... ---", ".... .", ".-..", ".- . ."])
def test_other_morse_is_not_taken_for_it(letters: str) -> None:
    parts = []
    for letter in letters:
        tone = 0.3 * numpy.sin(2 * numpy.pi * 800 / 16_000 * numpy.arange(1600 * (3 if letter == "-" else 1)))
        parts += [numpy.zeros(3200)] if letter == " " else [tone, numpy.zeros(1600)]
    assert find_rhythm(numpy.concatenate([numpy.zeros(8000), *parts, numpy.zeros(8000)]), 16_000) == ()


def test_it_is_found_in_the_middle_of_an_hour_in_bounded_memory() -> None:
    import tracemalloc

    long = numpy.zeros(8_000 * 3600, numpy.float32)
    part = label(content("speech", 8_000), rate=8_000, provider=ACME)
    long[8_000 * 1800 : 8_000 * 1800 + len(part)] = part
    tracemalloc.start()
    found = find_rhythm(long, 8_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [round(each.start) for each in found] == [1800]
    assert peak < 3.5 * long.nbytes


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (numpy.array([0.1, numpy.nan]), "NaN or infinite"),
        (numpy.array([0.1, numpy.inf]), "NaN or infinite"),
        (numpy.zeros(0), "is empty"),
        (numpy.zeros((2, 0)), "is empty"),
        (numpy.zeros((1, 2, 3, 4)), r"found \(1, 2, 3, 4\)"),
        (numpy.zeros(4, complex), "dtype complex128"),
        (numpy.zeros(4, bool), "dtype bool"),
        ([0.1, "a"], "not all in it is a number"),
        (torch.tensor([0.1, float("nan")]), "NaN or infinite"),
    ],
)
def test_what_is_no_sound_is_refused_and_named(audio: Any, said: str) -> None:
    with pytest.raises(LabelError, match=said):
        label(audio, rate=16_000, provider=ACME)


@pytest.mark.parametrize("rate", [0, -1, 7_999, 192_001, 44_100.5, True, "16000"])
def test_a_wrong_rate_is_refused_and_named(rate: Any) -> None:
    with pytest.raises(LabelError, match="rate ="):
        label(content("music", 16_000), rate=rate, provider=ACME)


@pytest.mark.parametrize(
    "style", [{"position": "middle"}, {"frequency": 100}, {"unit": 1}, {"kind": "bell"}, {"clip": "a.wav"}]
)
def test_a_wrong_setting_is_refused(style: Any) -> None:
    with pytest.raises(ConfigError, match="audio"):
        label(content("music", 16_000), rate=16_000, provider=ACME, audio=style)


# Voice


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of five seconds, of ten words of tone."""
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    time = numpy.arange(22_050 * 4) / 22_050
    tone = 0.5 * numpy.sin(2 * numpy.pi * 300 * time) * (0.6 + 0.4 * numpy.sin(2 * numpy.pi * 2.5 * time))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 22_050, 0, "NONE", ""))
        file.writeframes((tone * 32767).astype("<i2").tobytes())
    return path


def test_a04_a_clip_with_its_transcript(spoken: Path) -> None:
    style = {"kind": "voice", "clip": spoken, "transcript": "本音频由人工智能合成"}
    bare = content("music", 24_000)
    made = label(bare, rate=24_000, provider=ACME, audio=style)
    more = len(made) - len(bare)
    assert more == pytest.approx(4.3 * 24_000, abs=10)
    assert numpy.array_equal(made[more:], bare)
    assert numpy.corrcoef(made[:1000], numpy.sin(2 * numpy.pi * 300 / 24_000 * numpy.arange(1000)))[0, 1] > 0.9
    assert numpy.array_equal(label(made, rate=24_000, provider=ACME, audio=style), made)


def test_a04_the_transcript_must_hold_both_elements(spoken: Path) -> None:
    for transcript in ("由人工智能播报", "本音频是合成的"):
        with pytest.raises(ConfigError, match="lacks the"):
            AudioStyle(kind="voice", clip=spoken, transcript=transcript)
    with pytest.raises(ConfigError, match="a clip needs its transcript"):
        AudioStyle(kind="voice", clip=spoken)


def test_a05_a_clip_that_is_too_fast_or_too_slow_is_refused(spoken: Path) -> None:
    for transcript in ("AI生成", "本音频由人工智能合成，" * 4):
        with pytest.raises(ConfigError, match=r"characters a minute; GB 45438-2025, 5\.3 e"):
            label(
                content("music", 16_000),
                rate=16_000,
                provider=ACME,
                audio={"kind": "voice", "clip": spoken, "transcript": transcript},
            )


def test_a_clip_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF????WAVEjunk")
    for name in ("missing.wav", "broken.wav"):
        style = {"kind": "voice", "clip": tmp_path / name, "transcript": "本音频由人工智能合成"}
        with pytest.raises(ConfigError, match=f"{name}"):
            label(content("music", 16_000), rate=16_000, provider=ACME, audio=style)


def test_a05_espeak_speaks_at_a_lawful_pace(command: Callable[..., bytes]) -> None:
    assert b"eSpeak" in command("espeak-ng", "--version")
    samples = voice.prompt(16_000, AudioStyle(kind="voice"))
    seconds = len(numpy.flatnonzero(numpy.convolve(numpy.abs(samples) > 0.02, numpy.ones(800), "same"))) / 16_000
    assert 10 * 60 / (160 * 1.15) - 0.2 <= seconds <= 10 * 60 / (120 * 0.85) + 0.2
    bare = content("speech", 16_000)
    made = label(bare, rate=16_000, provider=ACME, audio={"kind": "voice"})
    assert numpy.array_equal(made[-len(bare) :], bare)


def test_voice_without_espeak_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    voice._prompt.cache_clear()
    voice._spoken.cache_clear()
    with pytest.raises(ConfigError, match="apt-get install espeak-ng"):
        label(content("music", 16_000), rate=16_000, provider=ACME, audio={"kind": "voice"})


# Functions


def test_functions_that_make_sound() -> None:
    bare = content("speech", 16_000)
    for output, samples in (
        (bare, lambda made: made),
        ((16_000, bare), lambda made: made[1]),
        ((bare, 16_000, "spectrum"), lambda made: made[0]),
        ({"audio": bare, "sampling_rate": 16_000}, lambda made: made["audio"]),
        ([bare, bare], lambda made: made[1]),
    ):
        made = wrap(lambda output=output: output, kind="audio", rate=16_000, provider=ACME)()
        assert type(made) is type(output)
        assert len(find_rhythm(samples(made), 16_000)) == 1
    with pytest.raises(LabelError, match="nothing tells their rate"):
        wrap(lambda: bare, kind="audio", provider=ACME)()
    with pytest.raises(LabelError, match="not known as sound"):
        wrap(lambda: "a.wav", kind="audio", rate=16_000, provider=ACME)()


@pytest.mark.parametrize("position", ["start", "end", "both"])
@pytest.mark.parametrize(
    "form",
    [lambda x: x, lambda x: torch.from_numpy(x)[None], lambda x: x.tolist()],
)
async def test_a10_the_label_of_a_stream_is_a_piece_of_its_own(position: str, form: Any) -> None:
    parts = [form(content("speech", 16_000, 0.5)) for _ in range(3)]

    @wrap(kind="audio", rate=16_000, provider=ACME, audio={"position": position})
    def speak() -> Any:
        yield from parts

    @wrap(kind="audio", rate=16_000, provider=ACME, audio={"position": position})
    async def aspeak() -> Any:
        for part in parts:
            yield part

    def samples(item: Any) -> Any:
        return numpy.asarray(item).reshape(-1)

    for made in (list(speak()), [item async for item in aspeak()]):
        labels = (position != "end", position != "start")
        assert len(made) == 3 + sum(labels)
        inner = made[labels[0] : labels[0] + 3]
        assert all(one is other for one, other in zip(inner, parts, strict=True))
        assert len(find_rhythm(numpy.concatenate([samples(item) for item in made]), 16_000)) == sum(labels)


@pytest.mark.parametrize("position", ["start", "end", "both"])
@pytest.mark.parametrize("form", [lambda x: (16_000, x), lambda x: {"tts_speech": torch.from_numpy(x)[None]}])
def test_the_first_of_several_records_carries_the_label(position: str, form: Any) -> None:
    parts = [content("speech", 16_000, 0.5) for _ in range(3)]

    @wrap(kind="audio", rate=16_000, provider=ACME, audio={"position": position})
    def speak() -> Any:
        yield from map(form, parts)

    made = [item[1] if isinstance(item, tuple) else item["tts_speech"] for item in speak()]
    found = [len(find_rhythm(item, 16_000)) for item in made]
    assert found == {"start": [1, 0, 0], "end": [0, 0, 0, 1], "both": [1, 0, 0, 1]}[position]
    assert numpy.array_equal(numpy.asarray(made[0]).reshape(-1)[-len(parts[0]) :], parts[0])


def test_a_stream_stays_lazy() -> None:
    made: list[int] = []

    def speak() -> Any:
        for number in range(3):
            made.append(number)
            yield content("speech", 16_000, 0.5)

    stream = wrap(speak, kind="audio", rate=16_000, provider=ACME)()
    assert len(find_rhythm(next(stream), 16_000)) == 1
    assert made == [0]
    next(stream)
    assert made == [0]


def test_a_wave_file_plays_the_label(tmp_path: Path) -> None:
    made = label((content("speech", 16_000) * 32767).astype(numpy.int16), rate=16_000, provider=ACME)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(made.tobytes())
    path = tmp_path / "a.wav"
    path.write_bytes(file.getvalue())
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=duration", "-of", "csv=p=0", path],
        capture_output=True,
        check=True,
    )
    assert float(probe.stdout) == pytest.approx(3.4, abs=0.01)
