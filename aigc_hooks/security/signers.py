"""What keys can do: one signs and shows nothing of itself, others are known to be somebody's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from aigc_hooks.errors import ConfigError, LabelError
from aigc_hooks.security.algorithms import Algorithm, sm3
from aigc_hooks.security.certificates import Certificate


class SigningKey:
    """A key that signs labels. It shows nothing of itself.

    Args:
        algorithm: How it signs.
        key_id: Its name.
        spki: Its public key, a SubjectPublicKeyInfo in DER.
        sign: Signs some bytes.
        digested: Whether SM2 signs the SM3 digest of a message, and not the message.
        chain: Its certificate and those of authorities above it; none for a bare key.
        source: What messages call it.
    """

    __slots__ = ("_digested", "_sign", "_source", "algorithm", "chain", "key_id", "spki")

    def __init__(
        self,
        algorithm: Algorithm,
        key_id: str,
        spki: bytes,
        sign: Callable[[bytes], bytes],
        digested: bool,
        chain: tuple[Certificate, ...],
        source: str,
    ) -> None:
        self.algorithm, self.key_id, self.spki = algorithm, key_id, spki
        self.chain, self._sign, self._digested, self._source = chain, sign, digested, source

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm.title}, {fingerprint(self.spki)[:16]})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key stays in its process and is not pickled")

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, which has been verified.

        Raises:
            ConfigError: The certificate of the key is not valid now.
            LabelError: The signer of the settings failed, or its signature does not verify.
        """
        for certificate in self.chain:
            if problem := certificate.outside():
                whose = (
                    "its certificate" if certificate is self.chain[0] else f"that of {certificate.subject!r} above it"
                )
                raise ConfigError(
                    f"{self._source}: {whose} {problem}: nothing is signed with it; renew it and set "
                    "security.certificate"
                )
        data = sm3(message) if self._digested else message
        signature: Any = self._sign(data)
        if not isinstance(signature, bytes):
            raise LabelError(f"{self._source} returned {type(signature).__name__}, not bytes", stage="sign")
        if not self.algorithm.verifies(self.spki, signature, data):
            raise LabelError(
                f"the signature by {self._source} does not verify with the public key of security.certificate: "
                "they are not of one pair, or it signs another way than the settings describe",
                stage="sign",
            )
        return signature


@dataclass(frozen=True)
class PinnedKey:
    """A public key that is known to be somebody's.

    Attributes:
        key_id: Its name.
        spki: The key, a SubjectPublicKeyInfo in DER.
        certificate: Its certificate; None for a bare key.
    """

    key_id: str
    spki: bytes
    certificate: Certificate | None = None

    @property
    def dates(self) -> tuple[datetime, datetime] | None:
        """From when to when its certificate is valid; None for a bare key."""
        return None if self.certificate is None else self.certificate.dates

    def problem(self, when: datetime | None = None) -> str:
        """Why it tells nothing at a time, now if none is given; empty if it does."""
        return "" if self.certificate is None else self.certificate.outside(when) or self.certificate.unfit()


def fingerprint(spki: bytes) -> str:
    """The SHA-256 of a public key, by which people compare keys."""
    return hashlib.sha256(spki).hexdigest()
