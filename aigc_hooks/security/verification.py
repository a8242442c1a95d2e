"""verify: whether a label is as it was signed, by whom, and whether its content is."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from html import escape
from typing import Any, BinaryIO, Literal

from aigc_hooks.artifact import Finding
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider, resolve
from aigc_hooks.reading import opened, read_stream
from aigc_hooks.security import content
from aigc_hooks.security.algorithms import sm3
from aigc_hooks.security.data import SecurityData, UnknownSchemeError, content_message, message
from aigc_hooks.security.keys import Keys, PinnedKey, fingerprint, known_keys, pinned_keys

Status = Literal["intact", "altered", "unsigned", "signer unknown"]
Content = Literal["intact", "altered", "not signed"]

_COORDINATE = 32


@dataclass(frozen=True, slots=True)
class Verification:
    """What ``verify`` found.

    Attributes:
        status: ``"intact"``: as it was signed, by a key that is known. ``"signer unknown"``: as it was signed, but by a
            key that comes with the label itself and could be anybody's. ``"altered"``: label or content are not what
            was signed. ``"unsigned"``: there is no signature that can be checked, which says nothing against it.
        reasons: Why, one sentence each.
        label: The label, if one was found.
        content: Whether the content is what was signed; a label may be signed alone.
        algorithm: Such as ``"SM3withSM2"``; empty if unsigned.
        key_id: The id under which the signer's key is known; empty if it is not.
        fingerprint: SHA-256 of the signer's public key; empty if unsigned.
    """

    status: Status
    reasons: tuple[str, ...]
    label: Label | None = None
    content: Content = "not signed"
    algorithm: str = ""
    key_id: str = ""
    fingerprint: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is intact, and by a known key."""
        return self.status == "intact"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON output."""
        return {
            "status": self.status,
            "reasons": list(self.reasons),
            "content": self.content,
            "algorithm": self.algorithm,
            "key_id": self.key_id,
            "fingerprint": self.fingerprint,
            "label": self.label.to_dict() if self.label else None,
        }

    def _repr_html_(self) -> str:
        """The view that notebooks show."""
        items = "".join(f"<li>{escape(reason)}</li>" for reason in self.reasons)
        return f"<p><b>{escape(self.status)}</b> {escape(self.algorithm)} {escape(self.key_id)}</p><ul>{items}</ul>"


def verify(source: Any, *, keys: Keys | None = None, provider: str | Provider | None = None) -> Verification:
    """Verifies the signature of a file's label and, where it has one, that of its content.

    ``ReservedCode1`` is verified, the producer's (TC260-PG-202511A). What a propagator signs in ``ReservedCode2`` is
    not known. A key that comes with the label proves that nothing changed since it signed, and not whose it is: that
    takes a key that you know.

    Args:
        source: A path, bytes or a binary file object.
        keys: Public keys or certificates that you know: paths of PEM files or PEM itself, by key id or as a list. None
            takes those of the provider's settings.
        provider: Name of a provider in the configuration, or a ``Provider``, whose keys are known.

    Raises:
        ConfigError: A key cannot be read, a setting is wrong, or the algorithm's library is missing.
        CarrierError: The file is damaged, or of no format that is known.
        OSError: It cannot be opened.
    """
    known = pinned_keys(keys) if keys is not None else keys_of(provider)
    if isinstance(source, (str, os.PathLike)):
        with io.FileIO(source) as file:
            return verified(file, source, known)
    with opened(source) as stream:
        return verified(stream, None, known)


def keys_of(provider: str | Provider | None) -> list[PinnedKey]:
    """The keys that a provider's settings know.

    Raises:
        ConfigError: A key cannot be read, or a setting is wrong.
    """
    # Whoever only verifies need not be a producer.
    settings = provider if isinstance(provider, Provider) else resolve(provider, {"producer": "unset"})
    return known_keys(settings.security)


def verified(stream: BinaryIO, path: str | os.PathLike[str] | None, known: list[PinnedKey]) -> Verification:
    """Verifies a seekable stream at its beginning, with the keys that are known; the path is for messages and texts.

    Raises:
        ConfigError: The algorithm's library is missing.
        CarrierError: The file is damaged, or of no format that is known.
    """
    reading = read_stream(stream, path)
    finding = next((finding for finding in reading.findings if finding.label is not None), None)
    if finding is None:
        return Verification("unsigned", ("no label found, which says nothing about where the content came from",))
    label = finding.label
    assert label is not None
    if not label.reserved_code1:
        return Verification("unsigned", ("ReservedCode1 is empty",), label)
    try:
        data = SecurityData.from_text(label.reserved_code1)
    except UnknownSchemeError as error:
        return Verification("unsigned", (f"ReservedCode1 holds something that cannot be checked here: {error}",), label)
    key = _key(data, label, known)
    if isinstance(key, str):
        return Verification("unsigned", (key,), label)
    how = _how(data, key, label)
    if how is None and not data.signs_label:
        reason = "it signs the content in a way that is not known; nothing can be checked"
        return Verification("unsigned", (reason,), label, algorithm=data.algorithm.title)
    reasons, faults = [], []
    if how is None:
        faults.append("the signature is not one of this Label, ContentProducer and ProduceID")
    else:
        reasons.append(f"Label, ContentProducer and ProduceID are as they were signed ({how})")
    state: Content = "not signed"
    if data.binding is None:
        why = "" if content.has_digest(reading.carrier) else f": {reading.carrier} content has no digest here"
        reasons.append(f"the signature does not cover the content{why}")
    else:
        fault = _content_fault(data, key, label, stream, reading.carrier)
        state = "altered" if fault else "intact"
        (faults if fault else reasons).append(fault or "the content is as it was signed")
    faults += _other(list(reading.findings), finding)
    pin, about = _signer(key, known)
    status: Status = "altered" if faults else "intact" if pin else "signer unknown"
    reasons = [*faults, *reasons, about]
    return Verification(status, tuple(reasons), label, state, data.algorithm.title, pin, fingerprint(key))


def _key(data: SecurityData, label: Label, known: list[PinnedKey]) -> bytes | str:
    """The public key to verify with, or why there is none."""
    if data.key is not None:
        if not data.algorithm.fits(data.key):
            return f"ReservedCode1 holds a key that is not one of {data.algorithm.title}"
        return data.key
    for pin in known:
        if data.algorithm.fits(pin.spki) and _how(data, pin.spki, label) is not None:
            return pin.spki
    return "ReservedCode1 holds no public key, and none that is known made its signature"


def _how(data: SecurityData, key: bytes, label: Label) -> str | None:
    """How the label was signed; None if the signature does not verify."""
    signed = message(label)
    if data.algorithm.name == "sm2" and data.algorithm.verifies(key, data.signature, sm3(signed)):
        return f"{data.algorithm.title}, its digest"
    if not data.algorithm.verifies(key, data.signature, signed):
        return None
    return f"{data.algorithm.title}, the message itself" if data.algorithm.name == "sm2" else data.algorithm.title


def _content_fault(data: SecurityData, key: bytes, label: Label, stream: BinaryIO, carrier: str) -> str:
    """What is wrong with the content; empty if it is as it was signed."""
    assert data.binding is not None
    signed, signature = content_message(label, data.binding.digest), data.binding.signature
    if data.algorithm.name in ("sm2", "es256"):
        signature = _der(signature)
    messages = (sm3(signed), signed) if data.algorithm.name == "sm2" else (signed,)
    if not any(data.algorithm.verifies(key, signature, each) for each in messages):
        return "the signature of the content is not one of its digest"
    found = content.digest(stream, carrier)
    if found is None:
        return f"the content of {carrier} has no digest here, and the label holds one"
    return "" if found == data.binding.digest else "the content is not what was signed"


def _der(signature: bytes) -> bytes:
    """A signature of r and s, 32 bytes each, in DER."""
    parts = []
    for number in (signature[:_COORDINATE], signature[_COORDINATE:]):
        body = number.lstrip(b"\0") or b"\0"
        body = b"\0" + body if body[0] & 0x80 else body
        parts.append(b"\x02" + bytes([len(body)]) + body)
    whole = b"".join(parts)
    return b"\x30" + bytes([len(whole)]) + whole if len(signature) == 2 * _COORDINATE else b""


def _other(findings: list[Finding], chosen: Finding) -> list[str]:
    """Labels beside the one that was verified, which say something else."""
    others = [finding for finding in findings if finding is not chosen and finding.label != chosen.label]
    return [f"the file holds another label too ({finding.place})" for finding in others]


def _signer(key: bytes, known: list[PinnedKey]) -> tuple[str, str]:
    """The id of the key, if it is known and valid, and what to say of it."""
    short = fingerprint(key)[:16]
    matching = [pin for pin in known if pin.spki == key]
    for pin in matching:
        if not pin.problem:
            return pin.key_id, f"the key {short}… is known as {pin.key_id!r}"
    if matching:
        return "", (
            f"the certificate of key {matching[0].key_id!r} {matching[0].problem}, and a label holds no time that can "
            "be trusted; give its renewed certificate, or its public key, if you trust what it signed"
        )
    if known:
        names = ", ".join(repr(pin.key_id) for pin in known[:8])
        return "", f"the key {short}… comes with the label itself, and is none of those that are known: {names}"
    return "", f"the key {short}… comes with the label itself, which could be anybody's: give the keys that you know"
