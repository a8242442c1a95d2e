"""PDF: files by pypdf, qpdf and Pillow, labelled by an update, and read by pypdf, qpdf, poppler and ExifTool."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)

from aigc_hooks import CarrierError, ForeignLabelError, Label, read_label, write_label
from aigc_hooks.implicit import pdf, pdf_syntax, xmp
from aigc_hooks.plugins import hooks

Command = Callable[..., bytes]

LABEL = Label(
    content_producer="acme",
    produce_id="1",
    reserved_code1='{"a":"<&>\'()"}',
    content_propagator="acme",
    propagate_id="1",
)
OTHER = Label(content_producer="acme", produce_id="2", content_propagator="acme", propagate_id="2")
FOREIGN = Label(content_producer="other", produce_id="1", content_propagator="other", propagate_id="1")
JSON = LABEL.to_json()
TITLE, AUTHOR = "春眠不觉晓", "a(b)\\c"
QPDF = {
    "objects.pdf": ["--object-streams=generate"],
    "linear.pdf": ["--linearize", "--object-streams=disable"],
    "linear-objects.pdf": ["--linearize", "--object-streams=generate"],
    "old.pdf": ["--force-version=1.4", "--object-streams=disable"],
}


def blank(change: Callable[[pypdf.PdfWriter], Any] = lambda writer: None) -> bytes:
    writer = pypdf.PdfWriter()
    for _ in range(3):
        writer.add_blank_page(200, 200)
    writer.add_metadata({"/Title": TITLE, "/Author": AUTHOR})
    change(writer)
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def without_info(writer: pypdf.PdfWriter) -> None:
    writer.metadata = None


def twice() -> bytes:
    """A file that another program has updated."""
    writer = pypdf.PdfWriter(io.BytesIO(blank()), incremental=True)
    writer.add_metadata({"/Subject": "second"})
    made = io.BytesIO()
    writer.write(made)
    assert made.getvalue().count(b"%%EOF") == 2
    return made.getvalue()


def hybrid() -> bytes:
    """A table for old readers and a stream for new ones, which alone knows the Info dictionary (ISO 32000, 7.5.8.4)."""
    made, at = bytearray(b"%PDF-1.5\n"), {}
    bodies = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
    }
    packed = zlib.compress(b"4 0 << /Title (hidden) >>")
    bodies[5] = b"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (
        len(packed),
        packed,
    )
    for number, body in bodies.items():
        at[number] = len(made)
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at[6] = len(made)
    rows = b"\2\0\0\0\5\0" + b"\1" + at[5].to_bytes(4, "big") + b"\0"
    made += b"6 0 obj\n<< /Type /XRef /W [1 4 1] /Index [4 2] /Size 7 /Root 1 0 R /Length %d >>\nstream\n" % len(rows)
    made += rows + b"\nendstream\nendobj\n"
    start = len(made)
    lines = [b"0000000000 65535 f"] + [
        b"%010d 00000 n" % at[number] if number in (1, 2, 3, 5) else b"0000000000 00000 f" for number in range(1, 7)
    ]
    made += b"xref\n0 7\n" + b"".join(line + b" \n" for line in lines)
    made += b"trailer\n<< /Size 7 /Root 1 0 R /Info 4 0 R /XRefStm %d >>\nstartxref\n%d\n%%%%EOF" % (at[6], start)
    return bytes(made)


def picture() -> bytes:
    made = io.BytesIO()
    Image.linear_gradient("L").save(made, "PDF", title=TITLE)
    return made.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, command: Command) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("pdf")
    found = {
        "plain.pdf": blank(),
        "bare.pdf": blank(without_info),
        "twice.pdf": twice(),
        "hybrid.pdf": hybrid(),
        "picture.pdf": picture(),
    }
    (folder / "plain.pdf").write_bytes(found["plain.pdf"])
    for name, options in QPDF.items():
        command("qpdf", *options, folder / "plain.pdf", folder / name)
        found[name] = (folder / name).read_bytes()
    return found


NAMES = ["plain.pdf", "bare.pdf", "twice.pdf", "hybrid.pdf", "picture.pdf", *QPDF]


@pytest.fixture(params=NAMES)
def document(request: pytest.FixtureRequest, made: dict[str, bytes], tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_bytes(made[request.param])
    return path


def metadata(path: Path) -> dict[str, str]:
    reader = pypdf.PdfReader(path, strict=True)
    assert reader.pages[0].mediabox.width > 0
    return {key: str(value) for key, value in (reader.metadata or {}).items()}


def test_other_readers_find_the_label_behind_the_untouched_file(
    document: Path, command: Command, exif_tags: Callable[[Path], dict[str, Any]]
) -> None:
    old, before = document.read_bytes(), metadata(document)
    write_label(document, LABEL)
    assert document.read_bytes().startswith(old)
    assert metadata(document) == before | {"/AIGC": JSON}
    reading = read_label(document)
    assert reading.conforms, reading.defects
    assert reading.carrier == "PDF"
    assert exif_tags(document)["PDF:AIGC"] == JSON
    assert "Error" not in str(exif_tags(document))
    assert f"AIGC:            {JSON}" in command("pdfinfo", "-custom", document).decode()
    command("qpdf", "--check", document)


def test_a_second_write_changes_nothing_and_another_label_replaces(document: Path) -> None:
    old = document.read_bytes()
    write_label(document, LABEL)
    once = document.read_bytes()
    write_label(document, LABEL)
    assert document.read_bytes() == once
    write_label(document, OTHER)
    assert metadata(document)["/AIGC"] == OTHER.to_json()
    assert document.read_bytes().startswith(old)
    assert document.read_bytes().count(b'"ContentProducer"') == 1
    write_label(document, LABEL)
    assert document.read_bytes() == once
    with pytest.raises(ForeignLabelError):
        write_label(document, FOREIGN)
    assert document.read_bytes() == once


def test_one_carrier_knows_it(document: Path) -> None:
    head = document.read_bytes()[:4096]
    assert [carrier.name for carrier in hooks().carriers if carrier.sniff(head)] == ["PDF"]
    assert not read_label(document).found


def test_a_label_by_pypdf_is_read_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(blank(lambda writer: writer.add_metadata({"/AIGC": OTHER.to_json(), "/aigc": JSON})))
    reading = read_label(path)
    assert {finding.label for finding in reading.findings} == {LABEL, OTHER}
    assert "the key is 'aigc', not 'AIGC'" in str(reading.defects)
    write_label(path, LABEL)
    assert read_label(path).conforms
    assert metadata(path) == {"/Producer": "pypdf", "/Title": TITLE, "/Author": AUTHOR, "/AIGC": JSON}


def test_a_label_in_xmp_is_read_and_moved(tmp_path: Path, exif_tags: Callable[[Path], dict[str, Any]]) -> None:
    dublin = b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="application/pdf"/></rdf:RDF>'
    packet = xmp.packet(OTHER).replace(b"</rdf:RDF>", dublin)

    def add(writer: pypdf.PdfWriter) -> None:
        stream = StreamObject()
        stream.set_data(packet)
        stream[NameObject("/Type")] = NameObject("/Metadata")
        stream[NameObject("/Subtype")] = NameObject("/XML")
        writer.root_object[NameObject("/Metadata")] = writer._add_object(stream.flate_encode())

    path = tmp_path / "a.pdf"
    path.write_bytes(blank(add))
    (finding,) = read_label(path).findings
    assert finding.label == OTHER
    assert "not XMP" in str(finding.defects)
    write_label(path, LABEL)
    assert read_label(path).conforms
    tags = exif_tags(path)
    assert tags["PDF:AIGC"] == JSON
    assert tags["XMP-dc:Format"] == "application/pdf"
    assert "XMP-TC260:Aigc" not in tags


def test_chinese_names_and_long_values(tmp_path: Path, exif_tags: Callable[[Path], dict[str, Any]]) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(blank())
    chinese = Label.unchecked(
        label="1",
        content_producer="某某公司😀",
        produce_id="x" * 200_000,
        content_propagator="\\(",
        propagate_id="\r\n)",
    )
    write_label(path, chinese)
    assert read_label(path).label == chinese
    assert metadata(path)["/AIGC"] == chinese.to_json()


def test_an_update_by_others_behind_ours_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(blank())
    write_label(path, OTHER)
    writer = pypdf.PdfWriter(path, incremental=True)
    writer.add_metadata({"/Subject": "later"})
    writer.write(path)
    old = path.read_bytes()
    write_label(path, LABEL)
    assert path.read_bytes().startswith(old)
    assert metadata(path)["/Subject"] == "later"
    assert read_label(path).conforms


def form(writer: pypdf.PdfWriter, **entries: Any) -> None:
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject(f"/{name}"): value for name, value in entries.items()}
    )


def signed_field(writer: pypdf.PdfWriter) -> None:
    field = DictionaryObject(
        {
            NameObject("/FT"): NameObject("/Sig"),
            NameObject("/V"): DictionaryObject(),
            NameObject("/T"): TextStringObject("s"),
        }
    )
    parent = DictionaryObject({NameObject("/Kids"): ArrayObject([writer._add_object(field)])})
    form(writer, Fields=ArrayObject([writer._add_object(parent)]))


SIGNED: dict[str, Callable[[pypdf.PdfWriter], Any]] = {
    "flag": lambda writer: form(writer, SigFlags=NumberObject(3), Fields=ArrayObject()),
    "field": signed_field,
    "rights": lambda writer: writer.root_object.update({NameObject("/Perms"): DictionaryObject()}),
}


@pytest.mark.parametrize("how", SIGNED)
def test_a_signed_document_is_refused(how: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(blank(SIGNED[how]))
    old = path.read_bytes()
    with pytest.raises(CarrierError, match=r"signed.*label it first, sign it last"):
        write_label(path, LABEL)
    assert path.read_bytes() == old
    assert not read_label(path).found


def test_a_form_that_nobody_signed_is_labelled(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(blank(lambda writer: form(writer, NeedAppearances=BooleanObject(True), Fields=ArrayObject())))
    write_label(path, LABEL)
    assert read_label(path).conforms


@pytest.mark.parametrize("bits", ["40", "128", "256"])
def test_an_encrypted_document_is_refused_with_the_way_out(
    bits: str, made: dict[str, bytes], tmp_path: Path, command: Command
) -> None:
    path, locked = tmp_path / "a.pdf", tmp_path / "b.pdf"
    path.write_bytes(made["plain.pdf"])
    weak = ["--allow-weak-crypto"] if bits != "256" else []
    command("qpdf", *weak, "--encrypt", "", "owner", bits, "--", path, locked)
    old = locked.read_bytes()
    for work in (lambda: read_label(locked), lambda: write_label(locked, LABEL)):
        with pytest.raises(CarrierError, match=r"encrypted.*qpdf --decrypt"):
            work()
    assert locked.read_bytes() == old


LIES: dict[str, Callable[[bytes], bytes]] = {
    "no startxref": lambda data: data[: data.rindex(b"startxref")],
    "leads out of the file": lambda data: re.sub(rb"startxref\n\d+", b"startxref\n99999999", data),
    "no object|neither a cross-reference": lambda data: re.sub(rb"startxref\n\d+", b"startxref\n20", data),
    "lead back to one another": lambda data: re.sub(
        rb"trailer\n<<", b"trailer\n<< /Prev %d" % data.rindex(b"xref\n0"), data
    ),
    "no line of a cross-reference": lambda data: data.replace(b" 00000 n", b" 0000x n"),
    "names no document catalogue": lambda data: data.replace(b"/Root", b"/Toor"),
    "no object 1|catalogue": lambda data: re.sub(rb"\n1 0 obj", b"\n9 0 obj", re.sub(rb"/Root \d+", b"/Root 1", data)),
    "tells no Size": lambda data: data.replace(b"/Size ", b"/Zise "),
    "nested deeper": lambda data: data.replace(b"/Size ", b"/Deep " + b"[" * 100 + b"/Size "),
    "no PDF header": lambda data: b"%PS" + data[3:],
}


@pytest.mark.parametrize("message", LIES)
def test_damaged_files_are_refused_with_the_place(message: str, tmp_path: Path) -> None:
    lie = LIES[message](blank())
    with pytest.raises(CarrierError, match=f"({message}).*offset"):
        pdf.CARRIER.write(io.BytesIO(lie), io.BytesIO(), JSON)


def test_bombs_and_loops() -> None:
    bomb = zlib.compress(bytes(40 << 20), 9)
    head = b"%PDF-1.5\n"
    body = b"1 0 obj\n<< /Type /XRef /W [1 2 1] /Size 9 /Root 2 0 R /Filter /FlateDecode /Length %d >>\nstream\n" % len(
        bomb
    )
    tail = b"\nendstream\nendobj\nstartxref\n9\n%%EOF"
    with pytest.raises(CarrierError, match="longer than 16777216 bytes when unpacked"):
        read_label(head + body + bomb + tail)
    loop = b"1 0 obj\n<< /Type /XRef /W [1 2 1] /Size 9 /Root 2 0 R /Length 3 0 R >>\nstream\n"
    with pytest.raises(CarrierError):
        read_label(head + loop + tail)
    # An object stream that is in another, itself.
    data = hybrid().replace(b"\2\0\0\0\5\0", b"\2\0\0\0\4\0")
    with pytest.raises(CarrierError, match="object stream 4 is missing"):
        read_label(data)


def test_objects_are_parsed_as_pypdf_parses_them() -> None:
    source = (
        rb"<< /A (a\(b\)\\c\n\101\53x\
y) /B#20C <48 65 6C6> /D [1 -2.5 +3 .5 true null 7 0 R /N] % comment"
        b"\n /E << /F () >> /G(nested (parens)) >>"
    )
    found, end = pdf_syntax.parse(source, 0)
    assert end == len(source)
    assert found == {
        "A": b"a(b)\\c\nA+xy",
        "B C": b"Hel`",
        "D": [1, -2.5, 3, 0.5, True, None, pdf_syntax.Reference(7, 0), "N"],
        "E": {"F": b""},
        "G": b"nested (parens)",
    }
    other = pypdf.generic.read_object(io.BytesIO(source), pypdf.PdfReader(io.BytesIO(blank())))
    assert other["/A"] == "a(b)\\c\nA+xy"
    assert other["/G"] == "nested (parens)"
    assert pdf_syntax.text(b"\x8aAIGC\x80") == "−AIGC•"
    assert pdf_syntax.text(b"\xef\xbb\xbf\xe6\x98\xa5") == pdf_syntax.text(b"\xfe\xff\x66\x25") == "春"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text_comes_back_from_a_string(text: str) -> None:
    made = pdf_syntax.text_string(text)
    value, end = pdf_syntax.parse(made, 0)
    assert end == len(made)
    assert pdf_syntax.text(value) == text or text.startswith(("ï»¿", "þÿ"))


@pytest.mark.parametrize("name", ["plain.pdf", "hybrid.pdf"])
def test_every_truncation_is_one_clear_error(name: str, made: dict[str, bytes]) -> None:
    data = made[name].rstrip()
    for end in range(len(data)):
        with pytest.raises(CarrierError, match="offset"):
            list(pdf.CARRIER.read(io.BytesIO(data[:end])))


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_mutation_is_labelled_or_a_carrier_error(name: str, made: dict[str, bytes], data: st.DataObject) -> None:
    changed = bytearray(made[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, len(changed) - 1), st.integers(len(changed) - 400, len(changed) - 1)))
        new = data.draw(st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from([b"9999", b"<<", b"(", b"1 0 R"])))
        changed[at : at + len(new)] = new
    target = io.BytesIO()
    try:
        pdf.CARRIER.write(io.BytesIO(bytes(changed)), target, JSON)
    except CarrierError:
        return
    assert JSON in [raw.text for raw in pdf.CARRIER.read(target)]
