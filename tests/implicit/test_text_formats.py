"""HTML, SVG, notebooks and glTF: nothing but the label changes, and readers that others wrote find it."""

from __future__ import annotations

import codecs
import io
import json
import struct
import tracemalloc
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import lxml.etree
import lxml.html
import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_hooks import (
    CarrierError,
    ForeignLabelError,
    Label,
    UnsupportedCarrierError,
    label,
    read_label,
    write_label,
)
from aigc_hooks.artifact import Carrier
from aigc_hooks.documents import families
from aigc_hooks.implicit import gltf, html, notebook, svg
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
CHINESE = Label.unchecked(
    label="1", content_producer="某某公司😀", produce_id="x" * 70_000, reserved_code1="\ufffe</meta>"
)
JSON = LABEL.to_json()
ESCAPED = JSON.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
META = f'<meta name="AIGC" content="{ESCAPED}">'
RDF = (
    '<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"><TC260:AIGC>{}</TC260:AIGC></rdf:Description></rdf:RDF></metadata>'
)
METADATA = RDF.format(JSON.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def triangle() -> bytes:
    """A triangle after the glTF 2.0 specification, in a GLB."""
    points = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
    scene = {
        "asset": {"version": "2.0", "generator": "x"},
        "buffers": [{"byteLength": len(points)}],
        "bufferViews": [{"buffer": 0, "byteLength": len(points)}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
    }
    return binary(json.dumps(scene).encode(), points)


def binary(scene: bytes, points: bytes, version: int = 2) -> bytes:
    scene += b" " * (-len(scene) % 4)
    chunks = struct.pack("<I4s", len(scene), b"JSON") + scene + struct.pack("<I4s", len(points), b"BIN\0") + points
    return struct.pack("<4sII", b"glTF", version, 12 + len(chunks)) + chunks


def cells() -> str:
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_markdown_cell("# 春", id="a"), nbformat.v4.new_code_cell("print('\\n')", id="b")]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python", "language": "python"}
    return nbformat.writes(book)


HTML: dict[str, tuple[str, str]] = {
    "usual": (
        '<!DOCTYPE html>\n<html lang="zh">\n  <head>\n    <meta charset="utf-8">\n    <title>春<b></title>\n  </head>\n'
        "  <body><p>x</p></body>\n</html>\n",
        '<meta charset="utf-8">\n    @\n    <title>',
    ),
    "no charset": ("<!doctype html>\r\n<html><head>\r\n<title>x</title></head></html>", "<head>\r\n@\r\n<title>"),
    "no head": ("<!DOCTYPE html><html><body>x</body></html>", "<html>@<body>"),
    "no html": ("<!DOCTYPE html><title>x</title><p>y", "<!DOCTYPE html>@<title>"),
    "no doctype": ("<html><head></head><body></body></html>", "<head>@</head>"),
    "http-equiv": (
        '<html><head><title>x</title><META HTTP-EQUIV=Content-Type content="text/html; charset=utf-8"></head></html>',
        'charset=utf-8">@</head>',
    ),
    "comments": (
        "<!-- <head> --><!doctype html><html><!-- <meta charset=x> --><head><script>'<head><meta charset=y>'</script>"
        "</head></html>",
        "--><head>@<script>",
    ),
    "quotes": ("<!doctype html><html data-x='>' data-y=\"<head>\"><head a=b>x</head></html>", "<head a=b>@x"),
    "xhtml": (
        '<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x">\n<html xmlns='
        '"http://www.w3.org/1999/xhtml"><head><title>x</title></head><body/></html>',
        "<head>@<title>",
    ),
}
SVG: dict[str, tuple[str, str]] = {
    "usual": (
        '<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">\n  '
        "<title>春</title>\n  <rect width='3' height=\"3\"/>\n</svg>\n",
        '9 9">@\n',
    ),
    "empty": ('<svg xmlns="http://www.w3.org/2000/svg" id="a>b"/>', 'id="a>b">@</svg>'),
    "prefix": ('<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:g/></s:svg>', '2000/svg">@<s:g/>'),
    "metadata": (
        '<svg xmlns="http://www.w3.org/2000/svg"><g/><metadata id="m"><rdf:RDF xmlns:rdf='
        '"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc='
        '"http://purl.org/dc/elements/1.1/" dc:format="image/svg+xml"/></rdf:RDF></metadata></svg>',
        '2000/svg">@<g/>',
    ),
    "entities": (
        '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd" [\n<!ENTITY ns_svg "http://www.w3.org/2000/svg">\n]>\n'
        '<!-- made by hand -->\n<svg xmlns="&ns_svg;"><metadata><a/></metadata></svg>',
        '"&ns_svg;">@<metadata>',
    ),
}
NOTEBOOKS: dict[str, tuple[str, str]] = {
    "nbformat": (cells(), '"metadata": {\n  "AIGC": @,\n  "kernelspec"'),
    "compact": ('{"cells":[],"metadata":{"b":1},"nbformat":4,"nbformat_minor":5}', '"metadata":{"AIGC":@,"b":1}'),
    "empty": ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', '"metadata": {"AIGC": @}'),
    "none": ('{\n\t"nbformat":\t4,\n\t"cells": []\n}\n', '{\n\t"metadata":{"AIGC":@},\n\t"nbformat":\t4'),
}
GLTF: dict[str, tuple[str, str]] = {
    "usual": (
        '{\n  "asset": {\n    "version": "2.0"\n  },\n  "scenes": []\n}',
        '{\n    "extras": {"AIGC": @},\n    "version"',
    ),
    "extras": (
        '{"accessors":[{"componentType":5126}],"asset":{"version":"2.0","extras":{"a":[1,2.50]}}}',
        '"extras":{"AIGC":@,"a":[1,2.50]}',
    ),
}
FAMILIES: dict[str, tuple[Carrier, dict[str, tuple[str, str]]]] = {
    "html": (html.CARRIER, HTML),
    "svg": (svg.CARRIER, SVG),
    "ipynb": (notebook.CARRIER, NOTEBOOKS),
    "gltf": (gltf.GLTF, GLTF),
}
CASES = [(suffix, name) for suffix, (_, pages) in FAMILIES.items() for name in pages]


def expected(suffix: str, name: str) -> str:
    """The text with the label at its place, by hand."""
    source, sign = FAMILIES[suffix][1][name]
    made = {"html": META, "svg": METADATA, "ipynb": JSON, "gltf": JSON}[suffix]
    if name == "xhtml":
        made = META.replace('">', '" />')
    if name == "prefix":
        made = METADATA.replace("<metadata", "<s:metadata").replace("/metadata", "/s:metadata")
    before, _, after = sign.partition("@")
    if suffix == "svg" and name == "empty":
        return source.replace("/>", ">" + made + "</svg>")
    if suffix in ("ipynb", "gltf"):
        piece = sign.replace("@", made)
        old = {
            "nbformat": '"metadata": {\n  "kernelspec"',
            "compact": '"metadata":{"b":1}',
            "empty": '"metadata": {}',
            "none": '{\n\t"nbformat":\t4',
            "usual": '{\n    "version"',
            "extras": '"extras":{"a":[1,2.50]}',
        }[name]
        return source.replace(old, piece)
    gap = before[len(before.rstrip()) :]
    old = before.rstrip() + after if gap and after[:1] in "\r\n" else before + after
    assert source.count(old) == 1, old
    return source.replace(old, before + made + after)


@pytest.mark.parametrize(("suffix", "name"), CASES)
def test_nothing_but_the_label_changes(suffix: str, name: str, tmp_path: Path) -> None:
    carrier, pages = FAMILIES[suffix]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(pages[name][0].encode())
    assert [each.name for each in hooks().carriers if each.sniff(path.read_bytes()[:4096])] == [carrier.name]
    assert not read_label(path).found
    write_label(path, LABEL)
    assert path.read_bytes().decode() == expected(suffix, name)
    reading = read_label(path)
    assert reading.conforms, reading.defects


@pytest.mark.parametrize("other", [OTHER, CHINESE], ids=["short", "long"])
@pytest.mark.parametrize(("suffix", "name"), CASES)
def test_one_label_takes_the_place_of_another(suffix: str, name: str, other: Label, tmp_path: Path) -> None:
    carrier, pages = FAMILIES[suffix]
    first, second = write(carrier, pages[name][0].encode(), LABEL), write(carrier, pages[name][0].encode(), other)
    assert write(carrier, first, LABEL) == first
    assert write(carrier, first, other) == second
    assert write(carrier, second, LABEL) == first
    assert read_label(second).label == other
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(first)
    with pytest.raises(ForeignLabelError):
        write_label(path, FOREIGN)


def write(carrier: Carrier, data: bytes, new: Label) -> bytes:
    target = io.BytesIO()
    assert carrier.write is not None
    carrier.write(io.BytesIO(data), target, new.to_json())
    return target.getvalue()


# -- HTML


class Metas(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta" and dict(attrs).get("name") == "AIGC":
            self.found.append(dict(attrs))

    handle_startendtag = handle_starttag


@pytest.mark.parametrize("name", HTML)
def test_browsers_parsers_find_the_element_in_the_head(name: str) -> None:
    made = write(html.CARRIER, HTML[name][0].encode(), LABEL).decode()
    assert [each["content"] for each in Metas(made).found] == [JSON]
    (found,) = lxml.html.document_fromstring(made.encode()).xpath("//head/meta[@name='AIGC']/@content")
    assert found == JSON


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "big5", "utf-16-le", "utf-16-be", "shift_jis"])
def test_every_other_byte_of_a_page_in_any_encoding_stays(encoding: str) -> None:
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    text = '<!DOCTYPE html>\n<html><head><meta charset="%s">\n<title>春眠 表\\</title></head><body>İ</body></html>'
    text = (
        (text % encoding)
        .replace("İ", "İ😀" if "utf" in encoding else "x")
        .replace("眠", "眠" if "gb" in encoding else "風")
    )
    old = mark + text.encode(encoding)
    assert html.CARRIER.sniff(old[:4096])
    new = write(html.CARRIER, old, LABEL)
    assert new == mark + text.replace(f'"{encoding}">\n', f'"{encoding}">\n{META}\n').encode(encoding)
    assert read_label(new).conforms
    # Others write Chinese as it is.
    raw = new.replace("acme".encode(encoding.removesuffix("-sig")), "春".encode(encoding.removesuffix("-sig")))
    assert read_label(raw).label is not None
    assert "春" in read_label(raw).label.content_producer


