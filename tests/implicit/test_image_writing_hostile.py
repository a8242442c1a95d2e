"""Damaged and hostile pictures: the writer says what is wrong, or writes the one label, in bounded time and memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from aigc_hooks.artifact import Carrier
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import gif, isobmff, jpeg, png, tiff, webp, xmp
from aigc_hooks.labels import Label

LABEL = Label(content_producer="x", produce_id="y")
NEW = Label(content_producer="x", produce_id="z" * 99)
TEXT = LABEL.to_json(wrapped=True).encode()
NAMES = ["PNG", "JPEG", "MPO", "WebP", "bare WebP", "GIF", "TIFF", "BigTIFF", "AVIF"]


@cache
def sample(name: str) -> tuple[Carrier, bytes]:
    """A small file with labels in several places, where Pillow writes them."""
    image = Image.radial_gradient("L").resize((9, 7)).convert("RGB")
    packet = xmp.packet(LABEL)
    block = Image.Exif()
    block.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + TEXT
    target = io.BytesIO()
    match name:
        case "PNG":
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=True)
            info.add_text("AIGC", TEXT.decode())
            image.save(target, "PNG", pnginfo=info, exif=block)
            return png.CARRIER, target.getvalue()
        case "JPEG":
            image.save(target, "JPEG", xmp=packet, exif=block, comment=TEXT)
            return jpeg.CARRIER, target.getvalue()
        case "MPO":
            image.save(target, "MPO", save_all=True, append_images=[image.copy()], exif=block.tobytes())
            return jpeg.CARRIER, target.getvalue()
        case "WebP":
            image.save(target, "WEBP", xmp=packet, exif=block)
            return webp.CARRIER, target.getvalue()
        case "bare WebP":
            image.save(target, "WEBP")
            return webp.CARRIER, target.getvalue()
        case "GIF":
            image.save(target, "GIF", save_all=True, append_images=[image.rotate(90)], comment=TEXT)
            return gif.CARRIER, gif.insert(target.getvalue(), packet)
        case "AVIF":
            image.save(target, "AVIF", speed=10, xmp=packet, exif=block)
            return isobmff.AVIF, target.getvalue()
    image.save(target, "TIFF", tiffinfo={700: packet}, exif=block, big_tiff=name == "BigTIFF")
    return tiff.CARRIER, target.getvalue()


def written(carrier: Carrier, data: bytes) -> bytes | None:
    """The file with the new label; None where the writer or the reader refuses it."""
    target = io.BytesIO()
    assert carrier.write is not None
    try:
        carrier.write(io.BytesIO(data), target, NEW.to_json())
        found = [raw.text for raw in carrier.read(io.BytesIO(target.getvalue()))]
    except CarrierError as error:
        assert str(error)
        return None
    return target.getvalue() if found == [NEW.to_json()] else None


@pytest.mark.parametrize("name", NAMES)
def test_every_place_gives_its_label_up(name: str) -> None:
    carrier, source = sample(name)
    made = written(carrier, source)
    assert made is not None
    assert b'"ProduceID":"y"' not in made


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_anywhere_is_refused_or_labelled(name: str) -> None:
    carrier, source = sample(name)
    refused = 0
    for end in range(len(source)):
        made = written(carrier, source[:end])
        refused += made is None
    assert refused > 20


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_mutation_is_labelled_or_a_carrier_error(name: str, data: st.DataObject) -> None:
    carrier, source = sample(name)
    changed = bytearray(source)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(changed) - 1, 2000)))
        new = data.draw(
            st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"]))
        )
        changed[at : at + data.draw(st.sampled_from([len(new), 0, 1]))] = new
    written(carrier, bytes(changed))


@given(st.sampled_from(NAMES), st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_behind_a_right_beginning(name: str, rest: bytes) -> None:
    carrier, source = sample(name)
    for head in (source[:12], source[:33]):
        written(carrier, head + rest)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


def avif(iinf: bytes, iloc: bytes, *more: bytes) -> bytes:
    parts = (box(b"iinf", iinf), box(b"iloc", iloc), *more)
    return box(b"ftyp", b"avif", bytes(4)) + box(b"meta", bytes(4), *parts)


INFE = box(b"infe", bytes([2, 0, 0, 0, 0, 1, 0, 0]), b"mime\0application/rdf+xml\0")


@pytest.mark.parametrize(
    ("carrier", "make", "message"),
    [
        (
            isobmff.AVIF,
            lambda: avif(bytes(6), b"\1\0\0\0\0\0\xff\xff" + b"\0\1" + bytes(4) + b"\xff\xff" * 9),
            "box is short",
        ),
        (
            isobmff.AVIF,
            lambda: avif(bytes(6), bytes(6) + b"\xff\xff" + b"\0\1\0\0\xff\xff" * 65535),
            "more than 100000 items",
        ),
        (isobmff.AVIF, lambda: avif(bytes(6), b"\x09" + bytes(40)), "version 9 is unknown"),
        (
            isobmff.AVIF,
            lambda: avif(bytes(4) + b"\xff\xff" + INFE[:0], bytes(4) + b"\x44\0\0\0"),
            "no more can be counted",
        ),
        (
            isobmff.AVIF,
            lambda: avif(bytes(6), bytes(4) + b"\x44\0\0\0", box(b"pitm", b"\1\0\0\0\0\1\0\0"), box(b"iref", bytes(4))),
            "cannot tell the number",
        ),
        (
            isobmff.AVIF,
            lambda: avif(bytes(6), bytes(4) + b"\x44\0\0\1\0\1\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff"),
            "beyond what its iloc box can tell",
        ),
        (tiff.CARRIER, lambda: b"II*\0" + bytes(4), "it has no directory"),
        (tiff.CARRIER, lambda: b"II*\0\x08\0\0\0\1\0\xbc\2\7\0\xff\xff\xff\x00" + bytes(40), "ends after the file"),
        (webp.CARRIER, lambda: b"RIFF\xff\xff\xff\xffWEBP" + bytes(99), "announces 4294967303 bytes"),
        (jpeg.CARRIER, lambda: b"\xff\xd8" + b"\xff" * 200_000, "fill bytes"),
        (png.CARRIER, lambda: sample("PNG")[1][:33] + chunk(b"teSt", b"") * 1_000_001, "more than 1000000 chunks"),
    ],
    ids=range(11),
)
def test_lies_and_floods_are_clear_errors(carrier: Carrier, make: Callable[[], bytes], message: str) -> None:
    assert carrier.write is not None
    target = io.BytesIO()
    with pytest.raises(CarrierError, match=message):
        carrier.write(io.BytesIO(make()), target, NEW.to_json())


def test_parts_that_overlap_are_refused() -> None:
    packet = xmp.packet(LABEL)
    two = [box(b"infe", bytes([2, 0, 0, 0, 0, number, 0, 0]), b"mime\0application/rdf+xml\0") for number in (1, 2)]

    def made(start: int) -> bytes:
        items = b"".join(struct.pack(">HHHII", number, 0, 1, start, len(packet)) for number in (1, 2))
        return avif(b"\0\0\0\0\0\2" + b"".join(two), bytes(4) + b"\x44\0\0\2" + items) + box(b"mdat", packet)

    data = made(len(made(0)) - len(packet))
    assert len(list(isobmff.AVIF.read(io.BytesIO(data)))) == 2
    with pytest.raises(CarrierError, match="two parts of the file that hold labels overlap"):
        isobmff.AVIF.write(io.BytesIO(data), io.BytesIO(), LABEL.to_json().replace("y", "z"))  # type: ignore[misc]


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WebP", "TIFF", "GIF"])
def test_memory_does_not_grow_with_the_file(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    carrier, source = sample(name)
    folder = tmp_path_factory.mktemp(name)
    pixels = bytes(24 << 20)
    match name:
        case "PNG":
            at = source.index(b"IDAT") - 4
            source = source[:at] + chunk(b"IDAT", pixels) + source[at:]
        case "WebP":
            body = source[8:] + b"ABCD" + struct.pack("<I", len(pixels)) + pixels
            source = b"RIFF" + struct.pack("<I", len(body)) + body
        case "GIF":
            source = source[:-1] + b"\x21\xff\x0b" + b"ABCDEFGHIJK" + (b"\xff" + bytes(255)) * (24 << 12) + b"\0;"
        case _:
            source += pixels
    (folder / "a").write_bytes(source)
    assert carrier.write is not None
    with (folder / "a").open("rb") as stream, (folder / "b").open("w+b") as target:
        tracemalloc.start()
        try:
            carrier.write(stream, target, NEW.to_json())
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()
    with (folder / "b").open("rb") as made:
        assert [raw.text for raw in carrier.read(made)] == [NEW.to_json()]
