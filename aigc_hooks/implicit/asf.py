"""WMA and WMV: the label in an attribute ``AIGC`` of the extended content description, read and written by mutagen.

No guide is known that has a place for it. This one is ours: ffmpeg writes and reads titles there. An attribute holds
65,534 bytes, in UTF-16: a longer label is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.field import meant
from aigc_hooks.implicit.mutagens import guarded, mutagen
from aigc_hooks.implicit.parts import Part
from aigc_hooks.labels import FIELD_NAME

PLACE = "ASF attribute AIGC"
"""Place of the label."""

_MAGIC = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_FILE_SIZE = 40
_MAX_VALUE = 65_534
_MIN_OBJECT = 24


def _objects(source: Source) -> Iterator[tuple[int, bytes]]:
    """Where each object of the header begins, and its kind."""
    head = source.read(0, 30, "header")
    if head[:16] != _MAGIC:
        raise source.fault(0, "no ASF header")
    length, offset = int.from_bytes(head[16:24], "little"), 30
    if length > min(source.size, MAX_PAYLOAD):
        raise source.fault(16, f"the header of {length} bytes ends after the file, or is longer than {MAX_PAYLOAD}")
    while offset + _MIN_OBJECT <= length:
        kind = source.read(offset, 16, "object header")
        size = int.from_bytes(source.read(offset + 16, 8, "object header"), "little")
        source.step(offset, 100)  # mutagen is slow with each
        if size < _MIN_OBJECT or offset + size > length:
            raise source.fault(offset, f"the object of {size} bytes ends after the header")
        yield offset, kind
        offset += size


def _opened(source: Source, stream: BinaryIO) -> Any:
    """The file as mutagen knows it, if its header keeps within bounds."""
    for _ in _objects(source):
        pass
    opener = mutagen("asf").ASF
    stream.seek(0)
    return guarded(source, lambda: opener(fileobj=stream))


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels among the attributes."""
    for name, value in list(_opened(source, source.stream).tags or []):
        if meant(name, str(value)):
            wrong = () if name == FIELD_NAME else (f"the attribute is named {name[:60]!r}, not {FIELD_NAME!r}",)
            yield RawLabel(PLACE, str(value), wrong)


def content(source: Source) -> Iterator[Part]:
    """The sound: the data object."""
    offset = 0
    while offset + _MIN_OBJECT <= source.size:
        head = source.read(offset, _MIN_OBJECT, "object header")
        source.step(offset)
        size = max(int.from_bytes(head[16:], "little"), _MIN_OBJECT)
        if head[:16] == _DATA:
            yield Part(b"DATA", offset + _MIN_OBJECT, min(size, source.size - offset) - _MIN_OBJECT)
        offset += size


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies the file and lets mutagen change the header of the copy."""
    if len(text.encode("utf-16-le")) > _MAX_VALUE:
        raise CarrierError(f"a WMA file holds labels of up to {_MAX_VALUE} bytes in UTF-16; this one is longer")
    source = Source(stream, "ASF")
    copy(stream, target, 0)
    file = _opened(source, target)

    def work() -> None:
        for name, value in [item for item in file.tags if meant(item[0], str(item[1]))]:
            file.tags.remove((name, value))
        file.tags.append((FIELD_NAME, mutagen("asf").ASFUnicodeAttribute(text)))
        target.seek(0)
        file.save(fileobj=target)

    guarded(source, work)
    size = target.seek(0, 2)
    for offset, kind in _objects(Source(target, "ASF")):
        # Players that find another size take the duration for a guess; what was wrong before stays.
        if kind == _FILE and source.size == int.from_bytes(_at(target, offset + _FILE_SIZE, 8), "little"):
            target.seek(offset + _FILE_SIZE)
            target.write(size.to_bytes(8, "little"))
    target.seek(0, 2)


def _at(stream: BinaryIO, offset: int, count: int) -> bytes:
    stream.seek(offset)
    return stream.read(count)


CARRIER = Carrier(
    "ASF",
    (".wma", ".wmv", ".asf"),
    lambda head: head[:16] == _MAGIC,
    reader("ASF", _walk),
    _write,
    medium="audio",
    by_analogy=True,
)
"""WMA and WMV."""
