"""The tracks of sound in a film that get their label: each is encoded anew by itself, in its codec and its times."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from aigc_hooks.codecs import pyav
from aigc_hooks.errors import CarrierError, UnsupportedCarrierError, UnsupportedOutputError
from aigc_hooks.explicit import laying, sound
from aigc_hooks.explicit.samples import check_rate, loudness
from aigc_hooks.provider import Provider
from aigc_hooks.saving import film_samples
from aigc_hooks.saving.film_encoders import WITHOUT_DELAY
from aigc_hooks.styles import AudioStyle

_LISTENED = 10.0
"""How many seconds tell how loud a track is."""


_FILLING = 4096
"""Most samples by which a codec fills up its last packet."""


_BASS = ("LFE", "LFE2")
"""Channels that hold the lowest tones only, and so no label."""


class _Encoder(NamedTuple):
    """Who encodes a codec, with how many bits a second: for each channel at least, of all together at most."""

    name: str
    least: int = 0
    most: int = 0


_ENCODERS = {
    "aac": _Encoder("aac", 96_000, 512_000),
    "mp3": _Encoder("libmp3lame", 96_000, 320_000),
    "opus": _Encoder("libopus", 64_000, 510_000),
    "ac3": _Encoder("ac3", 96_000, 640_000),
    "eac3": _Encoder("eac3", 96_000, 1_024_000),
    "mp2": _Encoder("mp2", 96_000, 384_000),
    "flac": _Encoder("flac"),
    "alac": _Encoder("alac"),
    "wavpack": _Encoder("wavpack"),
}
"""By codec. PCM is encoded by its own name."""


class Sounding(NamedTuple):
    """The label of one track.

    Attributes:
        style: How it sounds.
        level: Its amplitude, as a share of full scale.
        places: Where it is missing: ``"start"``, ``"end"``.
        rate: Of the track as it is decoded, in samples a second.
        layout: Its channels.
        form: Of its samples, as ffmpeg calls it.
    """

    style: AudioStyle
    level: float
    places: tuple[str, ...]
    rate: int
    layout: str
    form: str

    @property
    def length(self) -> int:
        """How many samples one label takes up."""
        return laying.length(self.rate, self.style)


def missing(path: Path, provider: Provider) -> dict[int, Sounding]:
    """The tracks of a film whose sound lacks its label, by their numbers in the file.

    A track without a single sample needs none.

    Raises:
        CarrierError: It is damaged.
        LabelError: It is no sound that can be labelled.
    """
    av = pyav.library()
    found = {}
    try:
        with av.open(str(path)) as container:
            numbers = [stream.index for stream in container.streams.audio]
        for number in numbers:
            # Each by itself: what was read for one is gone for the others.
            with av.open(str(path)) as container:
                if (sounding := _sounding(container, container.streams[number], provider)) is not None:
                    found[number] = sounding
    except (av.error.FFmpegError, ValueError) as error:
        raise CarrierError(f"{path}: its sound cannot be decoded: {error}") from error
    return found


def _sounding(container: Any, stream: Any, provider: Provider) -> Sounding | None:
    import numpy

    style = provider.audio
    frames = container.decode(stream)
    first = next(frames, None)
    if first is None:
        return None
    rate = check_rate(first.sample_rate)
    edge = max(sound.reach(rate, style), round(_LISTENED * rate))
    head, count = [first], first.samples
    while count < edge and (frame := next(frames, None)) is not None:
        head.append(frame)
        count += frame.samples
    heard = film_samples.joined(head)
    if style.position == "start":
        window = heard
    else:
        tail: deque[Any] = deque(head)
        kept = count
        for frame in frames:
            tail.append(frame)
            kept += frame.samples
            while kept - tail[0].samples >= edge:
                kept -= tail.popleft().samples
        window = numpy.concatenate([heard[:, :edge], film_samples.joined(list(tail))], axis=1)
    full = [number for number, channel in enumerate(first.layout.channels) if channel.name not in _BASS]
    places = sound.missing(window[full or slice(None)].astype(numpy.float32), rate, provider)
    if not places:
        return None
    level = sound.level_beside(loudness(heard)[0])
    return Sounding(style, level, places, rate, first.layout.name, first.format.name)


class Track:
    """One track on its way.

    Args:
        source: The film, which messages name.
        old: The stream.
        new: The container that it goes to.
        sounding: Its label.

    Raises:
        UnsupportedCarrierError: Nothing encodes this codec here.
    """

    def __init__(self, source: Path, old: Any, new: Any, sounding: Sounding) -> None:
        self._source = source
        self._sounding = sounding
        self._stream = _encoder(source, old, new, sounding)
        self._drop = _delay(self._stream, sounding) if new.format.name in WITHOUT_DELAY else 0
        self._end = (old.start_time or 0) + old.duration if old.duration else None
        self._time_base = old.time_base
        self._held: deque[Any] = deque()
        self._count = 0
        self._total = 0
        self._begun = "start" not in sounding.places

    def take(self, packet: Any) -> Iterator[Any]:
        """Takes a packet; yields those that are encoded."""
        for frame in packet.decode():
            if (frame := self._cut(frame)) is None:
                continue
            self._held.append(frame)
            self._count += frame.samples
            self._total += frame.samples
            if not self._begun and self._count >= self._sounding.length:
                self._lay("start")
                self._begun = True
            if self._begun:
                yield from self._released(self._sounding.length if "end" in self._sounding.places else 0)

    def end(self) -> Iterator[Any]:
        """Yields the last packets.

        Raises:
            UnsupportedOutputError: The track is shorter than its label.
        """
        if self._total < self._sounding.length * len(self._sounding.places):
            raise UnsupportedOutputError(
                f"{self._source}: a track of sound lasts {self._total / self._sounding.rate:.2f} s, and its label "
                f"{self._sounding.length / self._sounding.rate:.2f} s, which cannot be laid over it; leave it to the "
                'label in the picture with video.track = "keep"',
                stage="render_explicit",
            )
        if "end" in self._sounding.places:
            self._lay("end")
        yield from self._released(0)
        yield from self._stream.encode(None)

    def check(self, reached: float) -> None:
        """Nothing: that a track ends before its film is no fault."""

    def _cut(self, frame: Any) -> Any:
        """A frame without what the encoder will put before the first, and without what filled up the last."""
        first = min(self._drop, frame.samples)
        self._drop -= first
        last = frame.samples
        if self._end is not None and frame.pts is not None:
            over = (
                frame.pts * frame.time_base - self._end * self._time_base + Fraction(frame.samples, frame.sample_rate)
            )
            # More than that is no filling, but a container that tells its length wrongly.
            if 0 < over * frame.sample_rate <= _FILLING:
                last -= round(over * frame.sample_rate)
        if first >= last:
            return None
        if last - first == frame.samples:
            return frame
        made = film_samples.frame(film_samples.columns(frame)[:, first:last], frame)
        if frame.pts is not None:
            made.pts = frame.pts + round(Fraction(first, frame.sample_rate) / frame.time_base)
        return made

    def _lay(self, place: str) -> None:
        """Lays the label over the first or the last samples that are held."""
        frames = list(self._held)
        size = self._sounding.length
        begin = 0 if place == "start" else self._count - size
        columns = [film_samples.columns(frame) for frame in frames]
        floats = film_samples.joined(frames)
        laid = laying.lay(
            floats[:, begin : begin + size], self._sounding.rate, self._sounding.style, self._sounding.level, place
        )
        at = 0
        self._held.clear()
        for frame, values in zip(frames, columns, strict=True):
            first, last = max(begin - at, 0), min(begin + size - at, frame.samples)
            if first < last:
                values = values.copy()
                values[:, first:last] = film_samples.like(laid[:, at + first - begin : at + last - begin], values.dtype)
                made = film_samples.frame(values, frame)
                made.pts = frame.pts
                frame, made = made, frame
            at += frame.samples
            self._held.append(frame)

    def _released(self, keep: int) -> Iterator[Any]:
        while self._held and self._count - self._held[0].samples >= keep:
            frame = self._held.popleft()
            self._count -= frame.samples
            yield from self._stream.encode(frame)


def _encoder(source: Path, old: Any, new: Any, sounding: Sounding) -> Any:
    """The stream that a track is encoded to, like the old one."""
    av = pyav.library()
    name = old.codec_context.codec.canonical_name
    encoder = _Encoder(name) if name.startswith("pcm_") else _ENCODERS.get(name)
    try:
        if encoder is None:
            raise ValueError(f"no encoder is known for {name}")
        codec = av.Codec(encoder.name, "w")
        stream = new.add_stream(encoder.name, rate=sounding.rate)
        made = stream.codec_context
        made.layout = sounding.layout
        known = [each.name for each in codec.audio_formats or ()]
        made.format = sounding.form if sounding.form in known or not known else known[-1]
        made.time_base = Fraction(1, sounding.rate)
        if encoder.most:
            made.bit_rate = min(max(old.bit_rate or 0, encoder.least * made.layout.nb_channels), encoder.most)
        made.open()
    except (ValueError, av.error.FFmpegError) as error:
        raise UnsupportedCarrierError(
            f"{source}: the sound in it is {name} ({sounding.layout}, {sounding.rate} Hz), which cannot be encoded "
            f'here ({error}); leave it to the label in the picture with video.track = "keep", or convert it first, for '
            "example with `ffmpeg -i in -c:v copy -c:a aac out`"
        ) from error
    stream.metadata.update({name: value for name, value in old.metadata.items() if name != "encoder"})
    stream.disposition = old.disposition
    return stream


def _delay(stream: Any, sounding: Sounding) -> int:
    """How many samples the encoder of a stream puts before the first."""
    import numpy

    av = pyav.library()
    context = stream.codec_context
    twin = av.CodecContext.create(context.name, "w")
    twin.sample_rate, twin.layout, twin.format = context.sample_rate, context.layout, context.format
    twin.time_base, twin.bit_rate = context.time_base, context.bit_rate
    silence = av.AudioFrame(format=context.format.name, layout=context.layout.name, samples=8192)
    for plane in silence.planes:
        plane.update(numpy.zeros(plane.buffer_size, numpy.uint8))
    silence.sample_rate, silence.pts, silence.time_base = context.sample_rate, 0, context.time_base
    first = next((packet for packet in twin.encode(silence) if packet.pts is not None), None)
    return max(-first.pts, 0) if first is not None else 0
