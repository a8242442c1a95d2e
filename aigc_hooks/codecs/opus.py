"""Opus in Ogg (RFC 7845): the label's packets stand on pages of the same stream, and the later pages count on.

Packets of the content are not touched. Each of its pages gets the number, the time and the checksum of its new place.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, NamedTuple

from aigc_hooks.artifact import Finding
from aigc_hooks.codecs.codec import Codec, embedded
from aigc_hooks.errors import LabelError, UnsupportedCarrierError
from aigc_hooks.implicit import ogg
from aigc_hooks.labels import Label
from aigc_hooks.reading import read_stream

_CLOCK = 48_000
"""Of the times on the pages, whatever the rate (RFC 7845, 4)."""


_FIRST, _LAST = 2, 4
_MAX_HEADERS = 1 << 20
_PACKETS_A_PAGE = 50
# Lengths of a frame by its configuration (RFC 6716, 3.1), at 48 kHz.
_SILK, _HYBRID, _CELT = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)


class _Page(NamedTuple):
    """One page: what its header tells, the lengths of its segments, and its body."""

    flags: int
    position: int
    serial: int
    sequence: int
    lacing: bytes
    body: bytes

    def packets(self) -> Iterator[bytes]:
        """The packets that end on it, from where they begin or go on."""
        place = begin = 0
        for size in self.lacing:
            place += size
            if size < 255:
                yield self.body[begin:place]
                begin = place

    def data(self) -> bytes:
        """The page with its checksum."""
        return ogg.checked(
            ogg.HEAD.pack(b"OggS", 0, self.flags, self.position, self.serial, self.sequence, 0, len(self.lacing))
            + self.lacing
            + self.body
        )


def _pages(data: bytes) -> Iterator[_Page]:
    """The pages that have come whole.

    Raises:
        LabelError: Something else stands where a page should begin.
    """
    place = 0
    while len(data) >= place + ogg.HEAD.size:
        magic, _, flags, position, serial, sequence, _, count = ogg.HEAD.unpack_from(data, place)
        if magic != b"OggS":
            raise LabelError(f"the Opus stream is damaged: no Ogg page at byte {place}", stage="detect")
        body = place + ogg.HEAD.size + count
        lacing = data[body - count : body]
        after = body + sum(lacing)
        if len(lacing) < count or len(data) < after:
            return
        yield _Page(flags, position, serial, sequence, lacing, data[body:after])
        place = after


def _size(page: _Page) -> int:
    return ogg.HEAD.size + len(page.lacing) + len(page.body)


def _duration(packet: bytes) -> int:
    """How long a packet plays, in samples at 48 kHz (RFC 6716, 3.1 and 3.2)."""
    if not packet:
        return 0
    configuration, code = packet[0] >> 3, packet[0] & 3
    if configuration < 12:
        frame = _SILK[configuration & 3]
    elif configuration < 16:
        frame = _HYBRID[configuration & 1]
    else:
        frame = _CELT[configuration & 3]
    count = {0: 1, 1: 2, 2: 2}.get(code, packet[1] & 63 if len(packet) > 1 else 0)
    return frame * count


class Opus(Codec):
    """An Opus stream whose headers have come."""

    form = "Opus"

    def __init__(self, headers: list[_Page], rest: bytes) -> None:
        self._headers = headers
        self._rest = rest
        self._serial = headers[0].serial
        self._shift = 0  # of the numbers of pages
        self._later = 0  # of their times
        self._before = 0  # time at the end of the last page, as it came
        self._held: _Page | None = None
        self.rate = _CLOCK
        self.channels = headers[0].body[9]

    @classmethod
    def open(cls, data: bytes, ended: bool) -> Opus | None:
        """The stream; None where more must come.

        Raises:
            LabelError: It is damaged, or of more channels than can be labelled.
        """
        headers: list[_Page] = []
        for page in _pages(data):
            headers.append(page)
            if page.lacing and page.lacing[-1] < 255 and len(headers) > 1:
                break
        else:
            if ended or len(data) > _MAX_HEADERS:
                raise LabelError("the Opus stream has no whole headers", stage="detect")
            return None
        first = headers[0].body
        if len({page.serial for page in headers}) > 1 or len(first) < 19 or first[18] or first[9] not in (1, 2):
            raise UnsupportedCarrierError(
                "an Opus stream that is no plain one of one or two channels cannot be labelled on its way; label() the "
                "finished file"
            )
        if sum(sum(1 for size in page.lacing if size < 255) for page in headers[1:]) != 1:
            raise LabelError("the comments of the Opus stream do not end their page (RFC 7845, 3)", stage="detect")
        return cls(headers, data[sum(map(_size, headers)) :])

    def findings(self) -> tuple[Finding, ...]:
        """The labels in its comments."""
        return read_stream(io.BytesIO(b"".join(page.data() for page in self._headers))).findings

    def encoded(self, samples: Any) -> bytes:
        """The packets of samples, each behind its length in two bytes."""
        try:
            import soundfile
        except ImportError as error:
            raise UnsupportedCarrierError(
                "the label of Opus is encoded with soundfile: pip install 'aigc-hooks[audio]'"
            ) from error
        made = io.BytesIO()
        with soundfile.SoundFile(made, "w", self.rate, self.channels, subtype="OPUS", format="OGG") as file:
            file.buffer_write(samples.tobytes(), dtype="float32")  # not write(), which has been taught to label
        packets: list[bytes] = []
        begun = b""
        for page in list(_pages(made.getvalue())):
            ends = sum(page.lacing)
            found = list(page.packets())
            for packet in found:
                packets.append(begun + packet)
                begun = b""
            begun += page.body[sum(map(len, found)) : ends]
        return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets[2:])

    def begin(self, start: bytes, end: bytes, label: Label | None) -> bytes:
        """The headers, the pages of the label and those of the content that have come."""
        data = b"".join(page.data() for page in self._headers)
        if label is not None:
            data = embedded(data, label)
        count = sum(1 for _ in _pages(data))
        pages = self._paged(start, 0, count)
        self._shift = count + len(pages) - len(self._headers)
        self._later = sum(map(_duration, _unpacked(start)))
        self.tail = end
        rest, self._rest = self._rest, b""
        return data + b"".join(page.data() for page in pages) + self.more(rest)

    def _paged(self, encoded: bytes, position: int, sequence: int) -> list[_Page]:
        """Pages of the label's packets, the first of this number, from this time on."""
        pages: list[_Page] = []
        lacing, body, count = b"", b"", 0
        packets = _unpacked(encoded)
        for index, packet in enumerate(packets):
            lacing += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
            body, position, count = body + packet, position + _duration(packet), count + 1
            following = packets[index + 1] if index + 1 < len(packets) else b""
            if count == _PACKETS_A_PAGE or not following or len(lacing) + len(following) // 255 >= 255:
                pages.append(_Page(0, position, self._serial, sequence + len(pages), lacing, body))
                lacing, body, count = b"", b"", 0
        return pages

    def more(self, data: bytes) -> bytes:
        """Takes bytes; returns the pages that have come whole."""
        self._rest += data
        made, taken = b"", 0
        for page in _pages(self._rest):
            taken += _size(page)
            made += self._moved(page)
        self._rest = self._rest[taken:]
        return made

    def _moved(self, page: _Page) -> bytes:
        if page.serial != self._serial:  # another sound behind this one
            return self._closed() + page.data()
        before, self._before = self._before, page.position if page.position >= 0 else self._before
        position = page.position + self._later if page.position >= 0 else page.position
        page = page._replace(position=position, sequence=page.sequence + self._shift)
        if not self.tail:
            return page.data()
        # Held back until it is known whether it is the last, which some streams do not mark.
        held, self._held = self._held, page
        made = held.data() if held is not None else b""
        if page.flags & _LAST:
            # Nothing is cut off its end any more, for the label follows.
            whole = before + self._later + sum(map(_duration, page.packets()))
            self._held = page._replace(flags=page.flags & ~_LAST, position=max(whole, page.position))
            made += self._closed()
        return made

    def _closed(self) -> bytes:
        """The last page of the content, and the label that follows it."""
        if self._held is None or not self.tail:
            return b""
        page, self._held = self._held, None
        pages = self._paged(self.tail, page.position, page.sequence + 1)
        pages[-1] = pages[-1]._replace(flags=_LAST)
        self.tail = b""
        return page.data() + b"".join(each.data() for each in pages)

    def end(self) -> bytes:
        """The label that follows, where the stream did not say that it ends; what was cut off goes as it came."""
        return self._closed() + self._rest

    def length(self, encoded: bytes) -> float:
        """How long packets play."""
        return sum(map(_duration, _unpacked(encoded))) / _CLOCK


def _unpacked(encoded: bytes) -> list[bytes]:
    """The packets of an encoded label."""
    packets, place = [], 0
    while place < len(encoded):
        size = int.from_bytes(encoded[place : place + 2], "big")
        packets.append(encoded[place + 2 : place + 2 + size])
        place += 2 + size
    return packets
