"""Sound files that are labelled as files."""

from __future__ import annotations

import io
import subprocess
import wave
from pathlib import Path
from typing import Any

import mutagen
import mutagen.flac
import mutagen.mp3
import numpy
import pytest
import soundfile

import aigc_hooks
from aigc_hooks import CarrierError, ForeignLabelError, UnsupportedCarrierError, find_rhythm, label

RATE = 24_000
TONE: Any = (0.3 * numpy.sin(2 * numpy.pi * 220 * numpy.arange(2 * RATE) / RATE)).astype(numpy.float32)
STEREO: Any = numpy.stack([TONE, -TONE], axis=1)

CODED = {"m4a": ("-c:a", "aac", "-b:a", "96k"), "aac": ("-c:a", "aac", "-f", "adts")}
FORMS = {
    **dict.fromkeys(CODED),
    "wav": {},
    "flac": {},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {},
    "aiff": {},
}


def written(folder: Path, suffix: str, samples: Any = TONE, **form: Any) -> Path:
    path = folder / f"voice.{suffix}"
    if suffix in CODED:
        channels = samples.shape[1] if samples.ndim > 1 else 1
        source = ["-f", "f32le", "-ar", str(RATE), "-ac", str(channels), "-i", "-"]
        command = ["ffmpeg", "-v", "error", "-y", *source, *CODED[suffix], path]
        subprocess.run(command, input=samples.tobytes(), check=True, timeout=60)
        return path
    soundfile.write(path, samples, RATE, **{**FORMS[suffix], **form})
    return path


def heard(path: Path) -> Any:
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert not done.stderr, done.stderr
    return numpy.frombuffer(done.stdout, numpy.float32)


def rhythms(path: Path) -> int:
    return len(find_rhythm(heard(path), RATE))


def producer(path: Path) -> str | None:
    found = aigc_hooks.read_label(path)
    # No guide names a place in AIFF, and the reader says so.
    assert found.label is None or found.conforms or found.carrier in ("AIFF", "AAC") or path.suffix == ".aac"
    return found.label.content_producer if found.label else None


@pytest.mark.parametrize("samples", [TONE, STEREO], ids=["mono", "stereo"])
@pytest.mark.parametrize("suffix", FORMS)
def test_both_labels(suffix: str, samples: Any, tmp_path: Path) -> None:
    path = written(tmp_path, suffix, samples)
    before = path.read_bytes()
    made = label(path, output=tmp_path / f"labelled.{suffix}", producer="acme")
    assert path.read_bytes() == before
    assert (rhythms(made), producer(made)) == (1, "acme")
    assert told(made) == told(path)


def told(path: Path) -> list[str]:
    entries = "stream=codec_name,profile,sample_rate,channels,sample_fmt:format=format_name"
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv", path]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout.splitlines()


@pytest.mark.parametrize("position", ["start", "end", "both"])
@pytest.mark.parametrize("suffix", ["mp3", "opus", "aac", "m4a"])
def test_what_would_lose_by_it_is_not_encoded_anew(suffix: str, position: str, tmp_path: Path) -> None:
    path = written(tmp_path, suffix)
    made = label(path, output=tmp_path / f"labelled.{suffix}", producer="acme", audio={"position": position})
    bare, packets = packets_of(path), packets_of(made)
    # MP3's first packet tells the length.
    bare = bare[1:] if suffix == "mp3" else bare
    assert any(packets[at : at + len(bare)] == bare for at in range(len(packets)))
    times = [found.start for found in find_rhythm(heard(made), RATE)]
    assert len(times) == (2 if position == "both" else 1)
    assert (times[0] < 0.3) == (position != "end")
    assert (times[-1] > 2) == (position != "start")
    if suffix == "aac":  # tells no length
        return
    seconds = float(probe(made, "format=duration"))
    assert seconds == pytest.approx(len(heard(made)) / RATE, abs=0.1)


def packets_of(path: Path) -> list[str]:
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "framecrc", "-"]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
    return [line.split(",")[5].strip() for line in done.stdout.splitlines() if not line.startswith("#")]


