"""Formats without a place for the label: nothing is written, or it is said and recorded (F-10)."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
from PIL import Image

from aigc_hooks import LabelError, Provider, UnsupportedCarrierError, label, read_label

NO_PLACE = ["bmp", "tga", "ppm", "ico", "jp2", "pcx", "dds", "sgi", "qoi", "eps", "im"]


@pytest.mark.parametrize("suffix", NO_PLACE)
def test_nothing_is_written(suffix, labelled, tmp_path: Path):
    path = tmp_path / f"out.{suffix}"
    with pytest.raises(UnsupportedCarrierError, match=r"no place for the implicit label.*PNG, JPEG.*WEBP"):
        labelled.save(path)
    assert not list(tmp_path.iterdir())
    path.write_bytes(b"old")
    with pytest.raises(UnsupportedCarrierError, match='on_unsupported_carrier = "warn"'):
        labelled.save(path)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1
    memory = io.BytesIO()
    with pytest.raises(UnsupportedCarrierError):
        labelled.save(memory, Image.registered_extensions()[f".{suffix}"])
    assert memory.getvalue() == b""


@pytest.mark.parametrize("suffix", ["bmp", "ppm", "ico"])
def test_a_warning_and_a_record_on_purpose(suffix, plain, tmp_path: Path, caplog):
    provider = Provider(producer="acme", on_unsupported_carrier="warn")
    image = label(plain.copy(), provider=provider)
    path = tmp_path / f"out.{suffix}"
    caplog.set_level(logging.WARNING, "aigc_hooks.audit")
    with pytest.warns(UserWarning, match="no place for the implicit label") as caught:
        image.save(path)
    assert caught[0].filename == __file__
    records = [record.getMessage() for record in caplog.records if "unsupported-carrier" in record.getMessage()]
    assert len(records) == 1
    assert image.info["AIGC"].label.produce_id in records[0]
    assert path.stat().st_size > 100
    if suffix in ("bmp", "ppm"):
        with Image.open(path) as saved:
            assert saved.convert("RGB").tobytes() == image.tobytes()


def test_formats_that_come_later_are_refused_too(labelled, tmp_path: Path):
    written = []

    def save_late(im: Image.Image, fp: io.BytesIO, filename: str) -> None:
        written.append(filename)
        fp.write(b"LATE" + im.tobytes())

    Image.register_save("LATE", save_late)
    Image.register_extension("LATE", ".late")
    try:
        with pytest.raises(UnsupportedCarrierError, match="a LATE file has no place"):
            labelled.save(tmp_path / "out.late")
        with pytest.raises(UnsupportedCarrierError):
            labelled.save(io.BytesIO(), "late")
        assert not written
        assert not list(tmp_path.iterdir())
        Image.new("L", (2, 2)).save(tmp_path / "plain.late")
        assert (tmp_path / "plain.late").read_bytes() == b"LATE\0\0\0\0"
    finally:
        del Image.SAVE["LATE"], Image.EXTENSION[".late"]


def test_an_unknown_suffix(labelled, tmp_path: Path):
    with pytest.raises(ValueError, match=r"unknown file extension: \.xyz"):
        labelled.save(tmp_path / "out.xyz")
    with pytest.raises(ValueError, match="unknown file extension"):
        labelled.save(tmp_path / "out")
    with pytest.raises(KeyError):
        labelled.save(tmp_path / "out.png", "nonsense")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["tif", "pdf"])
def test_pages_cannot_be_appended_behind_an_unlabelled_first(suffix, labelled, plain, tmp_path: Path):
    path = tmp_path / f"out.{suffix}"
    plain.save(path)
    before = path.read_bytes()
    with pytest.raises((LabelError, UnsupportedCarrierError), match=r"append|no place"):
        labelled.save(path, append=True, save_all=True)
    assert path.read_bytes() == before


def test_an_encoder_that_drops_the_label_is_found_out(labelled, tmp_path: Path):
    from aigc_hooks.saving import pictures

    guarded = Image.SAVE["PNG"]
    original = getattr(guarded, pictures._ORIGINAL)

    def forgetful(im: Image.Image, fp: io.BytesIO, filename: str) -> None:
        im.encoderinfo = {key: value for key, value in im.encoderinfo.items() if key != "pnginfo"}
        original(im, fp, filename)

    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    # Another package that replaces the saver of a format is guarded like the one before.
    Image.register_save("PNG", forgetful)
    try:
        with pytest.raises(LabelError, match="found none"):
            labelled.save(path)
    finally:
        Image.SAVE["PNG"] = guarded
    assert path.read_bytes() == b"old"
    labelled.save(path)
    assert read_label(path).conforms


def test_a_wrong_mode_is_pillows_own_error(provider, tmp_path: Path):
    path = tmp_path / "out.jpg"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="cannot write mode RGBA as JPEG"):
        label(Image.new("RGBA", (99, 99)), provider=provider).save(path)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1
