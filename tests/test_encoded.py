"""Encoded sound gets its label on its way, in its own form; what ffmpeg and soundfile hear of it is looked at."""

from __future__ import annotations

import asyncio
import io
import subprocess
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile

import aigc_hooks
from aigc_hooks import ForeignLabelError, LabelError, Provider, find_rhythm, read_label, wrap
from aigc_hooks.encoded import EncodedSound

ACME = Provider(producer="acme")
RATE = 24_000
SECONDS = 2.0


@pytest.fixture(autouse=True)
def _needs_ffmpeg(command: Callable[..., bytes]) -> None:
    command("ffmpeg", "-version")


def speech(channels: int = 1, seconds: float = SECONDS) -> Any:
    """Harmonics of a voice whose pitch wanders: what codecs keep, unlike noise. Of no seed: other tests label, too."""
    count = round(seconds * RATE)
    chance = numpy.random.default_rng()
    at = numpy.arange(count) / RATE
    pitch = chance.uniform(100, 200) * (1 + 0.3 * numpy.sin(2 * numpy.pi * chance.uniform(0.5, 2) * at))
    angle = 2 * numpy.pi * numpy.cumsum(pitch) / RATE
    voice = sum(numpy.sin(n * angle + chance.uniform(0, 6)) / n for n in range(1, 12))
    loud = 0.1 * (0.6 + 0.4 * numpy.sin(2 * numpy.pi * 3 * at))
    return numpy.repeat((voice * loud)[:, None], channels, axis=1).astype(numpy.float32)


def ffmpeg(*options: str) -> Callable[[Any], bytes]:
    """An encoder that streams as services do: what it writes cannot be gone back to."""

    def encode(samples: Any) -> bytes:
        source = ["-f", "f32le", "-ar", str(RATE), "-ac", str(samples.shape[1]), "-i", "-"]
        command = ["ffmpeg", "-v", "error", *source, *options, "-"]
        done = subprocess.run(command, input=samples.tobytes(), capture_output=True, check=True, timeout=60)
        return done.stdout

    return encode


def finished(**form: Any) -> Callable[[Any], bytes]:
    """A finished file, by libsndfile: its header tells its length."""

    def encode(samples: Any) -> bytes:
        made = io.BytesIO()
        with soundfile.SoundFile(made, "w", RATE, samples.shape[1], **form) as file:
            file.buffer_write(samples.tobytes(), dtype="float32")  # what no saver has been taught to look at
        return made.getvalue()

    return encode


FORMS: dict[str, Callable[[Any], bytes]] = {
    "mp3": ffmpeg("-f", "mp3", "-b:a", "64k"),
    "mp3 at varying bitrate": ffmpeg("-f", "mp3", "-q:a", "4"),
    "mp3 of a file": finished(format="MP3"),
    "aac": ffmpeg("-f", "adts", "-c:a", "aac", "-b:a", "64k"),
    "opus": ffmpeg("-f", "ogg", "-c:a", "libopus", "-b:a", "32k"),
    "opus of long packets": ffmpeg("-f", "ogg", "-c:a", "libopus", "-frame_duration", "60", "-page_duration", "100000"),
    "opus of a file": finished(format="OGG", subtype="OPUS"),
    "flac": ffmpeg("-f", "flac"),
    "flac of a file": finished(format="FLAC", subtype="PCM_24"),
    "vorbis": finished(format="OGG", subtype="VORBIS"),
    "wav": ffmpeg("-f", "wav"),
    "wav of a file": finished(format="WAV", subtype="PCM_16"),
    "wav of 24 bits": finished(format="WAV", subtype="PCM_24"),
    "wav of bytes": finished(format="WAV", subtype="PCM_U8"),
    "wav of floats": finished(format="WAVEX", subtype="FLOAT"),
    "wav of telephones": finished(format="WAV", subtype="ULAW"),
    "wav beyond its sizes": finished(format="RF64", subtype="PCM_16"),
    "aiff": finished(format="AIFF", subtype="PCM_16"),
}
LAZY = [name for name in FORMS if name.startswith(("mp3", "aac", "opus")) or name in ("wav", "wav of a file")]


def cut(data: bytes, *sizes: int) -> Iterator[bytes]:
    """Odd pieces, of which the first hold less than a header."""
    sizes, place = sizes or (1, 2, 3, 70, 997, 4001), 0
    for size in sizes:
        yield data[place : place + size]
        place += size
    while place < len(data):
        yield data[place : place + sizes[-1]]
        place += sizes[-1]


def heard(data: bytes, channels: int = 1) -> Any:
    """What ffmpeg makes of it, (N,C); it must complain of nothing."""
    command = ["ffmpeg", "-v", "error", "-i", "-", "-f", "f32le", "-ac", str(channels), "-ar", str(RATE), "-"]
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=60)
    complaints = done.stderr.decode().splitlines()
    assert complaints == [], complaints
    return numpy.frombuffer(done.stdout, numpy.float32).reshape(-1, channels)


