"""The signature algorithms. Each loads its library when it is used, and wants one kind of key."""

from __future__ import annotations

import base64
import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aigc_hooks.errors import ConfigError

GUIDE = "TC260PG"
"""``Type`` of SecurityData by the guide."""

OWN = "aigc-hooks"
"""``Type`` of our own profile: the same form with algorithms that the guide is not known to have."""

LEAST_RSA = 2048
"""Fewest bits of an RSA key that proves something."""

_BEGINNING = 40
# DER of the object identifiers of curves and keys, as they stand in public keys, and in private ones too.
_SM2_KEY = bytes.fromhex("06072a8648ce3d020106082a811ccf5501822d")
_P256_KEY = bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107")
_RSA_KEY = bytes.fromhex("06092a864886f70d010101")
_ED25519_KEY = bytes.fromhex("06032b6570")
# What stands around them in a SubjectPublicKeyInfo, and how long that is: the other forms of a point, which libraries
# take as well, would let bytes be changed unseen.
_POINT = (bytes.fromhex("30593013"), bytes.fromhex("03420004"), 91)
_SHAPES = {
    _SM2_KEY: _POINT,
    _P256_KEY: _POINT,
    _ED25519_KEY: (bytes.fromhex("302a3005"), bytes.fromhex("032100"), 44),
}


@dataclass(frozen=True)
class Algorithm:
    """One way to sign.

    Attributes:
        name: As the settings call it.
        oid: Its object identifier, ``AlgID``.
        profile: ``Type`` of the SecurityData that it is written in.
        title: What messages call it.
        key: What its keys are.
        marks: What the SubjectPublicKeyInfo of its keys holds.
        make: Command that makes a key.
        library: Module that knows the algorithm.
    """

    name: str
    oid: str
    profile: str
    title: str
    key: str
    marks: bytes
    make: str
    library: str = "cryptography.hazmat.primitives"

    def fits(self, spki: bytes) -> bool:
        """Whether a public key, a SubjectPublicKeyInfo in DER, is one of this algorithm."""
        if self.marks not in _SHAPES:
            return self.is_meant(spki)
        before, behind, length = _SHAPES[self.marks]
        return len(spki) == length and spki.startswith(before + self.marks + behind)

    def is_meant(self, key: bytes) -> bool:
        """Whether a key in DER, private or public, says that it is one of this algorithm."""
        return self.marks in key[:_BEGINNING]

    def load(self, pem: bytes, passphrase: bytes | None) -> Any:
        """A private key; or, as a string, what is wrong with it, which holds no part of it.

        No error is raised here: whoever reports one with its variables would report the key.
        """
        loader = self._module("serialization")
        try:
            key = loader.load_pem_private_key(pem, passphrase)
        except TypeError:  # both libraries say so of a passphrase that is missing, or one too many
            missing = "is encrypted: name the variable that holds its passphrase in security.passphrase_env"
            return missing if passphrase is None else "is not encrypted: leave security.passphrase_env away"
        except ValueError:
            return "is no private key in PEM, " + (
                "or the passphrase is wrong" if passphrase else f"make one: {self.make}"
            )
        except Exception:  # a kind of key that the library does not know: each has an error of its own for that
            return self._wrong(_decoded(pem))
        return self.problem(self.public(key)) or key

    def public(self, key: Any) -> bytes:
        """The public key of a private key, as a SubjectPublicKeyInfo in DER."""
        return self._encoded(key.public_key())

    def _encoded(self, key: Any) -> bytes:
        forms = self._module("serialization")
        made: bytes = key.public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)
        return made

    def problem(self, spki: bytes) -> str:
        """Why a public key is not one that signs this way; empty if it is."""
        if not self.fits(spki):
            return self._wrong(spki)
        if self.name == "rsa" and (bits := self._public_key(spki).key_size) < LEAST_RSA:
            return f"is an RSA key of {bits} bits, and less than {LEAST_RSA} prove nothing: {self.make}"
        return ""

    def _wrong(self, key: bytes) -> str:
        found = next((each for each in ALGORITHMS.values() if each.is_meant(key)), None)
        instead = f", or set security.algorithm = {found.name!r}" if found else ""
        kind = found.key if found else "of another kind"
        return f"is a key {kind}, and {self.name!r} signs with one {self.key}: {self.make}{instead}"

    def sign(self, key: Any, message: bytes) -> bytes:
        """The signature of a message."""
        made: bytes = key.sign(message, *self._scheme())
        return made

    def verifies(self, spki: bytes, signature: bytes, message: bytes, *, pss: bool = False) -> bool:
        """Whether a signature is one of this message by this key; of RSA, with the padding of PSS if so asked.

        Raises:
            ConfigError: The library is missing.
        """
        invalid = self._invalid()
        try:
            key = self._public_key(spki)
            if self.name == "rsa" and self._encoded(key) != spki:
                return False
            key.verify(signature, message, *(self._pss() if pss else self._scheme()))
        except (invalid, ValueError, TypeError):
            return False
        except Exception as error:  # tongsuopy reports what it cannot decode as an error of the library
            if type(error).__name__ in ("InternalError", "UnsupportedAlgorithm"):
                return False
            raise
        return True

    def _public_key(self, spki: bytes) -> Any:
        return self._module("serialization").load_der_public_key(spki)

    def _scheme(self) -> tuple[Any, ...]:
        if self.name == "ed25519":
            return ()
        if self.name == "rsa":
            return self._module("asymmetric.padding").PKCS1v15(), self._module("hashes").SHA256()
        if self.name == "sm2":
            return (self._module("asymciphers.ec").ECDSA(self._module("hashes").SM3()),)
        return (self._module("asymmetric.ec").ECDSA(self._module("hashes").SHA256()),)

    def _pss(self) -> tuple[Any, ...]:
        padding, digest = self._module("asymmetric.padding"), self._module("hashes").SHA256()
        return padding.PSS(padding.MGF1(digest), padding.PSS.AUTO), digest

    def _invalid(self) -> type[Exception]:
        home = "tongsuopy.crypto.exceptions" if self.name == "sm2" else "cryptography.exceptions"
        self._module("hashes")
        found: type[Exception] = importlib.import_module(home).InvalidSignature
        return found

    def _module(self, name: str) -> Any:
        try:
            return importlib.import_module(f"{self.library}.{name}")
        except ImportError as error:
            raise ConfigError(
                f"{self.title} needs {self.library.partition('.')[0]}: pip install 'aigc-hooks[security]'"
            ) from error


