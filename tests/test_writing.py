"""``write_label``: sound files by other tools, labelled losslessly and read by tools that others wrote."""

from __future__ import annotations

import io
import json
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import mutagen
import mutagen.id3
import numpy
import pytest
import soundfile
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aigc_hooks
from aigc_hooks import (
    CarrierError,
    ForeignLabelError,
    Label,
    LabelError,
    UnsupportedCarrierError,
    read_label,
    write_label,
)
from aigc_hooks.implicit import riff

LABEL = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")
OTHER = Label(content_producer="acme", produce_id="2", content_propagator="acme", propagate_id="2")
FOREIGN = Label(content_producer="other", produce_id="1", content_propagator="other", propagate_id="1")

FORMATS: dict[str, list[str]] = {
    "wav": [],
    "wav24.wav": ["-c:a", "pcm_s24le"],
    "mulaw.wav": ["-c:a", "pcm_mulaw"],
    "rf64.wav": ["-rf64", "always"],
    "mp3": ["-c:a", "libmp3lame"],
    "v23.mp3": ["-c:a", "libmp3lame", "-id3v2_version", "3", "-write_id3v1", "1"],
    "none.mp3": ["-c:a", "libmp3lame", "-id3v2_version", "0", "-write_xing", "0"],
    "flac": [],
    "ogg": ["-c:a", "libvorbis"],
    "opus": ["-c:a", "libopus"],
    "aiff": [],
    "wma": ["-c:a", "wmav2"],
    "aac": ["-c:a", "aac", "-f", "adts"],
}
# No guide is known to have a place in these: they are read, and say so.
OURS = {"aac", "aiff", "wma"}


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory, command: Callable[..., bytes]) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    samples = (
        numpy.random.default_rng(0).normal(0, 0.1, 22_051).astype(numpy.float32)
    )  # an odd number of bytes in 8 bits
    soundfile.write(folder / "bare.wav", samples, 22_050)
    for name, codec in FORMATS.items():
        titles = ["-metadata", "title=春", "-metadata", "artist=acme"]
        path = folder / (name if "." in name else f"a.{name}")
        command("ffmpeg", "-v", "error", "-y", "-i", folder / "bare.wav", *titles, *codec, path)
    return folder


@pytest.fixture(params=FORMATS)
def sound(request: pytest.FixtureRequest, sounds: Path, tmp_path: Path) -> Path:
    name = request.param if "." in request.param else f"a.{request.param}"
    path = tmp_path / name
    path.write_bytes((sounds / name).read_bytes())
    return path


