"""The records that travel between the rooms: what is labelled, what was found, who wraps what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from html import escape
from typing import Any, BinaryIO, Literal

from aigc_hooks.labels import KEYS, Label
from aigc_hooks.provider import Provider
from aigc_hooks.waiver import Exemption, current


@dataclass(slots=True)
class Artifact:
    """One piece of generated content on its way through the stages.

    Attributes:
        content: The live object: a PIL image, an array, a tensor, a string. A stage may replace it by one of the same
            kind.
        modality: ``"image"``, ``"text"``, ``"audio"``, ``"video"``, ``"scene"`` (a mesh) or, of a file, ``"document"``.
        source: What made it, such as the name of a pipeline class; empty if unknown.
        label: The implicit label, once ``aigc_make_label`` has made it.
        places: Where labels were put, such as ``"pixels"``; the audit record lists them.
        visible: Whether the explicit label is already in the content: then it is not drawn again.
        covered: What lay under the explicit label before it was drawn, as its renderer keeps it; None if nothing was.
        passes: Why the content stays as it is, such as ``"one JSON document"``; set by ``aigc_detect``. Empty: it gets
            its label.
        part: ``"whole"``; or of a text that leaves in pieces ``"head"`` (the first piece: something may go before it)
            or ``"tail"`` (all that has left: something may follow it). For ``aigc_review`` alone ``"piece"``: of a text
            all that has left and the piece that is about to; of a sound that piece, as samples or encoded bytes.
        rate: Of sound, samples a second.
        exemption: The user's request by which it gets no explicit label (Measures, article 9), or None.
        fps: Of a film, frames a second; None where nothing tells.
    """

    content: Any
    modality: str
    source: str = ""
    label: Label | None = None
    places: list[str] = field(default_factory=list)
    visible: bool = False
    covered: Any = None
    passes: str = ""
    part: Literal["whole", "head", "tail", "piece"] = "whole"
    rate: int | None = None
    exemption: Exemption | None = field(default_factory=current)
    fps: float | None = None


@dataclass(slots=True)
class Call:
    """A generation that is about to run; ``aigc_prepare`` may change its arguments.

    Attributes:
        source: Name of the pipeline class or function.
        arguments: Positional arguments, without the object itself.
        keywords: Keyword arguments.
        framework: Name of the adapter whose object is called, such as ``"diffusers"``.
    """

    source: str
    arguments: list[Any]
    keywords: dict[str, Any]
    framework: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One implicit label found in a file or an image.

    Attributes:
        label: The record, or None where the text holds none that can be read.
        place: Where it was found, such as ``"PNG iTXt XML:com.adobe.xmp"``.
        defects: What about it breaks the standard or the guides, one sentence each.
        raw: The text as found.
    """

    label: Label | None
    place: str
    defects: tuple[str, ...]
    raw: str


