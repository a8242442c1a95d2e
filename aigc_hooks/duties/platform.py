"""What a platform that spreads content does with it (Measures, article 6): the degree, the prompt, its elements.

The decision looks at three things, in this order: what the metadata says, what the user declared, what was detected.
The platform's elements go into the file by the carrier's lossless writer; the producer's stay.
"""

from __future__ import annotations

import functools
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from aigc_hooks.artifact import AuditRecord, Reading
from aigc_hooks.errors import ForeignLabelError, UnsupportedCarrierError
from aigc_hooks.labels import DEGREES, Label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, resolve
from aigc_hooks.reading import read_label
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.leaving import leaving, recorded
from aigc_hooks.saving.writing import Finish, pass_on
from aigc_hooks.security.signing import passed_on

Degree = Literal["", "1", "2", "3"]

PROMPTS = {
    "": "",
    "1": "该内容属于AI生成合成内容",
    "2": "该内容可能由AI生成合成",
    "3": "该内容疑似由AI生成合成",
}
"""The text to show around content of each degree (article 6; GB 45438-2025, 5.6): both elements, and the degree."""

IN_ENGLISH = {
    "": "",
    "1": "This content is AI-generated.",
    "2": "This content may be AI-generated.",
    "3": "This content is suspected to be AI-generated.",
}
"""The same for those who do not read Chinese; it goes beside the Chinese text, not in its place."""

DECLARATION = ("本内容由AI生成合成", "This content is AI-generated")
"""What a user ticks who uploads content (article 6, item 4; article 10), in Chinese and English."""

REMINDER = (
    "根据《人工智能生成合成内容标识办法》，发布AI生成合成内容应当主动声明，并使用平台提供的标识功能进行标识；"
    "不得恶意删除、篡改、伪造、隐匿生成合成内容标识。",
    "Whoever publishes AI-generated content must declare it and use the labelling function of the platform; labels may "
    "not be maliciously deleted, altered, forged or hidden.",
)
"""What a platform reminds those of who upload content (article 6, item 4; article 10), in Chinese and English."""


def prompts() -> dict[str, dict[str, str]]:
    """All that a platform shows, by name, each as ``{"zh": …, "en": …}``.

    ``"1"``, ``"2"`` and ``"3"`` stand around content and players (articles 4 and 6), ``"declaration"`` beside a box to
    tick, and ``"reminder"`` where content is uploaded.
    """
    texts = {degree: (PROMPTS[degree], IN_ENGLISH[degree]) for degree in PROMPTS if degree}
    texts |= {"declaration": DECLARATION, "reminder": REMINDER}
    return {name: {"zh": chinese, "en": english} for name, (chinese, english) in texts.items()}


@dataclass(frozen=True, slots=True)
class Propagation:
    """What a platform has to do with a piece of content, and what was written.

    Attributes:
        path: The file; where ``output`` was given, that.
        degree: ``"1"`` is, ``"2"`` may be, ``"3"`` is suspected to be generated; empty where nothing points to it.
        prompt: The text to show around the content, in Chinese; empty where the degree is.
        prompt_in_english: The same in English, to go beside it.
        label: The label that the file holds now; None where the degree is empty, or the format has no place for one.
        before: What the file held before.
    """

    path: Path
    degree: Degree
    prompt: str
    prompt_in_english: str
    label: Label | None
    before: Reading


def decide(implicit: Label | None, declared: bool, detected: bool) -> Degree:
    """The degree by article 6: the metadata first, then the user's word, then what was detected.

    An implicit label counts as a clear statement unless an earlier platform wrote it with degree 2 or 3; then the
    stronger of that and the decision here stands, for nobody may weaken a label (article 10).

    Args:
        implicit: The label in the metadata, or None.
        declared: Whether the user declared the content as generated.
        detected: Whether an explicit label or other traces of generation were detected.
    """
    own: Degree = "2" if declared else "3" if detected else ""
    if implicit is None:
        return own
    if implicit.label not in ("2", "3"):
        return "1"
    return cast(Degree, min(implicit.label, own or "3"))


