"""What the writers of pictures do with labels that stand elsewhere, and with files of unusual build."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin
from PIL.TiffImagePlugin import AppendingTiffWriter

from aigc_hooks.artifact import Carrier, Finding
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import field, gif, isobmff, jpeg, png, tiff, webp, xmp
from aigc_hooks.labels import Label

Read = Callable[[Carrier, bytes], list[Finding]]
Picture = Callable[..., bytes]
Tool = Callable[..., bytes]

OLD = Label(content_producer="acme", produce_id="old", content_propagator="acme", propagate_id="old")
BARE, WRAPPED = OLD.to_json().encode(), OLD.to_json(wrapped=True).encode()
TITLE = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="kept"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def rewritten(carrier: Carrier, data: bytes, label: Label) -> bytes:
    """The file with the label, which is then the only one, and stays when it is written again."""
    assert carrier.write is not None
    for _ in range(2):
        target = io.BytesIO()
        carrier.write(io.BytesIO(data), target, label.to_json())
        before, data = data, target.getvalue()
    assert data == before
    assert [raw.text for raw in carrier.read(io.BytesIO(data))] == [label.to_json()]
    assert b'"old"' not in data
    return data


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def riff(kind: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", kind, len(data)) + data + b"\0" * (len(data) % 2)


def exif(comment: bytes, ifd: int = 0x8769, tag: int = 0x9286, order: str = "<") -> bytes:
    block = Image.Exif()
    block.endian = order
    block[0x0131] = "an editor"
    block.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    (block.get_ifd(ifd) if ifd else block)[tag] = comment
    return block.tobytes()


def texts_of(block: bytes) -> tuple[Any, Any, Any, Any]:
    """What another reader finds in an Exif block: editor, time, description, comment."""
    found = Image.Exif()
    found.load(block)
    inner = found.get_ifd(0x8769)
    return found.get(0x0131), inner.get(0x9003), found.get(0x010E), inner.get(0x9286, found.get(0x9286))


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (WRAPPED.decode(), ""),
        (BARE.decode(), ""),
        ("AIGC: " + WRAPPED.decode(), ""),
        ("a cat " + BARE.decode() + " on a mat", "a cat  on a mat"),
        (BARE.decode() + WRAPPED.decode() + "!", ""),
        (f'{{"x":1}} {BARE.decode()}', '{"x":1} '),
        ('a cat {"AIGC":{"Label":', "a cat "),
        ('"ContentProducer": "x" by a cat', ' "x" by a cat'),
        ('{"AIGC":' * 5000, ""),
        ('{"ProduceID":1}' * 300 + "x", ""),
        ("no label", "no label"),
    ],
    ids=range(11),
)
def test_free_text_without_the_labels_in_it(text: str, rest: str) -> None:
    assert field.without(text) == rest


# JPEG


@pytest.mark.parametrize(
    "old",
    [
        segment(0xE1, jpeg.XMP_HEADER + xmp.packet(OLD)),
        b"\xff" * 7 + segment(0xE1, jpeg.XMP_HEADER + xmp.packet(OLD) + bytes(99)),
        segment(0xE1, jpeg.XMP_HEADER + xmp.packet(OLD)) * 3,
        segment(0xFE, WRAPPED),
        segment(0xE2, b"AIGC" + BARE),
        segment(0xEB, b"\0\1AIGC\0" + BARE + b"\0\0"),
        segment(0xE1, WRAPPED) + segment(0xFE, WRAPPED),
    ],
    ids=range(7),
)
def test_jpeg_labels_elsewhere_are_taken_out(old: bytes, label: Label, picture: Picture) -> None:
    source = picture("JPEG")
    made = rewritten(jpeg.CARRIER, source[:20] + old + source[20:], label)
    if old.count(b"xpacket end") <= 1 and bytes(99) not in old:
        start = made.index(b"\xff\xe1")
        assert made[:start].strip(b"\xff") == source[:20].strip(b"\xff")
        assert made[start + 4 + len(jpeg.XMP_HEADER + xmp.packet(label)) :] == source[20:]
        assert made[start + 4 :].startswith(jpeg.XMP_HEADER + xmp.packet(label))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("value", "where", "left"),
    [
        (b"ASCII\0\0\0" + WRAPPED, {}, (None, None)),
        (b"UNICODE\0" + WRAPPED.decode().encode("utf-16-le"), {}, (None, None)),
        (b"UNICODE\0" + WRAPPED.decode().encode("utf-16-be") + b"\0", {}, (None, None)),
        (WRAPPED, {"ifd": 0}, (None, None)),
        (WRAPPED, {"ifd": 0, "tag": 0x010E}, (None, None)),
        (b"a cat " + WRAPPED, {"ifd": 0, "tag": 0x010E}, ("a cat", None)),
        (b"ASCII\0\0\0a cat " + BARE, {}, (None, b"ASCII\0\0\0a cat")),
        (b"ASCII\0\0\0caf\xe9 " + BARE, {}, (None, b"ASCII\0\0\0caf\xe9")),
        (
            b"UNICODE\0" + ("猫" + BARE.decode()).encode("utf-16-le"),
            {},
            (None, b"UNICODE\0" + "猫".encode("utf-16-le")),
        ),
    ],
    ids=range(9),
)
def test_exif_loses_its_label_and_nothing_else(
    value: bytes, where: dict[str, int], left: tuple[Any, Any], order: str, label: Label, picture: Picture
) -> None:
    block = exif(value, order=order, **where)
    data = picture("JPEG", exif=block)
    made = rewritten(jpeg.CARRIER, data, label)
    with Image.open(io.BytesIO(made)) as image:
        after = image.info["exif"]
    assert len(after) == len(block)
    editor, time, description, comment = texts_of(after)
    assert (editor, time) == ("an editor", "2026:01:01 00:00:00")
    assert (description.rstrip() if description else description) == left[0]
    space = b" \0" if b"UNICODE" in value else b" "
    assert (re.sub(rb"(?:%s)+\0?\Z" % space, b"", comment) if comment else comment) == left[1]
    for form, carrier in (("WEBP", webp.CARRIER), ("PNG", png.CARRIER)):
        rewritten(carrier, picture(form, exif=block), label)
    if not left[0] and order == "<":
        rewritten(isobmff.AVIF, picture("AVIF", exif=block), label)


def test_a_broken_exif_block_with_a_label_is_refused_and_one_without_stays(label: Label, picture: Picture) -> None:
    source = picture("JPEG")
    broken = segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff" + WRAPPED)
    with pytest.raises(CarrierError, match=r"holds a label and cannot be mended: .*exiftool -EXIF="):
        rewritten(jpeg.CARRIER, source[:20] + broken + source[20:], label)
    harmless = segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert harmless in rewritten(jpeg.CARRIER, source[:20] + harmless + source[20:], label)


def test_jpeg_other_packets_stay_and_the_first_is_merged(
    label: Label, picture: Picture, tool: Tool, tmp_path: Path
) -> None:
    source = picture("JPEG")
    other = TITLE.replace(b"kept", b"other")
    packets = segment(0xE1, jpeg.XMP_HEADER + TITLE) + segment(0xE1, jpeg.XMP_HEADER + other)
    made = rewritten(jpeg.CARRIER, source[:20] + packets + source[20:], label)
    assert b'dc:format="kept"' in made
    assert segment(0xE1, jpeg.XMP_HEADER + other) in made
    (tmp_path / "a.jpg").write_bytes(made)
    assert set(tool("exiftool", "-a", "-s3", "-XMP-dc:Format", tmp_path / "a.jpg").split()) == {b"kept", b"other"}


def test_jpeg_a_packet_that_is_no_xml_is_refused_with_the_way_out(label: Label, picture: Picture) -> None:
    source = picture("JPEG")
    for packet in (b"<x:xmpmeta", b"<x:AIGC>" + BARE, b"<!DOCTYPE a><a/>", b"<a/>"):
        data = source[:20] + segment(0xE1, jpeg.XMP_HEADER + packet) + source[20:]
        with pytest.raises(CarrierError, match=r"exiftool -XMP= FILE"):
            rewritten(jpeg.CARRIER, data, label)


def test_jpeg_extended_xmp_keeps_its_other_properties(
    label: Label, picture: Picture, tool: Tool, tmp_path: Path
) -> None:
    source = picture("JPEG")
    much = TITLE.replace(b'dc:format="kept"', b'dc:source="%s"' % (b"y" * 150_000))
    whole = xmp.without(xmp.merge(much, OLD), wrapper=False)
    with_label = xmp.merge(much, OLD)[len(xmp._HEAD.encode()) : -len(xmp._TAIL.encode())]
    for body in (whole, with_label):
        name = hashlib.md5(body).hexdigest().upper().encode()
        main = TITLE.replace(
            b"dc:format", b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="%s" dc:format' % name
        )
        head = b"http://ns.adobe.com/xmp/extension/\0" + name + struct.pack(">I", len(body))
        parts = [
            segment(0xE1, head + struct.pack(">I", at) + body[at : at + 60_000]) for at in range(0, len(body), 60_000)
        ]
        data = source[:20] + segment(0xE1, jpeg.XMP_HEADER + main) + b"".join(reversed(parts)) + source[20:]
        made = rewritten(jpeg.CARRIER, data, label)
        if body is whole:
            assert b"".join(reversed(parts)) in made  # nothing to take out
        (tmp_path / "a.jpg").write_bytes(made)
        assert tool("exiftool", "-b", "-XMP-dc:Source", tmp_path / "a.jpg") == b"y" * 150_000
        assert tool("exiftool", "-s3", "-XMP-dc:Format", tmp_path / "a.jpg").strip() == b"kept"
        assert tool("exiftool", "-warning", tmp_path / "a.jpg") == b""


@pytest.mark.parametrize("late", [False, True])
def test_jpeg_further_pictures_are_found_where_the_index_tells(
    late: bool, label: Label, picture: Picture, tool: Tool, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture("MPO", frames=2))
    second = tool("exiftool", "-b", "-MPImage2", path)
    assert second.startswith(b"\xff\xd8")
    data = path.read_bytes()
    if late:  # a packet behind the index, which moves what the index tells
        packet = segment(0xE1, jpeg.XMP_HEADER + xmp.packet(Label(content_producer="x", produce_id="old")))
        start = data.index(b"MPF\0") - 4
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        index = bytearray(data[start:end])
        order = "<" if index[8:10] == b"II" else ">"
        at = index.index(struct.pack(order + "I", data.index(second) - start - 8))  # where the index tells the second
        assert struct.unpack_from(order + "II", index, at - 20) == (data.index(second), 0)
        for place in (at - 20, at):
            struct.pack_into(order + "I", index, place, struct.unpack_from(order + "I", index, place)[0] + len(packet))
        data = data[:start] + bytes(index) + packet + data[end:]
    made = rewritten(jpeg.CARRIER, data, label)
    path.write_bytes(made)
    assert made.endswith(second)
    assert tool("exiftool", "-b", "-MPImage2", path) == second
    assert (len(made) - len(second)).to_bytes(4, "big") in made or (len(made) - len(second)).to_bytes(
        4, "little"
    ) in made
    with Image.open(path) as image:
        assert image.n_frames == 2
        image.seek(1)
        image.load()


@pytest.mark.parametrize(
    "options",
    [
        {"xmp": xmp.packet(OLD)},
        {"xmp": xmp.merge(TITLE, OLD)},
        {"exif": exif(b"ASCII\0\0\0" + WRAPPED)},
        {"comment": WRAPPED},
    ],
    ids=range(4),
)
def test_jpeg_further_pictures_lose_their_labels_and_keep_their_places(
    options: dict[str, bytes], label: Label, picture: Picture, findings: Read, tool: Tool, tmp_path: Path
) -> None:
    data = picture("MPO", frames=3, **options)  # Pillow writes them into each picture
    (tmp_path / "a.jpg").write_bytes(data)
    found = findings(jpeg.CARRIER, data)
    assert [finding.label for finding in found] == [OLD]
    made = rewritten(jpeg.CARRIER, data, label)
    (tmp_path / "b.jpg").write_bytes(made)
    for name in ("-MPImage2", "-MPImage3"):
        before, after = (tool("exiftool", "-b", name, tmp_path / file) for file in ("a.jpg", "b.jpg"))
        assert len(before) == len(after)
        assert before.count(b"kept") == after.count(b"kept")
        assert b"ContentProducer" not in after
    other = Label(content_producer="acme", produce_id="new")
    late = data.replace(b'"old"', b'"new"').replace(b'"new"', b'"old"', data.count(b'"old"') // 3)
    found = findings(jpeg.CARRIER, late)
    assert [finding.label.produce_id for finding in found if finding.label] == ["old", other.produce_id]
    assert "further picture" in found[1].defects[-1]


def test_jpeg_an_index_of_wrong_places_hurts_nobody(label: Label, picture: Picture) -> None:
    data = picture("MPO", frames=2, xmp=xmp.packet(OLD))
    second = data.index(b"\xff\xd8\xff", 3)
    for broken in (data[:second] + b"??" + data[second + 2 :], data[: second + 30], data.replace(b"MPF\0", b"MPF?")):
        assert len(list(jpeg.CARRIER.read(io.BytesIO(broken)))) == 1
        target = io.BytesIO()
        jpeg.CARRIER.write(io.BytesIO(broken), target, label.to_json())  # type: ignore[misc]
        assert target.getvalue().startswith(b"\xff\xd8")


def test_jpeg_trailers_stay_byte_for_byte(label: Label, picture: Picture) -> None:
    source = picture("JPEG")
    gain = picture(
        "JPEG", xmp=TITLE.replace(b"dc:format", b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version')
    )
    container = TITLE.replace(
        b"dc:format",
        b'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" Item:Length="%d" dc:format' % len(gain),
    )
    trailer = gain + b"\0\0\0\0film" + bytes(range(256)) + b"SEFT"
    data = source[:20] + segment(0xE1, jpeg.XMP_HEADER + container) + source[20:] + trailer
    made = rewritten(jpeg.CARRIER, data, label)
    assert made.endswith(source[20:] + trailer)
    assert b'Item:Length="%d"' % len(gain) in made


def test_jpeg_a_label_in_a_signed_manifest_is_not_touched(label: Label, picture: Picture) -> None:
    source = picture("JPEG")
    data = source[:20] + segment(0xEB, b"JP\0\1\0\0\0\1" + WRAPPED) + source[20:]
    with pytest.raises(CarrierError, match="C2PA manifest, which may not be changed, at offset 20"):
        rewritten(jpeg.CARRIER, data, label)


def test_jpeg_the_packet_comes_behind_jfif_and_exif(label: Label, picture: Picture) -> None:
    made = rewritten(jpeg.CARRIER, picture("JPEG", exif=exif(b"ASCII\0\0\0hello"), icc_profile=bytes(500)), label)
    order = [made.index(mark) for mark in (b"JFIF", b"Exif\0", jpeg.XMP_HEADER, b"ICC_PROFILE")]
    assert order == sorted(order)


# PNG


def in_png(picture: bytes, *chunks: bytes, late: bool = False) -> bytes:
    at = len(picture) - 12 if late else 33
    return picture[:at] + b"".join(chunks) + picture[at:]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "old",
    [
        chunk(b"tEXt", b"AIGC\0" + WRAPPED),
        chunk(b"tEXt", b"aigc_label\0" + WRAPPED),
        chunk(b"zTXt", b"AIGC\0\0" + zlib.compress(WRAPPED)),
        chunk(b"iTXt", b"AIGC\0\1\0\0\0" + zlib.compress(WRAPPED)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.packet(OLD)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp.packet(OLD))),
        chunk(b"tEXt", b"xml:com.adobe.XMP\0" + xmp.packet(OLD)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.packet(OLD))[:-4] + b"bad!",
    ],
    ids=range(8),
)
def test_png_labels_elsewhere_are_taken_out(
    old: bytes, late: bool, label: Label, picture: Picture, findings: Read
) -> None:
    source = picture("PNG")
    made = rewritten(png.CARRIER, in_png(source, old, late=late), label)
    new = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.packet(label))
    assert made.replace(new, b"") == source
    assert made.index(new) < made.index(b"IDAT")
    assert findings(png.CARRIER, made)[0].defects == ()


@pytest.mark.parametrize("zipped", [False, True])
def test_png_a_packet_is_merged_and_everything_else_stays(zipped: bool, label: Label, picture: Picture) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("AIGC_model", "a cat")
    info.add_text("parameters", 'say {"AIGC": 1}', zip=True)
    info.add_itxt("Title", "猫", "zh", "标题")
    bare = picture("PNG", pnginfo=info, dpi=(72, 72), icc_profile=bytes(99))
    odd = chunk(b"teSt", b"with a wrong checksum")[:-4] + b"!!!!"
    text = (b"\1\0\0\0" + zlib.compress(TITLE)) if zipped else b"\0\0\0\0" + TITLE
    made = rewritten(png.CARRIER, in_png(bare, odd, chunk(b"iTXt", b"XML:com.adobe.xmp\0" + text)) + b"trailer", label)
    new = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.merge(TITLE, label))
    assert made.replace(new, b"") == in_png(bare, odd) + b"trailer"
    with Image.open(io.BytesIO(made.replace(odd, b""))) as image:  # which Pillow does not forgive
        assert image.info["Title"] == "猫"
        assert image.info["AIGC_model"] == "a cat"


def test_apng_the_packet_stands_before_the_first_frame(label: Label, picture: Picture) -> None:
    made = rewritten(png.CARRIER, picture("PNG", frames=3), label)
    assert made.index(b"acTL") < made.index(b"iTXt") < made.index(b"fcTL") < made.index(b"IDAT")


# WebP


def test_webp_every_kind_becomes_one_that_announces_its_packet(label: Label, picture: Picture, tool: Tool) -> None:
    for options, flags in (({}, 4), ({"lossless": True}, 4), ({"exact": True}, 4)):
        made = rewritten(webp.CARRIER, picture("WEBP", **options), label)
        assert made[12:30] == struct.pack("<4sIB3x", b"VP8X", 10, flags) + (47).to_bytes(3, "little") + (31).to_bytes(
            3, "little"
        )
    clear = io.BytesIO()
    Image.new("RGBA", (300, 7), (1, 2, 3, 4)).save(clear, "WEBP", lossless=True)
    made = rewritten(webp.CARRIER, clear.getvalue(), label)
    assert made[20] == 0x14
    assert made[24:30] == (299).to_bytes(3, "little") + (6).to_bytes(3, "little")


def test_webp_deviations_are_mended(label: Label, picture: Picture, findings: Read) -> None:
    data = picture("WEBP", xmp=xmp.packet(OLD))
    silent = data[:20] + bytes([data[20] & ~0x04]) + data[21:]
    for source in (silent, data.replace(b"XMP ", b"XMP\0"), data + b"trailer"):
        made = rewritten(webp.CARRIER, source, label)
        assert findings(webp.CARRIER, made)[0].defects == ()
        assert made.endswith(b"trailer") == source.endswith(b"trailer")
    bare = picture("WEBP")
    added = bare + riff(b"XMP ", xmp.packet(OLD))
    made = rewritten(webp.CARRIER, b"RIFF" + struct.pack("<I", len(added) - 8) + added[8:], label)
    assert made[12:16] == b"VP8X"
    assert findings(webp.CARRIER, made)[0].defects == ()


def test_webp_other_packets_and_chunks_stay_and_a_missing_pad_byte_is_mended(label: Label, picture: Picture) -> None:
    bare = picture("WEBP", xmp=xmp.packet(OLD), icc_profile=bytes(11))
    more = riff(b"XMP ", TITLE) + riff(b"ABCD", b"odd")[:-1]
    data = b"RIFF" + struct.pack("<I", len(bare) + len(more) - 8) + bare[8:] + more
    made = rewritten(webp.CARRIER, data, label)
    assert riff(b"XMP ", TITLE) in made
    assert made.endswith(b"ABCD\3\0\0\0odd")
    data = b"RIFF" + struct.pack("<I", len(picture("WEBP")) + 11 - 8) + picture("WEBP")[8:] + b"ABCD\3\0\0\0odd"
    made = rewritten(webp.CARRIER, data, label)
    assert made.endswith(riff(b"ABCD", b"odd") + riff(b"XMP ", xmp.packet(label)))
    assert struct.unpack_from("<I", made, 4)[0] == len(made) - 8


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no picture in it"),
        (riff(b"VP8X", b"\0\0"), "has 2 bytes, not 10"),
        (riff(b"VP8L", b"\0\0\0\0\0"), "without its mark"),
        (riff(b"VP8 ", bytes(10)), "no key frame"),
        (riff(b"VP8 ", bytes(3) + b"\x9d\x01\x2a" + bytes(4)), "0×0 pixels"),
    ],
)
def test_webp_what_is_no_picture_is_refused(body: bytes, message: str, label: Label) -> None:
    with pytest.raises(CarrierError, match=message):
        rewritten(webp.CARRIER, b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body, label)


# GIF


def sub_blocks(data: bytes) -> bytes:
    return b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)) + b"\0"


def test_gif_labels_elsewhere_are_taken_out(label: Label, picture: Picture, findings: Read) -> None:
    source = picture("GIF", frames=3)
    proper = gif.insert(source, xmp.packet(label))
    extension = b"\x21\xff\x0bXMP DataXMP"
    slide = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    for old in (
        extension + xmp.packet(OLD) + slide,
        extension + sub_blocks(xmp.packet(OLD)),
        b"\x21\xfe" + sub_blocks(WRAPPED),
    ):
        for late in (False, True):
            at = len(source) - 1 if late else source.index(b"\x21\xf9")
            made = rewritten(gif.CARRIER, source[:at] + old + source[at:], label)
            assert made == proper
            assert findings(gif.CARRIER, made)[0].defects == ()


def test_gif_a_packet_is_merged_and_comments_stay(label: Label, picture: Picture) -> None:
    source = gif.insert(picture("GIF", comment=b"by hand"), TITLE)
    made = rewritten(gif.CARRIER, source, label)
    assert made == gif.insert(source, xmp.merge(TITLE, label))
    spoken = picture("GIF", comment=b"a cat " * 99 + BARE)
    with Image.open(io.BytesIO(rewritten(gif.CARRIER, spoken, label))) as image:
        assert image.info["comment"] == b"a cat " * 99
    again = rewritten(gif.CARRIER, b"GIF87a" + picture("GIF")[6:] + b"trailer", label)
    assert again.startswith(b"GIF89a")
    assert again.endswith(b";trailer")


# TIFF


def pages(*packets: bytes) -> bytes:
    """A TIFF with one page for each packet; an empty packet is none."""
    target = io.BytesIO()
    with AppendingTiffWriter(target) as writer:
        for packet in packets:
            Image.new("L", (8, 8)).save(writer, "TIFF", **({"tiffinfo": {700: packet}} if packet else {}))
            writer.newFrame()
    return target.getvalue()


@pytest.mark.parametrize(
    "packets",
    [
        (b"",),
        (xmp.packet(OLD),),
        (TITLE,),
        (TITLE, TITLE),
        (xmp.packet(OLD), xmp.packet(OLD), xmp.packet(OLD)),
        (b"", xmp.packet(OLD)),
        (xmp.merge(TITLE, OLD), b"", xmp.merge(TITLE, OLD)),
        (xmp.merge(TITLE + b" " * 2000, OLD) + b" " * 2000,),
    ],
    ids=range(8),
)
def test_tiff_pages_keep_what_they_have_and_the_first_gets_the_label(
    packets: tuple[bytes, ...], label: Label, tool: Tool, tmp_path: Path, findings: Read
) -> None:
    made = rewritten(tiff.CARRIER, pages(*packets), label)
    assert findings(tiff.CARRIER, made)[0].defects == ()
    (tmp_path / "a.tif").write_bytes(made)
    assert tool("exiftool", "-warning", "-error", tmp_path / "a.tif") == b""
    with Image.open(tmp_path / "a.tif") as image:
        assert image.n_frames == len(packets)
        for number, packet in enumerate(packets):
            image.seek(number)
            image.load()
            found = image.tag_v2.get(700, b"")
            assert str(found).count("kept") == packet.count(b"kept")
            assert (700 in image.tag_v2) == (bool(packet) or number == 0)
            assert image.tag_v2.tagtype.get(700, 7) == 7 or b"AIGC" not in packet


def test_tiff_one_packet_of_several_pages_is_not_pulled_from_under_them(label: Label) -> None:
    def with_packet(packet: bytes) -> bytes:
        """Two directories whose entries tell one place."""
        place = 8 + 2 * 18
        rows = [struct.pack("<HHII", 700, 7, len(packet), place)] * 2
        first = struct.pack("<H", 1) + rows[0] + struct.pack("<I", 26)
        return b"II*\0\x08\0\0\0" + first + struct.pack("<H", 1) + rows[1] + bytes(4) + packet

    made = rewritten(tiff.CARRIER, with_packet(TITLE), label)
    assert TITLE in made  # the second page's
    made = rewritten(tiff.CARRIER, with_packet(xmp.packet(OLD)), label)
    assert made.count(b"xpacket end") == 2
    made = rewritten(tiff.CARRIER, with_packet(xmp.packet(label)), label)
    assert made.count(label.to_json().replace("<&>", "&lt;&amp;&gt;").encode()) == 1


@pytest.mark.parametrize("big", [False, True])
def test_tiff_texts_lose_their_labels(big: bool, label: Label, picture: Picture) -> None:
    for block in (
        exif(b"ASCII\0\0\0" + WRAPPED),
        exif(WRAPPED, ifd=0, tag=0x010E),
        exif(b"a cat " + WRAPPED, ifd=0, tag=0x010E),
    ):
        made = rewritten(tiff.CARRIER, picture("TIFF", exif=block, big_tiff=big), label)
        with Image.open(io.BytesIO(made)) as image:
            assert image.tag_v2[0x0131] == "an editor"
            assert image.getexif().get_ifd(0x8769)[0x9003] == "2026:01:01 00:00:00"
            assert image.tag_v2.get(270, "").rstrip() == ("a cat" if b"a cat" in block else "")
            image.load()


@pytest.mark.parametrize(("order", "magic"), [("<", b"II*\0"), (">", b"MM\0*")])
@pytest.mark.parametrize("kind", [1, 2, 7])
def test_f07_the_type_is_the_guides(order: str, magic: bytes, kind: int, label: Label, findings: Read) -> None:
    packet = xmp.packet(OLD)
    entry = struct.pack(order + "HHHII", 1, 700, kind, len(packet), 26)
    made = rewritten(tiff.CARRIER, magic + struct.pack(order + "I", 8) + entry + bytes(4) + packet, label)
    assert struct.unpack_from(order + "HHH", made, 8) == (1, 700, 7)
    assert findings(tiff.CARRIER, made)[0].defects == ()


# AVIF and HEIC


def box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", len(data) + 8) + kind + data


PIXELS = bytes(range(200))


def heif(
    packet: bytes = b"",
    version: int = 1,
    method: int = 0,
    pieces: int = 1,
    sizes: tuple[int, int, int] = (4, 4, 4),
    describes: int = 1,
    wide_box: bool = False,
    open_end: bool = False,
) -> bytes:
    """A file as ISO/IEC 14496-12 and 23008-12 describe it: a picture in two pieces, and perhaps an XMP item."""
    wide = version == 2
    form = ">I" if wide else ">H"
    offset_size, length_size, base_size = sizes
    head = box(b"ftyp", b"heic", bytes(4), b"mif1", b"heic")
    entry = struct.pack(">I", (3 if wide else 2) << 24)
    infe = [box(b"infe", entry, struct.pack(form, 1), bytes(2), b"hvc1", b"\0")]
    if packet:
        infe.append(box(b"infe", entry, struct.pack(form, 9), bytes(2), b"mimeXMP\0application/rdf+xml\0"))
    iinf = box(b"iinf", struct.pack(">I" + form[1], (1 << 24) if wide else 0, len(infe)), *infe)
    step = -(-len(packet) // pieces) or 1
    cuts = [(len(PIXELS) + at, len(packet[at : at + step])) for at in range(0, len(packet), step)]
    halves = [(0, 80), (80, 120)] if offset_size else [(0, 200)]

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, "big")

    def meta(base: int) -> bytes:
        def item(index: int, how: int, start: int, extents: list[tuple[int, int]]) -> bytes:
            ends = b"".join(
                number(offset if base_size else start + offset, offset_size) + number(length, length_size)
                for offset, length in extents
            )
            told = (start if offset_size else start + extents[0][0]) if base_size else 0
            mode = struct.pack(">H", how) if version else b""
            return (
                struct.pack(form, index)
                + mode
                + bytes(2)
                + number(told, base_size)
                + struct.pack(">H", len(extents))
                + ends
            )

        items = [item(1, 0, base, halves)]
        if packet:
            items.append(item(9, method, 0 if method else base, [(a - 200, b) for a, b in cuts] if method else cuts))
        packed_sizes = bytes([offset_size << 4 | length_size, base_size << 4])
        iloc = box(b"iloc", struct.pack(">I", version << 24), packed_sizes, struct.pack(form, len(items)), *items)
        cdsc = box(b"cdsc", struct.pack(form, 9), struct.pack(">H", 1), struct.pack(form, describes))
        parts = [
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", struct.pack(">I" + form[1], (1 << 24) if wide else 0, 1)),
            iloc,
            *([box(b"iref", struct.pack(">I", (1 << 24) if wide else 0), cdsc)] if packet and describes else []),
            *([box(b"idat", packet)] if method else []),
            iinf,
        ]
        body = bytes(4) + b"".join(parts)
        return b"\0\0\0\1meta" + struct.pack(">Q", len(body) + 16) + body if wide_box else box(b"meta", body)

    data = PIXELS if method else PIXELS + packet
    mdat = (bytes(4) if open_end else struct.pack(">I", len(data) + 8)) + b"mdat" + data
    return head + meta(len(head) + len(meta(0)) + 8) + mdat


def pixels_of(data: bytes) -> bytes:
    """The data of item 1, where iloc tells that they are."""
    at = data.index(b"iloc") + 4
    version, cursor = data[at], io.BytesIO(data[at + 4 :])

    def number(size: int) -> int:
        return int.from_bytes(cursor.read(size), "big")

    sizes = number(2)
    count = number(4 if version == 2 else 2)
    assert count == 2
    assert number(4 if version == 2 else 2) == 1
    assert number(4 if version else 2) == 0
    base, found = number(sizes >> 4 & 15), b""
    for _ in range(number(2)):
        start, length = base + number(sizes >> 12), number(sizes >> 8 & 15)
        found += data[start : start + length]
    return found


@pytest.mark.parametrize("carrier_name", ["HEIC", "AVIF"])
@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("packet", [b"", TITLE, xmp.packet(OLD), xmp.packet(OLD) + b" " * 3000])
@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize(
    "options", [{}, {"wide_box": True}, {"open_end": True}, {"sizes": (8, 8, 0)}, {"sizes": (4, 4, 0)}]
)
def test_heif_items_of_every_build(
    carrier_name: str, version: int, packet: bytes, pieces: int, options: dict[str, Any], label: Label, findings: Read
) -> None:
    carrier = getattr(isobmff, carrier_name)
    source = heif(packet, version, pieces=pieces, **options)
    if carrier_name == "AVIF":
        source = source.replace(b"heic", b"avif")
    made = rewritten(carrier, source, label)
    assert pixels_of(made) == PIXELS
    assert findings(carrier, made)[0].defects == ()
    assert made.count(b"kept") == packet.count(b"kept") * (2 if packet == TITLE else 1)
    if not packet:
        assert made.endswith(source[-40:])  # what stands at the end of a file stays its end


def test_heif_without_offsets_or_lengths(label: Label, tool: Tool, tmp_path: Path) -> None:
    made = rewritten(isobmff.HEIC, heif(sizes=(0, 4, 4)), label)
    assert pixels_of(made) == PIXELS
    (tmp_path / "a.heic").write_bytes(made)
    assert label.to_json().encode() in tool("exiftool", "-b", "-XMP-TC260:Aigc", tmp_path / "a.heic")


@pytest.mark.parametrize("version", [1, 2])
def test_heif_a_packet_in_idat(version: int, label: Label) -> None:
    for packet in (TITLE, xmp.packet(OLD), xmp.packet(OLD) + b" " * 3000):
        assert pixels_of(rewritten(isobmff.HEIC, heif(packet, version, method=1), label)) == PIXELS


def test_heif_the_packet_of_another_picture_is_left_to_it(label: Label) -> None:
    source = heif(TITLE, describes=5)
    made = rewritten(isobmff.HEIC, source, label)
    assert TITLE in made
    assert made.count(b"application/rdf+xml") == 2
    made = rewritten(isobmff.HEIC, heif(xmp.merge(TITLE, OLD), describes=5), label)
    assert made.count(b"kept") == 1
    assert made.count(b"application/rdf+xml") == 2


def test_heif_an_item_that_describes_nothing_is_the_pictures(label: Label) -> None:
    made = rewritten(isobmff.HEIC, heif(TITLE, describes=0), label)
    assert made.count(b"application/rdf+xml") == 1
    assert box(b"cdsc", b"\0\x09\0\1\0\1") in made


def test_heif_a_longer_label_takes_the_place_of_ours(label: Label) -> None:
    short = rewritten(isobmff.HEIC, heif(), OLD.unchecked(content_producer="acme", label="1", produce_id="1"))
    long = rewritten(isobmff.HEIC, short, label)
    assert long == rewritten(isobmff.HEIC, heif(), label)


def test_heif_what_has_no_items_is_refused(label: Label) -> None:
    for rest in (box(b"meta", bytes(4)), box(b"moov"), 2 * heif()[24:]):
        with pytest.raises(CarrierError, match=r"(0|2) meta boxes with items in it, not one"):
            rewritten(isobmff.HEIC, box(b"ftyp", b"heic", bytes(4), b"mif1", b"heic") + rest, label)
