"""Films by ffmpeg and mkvmerge: labelled without a change to any frame, read by ffprobe, ExifTool and mkvmerge."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import ForeignLabelError, Label, UnsupportedCarrierError, read_label, write_label
from aigc_hooks.implicit import plugin

Command = Callable[..., bytes]

LABEL = Label(
    content_producer="acme",
    produce_id="1",
    reserved_code1='{"a":"<&>\'"}',
    content_propagator="acme",
    propagate_id="1",
)
OTHER = Label(
    content_producer="acme",
    produce_id="2",
    reserved_code1='{"a":"<&>\'"}',
    content_propagator="acme",
    propagate_id="2",
)
FOREIGN = Label(content_producer="other", produce_id="1", content_propagator="other", propagate_id="1")
JSON = LABEL.to_json()

FILM = ["-f", "lavfi", "-i", "testsrc=d=2:s=64x48:r=10", "-f", "lavfi", "-i", "sine=d=2:r=22050"]
CHAPTERS = ";FFMETADATA1\ntitle=春\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={start + 1000}\ntitle={name}\n"
    for start, name in ((0, "one"), (1000, "two"))
)
TEXTS = "1\n00:00:00,000 --> 00:00:01,500\nhello\n"
ALL = ["-i", "{base}", "-i", "{chapters}", "-i", "{texts}", "-map", "0", "-map", "0:a", "-map", "2", "-c", "copy"]
TITLES = ["-map_metadata", "1"]
COPY = ["-i", "{base}", "-i", "{chapters}", "-map", "0", "-c", "copy", *TITLES]
WEBM = ["-i", "{webm}", "-c", "copy"]
MATROSKA = "Matroska SimpleTag AIGC"
KEYS = "moov.udta.meta keys AIGC"

FILMS: dict[str, tuple[str, list[str]]] = {
    "plain.mkv": (MATROSKA, COPY),
    "all.mkv": (MATROSKA, [*ALL, *TITLES, "-cluster_time_limit", "300"]),
    "front.mkv": (MATROSKA, [*COPY, "-cues_to_front", "1"]),
    "room.mkv": (MATROSKA, [*COPY, "-reserve_index_space", "3000"]),
    "bare.mkv": (MATROSKA, ["-i", "{base}", "-c", "copy", "-map_metadata", "-1", "-fflags", "+bitexact"]),
    "plain.webm": (MATROSKA, WEBM),
    "live.webm": (MATROSKA, [*WEBM, "-live", "1", "-f", "webm"]),
    "plain.flv": ("FLV onMetaData AIGC", COPY),
    "index.flv": ("FLV onMetaData AIGC", [*COPY, "-flvflags", "add_keyframe_index"]),
    "bare.flv": ("FLV onMetaData AIGC", [*COPY, "-flvflags", "no_metadata"]),
    "plain.avi": ("AVI LIST INFO AIGC", ["-i", "{old}", "-c", "copy", "-metadata", "title=cat"]),
    "full.avi": ("AVI LIST INFO AIGC", ["-i", "{old}", "-c", "copy", "-metadata_header_padding", "0"]),
    "all.mp4": (KEYS, [*ALL, *TITLES, "-c:s", "mov_text"]),
    "first.mp4": (KEYS, [*ALL, *TITLES, "-c:s", "mov_text", "-movflags", "+faststart"]),
    "room.mp4": (KEYS, [*COPY, "-moov_size", "20000"]),
    "turned.mp4": (KEYS, [*COPY, "-metadata:s:v", "rotate=90", "-movflags", "+faststart"]),
    "pieces.mp4": (KEYS, [*COPY, "-movflags", "+frag_keyframe+empty_moov"]),
    "sidx.mp4": (KEYS, [*COPY, "-movflags", "+dash+global_sidx"]),
    "time.mov": (KEYS, [*COPY, "-timecode", "01:00:00:00", "-movflags", "+faststart"]),
    "pieces.ismv": (KEYS, COPY),
    "plain.3gp": (KEYS, COPY),
    "plain.3g2": (KEYS, COPY),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    made = tmp_path_factory.mktemp("films")
    names = {
        "base": made / "base.mp4",
        "webm": made / "base.webm",
        "old": made / "base.avi",
        "chapters": made / "c.txt",
        "texts": made / "t.srt",
    }
    names["chapters"].write_text(CHAPTERS, encoding="utf-8")
    names["texts"].write_text(TEXTS)
    command("ffmpeg", "-v", "error", *FILM, "-c:v", "libx264", "-g", "5", "-bf", "2", "-c:a", "aac", names["base"])
    command("ffmpeg", "-v", "error", *FILM, "-c:v", "libvpx", "-g", "5", "-c:a", "libopus", names["webm"])
    command("ffmpeg", "-v", "error", *FILM, "-c:v", "mpeg4", "-g", "5", "-c:a", "libmp3lame", names["old"])
    for name, (_, options) in FILMS.items():
        command("ffmpeg", "-v", "error", *(option.format(**names) for option in options), made / name)
    for name in ("pipe.mkv", "pipe.webm"):  # neither lengths nor an index
        base = names["webm" if name.endswith("webm") else "base"]
        data = command(
            "ffmpeg", "-v", "error", "-i", base, "-c", "copy", "-f", name[5:].replace("mkv", "matroska"), "-"
        )
        (made / name).write_bytes(data)
    command("mkvmerge", "-q", "-o", made / "merged.mkv", made / "all.mkv")
    return made


NAMES = [*FILMS, "pipe.mkv", "pipe.webm", "merged.mkv"]


@pytest.fixture(params=NAMES)
def film(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_bytes((folder / request.param).read_bytes())
    return path


@pytest.fixture
def content(tmp_path: Path, command: Command) -> Callable[[Path], tuple[bytes, ...]]:
    """Digests: of all packets as they are stored, of each frame as it is decoded, of the frame that a seek finds."""

    def read(path: Path) -> tuple[bytes, ...]:
        out = [tmp_path / name for name in ("packets", "frames", "sought")]
        inputs = ["-i", path, "-ss", "1.2", "-i", path]
        packets = ["-map", "0", "-c", "copy", "-f", "md5", out[0]]
        frames = ["-map", "0:v", "-map", "0:a", "-f", "framemd5", out[1]]
        sought = ["-map", "1:v", "-frames:v", "1", "-f", "framemd5", out[2]]
        command("ffmpeg", "-y", "-v", "error", *inputs, *packets, *frames, *sought)
        return tuple(each.read_bytes() for each in out)

    return read


def probed(path: Path, command: Command) -> dict[str, Any]:
    """What ffprobe reads of a file, without what changes with its size."""
    shown = ["-show_format", "-show_streams", "-show_chapters"]
    found = json.loads(command("ffprobe", "-v", "error", *shown, "-of", "json", path))
    tags = found["format"].pop("tags", {})
    return {
        "tags": {key.upper(): value for key, value in tags.items()},
        "streams": found["streams"],
        "chapters": found["chapters"],
        "duration": found["format"].get("duration"),
    }


def place(path: Path) -> str:
    return FILMS[path.name][0] if path.name in FILMS else MATROSKA


def test_f16_to_f19_the_label_is_written_and_all_else_stays(
    film: Path, content: Callable[[Path], tuple[bytes, ...]], command: Command
) -> None:
    before, was = content(film), probed(film, command)
    write_label(film, LABEL)
    (finding,) = read_label(film).findings
    assert (finding.label, finding.place, finding.raw) == (LABEL, place(film), JSON)
    assert read_label(film).conforms
    assert content(film) == before
    found = probed(film, command)
    assert found["tags"].pop("AIGC") == JSON
    for tags in (found["tags"], was["tags"]):  # a place in the file
        tags.pop("LASTKEYFRAMELOCATION", None)
    assert found["tags"].items() >= was["tags"].items()
    assert (found["streams"], found["chapters"]) == (was["streams"], was["chapters"])
    # Of files without an index, ffprobe tells the length from their size.
    assert found["duration"] == was["duration"] or film.name.startswith(("pipe", "live", "bare"))


def test_other_readers_find_one_label_and_nothing_to_complain_of(film: Path, command: Command) -> None:
    def complaints(path: Path) -> list[str]:
        lines = command("exiftool", "-a", "-u", "-ee", "-G1", "-s", path).decode(errors="replace").splitlines()
        assert len([line for line in lines if "ContentProducer" in line]) == (path.name == film.name), lines
        return [line for line in lines if "Warning" in line]

    other = film.with_name("before" + film.suffix)
    other.write_bytes(film.read_bytes())
    write_label(film, LABEL)
    if film.suffix == ".avi":  # ExifTool does not print what it does not know of INFO
        assert film.read_bytes().count(b"ContentProducer") == 1
    else:
        assert complaints(film) == complaints(other)
    if film.suffix in (".mkv", ".webm"):
        report = json.loads(command("mkvmerge", "-J", film))
        assert (report["errors"], report["warnings"]) == ([], [])
        assert report["global_tags"] == [{"num_entries": report["global_tags"][0]["num_entries"]}]


def test_m11_any_number_of_writes_leaves_one_and_the_same_bytes(film: Path) -> None:
    once = write_label(film, LABEL).read_bytes()
    write_label(film, OTHER)
    assert [finding.label for finding in read_label(film).findings] == [OTHER]
    assert b'"ProduceID":"1"' not in film.read_bytes()
    assert write_label(film, LABEL).read_bytes() == once


def test_m18_anothers_label_stays(film: Path) -> None:
    before = write_label(film, FOREIGN).read_bytes()
    with pytest.raises(ForeignLabelError, match=r"already holds the label of 'other'"):
        write_label(film, LABEL)
    assert film.read_bytes() == before


@pytest.mark.parametrize("name", ["all.mkv", "pipe.webm", "merged.mkv", "index.flv", "full.avi", "first.mp4"])
def test_m17_long_values_come_and_go(
    name: str, folder: Path, tmp_path: Path, content: Callable[[Path], tuple[bytes, ...]]
) -> None:
    path = tmp_path / name
    path.write_bytes((folder / name).read_bytes())
    before = content(path)
    long = Label(content_producer="acme", produce_id="1", reserved_code1="x" * 70_000)
    assert read_label(write_label(path, long)).label == long
    assert content(path) == before
    write_label(path, LABEL)
    assert read_label(path).conforms
    assert content(path) == before


def test_each_film_is_recognised_by_one_carrier(folder: Path) -> None:
    for path in folder.iterdir():
        if path.suffix not in (".txt", ".srt"):
            heads = [carrier.name for carrier in plugin.aigc_carriers() if carrier.sniff(path.read_bytes()[:64])]
            assert len(heads) == 1, (path, heads)


@pytest.mark.parametrize("name", ["room.mkv", "plain.avi", "room.mp4"])
def test_where_there_is_room_nothing_moves(name: str, folder: Path, tmp_path: Path) -> None:
    before = (folder / name).read_bytes()
    made = write_label(folder / name, LABEL, output=tmp_path / name).read_bytes()
    different = [at for at in range(len(before)) if before[at] != made[at]]
    assert len(made) == len(before)
    assert different[-1] - different[0] < 20_100
    assert different[-1] < before.index({".mkv": b"\x1f\x43\xb6\x75", ".avi": b"movi", ".mp4": b"mdat"}[name[-4:]])


@pytest.mark.parametrize("name", ["all.mkv", "plain.webm", "live.webm", "bare.mkv"])
def test_the_clusters_of_a_film_with_an_index_stay_where_they_are(name: str, folder: Path, tmp_path: Path) -> None:
    before = (folder / name).read_bytes()
    made = write_label(folder / name, LABEL, output=tmp_path / name).read_bytes()
    cluster = before.index(b"\x1f\x43\xb6\x75")
    assert made[cluster : len(before)] == before[cluster:]


def test_flv_tells_its_key_frames_and_its_length_anew(folder: Path, tmp_path: Path) -> None:
    frames = []
    for path in (folder / "index.flv", write_label(folder / "index.flv", LABEL, output=tmp_path / "index.flv")):
        data = path.read_bytes()
        start = data.index(b"filepositions\x0a") + 14
        (count,) = struct.unpack_from(">I", data, start)
        places = [int(struct.unpack_from(">d", data, start + 5 + 9 * number)[0]) for number in range(count)]
        assert len(places) >= 4
        assert all(data[place] == 9 and data[place + 11] >> 4 == 1 for place in places[1:])
        assert struct.unpack_from(">d", data, data.index(b"filesize\0") + 9) == (len(data),)
        (last,) = struct.unpack_from(">d", data, data.index(b"lastkeyframelocation\0") + 21)
        frames.append((places[-1] - last, data[int(last) :]))
        place = 13
        while place < len(data):
            size = 11 + int.from_bytes(data[place + 1 : place + 4], "big")
            assert struct.unpack_from(">I", data, place + size) == (size,)
            place += size + 4
        assert place == len(data)
    assert frames[0] == frames[1]


def test_f20_wmv_keeps_its_packets(folder: Path, tmp_path: Path, command: Command) -> None:
    path = tmp_path / "a.wmv"
    command("ffmpeg", "-v", "error", "-i", folder / "base.avi", "-c", "copy", path)
    packets = ["ffmpeg", "-v", "error", "-i", path, "-map", "0", "-c", "copy", "-f", "md5", "-"]
    before = command(*packets)
    assert read_label(write_label(path, LABEL)).label == LABEL
    assert command(*packets) == before
    assert probed(path, command)["tags"]["AIGC"] == JSON


@pytest.mark.parametrize("form", ["mpegts", "m2ts"])
def test_f20_transport_streams_are_refused_with_the_way_out(
    form: str, folder: Path, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / "a.ts"
    options = ["-f", "mpegts", "-mpegts_m2ts_mode", str(int(form == "m2ts"))]
    command("ffmpeg", "-v", "error", "-i", folder / "base.mp4", "-c", "copy", *options, path)
    before = path.read_bytes()
    for work in (lambda: read_label(path), lambda: write_label(path, LABEL)):
        with pytest.raises(UnsupportedCarrierError, match=r"MPEG-TS.* no place .*`ffmpeg -i in.ts .* out.mp4`"):
            work()
    assert path.read_bytes() == before
    command("ffmpeg", "-v", "error", "-i", path, "-map", "0", "-c", "copy", tmp_path / "out.mp4")
    assert read_label(write_label(tmp_path / "out.mp4", LABEL)).conforms
