"""Builds GLB files (glTF 2.0): a label's plane, and the meshes that are saved with one."""

from __future__ import annotations

import json
from struct import pack
from typing import Any

SHORT, INTEGER, FLOAT = 5123, 5125, 5126
"""Types of components: unsigned of 16 and 32 bits, and floating point."""

_MAGIC, _JSON, _BINARY = b"glTF", 0x4E4F534A, 0x004E4942
_MOST = 0xFFFFFFFF


class Glb:
    """A scene that is being put together.

    Attributes:
        document: Its JSON, to which more may be added.
    """

    def __init__(self) -> None:
        self.document: dict[str, Any] = {"asset": {"version": "2.0"}}
        self._data = bytearray()

    def add(self, kind: str, item: dict[str, Any]) -> int:
        """Adds an item to one of the lists of the document, and tells its number."""
        items: list[dict[str, Any]] = self.document.setdefault(kind, [])
        items.append(item)
        return len(items) - 1

    def view(self, data: bytes) -> int:
        """Adds bytes to the buffer, and tells the number of their view."""
        view = {"buffer": 0, "byteOffset": len(self._data), "byteLength": len(data)}
        self._data += data + bytes(-len(data) % 4)
        return self.add("bufferViews", view)

    def accessor(self, data: bytes, kind: str, count: int, component: int, **more: Any) -> int:
        """Adds an array, and tells the number of its accessor."""
        described = {"bufferView": self.view(data), "componentType": component, "count": count, "type": kind}
        return self.add("accessors", {**described, **more})

    def to_bytes(self, nodes: list[int]) -> bytes:
        """The file, with a scene of these nodes.

        Raises:
            OverflowError: It would have 4 GiB or more.
        """
        described = {
            **self.document,
            "scene": 0,
            "scenes": [{"nodes": nodes}],
            "buffers": [{"byteLength": len(self._data)}],
        }
        text = json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + len(self._data)
        if total > _MOST:
            raise OverflowError(f"a GLB of {total} bytes: the format ends at 4 GiB")
        head = pack("<4sIIII", _MAGIC, 2, total, len(text), _JSON)
        return b"".join((head, text, pack("<II", len(self._data), _BINARY), self._data))
