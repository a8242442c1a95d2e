"""Speech that comes as server-sent events: the pieces of sound in them are those of one encoded sound, and labelled.

OpenAI documents two, ``speech.audio.delta``, whose ``audio`` is a piece in base64, and ``speech.audio.done``. What is
neither, and may hold sound, is not released.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from aigc_hooks.encoded import EncodedSound
from aigc_hooks.errors import UnsupportedOutputError

_DELTA, _DONE = "speech.audio.delta", "speech.audio.done"
_SILENT = ("error", "ping")
"""Types of events without sound, beside that of the last one."""

_BETWEEN = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LONGEST = 64 << 20
"""Bytes of one event."""


class SpeechEvents:
    """The labelled events of one sound.

    Args:
        sound: Labels the bytes in them.
        source: What made them, for messages.
    """

    def __init__(self, sound: EncodedSound, source: str) -> None:
        self._sound = sound
        self._source = source
        self._kept = bytearray()
        self._like: tuple[list[bytes], dict[str, Any]] = ([], {"type": _DELTA})
        self._ended = False

    def put(self, data: bytes) -> bytes:
        """Takes the next bytes of the stream; returns those that leave now.

        Raises:
            LabelError: It cannot be labelled, and has not left.
        """
        # What has been searched is not searched again, but for the beginning of an empty line.
        searched = max(len(self._kept) - 3, 0)
        self._kept += data
        made, at = [], 0
        for between in _BETWEEN.finditer(self._kept, searched):
            made.append(self._event(bytes(self._kept[at : between.end()])))
            at = between.end()
        del self._kept[:at]
        if len(self._kept) > _LONGEST:
            raise self._refused(f"an event of more than {_LONGEST >> 20} MiB")
        return b"".join(made)

    def end(self) -> bytes:
        """Ends the stream; returns what leaves last."""
        last = self._event(bytes(self._kept)) if self._kept.strip() else b""
        self._kept.clear()
        return last + self._rest()

    def _event(self, block: bytes) -> bytes:
        lines = block.splitlines()
        data = b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:"))
        if not data.strip():
            return block  # a comment, which keeps the connection open
        if data.strip() == b"[DONE]":
            return self._rest() + block
        try:
            event = json.loads(data)
        except ValueError as error:
            raise self._refused(f"an event that is no JSON ({data[:40]!r})") from error
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == _DELTA:
            return self._delta([line for line in lines if not line.startswith(b"data:") and line], event)
        if kind == _DONE and "audio" not in event:
            return self._rest() + block
        if kind in _SILENT or (isinstance(event, dict) and "error" in event):
            return block
        raise self._refused(f"an event of type {kind!r}")

    def _delta(self, head: list[bytes], event: dict[str, Any]) -> bytes:
        if self._ended:
            raise self._refused("sound behind its end")
        try:
            piece = base64.b64decode(event["audio"], validate=True)
        except (KeyError, TypeError, ValueError) as error:
            raise self._refused("an event whose audio is no base64") from error
        self._like = head, event
        return self._packed(self._sound.put(piece)) if piece else b""

    def _rest(self) -> bytes:
        if self._ended:
            return b""
        self._ended = True
        return self._packed(self._sound.end())

    def _packed(self, sound: bytes) -> bytes:
        """An event like the last one, with other sound; nothing where there is none."""
        if not sound:
            return b""
        head, event = self._like
        data = json.dumps({**event, "audio": base64.b64encode(sound).decode()}, ensure_ascii=False)
        return b"\n".join([*head, b"data: " + data.encode(), b"", b""])

    def _refused(self, what: str) -> UnsupportedOutputError:
        return UnsupportedOutputError(
            f"{self._source} sent {what}, which is not known as part of a speech, and so it is not released: leave "
            "stream_format='sse' away, and stream the bytes",
            stage="detect",
        )
