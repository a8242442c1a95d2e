"""check: a compliance report on one file, rule by rule."""

from __future__ import annotations

import os
from pathlib import Path

from aigc_hooks.artifact import Reading
from aigc_hooks.checks import documents, films, implicit, pictures, sounds, texts
from aigc_hooks.checks.report import Check, Report
from aigc_hooks.documents import families
from aigc_hooks.provider import Provider, resolve
from aigc_hooks.reading import carrier_of, read_label
from aigc_hooks.saving.documents import is_text
from aigc_hooks.saving.recordings import is_sound


def check(path: str | os.PathLike[str], *, provider: str | Provider | None = None) -> Report:
    """Judges a file by the rules that a file can be judged by: implicit label and, where it can be seen, the explicit.

    The implicit label is judged as ``read_label`` finds it. The explicit label is looked for in pictures (the label of
    this library, at each of its places), in the opening of films, in sounds (the rhythm), in texts and in documents.
    What is not recognised is ``"unknown"``, not wrong. That a file has no label does not mean that its content was not
    generated.

    Args:
        path: The file.
        provider: Name of a provider in the configuration, or a ``Provider``, whose explicit label is looked for beside
            that of the default settings.

    Returns:
        The verdicts, with the editions of the standard and of the guides that it was judged by.

    Raises:
        CarrierError: The file is damaged.
        UnsupportedCarrierError: The format is not known.
        ConfigError: The provider is not known, or its settings are wrong.
        OSError: The file cannot be opened.
    """
    settings = None if provider is None else resolve(provider, {})
    file = Path(path)
    reading = read_label(file)
    checks = [*_explicit(file, reading, settings), *implicit.judge(reading, file.suffix)]
    return Report(os.fspath(path), reading.carrier, tuple(checks))


def _explicit(path: Path, reading: Reading, provider: Provider | None) -> list[Check]:
    if is_text(path, path):
        return texts.judge(path, provider)
    carrier = carrier_of(path)
    medium = carrier.medium if carrier is not None else ""
    if medium == "image":
        return pictures.judge(path, provider)
    if medium == "audio" or (medium == "video" and is_sound(path)):
        return sounds.judge(path, provider)
    if medium == "video":
        return films.judge(path, provider)
    if carrier is not None and carrier.name in families.NAMES:
        return documents.judge(path, carrier.name, provider)
    return [Check("S-06", "unknown", f"the visible label of {reading.carrier} cannot be seen by this version")]
