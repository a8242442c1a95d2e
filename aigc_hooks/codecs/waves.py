"""Samples that are not compressed: WAV, and bytes without a header, whose samples are known all the same.

The label is as loud as the first of them ask for. Of a WAV the lengths in its header are told anew, and the implicit
label stands before the samples. Bytes without a header have no place for it: what is saved of them in this process gets
it in its file (``aigc_hooks.sounds``).
"""

from __future__ import annotations

import io
from struct import Struct
from typing import Any, ClassVar

from aigc_hooks.artifact import Finding
from aigc_hooks.codecs.codec import Codec
from aigc_hooks.errors import LabelError
from aigc_hooks.implicit import riff
from aigc_hooks.labels import Label
from aigc_hooks.reading import read_stream

_ENOUGH = 4096
"""Bytes of samples by which the loudness of the label is chosen."""

_MAX_HEADER = 1 << 20
_CHUNK = Struct("<4sI")
_FORMAT = Struct("<HHIIHH")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_TYPES = {(_PCM, 8): "u1", (_PCM, 16): "<i2", (_PCM, 24): "24", (_PCM, 32): "<i4", (_FLOAT, 32): "<f4"}
_TYPES[_FLOAT, 64] = "<f8"
_UNKNOWN = (0, 0xFFFFFFFF)


