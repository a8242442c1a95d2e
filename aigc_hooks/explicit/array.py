"""Draws the label on NumPy arrays and torch tensors, in place and where they are: no detour over PIL."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aigc_hooks.errors import LabelError, UnsupportedOutputError
from aigc_hooks.explicit.stencil import Stencil, stencil
from aigc_hooks.media import NO_PICTURE, channel_axis, host, is_picture, is_tensor
from aigc_hooks.provider import Provider

_SAMPLE = 16
"""Every which pixel is looked at, in both directions, to see that the values have the range that is expected."""

_SLACK = 0.02
"""How far a float picture may leave 0–1: rounding in half precision, no more."""

_ALIKE = 0.4
"""How like its label the box of a resized picture must be, as correlation: without one it is 0.3 at most."""


@dataclass(frozen=True)
class Covered:
    """What an array had under its label.

    Attributes:
        mark: The label that was drawn.
        before: The values in its box before, same layout as the array.
    """

    mark: Stencil
    before: Any

    def part(self, indices: list[int | None], *, batch: bool) -> Covered:
        """What some pictures of a batch had under the label, as a batch or, of one picture, without that axis."""
        pictures = [self.before if index is None else self.before[index] for index in indices]
        if not batch:
            return Covered(self.mark, pictures[0])
        if len(pictures) == len(self.before) and indices == list(range(len(pictures))):
            return self
        if is_tensor(self.before):
            import torch

            return Covered(self.mark, torch.stack(pictures))
        import numpy

        return Covered(self.mark, numpy.stack(pictures))


def draw(pixels: Any, provider: Provider, levels: tuple[float, float] | None = None) -> Covered:
    """Draws the label into every picture of an array or tensor, in place, and returns what it covers.

    Args:
        pixels: (H,W), (H,W,C) or (B,H,W,C) array, or (H,W), (C,H,W) or (B,C,H,W) tensor on any device; C is 1 grey,
            2 grey and alpha, 3 RGB or 4 RGB and alpha. Floating point of any width in 0–1, or in −1–1 where there are
            negative values; uint8 in 0–255 or uint16 in 0–65535. Channels may also come first in an array and last in
            a tensor.
        provider: Gives wording and style.
        levels: The values of black and white, where more than these pixels has told them.

    Raises:
        UnsupportedOutputError: The shape or dtype is not a picture's.
        LabelError: The array is read-only, or its values leave the range of its dtype.
    """
    axis = channel_axis(pixels)
    if axis == NO_PICTURE:
        raise UnsupportedOutputError(
            f"shape {tuple(pixels.shape)} is no picture: expected (H,W), (H,W,C) or (B,H,W,C) for arrays, (C,H,W) or "
            "(B,C,H,W) for tensors, with 1 to 4 channels",
            stage="render_explicit",
        )
    if not pixels.size if not is_tensor(pixels) else not pixels.numel():
        raise UnsupportedOutputError(f"an empty picture of shape {tuple(pixels.shape)}", stage="render_explicit")
    black, white = levels or value_range(pixels)
    height, width = _size(pixels, axis)
    mark = stencil(width, height, provider)
    with _writable(pixels) as values:
        region = _region(values, axis, mark.box)
        _check_range(region, axis, black, white, every=1)
        before = region.clone() if is_tensor(region) else region.copy()
        _blend(region, before, mark, axis, black, white)
    return Covered(mark, before)


def _blend(region: Any, before: Any, mark: Stencil, axis: int | None, black: float, white: float) -> None:
    """Draws into a view of the label's box, picture by picture: a batch at once would take its box many times over."""
    pictures = list(zip(region, before, strict=True)) if region.ndim == 4 else [(region, before)]
    keep, add = _weights(mark, pictures[0][0], axis)
    add = add * white + (1 - keep - add) * black
    for target, plain in pictures:
        if is_tensor(target):
            # Multiplication takes no wide unsigned integers in torch.
            blended = plain.to(keep.dtype).mul(keep).add_(add)
            target.copy_(blended if target.dtype.is_floating_point else blended.round_())
        else:
            blended = plain * keep
            blended += add
            target[...] = blended if target.dtype.kind == "f" else blended.round()


def shows_label(pixels: Any, provider: Provider) -> bool:
    """Whether every picture shows this provider's label, legibly, where the provider's style puts it."""
    axis = channel_axis(pixels)
    if axis == NO_PICTURE or 0 in pixels.shape:
        return False
    try:
        height, width = _size(pixels, axis)
        return _shows(pixels, axis, stencil(width, height, provider))
    except (UnsupportedOutputError, LabelError):
        return False


def showing(pixels: Any, provider: Provider, levels: tuple[float, float]) -> Iterator[bool]:
    """Of each picture of a batch, whether it shows this provider's label.

    Raises:
        UnsupportedOutputError: It is no picture, or too small for the label.
    """
    axis = channel_axis(pixels)
    height, width = _size(pixels, axis)
    return _each(pixels, axis, stencil(width, height, provider), levels)


