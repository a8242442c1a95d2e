"""What of a picture file must survive when its pixels are encoded anew, and that Pillow would drop."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, PngImagePlugin, TiffTags

# What of an opened file goes into the saved one, by the name of Pillow's save argument.
KEPT = ("icc_profile", "exif", "xmp", "dpi", "comment", "loop")
_GIF_COLOURS = 254
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF")
# Chunks that say what the colours and texts of a PNG are, and that Pillow writes only when it is given them.
_PNG_CHUNKS = {b"cHRM", b"cICP", b"gAMA", b"sBIT", b"sRGB", b"tIME", b"tEXt", b"zTXt", b"iTXt"}
# Tags that say how a TIFF stores its pixels, which the encoder decides, or that Pillow keeps by itself.
# fmt: off
_TIFF_STORAGE = {
    *range(254, 260), *range(262, 267), 273, 274, *range(277, 285), *range(288, 294), 296, 301, 317,
    *range(320, 326), 330, *range(332, 335), 336, *range(338, 343), 347, *range(512, 516), *range(517, 522),
    *range(529, 533), 700, 33723, 34377, 34675,
}
# fmt: on


def is_deeper(image: Image.Image, source: Path) -> bool:
    """Whether the file has more bits to a colour than Pillow gives: 16-bit RGB becomes 8-bit when it is opened."""
    if image.mode not in ("RGB", "RGBA", "LA"):
        return False
    if image.format == "PNG":
        with source.open("rb") as file:
            return file.read(25)[24:] == b"\x10"  # bit depth, in IHDR
    return image.format == "TIFF" and max(image.tag_v2.get(258, (8,))) > 8  # type: ignore[attr-defined]


def is_lossless(image: Image.Image, source: Path) -> bool:
    """Whether a picture was stored without loss, and should be again where the format has both ways."""
    if image.format == "WEBP":
        with source.open("rb") as file:
            return b"VP8L" in file.read(4096)
    return image.format in ("PNG", "TIFF", "GIF", "BMP", "TGA", "PPM")


def with_room(frame: Image.Image) -> Image.Image:
    """A picture for GIF whose palette has room for pure black and white: the label is drawn in them."""
    if frame.has_transparency_data or frame.mode not in ("P", "RGB"):
        return frame
    if frame.mode == "P" and sum(map(bool, frame.histogram())) <= _GIF_COLOURS:
        return frame
    fewer = frame.convert("RGB").quantize(_GIF_COLOURS)
    fewer.info = frame.info
    return fewer


def tiff_tags(image: Image.Image) -> Image.Exif:
    """What a TIFF says about the picture, without what it says about its own storage."""
    given, kept = image.getexif(), Image.Exif()
    for tag in given:
        if tag in TiffTags.TAGS_V2_GROUPS:
            kept.get_ifd(tag).update(given.get_ifd(tag))
        elif tag not in _TIFF_STORAGE:
            kept[tag] = given[tag]
    return kept


def png_chunks(source: Path) -> PngImagePlugin.PngInfo:
    """The texts and colour definitions of a PNG, byte for byte; the file has been read whole before."""
    info = PngImagePlugin.PngInfo()
    with source.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            if kind in _PNG_CHUNKS:
                info.add(kind, file.read(length))
                file.seek(4, 1)
            else:
                file.seek(length + 4, 1)
    return info
