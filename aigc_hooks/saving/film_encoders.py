"""Encoders for the pictures of films: each codec is encoded by its own kind, like the stream that it stands for."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, NamedTuple

from aigc_hooks.codecs import pyav
from aigc_hooks.errors import UnsupportedCarrierError
from aigc_hooks.saving.film_frames import is_planar

CONTAINERS = {
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
"""By suffix, as ffmpeg calls the container."""

WITHOUT_DELAY = ("flv", "avi")
"""Containers that cannot tell that something is shown later than it is decoded without moving everything."""

_INTERLACED = 1 << 18 | 1 << 29
"""Flags of an encoder that keeps both fields of a picture: their transforms, and their motion."""

_RGB, _BT709 = 0, 1
"""How colours are told from planes, as H.273 numbers it: red, green and blue themselves; those of HDTV."""


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


def add_pictures(new: Any, old: Any, first: Any, source: Path) -> Any:
    """Adds a stream to a container for pictures like those of another.

    Args:
        new: The container.
        old: The stream that they come from.
        first: Its first frame.
        source: The film, which messages name.

    Raises:
        UnsupportedCarrierError: Nothing encodes this codec here, or its layout of pictures.
    """
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
            f"{source}: its pictures are {context.name}, for which there is no encoder here ({name}); convert the film "
            "first, for example with `ffmpeg -i in -c:v libx264 out.mp4`; write_label() writes the implicit label alone"
        ) from error
    made = stream.codec_context
    if new.format.name in WITHOUT_DELAY:
        made.max_b_frames = 0
    stream.width, stream.height = context.width, context.height
    stream.pix_fmt = _layout(context.format, codec)
    if "qscale" in encoder.options:
        made.qscale, made.global_quality = True, int(encoder.options["qscale"]) * 118
    stream.time_base = made.time_base = old.time_base
    made.sample_aspect_ratio = old.sample_aspect_ratio or 1
    for told in ("color_primaries", "color_trc", "colorspace", "color_range"):
        setattr(made, told, getattr(context, told))
    if context.codec_tag and encoder.name == "libx265":
        made.codec_tag = context.codec_tag
    if first.interlaced_frame:
        made.flags |= _INTERLACED
    for side in first.side_data:
        if getattr(side.type, "name", "") == "DISPLAYMATRIX":
            stream.set_display_matrix(struct.unpack("<9i", bytes(side)[:36]))
    stream.metadata.update({name: value for name, value in old.metadata.items() if name not in ("encoder", "rotate")})
    stream.disposition = old.disposition
    return stream


def _layout(old: Any, codec: Any) -> str:
    """The layout of planes that is encoded: the old one where the encoder and the label can do with it."""
    name = str(old.name)
    known = {each.name for each in codec.video_formats or ()}
    wide = old.components[0].bits > 8
    wishes = (name, "yuv420p10le", "yuv422p10le") if wide else (name, "yuv420p", "yuvj420p", "yuv422p", "yuv444p")
    wish = next((each for each in wishes if is_planar(each) and (not known or each in known)), None)
    if wish is None:
        raise UnsupportedCarrierError(f"no layout of pictures like {name} can be encoded by {codec.name}")
    return wish
