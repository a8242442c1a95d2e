"""The visible label of a film: blended into the planes of its frames, as they are stored (GB 45438-2025, 5.4).

Frames are not converted: brightness and colour planes get the label where it covers them, in their own depth and range.
The label is upright and of lawful size as displayed, whatever the rotation and the shape of the stored pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.explicit.stencil import stencil
from aigc_hooks.provider import Provider

# Brightness of white as a share of the range, by the transfer function (ITU-T H.273): brighter, it would glare.
_WHITE = {16: 0.58, 18: 0.75}

_SHOWN = 0.9
"""Least likeness between the label and what stands in its place, for a film that shows it already."""


class Form(NamedTuple):
    """How the frames of a film are stored and shown.

    Attributes:
        width: Of the stored picture, in pixels.
        height: In pixels.
        rotation: By how many degrees it is turned counterclockwise to be shown: 0, 90, 180 or 270.
        aspect: Width of a stored pixel in its heights, as shown before it is turned.
        bits: Of a sample.
        halved: Whether colour has half the columns, and half the rows.
        full: Whether black is 0, and not a sixteenth.
        transfer: The transfer function, as H.273 numbers it.
        kind: Of its planes: ``"yuv"``: brightness and two of colour; ``"rgb"``: three of colour; ``"grey"``: one of
            brightness. One more is opacity.
    """

    width: int
    height: int
    rotation: int
    aspect: float
    bits: int
    halved: tuple[bool, bool]
    full: bool
    transfer: int
    kind: Literal["yuv", "rgb", "grey"] = "yuv"

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as displayed."""
        size = (max(round(self.width * self.aspect), 1), self.height)
        return size if self.rotation in (0, 180) else (size[1], size[0])


@dataclass(frozen=True)
class _Plane:
    """What happens to one plane: where, how much stays (0 to 256), and what is added (times 256)."""

    box: tuple[int, int, int, int]
    stays: Any
    added: Any


class Overlay:
    """The label for the frames of one film.

    Args:
        form: How they are stored and shown.
        provider: Gives wording and style.

    Raises:
        UnsupportedOutputError: The wording does not fit at a lawful size, or the film is turned askew.
    """

    def __init__(self, form: Form, provider: Provider) -> None:
        import numpy
        from PIL import Image

        if form.rotation % 90:
            raise UnsupportedOutputError(
                f"a film that is shown turned by {form.rotation} degrees cannot be labelled upright",
                stage="render_explicit",
            )
        mark = stencil(*form.shown, provider)
        covers: list[Any] = []
        greys: list[Any] = []
        for masks, mask in ((covers, mark.cover), (greys, mark.grey)):
            sheet = Image.new("L", form.shown)
            sheet.paste(mask, mark.box)
            if form.rotation:
                sheet = sheet.rotate(-form.rotation, expand=True)
            masks.append(numpy.asarray(sheet.resize((form.width, form.height), Image.Resampling.BOX), numpy.float32))
        cover, grey = covers[0] / 255, greys[0] / 255
        rows, columns = numpy.flatnonzero(cover.any(axis=1)), numpy.flatnonzero(cover.any(axis=0))
        # Colour samples are shared by pixels: the box begins and ends with them.
        left, top = int(columns[0]) // 2 * 2, int(rows[0]) // 2 * 2
        right, bottom = min(int(columns[-1]) // 2 * 2 + 2, form.width), min(int(rows[-1]) // 2 * 2 + 2, form.height)
        self._box = (left, top, right, bottom)
        cover, grey = cover[top:bottom, left:right], grey[top:bottom, left:right]
        peak = (1 << form.bits) - 1
        black, white = (0.0, float(peak)) if form.full else (16 * 2.0 ** (form.bits - 8), 235 * 2.0 ** (form.bits - 8))
        white = black + (white - black) * _WHITE.get(form.transfer, 1.0)
        self._wanted = black + grey * (white - black)
        self._ink = (grey > 0.5) & (cover > 0.5)
        self._bare = (grey < 0.02) & (cover > 0.5 * float(cover.max()))
        brightness = _plane(self._box, cover, self._wanted)
        across, down = (2 if halved else 1 for halved in form.halved)
        colour_cover = _smaller(cover, across, down)
        box = (self._box[0] // across, self._box[1] // down)
        colour_box = (*box, box[0] + colour_cover.shape[1], box[1] + colour_cover.shape[0])
        colour = _plane(colour_box, colour_cover, numpy.float32(1 << (form.bits - 1)))
        opaque = _plane(self._box, cover, numpy.float32(peak))
        colours = {"yuv": (brightness, colour, colour), "rgb": (brightness,) * 3, "grey": (brightness,)}[form.kind]
        self._planes = (*colours, opaque)
        self._type = "<u2" if form.bits > 8 else "u1"

    def blend(self, frame: Any) -> None:
        """Draws the label into a frame of PyAV, which is made writable."""
        frame.make_writable()
        for plane, change in zip(frame.planes, self._planes, strict=False):
            left, top, right, bottom = change.box
            part = self._samples(plane)[top:bottom, left:right]
            part[:] = (part * change.stays + change.added) >> 8

    def shows(self, frame: Any) -> bool:
        """Whether a frame shows the label where the settings put it."""
        left, top, right, bottom = self._box
        part = self._samples(frame.planes[0])[top:bottom, left:right].astype("float32")
        if not self._bare.any() or not self._ink.any():
            return False
        text, plate = part[self._ink], part[self._bare]
        contrast = float(self._wanted[self._ink].mean() - self._wanted[self._bare].mean())
        if float(text.mean()) - float(plate.mean()) < 0.4 * contrast:
            return False
        seen = self._ink | self._bare
        wanted, found = self._wanted[seen], part[seen]
        wanted, found = wanted - wanted.mean(), found - found.mean()
        size = float(wanted @ wanted) * float(found @ found)
        return size > 0 and float(wanted @ found) / size**0.5 >= _SHOWN

    def _samples(self, plane: Any) -> Any:
        import numpy

        return numpy.frombuffer(plane, self._type).reshape(plane.height, -1)


def _plane(box: tuple[int, int, int, int], cover: Any, wanted: Any) -> _Plane:
    import numpy

    share = (cover * 256).round()
    return _Plane(box, (256 - share).astype(numpy.uint32), (share * wanted + 128).astype(numpy.uint32))


def _smaller(cover: Any, across: int, down: int) -> Any:
    """The cover of colour samples: the mean of the pixels that share one."""
    import numpy

    padded = numpy.pad(cover, ((0, -cover.shape[0] % down), (0, -cover.shape[1] % across)), mode="edge")
    return padded.reshape(padded.shape[0] // down, down, padded.shape[1] // across, across).mean(axis=(1, 3))
