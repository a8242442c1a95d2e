"""The only room where stages run: detect → make label → explicit → watermark → implicit → sign → audit."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

from aigc_hooks.artifact import Artifact, AuditRecord, Call, Finding
from aigc_hooks.errors import ExemptionError, ForeignLabelError, LabelError, ReviewRefused, UnsupportedOutputError
from aigc_hooks.labels import Label
from aigc_hooks.plugins import Hooks, hooks
from aigc_hooks.provider import Provider
from aigc_hooks.saving import leaving
from aigc_hooks.waiver import Exemption, recorded_id

logger = logging.getLogger("aigc_hooks")


def run(artifact: Artifact, provider: Provider, *, reviewed: bool = False, recorded: bool = False) -> str:
    """One artifact through all stages; nothing is released that missed one.

    Args:
        artifact: The content.
        provider: The settings.
        reviewed: Whether its review has been done, or is done of the pieces in which it leaves.
        recorded: Whether it belongs to an output that is in the record already, such as a later frame of a file.

    Returns:
        The outcome, for ``record``; empty where a failure was forgiven and has been recorded.

    Raises:
        LabelError: A stage failed.
    """
    room = hooks(provider)
    if not reviewed:
        review(artifact, provider)
    try:
        found = own_label(room.detect(artifact, provider), provider)
        # What its file holds counts before what is remembered: the same sound may have got another label since.
        known = artifact.label or found
        if artifact.passes:
            return "passed"
        seen = artifact.visible and (known is not None or artifact.modality == "text")
        if seen and known is not None and artifact.part == "whole":
            artifact.label = known
            room.write_metadata(artifact, known, provider)
        else:
            artifact.label = _label(artifact, known, room, provider, recorded)
    except LabelError as error:
        forgive(error, provider, source=artifact.source, modality=artifact.modality)
        return ""
    if seen:
        return "already-labelled"
    return "exempted" if artifact.exemption and not artifact.visible else "labelled"


def review(what: Call | Artifact, provider: Provider) -> None:
    """Lets the plugins refuse an input or an output before it leaves (Deep Synthesis Provisions, article 10).

    No setting forgives a refusal, and none a review that could not be done.

    Raises:
        ReviewRefused: A plugin refused it; that has been recorded.
        LabelError: A plugin failed.
    """
    room = hooks(provider)
    if not room.reviews:
        return
    call, artifact = (what, None) if isinstance(what, Call) else (None, what)
    try:
        reason = room.review(call, artifact, provider)
        if reason is None:
            return
        why = f"{what.source or 'content'} was refused: {reason or 'no reason given'}"
        refused = ReviewRefused(why, stage="review")
    except ReviewRefused as error:
        reason, refused = str(error), error
    line = AuditRecord.now(
        "refused",
        artifact.modality if artifact else "",
        source=what.source,
        label=artifact.label if artifact else None,
        reason=reason,
    )
    try:
        room.audit(line, provider)
    except LabelError as error:  # it must not take the place of the refusal
        logger.error("a refusal could not be recorded: %s", error)
    raise refused


def record(artifact: Artifact, outcome: str, provider: Provider, reason: str = "") -> None:
    """Hands the audit sinks one line about an artifact."""
    if outcome == "exempted":
        return  # ``run`` has recorded it before anything could leave
    known = ""
    if provider.audit_url is not None:
        from aigc_hooks.duties.digest import digest

        known = digest(artifact.content)
    line = AuditRecord.now(
        outcome,
        artifact.modality,
        source=artifact.source,
        label=artifact.label,
        places=() if outcome == "passed" else artifact.places,
        reason=reason or artifact.passes,
        digest=known,
    )
    hooks(provider).audit(line, provider)
    if outcome != "passed" and artifact.label is not None:
        leaving.recorded(artifact.label)


def forgive(
    error: LabelError, provider: Provider, *, source: str, modality: str = "", what: str = "released without a label"
) -> None:
    """The error policy: raises, or under ``on_error="warn"`` warns and records what went on without a label."""
    lawless = isinstance(error, (ExemptionError, ReviewRefused)) or error.stage == "review"
    if provider.on_error == "raise" or lawless:
        raise error
    warnings.warn(f'{what} (on_error = "warn"): {error}', stacklevel=3)
    hooks(provider).audit(AuditRecord.now("failed", modality, source=source, reason=str(error)), provider)


def _label(artifact: Artifact, known: Label | None, room: Hooks, provider: Provider, recorded: bool) -> Label:
    made = known or room.make_label(artifact, provider)
    if made is None:
        raise LabelError("no plugin made a label", stage="make_label")
    if known is None:
        check_made(made, provider)
    artifact.label = made
    # Whether a text will show its label cannot be told of its head.
    if artifact.exemption and (not artifact.visible or artifact.part == "head"):
        if not recorded:
            commit(artifact.exemption, artifact, provider)
    elif not artifact.visible and not room.render_explicit(artifact, made, provider):
        raise UnsupportedOutputError(
            f"no plugin renders the explicit label of {type(artifact.content).__name__}", stage="render_explicit"
        )
    if artifact.part == "head":
        return made  # the rest when the text is complete
    room.embed_watermark(artifact, made, provider)
    room.write_metadata(artifact, made, provider)
    room.sign(artifact, made, provider)
    if artifact.label is not made:
        # Signed where it stands: what was attached is the label without its signature.
        room.write_metadata(artifact, artifact.label, provider)
    return artifact.label


def commit(exemption: Exemption, artifact: Artifact, provider: Provider) -> None:
    """Records that content leaves without explicit label, before it does (Measures, article 9).

    Raises:
        ExemptionError: A sink failed, and so nothing may leave, whatever the settings forgive.
    """
    if artifact.part == "tail":
        return  # it was recorded before its first piece left
    line = AuditRecord.now(
        "exempted",
        artifact.modality,
        source=artifact.source,
        label=artifact.label,
        places=artifact.places,
        reason=exemption.reason,
        user=recorded_id(exemption.user, provider.exemption_ids),
        agreement=recorded_id(exemption.agreement, provider.exemption_ids),
    )
    try:
        hooks(provider).audit(line, provider.model_copy(update={"audit": "required"}))
    except LabelError as error:
        raise ExemptionError(
            f"the exemption could not be recorded, and so nothing was released without its explicit label: {error}",
            stage="audit",
            plugin=error.plugin,
        ) from error
    if artifact.label is not None:
        leaving.recorded(artifact.label)


def check_made(made: Label, provider: Provider) -> None:
    """Refuses a label that a plugin made and that a generating provider may not write (Annex E c to e)."""
    defects = list(made.defects(strict=provider.strict))
    if made.label != "1":
        defects.append(f"a producer writes Label '1', not {made.label!r}")
    if made.content_producer != provider.producer:
        defects.append(f"ContentProducer is {made.content_producer!r}, the provider's is {provider.producer!r}")
    if defects:
        raise LabelError(f"aigc_make_label made a wrong label: {'; '.join(defects)}", stage="make_label")


def own_label(findings: Sequence[Finding], provider: Provider) -> Label | None:
    """The label that content already carries, if it is this provider's own.

    Raises:
        ForeignLabelError: It is another's, which nobody may replace (Measures, article 10).
    """
    for finding in findings:
        found = finding.label
        if found is None:
            continue
        if found.content_producer != provider.producer:
            raise ForeignLabelError(
                f"the content already carries the label of {found.content_producer!r} ({finding.place}, "
                f"{found.produce_id!r}), which {provider.producer!r} may not replace (Measures, article 10); as a "
                "platform that spreads it, keep that label and add your propagator elements",
                stage="detect",
            )
        return found
    return None


def prepare(call: Call, provider: Provider) -> None:
    """Lets the plugins change the arguments of a generation before it runs."""
    try:
        hooks(provider).prepare(call, provider)
    except LabelError as error:
        forgive(error, provider, source=call.source, what="generation goes on unprepared")
    review(call, provider)


def passed(source: str, provider: Provider, reason: str) -> None:
    """Records output that has nothing to label, such as latents."""
    hooks(provider).audit(AuditRecord.now("passed", "", source=source, reason=reason), provider)
