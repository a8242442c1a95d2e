"""Signed labels: how long one signature takes, and what label, signature and record add to a picture's save."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from measuring import Rows, medians, ratio
from PIL import Image

import aigc_hooks
from aigc_hooks.duties.log import writer
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider
from aigc_hooks.security.judging import Digested, judged
from aigc_hooks.security.keys import known_keys
from aigc_hooks.security.messages import PRODUCER
from aigc_hooks.security.signing import signed

LABEL = Label(content_producer="benchmark", produce_id="1", content_propagator="benchmark", propagate_id="1")
LIMITS = {"sm2": (1.0, 2.0)}
_MAKING = {
    "sm2": ["-algorithm", "SM2"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    "es256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ed25519": ["-algorithm", "ED25519"],
}


def trust(rows: Rows, photograph: Callable[[], Image.Image]) -> None:
    """Keys are made by OpenSSL's command line."""
    with tempfile.TemporaryDirectory() as folder:
        for algorithm, arguments in _MAKING.items():
            key = Path(folder, f"{algorithm}.pem")
            subprocess.run(["openssl", "genpkey", *arguments, "-out", key], check=True, capture_output=True)
            _signatures(rows, Provider(producer="benchmark", security={"algorithm": algorithm, "key": key}))
        url, key = str(Path(folder, "record.db")), Path(folder, "sm2.pem")
        provider = Provider(producer="benchmark", security={"key": key}, audit_url=url, audit="required")
        _saves(rows, provider, photograph(), Path(folder))
        writer.close()


def _signatures(rows: Rows, provider: Provider) -> None:
    label = signed(LABEL, provider)
    known, file = known_keys(provider.security), Digested(None, "")  # type: ignore[arg-type]  # nothing signs content
    assert judged(label, PRODUCER, file, known, None).status == "intact"
    sign, verify = medians(
        lambda: signed(LABEL, provider), lambda: judged(label, PRODUCER, file, known, None), rounds=300
    )
    limits = LIMITS.get(provider.security.algorithm)
    for what, spent, at in (("signing", sign, 0), ("verifying", verify, 1)):
        limit = f"{limits[at]:g} ms" if limits else float("nan")
        rows.append((f"{what} a label, {provider.security.algorithm}", "–", limit, f"{1000 * spent:.2f} ms"))


def _saves(rows: Rows, provider: Provider, plain: Image.Image, folder: Path) -> None:
    """The content that is saved is signed too."""
    spare = plain.copy()

    def unlabel() -> None:
        spare.info.clear()
        spare.paste(plain)

    def labelled() -> None:
        aigc_hooks.label(spare, provider=provider)
        _save(spare, folder / "labelled.png")

    measured = ratio(labelled, lambda: _save(plain, folder / "plain.png"), rounds=15, before=unlabel)
    rows.append(("label + signature + record (SQLite) added to a PNG save", "the plain save", 1.05, measured))
    assert aigc_hooks.verify(folder / "labelled.png", provider=provider).ok


def _save(image: Image.Image, path: Path) -> None:
    path.unlink(missing_ok=True)
    image.save(path)