BY_ANALOGY = "no guide is known that names a place in this format; it stands there by analogy"
"""What is said of a label whose place no guide names."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What ``read_label`` found.

    No finding means "no label found", never "not generated" (Measures, article 6).

    Attributes:
        carrier: The format that was recognised, such as ``"PNG"``.
        findings: Every label found, in file order.
        manifests: Where C2PA manifests stand, whose digests a label that is written later would break. They were not
            verified.
        by_analogy: Whether no guide is known that names a place in this format, so that it stands where this library,
            or who wrote it, puts it.
    """

    carrier: str
    findings: tuple[Finding, ...] = ()
    manifests: tuple[str, ...] = ()
    by_analogy: bool = False

    @property
    def label(self) -> Label | None:
        """The first label that could be read, or None."""
        return next((finding.label for finding in self.findings if finding.label), None)

    @property
    def found(self) -> bool:
        """Whether a label could be read. False says nothing about where the content came from."""
        return self.label is not None

    @property
    def defects(self) -> tuple[str, ...]:
        """Everything that keeps this reading from conforming, one sentence each."""
        found = [f"{finding.place}: {defect}" for finding in self.findings for defect in finding.defects]
        if not self.findings:
            found.append("no label found (which does not mean that the content was not generated)")
        if len(self.findings) > 1:
            # GB 45438-2025, 6.1 c: a file keeps exactly one file-metadata implicit label.
            found.append(f"{len(self.findings)} labels in one file; GB 45438-2025, 6.1 c) allows one")
        return tuple(found)

    @property
    def conforms(self) -> bool:
        """Whether there is exactly one label, without a defect: in the form of Annex E, and in its place.

        A place is right where the guide for the format has it. Where no guide is known to name one, no place is wrong
        for that, and ``by_analogy`` says so.
        """
        return not self.defects

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON output."""
        return {
            "carrier": self.carrier,
            "found": self.found,
            "conforms": self.conforms,
            "defects": list(self.defects),
            "manifests": list(self.manifests),
            "by_analogy": self.by_analogy,
            "findings": [
                {
                    "place": finding.place,
                    "label": finding.label.to_dict() if finding.label else None,
                    "defects": list(finding.defects),
                    "raw": finding.raw,
                }
                for finding in self.findings
            ],
        }

    def _repr_html_(self) -> str:
        """The view that notebooks show."""
        signed = "".join(f"<p>{escape(place)}: C2PA manifest, not verified here</p>" for place in self.manifests)
        if not self.findings:
            told = "no AIGC label found. 未发现隐式标识（不代表内容非生成）。"
            return f"<p><b>{escape(self.carrier)}</b>: {told}</p>{signed}"
        rows = []
        for finding in self.findings:
            title = f"{escape(self.carrier)} · {escape(finding.place)}"
            rows.append(f'<tr><th colspan="2" style="text-align:left">{title}</th></tr>')
            elements = finding.label.to_dict() if finding.label else dict.fromkeys(KEYS.values(), "?")
            rows += [
                f'<tr><td style="text-align:left">{key}</td>'
                f'<td style="text-align:left"><code>{escape(value)}</code></td></tr>'
                for key, value in elements.items()
            ]
        verdict = "conforms 符合" if self.conforms else "does not conform 不符合：" + "; ".join(self.defects)
        noted = f"<p>{escape(BY_ANALOGY)}</p>" if self.by_analogy else ""
        return f"<table>{''.join(rows)}</table><p>{escape(verdict)}</p>{noted}{signed}"


@dataclass(frozen=True, slots=True)
class RawLabel:
    """The text of one label as a carrier's reader found it, before it is parsed.

    Attributes:
        place: Where it was found.
        text: The text.
        defects: What is wrong with the place, one sentence each.
        by_analogy: Whether the file is of a format without a place in the guides, though its carrier is of one with it.
    """

    place: str
    text: str
    defects: tuple[str, ...] = ()
    by_analogy: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """A signature over the bytes of a file, such as one of C2PA, that a carrier's reader met; it is no label."""

    place: str


class Drawable(ABC):
    """Content on which the visible label is drawn when it is written, such as a film on disk."""

    @abstractmethod
    def shows(self, provider: Provider) -> bool:
        """Whether it shows the label already, where the settings put it."""

    @abstractmethod
    def draw(self, provider: Provider) -> list[str]:
        """Makes the label, with which it will be written.

        Returns:
            Where it will be, for the audit record.

        Raises:
            UnsupportedOutputError: It cannot be drawn.
        """


