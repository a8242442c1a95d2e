"""M4A, MP4 and MOV: files by ffmpeg, mutagen and by hand, read by ExifTool, ffprobe and mutagen."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import mutagen.mp4
import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_hooks import CarrierError, ForeignLabelError, Label, read_label, write_label
from aigc_hooks.artifact import Finding
from aigc_hooks.implicit import mp4, mp4_items, mp4_offsets, plugin, xmp

Command = Callable[..., bytes]

LABEL = Label(
    content_producer="acme",
    produce_id="1",
    reserved_code1='{"a":"<&>\'"}',
    content_propagator="acme",
    propagate_id="1",
)
OTHER = Label(content_producer="acme", produce_id="2", content_propagator="acme", propagate_id="2")
FOREIGN = Label(content_producer="other", produce_id="1", content_propagator="other", propagate_id="1")
JSON = LABEL.to_json()
SOUND = ["-f", "lavfi", "-i", "sine=d=1.5:r=22050"]
FILM = ["-f", "lavfi", "-i", "testsrc=d=1:s=64x48:r=10"]
TITLES = ["-metadata", "title=春", "-metadata", "artist=acme"]
AAC = ["-c:a", "aac"]
BRANDS = {"major_brand", "minor_version", "compatible_brands"}
PIECES = ["-frag_duration", "400000"]
FORMATS: dict[str, list[str]] = {
    "last.m4a": [*SOUND, *TITLES, *AAC],
    "first.m4a": [*SOUND, *TITLES, *AAC, "-movflags", "+faststart"],
    "bare.m4a": [*SOUND, *AAC, "-fflags", "+bitexact", "-movflags", "+faststart", "-map_metadata", "-1"],
    "alac.m4a": [*SOUND, *TITLES, "-c:a", "alac"],
    "keys.m4a": [*SOUND, *TITLES, *AAC, "-movflags", "+faststart+use_metadata_tags", "-metadata", "foo=bar"],
    "pieces.mp4": [*SOUND, *AAC, "-movflags", "+frag_keyframe+empty_moov", *PIECES],
    "relative.mp4": [*SOUND, *AAC, "-movflags", "+frag_keyframe+empty_moov+default_base_moof", *PIECES],
    "dash.mp4": [*SOUND, *AAC, "-movflags", "+dash+global_sidx", *PIECES],
    "film.mp4": [*FILM, *SOUND, *TITLES, *AAC, "-movflags", "+faststart"],
    "film.mov": [*FILM, *SOUND, *TITLES, *AAC, "-c:v", "mjpeg", "-movflags", "+faststart"],
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    made = tmp_path_factory.mktemp("mp4")
    for name, options in FORMATS.items():
        command("ffmpeg", "-v", "error", *options, made / name)
    return made


@pytest.fixture(params=FORMATS)
def sound(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_bytes((folder / request.param).read_bytes())
    return path


@pytest.fixture
def frames(command: Command) -> Callable[[Path], tuple[bytes, bytes]]:
    """Digests of a file's packets as they are stored, and of each frame as ffmpeg decodes it."""

    def read(path: Path) -> tuple[bytes, bytes]:
        start = ["ffmpeg", "-v", "error", "-i", path, "-map", "0"]
        return command(*start, "-c", "copy", "-f", "md5", "-"), command(*start, "-f", "framemd5", "-")

    return read


def titles(path: Path, command: Command) -> dict[str, str]:
    """What ffprobe reads of a file's titles."""
    found = json.loads(command("ffprobe", "-v", "error", "-show_format", "-of", "json", path))
    return dict(found["format"].get("tags", {}))


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


def wide(kind: bytes, *parts: bytes) -> bytes:
    """A box whose length is told in 64 bits."""
    data = b"".join(parts)
    return b"\0\0\0\1" + kind + struct.pack(">Q", len(data) + 16) + data


def data(text: bytes, kind: int = 1) -> bytes:
    return box(b"data", struct.pack(">II", kind, 0), text)


def meta(handler: bytes, *parts: bytes, plain: bool = False) -> bytes:
    return box(b"meta", b"" if plain else bytes(4), box(b"hdlr", bytes(8), handler, bytes(13)), *parts)


