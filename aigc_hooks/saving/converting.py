"""convert: another format, the same label. What others convert loses it; this carries it over and reads it back."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from aigc_hooks.codecs import pyav
from aigc_hooks.errors import AIGCHooksError, CarrierError, LabelError, UnsupportedCarrierError
from aigc_hooks.labels import Label
from aigc_hooks.reading import carrier_of, read_label
from aigc_hooks.saving import recordings
from aigc_hooks.saving.manifests import keep_manifests
from aigc_hooks.saving.writing import write_label
from aigc_hooks.security.signing import kept

_COMMON_RATE = 48_000
_RATES = {
    ".opus": pyav.OPUS_RATES,
    ".mp3": (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000),
    ".aac": pyav.AAC_RATES,
    ".m4a": pyav.AAC_RATES,
}
"""Samples a second that formats can have; the others have any."""


def convert(source: str | os.PathLike[str], target: str | os.PathLike[str], **params: Any) -> Path:
    """Writes a labelled picture, sound or film in another format, with its implicit label (Measures, article 10).

    The visible or audible label is part of the content and comes along. The implicit one keeps all its values, whoever
    wrote it, and its signature; the signed digest of content that is not the same any more goes. Pictures and sounds
    are encoded anew, a sound at 48,000 samples a second where the format cannot have its own rate; the streams of a
    film are copied into the other container. A C2PA manifest stays behind, with a warning.

    Args:
        source: The file.
        target: Where it goes; the suffix tells the format.
        **params: For a picture, arguments of Pillow's saver for the format, such as ``quality``; for a sound, those of
            ``save``, such as ``subtype`` or ``bitrate``.

    Returns:
        The path of the new file.

    Raises:
        LabelError: The file has no implicit label, or several that differ: ``label()`` it first.
        UnsupportedCarrierError: The other format has no place for the label, or cannot hold the content.
        CarrierError: The file is damaged.
        OSError: A file cannot be read or written; an old target is as it was.
    """
    old, new = Path(source), Path(target)
    label = _label(old)
    carrier = carrier_of(old)
    medium = carrier.medium if carrier is not None else ""
    written: Callable[[Path, Path, dict[str, Any]], None]
    if medium == "image":
        written = _picture
    elif recordings.is_sound(old):
        written = _sound
    elif medium == "video":
        written = _film
    else:
        raise UnsupportedCarrierError(f"{old}: pictures, sounds and films are converted, and it is none")
    if not new.parent.is_dir():
        raise FileNotFoundError(2, "its folder does not exist", str(new))
    with tempfile.TemporaryDirectory(dir=new.parent, prefix=".aigc_hooks") as folder:
        made = Path(folder) / new.name
        try:
            written(old, made, params)
            with made.open("rb") as stream:
                label = kept(label, stream, made)
            return write_label(made, label, output=new)
        except AIGCHooksError as error:  # which is to name the file that was asked for
            error.args = (str(error).replace(str(made), str(new)), *error.args[1:])
            raise


def _label(path: Path) -> Label:
    labels = {finding.label for finding in read_label(path).findings if finding.label is not None}
    if len(labels) != 1:
        what = "no implicit label" if not labels else f"{len(labels)} labels that differ"
        raise LabelError(f"{path} has {what}, and there is nothing to carry over: label() it first", stage="detect")
    return labels.pop()


def _picture(source: Path, target: Path, params: dict[str, Any]) -> None:
    from aigc_hooks.saving.files import PictureFile

    file = PictureFile.open(source, target)
    if file.format in ("JPEG", "MPO"):  # which has neither palettes nor transparency, of which there may be none
        plain = ("L", "RGB", "CMYK")
        file.frames = [
            frame if frame.mode in plain or frame.has_transparency_data else frame.convert("RGB")
            for frame in file.frames
        ]
    elif file.format not in ("TIFF", "PDF") and any(frame.mode == "CMYK" for frame in file.frames):
        file.frames = [_on_screen(frame) for frame in file.frames]
        file.arguments.pop("icc_profile", None)  # which is one of printing inks
    file.arguments.update(params)
    file.save("warn")


def _on_screen(frame: Any) -> Any:
    """A picture of printing inks in the colours of screens, by its profile where that can be used."""
    if frame.mode != "CMYK":
        return frame
    from PIL import ImageCms

    made = frame.convert("RGB")
    made.info.pop("icc_profile", None)
    if profile := frame.info.get("icc_profile"):
        with suppress(ImageCms.PyCMSError, OSError):
            screen = ImageCms.createProfile("sRGB")
            made.paste(ImageCms.profileToProfile(frame, BytesIO(profile), screen, outputMode="RGB"))
    return made


def _sound(source: Path, target: Path, params: dict[str, Any]) -> None:
    from aigc_hooks.saving import sound

    recording = recordings.Recording.open(source, source)
    keep_manifests(source, recording.reading, "warn")
    samples, rate = recording.samples, recording.rate
    if rate not in _RATES.get(target.suffix.lower(), (rate,)):
        samples, rate = pyav.resampled(samples, rate, _COMMON_RATE), _COMMON_RATE
    sound.save(samples, target, rate, params)


def _film(source: Path, target: Path, params: dict[str, Any]) -> None:
    if params:
        raise TypeError(f"the streams of a film are copied: convert() takes no {', '.join(params)}= for one")
    keep_manifests(source, read_label(source), "warn")
    av = pyav.library()
    try:
        with av.open(str(source)) as old, av.open(str(target), "w") as new:
            new.metadata.update({name: value for name, value in old.metadata.items() if name != "AIGC"})
            streams = {stream.index: _copied(new, stream) for stream in old.streams}
            if chapters := old.chapters():
                new.set_chapters(chapters)
            for packet in old.demux():
                stream = streams[packet.stream.index]
                if packet.size and stream is not None:
                    packet.stream = stream
                    new.mux(packet)
    except (ValueError, av.error.FFmpegError) as error:
        if isinstance(error, CarrierError):
            raise
        raise UnsupportedCarrierError(
            f"{source} cannot become {target.suffix}: {error}. Its streams are copied, and another container may not "
            "hold them; encode them first, for example with ffmpeg, and write_label() the result"
        ) from error


def _copied(new: Any, stream: Any) -> Any:
    """The stream that a stream is copied to; None for chapters and timecodes, which are written otherwise."""
    if stream.type == "data":
        return None
    made = new.add_stream_from_template(stream)
    made.metadata.update({name: value for name, value in stream.metadata.items() if name != "encoder"})
    made.disposition = stream.disposition
    return made
