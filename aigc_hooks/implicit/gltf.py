"""glTF and GLB 2.0: ``AIGC`` in ``asset.extras``, an object with the seven keys.

A choice of this project: no guide is known to name a place. ``extras`` is glTF's own place for what an application
adds, and ``asset`` is where the file tells of itself. In a GLB the JSON chunk is rewritten, the binary one behind it is
copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.errors import CarrierError, UnsupportedCarrierError
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.json_text import Places, Text
from aigc_hooks.implicit.parts import Part, told
from aigc_hooks.labels import FIELD_NAME

PLACE = "glTF asset.extras AIGC"
"""Place of the label."""

_PLACES = Places(("asset", "extras", FIELD_NAME), PLACE, (("extras",), ("asset",), ()))
_MAGIC = b"glTF"
_HEAD = Struct("<4sIIII")
_JSON = 0x4E4F534A
_MOST = 0xFFFFFFFF
_MEMBERS = (
    rb"accessors|animations|asset|buffers|bufferViews|cameras|extensions|extensionsUsed|extensionsRequired|extras|images"
    rb"|materials|meshes|nodes|samplers|scene|scenes|skins|textures"
)
_START = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:' + _MEMBERS + rb')"\s*:'
    # Of these names alone many JSON texts begin; a glTF has more of its own close by.
    rb'(?=.*?"(?:generator|version|componentType|bufferView|byteLength|bufferViews|scenes|nodes|meshes|AIGC)"\s*:)',
    re.DOTALL,
)


def _checked(text: Text) -> Text:
    version = text.at(("asset", "version"))
    if version is None:
        raise UnsupportedCarrierError("this JSON text is no glTF: it has no asset.version")
    if not str(text.value(version)).startswith("2"):
        raise UnsupportedCarrierError(f"glTF {str(text.value(version))[:20]!r} is not read: convert it to glTF 2.0")
    return text


def _chunk(source: Source) -> tuple[Text, int, int]:
    """The JSON of a GLB, the length that its header tells of the file, and where the next chunk begins."""
    magic, version, length, count, kind = _HEAD.unpack(source.read(0, _HEAD.size, "GLB header"))
    if magic != _MAGIC or version != 2:
        raise UnsupportedCarrierError(f"GLB version {version} is not read: convert it to glTF 2.0")
    if length > source.size:
        raise source.fault(8, f"its header tells {length} bytes, and the file has {source.size}")
    if kind != _JSON:
        raise source.fault(16, f"the first chunk is of type {kind:#x}, not JSON")
    stop = _HEAD.size + count
    if stop > length or count % 4:
        raise source.fault(12, f"the JSON chunk of {count} bytes does not fit in the file")
    data = source.payload(_HEAD.size, count, "JSON chunk", MAX_PAYLOAD)
    return _checked(Text(source, data.rstrip(b" \0"), _HEAD.size)), length, stop


def _walk(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of a glTF."""
    for _, raw in _PLACES.find(_checked(Text.whole(source))):
        yield raw


def _walk_binary(source: Source) -> Iterator[RawLabel]:
    """Yields the labels of a GLB."""
    for _, raw in _PLACES.find(_chunk(source)[0]):
        yield raw


def _write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a glTF with the label in its asset."""
    target.write(_PLACES.write(_checked(Text.whole(Source(stream, "glTF"))), text).data)


def _write_binary(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """Copies a GLB with the label in the asset of its JSON chunk."""
    json, length, stop = _chunk(Source(stream, "GLB"))
    data = _PLACES.write(json, text).data
    data += b" " * (-len(data) % 4)
    length += len(data) - (stop - _HEAD.size)
    if length > _MOST:
        raise CarrierError("a GLB file cannot grow beyond 4 GiB; save it as glTF with its buffers beside it")
    target.write(_HEAD.pack(_MAGIC, 2, length, len(data), _JSON) + data)
    copy(stream, target, stop)


def content(source: Source) -> Iterator[Part]:
    """The text without its label."""
    yield told(b"JSON", _PLACES.without(_checked(Text.whole(source))))


def content_of_binary(source: Source) -> Iterator[Part]:
    """The JSON without its label, and the chunks behind it."""
    json, _, stop = _chunk(source)
    yield told(b"JSON", _PLACES.without(json))
    yield Part(b"BIN ", stop, source.size - stop)


GLB = Carrier(
    "GLB",
    (".glb",),
    lambda head: head.startswith(_MAGIC),
    reader("GLB", _walk_binary),
    _write_binary,
    medium="document",
    by_analogy=True,
)
"""Binary glTF."""

GLTF = Carrier(
    "glTF",
    (".gltf",),
    lambda head: _START.match(head) is not None,
    reader("glTF", _walk),
    _write,
    medium="document",
    by_analogy=True,
)
"""glTF in JSON."""
