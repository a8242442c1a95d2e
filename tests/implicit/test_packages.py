"""Documents that are ZIP packages: made by other programs, labelled, and read by readers that others wrote."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import odf.opendocument
import openpyxl
import pptx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from odf.table import Table
from odf.text import P
from openpyxl.packaging.custom import IntProperty, StringProperty

from aigc_hooks import CarrierError, ForeignLabelError, Label, UnsupportedCarrierError, read_label, write_label
from aigc_hooks.artifact import Carrier
from aigc_hooks.implicit import packages, zipped
from aigc_hooks.plugins import hooks

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

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
BOOK = (
    '<?xml version="1.0" encoding="utf-8"?>\n<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
    'unique-identifier="id">\n  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">\n    '
    '<dc:identifier id="id">urn:x</dc:identifier>\n    <dc:title>春</dc:title>\n    '
    '<meta property="dcterms:modified">2026-01-01T00:00:00Z</meta>\n  </metadata>\n  <spine/>\n</package>\n'
)
OFD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016" DocType="OFD" '
    'Version="1.0"><ofd:DocBody><ofd:DocInfo><ofd:DocID>0123</ofd:DocID><ofd:Title>春</ofd:Title></ofd:DocInfo>'
    "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
)


def archive(**parts: str | bytes) -> bytes:
    return packed({name.replace("__", "/"): data for name, data in parts.items()})


def packed(parts: dict[str, str | bytes], stored: tuple[str, ...] = ("mimetype",)) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data, zipfile.ZIP_STORED if name in stored else None)
    return made.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def raw_parts(data: bytes) -> dict[str, tuple[Any, ...]]:
    """Each part as it lies in the archive: its compressed bytes, time, method, attributes and extra fields."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        for item in file.infolist():
            name, extra = struct.unpack_from("<HH", data, item.header_offset + 26)
            start = item.header_offset + 30 + name + extra
            found[item.filename] = (
                data[start : start + item.compress_size],
                data[item.header_offset + 30 + name : start],
                item.date_time,
                item.compress_type,
                item.external_attr,
                item.extra,
                item.comment,
            )
    return found


def word() -> bytes:
    document = docx.Document()
    document.add_heading("春眠不觉晓")
    document.core_properties.title = "春"
    return saved(document.save)


def sheet(custom: bool = False) -> bytes:
    book = openpyxl.Workbook()
    book.active["A1"] = "春"
    if custom:
        book.custom_doc_props.append(StringProperty(name="Project", value="x<y"))
        book.custom_doc_props.append(IntProperty(name="Count", value=7))
    return saved(book.save)


def slides() -> bytes:
    show = pptx.Presentation()
    show.slides.add_slide(show.slide_layouts[0]).shapes.title.text = "春"
    return saved(show.save)


def text() -> bytes:
    document = odf.opendocument.OpenDocumentText()
    document.text.addElement(P(text="春眠不觉晓"))
    return saved(document.write)


def table() -> bytes:
    document = odf.opendocument.OpenDocumentSpreadsheet()
    document.spreadsheet.addElement(Table(name="春"))
    return saved(document.write)


def book() -> bytes:
    return archive(mimetype="application/epub+zip", **{"META-INF__container.xml": CONTAINER, "OEBPS__book.opf": BOOK})


def page() -> bytes:
    return archive(**{"OFD.xml": OFD, "Doc_0__Document.xml": "<x/>"})


def saved(save: Callable[[Any], Any]) -> bytes:
    made = io.BytesIO()
    save(made)
    return made.getvalue()


MADE: dict[str, tuple[Callable[[], bytes], Carrier, set[str]]] = {
    "a.docx": (word, packages.OOXML, {"docProps/custom.xml", "[Content_Types].xml", "_rels/.rels"}),
    "a.xlsx": (sheet, packages.OOXML, {"docProps/custom.xml", "[Content_Types].xml", "_rels/.rels"}),
    "custom.xlsx": (lambda: sheet(custom=True), packages.OOXML, {"docProps/custom.xml"}),
    "a.pptx": (slides, packages.OOXML, {"docProps/custom.xml", "[Content_Types].xml", "_rels/.rels"}),
    "a.odt": (text, packages.ODF, {"meta.xml"}),
    "a.ods": (table, packages.ODF, {"meta.xml"}),
    "a.epub": (book, packages.EPUB, {"OEBPS/book.opf"}),
    "a.ofd": (page, packages.OFD, {"OFD.xml"}),
}


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return {name: make() for name, (make, _, _) in MADE.items()}


