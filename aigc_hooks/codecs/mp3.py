"""MP3: the label's frames leave before the first or after the last of the stream, for MP3 frames can be joined.

The stream begins with an ID3v2 tag that holds the implicit label, so that a file has it also where a script writes the
pieces itself.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from aigc_hooks.artifact import Finding
from aigc_hooks.codecs.codec import Codec, embedded
from aigc_hooks.errors import LabelError, UnsupportedCarrierError
from aigc_hooks.labels import Label
from aigc_hooks.reading import read_stream

SEARCHED = 65_536
"""Bytes behind the tags in which the first frame of a stream must begin."""

_LEAST_BITRATE = 32
"""The label does not sound worse than this allows, in kbit/s, however little the stream is given."""

_XING = (b"Xing", b"Info")
# Of what follows that word: flags, the number of frames, of bytes, a table of places, a quality, and the encoder's tag,
# which ends with a checksum.
_HAS_FRAMES, _HAS_BYTES, _HAS_TABLE, _HAS_QUALITY = 1, 2, 4, 8
_TABLE, _ENCODER = 100, 36

_MPEG_1, _MPEG_2 = 3, 2
_LAYER_3 = 1
_MONO = 3
_FREQUENCIES = (44_100, 48_000, 32_000)
_BITRATES = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class Frame(NamedTuple):
    """What the header of an MPEG Layer III frame tells (ISO/IEC 11172-3, 2.4.2.3; 13818-3).

    Attributes:
        rate: Samples a second.
        channels: 1 or 2.
        bitrate: In kbit/s.
        samples: How many it holds in each channel.
        size: In bytes, with the header.
        side: Bytes from its beginning to what follows the side information.
    """

    rate: int
    channels: int
    bitrate: int
    samples: int
    size: int
    side: int

    @classmethod
    def at(cls, data: bytes, place: int) -> Frame | None:
        """The frame whose header stands at a place; None where none does, or it has not all come yet."""
        word = int.from_bytes(data[place : place + 4].ljust(4, b"\0"), "big")
        version, layer, bitrate, frequency = word >> 19 & 3, word >> 17 & 3, word >> 12 & 15, word >> 10 & 3
        if word >> 21 != 0x7FF or version == 1 or layer != _LAYER_3 or bitrate in (0, 15) or frequency == 3:
            return None
        first, mono = version == _MPEG_1, word >> 6 & 3 == _MONO
        rate = _FREQUENCIES[frequency] // {_MPEG_1: 1, _MPEG_2: 2}.get(version, 4)
        samples, kilobits = 1152 if first else 576, _BITRATES[first][bitrate - 1]
        size = samples // 8 * kilobits * 1000 // rate + (word >> 9 & 1)
        side = {(True, False): 32, (False, True): 9}.get((first, mono), 17)
        return cls(rate, 1 if mono else 2, kilobits, samples, size, 4 + (0 if word >> 16 & 1 else 2) + side)

    def tells_length(self, data: bytes, place: int) -> bool:
        """Whether it holds no sound but the length of the whole, which is wrong as soon as a label stands beside."""
        return data[place + self.side : place + self.side + 4] in _XING or data[place + 36 : place + 40] == b"VBRI"


def behind_tags(data: bytes) -> int:
    """Where the ID3v2 tags at the beginning end, which may not all have come yet."""
    place = 0
    while data[place : place + 3] == b"ID3" and len(data) >= place + 10:
        one, two, three, four = data[place + 6 : place + 10]
        place += 10 + (one << 21 | two << 14 | three << 7 | four) + (10 if data[place + 5] & 0x10 else 0)
    return place


def _first(data: bytes, begin: int, ended: bool) -> tuple[int, Frame] | None:
    """The first frame and its place; None where there is none, or more must come to tell.

    Two bytes of anything can look like a header. One is believed when the next stands where it says, or when it stands
    where it should and the stream ends with it.
    """
    for place in range(begin, min(len(data), begin + SEARCHED)):
        if data[place] != 0xFF or (frame := Frame.at(data, place)) is None:
            continue
        following = Frame.at(data, place + frame.size)
        if following is not None and (following.rate, following.samples) == (frame.rate, frame.samples):
            return place, frame
        if ended and place == begin and len(data) == place + frame.size:
            return place, frame
    return None


class MP3(Codec):
    """An MP3 stream whose first frame has come."""

    form = "MP3"

    def __init__(self, data: bytes, begin: int, place: int, frame: Frame) -> None:
        self._begin = begin
        self._length, self._side = b"", frame.side
        if frame.tells_length(data, place) and (following := Frame.at(data, place + frame.size)):
            self._length = data[place : place + frame.size]
            data = data[:place] + data[place + frame.size :]
            frame = following
        self._data = data
        self._frame = frame
        self.rate, self.channels = frame.rate, frame.channels

    @classmethod
    def open(cls, data: bytes, ended: bool, *, at_once: bool = False) -> MP3 | None:
        """The stream; None where it is no MP3, or more must come to tell: ``waits``.

        Args:
            data: What has come.
            ended: Whether that is all.
            at_once: The first frame must stand at the beginning, behind the tags.
        """
        begin = behind_tags(data)
        found = _first(data, begin, ended)
        if found is None or (at_once and found[0] != begin):
            return None
        return cls(data, begin, *found)

    @staticmethod
    def waits(data: bytes) -> bool:
        """Whether the first frame may still come."""
        return len(data) < behind_tags(data) + SEARCHED

    def findings(self) -> tuple[Finding, ...]:
        """The labels in its tags."""
        return read_stream(io.BytesIO(self._data)).findings

    def encoded(self, samples: Any) -> bytes:
        """The frames of samples at its rate and at its constant bitrate.

        The same bitrate, for players reckon the length of a whole by that of its first frames.
        """
        try:
            import soundfile
        except ImportError as error:
            raise UnsupportedCarrierError(
                "the label of MP3 is encoded with soundfile: pip install 'aigc-hooks[audio]'"
            ) from error
        # soundfile counts from the best bitrate, 0, to the least, 1, and refuses that itself.
        rates = _BITRATES[self._frame.samples == 1152]
        most = rates[-1] if self.rate >= 16_000 else 64
        level = (most - min(max(self._frame.bitrate, _LEAST_BITRATE), most)) / (most - rates[0])
        made = io.BytesIO()
        with soundfile.SoundFile(
            made,
            "w",
            self.rate,
            self.channels,
            subtype="MPEG_LAYER_III",
            format="MP3",
            bitrate_mode="CONSTANT",
            compression_level=min(level, 0.99),
        ) as file:
            # Not write(), which has been taught to look for the label of what is saved, and would put it in here. And
            # not integers, of which libsndfile makes two channels too loud.
            file.buffer_write(samples.tobytes(), dtype="float32")
        return _without_length(made.getvalue())

    def begin(self, start: bytes, end: bytes, label: Label | None) -> bytes:
        """The tags, the label and what has come of the content."""
        self.tail = end
        data = self._data[: self._begin] + start + self._data[self._begin :]
        return embedded(data, label) if label is not None else data

    def spliced(self, start: bytes, end: bytes, label: Label | None) -> bytes:
        """The whole file: its length is told anew, and tags at its end stay there."""
        after = _before_tags(self._data)
        sound = start + self._data[self._begin : after] + end
        told = self._told(sound) if self._length[self._side : self._side + 4] in _XING else b""
        data = self._data[: self._begin] + told + sound + self._data[after:]
        return embedded(data, label) if label is not None else data

    def _told(self, sound: bytes) -> bytes:
        """The frame that tells the length, of these frames."""
        made = bytearray(self._length)
        places = _places(sound)
        total = len(made) + len(sound)
        at = self._side + 8
        flags = int.from_bytes(made[at - 4 : at], "big")
        if flags & _HAS_FRAMES:
            made[at : at + 4] = len(places).to_bytes(4, "big")
            at += 4
        if flags & _HAS_BYTES:
            made[at : at + 4] = total.to_bytes(4, "big")
            at += 4
        if flags & _HAS_TABLE and places:
            begins = (places[len(places) * part // _TABLE] for part in range(_TABLE))
            made[at : at + _TABLE] = bytes((len(self._length) + begin) * 256 // total for begin in begins)
            at += _TABLE
        if flags & _HAS_QUALITY:
            at += 4
        last = at + _ENCODER - 2
        if bytes(made[at : at + 2]) in (b"LA", b"La") and last + 2 <= len(made):  # LAME, Lavc, Lavf
            made[last - 6 : last - 2] = total.to_bytes(4, "big")
            made[last : last + 2] = _checksum(bytes(made[:last])).to_bytes(2, "big")
        return bytes(made)

    def length(self, encoded: bytes) -> float:
        """How long a decoder plays frames."""
        return len(_places(encoded)) * self._frame.samples / self.rate


def _places(frames: bytes) -> list[int]:
    """Where each frame begins."""
    place, found = 0, []
    while (frame := Frame.at(frames, place)) is not None:
        found.append(place)
        place += frame.size
    return found


def _before_tags(data: bytes) -> int:
    """Where the tags at the end begin: ID3v1, and APE before it."""
    after = len(data) - 128 if data[-128:-125] == b"TAG" else len(data)
    footer = data[max(after - 32, 0) : after]
    if footer[:8] == b"APETAGEX":
        size = int.from_bytes(footer[12:16], "little") + (32 if footer[23] & 0x80 else 0)
        after = max(after - size, 0)
    return after


def _checksum(data: bytes) -> int:
    """CRC-16 as LAME's tag has it: polynomial 0x8005, from its lowest bit."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def _without_length(data: bytes) -> bytes:
    """The frames of an encoder's output, without the tags and the frame that tells their length."""
    found = _first(data, behind_tags(data), ended=True)
    if found is None:
        raise LabelError("the encoder of the label made no MP3 frames", stage="render_explicit")
    place, frame = found
    return data[place + frame.size if frame.tells_length(data, place) else place :]
