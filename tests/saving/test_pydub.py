"""pydub keeps the label of labelled sound in every format that ffmpeg writes for it."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from aigc_hooks import Provider, UnsupportedCarrierError, find_rhythm, label, read_label, sounds

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own
    import pydub

ACME = Provider(producer="acme")
RATE = 24_000


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    sounds._shelves.clear()


def speech(seed: int) -> Any:
    """Noise in syllables."""
    random = np.random.default_rng(seed)
    loud = 0.2 * np.repeat(random.uniform(0.05, 1, 20), RATE // 10)
    return (loud * random.standard_normal(len(loud))).astype(np.float32)


def segment(samples: Any, channels: int = 1) -> Any:
    data = (samples * 32767).astype(np.int16)
    if channels > 1:
        data = np.repeat(data[:, None], channels, axis=1)
    return pydub.AudioSegment(data.tobytes(), frame_rate=RATE, sample_width=2, channels=channels)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", ["mp3", "wav", "flac", "ogg", "opus", "adts", "ipod"])
def test_every_format_keeps_both_labels(form: str, channels: int, tmp_path: Path) -> None:
    made = label(speech(1), rate=RATE, provider=ACME)
    path = tmp_path / f"a.{ {'adts': 'aac', 'ipod': 'm4a'}.get(form, form) }"
    parameters = {"codec": "libopus"} if form == "opus" else {}
    file = segment(made, channels).export(path, form, **parameters)
    assert read_label(file.read()).label == read_label(path).label
    file.close()
    known = sounds.label_of(made, RATE)
    assert known is not None
    assert read_label(path).label == known[0]
    if form in ("mp3", "wav", "flac"):
        samples, rate = soundfile.read(path)
        assert len(find_rhythm(samples, rate)) == 1


def test_a_file_object_and_none(tmp_path: Path) -> None:
    made = segment(label(speech(2), rate=RATE, provider=ACME))
    memory = io.BytesIO(b"old " * 100_000)
    made.export(memory, format="mp3", bitrate="64k", tags={"title": "hello"})
    with made.export(format="mp3") as file:
        assert read_label(memory.getvalue()).label == read_label(file.read()).label
    assert read_label(memory.getvalue()).conforms
    assert b"hello" in memory.getvalue()


def test_pieces_of_sound_and_other_sound(tmp_path: Path) -> None:
    made = segment(label(speech(3), rate=RATE, provider=ACME))
    (made + segment(speech(4))).export(tmp_path / "joined.mp3").close()
    (made - 6).export(tmp_path / "fainter.mp3").close()
    segment(speech(3)).export(tmp_path / "bare.mp3").close()
    assert read_label(tmp_path / "joined.mp3").conforms
    assert read_label(tmp_path / "fainter.mp3").conforms
    assert read_label(tmp_path / "bare.mp3").findings == ()


@pytest.mark.parametrize("form", ["raw", "s16le", "ac3"])
def test_what_has_no_place_is_refused_and_the_old_file_stays(form: str, tmp_path: Path) -> None:
    made = segment(label(speech(5), rate=RATE, provider=ACME))
    path = tmp_path / f"a.{form}"
    path.write_bytes(b"old")
    with pytest.raises(UnsupportedCarrierError):
        made.export(path, format=form)
    assert path.read_bytes() == b"old"
