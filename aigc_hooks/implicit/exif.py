"""Exif blocks: UserComment, the second place of the image guide for JPEG and WebP (TC260-PG-20259A, Annex B)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import islice

from aigc_hooks.artifact import RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import field
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.field import glued, resembles
from aigc_hooks.implicit.ifd import Directories, Entry

USER_COMMENT = 0x9286
"""Tag of UserComment."""

HEADER = b"Exif\0\0"
"""How the block begins in a segment of JPEG, and in chunks of some programs."""

USER_COMMENT_PLACE = "Exif UserComment"
"""Place of a label in UserComment, in any carrier."""

_EXIF_IFD = 0x8769
_IMAGE_DESCRIPTION = 0x010E
_NEW = b"II*\0" + bytes(4)  # a block without a directory
_LONG, _UNDEFINED = 4, 7
_ASCII, _UNICODE = b"ASCII\0\0\0", b"UNICODE\0"
_CODES = {_ASCII, _UNICODE, b"JIS\0\0\0\0\0", bytes(8)}

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
    if data.startswith(HEADER):
        data = data[len(HEADER) :]
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
    if offset := inner(directories, list(entries.values())):
        within, _ = directories.directory(offset)
        if comment := within.get(USER_COMMENT):
            yield from _comment(directories, comment, defects)


def without(data: bytes, source: Source, *, room: bool = False) -> bytes:
    """An Exif block without the labels in it, of the same length: nothing else in it moves.

    Args:
        data: The block.
        source: The file that holds it, whose bounds it shares.
        room: Whether the entry of a UserComment stays, empty, for another label.

    Raises:
        CarrierError: It is broken and holds a label.
    """
    if not any(find(data, source)):
        return data
    skip = len(HEADER) if data.startswith(HEADER) else 0
    made = bytearray(data)
    with _advised("holds a label and cannot be mended"):
        directories = Directories(source.inside(data[skip:], "Exif"))
        for offset, listed in islice(directories.pages(), 2):
            for place in filter(None, (offset, inner(directories, listed))):
                for start, piece in removals(directories, place, room=room and place != offset):
                    made[skip + start : skip + start + len(piece)] = piece
    return bytes(made)


@contextmanager
def _advised(what: str) -> Iterator[None]:
    try:
        yield
    except CarrierError as error:
        raise CarrierError(
            f"the Exif block {what}: {error}; take it out first, such as with `exiftool -EXIF= FILE`"
        ) from error


def labelled(data: bytes, text: str, source: Source) -> bytes:
    """An Exif block with this label in UserComment as the only one.

    What is new and has no room in the old one's place goes to the end of the block: no offset in it changes, so that
    maker notes and thumbnails stay where they are.

    Args:
        data: The block, or nothing where the file has none; with its ``Exif`` header where that stands before it.
        text: The text of the label, bare.
        source: The file that holds it, whose bounds it shares.

    Raises:
        CarrierError: It is broken, or its UserComment is a remark, which a label would overwrite.
    """
    comment = _ASCII + field.wrapped(text).encode()
    skip = len(HEADER) if data.startswith(HEADER) else 0
    made = bytearray(without(data, source, room=True)[skip:] or _NEW)
    with _advised("cannot take a label"):
        directories = Directories(source.inside(bytes(made), "Exif"))
        start, listed = next(directories.pages(), (0, []))
        within = inner(directories, listed)
        inside = directories.listed(within)[0] if within else []
        old = next((entry for entry in inside if entry.tag == USER_COMMENT), None)
        remark = old is not None and _says(directories.text(old, "UserComment"))
    if remark:
        raise CarrierError(
            "the Exif UserComment of this picture is a remark, which a label may not overwrite; write the label as XMP "
            '(picture_place = "xmp")'
        )
    if old is not None:
        if old.offset + old.size == len(made):
            del made[old.offset :]  # the next label begins where the last one did
        if old.offset < len(made) and len(comment) <= old.size:
            place = old.offset
            made[place : place + old.size] = comment.ljust(old.size, b"\0")
        else:
            place = _append(made, comment)
        _put(made, directories, within, inside.index(old), (USER_COMMENT, _UNDEFINED, len(comment), place))
        return data[:skip] + bytes(made)
    row = (USER_COMMENT, _UNDEFINED, len(comment), _append(made, comment))
    pointer = (_EXIF_IFD, _LONG, 1, _append(made, _with_row(directories, within, inside, row)))
    known = next((index for index, entry in enumerate(listed) if entry.tag == _EXIF_IFD), None)
    if known is not None:
        _put(made, directories, start, known, pointer)
    else:
        first = directories.pointed(_append(made, _with_row(directories, start, listed, pointer)))
        made[directories.first : directories.first + len(first)] = first
    return data[:skip] + bytes(made)


def _says(value: bytes) -> bool:
    """Whether a UserComment holds any text: cameras leave room there."""
    return bool((value[8:] if value[:8] in _CODES else value).strip(b"\0 "))


def _append(made: bytearray, data: bytes) -> int:
    """Puts data to the end of a block, where the next word begins; returns where that is."""
    made += bytes(len(made) % 2)
    made += data
    return len(made) - len(data)


def _with_row(directories: Directories, offset: int, listed: list[Entry], row: tuple[int, int, int, int]) -> bytes:
    """A directory with one entry more, as it is stored; offset 0 is for one that is not there."""
    rows, following = directories.rows(offset) if offset else ([], 0)
    rows.insert(sum(entry.tag < row[0] for entry in listed), directories.row(*row))
    return directories.table(rows, following)


def _put(made: bytearray, directories: Directories, offset: int, index: int, row: tuple[int, int, int, int]) -> None:
    """Writes an entry over the one that a directory has at an index."""
    stored = directories.row(*row)
    start = offset + len(directories.table([], 0)) - len(directories.pointed(0)) + index * len(stored)
    made[start : start + len(stored)] = stored


def removals(directories: Directories, offset: int, *, room: bool = False) -> Iterator[tuple[int, bytes]]:
    """What to write where so that the texts of a directory hold no label, and nothing else in it moves.

    Args:
        directories: The structure.
        offset: Where the directory stands.
        room: Whether the entry of a UserComment stays, empty.

    Raises:
        CarrierError: An offset leads out of the file.
    """
    rows, following = directories.rows(offset)
    kept = list(rows)
    listed = directories.listed(offset)[0]
    for index, place, data in texts(directories, listed):
        yield place, data
        if not any(data) and not (room and listed[index].tag == USER_COMMENT):
            kept.remove(rows[index])
    if len(kept) < len(rows):
        yield offset, directories.table(kept, following).ljust(len(directories.table(rows, following)), b"\0")


def texts(directories: Directories, listed: list[Entry]) -> Iterator[tuple[int, int, bytes]]:
    """The values of a directory that hold labels, without them, in as many bytes.

    Yields:
        The index of the entry, where its value stands, and the value. Text beside a label stays in it; zeros say that
        nothing is left, and that the entry may go.

    Raises:
        CarrierError: An offset leads out of the file.
    """
    for index, entry in enumerate(listed):
        if entry.tag in (_IMAGE_DESCRIPTION, USER_COMMENT):
            data = directories.text(entry, "text")
            rest = _without(data, directories.order, entry.tag == USER_COMMENT)
            if rest != data:
                yield index, entry.offset, rest


def inner(directories: Directories, listed: list[Entry]) -> int:
    """Where the ExifIFD of a main directory stands; 0 for none."""
    pointer = next((entry for entry in listed if entry.tag == _EXIF_IFD), None)
    return directories.pointer(pointer) if pointer else 0


def _without(data: bytes, order: str, coded: bool) -> bytes:
    """The value of a text entry without labels, in as many bytes; zeros where nothing is left of it."""
    encoding, errors = "utf-8", "surrogateescape"
    skip = 8 if coded and data[:8] in _CODES else 0
    body = data[skip:]
    if skip and data[:8] == _UNICODE and resembles(_utf16(body, order)):
        encoding, errors = _utf16_order(body, order), "surrogatepass"
        body = body[: len(body) // 2 * 2]
    text = body.decode(encoding, errors).rstrip("\0 ")
    if not resembles(text):
        return data
    rest = field.without(text).encode(encoding, errors)
    if not rest:
        return bytes(len(data))
    space = " ".encode(encoding)
    return (data[:skip] + rest + space * ((len(body) - len(rest)) // len(space))).ljust(len(data), b"\0")


def _describe(text: str) -> str:
    if '"ServiceProvider"' in text:
        return "ImageDescription holds an old platform form (ServiceProvider …), not the elements of Annex E"
    return "the guide names no label in ImageDescription"


def _comment(directories: Directories, entry: Entry, defects: tuple[str, ...]) -> Iterator[RawLabel]:
    """The label in a UserComment, if it is meant as one."""
    data = directories.text(entry, "UserComment")
    code, body = data[:8], data[8:]
    found = list(defects)
    if code == _ASCII:
        text = _utf8(body)
        if not text.isascii():
            found.append("UserComment is declared ASCII but holds other characters")
    elif code == _UNICODE:
        text = _utf16(body, directories.order)
        found.append("UserComment is declared UNICODE; the guide has ASCII")
    elif code in _CODES:
        text = _utf8(body)
        found.append(f"UserComment is declared {'JIS' if code[0] else 'undefined'}; the guide has ASCII")
    else:
        text = _utf8(data)
        found.append("UserComment begins with no character code; the guide has ASCII")
    if resembles(text):
        yield RawLabel(USER_COMMENT_PLACE, text, tuple(found))


def _utf16(data: bytes, order: str) -> str:
    """UNICODE text: UTF-16 in the block's byte order, or, in many files, in the other one."""
    text = data.decode(_utf16_order(data, order), "replace").strip("\0\ufeff ")
    return text if resembles(text) else _utf8(data)


def _utf16_order(data: bytes, order: str) -> str:
    """The encoding in which UTF-16 text is a label."""
    native, other = ("utf-16-le", "utf-16-be") if order == "<" else ("utf-16-be", "utf-16-le")
    return native if resembles(data.decode(native, "replace").strip("\0\ufeff ")) else other


def _utf8(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip("\0 ")
