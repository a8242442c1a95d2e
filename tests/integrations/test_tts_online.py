"""edge-tts and gTTS, whose service sends MP3: real MP3 and, where it is installed, the real edge-tts, no network."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
import soundfile

import aigc_hooks
from aigc_hooks import UnsupportedOutputError, find_rhythm
from aigc_hooks.codecs.mp3 import Frame
from aigc_hooks.encoded import EncodedSound

RATE = 24_000
SECONDS = 3.0
TICKS = 10_000_000


def mp3(rate: int = RATE, channels: int = 1, level: float = 112 / 152) -> bytes:
    """A tone of constant bitrate; at this rate and level, with the 48 kbit/s that edge-tts asks for."""
    tone = 0.3 * numpy.sin(2 * numpy.pi * 220 * numpy.arange(round(SECONDS * rate)) / rate)
    made = io.BytesIO()
    kind = {"bitrate_mode": "CONSTANT", "compression_level": level}
    with soundfile.SoundFile(made, "w", rate, channels, format="MP3", **kind) as file:
        # As bytes, which no saver looks at: another test may have labelled this tone at its end, and it would be known.
        file.buffer_write(numpy.stack([tone] * channels, axis=1).astype(numpy.float32).tobytes(), dtype="float32")
    return made.getvalue()


def cut(data: bytes) -> Iterator[bytes]:
    """Odd pieces, of which the first hold less than a header."""
    sizes, place = [1, 2, 3, 70, 997, 4001], 0
    while place < len(data):
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        yield data[place : place + size]
        place += size


def words(data: bytes) -> list[dict[str, Any]]:
    """What edge-tts yields: the first word comes before any sound."""
    word = {"type": "WordBoundary", "offset": 1_000_000, "duration": 5_000_000, "text": "hello"}
    return [word, *({"type": "audio", "data": piece} for piece in cut(data)), {**word, "offset": 9_000_000}]


def decoded(data: bytes, rate: int = RATE) -> Any:
    """What ffmpeg makes of it, one channel."""
    command = ["ffmpeg", "-v", "error", "-i", "-", "-f", "f32le", "-ac", "1", "-ar", str(rate), "-"]
    done = subprocess.run(command, input=data, capture_output=True, check=True, timeout=60)
    assert not done.stderr, done.stderr
    return numpy.frombuffer(done.stdout, numpy.float32)


def frames(data: bytes) -> list[Frame]:
    place, found = 0, []
    if data[:3] == b"ID3":
        one, two, three, four = data[6:10]
        place = 10 + (one << 21 | two << 14 | three << 7 | four)
    while (frame := Frame.at(data, place)) is not None:
        found.append(frame)
        place += frame.size
    assert place == len(data)
    return found


def checked(data: bytes, rate: int = RATE, labels: int = 1) -> float:
    """Checks what ffmpeg hears; returns how long the labels are, in seconds."""
    sound = decoded(data, rate)
    assert len(find_rhythm(sound, rate)) == labels
    samples = frames(data)[0].samples
    assert abs(len(sound) - sum(frame.samples for frame in frames(data))) <= 3 * samples
    return len(sound) / rate - SECONDS


@pytest.fixture(autouse=True)
def _needs_ffmpeg(command: Callable[..., bytes]) -> None:
    command("ffmpeg", "-version")


def wrapped(obj: Any, **settings: Any) -> Any:
    return aigc_hooks.wrap(obj, producer="acme", **settings)


def of(cls: Any, module: str, monkeypatch: pytest.MonkeyPatch, name: str | None = None) -> Any:
    """A class as if a library that is not installed here had defined it."""
    made = ModuleType(module)
    cls.__module__, cls.__name__ = module, name or cls.__name__
    setattr(made, cls.__name__, cls)
    monkeypatch.setitem(sys.modules, module, made)
    return cls()


async def collected(stream: Any) -> list[Any]:
    return [item async for item in stream]


def joined(items: list[Any]) -> bytes:
    return b"".join(item["data"] for item in items if item["type"] == "audio")


# --- the stream -----------------------------------------------------------------------------------------------------


def through(data: bytes, **settings: Any) -> tuple[bytes, EncodedSound]:
    sound = EncodedSound(aigc_hooks.Provider(producer="acme", **settings), "test")
    return b"".join(map(sound.put, cut(data))) + sound.end(), sound


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_label_is_encoded_as_the_stream_is(rate: int, channels: int) -> None:
    made, sound = through(mp3(rate, channels, 0.5))
    assert {(frame.rate, frame.channels) for frame in frames(made)} == {(rate, channels)}
    assert len({frame.bitrate for frame in frames(made)}) == 1
    assert b"Info" not in made
    assert checked(made, rate) == pytest.approx(sound.delay, abs=3 * 1152 / rate)


@pytest.mark.parametrize(("position", "labels"), [("start", 1), ("end", 1), ("both", 2)])
def test_the_label_stands_where_it_is_asked_for(position: str, labels: int) -> None:
    made, sound = through(mp3(), audio={"position": position})
    checked(made, labels=labels)
    times = [found.start for found in find_rhythm(decoded(made), RATE)]
    assert (times[0] < 0.5) == (position != "end")
    assert (times[-1] > SECONDS) == (position != "start")
    assert (sound.delay > 0) == (position != "end")
    assert sound.label is not None


def test_a_tag_of_the_stream_stays_first() -> None:
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x14" + bytes(20)
    made, _ = through(tag + mp3())
    assert made[:3] == b"ID3"
    checked(made)


def test_without_sound_there_is_no_label() -> None:
    made, sound = through(b"")
    assert (made, sound.label) == (b"", None)


@pytest.mark.parametrize("junk", [b"OggS" + bytes(200_000), b"\xff\xf3\x64\xc4" * 3, b"RIFF"])
def test_what_is_no_mp3_is_not_released(junk: bytes) -> None:
    with pytest.raises(UnsupportedOutputError, match="no sound of a known form"):
        through(junk)


def test_random_bytes_are_no_mp3() -> None:
    with pytest.raises(UnsupportedOutputError, match="no sound of a known form"):
        through(numpy.random.default_rng(0).bytes(100_000))


def test_a_failure_may_be_forgiven() -> None:
    with pytest.warns(UserWarning, match="no sound of a known form"):
        made, sound = through(b"RIFF1234", on_error="warn")
    assert (made, sound.label) == (b"RIFF1234", None)


# --- edge-tts -------------------------------------------------------------------------------------------------------


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The real class, of which only what asks the network is put in."""
    edge_tts = pytest.importorskip("edge_tts")

    def make(data: bytes = mp3(), **settings: Any) -> Any:
        async def answer(self: Any) -> Any:
            for item in words(data):
                yield item

        monkeypatch.setattr(edge_tts.Communicate, "_Communicate__stream", answer)
        return wrapped(edge_tts.Communicate("hello"), **settings)

    return make


