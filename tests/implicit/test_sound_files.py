"""Sound files: what is no label stays, other tools read it, odd and hostile files are a reading or one clear error."""

from __future__ import annotations

import io
import json
import struct
import time
import tracemalloc
import wave
import zlib
from collections.abc import Callable
from pathlib import Path

import mutagen.flac
import mutagen.id3
import mutagen.ogg
import numpy
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_hooks import CarrierError, Label, read_label, write_label
from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit import aiff, asf, bounds, flac, id3, mpeg, ogg, riff, xmp
from aigc_hooks.implicit.copying import copy

Command = Callable[..., bytes]

LABEL = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")
OTHER = Label(content_producer="acme", produce_id="2", content_propagator="acme", propagate_id="2")
TEXT = LABEL.to_json()
FRAME = b"\xff\xfb\x90\x64" + bytes(413)  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz

MADE: dict[str, tuple[Carrier, list[str]]] = {
    "a.wav": (riff.WAV, []),
    "r.wav": (riff.WAV, ["-rf64", "always"]),
    "a.mp3": (mpeg.MP3, ["-c:a", "libmp3lame"]),
    "a.flac": (flac.CARRIER, []),
    "a.ogg": (ogg.VORBIS, ["-c:a", "libvorbis"]),
    "a.opus": (ogg.OPUS, ["-c:a", "libopus"]),
    "flac.ogg": (ogg.OGG_FLAC, ["-c:a", "flac"]),
    "a.aiff": (aiff.CARRIER, ["-write_id3v2", "1"]),
    "a.wma": (asf.CARRIER, ["-c:a", "wmav2"]),
    "a.aac": (mpeg.AAC, ["-c:a", "aac", "-f", "adts"]),
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, command: Command) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    sound = [
        "-f",
        "lavfi",
        "-i",
        "anoisesrc=d=3:r=22050:a=0.2",
        "-metadata",
        "title=春",
        "-metadata",
        "AIGC_MODEL=tts-1",
    ]
    for name, (_, options) in MADE.items():
        command("ffmpeg", "-v", "error", *sound, *options, folder / name)
    return {name: (folder / name).read_bytes() for name in MADE}


def written(carrier: Carrier, data: bytes, text: str = TEXT) -> bytes:
    target = io.BytesIO()
    assert carrier.write is not None
    carrier.write(io.BytesIO(data), target, text)
    return target.getvalue()


def labels(carrier: Carrier, data: bytes) -> list[RawLabel]:
    assert carrier.sniff(data[:64])
    return list(carrier.read(io.BytesIO(data)))


# Every format


@pytest.mark.parametrize("name", MADE)
def test_m11_any_number_of_writes_leaves_one_and_the_rest_as_it_was(name: str, made: dict[str, bytes]) -> None:
    carrier, _ = MADE[name]
    once = written(carrier, made[name])
    again = written(mpeg.MP3 if carrier is mpeg.AAC else carrier, once, OTHER.to_json())
    assert again == once.replace(b'ID":"1"', b'ID":"2"') or name.endswith((".ogg", ".opus", ".wma"))
    assert [raw.text for raw in read_label_texts(again)] == [OTHER.to_json()]
    assert b"tts-1" in again.replace(b"\0", b"") or name.endswith((".wav", ".aac", ".aiff"))


def read_label_texts(data: bytes) -> list[RawLabel]:
    return [RawLabel(found.place, found.raw) for found in read_label(data).findings]


@pytest.mark.parametrize("name", MADE)
def test_m13_the_label_is_plain_text_in_the_file(name: str, made: dict[str, bytes]) -> None:
    data = written(MADE[name][0], made[name])
    assert (TEXT.encode("utf-16-le") if name == "a.wma" else TEXT.encode()) in data


