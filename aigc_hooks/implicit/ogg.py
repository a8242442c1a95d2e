"""Ogg with Vorbis, Opus or FLAC: the label as comment ``AIGC=`` in the second packet (TC260-PG-202510A; RFC 3533).

The first stream of the file is read and written. Of files that are chained from several, each of the later ones has
comments of its own, which only a search through all pages would find: they stay as they are. Files that begin with
another stream, such as Theora, belong to the formats of film.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from struct import Struct
from typing import BinaryIO, NamedTuple

from aigc_hooks.artifact import Carrier, Manifest, RawLabel
from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import vorbis
from aigc_hooks.implicit.bounds import MAX_PACKET, Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.implicit.parts import Part

PLACE = "Ogg comment AIGC"
"""Place of the label."""

HEAD = Struct("<4sBBqIIIB")
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_MANIFEST = b"\0c2pa"
_NONE_ENDS = -1  # position of a page on which no packet ends
_MAX_PAGES = 10_000
_SEQUENCE, _CHECKSUM = 18, 22
# zlib's CRC is Ogg's with every byte turned round.
_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _Page(NamedTuple):
    """One page: its flags, position, stream and number, the lengths of its segments, and where it lies."""

    flags: int
    position: int
    serial: int
    sequence: int
    lacing: bytes
    start: int
    body: int
    after: int


def _page(source: Source, offset: int) -> _Page:
    magic, _, flags, position, serial, sequence, _, count = HEAD.unpack(source.read(offset, HEAD.size, "page header"))
    if magic != b"OggS":
        raise source.fault(offset, "no Ogg page")
    source.step(offset)
    body = offset + HEAD.size + count
    lacing = source.read(offset + HEAD.size, count, "page header")
    return _Page(flags, position, serial, sequence, lacing, offset, body, body + sum(lacing))


def _comment_pages(source: Source) -> list[_Page]:
    """The pages of the first stream from its comments on, up to the first that ends with a packet behind them."""
    page = _page(source, 0)
    serial, found = page.serial, []
    for _ in range(_MAX_PAGES):
        page = _page(source, page.after)
        if page.serial == serial:
            found.append(page)
            if page.lacing and page.lacing[-1] < 255:
                return found
        elif found:
            raise source.fault(page.start, "its comments are interleaved with another stream, which is not supported")
        if found and page.after - found[0].start > MAX_PACKET:
            break
    raise source.fault(page.start, f"its comments do not end within {MAX_PACKET} bytes and {_MAX_PAGES} pages")


def _packets(source: Source, pages: list[_Page]) -> tuple[bytes, bytes, bytes]:
    """The second packet of the stream, and the segments behind it on its pages: their lengths and their bytes."""
    lacing = b"".join(page.lacing for page in pages)
    data = b"".join(source.payload(page.body, page.after - page.body, "comments") for page in pages)
    count = next(index for index, size in enumerate(lacing) if size < 255) + 1
    length = sum(lacing[:count])
    return data[:length], lacing[count:], data[length:]


class _Codec(NamedTuple):
    """What the first and the second packet begin with; of FLAC, the second's length follows."""

    first: bytes
    second: bytes

    def split(self, source: Source, packet: bytes) -> tuple[bytes, vorbis.Comments]:
        """What the second packet begins with, and its comments."""
        flac = self.second == b"\x04"
        begin = bytes([packet[0] & 0x7F]) if flac and packet else packet[: len(self.second)]
        if begin != self.second:
            raise source.fault(0, f"its second packet holds no comments, it begins with {packet[:8]!r}")
        size = 4 if flac else len(self.second)
        return packet[:size], vorbis.comments(source.inside(packet[size:], "comments"))

    def join(self, head: bytes, block: bytes) -> bytes:
        """The second packet with new comments."""
        if self.second == b"\x04":
            if len(block) >= 1 << 24:
                raise CarrierError(f"the comments of a FLAC stream cannot hold {len(block)} bytes")
            head = head[:1] + len(block).to_bytes(3, "big")
        return head + block


def _walker(codec: _Codec) -> Callable[[Source], Iterator[RawLabel | Manifest]]:
    def walk(source: Source) -> Iterator[RawLabel | Manifest]:
        packet, _, _ = _packets(source, _comment_pages(source))
        yield from vorbis.find(codec.split(source, packet)[1], PLACE)
        if _has_manifest(source):
            yield Manifest("Ogg C2PA stream")

    return walk


