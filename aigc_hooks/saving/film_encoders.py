"""Encoders for the pictures of films: each codec is encoded by its own kind, like the stream that it stands for."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from aigc_hooks.codecs import pyav
from aigc_hooks.errors import UnsupportedCarrierError
from aigc_hooks.saving.film_frames import is_planar, mastering, side_data

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

_FAMILIES = (("mp4", "mov", "3gp", "3g2"), ("matroska", "webm"), ("flv",), ("avi",))
"""Containers that are read alike; the first is written where a name tells another family."""

WITHOUT_DELAY = ("flv", "avi")
"""Containers that cannot tell that something is shown later than it is decoded without moving everything."""

WITHOUT_TIMES = ("avi",)
"""Containers that tell no times at all: each picture lasts as long."""

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


# Of pictures in red, green and blue, where it is another.
_RGB_ENCODERS = {"h264": _Encoder("libx264rgb", {"crf": "18", "preset": "veryfast"})}
_PACKED = ("bgr0", "rgb24", "bgr24")


def container_of(film: Any, suffix: str) -> str:
    """The container that a film keeps: what it is, in the kind that its name tells.

    Raises:
        UnsupportedCarrierError: It is none that is written.
    """
    known = set(film.format.name.split(","))
    family = next((each for each in _FAMILIES if known & set(each)), None)
    if family is None:
        raise UnsupportedCarrierError(
            f"{film.name}: its container ({film.format.long_name}) is not written here; put its streams into another "
            "without encoding them anew: `ffmpeg -i in -map 0 -c copy out.mkv`"
        )
    wanted = CONTAINERS[suffix]
    return wanted if wanted in family else family[0]


def layout_of(stream: Any) -> str | None:
    """The layout of planes in which the pictures of a stream are drawn on, and encoded; None if there is none."""
    found = _layouts(stream)
    return found[0] if found else None


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
    encoder, layouts = _encoder_of(old), _layouts(old)
    if "1" in (old.metadata.get("alpha_mode"), old.metadata.get("ALPHA_MODE")):
        raise UnsupportedCarrierError(
            f"{source}: its pictures are {context.name} and transparent in part, which encoding them anew would lose; "
            "convert the film first, for example with `ffmpeg -c:v libvpx-vp9 -i in.webm -c:v prores_ks out.mov`; "
            "write_label() writes the implicit label alone"
        )
    try:
        if encoder is None:
            raise ValueError(f"no encoder is known for {context.name}")
        if layouts is None:
            raise ValueError(f"{encoder.name} takes no pictures in {context.format.name}")
        options = {**encoder.options, **_brightness(encoder, first)}
        stream = new.add_stream(encoder.name, rate=old.average_rate or old.guessed_rate, options=options)
    except (ValueError, av.error.FFmpegError) as error:
        raise UnsupportedCarrierError(
            f"{source}: its pictures are {context.name}, for which there is no encoder here ({error}); convert the "
            "film first, for example with `ffmpeg -i in -c:v libx264 out.mp4`; write_label() writes the implicit label "
            "alone"
        ) from error
    made = stream.codec_context
    if new.format.name in WITHOUT_DELAY:
        made.max_b_frames = 0
    stream.pix_fmt, stream.time_base = layouts[1], old.time_base
    _set_up(made, old, first)
    if counts(old):
        # Older codecs know a few rates and no finer times: pictures are numbered, and get their times back later.
        made.time_base = 1 / Fraction(old.average_rate or old.guessed_rate or 25).limit_denominator(1001)
        made.max_b_frames = 0
        made.qscale, made.global_quality = True, int(encoder.options["qscale"]) * 118
    tell(stream, old, first)
    return stream


def tell(new: Any, old: Any, first: Any) -> None:
    """Tells of a stream of pictures what is told of another beside them: how it is turned, titles, what it is for."""
    if turned := side_data(first, "DISPLAYMATRIX"):
        new.set_display_matrix(struct.unpack("<9i", turned[:36]))
    new.metadata.update({name: value for name, value in old.metadata.items() if name not in ("encoder", "rotate")})
    new.disposition = old.disposition


def encoder_beside(old: Any, first: Any, more: dict[str, str]) -> Any:
    """An encoder for pictures that will stand in one stream with those of an old one; none is shown out of order.

    Args:
        old: The stream.
        first: Its first frame.
        more: More options.
    """
    encoder, layouts = _encoder_of(old), _layouts(old)
    assert encoder is not None
    assert layouts is not None
    made = pyav.library().CodecContext.create(encoder.name, "w")
    options = {**encoder.options, **_brightness(encoder, first)}
    for name, value in more.items():
        options[name] = f"{options[name]}:{value}" if name in options else value
    made.options = options
    made.pix_fmt, made.framerate = layouts[1], old.average_rate or old.guessed_rate or 25
    made.max_b_frames = 0
    _set_up(made, old, first)
    return made


def _set_up(made: Any, old: Any, first: Any) -> None:
    context = old.codec_context
    made.width, made.height, made.time_base = context.width, context.height, old.time_base
    made.sample_aspect_ratio = old.sample_aspect_ratio or 1
    for told in ("color_primaries", "color_trc", "colorspace", "color_range"):
        setattr(made, told, getattr(context, told))
    if context.codec_tag and context.codec.canonical_name == "hevc":
        made.codec_tag = context.codec_tag
    if first.interlaced_frame:
        made.flags |= _INTERLACED


def counts(old: Any) -> bool:
    """Whether the encoder for a stream numbers its pictures, and knows no times."""
    encoder = _encoder_of(old)
    return encoder is not None and "qscale" in encoder.options


def _encoder_of(stream: Any) -> _Encoder | None:
    context = stream.codec_context
    name = context.codec.canonical_name
    return _RGB_ENCODERS.get(name, _ENCODERS.get(name)) if context.format.is_rgb else _ENCODERS.get(name)


def _layouts(stream: Any) -> tuple[str, str] | None:
    """The layout of planes that is drawn on, and the one that is encoded: those of the film where that can be."""
    av = pyav.library()
    encoder = _encoder_of(stream)
    try:
        codec = av.Codec(encoder.name, "w") if encoder is not None else None
    except ValueError:
        return None
    if codec is None:
        return None
    old = stream.codec_context.format
    name, bits = str(old.name), old.components[0].bits
    known = {each.name for each in codec.video_formats or ()}
    transparent = any(part.is_alpha for part in old.components)
    if old.is_rgb:
        planes = "gbrp" if bits == 8 else f"gbrp{bits}le"
        packed = next((each for each in (planes, *(_PACKED if bits == 8 else ())) if each in known), None)
        return (planes, packed) if packed and not transparent else None
    if transparent:
        wishes = [name, "yuva420p", "yuva444p10le"]
    elif bits > 8:
        wishes = [name, "yuv420p10le", "yuv422p10le"]
    elif name.startswith(("yuv411", "yuvj411")):
        wishes = ["yuv422p", "yuv420p"]
    else:
        wishes = [name, "yuv420p", "yuvj420p", "yuv422p", "yuv444p"]
    wish = next((each for each in wishes if is_planar(each) and (not known or each in known)), None)
    deep = wish is not None and av.VideoFormat(wish).components[0].bits >= min(bits, 10)
    return (wish, wish) if wish is not None and deep else None


def _brightness(encoder: _Encoder, first: Any) -> dict[str, str]:
    """Options that tell players again for which screen a film of high dynamic range was made."""
    display, light = mastering(first)
    style = _SCREENS.get(encoder.name)
    if style is None:
        return {}
    told = [encoder.options[style.option]] if style.option in encoder.options else []
    if display:
        red, green, blue, white = (
            f"({style.number(x * style.chroma)},{style.number(y * style.chroma)})"
            for x, y in zip(display[:8:2], display[1:8:2], strict=True)
        )
        least, most = (style.number(value * style.bright) for value in display[8:])
        told.append(f"{style.display}=G{green}B{blue}R{red}WP{white}L({most},{least})")
    if light:
        told.append(f"{style.light}={light[0]},{light[1]}")
    return {style.option: ":".join(told)} if told else {}


class _Screen(NamedTuple):
    """How an encoder is told of the screen: its option, the names in it, and its units."""

    option: str
    display: str
    light: str
    chroma: float
    bright: float
    number: Callable[[float], Any]


_SCREENS = {
    "libx264": _Screen("x264-params", "mastering-display", "cll", 50_000, 10_000, round),
    "libx265": _Screen("x265-params", "master-display", "max-cll", 50_000, 10_000, round),
    "libsvtav1": _Screen("svtav1-params", "mastering-display", "content-light", 1.0, 1.0, float),
}