@pytest.fixture(params=MADE)
def document(request: pytest.FixtureRequest, made: dict[str, bytes], tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_bytes(made[request.param])
    return path


def test_one_carrier_knows_each(document: Path) -> None:
    head = document.read_bytes()[:4096]
    known = [carrier.name for carrier in hooks().carriers if carrier.sniff(head)]
    assert known == [MADE[document.name][1].name]
    assert not read_label(document).found


def test_everything_but_the_label_stays_byte_for_byte(document: Path) -> None:
    old = document.read_bytes()
    write_label(document, LABEL)
    new = document.read_bytes()
    reading = read_label(document)
    assert reading.conforms, reading.defects
    assert reading.label == LABEL
    changed = MADE[document.name][2]
    before, after = raw_parts(old), raw_parts(new)
    assert {name for name in after if before.get(name) != after[name]} == changed
    assert [name for name in after if name in before] == list(before)
    for name in changed & set(before):
        assert before[name][2:4] == after[name][2:4]  # time and method
    assert set(parts_of(new)) == set(before) | changed


def test_a_second_write_changes_nothing_and_another_label_replaces(document: Path) -> None:
    write_label(document, LABEL)
    once = document.read_bytes()
    write_label(document, LABEL)
    assert document.read_bytes() == once
    write_label(document, OTHER)
    assert [finding.label for finding in read_label(document).findings] == [OTHER]
    joined = b"".join(parts_of(document.read_bytes()).values())
    assert joined.count(b"ContentProducer") == 1
    write_label(document, LABEL)
    assert document.read_bytes() == once
    with pytest.raises(ForeignLabelError):
        write_label(document, FOREIGN)


@pytest.mark.parametrize("count", [2_000, 60_000, 200_000])
def test_long_values_and_chinese_names(document: Path, count: int) -> None:
    label = long_label(count)
    write_label(document, label)
    assert read_label(document).label == label


def long_label(count: int) -> Label:
    return Label.unchecked(
        label="1",
        content_producer="某某公司",
        produce_id="x" * count,
        reserved_code1='{"a":"\\n<&\ufffe"}',
        content_propagator="某某公司",
        propagate_id="1",
        reserved_code2="",
    )


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "custom.xlsx", "a.pptx"])
def test_openpyxl_python_docx_and_exiftool_read_the_property(
    name: str, made: dict[str, bytes], tmp_path: Path, exif_tags: Callable[[Path], dict[str, Any]]
) -> None:
    path = tmp_path / name
    path.write_bytes(made[name])
    write_label(path, LABEL)
    assert exif_tags(path)["XML:AIGC"] == JSON
    if name.endswith("xlsx"):
        book = openpyxl.load_workbook(path)
        assert book.active["A1"].value == "春"
        found = {item.name: item.value for item in book.custom_doc_props.props}
        assert found == {"AIGC": JSON} | ({"Project": "x<y", "Count": 7} if name.startswith("custom") else {})
    elif name.endswith("docx"):
        assert docx.Document(str(path)).paragraphs[0].text == "春眠不觉晓"
    else:
        assert pptx.Presentation(str(path)).slides[0].shapes.title.text == "春"
    properties = etree.fromstring(parts_of(path.read_bytes())["docProps/custom.xml"])
    numbers = [int(item.get("pid")) for item in properties]
    assert min(numbers) >= 2
    assert len(set(numbers)) == len(numbers)


