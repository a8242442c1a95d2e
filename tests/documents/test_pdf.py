"""PDF: the label as text that every reader takes out, and that is seen (T-01 to T-04, I-13)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest
from fpdf import FPDF
from PIL import Image
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, NumberObject

from aigc_hooks import CarrierError, ForeignLabelError, LabelError, Provider, label, read_label
from aigc_hooks.documents.pdf_content import brackets
from aigc_hooks.explicit.text import NOTICE

from .looks import checked, ink_box

Command = Callable[..., bytes]
Sample = Callable[[str], Path]


SPOKEN = "本内容由Al生成"
"""The notice as tesseract reads it: in this font, the capital I and the small l look alike."""


def text_of(path: Path, command: Command, page: int) -> str:
    return "".join(command("pdftotext", "-f", str(page), "-l", str(page), path, "-").decode().split())


def report(path: Path, pages: int = 3, **settings: Any) -> Path:
    made = FPDF(**settings)
    made.set_font("helvetica", size=14)
    for number in range(1, pages + 1):
        made.add_page()
        made.cell(text=f"page {number}")
    made.output(str(path))
    return path


def contents(path: Path, content: bytes, **entries: Any) -> Path:
    """A page with a content of its own, and text in it."""
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(400, 300)
    stream = DecodedStreamObject()
    stream.set_data(content)
    page[NameObject("/Contents")] = writer._add_object(stream)
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    for name, value in entries.items():
        page[NameObject(f"/{name}")] = value
    writer.write(path)
    return path


@pytest.mark.parametrize("position", ["end", "start", "both"])
def test_on_the_first_or_the_last_page(
    position: str, provider: Provider, tmp_path: Path, command: Command, rendered: Any, read_aloud: Any
) -> None:
    path = report(tmp_path / "a.pdf")
    before = path.read_bytes()
    plain = rendered(path)
    label(path, provider=provider, text={"position": position})
    assert path.read_bytes().startswith(before)
    checked(path)
    places = [position != "end", False, position != "start"]
    assert [NOTICE in text_of(path, command, page) for page in (1, 2, 3)] == places
    assert [NOTICE in page.extract_text() for page in pypdf.PdfReader(path).pages] == places
    for number, (old, new) in enumerate(zip(plain, rendered(path), strict=True)):
        assert (old != new).any() == places[number]
        if places[number]:
            left, top, right, bottom = ink_box(new - old, lambda change: change < -128)
            height, width = new.shape
            assert abs(left + right - width) < 10
            assert (bottom < height / 10) if number == 0 else (top > height * 9 / 10)
            assert bottom - top >= 9  # of twelve points
    seen = rendered(path, 144)[0 if position == "start" else 2]
    strip = seen[: seen.shape[0] // 12] if position == "start" else seen[-seen.shape[0] // 12 :]
    assert SPOKEN in read_aloud(strip)
    once = path.read_bytes()
    label(path, provider=provider, text={"position": position})
    assert path.read_bytes() == once
    assert read_label(path).conforms


def test_a_document_of_an_office_program(provider: Provider, sample: Sample, command: Command) -> None:
    path = sample("writer.pdf")
    before = path.read_bytes()
    label(path, provider=provider)
    assert path.read_bytes().startswith(before)
    checked(path)
    assert text_of(path, command, 1).endswith(NOTICE)


def test_a_corner_mark(provider: Provider, tmp_path: Path, command: Command, rendered: Any) -> None:
    path = report(tmp_path / "a.pdf", 1)
    (plain,) = rendered(path)
    label(path, provider=provider, text={"mark": "corner"})
    assert text_of(path, command, 1) == "page1AI"
    (new,) = rendered(path)
    left, top, _, _ = ink_box(new - plain, lambda change: change < -128)
    assert left > new.shape[1] * 0.9
    assert top > new.shape[0] * 0.9


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_turned_and_cropped_page(
    turned: int, provider: Provider, tmp_path: Path, rendered: Any, read_aloud: Any
) -> None:
    path = contents(
        tmp_path / "a.pdf",
        b"BT /F1 20 Tf 150 150 Td (x) Tj ET",
        Rotate=NumberObject(turned),
        MediaBox=ArrayObject(map(NumberObject, (-50, -40, 400, 300))),
        CropBox=ArrayObject(map(NumberObject, (20, 30, 320, 250))),
    )
    label(path, provider=provider)
    checked(path)
    (seen,) = rendered(path, 144)
    height, width = seen.shape
    assert (width, height) == ((600, 440) if turned % 180 == 0 else (440, 600))
    left, _, right, bottom = ink_box(seen[height * 3 // 4 :], lambda page: page < 128)
    assert 0 < left < right < width
    assert bottom < height - height * 3 // 4
    assert SPOKEN in read_aloud(seen[height * 3 // 4 :])


STATES = {
    "not closed": b"q 0.1 0 0 0.1 5000 5000 cm 1 1 1 rg",
    "closed too often": b"Q Q 0.1 0 0 0.1 5000 5000 cm 1 1 1 rg",
    "clipped": b"q 0 0 1 1 re W n 3 Tr",
    "in a text": b"BT /F1 9 Tf 3 Tr 1 1 1 rg",
    "hidden": b"/OC /MC0 BDC q q",
    "looks open": b"BT /F1 9 Tf (q q \\( q) Tj ET % q q\n BI /W 1 /H 1 /CS /G /BPC 8 ID q EI",
    "painted white": b"1 1 1 rg -999 -999 9999 9999 re f",
    "painted black": b"0 0 0 rg -999 -999 9999 9999 re f",
}


def test_whatever_state_a_page_ends_in(
    provider: Provider, tmp_path: Path, command: Command, rendered: Any, read_aloud: Any
) -> None:
    seen = {}
    for name, state in {"clean": b"q Q", **STATES}.items():
        path = label(contents(tmp_path / "a.pdf", state), provider=provider)
        checked(path)
        assert NOTICE in text_of(path, command, 1)
        (page,) = rendered(path, 200)
        height, width = page.shape
        seen[name] = page[height * 7 // 8 : height * 99 // 100, width // 5 : width * 4 // 5]
    assert SPOKEN in read_aloud(seen["clean"])
    assert SPOKEN in read_aloud(seen.pop("painted black"))
    assert {name for name, page in seen.items() if (page != seen["clean"]).any()} == set()


def test_what_must_be_closed() -> None:
    assert brackets(b"") == (b"q\n", b"Q\n")
    assert brackets(b"q Q") == (b"q\n", b"Q\n")
    assert brackets(b"q q") == (b"q\n", b"Q\nQ\nQ\n")
    assert brackets(b"Q Q q") == (b"q\nq\nq\n", b"Q\nQ\n")
    assert brackets(b"BT (a(q)\\)q) Tj <</Q (q)>>") == (b"q\n", b"ET\nQ\n")
    assert brackets(b"(never closed q") == (b"q\n", b"Q\n")


@pytest.mark.parametrize("position", ["bottom-right", "top-left", "bottom"])
def test_pages_that_are_pictures_get_the_label_of_one(
    position: str, provider: Provider, tmp_path: Path, rendered: Any, command: Command
) -> None:
    path = tmp_path / "a.pdf"
    Image.new("RGB", (600, 400), (90, 140, 200)).save(
        path, save_all=True, append_images=[Image.new("RGB", (300, 700), (200, 30, 30))]
    )
    label(path, provider=provider, image={"position": position})
    checked(path)
    assert ["AI生成" in text_of(path, command, number) for number in (1, 2)] == [True, True]
    for seen in [page for resolution in (20, 72, 200) for page in rendered(path, resolution)]:
        height, width = seen.shape
        left, top, right, bottom = ink_box(seen, lambda page: page > 190)
        assert bottom - top >= 0.05 * min(width, height)
        near = 0.1 * min(width, height)
        assert (top < near) if "top" in position else (height - bottom < near)
        assert "left" not in position or left < near
        assert "right" not in position or width - right < near
    once = path.read_bytes()
    label(path, provider=provider, image={"position": position})
    assert path.read_bytes() == once


def test_other_settings_replace_ours(provider: Provider, tmp_path: Path, command: Command) -> None:
    path = report(tmp_path / "a.pdf", 1)
    for settings in ({}, {"wording": "人工智能合成"}, {"position": "both"}, {"position": "start", "wording": "AI合成"}):
        label(path, provider=provider, text=settings)
        checked(path)
    text = text_of(path, command, 1)
    assert text.count("AI") + text.count("人工智能") == 1
    assert "AI合成" in text


@pytest.mark.parametrize(
    "options",
    [
        ["--object-streams=generate"],
        ["--object-streams=generate", "--linearize"],
        ["--qdf", "--object-streams=disable"],
        ["--coalesce-contents"],
    ],
)
def test_another_program_writes_the_labelled_file(
    options: list[str], provider: Provider, tmp_path: Path, command: Command
) -> None:
    path = report(tmp_path / "a.pdf", 2)
    label(path, provider=provider)
    command("qpdf", *options, path, tmp_path / "b.pdf")
    once = (tmp_path / "b.pdf").read_bytes()
    label(tmp_path / "b.pdf", provider=provider)
    assert (tmp_path / "b.pdf").read_bytes() == once
    label(tmp_path / "b.pdf", provider=provider, text={"wording": "人工智能合成"})
    checked(tmp_path / "b.pdf")
    text = text_of(tmp_path / "b.pdf", command, 2)
    assert text.count("生成") == 0
    assert text.count("人工智能合成") == 1


def test_a_small_page_and_a_large_one(provider: Provider, tmp_path: Path, rendered: Any) -> None:
    small = report(tmp_path / "small.pdf", 1, unit="pt", format=(90, 120))
    label(small, provider=provider)
    tiny = contents(tmp_path / "tiny.pdf", b"", MediaBox=ArrayObject(map(NumberObject, (0, 0, 9, 9))))
    with pytest.raises(LabelError, match="does not fit a page of 9×9"):
        label(tiny, provider=provider)
    large = report(tmp_path / "large.pdf", 1, unit="pt", format=(2400, 3000))
    (plain,) = rendered(large, 20)
    label(large, provider=provider)
    (seen,) = rendered(large, 20)
    _, top, _, bottom = ink_box(seen - plain, lambda change: change < -100)
    assert (bottom - top) / seen.shape[1] >= 0.015


def test_signed_and_encrypted_documents_are_refused(provider: Provider, tmp_path: Path, command: Command) -> None:
    path = report(tmp_path / "a.pdf", 1)
    command("qpdf", "--encrypt", "", "owner", "256", "--", path, tmp_path / "locked.pdf")
    writer = pypdf.PdfWriter(clone_from=path)
    writer._root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject("/SigFlags"): NumberObject(3), NameObject("/Fields"): ArrayObject()}
    )
    writer.write(tmp_path / "signed.pdf")
    for name, message in {"locked.pdf": "encrypted", "signed.pdf": "signature"}.items():
        before = (tmp_path / name).read_bytes()
        with pytest.raises(CarrierError, match=message):
            label(tmp_path / name, provider=provider)
        assert (tmp_path / name).read_bytes() == before


def test_loops_and_missing_pages(provider: Provider, tmp_path: Path) -> None:
    objects = {
        "loop": [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"],
        "none": [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"],
        "no tree": [b"<< /Type /Catalog >>", b"null"],
    }
    for name, bodies in objects.items():
        made = io.BytesIO(b"%PDF-1.4\n")
        made.seek(0, 2)
        offsets = []
        for number, body in enumerate(bodies, 1):
            offsets.append(made.tell())
            made.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        start = made.tell()
        made.write(b"xref\n0 3\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in offsets))
        made.write(b"trailer\n<< /Root 1 0 R /Size 3 >>\nstartxref\n%d\n%%%%EOF" % start)
        path = tmp_path / f"{name}.pdf"
        path.write_bytes(made.getvalue())
        with pytest.raises(CarrierError, match=r"leads back to itself|has no page"):
            label(path, provider=provider)


def test_every_truncation_is_one_clear_error(provider: Provider, tmp_path: Path) -> None:
    path = report(tmp_path / "a.pdf", 1)
    data = path.read_bytes()
    for end in range(40, len(data) - 8, 61):
        path.write_bytes(data[:end])
        with pytest.raises(CarrierError):
            label(path, provider=provider)
        assert path.read_bytes() == data[:end]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_label_of_another_producer_stays(provider: Provider, tmp_path: Path) -> None:
    path = report(tmp_path / "a.pdf", 1)
    label(path, producer="other")
    before = path.read_bytes()
    with pytest.raises(ForeignLabelError, match="'other'"):
        label(path, provider=provider)
    assert path.read_bytes() == before
    assert not re.search(rb"acme", before)