def probe(path: Path, entry: str) -> str:
    command = ["ffprobe", "-v", "error", "-show_entries", entry, "-of", "csv=p=0", path]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout.strip()


def test_the_length_of_an_mp3_is_told_anew(tmp_path: Path) -> None:
    path = tmp_path / "voice.mp3"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=220:duration=30,volume=volume='t/30':eval=frame"]
    subprocess.run([*command, "-q:a", "5", path], check=True, timeout=60)
    with path.open("ab") as file:
        file.write(b"TAG" + b"Spring".ljust(125, b"\0"))
    before = mutagen.mp3.MP3(path)
    label(path, producer="acme")
    after = mutagen.mp3.MP3(path)
    assert after.info.length - before.info.length == pytest.approx(1.4, abs=0.1)
    assert (after.info.bitrate_mode, after.info.encoder_info) == (before.info.bitrate_mode, before.info.encoder_info)
    assert path.read_bytes()[-128:-119] == b"TAGSpring"
    # A player that jumps by the table arrives where it should.
    command = ["ffmpeg", "-v", "error", "-fflags", "-fastseek", "-ss", "20", "-i", path, "-f", "f32le", "-ac", "1", "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert len(done.stdout) / 4 / 44_100 == pytest.approx(11.4, abs=0.3)


def test_flac_that_was_streamed(tmp_path: Path) -> None:
    path = tmp_path / "voice.flac"
    command = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", "-", "-f", "flac", "-"]
    path.write_bytes(subprocess.run(command, input=TONE.tobytes(), capture_output=True, check=True).stdout)
    before = heard(path)
    label(path, producer="acme")
    assert (rhythms(path), producer(path)) == (1, "acme")
    assert numpy.array_equal(heard(path)[-len(before) :], before)


def test_beyond_4_gib_a_wav_is_named_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    soundfile.write(path, TONE, RATE, format="RF64")
    label(path, producer="acme")
    assert (rhythms(path), producer(path)) == (1, "acme")
    assert path.read_bytes()[:4] == b"RF64"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-c:a", "alac"), "holds alac, beside which no label can be put"),
        (("-c:a", "aac", "-ac", "6"), "one or two channels here, and the sound has 6"),
    ],
)
def test_m4a_beside_which_no_label_can_be_put(options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    path = tmp_path / "voice.m4a"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=220:duration=2", *options, path]
    subprocess.run(command, check=True, timeout=60)
    before = path.read_bytes()
    with pytest.raises(UnsupportedCarrierError, match=words):
        label(path, producer="acme")
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", FORMS)
def test_beside_silence_the_label_is_heard(suffix: str, tmp_path: Path) -> None:
    path = label(written(tmp_path, suffix, numpy.zeros(3 * RATE, numpy.float32)), producer="acme")
    assert (rhythms(path), producer(path)) == (1, "acme")


def test_an_aiff_that_was_streamed_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "voice.aiff"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=220:duration=2", "-f", "aiff", "-"]
    path.write_bytes(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    before = path.read_bytes()
    for work in (lambda: label(path, producer="acme"), lambda: aigc_hooks.read_label(path)):
        with pytest.raises(CarrierError, match=r"announces 0 bytes; write it to a file"):
            work()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("wav", "DOUBLE"), ("flac", "PCM_24")],
)
def test_the_samples_behind_the_label_stay(suffix: str, subtype: str, tmp_path: Path) -> None:
    path = written(tmp_path, suffix, STEREO, subtype=subtype)
    bare, _ = soundfile.read(path, dtype="float64")
    label(path, producer="acme")
    made, _ = soundfile.read(path, dtype="float64")
    assert numpy.array_equal(made[-len(bare) :], bare)


