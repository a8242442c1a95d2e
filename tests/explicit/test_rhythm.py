"""The rhythm is found where it is, by us and in an envelope that SciPy draws, and nowhere else (5.3 c)."""

from __future__ import annotations

import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from scipy.io import wavfile
from scipy.signal import hilbert, resample_poly

from aigc_hooks import AudioStyle, LabelError, Provider, find_rhythm, label

ACME = Provider(producer="acme")
RATE = 16_000
RNG = numpy.random.default_rng(4)


def noise(seconds: float, level: float = 0.1, rate: int = RATE) -> Any:
    return RNG.normal(0, level, round(seconds * rate)).astype(numpy.float32)


def labelled(samples: Any, rate: int = RATE, **settings: Any) -> Any:
    return label(samples, rate=rate, provider=ACME, **settings)


@pytest.fixture(scope="module")
def speech(command: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A minute of a voice, at 22,050 Hz."""
    path = tmp_path_factory.mktemp("speech") / "a.wav"
    text = "The quick brown fox jumps over the lazy dog, and says so in one two three four short and long words. " * 9
    subprocess.run(["espeak-ng", "-w", path, text], check=True)
    assert b"eSpeak" in command("espeak-ng", "--version")
    rate, samples = wavfile.read(path)
    assert rate == 22_050
    return (samples / 32768).astype(numpy.float32)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 192_000])
def test_a02_the_envelope_is_short_long_short_short(rate: int) -> None:
    made = labelled(noise(0.5, rate=rate), rate)
    prompt = made[: round(1.25 * rate)].astype(float)
    envelope = numpy.abs(hilbert(prompt))
    on = envelope > envelope.max() / 2
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate([[0], on.astype(int), [0]]))) / rate
    lengths = edges[1::2] - edges[::2]
    gaps = edges[2::2] - edges[1:-1:2]
    assert lengths == pytest.approx([0.1, 0.3, 0.1, 0.1], abs=0.01)
    assert gaps == pytest.approx([0.1, 0.3, 0.1], abs=0.01)


def test_a09_the_tone_is_in_the_band_of_a_telephone() -> None:
    for frequency in (400, 800, 2000):
        made = labelled(noise(0.5, rate=48_000), 48_000, audio={"frequency": frequency})
        power = numpy.abs(numpy.fft.rfft(made[: round(1.1 * 48_000)])) ** 2
        band = numpy.fft.rfftfreq(round(1.1 * 48_000), 1 / 48_000)
        assert power[(band > 300) & (band < 3400)].sum() > 0.999 * power.sum()


@pytest.mark.parametrize("seconds", [0.0, 0.37, 29.4, 29.9, 30.0, 30.5, 61.0])
def test_it_is_found_wherever_it_is(seconds: float) -> None:
    made = numpy.concatenate([noise(seconds), numpy.zeros(3200, numpy.float32), labelled(noise(1))])
    (found,) = find_rhythm(made, RATE)
    assert found.start == pytest.approx(seconds + 0.2, abs=0.02)
    assert found.end == pytest.approx(seconds + 1.3, abs=0.02)


def test_several_are_found_in_order() -> None:
    pause = numpy.zeros(RATE // 2, numpy.float32)
    made = numpy.concatenate([labelled(noise(2), audio={"position": "both"}) if n % 2 else pause for n in range(7)])
    assert len(find_rhythm(made, RATE)) == 6
    assert list(find_rhythm(made, RATE)) == sorted(find_rhythm(made, RATE))


@pytest.mark.parametrize("gain", [1e-4, 1e-2, 1, 30_000])
def test_it_is_found_at_any_level(gain: float) -> None:
    made = labelled(noise(2)) * numpy.float32(gain)
    assert len(find_rhythm(made, RATE)) == 1


@pytest.mark.parametrize("other", [8_000, 11_025, 24_000, 44_100, 96_000])
def test_it_is_found_after_resampling(other: int) -> None:
    made = resample_poly(labelled(noise(2)), other, RATE).astype(numpy.float32)
    assert len(find_rhythm(made, other)) == 1


@pytest.mark.parametrize("below", [20, 12, 9])
def test_it_is_found_in_noise_that_is_fainter(below: float) -> None:
    made = labelled(noise(3))
    level = numpy.sqrt(numpy.mean(made[1600:] ** 2)) * 10 ** (-below / 20)
    assert len(find_rhythm(made + noise(len(made) / RATE, float(level)), RATE)) == 1


def test_it_is_found_in_one_channel_and_where_channels_cancel() -> None:
    made = labelled(noise(2))
    assert len(find_rhythm(numpy.stack([made, -made]), RATE)) == 1
    assert len(find_rhythm(numpy.stack([noise(len(made) / RATE), made], axis=1), RATE)) == 1
    assert len(find_rhythm(torch.from_numpy(numpy.stack([made, made]))[None], RATE)) == 1


def test_it_is_found_in_integers_and_lists() -> None:
    made = labelled(noise(2))
    for other in (
        (made * 127 + 128).astype(numpy.uint8),
        (made * 32767).astype(">i2"),
        (made * 32767).astype(numpy.int16).tolist(),
        torch.from_numpy(made).bfloat16(),
    ):
        assert len(find_rhythm(other, RATE)) == 1


def test_it_is_not_found_in_a_voice(speech: Any) -> None:
    assert len(speech) > 40 * 22_050
    for frequency in (400, 800, 2000):
        for unit in (0.06, 0.1, 0.2):
            style = AudioStyle(frequency=frequency, unit=unit)
            assert find_rhythm(speech, 22_050, style=style) == ()


def test_it_is_found_before_a_voice(speech: Any) -> None:
    made = label(speech, rate=22_050, provider=ACME, audio={"position": "both"})
    assert [found.start for found in find_rhythm(made, 22_050)] == pytest.approx(
        [0, len(made) / 22_050 - 1.1], abs=0.02
    )


def test_it_is_not_found_in_melodies_noise_and_beeps() -> None:
    time = numpy.arange(RATE // 10) / RATE
    notes = [0.3 * numpy.sin(2 * numpy.pi * f * time) * numpy.hanning(len(time)) for f in (700, 750, 800, 850, 900, 0)]
    for seed in range(20):
        chosen = numpy.random.default_rng(seed).integers(0, len(notes), 300)
        melody = numpy.concatenate([notes[n] for n in chosen])
        assert find_rhythm(melody, RATE) == ()
    beeps = numpy.tile(numpy.concatenate([0.3 * numpy.sin(2 * numpy.pi * 800 * time), 0 * time]), 100)
    assert find_rhythm(beeps, RATE) == ()
    assert find_rhythm(noise(60, 0.3), RATE) == ()
    assert find_rhythm(numpy.zeros(RATE), RATE) == ()


@pytest.mark.parametrize("gap", [3, 7])
def test_it_is_not_found_in_the_morse_of_other_words(gap: int) -> None:
    """MORSE, AID and RAIN hold some of its sounds, but never it alone."""
    code = {"A": ".-", "I": "..", "D": "-..", "N": "-.", "R": ".-.", "M": "--", "O": "---", "S": "...", "E": "."}
    tone = numpy.sin(2 * numpy.pi * 800 * numpy.arange(3 * RATE // 10) / RATE) * 0.3
    for word in ("AID", "RAIN", "MORSE", "SOS", "IA", "AA", "II", "EASE"):
        parts = [numpy.zeros(RATE // 2)]
        for letter in word:
            for sign in code[letter]:
                parts += [tone[: RATE // 10 * (3 if sign == "-" else 1)], numpy.zeros(RATE // 10)]
            parts.append(numpy.zeros(RATE // 10 * (gap - 1)))
        found = find_rhythm(numpy.concatenate([*parts, numpy.zeros(RATE)]), RATE)
        # A and I that follow each other in a longer word are the rhythm, whatever stands around them.
        assert bool(found) == ("AI" in word and gap == 3), word


def test_a_long_sound_is_not_copied() -> None:
    long = numpy.zeros(RATE * 1200, numpy.int16)
    long[RATE * 600 :][: round(3.4 * RATE)] = labelled((noise(2) * 32767).astype(numpy.int16))
    tracemalloc.start()
    found = find_rhythm(long, RATE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [round(each.start) for each in found] == [600]
    assert peak < 20e6  # a block, however long the sound


@pytest.mark.parametrize(
    ("audio", "rate", "said"),
    [
        (numpy.zeros(10), None, "must be given"),
        (numpy.zeros(10), 4000, "resample the sound first"),
        (numpy.zeros(10), float("nan"), "rate = nan"),
        (numpy.full(10, numpy.inf), RATE, "NaN or infinite"),
        ("a.wav", RATE, "str is no sound"),
        (numpy.zeros((48_000, 16)), RATE, "more than 8 channels"),
    ],
)
def test_what_cannot_be_looked_at_is_named(audio: Any, rate: Any, said: str) -> None:
    with pytest.raises(LabelError, match=said):
        find_rhythm(audio, rate)


@pytest.mark.parametrize("position", ["start", "end"])
@pytest.mark.parametrize(
    "codec",
    [
        ["-ar", "8000", "-c:a", "pcm_mulaw", "-f", "wav"],
        ["-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3"],
        ["-c:a", "libopus", "-b:a", "24k", "-f", "ogg"],
    ],
    ids=["mu-law 8 kHz", "MP3 64k", "Opus 24k"],
)
def test_a09_a_voice_with_its_label_through_codecs(
    position: str, codec: list[str], speech: Any, command: Callable[..., bytes], tmp_path: Path
) -> None:
    made = label(speech[: 22_050 * 6], rate=22_050, provider=ACME, audio={"position": position})
    wavfile.write(tmp_path / "a.wav", 22_050, made)
    command("ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", *codec, tmp_path / "b")
    command("ffmpeg", "-v", "error", "-i", tmp_path / "b", "-ar", "22050", tmp_path / "c.wav")
    _, heard = wavfile.read(tmp_path / "c.wav")
    assert len(find_rhythm(heard, 22_050)) == 1
    assert label(heard, rate=22_050, provider=ACME, audio={"position": position}).shape == heard.shape
