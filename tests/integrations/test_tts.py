"""Libraries that speak: piper-tts and pyttsx3 for real, the others by the shape of their calls as they document it."""

from __future__ import annotations

import dataclasses
import io
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy
import pytest
import soundfile
import torch

import aigc_hooks
from aigc_hooks import AdapterNotFoundError, UnsupportedOutputError, find_rhythm, is_wrapped, unwrap

RATE = 24_000
TONE: Any = (0.3 * numpy.sin(2 * numpy.pi * 220 * numpy.arange(RATE) / RATE)).astype(numpy.float32)


def wrapped(obj: Any, **settings: Any) -> Any:
    return aigc_hooks.wrap(obj, producer="acme", **settings)


def rhythms(sound: Any, rate: int = RATE) -> int:
    return len(find_rhythm(sound, rate))


def holds_both(path: Path, rate: int = RATE) -> bool:
    label = aigc_hooks.read_label(path).label
    samples, found = soundfile.read(path)
    return label is not None and label.content_producer == "acme" and found == rate and rhythms(samples, rate) == 1


def of(cls: Any, module: str, monkeypatch: pytest.MonkeyPatch, name: str | None = None) -> Any:
    """A class as if a library that is not installed here had defined it."""
    made = ModuleType(module)
    cls.__module__, cls.__name__ = module, name or cls.__name__
    setattr(made, cls.__name__, cls)
    monkeypatch.setitem(sys.modules, module, made)
    return cls()


# --- piper-tts ------------------------------------------------------------------------------------------------------