def still_shows(picture: Any, provider: Provider, size: tuple[int, int]) -> bool:
    """Whether a picture that was resized shows the label that it had before, whole and in its place.

    Args:
        picture: A PIL image, an array or a tensor.
        provider: Gives wording and style.
        size: Height and width before.
    """
    import numpy
    from PIL import Image, ImageStat

    axis = -1 if is_picture(picture) else channel_axis(picture)
    height, width = (picture.height, picture.width) if is_picture(picture) else _size(picture, axis)
    try:
        mark = stencil(size[1], size[0], provider)
    except UnsupportedOutputError:
        return False
    across, down = size[1] / width, size[0] / height
    left, right = math.ceil(mark.box[0] / across), math.floor(mark.box[2] / across)
    top, bottom = math.ceil(mark.box[1] / down), math.floor(mark.box[3] / down)
    if right - left < 2 or bottom - top < 2:
        return False
    if is_picture(picture):
        region: Any = numpy.asarray(picture.crop((left, top, right, bottom)).convert("RGB"))
    else:
        region = _colours(_region(host(picture), axis, (left, top, right, bottom)), axis)
        region = numpy.asarray(region.detach().float().cpu() if is_tensor(region) else region)
    brightness = region if axis is None else region.mean(axis=axis, dtype=numpy.float32)
    # What lies under these pixels, which seldom begin where the label did.
    x, y = mark.box[:2]
    part = (
        max(0.0, left * across - x),
        max(0.0, top * down - y),
        min(mark.ink.width, right * across - x),
        min(mark.ink.height, bottom * down - y),
    )
    expected = mark.ink.resize((right - left, bottom - top), Image.Resampling.BOX, box=part)
    wanted = numpy.asarray(expected, numpy.float32) - ImageStat.Stat(expected).mean[0]
    with numpy.errstate(all="ignore"):  # a frame may hold what is no number
        brightness = brightness - brightness.mean()
        alike = float((brightness * wanted).sum())
        return alike >= _ALIKE * float(((brightness**2).sum() * (wanted**2).sum()) ** 0.5) > 0


def _shows(pixels: Any, axis: int | None, mark: Stencil) -> bool:
    """Whether every picture shows a label.

    Raises:
        LabelError: The values leave the range of their dtype.
        UnsupportedOutputError: The dtype is no picture's.
    """
    return all(_each(pixels, axis, mark, value_range(pixels)))


def _each(pixels: Any, axis: int | None, mark: Stencil, levels: tuple[float, float]) -> Iterator[bool]:
    """Of each picture, whether it shows a label."""
    black, white = levels
    region = _region(host(pixels), axis, mark.box)
    pictures = list(region) if region.ndim == 4 else [region]
    colours = _colours(pictures[0], axis)
    text, plate = (
        _aligned(_values(mask.convert("L")), colours, axis) > 0.5 for mask in (mark.text_mask, mark.plate_mask)
    )
    span = white - black
    least, most = black + span * (mark.full / 255 - 1 / 64), black + span * (1 - mark.opacity + 1 / 64)
    for picture in pictures:
        yield _legible(picture, axis, text, plate, least, most)


def _legible(picture: Any, axis: int | None, text: Any, plate: Any, least: float, most: float) -> bool:
    """Whether the text in one picture's box is bright, the plate dark, and both opaque."""
    colours = _colours(picture, axis)
    colours = colours.float() if is_tensor(colours) else colours
    if not bool((((colours >= least) | ~text) & ((colours <= most) | ~plate)).all()):
        return False
    if axis is None or picture.shape[axis] in (1, 3):
        return True
    alpha = picture[..., -1] if axis == -1 else picture[..., -1, :, :]
    alpha = alpha.float() if is_tensor(alpha) else alpha
    inside = (text | plate)[..., 0] if axis == -1 else (text | plate)[..., 0, :, :]
    return bool(((alpha >= least) | ~inside).all())


def restored(pixels: Any, covered: Covered) -> Any | None:
    """A copy as it was before the label, or None if the label is not there any more; see ``picture.restored``."""
    axis = channel_axis(pixels)
    try:
        if not _shows(pixels, axis, covered.mark):
            return None
    except LabelError:  # the values were scaled since
        return None
    # In the same order in memory: a model's last bits depend on it.
    copy = pixels.clone() if is_tensor(pixels) else pixels.copy(order="K")
    region = _region(copy, axis, covered.mark.box)
    if is_tensor(copy):
        import torch

        region.copy_(torch.as_tensor(covered.before))
    else:
        region[...] = covered.before
    return copy


