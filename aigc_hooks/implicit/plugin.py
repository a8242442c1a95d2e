"""The built-in carriers, registered like any other plugin."""

from __future__ import annotations

from aigc_hooks.artifact import Carrier
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.implicit import (
    aiff,
    asf,
    avi,
    flac,
    flv,
    gif,
    gltf,
    html,
    isobmff,
    jpeg,
    markdown,
    matroska,
    mesh,
    mp4,
    mpeg,
    mpeg_ts,
    notebook,
    ogg,
    packages,
    pdf,
    png,
    riff,
    svg,
    tiff,
    webp,
)


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
        pdf.CARRIER,
        packages.ODF,
        packages.EPUB,
        packages.OFD,
        packages.OOXML,
        packages.OLE,
        html.CARRIER,
        svg.CARRIER,
        notebook.CARRIER,
        gltf.GLB,
        gltf.GLTF,
        mesh.PLY,
        mesh.OBJ,
        riff.WAV,
        mp4.CARRIER,
        matroska.CARRIER,
        flv.CARRIER,
        avi.CARRIER,
        mpeg_ts.CARRIER,
        flac.CARRIER,
        ogg.VORBIS,
        ogg.OPUS,
        ogg.OGG_FLAC,
        aiff.CARRIER,
        asf.CARRIER,
        mpeg.AAC,
        mpeg.MP3,  # last: its frames are known by eleven bits
    )
