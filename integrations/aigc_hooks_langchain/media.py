"""Pictures, sounds and films inside messages: labelled as the files that they are, or not released."""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from pathlib import Path
from typing import Any

from aigc_hooks.errors import LabelError, UnsupportedOutputError
from aigc_hooks.labelling import label
from aigc_hooks.provider import Provider
from aigc_hooks.stages import forgive

# Types of content blocks that hold media, across the formats of langchain-core and of providers' integrations, with the
# kind of each; "media" and "file" say in their MIME type what they are.
MEDIA = {
    "image": "image",
    "image_url": "image",
    "output_image": "image",
    "image_generation_call": "image",
    "audio": "audio",
    "output_audio": "audio",
    "input_audio": "audio",
    "video": "video",
    "video_url": "video",
    "media": "",
    "file": "",
}
# Where such a block keeps its bytes in Base64, or a data URL, or the address of a file elsewhere.
_BYTES = ("base64", "data", "result", "url", "image_url", "video_url", "file_data")
_DATA_URL = "data:"
# Where integrations leave such blocks beside the content, in additional_kwargs: OpenAI's under output_version "v0", and
# those of routers.
_BESIDE = ("tool_outputs", "images")


def labelled_media(message: Any, provider: Provider, source: str) -> Any:
    """A message whose media carry their labels, as a copy; the same object where it holds none.

    Raises:
        LabelError: A medium that cannot be labelled: sound, film, documents, and files that lie elsewhere.
    """
    update: dict[str, Any] = {}
    if extra := getattr(message, "additional_kwargs", None):
        if extra.get("audio"):
            _refuse("audio", provider, source, "in additional_kwargs")
        found = {name: _blocks(extra[name], provider, source) for name in _BESIDE if name in extra}
        if any(found[name] is not extra[name] for name in found):
            update["additional_kwargs"] = {**extra, **found}
    content = _blocks(message.content, provider, source)
    if content is not message.content:
        update["content"] = content
    return message.model_copy(update=update) if update else message


def _blocks(blocks: Any, provider: Provider, source: str) -> Any:
    if not isinstance(blocks, list) or not any(_is_medium(block) for block in blocks):
        return blocks
    return [_labelled(block, provider, source) if _is_medium(block) else block for block in blocks]


def _is_medium(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    inner = block.get("value")
    return block.get("type") in MEDIA or (block.get("type") == "non_standard" and _is_medium(inner))


def _labelled(block: dict[str, Any], provider: Provider, source: str) -> dict[str, Any]:
    if block["type"] == "non_standard":
        return {**block, "value": _labelled(block["value"], provider, source)}
    kind = MEDIA[block["type"]] or str(block.get("mime_type", "file")).partition("/")[0]
    for key in _BYTES:
        value = block.get(key)
        if isinstance(value, dict):  # {"image_url": {"url": "data:…"}}
            if isinstance(value.get("url"), str):
                return {**block, key: {**value, "url": _file(value["url"], kind, provider, source)}}
        elif isinstance(value, str) and value:
            return {**block, key: _file(value, kind, provider, source)}
        elif isinstance(value, bytes) and value:
            return {**block, key: _picture(value, kind, provider, source)}
    if block["type"] in ("image_generation_call", "audio") and block.get("status") != "completed":
        return block  # a call that has not ended yet, or a transcript: no bytes
    _refuse(kind, provider, source, "of which no bytes are at hand")
    return block


def _file(text: str, kind: str, provider: Provider, source: str) -> str:
    """A file in Base64 or as a data URL, labelled, in the same form."""
    head = ""
    if text.startswith(_DATA_URL):
        head, _, text = text.partition(",")
        head += ","
        kind = head.removeprefix(_DATA_URL).partition("/")[0] or kind
    elif "://" in text[:20]:
        _refuse(kind, provider, source, f"that lies elsewhere ({text[:80]}); ask the model for its bytes (Base64)")
        return text
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise LabelError(f"{source} returned {kind} that is no Base64: {error}", stage="detect") from error
    labelled = _picture(data, kind, provider, source)
    return text if not head and labelled is data else head + base64.b64encode(labelled).decode()


def _picture(data: bytes, kind: str, provider: Provider, source: str) -> bytes:
    if kind != "image":
        _refuse(kind, provider, source, "which cannot be labelled by this version")
        return data
    with tempfile.TemporaryDirectory(prefix="aigc-hooks-") as folder:
        # The record names it by who made it; its format is told by its content.
        path = Path(folder, re.sub(r"\W+", "-", source)[:80] or "picture")
        path.write_bytes(data)
        label(path, provider=provider)
        return path.read_bytes()


def _refuse(kind: str, provider: Provider, source: str, why: str) -> None:
    error = UnsupportedOutputError(
        f"{source} returned {kind} {why}: it is not released. Ask the model for text or pictures, or unwrap() it and "
        "label its output by other means",
        stage="detect",
    )
    forgive(error, provider, source=source, modality=kind)