@pytest.mark.parametrize("name", MADE)
def test_ones_own_fields_that_are_no_label_stay(
    name: str, made: dict[str, bytes], command: Command, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(written(MADE[name][0], made[name]))
    (tmp_path / f"before-{name}").write_bytes(made[name])

    def fields(file: Path) -> dict[str, str]:
        found = json.loads(command("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", file))
        return {**found["streams"][0].get("tags", {}), **found["format"].get("tags", {})}

    before, after = fields(tmp_path / f"before-{name}"), fields(path)
    assert after.pop("AIGC", TEXT) == TEXT
    assert after == before


@pytest.mark.parametrize("name", MADE)
def test_every_truncation_is_a_reading_or_one_clear_error(name: str, made: dict[str, bytes]) -> None:
    carrier, _ = MADE[name]
    data = written(carrier, made[name])
    for end in [*range(0, min(len(data), 700), 3), *range(700, len(data), 997)]:
        for work in (lambda part: list(carrier.read(io.BytesIO(part))), lambda part: written(carrier, part)):
            try:
                work(data[:end])
            except CarrierError:
                continue


@pytest.mark.parametrize("name", MADE)
def test_changed_bytes_are_a_reading_or_one_clear_error(name: str, made: dict[str, bytes]) -> None:
    carrier, _ = MADE[name]
    chance = numpy.random.default_rng(3)
    for data in (made[name], written(carrier, made[name])):
        for _ in range(60):
            broken = bytearray(data[: chance.integers(1, len(data))] if chance.random() < 0.3 else data)
            for _ in range(chance.integers(1, 10)):
                broken[chance.integers(0, min(len(broken), 600))] = chance.choice([0, 127, 128, 255])
            try:
                list(carrier.read(io.BytesIO(broken)))
                written(carrier, bytes(broken))
            except CarrierError:
                continue


@pytest.mark.parametrize("length", [0, 1, 250, 255, 4_000, 60_000, 70_000, 200_000])
def test_m17_any_length_returns_and_the_sound_is_whole(
    length: int, made: dict[str, bytes], command: Command, tmp_path: Path
) -> None:
    text = Label(content_producer="acme", produce_id="1", reserved_code1="x" * length).to_json()
    for name, (carrier, _) in MADE.items():
        if carrier is asf.CARRIER and length > 30_000:
            with pytest.raises(CarrierError, match="65534 bytes in UTF-16"):
                written(carrier, made[name], text)
            continue
        data = written(carrier, made[name], text)
        assert [raw.text for raw in read_label_texts(data)] == [text]
        if length in (250, 70_000):
            (tmp_path / name).write_bytes(data)
            (tmp_path / f"0{name}").write_bytes(made[name])
            # A page with a wrong checksum or number would be told here.
            digest = [
                command("ffmpeg", "-v", "error", "-xerror", "-i", tmp_path / file, "-c", "copy", "-f", "md5", "-")
                for file in (name, f"0{name}")
            ]
            assert digest[0] == digest[1]


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), max_size=300))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_m16_any_value_returns(made: dict[str, bytes], value: str) -> None:
    text = Label(content_producer="acme", produce_id="1", reserved_code1=f'&<"{value}').to_json()
    for name, (carrier, _) in MADE.items():
        assert [raw.text for raw in read_label_texts(written(carrier, made[name], text))] == [text]


def test_a_name_in_chinese_returns(made: dict[str, bytes]) -> None:
    text = Label.unchecked(content_producer="某公司", produce_id="1").to_json()
    for name, (carrier, _) in MADE.items():
        assert [raw.text for raw in read_label_texts(written(carrier, made[name], text))] == [text]


def test_m14_a_wrapped_label_is_read_with_its_defect(made: dict[str, bytes]) -> None:
    for name in ("a.wav", "a.mp3", "a.flac", "a.opus"):
        reading = read_label(written(MADE[name][0], made[name], LABEL.to_json(wrapped=True)))
        assert reading.label == LABEL
        assert "the guide asks for the bare object here" in reading.defects[0]


def test_no_other_format_is_taken_for_mp3_or_aac(made: dict[str, bytes]) -> None:
    heads = [b"\xff\xd8\xff\xe0\0\x10JFIF", "\ufeffhello world".encode("utf-16"), b"\xff" * 64, b"\xff\xfe\xff\xfe" * 9]
    heads += [b"ID3 is a format", b"ID3", bytes(64), b"%PDF-1.7", b"\x1aE\xdf\xa3", b"\xff\xfb", b""]
    heads += [data[:64] for name, data in made.items() if name not in ("a.mp3", "a.aac")]
    for head in heads:
        assert not mpeg.MP3.sniff(head)
        assert not mpeg.AAC.sniff(head)
    assert mpeg.MP3.sniff(FRAME[:64])
    assert not mpeg.AAC.sniff(FRAME[:64])
    assert not mpeg.MP3.sniff(made["a.aac"][:64])


