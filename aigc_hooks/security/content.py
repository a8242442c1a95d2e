"""The digest of a file's content, which writing or replacing its label does not change. A scheme of our own.

SHA-256 over the text ``aigc-hooks:content-1:`` with the name of the scheme and a colon, and then over the content: for
each row of byte ranges of one kind, its kind (four bytes), the bytes of its ranges in file order, and their number
(eight bytes, big-endian).

| scheme | kinds and their ranges |
|---|---|
| png | the data of the chunks IHDR, PLTE, tRNS, IDAT, acTL, fcTL, fdAT |
| jpeg | ``SEGM``: segments but APP0–APP13, APP15 and COM, from their second byte on; ``SCAN``: behind the first SOS |
| webp | the data of the chunks VP8, VP8L, ALPH, ANIM, ANMF |
| gif | ``HEAD``: what stands before the first block, without the version; ``PICT``: blocks of pictures |
| tiff | ``STRP``: strips and tiles |
| isobmff | (AVIF, HEIC) ``mdat``: items and samples but XMP and Exif; (MP4, M4A, MOV) see |
|  | ``aigc_hooks.implicit.mp4_content`` |
| wav | the chunks ``fmt`` and ``data`` |
| aiff | the chunks COMM and SSND |
| flac | ``INFO``: STREAMINFO; ``FRAM``: everything behind the metadata |
| frames | (MP3, AAC) ``FRAM``: everything behind the ID3v2 tags |
| ogg | ``PAGE``: what the pages hold, without the first stream's second packet, its comments |
| asf | ``DATA``: the data object |
| matroska | ``HEAD``: the EBML header; by their own numbers the parts of a segment but Tags, SeekHead, Cues, Void and |
|  | CRC-32; clusters without Position, Void and CRC-32 before their blocks |
| flv | ``HEAD``; ``TAGS``: all of them but onMetaData |
| avi | the chunks and, by their form, the lists but INFO, JUNK, _PMX, ID3 and AIGC; without the eight bytes of each |
|  | place that an OpenDML index tells. Of those in a film ``base``, before it: how far they are from its list, in |
|  | nine bytes, little-endian, signed; ``idx1`` with its places counted from the list of the first film on |
| pdf | ``BODY``: the file but its last update, if that is the one of the label |
| package | (OOXML, ODF, EPUB, OFD) ``PART``: everything before the directory, without the parts that hold or register |
|  | the label; ``LIST``: the directory's other records, each place counted without those parts, in eight bytes, and |
|  | the comment; ``BARE``: of each of those parts, by name, its name and Canonical XML 1.0, their lengths before them |
|  | in four and eight bytes, without the label, what registers its part, and white space between elements |
| html | ``PAGE``: the page without the label's element, and the line end and blanks before it |
| svg | ``DRAW``: the picture without the label's element and the metadata made for it; an empty root has an end tag |
| json | (notebooks, glTF) ``JSON``: the text without the label and objects on the way to it that hold nothing else; |
|  | ``BIN ``: (GLB) what follows the JSON chunk |
| mesh | (PLY, OBJ) ``MESH``: the file without the comment of the label |
| markdown | ``TEXT``: the text behind the front matter, in UTF-8 |

Bytes and not pixels or samples, for two decoders of one lossy file do not agree in every bit. What a file only refers
to, such as the buffers of a glTF, is not in it. Formats that are not in the table have no digest: there the signature
covers the label alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from aigc_hooks.implicit import (
    aiff,
    asf,
    avi,
    flac,
    flv,
    front_matter,
    gif,
    gltf,
    html,
    isobmff,
    jpeg,
    markdown,
    matroska,
    matroska_content,
    mesh,
    mp4,
    mpeg,
    notebook,
    ogg,
    packages,
    pdf,
    png,
    riff,
    svg,
    tiff,
    webp,
)
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.parts import Part
from aigc_hooks.security.messages import CONTENT

_BLOCK = 1 << 20
_LONGEST_TEXT = 64 << 20

_SCHEMES: dict[str, tuple[str, Callable[[Source], Iterator[Part]]]] = {
    png.CARRIER.name: ("png", png.content),
    jpeg.CARRIER.name: ("jpeg", jpeg.content),
    webp.CARRIER.name: ("webp", webp.content),
    gif.CARRIER.name: ("gif", gif.content),
    tiff.CARRIER.name: ("tiff", tiff.content),
    isobmff.AVIF.name: ("isobmff", isobmff.content),
    isobmff.HEIC.name: ("isobmff", isobmff.content),
    mp4.CARRIER.name: ("isobmff", isobmff.content),
    matroska.CARRIER.name: ("matroska", matroska_content.content),
    flv.CARRIER.name: ("flv", flv.content),
    avi.CARRIER.name: ("avi", avi.content),
    riff.WAV.name: ("wav", riff.content),
    aiff.CARRIER.name: ("aiff", aiff.content),
    flac.CARRIER.name: ("flac", flac.content),
    mpeg.MP3.name: ("frames", mpeg.content),
    mpeg.AAC.name: ("frames", mpeg.content),
    ogg.VORBIS.name: ("ogg", ogg.content),
    ogg.OPUS.name: ("ogg", ogg.content),
    ogg.OGG_FLAC.name: ("ogg", ogg.content),
    asf.CARRIER.name: ("asf", asf.content),
    pdf.CARRIER.name: ("pdf", pdf.content),
    packages.OOXML.name: ("package", packages.content),
    packages.ODF.name: ("package", packages.content),
    packages.EPUB.name: ("package", packages.content),
    packages.OFD.name: ("package", packages.content),
    html.CARRIER.name: ("html", html.content),
    svg.CARRIER.name: ("svg", svg.content),
    notebook.CARRIER.name: ("json", notebook.content),
    gltf.GLTF.name: ("json", gltf.content),
    gltf.GLB.name: ("json", gltf.content_of_binary),
    mesh.PLY.name: ("mesh", mesh.content_of_ply),
    mesh.OBJ.name: ("mesh", mesh.content_of_obj),
}


def digest(stream: BinaryIO, carrier: str) -> bytes | None:
    """The digest of the content of a file.

    Args:
        stream: The file, seekable; it is left anywhere.
        carrier: The name of its format, as ``read_label`` gives it.

    Returns:
        The digest, or None where the format has none.

    Raises:
        CarrierError: The file is damaged.
    """
    if carrier == markdown.CARRIER.name:
        return _of_text(stream)
    if carrier not in _SCHEMES:
        return None
    scheme, walk = _SCHEMES[carrier]
    source = Source(stream, carrier)
    made = hashlib.sha256(f"{CONTENT}:{scheme}:".encode())
    kind, count, left = b"", 0, source.size
    for part in walk(source):
        if not part.length:
            continue
        if part.kind != kind:
            if kind:
                made.update(count.to_bytes(8, "big"))
            made.update(part.kind)
            kind, count = part.kind, 0
        count += part.length
        if part.data is not None:
            made.update(part.data)
            continue
        left -= part.length
        if left < 0:  # parts that lie over each other could take days
            raise source.fault(part.start, "its parts are longer than the whole")
        for start in range(part.start, part.start + part.length, _BLOCK):
            made.update(source.read(start, min(_BLOCK, part.start + part.length - start), "content"))
    made.update(count.to_bytes(8, "big"))
    return made.digest()


def has_digest(carrier: str) -> bool:
    """Whether the content of a format, by the name that ``read_label`` gives it, has a digest."""
    return carrier in _SCHEMES or carrier == markdown.CARRIER.name


def _of_text(stream: BinaryIO) -> bytes | None:
    stream.seek(0)
    data = stream.read(_LONGEST_TEXT + 1)
    if len(data) > _LONGEST_TEXT:
        return None
    text = markdown.decoded(data)
    front = front_matter.front_matter(text)
    body = text[front.stop if front else 0 :].encode("utf-8", "surrogatepass")
    made = hashlib.sha256(f"{CONTENT}:markdown:TEXT".encode() + body)
    made.update(len(body).to_bytes(8, "big"))
    return made.digest()
