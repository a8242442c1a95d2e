"""FLV: the label as property ``AIGC`` of the script tag ``onMetaData`` (TC260-PG-20257A; Adobe, FLV 10.1, annex E).

Players take their metadata from the beginning of a file. The first hundred tags are looked at; of a script tag behind
them nothing is known. A tag that grows moves all that follow: the sizes and the index of key frames that ``onMetaData``
may hold are told anew. A label of 1,024 bytes and more, such as a signed one, is written whole; ffmpeg reads no string
of that length there, nor what follows it in ``onMetaData``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import pack, unpack
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import amf
from aigc_hooks.implicit.bounds import Source, reader
from aigc_hooks.implicit.copying import Edit, splice
from aigc_hooks.implicit.field import meant
from aigc_hooks.implicit.parts import Part
from aigc_hooks.labels import FIELD_NAME

PLACE = "FLV onMetaData AIGC"
"""Place of the label."""

_HEAD, _SIZE = 11, 4
_SCRIPT = 18
_MOST_TAGS = 100
_LONGEST = 0xFFFFFF
_NAME = b"onMetaData"
_PLACES = {"filesize", "lastkeyframelocation"}


class _Script(NamedTuple):
    """An ``onMetaData`` tag: where it begins, where the next one does, its head, its body, and the object in that."""

    begin: int
    end: int
    head: bytes
    body: bytes
    metadata: amf.Value

    def text(self, item: amf.Property) -> str | None:
        """The text of a property, if it is meant as a label."""
        if item.value.kind not in (amf.STRING, amf.LONG_STRING):
            return None
        text = self.body[item.value.start : item.value.end].decode("utf-8", "replace").rstrip("\0")
        return text if meant(item.name, text) else None


def _start(source: Source) -> int:
    """Where the first tag begins."""
    head = source.read(0, 9, "FLV header")
    if head[:3] != b"FLV":
        raise source.fault(0, "no FLV header")
    return int.from_bytes(head[5:], "big") + _SIZE


def _scripts(source: Source) -> Iterator[_Script]:
    begin = _start(source)
    for _ in range(_MOST_TAGS):
        if begin >= source.size:
            return
        source.step(begin)
        head = source.read(begin, _HEAD, "tag header")
        length = int.from_bytes(head[1:4], "big")
        end = begin + _HEAD + length
        if end > source.size:
            raise source.fault(begin, f"the tag of {length} bytes ends after the file")
        end = min(end + _SIZE, source.size)  # of the last tag, some programs forget the size behind it
        if head[0] == _SCRIPT:
            body = source.payload(begin + _HEAD, length, "script tag")
            if body.startswith(bytes([amf.STRING]) + amf.named(_NAME)):
                yield _Script(begin, end, head, body, _metadata(source, begin, body))
        begin = end


def _metadata(source: Source, begin: int, body: bytes) -> amf.Value:
    inner = source.inside(body, _NAME.decode())
    found = amf.value(inner, 3 + len(_NAME))
    if found.kind not in amf.OBJECTS:
        raise source.fault(begin, f"onMetaData holds an AMF value of kind {found.kind}, no object")
    return found


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of every ``onMetaData`` tag at the beginning."""
    for script in _scripts(source):
        for item in script.metadata.items:
            text = script.text(item)
            if text is not None:
                wrong = () if item.name == FIELD_NAME else (f"it is named {item.name[:60]!r}, not {FIELD_NAME!r}",)
                yield RawLabel(f"FLV onMetaData {item.name[:40]}", text, wrong)


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a file with the label as the last property of its metadata; no frame changes."""
    source = Source(stream, "FLV")
    start, scripts = _start(source), list(_scripts(source))
    if start > source.size:
        raise source.fault(5, f"the header of {start} bytes ends after the file")
    if not scripts:  # one with nothing in it, which is new
        body = bytes([amf.STRING]) + amf.named(_NAME) + bytes([amf.ARRAY, 0, 0, 0, 0]) + amf.CLOSED
        scripts = [_Script(start, start, bytes([_SCRIPT]) + bytes(_HEAD - 1), body, _metadata(source, start, body))]
    texts = [text, *[None] * (len(scripts) - 1)]
    edits = [Edit(script.begin, script.end, _tag(script, new)) for script, new in zip(scripts, texts, strict=True)]

    def moved(position: float) -> float:
        return position + sum(len(edit.data) - (edit.end - edit.start) for edit in edits if edit.end <= position)

    told = [script._replace(body=_told(script, moved)) for script in scripts]
    splice(
        stream,
        target,
        [Edit(script.begin, script.end, _tag(script, new)) for script, new in zip(told, texts, strict=True)],
    )


def _tag(script: _Script, text: str | None) -> bytes:
    """A tag without a label, or with this one, and the size that stands behind it."""
    metadata, body = script.metadata, script.body
    kept = [item for item in metadata.items if script.text(item) is None]
    if text is None and len(kept) == len(metadata.items):
        made = body
    else:
        pieces = [body[item.begin : item.value.end] for item in kept]
        if text is not None:
            pieces.append(amf.named(FIELD_NAME.encode()) + amf.string(text.encode()))
        opening = body[: metadata.start]
        if metadata.kind == amf.ARRAY:
            count = int.from_bytes(opening[-4:], "big") + len(pieces) - len(metadata.items)
            opening = opening[:-4] + max(0, count).to_bytes(4, "big")
        made = opening + b"".join(pieces) + amf.CLOSED + body[metadata.end :]
    if len(made) > _LONGEST:
        raise CarrierError(f"a script tag of an FLV file holds up to {_LONGEST} bytes; with this label it has more")
    return script.head[:1] + len(made).to_bytes(3, "big") + script.head[4:] + made + pack(">I", _HEAD + len(made))


def _told(script: _Script, moved: Callable[[float], float]) -> bytes:
    """The body of a tag with every place in the file told anew."""
    body = bytearray(script.body)

    def tell(value: amf.Value) -> None:
        if value.kind == amf.NUMBER:
            (position,) = unpack(">d", body[value.start : value.end])
            body[value.start : value.end] = pack(">d", moved(position))

    for item in script.metadata.items:
        if item.name in _PLACES:
            tell(item.value)
        for inner in item.value.items if item.name == "keyframes" else ():
            for place in inner.value.items if inner.name == "filepositions" else ():
                tell(place.value)
    return bytes(body)


def content(source: Source) -> Iterator[Part]:
    """The header, and the tags but ``onMetaData``; what follows the first hundred is one, for no label is there."""
    begin = _start(source)
    yield Part(b"HEAD", 0, min(begin, source.size))
    for script in _scripts(source):
        yield Part(b"TAGS", begin, script.begin - begin)
        begin = script.end
    yield Part(b"TAGS", begin, max(source.size - begin, 0))


def _sniff(head: bytes) -> bool:
    return head[:4] == b"FLV\x01"


CARRIER = Carrier("FLV", (".flv",), _sniff, reader("FLV", _walk), _write, medium="video")
"""FLV."""
