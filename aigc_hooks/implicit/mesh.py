"""PLY and OBJ: the label in a comment, ``AIGC`` and the seven elements as JSON.

A choice of this project: no guide is known to name a place, and both formats have comments for what they do not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.implicit.bounds import MAX_TEXT, Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.parts import Part, told

_MOST = MAX_TEXT + (64 << 10)
"""How much of a file its header may take up."""

_END = re.compile(rb"^end_header[ \t]*(?:\r\n|\n|\r)", re.MULTILINE)
_PLY = re.compile(rb"^comment[ \t]+AIGC[ \t]+(\{[^\r\n]*\})[ \t]*(?:\r\n|\n|\r)", re.MULTILINE)
_OBJ = re.compile(rb"^#[ \t]*AIGC[ \t]+(\{[^\r\n]*\})[ \t]*(?:\r\n|\n|\r|\Z)", re.MULTILINE)
_LEADING = re.compile(rb"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r))*(?:#[^\r\n]*\Z)?")


def _ply(source: Source) -> bytes:
    """The header of a PLY, which is text whatever follows."""
    data = source.read(0, min(source.size, _MOST), "header")
    end = _END.search(data)
    if end is None:
        raise source.fault(len(data), "its header does not end")
    return data[: end.end()]


def _obj(source: Source) -> bytes:
    """The comments at the beginning of an OBJ."""
    data = source.read(0, min(source.size, _MOST), "comments")
    found = _LEADING.match(data)
    return data[: found.end()] if found is not None else b""


def _walk_ply(source: Source) -> Iterator[RawLabel]:
    for found in _PLY.finditer(_ply(source)):
        yield RawLabel("PLY comment AIGC", found[1].decode("utf-8", "replace"))


def _walk_obj(source: Source) -> Iterator[RawLabel]:
    for found in _OBJ.finditer(_obj(source)):
        yield RawLabel("OBJ comment AIGC", found[1].decode("utf-8", "replace"))


def _write_ply(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Writes the header with the label behind its second line, and copies the rest."""
    source = Source(stream, "PLY")
    header = _ply(source)
    kept = _PLY.sub(b"", header)
    lines = kept.splitlines(keepends=True)
    end = lines[0][len(lines[0].rstrip(b"\r\n")) :]
    target.write(b"".join([*lines[:2], b"comment AIGC " + text.encode() + end, *lines[2:]]))
    copy(stream, target, len(header))


def _write_obj(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Writes the label as the first line, and copies the rest."""
    source = Source(stream, "OBJ")
    head = _obj(source)
    end = b"\r\n" if b"\r\n" in source.read(0, min(source.size, 4096), "text") else b"\n"
    target.write(b"# AIGC " + text.encode() + end + _OBJ.sub(b"", head))
    copy(stream, target, len(head))


def content_of_ply(source: Source) -> Iterator[Part]:
    """Everything but the comments with labels."""
    header = _ply(source)
    yield told(b"MESH", _PLY.sub(b"", header))
    yield Part(b"MESH", len(header), source.size - len(header))


def content_of_obj(source: Source) -> Iterator[Part]:
    """Everything but the comments with labels."""
    head = _obj(source)
    yield told(b"MESH", _OBJ.sub(b"", head))
    yield Part(b"MESH", len(head), source.size - len(head))


def _is_ply(head: bytes) -> bool:
    return re.match(rb"ply[ \t]*(?:\r\n|\n|\r)(?:format|comment|obj_info)[ \t]", head) is not None


PLY = Carrier("PLY", (".ply",), _is_ply, reader("PLY", _walk_ply), _write_ply, medium="document", by_analogy=True)
"""PLY, as text or binary."""

OBJ = Carrier(
    "OBJ", (".obj",), lambda head: False, reader("OBJ", _walk_obj), _write_obj, medium="document", by_analogy=True
)
"""Wavefront OBJ, known by its name alone."""