def test_what_only_looks_like_a_label_is_none_and_all_forms_of_one_are_found() -> None:
    looks = f"<!-- {META} --><script>'{META}'</script><textarea>{META}</textarea><a title='{META}'></a><p>AIGC</p>"
    assert not read_label(f"<html><head>{looks}</head></html>".encode()).found
    forms = (
        f"<META content='{JSON.replace(chr(39), '&#39;')}' NAME = AIGC>",
        META.replace("name=", "property="),
        META.replace('"AIGC"', "'aigc'"),
        META.replace(ESCAPED, OTHER.to_json(wrapped=True).replace('"', "&#34;")),
    )
    page = f"<html><body>{'<br>'.join(forms)}</body></html>".encode()
    reading = read_label(page)
    assert [finding.label for finding in reading.findings] == [LABEL, LABEL, LABEL, OTHER]
    assert "the attribute 'property', not 'name'" in str(reading.findings[1].defects)
    assert "named 'aigc'" in str(reading.findings[2].defects)
    assert write(html.CARRIER, page, LABEL) == f"<html><body>{META}<br><br><br></body></html>".encode()


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_piece_of_a_page_is_known_by_its_name(end: str, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(f"<p>春</p>{end}", encoding="utf-8")
    assert read_label(path).carrier == "HTML"
    write_label(path, LABEL)
    assert path.read_text(encoding="utf-8") == f"{META}<p>春</p>{end}"
    assert read_label(path.read_bytes()).conforms
    path.write_bytes(b"BM\0\0\0")
    with pytest.raises(CarrierError, match="NUL"):
        write_label(path, LABEL)


def test_json_that_begins_with_much_else_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"metadata": {"x": "y" * 5000}, "nbformat": 4, "cells": []}), encoding="utf-8")
    with pytest.raises(UnsupportedCarrierError, match="not known"):
        read_label(path.read_bytes())
    write_label(path, LABEL)
    assert read_label(path).conforms


