"""label(Path) of documents: both labels in one pass, whole or not at all (F-21 to F-30, I-14, M-18, M-20)."""

from __future__ import annotations

import json
import logging
import shlex
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import (
    CarrierError,
    ForeignLabelError,
    Provider,
    UnsupportedCarrierError,
    check,
    exempt,
    label,
    read_label,
)
from aigc_hooks.documents import html

DATA = Path(__file__).parent.parent / "data" / "documents"
CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
BOOK = (
    '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/><manifest>'
    '<item id="c" href="cover.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="a" href="t/a%20b.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="c" linear="no"/><itemref idref="a"/><itemref idref="b"/></spine></package>'
)
CHAPTER = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body><p>{}</p></body></html>'
NAMES = ["a.html", "a.svg", "a.epub", "writer.docx", "writer.odt", "writer.pdf", "impress.pptx"]


def made(name: str, folder: Path) -> Path:
    path = folder / name
    if name == "a.html":
        path.write_text("<!doctype html><html><head></head><body><p>x</p></body></html>")
    elif name == "a.svg":
        path.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"/>')
    elif name == "a.epub":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
            file.writestr("META-INF/container.xml", CONTAINER)
            file.writestr("OEBPS/book.opf", BOOK)
            for part in ("cover", "t/a b", "b"):
                file.writestr(f"OEBPS/{part}.xhtml", CHAPTER.format(part))
    else:
        shutil.copy(DATA / name, path)
    return path


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """The audit records since the last call."""
    caplog.set_level(logging.INFO, "aigc_hooks.audit")

    def records() -> list[dict[str, Any]]:
        found = [json.loads(record.getMessage()) for record in caplog.records if record.name == "aigc_hooks.audit"]
        caplog.clear()
        return found

    return records


@pytest.mark.parametrize("name", NAMES)
def test_both_labels_once_and_a_second_time_nothing(
    name: str, provider: Provider, tmp_path: Path, audited: Callable[[], list[dict[str, Any]]]
) -> None:
    path = made(name, tmp_path)
    path.chmod(0o640)
    before = path.read_bytes()
    output = label(path, provider=provider, output=tmp_path / f"copy-{name}")
    assert path.read_bytes() == before
    (line,) = audited()
    assert (line["outcome"], line["modality"], len(line["places"])) == ("labelled", "document", 2)
    assert label(path, provider=provider) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    for each in (path, output):
        report = check(each)
        explicit = {found.status for found in report.checks if found.id[0] in "TWI"}
        assert explicit == {"pass"}, report
        assert report.passed
        assert len(read_label(each).findings) == 1
    audited()
    once = path.read_bytes()
    number = path.stat().st_ino
    label(path, provider=provider)
    assert path.read_bytes() == once
    assert path.stat().st_ino == number  # not even written again
    assert [line["outcome"] for line in audited()] == ["already-labelled"]
    assert label(path, provider=provider, output=tmp_path / f"again-{name}").read_bytes() == once
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", NAMES)
def test_without_a_label_the_check_says_unknown(name: str, tmp_path: Path) -> None:
    report = check(made(name, tmp_path))
    assert {found.status for found in report.checks if found.id[0] in "TWI"} == {"unknown"}


@pytest.mark.parametrize("name", NAMES)
def test_an_exempted_document_gets_the_implicit_label_alone(
    name: str, provider: Provider, tmp_path: Path, audited: Callable[[], list[dict[str, Any]]]
) -> None:
    path = made(name, tmp_path)
    with exempt(user="u", agreement="a", reason="r"):
        label(path, provider=provider)
    assert [line["outcome"] for line in audited()] == ["exempted"]
    assert read_label(path).label is not None
    assert {found.status for found in check(path).checks if found.id[0] in "TWI"} == {"unknown"}
    number = read_label(path).label
    label(path, provider=provider)
    assert read_label(path).label == number
    assert {found.status for found in check(path).checks if found.id[0] in "TWI"} == {"pass"}


@pytest.mark.parametrize("name", NAMES)
def test_the_label_of_another_producer_stays(name: str, provider: Provider, tmp_path: Path) -> None:
    path = made(name, tmp_path)
    label(path, producer="other")
    before = path.read_bytes()
    with pytest.raises(ForeignLabelError, match="'other'"):
        label(path, provider=provider)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_the_first_and_the_last_text_of_a_book(provider: Provider, tmp_path: Path) -> None:
    path = made("a.epub", tmp_path)
    for position, places in (("end", [0, 0, 1]), ("start", [0, 1, 0]), ("both", [0, 1, 1])):
        label(path, provider=provider, text={"position": position})
        with zipfile.ZipFile(path) as file:
            assert file.testzip() is None
            pages = [file.read(f"OEBPS/{part}.xhtml") for part in ("cover", "t/a b", "b")]
        assert [page.count(html.ATTRIBUTE.encode()) for page in pages] == places


@pytest.mark.parametrize("name", NAMES[1:])  # a page need not be closed
def test_cut_files_are_left_as_they_are(name: str, provider: Provider, tmp_path: Path) -> None:
    path = made(name, tmp_path)
    data = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        before = path.read_bytes()
        with pytest.raises(CarrierError):
            label(path, provider=provider)
        assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_another_format_is_refused(provider: Provider, tmp_path: Path) -> None:
    path = made("writer.docx", tmp_path)
    with pytest.raises(UnsupportedCarrierError, match=r"keeps its format.*'a\.docx'"):
        label(path, provider=provider, output=tmp_path / "a.pdf")
    with pytest.raises(FileNotFoundError):
        label(path, provider=provider, output=tmp_path / "none" / "a.docx")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = made("writer.pdf", tmp_path)
    before = path.read_bytes()
    code = f"from pathlib import Path; from aigc_hooks import label; label(Path({str(path)!r}), producer='acme')"
    limited = f"ulimit -f 16; exec {shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "File too large" in done.stderr
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
