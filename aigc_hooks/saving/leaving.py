"""Outputs on their way to their files: one row in the record for each, and another if it does not arrive.

The row comes first, so that nothing leaves without one; what it says is taken back where the file could not be written.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from aigc_hooks.artifact import AuditRecord
from aigc_hooks.labels import Label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider

logger = logging.getLogger("aigc_hooks")

_recorded: ContextVar[list[Label] | None] = ContextVar("aigc_hooks_recorded", default=None)


@contextmanager
def leaving(provider: Provider, modality: str, source: str) -> Iterator[None]:
    """While it lasts, one output is labelled, recorded and written; who writes it adds no row of his own.

    Args:
        provider: The settings.
        modality: Such as ``"image"``.
        source: What made it.
    """
    labels: list[Label] = []
    token = _recorded.set(labels)
    try:
        yield
    except BaseException as error:
        reason = f"not written: {str(error) or type(error).__name__}"
        for label in labels:
            line = AuditRecord.now("failed", modality, source=source, label=label, reason=reason)
            try:
                hooks(provider).audit(line, provider)
            except Exception as fault:  # it must not take the place of what failed
                logger.error("a file that was not written could not be recorded as such: %s", fault)
        raise
    finally:
        _recorded.reset(token)


def recorded(label: Label) -> None:
    """Notes that a row says of the output that is leaving, if one is, that it has this label."""
    if (labels := _recorded.get()) is not None and label not in labels:
        labels.append(label)


def is_recorded(label: Label) -> bool:
    """Whether the output that is leaving, if one is, has this label and its row."""
    return any(known.produce_id == label.produce_id for known in _recorded.get() or ())