def test_a_text_file_named_txt_or_md_is_labelled_as_text(tmp_path: Path) -> None:
    for suffix, start in ((".txt", "<!DOCTYPE html><p>x</p>"), (".md", "<html>\n# x")):
        path = tmp_path / f"a{suffix}"
        path.write_text(start, encoding="utf-8")
        label(path, producer="acme")
        assert start in path.read_text(encoding="utf-8")
        assert path.read_text(encoding="utf-8") != start


def test_pages_that_no_parser_should_hang_on() -> None:
    for hostile in (
        "<a " * 200_000,
        '<a b="' * 100_000,
        "<!--" * 200_000,
        "<title>" * 100_000,
        "=" * 500_000,
        "<a =" * 9**6,
    ):
        page = f"<!doctype html><html>AIGC{hostile}".encode()
        try:
            assert read_label(write(html.CARRIER, page, LABEL)).found
        except CarrierError as error:
            assert "parts" in str(error)
    with pytest.raises(CarrierError, match="ISO-2022"):
        read_label("<html>春".encode("iso2022_jp"))


@pytest.mark.parametrize("suffix", [suffix for suffix in FAMILIES if FAMILIES[suffix][0].name not in families.NAMES])
def test_a_document_gets_no_visible_label_and_says_so(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    text = next(iter(FAMILIES[suffix][1].values()))[0]
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CarrierError, match=rf"visible label.*{FAMILIES[suffix][0].name}.*write_label\(\)"):
        label(path, producer="acme")
    assert path.read_text(encoding="utf-8") == text


