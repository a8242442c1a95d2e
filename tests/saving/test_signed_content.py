"""Files that C2PA has signed: read_label and check say so, and nothing breaks the signature unasked.

The files in ``tests/data/c2pa`` were signed by the reference implementation; its README says how.
"""

from __future__ import annotations

import json
import shutil
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import aigc_hooks
from aigc_hooks import Label, Provider, SignedContentError, check, label, override, propagate, read_label, write_label
from aigc_hooks.cli.app import app

SIGNED = Path(__file__).parents[1] / "data" / "c2pa"
FILES = {
    "signed.jpg": "JPEG APP11 C2PA",
    "signed.png": "PNG caBX",
    "signed.webp": "WebP C2PA",
    "signed.gif": "GIF C2PA_GIF",
    "signed.tiff": "TIFF tag 52545",
    "signed.avif": "uuid C2PA",
    "signed.svg": "SVG c2pa:manifest",
    "signed.wav": "WAV C2PA",
    "signed.mp3": "ID3v2 GEOB C2PA",
    "signed.flac": "ID3v2 GEOB C2PA",
    "signed.mp4": "uuid C2PA",
    "signed.avi": "AVI C2PA",
    "signed.pdf": "PDF C2PA_Manifest",
    "signed.xlsx": "ZIP META-INF/content_credential.c2pa",
}
RECORD = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")
ACME = Provider(producer="acme")
TOLD = "write the AIGC label first, sign with C2PA after"


@pytest.fixture(params=sorted(FILES))
def signed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(SIGNED / request.param, tmp_path))


def test_every_sample_is_looked_at() -> None:
    assert {path.name for path in SIGNED.iterdir()} == {*FILES, "README.md"}


def test_the_manifest_is_told(signed: Path) -> None:
    reading = read_label(signed)
    assert reading.manifests == (FILES[signed.name],)
    assert not reading.findings  # nothing in the manifest is taken for a label
    assert reading.to_dict()["manifests"] == [FILES[signed.name]]
    assert "C2PA" in reading._repr_html_()


def test_a_label_is_refused_and_the_file_stays(signed: Path) -> None:
    before = signed.read_bytes()
    with pytest.raises(SignedContentError, match=TOLD):
        write_label(signed, RECORD)
    with pytest.raises(SignedContentError, match=TOLD):
        write_label(signed, RECORD, output=signed.with_name(f"copy{signed.suffix}"))
    assert signed.read_bytes() == before
    assert [path.name for path in signed.parent.iterdir()] == [signed.name]


def test_a_label_is_written_with_a_warning_where_that_is_wanted(signed: Path) -> None:
    with pytest.warns(UserWarning, match=TOLD):
        write_label(signed, RECORD, on_signed_content="warn")
    reading = read_label(signed)
    assert [finding.label for finding in reading.findings] == [RECORD]
    assert reading.manifests == (FILES[signed.name],)  # it is not ours to delete


@pytest.mark.parametrize("name", ["signed.jpg", "signed.png", "signed.wav", "signed.mp3", "signed.mp4", "signed.avif"])
def test_label_is_refused_as_well(name: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(SIGNED / name, tmp_path))
    before = path.read_bytes()
    with pytest.raises(SignedContentError, match=TOLD):
        label(path, provider=ACME)
    assert path.read_bytes() == before
    copy = path.with_name(f"labelled{path.suffix}")
    with pytest.warns(UserWarning, match=TOLD):
        label(path, provider=ACME, output=copy, on_signed_content="warn")
    assert read_label(copy).label is not None
    assert path.read_bytes() == before


def test_what_is_labelled_already_and_signed_after_stays_as_it_is(tmp_path: Path) -> None:
    path = Path(shutil.copy(SIGNED / "signed.png", tmp_path))
    with pytest.warns(UserWarning, match=TOLD):
        write_label(path, RECORD, on_signed_content="warn")
    before = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_label(path, RECORD)  # nothing changes, so nothing is broken
    assert path.read_bytes() == before
    with pytest.raises(SignedContentError):
        write_label(path, Label(content_producer="acme", produce_id="2"))


def test_a_platform_is_told_too(tmp_path: Path) -> None:
    path = Path(shutil.copy(SIGNED / "signed.jpg", tmp_path))
    with pytest.raises(SignedContentError, match=TOLD):
        propagate(path, platform="site", declared=True)
    with override(on_signed_content="warn"), pytest.warns(UserWarning, match=TOLD):
        propagate(path, platform="site", declared=True)
    found = read_label(path).label
    assert found is not None
    assert (found.label, found.content_propagator) == ("2", "site")


def test_convert_says_that_the_manifest_stays_behind(tmp_path: Path) -> None:
    path = Path(shutil.copy(SIGNED / "signed.jpg", tmp_path))
    with pytest.warns(UserWarning, match="signed with C2PA"):
        write_label(path, RECORD, on_signed_content="warn")
    with pytest.warns(UserWarning, match="signed with C2PA"):
        made = aigc_hooks.convert(path, tmp_path / "made.png")
    assert read_label(made).label == RECORD
    assert not read_label(made).manifests


def test_check_names_it_by_its_rule(signed: Path) -> None:
    (verdict,) = [each for each in check(signed).checks if each.id == "F-29"]
    assert (verdict.status, verdict.place) == ("unknown", FILES[signed.name])
    assert "label first" in verdict.reason


def test_check_says_nothing_of_files_without_one(tmp_path: Path) -> None:
    path = tmp_path / "plain.svg"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    assert not read_label(path).manifests
    assert "F-29" not in {each.id for each in check(path).checks}


def test_the_command_line_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(shutil.copy(SIGNED / "signed.jpg", tmp_path))
    with pytest.raises(SystemExit):
        app(["inspect", "--json", str(path)])
    assert json.loads(capsys.readouterr().out)[0]["manifests"] == ["JPEG APP11 C2PA"]


def _page(serial: int, flags: int, body: bytes) -> bytes:
    """An Ogg page of one packet shorter than 255 bytes (RFC 3533), with its checksum."""
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, serial, 0, 0, 1) + bytes([len(body)])
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in head + body)
    crc = zlib.crc32(turned, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return head[:22] + int(f"{crc:032b}"[::-1], 2).to_bytes(4, "little") + head[26:] + body


def test_ogg_with_a_stream_of_its_own(tmp_path: Path, command: Callable[..., bytes]) -> None:
    path = tmp_path / "signed.opus"
    command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=0.1:r=48000", "-c:a", "libopus", path)
    data = path.read_bytes()
    second = data.index(b"OggS", 4)
    path.write_bytes(data[:second] + _page(77, 2, b"\0c2pa" + bytes(40)) + data[second:])
    assert read_label(path).manifests == ("Ogg C2PA stream",)
    with pytest.raises(SignedContentError):
        write_label(path, RECORD)


@pytest.mark.parametrize(
    ("element", "place"),
    [
        ('<script type="application/c2pa">AAAA</script>', "HTML script C2PA"),
        ('<link rel="c2pa-manifest" href="https://example.org/m.c2pa">', "HTML link C2PA"),
    ],
)
def test_html(element: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><html><head>{element}</head><body>application/c2pa</body></html>")
    assert read_label(path).manifests == (place,)
    path.write_text("<!doctype html><html><head></head><body>application/c2pa</body></html>")
    assert not read_label(path).manifests
