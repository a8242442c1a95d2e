"""C2PA manifests: the signatures over the bytes of a file that readers meet on their way (C2PA specification, annex A).

A manifest holds digests of the file around it. A label written afterwards breaks them, so that the label goes in first
and C2PA signs last. Manifests are not read, verified or changed here. Those that lie elsewhere are not seen: on a
server, in a file beside this one, or in the variation selectors of a plain text.
"""

from __future__ import annotations

from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.boxes import Box

MANIFEST = b"jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9bq"
"""The description box of a manifest store: its type and its UUID (ISO/IEC 19566-5)."""

CHUNK = b"C2PA"
"""Kind of the chunk that holds it in WebP, WAV and AVI."""

PART = "META-INF/content_credential.c2pa"
"""Part that holds it in a ZIP package."""

MEDIA_TYPES = frozenset((b"application/c2pa", b"application/x-c2pa-manifest-store"))
"""How a file in a file says that it is one."""

_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def is_box(source: Source, box: Box) -> bool:
    """Whether a box of an MP4, AVIF or HEIC file is the one that holds a manifest store."""
    return box.kind == b"uuid" and box.end - box.start >= len(_UUID) and source.read(box.start, len(_UUID)) == _UUID
