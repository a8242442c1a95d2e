"""Real files of each format, made and read by other tools, and the variants that are met in the wild."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin
from PIL.TiffImagePlugin import AppendingTiffWriter

from aigc_hooks.artifact import Carrier, Finding
from aigc_hooks.implicit import gif, isobmff, jpeg, plugin, png, tiff, webp, xmp
from aigc_hooks.implicit.field import parse
from aigc_hooks.labels import KEYS, Label

Read = Callable[[Carrier, bytes], list[Finding]]
Picture = Callable[..., bytes]
Tool = Callable[..., bytes]

CARRIERS = {
    "png": (png.CARRIER, "PNG", "PNG iTXt XML:com.adobe.xmp"),
    "jpg": (jpeg.CARRIER, "JPEG", "JPEG APP1 XMP"),
    "mpo": (jpeg.CARRIER, "MPO", "JPEG APP1 XMP"),
    "webp": (webp.CARRIER, "WEBP", "WebP XMP"),
    "gif": (gif.CARRIER, "GIF", "GIF XMP DataXMP"),
    "tif": (tiff.CARRIER, "TIFF", "TIFF tag 700"),
    "avif": (isobmff.AVIF, "AVIF", "AVIF mime item"),
}


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def in_jpeg(picture: bytes, *segments: bytes) -> bytes:
    return picture[:2] + b"".join(segments) + picture[2:]


def in_png(picture: bytes, *chunks: bytes, late: bool = False) -> bytes:
    at = len(picture) - 12 if late else 33
    return picture[:at] + b"".join(chunks) + picture[at:]


def exif(comment: bytes, ifd: int = 0x8769, tag: int = 0x9286, order: str = "<") -> bytes:
    block = Image.Exif()
    block.endian = order
    (block.get_ifd(ifd) if ifd else block)[tag] = comment
    return block.tobytes()


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


@pytest.mark.parametrize("suffix", CARRIERS)
def test_exiftool_writes_and_both_read_the_same(
    suffix: str, label: Label, picture: Picture, tool: Tool, findings: Read, tmp_path: Path
) -> None:
    carrier, form, place = CARRIERS[suffix]
    path, packet = tmp_path / f"x.{suffix}", tmp_path / "x.xmp"
    path.write_bytes(picture(form, frames=2 if suffix == "mpo" else 1))
    assert findings(carrier, path.read_bytes()) == []
    packet.write_bytes(xmp.packet(label))
    tool("exiftool", "-q", "-overwrite_original", f"-XMP<={packet}", path)
    finding = only(findings(carrier, path.read_bytes()))
    assert (finding.label, finding.place, finding.defects) == (label, place, ())
    other = only(findings_of_packet(tool("exiftool", "-b", "-XMP", path), place))
    assert other == finding


def findings_of_packet(packet: bytes, place: str) -> list[Finding]:
    return [parse(raw) for raw in xmp.find(packet, place)]


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_pillow_writes_and_reads_the_same(suffix: str, label: Label, picture: Picture, findings: Read) -> None:
    carrier, form, place = CARRIERS[suffix]
    packet = xmp.packet(label)
    data = picture(form, xmp=packet)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["xmp"].rstrip(b"\0") == packet
    assert only(findings(carrier, data)) == Finding(label, place, (), label.to_json())


@pytest.mark.parametrize(
    ("form", "options", "place"),
    [
        ("PNG", {}, "PNG iTXt XML:com.adobe.xmp"),
        ("TIFF", {}, "TIFF tag 700"),
        ("TIFF", {"big_tiff": True}, "TIFF tag 700"),
        ("TIFF", {"compression": "tiff_deflate"}, "TIFF tag 700"),
    ],
)
def test_pillow_png_and_tiff(
    form: str, options: dict[str, Any], place: str, label: Label, picture: Picture, findings: Read
) -> None:
    packet = xmp.packet(label)
    if form == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        data, carrier = picture(form, pnginfo=info), png.CARRIER
    else:
        data, carrier = picture(form, tiffinfo={700: packet}, **options), tiff.CARRIER
    assert only(findings(carrier, data)) == Finding(label, place, (), label.to_json())


def test_animated_files(label: Label, picture: Picture, findings: Read) -> None:
    packet = xmp.packet(label)
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode())
    for carrier, data in (
        (png.CARRIER, picture("PNG", frames=3, pnginfo=info)),
        (webp.CARRIER, picture("WEBP", frames=3, xmp=packet)),
        (webp.CARRIER, picture("WEBP", lossless=True, xmp=packet)),
        (isobmff.AVIF, picture("AVIF", frames=3, xmp=packet)),
        (gif.CARRIER, gif.insert(picture("GIF", frames=3), packet)),
    ):
        finding = only(findings(carrier, data))
        assert (finding.label, finding.defects) == (label, ())


def test_webpmux_and_avifenc(label: Label, picture: Picture, tool: Tool, findings: Read, tmp_path: Path) -> None:
    packet, source = tmp_path / "x.xmp", tmp_path / "x.png"
    packet.write_bytes(xmp.packet(label))
    source.write_bytes(picture("PNG"))
    plain, made, avif = tmp_path / "p.webp", tmp_path / "m.webp", tmp_path / "m.avif"
    tool("cwebp", "-quiet", source, "-o", plain)
    assert findings(webp.CARRIER, plain.read_bytes()) == []
    tool("webpmux", "-set", "xmp", packet, plain, "-o", made)
    tool("avifenc", "-s", "10", "--xmp", packet, source, avif)
    for carrier, path in ((webp.CARRIER, made), (isobmff.AVIF, avif)):
        finding = only(findings(carrier, path.read_bytes()))
        assert (finding.label, finding.defects) == (label, ())


def test_real_labels_in_a_png_as_they_were_found(
    real_labels: list[dict[str, Any]], picture: Picture, findings: Read
) -> None:
    for entry in real_labels:
        value = Label.unchecked(**{name: entry["label"][key] for name, key in KEYS.items()})
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp.packet(value).decode())
        finding = only(findings(png.CARRIER, picture("PNG", pnginfo=info)))
        assert finding.label == value
        assert (finding.defects == ()) == entry["conforms"]


# PNG


@pytest.mark.parametrize("late", [False, True])
def test_png_text_chunks(late: bool, label: Label, picture: Picture, findings: Read) -> None:
    text = label.to_json(wrapped=True).encode()
    packet = xmp.packet(label)
    for made, place, defect in (
        (chunk(b"tEXt", b"AIGC\0" + text), "PNG tEXt AIGC", ""),
        (chunk(b"tEXt", b"AIGC\0" + label.to_json().encode()), "PNG tEXt AIGC", "asks for the object inside"),
        (chunk(b"tEXt", b"aigc_label\0" + text), "PNG tEXt AIGC", "the keyword is 'aigc_label'"),
        (chunk(b"iTXt", b"AIGC\0\0\0\0\0" + text), "PNG iTXt AIGC", "in tEXt, not in iTXt"),
        (chunk(b"zTXt", b"AIGC\0\0" + zlib.compress(text)), "PNG zTXt AIGC", "compressed"),
        (chunk(b"iTXt", b"AIGC\0\1\0\0\0" + zlib.compress(text)), "PNG iTXt AIGC", "compressed"),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet), "PNG iTXt XML:com.adobe.xmp", ""),
        (
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(packet)),
            "PNG iTXt XML:com.adobe.xmp",
            "compressed",
        ),
        (chunk(b"tEXt", b"XML:com.adobe.xmp\0" + packet), "PNG tEXt XML:com.adobe.xmp", "in iTXt, not in tEXt"),
        (chunk(b"tEXt", b"AIGC\0" + text)[:-1] + b"?", "PNG tEXt AIGC", "checksum"),
        (chunk(b"eXIf", exif(b"ASCII\0\0\0" + text)[6:]), "Exif UserComment", "JPEG and WebP only"),
    ):
        finding = only(findings(png.CARRIER, in_png(picture("PNG"), made, late=late)))
        assert finding.label == label
        assert finding.place == place
        assert any(defect in found for found in finding.defects) if defect else not finding.defects


def test_png_text_is_utf8_or_latin1(picture: Picture, findings: Read) -> None:
    value = Label.unchecked(label="1", content_producer="é", produce_id="1")
    for encoding in ("utf-8", "latin-1"):
        text = value.to_json(wrapped=True).encode(encoding)
        assert only(findings(png.CARRIER, in_png(picture("PNG"), chunk(b"tEXt", b"AIGC\0" + text)))).label == value


def test_png_with_two_labels_lists_both(label: Label, picture: Picture, findings: Read) -> None:
    text = chunk(b"tEXt", b"AIGC\0" + label.to_json(wrapped=True).encode())
    packet = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.packet(label))
    found = findings(png.CARRIER, in_png(picture("PNG"), text, packet))
    assert [finding.place for finding in found] == ["PNG tEXt AIGC", "PNG iTXt XML:com.adobe.xmp"]
    assert all(finding.label == label for finding in found)


def test_png_other_text_is_left_alone(picture: Picture, findings: Read) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "AIGC, Steps: 20")
    info.add_text("prompt", '{"AIGC": 1}', zip=True)
    info.add_itxt("Title", "x" * 300)
    assert findings(png.CARRIER, picture("PNG", pnginfo=info)) == []


# JPEG


def test_jpeg_places(label: Label, picture: Picture, findings: Read) -> None:
    bare, wrapped = label.to_json().encode(), label.to_json(wrapped=True).encode()
    header = b"http://ns.adobe.com/xap/1.0/\0"
    for made, place, defect in (
        (segment(0xE1, header + xmp.packet(label)), "JPEG APP1 XMP", ""),
        (segment(0xE1, header + xmp.packet(label) + b"\0" * 99), "JPEG APP1 XMP", ""),
        (b"\xff" * 70 + segment(0xE1, header + xmp.packet(label)), "JPEG APP1 XMP", ""),
        (segment(0xE1, exif(b"ASCII\0\0\0" + wrapped)), "Exif UserComment", ""),
        (segment(0xE1, exif(b"ASCII\0\0\0" + wrapped + b"\0", order=">")), "Exif UserComment", ""),
        (segment(0xE1, exif(b"ASCII\0\0\0" + bare)), "Exif UserComment", "asks for the object inside"),
        (segment(0xE1, exif(b"ASCII\0\0\0" + wrapped, ifd=0)), "Exif UserComment", "in the main IFD"),
        (segment(0xE1, exif(b"UNICODE\0" + wrapped.decode().encode("utf-16-le"))), "Exif UserComment", "UNICODE"),
        (segment(0xE1, exif(b"UNICODE\0" + wrapped.decode().encode("utf-16-be"))), "Exif UserComment", "UNICODE"),
        (segment(0xE1, exif(b"JIS\0\0\0\0\0" + wrapped)), "Exif UserComment", "JIS"),
        (segment(0xE1, exif(bytes(8) + wrapped)), "Exif UserComment", "undefined"),
        (segment(0xE1, exif(wrapped)), "Exif UserComment", "no character code"),
        (segment(0xE1, exif(wrapped, ifd=0, tag=0x010E)), "Exif ImageDescription", "no label in ImageDescription"),
        (segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff" + wrapped), "Exif UserComment", "Exif block is broken"),
        (segment(0xFE, wrapped), "JPEG COM", "bare text in segment COM"),
        (segment(0xE2, b"AIGC" + bare), "JPEG APP2", "bare text in segment APP2"),
        (segment(0xEB, b"\0\1AIGC\0" + bare + b"\0\0"), "JPEG APP11", "bare text"),
        (segment(0xE1, wrapped), "JPEG APP1", "bare text"),
    ):
        finding = only(findings(jpeg.CARRIER, in_jpeg(picture("JPEG"), made)))
        assert (finding.label, finding.place) == (label, place), (made, finding)
        assert (len(finding.defects) == 1 and defect in finding.defects[0]) if defect else not finding.defects


def test_jpeg_nested_objects_in_the_user_comment(label: Label, picture: Picture, findings: Read) -> None:
    text = b'{"AIGC":{"Label":1,"ContentProducer":"x","ProduceID":"y","ReservedCode1":{"a":[1]},"ReservedCode2":{}}}'
    finding = only(findings(jpeg.CARRIER, in_jpeg(picture("JPEG"), segment(0xE1, exif(b"ASCII\0\0\0" + text)))))
    assert finding.label is not None
    assert finding.label.reserved_code1 == '{"a":[1]}'
    assert len(finding.defects) == 5


def test_jpeg_old_platform_form(picture: Picture, findings: Read) -> None:
    text = b'{"ServiceProvider":"a","ServiceUser":"b","Time":"c","ContentId":"d"}'
    finding = only(findings(jpeg.CARRIER, in_jpeg(picture("JPEG"), segment(0xE1, exif(text, ifd=0, tag=0x010E)))))
    assert finding.label is None
    assert "old platform form" in finding.defects[0]


def test_jpeg_user_comment_of_exiftool(
    label: Label, picture: Picture, tool: Tool, findings: Read, tmp_path: Path
) -> None:
    for suffix, form, carrier in (("jpg", "JPEG", jpeg.CARRIER), ("webp", "WEBP", webp.CARRIER)):
        path = tmp_path / f"x.{suffix}"
        path.write_bytes(picture(form))
        tool("exiftool", "-q", "-overwrite_original", f"-UserComment={label.to_json(wrapped=True)}", path)
        assert only(findings(carrier, path.read_bytes())) == Finding(
            label, "Exif UserComment", (), label.to_json(wrapped=True)
        )


def test_jpeg_extended_xmp(label: Label, picture: Picture, findings: Read) -> None:
    packet = xmp.packet(label)
    packet = packet[packet.index(b"<x:xmpmeta") : packet.index(b"<?xpacket end")]  # extended XMP has no wrapper
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + struct.pack(">I", len(packet))
    parts = [segment(0xE1, head + struct.pack(">I", at) + packet[at : at + 100]) for at in range(0, len(packet), 100)]
    finding = only(findings(jpeg.CARRIER, in_jpeg(picture("JPEG"), *reversed(parts))))
    assert (finding.label, finding.defects) == (label, ("the label stands in extended XMP, which many readers skip",))
    assert findings(jpeg.CARRIER, in_jpeg(picture("JPEG"), *parts[:1])) == []


def test_jpeg_all_packets_count_and_nothing_behind_the_pixels(label: Label, picture: Picture, findings: Read) -> None:
    made = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp.packet(label))
    broken = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:AIGC")
    assert len(findings(jpeg.CARRIER, in_jpeg(picture("JPEG"), made, broken, made))) == 2
    assert findings(jpeg.CARRIER, picture("JPEG") + made) == []
    assert len(findings(jpeg.CARRIER, in_jpeg(picture("JPEG", progressive=True, icc_profile=bytes(99999)), made))) == 1


# WebP, GIF, TIFF


def test_webp_deviations(label: Label, picture: Picture, findings: Read) -> None:
    data = picture("WEBP", xmp=xmp.packet(label))
    assert data[12:16] == b"VP8X"
    unannounced = data[:20] + bytes([data[20] & ~0x04]) + data[21:]
    assert "does not announce" in only(findings(webp.CARRIER, unannounced)).defects[0]
    assert "is named" in only(findings(webp.CARRIER, data.replace(b"XMP ", b"XMP\0"))).defects[0]
    text = b"ASCII\0\0\0" + label.to_json(wrapped=True).encode()
    for block in (exif(text), exif(text)[6:]):
        assert only(findings(webp.CARRIER, picture("WEBP", exif=block))) == Finding(
            label, "Exif UserComment", (), label.to_json(wrapped=True)
        )


def sub_blocks(data: bytes) -> bytes:
    return b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)) + b"\0"


def test_gif_deviations(label: Label, picture: Picture, findings: Read) -> None:
    source = picture("GIF")
    packet = xmp.packet(label)
    cut = gif.insert(source, b"").replace(b"\x01" + bytes(range(255, -1, -1)) + b"\0", sub_blocks(packet))
    finding = only(findings(gif.CARRIER, cut))
    assert (finding.label, len(finding.defects)) == (label, 1)
    assert "sub-blocks" in finding.defects[0]
    comment = picture("GIF", comment=label.to_json(wrapped=True).encode())
    finding = only(findings(gif.CARRIER, comment))
    assert (finding.label, finding.place) == (label, "GIF comment")
    assert "comment extension" in finding.defects[0]
    assert findings(gif.CARRIER, picture("GIF", comment=b"AIGC {made by hand}")) == []
    no_slide = gif.insert(source, packet).replace(bytes(range(255, -1, -1)), bytes(300))
    finding = only(findings(gif.CARRIER, no_slide))
    assert finding.label == label
    assert "without the trailer" in finding.defects[0]


def test_tiff_both_byte_orders_and_types(label: Label, findings: Read) -> None:
    packet = xmp.packet(label)
    for order, magic in (("<", b"II*\0"), (">", b"MM\0*")):
        for kind, defects in ((1, 0), (7, 0), (2, 1)):
            entry = struct.pack(order + "HHHII", 1, 700, kind, len(packet), 26)
            data = magic + struct.pack(order + "I", 8) + entry + bytes(4) + packet
            finding = only(findings(tiff.CARRIER, data))
            assert (finding.label, len(finding.defects)) == (label, defects)


def pages(*packets: bytes) -> bytes:
    """A TIFF with one page for each packet; an empty packet is none."""
    target = io.BytesIO()
    with AppendingTiffWriter(target) as writer:
        for packet in packets:
            Image.new("L", (8, 8)).save(writer, "TIFF", **({"tiffinfo": {700: packet}} if packet else {}))
            writer.newFrame()
    return target.getvalue()


def test_tiff_pages_repeat_one_label_or_hold_another(label: Label, findings: Read) -> None:
    packet = xmp.packet(label)
    other = Label(content_producer="x", produce_id="y")
    assert only(findings(tiff.CARRIER, pages(packet, packet, packet))).defects == ()
    late = only(findings(tiff.CARRIER, pages(b"", packet)))
    assert (late.label, late.defects) == (label, ("it stands in IFD1; the guide has IFD0",))
    two = findings(tiff.CARRIER, pages(packet, xmp.packet(other), packet))
    assert [finding.label for finding in two] == [label, other]


def test_tiff_exif_and_long_descriptions(label: Label, picture: Picture, findings: Read) -> None:
    assert findings(tiff.CARRIER, picture("TIFF", tiffinfo={270: "x" * 3_000_000})) == []
    text = b"ASCII\0\0\0" + label.to_json(wrapped=True).encode()
    finding = only(findings(tiff.CARRIER, picture("TIFF", exif=exif(text))))
    assert (finding.label, finding.place) == (label, "Exif UserComment")
    assert finding.defects == ("the guide names Exif UserComment for JPEG and WebP only",)


# AVIF and HEIC


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


def heif(
    payload: bytes,
    version: int = 1,
    method: int = 0,
    pieces: int = 1,
    brand: bytes = b"heic",
    content: bytes = b"application/rdf+xml",
    kind: bytes = b"mime",
) -> bytes:
    """A file as ISO/IEC 14496-12 and 23008-12 describe it: two items, the second one with metadata."""
    head = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    wide = version == 2
    number = ">I" if wide else ">H"
    entry = struct.pack(">I", (3 if wide else 2) << 24)
    names = kind + b"meta\0" + (content + b"\0" if kind == b"mime" else b"")
    iinf = box(
        b"iinf",
        struct.pack(">I" + number[1], (1 << 24) if wide else 0, 2),
        box(b"infe", entry, struct.pack(number, 1), bytes(2), b"hvc1", b"\0"),
        box(b"infe", entry, struct.pack(number, 2), bytes(2), names),
    )
    step = -(-len(payload) // pieces)
    cuts = [(at, len(payload[at : at + step])) for at in range(0, len(payload), step)]

    def meta(base: int) -> bytes:
        def item(index: int, extents: list[tuple[int, int]]) -> bytes:
            how = struct.pack(">H", method) if version else b""
            ends = b"".join((bytes(4) if version else b"") + struct.pack(">II", *extent) for extent in extents)
            return struct.pack(number, index) + how + bytes(2) + struct.pack(">IH", base, len(extents)) + ends

        iloc = box(
            b"iloc",
            struct.pack(">I", version << 24),
            bytes([0x44, 0x44 if version else 0x40]),
            struct.pack(number, 2),
            item(1, [(0, 1), (0, 1)]),
            item(2, cuts),
        )
        idat = [box(b"idat", payload)] if method else []
        hdlr = box(b"hdlr", bytes(8), b"pict", bytes(13))
        pitm = box(b"pitm", struct.pack(">I" + number[1], (1 << 24) if wide else 0, 1))
        cdsc = box(b"cdsc", struct.pack(number, 2), struct.pack(">H", 1), struct.pack(number, 1))
        iref = box(b"iref", struct.pack(">I", (1 << 24) if wide else 0), cdsc)
        return box(b"meta", bytes(4), hdlr, pitm, iloc, iinf, iref, *idat)

    start = len(head) + len(meta(0)) + 8
    return head + meta(0 if method else start) + box(b"mdat", payload)


@pytest.mark.parametrize("brand", [b"heic", b"avif", b"mif1"])
@pytest.mark.parametrize(("version", "method"), [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1)])
@pytest.mark.parametrize("pieces", [1, 7])
def test_isobmff_items(brand: bytes, version: int, method: int, pieces: int, label: Label, findings: Read) -> None:
    carrier, other = (isobmff.AVIF, isobmff.HEIC) if brand == b"avif" else (isobmff.HEIC, isobmff.AVIF)
    data = heif(xmp.packet(label), version, method, pieces, brand)
    assert not other.sniff(data[:64])
    assert only(findings(carrier, data)) == Finding(label, f"{carrier.name} mime item", (), label.to_json())


def test_heic_is_read_alike_by_exiftool(label: Label, tool: Tool, tmp_path: Path) -> None:
    path = tmp_path / "x.heic"
    for version in (0, 1, 2):  # it does not read items in an idat box
        path.write_bytes(heif(xmp.packet(label), version))
        assert tool("exiftool", "-b", "-XMP", path) == xmp.packet(label)


def test_isobmff_exif_item_and_other_items(label: Label, picture: Picture, findings: Read) -> None:
    block = exif(b"ASCII\0\0\0" + label.to_json(wrapped=True).encode())
    for data in (
        heif(struct.pack(">I", 0) + block[6:], kind=b"Exif", brand=b"avif"),
        heif(struct.pack(">I", 6) + block, kind=b"Exif", brand=b"avif"),
        picture("AVIF", exif=block),
    ):
        finding = only(findings(isobmff.AVIF, data))
        assert (finding.label, finding.place) == (label, "Exif UserComment")
        assert finding.defects == ("the guide names Exif UserComment for JPEG and WebP only",)
    assert findings(isobmff.HEIC, heif(xmp.packet(label), content=b"text/plain")) == []


def test_each_file_is_recognised_by_its_own_carrier_only(picture: Picture) -> None:
    every = [carrier for carrier, _, _ in CARRIERS.values()] + [isobmff.HEIC]
    for carrier, form, _ in CARRIERS.values():
        head = picture(form)[:64]
        assert {other.name for other in every if other.sniff(head)} == {carrier.name}
    for head in (b"", b"\0" * 64, b"RIFF\0\0\0\0WAVE", b"\0\0\0\x18ftypisom\0\0\0\0isommp42", picture("BMP")[:64]):
        assert not any(carrier.sniff(head) for carrier in every)


def test_the_plugin_brings_them_all() -> None:
    carriers = plugin.aigc_carriers()
    names = [carrier.name for carrier in carriers]
    assert names[:7] == ["JPEG", "PNG", "WebP", "GIF", "TIFF", "AVIF", "HEIC"]
    assert "Markdown" in names
    suffixes = [suffix for carrier in carriers for suffix in carrier.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