SNIFFED = 4096
"""How many bytes of a file a carrier is recognised by."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A file format that can hold the implicit label. Plugins bring more through ``aigc_carriers``.

    Attributes:
        name: Short name, such as ``"PNG"``.
        suffixes: File name endings, lower case with the dot.
        sniff: Tells from the first ``SNIFFED`` bytes of a file whether it is of this format.
        read: Yields every label in a seekable binary stream, wherever that stands: it begins with a seek. It decodes no
            content, keeps time and memory bounded whatever the file claims, and raises ``CarrierError`` for a damaged
            file. Where it meets a signature over the bytes of the file, it yields that too.
        write: Copies a seekable binary stream to an empty one that can be read too, with the label text given (the bare
            object) as the only one: in the place that the guide names, and in no other. All other bytes stay, nothing
            is decoded, and memory is constant. None where files of this format are labelled by other means.
        medium: What files of this format hold; empty where it is not told. A film's may hold sound alone.
        by_analogy: Whether the place is a choice of its author: no guide is known that names one in this format.
        alternative: As ``write``, but in the second place that the guide names; None where it names one.
        refusal: Of a format that is known and cannot hold the label: why, and what to do instead. Nothing is read from
            it or written to it.
    """

    name: str
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    read: Callable[[BinaryIO], Iterable[RawLabel | Manifest]]
    write: Callable[[BinaryIO, BinaryIO, str], None] | None = None
    medium: Literal["", "image", "audio", "video", "text", "document"] = ""
    refusal: str = ""
    by_analogy: bool = False
    alternative: Callable[[BinaryIO, BinaryIO, str], None] | None = None


Seam = Callable[[Callable[..., Any], Provider], Callable[..., Any]]
"""A decorator ``(original function, settings) -> replacement`` that an adapter lays over one method of a class.

It keeps the signature (``functools.wraps``) and the kind of the original: coroutine functions stay such, generators
too. Of a class or static method it gets the plain function.
"""


@dataclass(frozen=True, slots=True)
class Adapter:
    """How to wrap one framework's objects; ``aigc_adapter`` returns it.

    Attributes:
        name: The framework, such as ``"diffusers"``.
        seams: For each method to replace, its decorator. A class that lacks one of them is refused with
            ``UnsupportedVersionError``.
        wrapped: Called with each object right after it was wrapped, or None. For a copy or a pickle that is when it has
            its state again, if it has any.
        unwrapped: Called with each object right after it was unwrapped, or None.
    """

    name: str
    seams: Mapping[str, Seam]
    wrapped: Callable[[Any], None] | None = None
    unwrapped: Callable[[Any], None] | None = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What ``aigc_audit`` receives: one line about one piece of content. It never holds the content or a prompt.

    Attributes:
        outcome: ``"labelled"``, ``"already-labelled"``, ``"passed"`` (nothing there to label), ``"failed"`` (released
            unlabelled under ``on_error="warn"``; with a label: its file was not written, whatever an earlier row says),
            ``"aborted"`` (a text that was broken off before its label), ``"unsupported-carrier"`` (saved without
            implicit label), ``"exempted"`` (released without explicit label; the record was there before),
            ``"refused"`` (by a review: not released) or ``"propagated"`` (a platform's elements were written).
        modality: Such as ``"image"`` or ``"text"``.
        source: What made the content, such as the name of a pipeline class.
        label: Its implicit label, if it got one.
        places: Where labels were put.
        reason: Why the outcome is not ``"labelled"``.
        time: UTC, ISO 8601.
        digest: Of what left, such as ``"text-sha256:…"`` (``duties.digest``); empty where it was not at hand.
        user: Of exempted content, who asked for it, as the setting ``exemption_ids`` has it recorded.
        agreement: Of exempted content, the agreement that lays the labelling duty on the user, recorded likewise.
    """

    outcome: str
    modality: str
    source: str
    label: Label | None
    places: tuple[str, ...]
    reason: str
    time: str
    digest: str = ""
    user: str = ""
    agreement: str = ""

    @classmethod
    def now(
        cls,
        outcome: str,
        modality: str,
        *,
        source: str = "",
        label: Label | None = None,
        places: Iterable[str] = (),
        reason: str = "",
        digest: str = "",
        user: str = "",
        agreement: str = "",
    ) -> AuditRecord:
        """A record of this moment."""
        time = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        return cls(outcome, modality, source, label, tuple(places), reason, time, digest, user, agreement)