def test_memory_does_not_grow_with_the_sound(tmp_path: Path) -> None:
    samples = bytes(40_000_000)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(samples)
    (tmp_path / "a.mp3").write_bytes(FRAME * 90_000)
    (tmp_path / "a.flac").write_bytes(b"fLaC\x80\0\0\x22" + bytes(34) + samples)
    del samples
    for name in ("a.wav", "a.mp3", "a.flac"):
        tracemalloc.start()
        write_label(tmp_path / name, LABEL)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4_000_000, (name, peak)
        assert read_label(tmp_path / name).label == LABEL


# ID3


def syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def tag(version: int, body: bytes, flags: int = 0, padding: int = 0) -> bytes:
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(len(body) + padding) + body + bytes(padding)


def frame(kind: bytes, data: bytes, version: int = 3, flags: bytes = b"\0\0") -> bytes:
    if version == 2:
        return kind + len(data).to_bytes(3, "big") + data
    return kind + (syncsafe(len(data)) if version == 4 else struct.pack(">I", len(data))) + flags + data


USERS = [
    (b"TIT2", b"\x01\xff\xfe" + "春".encode("utf-16-le")),
    (b"TPE1", b"\0A/B"),
    (b"TXXX", b"\0AIGC_MODEL\0tts-1"),
    (b"XABC", b"unknown"),
    (b"APIC", b"\0image/png\0\3\0" + b"\x89PNG" * 300),
    (b"TYER", b"\x002020"),
]


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("padding", [0, 40, 2_000])
def test_other_frames_of_a_tag_stay_byte_for_byte(version: int, padding: int) -> None:
    body = b"".join(frame(kind, data, version) for kind, data in USERS)
    data = tag(version, body, padding=padding) + FRAME * 3 + b"TAG".ljust(128, b"\0")
    for made in (written(mpeg.MP3, data), written(mpeg.MP3, written(mpeg.MP3, data, OTHER.to_json()))):
        assert [raw.text for raw in labels(mpeg.MP3, made)] == [TEXT]
        assert made.count(body) == 1
        assert made.endswith(data[-128 - 3 * len(FRAME) :])
        found = mutagen.id3.ID3(fileobj=io.BytesIO(made))
        assert found.version == (2, version, 0)
        assert found["TXXX:AIGC"].text == [TEXT]
        assert found["TXXX:AIGC_MODEL"].text == ["tts-1"]
        if padding == 2_000:  # there was room for it
            assert len(made) == len(data)


def test_f12_version_2_2_becomes_2_4() -> None:
    titles = frame(b"TT2", b"\0cat", 2) + frame(b"TYE", b"\x002020", 2) + frame(b"TXX", b"\0AIGC\0" + TEXT.encode(), 2)
    data = tag(2, titles) + FRAME * 3
    (found,) = labels(mpeg.MP3, data)
    assert found.text == TEXT
    made = written(mpeg.MP3, data, OTHER.to_json())
    assert [raw.text for raw in labels(mpeg.MP3, made)] == [OTHER.to_json()]
    assert made.endswith(FRAME * 3)
    read = mutagen.id3.ID3(fileobj=io.BytesIO(made))
    assert (read.version, str(read["TIT2"]), str(read["TDRC"])) == ((2, 4, 0), "cat", "2020")


def test_tags_in_rare_forms_are_read_and_written() -> None:
    plain = TEXT.encode()
    utf16 = b"\x01\xff\xfe" + "AIGC\0".encode("utf-16-le") + b"\xff\xfe" + TEXT.encode("utf-16-le")
    packed = zlib.compress(b"\0AIGC\0" + plain)
    extended = struct.pack(">IHI", 6, 0, 0)
    itunes = b"TIT2" + struct.pack(">I", 300) + b"\0\0" + b"\0".ljust(300, b"x")
    forms = [
        tag(3, frame(b"TXXX", utf16).replace(b"\xff", b"\xff\0"), 0x80),  # unsynchronised
        tag(3, extended + frame(b"TXXX", b"\0AIGC\0" + plain), 0x40),
        tag(4, syncsafe(6) + b"\1\0" + frame(b"TXXX", b"\3AIGC\0" + plain, 4), 0x40),
        tag(4, frame(b"TXXX", b"\3AIGC\0" + plain, 4), 0x10) + b"3DI" + bytes(7),  # with a footer
        tag(4, itunes + frame(b"TXXX", b"\3AIGC\0" + plain, 4)),  # a length not in seven bits
        tag(3, frame(b"TXXX", struct.pack(">I", 6 + len(plain)) + packed, 3, b"\0\x80")),
        tag(4, frame(b"TXXX", syncsafe(6 + len(plain)) + packed, 4, b"\0\x09")),
        tag(4, frame(b"TXXX", b"\2" + f"AIGC\0{TEXT}".encode("utf-16-be"), 4)),
    ]
    for form in forms:
        (found,) = labels(mpeg.MP3, form + FRAME)
        assert (found.text, found.defects) == (TEXT, ())
        made = written(mpeg.MP3, form + FRAME, OTHER.to_json())
        assert [raw.text for raw in labels(mpeg.MP3, made)] == [OTHER.to_json()]
        assert mutagen.id3.ID3(fileobj=io.BytesIO(made))["TXXX:AIGC"].text == [OTHER.to_json()]
        assert made.endswith(FRAME)


