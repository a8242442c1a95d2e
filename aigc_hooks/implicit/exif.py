"""Exif blocks: UserComment, the second place of the image guide for JPEG and WebP (TC260-PG-20259A, Annex B)."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import islice

from aigc_hooks.artifact import RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.field import glued, resembles
from aigc_hooks.implicit.ifd import Directories, Entry

USER_COMMENT = 0x9286
"""Tag of UserComment."""

USER_COMMENT_PLACE = "Exif UserComment"
"""Place of a label in UserComment, in any carrier."""

_EXIF_IFD = 0x8769
_IMAGE_DESCRIPTION = 0x010E
_HEADER = b"Exif\0\0"

NOT_IN_GUIDE = "the guide names Exif UserComment for JPEG and WebP only"
"""Defect of a UserComment elsewhere (TC260-PG-20259A, Annex B)."""


def find(data: bytes, source: Source | str, defects: tuple[str, ...] = ()) -> Iterator[RawLabel]:
    """Yields the labels in an Exif block, with or without its ``Exif`` header.

    Exif of cameras and editors is often broken: damage here never raises, but what text of a label stands in a damaged
    block is yielded with a defect.

    Args:
        data: The block.
        source: The file that holds it, whose bounds it shares; or a name for messages.
        defects: What is wrong with this place in this carrier.
    """
    if data.startswith(_HEADER):
        data = data[len(_HEADER) :]
    inner = Source(BytesIO(data), source) if isinstance(source, str) else source.inside(data, "Exif")
    try:
        directories = Directories(inner)
        # Exif has two: the picture's and the thumbnail's.
        found = [raw for entries in islice(directories.chain(), 2) for raw in find_in(directories, entries, defects)]
    except CarrierError as error:
        found = list(glued(data, USER_COMMENT_PLACE, f"the Exif block is broken: {error}"))
    yield from found


def find_in(directories: Directories, entries: dict[int, Entry], defects: tuple[str, ...] = ()) -> Iterator[RawLabel]:
    """Yields the labels in one main directory and its ExifIFD.

    Raises:
        CarrierError: An offset leads out of the file.
    """
    if description := entries.get(_IMAGE_DESCRIPTION):
        text = _utf8(directories.text(description, "ImageDescription"))
        if resembles(text):
            yield RawLabel("Exif ImageDescription", text, (_describe(text),))
    if comment := entries.get(USER_COMMENT):
        yield from _comment(directories, comment, (*defects, "UserComment stands in the main IFD, not in the ExifIFD"))
    pointer = entries.get(_EXIF_IFD)
    if pointer and (offset := directories.pointer(pointer)):
        inner, _ = directories.directory(offset)
        if comment := inner.get(USER_COMMENT):
            yield from _comment(directories, comment, defects)


def _describe(text: str) -> str:
    if '"ServiceProvider"' in text:
        return "ImageDescription holds an old platform form (ServiceProvider …), not the elements of Annex E"
    return "the guide names no label in ImageDescription"


def _comment(directories: Directories, entry: Entry, defects: tuple[str, ...]) -> Iterator[RawLabel]:
    """The label in a UserComment, if it is meant as one."""
    data = directories.text(entry, "UserComment")
    code, body = data[:8], data[8:]
    found = list(defects)
    if code == b"ASCII\0\0\0":
        text = _utf8(body)
        if not text.isascii():
            found.append("UserComment is declared ASCII but holds other characters")
    elif code == b"UNICODE\0":
        text = _utf16(body, directories.order)
        found.append("UserComment is declared UNICODE; the guide has ASCII")
    elif code in (b"JIS\0\0\0\0\0", bytes(8)):
        text = _utf8(body)
        found.append(f"UserComment is declared {'JIS' if code[0] else 'undefined'}; the guide has ASCII")
    else:
        text = _utf8(data)
        found.append("UserComment begins with no character code; the guide has ASCII")
    if resembles(text):
        yield RawLabel(USER_COMMENT_PLACE, text, tuple(found))


def _utf16(data: bytes, order: str) -> str:
    """UNICODE text: UTF-16 in the block's byte order, or, in many files, in the other one."""
    native, other = ("utf-16-le", "utf-16-be") if order == "<" else ("utf-16-be", "utf-16-le")
    for encoding in (native, other):
        text = data.decode(encoding, "replace").strip("\0\ufeff ")
        if resembles(text):
            return text
    return _utf8(data)


def _utf8(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip("\0 ")
