"""Formats whose place no guide is known to name: reading, inspect and check say the same of each (F-09, F-20, F-24)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from aigc_hooks import check, read_label, write_label
from aigc_hooks.artifact import BY_ANALOGY
from aigc_hooks.cli.app import app
from aigc_hooks.labels import Label

Command = Callable[..., bytes]
OURS = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")


def picture(form: str) -> bytes:
    target = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(target, form)
    return target.getvalue()


def package(kind: bytes, parts: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("mimetype", kind)
        for name, text in parts.items():
            file.writestr(name, text)
    return target.getvalue()


CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="a.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
BOOK = '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/><manifest/><spine/></package>'
MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
TEXTS = {
    "a.html": b"<!DOCTYPE html><html><head><title>a</title></head><body>a</body></html>",
    "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9"/></svg>',
    "a.ipynb": b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}',
    "a.gltf": b'{"asset":{"version":"2.0"}}',
    "a.obj": b"v 0 0 0\n",
    "a.ply": b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n",
    "a.epub": package(b"application/epub+zip", {"META-INF/container.xml": CONTAINER, "a.opf": BOOK}),
    "a.odt": package(
        b"application/vnd.oasis.opendocument.text",
        {"META-INF/manifest.xml": MANIFEST, "content.xml": "<a/>", "meta.xml": "<a/>"},
    ),
    "a.avif": picture("AVIF"),
}
SOUNDS = ("a.aiff", "a.aac", "a.wma", "a.3gp")
NAMED = {"a.png": picture("PNG"), "a.jpg": picture("JPEG")}


def made(name: str, folder: Path, command: Command) -> Path:
    path = folder / name
    if name in SOUNDS:
        codec = ("-c:a", "aac") if name == "a.3gp" else ()
        command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=0.2", *codec, str(path))
    else:
        path.write_bytes({**TEXTS, **NAMED}[name])
    return path


def inspected(path: Path) -> tuple[int, dict[str, object], str]:
    run = CliRunner()
    told = run.invoke(app, ["inspect", str(path), "--json"])
    return told.exit_code, json.loads(told.stdout)[0], " ".join(run.invoke(app, ["inspect", str(path)]).stdout.split())


@pytest.mark.parametrize("name", [*TEXTS, *SOUNDS])
def test_a_label_by_analogy_conforms_and_every_reader_says_that_no_guide_names_its_place(
    name: str, tmp_path: Path, command: Command
) -> None:
    path = made(name, tmp_path, command)
    write_label(path, OURS)
    reading = read_label(path)
    assert (reading.conforms, reading.by_analogy, reading.defects) == (True, True, ())
    report = check(path)
    assert report.passed
    (place,) = [each for each in report.checks if each.id.startswith("F-")]
    assert (place.id in ("F-09", "F-20", "F-24"), place.status, place.reason) == (True, "unknown", BY_ANALOGY)
    code, told, text = inspected(path)
    assert (code, told["conforms"], told["by_analogy"], told["defects"]) == (0, True, True, [])
    assert "conforms" in text
    assert "by analogy" in text
    assert BY_ANALOGY in reading._repr_html_()


@pytest.mark.parametrize("name", NAMED)
def test_a_place_of_a_guide_is_none(name: str, tmp_path: Path, command: Command) -> None:
    path = made(name, tmp_path, command)
    write_label(path, OURS)
    reading = read_label(path)
    assert (reading.conforms, reading.by_analogy) == (True, False)
    code, told, text = inspected(path)
    assert (code, told["by_analogy"]) == (0, False)
    assert "by analogy" not in text


def test_a_wrong_form_is_a_defect_there_too(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text('<html><head><meta name="AIGC" content="{&quot;Label&quot;:1}"></head></html>', encoding="utf-8")
    reading = read_label(path)
    assert (reading.conforms, reading.by_analogy) == (False, True)
    assert not check(path).passed
    assert inspected(path)[0] == 1