def test_m12_labels_elsewhere_in_a_tag_are_read_with_a_defect_and_replaced() -> None:
    comment = frame(b"COMM", b"\0eng\0" + TEXT.encode())
    packet = frame(b"PRIV", b"XMP\0" + xmp.packet(LABEL))
    lower = frame(b"TXXX", b"\0aigc\0" + TEXT.encode())
    second = tag(4, frame(b"TXXX", b"\3AIGC\0" + TEXT.encode(), 4))
    data = tag(3, comment + packet + lower + frame(b"TPE1", b"\0me")) + second + FRAME
    found = labels(mpeg.MP3, data)
    assert [raw.text for raw in found] == [TEXT] * 4
    told = "; ".join(defect for raw in found for defect in raw.defects)
    for part in ("not a comment", "not XMP", "described 'aigc'", "second ID3 tag"):
        assert part in told
    made = written(mpeg.MP3, data, OTHER.to_json())
    (only,) = labels(mpeg.MP3, made)
    assert (only.text, only.defects) == (OTHER.to_json(), ())
    assert frame(b"TPE1", b"\0me") in made


def test_flac_behind_an_id3_tag_has_its_label_in_its_own_comments(made: dict[str, bytes]) -> None:
    data = tag(3, frame(b"TPE1", b"\0me") + frame(b"TXXX", b"\0AIGC\0" + TEXT.encode())) + made["a.flac"]
    assert "not an ID3 tag before them" in labels(mpeg.MP3, data)[0].defects[0]
    result = written(mpeg.MP3, data)
    (only,) = labels(mpeg.MP3, result)
    assert (only.place, only.text, only.defects) == ("FLAC comment AIGC", TEXT, ())
    assert frame(b"TPE1", b"\0me") in result
    assert mutagen.flac.FLAC(fileobj=io.BytesIO(result))["AIGC"] == [TEXT]


def test_f20_aac_is_read_by_other_tools_and_says_that_no_guide_knows_it(made: dict[str, bytes]) -> None:
    result = written(mpeg.AAC, made["a.aac"])
    assert result.endswith(made["a.aac"])
    (only,) = labels(mpeg.MP3, result)
    assert only.defects == ()
    assert read_label(result).by_analogy


def test_r10_a_tag_of_very_many_frames_costs_little() -> None:
    body = b"".join(frame(b"TXXX", b"\0%c\0a" % (65 + number % 26), 4) for number in range(150_000))
    begin = time.perf_counter()
    assert labels(mpeg.MP3, tag(4, body) + FRAME) == []
    assert time.perf_counter() - begin < 5
    with pytest.raises(CarrierError, match="AIGC labels"):
        labels(mpeg.MP3, tag(4, frame(b"TXXX", b"\3AIGC\0{}", 4) * 200) + FRAME)
    bomb = zlib.compress(bytes(1 << 26))
    assert labels(mpeg.MP3, tag(4, frame(b"TXXX", bytes(4) + bomb, 4, b"\0\x09")) + FRAME) == []


# FLAC and Ogg


