"""Content without explicit label, at a user's request (Measures, article 9).

The article allows it where the user asks for it and the user agreement lays the duty to label, and what follows from
it, on the user; the provider keeps the log of it, with whom the content was supplied to, **for at least six months**.
The implicit label is not waived. Before the content goes to the public, the user must declare it and put an explicit
label on it (article 10).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from aigc_hooks.errors import ExemptionError
from aigc_hooks.waiver import Exemption, under


@contextmanager
def exempt(*, user: str, agreement: str, reason: str) -> Iterator[None]:
    """Leaves the explicit label away while the context lasts, in this thread or task; the implicit one stays.

        with aigc_hooks.exempt(user="u-1029", agreement="terms 2026-03, §7", reason="print, labelled by the user"):
            image = pipe("a cat").images[0]

    Each piece of content is recorded (outcome ``"exempted"``, by the hook ``aigc_audit``) before it is released: whom
    it is supplied to, under which agreement, why, when, and its number. A sink that fails stops it, whatever
    ``on_error`` and ``audit`` say. The provider must keep these records for at least six months (article 9). By the
    setting ``exemption_ids`` they hold hashes of both ids, or the ids themselves; the reason is recorded as it is.

    What is labelled already keeps its label. A stream belongs to the context in which it begins, whoever reads it. A
    thread that is started by hand does not see the context, and labels (``contextvars.copy_context`` takes it along),
    and so does a forked process. Threads and tasks that outlive the context label from then on. Of contexts in each
    other, the innermost counts. What leaves the context is content like any other: ``label()`` and ``save()`` outside
    it put the explicit label on it.

    A generator that yields while it holds the context lays it over its reader too, until it goes on or is closed. Let
    the reader hold it, or let the generator yield outside it.

    Args:
        user: Who asked for the content, by the provider's own id.
        agreement: The user agreement, or its version, that fixes the user's duty to label.
        reason: Why the user asked.

    Raises:
        ExemptionError: One of them is missing.
    """
    told = {"user": user, "agreement": agreement, "reason": reason}
    for name, value in told.items():
        if not isinstance(value, str) or not value.strip():
            raise ExemptionError(
                f"exempt({name}={value!r}): without it the record that article 9 of the Measures asks for is "
                "incomplete, and the explicit label stays; give user=, agreement= and reason= as texts",
                stage="audit",
            )
    with under(Exemption(user, agreement, reason, secrets.token_hex(8))):
        yield
