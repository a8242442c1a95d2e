"""What goes into the bundle for app stores and filing (Measures, articles 7 and 12), whatever its form."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aigc_hooks.artifact import Reading
from aigc_hooks.discovery import DISTRIBUTION
from aigc_hooks.duties.scheme import RULES, Rule, scheme
from aigc_hooks.provider import Provider

_LIBRARIES = ("pillow", "numpy", "soundfile", "av", "mutagen", "fpdf2")


@dataclass(frozen=True, slots=True)
class Sample:
    """One piece of content that was labelled by the provider's settings.

    Attributes:
        kind: ``"image"``, ``"text"`` or ``"audio"``.
        title: In Chinese and English.
        path: The labelled file, from the folder of the bundle.
        screenshot: How its explicit label looks, as PNG; of sound, its waveform.
        reading: The implicit label as it was read back, and its defects.
        data: The file.
    """

    kind: str
    title: str
    path: str
    screenshot: bytes
    reading: Reading
    data: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """The bundle.

    Attributes:
        provider: Whose it is.
        made: Its day, ISO 8601.
        samples: One of each kind.
        agreement: The clause of the user agreement (article 8), in Chinese.
    """

    provider: Provider
    made: str
    samples: tuple[Sample, ...]
    agreement: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The labelling scheme."""
        return scheme(self.provider)

    @property
    def conforms(self) -> bool:
        """Whether every sample holds one label without defect."""
        return all(sample.reading.conforms for sample in self.samples)

    def settings(self) -> dict[str, str]:
        """The settings as configured, by their dotted names. Secrets and folders of this machine stay out."""
        return dict(_flat(self.provider.model_dump(exclude={"text": {"watermark": {"keys"}}}), ""))

    def to_json(self) -> str:
        """The report for machines."""
        value = {
            "provider": self.provider.name,
            "producer": self.provider.producer,
            "made": self.made,
            "conforms": self.conforms,
            "rules": [{"chinese": chinese, "english": english} for chinese, english in RULES],
            "scheme": [rule._asdict() for rule in self.rules],
            "settings": self.settings(),
            "samples": [
                {"kind": sample.kind, "path": sample.path, **sample.reading.to_dict()} for sample in self.samples
            ],
            "versions": versions(),
        }
        return json.dumps(value, ensure_ascii=False, indent=2)


def versions() -> dict[str, str]:
    """What made the bundle: this package, Python, and the libraries that read and write content."""
    found = {DISTRIBUTION: _version(DISTRIBUTION), "python": platform.python_version()}
    return found | {name: number for name in _LIBRARIES if (number := _version(name))}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _flat(values: dict[str, Any], above: str) -> list[tuple[str, str]]:
    found = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{above}{name}.")
        elif value not in (None, "", ()):
            found.append((f"{above}{name}", value.name if isinstance(value, Path) else str(value)))
    return found
