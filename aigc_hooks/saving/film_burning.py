"""Burns the labels into a film, packet by packet; what is neither drawn on nor spoken over is copied."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aigc_hooks.codecs import pyav
from aigc_hooks.errors import CarrierError
from aigc_hooks.explicit.overlay import Overlay
from aigc_hooks.saving.film_clock import Clock
from aigc_hooks.saving.film_encoders import add_pictures, container_of, counts, layout_of
from aigc_hooks.saving.film_frames import in_planes
from aigc_hooks.saving.film_sound import Sounding, Track
from aigc_hooks.saving.film_splicing import Plan, Splicer, plan
from aigc_hooks.styles import VideoStyle

Progress = Callable[[float], object]
"""Is told how much of a film is done, from 0 to 1."""

_ENOUGH = 0.98
"""Share of the pictures or of the length told by the file that must arrive: less, and it was cut off."""

_FEW = 2
"""Pictures that may be told and not be there: some containers count an empty one."""

_SHORTEST = 1.0
"""Seconds by which a film may be shorter than it tells."""

_MADE_ANEW = ("major_brand", "minor_version", "compatible_brands", "encoder", "AIGC")

_STEP = 0.01
"""By how much more must be done before it is told."""


@dataclass
class Labels:
    """What is burnt into a film, each by the number of its stream in the file.

    Attributes:
        overlays: The label for each stream of pictures.
        first: The first picture of each, as it was.
        sounds: The label for each track of sound.
        style: Which pictures show it.
    """

    overlays: dict[int, Overlay] = field(default_factory=dict)
    first: dict[int, Any] = field(default_factory=dict)
    sounds: dict[int, Sounding] = field(default_factory=dict)
    style: VideoStyle = field(default_factory=VideoStyle)

    def __bool__(self) -> bool:
        return bool(self.overlays or self.sounds)


def burn(
    source: Path, target: Path, labels: Labels, progress: Progress | None = None, *, splice: bool = True
) -> dict[int, Plan]:
    """Writes a film with its labels to another file.

    Args:
        source: The film.
        target: Where it goes; a file that is there is overwritten.
        labels: What is burnt into it.
        progress: Is told how much is done.
        splice: Whether pictures that do not show the label are copied where that can be.

    Returns:
        How streams of pictures were spliced, by their places among those.

    Raises:
        CarrierError: It is damaged, ends early, or something in it would be lost.
        UnsupportedCarrierError: It is of a codec that cannot be encoded here.
    """
    av = pyav.library()
    with av.open(str(source)) as old, av.open(str(target), "w", format=container_of(old, source.suffix.lower())) as new:
        new.metadata.update({name: value for name, value in old.metadata.items() if name not in _MADE_ANEW})
        length = float(old.duration or 0) / 1_000_000
        plans = _plans(source, labels, length) if splice else {}
        ways: dict[int, _Way | None] = {
            stream.index: _way(stream, old, new, source, labels, length, plans.get(stream.index))
            for stream in old.streams
        }
        if chapters := old.chapters():
            new.set_chapters(chapters)
        told = _Told(progress, length, float(old.start_time or 0) / 1_000_000)
        reached = 0.0
        for packet in old.demux([stream for stream in old.streams if ways[stream.index] is not None]):
            way = ways[packet.stream.index]
            assert way is not None
            time = packet.dts * packet.time_base if packet.dts is not None else None
            if packet.stream.type in ("audio", "video"):
                reached = max(reached, _end(packet))
            for made in way.take(packet):
                new.mux(made)
            if time is not None:
                told.reached(float(time))
        for way in filter(None, ways.values()):
            for made in way.end():
                new.mux(made)
            way.check(reached)
        places = [stream.index for stream in pyav.pictures(old)]
    told.reached(math.inf)
    return {places.index(number): plan for number, plan in plans.items()}


def _plans(source: Path, labels: Labels, length: float) -> dict[int, Plan]:
    """How streams of pictures are spliced, by their numbers."""
    if labels.style.coverage == "throughout":
        return {}
    shows = functools.partial(covered, length=length, style=labels.style)
    found = {number: plan(source, number, shows) for number in labels.overlays}
    return {number: each for number, each in found.items() if each is not None}


class _Told:
    """Tells the progress, not too often."""

    def __init__(self, progress: Progress | None, length: float, start: float) -> None:
        self._progress = progress
        self._length = length
        self._start = start
        self._share = 0.0

    def reached(self, time: float) -> None:
        """Takes the time in the film that was reached, in seconds."""
        if self._progress is None:
            return
        share = 1.0 if time == math.inf else min((time - self._start) / self._length, 1.0) if self._length else 0.0
        if share >= self._share + _STEP or (time == math.inf and self._share < 1.0):
            self._share = share
            self._progress(share)


class _Way(Protocol):
    """How the packets of one stream go from one file to the other."""

    def take(self, packet: Any) -> Iterator[Any]:
        """Takes a packet; yields those that are written."""

    def end(self) -> Iterator[Any]:
        """Yields the last packets."""

    def check(self, reached: float) -> None:
        """Refuses a film that ended before it should.

        Args:
            reached: When the last picture or sound that arrived ends, in seconds.

        Raises:
            CarrierError: It did.
        """


def _end(packet: Any) -> float:
    """When what a packet holds ends, in seconds."""
    return float((packet.pts + (packet.duration or 0)) * packet.time_base) if packet.pts is not None else 0.0


def _way(
    stream: Any, old: Any, new: Any, source: Path, labels: Labels, length: float, spliced: Plan | None
) -> _Way | None:
    """How a stream goes; None where it is written from other things that are kept."""
    from av.stream import Disposition

    if (overlay := labels.overlays.get(stream.index)) is not None:
        if spliced is not None:
            shows = functools.partial(covered, length=length, style=labels.style)
            whole = functools.partial(_refuse_cut, source, stream, length)
            return Splicer(source, stream, new, labels.first[stream.index], overlay, spliced, shows, whole)
        made = add_pictures(new, stream, labels.first[stream.index], source)
        return _Painter(source, stream, made, overlay, labels.style, length)
    if (sounding := labels.sounds.get(stream.index)) is not None:
        return Track(source, stream, new, sounding)
    if stream.type == "data" and (
        (stream.codec_context is None and "timecode" in {**old.metadata, **stream.metadata}) or old.chapters()
    ):
        return None  # timecodes and titles of chapters: the container makes their streams
    if new.format.name == "matroska" and stream.disposition & Disposition.attached_pic:
        _attach(stream, new, source)
        return None
    return _Copy(source, stream, new)


def _attach(stream: Any, new: Any, source: Path) -> None:
    """Copies a cover, which Matroska keeps among the attachments, and PyAV reads as a picture."""
    with pyav.library().open(str(source)) as again:
        data = bytes(next(iter(again.demux(again.streams[stream.index]))))
    tags = stream.metadata
    new.add_attachment(tags.get("filename", "cover"), tags.get("mimetype", f"image/{stream.codec_context.name}"), data)


class _Copy:
    """One stream that stays as it is.

    Raises:
        CarrierError: It would be lost.
    """

    def __init__(self, source: Path, old: Any, new: Any) -> None:
        try:
            self._stream = new.add_stream_from_template(old)
        except (ValueError, TypeError, AttributeError, NotImplementedError) as error:
            raise CarrierError(
                f"{source}: its stream {old.index} ({old.type}) cannot be copied and would be lost ({error}); take it "
                "out first, or write_label() the implicit label alone"
            ) from error
        self._stream.metadata.update(old.metadata)
        self._stream.disposition = old.disposition

    def take(self, packet: Any) -> Iterator[Any]:
        if packet.size:
            packet.stream = self._stream
            yield packet

    def end(self) -> Iterator[Any]:
        yield from ()

    def check(self, reached: float) -> None:
        """Nothing: that a stream ends before its film is no fault."""


class _Painter:
    """One stream of pictures, drawn on and encoded anew."""

    def __init__(self, source: Path, old: Any, new: Any, overlay: Overlay, style: VideoStyle, length: float) -> None:
        self._source = source
        self._old = old
        self._stream = new
        self._overlay = overlay
        self._style = style
        self._layout = layout_of(old)
        self._length = length or float((old.duration or 0) * old.time_base)
        self._clock = Clock(old, numbered=counts(old))
        self._packets = 0
        self._arrived = 0.0
        self._begin: float | None = None
        old.thread_type = "AUTO"

    def take(self, packet: Any) -> Iterator[Any]:
        self._packets += bool(packet.size) and not packet.is_discard
        self._arrived = max(self._arrived, _end(packet))
        for frame in packet.decode():
            yield from self._painted(frame)

    def end(self) -> Iterator[Any]:
        yield from map(self._clock.give_back, self._stream.encode(None))

    def _painted(self, frame: Any) -> Iterator[Any]:
        number, time = self._clock.note(frame)
        if frame.width != self._stream.width or frame.height != self._stream.height:
            raise CarrierError(f"{self._source} changes its size at {time:.3f} s; label it in parts")
        frame = in_planes(frame, self._layout)
        self._begin = time if self._begin is None else self._begin
        if covered(time - self._begin, self._length, self._style):
            self._overlay.blend(frame)
        if frame.format.name != self._stream.pix_fmt:
            frame = frame.reformat(format=self._stream.pix_fmt)
        frame.pts, frame.time_base = number, self._stream.codec_context.time_base
        frame.pict_type = 0  # the encoder chooses its own key frames
        yield from map(self._clock.give_back, self._stream.encode(frame))

    def check(self, reached: float) -> None:
        arrived = (self._packets, reached, self._arrived)
        _refuse_cut(self._source, self._old, self._length, *arrived, self._clock.until, self._clock.seen)


def _refuse_cut(
    source: Path,
    old: Any,
    length: float,
    packets: int,
    reached: float,
    arrived: float,
    until: float,
    seen: int | None = None,
) -> None:
    """Refuses a film that ended before it should.

    Args:
        source: The film.
        old: Its stream.
        length: How long the film tells to be, in seconds.
        packets: How many arrived.
        reached: When the last packet of any stream ended, in seconds: sound may go on behind the pictures.
        arrived: When the last of this stream did.
        until: When the last picture ended, in seconds.
        seen: How many pictures were decoded, if they were.

    Raises:
        CarrierError: It did, or held no picture.
    """
    told, seen = old.frames, packets if seen is None else seen
    if told:
        enough = told * _ENOUGH - _FEW
        own = float((old.duration or 0) * old.time_base) or length
        pace = float(1 / (old.average_rate or old.guessed_rate or 25))
        ends = until - float((old.start_time or 0) * old.time_base) < own * _ENOUGH - _FEW * pace
        # What an edit list leaves out never arrives; what arrives and cannot be decoded is damaged.
        short = seen < enough and (ends or packets >= enough)
    else:
        length = arrived if reached >= (length - _SHORTEST) * _ENOUGH else length
        short = until < (length - _SHORTEST) * _ENOUGH
    if not seen or short:
        raise CarrierError(
            f"{source} ends early, after {seen} pictures"
            + (f" of {told}" if told else f" and {until:.1f} of {length:.1f} s")
            + ": it was cut off, and is left as it was"
        )


def covered(time: float, length: float, style: VideoStyle) -> bool:
    """Whether the picture at a time shows the label, in seconds from the start of a film of this length."""
    return (
        style.coverage == "throughout"
        or time < style.seconds
        or (style.middle and abs(time - length / 2) <= style.seconds / 2)
        or (style.end and time >= length - style.seconds)
    )