def test_f13_blocks_of_flac_stay_and_padding_makes_room() -> None:
    block = b"\2\0\0\x0e" + b"test" + bytes(10)  # of an application
    info = b"\0\0\0\x22" + bytes(34)
    sound = b"\xff\xf8" + bytes(100)
    for padding, same in ((b"\x81\0\x10\0" + bytes(4096), True), (b"\x81\0\0\4" + bytes(4), False)):
        data = b"fLaC" + info + block + padding + sound
        result = written(flac.CARRIER, data)
        assert [raw.text for raw in labels(flac.CARRIER, result)] == [TEXT]
        assert block in result
        assert result.endswith(sound)
        assert (len(result) == len(data)) is same
        assert written(flac.CARRIER, result) == result
    alone = written(flac.CARRIER, b"fLaC\x80" + info[1:] + sound)  # the first block was the last
    assert alone.startswith(b"fLaC" + info + b"\x84")
    assert alone.endswith(sound)


def test_comments_that_are_no_utf_8_stay_byte_for_byte() -> None:
    items = [b"TITLE=\xff\xfe", b"no equals sign", b"AIGC=old", b"aigc=older", b"=", b"AIGCMODEL=tts-1"]
    packed = b"".join(len(item).to_bytes(4, "little") + item for item in items)
    block = struct.pack("<I", 3) + b"abc" + struct.pack("<I", len(items)) + packed
    head = b"\x84" + len(block).to_bytes(3, "big")
    data = b"fLaC\0\0\0\x22" + bytes(34) + head + block + b"sound"
    assert [raw.text for raw in labels(flac.CARRIER, data)] == ["old", "older"]
    result = written(flac.CARRIER, data)
    for item in (items[0], items[1], items[4], items[5]):
        assert len(item).to_bytes(4, "little") + item in result
    assert [raw.text for raw in labels(flac.CARRIER, result)] == [TEXT]


def pages(data: bytes) -> list[mutagen.ogg.OggPage]:
    found, file = [], io.BytesIO(data)
    while file.tell() < len(data):
        page = mutagen.ogg.OggPage(file)
        assert page.write() == data[page.offset : page.offset + page.size]  # its checksum, among all else
        found.append(page)
    return found


@pytest.mark.parametrize("name", ["a.ogg", "a.opus", "flac.ogg"])
@pytest.mark.parametrize("length", [0, 3_000, 66_000, 200_000])
def test_f14_pages_are_whole_and_numbered_without_a_gap(name: str, length: int, made: dict[str, bytes]) -> None:
    text = Label(content_producer="acme", produce_id="1", reserved_code1="x" * length).to_json()
    long = written(MADE[name][0], made[name], text)
    for data in (long, written(MADE[name][0], long)):  # and back to fewer pages
        found, before = pages(data), pages(made[name])
        assert [page.sequence for page in found] == list(range(len(found)))
        assert (found[0].first, found[-1].last) == (True, True)
        sound = mutagen.ogg.OggPage.to_packets
        one, other = sound(found), sound(before)
        # Of Vorbis, Opus and FLAC alike, only the second packet is another.
        assert (one[0], one[2:]) == (other[0], other[2:])
        assert [page.position for page in found[-3:]] == [page.position for page in before[-3:]]
    assert len(pages(data)) <= len(pages(long))


def test_of_chained_streams_the_first_is_labelled_and_the_others_stay(made: dict[str, bytes]) -> None:
    chained = made["a.opus"] + made["a.ogg"]
    result = written(ogg.OPUS, chained, json.dumps({"Label": "1", "ReservedCode1": "x" * 70_000}))
    assert result.endswith(made["a.ogg"])
    assert len(labels(ogg.OPUS, result)) == 1


# WAV


def riffed(*parts: tuple[bytes, bytes], form: bytes = b"RIFF", size: int | None = None, behind: bytes = b"") -> bytes:
    body = b"".join(struct.pack("<4sI", kind, len(data)) + data + b"\0" * (len(data) % 2) for kind, data in parts)
    return form + struct.pack("<I", len(body) + 4 if size is None else size) + b"WAVE" + body + behind


FMT = (b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8))
DATA = (b"data", b"\x80\x81\x82" * 5)


