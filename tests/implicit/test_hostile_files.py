"""Damaged and hostile files: one clear error or a reading, in bounded time and memory."""

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

from aigc_hooks.artifact import Carrier, Finding, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import bounds, gif, isobmff, jpeg, png, tiff, webp, xmp
from aigc_hooks.implicit.field import parse
from aigc_hooks.labels import Label

Picture = Callable[..., bytes]
LABEL = Label(content_producer="x", produce_id="y")
TEXT = LABEL.to_json(wrapped=True).encode()
NAMES = ["PNG", "JPEG", "WebP", "GIF", "TIFF", "BigTIFF", "AVIF"]


@cache
def sample(name: str) -> tuple[Carrier, bytes]:
    """A small file with a label in XMP, and in Exif where Pillow writes it."""
    image = Image.radial_gradient("L").resize((16, 16)).convert("RGB")
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
        case "WebP":
            image.save(target, "WEBP", xmp=packet, exif=block)
            return webp.CARRIER, target.getvalue()
        case "GIF":
            image.save(target, "GIF", save_all=True, append_images=[image.rotate(90)], comment=TEXT)
            return gif.CARRIER, gif.insert(target.getvalue(), packet)
        case "AVIF":
            image.save(target, "AVIF", xmp=packet, exif=block)
            return isobmff.AVIF, target.getvalue()
    image.save(target, "TIFF", tiffinfo={700: packet}, exif=block, big_tiff=name == "BigTIFF")
    return tiff.CARRIER, target.getvalue()


def read(carrier: Carrier, data: bytes) -> list[Finding]:
    return [parse(raw) for raw in carrier.read(io.BytesIO(data))]


def test_the_samples_are_read() -> None:
    for name in NAMES:
        found = read(*sample(name))
        assert found
        assert {finding.label for finding in found} == {LABEL}


@pytest.mark.parametrize("name", NAMES)
def test_every_truncation_is_a_reading_or_one_clear_error(name: str) -> None:
    carrier, data = sample(name)
    errors = 0
    for end in range(len(data)):
        try:
            found = read(carrier, data[:end])
        except CarrierError as error:
            errors += 1
            assert str(error).startswith(f"damaged {carrier.name} file: ")
            assert "at offset" in str(error)
        else:
            # What is cut off behind the last structure that is walked, as pixels behind SOS, does no harm.
            assert LABEL in {finding.label for finding in found}
    assert errors > 100


@pytest.mark.parametrize("name", ["PNG", "WebP", "GIF", "AVIF"])
def test_files_cut_in_their_pixels_are_errors(name: str) -> None:
    carrier, data = sample(name)
    with pytest.raises(CarrierError):
        read(carrier, data[:-1])


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_mutation_is_a_reading_or_a_carrier_error(name: str, data: st.DataObject) -> None:
    carrier, source = sample(name)
    changed = bytearray(source)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(changed) - 1, 2000)))
        new = data.draw(
            st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"]))
        )
        changed[at : at + data.draw(st.sampled_from([len(new), 0, 1]))] = new
    try:
        found = read(carrier, bytes(changed))
    except CarrierError:
        return
    assert all(isinstance(finding, Finding) for finding in found)