# -- SVG


@pytest.mark.parametrize("name", SVG)
def test_exiftool_reads_the_property(name: str, tmp_path: Path, exif_tags: Callable[[Path], dict[str, Any]]) -> None:
    path = tmp_path / "a.svg"
    path.write_bytes(write(svg.CARRIER, SVG[name][0].encode(), LABEL))
    if name not in ("prefix", "entities"):  # which ExifTool does not know for SVG
        assert exif_tags(path)["XMP-TC260:Aigc"] == JSON
    root = lxml.etree.parse(path, lxml.etree.XMLParser(resolve_entities="internal", load_dtd=False)).getroot()
    assert root[0].tag == "{http://www.w3.org/2000/svg}metadata"
    assert root.findtext(".//{http://www.tc260.org.cn/ns/AIGC/1.0/}AIGC") == JSON


def test_labels_of_others_become_one_and_their_metadata_stays() -> None:
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:t='
    old = (
        head
        + '"http://www.tc260.org.cn/ns/AIGC/1.0/"><metadata><rdf:RDF><rdf:Description t:AIGC=\''
        + OTHER.to_json()
        + '\' t:x="1"><t:AIGC>'
        + OTHER.to_json()
        + '</t:AIGC><AIGC xmlns="urn:x">'
        + OTHER.to_json()
        + "</AIGC></rdf:Description></rdf:RDF></metadata></svg>"
    )
    reading = read_label(old.encode())
    assert [finding.label for finding in reading.findings] == [OTHER] * 3
    assert "the XMP namespace is 'urn:x'" in str(reading.defects)
    inner = METADATA.partition("<TC260:AIGC>")[2].partition("</")[0]
    assert write(svg.CARRIER, old.encode(), LABEL).decode() == (
        head
        + '"http://www.tc260.org.cn/ns/AIGC/1.0/"><metadata><rdf:RDF><rdf:Description t:x="1"><t:AIGC>'
        + inner
        + "</t:AIGC></rdf:Description></rdf:RDF></metadata></svg>"
    )


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ('<!DOCTYPE svg [<!ENTITY a "bbbb"><!ENTITY c "&a;&a;">]>', "refused"),
        ('<!DOCTYPE svg [<!ENTITY % a "bbbb">]>', "refused"),
        (f'<!DOCTYPE svg [<!ENTITY a "{"b" * 5000}">]>', "refused"),
        ('<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>', None),
        ('<?xml version="1.0" encoding="gbk"?>', "encoding|well-formed"),
        ("<!DOCTYPE svg><html/>", "its root is 'html', not svg"),
    ],
)
def test_entities_do_not_grow_and_nothing_is_loaded(head: str, message: str | None) -> None:
    text = head + '<svg xmlns="http://www.w3.org/2000/svg"><g>&a;&lt;</g></svg>'
    if message is None:
        assert "passwd" not in str(read_label(text.encode()))
        return
    with pytest.raises(CarrierError, match=message):
        read_label(text.encode())


