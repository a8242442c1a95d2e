"""FLV, AVI and MP4 by hand: where labels stand, what is told anew when something moves, and hostile files."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from aigc_hooks import CarrierError, Label, read_label
from aigc_hooks.artifact import Carrier
from aigc_hooks.implicit import avi, bounds, flv, mp4, xmp

LABEL = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")
OTHER = Label(content_producer="acme", produce_id="2", content_propagator="acme", propagate_id="2")
JSON = LABEL.to_json()
TEXT = JSON.encode()


def write(carrier: Carrier, before: bytes, label: Label = LABEL) -> bytes:
    target = io.BytesIO()
    assert carrier.write is not None
    carrier.write(io.BytesIO(before), target, label.to_json())
    made = target.getvalue()
    found = read_label(made)
    assert ([finding.label for finding in found.findings], found.defects) == ([label], ())
    return made


# FLV


def named(name: bytes, *value: bytes) -> bytes:
    return struct.pack(">H", len(name)) + name + b"".join(value)


def text(value: bytes) -> bytes:
    return b"\2" + named(value)


def real(*values: float) -> bytes:
    return b"".join(struct.pack(">Bd", 0, value) for value in values)


END = b"\0\0\x09"


def array(*properties: bytes, count: int | None = None, end: bytes = END) -> bytes:
    return b"\x08" + struct.pack(">I", len(properties) if count is None else count) + b"".join(properties) + end


def tag(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + struct.pack(">I", len(body))[1:] + bytes(7) + body + struct.pack(">I", 11 + len(body))


def script(value: bytes, name: bytes = b"onMetaData") -> bytes:
    return tag(18, text(name) + value)


FRAMES = b"".join(tag(9, bytes([0x17, number]) * 20) for number in range(4))
FLV = b"FLV\1\5\0\0\0\x09\0\0\0\0"


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        (b"", b""),
        (script(array(named(b"title", text(b"cat")))), named(b"title", text(b"cat"))),
        (script(array(named(b"title", text(b"cat")), count=0)), named(b"title", text(b"cat"))),
        (script(array(named(b"title", text(b"cat")), end=b"")), named(b"title", text(b"cat"))),
        (script(b"\x03" + named(b"a", b"\1\1") + END), named(b"a", b"\1\1")),
        (script(b"\x10" + named(b"Type") + named(b"a", b"\x0b" + bytes(10)) + END), named(b"Type")),
        (script(array(named(b"x", b"\x05"))) + script(array(named(b"y", b"\x06"))), named(b"y", b"\x06")),
        (script(array(named(b"AIGC", text(TEXT)), named(b"x", b"\x05"))), named(b"x", b"\x05")),
        (script(array(named(b"aigc", b"\x0c" + struct.pack(">I", len(TEXT)) + TEXT))), b""),
        (script(array(named(b"x", b"\x05"))) + script(array(named(b"comment", text(TEXT)))), named(b"x", b"\x05")),
        (script(array(named(b"list", b"\x0a\0\0\0\1" + array(named(b"n", real(1)))))), named(b"n", real(1))),
        (script(b"\5", b"onCuePoint") + script(array(named(b"x", b"\x07\0\1"))), script(b"\5", b"onCuePoint")),
    ],
)
def test_f18_metadata_of_every_shape_gets_the_label(metadata: bytes, kept: bytes) -> None:
    made = write(flv.CARRIER, FLV + metadata + FRAMES, OTHER)
    assert made.startswith(FLV)
    assert made.endswith(FRAMES)
    assert kept in made
    assert TEXT not in made
    at = 13
    while at < len(made):
        size = 11 + int.from_bytes(made[at + 1 : at + 4], "big")
        assert struct.unpack_from(">I", made, at + size) == (size,)
        at += size + 4
    assert write(flv.CARRIER, made, OTHER) == made


def test_deviations_in_flv_have_names() -> None:
    data = FLV + script(array(named(b"aigc", text(TEXT)))) + FRAMES
    (finding,) = read_label(data).findings
    assert (finding.label, finding.place, finding.defects) == (
        LABEL,
        "FLV onMetaData aigc",
        ("it is named 'aigc', not 'AIGC'",),
    )


def test_places_in_flv_move_with_what_stands_there() -> None:
    def data(places: list[float], size: float) -> bytes:
        index = b"\x03" + named(b"filepositions", b"\x0a\0\0\0\4", real(*places)) + END
        numbers = [named(b"filesize", real(size)), named(b"duration", real(9999)), named(b"keyframes", index)]
        return FLV + script(array(*numbers)) + FRAMES

    length = len(data([0] * 4, 0))
    starts = [length - len(FRAMES) + number * len(FRAMES) // 4 for number in range(4)]
    made = write(flv.CARRIER, data([*map(float, starts)], length))
    grown = len(made) - length
    assert real(*(start + grown for start in starts)) in made
    assert named(b"filesize", real(len(made))) in made
    assert named(b"duration", real(9999)) in made


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"FLV\1\5\0\0\0", "ends after the file"),
        (b"FLV\1\5\xff\0\0\0" + FRAMES, "ends after the file"),
        (FLV + script(text(b"x")), "holds an AMF value of kind 2, no object"),
        (FLV + script(array(named(b"x", b"\x20"))), "unknown kind 32"),
        (FLV + script(array(named(b"x", b"\2\xff\xff"))), "ends after its tag"),
        (FLV + script(array(named(b"x", b"\x0a\xff\xff\xff\xff"))), "ends after its tag"),
        (FLV + script(array(b"\0\1x\x03" * 30)), "nested more than 16 deep"),
        (FLV + FRAMES[:-20], "ends after the file"),
        (FLV + b"\x12\xff\xff\xff" + bytes(7), "tag of 16777215 bytes ends after the file"),
        (FLV + script(array(named(b"x", b"\x0c" + struct.pack(">I", 16_777_100), bytes(16_777_100)))), "holds up to"),
    ],
)
def test_hostile_flv_is_one_clear_error(data: bytes, match: str) -> None:
    with pytest.raises(CarrierError, match=match):
        write(flv.CARRIER, data)


# AVI


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<4sI", kind, len(data)) + data + b"\0" * (len(data) % 2)


def info(*items: tuple[bytes, bytes]) -> bytes:
    return chunk(b"LIST", b"INFO" + b"".join(chunk(*item) for item in items))


PICTURES = [chunk(b"00dc", bytes([number]) * (30 + 2 * number)) for number in range(4)]
TITLE = (b"INAM", b"cat\0")


def old_index(start: int) -> bytes:
    at, entries = start, []
    for picture in PICTURES:
        entries.append(struct.pack("<4sIII", b"00dc", 16, at, len(picture) - 8))
        at += len(picture)
    return chunk(b"idx1", b"".join(entries))


def film(*head: bytes, behind: tuple[bytes, ...] = (), absolute: bool = False) -> bytes:
    front = b"".join([chunk(b"LIST", b"hdrl" + chunk(b"avih", bytes(56))), *head])
    index = old_index(12 + len(front) + 12 if absolute else 4)
    return chunk(b"RIFF", b"AVI " + front + chunk(b"LIST", b"movi" + b"".join(PICTURES)) + index + b"".join(behind))


def pictures(data: bytes) -> None:
    """Every entry of idx1 names its picture, whichever way it counts."""
    at, start = data.index(b"idx1"), data.index(b"movi")
    entries = list(struct.iter_unpack("<4sIII", data[at + 8 : at + 8 + 64]))
    base = 0 if entries[0][2] > 4 else start
    for (kind, _, offset, length), picture in zip(entries, PICTURES, strict=True):
        assert data[base + offset : base + offset + 8] == struct.pack("<4sI", kind, length)
        assert data[base + offset : base + offset + len(picture)] == picture
    assert struct.unpack_from("<I", data, 4) == (len(data) - 8,)


JUNK = chunk(b"JUNK", bytes(400))


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize(
    ("head", "behind", "moves"),
    [
        ((), (), True),
        ((info(TITLE),), (), True),
        ((info(TITLE), JUNK), (), False),
        ((JUNK, info(TITLE)), (), False),
        ((JUNK,), (), False),
        ((chunk(b"JUNK", b"somebody's" + bytes(390)),), (), True),
        ((info(TITLE, (b"AIGC", TEXT)), JUNK), (), False),
        ((info((b"AIGC", TEXT)),), (info(TITLE, (b"ICMT", TEXT)),), False),
        ((info(TITLE),), (chunk(b"AIGC", TEXT), chunk(b"_PMX", xmp.packet(LABEL)), JUNK), True),
    ],
)
def test_f19_avi_keeps_its_pictures_and_its_index(
    head: tuple[bytes, ...], behind: tuple[bytes, ...], moves: bool, absolute: bool
) -> None:
    before = film(*head, behind=behind, absolute=absolute)
    pictures(before)
    made = write(avi.CARRIER, before, OTHER)
    pictures(made)
    assert (made.index(b"movi") != before.index(b"movi")) == moves or head[:1] == (info((b"AIGC", TEXT)),)
    assert (chunk(*TITLE) in made) == (chunk(*TITLE) in before)
    assert (b"somebody's" in made) == (b"somebody's" in before)
    assert TEXT not in made
    assert write(avi.CARRIER, made, OTHER) == made
    long = Label(content_producer="acme", produce_id="1", reserved_code1="x" * 999)
    pictures(write(avi.CARRIER, made, long))


def test_labels_elsewhere_in_avi_have_names() -> None:
    items = info((b"AIGC", TEXT + b"\0"), (b"ICMT", TEXT))
    behind = (chunk(b"AIGC", TEXT), chunk(b"_PMX", xmp.packet(LABEL)))
    found = read_label(film(items, behind=behind)).findings
    assert {finding.label for finding in found} == {LABEL}
    assert [(finding.place, finding.defects) for finding in found] == [
        ("AVI LIST INFO AIGC", ()),
        ("AVI LIST INFO ICMT", ("the guide has LIST INFO AIGC here, not LIST INFO ICMT",)),
        ("AVI AIGC chunk", ("the guide has LIST INFO AIGC here, not an AIGC chunk",)),
        ("AVI XMP", ("the guide has LIST INFO AIGC here, not XMP",)),
    ]


def test_the_indexes_of_opendml_are_told_anew() -> None:
    def base_index(base: int) -> bytes:
        return chunk(b"ix00", struct.pack("<HBBI4sQI", 2, 0, 1, 1, b"00dc", base, 0) + struct.pack("<II", 8, 30))

    def made(first: int, second: int, movi: int, movi2: int) -> bytes:
        entries = struct.pack("<QIIQII", first, 40, 1, second, 40, 1)
        indx = chunk(b"indx", struct.pack("<HBBI4s12x", 4, 0, 0, 2, b"00dc") + entries + bytes(64))
        direct = chunk(b"indx", struct.pack("<HBBI4sQI", 2, 0, 1, 0, b"01wb", movi, 0))
        strl = [chunk(b"LIST", b"strl" + chunk(b"strh", bytes(56)) + each) for each in (indx, direct)]
        head = chunk(b"LIST", b"hdrl" + chunk(b"avih", bytes(56)) + b"".join(strl))
        one = chunk(b"RIFF", b"AVI " + head + chunk(b"LIST", b"movi" + PICTURES[0] + base_index(movi)))
        two = chunk(b"RIFF", b"AVIX" + chunk(b"LIST", b"movi" + PICTURES[1] + base_index(movi2)))
        return one + two

    blank = made(1, 1, 1, 1)
    at = [blank.index(b"movi"), blank.rindex(b"movi"), blank.index(b"ix00"), blank.rindex(b"ix00")]
    before = made(at[2], at[3], at[0], at[1])
    after = write(avi.CARRIER, before)
    grown = len(after) - len(before)
    assert grown > 0
    moved = made(*(place + grown for place in (at[2], at[3], at[0], at[1])))
    start, end = after.index(b"LIST", after.index(b"hdrl")), after.index(b"INFO")
    assert after[:start][8:] == moved[:start][8:]
    assert after[start : end - 8] == moved[start : end - 8]
    assert after[after.index(b"movi") - 8 :] == moved[moved.index(b"movi") - 8 :]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"RIFF\x04\0\0\0AVI ", "no list with a film"),
        (b"RIFF\xff\xff\xff\x7fAVI ", "ends after the file"),
        (film()[:-3], "ends after the file"),
        (film(chunk(b"LIST", b"hdrl" + chunk(b"LIST", b"strl" + chunk(b"indx", bytes(5))))), "at least 24 belong"),
        (
            film(chunk(b"LIST", b"hdrl" + chunk(b"LIST", b"strl" + b"indx\xff\xff\0\0"))),
            "chunk of 65535 bytes ends after its parent",
        ),
        (film(info((b"AIGC", b"x" * 17_000_000))), "longer than the 16777216"),
    ],
)
def test_hostile_avi_is_one_clear_error(data: bytes, match: str) -> None:
    with pytest.raises(CarrierError, match=match):
        write(avi.CARRIER, data)


def test_an_avi_does_not_grow_beyond_what_it_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avi, "_LONGEST", len(film()))
    with pytest.raises(CarrierError, match="cannot grow beyond 4 GiB; write it anew as MKV or MP4"):
        write(avi.CARRIER, film())


# MP4


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


FTYP = box(b"ftyp", b"isom\0\0\2\0isommp42")
MEDIA = bytes(range(64))
TITLES = box(b"meta", bytes(4), box(b"hdlr", bytes(8), b"mdir", bytes(13)), box(b"ilst"))


def movie(*inside: bytes, brand: bytes = FTYP, before: bytes = b"", behind: bytes = b"") -> bytes:
    def made(place: int) -> bytes:
        table = box(b"stco", struct.pack(">III", 0, 1, place))
        trak = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table))))
        return brand + before + box(b"moov", box(b"mvhd", bytes(100)), trak, *inside) + behind + box(b"mdat", MEDIA)

    return made(made(0).index(MEDIA))


def media(data: bytes) -> int:
    (place,) = struct.unpack_from(">I", data, data.index(b"stco") + 12)
    assert data[place : place + 64] == MEDIA
    return int(place)


@pytest.mark.parametrize(
    ("before", "stays"),
    [
        (movie(), False),
        (movie(behind=box(b"free", bytes(600))), True),
        (movie(behind=box(b"free", bytes(200)) + box(b"skip", bytes(400))), True),
        (movie(behind=box(b"free", bytes(100))), False),
        (movie(behind=box(b"free", b"somebody's" + bytes(600))), False),
        (movie(behind=box(b"wide") + box(b"free", bytes(600))), False),
        (movie(box(b"free", bytes(600))), True),
        (movie(box(b"udta", box(b"free", bytes(600)))), True),
        (movie(box(b"udta", TITLES, box(b"free", bytes(600)))), True),
        (movie(box(b"udta", box(b"meta", TITLES[8:], box(b"free", bytes(600))))), True),
        (movie(box(b"free", b"somebody's" + bytes(600))), False),
    ],
)
def test_f16_free_boxes_are_used_before_anything_moves(before: bytes, stays: bool) -> None:
    made = write(mp4.CARRIER, before)
    assert (media(made) == media(before)) == stays
    assert (len(made) == len(before)) == stays
    assert (b"somebody's" in made) == (b"somebody's" in before)
    assert write(mp4.CARRIER, made) == made
    long = Label(content_producer="acme", produce_id="1", reserved_code1="x" * 999)
    longer = write(mp4.CARRIER, made, long)
    assert media(longer) > media(made)
    shorter = write(mp4.CARRIER, longer)
    assert media(shorter) == media(longer)  # what is left is a free box


def test_an_exact_fit_leaves_no_box() -> None:
    grown = len(write(mp4.CARRIER, movie())) - len(movie())
    for length in range(grown - 20, grown + 20):
        before = movie(behind=box(b"free", bytes(length - 8)))
        made = write(mp4.CARRIER, before)
        assert (media(made) == media(before)) == (length == grown or length >= grown + 8)
        assert made.count(b"free") == (length != grown)


def test_an_index_of_segments_before_the_moov_is_told_anew() -> None:
    def index(first: int, *lengths: int, wide: bool) -> bytes:
        head = struct.pack(">IIIQQ" if wide else ">IIIII", wide << 24, 1, 1, 0, first)
        entries = b"".join(struct.pack(">III", 1 << 31 | length, 5, 0) for length in lengths)
        return box(b"sidx", head, struct.pack(">HH", 0, len(lengths)), entries)

    for wide in (False, True):
        whole = len(movie(before=index(0, 1, 2, wide=wide))) - len(FTYP + index(0, 1, 2, wide=wide))
        inside = whole - len(MEDIA) - 8
        for first, lengths in ((0, (whole, 0)), (0, (inside, 72)), (inside, (30, 42))):
            made = write(mp4.CARRIER, movie(before=index(first, *lengths, wide=wide)))
            grown = len(made) - len(movie(before=index(first, *lengths, wide=wide)))
            media(made)
            more = (first + grown, *lengths) if first else (0, lengths[0] + grown, lengths[1])
            assert index(more[0], *more[1:], wide=wide) in made


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize(("base_width", "offset_width"), [(0, 4), (4, 4), (4, 0), (8, 8)])
def test_items_are_told_anew_where_they_lie_in_the_file(version: int, base_width: int, offset_width: int) -> None:
    def items(place: int) -> bytes:
        def item(number: int, method: int, elsewhere: int, place: int) -> bytes:
            base = max(place - 77, 0) if offset_width and base_width else place
            made = number.to_bytes(4 if version == 2 else 2, "big") + (struct.pack(">H", method) if version else b"")
            made += struct.pack(">H", elsewhere) + (base.to_bytes(base_width, "big") if base_width else b"")
            offset = place - base if base_width else place
            return made + struct.pack(">H", 1) + offset.to_bytes(offset_width, "big") + struct.pack(">I", 9)

        made = [item(1, 0, 0, place), item(2, 0, 1, 40)] + ([item(3, 1, 0, 7)] if version else [])
        count = len(made).to_bytes(4 if version == 2 else 2, "big")
        sizes = bytes([offset_width << 4 | 4, base_width << 4])
        return box(b"iloc", bytes([version, 0, 0, 0]), sizes, count, *made)

    def file(place: int) -> bytes:
        return movie(box(b"meta", bytes(4), box(b"hdlr", bytes(8), b"pict", bytes(13)), items(place)))

    place = file(0).index(MEDIA)
    made = write(mp4.CARRIER, file(place))
    moved = media(made) - place
    assert moved > 0
    at = made.index(b"iloc") - 4
    found = made[at : at + len(items(0))]
    places = [items(place + moved)]
    if offset_width and base_width:  # the base stays, the offset from it grows
        places = [
            items(place).replace((77).to_bytes(offset_width, "big"), (77 + moved).to_bytes(offset_width, "big"), 1)
        ]
    assert found in places


@pytest.mark.parametrize("brand", [b"3gp4", b"3gp5", b"3g2a", b"3ge6", b"f4v ", b"isml", b"M4VH", b"MSNV", b"XAVC"])
def test_f20_mobile_and_other_brands_are_known(brand: bytes) -> None:
    before = movie().replace(b"isom\0\0\2\0isommp42", brand + bytes(4) + brand * 2)
    assert mp4.CARRIER.sniff(before[:64])
    media(write(mp4.CARRIER, before))


@pytest.mark.parametrize("first", [b"", box(b"wide"), box(b"free", bytes(9)), box(b"skip")])
def test_quicktime_without_a_brand_is_known(first: bytes) -> None:
    before = movie(brand=first)
    assert mp4.CARRIER.sniff(before[:64])
    media(write(mp4.CARRIER, before))


@pytest.mark.parametrize("text", [b"free", b"a moov", b"This freedom", b"\0\0\0\x10freeze!", b"FREE"])
def test_texts_are_not_taken_for_quicktime(text: bytes) -> None:
    assert not mp4.CARRIER.sniff(text) or text.startswith(b"\0\0\0")


# All of them


SAMPLES: dict[str, tuple[Carrier, bytes]] = {
    "FLV": (flv.CARRIER, FLV + script(array(named(b"AIGC", text(TEXT)), named(b"x", real(1)))) + FRAMES),
    "AVI": (avi.CARRIER, film(info(TITLE, (b"AIGC", TEXT)), JUNK)),
    "MP4": (mp4.CARRIER, movie(box(b"udta", TITLES), behind=box(b"free", bytes(300)))),
}


@pytest.mark.parametrize("name", ["FLV", "AVI"])
def test_every_truncation_is_a_reading_or_one_clear_error(name: str) -> None:
    carrier, data = SAMPLES[name]
    errors = 0
    for end in range(len(data)):
        for work in (lambda part: list(carrier.read(io.BytesIO(part))), lambda part: write(carrier, part)):
            try:
                work(data[:end])
            except CarrierError:
                errors += 1
    assert errors > len(data) / 2


@pytest.mark.parametrize("name", SAMPLES)
def test_changed_bytes_are_one_clear_error_or_a_file_with_the_label(name: str) -> None:
    chance = numpy.random.default_rng(7)
    carrier, data = SAMPLES[name]
    for _ in range(1_500):
        broken = bytearray(data)
        for _ in range(chance.integers(1, 5)):
            broken[chance.integers(12, len(data))] = chance.choice([0, 1, 8, 0x7F, 0xFF, chance.integers(256)])
        target = io.BytesIO()
        try:
            carrier.write(io.BytesIO(broken), target, OTHER.to_json())  # type: ignore[misc]
            assert OTHER in [finding.label for finding in read_label(target.getvalue()).findings]
        except CarrierError:
            continue


@pytest.mark.parametrize(
    "make",
    [
        lambda: FLV + script(array(named(b"x", b"\x0a\x7f\xff\xff\xff", real(*range(5_000))))),
        lambda: film()[:-40] + b"LIST\xff\xff\xff\x7f",
        lambda: b"RIFF\xff\xff\xff\xffAVI " + bytes(1000),
    ],
)
def test_lying_lengths_take_no_memory(make: Callable[[], bytes]) -> None:
    data = make()
    tracemalloc.start()
    with pytest.raises(CarrierError, match="ends after"):
        read_label(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("name", ["FLV", "AVI", "MP4"])
def test_memory_does_not_grow_with_the_film(name: str, tmp_path: Path) -> None:
    carrier, data = SAMPLES[name]
    frames = {
        "FLV": lambda: tag(9, bytes(16_000_000)) * 2,
        "AVI": lambda: chunk(b"RIFF", b"AVIX" + chunk(b"LIST", b"movi" + bytes(32_000_000))),
        "MP4": lambda: box(b"mdat", bytes(32_000_000)),
    }[name]()
    (tmp_path / "a").write_bytes(data + frames)
    del frames
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("w+b") as target:
        tracemalloc.start()
        carrier.write(source, target, OTHER.to_json())  # type: ignore[misc]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 << 20
    assert read_label(tmp_path / "b").label == OTHER


def test_floods_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_PARTS", 1_000)
    floods = [
        FLV + script(array(*[named(b"x", b"\5")] * 2_000)),
        chunk(b"RIFF", b"AVI " + chunk(b"JUNK") * 2_000),
        FLV + script(array(*[named(b"AIGC", text(TEXT))] * 200)),
    ]
    for flood in floods:
        with pytest.raises(CarrierError, match=r"more than 1000 parts|more than 100 AIGC labels"):
            read_label(flood)
