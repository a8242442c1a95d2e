"""AAC in MP4 (M4A): the label's packets go before or after those of the content, which are copied."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

from aigc_hooks.codecs import pyav
from aigc_hooks.errors import UnsupportedCarrierError

_SAMPLES = 1024


def check(path: Path) -> None:
    """Checks that the sound in a file is AAC that its label can stand beside.

    Raises:
        UnsupportedCarrierError: It is of another codec or profile, or has chapters, whose places would be wrong.
    """
    with pyav.library().open(str(path)) as container:
        stream = pyav.sound_of(container, path)
        codec, profile = stream.codec_context.name, stream.profile
        if codec != "aac" or profile != "LC":
            raise UnsupportedCarrierError(
                f"{path} holds {codec} {profile or ''}".rstrip()
                + ", beside which no label can be put; AAC-LC is. Convert it, or write_label() the implicit label alone"
            )
        if container.chapters():
            raise UnsupportedCarrierError(
                f"{path} has chapters, which would point to other places behind the label; label the sound before it "
                "gets them, or write_label() the implicit label alone"
            )


def spliced(path: Path, rate: int, start: Any, end: Any) -> bytes:
    """The file with samples before and after its sound, (N,C) float32; None where there are none.

    Tags are not copied.
    """
    av = pyav.library()
    made = io.BytesIO()
    check(path)
    with av.open(str(path)) as old, av.open(made, "w", format="ipod") as new:
        source = pyav.sound_of(old, path)
        stream = new.add_stream_from_template(source)
        clock = Fraction(1, rate)
        at = -_SAMPLES

        def put(packet: Any) -> None:
            nonlocal at
            packet.stream, packet.time_base = stream, clock
            packet.pts = packet.dts = at
            packet.duration = _SAMPLES
            at += _SAMPLES
            new.mux(packet)

        def put_label(samples: Any) -> None:
            if samples is None:
                return
            # At its own bitrate: that of silence would leave nothing of it.
            with av.open(io.BytesIO(pyav.aac(samples, rate, "ipod"))) as label:
                for packet in label.demux(label.streams.audio[0]):
                    if packet.size:
                        put(packet)

        put_label(start)
        for packet in old.demux(source):
            if packet.size:
                put(packet)
        put_label(end)
    return made.getvalue()
