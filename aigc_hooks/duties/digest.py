"""A digest of what left, so that a piece of content can be found in the record without being kept there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from aigc_hooks.media import is_array, is_picture, is_tensor


def digest(content: Any) -> str:
    """SHA-256 of content, as ``"KIND-sha256:HEX"``; empty for content that it would have to fetch from an accelerator.

    ``text`` is over a text in UTF-8, ``pixels`` over what ``Image.tobytes()`` gives, for a film that of its frames one
    after the other, ``values`` over an array or tensor in C order.
    """
    if isinstance(content, str):
        return _sha256("text", [content.encode("utf-8", "surrogatepass")]) if content else ""
    if is_picture(content):
        return _sha256("pixels", [content.tobytes()])
    if isinstance(content, (list, tuple)) and content and all(map(is_picture, content)):
        return _sha256("pixels", (frame.tobytes() for frame in content))
    if is_tensor(content):
        if content.device.type != "cpu":
            return ""
        import torch

        content = content.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
    if is_array(content):
        import numpy

        return _sha256("values", [memoryview(numpy.ascontiguousarray(content)).cast("B")]) if content.size else ""
    return ""


def _sha256(kind: str, data: Iterable[bytes | memoryview]) -> str:
    made = hashlib.sha256()
    for part in data:
        made.update(part)
    return f"{kind}-sha256:{made.hexdigest()}"
