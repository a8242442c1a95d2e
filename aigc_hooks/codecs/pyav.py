"""PyAV: films, and sound that libsndfile cannot decode or encode: AAC, MP4, FLAC whose header tells no length."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from aigc_hooks.errors import CarrierError, UnsupportedCarrierError

AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
OPUS_RATES = (48_000, 24_000, 16_000, 12_000, 8_000)
_BITRATE = 96_000
"""Of AAC, for each channel, in bits a second, where nothing else is asked for."""


def library() -> Any:
    """PyAV.

    Raises:
        UnsupportedCarrierError: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise UnsupportedCarrierError(
            "films, AAC and sound in MP4 need PyAV: pip install 'aigc-hooks[video]'; write_label() writes the implicit "
            "label alone"
        ) from error
    return av


def resampled(samples: Any, rate: int, other: int) -> Any:
    """Samples (N,) or (N,C) at another rate, as float32 of the same shape.

    Raises:
        UnsupportedCarrierError: PyAV is missing.
    """
    import numpy

    av = library()
    values = samples / numpy.float32(-numpy.iinfo(samples.dtype).min) if samples.dtype.kind == "i" else samples
    channels = []
    for channel in values.astype("f4").reshape(len(values), -1).T:
        frame = av.AudioFrame.from_ndarray(numpy.ascontiguousarray(channel[None]), format="fltp", layout="mono")
        frame.rate = rate
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=other)
        made = [piece.to_ndarray()[0] for each in (frame, None) for piece in resampler.resample(each)]
        channels.append(numpy.concatenate(made))
    return numpy.stack(channels, axis=-1).reshape(-1, *values.shape[1:])


def has_pictures(path: Path) -> bool:
    """Whether a file that can hold a film does, and not sound alone.

    Raises:
        CarrierError: It cannot be opened as one.
        UnsupportedCarrierError: PyAV is missing.
    """
    av = library()
    try:
        with av.open(str(path)) as container:
            return bool(pictures(container))
    except av.error.FFmpegError as error:
        raise CarrierError(f"{path} is damaged: {error.strerror or error}") from error


def pictures(container: Any) -> list[Any]:
    """The streams of moving pictures; a cover is none."""
    from av.stream import Disposition

    return [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]


def sound_of(container: Any, path: Path) -> Any:
    """The one stream of sound of a file that is nothing else.

    Raises:
        UnsupportedCarrierError: It is a film, or has several.
    """
    from av.stream import Disposition

    others = [
        stream
        for stream in container.streams
        if stream.type != "audio" and stream.disposition != Disposition.attached_pic
    ]
    if others or len(container.streams.audio) != 1:
        kinds = ", ".join(stream.type for stream in container.streams) or "none"
        raise UnsupportedCarrierError(
            f"{path} is no sound alone (its streams: {kinds}); write_label() writes the implicit label alone"
        )
    return container.streams.audio[0]


def blocks(path: Path) -> Iterator[tuple[Any, int]]:
    """The samples of a sound file and their rate, block by block: (N,C), integers where it holds such.

    Raises:
        UnsupportedCarrierError: It is no sound alone, or PyAV is missing.
        CarrierError: It is damaged.
    """
    av = library()
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(sound_of(container, path)):
                samples = frame.to_ndarray()
                columns = samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
                yield columns, frame.sample_rate
    except av.error.FFmpegError as error:
        raise CarrierError(f"{path} cannot be decoded: {error.strerror or error}") from error


def aac(samples: Any, rate: int, form: str, bitrate: int | None = None, options: dict[str, str] | None = None) -> bytes:
    """Samples as AAC in the profile that every decoder has (LC).

    Args:
        samples: (N,) or (N,C) with one or two channels, floating point between -1 and 1.
        rate: Samples a second.
        form: Of the container, as ffmpeg calls it: ``"adts"``, ``"ipod"`` (M4A).
        bitrate: Of all channels together, in bits a second.
        options: Of the container.

    Raises:
        UnsupportedCarrierError: AAC knows no such rate, or not so many channels.
    """
    if rate not in AAC_RATES:
        raise UnsupportedCarrierError(
            f"AAC has no rate of {rate} samples a second; resample to one of {', '.join(map(str, AAC_RATES))}"
        )
    columns = samples.reshape(len(samples), -1)
    if columns.shape[1] > 2:
        raise UnsupportedCarrierError(
            f"AAC is written with one or two channels here, and the sound has {columns.shape[1]}"
        )
    made = io.BytesIO()
    with library().open(made, "w", format=form, options=options or {}) as container:
        stream = container.add_stream("aac", rate=rate, layout="mono" if columns.shape[1] == 1 else "stereo")
        stream.bit_rate = bitrate or _BITRATE * columns.shape[1]
        for packet in encoded(stream, columns, rate):
            container.mux(packet)
    return made.getvalue()


def sound_stream(container: Any, codec: str, channels: int, rate: int) -> Any:
    """A new stream of sound in a film: of the rate of the samples where the codec has it, else of 48,000 a second.

    Raises:
        UnsupportedCarrierError: It would have more than two channels.
    """
    if channels > 2:
        raise UnsupportedCarrierError(f"a film's sound is written with one or two channels, and this has {channels}")
    rates = OPUS_RATES if codec == "libopus" else AAC_RATES
    layout = "mono" if channels == 1 else "stereo"
    stream = container.add_stream(codec, rate=rate if rate in rates else 48_000, layout=layout)
    stream.bit_rate = _BITRATE * channels
    return stream


def encoded(stream: Any, columns: Any, rate: int) -> Iterator[Any]:
    """The packets of samples (N,C), floating point in −1–1, as a stream encodes them, in order."""
    import numpy

    av = library()
    size = stream.codec_context.frame_size or 1024
    planes = numpy.ascontiguousarray(columns.T, dtype=numpy.float32)
    for first in range(0, planes.shape[1], size):
        part = planes[:, first : first + size]
        frame = av.AudioFrame.from_ndarray(numpy.ascontiguousarray(part), format="fltp", layout=stream.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)
