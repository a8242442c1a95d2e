"""AAC in ADTS frames (ISO/IEC 13818-7, 6.2): they can be joined as those of MP3 can.

The label is encoded by PyAV, for libsndfile has no AAC. No guide says where the implicit label of such a stream stands:
it is put in an ID3v2 tag before the frames, as in a file.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from aigc_hooks.artifact import Finding
from aigc_hooks.codecs import pyav
from aigc_hooks.codecs.codec import Codec, embedded
from aigc_hooks.codecs.mp3 import behind_tags
from aigc_hooks.errors import LabelError, UnsupportedCarrierError
from aigc_hooks.labels import Label
from aigc_hooks.reading import read_stream

_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_SAMPLES = 1024
_LEAST_HEADER = 7
_BITRATE = 64_000
"""Of the label, for each channel, in bits a second."""


class _Frame(NamedTuple):
    """What a header tells: samples a second, channels, and its size in bytes with the header."""

    rate: int
    channels: int
    size: int


def _at(data: bytes, place: int) -> _Frame | None:
    """The frame whose header stands at a place; None where none does, or it has not all come yet."""
    head = data[place : place + _LEAST_HEADER]
    if len(head) < _LEAST_HEADER or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    rate, channels = head[2] >> 2 & 15, (head[2] & 1) << 2 | head[3] >> 6
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return _Frame(_RATES[rate], channels, size) if rate < len(_RATES) and size >= _LEAST_HEADER else None


class ADTS(Codec):
    """An AAC stream whose first frame has come."""

    form = "AAC"

    def __init__(self, data: bytes, begin: int, frame: _Frame) -> None:
        self._data = data
        self._begin = begin
        self.rate, self.channels = frame.rate, frame.channels

    @classmethod
    def open(cls, data: bytes, ended: bool) -> ADTS | None:
        """The stream; None where more must come.

        Raises:
            LabelError: It is of channels that are told by other means.
        """
        begin = behind_tags(data)
        frame = _at(data, begin)
        if frame is None:
            if ended:
                raise LabelError("the AAC stream ends before its first frame", stage="detect")
            return None
        if frame.channels not in (1, 2):
            raise UnsupportedCarrierError(
                f"an AAC stream of channel configuration {frame.channels} cannot be labelled on its way; ask for one "
                "or two channels, or label() the finished file"
            )
        return cls(data, begin, frame)

    def findings(self) -> tuple[Finding, ...]:
        """The labels in its tags."""
        return read_stream(io.BytesIO(self._data)).findings

    def encoded(self, samples: Any) -> bytes:
        """The frames of samples at its rate, in the profile that every decoder has."""
        return self._alike(pyav.aac(samples, self.rate, "adts", _BITRATE * self.channels))

    def _alike(self, frames: bytes) -> bytes:
        """Frames that say they are of the same generation of MPEG, which only names the standard."""
        made = bytearray(frames)
        place, generation = 0, self._data[self._begin + 1] & 8
        while (frame := _at(frames, place)) is not None:
            made[place + 1] = made[place + 1] & ~8 | generation
            place += frame.size
        return bytes(made)

    def begin(self, start: bytes, end: bytes, label: Label | None) -> bytes:
        """The tags, the label and what has come of the content."""
        self.tail = end
        data = self._data[: self._begin] + start + self._data[self._begin :]
        return embedded(data, label) if label is not None else data

    def length(self, encoded: bytes) -> float:
        """How long a decoder plays frames."""
        place = count = 0
        while (frame := _at(encoded, place)) is not None:
            place, count = place + frame.size, count + 1
        return count * _SAMPLES / self.rate
