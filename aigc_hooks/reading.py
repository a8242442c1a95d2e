"""read_label: what a file, some bytes or an image carries, whoever wrote it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from aigc_hooks.artifact import SNIFFED, Carrier, Finding, Manifest, RawLabel, Reading
from aigc_hooks.carry import carried, mark_of
from aigc_hooks.errors import CarrierError, UnsupportedCarrierError
from aigc_hooks.implicit import exif, field, gltf, html, markdown, mesh, notebook, svg, xmp
from aigc_hooks.implicit.bounds import opened_file
from aigc_hooks.labels import FIELD_NAME
from aigc_hooks.media import is_array, is_picture, is_tensor
from aigc_hooks.plugins import hooks

_NAMED = (html.CARRIER, svg.CARRIER, notebook.CARRIER, gltf.GLTF, mesh.OBJ)
"""Texts without a signature, whose beginning tells what they are only by custom."""

_UNSEEKABLE_LIMIT = 256 * 1024 * 1024
"""How much of a stream without seek is taken into memory."""


def read_label(source: Any) -> Reading:
    """Reads the implicit labels of a file or a picture, tolerantly, and names what about them breaks the standard.

    No pixel is decoded. Finding nothing does not mean that the content was not generated (Measures, article 6), and in
    a ``.txt``, which has no place for an implicit label, nothing is found.

    Args:
        source: A path, bytes, a binary file object (left where it was), a PIL image, or an array or tensor that was
            labelled in this process.

    Raises:
        CarrierError: The file is damaged.
        UnsupportedCarrierError: The format is not known.
        OSError: The file cannot be opened.
    """
    if isinstance(source, (str, os.PathLike)):
        with opened_file(source) as file:
            return read_stream(file, source)
    if is_picture(source):
        return _read_picture(source)
    if is_array(source) or is_tensor(source):
        label = carried(source)
        return Reading("array", () if label is None else (Finding(label, "memory", (), label.to_json()),))
    with opened(source) as stream:
        return read_stream(stream, None)


def read_stream(stream: BinaryIO, path: str | os.PathLike[str] | None = None) -> Reading:
    """Reads the labels of a seekable binary stream at its beginning; the path is for messages and for text.

    Raises:
        CarrierError: It is damaged, or of no format that is known.
    """
    head = stream.read(SNIFFED)
    known = known_carrier(head, path) or markdown.suffix_carrier(path)
    what = "this content" if path is None else repr(os.fspath(path))
    if known is not None and known.refusal:
        raise UnsupportedCarrierError(f"cannot read labels from {what}: {known.name}: {known.refusal}")
    if known is not None:
        stream.seek(0)
        findings: list[Finding] = []
        manifests: list[str] = []
        by_analogy = known.by_analogy
        for found in known.read(stream):
            if isinstance(found, Manifest):
                manifests.append(found.place)
            else:
                findings.append(field.parse(found))
                by_analogy |= found.by_analogy
        return Reading(known.name, tuple(findings), tuple(dict.fromkeys(manifests)), by_analogy)
    if not head:
        raise UnsupportedCarrierError(f"cannot read labels from {what}: it is empty")
    raise UnsupportedCarrierError(
        f"cannot read labels from {what}: its format is not known (first bytes {head[:8]!r}); known: "
        f"{', '.join(sorted({carrier.name for carrier in hooks().carriers if not carrier.refusal}))}"
    )


def known_carrier(head: bytes, path: str | os.PathLike[str] | None) -> Carrier | None:
    """The carrier of a file that begins with some bytes; its name tells of those that may begin with anything."""
    known = next((carrier for carrier in hooks().carriers if carrier.sniff(head)), None)
    if known is not None or path is None or not head:
        return known
    suffix = PurePath(os.fsdecode(path)).suffix.lower()
    return next((carrier for carrier in _NAMED if suffix in carrier.suffixes), None)


def carrier_of(path: Path) -> Carrier | None:
    """The carrier of a file; None of one that is not known.

    Raises:
        UnsupportedCarrierError: It is known, and cannot hold the label.
        OSError: It cannot be opened.
    """
    with opened_file(path) as file:
        known = known_carrier(file.read(SNIFFED), path)
    if known is not None and known.refusal:
        raise UnsupportedCarrierError(f"{path}: {known.name} cannot be labelled: {known.refusal}")
    return known


@contextmanager
def opened(source: Any) -> Iterator[BinaryIO]:
    """Bytes or a binary file object as a seekable stream at its beginning; the object is left where it was.

    Raises:
        CarrierError: It has no seek, and is too long to be taken into memory.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
    elif not hasattr(source, "read"):
        raise TypeError(
            f"labels are read from a path, bytes, a binary file object or a PIL image, not from {type(source).__name__}"
        )
    elif hasattr(source, "seekable") and source.seekable():
        position = source.tell()
        try:
            source.seek(0)
            yield source
        finally:
            source.seek(position)
    else:
        data = source.read(_UNSEEKABLE_LIMIT + 1)
        if len(data) > _UNSEEKABLE_LIMIT:
            raise CarrierError(
                f"a stream without seek is read up to {_UNSEEKABLE_LIMIT} bytes; save it to a file first"
            )
        yield io.BytesIO(data)


def _read_picture(image: Any) -> Reading:
    """What an image in memory carries: its mark, or what Pillow kept of the file that it was opened from."""
    name = f"PIL image ({image.format or image.mode})"
    if mark := mark_of(image):
        return Reading(name, (Finding(mark.label, "memory", (), str(mark)),))
    findings = tuple(field.parse(raw) for raw in _kept(image.info))
    return Reading(name, findings or _origin(image))


def _origin(image: Any) -> tuple[Finding, ...]:
    """The labels in the file that an image was opened from, at places that Pillow does not look at, as in GIF."""
    for source in (getattr(image, "fp", None), getattr(image, "filename", None)):
        try:
            if source and not getattr(source, "closed", False):
                return read_label(source).findings
        except (CarrierError, OSError, ValueError, TypeError):
            continue  # gone, or no file that can be read: then Pillow's own word stands
    return ()


def _kept(info: dict[Any, Any]) -> Iterator[RawLabel]:
    packet = info.get("XML:com.adobe.xmp") or info.get("xmp")
    if isinstance(packet, str):
        packet = packet.encode()
    if isinstance(packet, bytes):
        yield from xmp.find(packet, "XMP")
    if isinstance(text := info.get(FIELD_NAME), str):
        yield RawLabel("PNG tEXt AIGC", str(text))
    if isinstance(data := info.get("exif"), bytes):
        yield from exif.find(data, "Exif")
