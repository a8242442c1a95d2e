"""Labelled sound carries its label into the file, whichever saver a script uses; other sound is left alone."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import textwrap
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
import torch
from IPython.display import Audio
from scipy.io import wavfile
from scipy.io.wavfile import write as imported_before

from aigc_hooks import LabelError, Provider, UnsupportedCarrierError, find_rhythm, label, read_label, save, wrap
from aigc_hooks.sounds import label_of

ACME = Provider(producer="acme")
RATE = 24_000
BARE = numpy.random.default_rng(0).normal(0, 0.1, RATE * 3).astype(numpy.float32)


@pytest.fixture
def sound() -> Any:
    return label(BARE, rate=RATE, provider=ACME)


def by_wave(samples: Any, file: Any, step: int = 1000) -> None:
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        data = (samples * 32767).astype("<i2")
        for at in range(0, len(data), step):
            out.writeframes(data[at : at + step].tobytes())


def by_blocks(samples: Any, file: Any) -> None:
    with soundfile.SoundFile(file, "w", RATE, 1, format="WAV") as out:
        buffer = numpy.empty(512, numpy.float32)  # filled again and again, as scripts do
        for at in range(0, len(samples) - 511, 512):
            buffer[:] = samples[at : at + 512]
            out.write(buffer)


SAVERS: dict[str, Callable[[Any, Any], Any]] = {
    "soundfile": lambda x, file: soundfile.write(file, x, RATE, format="WAV"),
    "soundfile, stereo": lambda x, file: soundfile.write(file, numpy.stack([x, x], axis=1), RATE, format="WAV"),
    "soundfile, 16 bits": lambda x, file: soundfile.write(file, (x * 32767).astype(numpy.int16), RATE, format="WAV"),
    "soundfile, FLAC": lambda x, file: soundfile.write(file, x, RATE, format="FLAC"),
    "soundfile, Vorbis": lambda x, file: soundfile.write(file, x, RATE, format="OGG", subtype="VORBIS"),
    "soundfile, Opus": lambda x, file: soundfile.write(file, x, RATE, format="OGG", subtype="OPUS"),
    "soundfile, MP3": lambda x, file: soundfile.write(file, x, RATE, format="MP3"),
    "soundfile, RF64": lambda x, file: soundfile.write(file, x, RATE, format="RF64"),
    "soundfile, in blocks": by_blocks,
    "scipy": lambda x, file: wavfile.write(file, RATE, x),
    "scipy, imported before": lambda x, file: imported_before(file, RATE, (x * 32767).astype(numpy.int16)),
    "scipy, by name": lambda x, file: wavfile.write(filename=file, rate=RATE, data=x),
    "wave": by_wave,
    "wave, at once": lambda x, file: by_wave(x, file, len(x)),
}


@pytest.mark.parametrize("name", SAVERS)
def test_every_saver_writes_the_label_to_a_file(name: str, sound: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.sound"
    SAVERS[name](sound, str(path))
    reading = read_label(path)
    found = label_of(sound, RATE)
    assert found is not None
    assert reading.label == found[0]
    assert reading.conforms
    heard, rate = soundfile.read(path)
    assert rate == RATE
    assert len(find_rhythm(heard, rate)) == 1


@pytest.mark.parametrize("name", SAVERS)
def test_and_to_a_file_in_memory(name: str, sound: Any) -> None:
    file = io.BytesIO()
    SAVERS[name](sound, file)
    assert read_label(file.getvalue()).conforms
    heard, _ = soundfile.read(io.BytesIO(file.getvalue()))
    assert abs(len(heard) - len(sound)) <= 1200


@pytest.mark.parametrize("name", SAVERS)
def test_other_sound_is_written_as_ever(name: str, sound: Any, tmp_path: Path) -> None:
    SAVERS[name](BARE, str(tmp_path / "a"))
    assert read_label(tmp_path / "a").findings == ()


def test_a_notebook_plays_it_with_its_label(sound: Any) -> None:
    assert read_label(Audio(sound, rate=RATE).data).conforms
    assert read_label(Audio(numpy.stack([sound, sound]), rate=RATE).data).conforms
    assert read_label(Audio(BARE, rate=RATE).data).findings == ()


CHANGES: dict[str, Callable[[Any], Any]] = {
    "asarray": lambda x: numpy.asarray(x.tolist()),
    "integers": lambda x: (x * 32767).astype(numpy.int16),
    "louder": lambda x: x * 3,
    "fainter": lambda x: x * 0.01,
    "64 bits": lambda x: x.astype(numpy.float64),
    "through torch": lambda x: torch.from_numpy(x).clone().numpy(),
    "joined": lambda x: numpy.concatenate([x, BARE[::-1], x]),
    "cut": lambda x: x[: RATE * 3],
    "stereo": lambda x: numpy.stack([x, x * 0.5], axis=1),
    "silence before": lambda x: numpy.concatenate([numpy.zeros(RATE // 4, numpy.float32), x]),
    "padded": lambda x: numpy.pad(x, (0, 999)),
    "faded": lambda x: x * numpy.linspace(1, 0.5, len(x), dtype=numpy.float32),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_label_is_found_by_the_samples_whatever_was_done_with_the_array(
    name: str, sound: Any, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "a.wav", CHANGES[name](sound), RATE)
    assert read_label(tmp_path / "a.wav").conforms


def test_each_of_many_sounds_has_its_own_label(tmp_path: Path) -> None:
    made = [label(BARE[::-1] * (n + 1) / 9 + BARE * n / 9, rate=RATE, provider=ACME) for n in range(8)]
    for number, each in enumerate(made):
        wavfile.write(tmp_path / f"{number}.wav", RATE, (each * 32767).astype(numpy.int16))
    found = [read_label(tmp_path / f"{number}.wav").label for number in range(8)]
    assert len({each.produce_id for each in found if each}) == 8
    for number, each in enumerate(made):
        known = label_of(each, RATE)
        assert known is not None
        assert known[0] == found[number]


def test_silence_has_a_label_too(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", label(numpy.zeros(RATE), rate=RATE, provider=ACME), RATE)
    assert read_label(tmp_path / "a.wav").conforms


def test_a_label_at_the_end(tmp_path: Path) -> None:
    made = label(BARE, rate=RATE, provider=ACME, audio={"position": "end"})
    soundfile.write(tmp_path / "a.wav", made, RATE)
    assert read_label(tmp_path / "a.wav").conforms


def test_paths_of_every_kind(sound: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "a.wav", str(tmp_path / "b.wav"), os.fsencode(tmp_path / "c.wav")):
        soundfile.write(path, sound, RATE)
        assert read_label(os.fsdecode(path)).conforms


@pytest.mark.filterwarnings("error")
def test_a_file_that_cannot_be_opened_is_soundfiles_own_affair(sound: Any, tmp_path: Path) -> None:
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.write(tmp_path / "none" / "a.wav", sound, RATE)
    with pytest.raises(TypeError, match="No format specified"):
        soundfile.write(tmp_path / "a.xyz", sound, RATE)
    gc.collect()


def test_a_format_without_a_place_is_refused_before_anything_is_lost(sound: Any, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCarrierError, match=r"a AU file has no place.*WAV, FLAC, OGG, MP3"):
        soundfile.write(tmp_path / "a.au", sound, RATE)
    lenient = label(BARE * 0.5 + 0.01, rate=RATE, producer="acme", on_unsupported_carrier="warn")
    with pytest.warns(UserWarning, match="has no place"):
        soundfile.write(tmp_path / "b.au", lenient, RATE)
    assert soundfile.info(tmp_path / "b.au").frames == len(lenient)


def decoded(path: Path) -> Any:
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return numpy.frombuffer(done.stdout, numpy.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3", "aiff", "m4a", "aac"])
@pytest.mark.parametrize(
    "form",
    [lambda x: x, lambda x: torch.from_numpy(x)[None], lambda x: (x * 32767).astype(numpy.int16), lambda x: x.tolist()],
)
def test_save_writes_every_format(suffix: str, form: Any, tmp_path: Path) -> None:
    path = save(form(BARE), tmp_path / f"a.{suffix}", rate=RATE, provider=ACME)
    reading = read_label(path)
    assert reading.label is not None
    assert reading.label.content_producer == "acme"
    assert len(find_rhythm(decoded(path), RATE)) == 1


DTYPES: dict[str, Any] = {
    "float16": lambda x: x.astype(numpy.float16),
    "int8": lambda x: (x * 127).astype(numpy.int8),
    "uint8": lambda x: (x * 127 + 128).astype(numpy.uint8),
    "int16": lambda x: (x * 32767).astype(numpy.int16),
    "int32": lambda x: (x.astype(numpy.float64) * (2**31 - 1)).astype(numpy.int32),
}


@pytest.mark.parametrize("suffix", ["wav", "flac", "m4a"])
@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_save_keeps_the_level_of_samples_of_any_type(dtype: str, tensor: bool, suffix: str, tmp_path: Path) -> None:
    tone = 0.5 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(RATE) / RATE)
    samples = DTYPES[dtype](tone)
    given = torch.from_numpy(samples) if tensor else samples
    made = decoded(save(given, tmp_path / f"x.{suffix}", rate=RATE, provider=ACME))
    assert len(find_rhythm(made, RATE)) == 1
    middle = made[-RATE // 2 - 2000 : -RATE // 2 + 2000]
    assert abs(float(numpy.abs(middle).max()) - 0.5) < 0.03
    assert abs(float(middle.mean())) < 0.02


@pytest.mark.parametrize(("suffix", "rate", "channels"), [("opus", 44_100, 2), ("mp3", 96_000, 1), ("mp3", 48_000, 3)])
def test_save_names_what_an_encoder_cannot_take(suffix: str, rate: int, channels: int, tmp_path: Path) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(UnsupportedCarrierError, match=f"{channels} channels at {rate} .* choose 'x.wav'"):
        save(numpy.zeros((rate, channels), numpy.float32), path, rate=rate, provider=ACME)
    assert path.read_bytes() == b"old"


def test_save_of_aac_at_a_rate_that_is_asked_for(tmp_path: Path) -> None:
    small, large = (save(BARE, tmp_path / f"{n}.m4a", rate=RATE, provider=ACME, bitrate=n * 1000) for n in (24, 128))
    assert large.stat().st_size > 2 * small.stat().st_size
    with pytest.raises(TypeError, match="takes bitrate=, in bits a second, and no subtype="):
        save(BARE, tmp_path / "a.m4a", rate=RATE, provider=ACME, subtype="PCM_16")
    with pytest.raises(UnsupportedCarrierError, match="AAC has no rate of 23000"):
        save(BARE, tmp_path / "a.m4a", rate=23_000, provider=ACME)


def test_save_keeps_the_label_of_labelled_sound(sound: Any, tmp_path: Path) -> None:
    known = label_of(sound, RATE)
    assert known is not None
    assert read_label(save(sound, tmp_path / "a.wav", rate=RATE)).label == known[0]


def test_save_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCarrierError, match=r"sound is saved as \.wav"):
        save(BARE, tmp_path / "a.xyz", rate=RATE, provider=ACME)
    with pytest.raises(LabelError, match="are several"):
        save(numpy.stack([[BARE, BARE]] * 2), tmp_path / "a.wav", rate=RATE, provider=ACME)
    assert not list(tmp_path.iterdir())


def test_savers_that_are_imported_after_the_label_was_made_are_reached(tmp_path: Path) -> None:
    script = """
        import sys, numpy, aigc_hooks
        made = aigc_hooks.label(numpy.random.default_rng(0).normal(0, .1, 48000), rate=24000, producer="acme")
        assert "soundfile" not in sys.modules and "scipy" not in sys.modules
        import soundfile, wave
        from scipy.io.wavfile import write
        soundfile.write("a.wav", made, 24000)
        write("b.wav", 24000, made)
        assert aigc_hooks.read_label("a.wav").conforms and aigc_hooks.read_label("b.wav").conforms
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("size", [1_000, 24_000, 1_000_000])
@pytest.mark.parametrize("position", ["start", "end"])
def test_a_long_stream_is_known_when_it_is_saved(position: str, size: int, tmp_path: Path) -> None:
    rng = numpy.random.default_rng()
    whole = rng.normal(0, 0.1, 40 * RATE).astype(numpy.float32)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    speak = wrap(lambda: iter(pieces), kind="audio", rate=RATE, provider=ACME, audio={"position": position})
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for piece in speak():
            file.write(piece)
    assert read_label(path).label.content_producer == "acme"
    bare = tmp_path / "bare.wav"
    soundfile.write(bare, whole, RATE)
    assert read_label(bare).label is None


def test_a_format_without_a_place_is_refused_though_the_label_comes_last(tmp_path: Path) -> None:
    whole = numpy.random.default_rng().normal(0, 0.1, 40 * RATE).astype(numpy.float32)
    made = label(whole, rate=RATE, provider=ACME, audio={"position": "end"})
    file = soundfile.SoundFile(tmp_path / "long.au", "w", RATE, 1)
    for at in range(0, len(made), RATE):
        file.write(made[at : at + RATE])
    with pytest.raises(UnsupportedCarrierError, match="AU file has no place"):
        file.close()