@given(st.sampled_from(NAMES), st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_behind_a_right_beginning(name: str, rest: bytes) -> None:
    carrier, source = sample(name)
    for head in (source[:12], source[:33]):
        try:
            read(carrier, head + rest)
        except CarrierError:
            continue


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes_as_a_packet_or_a_label(data: bytes) -> None:
    for packet in (data, b"<AIGC>" + data, xmp.packet(LABEL).replace(b"Label", data)):
        for raw in xmp.find(packet, "x"):
            parse(raw)
    parse(RawLabel("x", data.decode("utf-8", "replace")))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def png_with(*chunks: bytes) -> bytes:
    source = sample("PNG")[1]
    return source[:33] + b"".join(chunks) + source[-12:]


def webp_with(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bomb(size: int) -> bytes:
    return zlib.compress(b"a" * size)


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


def avif_with(iinf: bytes, iloc: bytes) -> bytes:
    return box(b"ftyp", b"avif", bytes(4)) + box(b"meta", bytes(4), box(b"iinf", iinf), box(b"iloc", iloc))


INFE = box(b"infe", bytes([2, 0, 0, 0, 0, 1, 0, 0]), b"mime\0application/rdf+xml\0")
LOOP = b"II*\0\x08\0\0\0" + bytes(2) + b"\x08\0\0\0"

HOSTILE: list[tuple[str, Carrier, Callable[[], bytes], str]] = [
    ("png chunk of 4 GB", png.CARRIER, lambda: png_with(b"\xff\xff\xff\xfftEXtAIGC\0"), "ends after the file"),
    ("png chunk type", png.CARRIER, lambda: png_with(bytes(12)), "no chunk type"),
    ("png many chunks", png.CARRIER, lambda: png_with(chunk(b"teSt", b"") * 1_000_001), "more than 1000000 chunks"),
    ("png bomb", png.CARRIER, lambda: png_with(chunk(b"zTXt", b"AIGC\0\0" + bomb(99 << 20))), "when decompressed"),
    (
        "png bombs",
        png.CARRIER,
        lambda: png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb(15 << 20)) * 9),
        "more than 67108864 bytes of metadata",
    ),
    ("png broken zlib", png.CARRIER, lambda: png_with(chunk(b"zTXt", b"AIGC\0\0nonsense")), "is broken"),
    (
        "png long packet",
        png.CARRIER,
        lambda: png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes(17 << 20))),
        "longer",
    ),
    ("png many labels", png.CARRIER, lambda: png_with(chunk(b"tEXt", b"AIGC\0" + TEXT) * 101), "more than 100 AIGC"),
    ("jpeg fill bytes", jpeg.CARRIER, lambda: b"\xff\xd8" + b"\xff" * 200_000, "fill bytes"),
    ("jpeg no marker", jpeg.CARRIER, lambda: b"\xff\xd8\xff\xe0\0\2\0\0\0\0", "no marker"),
    ("jpeg segment length", jpeg.CARRIER, lambda: b"\xff\xd8\xff\xe1\xff\xff" + bytes(99), "ends after the file"),
    ("jpeg segment length 0", jpeg.CARRIER, lambda: b"\xff\xd8\xff\xe1\0\0" + bytes(99), "of 0 bytes"),
    ("jpeg metadata", jpeg.CARRIER, lambda: b"\xff\xd8" + segment(0xE2, bytes(65533)) * 1100, "bytes of metadata"),
    ("webp chunk of 4 GB", webp.CARRIER, lambda: webp_with(b"XMP \xff\xff\xff\xff"), "ends after the file"),
    ("webp length", webp.CARRIER, lambda: b"RIFF\xff\xff\xff\xffWEBP" + bytes(99), "announces 4294967303 bytes"),
    ("webp many chunks", webp.CARRIER, lambda: webp_with(b"ABCD\0\0\0\0" * 1_000_001), "more than 1000000 parts"),
    ("gif many blocks", gif.CARRIER, lambda: b"GIF89a" + bytes(7) + b"\x21\xfe\0" * 1_000_001, "more than 1000000"),
    ("gif zeros", gif.CARRIER, lambda: b"GIF89a" + bytes(1_100_000), "more than 1000000"),
    ("gif block", gif.CARRIER, lambda: b"GIF89a" + bytes(7) + b"?", "begins no GIF block"),
    ("tiff loop", tiff.CARRIER, lambda: LOOP, "loop"),
    ("tiff offset", tiff.CARRIER, lambda: b"MM\0*\xff\xff\xff\xff" + bytes(99), "ends after the file"),
    ("bigtiff entries", tiff.CARRIER, lambda: b"II+\0\x08\0\0\0\x10" + bytes(7) + b"\xff" * 8, "more than 1000000"),
    (
        "tiff overlapping directories",
        tiff.CARRIER,
        # Each directory claims 65535 entries; the next one begins two bytes further on.
        lambda: (
            b"II*\0\x08\0\0\0" + b"\xff\xff" * 393_212 + b"".join(struct.pack("<I", 10 + 4 * n) for n in range(99_999))
        ),
        "at offset",
    ),
    ("avif box of 2^64", isobmff.AVIF, lambda: box(b"ftyp", b"avif") + b"\0\0\0\1mdat" + b"\xff" * 8, "ends after"),
    ("avif box of 3", isobmff.AVIF, lambda: box(b"ftyp", b"avif") + b"\0\0\0\3mdat", "of 3 bytes"),
    ("avif many boxes", isobmff.AVIF, lambda: box(b"ftyp", b"avif") + box(b"free") * 1_000_001, "more than 1000000"),
    ("avif empty iloc", isobmff.AVIF, lambda: avif_with(bytes(6) + INFE, b""), "box is short"),
    (
        "avif iloc version",
        isobmff.AVIF,
        lambda: avif_with(bytes(6) + INFE, b"\x09" + bytes(40)),
        "version 9 is unknown",
    ),
    (
        "avif lying extent",
        isobmff.AVIF,
        lambda: avif_with(bytes(6) + INFE, bytes(4) + b"\x44\0\0\1\0\1\0\0\0\1" + b"\xff" * 8),
        "ends after its box",
    ),
    (
        "avif empty extents",
        isobmff.AVIF,
        lambda: avif_with(bytes(6) + INFE, bytes(4) + b"\0\0\0\1\0\1\0\0\xff\xff"),
        "not supported",
    ),
    (
        "avif item in another file",
        isobmff.AVIF,
        lambda: avif_with(bytes(6) + INFE, bytes(4) + b"\0\0\0\1\0\1\0\1\0\1"),
        "not supported",
    ),
    (
        "avif without idat",
        isobmff.AVIF,
        lambda: avif_with(bytes(6) + INFE, b"\1\0\0\0\0\0\0\1\0\1\0\1\0\0\0\1"),
        "idat box that is missing",
    ),
]


