"""Sound that arrives as an MP3 stream: the label is encoded at its rate, channels and bit rate, and joins it."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from aigc_hooks import sounds
from aigc_hooks.errors import LabelError, UnsupportedCarrierError, UnsupportedOutputError
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider, active
from aigc_hooks.speech import SoundStream

_LONGEST_SEARCH = 1 << 16
# ISO/IEC 11172-3, 2.4.2.3 and 13818-3, 2.4.2.3, layer III: kilobits a second, and Hz.
_BITRATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_BITRATES[0] = _BITRATES[2]
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}

# What stands for the content, of which nothing has been decoded: as loud as speech commonly is.
_SPEECH_LEVEL = 0.07


class Frame(NamedTuple):
    """The header of one frame: its length in bytes, and how it is encoded."""

    length: int
    samples: int
    rate: int
    channels: int
    bitrate: int


def frame(data: bytes, at: int = 0) -> Frame | None:
    """The frame of layer III whose header stands at an offset; None where none does."""
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE6 != 0xE2:
        return None
    version, step = data[at + 1] >> 3 & 3, data[at + 2]
    if version == 1 or step >> 4 in (0, 15) or step >> 2 & 3 == 3:
        return None
    bitrate, rate = _BITRATES[version][step >> 4], _RATES[version][step >> 2 & 3]
    samples = 1152 if version == 3 else 576
    length = samples * bitrate * 125 // rate + (step >> 1 & 1)
    return Frame(length, samples, rate, 1 if data[at + 3] >> 6 == 3 else 2, bitrate)


class Mp3Stream:
    """An MP3 stream on its way out: no sound leaves before the label that belongs before it.

    Args:
        provider: The settings.
        source: What makes it, for the audit record.

    Attributes:
        label: The implicit label, once there is one.
        delay: By how many seconds the content begins later.
    """

    def __init__(self, provider: Provider, source: str) -> None:
        self.label: Label | None = None
        self.delay = 0.0
        self._provider = active(provider)
        self._source = source
        self._held = b""
        self._like: Frame | None = None
        self._stream: SoundStream | None = None
        self._content: Any = None

    @property
    def begun(self) -> bool:
        """Whether sound has left."""
        return self._like is not None

    def put(self, data: bytes) -> bytes:
        """Takes the next bytes; returns what leaves now.

        Raises:
            LabelError: They are no MP3, or cannot be labelled.
        """
        if self._like is not None:
            return data
        self._held += data
        at = _tag(self._held)
        if at is None or not (found := frame(self._held, at)):
            if (at is not None and len(self._held) >= at + 4) or len(self._held) > _LONGEST_SEARCH:
                raise UnsupportedOutputError(
                    f"{self._source} sends {self._held[:8].hex(' ')} …, which is no MP3, and so it is not released",
                    stage="detect",
                )
            return b""
        self._like, held, self._held = found, self._held, b""
        return held[:at] + self._before(found) + held[at:]

    def end(self) -> bytes:
        """Ends the sound; returns the label that follows it, if one does.

        Raises:
            LabelError: It ended before there was sound.
        """
        if self._like is None or self._stream is None:
            if self._held:
                raise UnsupportedOutputError(f"{self._source} sent {len(self._held)} bytes, no sound", stage="detect")
            return b""
        return b"".join(self._encoded(piece, "end") for piece in self._stream.end())

    def _before(self, like: Frame) -> bytes:
        import numpy

        # Noise is of no other stream: by what stands behind a label, the label is found again.
        noise = _SPEECH_LEVEL * numpy.random.default_rng().standard_normal(like.rate // 2).astype(numpy.float32)
        self._content = noise if like.channels == 1 else numpy.stack([noise] * like.channels, axis=1)
        self._stream = SoundStream(self._provider, self._source, like.rate)
        return b"".join(
            self._encoded(piece, "start") for piece in self._stream.put(self._content) if piece is not self._content
        )

    def _encoded(self, piece: Any, place: str) -> bytes:
        import numpy

        assert self._like is not None
        parts = [piece, self._content] if place == "start" else [self._content, piece]
        found = sounds.label_of(numpy.concatenate(parts), self._like.rate)
        if found is None:
            raise LabelError(f"the label of {self._source} was lost before it was written", stage="write_metadata")
        self.label = self.label or found[0]
        data = _frames(piece, self._like)
        if place == "start":
            self.delay = _seconds(data)
        return data


def _tag(data: bytes) -> int | None:
    """Where the first frame should begin: behind an ID3v2 tag. None where that cannot be told yet."""
    if len(data) < 10:
        return None
    if data[:3] != b"ID3":
        return 0
    size = 10 + sum((byte & 127) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    return size if len(data) >= size + 4 else None


def _frames(samples: Any, like: Frame) -> bytes:
    """Samples as bare frames, without the one that tells players how long the whole is."""
    try:
        import soundfile
    except ImportError as error:
        raise UnsupportedCarrierError("MP3 is encoded with soundfile: pip install 'aigc-hooks[audio]'") from error
    low, high = (32, 320) if like.rate >= 32_000 else (8, 160) if like.rate >= 16_000 else (8, 64)
    level = min(max((high - like.bitrate) / (high - low), 0.0), 1.0)
    made = io.BytesIO()
    with soundfile.SoundFile(
        made, "w", like.rate, like.channels, format="MP3", bitrate_mode="CONSTANT", compression_level=level
    ) as file:
        file.write(samples)
    data = made.getvalue()
    start = _tag(data) or 0
    first = frame(data, start)
    assert first is not None
    head = data[start : start + first.length]
    return data[start + first.length :] if b"Xing" in head or b"Info" in head else data[start:]


def _seconds(data: bytes) -> float:
    """How long frames are."""
    at, seconds = 0, 0.0
    while found := frame(data, at):
        at += found.length
        seconds += found.samples / found.rate
    return seconds