@pytest.fixture
def frames(command: Callable[..., bytes]) -> Callable[[Path], bytes]:
    """A digest of the encoded sound of a file, without what stands around it."""
    return lambda path: command("ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "md5", "-")


def titles(path: Path, command: Callable[..., bytes]) -> dict[str, str]:
    """What ffprobe reads of a file's titles and comments."""
    found = json.loads(command("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", path))
    return {**found["streams"][0].get("tags", {}), **found["format"].get("tags", {})}


def test_the_label_is_written_and_the_sound_stays(
    sound: Path, frames: Callable[[Path], bytes], command: Callable[..., bytes]
) -> None:
    before, was = frames(sound), titles(sound, command)
    assert write_label(sound, LABEL) == sound
    reading = read_label(sound)
    assert [finding.label for finding in reading.findings] == [LABEL]
    assert reading.conforms or sound.suffix[1:] in OURS
    assert frames(sound) == before
    found = {key.upper(): value for key, value in titles(sound, command).items()}
    if sound.suffix != ".wav":
        assert found["AIGC"] == LABEL.to_json()
    assert {key.upper(): value for key, value in was.items()}.items() <= found.items()


def test_exiftool_reads_it(sound: Path, command: Callable[..., bytes]) -> None:
    write_label(sound, LABEL)
    lines = command("exiftool", "-a", "-u", "-G1", "-s", "-b" if sound.suffix == ".wav" else "-n", sound)
    if sound.suffix != ".wma":  # which it does not show
        assert b'"ContentProducer":"acme"' in lines


def test_m11_writing_twice_leaves_one(sound: Path) -> None:
    write_label(sound, LABEL)
    write_label(sound, OTHER)
    assert [finding.label for finding in read_label(sound).findings] == [OTHER]
    assert sound.read_bytes().count(b'"ProduceID":"1"') == 0


def test_m18_anothers_label_stays(sound: Path) -> None:
    write_label(sound, FOREIGN)
    before = sound.read_bytes()
    with pytest.raises(ForeignLabelError, match=r"already holds the label of 'other'.*'acme' may not replace"):
        write_label(sound, LABEL)
    assert sound.read_bytes() == before


def test_to_another_file_and_whatever_it_is_named(sounds: Path, tmp_path: Path) -> None:
    before = (sounds / "a.flac").read_bytes()
    made = write_label(sounds / "a.flac", LABEL, output=tmp_path / "b.mp3")
    assert made == tmp_path / "b.mp3"
    assert read_label(made).carrier == "FLAC"
    assert (sounds / "a.flac").read_bytes() == before


def test_mutagen_reads_it_and_the_version_of_the_titles_stays(sounds: Path, tmp_path: Path) -> None:
    for name, version in (("v23.mp3", (2, 3, 0)), ("a.mp3", (2, 4, 0)), ("none.mp3", (2, 4, 0))):
        path = write_label(sounds / name, LABEL, output=tmp_path / name)
        found = mutagen.id3.ID3(path)
        assert found.version == version
        assert found["TXXX:AIGC"].text == [LABEL.to_json()]
    for name in ("a.flac", "a.ogg", "a.opus"):
        path = write_label(sounds / name, LABEL, output=tmp_path / name)
        assert mutagen.File(path)["AIGC"] == [LABEL.to_json()]
        assert mutagen.File(path)["title"] == ["春"]


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), max_size=200))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_m16_any_value_returns(sounds: Path, tmp_path: Path, value: str) -> None:
    made = Label(content_producer="acme", produce_id="1", reserved_code1=value)
    for name in ("a.wav", "a.mp3", "a.flac", "a.opus"):
        assert read_label(write_label(sounds / name, made, output=tmp_path / name)).label == made


def test_m17_long_values_return(sound: Path) -> None:
    made = Label(content_producer="acme", produce_id="1", reserved_code1="x" * 60_000)
    if sound.suffix == ".wma":  # 65,534 bytes are the most that its attribute holds
        made = Label(content_producer="acme", produce_id="1", reserved_code1="x" * 20_000)
    assert read_label(write_label(sound, made)).label == made


# WAV, byte by byte


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, offset = [], 12
    while offset + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, offset)
        found.append((kind, data[offset + 8 : offset + 8 + length]))
        offset += 8 + length + length % 2
    assert offset == len(data)
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    return found


