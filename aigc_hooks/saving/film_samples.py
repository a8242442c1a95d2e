"""The samples in frames of sound: as they are, as numbers between -1 and 1, and back."""

from __future__ import annotations

from typing import Any

from aigc_hooks.codecs import pyav


def joined(frames: list[Any]) -> Any:
    """The samples of frames, (C,N) floating point between -1 and 1."""
    import numpy

    return numpy.concatenate([_floats(columns(frame)) for frame in frames], axis=1)


def columns(frame: Any) -> Any:
    """The samples of a frame as they are, (C,N)."""
    values = frame.to_ndarray()
    return values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T


def _floats(values: Any) -> Any:
    import numpy

    if values.dtype.kind == "f":
        return values.astype(numpy.float64)
    zero, scale = _range(values.dtype)
    return (values.astype(numpy.float64) - zero) / scale


def like(values: Any, dtype: Any) -> Any:
    """Samples between -1 and 1 in the range of a dtype."""
    if dtype.kind == "f":
        return values.astype(dtype)
    zero, scale = _range(dtype)
    return (values * scale + zero).round().clip(zero - scale, zero + scale - 1).astype(dtype)


def _range(dtype: Any) -> tuple[float, float]:
    """Where silence is in integers, and full scale."""
    scale = 2.0 ** (8 * dtype.itemsize - 1)
    return (scale if dtype.kind == "u" else 0.0), scale


def frame(values: Any, old: Any) -> Any:
    """Samples (C,N) as a frame like another."""
    import numpy

    planes = values if old.format.is_planar else values.T.reshape(1, -1)
    made = pyav.library().AudioFrame.from_ndarray(
        numpy.ascontiguousarray(planes), format=old.format.name, layout=old.layout.name
    )
    made.sample_rate, made.time_base = old.sample_rate, old.time_base
    return made