def _has_manifest(source: Source) -> bool:
    """Whether one of the streams that begin at the beginning of the file is a C2PA manifest."""
    page = _page(source, 0)
    for _ in range(_MAX_PAGES):
        page = _page(source, page.after)
        if not page.flags & _FIRST:
            return False
        if page.after - page.body >= len(_MANIFEST) and source.read(page.body, len(_MANIFEST)) == _MANIFEST:
            return True
    return False


def _writer(name: str, codec: _Codec) -> Callable[[BinaryIO, BinaryIO, str], None]:
    def write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
        """Copies the file with new pages of comments; later ones are numbered anew where there are more or fewer."""
        source = Source(stream, name)
        old = _comment_pages(source)
        packet, lacing, behind = _packets(source, old)
        head, found = codec.split(source, packet)
        packet = codec.join(head, vorbis.with_label(found, text))
        lacing = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) + lacing
        new = list(_paginated(old, lacing, packet + behind))
        copy(stream, target, 0, old[0].start)
        target.write(b"".join(new))
        offset = old[-1].after
        if len(new) != len(old) and not old[-1].flags & _LAST:
            offset = _renumbered(source, target, offset, old[0].serial, len(new) - len(old))
        copy(stream, target, offset)

    return write


def content(source: Source) -> Iterator[Part]:
    """The sound: what the pages hold, without the comments, which are the second packet of the first stream."""
    first, comments = _page(source, 0), _comment_pages(source)
    left = len(_packets(source, comments)[0])
    within = {page.start for page in comments}
    page = first
    while True:
        skipped = min(left, page.after - page.body) if page.start in within else 0
        left -= skipped
        yield Part(b"PAGE", page.body + skipped, page.after - page.body - skipped)
        if page.after + HEAD.size > source.size:
            return
        page = _page(source, page.after)


def _paginated(old: list[_Page], lacing: bytes, data: bytes) -> Iterator[bytes]:
    """Pages of these segments: as many as before, where they fit."""
    count = len(old) if len(old) <= len(lacing) <= 255 * len(old) else -(-len(lacing) // 255)
    flags = old[0].flags & _CONTINUED
    for index in range(count):
        begin, end = (len(lacing) * number // count for number in (index, index + 1))
        part, last = lacing[begin:end], index == count - 1
        ends = min(part) < 255
        position = (old[-1].position if last else 0) if ends else _NONE_ENDS
        flags |= old[-1].flags & _LAST if last else 0
        head = HEAD.pack(b"OggS", 0, flags, position, old[0].serial, old[0].sequence + index, 0, len(part))
        size = sum(part)
        yield checked(head + part + data[:size])
        data, flags = data[size:], _CONTINUED * (part[-1] == 255)


def _renumbered(source: Source, target: BinaryIO, offset: int, serial: int, shift: int) -> int:
    """Copies the pages up to the end of a stream, each with its new number; returns where that ends."""
    while offset + HEAD.size <= source.size:
        page = _page(source, offset)
        if page.after > source.size:
            break  # cut off
        data = source.read(offset, page.after - offset, "page")
        if page.serial == serial:
            number = (page.sequence + shift) & 0xFFFFFFFF
            data = checked(data[:_SEQUENCE] + number.to_bytes(4, "little") + bytes(4) + data[_CHECKSUM + 4 :])
        target.write(data)
        offset = page.after
        if page.serial == serial and page.flags & _LAST:
            break
    return offset


def checked(page: bytes) -> bytes:
    """A page with its checksum, which was zero."""
    # Begun with all ones and ended likewise, zlib's is made to begin with zero.
    value = ~zlib.crc32(page.translate(_TURNED), 0xFFFFFFFF) & 0xFFFFFFFF
    return page[:_CHECKSUM] + value.to_bytes(4, "big").translate(_TURNED) + page[_CHECKSUM + 4 :]


def _carrier(name: str, suffixes: tuple[str, ...], codec: _Codec) -> Carrier:
    def sniff(head: bytes) -> bool:
        return head[:4] == b"OggS" and len(head) >= HEAD.size and head[27 + head[26] :].startswith(codec.first)

    return Carrier(name, suffixes, sniff, reader(name, _walker(codec)), _writer(name, codec), medium="audio")


VORBIS = _carrier("Ogg Vorbis", (".ogg", ".oga"), _Codec(b"\x01vorbis", b"\x03vorbis"))
"""Ogg with Vorbis."""

OPUS = _carrier("Opus", (".opus",), _Codec(b"OpusHead", b"OpusTags"))
"""Ogg with Opus."""

OGG_FLAC = _carrier("Ogg FLAC", (), _Codec(b"\x7fFLAC", b"\x04"))
"""Ogg with FLAC."""