def test_edge_streams_its_label_first(edge: Callable[..., Any]) -> None:
    items = asyncio.run(collected(edge().stream()))
    assert items[0]["type"] == "audio"
    assert len(find_rhythm(decoded(items[0]["data"]), RATE)) == 1
    checked(joined(items))
    delay = items[1]["offset"] - 1_000_000
    before = next(n for n in range(9999) if n * 576 * TICKS // RATE >= delay)
    assert round(before * 576 * TICKS / RATE) == delay
    assert items[-1]["offset"] == 9_000_000 + delay
    content = sum(frame.samples for frame in frames(mp3())[1:])
    heard = len(decoded(joined(items)))
    assert abs(heard / RATE - delay / TICKS - content / RATE) <= 3 * 576 / RATE


def test_edge_streams_in_other_threads(edge: Callable[..., Any]) -> None:
    checked(joined(list(edge().stream_sync())))


def test_edge_does_not_wait_for_ever_for_what_failed(edge: Callable[..., Any]) -> None:
    with pytest.raises(UnsupportedOutputError, match="no sound of a known form"):
        list(edge(b"RIFF").stream_sync())


def test_edge_at_the_end_leaves_its_times(edge: Callable[..., Any]) -> None:
    items = asyncio.run(collected(edge(audio={"position": "end"}).stream()))
    assert [item["offset"] for item in items if item["type"] != "audio"] == [1_000_000, 9_000_000]
    checked(joined(items))


@pytest.mark.parametrize("sync", [False, True])
def test_edge_saves_both_labels(
    edge: Callable[..., Any], sync: bool, tmp_path: Path, command: Callable[..., bytes]
) -> None:
    path, times, tts = tmp_path / "one.mp3", tmp_path / "one.json", edge()
    if sync:
        tts.save_sync(str(path), str(times))
    else:
        asyncio.run(tts.save(str(path), str(times)))
    reading = aigc_hooks.read_label(path)
    assert reading.conforms
    assert reading.label is not None
    assert reading.label.content_producer == "acme"
    label = checked(path.read_bytes())
    told = command("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path)
    assert float(told) == pytest.approx(SECONDS + label, abs=0.1)
    assert [json.loads(line)["offset"] > TICKS for line in times.read_text().splitlines()] == [True, True]


@pytest.mark.parametrize("sync", [False, True])
def test_edge_leaves_no_file_that_could_not_be_labelled(edge: Callable[..., Any], sync: bool, tmp_path: Path) -> None:
    (tmp_path / "old.mp3").write_bytes(b"old")
    for name in ("new.mp3", "old.mp3"):
        tts, path = edge(b"RIFF"), str(tmp_path / name)
        with pytest.raises(UnsupportedOutputError, match="no sound of a known form"):
            tts.save_sync(path) if sync else asyncio.run(tts.save(path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"old.mp3": b"old"}


def test_edge_by_settings_laid_over_it(edge: Callable[..., Any]) -> None:
    with aigc_hooks.override(audio={"position": "end"}):
        items = list(edge().stream_sync())
    assert items[0]["type"] == "audio"
    assert find_rhythm(decoded(joined(items)), RATE)[0].start > SECONDS


def test_edge_by_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    class Communicate:
        async def stream(self) -> Any:
            for item in words(mp3()):
                yield item

        def stream_sync(self) -> Any:
            yield from asyncio.run(collected(self.stream()))

        async def save(self, audio_fname: Any, metadata_fname: Any = None) -> None: ...

        def save_sync(self, audio_fname: Any, metadata_fname: Any = None) -> None: ...

    tts = wrapped(of(Communicate, "edge_tts.communicate", monkeypatch))
    checked(joined(asyncio.run(collected(tts.stream()))))
    checked(joined(list(tts.stream_sync())))
    with pytest.raises(UnsupportedOutputError, match="no path"):
        asyncio.run(tts.save(io.BytesIO()))


# --- gTTS -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Any:
    class gTTS:  # noqa: N801
        asked = 0

        def stream(self) -> Any:
            for piece in cut(mp3()):
                type(self).asked += 1
                yield piece

        def write_to_fp(self, fp: Any) -> None:
            for piece in self.stream():
                fp.write(piece)

        def save(self, savefile: Any) -> None:
            with Path(str(savefile)).open("wb") as file:
                self.write_to_fp(file)

    return of(gTTS, "gtts.tts", monkeypatch)


def test_google_stays_lazy(google: Any) -> None:
    first = next(wrapped(google).stream())
    assert google.asked < 10
    assert len(find_rhythm(decoded(first), RATE)) == 1


def test_google_saves_both_labels(google: Any, tmp_path: Path) -> None:
    path = tmp_path / "one.mp3"
    wrapped(google).save(path)
    assert aigc_hooks.read_label(path).conforms
    checked(path.read_bytes())


def test_google_writes_both_labels(google: Any, tmp_path: Path) -> None:
    path = tmp_path / "one.mp3"
    with path.open("wb") as file:
        wrapped(google).write_to_fp(file)
    assert aigc_hooks.read_label(path).conforms
    checked(path.read_bytes())


def test_google_leaves_no_file_of_what_broke_off(google: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stream(self: Any) -> Any:
        yield mp3()
        raise OSError("the network")

    monkeypatch.setattr(type(google), "stream", stream)
    with pytest.raises(OSError, match="the network"):
        wrapped(google, audio={"position": "end"}).save(tmp_path / "one.mp3")
    assert list(tmp_path.iterdir()) == []


def test_google_may_be_forgiven(google: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(google), "stream", lambda self: (piece for piece in (b"RIFF", b"1234")))
    with pytest.warns(UserWarning, match="no sound of a known form"):
        wrapped(google, on_error="warn").save(tmp_path / "one.mp3")
    assert (tmp_path / "one.mp3").read_bytes() == b"RIFF1234"
