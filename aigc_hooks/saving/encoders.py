"""Where each of Pillow's encoders takes the implicit label (TC260-PG-20259A), beside what the user gives it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, PngImagePlugin, TiffImagePlugin, TiffTags

from aigc_hooks.errors import LabelError
from aigc_hooks.implicit import gif, jpeg, pdf, png, tiff, xmp
from aigc_hooks.labels import FIELD_NAME, Label

_XMP_KEYWORD = png.XMP_KEYWORD.encode()
_XMP_TAG, _UNDEFINED = tiff.XMP_TAG, tiff.UNDEFINED
_BIG_TIFF = 43
Arguments = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """How one encoder writes the label.

    Attributes:
        arguments: Makes the save arguments that hold the label, merged with the user's own.
        finish: Turns the encoded bytes into the file, for an encoder that takes no XMP.
        digested: Whether a signature can cover the pixels as they are encoded.
    """

    arguments: Callable[[Image.Image, Label], Arguments]
    finish: Callable[[bytes, Arguments, Label], bytes] = lambda data, arguments, label: data
    digested: bool = True


def _packet(own: Any, label: Label) -> bytes:
    """The user's XMP with the label in it, or a packet of our own."""
    return xmp.merge(own, label) if own else xmp.packet(label)


def _xmp(image: Image.Image, label: Label) -> Arguments:
    if image.mode.startswith("I;16"):
        # Pillow would cut 16 bits to 8 and save a white picture.
        raise LabelError(
            "WebP and AVIF hold 8 bits, the picture has 16; save it as PNG or TIFF, or convert it", stage="save"
        )
    return {"xmp": _packet(image.encoderinfo.get("xmp"), label)}


def _jpeg(image: Image.Image, label: Label) -> Arguments:
    packet = _packet(image.encoderinfo.get("xmp"), label)
    if len(packet) > jpeg.XMP_LIMIT:
        raise LabelError(
            f"the XMP with the label takes {len(packet)} bytes, a JPEG holds {jpeg.XMP_LIMIT}; shorten xmp= or the "
            "label's reserved codes, or save as PNG or WebP",
            stage="save",
        )
    return {"xmp": packet}


def _png(image: Image.Image, label: Label) -> Arguments:
    """iTXt, uncompressed. Pillow ignores ``xmp=`` for PNG: what the user meant by it is kept all the same."""
    own = image.encoderinfo.get("xmp")
    info = PngImagePlugin.PngInfo()
    given = image.encoderinfo.get("pnginfo")
    for chunk in given.chunks if given else ():
        keyword = chunk[1].partition(b"\0")[0]
        if chunk[0] == b"iTXt" and keyword == _XMP_KEYWORD:
            own = _itxt(chunk[1])
        elif chunk[0] not in (b"tEXt", b"zTXt", b"iTXt") or keyword != FIELD_NAME.encode():
            info.chunks.append(chunk)
    info.add_itxt(_XMP_KEYWORD.decode(), _packet(own, label).decode())
    return {"pnginfo": info}


def _itxt(data: bytes) -> bytes:
    """The text of an iTXt chunk: keyword, 0, compressed?, method, language, 0, translated keyword, 0, text."""
    _, _, rest = data.partition(b"\0")
    compressed = rest[:1] == b"\1"
    text = rest[2:].split(b"\0", 2)[2]
    return zlib.decompress(text) if compressed else text


def _tiff(image: Image.Image, label: Label) -> Arguments:
    """Tag 700 of the first directory. ``tiffinfo`` and ``exif`` exclude each other in Pillow: they are joined."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value, kind in _given_tags(image):
        tags[tag] = value
        if kind is not None:
            tags.tagtype[tag] = kind
    own = image.encoderinfo.get("xmp") or tags.get(_XMP_TAG)
    opened = getattr(image, "tag_v2", None)
    if opened is not None and _XMP_TAG in opened:
        # Pillow prefers the tag of the file that the image was opened from: take it out of this image's copy.
        own = own or opened[_XMP_TAG]
        kept = TiffImagePlugin.ImageFileDirectory_v2(prefix=opened.prefix)
        for tag in opened:
            if tag != _XMP_TAG:
                kept[tag] = opened[tag]
                kept.tagtype[tag] = opened.tagtype[tag]
        image.tag_v2 = kept  # type: ignore[attr-defined]
    own = own[0] if isinstance(own, tuple) else own
    tags[_XMP_TAG] = _packet(own if isinstance(own, str) else bytes(own or b""), label)
    tags.tagtype[_XMP_TAG] = _UNDEFINED
    return {"tiffinfo": tags}


def _tiff_type(data: bytes, arguments: Arguments, label: Label) -> bytes:
    """Gives tag 700 the type of the guide, 7: libtiff writes it as bytes, type 1, of which the rest is the same."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", data, 2)[0] == _BIG_TIFF
    (start,) = struct.unpack_from(f"{order}{'Q' if big else 'L'}", data, 8 if big else 4)
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, start)
    for entry in range(count):
        offset = start + (8 + 20 * entry if big else 2 + 12 * entry)
        if struct.unpack_from(f"{order}H", data, offset)[0] == _XMP_TAG:
            return data[: offset + 2] + struct.pack(f"{order}H", _UNDEFINED) + data[offset + 4 :]
    return data


def _given_tags(image: Image.Image) -> Iterator[tuple[int, Any, int | None]]:
    given = image.encoderinfo.get("tiffinfo")
    if given is None:
        given = image.encoderinfo.get("exif") or {}
        if isinstance(given, (bytes, Image.Exif)):
            # Through bytes: an Exif that was never written does not list its inner directories.
            exif = Image.Exif()
            exif.load(given if isinstance(given, bytes) else given.tobytes())
            given = exif
    if isinstance(given, TiffImagePlugin.ImageFileDirectory_v1):
        given = given.to_v2()
    for tag in given:
        if isinstance(given, Image.Exif) and tag in TiffTags.TAGS_V2_GROUPS:
            yield tag, given.get_ifd(tag), None
        else:
            yield tag, given[tag], getattr(given, "tagtype", {}).get(tag)


def _gif(data: bytes, arguments: Arguments, label: Label) -> bytes:
    return gif.insert(data, _packet(arguments.get("xmp"), label))


def _pdf(data: bytes, arguments: Arguments, label: Label) -> bytes:
    file = BytesIO()
    pdf.write(BytesIO(data), file, label.to_json())
    return file.getvalue()


PLACES: dict[str, Place] = {
    "PNG": Place(_png),
    "JPEG": Place(_jpeg),
    "MPO": Place(_jpeg),
    "WEBP": Place(_xmp),
    "TIFF": Place(_tiff, _tiff_type),
    "GIF": Place(lambda image, label: {}, _gif),
    "AVIF": Place(_xmp),
    "PDF": Place(lambda image, label: {}, _pdf, digested=False),
}
"""Pillow's formats that have a place for the label."""
