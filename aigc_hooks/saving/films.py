"""Saves labelled frames, and the sound that belongs to them, as a film: MP4, MOV, Matroska, WebM, GIF."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

from aigc_hooks import films
from aigc_hooks.carry import carried, labelled_by
from aigc_hooks.errors import LabelError, UnsupportedCarrierError
from aigc_hooks.labels import Label
from aigc_hooks.media import films_in, is_picture
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider
from aigc_hooks.saving import teaching
from aigc_hooks.saving.writing import write_label

# By suffix: encoder, its settings, and the quality that it has unless crf= says otherwise.
_ENCODERS: dict[str, tuple[str, dict[str, str], int]] = {
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv"), ("libx264", {}, 18)),
    # As it comes, its encoder takes a second for ten frames.
    ".webm": ("libvpx-vp9", {"b:v": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"}, 24),
}


# What comes with samples: how many there are a second, and they.
Sound = tuple[Any, int]


def holds(path: Path) -> bool:
    """Whether a file of this name is a film, and nothing else."""
    return path.suffix.lower() in _ENCODERS


def known(content: Any) -> Provider | None:
    """The provider whose label a film carries; None where it carries none that was made here."""
    found = films_in(content)
    first = found[0][0] if found and len(found[0]) else None
    if first is None:
        return None
    if is_picture(first):
        return labelled_by(first)
    found_again = films.label_of(first)
    return found_again[1] if found_again else None


def shown_rate(path: Path, fps: float) -> float:
    """The rate at which a format shows frames: a GIF counts in hundredths of a second."""
    from aigc_hooks.explicit.video import check_fps

    rate = check_fps(fps)
    return 100 / _hundredths(rate) if path.suffix.lower() == ".gif" else rate


def _hundredths(fps: float) -> int:
    return max(2, round(100 / fps))  # players take what is quicker for ten


def check_target(path: Path, audio: Any) -> None:
    """Checks that a format is written, before anything is labelled for it.

    Raises:
        UnsupportedCarrierError: The suffix names no format that is written, or one without sound.
    """
    suffix = path.suffix.lower()
    if suffix != ".gif" and suffix not in _ENCODERS:
        raise UnsupportedCarrierError(
            f"{path}: films are saved as {', '.join((*_ENCODERS, '.gif'))}, and the suffix is {path.suffix!r}; choose "
            f"for example {path.with_suffix('.mp4').name!r}"
        )
    if suffix == ".gif" and audio is not None:
        raise UnsupportedCarrierError(
            f"{path}: a GIF has no sound; choose for example {path.with_suffix('.mp4').name!r}"
        )


def save(content: Any, path: Path, fps: float, params: dict[str, Any], sound: Sound | None = None) -> Path:
    """Writes a labelled film to a file, whole or not at all.

    Args:
        content: Its frames.
        path: The file.
        fps: Frames a second.
        params: What else is asked for.
        sound: Samples in any layout, with their label, and how many there are a second.

    Raises:
        UnsupportedCarrierError: No plugin writes the label into the format, or PyAV is missing.
        LabelError: It is several films.
    """
    suffix = path.suffix.lower()
    found = films_in(content)
    if len(found) != 1:
        raise LabelError(f"{len(found)} films are no single file; save each: save(films[i], …)", stage="save")
    if suffix == ".gif":
        first, *others = map(_picture, found[0])
        first.save(
            path, save_all=True, append_images=others, **{"duration": 10 * _hundredths(fps), "loop": 0, **params}
        )
        return path
    if not any(carrier.write is not None and suffix in carrier.suffixes for carrier in hooks().carriers):
        raise UnsupportedCarrierError(f"{path}: no plugin writes the implicit label into {suffix} files")
    label = _label_of(found[0])
    # Beside the target, so that it need not be copied from one disk to another.
    with tempfile.TemporaryDirectory(prefix=".aigc-", dir=path.parent) as folder, teaching.resting():
        raw = Path(folder, f"film{suffix}")
        _encode(found[0], raw, fps, params, sound)
        write_label(raw, label, output=path)
    return path


def _label_of(film: Any) -> Label:
    label = carried(film[0])
    if label is None:  # on_error = "warn" has let it through
        raise LabelError("the film could not be labelled, and save() writes only labelled ones", stage="save")
    return label


def _encode(film: Any, path: Path, fps: float, params: dict[str, Any], sound: Sound | None) -> None:
    try:
        import av
    except ImportError as error:
        raise UnsupportedCarrierError("films are saved with PyAV: pip install 'aigc-hooks[video]'") from error
    codec, options, quality = _ENCODERS[path.suffix.lower()]
    crf = params.pop("crf", quality)
    if params:
        raise TypeError(f"save() of a film takes settings of Provider, crf= and no {', '.join(params)}=")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=Fraction(fps).limit_denominator(1001), options={**options, "crf": str(crf)}
        )
        stream.pix_fmt = "yuv420p"
        heard = _heard(container, path, sound)
        time = 0.0
        for number, pixels in enumerate(_pixels(film)):
            if not number:
                stream.height, stream.width = pixels.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            # In step, so that neither has to wait in memory for the other.
            while time * fps < number + 1 and (packet := next(heard, None)) is not None:
                time = float(packet.pts * packet.time_base)
                container.mux(packet)
        container.mux(stream.encode())
        for packet in heard:
            container.mux(packet)


def _heard(container: Any, path: Path, sound: Sound | None) -> Iterator[Any]:
    """The packets of a film's sound, in a stream of their own."""
    if sound is None:
        return iter(())
    from aigc_hooks.codecs import pyav
    from aigc_hooks.saving.sound import as_columns

    columns, rate = as_columns(sound[0]), sound[1]
    codec = "libopus" if path.suffix.lower() == ".webm" else "aac"
    return pyav.encoded(pyav.sound_stream(container, codec, columns.shape[1], rate), columns, rate)


def _pixels(film: Any) -> Iterator[Any]:
    """The frames as (H,W,3) in 0–255, with even sides, which players ask for."""
    import numpy

    for frame in film:
        values = numpy.asarray(_picture(frame).convert("RGB"))
        odd = [(0, side % 2) for side in values.shape[:2]]
        yield numpy.pad(values, (*odd, (0, 0)), "edge") if any(more for _, more in odd) else values


def _picture(frame: Any) -> Any:
    """A frame as a PIL image that carries its label."""
    if is_picture(frame):
        return frame
    from aigc_hooks.saving.files import to_picture

    return to_picture(frame, cast(Provider, labelled_by(frame)))