def test_f11_the_chunk_is_bare_and_behind_the_sound_and_the_sizes_are_right(tmp_path: Path) -> None:
    data = riffed(FMT, (b"bext", b"odd"), DATA, (b"LIST", b"adtlabc"))
    result = written(riff.WAV, data)
    assert result.startswith(data[:4])
    assert result[8:].startswith(data[8:])
    assert struct.unpack("<I", result[4:8])[0] == len(result) - 8
    assert result[len(data) :].startswith(b"AIGC" + struct.pack("<I", len(TEXT)) + TEXT.encode())
    (tmp_path / "a.wav").write_bytes(result)
    assert soundfile.info(tmp_path / "a.wav").frames == 15


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
def test_files_of_libsndfile(subtype: str, form: str, tmp_path: Path) -> None:
    samples = numpy.random.default_rng(0).uniform(-0.5, 0.5, (333, 1)).astype("float32")
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, 8000, subtype=subtype, format=form)
    before, _ = soundfile.read(path)
    write_label(path, LABEL)
    assert read_label(path).conforms
    after, rate = soundfile.read(path)
    assert rate == 8000
    assert numpy.array_equal(before, after)


def test_rf64_keeps_its_wide_sizes(made: dict[str, bytes]) -> None:
    result = written(riff.WAV, made["r.wav"])
    assert result[:8] == made["r.wav"][:8] == b"RF64\xff\xff\xff\xff"
    whole, sound = struct.unpack_from("<QQ", result, 20)
    assert whole == len(result) - 8
    assert sound == struct.unpack_from("<Q", made["r.wav"], 28)[0]


def test_rf64_that_was_cut_off_is_refused(made: dict[str, bytes]) -> None:
    for data in (made["r.wav"], written(riff.WAV, made["r.wav"])):
        begin = data.index(b"data") + 8
        for end in (begin, begin + 1, begin + 300, len(made["r.wav"]) - 1):
            with pytest.raises(CarrierError, match="ends after the file"):
                written(riff.WAV, data[:end])


def test_what_a_streaming_program_left_open_is_mended(tmp_path: Path, command: Command) -> None:
    bare = riffed(FMT, (b"data", DATA[1][:14]))
    for size, told in ((0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFFF, 0xFFFFFFFF), (36, 0)):
        data = bytearray(bare)
        data[4:8], data[40:44] = struct.pack("<I", size), struct.pack("<I", told)
        assert labels(riff.WAV, bytes(data)) == []
        (tmp_path / "a.wav").write_bytes(written(riff.WAV, bytes(data)))
        with wave.open(str(tmp_path / "a.wav")) as file:
            assert file.readframes(100) == DATA[1][:14]
    piped = command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=0.2", "-f", "wav", "-")
    assert piped[4:8] == b"\xff\xff\xff\xff"
    (tmp_path / "a.wav").write_bytes(written(riff.WAV, piped))
    assert soundfile.info(tmp_path / "a.wav").frames == 8820


def test_a_missing_pad_byte_is_mended_and_junk_behind_the_file_stays() -> None:
    loose = riffed(FMT, DATA)
    whole = loose[:-1] + struct.pack("<4sI", b"note", 2) + b"ab"  # DATA is odd
    whole = whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]
    result = written(riff.WAV, whole)
    assert b"\x82\0note" in result
    for junk in (b"TAG", b"\0" * 5, b"\xff" * 300, b"note\xff\xff\xff\x7f some text"):
        made = written(riff.WAV, loose + junk)
        assert made.endswith(junk)
        assert struct.unpack("<I", made[4:8])[0] == len(made) - 8 - len(junk)
        assert [raw.text for raw in labels(riff.WAV, made)] == [TEXT]


def test_labels_in_other_places_of_a_wav_are_read_with_a_defect_and_replaced() -> None:
    text = TEXT.encode()
    info = b"INFO" + b"".join(
        struct.pack("<4sI", kind, len(item)) + item + b"\0" * (len(item) % 2)
        for kind, item in ((b"INAM", b"cat\0"), (b"AIGC", text + b"\0"), (b"ICMT", text))
    )
    titles = tag(4, frame(b"TPE1", b"\3me", 4) + frame(b"TXXX", b"\3AIGC\0" + text, 4))
    inside = [FMT, (b"LIST", info), DATA, (b"id3 ", titles), (b"_PMX", xmp.packet(LABEL))]
    late = struct.pack("<4sI", b"AIGC", len(text)) + text + b"\0" * (len(text) % 2)
    data = riffed(*inside, behind=late)
    found = labels(riff.WAV, data)
    assert [raw.text for raw in found] == [TEXT] * 5
    assert all(raw.defects for raw in found)
    result = written(riff.WAV, data, OTHER.to_json())
    (only,) = labels(riff.WAV, result)
    assert (only.text, only.defects) == (OTHER.to_json(), ())
    assert b"INAM" in result
    assert frame(b"TPE1", b"\3me", 4) in result


