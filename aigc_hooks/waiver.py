"""Which exemption of article 9 is in force where content is made, and what of it a record may hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Exemption:
    """A user's request for content without explicit label (Measures, article 9).

    Attributes:
        user: Who asked for it, by the provider's own id.
        agreement: The user agreement, or its version, that lays the labelling duty on the user.
        reason: Why the user asked.
        number: Tells one exemption from another, so that no cache hands on what was made under it.
    """

    user: str
    agreement: str
    reason: str
    number: str


_current: ContextVar[Exemption | None] = ContextVar("aigc_hooks_exemption", default=None)


def current() -> Exemption | None:
    """The exemption of this thread or task, or None."""
    return _current.get()


@contextmanager
def under(exemption: Exemption | None) -> Iterator[None]:
    """Lays an exemption, or that there is none, over this thread or task while the context lasts."""
    token = _current.set(exemption)
    try:
        yield
    finally:
        _current.reset(token)


def recorded_id(value: str, form: Literal["hashed", "plain"]) -> str:
    """A user's or agreement's id as the record holds it.

    The hash is the same each time, so that a provider finds a user's entries by hashing the id again. It is a
    pseudonym and no secret: an id of few digits can be guessed.
    """
    return value if form == "plain" else f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