def pcm(data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    parts = [(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)), *more, (b"data", data)]
    body = b"".join(struct.pack("<4sI", k, len(v)) + v + b"\0" * (len(v) % 2) for k, v in parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


@pytest.mark.parametrize("samples", [b"", b"\x80", b"\x80" * 2, b"\x80" * 9_999])
def test_f11_a_chunk_of_its_own_evenly_padded(samples: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(pcm(samples, (b"bext", b"abc"), (b"junk", b"")))
    before = chunks(path.read_bytes())
    write_label(path, LABEL)
    after = chunks(path.read_bytes())
    assert after[:-1] == before
    assert after[-1] == (b"AIGC", LABEL.to_json().encode())


def test_a_label_in_an_info_list_is_read_with_its_defect_and_replaced(tmp_path: Path) -> None:
    text = LABEL.to_json().encode() + b"\0"
    item = struct.pack("<4sI", b"AIGC", len(text)) + text + b"\0" * (len(text) % 2)
    name = struct.pack("<4sI", b"INAM", 4) + b"cat\0"
    path = tmp_path / "a.wav"
    path.write_bytes(pcm(b"\x80" * 10, (b"LIST", b"INFO" + name + item)))
    reading = read_label(path)
    assert reading.label == LABEL
    assert reading.defects == ("WAV LIST INFO AIGC: the guide has an AIGC chunk here, not LIST/INFO",)
    write_label(path, OTHER)
    assert dict(chunks(path.read_bytes()))[b"LIST"] == b"INFO" + name
    assert read_label(path).conforms


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_a_streamed_wav_of_unknown_length_is_mended(length: int, tmp_path: Path) -> None:
    data = bytearray(pcm(b"\x80\x81" * 500))
    data[40:44] = struct.pack("<I", length)
    data[4:8] = struct.pack("<I", length)
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    assert read_label(path).findings == ()
    write_label(path, LABEL)
    with wave.open(str(path)) as file:
        assert file.readframes(10_000) == b"\x80\x81" * 500
    assert read_label(path).conforms


@pytest.mark.parametrize("cut", [11, 13, 30, 44, 100, 500])
def test_damaged_files_are_refused_and_stay(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(pcm(b"\x80" * 600)[:cut])
    before = path.read_bytes()
    with pytest.raises(CarrierError):
        write_label(path, LABEL)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg", "a.opus", "a.aiff", "a.wma", "a.wav"])
def test_hostile_bytes_are_a_clear_error_or_a_reading(name: str, sounds: Path) -> None:
    data = (sounds / name).read_bytes()
    chance = numpy.random.default_rng(1)
    for _ in range(150):
        broken = bytearray(data[: chance.integers(1, len(data))])
        for _ in range(chance.integers(0, 20)):
            broken[chance.integers(0, min(len(broken), 400))] = chance.integers(0, 256)
        try:
            read_label(bytes(broken))
        except CarrierError:
            continue


def test_lying_lengths_take_no_memory() -> None:
    tag = b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + b"\0" * 100
    with pytest.raises(CarrierError, match="ID3 tag"):
        read_label(tag)
    lie = bytearray(pcm(b"\x80" * 10, (b"AIGC", b"x" * 10)))
    lie[lie.index(b"AIGC") + 4 :][:4] = b""
    lie[lie.index(b"AIGC") + 4 : lie.index(b"AIGC") + 8] = struct.pack("<I", 0x7FFFFFFF)
    with pytest.raises(CarrierError, match="ends after the file"):
        read_label(bytes(lie))


# The function itself


@pytest.mark.parametrize("text", ["# 标题\r\n正文\r\n", "---\ntitle: a  # kept\n---\ntext\n"])
def test_markdown_gets_its_front_matter_and_keeps_its_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(text.encode())
    write_label(path, LABEL)
    once = path.read_bytes()
    assert yaml.safe_load(once.decode().split("---")[1])["AIGC"] == LABEL.to_dict()
    assert once.decode().endswith(text.removeprefix("---\ntitle: a  # kept\n"))
    assert [finding.label for finding in read_label(path).findings] == [LABEL]
    write_label(path, LABEL, output=tmp_path / "b.md")
    assert (tmp_path / "b.md").read_bytes() == path.read_bytes() == once
    with pytest.raises(ForeignLabelError):
        write_label(path, FOREIGN)
    assert path.read_bytes() == once


def test_what_is_not_written_this_way_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("---\ntitle: a\n---\ntext\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("text\n", encoding="utf-8")
    (tmp_path / "a.bin").write_bytes(b"\0" * 100)
    for name in ("a.txt", "b.txt"):
        with pytest.raises(UnsupportedCarrierError, match=r"TXT has no place for the implicit label.*'[ab]\.md'"):
            write_label(tmp_path / name, LABEL)
    with pytest.raises(UnsupportedCarrierError, match="its format is not known; labels are written into"):
        write_label(tmp_path / "a.bin", LABEL)
    with pytest.raises(FileNotFoundError):
        write_label(tmp_path / "missing.wav", LABEL)


def test_f26_a_writer_that_loses_the_label_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(pcm(b"\x80" * 10))
    before = path.read_bytes()
    monkeypatch.setattr(riff, "label_chunk", lambda text: b"")
    with pytest.raises(LabelError, match="once, found 0"):
        write_label(path, LABEL)
    assert path.read_bytes() == before


def test_without_mutagen_the_message_is_the_pip_line(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mutagen.asf", None)
    with pytest.raises(UnsupportedCarrierError, match=r"pip install 'aigc-hooks\[audio\]'"):
        read_label(sounds / "a.wma")
    assert read_label(sounds / "a.mp3").findings == ()


def test_a_file_object_and_bytes_are_read(sounds: Path, tmp_path: Path) -> None:
    path = write_label(sounds / "a.opus", LABEL, output=tmp_path / "a.opus")
    assert read_label(path.read_bytes()).label == LABEL
    assert read_label(io.BytesIO(path.read_bytes())).label == LABEL


def test_it_is_public() -> None:
    assert aigc_hooks.write_label is write_label
