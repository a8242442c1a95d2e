"""Teaches the savers of torch's sound, ``torchcodec`` and ``torchaudio``, to write the label of labelled sound.

Since its version 2.9 ``torchaudio.save`` hands over to torchcodec's ``AudioEncoder``; older ones write by themselves.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigc_hooks import sounds
from aigc_hooks.errors import AIGCHooksError, UnsupportedCarrierError
from aigc_hooks.reading import read_label
from aigc_hooks.saving.sound import Found, embed, refuse
from aigc_hooks.saving.teaching import lay

_SAMPLES = "_aigc_hooks_samples"


def _form(path: Path) -> str:
    return path.suffix[1:].upper()


def _into_file(found: Found, path: Path, form: str) -> None:
    """Puts the label into a file that was just written; one that could not get it does not stay."""
    try:
        try:
            embed(found, path, form)
        except UnsupportedCarrierError:
            refuse(found, form, path)
    except AIGCHooksError:
        path.unlink(missing_ok=True)
        raise


def _into(found: Found, made: io.BytesIO, form: str) -> bytes:
    """The bytes of a file that was just made, with the label."""
    try:
        embed(found, made, form)
    except UnsupportedCarrierError:
        refuse(found, form, "what is encoded")
    return made.getvalue()


# torchcodec


def _teach_torchcodec(module: Any) -> None:
    encoder = module.AudioEncoder
    for name, seam in (
        ("__init__", _encoder_init),
        ("to_file", _encoder_to_file),
        ("to_file_like", _encoder_to_file_like),
        ("to_tensor", _encoder_to_tensor),
    ):
        lay(encoder, name, seam)


def _encoder_init(original: Callable[..., None], self: Any, samples: Any, *, sample_rate: int) -> None:
    original(self, samples, sample_rate=sample_rate)
    vars(self)[_SAMPLES] = (samples, sample_rate)


def _found(encoder: Any) -> Found | None:
    samples, rate = vars(encoder)[_SAMPLES]
    return sounds.label_of(samples, rate)


def _encoder_to_file(original: Callable[..., None], self: Any, dest: Any, **kwargs: Any) -> None:
    found = _found(self)
    original(self, dest, **kwargs)
    if found is not None:
        _into_file(found, Path(dest), _form(Path(dest)))


def _encoder_to_file_like(original: Callable[..., None], self: Any, file_like: Any, format: str, **kwargs: Any) -> None:
    if (found := _found(self)) is None:
        original(self, file_like, format, **kwargs)
        return
    # The file object may be one that cannot be read, and so the file is made beside it.
    made = io.BytesIO()
    original(self, made, format, **kwargs)
    file_like.write(_into(found, made, format.upper()))


def _encoder_to_tensor(original: Callable[..., Any], self: Any, format: str, **kwargs: Any) -> Any:
    made = original(self, format, **kwargs)
    if (found := _found(self)) is None:
        return made
    import torch

    data = _into(found, io.BytesIO(made.numpy().tobytes()), format.upper())
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


# torchaudio


def _teach_torchaudio(module: Any) -> None:
    lay(module, "save", _torchaudio_save)


def _torchaudio_save(original: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    bound = inspect.signature(original).bind(*args, **kwargs)
    file, rate = bound.arguments["uri"], bound.arguments["sample_rate"]
    found = sounds.label_of(bound.arguments["src"], rate)
    made = io.BytesIO() if found is not None and hasattr(file, "write") else None
    if made is not None:
        bound.arguments["uri"] = made
    try:
        original(*bound.args, **bound.kwargs)
    except RuntimeError as error:
        # It puts what the encoder raises into an error of its own.
        if isinstance(error.__cause__, AIGCHooksError):
            raise error.__cause__ from None
        raise
    if found is None:
        return
    if made is not None:
        form = str(bound.arguments.get("format") or "WAV").upper()
        file.write(made.getvalue() if _holds(made, found) else _into(found, made, form))
    elif not _holds(file, found):
        _into_file(found, Path(file), _form(Path(file)))


def _holds(file: Any, found: Found) -> bool:
    """Whether the label is there already, for the saver wrote with another that is taught."""
    try:
        findings = read_label(file).findings
    except UnsupportedCarrierError:
        return False
    return any(finding.label and finding.label.produce_id == found[0].produce_id for finding in findings)


TEACHERS: dict[str, Callable[[Any], None]] = {
    "torchaudio": _teach_torchaudio,
    "torchcodec.encoders": _teach_torchcodec,
}