def test_a_wav_is_not_made_longer_than_it_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(riff, "_UNKNOWN", 150)
    with pytest.raises(CarrierError, match="cannot grow beyond 4 GiB; save it as RF64 first"):
        written(riff.WAV, riffed(FMT, DATA))


# AIFF and WMA


def test_aiff_without_a_tag_gets_one_and_the_sound_stays(tmp_path: Path) -> None:
    samples = numpy.random.default_rng(0).uniform(-0.5, 0.5, 333).astype("float32")
    path = tmp_path / "a.aiff"
    soundfile.write(path, samples, 8000, subtype="PCM_S8")  # an odd chunk
    before, _ = soundfile.read(path)
    write_label(path, LABEL)
    write_label(path, OTHER)
    assert numpy.array_equal(before, soundfile.read(path)[0])
    assert mutagen.File(path).tags["TXXX:AIGC"].text == [OTHER.to_json()]
    assert struct.unpack(">I", path.read_bytes()[4:8])[0] == path.stat().st_size - 8


def test_mutagen_is_needed_for_wma_and_id3_2_2_only(monkeypatch: pytest.MonkeyPatch, made: dict[str, bytes]) -> None:
    for name in ("asf", "id3"):
        monkeypatch.setitem(__import__("sys").modules, f"mutagen.{name}", None)
    for name, (carrier, _) in MADE.items():
        if carrier is not asf.CARRIER:
            written(carrier, made[name])
    for carrier, data in ((asf.CARRIER, made["a.wma"]), (mpeg.MP3, tag(2, frame(b"TT2", b"\0cat", 2)) + FRAME)):
        with pytest.raises(CarrierError, match=r"pip install 'aigc-hooks\[audio\]'"):
            written(carrier, data)


def test_a_full_disk_is_not_called_a_damaged_file(made: dict[str, bytes]) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            if self.tell() > 20_000 or len(memoryview(data)) > 20_000:  # type: ignore[arg-type]
                raise OSError(28, "No space left on device")
            return super().write(data)  # type: ignore[arg-type]

    for name in ("a.wav", "a.flac", "a.wma"):
        carrier = MADE[name][0]
        assert carrier.write is not None
        with pytest.raises(OSError, match="No space"):
            carrier.write(io.BytesIO(made[name]), Full(), TEXT)


# Copying


@pytest.mark.parametrize("shift", [0, 1, 4096])
@pytest.mark.parametrize("count", [None, 0, 5, 3 << 20, 9 << 20])
def test_copying_is_exact_whatever_the_way(shift: int, count: int | None, tmp_path: Path) -> None:
    data = numpy.random.default_rng(0).bytes(5_000_000)
    (tmp_path / "a").write_bytes(data)
    for start in (0, 44, 4096, 5_000_001):
        with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("w+b") as target:
            head = bytes((start + shift) % 9_000)
            target.write(head)
            copy(source, target, start, count)
            target.write(b"end")
        expected = data[start:] if count is None else data[start : start + count]
        assert (tmp_path / "b").read_bytes() == head + expected + b"end"


def test_bounds_hold_for_sound_too() -> None:
    assert id3.tag_at(bounds.Source(io.BytesIO(b""), "MP3")) is None
    with pytest.raises(CarrierError, match="ends after the file"):
        labels(mpeg.MP3, b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(100))
    block = struct.pack("<III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    with pytest.raises(CarrierError, match="comment of 4294967295 bytes ends after"):
        labels(flac.CARRIER, b"fLaC\x84" + len(block).to_bytes(3, "big") + block)


def test_wma_tells_its_new_size(made: dict[str, bytes]) -> None:
    kind = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
    for text in (TEXT, TEXT.replace('"ReservedCode1":""', f'"ReservedCode1":"{"x" * 6000}"')):
        result = written(asf.CARRIER, made["a.wma"], text)
        (size,) = struct.unpack_from("<Q", result, result.index(kind) + 40)
        assert size == len(result)
    lying = bytearray(made["a.wma"])
    lying[lying.index(kind) + 40] ^= 1
    result = written(asf.CARRIER, bytes(lying))
    assert result[result.index(kind) + 40 :][:8] == lying[lying.index(kind) + 40 :][:8]
