"""Signed labels in files: written by every saver, verified, altered, saved again."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import aigc_hooks
from aigc_hooks import CarrierError, Label, LabelError, Provider, read_label, verify, write_label
from aigc_hooks.artifact import Artifact, AuditRecord
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.implicit import gif, isobmff, png, tiff, webp
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.labels import KEYS
from aigc_hooks.plugins import hooks
from aigc_hooks.security import content
from aigc_hooks.security.data import SecurityData

ALGORITHMS = ["sm2", "rsa", "es256", "ed25519"]
PARTS = {
    "gif": gif.content,
    "png": png.content,
    "webp": webp.content,
    "tif": tiff.content,
    "avif": isobmff.content,
}
PICTURES = ["png", "jpg", "webp", "tif", "gif", "avif"]
RATE = 16_000
# Of their own: in one process, a sound like one that was labelled is taken for it.
FREQUENCIES = {
    suffix: 300 + 50 * at for at, suffix in enumerate(("wav", "mp3", "flac", "ogg", "opus", "m4a", "aac", "aiff"))
}


def picture(size: int = 96) -> Image.Image:
    ramp = numpy.indices((size, size + 32)).sum(axis=0).astype(numpy.uint8)
    return Image.fromarray(numpy.stack([ramp, 255 - ramp, ramp // 2], axis=-1))


def tone(seconds: float = 1.0) -> Any:
    return (0.3 * numpy.sin(numpy.arange(round(seconds * RATE)) * 0.09)).astype(numpy.float32)


def data_of(source: Any) -> SecurityData:
    found = read_label(source).label
    assert found is not None
    return SecurityData.from_text(found.reserved_code1)


def digest(source: bytes | Path) -> bytes | None:
    data = source if isinstance(source, bytes) else source.read_bytes()
    return content.digest(io.BytesIO(data), read_label(source).carrier)


# Every saver


@pytest.mark.parametrize("suffix", PICTURES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pictures(algorithm: str, suffix: str, signing: Any, tmp_path: Path) -> None:
    provider = signing(algorithm)
    path = tmp_path / f"a.{suffix}"
    aigc_hooks.label(picture(), provider=provider).save(path)
    found = verify(path, provider=provider)
    assert (found.status, found.content, found.key_id) == ("intact", "intact", "2026-01")
    assert read_label(path).conforms
    with Image.open(path) as opened:
        opened.load()  # its checksums are right


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif", "avif"])
def test_animations_and_pages(suffix: str, signing: Any, tmp_path: Path) -> None:
    provider = signing()
    frames = aigc_hooks.label([picture(), picture().rotate(90), picture().rotate(180)], provider=provider)
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert verify(path, provider=provider).content == "intact"
    data = bytearray(path.read_bytes())
    with Image.open(path) as opened:
        assert opened.n_frames == 3
    last = max(
        (part for part in PARTS[suffix](Source(io.BytesIO(data), suffix)) if part.length > 20),
        key=lambda part: part.start,
    )
    data[last.start + last.length - 9] ^= 1
    assert verify(bytes(data), provider=provider).status == "altered"


def test_arrays_and_palettes_and_grey(signing: Any, tmp_path: Path) -> None:
    provider = signing("es256")
    pixels = numpy.zeros((2, 96, 96, 3), numpy.uint8)
    aigc_hooks.label(pixels, provider=provider)
    for index in range(2):
        aigc_hooks.save(pixels[index], tmp_path / "a.png")
        assert verify(tmp_path / "a.png", provider=provider).content == "intact"
    for mode in ("L", "P", "RGBA", "1", "I;16"):
        made = aigc_hooks.label(picture().convert("L").convert(mode), provider=provider)
        made.save(tmp_path / "b.png")
        assert verify(tmp_path / "b.png", provider=provider).content == "intact", mode


def test_the_users_own_metadata_stays_and_exiftool_reads_the_label(
    signing: Any, tmp_path: Path, exif_tags: Callable[[Path], dict[str, Any]]
) -> None:
    for suffix in ("png", "jpg"):
        path = tmp_path / f"a.{suffix}"
        aigc_hooks.label(picture(), provider=signing()).save(path, dpi=(72, 72))
        tags = exif_tags(path)
        assert json.loads(tags["XMP-TC260:Aigc"])["ReservedCode1"] == read_label(path).label.reserved_code1  # type: ignore[union-attr]
        assert "ExifTool:Warning" not in tags


def _save_wave(samples: Any, path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def _save_scipy(samples: Any, path: Path) -> None:
    import scipy.io.wavfile

    scipy.io.wavfile.write(path, RATE, samples)


def _save_soundfile(samples: Any, path: Path) -> None:
    soundfile.write(path, samples, RATE)


def _save_here(samples: Any, path: Path) -> None:
    aigc_hooks.save(samples, path, rate=RATE)


@pytest.mark.parametrize(
    ("saver", "suffix"),
    [
        (_save_wave, "wav"),
        (_save_scipy, "wav"),
        *((_save_soundfile, suffix) for suffix in ("wav", "flac", "mp3", "ogg")),
        *((_save_here, suffix) for suffix in ("wav", "aiff", "opus", "m4a", "aac")),
    ],
)  # fmt: skip
def test_sounds(saver: Any, suffix: str, signing: Any, tmp_path: Path) -> None:
    provider = signing()
    path = tmp_path / f"a.{suffix}"
    saver(aigc_hooks.label(tone(), rate=RATE, provider=provider), path)
    found = verify(path, provider=provider)
    assert (found.status, found.content) == ("intact", "intact")
    data = bytearray(path.read_bytes())
    data[-400 if suffix in ("mp3", "opus", "ogg", "aac", "flac") else len(data) // 3] ^= 1
    assert verify(bytes(data), provider=provider).status == "altered"


def test_sound_to_an_object_in_memory(signing: Any) -> None:
    provider = signing()
    samples = aigc_hooks.label(tone(), rate=RATE, provider=provider)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="FLAC")
    assert verify(buffer, provider=provider).content == "intact"


def test_sound_in_a_notebook(signing: Any) -> None:
    from IPython.display import Audio

    provider = signing()
    samples = aigc_hooks.label(tone(1.3), rate=RATE, provider=provider)
    assert verify(Audio(samples, rate=RATE).data, provider=provider).content == "intact"


@pytest.mark.parametrize("suffix", FREQUENCIES)
def test_sound_files_on_disk(suffix: str, signing: Any, tmp_path: Path, command: Callable[..., bytes]) -> None:
    provider = signing("ed25519")
    path = tmp_path / f"a.{suffix}"
    command(
        "ffmpeg",
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        f"sine=frequency={FREQUENCIES[suffix]}:duration=1:sample_rate=48000",
        path,
    )
    aigc_hooks.label(path, provider=provider)
    found = verify(path, provider=provider)
    assert (found.status, found.content) == ("intact", "intact")
    before = path.read_bytes()
    aigc_hooks.label(path, provider=provider)  # again
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", ["md", "txt"])
@pytest.mark.parametrize("text", ["Hello", "你好\n\n---\n\nWelt", "---\ntitle: a\n---\nBody\r\nmore"])
def test_texts(text: str, suffix: str, signing: Any, tmp_path: Path) -> None:
    provider = signing()
    path = aigc_hooks.save(text, tmp_path / f"a.{suffix}", provider=provider)
    found = verify(path, provider=provider)
    if suffix == "txt":
        assert found.status == "unsigned"
        return
    assert (found.status, found.content) == ("intact", "intact")
    before = path.read_bytes()
    aigc_hooks.label(path, provider=provider)
    assert path.read_bytes() == before
    path.write_bytes(before.replace("（".encode(), b"(", 1))
    assert verify(path, provider=provider).status == "altered"


def test_text_in_other_encodings(signing: Any, tmp_path: Path) -> None:
    provider = signing()
    for encoding in ("utf-16", "gb18030", "utf-8-sig"):
        path = tmp_path / f"{encoding}.md"
        path.write_bytes("人工智能写的文字，没有别的。\n".encode(encoding))
        aigc_hooks.label(path, provider=provider)
        assert verify(path, provider=provider).content == "intact", encoding


def test_sound_that_streams_is_signed_without_its_content(signing: Any) -> None:
    from aigc_hooks.encoded import EncodedSound

    provider = signing()
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(2), RATE, format="MP3")
    sound = EncodedSound(provider, "test")
    made = sound.put(buffer.getvalue()) + sound.end()
    found = verify(made, provider=provider)
    assert (found.status, found.content) == ("intact", "not signed")
    assert "the signature does not cover the content" in found.reasons


# The label that was signed is the one everybody gets


class Seen:
    """A plugin that sees labels go by."""

    def __init__(self) -> None:
        self.attached: list[Label] = []
        self.recorded: list[AuditRecord] = []

    @hookimpl
    def aigc_write_metadata(self, artifact: Artifact, label: Label, provider: Provider) -> None:
        """Sees it attached."""
        self.attached.append(label)

    @hookimpl
    def aigc_audit(self, record: AuditRecord, provider: Provider) -> None:
        """Sees it recorded."""
        self.recorded.append(record)


@pytest.fixture
def seen() -> Any:
    manager, plugin = hooks()._manager, Seen()
    manager.register(plugin)
    yield plugin
    manager.unregister(plugin)


@pytest.mark.parametrize(
    ("made", "rate"),
    [
        (picture, None),
        (lambda: numpy.zeros((96, 96, 3), numpy.uint8), None),
        (tone, RATE),
        (lambda: "Hello", None),
    ],
)
def test_the_signed_label_is_attached_and_recorded(made: Any, rate: int | None, seen: Seen, signing: Any) -> None:
    aigc_hooks.label(made(), rate=rate, provider=signing())
    first, second = seen.attached
    assert first.reserved_code1 == ""
    assert SecurityData.from_text(second.reserved_code1).algorithm.name == "sm2"
    (record,) = seen.recorded
    assert record.label == second
    assert len(set(record.places)) == len(record.places)
    assert "ReservedCode1" in record.places


def test_what_is_labelled_twice_keeps_its_signature(signing: Any, tmp_path: Path) -> None:
    provider = signing("es256")
    made = aigc_hooks.label(picture(), provider=provider)
    before = made.info["AIGC"]
    assert aigc_hooks.label(made, provider=provider).info["AIGC"] == before
    sound = aigc_hooks.label(tone(), rate=RATE, provider=provider)
    again = aigc_hooks.label(sound, rate=RATE, provider=provider)
    aigc_hooks.save(again, tmp_path / "a.wav", rate=RATE)
    assert verify(tmp_path / "a.wav", provider=provider).ok


def test_a_key_that_fails_releases_nothing(signing: Any, tmp_path: Path, keys: Path) -> None:
    copied = tmp_path / "key.pem"
    shutil.copyfile(keys / "sm2.pem", copied)
    provider = signing(key=copied)
    made = aigc_hooks.label(picture(), provider=provider)
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    copied.unlink()
    with pytest.raises(aigc_hooks.ConfigError, match="cannot be read"):
        made.save(path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


# Altered


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("algorithm", ["sm2", "ed25519"])
def test_every_altered_byte_of_a_label_fails(algorithm: str, signing: Any, tmp_path: Path) -> None:
    provider = signing(algorithm, message="raw")
    path = aigc_hooks.save("Hello", tmp_path / "a.md", provider=provider)
    whole, label = path.read_bytes(), read_label(path).label
    assert label is not None
    signed = (label.label, label.content_producer, label.produce_id, label.reserved_code1)
    failed = 0
    for at in range(len(whole)):
        try:
            found = verify(_flipped(whole, at), provider=provider)
        except CarrierError:  # no front matter any more
            failed += 1
            continue
        if not found.ok:
            failed += 1
            continue
        # what it says is the same all the same: the propagator's elements are not the producer's to sign
        assert found.label is not None
        now = (found.label.label, found.label.content_producer, found.label.produce_id, found.label.reserved_code1)
        assert now == signed
        assert found.content == "intact"
    assert failed > 0.6 * len(whole)


def test_every_altered_byte_of_a_picture_fails(signing: Any) -> None:
    provider = signing("ed25519")
    buffer = io.BytesIO()
    aigc_hooks.label(Image.new("RGB", (24, 24)), provider=provider).save(buffer, "PNG")
    whole = buffer.getvalue()
    covered = 0
    offset = 8
    while offset < len(whole):
        length, kind = int.from_bytes(whole[offset : offset + 4], "big"), whole[offset + 4 : offset + 8]
        if kind in (b"IHDR", b"IDAT"):
            for at in range(offset, offset + 8 + length):
                covered += 1
                try:
                    assert not verify(_flipped(whole, at), provider=provider).ok
                except CarrierError:
                    continue  # no PNG any more
        offset += 12 + length
    assert covered > 50


@pytest.mark.parametrize("suffix", ["jpg", "webp", "gif", "avif", "tif"])
def test_other_pixels_under_the_same_label_fail(suffix: str, signing: Any, tmp_path: Path) -> None:
    provider = signing()
    one, other = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    aigc_hooks.label(picture(), provider=provider).save(one)
    picture().rotate(180).save(other)
    stolen = read_label(one).label
    assert stolen is not None
    # by a tool that knows nothing of labels
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    packet += b"<rdf:Description xmlns:TC260='http://www.tc260.org.cn/ns/AIGC/1.0/'><TC260:AIGC>"
    packet += stolen.to_json().encode() + b"</TC260:AIGC></rdf:Description></rdf:RDF></x:xmpmeta>"
    (tmp_path / "a.xmp").write_bytes(packet)
    subprocess.run(
        ["exiftool", "-q", "-overwrite_original", "-tagsfromfile", tmp_path / "a.xmp", "-xmp", other], check=True
    )
    found = verify(other, provider=provider)
    assert (found.status, found.content) == ("altered", "altered")
    assert found.reasons[0] == "the content is not what was signed"
    # and what it writes beside the pixels changes nothing
    subprocess.run(["exiftool", "-q", "-overwrite_original", "-xmp:Creator=somebody", one], check=True)
    assert verify(one, provider=provider).content == "intact"


def test_the_binding_cannot_be_taken_from_another_label(signing: Any, tmp_path: Path) -> None:
    provider = signing()
    labels = []
    for name in ("a.md", "b.md"):
        path = aigc_hooks.save(f"Text {name}", tmp_path / name, provider=provider)
        labels.append(json.loads(read_label(path).label.reserved_code1))  # type: ignore[union-attr]
    mixed = dict(labels[0]["SecurityData"], Bindings=labels[1]["SecurityData"]["Bindings"])
    own = read_label(tmp_path / "a.md").label
    assert own is not None
    forged = json.dumps(json.dumps({"SecurityData": mixed}, separators=(",", ":")))
    text = (tmp_path / "b.md").read_text(encoding="utf-8")
    other = read_label(tmp_path / "b.md").label
    assert other is not None
    text = text.replace(json.dumps(other.reserved_code1), forged).replace(other.produce_id, own.produce_id)
    (tmp_path / "c.md").write_text(text, encoding="utf-8")
    found = verify(tmp_path / "c.md", provider=provider)
    assert found.status == "altered"
    assert found.reasons[0] == "the signature of the content is not one of its digest"


# K-10: the digest survives labels


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "ogg", "opus", "m4a", "mp4", "mov", "aac", "aiff", "wma"])
def test_writing_the_label_does_not_change_the_digest(
    suffix: str, tmp_path: Path, command: Callable[..., bytes]
) -> None:
    path = tmp_path / f"a.{suffix}"
    command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000", path)
    before = digest(path)
    assert before is not None
    for code in ("", "x" * 900, "x" * 40_000 if suffix == "ogg" else "x" * 9_000):
        label = Label(
            content_producer="acme", produce_id="1", reserved_code1=code, content_propagator="b", propagate_id="2"
        )
        write_label(path, label)
        assert digest(path) == before


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "tif", "avif"])
def test_neither_do_pictures_labels_by_another_tool(suffix: str, tmp_path: Path, command: Callable[..., bytes]) -> None:
    path = tmp_path / f"a.{suffix}"
    picture().save(path)
    before = content.digest(io.BytesIO(path.read_bytes()), read_label(path).carrier)
    for text in ("a", "b" * 5000):
        command("exiftool", "-q", "-overwrite_original", f"-xmp:Description={text}", path)
        assert digest(path) == before
    assert before is not None


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "tif", "avif"])
def test_a_propagator_adds_to_a_signed_label(suffix: str, several: bool, signing: Any, tmp_path: Path) -> None:
    provider = signing()
    path = tmp_path / f"a.{suffix}"
    frames = aigc_hooks.label([picture(), picture().rotate(90)], provider=provider)
    more = {"save_all": True, "append_images": frames[1:]} if several else {}
    frames[0].save(path, format="MPO" if several and suffix == "jpg" else None, **more)
    own = read_label(path).label
    assert own is not None
    for code in ("", "x" * 900, "x" * 9_000, "y"):
        elements = {name: getattr(own, name) for name in KEYS}
        elements |= {"content_propagator": "b", "propagate_id": "2", "reserved_code2": code}
        write_label(path, Label.unchecked(**elements))
        found = verify(path, provider=provider)
        assert (found.status, found.content) == ("intact", "intact"), found.reasons


def test_a_changed_sample_of_a_sequence_is_seen(signing: Any, tmp_path: Path) -> None:
    provider = signing()
    path = tmp_path / "a.avif"
    frames = aigc_hooks.label([picture(), picture().rotate(90), picture().rotate(180)], provider=provider)
    frames[0].save(path, save_all=True, append_images=frames[1:])
    data = path.read_bytes()
    for part in isobmff.content(Source(io.BytesIO(data), "AVIF")):
        for at in range(part.start, part.start + part.length, 97):
            changed = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
            assert verify(changed, provider=provider).status == "altered"


def test_one_digest_by_hand() -> None:
    """The scheme as its documentation has it, computed without the package."""
    import hashlib

    buffer = io.BytesIO()
    Image.new("L", (3, 2), 7).save(buffer, "PNG")
    data = buffer.getvalue()
    parts, offset = {}, 8
    while offset < len(data):
        length = int.from_bytes(data[offset : offset + 4], "big")
        parts[data[offset + 4 : offset + 8]] = data[offset + 8 : offset + 8 + length]
        assert zlib.crc32(data[offset + 4 : offset + 8 + length]).to_bytes(4, "big") in data
        offset += 12 + length
    text = b"aigc-hooks:content-1:png:"
    for kind in (b"IHDR", b"IDAT"):
        text += kind + parts[kind] + len(parts[kind]).to_bytes(8, "big")
    assert digest(data) == hashlib.sha256(text).digest()
    body = "Hällo\n".encode()
    text = b"aigc-hooks:content-1:markdown:TEXT" + body + len(body).to_bytes(8, "big")
    assert content.digest(io.BytesIO(b"---\na: 1\n---\n" + body), "Markdown") == hashlib.sha256(text).digest()
    assert content.digest(io.BytesIO(b"x"), "text") is None


@given(st.binary(max_size=200), st.sampled_from(sorted(content._SCHEMES)), st.integers(0, 60))
def test_hostile_bytes_are_digested_or_refused(data: bytes, carrier: str, kept: int) -> None:
    for start in _STARTS.values():
        try:
            content.digest(io.BytesIO(start[:kept] + data), carrier)
        except CarrierError:
            continue


_STARTS: dict[str, bytes] = {}
for _form in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF"):
    _buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(_buffer, _form)
    _STARTS[_form] = _buffer.getvalue()


@pytest.mark.parametrize("form", _STARTS)
def test_a_file_that_is_cut_anywhere_is_digested_or_refused(form: str) -> None:
    whole = _STARTS[form]
    name = read_label(whole).carrier
    complete = content.digest(io.BytesIO(whole), name)
    for end in range(len(whole)):
        try:
            found = content.digest(io.BytesIO(whole[:end]), name)
        except CarrierError:
            continue
        assert found != complete or end > len(whole) - 20


# Saved again


def test_a_file_saved_in_another_format_gets_its_own_digest(signing: Any, tmp_path: Path) -> None:
    provider = signing("es256")
    aigc_hooks.label(picture(), provider=provider).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        aigc_hooks.label(opened, provider=provider).save(tmp_path / "b.jpg", quality=50)
    aigc_hooks.label(tmp_path / "a.png", provider=provider, output=tmp_path / "c.webp")
    numbers = set()
    for name in ("a.png", "b.jpg", "c.webp"):
        found = verify(tmp_path / name, provider=provider)
        assert (found.status, found.content) == ("intact", "intact")
        numbers.add(found.label.produce_id)  # type: ignore[union-attr]
    assert len(numbers) == 1


def test_without_the_key_the_digest_of_other_content_is_dropped(
    signing: Any, provider: Provider, tmp_path: Path
) -> None:
    signer = signing()
    aigc_hooks.label(picture(), provider=signer).save(tmp_path / "a.png")
    aigc_hooks.label(tmp_path / "a.png", provider=provider, output=tmp_path / "b.jpg")
    found = verify(tmp_path / "b.jpg", provider=signer)
    assert (found.status, found.content) == ("intact", "not signed")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif"])
def test_a_converted_picture_keeps_the_signature_and_the_digest_only_where_it_holds(
    suffix: str, signing: Any, tmp_path: Path
) -> None:
    provider = signing()
    aigc_hooks.label(picture(), provider=provider).save(tmp_path / "a.png")
    aigc_hooks.convert(tmp_path / "a.png", tmp_path / f"b.{suffix}")
    found = verify(tmp_path / f"b.{suffix}", provider=provider)
    assert (found.status, found.content) == ("intact", "intact" if suffix == "png" else "not signed")


@pytest.mark.parametrize("suffix", ["flac", "mp3", "m4a"])
def test_a_converted_sound_likewise(suffix: str, signing: Any, tmp_path: Path, command: Callable[..., bytes]) -> None:
    provider = signing()
    path = tmp_path / "a.wav"
    command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "sine=frequency=777:duration=1", path)
    aigc_hooks.label(path, provider=provider)
    assert verify(path, provider=provider).content == "intact"
    aigc_hooks.convert(path, tmp_path / f"b.{suffix}")
    found = verify(tmp_path / f"b.{suffix}", provider=provider)
    assert (found.status, found.content) == ("intact", "not signed")


# Films


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "libx264"), ("mov", "libx264"), ("mkv", "libx264"), ("flv", "libx264"), ("avi", "mpeg4")],
)
def test_films(suffix: str, codec: str, signing: Any, tmp_path: Path, command: Callable[..., bytes]) -> None:
    provider = signing()
    path = tmp_path / f"a.{suffix}"
    source = "testsrc2=size=320x240:rate=10:duration=0.5"
    command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source, "-c:v", codec, path)
    aigc_hooks.label(path, provider=provider)
    found = verify(path, provider=provider)
    assert (found.status, found.content) == ("intact", "intact")
    data = bytearray(path.read_bytes())
    data[data.rfind(b"mdat") + 40 if suffix in ("mp4", "mov") else len(data) // 2] ^= 1
    assert verify(bytes(data), provider=provider).status == "altered"
    other = tmp_path / ("b.mkv" if suffix != "mkv" else "b.mp4")
    aigc_hooks.convert(path, other)
    found = verify(other, provider=provider)
    assert (found.status, found.content) == ("intact", "not signed")


def test_keys_rotate_by_their_ids(signing: Any, keys: Path, tmp_path: Path) -> None:
    old = signing("sm2", key_id="2025")
    aigc_hooks.label(picture(), provider=old).save(tmp_path / "a.png")
    new = signing("es256", key_id="2026", trusted={"2025": keys / "sm2.pub"})
    assert verify(tmp_path / "a.png", provider=new).key_id == "2025"
    aigc_hooks.label(picture(), provider=new).save(tmp_path / "b.png")
    assert verify(tmp_path / "b.png", provider=new).key_id == "2026"
    # What the old key signed and the new one's settings save again is the new one's.
    aigc_hooks.label(tmp_path / "a.png", provider=new, output=tmp_path / "c.webp")
    found = verify(tmp_path / "c.webp", provider=new)
    assert (found.status, found.content, found.key_id) == ("intact", "intact", "2026")
    assert found.label.produce_id == read_label(tmp_path / "a.png").label.produce_id  # type: ignore[union-attr]


def test_content_may_be_left_unsigned(signing: Any, tmp_path: Path) -> None:
    provider = signing(content=False)
    aigc_hooks.label(picture(), provider=provider).save(tmp_path / "a.png")
    aigc_hooks.save("Hello", tmp_path / "a.md", provider=provider)
    for name in ("a.png", "a.md"):
        found = verify(tmp_path / name, provider=provider)
        assert (found.status, found.content) == ("intact", "not signed")
        assert data_of(tmp_path / name).binding is None


def test_codes_of_others_stay_byte_for_byte(signing: Any, tmp_path: Path) -> None:
    provider = signing()
    for code in ("qwen+digest/==", "0123456789abcdef" * 2, "L-1/K-2", '{"SecurityData":{"Type":"Else"}}'):
        label = Label(
            content_producer="acme", produce_id="1", reserved_code1=code, content_propagator="b", propagate_id="2",
            reserved_code2=code,
        )  # fmt: skip
        path = tmp_path / "a.wav"
        soundfile.write(path, tone(), RATE)
        write_label(path, label)
        aigc_hooks.label(path, provider=provider)
        assert read_label(path).label == label
        found = verify(path, provider=provider)
        assert found.status == "unsigned"
        assert "cannot be checked here" in found.reasons[0]


def test_a_label_that_an_encoder_garbles_is_not_released(
    signing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aigc_hooks.saving import encoders

    made = aigc_hooks.label(picture(), provider=signing())
    monkeypatch.setitem(encoders.PLACES, "PNG", encoders.Place(lambda image, label: {}))
    with pytest.raises(LabelError, match="should hold the signed label once"):
        made.save(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_pictures_as_a_pdf_have_the_signed_label_without_a_digest(signing: Any, tmp_path: Path) -> None:
    provider = signing()
    made = aigc_hooks.label(picture(), provider=provider)
    made.save(tmp_path / "a.pdf")
    found = verify(tmp_path / "a.pdf", provider=provider)
    assert found.status == "intact"
    assert read_label(tmp_path / "a.pdf").label is not None