def propagate(
    path: str | os.PathLike[str],
    *,
    platform: str | None = None,
    declared: bool = False,
    detected: bool = False,
    propagate_id: str | None = None,
    reserved_code2: str | None = None,
    output: str | os.PathLike[str] | None = None,
    provider: str | Provider | None = None,
) -> Propagation:
    """Decides what a platform shows around a file, and writes the platform's elements into its label (article 6).

    The producer's elements stay as they are. A second call of the same platform changes nothing. Where nothing points
    to generated content, the file stays as it is, which does not mean that the content was not generated.

    Args:
        path: The file.
        platform: Name or code of the platform, for ``ContentPropagator``. None takes the provider's ``producer``.
        declared: Whether the user declared the content as generated.
        detected: Whether an explicit label or other traces of generation were detected.
        propagate_id: The platform's unique number for the content; None makes one, or keeps the platform's own.
        reserved_code2: The platform's security information; None signs the platform's elements and the content where
            the settings name a key, and else leaves it empty, or keeps the platform's own. That of an earlier platform
            goes with its other elements.
        output: Where the file goes; None writes it in place.
        provider: Name of a provider in the configuration, or a ``Provider``, whose settings hold.

    Raises:
        ForeignLabelError: The file's label cannot be read, or its labels name different producers.
        UnsupportedCarrierError: The format has no place for the label, and ``on_unsupported_carrier`` is ``"raise"``.
        CarrierError: The file is damaged.
        SignedContentError: C2PA has signed the file, and ``on_signed_content`` is ``"raise"``.
        LabelFormatError: A value given breaks Annex E.
        LabelError: The label did not arrive, or an audit sink failed.
        ConfigError: A setting is missing or wrong.
    """
    settings = resolve(provider, {} if platform is None else {"producer": platform})
    source, target = Path(path), Path(output if output is not None else path)
    reading = read_label(source)
    found = _one(reading, source)
    degree = decide(found, declared, detected)
    made = _label(found, degree, settings, propagate_id, reserved_code2) if degree else None
    record = functools.partial(_record, settings, source.name)

    def spread(label: Label) -> None:
        # A platform must be able to tell of all that it spreads: the record comes first.
        record("propagated", label, [reading.carrier], f"Label {degree} ({DEGREES[degree]})")
        recorded(label)

    if made is not None:
        try:
            with leaving(settings, "", source.name):
                made = pass_on(
                    source,
                    made,
                    output=target,
                    on_signed_content=settings.on_signed_content,
                    finish=_signing(settings) if reserved_code2 is None else None,
                    before=spread,
                )
        except UnsupportedCarrierError as error:
            if settings.on_unsupported_carrier == "raise":
                raise
            warnings.warn(f"the platform's elements were not written: {error}", stacklevel=2)
            record("unsupported-carrier", found, [], str(error))
            made = None
    if made is None and target != source:
        with source.open("rb") as old, replacing(target) as new:
            shutil.copyfileobj(old, new)
    return Propagation(target, degree, PROMPTS[degree], IN_ENGLISH[degree], made, reading)


def _record(settings: Provider, source: str, outcome: str, label: Label | None, places: list[str], reason: str) -> None:
    line = AuditRecord.now(outcome, "", source=source, label=label, places=places, reason=reason)
    hooks(settings).audit(line, settings)


def _one(reading: Reading, path: Path) -> Label | None:
    """The label of a file, of whose degrees the strongest counts; None where it has none.

    Raises:
        ForeignLabelError: One cannot be read, or they contradict each other.
    """
    found: Label | None = None
    for finding in reading.findings:
        label = finding.label
        if label is None:
            raise ForeignLabelError(
                f"{path} holds a label that cannot be read ({finding.place}: {finding.raw[:60]!r}), and what it says "
                "is not known; nobody may replace it (Measures, article 10)",
                stage="detect",
            )
        if found is None:
            found = label
            continue
        same = ("content_producer", "produce_id", "reserved_code1")
        if any(getattr(found, name) != getattr(label, name) for name in same):
            raise ForeignLabelError(
                f"{path} holds labels that name different producers or numbers ({found.to_json()} and "
                f"{label.to_json()}): only who made it can say which is right",
                stage="detect",
            )
        found = min(found, label, key=lambda each: each.label if each.label in DEGREES else "1")
    return found


def _label(
    found: Label | None, degree: Degree, settings: Provider, propagate_id: str | None, reserved_code2: str | None
) -> Label:
    own = found is not None and found.content_propagator == settings.producer
    code = (found.reserved_code2 if own and found else "") if reserved_code2 is None else reserved_code2
    number = propagate_id or (found.propagate_id if own and found else "") or _number()
    # What the platform writes must be lawful; what it found may have its faults, and keeps them.
    Label("3", content_propagator=settings.producer, propagate_id=number, reserved_code2=code, strict=settings.strict)
    kept = {"content_producer": "", "produce_id": "", "reserved_code1": ""}
    if found is not None:
        kept = {name: getattr(found, name) for name in kept}
    return Label.unchecked(
        label=degree, content_propagator=settings.producer, propagate_id=number, reserved_code2=code, **kept
    )


def _signing(settings: Provider) -> Finish:
    """Signs the platform's elements, and the content with them, where the settings name a key."""

    def finish(label: Label, stream: BinaryIO, path: Path) -> Label:
        return passed_on(label, settings, stream, path)

    return finish


def _number() -> str:
    from uuid_utils import uuid7

    return uuid7().hex