def keys(*names: bytes, namespace: bytes = b"mdta") -> bytes:
    return box(b"keys", bytes(4), struct.pack(">I", len(names)), *(box(namespace, name) for name in names))


def item(index: int | bytes, *parts: bytes) -> bytes:
    return box(index if isinstance(index, bytes) else struct.pack(">I", index), *parts)


def ilst(*items: bytes) -> bytes:
    return box(b"ilst", *items)


def labelled(text: str = JSON, **options: bytes) -> bytes:
    return meta(b"mdta", keys(b"AIGC", **options), ilst(item(1, data(text.encode()))))


FTYP = box(b"ftyp", b"M4A \0\0\2\0M4A mp42isom")
MEDIA = b"".join(bytes([number]) * 8 for number in range(16))


def film(*parts: bytes, offsets: str = "stco", before: bytes = b"", after: bytes = b"", moov: bytes = b"") -> bytes:
    """A file with its moov before its media, and a table of where the sixteen pieces of that begin."""
    size = 8 if offsets == "co64" else 4

    def made(start: int) -> bytes:
        places = struct.pack(f">16{'Q' if size == 8 else 'I'}", *(start + 8 * number for number in range(16)))
        saio = box(b"saio", b"\0\0\0\1" + bytes(8), struct.pack(">II", 1, start + 24))
        table = box(offsets.encode(), bytes(4), struct.pack(">I", 16), places)
        trak = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table, saio))))
        head = FTYP + before + box(b"moov", box(b"mvhd", bytes(100)), trak, *parts, moov)
        return head + box(b"mdat", MEDIA) + after

    return made(made(0).index(MEDIA))


def places(made: bytes, offsets: str = "stco") -> tuple[int, ...]:
    start = made.index(offsets.encode()) + 12
    return struct.unpack_from(f">16{'Q' if offsets == 'co64' else 'I'}", made, start)


def write(before: bytes, label: Label = LABEL) -> bytes:
    target = io.BytesIO()
    mp4.CARRIER.write(io.BytesIO(before), target, label.to_json())
    made = target.getvalue()
    found = read_label(made)
    assert ([finding.label for finding in found.findings], found.defects) == ([label], ())
    return made


# Files by ffmpeg


def test_f15_the_label_is_written_and_all_else_stays(
    sound: Path, frames: Callable[[Path], tuple[bytes, bytes]], command: Command
) -> None:
    before, was, size = frames(sound), titles(sound, command), sound.stat().st_size
    write_label(sound, LABEL)
    reading = read_label(sound)
    assert reading.findings == (Finding(LABEL, "moov.udta.meta keys AIGC", (), JSON),)
    assert reading.conforms
    assert frames(sound) == before
    found = titles(sound, command)
    assert found.pop("AIGC") == JSON
    assert found.items() >= was.items()
    lines = command("exiftool", "-a", "-u", "-ee", "-G1", "-s", sound).decode().splitlines()
    assert [line.partition(": ")[0].split() for line in lines if "ContentProducer" in line] == [["[Keys]", "AIGC"]]
    assert not [line for line in lines if "Warning" in line]
    assert sound.stat().st_size - size < len(JSON) + 200


def test_m11_writing_twice_leaves_one_and_the_same_bytes(sound: Path) -> None:
    once = write_label(sound, LABEL).read_bytes()
    write_label(sound, OTHER)
    assert [finding.label for finding in read_label(sound).findings] == [OTHER]
    assert b'"ProduceID":"1"' not in sound.read_bytes()
    assert write_label(sound, LABEL).read_bytes() == once


def test_m18_anothers_label_stays(sound: Path) -> None:
    before = write_label(sound, FOREIGN).read_bytes()
    with pytest.raises(ForeignLabelError, match=r"already holds the label of 'other'"):
        write_label(sound, LABEL)
    assert sound.read_bytes() == before


def test_m17_long_values_return(sound: Path, frames: Callable[[Path], tuple[bytes, bytes]]) -> None:
    before = frames(sound)
    made = Label(content_producer="acme", produce_id="1", reserved_code1="x" * 60_000)
    assert read_label(write_label(sound, made)).label == made
    assert frames(sound) == before


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), max_size=200))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_m16_any_value_returns(value: str) -> None:
    write(film(), Label(content_producer="acme", produce_id="1", reserved_code1=value))


