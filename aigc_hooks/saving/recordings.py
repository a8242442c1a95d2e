"""Sound files: the explicit label in their samples, the implicit one where their format has its place."""

from __future__ import annotations

import io
import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_hooks.artifact import Reading
from aigc_hooks.codecs import m4a, pyav
from aigc_hooks.codecs.adts import ADTS
from aigc_hooks.codecs.mp3 import MP3, behind_tags
from aigc_hooks.codecs.opus import Opus
from aigc_hooks.errors import CarrierError, LabelError, UnsupportedCarrierError
from aigc_hooks.implicit import mp4, mpeg, riff
from aigc_hooks.labels import FIELD_NAME, Label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider
from aigc_hooks.reading import carrier_of, read_label
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.manifests import keep_manifests
from aigc_hooks.saving.writing import write_label
from aigc_hooks.security.signing import bound

_HEAD = 64
_TAGGED = 1 << 20
_BLOCK = 1 << 20

MAX_SAMPLES = 1 << 31
"""Most samples, of all channels together, of a file that is decoded: half a day of stereo at 24 kHz."""

# Chunks that hold the samples, say how they are laid, or are filling; texts about the sound are copied. Of a C2PA
# manifest it is said before it is lost.
_KEPT_CHUNKS = frozenset(
    (b"fmt ", b"data", b"fact", b"ds64", b"LIST", b"PEAK", b"JUNK", b"PAD ", b"FLLR", b"AIGC", b"C2PA")
)
_RIFF = ("WAV", "WAVEX", "RF64")
_PLAIN = (*_RIFF, "AIFF")
_SPLICED: dict[str, type[MP3 | ADTS | Opus]] = {"MPEG_LAYER_III": MP3, "AAC": ADTS, "OPUS": Opus}
"""Codecs beside whose content an encoded label can be put, by soundfile's names of them."""

_INTEGERS = {"PCM_U8": "int16", "PCM_S8": "int16", "PCM_16": "int16", "ULAW": "int16", "ALAW": "int16"}
_WIDE = {"PCM_24": "int32", "PCM_32": "int32", "DOUBLE": "float64"}


def is_sound(path: Path) -> bool:
    """Whether a file is a sound alone, in a format that holds the label.

    Raises:
        UnsupportedCarrierError: Its format is known and cannot hold it.
        CarrierError: It is damaged.
        OSError: It cannot be opened.
    """
    carrier = carrier_of(path)
    if carrier is None or carrier.medium not in ("audio", "video"):
        return False
    return carrier.medium == "audio" or not pyav.has_pictures(path)