def _decoded(pem: bytes) -> bytes:
    """The first block of a PEM file; its beginning tells what kind of key it is."""
    body = pem.partition(b"-----\n")[2].partition(b"-----")[0]
    try:
        return base64.b64decode(body)
    except ValueError:
        return b""


_ALL = (
    Algorithm(
        "sm2",
        "1.2.156.10197.1.501",
        GUIDE,
        "SM3withSM2",
        "on the curve SM2",
        _SM2_KEY,
        "openssl genpkey -algorithm SM2 -out key.pem",
        "tongsuopy.crypto",
    ),
    Algorithm(
        "rsa",
        "1.2.840.113549.1.1.11",
        GUIDE,
        "RSA-SHA256",
        "of RSA",
        _RSA_KEY,
        "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out key.pem",
    ),
    Algorithm(
        "es256",
        "1.2.840.10045.4.3.2",
        OWN,
        "ES256",
        "on the curve P-256",
        _P256_KEY,
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
    ),
    Algorithm(
        "ed25519",
        "1.3.101.112",
        OWN,
        "Ed25519",
        "of Ed25519",
        _ED25519_KEY,
        "openssl genpkey -algorithm ED25519 -out key.pem",
    ),
)

ALGORITHMS = {each.name: each for each in _ALL}
"""The algorithms by their names in the settings."""

BY_OID = {each.oid: each for each in _ALL}
"""The algorithms by their object identifiers."""


def sm3(data: bytes) -> bytes:
    """The SM3 digest of some bytes (GB/T 32905)."""
    if "sm3" in hashlib.algorithms_available:
        return hashlib.new("sm3", data).digest()
    hashes = ALGORITHMS["sm2"]._module("hashes")
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    made: bytes = digest.finalize()
    return made


Signer = Callable[[str, bytes], bytes]
"""A function of the user that signs: ``(key_id, message) -> signature``."""
