"""Sound files whose labels stand among their titles and artists: MP3, FLAC, Ogg Vorbis and Opus, AIFF, WMA, AAC.

TC260-PG-202510A: in MP3 an ID3v2 frame ``TXXX`` named ``AIGC``, in FLAC and Ogg a comment ``AIGC=``. Of AIFF (an ID3
chunk), WMA (an attribute) and AAC (ID3v2 before the frames) no place is known: these are ours, where other programs
look. mutagen reads and writes them; where one pass over the file is enough, the frames are copied here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, BinaryIO

from aigc_hooks.artifact import Carrier, RawLabel
from aigc_hooks.errors import CarrierError, UnsupportedCarrierError
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, Source, reader
from aigc_hooks.implicit.copying import copy
from aigc_hooks.labels import FIELD_NAME

_NOT_IN_GUIDE = "no guide is known that has the label here"


def _mutagen(name: str) -> Any:
    """A module of mutagen, when a file needs it."""
    import importlib

    try:
        return importlib.import_module(f"mutagen.{name}")
    except ImportError as error:
        raise UnsupportedCarrierError(
            "labels in MP3, FLAC, Ogg, AIFF, WMA and AAC files are read and written with mutagen: pip install "
            "'aigc-hooks[audio]'"
        ) from error


def _guarded(source: Source, work: Callable[[], Any]) -> Any:
    """Runs mutagen, whose many errors say that a file is damaged."""
    try:
        return work()
    except (CarrierError, MemoryError):
        raise
    except Exception as error:
        raise CarrierError(f"damaged {source.carrier} file: {str(error)[:200] or type(error).__name__}") from error


def id3_length(source: Source) -> int:
    """Length of the ID3v2 tag at the beginning; 0 without one.

    Raises:
        CarrierError: It is longer than the file or than what is read.
    """
    head = source.read(0, min(10, source.size))
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    if any(byte > 127 for byte in head[6:10]):
        raise source.fault(6, "the length of the ID3 tag is no number")
    size = sum(byte << 7 * (3 - place) for place, byte in enumerate(head[6:10]))
    length = 10 + size + (10 if head[5] & 0x10 else 0)
    if length > source.size:
        raise source.fault(6, f"the ID3 tag of {length} bytes ends after the file")
    if length > MAX_PAYLOAD:
        raise source.fault(6, f"the ID3 tag of {length} bytes is longer than the {MAX_PAYLOAD} that are read")
    return length


def _id3(source: Source) -> Any:
    """The ID3v2 tag of a file; None without one."""
    length = id3_length(source)
    if not length:
        return None
    data = BytesIO(source.read(0, length, "ID3 tag"))
    return _guarded(source, lambda: _mutagen("id3").ID3(fileobj=data, load_v1=False))


def _frames(tag: Any, place: str, defects: tuple[str, ...] = ()) -> Iterator[RawLabel]:
    for frame in tag.getall("TXXX") if tag is not None else ():
        if FIELD_NAME in frame.desc.upper():
            wrong = () if frame.desc == FIELD_NAME else (f"the frame is named {frame.desc!r}, not {FIELD_NAME!r}",)
            for text in frame.text:
                yield RawLabel(place, str(text), (*defects, *wrong))


def _with_frame(tag: Any, text: str) -> Any:
    """An ID3 tag with this label and no other."""
    id3 = _mutagen("id3")
    tag = id3.ID3() if tag is None else tag
    for frame in [frame for frame in tag.getall("TXXX") if FIELD_NAME in frame.desc.upper()]:
        tag.delall(frame.HashKey)
    tag.add(id3.TXXX(encoding=id3.Encoding.UTF8, desc=FIELD_NAME, text=[text]))
    return tag


def _read_mp3(source: Source) -> Iterator[RawLabel]:
    yield from _frames(_id3(source), "ID3v2 TXXX AIGC")


def _read_aac(source: Source) -> Iterator[RawLabel]:
    yield from _frames(_id3(source), "ID3v2 TXXX AIGC", (_NOT_IN_GUIDE,))


def _write_id3(stream: BinaryIO, target: BinaryIO, text: str) -> None:
    """A new ID3v2 tag, and then the frames as they are."""
    source = Source(stream, "MP3")
    tag = _id3(source)
    version = 3 if tag is not None and tag.version[:2] == (2, 3) else 4
    block = BytesIO()

    def made() -> None:
        found = _with_frame(tag, text)
        if version == 3:
            found.update_to_v23()
        found.save(block, v1=0, v2_version=version, padding=lambda info: 1024)

    _guarded(source, made)
    target.write(block.getvalue())
    copy(stream, target, id3_length(source))


def _comments(name: str, kind: str) -> Callable[[Source], Iterator[RawLabel]]:
    """A reader of Vorbis comments."""
    place = f"{'FLAC' if name == 'flac' else 'Ogg'} comment AIGC"

    def read(source: Source) -> Iterator[RawLabel]:
        file = _guarded(source, lambda: _opened(name, kind, source.stream))
        for key, value in list(file.tags or []):
            if FIELD_NAME in key.upper():
                yield RawLabel(place, value, () if key.upper() == FIELD_NAME else (f"the comment is named {key!r}",))

    return read


def _opened(name: str, kind: str, stream: BinaryIO) -> Any:
    stream.seek(0)
    return getattr(_mutagen(name), kind)(fileobj=stream)


def _writer(name: str, kind: str, set_label: Callable[[Any, str], None]) -> Callable[[BinaryIO, BinaryIO, str], None]:
    """A writer that copies the file and lets mutagen change the copy."""

    def write(stream: BinaryIO, target: BinaryIO, text: str) -> None:
        source = Source(stream, kind)
        copy(stream, target, 0)

        def work() -> None:
            file = _opened(name, kind, target)
            set_label(file, text)
            target.seek(0)
            file.save(fileobj=target)

        _guarded(source, work)
        target.seek(0, 2)

    return write


def _set_comment(file: Any, text: str) -> None:
    if file.tags is None:
        file.add_tags()
    for key in {key for key, _ in file.tags if FIELD_NAME in key.upper()}:
        del file.tags[key]
    file.tags[FIELD_NAME] = [text]


def _set_frame(file: Any, text: str) -> None:
    if file.tags is None:
        file.add_tags()
    _with_frame(file.tags, text)


def _set_attribute(file: Any, text: str) -> None:
    for key in {key for key, _ in file.tags if FIELD_NAME in key.upper()}:
        del file.tags[key]
    file.tags[FIELD_NAME] = [_mutagen("asf").ASFUnicodeAttribute(text)]


def _read_aiff(source: Source) -> Iterator[RawLabel]:
    file = _guarded(source, lambda: _opened("aiff", "AIFF", source.stream))
    yield from _frames(file.tags, "AIFF ID3 TXXX AIGC", (_NOT_IN_GUIDE,))


def _read_asf(source: Source) -> Iterator[RawLabel]:
    file = _guarded(source, lambda: _opened("asf", "ASF", source.stream))
    for key, value in list(file.tags or []):
        if FIELD_NAME in key.upper():
            yield RawLabel("ASF attribute AIGC", str(value), (_NOT_IN_GUIDE,))


def _sniff_mp3(head: bytes) -> bool:
    """An ID3v2 tag, or the header of an MPEG audio frame (ISO/IEC 11172-3, 2.4.2.3)."""
    if head[:3] == b"ID3":
        return True
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, rate, frequency = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    # Layer I is left out: hardly a file has it, and UTF-16 text begins alike.
    return version != 1 and layer in (1, 2) and rate not in (0, 15) and frequency != 3


def _sniff_aac(head: bytes) -> bool:
    """The header of an ADTS frame (ISO/IEC 13818-7, 6.2)."""
    return len(head) > 3 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13


def _sniff_ogg(head: bytes, codec: bytes) -> bool:
    return head[:4] == b"OggS" and codec in head


_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")

MP3 = Carrier("MP3", (".mp3",), _sniff_mp3, reader("MP3", _read_mp3), _write_id3)
"""MP3, and any other file that begins with an ID3v2 tag."""

FLAC = Carrier(
    "FLAC",
    (".flac",),
    lambda head: head[:4] == b"fLaC",
    reader("FLAC", _comments("flac", "FLAC")),
    _writer("flac", "FLAC", _set_comment),
)
"""FLAC."""

VORBIS = Carrier(
    "Ogg Vorbis",
    (".ogg", ".oga"),
    lambda head: _sniff_ogg(head, b"\x01vorbis"),
    reader("Ogg Vorbis", _comments("oggvorbis", "OggVorbis")),
    _writer("oggvorbis", "OggVorbis", _set_comment),
)
"""Ogg with Vorbis."""

OPUS = Carrier(
    "Opus",
    (".opus",),
    lambda head: _sniff_ogg(head, b"OpusHead"),
    reader("Opus", _comments("oggopus", "OggOpus")),
    _writer("oggopus", "OggOpus", _set_comment),
)
"""Ogg with Opus."""

AIFF = Carrier(
    "AIFF",
    (".aiff", ".aif", ".aifc"),
    lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"),
    reader("AIFF", _read_aiff),
    _writer("aiff", "AIFF", _set_frame),
)
"""AIFF."""

ASF = Carrier(
    "ASF",
    (".wma", ".asf"),
    lambda head: head[:16] == _ASF,
    reader("ASF", _read_asf),
    _writer("asf", "ASF", _set_attribute),
)
"""WMA."""

AAC = Carrier("AAC", (".aac",), _sniff_aac, reader("AAC", _read_aac), _write_id3)
"""AAC in ADTS frames; with ID3v2 in front it is known as MP3 is, and read the same."""