def test_odfpy_reads_the_field(made: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.odt"
    path.write_bytes(made["a.odt"])
    write_label(path, LABEL)
    document = odf.opendocument.load(path)
    (field,) = document.getElementsByType(odf.meta.UserDefined)
    assert field.getAttribute("name") == "AIGC"
    assert str(field) == JSON
    assert path.read_bytes()[30:38] == b"mimetype"


def custom(*properties: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<Properties '
        'xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" '
        'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">'
        + "".join(properties)
        + "</Properties>"
    )


def item(pid: int, name: str, value: str, kind: str = "lpwstr") -> str:
    return (
        f'<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="{pid}" name="{name}">'
        f"<vt:{kind}>{value.replace('&', '&amp;').replace('<', '&lt;')}</vt:{kind}></property>"
    )


def test_two_labels_become_one_and_other_properties_stay(made: dict[str, bytes]) -> None:
    parts = parts_of(made["custom.xlsx"])
    wrapped = OTHER.to_json(wrapped=True)
    parts["docProps/custom.xml"] = custom(
        item(2, "Project", "x<y"), item(9, "aigc", wrapped), item(4, "AIGC", JSON), item(5, "Count", "7", "i4")
    ).encode()
    source = io.BytesIO(packed(parts))
    reading = read_label(source)
    assert [finding.label for finding in reading.findings] == [OTHER, LABEL]
    assert "named 'aigc'" in reading.findings[0].defects[0]
    assert "the guide asks for the bare object here" in reading.findings[0].defects
    target = io.BytesIO()
    packages.OOXML.write(source, target, JSON)
    assert read_label(target).conforms
    left = parts_of(target.getvalue())["docProps/custom.xml"]
    assert left.startswith(b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<Properties ')
    found = [(each.get("pid"), each.get("name")) for each in etree.fromstring(left)]
    assert found == [("2", "Project"), ("9", "AIGC"), ("5", "Count")]


def test_a_part_that_is_not_registered_is_read_and_registered(made: dict[str, bytes]) -> None:
    parts = parts_of(made["a.docx"])
    parts["docProps/custom.xml"] = custom(item(2, "AIGC", JSON)).encode()
    source = io.BytesIO(packed(parts))
    (finding,) = read_label(source).findings
    assert finding.label == LABEL
    assert "not registered" in finding.defects[0]
    target = io.BytesIO()
    packages.OOXML.write(source, target, JSON)
    assert read_label(target).conforms
    new = parts_of(target.getvalue())
    assert b"/docProps/custom.xml" in new["[Content_Types].xml"]
    assert new["docProps/custom.xml"].count(b"<property") == 1


@pytest.mark.parametrize(
    ("name", "part", "data", "message"),
    [
        ("a.docx", "_xmlsignatures/origin.sigs", b"", "signed.*label it first, sign it last"),
        ("a.odt", "META-INF/documentsignatures.xml", b"<x/>", "signed"),
        ("a.epub", "META-INF/signatures.xml", b"<x/>", "signed"),
        (
            "a.ofd",
            "OFD.xml",
            OFD.replace("</ofd:DocBody>", "<ofd:Signatures>x</ofd:Signatures></ofd:DocBody>"),
            "signed",
        ),
        ("a.docx", "docProps/custom.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "DOCTYPE"),
        ("a.docx", "docProps/custom.xml", "<!DOCTYPE x><x/>".encode("utf-16"), "DOCTYPE"),
        ("a.docx", "docProps/custom.xml", b"<x>" + b"<a/>" * 600_000 + b"</x>", "more than 500000 elements"),
        ("a.docx", "docProps/custom.xml", b"<x>", "not well-formed"),
        ("a.docx", "_rels/.rels", b"\0" * (17 << 20), "longer than 16777216 bytes"),
        ("a.epub", "META-INF/container.xml", b"<x/>", "names no package document"),
        ("a.epub", "OEBPS/book.opf", b"<package/>", "no metadata"),
        ("a.ofd", "OFD.xml", b"<OFD/>", "no DocInfo"),
    ],
)
def test_what_cannot_be_labelled_is_refused(
    name: str, part: str, data: bytes, message: str, made: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(packed(parts_of(made[name]) | {part: data}))
    old = path.read_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(CarrierError, match=message):
            write_label(path, LABEL)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_encrypted_and_old_files_are_refused_with_the_way_out(made: dict[str, bytes], tmp_path: Path) -> None:
    parts = parts_of(made["a.odt"])
    entry = b'<manifest:file-entry manifest:full-path="x"><manifest:encryption-data/></manifest:file-entry>'
    end = b"</manifest:manifest>"
    parts["META-INF/manifest.xml"] = parts["META-INF/manifest.xml"].replace(end, entry + end)
    path = tmp_path / "a.odt"
    path.write_bytes(packed(parts))
    with pytest.raises(CarrierError, match="encrypted: save it without a password"):
        read_label(path)
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    for work in (lambda: read_label(path), lambda: write_label(path, LABEL)):
        with pytest.raises(UnsupportedCarrierError, match=r"OLE.*save it as DOCX"):
            work()


def test_a_zip_that_is_no_document(tmp_path: Path, made: dict[str, bytes]) -> None:
    path = tmp_path / "a.zip"
    rels = parts_of(made["a.docx"])["_rels/.rels"].replace(b'officeDocument"', b'other"')
    for data in (archive(x="y"), packed(parts_of(made["a.docx"]) | {"_rels/.rels": rels})):
        path.write_bytes(data)
        for work in (lambda: read_label(path), lambda: write_label(path, LABEL)):
            with pytest.raises(UnsupportedCarrierError, match="no document with a place"):
                work()


@pytest.mark.parametrize("name", ["a.odt", "a.epub", "a.ofd"])
def test_the_parts_decide_where_the_first_one_is_another(name: str, made: dict[str, bytes]) -> None:
    parts = parts_of(made[name])
    target = io.BytesIO()
    source = io.BytesIO(packed({"first.txt": b"x", **parts}))
    assert packages.OOXML.sniff(source.getvalue()[:4096])
    packages.OOXML.write(source, target, JSON)
    assert read_label(target).label == LABEL


def test_an_odt_without_meta_gets_one(made: dict[str, bytes]) -> None:
    parts = parts_of(made["a.odt"])
    del parts["meta.xml"]
    manifest = etree.fromstring(parts["META-INF/manifest.xml"])
    for entry in list(manifest):
        if "meta.xml" in entry.attrib.values():
            manifest.remove(entry)
    parts["META-INF/manifest.xml"] = etree.tostring(manifest)
    target = io.BytesIO()
    packages.ODF.write(io.BytesIO(packed(parts)), target, JSON)
    new = parts_of(target.getvalue())
    assert read_label(target).conforms
    assert b'full-path="meta.xml"' in new["META-INF/manifest.xml"]


def test_the_tool_zip_made_it_with_comment_and_descriptors(
    made: dict[str, bytes], tmp_path: Path, command: Callable[..., bytes]
) -> None:
    class Pipe(io.BytesIO):
        def seek(self, *_: int) -> int:
            raise OSError("a pipe")

    streamed = Pipe()
    with zipfile.ZipFile(streamed, "w", zipfile.ZIP_DEFLATED) as file:  # lengths behind the data
        for name, data in parts_of(made["a.docx"]).items():
            with file.open(name, "w") as part:
                part.write(data)
        file.comment = b"a comment"
    path = tmp_path / "a.docx"
    path.write_bytes(streamed.getvalue())
    assert path.read_bytes()[6] & 8
    write_label(path, LABEL)
    assert read_label(path).conforms
    with zipfile.ZipFile(path) as file:
        assert file.comment == b"a comment"
    assert b"No errors" in command("unzip", "-t", path)
    assert docx.Document(str(path)).paragraphs[0].text == "春眠不觉晓"


def test_lying_archives(made: dict[str, bytes]) -> None:
    data = made["a.docx"]
    end = data.rindex(b"PK\5\6")
    start = int.from_bytes(data[end + 16 : end + 20], "little")

    def changed(at: int, new: bytes) -> bytes:
        return data[:at] + new + data[at + len(new) :]

    lies = {
        "cut off": data[:-1],
        "directory does not stand": changed(end + 16, b"\0\0\0\0"),
        "ZIP64 archive": changed(end + 8, b"\xff\xff\xff\xff"),
        "ZIP64 parts": changed(start + 20, b"\xff\xff\xff\xff"),
        "no ZIP directory record": changed(start, b"PK\1\3"),
        "longer than its records": changed(end + 8, b"\1\0\1\0"),
        "ends after the parts|does not name|no ZIP header": changed(start + 42, (start - 40).to_bytes(4, "little")),
    }
    for message, lie in lies.items():
        with pytest.raises(CarrierError, match=message):
            write(packages.OOXML, lie)
    # A part that tells fewer bytes than it unpacks to, and one that tells more.
    for told in (10, 1 << 20):
        at = start + 24
        with pytest.raises(CarrierError, match="length or checksum"):
            write(packages.OOXML, changed(at, told.to_bytes(4, "little")))


def test_overlapping_and_doubled_parts(made: dict[str, bytes]) -> None:
    streamed = io.BytesIO(made["a.docx"])
    with zipfile.ZipFile(streamed, "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("_rels/.rels", b"<x/>")
    with pytest.raises(CarrierError, match="stands twice"):
        write(packages.OOXML, streamed.getvalue())
    data = bytearray(packed({"a": b"x" * 50, "OFD.xml": OFD}, stored=("a",)))
    at = data.index(b"PK\1\2")
    data[at + 20 : at + 24] = (60).to_bytes(4, "little")
    with pytest.raises(CarrierError, match="overlaps the next"):
        write(packages.OFD, bytes(data))


def write(carrier: Carrier, data: bytes) -> bytes:
    target = io.BytesIO()
    assert carrier.write is not None
    list(carrier.read(io.BytesIO(data)))
    carrier.write(io.BytesIO(data), target, JSON)
    return target.getvalue()


@pytest.mark.parametrize("name", ["a.odt", "a.epub", "a.ofd"])
def test_every_truncation_is_one_clear_error(name: str, made: dict[str, bytes]) -> None:
    carrier = MADE[name][1]
    data = made[name]
    for end in range(0, len(data), 1 if len(data) < 3000 else 7):
        with pytest.raises(CarrierError, match="offset"):
            list(carrier.read(io.BytesIO(data[:end])))


@pytest.mark.parametrize("name", MADE)
@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_mutation_is_labelled_or_a_carrier_error(name: str, made: dict[str, bytes], data: st.DataObject) -> None:
    carrier = MADE[name][1]
    changed = bytearray(made[name])
    directory = changed.rindex(b"PK\5\6")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(
            st.one_of(st.integers(0, len(changed) - 1), st.integers(max(directory - 400, 0), len(changed) - 1))
        )
        new = data.draw(st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from([b"\xff" * 4, b"\0" * 4])))
        changed[at : at + len(new)] = new
    try:
        made_of_it = write(carrier, bytes(changed))
    except CarrierError:
        return
    assert JSON in [raw.text for raw in carrier.read(io.BytesIO(made_of_it))]


def test_a_bomb_is_not_unpacked(made: dict[str, bytes]) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    data = packed(parts_of(made["a.docx"]))
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        old = file.getinfo("_rels/.rels")
    # The directory tells that the part is small; its data say otherwise.
    parts = {**parts_of(made["a.docx"]), "_rels/.rels": bomb}
    lying = bytearray(packed(parts, stored=("_rels/.rels",)))
    at = lying.index(b"PK\1\2")
    while lying[at + 46 : at + 57] != b"_rels/.rels":
        at = lying.index(b"PK\1\2", at + 1)
    lying[at + 10 : at + 12] = (8).to_bytes(2, "little")
    lying[at + 24 : at + 28] = old.file_size.to_bytes(4, "little")
    tracemalloc.start()
    try:
        with pytest.raises(CarrierError, match="length or checksum"):
            list(packages.OOXML.read(io.BytesIO(bytes(lying))))
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_the_first_part_is_told_from_the_first_bytes_alone() -> None:
    assert zipped.first_part(b"PK\3\4") == (b"", b"")
    assert zipped.first_part(b"") == (b"", b"")
