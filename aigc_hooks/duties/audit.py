"""The built-in audit sink: a row in the database of ``audit_url``, or one line of JSON to ``aigc_hooks.audit``."""

from __future__ import annotations

import json
import logging
from typing import Any

from aigc_hooks.artifact import AuditRecord
from aigc_hooks.errors import ExemptionError
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider

logger = logging.getLogger("aigc_hooks.audit")

# What was labelled is routine; what left without a label is not.
_LEVELS = dict.fromkeys(("failed", "unsupported-carrier", "exempted", "refused"), logging.WARNING)


@hookimpl
def aigc_audit(record: AuditRecord, provider: Provider) -> None:
    """Keeps the record; never content, prompt or personal data but what ``audit_reference`` says."""
    if provider.audit_url is not None:
        from aigc_hooks.duties.log.writer import write

        write(record, provider)
        return
    level = _LEVELS.get(record.outcome, logging.INFO)
    if not logger.isEnabledFor(level):
        if record.outcome == "exempted" and sum("aigc_audit" in info.hooks for info in hooks().plugins()) == 1:
            raise ExemptionError(
                "no sink keeps the record of it (Measures, article 9): the logger aigc_hooks.audit is silenced at "
                "level WARNING, and no other plugin keeps records"
            )
        return
    line: dict[str, Any] = {
        "time": record.time,
        "provider": provider.name,
        "outcome": record.outcome,
        "modality": record.modality,
        "source": record.source,
        "label": record.label.to_dict() if record.label else None,
        "places": record.places,
        "reason": record.reason,
    }
    if provider.service_class is not None:
        line["service_class"] = provider.service_class
    if provider.audit_reference:
        line["reference"] = provider.audit_reference
    if record.outcome == "exempted":
        line |= {"user": record.user, "agreement": record.agreement}
    logger.log(level, "%s", json.dumps(line, ensure_ascii=False))
