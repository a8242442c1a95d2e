"""What one signature of a label is worth: the producer's, or a propagator's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from aigc_hooks.labels import Label
from aigc_hooks.security import content
from aigc_hooks.security.algorithms import Algorithm, sm3
from aigc_hooks.security.certificates import Certificate, certified, joint_digest
from aigc_hooks.security.data import Certified, SecurityData, UnknownSchemeError, signing_time
from aigc_hooks.security.messages import Part, certificate_message, content_message, message
from aigc_hooks.security.signers import PinnedKey, fingerprint
from aigc_hooks.security.variants import variant
from aigc_hooks.security.verdict import Content, Verification

_COORDINATE = 32


@dataclass
class Digested:
    """The content of a file, digested when it is asked for, and once."""

    stream: BinaryIO
    carrier: str
    _digest: bytes | None = None
    _done: bool = False

    @property
    def digest(self) -> bytes | None:
        """Its digest; None where its format has none."""
        if not self._done:
            self._digest, self._done = content.digest(self.stream, self.carrier), True
        return self._digest


@dataclass
class _Notes:
    """What there is to say of a signature: what speaks against it, and the rest."""

    faults: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def judged(label: Label, part: Part, file: Digested, known: Sequence[PinnedKey], when: datetime | None) -> Verification:
    """Judges the signature in one reserved code.

    Args:
        label: The label.
        part: Whose signature.
        file: The content it stands on.
        known: The keys and authorities that are known.
        when: The time at which certificates must be valid; None: now.

    Raises:
        ConfigError: The algorithm's library is missing.
        CarrierError: The file is damaged.
    """
    code: str = getattr(label, part.name)
    if not code:
        return Verification("unsigned", (f"{part.code} is empty",), label)
    try:
        data = SecurityData.from_text(code, part)
    except UnknownSchemeError as error:
        return Verification("unsigned", (f"{part.code} holds something that cannot be checked here: {error}",), label)
    key = _key(data, label, part, known)
    if isinstance(key, str):
        return Verification("unsigned", (key,), label)
    how = _how(data, key, label, part)
    if how is None and not data.signs_label:
        reason = f"{part.code} signs the content in a way that is not known; nothing can be checked"
        return Verification("unsigned", (reason,), label, algorithm=data.algorithm.title)
    elements = f"{part.signed[0]}, {part.signed[1]} and {part.signed[2]}"
    notes = _Notes()
    if how is None:
        notes.faults.append(f"the signature is not one of this {elements}")
    else:
        notes.reasons.append(f"{elements} are as they were signed ({how})")
    state = _judge_content(notes, data, key, label, part, file)
    chain, signed_at = _judge_certificate(notes, data.certified, data.algorithm, key, label, part)
    key_id, subject, about = _judge_signer(key, chain, data.certified, signed_at, known, when)
    return Verification(
        "altered" if notes.faults else "intact" if key_id else "signer unknown",
        (*notes.faults, *notes.reasons, about),
        label,
        state,
        data.algorithm.title,
        key_id,
        fingerprint(key),
        subject,
        signed_at,
    )


def _key(data: SecurityData, label: Label, part: Part, known: Sequence[PinnedKey]) -> bytes | str:
    """The public key to verify with, or why there is none."""
    if data.key is not None:
        if not data.algorithm.fits(data.key):
            return f"{part.code} holds a key that is not one of {data.algorithm.title}"
        return data.key
    for pin in known:
        if data.algorithm.fits(pin.spki) and _how(data, pin.spki, label, part) is not None:
            return pin.spki
    return f"{part.code} holds no public key, and none that is known made its signature"


def _how(data: SecurityData, key: bytes, label: Label, part: Part) -> str | None:
    """How the label was signed; None if the signature does not verify."""
    signed, algorithm = message(label, part), data.algorithm
    if algorithm.name == "sm2" and algorithm.verifies(key, data.signature, sm3(signed)):
        return f"{algorithm.title}, its digest"
    if algorithm.verifies(key, data.signature, signed):
        return f"{algorithm.title}, the message itself" if algorithm.name == "sm2" else algorithm.title
    return variant(algorithm, key, data.signature, signed) or None


def _signs(algorithm: Algorithm, key: bytes, signature: bytes, signed: bytes) -> bool:
    messages = (sm3(signed), signed) if algorithm.name == "sm2" else (signed,)
    return any(algorithm.verifies(key, signature, each) for each in messages)


def _judge_content(notes: _Notes, data: SecurityData, key: bytes, label: Label, part: Part, file: Digested) -> Content:
    if data.binding is None:
        why = "" if content.has_digest(file.carrier) else f": {file.carrier} content has no digest here"
        notes.reasons.append(f"the signature does not cover the content{why}")
        return "not signed"
    signature = data.binding.signature
    if data.algorithm.name in ("sm2", "es256"):
        signature = _der(signature)
    if not _signs(data.algorithm, key, signature, content_message(label, data.binding.digest, part)):
        notes.faults.append("the signature of the content is not one of its digest")
    elif file.digest is None:
        notes.faults.append(f"the content of {file.carrier} has no digest here, and the label holds one")
    elif file.digest != data.binding.digest:
        notes.faults.append("the content is not what was signed")
    else:
        notes.reasons.append("the content is as it was signed")
        return "intact"
    return "altered"


def _judge_certificate(
    notes: _Notes, held: Certified | None, algorithm: Algorithm, key: bytes, label: Label, part: Part
) -> tuple[list[Certificate], datetime | None]:
    """The certificates that come with the label, the signer's first, if it has signed them; and when it says it did."""
    if held is None:
        return [], None
    if not _signs(algorithm, key, held.signature, certificate_message(label, joint_digest(held.ders), held.time, part)):
        notes.faults.append("the signature of the certificates is not one of these and this time")
        return [], None
    signed_at = signing_time(held)
    try:
        chain = [Certificate.of(der) for der in held.ders]
    except ValueError as error:
        notes.reasons.append(f"a certificate that comes with the label cannot be read: {error}")
        return [], signed_at
    if chain[0].spki != key:
        notes.reasons.append("the certificate that comes with the label is of another key")
        return [], signed_at
    return chain, signed_at


