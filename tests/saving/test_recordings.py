"""Sound files that are labelled as files."""

from __future__ import annotations

import io
import subprocess
import wave
from pathlib import Path
from typing import Any

import mutagen
import mutagen.flac
import numpy
import pytest
import soundfile

import aigc_hooks
from aigc_hooks import CarrierError, ForeignLabelError, UnsupportedCarrierError, find_rhythm, label

RATE = 24_000
TONE: Any = (0.3 * numpy.sin(2 * numpy.pi * 220 * numpy.arange(2 * RATE) / RATE)).astype(numpy.float32)
STEREO: Any = numpy.stack([TONE, -TONE], axis=1)

FORMS = {
    "wav": {},
    "flac": {},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {},
    "aiff": {},
}


def written(folder: Path, suffix: str, samples: Any = TONE, **form: Any) -> Path:
    path = folder / f"voice.{suffix}"
    soundfile.write(path, samples, RATE, **{**FORMS[suffix], **form})
    return path


def rhythms(path: Path) -> int:
    samples, rate = soundfile.read(path)
    return len(find_rhythm(samples, rate))


def producer(path: Path) -> str | None:
    found = aigc_hooks.read_label(path)
    # No guide names a place in AIFF, and the reader says so.
    assert found.label is None or found.conforms or found.carrier == "AIFF"
    return found.label.content_producer if found.label else None


@pytest.mark.parametrize("samples", [TONE, STEREO], ids=["mono", "stereo"])
@pytest.mark.parametrize("suffix", FORMS)
def test_both_labels(suffix: str, samples: Any, tmp_path: Path) -> None:
    path = written(tmp_path, suffix, samples)
    before = path.read_bytes()
    made = label(path, output=tmp_path / f"labelled.{suffix}", producer="acme")
    assert path.read_bytes() == before
    assert (rhythms(made), producer(made)) == (1, "acme")
    info, old = soundfile.info(made), soundfile.info(path)
    assert (info.format, info.subtype, info.samplerate, info.channels) == (
        old.format,
        old.subtype,
        old.samplerate,
        old.channels,
    )


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
    samples, _ = soundfile.read(path)
    label(path, producer="acme")
    again, _ = soundfile.read(path)
    assert aigc_hooks.read_label(path).label == once
    assert numpy.array_equal(samples, again)


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg", "opus"])
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
