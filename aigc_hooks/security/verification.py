"""verify: whether a label is as it was signed, by whom, and whether its content is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, BinaryIO

from aigc_hooks.artifact import Finding
from aigc_hooks.implicit.bounds import opened_file
from aigc_hooks.provider import Provider, resolve
from aigc_hooks.reading import opened, read_stream
from aigc_hooks.security.judging import Digested, judged
from aigc_hooks.security.keys import Keys, known_keys, pinned_keys
from aigc_hooks.security.messages import PRODUCER, PROPAGATOR
from aigc_hooks.security.signers import PinnedKey
from aigc_hooks.security.verdict import Verification


def verify(
    source: Any, *, keys: Keys | None = None, provider: str | Provider | None = None, at: datetime | None = None
) -> Verification:
    """Verifies the signature of a file's label and, where it has one, that of its content.

    ``ReservedCode1`` is verified, the producer's (TC260-PG-202511A), and ``ReservedCode2``, a propagator's, where it is
    in the form that ``propagate`` writes: how others sign there is not known. A key that comes with the label proves
    that nothing changed since it signed, and not whose it is: that takes a key that you know, or a certificate that
    leads to an authority which you know.

    Args:
        source: A path, bytes or a binary file object.
        keys: Public keys or certificates that you know, of signers or of authorities: paths of PEM files or PEM itself,
            by key id or as a list. None takes those of the provider's settings.
        provider: Name of a provider in the configuration, or a ``Provider``, whose keys are known.
        at: The time at which certificates must be valid, such as when you got the file; None: now.

    Raises:
        ConfigError: A key cannot be read, a setting is wrong, or the algorithm's library is missing.
        CarrierError: The file is damaged, or of no format that is known.
        OSError: It cannot be opened.
    """
    known = pinned_keys(keys) if keys is not None else keys_of(provider)
    if isinstance(source, (str, os.PathLike)):
        with opened_file(source) as file:
            return verified(file, source, known, at)
    with opened(source) as stream:
        return verified(stream, None, known, at)


def keys_of(provider: str | Provider | None) -> list[PinnedKey]:
    """The keys that a provider's settings know.

    Raises:
        ConfigError: A key cannot be read, or a setting is wrong.
    """
    # Whoever only verifies need not be a producer.
    settings = provider if isinstance(provider, Provider) else resolve(provider, {"producer": "unset"})
    return known_keys(settings.security)


def verified(
    stream: BinaryIO, path: str | os.PathLike[str] | None, known: Sequence[PinnedKey], at: datetime | None = None
) -> Verification:
    """Verifies a seekable stream at its beginning, with the keys that are known; the path is for messages and texts.

    Raises:
        ConfigError: The algorithm's library is missing.
        CarrierError: The file is damaged, or of no format that is known.
    """
    when = at.astimezone(timezone.utc) if at is not None else None
    reading = read_stream(stream, path)
    finding = next((finding for finding in reading.findings if finding.label is not None), None)
    if finding is None:
        return Verification("unsigned", ("no label found, which says nothing about where the content came from",))
    label = finding.label
    assert label is not None
    file = Digested(stream, reading.carrier)
    producer = judged(label, PRODUCER, file, known, when)
    others = _other(list(reading.findings), finding) if producer.status != "unsigned" else []
    if others:
        producer = replace(producer, status="altered", reasons=(*others, *producer.reasons))
    spread = judged(label, PROPAGATOR, file, known, when) if label.reserved_code2 else None
    return replace(producer, propagator=spread)


def _other(findings: list[Finding], chosen: Finding) -> list[str]:
    """Labels beside the one that was verified, which say something else."""
    others = [finding for finding in findings if finding is not chosen and finding.label != chosen.label]
    return [f"the file holds another label too ({finding.place})" for finding in others]
