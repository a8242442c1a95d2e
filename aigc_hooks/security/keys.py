"""Where keys come from: the one that signs, out of a file, a variable or somebody's KMS, and those known by their id.

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
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from aigc_hooks.errors import ConfigError, LabelError
from aigc_hooks.forks import ForkSafeLock
from aigc_hooks.security.algorithms import ALGORITHMS, Algorithm, Signer
from aigc_hooks.security.certificates import Certificate, chain_problem
from aigc_hooks.security.data import MOST_CERTIFICATES
from aigc_hooks.security.signers import PinnedKey, SigningKey
from aigc_hooks.styles import SecurityStyle

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s+(.*?)-----END \1-----", re.DOTALL)
_LARGEST = 1 << 20
_OWN_ID = "the signing key"
_MOST = 64


_cache: dict[tuple[SecurityStyle, object], SigningKey] = {}
_lock = ForkSafeLock()


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
    pins = [] if style.certificate is None else _pinned(style.key_id, style.certificate, "security.certificate")
    if style.signer:
        spki, source = pins[0].spki, f"security.signer {style.signer!r}"
        sign = _called(_function(style.signer), style.key_id, source)
    else:
        source = f"security.key_env: the variable {style.key_env}" if style.key_env else f"security.key: {style.key}"
        key = _private_key(style, algorithm)
        if isinstance(key, str):
            raise ConfigError(f"{source} {key}")
        spki = algorithm.public(key)
        sign = _signing(algorithm, key)
    chain = tuple(pin.certificate for pin in pins if pin.certificate is not None)
    if pins:
        where = f"security.certificate: {style.certificate}"
        if problem := algorithm.problem(pins[0].spki):
            raise ConfigError(f"{where} {problem}")
        if pins[0].spki != spki:
            raise ConfigError(f"{where} is not of the key in {source}; give its own, and put it first")
        _check_chain(chain, where)
    for name, path in style.trusted:
        if name == style.key_id and all(pin.spki != spki for pin in _pinned(name, path, f"security.trusted.{name}")):
            raise ConfigError(
                f"security.trusted.{name}: {path} is another key than the one that signs as key_id = {name!r}; give a "
                "new key a new id, and keep the old one under its own"
            )
    digested = style.algorithm == "sm2" and style.message == "digest"
    return SigningKey(algorithm, style.key_id, spki, sign, digested, chain, source)


def _check_chain(chain: tuple[Certificate, ...], source: str) -> None:
    if chain and (problem := chain[0].unfit()):
        raise ConfigError(f"{source} {problem}: ask for one with the key usage digitalSignature")
    if len(chain) > MOST_CERTIFICATES:
        raise ConfigError(f"{source} holds {len(chain)} certificates; a label takes up to {MOST_CERTIFICATES}")
    if problem := chain_problem(chain):
        raise ConfigError(f"{source}: {problem}: put the signer's own first, and behind each the one that issued it")


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
    return [pin for name, key in items for pin in _pinned(name or _name(key), key, f"key {name or _name(key)!r}")]


def known_keys(style: SecurityStyle) -> list[PinnedKey]:
    """The keys that settings know: those they trust, and their own.

    Raises:
        ConfigError: One cannot be read.
    """
    known = [pin for name, path in style.trusted for pin in _pinned(name, path, f"security.trusted.{name}")]
    if style.certificate is not None:
        known.append(_pinned(style.key_id or _OWN_ID, style.certificate, "security.certificate")[0])
    elif style.signs:
        known.append(PinnedKey(style.key_id or _OWN_ID, signing_key(style).spki))
    return known


def _name(key: Any) -> str:
    return "PEM" if _is_pem(key) else os.fspath(key)


def _is_pem(key: Any) -> bool:
    return isinstance(key, bytes) or (isinstance(key, str) and "-----BEGIN" in key)


def _pinned(key_id: str, key: Any, name: str) -> list[PinnedKey]:
    """The certificates in PEM, or the first public key where there are none."""
    if _is_pem(key):
        pem, source = key if isinstance(key, bytes) else key.encode(), name
    else:
        pem, source = _read(Path(key), name), f"{name}: {os.fspath(key)}"
    blocks = [(kind.decode(), body) for kind, body in _BLOCK.findall(pem)]
    if any("PRIVATE KEY" in kind for kind, _ in blocks):
        raise ConfigError(
            f"{source} holds a private key, and what is known of a signer is public: openssl pkey -in KEY -pubout"
        )
    certificates = [body for kind, body in blocks if kind == "CERTIFICATE"]
    bare = [body for kind, body in blocks if kind == "PUBLIC KEY"]
    if not certificates and not bare:
        raise ConfigError(f"{source} holds neither a public key nor a certificate in PEM: openssl pkey -in KEY -pubout")
    try:
        if certificates:
            found = [Certificate.of(_decoded(body)) for body in certificates]
            pins = [PinnedKey(key_id, each.spki, each) for each in found]
        else:
            pins = [PinnedKey(key_id, _decoded(bare[0]))]
        # An authority may have a key of a kind that signs no labels.
        if not any(algorithm.fits(pins[0].spki) for algorithm in ALGORITHMS.values()) and not _issues(pins[0]):
            raise ValueError("its key is not of SM2, RSA, P-256 or Ed25519")
    except (ValueError, IndexError, binascii.Error) as error:
        raise ConfigError(f"{source} cannot be read: {error}") from None
    return pins


def _decoded(body: bytes) -> bytes:
    return base64.b64decode(b"".join(body.split()), validate=True)


def _issues(pin: PinnedKey) -> bool:
    return pin.certificate is not None and not pin.certificate.no_authority(0)
