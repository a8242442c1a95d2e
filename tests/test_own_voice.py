"""The prompt in the voice of the model itself: espeak-ng as somebody's model, and a tiny VITS."""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest
from transformers import TextToAudioPipeline

from aigc_hooks import ConfigError, Provider, label, wrap
from aigc_hooks.explicit.voice import WORDING
from tests.integrations import tiny_text_models as tiny

OWN = Provider(producer="acme", audio={"kind": "voice", "speaker": "model"})


class Speaker:
    """What somebody has built around espeak-ng."""

    def __init__(self, speed: int = 140) -> None:
        self.speed = speed
        self.said: list[str] = []

    def speak(self, text: str, voice: str = "cmn") -> tuple[Any, int]:
        self.said.append(text)
        command = ["espeak-ng", "-v", voice, "-s", str(self.speed), "--stdout", text]
        data = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        with wave.open(io.BytesIO(data)) as file:
            return numpy.frombuffer(file.readframes(1 << 30), "<i2"), file.getframerate()


@pytest.fixture(autouse=True)
def _needs_espeak(command: Callable[..., bytes]) -> None:
    command("espeak-ng", "--version")


def begins_with(samples: Any, prompt: Any) -> float:
    """How much sound is like a prompt at its beginning."""
    part = samples[: len(prompt)].astype(numpy.float64)
    prompt = prompt.astype(numpy.float64)
    return float(part @ prompt) / (float(part @ part) * float(prompt @ prompt)) ** 0.5


def test_of_several_sounds_the_first_is_its_voice() -> None:
    speaker = Speaker()

    def sing(text: str) -> Iterator[Any]:
        samples, rate = speaker.speak(text)
        yield {"audio": samples[:0], "vocals": samples[:0], "sampling_rate": rate}
        yield {"audio": samples, "vocals": samples // 2, "sampling_rate": rate}

    (_, made) = wrap(sing, kind="audio", provider=OWN)("你好，世界")
    prompt, _ = Speaker().speak(WORDING)
    assert speaker.said == [WORDING, "你好，世界"]
    assert begins_with(made["audio"], prompt) > 0.99
    assert begins_with(made["vocals"], prompt) > 0.99


def test_it_says_the_prompt_once_and_its_content_stays() -> None:
    speaker = Speaker()
    speak = wrap(speaker.speak, kind="audio", provider=OWN)
    made, rate = speak("你好，世界")
    assert speaker.said == [WORDING, "你好，世界"]
    content, _ = Speaker().speak("你好，世界")
    prompt, _ = Speaker().speak(WORDING)
    assert numpy.array_equal(made[-len(content) :], content)
    assert begins_with(made, prompt) > 0.99
    again, _ = speak("再见")
    assert speaker.said[2:] == ["再见"]
    assert begins_with(again, prompt) > 0.99
    assert rate == 22_050
    # Twice is not once more.
    assert len(label((made, rate), provider=OWN.model_copy(update={"audio": _style(speak)}))[0]) == len(made)


def _style(speak: Any) -> Any:
    from aigc_hooks.own_voice import in_own_voice

    return in_own_voice(OWN, speak.__wrapped__, None, ("再见",), {}, None).audio


def test_each_voice_says_it_itself() -> None:
    speaker = Speaker()
    speak = wrap(speaker.speak, kind="audio", provider=OWN)
    one, other = speak("你好")[0], speak("你好", voice="cmn+f3")[0]
    assert speaker.said.count(WORDING) == 2
    prompt, _ = Speaker().speak(WORDING, "cmn+f3")
    assert begins_with(other, prompt) > 0.99 > begins_with(one, prompt)


def test_a_generator_speaks_it_too() -> None:
    @wrap(kind="audio", provider=OWN, rate=22_050)
    def speak(text: str) -> Iterator[Any]:
        samples, _ = Speaker().speak(text)
        yield from numpy.array_split(samples, 3)

    prompt, _ = Speaker().speak(WORDING)
    first, *rest = speak("你好")
    assert begins_with(first, prompt) > 0.99
    assert numpy.array_equal(numpy.concatenate(rest), Speaker().speak("你好")[0])


def test_its_pace_is_checked() -> None:
    speak = wrap(Speaker(400).speak, kind="audio", provider=OWN)
    with pytest.raises(ConfigError, match=r"the model says the prompt at \d+ characters a minute.*slower"):
        speak("你好")


def test_a_pipeline_says_it_itself() -> None:
    model = tiny.vits()
    bare = TextToAudioPipeline(model=model, tokenizer=tiny.tokenizer(), device="cpu")
    model.noise_scale_duration = 0.0
    for _ in range(8):  # until it speaks at a lawful pace
        sound = abs(bare(WORDING)["audio"].ravel())
        loud = numpy.flatnonzero(sound > 0.02 * sound.max())
        model.speaking_rate *= (loud[-1] - loud[0] + 1) / model.config.sampling_rate / (len(WORDING) * 60 / 140)
    pipe = wrap(bare, provider=OWN)
    made = pipe("hello")
    more = made["audio"].size / made["sampling_rate"]
    assert more > len(WORDING) * 60 / 160 / 1.15
    model.speaking_rate *= 20
    assert pipe("hello")["audio"].size  # what it has said once is remembered
    faster = wrap(TextToAudioPipeline(model=model, tokenizer=tiny.tokenizer(), device="cpu"), provider=OWN)
    with pytest.raises(ConfigError, match="the model says the prompt at"):
        faster("hello")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: label(numpy.zeros(48_000) + 0.1, rate=24_000, provider=OWN), "is for a wrapped model"),
        (lambda: wrap(lambda: numpy.ones(9000), kind="audio", rate=24_000, provider=OWN)(), "was given no text"),
        (lambda: wrap(lambda text: b"abc", kind="audio", provider=OWN)("hello"), "no sound at a known rate"),
    ],
)
def test_where_it_cannot_be_said(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make()


async def test_an_asynchronous_function_cannot_be_asked() -> None:
    @wrap(kind="audio", provider=OWN, rate=22_050)
    async def speak(text: str) -> Any:
        return numpy.ones(9000)

    with pytest.raises(ConfigError, match="not asynchronous"):
        await speak("hello")