@dataclass
class Recording:
    """A sound on its way from one file to another.

    Attributes:
        source: Where it comes from.
        target: Where it goes.
        samples: (N,) or (N,C), integers where the file holds such.
        rate: Samples a second.
        reading: What it carries already.
        form: Container, encoding and byte order, as soundfile names them.
    """

    source: Path
    target: Path
    samples: Any
    rate: int
    reading: Reading
    form: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, source: Path, target: Path) -> Recording:
        """Decodes a file.

        Raises:
            UnsupportedCarrierError: Its format cannot be decoded or encoded here, or the target is named for another.
            CarrierError: It is damaged, is empty, or holds what would be lost.
            OSError: It cannot be read.
        """
        reading = read_label(source)
        if target.suffix.lower() != source.suffix.lower():
            raise UnsupportedCarrierError(
                f"{target}: a sound file keeps its format, and the copy is named {target.suffix!r}, not "
                f"{source.suffix!r}; to convert it use save(samples, path, rate=…)"
            )
        by_pyav = _kind(source)
        if by_pyav == "M4A":
            m4a.check(source)  # refuses what it cannot label, before it is decoded
        samples, rate, form = _decoded_by_pyav(source, by_pyav) if by_pyav else _decoded(source)
        _refuse_losses(source)
        return cls(source, target, samples, rate, reading, form)

    def save(self, samples: Any, label: Label | None, provider: Provider) -> None:
        """Writes the file with other samples and its label, whole or not at all; tags are kept.

        Args:
            samples: Its samples as they are now.
            label: Its label, or None.
            provider: Whose key signs.

        Raises:
            LabelError: The label did not arrive; the old file is as it was.
        """
        if samples is self.samples:  # nothing to encode anew
            if label is not None:
                with self.source.open("rb") as stream:
                    label = bound(label, provider, stream)
                write_label(self.source, label, output=self.target, on_signed_content=provider.on_signed_content)
            elif self.source != self.target:
                shutil.copyfile(self.source, self.target)
            return
        keep_manifests(self.source, self.reading, provider.on_signed_content)
        spliced = _SPLICED.get(self.form["subtype"])
        if self.form["format"] == "M4A":
            made = self._packed(samples, label)
        elif spliced is not None:
            made = self._spliced(spliced, samples, label)
        else:
            made = self._encoded(samples, label)
        if label is not None and (signed := bound(label, provider, io.BytesIO(made))) != label:
            buffer, label = io.BytesIO(made), signed
            _embed(buffer, label)
            made = buffer.getvalue()
        with replacing(self.target, durable=True) as target:
            target.write(made)
        if label is not None and [finding.label for finding in read_label(self.target).findings] != [label]:
            raise LabelError(f"the label did not arrive in {self.target}", stage="read_back")

    def _parts(self, samples: Any) -> tuple[Any, Any]:
        """What stands before the content and behind it: (N,C) each, of which one may be empty."""
        import numpy

        content = len(self.samples)
        more = len(samples) - content
        if numpy.array_equal(samples[more:], self.samples):
            begin = more
        else:
            begin = 0 if numpy.array_equal(samples[:content], self.samples) else more // 2
        return samples[:begin], samples[begin + content :]

    def _spliced(self, codec: type[MP3 | ADTS | Opus], samples: Any, label: Label | None) -> bytes:
        """The file with encoded labels beside its content, which is not encoded anew: it would lose by it."""
        sound = codec.open(self.source.read_bytes(), True)
        if sound is None:
            raise CarrierError(f"{self.source} has no frame that can be read")
        sound.rate = self.rate
        start, end = (sound.encoded(part) if len(part) else b"" for part in self._parts(samples))
        return sound.spliced(start, end, label)

    def _packed(self, samples: Any, label: Label | None) -> bytes:
        start, end = (part if len(part) else None for part in self._parts(samples))
        made = io.BytesIO(m4a.spliced(self.source, self.rate, start, end))
        _copy_tags(self.source, made)
        if label is not None:
            _embed(made, label)
        return made.getvalue()

    def _encoded(self, samples: Any, label: Label | None) -> bytes:
        """The file encoded anew: its encoding loses nothing, or cannot be joined."""
        import soundfile

        made = io.BytesIO()
        with (
            soundfile.SoundFile(self.source) as old,
            soundfile.SoundFile(
                made, "w", samplerate=self.rate, channels=1 if samples.ndim == 1 else samples.shape[1], **self.form
            ) as file,
        ):
            for name, value in old.copy_metadata().items():
                if self.form["format"] in _PLAIN:
                    setattr(file, name, value)
            file.write(samples)
        if self.form["format"] not in _RIFF:  # whose tags are chunks, and have been looked at
            _copy_tags(self.source, made)
        if label is not None:
            _embed(made, label)
        return made.getvalue()


def _kind(path: Path) -> str:
    """``"AAC"`` or ``"M4A"``, which libsndfile does not know; empty for others."""
    with path.open("rb") as file:
        head = file.read(_TAGGED)
    if mp4.CARRIER.sniff(head[:_HEAD]):
        return "M4A"
    begin = behind_tags(head)
    return "AAC" if mpeg.AAC.sniff(head[begin : begin + _HEAD]) else ""


