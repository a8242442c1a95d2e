"""Signatures by the right key, made in another way than ``AlgID`` tells; each has a name, which ``verify`` says."""

from __future__ import annotations

from aigc_hooks.security import sm2
from aigc_hooks.security.algorithms import Algorithm, sm3


def variant(algorithm: Algorithm, key: bytes, signature: bytes, message: bytes) -> str:
    """How a signature was made that does not verify as its algorithm has it; empty if it is none of this message.

    Raises:
        ConfigError: The algorithm's library is missing.
    """
    if algorithm.name == "sm2" and algorithm.fits(key):
        for data, what in ((sm3(message), "its digest"), (message, "the message itself")):
            if sm2.verifies(key, signature, data, b""):
                return f"{algorithm.title} without a user id, {what}"
    if algorithm.name == "rsa" and algorithm.verifies(key, signature, message, pss=True):
        return "RSASSA-PSS with SHA-256, though AlgID tells PKCS #1 v1.5"
    return ""