class Samples(Codec):
    """Bytes of samples, channel by channel: what WAV and headerless streams have in common."""

    _type: str

    def __init__(self, samples: bytes, rate: int, channels: int, kind: str) -> None:
        self._samples = samples
        self._type = kind
        self.rate, self.channels = rate, channels

    @property
    def _width(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * (3 if self._type == "24" else int(self._type[-1]))

    def like(self) -> Any:
        """The first of its own samples; of those with 24 bits, the upper 16."""
        return self._array(self._samples)

    def _array(self, data: bytes) -> Any:
        import numpy

        data = data[: len(data) // self._width * self._width]
        if self._type == "24":
            made = numpy.frombuffer(data, numpy.uint8).reshape(-1, 3)[:, 1:].copy().view("<i2").reshape(-1)
        else:
            made = numpy.frombuffer(data, self._type)
        return made.reshape(-1, self.channels) if self.channels > 1 else made

    def encoded(self, samples: Any) -> bytes:
        """Samples of the label as bytes."""
        if self._type != "24":
            return bytes(samples.astype(self._type, copy=False).tobytes())
        import numpy

        wide: Any = numpy.zeros((samples.size, 3), numpy.uint8)
        wide[:, 1:] = samples.reshape(-1).astype("<i2").view(numpy.uint8).reshape(-1, 2)
        return bytes(wide)

    def length(self, encoded: bytes) -> float:
        """How long samples play."""
        return len(encoded) / self._width / self.rate


class PCM(Samples):
    """Headerless samples of 16 bits, the lower byte first, as services send them."""

    form = "PCM"

    @classmethod
    def open(cls, data: bytes, ended: bool, rate: int, channels: int) -> PCM | None:
        """The stream; None where more must come."""
        if len(data) < _ENOUGH and not ended:
            return None
        if len(data) < 2 * channels:
            raise LabelError("the stream ends before its first sample", stage="detect")
        return cls(data, rate, channels, "<i2")

    def findings(self) -> tuple[Finding, ...]:
        """None: there is no place for any."""
        return ()

    def begin(self, start: bytes, end: bytes, label: Label | None) -> bytes:
        """The label and the samples that have come."""
        self.tail = end
        return start + self._samples

    def more(self, data: bytes) -> bytes:
        """Takes samples, and keeps the last of them."""
        if self.tail:
            self._samples = (self._samples + data)[-self._kept() :]
        return data

    def _kept(self) -> int:
        return 4 * self.rate * self._width

    def ending(self) -> Any:
        """The last samples and the label behind them, by which a saver knows them; None where none follows them."""
        return self._array(self._samples[-self._kept() :] + self.tail) if self.tail else None


class WAV(Samples):
    """A WAV stream whose first samples have come."""

    form: ClassVar[str] = "WAV"

    def __init__(self, head: bytes, told: int, samples: bytes, rate: int, channels: int, kind: str) -> None:
        super().__init__(samples, rate, channels, kind)
        self._head = head  # up to the chunk of samples
        self._told = told
        self._left = told if told not in _UNKNOWN else None

    @classmethod
    def open(cls, data: bytes, ended: bool) -> WAV | None:
        """The stream; None where more must come, or where it has no plain samples: ``Whole`` takes such.

        Raises:
            LabelError: It is damaged.
        """
        found = _header(data)
        if found is None:
            if ended or len(data) > _MAX_HEADER:
                raise LabelError("the WAV stream has no samples", stage="detect")
            return None
        form, head, told = found
        samples = data[head + _CHUNK.size :]
        if len(samples) < _ENOUGH and not ended and (told in _UNKNOWN or len(samples) < told):
            return None
        tag, channels, rate, _, _, bits = _FORMAT.unpack_from(form)
        made = cls(data[:head], told, samples, rate, channels, _TYPES[_tag(tag, form), bits])
        if len(samples) < made._width:
            raise LabelError("the WAV stream has no samples", stage="detect")
        return made

    @staticmethod
    def is_plain(data: bytes) -> bool | None:
        """Whether its samples are plain and their header is that of a short file; None where more must come."""
        if data[:4] != b"RIFF":
            return False
        found = _header(data)
        if found is None:
            return None if len(data) <= _MAX_HEADER else True
        tag, _, _, _, _, bits = _FORMAT.unpack_from(found[0])
        return (_tag(tag, found[0]), bits) in _TYPES

    def findings(self) -> tuple[Finding, ...]:
        """The labels in the chunks before its samples."""
        head = self._head[:4] + (len(self._head)).to_bytes(4, "little") + self._head[8:]
        return read_stream(io.BytesIO(head + _CHUNK.pack(b"data", 0))).findings

    def encoded(self, samples: Any) -> bytes:
        """Samples of the label as bytes, of an even number: what stands behind the samples stays where it can be."""
        made = super().encoded(samples)
        silence = b"\x80" if self._type == "u1" else b"\0"
        return made + silence * (self._width if len(made) % 2 else 0)

    def begin(self, start: bytes, end: bytes, label: Label | None) -> bytes:
        """The header with new lengths, the implicit label, the label and the samples that have come."""
        head = self._head
        if label is not None and not self.findings():
            head += riff.label_chunk(label.to_json())
        more = len(start) + len(end)
        told = self._told
        if self._left is not None:
            told += more
            size = int.from_bytes(head[4:8], "little")
            if size not in _UNKNOWN:
                size += more + len(head) - len(self._head)
                head = head[:4] + min(size, 0xFFFFFFFF).to_bytes(4, "little") + head[8:]
        self.tail = end
        samples, self._samples = self._samples, b""
        return head + _CHUNK.pack(b"data", min(told, 0xFFFFFFFF)) + start + self.more(samples)

    def more(self, data: bytes) -> bytes:
        """Takes samples, and the chunks behind them."""
        if self._left is None or self._left > len(data):
            self._left = None if self._left is None else self._left - len(data)
            return data
        samples, self._left = self._left, None
        tail, self.tail = self.tail, b""
        return data[:samples] + tail + data[samples:]


def _tag(tag: int, form: bytes) -> int:
    return int.from_bytes(form[24:26], "little") if tag == _EXTENSIBLE and len(form) >= 26 else tag


def _header(data: bytes) -> tuple[bytes, int, int] | None:
    """The format chunk, where the chunk of samples begins and its length; None where it has not come.

    Raises:
        LabelError: The samples come before their format.
    """
    place, form = 12, b""
    while len(data) >= place + _CHUNK.size:
        kind, size = _CHUNK.unpack_from(data, place)
        if kind == b"data":
            if len(form) < _FORMAT.size:
                raise LabelError("the WAV stream has no format before its samples", stage="detect")
            return form, place, size
        if kind == b"fmt ":
            form = data[place + _CHUNK.size : place + _CHUNK.size + size]
        place += _CHUNK.size + size + size % 2
    return None