def _decoded(source: Path) -> tuple[Any, int, dict[str, Any]]:
    """Samples, rate and form of a file, by libsndfile."""
    try:
        import soundfile
    except ImportError as error:
        raise UnsupportedCarrierError(
            f"{source}: sound is decoded with soundfile: pip install 'aigc-hooks[audio]'"
        ) from error
    form: dict[str, Any] = {}
    try:
        with soundfile.SoundFile(source) as file:
            dtype = _INTEGERS.get(file.subtype) or _WIDE.get(file.subtype, "float32")
            form = {"format": file.format, "subtype": file.subtype, "endian": file.endian}
            rate = int(file.samplerate)
            return _joined((file.read(_BLOCK, dtype=dtype) for _ in itertools.count()), source), rate, form
    except soundfile.LibsndfileError as error:
        if form.get("format") == "FLAC":  # streamed, without its length, which libsndfile wants to know
            return (*_decoded_by_pyav(source, "FLAC")[:2], form)
        raise UnsupportedCarrierError(
            f"{source} cannot be decoded here ({error.error_string}); write_label() writes the implicit label alone"
        ) from error


def _decoded_by_pyav(source: Path, kind: str) -> tuple[Any, int, dict[str, Any]]:
    """The same, by PyAV."""
    rates: set[int] = set()

    def parts() -> Iterator[Any]:
        for samples, rate in pyav.blocks(source):
            rates.add(rate)
            if len(rates) > 1:
                raise UnsupportedCarrierError(f"{source} changes its rate on its way; label it in parts")
            yield samples

    samples = _joined(parts(), source)
    if samples.ndim == 2 and samples.shape[1] == 1:
        samples = samples[:, 0]
    return samples, rates.pop(), {"format": kind, "subtype": kind}


def _joined(blocks: Iterator[Any], source: Path) -> Any:
    """All samples, block by block: what a file says of its length is not to be believed."""
    import numpy

    parts, count = [], 0
    for block in blocks:
        if not len(block):
            break
        count += block.size
        if count > MAX_SAMPLES:
            raise CarrierError(f"{source} has more than {MAX_SAMPLES} samples; label it in parts")
        parts.append(block)
    if not parts:
        raise CarrierError(f"{source} holds no sound")
    return numpy.concatenate(parts)


def _refuse_losses(path: Path) -> None:
    """Refuses a WAV file with chunks that no copy of it would have, such as cue points."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if not riff.WAV.sniff(head):
            return
        lost = sorted(kind.decode("latin-1").strip() for kind in riff.kinds(file) - _KEPT_CHUNKS)
    if lost:
        raise CarrierError(
            f"{path} holds {', '.join(lost)} chunks, which would be lost or would point to other places behind the "
            "label; label the samples and write them by other means, or write_label() the implicit label alone"
        )


def _embed(made: io.BytesIO, label: Label) -> None:
    head = made.getvalue()[:_HEAD]
    carrier = next(each for each in hooks().carriers if each.sniff(head))
    assert carrier.write is not None
    source = io.BytesIO(made.getvalue())
    made.seek(0)
    carrier.write(source, made, label.to_json())
    made.truncate()


def _copy_tags(source: Path, made: io.BytesIO) -> None:
    """Copies the tags of MP3, FLAC, Ogg and AIFF files, pictures included, except labels."""
    import mutagen

    made.seek(0)
    try:
        old, new = mutagen.File(source), mutagen.File(made)
    except mutagen.MutagenError as error:
        raise CarrierError(f"the tags of {source} cannot be read, and would be lost: {error}") from error
    if old is None or new is None or old.tags is None or type(old) is not type(new):
        return
    if new.tags is None:
        new.add_tags()
    for name in list(old.tags.keys()):
        if FIELD_NAME not in name.upper().split(":"):
            new.tags[name] = old.tags[name]
    for picture in getattr(old, "pictures", ()):
        new.add_picture(picture)
    made.seek(0)
    new.save(made)
