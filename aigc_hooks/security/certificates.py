"""X.509 certificates of signers, and whether one leads to a certificate authority that is known (RFC 5280, section 6).

Certificates on the curve SM2 (GM/T 0015) too, which the library for all others reads and cannot verify. Revocation
lists are not asked for: everything here works without a network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

from aigc_hooks.errors import ConfigError
from aigc_hooks.security import sm2
from aigc_hooks.security.algorithms import ALGORITHMS, LEAST_RSA

_EXPLICIT = 0xA0
_SM2 = ALGORITHMS["sm2"]
_UNSAFE = ("md5", "sha1")
_LONGEST_CHAIN = 8
# Subject and authority key identifier, key usage, alternative names, basic constraints, policies, purposes.
_UNDERSTOOD = ("2.5.29.14", "2.5.29.35", "2.5.29.15", "2.5.29.17", "2.5.29.18", "2.5.29.19", "2.5.29.32", "2.5.29.37")
# TLS servers, answers on revocation, time stamps: a certificate for nothing else signs no labels.
_OTHER_PURPOSES = {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.9", "1.3.6.1.5.5.7.3.8"}


@dataclass(frozen=True)
class Certificate:
    """A certificate.

    Attributes:
        der: The whole of it.
        spki: The key in it, a SubjectPublicKeyInfo in DER.
        subject: Whose key that is.
        issuer: Who says so.
        dates: From when to when it is valid.
    """

    der: bytes
    spki: bytes
    subject: str
    issuer: str
    dates: tuple[datetime, datetime]

    @classmethod
    def of(cls, der: bytes) -> Certificate:
        """Reads a certificate.

        Raises:
            ValueError: It is none.
            ConfigError: The library is missing.
        """
        try:
            read = _read(der)
            _ = read.extensions, read.signature_algorithm_oid
            names = read.subject.rfc4514_string(), read.issuer.rfc4514_string()
            dates = read.not_valid_before_utc, read.not_valid_after_utc
            spki = _key(bytes(read.tbs_certificate_bytes))
        except ConfigError:
            raise
        except Exception as error:  # the library has an error of its own for each thing that it does not know
            raise ValueError(f"it is no certificate: {str(error)[:200] or type(error).__name__}") from None
        return cls(der, spki, *names, dates)

    @property
    def own(self) -> bool:
        """Whether it is signed by its own key, and says no more than that."""
        return self.subject == self.issuer

    def outside(self, when: datetime | None = None) -> str:
        """Why it is not valid at a time, now if none is given; empty if it is."""
        at = when or datetime.now(timezone.utc)
        if at < self.dates[0]:
            return f"is not valid before {self.dates[0]:%Y-%m-%d %H:%M} UTC"
        return f"expired on {self.dates[1]:%Y-%m-%d %H:%M} UTC" if at > self.dates[1] else ""

    def unfit(self) -> str:
        """Why its key does not sign labels; empty if it does."""
        extensions = _extensions(self.der)
        if strange := _strange(extensions):
            return strange
        usage, purposes = extensions.get("2.5.29.15"), extensions.get("2.5.29.37")
        if usage is not None and not (usage.value.digital_signature or usage.value.content_commitment):
            return "is not for signatures (key usage)"
        if purposes is not None and {each.dotted_string for each in purposes.value} <= _OTHER_PURPOSES:
            return "is for other purposes than signing content (extended key usage)"
        return ""

    def no_authority(self, below: int) -> str:
        """Why it may not issue certificates with so many others below them; empty if it may."""
        extensions = _extensions(self.der)
        if strange := _strange(extensions):
            return strange
        basic, usage = extensions.get("2.5.29.19"), extensions.get("2.5.29.15")
        if basic is None or not basic.value.ca:
            return "is not one of a certificate authority (basic constraints)"
        if basic.value.path_length is not None and below > basic.value.path_length:
            return "may not have another authority below it (path length)"
        if usage is not None and not usage.value.key_cert_sign:
            return "is not for signing certificates (key usage)"
        return ""

    def issued(self, other: Certificate) -> bool:
        """Whether its key signed another certificate, and its name is that certificate's issuer."""
        issuer, made = _read(self.der), _read(other.der)
        if made.issuer != issuer.subject:
            return False
        tbs = bytes(made.tbs_certificate_bytes)
        if made.signature_algorithm_oid.dotted_string == _SM2.oid:
            signed = self.spki, bytes(made.signature), tbs
            return _SM2.fits(self.spki) and (_SM2.verifies(*signed) or sm2.verifies(*signed, b""))
        try:
            digest, key = made.signature_hash_algorithm, issuer.public_key()
            made.verify_directly_issued_by(issuer)
        except Exception:  # of another kind of key, or one that the library does not know
            return False
        short = ALGORITHMS["rsa"].is_meant(self.spki) and key.key_size < LEAST_RSA
        return not short and (digest is None or digest.name not in _UNSAFE)


