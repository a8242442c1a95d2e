"""Which exemption of article 9 is in force where content is made, and what of it a record may hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


class _Standing:
    """An exemption, or that there is none, as it lies over threads and tasks.

    Tasks and threads take copies of their maker's context along, processes one of its memory: whether it still lasts
    must be told here, for no reset of the variable reaches those.
    """

    __slots__ = ("below", "exemption", "over", "process")

    def __init__(self, exemption: Exemption | None, below: _Standing | None) -> None:
        self.exemption = exemption
        self.below = below
        self.process = os.getpid()
        self.over = False


_current: ContextVar[_Standing | None] = ContextVar("aigc_hooks_exemption", default=None)


def _standing() -> _Standing | None:
    """The innermost that is not over."""
    found = _current.get()
    while found is not None and found.over:
        found = found.below
    return found


def current() -> Exemption | None:
    """The exemption of this thread or task, or None. A forked process has none: it may outlive the context."""
    found = _standing()
    return found.exemption if found is not None and found.process == os.getpid() else None


@contextmanager
def under(exemption: Exemption | None) -> Iterator[None]:
    """Lays an exemption, or that there is none, over this thread or task while the context lasts."""
    standing = _Standing(exemption, _standing())
    token = _current.set(standing)
    try:
        yield
    finally:
        standing.over = True
        # A generator that holds the context may be closed in another one, such as asyncio's own task for that.
        with suppress(ValueError):
            _current.reset(token)


def recorded_id(value: str, form: Literal["hashed", "plain"]) -> str:
    """A user's or agreement's id as the record holds it.

    The hash is the same each time, so that a provider finds a user's entries by hashing the id again. It is a
    pseudonym and no secret: an id of few digits can be guessed.
    """
    return value if form == "plain" else f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
