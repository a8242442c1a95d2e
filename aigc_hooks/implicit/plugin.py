"""The built-in carriers, registered like any other plugin."""

from __future__ import annotations

from aigc_hooks.artifact import Carrier
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.implicit import gif, isobmff, jpeg, markdown, png, riff, tagged, tiff, webp


@hookimpl
def aigc_carriers() -> tuple[Carrier, ...]:
    """Brings the formats that have a place for the label."""
    return (
        jpeg.CARRIER,
        png.CARRIER,
        webp.CARRIER,
        gif.CARRIER,
        tiff.CARRIER,
        isobmff.AVIF,
        isobmff.HEIC,
        markdown.CARRIER,
        riff.WAV,
        tagged.FLAC,
        tagged.VORBIS,
        tagged.OPUS,
        tagged.AIFF,
        tagged.ASF,
        tagged.AAC,
        tagged.MP3,  # last: its frames are known by eleven bits
    )