def through(data: bytes, provider: Provider = ACME, *sizes: int, rate: int | None = None) -> tuple[bytes, EncodedSound]:
    sound = EncodedSound(provider, "test", rate)
    made = b"".join(map(sound.put, cut(data, *sizes)))
    return made + sound.end(), sound


def times(sound: Any) -> list[float]:
    return [found.start for found in find_rhythm(sound, RATE)]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", FORMS)
def test_both_labels(name: str, channels: int) -> None:
    bare = FORMS[name](speech(channels))
    made, sound = through(bare)
    before, after = heard(bare, channels), heard(made, channels)
    assert len(times(after)) == 1
    assert times(after)[0] < 0.2
    assert len(after) - len(before) == pytest.approx(1.4 * RATE, abs=0.12 * RATE)
    found = read_label(made)
    assert [finding.label.content_producer for finding in found.findings if finding.label] == ["acme"]
    assert found.conforms or found.carrier in ("AAC", "MP3", "AIFF")
    # The content is the same, behind the label.
    shift = len(after) - len(before)
    best = max(_alike(before[2400:, 0], after[2400 + shift + lag :, 0]) for lag in range(-1300, 1300, 1))
    assert best > 0.98
    if name in LAZY:
        assert sound.label == found.label
        assert sound.delay == pytest.approx(1.4, abs=0.15)