@pytest.mark.parametrize("suffix", FORMS)
def test_twice_changes_nothing(suffix: str, tmp_path: Path) -> None:
    path = label(written(tmp_path, suffix), producer="acme")
    once = aigc_hooks.read_label(path).label
    samples = heard(path)
    label(path, producer="acme")
    assert aigc_hooks.read_label(path).label == once
    assert numpy.array_equal(samples, heard(path))


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg", "opus", "m4a"])
def test_tags_are_kept(suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path, suffix)
    tags = mutagen.File(path, easy=True)
    if tags.tags is None:
        tags.add_tags()
    tags["title"] = "春江花月夜"
    tags.save()
    label(path, producer="acme")
    assert mutagen.File(path, easy=True)["title"] == ["春江花月夜"]
    assert producer(path) == "acme"


def test_a_cover_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path, "flac")
    picture = mutagen.flac.Picture()
    picture.data, picture.mime = b"\x89PNG", "image/png"
    file = mutagen.flac.FLAC(path)
    file.add_picture(picture)
    file.save()
    label(path, producer="acme")
    assert [each.data for each in mutagen.flac.FLAC(path).pictures] == [b"\x89PNG"]


def test_texts_in_a_wav_file_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        file.title = "Spring"
        file.write(TONE)
    label(path, producer="acme")
    with soundfile.SoundFile(path) as file:
        assert file.title == "Spring"


def test_chunks_that_would_be_lost(tmp_path: Path) -> None:
    path = written(tmp_path, "wav")
    cue = b"cue " + (28).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(24)
    data = path.read_bytes() + cue
    data = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    path.write_bytes(data)
    with pytest.raises(CarrierError, match="cue chunks, which would be lost"):
        label(path, producer="acme")
    assert path.read_bytes() == data


def test_a_label_without_sound_is_completed(tmp_path: Path) -> None:
    path = written(tmp_path, "mp3")
    own = aigc_hooks.Label(content_producer="acme", produce_id="7", content_propagator="acme", propagate_id="7")
    aigc_hooks.write_label(path, own)
    label(path, producer="acme")
    assert aigc_hooks.read_label(path).label == own
    assert rhythms(path) == 1


def test_sound_that_is_labelled_is_not_encoded_anew(tmp_path: Path) -> None:
    path = label(written(tmp_path, "ogg"), producer="acme")
    bare = tmp_path / "bare.ogg"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", path, "-map_metadata", "-1", "-map_metadata:s:a", "-1", "-c", "copy", bare],
        check=True,
    )
    assert producer(bare) is None
    before, _ = soundfile.read(bare)
    label(bare, producer="acme")
    after, _ = soundfile.read(bare)
    assert producer(bare) == "acme"
    assert numpy.array_equal(before, after)


def test_the_label_of_another_is_not_replaced(tmp_path: Path) -> None:
    path = label(written(tmp_path, "flac"), producer="other")
    before = path.read_bytes()
    with pytest.raises(ForeignLabelError, match="other"):
        label(path, producer="acme")
    assert path.read_bytes() == before


def test_another_ending(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCarrierError, match=r"keeps its format.*save\("):
        label(written(tmp_path, "wav"), output=tmp_path / "voice.mp3", producer="acme")
    assert not (tmp_path / "voice.mp3").exists()


def test_empty_and_broken_files(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    with wave.open(str(empty), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
    with pytest.raises(CarrierError, match="holds no sound"):
        label(empty, producer="acme")
    path = written(tmp_path, "flac")
    path.write_bytes(path.read_bytes()[:200])
    before = path.read_bytes()
    with pytest.raises(CarrierError, match=r"voice\.flac"):
        label(path, producer="acme")
    assert path.read_bytes() == before


def test_a_file_may_lie_about_its_length(tmp_path: Path) -> None:
    path = written(tmp_path, "flac")
    data = bytearray(path.read_bytes())
    data[22] |= 0x0F  # the highest bits of the number of samples in STREAMINFO
    data[23:26] = b"\xff\xff\xff"
    path.write_bytes(data)
    try:
        label(path, producer="acme")
    except CarrierError:
        assert path.read_bytes() == data
    else:
        assert rhythms(path) == 1


def test_a_file_in_memory_is_not_taken_for_a_path() -> None:
    with pytest.raises(aigc_hooks.UnsupportedOutputError):
        label(io.BytesIO(b"RIFF"), producer="acme")  # type: ignore[type-var]
