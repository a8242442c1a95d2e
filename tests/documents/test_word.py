"""DOCX, ODT and PPTX: the label put into the text, read by programs that others wrote (T-01 to T-05)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import odf.opendocument
import odf.teletype
import odf.text
import openpyxl
import pptx
import pytest
from docx.enum.text import WD_COLOR_INDEX
from docx.shared import Pt, RGBColor
from lxml import etree

from aigc_hooks import CarrierError, Provider, UnsupportedCarrierError, label, read_label
from aigc_hooks.explicit.text import NOTICE

Parts = Callable[[Path], dict[str, bytes]]
Sample = Callable[[str], Path]

OURS = {"word/document.xml", "docProps/custom.xml", "[Content_Types].xml", "_rels/.rels", "content.xml", "meta.xml"}
RICH = """<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{}</w:body></w:document>"""


def word(path: Path) -> list[str]:
    return [paragraph.text for paragraph in docx.Document(str(path)).paragraphs]


def open_document(path: Path) -> list[str]:
    text = odf.opendocument.load(str(path)).text
    return [odf.teletype.extractText(child) for child in text.childNodes if child.qname[1] in ("p", "h", "list")]


READERS = {"writer.docx": word, "writer.odt": open_document}


@pytest.mark.parametrize("position", ["end", "start", "both"])
@pytest.mark.parametrize("name", READERS)
def test_a_notice_is_a_paragraph_of_its_own(
    name: str, position: str, provider: Provider, sample: Sample, parts: Parts
) -> None:
    path = sample(name)
    before, paragraphs = parts(path), READERS[name](path)
    label(path, provider=provider, text={"position": position})
    found = READERS[name](path)
    assert found == [NOTICE] * (position != "end") + paragraphs + [NOTICE] * (position != "start")
    assert read_label(path).conforms
    after = parts(path)
    assert {part for part in after if after[part] != before.get(part)} <= OURS
    once = path.read_bytes()
    label(path, provider=provider, text={"position": position})
    assert path.read_bytes() == once


@pytest.mark.parametrize("name", READERS)
def test_what_is_not_the_label_keeps_its_bytes(name: str, provider: Provider, sample: Sample, parts: Parts) -> None:
    path = sample(name)
    main = "content.xml" if name.endswith("odt") else "word/document.xml"
    before = parts(path)[main]
    label(path, provider=provider, text={"position": "both"})
    after = parts(path)[main]
    left, right = 0, 0
    # The old bytes stand in the new ones in their order, in few pieces.
    pieces = 0
    while left < len(before):
        length = 1
        while left + length <= len(before) and after.find(before[left : left + length], right) >= 0:
            length *= 2
        length = min(length, len(before) - left)
        while after.find(before[left : left + length], right) < 0:
            length -= 1
        assert length > 0
        right = after.find(before[left : left + length], right) + length
        left += length
        pieces += 1
    assert pieces <= 40
    assert len(after) - len(before) < 4000


@pytest.mark.parametrize("position", ["end", "start"])
def test_a_corner_mark_is_a_superscript(position: str, provider: Provider, sample: Sample, command: Any) -> None:
    path = sample("writer.docx")
    before = word(path)
    label(path, provider=provider, text={"position": position, "mark": "corner"})
    found = word(path)
    at = -1 if position == "end" else 0
    assert found[at] == (before[at] + "AI" if position == "end" else "AI" + before[at])
    run = docx.Document(str(path)).paragraphs[at].runs[at]
    assert (run.text, run.font.superscript) == ("AI", True)
    other = sample("writer.odt")
    label(other, provider=provider, text={"position": position, "mark": "corner"})
    content = etree.fromstring(command("unzip", "-p", other, "content.xml"))
    (span,) = content.iterfind(".//{*}bookmark-start/../{*}span[.='AI']")
    (name,) = (value for key, value in span.attrib.items() if key.endswith("style-name"))
    styles = {value: style for style in content.iterfind(".//{*}style") for value in style.attrib.values()}
    (properties,) = styles[name]
    looks = {key.rpartition("}")[2]: value for key, value in properties.attrib.items()}
    assert looks["text-position"].startswith("super")
    assert looks["color"] == "#000000"
    assert looks["background-color"] == "#ffffff"


def test_it_says_itself_how_it_looks(provider: Provider, tmp_path: Path) -> None:
    document = docx.Document()
    style = document.styles["Normal"].font
    style.hidden, style.size, style.color.rgb = True, Pt(1), RGBColor(255, 255, 255)
    style.highlight_color = WD_COLOR_INDEX.BLACK
    document.add_paragraph("春")
    document.save(str(tmp_path / "a.docx"))
    label(tmp_path / "a.docx", provider=provider)
    (run,) = docx.Document(str(tmp_path / "a.docx")).paragraphs[-1].runs
    assert run.text == NOTICE
    assert run.font.hidden is False
    assert run.font.size == Pt(12)
    assert run.font.color.rgb == RGBColor(0, 0, 0)


def test_other_settings_replace_ours(provider: Provider, sample: Sample) -> None:
    for name, read in READERS.items():
        path = sample(name)
        before = read(path)
        for settings in (
            {"position": "start", "mark": "corner"},
            {"position": "both"},
            {"position": "end", "mark": "corner"},
            {"wording": "人工智能合成 <&>"},
        ):
            label(path, provider=provider, text=settings)
        assert read(path) == [*before, "人工智能合成 <&>"]


def test_what_was_written_behind_the_label_moves_it(provider: Provider, sample: Sample) -> None:
    path = sample("writer.docx")
    label(path, provider=provider)
    document = docx.Document(str(path))
    document.add_paragraph("后记")
    document.save(str(path))
    label(path, provider=provider)
    assert word(path)[-2:] == ["后记", NOTICE]
    assert word(path).count(NOTICE) == 1


def test_a_notice_of_the_author_is_enough(provider: Provider, tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("春")
    document.add_paragraph("【本内容由 AI 生成】")
    document.add_paragraph()
    document.save(str(tmp_path / "a.docx"))
    label(tmp_path / "a.docx", provider=provider)
    assert word(tmp_path / "a.docx") == ["春", "【本内容由 AI 生成】", ""]
    assert read_label(tmp_path / "a.docx").conforms
    document.paragraphs[1].runs[0].font.hidden = True
    document.save(str(tmp_path / "b.docx"))
    label(tmp_path / "b.docx", provider=provider)
    assert word(tmp_path / "b.docx")[-1] == NOTICE


def with_body(path: Path, body: str) -> Path:
    memory = io.BytesIO()
    docx.Document().save(memory)
    with zipfile.ZipFile(memory) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.infolist():
            data = RICH.format(body).encode() if item.filename == "word/document.xml" else old.read(item)
            new.writestr(item, data)
    return path


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<w:sectPr/>",
        "<w:p/>",
        "<w:p/><w:sectPr/>",
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:sectPr/>",
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>x</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        "<w:p><w:pPr><w:jc w:val='center'/></w:pPr><w:r><w:t>x &gt; y</w:t></w:r></w:p><!-- end --><w:sectPr/>",
        '<w:p><w:bookmarkStart w:id="1" w:name="x"/><w:r><w:t>x</w:t></w:r><w:bookmarkEnd w:id="1"/></w:p>',
        "<w:p><w:del w:id='3'><w:r><w:delText>（本内容由AI生成）</w:delText></w:r></w:del></w:p>",
    ],
)
@pytest.mark.parametrize("mark", ["notice", "corner"])
def test_bodies_of_all_kinds(body: str, mark: str, provider: Provider, tmp_path: Path) -> None:
    path = with_body(tmp_path / "a.docx", body)
    for position in ("end", "start", "both", "end"):
        look = {"position": position, "mark": mark}
        label(path, provider=provider, text=look)
        once = path.read_bytes()
        label(path, provider=provider, text=look)
        assert path.read_bytes() == once
        with zipfile.ZipFile(path) as file:
            root = etree.fromstring(file.read("word/document.xml"))
        texts = root.findall(".//{*}t")
        wanted = "AI" if mark == "corner" else NOTICE
        # Where nothing else is seen, one label stands at the start and at the end.
        count = 2 if position == "both" and "<w:t>" in body else 1
        assert [text.text for text in texts].count(wanted) == count
        assert texts[-1 if position == "end" else 0].text == wanted
        numbers = [mark.get(f"{{{mark.nsmap['w']}}}id") for mark in root.iterfind(".//{*}bookmarkStart")]
        assert len(set(numbers)) == len(numbers)
        sections = root[0].findall("{*}sectPr")
        assert not sections or root[0][-1] is sections[0]


def test_damaged_and_hostile_parts(provider: Provider, tmp_path: Path) -> None:
    for name, body in {
        "cut": "<w:p>",
        "deep": "<w:p>" * 3000 + "</w:p>" * 2999,
        "labels": "<w:p>" + '<w:bookmarkStart w:id="1" w:name="AIGC_label"/><w:bookmarkEnd w:id="1"/>' * 200 + "</w:p>",
    }.items():
        path = with_body(tmp_path / f"{name}.docx", body)
        before = path.read_bytes()
        with pytest.raises(CarrierError, match="cannot show its label"):
            label(path, provider=provider)
        assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_slides_get_a_text_box(provider: Provider, sample: Sample, tmp_path: Path, parts: Parts) -> None:
    path = sample("impress.pptx")
    before = parts(path)
    label(path, provider=provider)
    after = parts(path)
    changed = {part for part in after if after[part] != before.get(part)} - OURS
    assert changed == {"ppt/slides/slide2.xml"}
    for position, places in (("end", [0, 1]), ("start", [1, 0]), ("both", [1, 1])):
        label(path, provider=provider, text={"position": position})
        show = pptx.Presentation(str(path))
        boxes = [
            [shape for shape in slide.shapes if shape.has_text_frame and NOTICE in shape.text] for slide in show.slides
        ]
        assert [len(found) for found in boxes] == places
        for (box,) in filter(None, boxes):
            assert 0 <= box.left < box.left + box.width <= show.slide_width
            assert 0 <= box.top < box.top + box.height <= show.slide_height
            run = box.text_frame.paragraphs[0].runs[0]
            assert run.font.size >= Pt(12)
            assert str(run.font.color.rgb) == "000000"
            assert str(box.fill.fore_color.rgb) == "FFFFFF"
    once = path.read_bytes()
    label(path, provider=provider, text={"position": "both"})
    assert path.read_bytes() == once
    assert read_label(path).conforms


def test_a_hidden_slide_does_not_count(provider: Provider, tmp_path: Path) -> None:
    show = pptx.Presentation()
    for _ in range(3):
        show.slides.add_slide(show.slide_layouts[6])
    show.slides[2]._element.set("show", "0")
    show.save(str(tmp_path / "a.pptx"))
    label(tmp_path / "a.pptx", provider=provider)
    assert [len(slide.shapes) for slide in pptx.Presentation(str(tmp_path / "a.pptx")).slides] == [0, 1, 0]
    for slide in show.slides:
        slide._element.set("show", "0")
    show.save(str(tmp_path / "b.pptx"))
    with pytest.raises(CarrierError, match="shows no slide"):
        label(tmp_path / "b.pptx", provider=provider)


def test_sheets_are_refused_with_the_way_out(provider: Provider, sample: Sample, tmp_path: Path) -> None:
    path = sample("calc.xlsx")
    before = path.read_bytes()
    with pytest.raises(UnsupportedCarrierError, match=r"'workbook'.*write_label\(\)"):
        label(path, provider=provider)
    assert path.read_bytes() == before
    assert openpyxl.load_workbook(path).active["A1"].value == "春"
    table = odf.opendocument.OpenDocumentSpreadsheet()
    table.save(str(tmp_path / "a.ods"))
    with pytest.raises(UnsupportedCarrierError, match="spreadsheet"):
        label(tmp_path / "a.ods", provider=provider)
