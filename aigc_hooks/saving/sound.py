"""Saves labelled sound, and puts its label into files that others have just written."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from aigc_hooks import sounds
from aigc_hooks.artifact import AuditRecord
from aigc_hooks.codecs import pyav
from aigc_hooks.errors import LabelError, UnsupportedCarrierError
from aigc_hooks.explicit.samples import INTEGER_RANGE
from aigc_hooks.implicit import riff
from aigc_hooks.labels import Label
from aigc_hooks.media import is_tensor, time_axis
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, active
from aigc_hooks.reading import read_label, read_stream
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.leaving import is_recorded
from aigc_hooks.saving.writing import write_label
from aigc_hooks.security.signing import bound, unbound

Found = tuple[Label, Provider]


def embed(found: Found, file: Any, form: str, modality: str = "audio") -> None:
    """Puts the label into a file that was just written.

    Args:
        found: The label, and whose it is.
        file: A path, or a seekable binary file object that stays open.
        form: Name of its format.
        modality: What it holds, for the audit record.

    Raises:
        LabelError: It did not arrive.
    """
    label, provider = found
    path = Path(os.fsdecode(file)) if isinstance(file, (str, bytes, os.PathLike)) else None
    if path is None and form not in ("WAV", "WAVEX") and not file.readable():
        path = path_of(file)
    label = _bound(label, provider, file, path)
    if path is not None and form in ("WAV", "WAVEX"):
        with path.open("r+b") as opened:
            riff.append(opened, label.to_json())
    elif path is not None:
        write_label(path, label)
    elif form in ("WAV", "WAVEX"):
        riff.append(file, label.to_json())
    else:
        _rewrite(file, label)
    if path is not None or (file.readable() and file.seekable()):
        _check(file, path, label)
    if not is_recorded(label):
        record = AuditRecord.now("labelled", modality, source="save", label=label, places=[f"{form} file"])
        hooks(provider).audit(record, provider)


def path_of(file: Any) -> Path:
    """The path of a file that is open for writing only.

    Raises:
        LabelError: It has none.
    """
    name = getattr(file, "name", None)
    if isinstance(name, (str, Path)) and Path(name).is_file():
        file.flush()
        return Path(name)
    raise LabelError(
        f"{file!r} cannot be read again, and so the implicit label cannot be put there; write to a path or io.BytesIO",
        stage="save",
    )


def _bound(label: Label, provider: Provider, file: Any, path: Path | None) -> Label:
    if path is not None:
        with path.open("rb") as stream:
            return bound(label, provider, stream)
    # What cannot be read has no digest: its label is signed without.
    return bound(label, provider, file) if file.readable() and file.seekable() else unbound(label)


def _rewrite(file: Any, label: Label) -> None:
    """A file object whose format has no room at its end."""
    file.seek(0)
    source, made = io.BytesIO(file.read()), io.BytesIO()
    head = source.getvalue()[:64]
    carrier = next((each for each in hooks().carriers if each.sniff(head)), None)
    if carrier is None or carrier.write is None:
        raise UnsupportedCarrierError("what was written has no place for the implicit label; choose another format")
    carrier.write(source, made, label.to_json())
    file.seek(0)
    file.write(made.getvalue())
    file.truncate()


def _check(file: Any, path: Path | None, label: Label) -> None:
    if path is not None:
        findings = read_label(path).findings
    else:
        file.seek(0)
        findings = read_stream(file).findings
        file.seek(0, 2)
    if [finding.label for finding in findings] != [label]:
        raise LabelError(f"the label did not arrive in {path or 'the file'}", stage="read_back")


def refuse(found: Found, form: str, target: Any) -> None:
    """What saving labelled sound in a format without a place for the label does: raises, or warns where that is set.

    Raises:
        UnsupportedCarrierError: The settings do not allow it.
    """
    import warnings

    label, provider = found
    settings = active(provider)
    message = (
        f"{target}: a {form} file has no place for the implicit label of generated sound; choose one that has: WAV, "
        "FLAC, OGG, MP3"
    )
    if settings.on_unsupported_carrier == "raise":
        raise UnsupportedCarrierError(message)
    warnings.warn(f'{message} (on_unsupported_carrier = "warn")', stacklevel=4)
    hooks(settings).audit(
        AuditRecord.now("unsupported-carrier", "audio", source="save", label=label, reason=message), settings
    )


# Formats by the suffix of a file's name: soundfile's names of the container and, where it is not the usual, the codec.
_SUFFIXES: dict[str, tuple[str, str | None]] = {
    ".wav": ("WAV", None),
    ".flac": ("FLAC", None),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", None),
    ".aiff": ("AIFF", None),
    ".aif": ("AIFF", None),
    ".m4a": ("M4A", None),
    ".aac": ("AAC", None),
}
# Those that libsndfile does not know, by ffmpeg's names.
_BY_PYAV = {"M4A": "ipod", "AAC": "adts"}


def holds(path: Path) -> bool:
    """Whether a file of this name is sound."""
    return path.suffix.lower() in _SUFFIXES


def known(samples: Any, rate: int) -> Provider | None:
    """The provider whose label sound carries; None if it carries none that was made here."""
    try:
        found = sounds.label_of(samples, rate)
    except LabelError:
        return None
    return found[1] if found else None


def save(samples: Any, path: Path, rate: int, params: dict[str, Any]) -> Path:
    """Writes labelled sound to a file, whole or not at all.

    Raises:
        UnsupportedCarrierError: The suffix names no format that holds the label, or soundfile is missing.
        LabelError: It is several sounds.
    """
    form, subtype = _SUFFIXES.get(path.suffix.lower(), ("", None))
    if not form:
        raise UnsupportedCarrierError(
            f"{path}: sound is saved as {', '.join(_SUFFIXES)}, and the suffix is {path.suffix!r}; choose for example "
            f"{path.with_suffix('.wav').name!r}"
        )
    values = _values(samples)
    made = _by_pyav(values, rate, form, params) if form in _BY_PYAV else io.BytesIO()
    if form not in _BY_PYAV:
        try:
            import soundfile
        except ImportError as error:
            raise UnsupportedCarrierError("sound is saved with soundfile: pip install 'aigc-hooks[audio]'") from error
        try:
            soundfile.write(made, values, rate, format=form, **{"subtype": subtype, **params})
        except soundfile.LibsndfileError as error:
            reason = error.error_string.removeprefix("Error : ")
            raise UnsupportedCarrierError(
                f"{path}: {values.shape[1] if values.ndim > 1 else 1} channels at {rate} samples a second cannot be "
                f"written as {subtype or form}: {reason} Convert the sound, or choose "
                f"{path.with_suffix('.wav').name!r}"
            ) from error
    with replacing(path) as file:
        file.write(made.getvalue())
    return path


def _values(samples: Any) -> Any:
    """One sound as (N,) or (N,C): integers, or floating point in −1–1.

    Raises:
        LabelError: It is several sounds.
    """
    import numpy

    if is_tensor(samples):
        samples = samples.detach().cpu()
        samples = (samples.float() if samples.is_floating_point() else samples).numpy()
    values = numpy.asarray(samples)
    while values.ndim > 1 and values.shape[0] == 1:
        values = values[0]
    if values.ndim > 2:
        raise LabelError(f"sounds of shape {values.shape} are several; save each on its own", stage="save")
    if values.ndim == 2 and time_axis(values) == 1:
        values = values.T
    if values.dtype.kind == "f" and float(numpy.abs(values).max()) > INTEGER_RANGE:  # in the range of 16-bit integers
        values = values.round().clip(-32768, 32767).astype(numpy.int16)
    elif values.dtype == numpy.float16:  # which no encoder takes
        values = values.astype(numpy.float32)
    elif values.dtype == numpy.uint8:
        values = (values.astype(numpy.int16) - 128) * 256
    elif values.dtype == numpy.int8:
        values = values.astype(numpy.int16) * 256
    return values


def as_columns(samples: Any) -> Any:
    """One sound as (N,C) float32 in −1–1.

    Raises:
        LabelError: It is several sounds.
    """
    values = _floats(_values(samples))
    return values.reshape(len(values), -1)


def _floats(values: Any) -> Any:
    scale = 32768 if values.dtype.kind == "i" and values.dtype.itemsize == 2 else 2.0**31
    return (values.astype("float32") / (scale if values.dtype.kind == "i" else 1)).clip(-1, 1)


def _by_pyav(values: Any, rate: int, form: str, params: dict[str, Any]) -> io.BytesIO:
    """AAC, alone or in MP4, with its label."""
    bitrate = params.pop("bitrate", None)
    if params:
        raise TypeError(f"a sound saved as {form} takes bitrate=, in bits a second, and no {', '.join(params)}=")
    made = io.BytesIO(pyav.aac(_floats(values), rate, _BY_PYAV[form], bitrate))
    if (found := sounds.label_of(values, rate)) is not None:
        embed(found, made, form)
    return made
