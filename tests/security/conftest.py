"""Keys made by OpenSSL's command line, and providers that sign with them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from aigc_hooks import Provider

MAKING = {
    "sm2": ["genpkey", "-algorithm", "SM2"],
    "rsa": ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "es256": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ed25519": ["genpkey", "-algorithm", "ED25519"],
    "p384": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "short": ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
}


@pytest.fixture(scope="session")
def openssl() -> Callable[..., bytes]:
    """Runs OpenSSL."""

    def run(*arguments: str | Path) -> bytes:
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run


@pytest.fixture(scope="session")
def keys(openssl: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a private key of each kind, its public key, and a second pair of each."""
    folder = tmp_path_factory.mktemp("keys")
    for name, arguments in MAKING.items():
        for number in ("", "-2"):
            path = folder / f"{name}{number}.pem"
            openssl(*arguments, "-out", path)
            openssl("pkey", "-in", path, "-pubout", "-out", path.with_suffix(".pub"))
    openssl("pkey", "-in", folder / "sm2.pem", "-aes256", "-passout", "pass:sesame", "-out", folder / "locked.pem")
    for name in ("sm2", "es256"):
        openssl("req", "-new", "-x509", "-key", folder / f"{name}.pem", "-subj", "/CN=acme", "-days", "2",
                "-out", folder / f"{name}.crt")  # fmt: skip
    return folder


@pytest.fixture
def signing(keys: Path) -> Callable[..., Provider]:
    """A provider that signs."""

    def make(algorithm: str = "sm2", **settings: object) -> Provider:
        key = {} if "signer" in settings or "key_env" in settings else {"key": keys / f"{algorithm}.pem"}
        return Provider(producer="acme", security={"algorithm": algorithm, "key_id": "2026-01", **key, **settings})

    return make