def test_an_svg_in_utf_16_is_read_and_not_written() -> None:
    data = SVG["usual"][0].replace("UTF-8", "UTF-16").encode("utf-16")
    assert read_label(data).carrier == "SVG"
    with pytest.raises(CarrierError, match="save it as UTF-8"):
        write(svg.CARRIER, data, LABEL)


# -- JSON


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_nbformat_accepts_and_keeps_the_label(name: str) -> None:
    made = write(notebook.CARRIER, NOTEBOOKS[name][0].encode(), LABEL).decode()
    assert json.loads(made)["metadata"]["AIGC"] == LABEL.to_dict()
    if name == "nbformat":
        book = nbformat.reads(made, as_version=4)
        nbformat.validate(book)
        assert read_label(nbformat.writes(book).encode()).conforms


def test_labels_at_other_places_in_json_become_one() -> None:
    book = {"nbformat": 4, "AIGC": OTHER.to_json(wrapped=True), "metadata": {"aigc": OTHER.to_dict(), "x": 1}}
    data = json.dumps(book, indent=1).encode()
    reading = read_label(data)
    assert [finding.label for finding in reading.findings] == [OTHER, OTHER]
    assert "it stands in the top object, not in metadata" in str(reading.defects)
    assert json.loads(write(notebook.CARRIER, data, LABEL)) == {
        "nbformat": 4,
        "metadata": {"AIGC": LABEL.to_dict(), "x": 1},
    }
    scene = {"asset": {"version": "2.0", "AIGC": OTHER.to_dict()}, "extras": {"AIGC": json.dumps(OTHER.to_dict())}}
    data = json.dumps(scene).encode()
    assert [finding.label for finding in read_label(data).findings] == [OTHER, OTHER]
    made = json.loads(write(gltf.GLTF, data, LABEL))
    assert made == {"asset": {"version": "2.0", "extras": {"AIGC": LABEL.to_dict()}}, "extras": {}}


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ('{"cells": [], "metadata": []}', UnsupportedCarrierError, "no notebook"),
        ('{"nbformat": 4, "metadata": []}', CarrierError, "'metadata' is no object"),
        ('{"nbformat": 4, "metadata": {}, "metadata": {}}', CarrierError, "stands twice"),
        ('{"nbformat": 4, "cells": [}', CarrierError, "closes another"),
        ('{"nbformat": 4, "cells": ["', CarrierError, "cut off"),
        ('{"nbformat": 4} x', CarrierError, "other text follows"),
        ('{"nbformat": 4, "cells": ' + "[" * 600 + "]" * 600 + "}", CarrierError, "nested deeper"),
        ('{"nbformat": 4 "cells": []}', CarrierError, "no comma"),
        ('{"asset": {"generator": "x"}, "scenes": []}', UnsupportedCarrierError, "no glTF"),
        ('{"asset": {"version": "1.0"}, "scenes": []}', UnsupportedCarrierError, "glTF '1.0' is not read"),
        ('{"asset": {"version": "2.0", "extras": 5}}', CarrierError, "'extras' is no object"),
    ],
)
def test_json_that_is_refused(text: str, error: type[CarrierError], message: str) -> None:
    carrier = notebook.CARRIER if notebook.CARRIER.sniff(text.encode()) else gltf.GLTF
    assert carrier.sniff(text.encode())
    with pytest.raises(error, match=message):
        write(carrier, text.encode(), LABEL)


