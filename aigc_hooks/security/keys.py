"""Keys: the one that signs, out of a file, a variable or somebody's KMS, and those that are known by their id.

A private key is in the memory of this module and nowhere else: settings name it, messages do not quote it, and what
holds it can be neither shown nor pickled.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn

from aigc_hooks.errors import ConfigError, LabelError
from aigc_hooks.security.algorithms import ALGORITHMS, Algorithm, Signer, sm3
from aigc_hooks.styles import SecurityStyle

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s+(.*?)-----END \1-----", re.DOTALL)
_LARGEST = 1 << 20
_OWN_ID = "the signing key"
_MOST = 64
_EXPLICIT = 0xA0


class SigningKey:
    """A key that signs labels. It shows nothing of itself.

    Args:
        algorithm: How it signs.
        key_id: Its name.
        spki: Its public key, a SubjectPublicKeyInfo in DER.
        sign: Signs some bytes.
        digested: Whether SM2 signs the SM3 digest of a message, and not the message.
        expires: When its certificate does.
        source: What messages call it.
    """

    __slots__ = ("_digested", "_expires", "_sign", "_source", "algorithm", "key_id", "spki")

    def __init__(
        self,
        algorithm: Algorithm,
        key_id: str,
        spki: bytes,
        sign: Callable[[bytes], bytes],
        digested: bool,
        expires: tuple[datetime, datetime] | None,
        source: str,
    ) -> None:
        self.algorithm, self.key_id, self.spki = algorithm, key_id, spki
        self._sign, self._digested, self._expires, self._source = sign, digested, expires, source

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
        _check_dates(self._expires, f"{self._source}: its certificate")
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
        dates: From when to when its certificate is valid; None for a bare key.
    """

    key_id: str
    spki: bytes
    dates: tuple[datetime, datetime] | None = None

    @property
    def problem(self) -> str:
        """Why it tells nothing now; empty if it does."""
        return "" if self.dates is None else _outside(self.dates)


_cache: dict[tuple[SecurityStyle, object], SigningKey] = {}
_lock = threading.Lock()


