"""Speech that arrives encoded: edge-tts for real but for its service, gTTS by the shape of its calls."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
from edge_tts import Communicate, SubMaker
from test_tts import of

import aigc_hooks
from aigc_hooks import UnsupportedOutputError, find_rhythm

RATE = 24_000
SECONDS = 2.0
TONE: Any = (0.3 * numpy.sin(2 * numpy.pi * 220 * numpy.arange(int(SECONDS * RATE)) / RATE)).astype(numpy.float32)
FRAME = 576 / RATE
BOUNDARY = {"type": "WordBoundary", "offset": 1_000_000, "duration": 5_000_000, "text": "hello"}


def encoded(samples: Any = TONE, rate: int = RATE) -> bytes:
    """MP3 as services send it: frames of one bit rate and no more."""
    from aigc_hooks_tts.mp3 import frame

    made = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    options = {"format": "MP3", "bitrate_mode": "CONSTANT", "compression_level": 0.7}
    with soundfile.SoundFile(made, "w", rate, channels, **options) as file:
        file.write(samples)
    data = made.getvalue()
    start = data.index(b"\xff\xf3") if rate == RATE else data.index(b"\xff\xfb")
    first = frame(data, start)
    assert first is not None
    return data[start + first.length :]


def cut(data: bytes) -> Iterator[bytes]:
    yield data[:3]  # less than a header
    yield data[3:700]
    yield data[700:]


def decoded(data: bytes) -> tuple[Any, int]:
    samples, rate = soundfile.read(io.BytesIO(data))
    return samples, rate


def speaker(monkeypatch: pytest.MonkeyPatch, data: bytes, **settings: Any) -> Any:
    async def stream(self: Any) -> Any:
        yield dict(BOUNDARY)
        for piece in cut(data):
            yield {"type": "audio", "data": piece}

    monkeypatch.setattr(Communicate, "_Communicate__stream", stream)
    return aigc_hooks.wrap(Communicate("hello"), producer="acme", **settings)


@pytest.mark.parametrize(("position", "count"), [("start", 1), ("end", 1), ("both", 2)])
async def test_the_label_joins_the_stream(position: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bare, _ = decoded(encoded())
    chunks = [chunk async for chunk in speaker(monkeypatch, encoded(), audio={"position": position}).stream()]
    samples, rate = decoded(b"".join(chunk["data"] for chunk in chunks if chunk["type"] == "audio"))
    found = find_rhythm(samples, rate)
    assert len(found) == count
    assert (found[0].start < 0.2) == (position != "end")
    (word,) = [chunk for chunk in chunks if chunk["type"] == "WordBoundary"]
    delay = (word["offset"] - BOUNDARY["offset"]) / 1e7
    if position == "start":
        assert abs(len(samples) / rate - (len(bare) / RATE + delay)) < 3 * FRAME
        # The word stands where it is heard: the tone begins behind the label and its pause.
        onset = numpy.argmax(numpy.abs(samples[round(1.3 * rate) :]) > 0.1) / rate + 1.3
        assert abs(onset - delay) < 3 * FRAME
    assert (delay > 1.1) == (position != "end")


async def test_nothing_is_heard_before_the_label(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = speaker(monkeypatch, encoded()).stream()
    first = await anext(stream)
    assert first["type"] == "audio"
    samples, rate = decoded(first["data"])
    assert len(find_rhythm(samples, rate)) == 1
    assert "text" in await anext(stream)  # the word that came before any sound


async def test_a_file_with_both_labels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Callable[..., bytes]
) -> None:
    path = tmp_path / "hello.mp3"
    await speaker(monkeypatch, encoded()).save(str(path))
    reading = aigc_hooks.read_label(path)
    assert reading.conforms
    assert reading.label is not None
    assert reading.label.content_producer == "acme"
    samples, rate = soundfile.read(path)
    assert len(find_rhythm(samples, rate)) == 1
    probed = json.loads(command("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path))
    assert abs(float(probed["format"]["duration"]) - len(samples) / rate) < 0.2
    assert json.loads(probed["format"]["tags"]["AIGC"])["ContentProducer"] == "acme"


def test_without_an_event_loop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    speaker(monkeypatch, encoded()).save_sync(str(tmp_path / "hello.mp3"))
    assert aigc_hooks.read_label(tmp_path / "hello.mp3").conforms
    chunks = list(speaker(monkeypatch, encoded()).stream_sync())
    samples, rate = decoded(b"".join(chunk["data"] for chunk in chunks if chunk["type"] == "audio"))
    assert len(find_rhythm(samples, rate)) == 1


async def test_subtitles_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    subtitles = SubMaker()
    async for chunk in speaker(monkeypatch, encoded()).stream():
        if chunk["type"] == "WordBoundary":
            subtitles.feed(chunk)
    assert "00:00:01," in subtitles.get_srt()


async def test_what_is_no_mp3_is_not_released(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOutputError, match="no MP3"):
        [chunk async for chunk in speaker(monkeypatch, b"OggS" + bytes(2000)).stream()]
    path = tmp_path / "hello.mp3"
    with pytest.raises(UnsupportedOutputError, match="no MP3"):
        await speaker(monkeypatch, b"OggS" + bytes(2000)).save(str(path))
    assert not path.exists() or path.stat().st_size == 0


@pytest.mark.parametrize("rate", [RATE, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_gtts(rate: int, channels: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    samples = TONE if channels == 1 else numpy.stack([TONE, TONE], axis=1)
    data = encoded(samples, rate)

    class gTTS:  # noqa: N801
        def stream(self) -> Iterator[bytes]:
            yield from cut(data)

        def write_to_fp(self, fp: Any) -> None:
            for piece in self.stream():
                fp.write(piece)

        def save(self, savefile: Any) -> None:
            with open(str(savefile), "wb") as file:  # noqa: PTH123
                self.write_to_fp(file)

    tts = aigc_hooks.wrap(of(gTTS, "gtts.tts", monkeypatch), producer="acme")
    tts.save(tmp_path / "hello.mp3")
    made, found = soundfile.read(tmp_path / "hello.mp3")
    assert found == rate
    assert (1 if made.ndim == 1 else made.shape[1]) == channels
    assert len(find_rhythm(made, rate)) == 1
    assert aigc_hooks.read_label(tmp_path / "hello.mp3").conforms
    file = io.BytesIO()
    tts.write_to_fp(file)
    assert len(find_rhythm(*decoded(file.getvalue()))) == 1


def test_streams_side_by_side_keep_their_own_labels() -> None:
    from aigc_hooks_tts.mp3 import Mp3Stream

    from aigc_hooks.provider import Provider

    streams = [Mp3Stream(Provider(producer=f"acme{number}", audio={"position": "both"}), "x") for number in range(5)]
    for stream in streams:
        assert stream.put(encoded())
    for stream in reversed(streams):
        assert stream.end()
    labels = [stream.label for stream in streams]
    assert [label and label.content_producer for label in labels] == [f"acme{number}" for number in range(5)]
    assert len(set(labels)) == 5