def test_a_glb_keeps_its_binary_chunk_and_its_lengths(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    path.write_bytes(triangle() + b"behind")
    write_label(path, LABEL)
    once = path.read_bytes()
    assert read_label(path).conforms
    magic, version, length, count, kind = struct.unpack_from("<4sIII4s", once)
    assert (magic, version, kind) == (b"glTF", 2, b"JSON")
    assert count % 4 == 0
    scene = json.loads(once[20 : 20 + count])
    assert scene["asset"].pop("extras") == {"AIGC": LABEL.to_dict()}
    assert scene == json.loads(triangle()[20:].split(b"BIN\0")[0][:-4])
    assert once[20 + count :] == triangle()[-44:] + b"behind"
    assert length == len(once) - len(b"behind")
    write_label(path, OTHER)
    write_label(path, LABEL)
    assert path.read_bytes() == once


def test_lying_glb_headers() -> None:
    data = triangle()
    lies = {
        "version 1": binary(b"{}", b"", version=1),
        "tells 9999 bytes": data[:8] + struct.pack("<I", 9999) + data[12:],
        "does not fit": data[:12] + struct.pack("<I", 4000) + data[16:],
        "not JSON": data[:16] + b"BIN\0" + data[20:],
        "no JSON object": binary(b"[]", b""),
    }
    for message, lie in lies.items():
        with pytest.raises(CarrierError, match=message):
            list(gltf.GLB.read(io.BytesIO(lie)))
    for end in range(len(data)):
        with pytest.raises(CarrierError, match="offset"):
            list(gltf.GLB.read(io.BytesIO(data[:end])))


@pytest.mark.parametrize("suffix", ["ipynb", "svg"])
def test_every_truncation_is_one_clear_error(suffix: str) -> None:
    carrier, pages = FAMILIES[suffix]
    for text, _ in pages.values():
        data = text.rstrip().encode()
        for end in range(len(data)):
            with pytest.raises(CarrierError, match="offset"):
                list(carrier.read(io.BytesIO(data[:end])))


@pytest.mark.parametrize(("suffix", "name"), CASES)
@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_mutation_is_labelled_or_a_carrier_error(suffix: str, name: str, data: st.DataObject) -> None:
    carrier, pages = FAMILIES[suffix]
    changed = bytearray(write(carrier, pages[name][0].encode(), OTHER))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        pieces = st.sampled_from([b"<", b">", b'"', b"'", b"{", b"}", b"\\", b"AIGC", b"&", b"<!--", b"</", b"\0"])
        new = data.draw(st.one_of(st.binary(max_size=3), pieces))
        changed[at : at + data.draw(st.sampled_from([len(new), 0]))] = new
    try:
        made = write(carrier, bytes(changed), LABEL)
        found = [raw.text for raw in carrier.read(io.BytesIO(made))]
    except CarrierError:
        return
    assert len(found) == 1 or suffix == "html"
    assert json.loads(found[0]) == LABEL.to_dict() or suffix == "html"


def test_memory_follows_the_file() -> None:
    big = ('{"cells": [' + '{"source": ["' + "x" * (20 << 20) + '"]}], "metadata": {}, "nbformat": 4}').encode()
    tracemalloc.start()
    try:
        assert read_label(write(notebook.CARRIER, big, LABEL)).conforms
        assert tracemalloc.get_traced_memory()[1] < 5 * len(big)
    finally:
        tracemalloc.stop()
