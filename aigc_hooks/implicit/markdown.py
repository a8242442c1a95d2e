"""Markdown: the label in YAML front matter, key ``AIGC`` (TC260-PG-20258A 6.5, known through implementers)."""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import NamedTuple

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.errors import CarrierError, ForeignLabelError
from aigc_hooks.implicit.bounds import MAX_TEXT, Source, reader
from aigc_hooks.implicit.field import parse
from aigc_hooks.implicit.front_matter import OPENING, Entry, FrontMatter, front_matter
from aigc_hooks.labels import FIELD_NAME, Label

BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
"""Byte order marks that a text may begin with, and the encodings that they tell."""

_FIRST_LOOK = 64 << 10
_LINE_END = re.compile(r"\r\n|\n|\r")


class Edit(NamedTuple):
    """A piece of a text, from one character to another, and what takes its place."""

    start: int
    stop: int
    text: str


def merge(text: str, label: Label) -> list[Edit]:
    """What to change in a Markdown text so that its front matter holds one label, this one.

    Nothing but the label changes: other entries, comments and their order stay, and so does the body. A text without
    front matter gets one, before everything else.

    Args:
        text: The text, without byte order mark.
        label: The label.

    Returns:
        The changes, in order; none where the text holds the label already.

    Raises:
        ForeignLabelError: It holds the label of another producer.
        CarrierError: Its front matter is no YAML, or holds an ``AIGC`` that is no label.
    """
    front = front_matter(text)
    end = line_end(text)
    if front is None:
        return [Edit(0, 0, f"---{end}{_block(label, end)}---{end}")]
    if front.problem:
        raise CarrierError(
            f"its front matter cannot be read as YAML: {front.problem}; mend it, or, if it is text between two rules, "
            "put an empty line after the first"
        )
    findings = [parse(entry.raw) for entry in front.entries]
    for entry, found in zip(front.entries, findings, strict=True):
        if found.label is None and not entry.empty:
            raise CarrierError(
                f"its front matter has an entry {FIELD_NAME} that is no label: {found.raw[:60]!r}; remove it, if it "
                "does not say who generated the content"
            )
        if found.label is not None and found.label.content_producer != label.content_producer:
            raise ForeignLabelError(
                f"the front matter holds the label of {found.label.content_producer!r}, which is not replaced",
                stage="write_metadata",
            )
    if len(findings) == 1 and findings[0].label == label and not findings[0].defects:
        return []
    if front.flow:
        return _in_braces(front, label)
    block = _block(label, end, front.indent)
    if not front.entries:
        return [Edit(front.place, front.place, block)]
    first, *others = [_lines(text, entry) for entry in front.entries]
    return [Edit(*first, block), *(Edit(*span, "") for span in others)]


def _in_braces(front: FrontMatter, label: Label) -> list[Edit]:
    elements = (f'"{key}": {_quoted(value)}' for key, value in label.to_dict().items())
    item = f'"{FIELD_NAME}": {{{", ".join(elements)}}}'
    match front.entries:
        case []:
            return [Edit(front.place, front.place, f"{item}, " if front.filled else item)]
        case [entry]:
            return [Edit(entry.start, entry.stop, item)]
    raise CarrierError(f"its front matter holds {FIELD_NAME} {len(front.entries)} times; leave it once")


def _lines(text: str, entry: Entry) -> tuple[int, int]:
    """The whole lines of an entry."""
    start, stop = entry.start, entry.stop
    while text[start - 1] in " \t":
        start -= 1
    end = _LINE_END.search(text, stop)
    assert end is not None  # that of the line that closes the front matter, if none comes before
    rest = "" if text[stop - 1] in "\r\n" else text[stop : end.start()].strip()
    if text[start - 1] not in "\r\n" or (rest and not rest.startswith("#")):
        raise CarrierError(
            f"its front matter writes {FIELD_NAME} in a way that cannot be replaced; remove the entry, or put it on "
            "lines of its own"
        )
    return start, stop if text[stop - 1] in "\r\n" else end.end()


def line_end(text: str, otherwise: str = "\n") -> str:
    """How the lines of a text end, by the first one."""
    at = text.find("\n")
    if at < 0:
        return "\r" if "\r" in text else otherwise
    return "\r\n" if text[max(at - 1, 0)] == "\r" else "\n"


def _block(label: Label, end: str, indent: str = "") -> str:
    """The label as its producers write it: the seven keys in the order of Annex E, every value in double quotes."""
    elements = (f"{indent}  {key}: {_quoted(value)}{end}" for key, value in label.to_dict().items())
    return f"{indent}{FIELD_NAME}:{end}{''.join(elements)}"


def _quoted(value: str) -> str:
    """A YAML string in double quotes. JSON's escapes are YAML's too, but YAML has more that may not stand bare."""
    return "".join(map(_character, json.dumps(value, ensure_ascii=False)))


def _character(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def suffix_carrier(path: str | os.PathLike[str] | None) -> Carrier | None:
    """The carrier of a file that only its name tells: a text has no signature."""
    suffix = "" if path is None else PurePath(os.fsdecode(path)).suffix.lower()
    return next((carrier for carrier in (CARRIER, TEXT) if suffix in carrier.suffixes), None)


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of the front matter."""
    text = _head(source, _FIRST_LOOK)
    front = front_matter(text)
    if (front is None or front.problem) and source.size > _FIRST_LOOK and OPENING.match(text):
        front = front_matter(_head(source, 4 * MAX_TEXT))
    if front is not None:
        yield from (entry.raw for entry in front.entries)


def _nothing(source: Source) -> Iterator[RawLabel]:
    """TXT has no place for the implicit label: none is known of TC260-PG-20258A."""
    _head(source, _FIRST_LOOK)
    yield from ()


def _head(source: Source, count: int) -> str:
    """The beginning of a text; a character that is cut off at its end is left out."""
    data = source.read(0, min(source.size, count), "text")
    for mark, encoding in BOMS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if not data.startswith(b"---") and (offset := data.find(b"\0")) >= 0:
        raise source.fault(offset, "a NUL byte, which no text holds")
    return decoded(data, whole=False)


def decoded(data: bytes, *, whole: bool = True) -> str:
    """The text of a file; a byte order mark tells its encoding, or else it is UTF-8, or if not, GB18030.

    Args:
        data: Its bytes.
        whole: Whether these are all: otherwise a character that is cut off at the end is left out.
    """
    for mark, encoding in BOMS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, whole)
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")


def _sniff(head: bytes) -> bool:
    mark = next((mark for mark in BOMS if head.startswith(mark)), b"")
    if not mark and not head.startswith(b"---"):
        return False  # as of nearly every file: to decode pixels as text would take longer than to read their label
    return bool(OPENING.match(head[len(mark) :].decode(BOMS.get(mark, "utf-8"), "replace")))


CARRIER = Carrier("Markdown", (".md", ".markdown"), _sniff, reader("Markdown", _walk), medium="text")
"""Markdown: known by its front matter, or else by its name alone."""

TEXT = Carrier("text", (".txt",), lambda head: False, reader("text", _nothing), medium="text")
"""Plain text: known by its name alone; no implicit label is looked for."""