@pytest.fixture
def piper(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A real voice, of which only the network is put in: it says every sentence as a tone."""
    from piper import PiperVoice

    voice = object.__new__(PiperVoice)
    voice.config = SimpleNamespace(sample_rate=RATE, phoneme_id_map={})
    monkeypatch.setattr(PiperVoice, "phonemize", lambda self, text: [list(each) for each in text.split(".") if each])
    monkeypatch.setattr(PiperVoice, "phonemes_to_ids", lambda self, phonemes: list(range(len(phonemes))))
    monkeypatch.setattr(PiperVoice, "phoneme_ids_to_audio", lambda self, ids, *_, **__: TONE * 0.5)
    return voice


def test_piper_says_its_label_in_the_first_sentence(piper: Any) -> None:
    bare = list(piper.synthesize("one.two"))
    first, second = wrapped(piper).synthesize("one.two")
    assert rhythms(first.audio_float_array) == 1
    assert rhythms(first.audio_int16_array) == 1
    assert numpy.array_equal(first.audio_float_array[-RATE:], bare[0].audio_float_array)
    assert first.phonemes == bare[0].phonemes
    assert numpy.array_equal(second.audio_float_array, bare[1].audio_float_array)


def test_piper_writes_both_labels(piper: Any, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "one.wav"), "wb") as file:
        wrapped(piper).synthesize_wav("one.two", file)
    assert holds_both(tmp_path / "one.wav")
    assert not is_wrapped(unwrap(piper))


def test_piper_stays_lazy(piper: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(type(piper), "phoneme_ids_to_audio", lambda self, ids, *_, **__: asked.append(1) or TONE)
    stream = wrapped(piper).synthesize("one.two.three")
    next(stream)
    assert asked == [1]


def test_piper_with_the_label_at_the_end(piper: Any) -> None:
    chunks = list(wrapped(piper, audio={"position": "end"}).synthesize("one.two"))
    assert [rhythms(chunk.audio_float_array) for chunk in chunks] == [0, 0, 1]


# --- pyttsx3 --------------------------------------------------------------------------------------------------------


@pytest.fixture
def engine(command: Any) -> Iterator[Any]:
    command("espeak-ng", "--version")  # in CI it must be there
    import pyttsx3

    engine = pyttsx3.engine.Engine("espeak")
    yield wrapped(engine)
    engine.stop()


# Its driver for espeak keeps only the last of several files that stand in one queue.
def test_pyttsx3_labels_the_file_that_it_saves(engine: Any, tmp_path: Path) -> None:
    for text in ("hello world, this is a test", "another file"):
        path = tmp_path / f"{text[:5]}.wav"
        engine.save_to_file(text, str(path))
        engine.runAndWait()
        assert holds_both(path, soundfile.info(path).samplerate)


def test_pyttsx3_leaves_no_file_that_could_not_be_labelled(engine: Any, tmp_path: Path) -> None:
    engine.save_to_file("hello", str(tmp_path / "one.xyz"))
    with pytest.raises(aigc_hooks.UnsupportedCarrierError, match=r"\.xyz"):
        engine.runAndWait()
    assert list(tmp_path.iterdir()) == []


def test_pyttsx3_says_the_prompt_first(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(engine.proxy, "say", lambda text, name: said.append(text))
    engine.say("   ")
    engine.say("one")
    engine.say("two")
    engine.runAndWait()
    engine.say("three")
    assert said == ["本音频由人工智能合成。one", "two", "本音频由人工智能合成。three"]


# --- libraries that are not installed here --------------------------------------------------------------------------


def test_kokoro(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclasses.dataclass
    class Output:
        audio: Any
        pred_dur: Any = None

    @dataclasses.dataclass
    class Result:
        graphemes: str
        phonemes: str
        output: Output | None

        @property
        def audio(self) -> Any:
            return None if self.output is None else self.output.audio

        def __iter__(self) -> Any:
            yield self.graphemes
            yield self.phonemes
            yield self.audio

    class KPipeline:
        def __call__(self, text: str, voice: str | None = None) -> Any:
            for sentence in text.split("."):
                yield Result(sentence, sentence, Output(torch.from_numpy(TONE)) if sentence else None)

    pipeline = wrapped(of(KPipeline, "kokoro.pipeline", monkeypatch))
    silent, first, second = pipeline(".one.two", voice="af_heart")
    assert silent.audio is None
    graphemes, _, audio = first
    assert graphemes == "one"
    assert isinstance(audio, torch.Tensor)
    assert rhythms(audio) == 1
    assert rhythms(second.audio) == 0


def test_coqui(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import scipy.io.wavfile

    class TTS(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.synthesizer = SimpleNamespace(output_sample_rate=RATE)
            configuration = SimpleNamespace(audio=SimpleNamespace(output_sample_rate=RATE))
            self.voice_converter = SimpleNamespace(vc_config=configuration)

        def tts(self, text: str) -> list[float]:
            return TONE.tolist()  # type: ignore[no-any-return]

        def tts_to_file(self, text: str, file_path: str) -> str:
            wav = numpy.array(self.tts(text))
            scaled = wav * (32767 / max(0.01, numpy.max(numpy.abs(wav))))
            scipy.io.wavfile.write(file_path, RATE, scaled.astype(numpy.int16))
            return file_path

        def tts_with_vc(self, text: str) -> Any:
            return -numpy.array(self.tts(text))

    tts = wrapped(of(TTS, "TTS.api", monkeypatch))
    made = tts.tts("hello")
    assert isinstance(made, list)
    assert rhythms(made) == 1
    assert len(tts.tts_with_vc("hello")) == len(made)  # labelled once, not before the conversion as well
    tts.tts_to_file("hello", str(tmp_path / "one.wav"))
    assert holds_both(tmp_path / "one.wav")


def test_chattts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Chat:
        def infer(self, text: Any, stream: bool = False, refine_text_only: bool = False) -> Any:
            if refine_text_only:
                return ["[oral_2] hello"]
            return (TONE for _ in range(2)) if stream else [TONE, TONE]

    chat = wrapped(of(Chat, "ChatTTS.core", monkeypatch))
    assert [rhythms(each) for each in chat.infer(["a", "b"])] == [1, 1]
    assert [rhythms(each) for each in chat.infer("a", stream=True)] == [1, 0, 0]
    assert chat.infer("a", refine_text_only=True) == ["[oral_2] hello"]


def test_f5(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class F5TTS:
        target_sample_rate = RATE

        def infer(
            self, ref_file: str, ref_text: str, gen_text: str, remove_silence: bool = False, file_wave: Any = None
        ):  # type: ignore[no-untyped-def]
            whole = numpy.concatenate([TONE, numpy.zeros(RATE, numpy.float32), TONE])
            if file_wave is not None:
                assert remove_silence, "it writes before there is a label"
                soundfile.write(file_wave, whole, RATE)
                heard, _ = soundfile.read(file_wave)
                soundfile.write(file_wave, heard[heard != 0], RATE, format="WAV")
            return whole, RATE, "spectrogram"

    tts = wrapped(of(F5TTS, "f5_tts.api", monkeypatch))
    wav, rate, spectrogram = tts.infer("ref.wav", "reference", "hello", file_wave=tmp_path / "one.wav")
    assert (rhythms(wav), rate, spectrogram) == (1, RATE, "spectrogram")
    assert holds_both(tmp_path / "one.wav")
    long = soundfile.info(tmp_path / "one.wav").duration
    made = tts.infer("ref.wav", "reference", "hello", remove_silence=True, file_wave=str(tmp_path / "two.wav"))
    assert rhythms(made[0]) == 1
    assert numpy.array_equal(made[0], wav)
    assert holds_both(tmp_path / "two.wav")
    assert soundfile.info(tmp_path / "two.wav").duration == pytest.approx(long - 1, abs=0.01)
    assert rhythms(tts.infer("ref.wav", "reference", "hello", remove_silence=True)[0]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.wav", "two.wav"]


def test_melo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class TTS(torch.nn.Module):
        hps = SimpleNamespace(data=SimpleNamespace(sampling_rate=RATE))

        def tts_to_file(self, text: str, speaker_id: int, output_path: Any = None, format: Any = None) -> Any:
            return TONE if output_path is None else None

    tts = wrapped(of(TTS, "melo.api", monkeypatch))
    assert rhythms(tts.tts_to_file("hello", 0)) == 1
    assert tts.tts_to_file("hello", 0, str(tmp_path / "one.wav")) is None
    assert holds_both(tmp_path / "one.wav")
    with pytest.raises(UnsupportedOutputError, match="no path of a file"):
        tts.tts_to_file("hello", 0, io.BytesIO())


@pytest.mark.parametrize("name", ["CosyVoice", "CosyVoice2", "CosyVoice3"])
def test_cosyvoice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Voice:
        sample_rate = RATE

        def inference_sft(self, text: str, speaker: str, stream: bool = False) -> Any:
            for _ in range(2):
                yield {"tts_speech": torch.from_numpy(TONE)[None]}

    voice = wrapped(of(Voice, "cosyvoice.cli.cosyvoice", monkeypatch, name))
    first, second = voice.inference_sft("hello", "中文女")
    assert first["tts_speech"].shape[0] == 1
    assert rhythms(first["tts_speech"]) == 1
    assert torch.equal(second["tts_speech"], torch.from_numpy(TONE)[None])


class IndexTTS2:
    """The two methods of it, as they are written."""

    def infer(self, spk_audio_prompt: str, text: str, output_path: Any, stream_return: bool = False, **kwargs: Any):  # type: ignore[no-untyped-def]
        if stream_return:
            return self.infer_generator(spk_audio_prompt, text, output_path, stream_return, **kwargs)
        return next(iter(self.infer_generator(spk_audio_prompt, text, output_path, stream_return, **kwargs)), None)

    def infer_generator(
        self, spk_audio_prompt: str, text: str, output_path: Any, stream_return: bool = False, **kwargs: Any
    ) -> Iterator[Any]:
        assert spk_audio_prompt == "voice.wav"
        assert output_path is None, "it writes before there is a label"
        pieces = []
        for _ in range(2):
            pieces.append(torch.from_numpy(TONE)[None] * 32767)
            if stream_return:
                yield pieces[-1]
                yield torch.zeros(1, 4410)
        if not stream_return:
            yield 22_050, torch.cat(pieces, dim=1).type(torch.int16).numpy().T


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Any:
    return wrapped(of(type("IndexTTS2", (IndexTTS2,), {}), "indextts.infer_v2", monkeypatch))


def test_indextts(index: Any, tmp_path: Path) -> None:
    rate, samples = index.infer("voice.wav", "hello", None, temperature=0.7)
    assert rhythms(samples, rate) == 1
    path = str(tmp_path / "one.wav")
    assert index.infer("voice.wav", "hello", path) == path
    assert holds_both(tmp_path / "one.wav", 22_050)
    assert list(index.infer_generator("voice.wav", "hello", path)) == [path]
    assert holds_both(tmp_path / "one.wav", 22_050)


@pytest.mark.parametrize("method", ["infer", "infer_generator"])
def test_indextts_in_pieces(method: str, index: Any, tmp_path: Path) -> None:
    stream = getattr(index, method)("voice.wav", "hello", None, stream_return=True)
    first, *rest = stream
    assert rhythms(first, 22_050) == 1
    assert float(first.max()) > 1000  # of integers
    assert torch.equal(rest[0], torch.from_numpy(TONE)[None] * 32767)
    assert len(rest) == 4
    assert rhythms(torch.cat([first, *rest], dim=1), 22_050) == 1
    path = tmp_path / "one.wav"
    pieces = list(getattr(index, method)("voice.wav", "hello", path, stream_return=True))
    assert holds_both(path, 22_050)
    assert soundfile.info(path).frames == sum(each.shape[1] for each in pieces)


def test_indextts_stopped_early_writes_nothing(index: Any, tmp_path: Path) -> None:
    stream = index.infer("voice.wav", "hello", tmp_path / "one.wav", stream_return=True)
    assert rhythms(next(stream), 22_050) == 1
    stream.close()
    assert not list(tmp_path.iterdir())


def test_the_model_says_the_prompt_in_place_of_the_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And of no other argument: the first are paths, and texts that somebody else said."""

    class F5TTS:
        target_sample_rate = RATE

        def infer(self, ref_file: str, ref_text: str, gen_text: str, file_wave: Any = None) -> Any:
            asked.append((ref_file, ref_text, gen_text, file_wave))
            return numpy.tile(TONE, 4 if "人工智能" in gen_text else 1), RATE, None

    asked: list[Any] = []
    tts = wrapped(of(F5TTS, "f5_tts.api", monkeypatch), audio={"kind": "voice", "speaker": "model"})
    wav, _, _ = tts.infer("ref.wav", "reference", "hello")
    assert asked == [("ref.wav", "reference", "本音频由人工智能合成", None), ("ref.wav", "reference", "hello", None)]
    assert len(wav) > 5 * RATE
    tts.infer("ref.wav", "reference", "more")
    assert len(asked) == 3
    tts.infer("other.wav", "reference", "more")
    assert len(asked) == 5


def test_a_library_that_tells_no_rate_is_not_released(monkeypatch: pytest.MonkeyPatch) -> None:
    class TTS:
        def tts(self, text: str) -> Any:
            return TONE.tolist()

    with pytest.raises(UnsupportedOutputError, match=r"synthesizer\.output_sample_rate"):
        wrapped(of(TTS, "TTS.api", monkeypatch)).tts("hello")


def test_a_class_without_a_method_that_speaks_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    class Chat:
        pass

    with pytest.raises(AdapterNotFoundError):
        wrapped(of(Chat, "ChatTTS.core", monkeypatch))
