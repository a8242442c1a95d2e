"""K-10: digests of films, documents, pages, notebooks and models; what changes them, and that labels do not."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import nbformat
import odf.opendocument
import openpyxl
import pptx
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odf.text import P
from openpyxl.packaging.custom import StringProperty
from PIL import Image

from aigc_hooks import CarrierError, Label, Provider, read_label, verify, write_label
from aigc_hooks.on_disk import label_metadata
from aigc_hooks.reading import known_carrier
from aigc_hooks.security import content
from aigc_hooks.security.signing import signed
from aigc_hooks.security.verification import keys_of, verified

Command = Callable[..., bytes]

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
BOOK = (
    '<?xml version="1.0" encoding="utf-8"?>\n<package xmlns="http://www.idpf.org/2007/opf" version="3.0">\n  <metadata '
    'xmlns:dc="http://purl.org/dc/elements/1.1/">\n    <dc:title>春</dc:title>\n  </metadata>\n  <manifest>\n    '
    '<item id="a" href="a.xhtml"/>\n    <item id="b" href="b.xhtml"/>\n  </manifest>\n  <spine><itemref idref="a"/>'
    '<itemref idref="b"/></spine>\n</package>\n'
)
OFD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016" DocType="OFD" '
    'Version="1.0"><ofd:DocBody><ofd:DocInfo><ofd:DocID>0123</ofd:DocID></ofd:DocInfo>'
    "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
)
FILM = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1")
SOUND = ("-f", "lavfi", "-i", "sine=duration=1:sample_rate=11025")
FILMS = {
    "a.mkv": (*FILM, *SOUND, "-c:v", "mpeg4", "-c:a", "mp2", "-ar", "48000"),
    "live.mkv": (*FILM, *SOUND, "-c:v", "mpeg4", "-c:a", "pcm_s16le", "-live", "1", "-cluster_time_limit", "200"),
    "a.webm": (*FILM, "-c:v", "libvpx"),
    "a.flv": (*FILM, *SOUND, "-c:v", "flv"),
    "indexed.flv": (*FILM, *SOUND, "-c:v", "flv", "-flvflags", "add_keyframe_index"),
    "a.avi": (*FILM, *SOUND, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "pipe.avi": (*FILM, "-c:v", "mpeg4"),
    "a.mp4": (*FILM, *SOUND, "-c:v", "libx264", "-c:a", "aac"),
    "fast.mp4": (*FILM, *SOUND, "-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart"),
    "pieces.mp4": (*FILM, "-c:v", "libx264", "-g", "3", "-movflags", "frag_keyframe+empty_moov"),
    "dash.mp4": (*FILM, "-c:v", "libx264", "-g", "3", "-movflags", "dash+global_sidx+frag_keyframe"),
    "a.mov": (*FILM, *SOUND, "-c:v", "mjpeg", "-c:a", "pcm_s16be"),
    "a.m4a": (*SOUND, "-c:a", "aac"),
    "a.wav": (*SOUND, "-c:a", "libmp3lame"),
}


def packed(parts: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else None)
    return made.getvalue()


def saved(save: Callable[[io.BytesIO], Any]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def _sheet() -> bytes:
    book = openpyxl.Workbook()
    book.active["A1"] = "春"
    book.custom_doc_props.append(StringProperty(name="Project", value="x<y"))
    return saved(book.save)


def _text() -> bytes:
    document = odf.opendocument.OpenDocumentText()
    document.text.addElement(P(text="春眠不觉晓"))
    return saved(document.write)


def _pages() -> bytes:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(72, 72)
    writer.add_metadata({"/Title": "Spring"})
    return saved(writer.write)


def _glb() -> bytes:
    scene = b'{"asset":{"version":"2.0"},"buffers":[{"byteLength":4}]}'
    scene += b" " * (-len(scene) % 4)
    chunks = len(scene).to_bytes(4, "little") + b"JSON" + scene + b"\4\0\0\0BIN\0\1\2\3\4"
    return b"glTF\2\0\0\0" + (len(chunks) + 12).to_bytes(4, "little") + chunks


def documents() -> dict[str, bytes]:
    """Small documents of each format by programs that this project did not write, or by hand."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python"}}
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("2")], metadata=kernel)
    page = '<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset="utf-8">\n    <title>春</title>\n  </head>\n<p>hi\n'
    return {
        "a.docx": saved(docx.Document().save),
        "a.xlsx": _sheet(),
        "b.xlsx": saved(openpyxl.Workbook().save),
        "a.pptx": saved(pptx.Presentation().save),
        "a.odt": _text(),
        "a.epub": packed({"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "book.opf": BOOK,
                          "a.xhtml": "<p>a</p>", "b.xhtml": "<p>b</p>"}),
        "a.ofd": packed({"OFD.xml": OFD, "Doc_0/Document.xml": "<x/>"}),
        "a.pdf": _pages(),
        "b.pdf": saved(lambda buffer: Image.new("RGB", (9, 9)).save(buffer, "PDF")),
        "a.html": page.encode(),
        "b.html": b"<html><head><title>x</title></head><body>a</body></html>",
        "c.html": b"\xff\xfe" + "<!doctype html>\r\n<p>hi \U0001f600".encode("utf-16-le"),
        "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="4" height="4"/></svg>',
        "b.svg": b'<?xml version="1.0"?>\n<s:svg xmlns:s="http://www.w3.org/2000/svg"/>\n',
        "a.ipynb": nbformat.writes(notebook).encode(),
        "b.ipynb": nbformat.writes(other).encode(),
        "a.gltf": b'{\n  "asset": {"version": "2.0", "generator": "x"},\n  "scenes": []\n}\n',
        "b.gltf": b'{"asset":{"version":"2.0","extras":{}},"scenes":[]}',
        "a.glb": _glb(),
        "a.ply": b"ply\r\nformat ascii 1.0\r\ncomment x\r\nelement vertex 1\r\nproperty float x\r\nend_header\r\n1\r\n",
        "a.obj": b"# by hand\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\n",
        "b.obj": b"v 1 0 0",
    }  # fmt: skip


