"""MPEG transport streams: refused. No guide is known that has a place for the label, and packets have none for texts.

What a broadcaster could add, such as a private table, no player and no platform reads, and each remultiplexer drops it.
"""

from __future__ import annotations

from aigc_hooks.artifact import Carrier

_SYNC = 0x47
_TABLES = {0x00: 0x00, 0x10: 0x40, 0x11: 0x42}
"""Streams that begin a file, and the table in each: programs, network, services (ISO/IEC 13818-1; EN 300 468)."""


def _sniff(head: bytes) -> bool:
    return _begins(head) or _begins(head[4:])  # M2TS has a time before each packet


def _begins(head: bytes) -> bool:
    """Whether a packet begins, and in it a table of the stream or a piece of film."""
    if len(head) < 8 or head[0] != _SYNC or not head[1] & 0x40 or head[3] >> 4 != 1:
        return False
    stream = (head[1] & 0x1F) << 8 | head[2]
    return (head[4] == 0 and _TABLES.get(stream) == head[5]) or (stream >= 0x20 and head[4:7] == b"\0\0\1")


CARRIER = Carrier(
    "MPEG-TS",
    (".ts", ".m2ts", ".mts"),
    _sniff,
    lambda stream: (),
    refusal="it has no place for the implicit label; put its streams into another file, without encoding them anew: "
    "`ffmpeg -i in.ts -map 0 -c copy out.mp4`, or out.mkv",
    medium="video",
)
"""MPEG-TS and M2TS."""