def _alike(one: Any, other: Any) -> float:
    count = min(len(one), len(other), RATE // 2)
    one, other = one[:count], other[:count]
    return float(one @ other) / max(float(one @ one) * float(other @ other), 1e-12) ** 0.5


@pytest.mark.parametrize(("position", "labels"), [("end", 1), ("both", 2)])
@pytest.mark.parametrize("name", FORMS)
def test_where_it_is_asked_for(name: str, position: str, labels: int) -> None:
    provider = Provider(producer="acme", audio={"position": position})
    made, _ = through(FORMS[name](speech()), provider)
    found = times(heard(made))
    assert len(found) == labels
    assert found[-1] > SECONDS
    assert (found[0] < 0.2) == (position == "both")
    assert read_label(made).label.content_producer == "acme"


@pytest.mark.parametrize("name", LAZY)
def test_it_leaves_as_it_comes(name: str) -> None:
    data = FORMS[name](speech(seconds=8))
    sound = EncodedSound(ACME, "test")
    come = 0
    for piece in cut(data, 1024):
        come += len(piece)
        if sound.put(piece):
            break
    assert come < max(len(data) // 2, 8 * 1024)


@pytest.mark.parametrize("sizes", [(1,), (64,), (100_000_000,)])
@pytest.mark.parametrize("name", ["mp3", "aac", "opus", "wav"])
def test_however_it_is_cut(name: str, sizes: tuple[int, ...]) -> None:
    made, _ = through(FORMS[name](speech(seconds=0.5)), ACME, *sizes)
    assert len(times(heard(made))) == 1
    assert read_label(made).label.content_producer == "acme"


@pytest.mark.parametrize("name", ["wav", "wav of a file", "wav of 24 bits", "wav of bytes", "wav of floats", "flac"])
@pytest.mark.parametrize("position", ["start", "end", "both"])
def test_lossless_content_is_the_same(name: str, position: str) -> None:
    bare = FORMS[name](speech(2, 1.01))
    made, _ = through(bare, Provider(producer="acme", audio={"position": position}))
    before, after = heard(bare, 2), heard(made, 2)
    more = len(after) - len(before)
    begin = {"start": more, "end": 0, "both": more // 2}[position]
    assert numpy.array_equal(after[begin : begin + len(before)], before)


def test_the_packets_of_opus_are_the_same() -> None:
    bare = FORMS["opus"](speech())
    made, _ = through(bare)
    hashes = [_packets(data) for data in (bare, made)]
    assert hashes[1][-len(hashes[0]) :] == hashes[0]


def _packets(data: bytes) -> list[str]:
    command = ["ffmpeg", "-v", "error", "-i", "-", "-c", "copy", "-f", "framecrc", "-"]
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=60)
    return [line.split(",")[5].strip() for line in done.stdout.decode().splitlines() if not line.startswith("#")]


def test_a_wav_header_tells_the_new_length() -> None:
    made, _ = through(FORMS["wav of a file"](speech()))
    with wave.open(io.BytesIO(made)) as file:
        assert file.getnframes() == round((SECONDS + 1.4) * RATE)
    assert int.from_bytes(made[4:8], "little") == len(made) - 8


@pytest.mark.parametrize("count", [3001, 3000])
def test_chunks_behind_the_samples_stay(count: int) -> None:
    made = io.BytesIO()
    with soundfile.SoundFile(made, "w", RATE, 1, format="WAV", subtype="PCM_U8") as file:
        file.buffer_write(numpy.zeros(count, numpy.float32).tobytes(), dtype="float32")
    data = made.getvalue() + b"LIST\x0e\0\0\0INFOINAM\x02\0\0\0hi"
    data = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    for position in ("start", "end", "both"):
        labelled, _ = through(data, Provider(producer="acme", audio={"position": position}))
        with soundfile.SoundFile(io.BytesIO(labelled)) as file:
            assert file.title == "hi"
        assert read_label(labelled).conforms


# Without a header


@pytest.mark.parametrize(("position", "labels"), [("start", 1), ("end", 1), ("both", 2)])
def test_samples_without_a_header(position: str, labels: int, tmp_path: Path) -> None:
    bare = (speech()[:, 0] * 32767).astype("<i2")
    made, sound = through(bare.tobytes(), Provider(producer="acme", audio={"position": position}), rate=RATE)
    samples = numpy.frombuffer(made, "<i2")
    assert len(times(samples)) == labels
    begin = 0 if position == "end" else round(1.4 * RATE)
    assert numpy.array_equal(samples[begin : begin + len(bare)], bare)
    # There is no place for the implicit label before it is saved.
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(made)
    assert read_label(path).label == sound.label


# Functions of a user's own


def test_functions_that_return_or_yield_bytes() -> None:
    data = FORMS["mp3"](speech())

    @wrap(kind="audio", provider=ACME)
    def whole() -> bytes:
        return data

    @wrap(kind="audio", provider=ACME)
    def pieces() -> Iterator[bytes]:
        yield from cut(data)

    @wrap(kind="audio", provider=ACME)
    async def later() -> AsyncIterator[bytes]:
        for piece in cut(data):
            yield piece

    async def collected() -> bytes:
        return b"".join([piece async for piece in later()])

    for made in (whole(), b"".join(pieces()), asyncio.run(collected())):
        assert len(times(heard(made))) == 1
        assert read_label(made).conforms


def test_bytes_of_samples_take_the_rate_of_the_function() -> None:
    bare = (speech()[:, 0] * 32767).astype("<i2")
    speak = wrap(lambda: bare.tobytes(), kind="audio", rate=RATE, provider=ACME)
    assert len(times(numpy.frombuffer(speak(), "<i2"))) == 1


# What is wrong with it


@pytest.mark.parametrize("name", ["mp3", "opus", "wav of a file", "flac"])
def test_the_label_of_another_is_not_replaced(name: str) -> None:
    data, _ = through(FORMS[name](speech()), Provider(producer="other"))
    with pytest.raises(ForeignLabelError, match="other"):
        through(data)


@pytest.mark.parametrize("name", ["mp3", "opus", "wav of a file"])
def test_an_own_label_is_kept(name: str) -> None:
    bare = FORMS[name](speech())
    path = io.BytesIO(bare)
    own = aigc_hooks.Label(content_producer="acme", produce_id="7", content_propagator="acme", propagate_id="7")
    carrier = next(each for each in _carriers() if each.sniff(bare[:64]))
    target = io.BytesIO()
    carrier.write(path, target, own.to_json())
    if name.startswith("wav"):  # before the samples, where a stream can tell it
        at = bare.index(b"data")
        chunk = target.getvalue()[len(bare) :]
        bare = bare[:at] + chunk + bare[at:]
        target = io.BytesIO(bare[:4] + (len(bare) - 8).to_bytes(4, "little") + bare[8:])
    made, sound = through(target.getvalue())
    assert sound.label == own
    assert [finding.label for finding in read_label(made).findings] == [own]


def _carriers() -> Any:
    from aigc_hooks.plugins import hooks

    return hooks().carriers


@pytest.mark.parametrize("name", FORMS)
def test_what_is_cut_off_anywhere_is_labelled_or_refused(name: str) -> None:
    data = FORMS[name](speech(seconds=0.3))
    for length in [*range(1, 200, 7), *range(200, len(data), len(data) // 12)]:
        try:
            made, sound = through(data[:length])
        except aigc_hooks.AIGCHooksError:
            continue
        assert sound.label is not None or name.startswith(("flac", "vorbis", "aiff", "wav"))
        assert len(made) > length


@pytest.mark.parametrize("junk", [b"OggS" + bytes(1000), b"fLaC" + bytes(1000), b"RIFF" + bytes(1000), b"hello" * 99])
def test_what_is_no_sound_is_not_released(junk: bytes) -> None:
    with pytest.raises(aigc_hooks.AIGCHooksError):
        through(junk)


def test_without_a_rate_bytes_are_no_samples() -> None:
    with pytest.raises(LabelError, match="of samples without a header give the rate"):
        through(bytes(100_000))


def test_nothing_is_labelled_where_nothing_came() -> None:
    assert through(b"")[0] == b""
