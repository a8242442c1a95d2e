"""What goes into the bundle for app stores and filing (Measures, articles 7 and 12), whatever its form."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from aigc_hooks.artifact import Finding, Reading
from aigc_hooks.checks.report import Report
from aigc_hooks.discovery import DISTRIBUTION
from aigc_hooks.duties.scheme import RULES, Rule, scheme
from aigc_hooks.duties.service import class_of
from aigc_hooks.provider import Provider

TITLE = "生成合成内容标识材料 Labelling evidence"

_LIBRARIES = ("pillow", "numpy", "soundfile", "av", "mutagen", "fpdf2")

# Where the record and the keys are, whom it is about, and what a watermark's secret is.
_UNSHOWN: dict[str, Any] = {
    "audit_url": True,
    "audit_reference": True,
    "text": {"watermark": {"keys"}},
    "security": {"key", "key_env", "passphrase_env", "certificate", "signer", "trusted"},
}

_VERDICTS = {"pass": "通过 pass", "fail": "不通过 fail", "unknown": "文件本身不能判定 the file alone does not tell"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One piece of content that was labelled by the provider's settings.

    Attributes:
        kind: ``"text"``, ``"document"``, ``"image"``, ``"audio"``, ``"video"`` or ``"scene"``.
        title: In Chinese and English.
        path: The labelled file, from the folder of the bundle.
        screenshot: How its explicit label looks, from the folder of the bundle; of sound, its waveform.
        shown: That picture, as PNG.
        reading: The implicit label as it was read back, and its defects.
        report: What ``check`` says of the file.
        data: The file.
    """

    kind: str
    title: str
    path: str
    screenshot: str
    shown: bytes
    reading: Reading
    report: Report
    data: bytes

    @property
    def conforms(self) -> bool:
        """Whether it holds one label without defect, and breaks no rule."""
        return self.reading.conforms and self.report.passed


class Heading(NamedTuple):
    """A heading, of level 1 to 4."""

    text: str
    level: int = 2


class Paragraph(NamedTuple):
    """Lines of text; ``good`` tells a verdict."""

    lines: tuple[str, ...]
    good: bool | None = None


class Table(NamedTuple):
    """Rows; the first cell of each names it."""

    rows: tuple[tuple[str, ...], ...]


class Figure(NamedTuple):
    """How a sample looks, and the sample itself, where it can be played."""

    sample: Sample


Block = Heading | Paragraph | Table | Figure


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
        """Whether every sample does."""
        return all(sample.conforms for sample in self.samples)

    def settings(self) -> dict[str, str]:
        """The settings as configured, by their dotted names. Secrets and folders of this machine stay out.

        So do those of signatures where there are none.
        """
        unsigned = {} if self.provider.security.signs else {"security": True}
        return dict(_flat(self.provider.model_dump(exclude=_UNSHOWN | unsigned), ""))

    def blocks(self) -> Iterator[Block]:
        """The document, part by part."""
        yield Heading(TITLE, 1)
        service = class_of(self.provider)
        head = [("服务提供者 Provider", self.provider.producer), ("日期 Date", self.made)]
        yield Table((*head, *([("服务类型 Service class", service.chinese)] if service else [])))
        yield Paragraph(
            (
                "《人工智能生成合成内容标识办法》第七条、第十二条。本材料含有AI生成合成内容的样例：按本服务的设置添加标识，"
                "样例文件及其截图均带有标识。请另附服务界面的截图。",
                "Measures for Labelling AI-Generated Content, articles 7 and 12. It holds samples of AI-generated "
                "content, labelled by the settings of this service; their files and pictures carry the labels. Add "
                "screenshots of the service's own interface.",
            )
        )
        yield Heading("一、依据 Rules")
        yield Table(RULES)
        yield Heading("二、标识方案 Scheme")
        for rule in self.rules:
            yield Heading(rule.title, 3)
            yield Paragraph((rule.chinese, rule.english))
        yield Heading("三、样例 Samples")
        for sample in self.samples:
            yield from _sample(sample)
        yield Heading("四、用户服务协议条款 Clause of the user agreement")
        yield from _clause(self.agreement)
        yield Heading("五、设置 Settings")
        yield Table(tuple(self.settings().items()))
        yield Heading("六、版本 Versions")
        yield Table(tuple(versions().items()))

    def to_json(self) -> str:
        """The report for machines."""
        value = {
            "provider": self.provider.name,
            "producer": self.provider.producer,
            "service_class": self.provider.service_class,
            "made": self.made,
            "conforms": self.conforms,
            "rules": [{"chinese": chinese, "english": english} for chinese, english in RULES],
            "scheme": [rule._asdict() for rule in self.rules],
            "settings": self.settings(),
            "samples": [
                {
                    "kind": sample.kind,
                    "path": sample.path,
                    "screenshot": sample.screenshot,
                    **sample.reading.to_dict(),
                    "check": sample.report.to_dict(),
                }
                for sample in self.samples
            ],
            "versions": versions(),
        }
        return json.dumps(value, ensure_ascii=False, indent=2)


def _sample(sample: Sample) -> Iterator[Block]:
    yield Heading(sample.title, 3)
    yield Figure(sample)
    verdict = "符合 conforms" if sample.conforms else "不符合 defective"
    yield Paragraph((f"{sample.path} · {sample.reading.carrier} · {verdict}",), sample.conforms)
    for finding in sample.reading.findings:
        yield Table((("位置 Place", finding.place), *_elements(finding)))
    if sample.reading.defects:
        yield Paragraph(sample.reading.defects, False)
    yield Heading(f"检查报告 Check report ({sample.report.edition.standard})", 4)
    yield Table(
        tuple((check.id, _VERDICTS[check.status], f"{check.rule}: {check.reason}") for check in sample.report.checks)
    )


def _elements(finding: Finding) -> list[tuple[str, str]]:
    return list(finding.label.to_dict().items()) if finding.label else [("?", finding.raw)]


def _clause(markdown: str) -> Iterator[Block]:
    """The clause, whose Markdown has headings, lists and bold type only."""
    for part in markdown.strip().split("\n\n"):
        text = part.replace("**", "")
        marks, _, heading = text.partition(" ")
        yield Heading(heading, 2 + len(marks)) if set(marks) == {"#"} else Paragraph(tuple(text.splitlines()))


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
