"""The XMP extension spliced into an encoded GIF."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import gif, xmp
from aigc_hooks.labels import Label

HEAD = b"\x21\xff\x0bXMP DataXMP"


def frames(data: bytes) -> list[bytes]:
    with Image.open(io.BytesIO(data)) as image:
        return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(image)]


@pytest.fixture(params=["still", "animated", "87a", "ffmpeg", "gif2webp", "comment"])
def source(
    request: pytest.FixtureRequest, picture: Callable[..., bytes], tool: Callable[..., bytes], tmp_path: Path
) -> bytes:
    match request.param:
        case "animated":
            return picture("GIF", frames=4, loop=0, duration=50)
        case "87a":
            return b"GIF87a" + picture("GIF")[6:]
        case "ffmpeg":
            target = tmp_path / "f.gif"
            tool("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:d=0.4:r=10", target)
            return target.read_bytes()
        case "comment":
            return picture("GIF", frames=2, comment=b"by hand", loop=3)
    return picture("GIF", optimize=True)


def test_only_the_extension_is_new(source: bytes, label: Label) -> None:
    packet = xmp.packet(label)
    made = gif.insert(source, packet)
    start = made.index(HEAD)
    end = start + len(HEAD) + len(packet) + 258
    assert made[start + len(HEAD) : end - 258] == packet
    assert made[end - 258 : end] == b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    assert made[:6] == b"GIF89a"
    assert made[6:start] + made[end:] == source[6:]


def test_other_readers_accept_it(
    source: bytes, label: Label, tool: Callable[..., bytes], tmp_path: Path, findings: Callable[..., list]
) -> None:
    packet = xmp.packet(label)
    made = gif.insert(source, packet)
    path = tmp_path / "made.gif"
    path.write_bytes(made)
    before = tmp_path / "before.gif"
    before.write_bytes(source)
    assert tool("exiftool", "-b", "-XMP", path) == packet
    assert tool("exiftool", "-warning", "-error", path) == b""
    assert frames(made) == frames(source)
    with Image.open(path) as image, Image.open(before) as old:
        assert image.info["extension"][0] == b"XMP DataXMP"
        assert {key: value for key, value in image.info.items() if key not in ("version", "extension")} == {
            key: value for key, value in old.info.items() if key not in ("version", "extension")
        }
    digest = [tool("ffmpeg", "-v", "error", "-i", file, "-f", "framemd5", "-") for file in (before, path)]
    assert digest[0] == digest[1]
    tool("gif2webp", "-quiet", path, "-o", tmp_path / "out.webp")  # reads with giflib
    (finding,) = findings(gif.CARRIER, made)
    assert (finding.label, finding.defects, finding.place) == (label, (), "GIF XMP DataXMP")


def test_a_packet_that_is_there_is_replaced(source: bytes, label: Label) -> None:
    packet = xmp.packet(label)
    once = gif.insert(source, packet)
    assert gif.insert(once, packet) == once
    other = xmp.packet(Label(content_producer="x", produce_id="y"))
    assert gif.insert(gif.insert(source, other), packet) == once


def test_packets_between_and_behind_the_frames_are_removed(
    label: Label, picture: Callable[..., bytes], findings: Callable[..., list]
) -> None:
    packet = xmp.packet(label)
    source = picture("GIF", frames=3)
    extension = HEAD + packet + b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    late = source[:-1] + extension + extension + b";"
    assert len(findings(gif.CARRIER, late)) == 2
    assert gif.insert(late, packet) == gif.insert(source, packet)


def test_what_cannot_be_spliced_is_an_error(label: Label, picture: Callable[..., bytes]) -> None:
    packet = xmp.packet(label)
    for data in (b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(20), picture("GIF")[:20]):
        with pytest.raises(CarrierError, match="GIF"):
            gif.insert(data, packet)
    with pytest.raises(CarrierError, match="zero"):
        gif.insert(picture("GIF"), packet.decode().encode("utf-16"))