def test_the_guides_own_command_is_read_and_its_other_keys_stay(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "a.m4a"
    how = ["-movflags", "+faststart+use_metadata_tags", "-metadata", f"AIGC={JSON}", "-metadata", "zoo=last"]
    command("ffmpeg", "-v", "error", *SOUND, *TITLES, *AAC, *how, path)
    assert read_label(path).findings == (Finding(LABEL, "moov.udta.meta keys AIGC", (), JSON),)
    was = titles(path, command)
    write_label(path, OTHER)
    assert titles(path, command) == {**was, "AIGC": OTHER.to_json()}
    assert path.read_bytes().count(b"mdta") == 1 + len(set(was) - BRANDS)  # of one handler and of each key


def test_what_tools_write_elsewhere_is_read_with_its_defects_and_replaced(tmp_path: Path, command: Command) -> None:
    for how, place, defect in (
        (
            ["-movflags", "use_metadata_tags", "-metadata", f"com.apple.quicktime.AIGC={JSON}"],
            "keys",
            "the key is named",
        ),
        (["-metadata", f"comment={JSON}"], "ilst ©cmt", "among titles without keys"),
        (["-metadata", f"comment={JSON}", "-f", "mov"], "", "stands in moov.udta.©cmt"),
    ):
        path = tmp_path / "a.m4a"
        command("ffmpeg", "-v", "error", "-y", *SOUND, *TITLES, *AAC, *how, path)
        *_, finding = read_label(path).findings  # of a MOV, ffmpeg writes a comment as description too
        assert (finding.label, finding.place.startswith(f"moov.udta.meta {place}" if place else "moov.udta.©cmt")) == (
            LABEL,
            True,
        )
        assert defect in finding.defects[0]
        write_label(path, OTHER)
        assert read_label(path).conforms
        assert titles(path, command)["title"] == "春"


def test_mutagen_keeps_its_titles_and_its_free_form_label_is_replaced(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes((folder / "first.m4a").read_bytes())
    file = mutagen.mp4.MP4(path)
    file["----:com.apple.iTunes:AIGC"] = [JSON.encode()]
    file["----:com.apple.iTunes:MOOD"] = [b"calm"]
    file["covr"] = [mutagen.mp4.MP4Cover(b"\x89PNG" * 50_000)]
    file.save()
    (finding,) = read_label(path).findings
    assert (finding.label, finding.place, len(finding.defects)) == (LABEL, "moov.udta.meta ---- AIGC", 1)
    write_label(path, OTHER)
    assert read_label(path).conforms
    found = mutagen.mp4.MP4(path)
    assert found["----:com.apple.iTunes:MOOD"] == [b"calm"]
    assert (found["\xa9nam"], found["covr"]) == (["春"], file["covr"])
    assert "----:com.apple.iTunes:AIGC" not in found
    found["\xa9nam"] = ["autumn"]
    found.save()
    assert (read_label(path).label, read_label(path).conforms) == (OTHER, True)


# Boxes by hand


@pytest.mark.parametrize("offsets", ["stco", "co64"])
def test_every_offset_points_where_it_did(offsets: str) -> None:
    before = film(offsets=offsets)
    made = write(before)
    grown = len(made) - len(before)
    assert places(made, offsets) == tuple(place + grown for place in places(before, offsets))
    assert [made[place : place + 8] for place in places(made, offsets)] == [bytes([n]) * 8 for n in range(16)]
    (aux,) = struct.unpack_from(">I", made, made.index(b"saio") + 20)
    assert made[aux : aux + 8] == bytes([3]) * 8


def test_media_before_the_moov_stay_where_they_are() -> None:
    made = film()
    start, end = len(FTYP), made.index(MEDIA) - 8
    turned = made[:start] + made[end:] + made[start:end]
    assert write(turned).startswith(turned[: len(FTYP) + 8 + len(MEDIA)])
    assert places(write(turned)) == places(turned)


def deviations() -> Iterator[tuple[bytes, str, list[str]]]:
    text = data(JSON.encode())
    in_moov = "stands in moov.meta; the guide has moov.udta.meta"
    yield labelled(), "moov.meta keys AIGC", [in_moov]
    yield box(b"udta", meta(b"mdir", ilst(item(b"AIGC", text)))), "moov.udta.meta ilst AIGC", ["without keys"]
    yield meta(b"mdir", ilst(item(b"AIGC", text))), "moov.meta ilst AIGC", ["without keys", in_moov]
    yield box(b"trak", box(b"udta", labelled())), "moov.trak.udta.meta keys AIGC", ["stands in moov.trak.udta.meta"]
    yield box(b"udta", labelled(namespace=b"udta")), "moov.udta.meta keys AIGC", ["namespace of the key is b'udta'"]
    yield box(b"udta", labelled().replace(b"mdta" + bytes(13), b"mdir" + bytes(13))), mp4_items.PATH, ["handler of"]
    for kind, encoded in ((0, JSON.encode()), (2, JSON.encode("utf-16-be")), (13, JSON.encode())):
        made = meta(b"mdta", keys(b"AIGC"), ilst(item(1, data(encoded, kind))))
        yield box(b"udta", made), "moov.udta.meta keys AIGC", [f"data type is {kind}; the guide has 1"]
    wrapped = labelled(LABEL.to_json(wrapped=True))
    yield box(b"udta", wrapped), "moov.udta.meta keys AIGC", ["the guide asks for the bare object here"]
    lower = meta(b"mdta", keys(b"aigc"), ilst(item(1, text)))
    yield box(b"udta", lower), "moov.udta.meta keys aigc", ["the key is named 'aigc'"]
    long = struct.pack(">HH", len(JSON), 0x15C7) + JSON.encode()
    yield box(b"udta", box(b"\xa9cmt", long)), "moov.udta.©cmt text", ["stands in moov.udta.©cmt"]
    yield box(b"udta", box(b"AIGC", JSON.encode())), "moov.udta.AIGC text", ["stands in moov.udta.AIGC"]
    yield box(b"udta", box(b"XMP_", xmp.packet(LABEL))), "moov.udta.XMP_ XMP", ["not XMP"]


@pytest.mark.parametrize(("part", "place", "defects"), list(deviations()))
def test_deviations_are_read_with_their_defects_and_go(part: bytes, place: str, defects: list[str]) -> None:
    before = film(part)
    (finding,) = read_label(before).findings
    assert finding.label == LABEL
    assert finding.place.startswith(place)
    assert len(finding.defects) == len(defects)
    assert all(any(defect in found for found in finding.defects) for defect in defects)
    made = write(before, OTHER)
    assert [made[at : at + 8] for at in places(made)] == [bytes([n]) * 8 for n in range(16)]
    assert b'"ProduceID":"1"' not in made


def test_labels_in_xmp_go_before_and_behind_the_media() -> None:
    guid = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    packet = xmp.merge(xmp.packet(OTHER).replace(b"TC260:AIGC", b"TC260:Kept"), LABEL)
    part = box(b"uuid", guid, packet)
    before = film(before=part, after=box(b"free", b"12") + part)
    assert [finding.place for finding in read_label(before).findings] == ["uuid XMP", "uuid XMP"]
    made = write(before, OTHER)
    assert [made[at : at + 8] for at in places(made)] == [bytes([n]) * 8 for n in range(16)]
    assert made.count(b"TC260:Kept>") == 4
    untouched = box(b"uuid", bytes(16), packet) + box(b"uuid", guid, packet.replace(b"AIGC", b"Some"))
    assert untouched in write(film(before=untouched))


@pytest.mark.parametrize("plain", [False, True])
def test_a_label_at_the_level_of_the_file_goes(plain: bool) -> None:
    part = meta(b"mdta", keys(b"AIGC"), ilst(item(1, data(JSON.encode()))), plain=plain)
    before = film(before=part)
    (finding,) = read_label(before).findings
    assert (finding.label, finding.defects) == (LABEL, ("it stands in meta; the guide has moov.udta.meta",))
    made = write(before, OTHER)
    assert [made[at : at + 8] for at in places(made)] == [bytes([n]) * 8 for n in range(16)]
    kept = meta(b"mdta", keys(b"foo"), ilst(item(1, data(b"bar"))), plain=plain)
    assert kept in write(film(before=kept))


def test_other_keys_stay_and_get_the_numbers_that_are_theirs() -> None:
    items = (item(1, data(b"one")), item(2, data(JSON.encode())), item(3, data(b"three")), item(2, data(b"{}")))
    part = meta(b"mdta", keys(b"first", b"AIGC", b"third"), box(b"free", b"abc"), ilst(*items, item(3, data(b"3"))))
    made = write(film(box(b"udta", box(b"name", b"x"), part, bytes(4))), OTHER)
    kept = (
        item(1, data(b"one")),
        item(2, data(b"three")),
        item(2, data(b"3")),
        item(3, data(OTHER.to_json().encode())),
    )
    wanted = meta(b"mdta", keys(b"first", b"third", b"AIGC"), box(b"free", b"abc"), ilst(*kept))
    assert box(b"udta", box(b"name", b"x"), wanted, bytes(4)) in made


def test_the_zeros_that_close_a_list_stay_at_its_end() -> None:
    made = write(film(box(b"udta", box(b"\xa9nam", b"\0\1\0\0x"), bytes(4))))
    assert box(b"udta", box(b"\xa9nam", b"\0\1\0\0x"), labelled(), bytes(4)) in made


def test_quicktimes_meta_without_version_and_boxes_of_64_bits() -> None:
    plain = meta(b"mdta", keys(b"foo"), ilst(item(1, data(b"bar"))), plain=True)
    wanted = meta(b"mdta", keys(b"foo", b"AIGC"), ilst(item(1, data(b"bar")), item(2, data(JSON.encode()))), plain=True)
    assert box(b"udta", wanted) in write(film(box(b"udta", plain)))
    made = film().replace(box(b"mdat", MEDIA), wide(b"mdat", MEDIA))
    assert write(made).endswith(wide(b"mdat", MEDIA))
    tall = film(wide(b"udta", labelled()))
    assert read_label(tall).conforms
    assert write(tall, OTHER)
    endless = film()
    endless = endless[: -len(MEDIA) - 8] + bytes(4) + b"mdat" + MEDIA  # up to the end of the file
    assert write(endless).endswith(bytes(4) + b"mdat" + MEDIA)


def test_fragments_and_their_index_are_told_anew() -> None:
    before = film()
    moof = len(before)
    tfhd = box(b"tfhd", b"\0\0\0\1", struct.pack(">IQ", 1, moof))
    relative = box(b"tfhd", b"\0\2\0\0", struct.pack(">I", 1))
    before += box(b"moof", box(b"mfhd", bytes(8)), box(b"traf", tfhd), box(b"traf", relative)) + box(b"mdat", b"abcd")
    narrow = box(b"tfra", bytes(4), struct.pack(">III", 1, 0, 2), *(struct.pack(">II3x", n, moof) for n in range(2)))
    index = box(b"tfra", b"\1\0\0\0", struct.pack(">IIIQQ6x", 1, 0b011011, 1, 7, moof)[:-6], bytes(2 + 3 + 4))
    before += box(b"mfra", narrow, index, box(b"mfro", bytes(4), struct.pack(">I", 0)))
    made = write(before)
    new = made.index(b"moof") - 4
    assert new > moof
    at = made.index(b"tfhd")
    assert struct.unpack_from(">Q", made, at + 12) == (new,)
    at = made.index(b"tfra")
    assert [struct.unpack_from(">II", made, at + 20 + 11 * n) for n in range(2)] == [(0, new), (1, new)]
    at = made.index(b"tfra", at + 4)
    assert struct.unpack_from(">QQ", made, at + 20) == (7, new)


@pytest.mark.parametrize(
    ("before", "match"),
    [
        (film(moov=box(b"trak", box(b"mdia")) + box(b"cmov", b"x" * 20)), "its moov box is compressed"),
        (film(before=box(b"sidx", bytes(20))), "sidx box of 0 entries is short"),
        (film(before=box(b"meta", bytes(4), box(b"iloc", b"\3" + bytes(7)))), "iloc version 3 is unknown"),
        (film(before=box(b"meta", bytes(4), box(b"iloc", bytes(7) + b"\1"))), "the iloc box is short"),
        (film().replace(struct.pack(">I", film().index(MEDIA) + 120), b"\xff\xff\xff\xf0"), "do not fit into 32 bits"),
        (film().replace(box(b"mdat", MEDIA), box(b"moov") + box(b"mdat", MEDIA)), "it has 2 moov boxes, not one"),
        (FTYP + box(b"mdat", MEDIA), "ends without a moov box"),
        (
            film(box(b"udta", meta(b"mdta", keys(b"foo"), ilst(item(2, data(b"x")))))),
            "an item of a key that is not there",
        ),
        (
            film().replace(b"stco" + bytes(4) + b"\0\0\0\x10", b"stco" + bytes(4) + b"\0\0\0\xff"),
            "stco box of 255 entries",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_and_stays(before: bytes, match: str, tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes(before)
    with pytest.raises(CarrierError, match=match):
        write_label(path, LABEL)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_longer_than_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4_offsets, "_PIECE", 5)
    before = film()
    made = write(before)
    assert places(made) == tuple(place + len(made) - len(before) for place in places(before))


# Damaged and hostile files


def test_every_truncation_is_a_reading_or_one_clear_error() -> None:
    whole = film(box(b"udta", labelled()), labelled())
    for end in range(len(whole)):
        try:
            assert len(read_label(whole[:end]).findings) == 2
            assert end in (whole.index(b"mdat") - 4, len(whole))  # a moov without media is whole
        except CarrierError as error:
            assert end < 12 or str(error).startswith("damaged MP4 file: ")


def test_hostile_bytes_are_a_clear_error_or_a_file_with_the_label(folder: Path) -> None:
    chance = numpy.random.default_rng(1)
    by_hand = film(box(b"udta", labelled(), meta(b"mdir", ilst(item(b"AIGC", data(b"{}"))))))
    samples = [by_hand, (folder / "keys.m4a").read_bytes(), (folder / "pieces.mp4").read_bytes()]
    for _ in range(400):
        broken = bytearray(samples[chance.integers(0, len(samples))])
        for _ in range(chance.integers(1, 6)):
            broken[chance.integers(24, min(len(broken), 3000))] = chance.choice([0, 1, 8, 255, chance.integers(0, 256)])
        target = io.BytesIO()
        try:
            list(mp4.CARRIER.read(io.BytesIO(broken)))
            mp4.CARRIER.write(io.BytesIO(broken), target, JSON)
            assert LABEL in [finding.label for finding in read_label(target.getvalue()).findings]
        except CarrierError:
            continue


def test_lying_lengths_take_no_memory() -> None:
    lies = [
        film(box(b"udta", b"\x7f\xff\xff\xffmeta" + bytes(100))),
        film(box(b"udta", meta(b"mdta", b"\x7f\xff\xff\xffkeys" + bytes(16)))),
        film(box(b"udta", meta(b"mdta", keys(b"AIGC"), ilst(b"\0\0\0\1\0\0\0\1" + b"\x7f" * 8)))),
        film() + b"\0\0\0\1mdat" + b"\x7f" * 8,
    ]
    tracemalloc.start()
    for lie in lies:
        with pytest.raises(CarrierError, match="ends after"):
            read_label(lie)
    many = film(box(b"udta", meta(b"mdta", keys(b"AIGC"), ilst(*[item(1, data(JSON.encode()))] * 200))))
    with pytest.raises(CarrierError, match="more than 100 AIGC labels"):
        read_label(many)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_each_sound_is_recognised_by_one_carrier(folder: Path) -> None:
    carriers = plugin.aigc_carriers()
    for path in folder.iterdir():
        head = path.read_bytes()[:64]
        assert [carrier.name for carrier in carriers if carrier.sniff(head)] == ["MP4"]
    for brand in (b"avif", b"heic", b"mif1"):
        assert not mp4.CARRIER.sniff(box(b"ftyp", brand, bytes(4), b"mif1", brand, b"isom"))
