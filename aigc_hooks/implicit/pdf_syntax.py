"""PDF objects: parsed from bytes, with the place of each entry of a dictionary (ISO 32000, 7.3)."""

from __future__ import annotations

import codecs
import re
from typing import Any, NamedTuple

_MAX_DEPTH = 60
_SPACE = re.compile(rb"(?:[\0\t\n\f\r ]|%[^\r\n]*(?:[\r\n]|\Z))*")
_REFERENCE = re.compile(rb"(\d{1,10})[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+R(?![^\0\t\n\f\r ()<>\[\]{}/%])")
_NUMBER = re.compile(rb"[-+]{0,2}(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})")
_NAME = re.compile(rb"/([^\0\t\n\f\r ()<>\[\]{}/%]*)")
_HEX = re.compile(rb"<([0-9A-Fa-f\0\t\n\f\r ]*)>")
_KEYWORD = re.compile(rb"true|false|null")
_WORDS = {b"true": True, b"false": False, b"null": None}
_PAREN = re.compile(rb"\\[\s\S]|[()]")
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(\r\n|[\s\S]))|\r\n?")
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}
_NAME_CODE = re.compile(rb"#([0-9A-Fa-f]{2})")
# Where PDFDocEncoding differs from Latin-1 (ISO 32000, annex D).
_DOC = dict(zip(range(0x18, 0x20), "˘ˇˆ˙˝˛˚˜", strict=True)) | dict(
    zip(range(0x80, 0xA1), "•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž\ufffd€", strict=True)
)


class SyntaxProblemError(ValueError):
    """What stands at an offset is no PDF object."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at


class CutOffError(SyntaxProblemError):
    """The bytes end within an object."""


class Reference(NamedTuple):
    """A reference to an indirect object."""

    number: int
    generation: int


class Name(str):
    """A name, which is no string."""


class Dictionary(dict[str, Any]):
    """A dictionary that knows how each of its entries was written.

    Attributes:
        written: For each key, the bytes of key and value.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[str, bytes] = {}

    def without(self, *keys: str) -> bytes:
        """How its entries were written, except some."""
        return b" ".join(text for key, text in self.written.items() if key not in keys)


def skip(data: bytes, at: int) -> int:
    """Where the next token begins."""
    match = _SPACE.match(data, at)
    return match.end() if match else at


def parse(data: bytes, at: int, depth: int = 0) -> tuple[Any, int]:
    """The object at an offset, and where it ends. Strings are bytes.

    Raises:
        SyntaxProblemError: There is none, or it is nested too deeply.
        CutOffError: The bytes end within it.
    """
    at = skip(data, at)
    if depth > _MAX_DEPTH:
        raise SyntaxProblemError(at, f"objects are nested deeper than {_MAX_DEPTH} levels")
    kind = data[at : at + 1]
    if not kind:
        raise CutOffError(at, "the bytes end where an object should begin")
    if kind == b"<":
        return _dictionary(data, at, depth) if data[at + 1 : at + 2] == b"<" else _hexadecimal(data, at)
    if kind == b"(":
        return _literal(data, at)
    if kind == b"[":
        return _array(data, at, depth)
    if name := _NAME.match(data, at):
        return Name(_NAME_CODE.sub(lambda code: bytes.fromhex(code[1].decode()), name[1]).decode("latin-1")), name.end()
    if reference := _REFERENCE.match(data, at):
        return Reference(int(reference[1]), int(reference[2])), reference.end()
    if number := _NUMBER.match(data, at):
        text = number.group().lstrip(b"+").replace(b"--", b"-").replace(b"+-", b"-")
        return (float(text) if b"." in text else int(text)), number.end()
    if word := _KEYWORD.match(data, at):
        return _WORDS[word.group()], word.end()
    raise (CutOffError if len(data) - at < 8 else SyntaxProblemError)(at, f"{data[at : at + 8]!r} begins no object")


def _dictionary(data: bytes, at: int, depth: int) -> tuple[Dictionary, int]:
    found = Dictionary()
    at = skip(data, at + 2)
    while not data.startswith(b">>", at):
        start = at
        key, at = parse(data, at, depth + 1)
        if not isinstance(key, Name):
            raise SyntaxProblemError(start, "a key of a dictionary is no name")
        value, at = parse(data, at, depth + 1)
        found[key] = value
        found.written[key] = data[start:at]
        at = skip(data, at)
    return found, at + 2


def _array(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    found = []
    at = skip(data, at + 1)
    while not data.startswith(b"]", at):
        value, at = parse(data, at, depth + 1)
        found.append(value)
        at = skip(data, at)
    return found, at + 1


def _hexadecimal(data: bytes, at: int) -> tuple[bytes, int]:
    match = _HEX.match(data, at)
    if match is None:
        raise (SyntaxProblemError if b">" in data[at:] else CutOffError)(at, "a hexadecimal string is broken")
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", match[1]).decode()
    return bytes.fromhex(digits + "0" * (len(digits) % 2)), match.end()


def _literal(data: bytes, at: int) -> tuple[bytes, int]:
    level, place = 0, at
    while mark := _PAREN.search(data, place):
        place = mark.end()
        level += {b"(": 1, b")": -1}.get(mark.group(), 0)
        if level == 0:
            return _ESCAPE.sub(_character, data[at + 1 : place - 1]), place
    raise CutOffError(at, "a string is not closed")


def _character(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return bytes([int(escape[1], 8) & 0xFF])
    return b"\n" if escape[2] is None else _LETTERS.get(escape[2], escape[2])


def text(value: bytes) -> str:
    """A text string (ISO 32000, 7.9.2.2): UTF-16 or UTF-8 with a mark, or else PDFDocEncoding."""
    if value.startswith(codecs.BOM_UTF16_BE):
        return value[2:].decode("utf-16-be", "replace")
    if value.startswith(codecs.BOM_UTF16_LE):  # not of the standard, but seen
        return value[2:].decode("utf-16-le", "replace")
    if value.startswith(codecs.BOM_UTF8):
        return value[3:].decode("utf-8", "replace")
    return value.decode("latin-1").translate(_DOC)


def text_string(value: str) -> bytes:
    """A text as a string object: plain where it is ASCII."""
    plain = value.isascii() and value.isprintable()
    data = value.encode() if plain else codecs.BOM_UTF16_BE + value.encode("utf-16-be", "replace")
    return b"(" + re.sub(rb"[\\()]", rb"\\\g<0>", data).replace(b"\r", rb"\r") + b")"