def _renew() -> None:
    """In a forked child: another thread of the parent may have held the lock."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def signing_key(style: SecurityStyle) -> SigningKey:
    """The key that these settings sign with; loaded again when its file or variable has changed.

    Raises:
        ConfigError: It is missing, cannot be read, is of the wrong kind, or is not that of its certificate.
    """
    stamp = (_stamp(style), _file_stamp(style.certificate, "security.certificate"))
    with _lock:
        found = _cache.get((style, stamp))
    if found is None:
        found = _load(style)
        with _lock:
            while len(_cache) >= _MOST:
                del _cache[next(iter(_cache))]
            _cache[(style, stamp)] = found
    return found


def _stamp(style: SecurityStyle) -> object:
    if style.key_env:
        return hashlib.sha256(_variable(style.key_env, "key_env").encode()).digest()
    return _file_stamp(style.key, "security.key")


def _file_stamp(path: Path | None, name: str) -> object:
    if path is None:
        return None
    try:
        state = path.stat()
    except OSError as error:
        raise ConfigError(f"{name}: {path} cannot be read: {error.strerror}") from None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _load(style: SecurityStyle) -> SigningKey:
    algorithm = ALGORITHMS[style.algorithm]
    pinned = None if style.certificate is None else _pinned(style.key_id, style.certificate, "security.certificate")
    if style.signer:
        assert pinned is not None
        spki, source = pinned.spki, f"security.signer {style.signer!r}"
        sign = _called(_function(style.signer), style.key_id, source)
    else:
        source = f"security.key_env: the variable {style.key_env}" if style.key_env else f"security.key: {style.key}"
        key = _private_key(style, algorithm)
        if isinstance(key, str):
            raise ConfigError(f"{source} {key}")
        spki = algorithm.public(key)
        sign = _signing(algorithm, key)
    if pinned is not None:
        if problem := algorithm.problem(pinned.spki):
            raise ConfigError(f"security.certificate: {style.certificate} {problem}")
        if pinned.spki != spki:
            raise ConfigError(f"security.certificate: {style.certificate} is not of the key in {source}; give its own")
    for name, path in style.trusted:
        if name == style.key_id and _pinned(name, path, f"security.trusted.{name}").spki != spki:
            raise ConfigError(
                f"security.trusted.{name}: {path} is another key than the one that signs as key_id = {name!r}; give a "
                "new key a new id, and keep the old one under its own"
            )
    digested = style.algorithm == "sm2" and style.message == "digest"
    return SigningKey(algorithm, style.key_id, spki, sign, digested, pinned.dates if pinned else None, source)


def _signing(algorithm: Algorithm, key: Any) -> Callable[[bytes], bytes]:
    return lambda data: algorithm.sign(key, data)


def _private_key(style: SecurityStyle, algorithm: Algorithm) -> Any:
    """The private key, or, as a string, what is wrong with it."""
    passphrase = _variable(style.passphrase_env, "passphrase_env").encode() if style.passphrase_env else None
    if style.key_env:
        # Files of variables write line ends as two characters.
        return algorithm.load(_variable(style.key_env, "key_env").replace("\\n", "\n").encode(), passphrase)
    assert style.key is not None
    return algorithm.load(_read(style.key, "security.key"), passphrase)


def _variable(name: str, setting: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigError(f"security.{setting}: the environment variable {name} is not set")
    return value


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise ConfigError(f"{name}: {path} cannot be read: {error.strerror}") from None


def _function(name: str) -> Signer:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"security.signer: {name!r} cannot be imported: {error}; write 'module:function'") from error
    if not callable(found):
        raise ConfigError(f"security.signer: {name!r} is no function, it is {type(found).__name__}")
    signer: Signer = found
    return signer


def _called(function: Signer, key_id: str, source: str) -> Callable[[bytes], bytes]:
    def sign(data: bytes) -> bytes:
        try:
            return function(key_id, data)
        except Exception as error:
            raise LabelError(f"{source} failed: {error or type(error).__name__}", stage="sign") from error

    return sign


# Pinned keys

Keys = Mapping[str, "str | bytes | os.PathLike[str]"] | Iterable["str | bytes | os.PathLike[str]"]
"""Public keys or certificates: paths, or PEM itself, with or without ids."""


def pinned_keys(keys: Keys) -> list[PinnedKey]:
    """The keys that a caller knows.

    Args:
        keys: Paths of PEM files, or PEM texts; by key id, or a list of them. A path without an id is its own.

    Raises:
        ConfigError: One cannot be read, or holds no public key.
    """
    if isinstance(keys, (str, bytes, os.PathLike)):
        keys = [keys]
    items: Iterable[tuple[str, Any]] = keys.items() if isinstance(keys, Mapping) else (("", key) for key in keys)
    return [_pinned(name or _name(key), key, f"key {name or _name(key)!r}") for name, key in items]


def known_keys(style: SecurityStyle) -> list[PinnedKey]:
    """The keys that settings know: those they trust, and their own.

    Raises:
        ConfigError: One cannot be read.
    """
    known = [_pinned(name, path, f"security.trusted.{name}") for name, path in style.trusted]
    if style.certificate is not None:
        known.append(_pinned(style.key_id or _OWN_ID, style.certificate, "security.certificate"))
    elif style.signs:
        known.append(PinnedKey(style.key_id or _OWN_ID, signing_key(style).spki))
    return known


def fingerprint(spki: bytes) -> str:
    """The SHA-256 of a public key, by which people compare keys."""
    return hashlib.sha256(spki).hexdigest()


def _name(key: Any) -> str:
    return "PEM" if _is_pem(key) else os.fspath(key)


def _is_pem(key: Any) -> bool:
    return isinstance(key, bytes) or (isinstance(key, str) and "-----BEGIN" in key)


def _pinned(key_id: str, key: Any, name: str) -> PinnedKey:
    if _is_pem(key):
        pem, source = key if isinstance(key, bytes) else key.encode(), name
    else:
        pem, source = _read(Path(key), name), f"{name}: {os.fspath(key)}"
    blocks = {kind.decode(): body for kind, body in reversed(_BLOCK.findall(pem))}
    if any("PRIVATE KEY" in kind for kind in blocks):
        raise ConfigError(
            f"{source} holds a private key, and what is known of a signer is public: openssl pkey -in KEY -pubout"
        )
    kind = next((kind for kind in ("CERTIFICATE", "PUBLIC KEY") if kind in blocks), None)
    if kind is None:
        raise ConfigError(f"{source} holds neither a public key nor a certificate in PEM: openssl pkey -in KEY -pubout")
    try:
        der = base64.b64decode(b"".join(blocks[kind].split()), validate=True)
        if kind == "PUBLIC KEY":
            spki, dates = der, None
        else:
            spki, dates = _of_certificate(der)
        if not any(algorithm.fits(spki) for algorithm in ALGORITHMS.values()):
            raise ValueError("its key is not of SM2, RSA, P-256 or Ed25519")
    except (ValueError, IndexError, binascii.Error) as error:
        raise ConfigError(f"{source} cannot be read: {error}") from None
    return PinnedKey(key_id, spki, dates)


def _of_certificate(der: bytes) -> tuple[bytes, tuple[datetime, datetime]]:
    """The key of an X.509 certificate, and from when to when it is valid.

    Read field by field (RFC 5280, 4.1): no library that is at hand gives out keys on the curve SM2.
    """
    _, start, _ = _element(der, 0)
    _, start, _ = _element(der, start)
    fields: list[tuple[int, int, int]] = []
    while len(fields) < 6:  # serial number, algorithm, issuer, validity, subject, key
        tag, content, end = _element(der, start)
        if tag != _EXPLICIT:  # the version, which may be missing
            fields.append((start, content, end))
        start = end
    _, validity, _ = fields[3]
    _, first, middle = _element(der, validity)
    _, second, end = _element(der, middle)
    return der[fields[5][0] : fields[5][2]], (_time(der[first:middle]), _time(der[second:end]))


def _element(der: bytes, start: int) -> tuple[int, int, int]:
    """The tag of a DER element, where its content begins and where it ends."""
    tag, length, content = der[start], der[start + 1], start + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[content : content + count], "big")
        content += count
    if content + length > len(der):
        raise ValueError("the certificate is cut")
    return tag, content, content + length


def _time(value: bytes) -> datetime:
    text = value.decode("ascii")
    if len(text) == 13:  # UTCTime: years of two digits, up to 2049
        text = ("20" if text < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def _outside(dates: tuple[datetime, datetime]) -> str:
    now = datetime.now(timezone.utc)
    if now < dates[0]:
        return f"is not valid before {dates[0]:%Y-%m-%d %H:%M} UTC"
    return f"expired on {dates[1]:%Y-%m-%d %H:%M} UTC" if now > dates[1] else ""


def _check_dates(dates: tuple[datetime, datetime] | None, what: str) -> None:
    if dates is not None and (problem := _outside(dates)):
        raise ConfigError(f"{what} {problem}: nothing is signed with it; renew it and set security.certificate")
