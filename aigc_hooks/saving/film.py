"""Films on disk: the visible label is burnt into their pictures, everything else is copied (GB 45438-2025, 5.4).

The pictures are decoded, drawn on and encoded anew in their own codec, size, depth, colours and times. Sound,
subtitles, chapters, attachments and titles are copied packet by packet; the rotation and the shape of pixels stay told
as they were.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aigc_hooks.artifact import Drawable, Reading
from aigc_hooks.codecs import pyav
from aigc_hooks.errors import AIGCHooksError, CarrierError, UnsupportedCarrierError
from aigc_hooks.explicit.overlay import Form, Overlay
from aigc_hooks.explicit.video import as_picture
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider
from aigc_hooks.reading import read_label
from aigc_hooks.saving.manifests import keep_manifests
from aigc_hooks.saving.writing import write_label
from aigc_hooks.security.signing import bound
from aigc_hooks.styles import VideoStyle

MOST_PIXELS = 1 << 26
"""Largest picture that is decoded: 64 million pixels."""

_ENOUGH = 0.98
"""Share of the pictures or of the length told by the file that must arrive: less, and it was cut off."""

_FEW = 2
"""Pictures that may be told and not be there: some containers count an empty one."""

_SHORTEST = 1.0
"""Seconds by which a film may be shorter than it tells."""

_WITHOUT_DELAY = ("flv", "avi")
"""Containers that cannot tell that a picture is shown later than it is decoded without moving everything."""

_INTERLACED = 1 << 18 | 1 << 29
"""Flags of an encoder that keeps both fields of a picture: their transforms, and their motion."""


class _Encoder(NamedTuple):
    name: str
    options: dict[str, str]


# By codec: who encodes it here, at a quality at which one cannot see that it was done.
_ENCODERS = {
    "h264": _Encoder("libx264", {"crf": "18", "preset": "veryfast"}),
    "hevc": _Encoder("libx265", {"crf": "20", "preset": "veryfast", "x265-params": "log-level=error"}),
    "vp8": _Encoder("libvpx", {"crf": "8", "b": "8M", "deadline": "good", "cpu-used": "4"}),
    "vp9": _Encoder("libvpx-vp9", {"crf": "20", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"}),
    "av1": _Encoder("libsvtav1", {"crf": "24", "preset": "9", "svtav1-params": "tune=0"}),
    "mpeg4": _Encoder("mpeg4", {"qscale": "2"}),
    "mpeg2video": _Encoder("mpeg2video", {"qscale": "2"}),
    "mpeg1video": _Encoder("mpeg1video", {"qscale": "2"}),
    "mjpeg": _Encoder("mjpeg", {"qscale": "2"}),
    "prores": _Encoder("prores_ks", {}),
    "ffv1": _Encoder("ffv1", {}),
    "flv1": _Encoder("flv", {"qscale": "2"}),
    "h263": _Encoder("h263", {"qscale": "2"}),
}
# By suffix, as ffmpeg calls the container.
_CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".qt": "mov",
    ".3gp": "3gp",
    ".3g2": "3g2",
    ".mkv": "matroska",
    ".webm": "webm",
    ".flv": "flv",
    ".avi": "avi",
}


@dataclass
class Film(Drawable):
    """A film on its way from one file to another.

    Attributes:
        source: Where it comes from.
        target: Where it goes.
        reading: What it carries already.
        overlays: The label for each stream of pictures, by its number in the file; filled when it is rendered.
        style: Which pictures show it.
        first: The first picture of each stream, likewise.
    """

    source: Path
    target: Path
    reading: Reading
    overlays: dict[int, Overlay] = field(default_factory=dict)
    style: VideoStyle = field(default_factory=VideoStyle)
    first: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, source: Path, target: Path) -> Film:
        """Looks at a film.

        Raises:
            UnsupportedCarrierError: The target is named for another container, or for none that is known.
            CarrierError: It is damaged.
            OSError: It cannot be read.
        """
        if target.suffix.lower() != source.suffix.lower() or source.suffix.lower() not in _CONTAINERS:
            raise UnsupportedCarrierError(
                f"{target}: a film keeps its container, by its name one of {', '.join(_CONTAINERS)}, and the names are "
                f"{source.name!r} and {target.name!r}; name both alike"
            )
        return cls(source, target, read_label(source))

    def draw(self, provider: Provider) -> None:
        """Makes the label for its pictures.

        Raises:
            UnsupportedOutputError: The wording does not fit.
            CarrierError: It is damaged.
        """
        self.style = provider.video
        for index, frame, aspect in self._first():
            self.first[index] = frame
            self.overlays[index] = Overlay(_form(frame, aspect), as_picture(provider))

    def shows(self, provider: Provider) -> bool:
        """Whether the first picture of each stream shows the label where the settings put it."""
        return all(
            Overlay(_form(frame, aspect), as_picture(provider)).shows(_planar(frame))
            for _, frame, aspect in self._first()
        )

    def _first(self) -> Iterator[tuple[int, Any, float]]:
        """The first picture of each stream, and the shape of its pixels."""
        av = pyav.library()
        try:
            with av.open(str(self.source)) as container:
                for stream in pyav.pictures(container):
                    if stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
                        raise CarrierError(f"{self.source} tells a picture of more than {MOST_PIXELS} pixels")
                    container.seek(0)
                    frame = next(iter(container.decode(stream)), None)
                    if frame is None:
                        raise CarrierError(f"{self.source} holds no picture that can be decoded")
                    yield stream.index, frame, float(stream.sample_aspect_ratio or 1) or 1.0
        except av.error.FFmpegError as error:
            raise CarrierError(f"{self.source} is damaged: {error.strerror or error}") from error

    def save(self, label: Label | None, provider: Provider) -> None:
        """Writes the film, whole or not at all.

        Args:
            label: The implicit label; None where it goes without one.
            provider: Whose key signs.

        Raises:
            CarrierError: It is damaged, ends early, or is of a codec that cannot be encoded here.
            LabelError: The label did not arrive; the old file is as it was.
        """
        self.target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.target.parent, prefix=".aigc_hooks") as folder:
            made = self.source
            if self.overlays:
                keep_manifests(self.source, self.reading, provider.on_signed_content)
                made = Path(folder) / f"film{self.source.suffix.lower()}"
                av = pyav.library()
                try:
                    _burn(self, made)
                except AIGCHooksError:
                    raise
                except (av.error.FFmpegError, ValueError) as error:
                    raise CarrierError(f"{self.source} cannot be written anew: {error}") from error
            if label is not None:
                with made.open("rb") as stream:
                    label = bound(label, provider, stream, made)
                write_label(made, label, output=self.target, on_signed_content=provider.on_signed_content)
            elif made != self.source:
                made.replace(self.target)
            elif self.source != self.target:
                shutil.copyfile(self.source, self.target)


def opening(path: Path, styles: Sequence[Provider], seconds: float) -> tuple[Provider | None, float, bool]:
    """Which label the first picture of a film shows, and for how long it is seen.

    Args:
        path: The film.
        styles: The labels that are looked for.
        seconds: How much of the film is looked at, if it shows one.

    Returns:
        By whose settings it is; until when, in seconds from the start; and whether the film ends there.

    Raises:
        CarrierError: It is damaged, or holds no picture.
        UnsupportedCarrierError: PyAV is missing.
    """
    av = pyav.library()
    overlay: Overlay | None = None
    found: Provider | None = None
    begin = until = 0.0
    try:
        with av.open(str(path)) as container:
            stream = next(iter(pyav.pictures(container)), None)
            if stream is None or stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
                raise CarrierError(f"{path} holds no picture of at most {MOST_PIXELS} pixels")
            for frame in container.decode(stream):
                time = float(frame.time or 0)
                planar = _planar(frame)
                if overlay is None:
                    begin = time
                    form = _form(frame, float(stream.sample_aspect_ratio or 1) or 1.0)
                    looks = ((style, Overlay(form, style)) for style in styles)
                    found, overlay = next((look for look in looks if look[1].shows(planar)), (None, None))
                    if overlay is None:
                        return None, 0.0, False
                elif not overlay.shows(planar):
                    return found, time - begin, False
                until = time - begin + float((frame.duration or 0) * (frame.time_base or 0))
                if until >= seconds:
                    return found, until, False
    except av.error.FFmpegError as error:
        raise CarrierError(f"{path} is damaged: {error.strerror or error}") from error
    if overlay is None:
        raise CarrierError(f"{path} holds no picture that can be decoded")
    return found, until, True


def _burn(film: Film, target: Path) -> None:
    av = pyav.library()
    form = _CONTAINERS[film.source.suffix.lower()]
    with av.open(str(film.source)) as old, av.open(str(target), "w", format=form) as new:
        new.metadata.update({name: value for name, value in old.metadata.items() if name not in _MADE_ANEW})
        length = float(old.duration or 0) / 1_000_000
        painters = {
            index: _Painter(film, old.streams[index], new, overlay, length) for index, overlay in film.overlays.items()
        }
        copies = {
            stream.index: _copy_of(stream, new, film, old) for stream in old.streams if stream.index not in painters
        }
        if chapters := old.chapters():
            new.set_chapters(chapters)
        for packet in old.demux([stream for stream in old.streams if copies.get(stream.index, True) is not None]):
            if painter := painters.get(packet.stream.index):
                for made in painter.take(packet):
                    new.mux(made)
            elif packet.size and (copy := copies[packet.stream.index]) is not None:
                packet.stream = copy
                new.mux(packet)
        for painter in painters.values():
            for made in painter.end():
                new.mux(made)
            painter.check()


_MADE_ANEW = ("major_brand", "minor_version", "compatible_brands", "encoder", "AIGC")


def _copy_of(stream: Any, new: Any, film: Film, old: Any) -> Any:
    """The stream that a stream is copied to; None for what is written from other things that are kept.

    Raises:
        CarrierError: It would be lost.
    """
    if stream.type == "data" and (
        (stream.codec_context is None and "timecode" in {**old.metadata, **stream.metadata}) or old.chapters()
    ):
        return None  # timecodes and titles of chapters: the container makes their streams
    try:
        made = new.add_stream_from_template(stream)
    except (ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise CarrierError(
            f"{film.source}: its stream {stream.index} ({stream.type}) cannot be copied and would be lost ({error}); "
            "take it out first, or write_label() the implicit label alone"
        ) from error
    made.metadata.update(stream.metadata)
    made.disposition = stream.disposition
    return made


class _Painter:
    """One stream of pictures on its way."""

    def __init__(self, film: Film, old: Any, new: Any, overlay: Overlay, length: float) -> None:
        self._film = film
        self._old = old
        self._overlay = overlay
        self._length = length or float((old.duration or 0) * old.time_base)
        self._seen = 0
        self._last = -math.inf
        self._begin: float | None = None
        old.thread_type = "AUTO"
        self._stream = _encoder(film, old, new)

    def take(self, packet: Any) -> Iterator[Any]:
        """Takes a packet; yields those that are encoded."""
        for frame in packet.decode():
            yield from self._painted(frame)

    def end(self) -> Iterator[Any]:
        """Yields the last packets."""
        yield from self._stream.encode(None)

    def _painted(self, frame: Any) -> Iterator[Any]:
        self._seen += 1
        time = float(frame.time or 0)
        self._last = max(self._last, time)
        if frame.width != self._stream.width or frame.height != self._stream.height:
            raise CarrierError(f"{self._film.source} changes its size at {time:.3f} s; label it in parts")
        frame = _planar(frame, self._stream.pix_fmt)
        self._begin = time if self._begin is None else self._begin
        if _covered(time - self._begin, self._length, self._film.style):
            self._overlay.blend(frame)
        frame.pict_type = 0  # the encoder chooses its own key frames
        yield from self._stream.encode(frame)

    def check(self) -> None:
        """Refuses a film that ended before it should.

        Raises:
            CarrierError: It did, or held no picture.
        """
        told = self._old.frames
        short = self._seen < told * _ENOUGH - _FEW if told else self._last < (self._length - _SHORTEST) * _ENOUGH
        if not self._seen or short:
            raise CarrierError(
                f"{self._film.source} ends early, after {self._seen} pictures"
                + (f" of {told}" if told else f" and {self._last:.1f} of {self._length:.1f} s")
                + ": it was cut off, and is left as it was"
            )


def _covered(time: float, length: float, style: VideoStyle) -> bool:
    """Whether the picture at a time shows the label, in seconds from the start of a film of this length."""
    return (
        style.coverage == "throughout"
        or time < style.seconds
        or (style.middle and abs(time - length / 2) <= style.seconds / 2)
        or (style.end and time >= length - style.seconds)
    )


def _encoder(film: Film, old: Any, new: Any) -> Any:
    """The stream that pictures are encoded to, like the old one."""
    av = pyav.library()
    context = old.codec_context
    encoder = _ENCODERS.get(context.codec.canonical_name)
    name = context.name if encoder is None else encoder.name
    try:
        if encoder is None:
            raise ValueError(f"no encoder is known for {context.name}")
        codec = av.Codec(encoder.name, "w")
        stream = new.add_stream(encoder.name, rate=old.average_rate or old.guessed_rate, options=dict(encoder.options))
    except (ValueError, av.error.FFmpegError) as error:
        raise UnsupportedCarrierError(
            f"{film.source}: its pictures are {context.name}, for which there is no encoder here ({name}); convert the "
            "film first, for example with `ffmpeg -i in -c:v libx264 out.mp4`; write_label() writes the implicit label "
            "alone"
        ) from error
    made = stream.codec_context
    if _CONTAINERS[film.source.suffix.lower()] in _WITHOUT_DELAY:
        made.max_b_frames = 0
    stream.width, stream.height = context.width, context.height
    stream.pix_fmt = _pixels(context.format.name, codec)
    if "qscale" in encoder.options:
        made.qscale, made.global_quality = True, int(encoder.options["qscale"]) * 118
    stream.time_base = made.time_base = old.time_base
    made.sample_aspect_ratio = old.sample_aspect_ratio or 1
    for told in ("color_primaries", "color_trc", "colorspace", "color_range"):
        setattr(made, told, getattr(context, told))
    if context.codec_tag and encoder.name == "libx265":
        made.codec_tag = context.codec_tag
    first = film.first[old.index]
    if first.interlaced_frame:
        made.flags |= _INTERLACED
    for side in first.side_data:
        if getattr(side.type, "name", "") == "DISPLAYMATRIX":
            stream.set_display_matrix(_matrix(bytes(side)))
    stream.metadata.update({name: value for name, value in old.metadata.items() if name not in ("encoder", "rotate")})
    stream.disposition = old.disposition
    return stream


def _matrix(data: bytes) -> Any:
    import struct

    return struct.unpack("<9i", data[:36])


def _pixels(name: str, codec: Any) -> str:
    """The layout of planes that is encoded: the old one where the encoder and the label can do with it."""
    known = {each.name for each in codec.video_formats or ()}
    wide = "10" in name or "12" in name
    wishes = (name, "yuv420p10le", "yuv422p10le") if wide else (name, "yuv420p", "yuvj420p", "yuv422p", "yuv444p")
    wish = next((each for each in wishes if _is_planar(each) and (not known or each in known)), None)
    if wish is None:
        raise UnsupportedCarrierError(f"no layout of pictures like {name} can be encoded by {codec.name}")
    return wish


def _is_planar(name: str) -> bool:
    """Whether brightness has a plane of its own, whole and before those of colour."""
    return name.startswith(("yuv4", "yuvj4", "yuva4", "gray")) and not name.endswith(("be", "gray8a"))


def _planar(frame: Any, wish: str | None = None) -> Any:
    """A frame in planes that can be drawn on."""
    name = frame.format.name
    if (wish is None and _is_planar(name)) or name == wish:
        return frame
    time_base, pts = frame.time_base, frame.pts
    made = frame.reformat(format=wish or "yuv420p")
    made.pts, made.time_base = pts, time_base
    return made


def _form(frame: Any, aspect: float) -> Form:
    planar = _planar(frame)
    parts = planar.format.components
    halved = (False, False)
    if len(parts) > 1:
        halved = parts[1].width < planar.width, parts[1].height < planar.height
    full = planar.format.name.startswith("yuvj") or int(frame.color_range or 0) == 2
    rotation = round(frame.rotation) % 360
    bits = parts[0].bits
    return Form(frame.width, frame.height, rotation, aspect, bits, halved, full, int(frame.color_trc or 0))