@pytest.mark.parametrize(("carrier", "make", "message"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_lies_and_floods_are_clear_errors(carrier: Carrier, make: Callable[[], bytes], message: str) -> None:
    data = make()
    assert carrier.sniff(data[:64])
    with pytest.raises(CarrierError, match=message):
        read(carrier, data)


def test_a_broken_packet_does_not_hide_the_others() -> None:
    broken = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:AIGC")
    (finding,) = read(png.CARRIER, png_with(broken, chunk(b"tEXt", b"AIGC\0" + TEXT)))
    assert finding.label == LABEL


def test_a_looping_exif_block_hurts_nobody() -> None:
    data = sample("JPEG")[1]
    with_loop = data[:2] + segment(0xE1, b"Exif\0\0" + LOOP) + data[2:]
    assert read(jpeg.CARRIER, with_loop) == read(jpeg.CARRIER, data)


def test_labels_before_the_damage_are_counted_and_were_yielded() -> None:
    data = png_with(chunk(b"tEXt", b"AIGC\0" + TEXT))[:-6]
    labels = png.CARRIER.read(io.BytesIO(data))
    assert parse(next(iter(labels))).label == LABEL
    with pytest.raises(CarrierError, match="AIGC labels found before that: 1"):
        list(labels)


class Counting(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_pixels_are_not_read(picture: Picture) -> None:
    noise = Image.effect_noise((900, 900), 90).convert("RGB")
    for carrier, form in ((png.CARRIER, "PNG"), (jpeg.CARRIER, "JPEG"), (webp.CARRIER, "WEBP"), (tiff.CARRIER, "TIFF")):
        target = io.BytesIO()
        noise.save(target, form)
        stream = Counting(target.getvalue())
        assert list(carrier.read(stream)) == []
        assert stream.count < len(stream.getvalue()) / 50


def test_a_lying_length_allocates_nothing() -> None:
    files = [png_with(b"\x7f\xff\xff\xfftEXtAIGC\0"), png_with(chunk(b"zTXt", b"AIGC\0\0" + bomb(50 << 20)))]
    tracemalloc.start()
    try:
        for data in files:
            with pytest.raises(CarrierError):
                read(png.CARRIER, data)
        assert tracemalloc.get_traced_memory()[1] < 8 * bounds.MAX_TEXT
    finally:
        tracemalloc.stop()