def value_range(pixels: Any) -> tuple[float, float]:
    """The values of black and white, checked against a sample of the pixels.

    Raises:
        LabelError: The values leave the range of their dtype.
        UnsupportedOutputError: The dtype is no picture's.
    """
    white = _white(pixels)
    low = _check_range(host(pixels), channel_axis(pixels), -1.0 if white == 1.0 else 0.0, white, every=_SAMPLE)
    return (-1.0 if low < -_SLACK else 0.0), white


def _white(pixels: Any) -> float:
    """The value of white in this dtype."""
    name = str(pixels.dtype).removeprefix("torch.")
    if name in ("float16", "bfloat16", "float32", "float64", "longdouble", "float96", "float128"):
        return 1.0
    if name in ("uint8", "uint16"):
        return 255.0 if name == "uint8" else 65535.0
    raise UnsupportedOutputError(
        f"pixels of dtype {name} have no agreed range; use floating point in 0–1, uint8 or uint16",
        stage="render_explicit",
    )


def _check_range(pixels: Any, axis: int | None, black: float, white: float, *, every: int) -> float:
    """The darkest value of a sample; refuses float pixels in 0–255, where white text would not be white."""
    if white != 1.0:
        return 0.0
    step = slice(None, None, every)
    sample = pixels[..., step, step, :] if axis == -1 else pixels[..., step, step]
    if is_tensor(sample):
        sample = sample.detach()
    low, high = float(sample.min()), float(sample.max())
    if not (low >= black - _SLACK and high <= 1 + _SLACK):  # also true of NaN
        raise LabelError(
            f"floating-point pixels must lie in 0–1, or in −1–1, found {low:.3g} to {high:.3g}; scale them, or convert "
            "to uint8",
            stage="render_explicit",
        )
    return low


def _size(pixels: Any, axis: int | None) -> tuple[int, int]:
    shape = tuple(pixels.shape)
    return (shape[-3], shape[-2]) if axis == -1 else (shape[-2], shape[-1])


def _region(pixels: Any, axis: int | None, box: tuple[int, int, int, int]) -> Any:
    """A view of the label's box."""
    left, top, right, bottom = box
    if axis == -1:
        return pixels[..., top:bottom, left:right, :]
    return pixels[..., top:bottom, left:right]


def _colours(region: Any, axis: int | None) -> Any:
    """A view of the colour channels without alpha."""
    if axis is None or region.shape[axis] in (1, 3):
        return region
    return region[..., :-1] if axis == -1 else region[..., :-1, :, :]


def _weights(mark: Stencil, region: Any, axis: int | None) -> tuple[Any, Any]:
    """``keep`` and ``add`` with ``labelled = pixels · keep + white · add``: plate below, text on it, alpha opaque."""
    cover, shape = _values(mark.cover), _values(mark.shape)
    keep, add = 1 - cover, cover * _values(mark.grey)
    keep, add = _aligned(keep, region, axis), _aligned(add, region, axis)
    if axis is not None and region.shape[axis] in (2, 4):
        alpha = (..., -1) if axis == -1 else (..., -1, slice(None), slice(None))
        keep[alpha] = 1 - _aligned(shape, region, None)
        add[alpha] = _aligned(shape, region, None)
    return keep, add


def _values(layer: Any) -> Any:
    """A coverage mask as float32 in 0–1, shape (h,w)."""
    import numpy

    return numpy.asarray(layer, dtype=numpy.float32) / 255


def _aligned(values: Any, region: Any, axis: int | None) -> Any:
    """(h,w) values with a channel axis where the region has its own, as an array or a tensor beside the region."""
    import numpy

    if axis is not None:
        shape = (region.shape[axis], *values.shape)
        values = numpy.broadcast_to(values, shape)
        values = numpy.array(values if axis == -3 else numpy.moveaxis(values, 0, -1))
    if not is_tensor(region):
        return values
    import torch

    dtype = torch.promote_types(region.dtype, torch.float32) if region.dtype.is_floating_point else torch.float32
    return torch.from_numpy(numpy.ascontiguousarray(values)).to(region.device, dtype)


@contextmanager
def _writable(pixels: Any) -> Iterator[Any]:
    """The values to write to, in the mode in which a tensor may be written in place; refuses what cannot be."""
    if not is_tensor(pixels):
        if not pixels.flags.writeable:
            raise LabelError("the array is read-only; pass a copy: label(array.copy())", stage="render_explicit")
        yield pixels
        return
    import torch

    if any(stride == 0 and size > 1 for stride, size in zip(pixels.stride(), pixels.shape, strict=True)):
        raise LabelError(
            "several pixels of the tensor share one memory cell (expand, broadcast_to); pass a copy: "
            "label(tensor.contiguous())",
            stage="render_explicit",
        )
    with torch.inference_mode() if pixels.is_inference() else torch.no_grad():
        yield host(pixels)
        # Written behind its back: autograd must know, or a backward pass would take the old values for granted.
        pixels.narrow(0, 0, 0).zero_()