def _judge_signer(
    key: bytes,
    chain: list[Certificate],
    held: Certified | None,
    signed_at: datetime | None,
    known: Sequence[PinnedKey],
    when: datetime | None,
) -> tuple[str, str, str]:
    """Under which id the signer is known, whose key it is, and what to say of it; the first is empty if none is."""
    short = fingerprint(key)[:16]
    subject = chain[0].subject if chain else ""
    matching = [pin for pin in known if pin.spki == key]
    for pin in matching:
        if not _problem(pin.certificate, pin.problem(when), signed_at):
            subject = pin.certificate.subject if pin.certificate else subject
            return pin.key_id, subject, f"the key {short}… is known as {pin.key_id!r}"
    problem = ""
    if chain:
        authorities = [(pin.key_id, pin.certificate) for pin in known if pin.certificate is not None]
        key_id, problem = certified(chain[0], chain[1:], authorities, when)
        problem = problem or _signed_outside(chain[0], signed_at)
        if not problem:
            vouches = f"the key {short}… is that of {subject!r}, for which the authority {key_id!r} vouches"
            return key_id, subject, vouches
    if matching:
        problem = _problem(matching[0].certificate, matching[0].problem(when), signed_at)
        problem = f"the certificate of key {matching[0].key_id!r} {problem}"
    if problem:
        return "", subject, f"{problem}{_way_out(problem, signed_at)}"
    beside = "comes with the label itself" if held is None else "comes with the label and its certificate"
    if known:
        names = ", ".join(repr(pin.key_id) for pin in known[:8])
        return "", subject, f"the key {short}… {beside}, and is none of those that are known: {names}"
    return "", subject, f"the key {short}… {beside}, which could be anybody's: give the keys that you know"


def _problem(certificate: Certificate | None, problem: str, signed_at: datetime | None) -> str:
    return problem if problem or certificate is None else _signed_outside(certificate, signed_at, bare=True)


def _signed_outside(certificate: Certificate, signed_at: datetime | None, *, bare: bool = False) -> str:
    """What is wrong with the time of signing; empty if nothing is told or it is within the validity."""
    if signed_at is None or not (problem := certificate.outside(signed_at)):
        return ""
    told = f"{problem}, and the label says that it was signed on {signed_at:%Y-%m-%d %H:%M} UTC"
    return told if bare else f"the certificate of {certificate.subject!r} {told}"


def _way_out(problem: str, signed_at: datetime | None) -> str:
    if "expired" not in problem or "says that it was signed" in problem:
        return ""
    told = f"; the label says that it was signed on {signed_at:%Y-%m-%d %H:%M} UTC" if signed_at else ""
    return (
        f"{told}; a label holds no time that can be trusted: give its renewed certificate, or its public key, if you "
        "trust what it signed, or the time since when you have the file (at=…)"
    )


def _der(signature: bytes) -> bytes:
    """A signature of r and s, 32 bytes each, in DER."""
    parts = []
    for number in (signature[:_COORDINATE], signature[_COORDINATE:]):
        body = number.lstrip(b"\0") or b"\0"
        body = b"\0" + body if body[0] & 0x80 else body
        parts.append(b"\x02" + bytes([len(body)]) + body)
    whole = b"".join(parts)
    return b"\x30" + bytes([len(whole)]) + whole if len(signature) == 2 * _COORDINATE else b""
