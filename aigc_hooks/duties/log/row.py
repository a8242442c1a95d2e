"""One row of the record: what it holds, and the hash that chains it to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timezone
from typing import Any, NamedTuple

from aigc_hooks.artifact import AuditRecord
from aigc_hooks.provider import Provider

MOST_REASON = 1000
"""Characters of a reason that are kept: reasons quote errors of other libraries, which may quote their input."""

FIRST = "0" * 64
"""What the first row of a chain has in the place of the hash before it."""

PURGED = "purged"
"""Outcome of the row that a purge leaves: a checkpoint, and no output."""


class Entry(NamedTuple):
    """What a row says, all of it text; its place in a chain is not decided yet.

    Attributes:
        time: When, UTC, ISO 8601.
        outcome: As in ``AuditRecord``; or ``PURGED``.
        provider: Name of the provider's table in the configuration; empty if it was built in code.
        producer: Name or code of the service.
        modality: Such as ``"image"``.
        source: What made the content, such as the name of a pipeline class.
        produce_id: The number in its label.
        label: The label, as JSON; empty if it got none.
        places: Where labels were put, as a JSON list.
        digest: Of what left, such as ``"sha256:…"``; empty where it was not at hand.
        reason: Why the outcome is not ``"labelled"``.
        reference: What the setting ``audit_reference`` said, such as the number of a request; empty by default.
        details: What else the record held, and the provider's ``service_class``, as a JSON object; empty if nothing.
    """

    time: str
    outcome: str
    provider: str = ""
    producer: str = ""
    modality: str = ""
    source: str = ""
    produce_id: str = ""
    label: str = ""
    places: str = "[]"
    digest: str = ""
    reason: str = ""
    reference: str = ""
    details: str = ""


class Row(NamedTuple):
    """An entry in its place in a chain. The columns of the table are these, in this order."""

    writer: str
    sequence: int
    time: str
    outcome: str
    provider: str
    producer: str
    modality: str
    source: str
    produce_id: str
    label: str
    places: str
    digest: str
    reason: str
    reference: str
    details: str
    previous: str
    hash: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: label, places and details as such, not as text."""
        values: dict[str, Any] = self._asdict()
        for name in ("label", "places", "details"):
            values[name] = json.loads(values[name]) if values[name] else None
        return values


# What an AuditRecord holds beyond these goes to ``details``: fields that later versions add are kept too.
_COLUMNS = {"outcome", "modality", "source", "label", "places", "reason", "time", "digest"}


def entry_of(record: AuditRecord, provider: Provider) -> Entry:
    """The entry of a record, as both databases can hold it."""
    label, reason = record.label, record.reason
    if len(reason) > MOST_REASON:
        reason = reason[: MOST_REASON - 1] + "…"
    extra = {f.name: value for f in fields(record) if f.name not in _COLUMNS and (value := getattr(record, f.name))}
    if provider.service_class is not None:
        extra["service_class"] = provider.service_class
    return Entry(
        time=_text(record.time),
        outcome=_text(record.outcome),
        provider=_text(provider.name),
        producer=_text(provider.producer),
        modality=_text(record.modality),
        source=_text(record.source),
        produce_id=_text(label.produce_id) if label else "",
        label=_text(label.to_json()) if label else "",
        places=_json(list(record.places)),
        digest=_text(record.digest),
        reason=_text(reason),
        reference=_text(provider.audit_reference),
        details=_json(extra) if extra else "",
    )


def checkpoint(time: str, details: Mapping[str, Any], reason: str) -> Entry:
    """The entry that a purge leaves."""
    return Entry(time, PURGED, reason=_text(reason), details=_json(details))


def in_utc(time: datetime) -> datetime:
    """A moment in UTC, as the rows have them; one without a zone is taken for that."""
    aware = time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc)


def linked(entry: Entry, writer: str, sequence: int, previous: str) -> Row:
    """The row of an entry in its place."""
    return Row(writer, sequence, *entry, previous, _hash((writer, sequence, *entry, previous)))


def hash_of(row: Row) -> str:
    """The hash that a row must have, by all else that it holds."""
    return _hash(row[:-1])


# One encoder, made once: 5,000 rows a second pass here.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def _hash(values: tuple[object, ...]) -> str:
    return hashlib.sha256(_encode(values).encode("ascii")).hexdigest()


def _json(value: object) -> str:
    return _text(json.dumps(value, ensure_ascii=False, default=str))


def _text(text: str) -> str:
    """A text without what a database cannot keep: half of a surrogate pair, and NUL, which PostgreSQL refuses."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")
