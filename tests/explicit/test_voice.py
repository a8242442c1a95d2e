"""Spoken prompts: as loud as the content, by whom the settings say, at a lawful pace (GB 45438-2025, 5.3 b and e)."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile

from aigc_hooks import AudioStyle, Provider, label
from aigc_hooks.explicit import voice

ACME = Provider(producer="acme")
RATE = 16_000
RNG = numpy.random.default_rng(2)
TEXT = "本音频由人工智能合成"


def spoken(seconds: float, rate: int, seed: int = 0) -> Any:
    """Syllables of a hum, ten of them."""
    time = numpy.arange(round(seconds * rate)) / rate
    hum = numpy.sin(2 * numpy.pi * (200 + seed) * time) + 0.5 * numpy.sin(2 * numpy.pi * (430 + seed) * time)
    return (0.05 * hum * (1.1 - numpy.cos(2 * numpy.pi * 10 / seconds * time))).astype(numpy.float32)


def content(level: float = 0.1, seconds: float = 2) -> Any:
    return RNG.normal(0, level, round(seconds * RATE)).astype(numpy.float32)


def clip(path: Path, width: int = 2, channels: int = 1, rate: int = 22_050) -> Path:
    samples = spoken(4.3, rate) / 0.2
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        scaled = (samples * (2 ** (8 * width - 1) - 1)).astype(numpy.int64)
        raw = (scaled + 128 if width == 1 else scaled).astype("<i8").view(numpy.uint8).reshape(-1, 8)[:, :width]
        file.writeframes(numpy.repeat(raw, channels, axis=0).tobytes())
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_clip_of_any_width(width: int, channels: int, tmp_path: Path) -> None:
    style = AudioStyle(kind="voice", clip=clip(tmp_path / "a.wav", width, channels), transcript=TEXT)
    prompt = voice.prompt(22_050, style)
    expected = spoken(4.3, 22_050)
    assert numpy.corrcoef(prompt, expected)[0, 1] > 0.999


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 96_000])
def test_a_clip_at_another_rate_is_the_same_sound(rate: int, tmp_path: Path) -> None:
    style = AudioStyle(kind="voice", clip=clip(tmp_path / "a.wav"), transcript=TEXT)
    prompt, expected = voice.prompt(rate, style), spoken(4.3, rate)
    count = min(len(prompt), len(expected))
    inner = slice(rate // 10, count - rate // 10)
    error = prompt[inner] / numpy.linalg.norm(prompt[inner]) - expected[inner] / numpy.linalg.norm(expected[inner])
    assert 20 * numpy.log10(numpy.linalg.norm(error)) < -60


def test_a_clip_that_is_no_wav_is_read_by_soundfile(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", spoken(4.3, 22_050), 22_050)
    made = label(
        content(), rate=RATE, provider=ACME, audio={"kind": "voice", "clip": tmp_path / "a.flac", "transcript": TEXT}
    )
    assert len(made) == pytest.approx((4.3 + 0.3 + 2) * RATE, abs=5)


@pytest.mark.parametrize("level", [0.02, 0.1, 0.2])
def test_a03_the_voice_is_as_loud_as_the_content(level: float, tmp_path: Path) -> None:
    style = {"kind": "voice", "clip": clip(tmp_path / "a.wav"), "transcript": TEXT}
    bare = content(level)
    made = label(bare, rate=RATE, provider=ACME, audio=style)
    prompt = made[: round(4.3 * RATE)]
    loud = prompt[numpy.abs(prompt) > 0.02 * numpy.abs(prompt).max()]
    assert numpy.sqrt(numpy.mean(loud**2)) >= 0.9 * max(level, 0.04)
    assert numpy.abs(prompt).max() <= 1


def test_the_voice_never_clips(tmp_path: Path) -> None:
    style = {"kind": "voice", "clip": clip(tmp_path / "a.wav"), "transcript": TEXT}
    made = label((content(0.3) * 32767).clip(-32768, 32767).astype(numpy.int16), rate=RATE, provider=ACME, audio=style)
    assert 10_000 < numpy.abs(made[: 4 * RATE].astype(int)).max() <= 0.99 * 32768
