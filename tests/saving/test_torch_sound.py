"""torchcodec and torchaudio write the label of labelled sound.

torchcodec is the real one. torchaudio cannot be loaded beside the torch that is pinned, and so it stands in by the
shape of its calls: of its versions since 2.9, which hand over to torchcodec, and of older ones, which write themselves.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
import soundfile
import torch
from torchcodec.encoders import AudioEncoder

from aigc_hooks import Provider, UnsupportedCarrierError, find_rhythm, label, read_label
from aigc_hooks.saving import teaching, torch_sound

ACME = Provider(producer="acme")
RATE = 24_000
BARE = torch.from_numpy(numpy.random.default_rng(3).normal(0, 0.1, (1, RATE * 2)).astype(numpy.float32))


@pytest.fixture
def sound() -> Any:
    return label(BARE, rate=RATE, provider=ACME)


def rhythms(data: Any) -> int:
    samples, rate = soundfile.read(data)
    return len(find_rhythm(samples, rate))


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "ogg", "aiff"])
def test_the_encoder_writes_the_label_to_files(suffix: str, sound: Any, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    AudioEncoder(sound, sample_rate=RATE).to_file(path)
    assert [finding.label.content_producer for finding in read_label(path).findings if finding.label] == ["acme"]
    assert rhythms(path) == 1
    AudioEncoder(BARE, sample_rate=RATE).to_file(str(path))
    assert read_label(path).findings == ()


def test_and_to_what_ffmpeg_reads(sound: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    AudioEncoder(sound[0], sample_rate=RATE).to_file(path, bit_rate=64_000, sample_rate=44_100, num_channels=2)
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags", path]
    assert '"ContentProducer"' in subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert read_label(path).conforms


@pytest.mark.parametrize("form", ["wav", "mp3", "flac"])
def test_and_to_memory(form: str, sound: Any, tmp_path: Path) -> None:
    encoder = AudioEncoder(sound, sample_rate=RATE)
    data = encoder.to_tensor(form, bit_rate=64_000 if form == "mp3" else None)
    assert data.dtype == torch.uint8
    assert read_label(data.numpy().tobytes()).conforms
    file = io.BytesIO()
    encoder.to_file_like(file, form)
    assert read_label(file.getvalue()).conforms
    with (tmp_path / "a").open("wb") as written:  # cannot be read
        encoder.to_file_like(written, format=form)
    assert read_label(tmp_path / "a").conforms
    assert rhythms(tmp_path / "a") == 1
    assert read_label(AudioEncoder(BARE, sample_rate=RATE).to_tensor(form).numpy().tobytes()).findings == ()


def test_a_format_without_a_place_is_refused_and_nothing_stays(sound: Any, tmp_path: Path) -> None:
    encoder = AudioEncoder(sound, sample_rate=RATE)
    with pytest.raises(UnsupportedCarrierError, match=r"a AU file has no place"):
        encoder.to_file(tmp_path / "a.au")
    assert not list(tmp_path.iterdir())
    file = io.BytesIO()
    with pytest.raises(UnsupportedCarrierError, match=r"a AU file has no place"):
        encoder.to_file_like(file, "au")
    assert file.getvalue() == b""
    lenient = label(BARE * 0.5, rate=RATE, producer="acme", on_unsupported_carrier="warn")
    with pytest.warns(UserWarning, match="has no place"):
        AudioEncoder(lenient, sample_rate=RATE).to_file(tmp_path / "b.au")
    assert (tmp_path / "b.au").stat().st_size > lenient.numel()


def since_2_9(
    uri: Any,
    src: Any,
    sample_rate: int,
    channels_first: bool = True,
    format: str | None = None,
    encoding: str | None = None,
    bits_per_sample: int | None = None,
    buffer_size: int = 4096,
    backend: str | None = None,
    compression: float | None = None,
) -> None:
    data = (src[None] if src.ndim == 1 else src if channels_first else src.T).float()
    encoder = AudioEncoder(data, sample_rate=sample_rate)
    try:
        encoder.to_file(uri, bit_rate=None if compression is None else int(compression))
    except Exception as error:
        raise RuntimeError(f"Failed to save audio to {uri}: {error}") from error


def before(
    uri: Any,
    src: Any,
    sample_rate: int,
    channels_first: bool = True,
    format: str | None = None,
    encoding: str | None = None,
    bits_per_sample: int | None = None,
    buffer_size: int = 4096,
    backend: str | None = None,
    compression: Any = None,
) -> None:
    """As its backend of ffmpeg does."""
    data = (src[None] if src.ndim == 1 else src if channels_first else src.T).float()
    raw = data.T.contiguous().numpy().tobytes()
    form = format or Path(uri).suffix[1:]
    told = ["-f", "f32le", "-ar", str(sample_rate), "-ac", str(len(data)), "-i", "-", "-f", form]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        subprocess.run(["ffmpeg", "-v", "error", *told, made], input=raw, capture_output=True, check=True)
        if hasattr(uri, "write"):
            uri.write(made.read_bytes())
        else:
            Path(uri).write_bytes(made.read_bytes())


@pytest.fixture(params=[since_2_9, before])
def torchaudio(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    made: Any = ModuleType("torchaudio")
    made.save = request.param
    monkeypatch.setitem(sys.modules, "torchaudio", made)
    teaching.install(torch_sound.TEACHERS)
    return made


CALLS: dict[str, Callable[[Any, Any, Any], None]] = {
    "as documented": lambda save, path, x: save(path, x, RATE),
    "by name": lambda save, path, x: save(uri=str(path), src=x, sample_rate=RATE),
    "one axis": lambda save, path, x: save(path, x[0], RATE),
    "channels last": lambda save, path, x: save(path, torch.cat([x, x]).T, RATE, channels_first=False),
    "64 bits": lambda save, path, x: save(path, x.double(), RATE),
}


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
@pytest.mark.parametrize("call", CALLS)
def test_torchaudio_writes_the_label(call: str, suffix: str, torchaudio: Any, sound: Any, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    CALLS[call](torchaudio.save, path, sound)
    reading = read_label(path)
    assert reading.conforms
    assert len(reading.findings) == 1
    assert rhythms(path) == 1
    CALLS[call](torchaudio.save, path, BARE)
    assert read_label(path).findings == ()


def test_torchaudio_raises_what_is_wrong_with_the_label(torchaudio: Any, sound: Any, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCarrierError, match="has no place"):
        torchaudio.save(tmp_path / "a.au", sound, RATE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("torchaudio", [before], indirect=True)
def test_older_ones_write_to_file_objects(torchaudio: Any, sound: Any, tmp_path: Path) -> None:
    with (tmp_path / "a.mp3").open("wb") as file:
        torchaudio.save(file, sound, RATE, format="mp3")
    assert read_label(tmp_path / "a.mp3").conforms
    file = io.BytesIO()
    torchaudio.save(file, sound, RATE, format="wav")
    assert read_label(file.getvalue()).conforms
    assert rhythms(io.BytesIO(file.getvalue())) == 1
