"""MKV by hand: where labels stand, where they go, what is told anew, and hostile files."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from collections import defaultdict
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy
import pytest

from aigc_hooks import CarrierError, Label, read_label
from aigc_hooks.implicit import bounds, ebml, matroska

LABEL = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")
OTHER = Label(content_producer="acme", produce_id="2", content_propagator="acme", propagate_id="2")
JSON = LABEL.to_json()

TAGS, TAG, TARGETS, SIMPLE, NAME, STRING, BINARY = 0x1254C367, 0x7373, 0x63C0, 0x67C8, 0x45A3, 0x4487, 0x4485
SEGMENT, SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
INFO, CLUSTER, BLOCK, POSITION, CUES, CUE, TRACK, CUE_POSITION = (
    0x1549A966,
    0x1F43B675,
    0xA3,
    0xA7,
    0x1C53BB6B,
    0xBB,
    0xB7,
    0xF1,
)
VOID, CRC = 0xEC, 0xBF


def number(value: int, width: int = 0) -> bytes:
    return value.to_bytes(width or (value.bit_length() + 7) // 8 or 1, "big")


def element(kind: int, *parts: bytes, width: int = 8) -> bytes:
    data = b"".join(parts)
    return number(kind) + (1 << 7 * width | len(data)).to_bytes(width, "big") + data


def live(kind: int, *parts: bytes) -> bytes:
    """An element that does not tell its length."""
    return number(kind) + b"\xff" + b"".join(parts)


def checked(kind: int, *parts: bytes) -> bytes:
    return element(kind, element(CRC, zlib.crc32(b"".join(parts)).to_bytes(4, "little"), width=1), *parts)


HEADER = element(ebml.HEADER, element(0x4282, b"matroska", width=1), width=1)


def simple(name: bytes = b"AIGC", text: bytes = JSON.encode(), kind: int = STRING, *more: bytes) -> bytes:
    return element(SIMPLE, element(NAME, name), element(kind, text), *more)


def tags(*simples: bytes, targets: bytes = b"") -> bytes:
    return element(TAGS, element(TAG, element(TARGETS, targets), *simples))


def cluster(index: int, size: int = 50, position: int | None = None) -> bytes:
    told = b"" if position is None else element(POSITION, number(position, 4), width=1)
    return element(CLUSTER, element(0xE7, number(index)), told, element(BLOCK, bytes([index & 0xFF]) * size))


def seeks(*entries: tuple[int, int], width: int = 4) -> bytes:
    return b"".join(
        element(
            SEEK, element(SEEK_ID, number(kind), width=1), element(SEEK_POSITION, number(at, width), width=1), width=1
        )
        for kind, at in entries
    )


def cues(*places: int, width: int = 4) -> bytes:
    points = (element(CUE, element(TRACK, element(CUE_POSITION, number(at, width), width=1)), width=1) for at in places)
    return checked(CUES, *points)


def film(
    *head: bytes, count: int = 3, behind: tuple[bytes, ...] = (), index: bool = True, room: int | None = None
) -> bytes:
    """A file with clusters and, if wanted, an index that names those and the parts behind them."""
    told: dict[str, int] = defaultdict(int)
    for _ in range(2):
        layout = {"info": element(INFO, element(0x2AD7B1, number(1_000_000)))}
        if index:
            others = [(int.from_bytes(part[:4], "big"), told[f"behind {n}"]) for n, part in enumerate(behind)]
            named = checked(SEEK_HEAD, seeks((INFO, told["info"]), (CUES, told["cues"]), *others))
            layout = {"index": named + (b"" if room is None else element(VOID, bytes(room), width=1)), **layout}
        layout |= {"head": b"".join(head)} | {f"cluster {n}": cluster(n) for n in range(count)}
        layout |= {"cues": cues(*(told[f"cluster {n}"] for n in range(count)))} if index else {}
        layout |= {f"behind {n}": part for n, part in enumerate(behind)}
        for name, start in zip(layout, accumulate(map(len, layout.values()), initial=0), strict=False):
            told[name] = start
    return HEADER + element(SEGMENT, *layout.values())


def write(before: bytes, label: Label = LABEL) -> bytes:
    target = io.BytesIO()
    assert matroska.CARRIER.write is not None
    matroska.CARRIER.write(io.BytesIO(before), target, label.to_json())
    made = target.getvalue()
    found = read_label(made)
    assert ([finding.label for finding in found.findings], found.defects) == ([label], ())
    whole(made)
    return made


def parts(data: bytes, start: int, end: int) -> list[tuple[int, int, bytes]]:
    """Kind, place and content of each element, as this test reads them."""
    found = []
    while start < end:
        width = 9 - data[start].bit_length()
        kind = int.from_bytes(data[start : start + width], "big")
        length_width = 9 - data[start + width].bit_length()
        head = start + width + length_width
        length = int.from_bytes(data[start + width : head], "big") & ((1 << 7 * length_width) - 1)
        last = end if length == (1 << 7 * length_width) - 1 else head + length
        assert last <= end
        found.append((kind, start, data[head:last]))
        start = last
    assert start == end
    return found


def whole(data: bytes) -> None:
    """Every index names what is there, every checksum is right, every cluster tells where it stands."""
    (_, _, _), (kind, begin, content), *_ = parts(data, 0, len(data))
    assert kind == SEGMENT
    start = begin + 5 if data[begin + 4] == 0xFF else begin + 4 + 9 - data[begin + 4].bit_length()
    if data[begin + 4] == 0xFF:
        return
    inner = parts(data, start, start + len(content))
    there = {place - start: kind for kind, place, _ in inner}
    for kind, place, value in inner:
        if value[:1] == bytes([CRC]):
            assert value[2:6] == zlib.crc32(value[6:]).to_bytes(4, "little")
        if kind == SEEK_HEAD:
            for each, _, entry in parts(value, 0, len(value)):
                if each == SEEK:
                    (_, _, named), (_, _, at) = parts(entry, 0, len(entry))
                    assert there[int.from_bytes(at, "big")] == int.from_bytes(named, "big")
        if kind == CUES:
            for each, _, point in parts(value, 0, len(value)):
                if each == CUE:
                    ((_, _, track),) = parts(point, 0, len(point))
                    ((_, _, at),) = parts(track, 0, len(track))
                    assert there[int.from_bytes(at, "big")] == CLUSTER
        if kind == CLUSTER:
            for each, _, at in parts(value, 0, len(value)):
                assert each != POSITION or int.from_bytes(at, "big") in (0, place - start)


TITLE = simple(b"TITLE", "春".encode())


# Where labels stand


@pytest.mark.parametrize(
    ("part", "place", "defects"),
    [
        (tags(simple(b"aigc")), "AIGC", ["the tag is named 'aigc', not 'AIGC'"]),
        (tags(simple(b"COMMENT")), "COMMENT", ["the tag is named 'COMMENT', not 'AIGC'"]),
        (tags(simple(kind=BINARY)), "AIGC", ["it is told to be binary; the guide has a string"]),
        (tags(simple(), targets=element(0x63C5, b"\1")), "AIGC", ["it is a tag of one track, not of the file"]),
        (tags(simple(), targets=element(0x63C4, b"\1")), "AIGC", ["it is a tag of one chapter, not of the file"]),
        (tags(simple(b"X", b"y", STRING, simple())), "AIGC", ["it stands inside another tag"]),
        (tags(simple(text=LABEL.to_json(wrapped=True).encode())), "AIGC", ["the guide asks for the bare object here"]),
        (tags(simple(), targets=element(0x63C5, b"\0")), "AIGC", []),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
def test_labels_are_read_with_their_defects_and_replaced(
    part: bytes, place: str, defects: list[str], behind: bool
) -> None:
    more = tags(TITLE)
    before = film(more, behind=(part,)) if behind else film(part, behind=(more,))
    (finding,) = read_label(before).findings
    assert (finding.label, finding.place, list(finding.defects)) == (LABEL, f"Matroska SimpleTag {place}", defects)
    made = write(before, OTHER)
    assert TITLE in made
    assert b'"ProduceID":"1"' not in made
    assert write(made, OTHER) == made


def test_m12_of_many_labels_one_is_left_wherever_they_stand() -> None:
    before = film(tags(simple(), TITLE), tags(simple()), behind=(tags(simple(), simple(b"A", b"b")), tags(simple())))
    second = HEADER + element(SEGMENT, tags(simple(), simple(b"C", b"d")))
    assert len(read_label(before + second).findings) == 5
    made = write(before + second, OTHER)
    assert write(made, OTHER) == made
    for kept in (TITLE, simple(b"A", b"b"), simple(b"C", b"d")):
        assert kept in made
    assert b'"ProduceID":"1"' not in made


def test_what_follows_the_segment_stays() -> None:
    target = io.BytesIO()
    matroska.CARRIER.write(io.BytesIO(film() + b"junk"), target, JSON)  # type: ignore[misc]
    assert target.getvalue() == write(film()) + b"junk"


# Where they go


def clusters(data: bytes) -> bytes:
    return data[data.index(number(CLUSTER)) : data.rindex(bytes([2]) * 50) + 50]


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize(
    "head", [(), (tags(TITLE),), (tags(TITLE), element(VOID, bytes(900))), (element(VOID, bytes(900)),)]
)
@pytest.mark.parametrize("behind", [(), (tags(TITLE),)])
@pytest.mark.parametrize("room", [None, 60])
def test_every_shape_of_file_keeps_its_clusters_and_its_index(
    head: tuple[bytes, ...], behind: tuple[bytes, ...], room: int | None, index: bool
) -> None:
    before = film(*head, behind=behind, room=room, index=index)
    whole(before)
    made = write(before)
    assert clusters(made) == clusters(before)
    assert made.count(TITLE) == before.count(TITLE)
    assert write(made) == made
    assert write(write(made, OTHER)) == made
    if index:
        assert made.index(number(CLUSTER)) == before.index(number(CLUSTER))
    long = Label(content_producer="acme", produce_id="1", reserved_code1="x" * 3000)
    assert clusters(write(made, long)) == clusters(before)


def test_a_void_of_any_length_is_used_or_left() -> None:
    used = 0
    for length in range(len(JSON), len(JSON) + 60):
        before = film(element(VOID, bytes(length), width=2))
        made = write(before)
        assert clusters(made) == clusters(film())
        used += len(made) == len(before)
    assert 0 < used < 60


def test_a_seek_head_without_room_gives_up_what_readers_pass_anyway() -> None:
    before = film()
    made = write(before)
    head = made[: made.index(number(CLUSTER))]
    assert number(SEEK_ID) + b"\x84" + number(TAGS) in head
    assert number(SEEK_ID) + b"\x84" + number(CUES) in head
    assert number(SEEK_ID) + b"\x84" + number(INFO) not in head


def test_where_nothing_can_be_named_the_clusters_make_way_and_tell_it() -> None:
    front = element(INFO, element(0x2AD7B1, number(1)))
    placed, at = [], len(front)
    for index in range(3):
        placed.append(cluster(index, position=at))
        at += len(placed[-1])
    index = cues(len(front), at - len(placed[-1]))
    before = HEADER + element(SEGMENT, front, *placed, index)
    whole(before)
    made = write(before)
    assert number(TAGS) in made[: made.index(number(CLUSTER))]
    assert [cluster(n)[-50:] in made for n in range(3)] == [True] * 3


def test_a_place_that_no_longer_fits_its_bytes_is_refused() -> None:
    front = element(INFO, element(0x2AD7B1, number(1)))
    before = HEADER + element(SEGMENT, front, cluster(0), cues(len(front), width=1))
    long = Label(content_producer="acme", produce_id="1", reserved_code1="x" * 200)
    with pytest.raises(CarrierError, match="does not fit into its 1 bytes any more; write it anew with `ffmpeg"):
        write(before, long)


def test_streams_that_were_live_get_the_label_before_their_clusters() -> None:
    front = element(INFO, element(0x2AD7B1, number(1)))
    pieces = [live(CLUSTER, element(0xE7, number(n)), element(BLOCK, bytes([n]) * 50)) for n in range(3)]
    before = HEADER + live(SEGMENT, front, *pieces)
    made = write(before)
    assert made.endswith(b"".join(pieces))
    assert made.index(number(TAGS)) < made.index(number(CLUSTER))
    assert write(made) == made
    joined = write(before + before)
    assert joined.endswith(before)
    assert read_label(before + made).label == LABEL  # the second stream's


def test_a_segment_whose_length_has_few_bytes_gets_more() -> None:
    content = film(index=False)[len(HEADER) + 12 :]
    before = HEADER + element(SEGMENT, content, width=2)
    long = Label(content_producer="acme", produce_id="1", reserved_code1="x" * 20_000)
    assert clusters(write(before, long)) == clusters(before)


def test_a_checksum_of_the_whole_segment_goes() -> None:
    before = HEADER + element(SEGMENT, element(CRC, bytes(4), width=1), element(INFO), cluster(0))
    assert element(CRC, bytes(4), width=1) not in write(before)


# What it costs


class Counted(io.BytesIO):
    """Counts what is read."""

    reads = 0

    def read(self, size: Any = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def test_reading_costs_the_same_however_many_clusters_there_are() -> None:
    costs = []
    for count in (500, 5_000):
        stream = Counted(film(count=count, behind=(tags(simple()),)))
        assert len(list(matroska.CARRIER.read(stream))) == 1
        costs.append(stream.reads)
    assert costs[0] == costs[1] < 20


def test_an_index_that_lies_is_not_believed() -> None:
    before = film(behind=(tags(simple()),))
    at = before.index(number(TAGS, 4))
    wrong = before[:at] + bytes(b ^ 1 for b in before[at : at + 4]) + before[at + 4 :]
    assert len(read_label(wrong).findings) == 1


def test_tags_that_no_index_names_are_found_behind_the_last_cluster() -> None:
    before = film()
    inside = before[len(HEADER) + 12 :]
    assert read_label(HEADER + element(SEGMENT, inside, tags(simple()))).label == LABEL


# Damaged and hostile files


def test_every_truncation_is_a_reading_or_one_clear_error() -> None:
    data = film(tags(simple(), TITLE), behind=(tags(simple(b"A", b"b")),))
    for end in range(len(data)):
        with pytest.raises(CarrierError):
            read_label(data[:end])
        with pytest.raises(CarrierError):
            write(data[:end])


@pytest.mark.parametrize("form", ["index", "live"])
def test_changed_bytes_are_one_clear_error_or_a_file_with_the_label(form: str) -> None:
    chance = numpy.random.default_rng(5)
    data = film(tags(simple(), TITLE), behind=(tags(simple(b"A", b"b")),), index=form == "index")
    for _ in range(1_500):
        broken = bytearray(data)
        for _ in range(chance.integers(1, 5)):
            broken[chance.integers(len(HEADER), len(data))] = chance.choice(
                [0, 1, 0x80, 0xFF, 0xEC, chance.integers(256)]
            )
        target = io.BytesIO()
        try:
            matroska.CARRIER.write(io.BytesIO(broken), target, OTHER.to_json())  # type: ignore[misc]
            assert OTHER in [finding.label for finding in read_label(target.getvalue()).findings]
        except CarrierError:
            continue


def deep(count: int) -> bytes:
    made = simple()
    for _ in range(count):
        made = simple(b"X", b"y", STRING, made)
    return made


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: HEADER, "ends after the file|no EBML element"),
        (lambda: HEADER + element(INFO), "no segment"),
        (lambda: HEADER + element(SEGMENT, b"\0" * 20), "no EBML element"),
        (lambda: HEADER + element(SEGMENT, live(INFO)), "does not tell its length"),
        (lambda: HEADER + number(SEGMENT) + b"\x01" + b"\x7f" * 7, "ends after the file"),
        (lambda: HEADER + element(SEGMENT, number(TAGS) + b"\x01" + b"\x7f" * 7), "ends after the file or its parent"),
        (lambda: HEADER + element(SEGMENT, *[element(VOID)] * 10_001), "more than 10000 parts"),
        (lambda: HEADER + element(SEGMENT, tags(*[simple()] * 200)), "more than 100 AIGC labels"),
        (lambda: HEADER + element(SEGMENT, tags(simple(text=b"x" * (bounds.MAX_TEXT + 1)))), "longer than the 1048576"),
        (lambda: HEADER + element(SEGMENT, element(TAGS, bytes(bounds.MAX_PACKET + 1))), "longer than the"),
    ],
)
def test_lies_and_floods_are_clear_errors(make: Callable[[], bytes], match: str) -> None:
    data = make()
    stream = io.BytesIO(data)
    stream.read(1)
    tracemalloc.start()
    with pytest.raises(CarrierError, match=match):
        list(matroska.CARRIER.read(stream))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(data) + (4 << 20)


def test_tags_that_are_nested_without_end_are_not_followed() -> None:
    data = HEADER + element(SEGMENT, tags(deep(400)), cluster(0))
    assert read_label(data).findings == ()
    assert write(data)


def test_an_index_that_names_itself_ends() -> None:
    head = element(SEEK_HEAD, seeks((SEEK_HEAD, 0), (SEEK_HEAD, 0), (TAGS, 5)))
    data = HEADER + element(SEGMENT, head, cluster(0), tags(simple()))
    assert read_label(data).label == LABEL
    assert write(data)