DOCUMENTS = documents()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, command: Command) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("films")
    for name, arguments in FILMS.items():
        command("ffmpeg", "-loglevel", "error", *arguments, folder / name)
    return {**DOCUMENTS, **{name: (folder / name).read_bytes() for name in FILMS}}


def digest(data: bytes, name: str = "") -> bytes | None:
    carrier = known_carrier(data[:4096], Path(name))
    assert carrier is not None
    return content.digest(io.BytesIO(data), carrier.name)


def label(code: str) -> Label:
    return Label.unchecked(
        label="1", content_producer="acme", produce_id="1", reserved_code1=code, content_propagator="b",
        propagate_id="2", reserved_code2="",
    )  # fmt: skip


@pytest.mark.parametrize("name", [*DOCUMENTS, *FILMS])
def test_writing_labels_does_not_change_the_digest(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(files[name])
    before = digest(files[name], name)
    assert before is not None
    for code in ("", "x" * 900, "y" * 9000, "z" * 70, "\"<&>'é\u2028"):
        write_label(path, label(code))
        assert digest(path.read_bytes(), name) == before, len(code)


@pytest.fixture
def provider(signing: Any) -> Provider:
    made: Provider = signing("ed25519")
    return made


def signed_file(name: str, files: dict[str, bytes], provider: Provider, tmp_path: Path) -> bytes:
    source, target = tmp_path / name, tmp_path / f"signed-{name}"
    source.write_bytes(files[name])
    label_metadata(source, target, provider)
    found = verify(target, provider=provider)
    assert (found.status, found.content) == ("intact", "intact"), found.reasons
    return target.read_bytes()


def altered(data: bytes, name: str, provider: Provider) -> bool:
    """Whether a change is seen: it is no file of this format any more, or not what was signed."""
    try:
        return not verified(io.BytesIO(data), name, keys_of(provider)).ok
    except CarrierError:
        return True


@pytest.mark.parametrize("name", [*DOCUMENTS, *(name for name in FILMS if name != "a.wav")])
def test_every_altered_byte_of_the_content_is_seen(
    name: str, files: dict[str, bytes], provider: Provider, tmp_path: Path
) -> None:
    """Every byte that the file had before it was labelled, but for those that are metadata or tell places."""
    made, old = signed_file(name, files, provider, tmp_path), files[name]
    free = _free(name, made)
    step = max(1, len(old) // 80)
    missed = []
    for at in range(step // 2, len(made), step):
        changed = made[:at] + bytes([made[at] ^ 1 << at % 8]) + made[at + 1 :]
        if not altered(changed, name, provider) and not any(start <= at < end for start, end in free):
            missed.append(at)
    assert missed == []


def _free(name: str, made: bytes) -> list[tuple[int, int]]:
    """Where a byte may change: the label, and what is no content."""
    found = []
    wide = "utf-16-le" if name == "c.html" else "ascii"
    for word in ("AIGC", "Propagat", "ReservedCode", "ProduceID", "Label", "acme"):
        raw, at = word.encode(wide), -1
        while (at := made.find(raw, at + 1)) >= 0:
            found.append((at - 100, at + 160))
    if name.endswith((".mkv", ".webm", ".flv", ".avi")):
        found += _loose_of_films(name, made)
    if name.endswith((".mp4", ".mov", ".m4a")):
        found += _loose_of_boxes(made, 0, len(made))
    if name.endswith((".docx", ".xlsx", ".pptx", ".odt", ".epub", ".ofd")):
        found += _loose_of_packages(made)
    return found


def _loose_of_films(name: str, made: bytes) -> list[tuple[int, int]]:
    if name.endswith(".flv"):
        start = made.index(b"onMetaData") - 14
        return [(start, start + 15 + int.from_bytes(made[start + 1 : start + 4], "big"))]
    if name.endswith(".avi"):  # lists of texts, junk
        return [(made.index(kind) - 4, made.index(kind) + 1100) for kind in (b"LIST", b"JUNK") if kind in made]
    found, at = [], made.index(b"\x18\x53\x80\x67") + 12
    while at < len(made):  # elements of the segment, by a reader of its own
        kind, width = made[at : at + 4], 4
        if made[at] & 0x80:
            kind, width = made[at : at + 1], 1
        count = 9 - made[at + width].bit_length()
        size = int.from_bytes(made[at + width : at + width + count], "big") & (1 << 7 * count) - 1
        end = at + width + count + size
        if size == (1 << 7 * count) - 1 or kind in (b"\x1f\x43\xb6\x75",):
            found.append((at, at + 40))  # a cluster's checksum and position
        elif kind not in (b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b"):
            found.append((at, end))
        at = end if end < len(made) and size != (1 << 7 * count) - 1 else len(made)
    return found


def _loose_of_boxes(made: bytes, at: int, end: int) -> list[tuple[int, int]]:
    """Room, metadata, times and indexes of fragments; the lengths of boxes with others in them."""
    found = []
    while at + 8 <= end:
        size, kind = int.from_bytes(made[at : at + 4], "big"), made[at + 4 : at + 8]
        if kind in (b"udta", b"meta", b"free", b"sidx", b"mfra"):
            found.append((at, at + size))
        elif kind in (b"mvhd", b"tkhd", b"mdhd"):
            found.append((at + 12, at + 20))
        elif kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf"):
            found += [(at, at + 4), *_loose_of_boxes(made, at + 8, at + size)]
        at += max(size, 8)
    return found


def _loose_of_packages(made: bytes) -> list[tuple[int, int]]:
    """The parts that hold or register the label, with their heads and records: their XML counts, not its packing."""
    found = []
    with zipfile.ZipFile(io.BytesIO(made)) as file:
        for item in file.infolist():
            if item.filename in ("docProps/custom.xml", "[Content_Types].xml", "_rels/.rels", "meta.xml", "book.opf",
                                 "META-INF/manifest.xml", "OFD.xml"):  # fmt: skip
                end = item.header_offset + 30 + len(item.filename) + 64 + item.compress_size
                found.append((item.header_offset, end))
                at = made.rindex(item.filename.encode())
                found.append((at - 46, at + len(item.filename)))
    return [*found, (len(made) - 22, len(made))]


# What an attacker would try


@pytest.mark.parametrize("name", ["a.docx", "a.epub", "a.odt", "a.ofd", "a.xlsx"])
def test_packages_that_are_packed_anew_with_something_else(
    name: str, files: dict[str, bytes], provider: Provider, tmp_path: Path
) -> None:
    made = signed_file(name, files, provider, tmp_path)
    with zipfile.ZipFile(io.BytesIO(made)) as file:
        parts = {item.filename: file.read(item) for item in file.infolist()}
    big = max(parts, key=lambda part: len(parts[part]) if not part.endswith((".rels", "custom.xml")) else 0)
    for change in (
        {big: parts[big] + b" "},
        {"extra.xml": b"<x/>"},
        {"word/../x": b""},
    ):
        changed = saved(lambda buffer, change=change: _repack(buffer, {**parts, **change}))  # type: ignore[misc]
        assert altered(changed, name, provider), change
    appended = io.BytesIO(made)
    with zipfile.ZipFile(appended, "a") as file:
        file.writestr("late.xml", "<x/>")
    assert altered(appended.getvalue(), name, provider)
    with zipfile.ZipFile(appended := io.BytesIO(made), "a") as file:
        file.comment = b"hello"
    assert altered(appended.getvalue(), name, provider)


def _repack(buffer: io.BytesIO, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for part, data in parts.items():
            file.writestr(part, data)


@pytest.mark.parametrize(
    ("name", "part", "old", "new"),
    [
        ("a.epub", "book.opf", b'idref="a"', b'idref="b"'),
        ("a.epub", "book.opf", "春".encode(), "秋".encode()),
        ("a.epub", "book.opf", b"</manifest>", b'<item id="c" href="c"/></manifest>'),
        ("a.ofd", "OFD.xml", b"Doc_0/", b"Doc_1/"),
        ("a.docx", "_rels/.rels", b"word/document.xml", b"word/styles.xml"),
        ("a.docx", "[Content_Types].xml", b"document.main+xml", b"template.main+xml"),
        ("a.xlsx", "docProps/custom.xml", b"x&lt;y", b"x&lt;z"),
        ("a.odt", "META-INF/manifest.xml", b"content.xml", b"c0ntent.xml"),
    ],
)
def test_what_else_the_part_of_the_label_tells(
    name: str, part: str, old: bytes, new: bytes, files: dict[str, bytes], provider: Provider, tmp_path: Path
) -> None:
    from aigc_hooks.implicit.bounds import Source
    from aigc_hooks.implicit.zipped import Package

    made = signed_file(name, files, provider, tmp_path)
    package = Package(Source(io.BytesIO(made), "ZIP"))
    data = package.read(part)
    for change, seen in ((data.replace(old, new), True), (data.replace(b"><", b">\n  <"), False)):
        assert change != data or not seen
        target = io.BytesIO()
        package.copy_to(target, {part: change})
        assert altered(target.getvalue(), name, provider) == seen


def test_a_pdf_with_more_in_the_update_of_the_label(
    files: dict[str, bytes], provider: Provider, tmp_path: Path
) -> None:
    made = signed_file("a.pdf", files, provider, tmp_path)
    update = made.index(b"%AIGC label")
    table = made.index(b"xref\n0 1", update)
    evil = b"9 0 obj\n<< /S /JavaScript >>\nendobj\n"
    place = made.rindex(b"startxref\n")
    moved = made[:table] + evil + made[table:place] + b"startxref\n%d\n%%%%EOF\n" % (table + len(evil))
    assert read_label(moved).label == read_label(made).label
    assert altered(moved, "a.pdf", provider)
    later = pypdf.PdfWriter(io.BytesIO(made), incremental=True)
    later.add_metadata({"/Title": "Winter"})
    assert altered(saved(later.write), "a.pdf", provider)
    assert altered(made + b"% more\n", "a.pdf", provider)


def test_pages_and_pictures_with_more_in_the_label(files: dict[str, bytes], provider: Provider, tmp_path: Path) -> None:
    page = signed_file("a.html", files, provider, tmp_path)
    for new in (b'<meta http-equiv="refresh" name="AIGC"', b'<meta charset="utf-7" name="AIGC"'):
        assert altered(page.replace(b'<meta name="AIGC"', new), "a.html", provider)
    assert altered(page.replace(b'<meta name="AIGC"', b'<script>1</script><meta name="AIGC"'), "a.html", provider)
    assert altered(page.replace(b"hi", b"ho"), "a.html", provider)
    drawing = signed_file("a.svg", files, provider, tmp_path)
    assert drawing.count(b"</TC260:AIGC>") == 1
    for old, new in (
        (b"</TC260:AIGC>", b"<script>1</script></TC260:AIGC>"),
        (b"<TC260:AIGC>", b'<TC260:AIGC onload="x()">'),
        (b"</TC260:AIGC>", b"</TC260:AIGC><script>1</script>"),
        (b"<metadata>", b"<metadata><script>1</script>"),
    ):
        assert altered(drawing.replace(old, new), "a.svg", provider), new


def test_json_with_other_members(files: dict[str, bytes], provider: Provider, tmp_path: Path) -> None:
    for name, old, new in (
        ("a.ipynb", b'"1 + 1"', b'"1 + 2"'),
        ("b.ipynb", b'"metadata": {', b'"metadata": {"trusted": true,'),
        ("a.gltf", b'"generator": "x"', b'"generator": "y"'),
        ("b.gltf", b'"extras":{', b'"extras":{"a":1,'),
        ("a.gltf", b'"scenes"', b'"extras":{"a":1},"scenes"'),
    ):
        made = signed_file(name, files, provider, tmp_path)
        assert old in made
        assert altered(made.replace(old, new, 1), name, provider), (name, new)


def test_frames_in_another_order(files: dict[str, bytes], provider: Provider, tmp_path: Path) -> None:
    """An index that leads elsewhere shows other pictures, though every picture is there."""
    made = signed_file("pipe.avi", files, provider, tmp_path)
    at = made.index(b"idx1") + 8
    one, other = made[at : at + 16], made[at + 16 : at + 32]
    assert altered(made[:at] + other + one + made[at + 32 :], "pipe.avi", provider)
    assert altered(made[:at] + one + one[:8] + other[8:] + made[at + 32 :], "pipe.avi", provider)
    # The same index counted from the beginning of the file, as some programs write it, is the same.
    film = made.index(b"movi")
    count = int.from_bytes(made[at - 4 : at], "little") // 16
    entries = [made[at + 16 * each : at + 16 * each + 16] for each in range(count)]
    told = b"".join(e[:8] + (int.from_bytes(e[8:12], "little") + film).to_bytes(4, "little") + e[12:] for e in entries)
    assert not altered(made[:at] + told + made[at + len(told) :], "pipe.avi", provider)


def test_others_titles_beside_the_label_are_no_content(
    files: dict[str, bytes], provider: Provider, tmp_path: Path, command: Command
) -> None:
    from aigc_hooks.implicit import ebml

    made = signed_file("a.mkv", files, provider, tmp_path)
    at = made.index(b"ENCODER")
    assert not altered(made[:at] + b"EMCODER" + made[at + 7 :], "a.mkv", provider)
    assert ebml.VOID.to_bytes(1, "big") in made


def test_two_digests_by_hand() -> None:
    """The schemes as their documentation has them, computed without the package."""
    data = DOCUMENTS["a.ply"]
    text = b"aigc-hooks:content-1:mesh:MESH" + data + len(data).to_bytes(8, "big")
    assert digest(data) == hashlib.sha256(text).digest()
    data = DOCUMENTS["a.pdf"]
    text = b"aigc-hooks:content-1:pdf:BODY" + data + len(data).to_bytes(8, "big")
    assert digest(data) == hashlib.sha256(text).digest()
    data = DOCUMENTS["a.ofd"]
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        item = file.getinfo("Doc_0/Document.xml")
        start = file.start_dir
    part = data[item.header_offset : start]
    record = data[data.rindex(b"PK\1\2") : data.rindex(b"PK\5\6")]
    listed = record[:42] + bytes(8) + record[46:] + b"\0\0"
    bare = OFD.partition("\n")[2].encode()
    told = b"\0\0\0\7OFD.xml" + len(_canonical(bare)).to_bytes(8, "big") + _canonical(bare)
    text = b"aigc-hooks:content-1:package:"
    for kind, body in ((b"PART", part), (b"LIST", listed), (b"BARE", told)):
        text += kind + body + len(body).to_bytes(8, "big")
    assert digest(data) == hashlib.sha256(text).digest()


def _canonical(data: bytes) -> bytes:
    import xml.etree.ElementTree

    return xml.etree.ElementTree.canonicalize(data.decode()).encode()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=120), st.sampled_from(sorted(DOCUMENTS)), st.integers(0, 300))
def test_hostile_bytes_are_digested_or_refused(data: bytes, name: str, kept: int) -> None:
    whole = DOCUMENTS[name]
    for changed in (
        whole[:kept] + data,
        whole[:kept] + data + whole[kept + len(data) :],
        whole[: -kept or None] + data,
    ):
        carrier = known_carrier(changed[:4096], Path(name))
        if carrier is not None:
            try:
                content.digest(io.BytesIO(changed), carrier.name)
            except CarrierError:
                continue


def test_a_label_by_others_makes_way_before_the_content_is_signed(provider: Provider, tmp_path: Path) -> None:
    """Of labels in wrong places more than the label may go; what is signed is what is left."""
    label = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")
    own = signed(label, provider).to_json()
    escaped = own.replace('"', "&quot;")
    cases = {
        "a.html": f'<html><head><meta property="AIGC" content="{escaped}">\n<title>x</title></head></html>',
        "b.html": f'<html>\n<meta name="AIGC" content="{escaped}">\n<meta name="AIGC" content="{escaped}"></html>',
        "a.svg": f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:t="http://www.tc260.org.cn/ns/AIGC/1.0/" '
        f't:AIGC="{escaped}"><rect/></svg>',
        "a.ipynb": json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5, "AIGC": own}),
        "a.gltf": json.dumps({"asset": {"version": "2.0", "aigc": own}}),
    }
    for name, text in cases.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        label_metadata(tmp_path / name, None, provider)
        found = verify(tmp_path / name, provider=provider)
        assert (found.status, found.content) == ("intact", "intact"), (name, found.reasons)


def test_an_own_label_without_signature_is_signed(provider: Provider, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<!doctype html>\n<p>a")
    label_metadata(path, None, Provider(producer="acme"))
    number = read_label(path).label.produce_id  # type: ignore[union-attr]
    label_metadata(path, None, provider)
    once = path.read_bytes()
    found = verify(path, provider=provider)
    assert (found.status, found.content, found.label.produce_id) == ("intact", "intact", number)  # type: ignore[union-attr]
    label_metadata(path, None, provider)
    assert path.read_bytes() == once
