"""AMF0, in which FLV files keep their metadata: values, and where each lies in a block of bytes."""

from __future__ import annotations

from typing import NamedTuple

from aigc_hooks.implicit.bounds import Source

NUMBER, STRING, ARRAY, LONG_STRING = 0, 2, 8, 12
OBJECTS = (3, ARRAY, 16)
"""Kinds that have named properties: an object, an array with names, an object with a type."""

CLOSED = b"\0\0\x09"
"""What closes an object."""

_STRICT_ARRAY, _XML = 10, 15
# Number, boolean, null, undefined, reference, date and unsupported: how long they are behind their kind.
_LENGTHS = {NUMBER: 8, 1: 1, 5: 0, 6: 0, 7: 2, 11: 10, 13: 0}
_DEEPEST = 16
_LONGEST = 0xFFFF


class Value(NamedTuple):
    """A value: its kind, from where to where it stands, and what it holds.

    ``start`` is where its content begins: the text of a string, the first property of an object.
    """

    kind: int
    begin: int
    start: int
    end: int
    items: tuple[Property, ...] = ()


class Property(NamedTuple):
    """A property of an object, or an item of an array, which has no name."""

    name: str
    begin: int
    value: Value


def value(source: Source, begin: int, depth: int = 0) -> Value:
    """The value at an offset.

    Raises:
        CarrierError: It is of a kind that is not known, nested too deeply, or ends after the block.
    """
    source.step(begin)
    kind, start = source.read(begin, 1, "AMF value")[0], begin + 1
    if depth > _DEEPEST:
        raise source.fault(begin, f"AMF values are nested more than {_DEEPEST} deep")
    if kind in (STRING, LONG_STRING, _XML):
        width = 2 if kind == STRING else 4
        length = int.from_bytes(source.read(start, width, "AMF string"), "big")
        found = Value(kind, begin, start + width, start + width + length)
    elif kind in OBJECTS:
        start += {ARRAY: 4, 16: 2}.get(kind, 0)
        if kind not in (3, ARRAY):
            start += int.from_bytes(source.read(start - 2, 2, "AMF type"), "big")
        found = _object(source, Value(kind, begin, start, start), depth)
    elif kind == _STRICT_ARRAY:
        found = _list(source, Value(kind, begin, start + 4, start + 4), depth)
    elif kind in _LENGTHS:
        found = Value(kind, begin, start, start + _LENGTHS[kind])
    else:
        raise source.fault(begin, f"an AMF value of the unknown kind {kind}")
    if found.end > source.size:
        raise source.fault(begin, f"the AMF value of kind {kind} ends after its tag")
    return found


def _object(source: Source, empty: Value, depth: int) -> Value:
    """The properties up to what closes the object, which some programs forget at the end of a tag."""
    items: list[Property] = []
    at = empty.start
    while at < source.size:
        if source.read(at, min(3, source.size - at)) == CLOSED:
            return empty._replace(items=tuple(items), end=at + len(CLOSED))
        length = int.from_bytes(source.read(at, 2, "AMF name"), "big")
        name = source.read(at + 2, length, "AMF name").decode("utf-8", "replace")
        items.append(Property(name, at, value(source, at + 2 + length, depth + 1)))
        at = items[-1].value.end
    return empty._replace(items=tuple(items), end=at)


def _list(source: Source, empty: Value, depth: int) -> Value:
    count = int.from_bytes(source.read(empty.begin + 1, 4, "AMF array"), "big")
    items: list[Property] = []
    at = empty.start
    for _ in range(count):
        items.append(Property("", at, value(source, at, depth + 1)))
        at = items[-1].value.end
    return empty._replace(items=tuple(items), end=at)


def string(text: bytes) -> bytes:
    """A text as a value."""
    if len(text) > _LONGEST:
        return bytes([LONG_STRING]) + len(text).to_bytes(4, "big") + text
    return bytes([STRING]) + named(text)


def named(name: bytes) -> bytes:
    """The name of a property, as it stands before its value."""
    return len(name).to_bytes(2, "big") + name
