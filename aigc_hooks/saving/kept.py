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
_TIFF_STORAGE = {
    *(
        254,
        255,
        256,
        257,
        258,
        259,
        262,
        263,
        264,
        265,
        266,
        273,
        274,
        277,
        278,
        279,
        280,
        281,
        282,
        283,
        284,
        288,
        289,
    ),
    *(
        290,
        291,
        292,
        293,
        296,
        301,
        317,
        320,
        321,
        322,
        323,
        324,
        325,
        330,
        332,
        333,
        334,
        336,
        338,
        339,
        340,
        341,
        342,
    ),
    *(347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 700, 33723, 34377, 34675),
}


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
