"""Sound files: the explicit label in their samples, the implicit one where their format has its place."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_hooks.artifact import Finding
from aigc_hooks.errors import CarrierError, LabelError, UnsupportedCarrierError
from aigc_hooks.implicit import riff
from aigc_hooks.labels import FIELD_NAME, Label
from aigc_hooks.plugins import hooks
from aigc_hooks.reading import read_label
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.writing import write_label

_HEAD = 64
_BLOCK = 1 << 20

MAX_SAMPLES = 1 << 31
"""Most samples, of all channels together, of a file that is decoded: half a day of stereo at 24 kHz."""

# Chunks that hold the samples, say how they are laid, or are filling; texts about the sound are copied.
_KEPT_CHUNKS = frozenset((b"fmt ", b"data", b"fact", b"ds64", b"LIST", b"PEAK", b"JUNK", b"PAD ", b"FLLR", b"AIGC"))
_INTEGERS = {"PCM_U8": "int16", "PCM_S8": "int16", "PCM_16": "int16", "ULAW": "int16", "ALAW": "int16"}
_WIDE = {"PCM_24": "int32", "PCM_32": "int32", "DOUBLE": "float64"}


def is_sound(path: Path) -> bool:
    """Whether a file is a sound or film by its first bytes, in a format that holds the label or is refused for that.

    Raises:
        OSError: It cannot be opened.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return any(carrier.sniff(head) and (carrier.write or carrier.refusal) for carrier in hooks().carriers)


@dataclass
class Recording:
    """A sound on its way from one file to another.

    Attributes:
        source: Where it comes from.
        target: Where it goes.
        samples: (N,) or (N,C), integers where the file holds such.
        rate: Samples a second.
        findings: The implicit labels that it carries already.
        form: Container, encoding and byte order, as soundfile names them.
    """

    source: Path
    target: Path
    samples: Any
    rate: int
    findings: list[Finding]
    form: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, source: Path, target: Path) -> Recording:
        """Decodes a file.

        Raises:
            UnsupportedCarrierError: Its format cannot be decoded or encoded here, or the target is named for another.
            CarrierError: It is damaged, is empty, or holds what would be lost.
            OSError: It cannot be read.
        """
        findings = read_label(source).findings
        try:
            import numpy
            import soundfile
        except ImportError as error:
            raise UnsupportedCarrierError(
                f"{source}: sound is decoded with soundfile: pip install 'aigc-hooks[audio]'"
            ) from error
        if target.suffix.lower() != source.suffix.lower():
            raise UnsupportedCarrierError(
                f"{target}: a sound file keeps its format, and the copy is named {target.suffix!r}, not "
                f"{source.suffix!r}; to convert it use save(samples, path, rate=…)"
            )
        try:
            with soundfile.SoundFile(source) as file:
                dtype = _INTEGERS.get(file.subtype) or _WIDE.get(file.subtype, "float32")
                form = {"format": file.format, "subtype": file.subtype, "endian": file.endian}
                blocks, count = [], 0
                # Block by block: what a file says of its length is not to be believed.
                while len(block := file.read(_BLOCK, dtype=dtype)):
                    count += block.size
                    if count > MAX_SAMPLES:
                        raise CarrierError(f"{source} has more than {MAX_SAMPLES} samples; label it in parts")
                    blocks.append(block)
                rate = int(file.samplerate)
        except soundfile.LibsndfileError as error:
            raise UnsupportedCarrierError(
                f"{source} cannot be decoded here ({error.error_string}); write_label() writes the implicit label alone"
            ) from error
        if not blocks:
            raise CarrierError(f"{source} holds no sound")
        _refuse_losses(source)
        return cls(source, target, numpy.concatenate(blocks), rate, list(findings), form)

    def save(self, samples: Any, label: Label | None) -> None:
        """Writes the file with other samples and its label, whole or not at all; tags are kept.

        Raises:
            LabelError: The label did not arrive; the old file is as it was.
        """
        if label is not None and samples is self.samples:  # nothing to encode anew
            write_label(self.source, label, output=self.target)
            return
        import soundfile

        made = io.BytesIO()
        with (
            soundfile.SoundFile(self.source) as old,
            soundfile.SoundFile(
                made, "w", samplerate=self.rate, channels=1 if samples.ndim == 1 else samples.shape[1], **self.form
            ) as file,
        ):
            for name, value in old.copy_metadata().items():
                if self.form["format"] in ("WAV", "WAVEX", "RF64", "AIFF"):
                    setattr(file, name, value)
            file.write(samples)
        _copy_tags(self.source, made)
        if label is not None:
            _embed(made, label)
        with replacing(self.target, durable=True) as target:
            target.write(made.getvalue())
        if label is not None and [finding.label for finding in read_label(self.target).findings] != [label]:
            raise LabelError(f"the label did not arrive in {self.target}", stage="read_back")


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
    old, new = mutagen.File(source), mutagen.File(made)
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