def certified(
    leaf: Certificate, others: Sequence[Certificate], known: Iterable[tuple[str, Certificate]], when: datetime | None
) -> tuple[str, str]:
    """Who vouches for a certificate.

    Args:
        leaf: The certificate.
        others: Those that come with it, of authorities between it and one that is known.
        known: The authorities that are known, by their ids.
        when: The time at which all must be valid; None: now.

    Returns:
        The id of the authority, and nothing; or nothing, and why there is none.
    """
    if problem := leaf.outside(when) or leaf.unfit():
        return "", f"the certificate of {leaf.subject!r} {problem}"
    anchors = list(known)
    current, problem = leaf, ""
    for below in range(_LONGEST_CHAIN):
        for key_id, anchor in anchors:
            if anchor.issued(current):
                if not (fault := anchor.outside(when) or anchor.no_authority(below)):
                    return key_id, ""
                problem = f"the certificate of the authority {key_id!r} {fault}"
        above = next((each for each in others if each != current and each.issued(current)), None)
        if problem or above is None:
            break
        if fault := above.outside(when) or above.no_authority(below):
            return "", f"the certificate of the authority {above.subject!r} {fault}"
        current = above
    if not problem:
        named = next((key_id for key_id, anchor in anchors if anchor.subject == current.issuer), None)
        what = "which is not known" if named is None else f"and {named!r}, which has that name, did not sign it"
        problem = f"the certificate of {current.subject!r} is issued by {current.issuer!r}, {what}"
    return "", problem


def chain_problem(chain: Sequence[Certificate]) -> str:
    """Why certificates are not each issued by the next one; empty if they are."""
    for one, other in pairwise(chain):
        if not other.issued(one):
            return f"the certificate of {one.subject!r} is not issued by the next one, of {other.subject!r}"
    return ""


def joint_digest(ders: Iterable[bytes]) -> bytes:
    """The digest under which certificates are signed."""
    return hashlib.sha256(b"".join(ders)).digest()


def _read(der: bytes) -> Any:
    try:
        from cryptography import x509
    except ImportError as error:
        raise ConfigError("certificates need cryptography: pip install 'aigc-hooks[security]'") from error
    return x509.load_der_x509_certificate(der)


def _extensions(der: bytes) -> dict[str, Any]:
    return {each.oid.dotted_string: each for each in _read(der).extensions}


def _strange(extensions: dict[str, Any]) -> str:
    strange = [oid for oid, each in extensions.items() if each.critical and oid not in _UNDERSTOOD]
    return f"has a critical extension that is not understood here ({strange[0]})" if strange else ""


def _key(tbs: bytes) -> bytes:
    """The key in a certificate, which the library does not give out if its curve is SM2 (RFC 5280, 4.1)."""
    _, start, _ = _element(tbs, 0)
    fields: list[tuple[int, int]] = []
    while len(fields) < 6:  # serial number, algorithm, issuer, validity, subject, key
        tag, _, end = _element(tbs, start)
        if tag != _EXPLICIT:  # the version, which may be missing
            fields.append((start, end))
        start = end
    return tbs[slice(*fields[5])]


def _element(der: bytes, start: int) -> tuple[int, int, int]:
    """The tag of a DER element, where its content begins and where it ends."""
    tag, length, content = der[start], der[start + 1], start + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[content : content + count], "big")
        content += count
    if content + length > len(der):
        raise ValueError("it is cut off")
    return tag, content, content + length
