"""Keys: where they come from, what is wrong with them, and that they reach nothing else."""

from __future__ import annotations

import base64
import copy
import io
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from PIL import Image

import aigc_hooks
from aigc_hooks import ConfigError, Label, Provider, SecurityStyle
from aigc_hooks.provider import resolve
from aigc_hooks.security.algorithms import ALGORITHMS
from aigc_hooks.security.keys import known_keys, pinned_keys, signing_key
from aigc_hooks.security.signers import fingerprint
from aigc_hooks.security.signing import signed

LABEL = Label(content_producer="acme", produce_id="n-1", content_propagator="acme", propagate_id="n-1")
asked: list[tuple[str, bytes]] = []
vault: dict[str, Path] = {}


def kms(key_id: str, data: bytes) -> bytes:
    """Stands for a key that is somewhere else."""
    asked.append((key_id, data))
    algorithm = ALGORITHMS["sm2"]
    return algorithm.sign(algorithm.load(vault[key_id].read_bytes(), None), data)


def certificate(keys: Path, path: Path, *, begins: float, ends: float, name: str = "es256") -> Path:
    """A certificate that is valid between two days counted from now."""
    key = serialization.load_pem_private_key((keys / f"{name}.pem").read_bytes(), None)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


def key_of(label: Label) -> bytes:
    entries = json.loads(label.reserved_code1)["SecurityData"]["PubSD"]
    return bytes.fromhex(entries[1]["KeyValue"])


def spki(keys: Path, name: str) -> bytes:
    lines = (keys / f"{name}.pub").read_text().splitlines()
    return base64.b64decode("".join(lines[1:-1]))


# Where they come from


def test_a_key_from_a_variable(signing: Any, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = (keys / "es256.pem").read_text()
    for text in (pem, pem.replace("\n", "\\n")):  # as files of variables have it
        monkeypatch.setenv("ACME_KEY", text)
        assert key_of(signed(LABEL, signing("es256", key_env="ACME_KEY"))) == spki(keys, "es256")
    monkeypatch.setenv("ACME_KEY", (keys / "es256-2.pem").read_text())  # another key from now on
    assert key_of(signed(LABEL, signing("es256", key_env="ACME_KEY"))) == spki(keys, "es256-2")


def test_a_key_with_a_passphrase(signing: Any, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_WORD", "sesame")
    made = signed(LABEL, signing("sm2", key=keys / "locked.pem", passphrase_env="ACME_WORD"))
    assert key_of(made) == spki(keys, "sm2")


@pytest.mark.parametrize("signer", [kms, f"{__name__}:kms"])
def test_a_signer_of_the_users(signer: Any, signing: Any, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setitem(vault, "2026-01", keys / "sm2.pem")
    asked.clear()
    provider = signing("sm2", signer=signer, certificate=keys / "sm2.crt")
    assert key_of(signed(LABEL, provider)) == spki(keys, "sm2")
    ((name, data),) = asked
    assert (name, len(data)) == ("2026-01", 32)  # the digest
    signed(LABEL, signing("sm2", signer=signer, certificate=keys / "sm2.pub", message="raw"))
    assert asked[-1][1] == b'"Label":"1","ContentProducer":"acme","ProduceID":"n-1"'
    pickle.dumps(provider)


def test_a_key_whose_file_is_replaced_is_read_again(signing: Any, keys: Path, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes((keys / "ed25519.pem").read_bytes())
    provider = signing("ed25519", key=path)
    assert key_of(signed(LABEL, provider)) == spki(keys, "ed25519")
    (tmp_path / "new").write_bytes((keys / "ed25519-2.pem").read_bytes())
    (tmp_path / "new").replace(path)
    assert key_of(signed(LABEL, provider)) == spki(keys, "ed25519-2")


def test_paths_are_found_from_the_file_that_names_them(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sm2.pem", "sm2.crt", "sm2-2.pub"):
        (tmp_path / name).write_bytes((keys / name).read_bytes())
    (tmp_path / "aigc.toml").write_text(
        '[providers.acme]\nproducer = "acme"\n[providers.acme.security]\nkey = "sm2.pem"\ncertificate = "sm2.crt"\n'
        'key_id = "b"\n[providers.acme.security.trusted]\na = "sm2-2.pub"\n'
    )
    monkeypatch.setenv("AIGC_HOOKS_CONFIG", str(tmp_path / "aigc.toml"))
    monkeypatch.chdir("/")
    provider = resolve("acme", {})
    assert key_of(signed(LABEL, provider)) == spki(keys, "sm2")
    assert [key.key_id for key in known_keys(provider.security)] == ["a", "b"]
    monkeypatch.setenv("AIGC_HOOKS_SECURITY__MESSAGE", "raw")
    monkeypatch.setenv("AIGC_HOOKS_SECURITY__TRUSTED__A", "")
    assert resolve("acme", {}).security.message == "raw"


def test_settings_have_a_hash_and_merge(keys: Path) -> None:
    style = SecurityStyle(trusted={"a": keys / "sm2.pub"})
    assert hash(style) == hash(copy.deepcopy(style))
    assert not style.signs
    provider = Provider(producer="acme", security=style)
    assert resolve(provider, {"security": {"message": "raw"}}).security.trusted == style.trusted


# What is wrong with them


@pytest.mark.parametrize(
    ("algorithm", "settings", "reason"),
    [
        ("sm2", {"key": "{keys}/none.pem"}, r"security\.key: .*none\.pem cannot be read: No such file"),
        ("sm2", {"key": "{keys}"}, "cannot be read: Is a directory"),
        ("sm2", {"key": "{keys}/sm2.pub"}, "is no private key in PEM, make one: openssl genpkey -algorithm SM2"),
        (
            "sm2",
            {"key": "{keys}/es256.pem"},
            r"on the curve P-256, and 'sm2' signs .* set security\.algorithm = 'es256'",
        ),
        ("sm2", {"key": "{keys}/rsa.pem"}, r"of RSA, and 'sm2' .* or set security\.algorithm = 'rsa'"),
        ("sm2", {"key": "{keys}/p384.pem"}, "of another kind, and 'sm2'"),
        ("es256", {"key": "{keys}/p384.pem"}, "of another kind, and 'es256' .* ec_paramgen_curve:P-256"),
        ("es256", {"key": "{keys}/sm2.pem"}, r"on the curve SM2, and 'es256' .* or set security\.algorithm = 'sm2'"),
        ("ed25519", {"key": "{keys}/rsa.pem"}, "of RSA, and 'ed25519'"),
        ("rsa", {"key": "{keys}/ed25519.pem"}, "of Ed25519, and 'rsa'"),
        ("rsa", {"key": "{keys}/short.pem"}, "1024 bits, and less than 2048 prove nothing"),
        ("sm2", {"key_env": "ACME_NONE"}, r"security\.key_env: the environment variable ACME_NONE is not set"),
        ("sm2", {"key": "{keys}/locked.pem"}, r"is encrypted: name the variable .* security\.passphrase_env"),
        ("sm2", {"key": "{keys}/locked.pem", "passphrase_env": "ACME_WRONG"}, "or the passphrase is wrong"),
        ("sm2", {"passphrase_env": "ACME_WRONG"}, r"is not encrypted: leave security\.passphrase_env away"),
        ("es256", {"passphrase_env": "ACME_WRONG"}, r"is not encrypted: leave security\.passphrase_env away"),
        ("sm2", {"passphrase_env": "ACME_NONE"}, r"security\.passphrase_env: the environment variable ACME_NONE"),
        ("sm2", {"certificate": "{keys}/sm2-2.pub"}, r"security\.certificate: .* is not of the key in security\.key"),
        ("sm2", {"certificate": "{keys}/es256.crt"}, r"security\.certificate: .* on the curve P-256"),
        ("sm2", {"certificate": "{keys}/none.crt"}, r"security\.certificate: .* cannot be read"),
        ("sm2", {"certificate": "{keys}/sm2.pem"}, "holds a private key"),
        (
            "sm2",
            {"trusted": {"2026-01": "{keys}/sm2-2.pub"}},
            r"security\.trusted\.2026-01: .* give a new key a new id",
        ),
        ("sm2", {"signer": "nowhere:sign", "certificate": "{keys}/sm2.crt"}, "cannot be imported: No module"),
        ("sm2", {"signer": "json", "certificate": "{keys}/sm2.crt"}, "write 'module:function'"),
        ("sm2", {"signer": "json:codecs", "certificate": "{keys}/sm2.crt"}, "is no function, it is module"),
    ],
)
def test_one_error_tells_the_fix(
    algorithm: str, settings: dict[str, Any], reason: str, signing: Any, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_WRONG", "wrong")

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(item) for name, item in value.items()}
        return value.format(keys=keys)

    provider = signing(algorithm, **filled(settings))
    with pytest.raises(ConfigError, match=reason):
        signed(LABEL, provider)


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [(-9, -1, r"its certificate expired on \d{4}-.*renew it"), (1, 9, "its certificate is not valid before")],
)
def test_nothing_is_signed_out_of_the_time_of_the_certificate(
    begins: float, ends: float, reason: str, signing: Any, keys: Path, tmp_path: Path
) -> None:
    path = certificate(keys, tmp_path / "a.crt", begins=begins, ends=ends)
    provider = signing("es256", certificate=path)
    picture = Image.new("RGB", (96, 96))
    with pytest.raises(ConfigError, match=reason):
        aigc_hooks.label(picture, provider=provider)
    # Whoever trusts what it signed before can say so with its bare key.
    made = signed(LABEL, signing("es256"))
    assert made.reserved_code1


def test_certificates_are_read_as_others_read_them(keys: Path, tmp_path: Path) -> None:
    for name in ("es256", "rsa", "ed25519"):
        if name == "ed25519":
            (key,) = pinned_keys([keys / "ed25519.pub"])
            assert (key.spki, key.dates) == (spki(keys, name), None)
            continue
        path = certificate(keys, tmp_path / f"{name}.crt", begins=-1, ends=40 * 365, name=name)  # GeneralizedTime
        (key,) = pinned_keys({"a": path})
        read = x509.load_pem_x509_certificate(path.read_bytes())
        assert key.dates == (read.not_valid_before_utc, read.not_valid_after_utc)
        assert key.spki == spki(keys, name)
    (key,) = pinned_keys([(keys / "sm2.crt").read_text()])
    assert key.spki == spki(keys, "sm2")
    assert key.key_id == "PEM"


def test_what_is_no_public_key_is_refused(keys: Path) -> None:
    pem = (keys / "es256.crt").read_text()
    body = base64.b64decode("".join(pem.splitlines()[1:-1]))
    for data in (
        b"",
        body[:50],
        body[:-200],
        bytes(300),
        body.replace(b"\x2a\x86\x48\xce\x3d", b"\x2a\x86\x48\xce\x3e"),
    ):
        text = "-----BEGIN CERTIFICATE-----\n" + base64.b64encode(data).decode() + "\n-----END CERTIFICATE-----\n"
        with pytest.raises(ConfigError, match="cannot be read"):
            pinned_keys([text])
    for text in ("-----BEGIN nothing", "-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----"):
        with pytest.raises(ConfigError, match=r"neither a public key|cannot be read"):
            pinned_keys([text])
    with pytest.raises(ConfigError, match=r"none\.pem cannot be read"):
        pinned_keys(["none.pem"])
    with pytest.raises(ConfigError, match="holds a private key"):
        pinned_keys([keys / "sm2.pem"])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"key": "a.pem", "key_env": "A"}, "key and key_env exclude each other"),
        ({"signer": kms}, "signer needs certificate"),
        ({"signer": lambda key_id, data: b"", "certificate": "a"}, "takes a function of a module"),
        ({"signer": [].append, "certificate": "a"}, "takes a function of a module"),
        ({"algorithm": "sm9"}, "algorithm = 'sm9'"),
        ({"private_key": "a"}, "unknown setting 'private_key'"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        SecurityStyle(**settings)


# That they reach nothing else


@pytest.mark.parametrize(
    "settings",
    [
        {"security": {"key": "{pem}"}},
        {"security": {"key_env": "{pem}"}},
        {"security": {"passphrase_env": "{pem}"}},
        {"security": {"algorithm": "{pem}"}},
        {"security": {"private_key": "{pem}"}},
        {"security": {"trusted": "{pem}"}},
        {"security": {"content": "{pem}"}},
        {"security": "{pem}"},
        {"private_key": "{pem}"},
    ],
)
def test_a_key_in_the_settings_is_refused_and_not_shown(settings: dict[str, Any], keys: Path) -> None:
    pem = (keys / "es256.pem").read_text()
    secret = pem.splitlines()[1]

    def filled(value: Any) -> Any:
        return {k: filled(v) for k, v in value.items()} if isinstance(value, dict) else value.format(pem=pem)

    for attempt in (
        lambda: Provider(producer="acme", **filled(settings)),
        lambda: resolve(Provider(producer="acme"), filled(settings)),
        lambda: aigc_hooks.override(**filled(settings)).__enter__(),
    ):
        with pytest.raises(ConfigError) as caught:
            attempt()
        assert secret not in str(caught.value)


def _secrets(keys: Path, openssl: Callable[..., bytes]) -> list[bytes]:
    """The private number of the key on SM2 in the forms in which it could come out."""
    text = openssl("pkey", "-in", keys / "sm2.pem", "-text", "-noout").decode()
    digits = re.sub(r"[\s:]", "", text.partition("priv:")[2].partition("pub:")[0])
    number = bytes.fromhex(digits)
    body = "".join((keys / "sm2.pem").read_text().splitlines()[1:-1])
    return [number, digits.encode(), digits.upper().encode(), base64.b64encode(number), body[20:60].encode()]


def test_the_key_reaches_neither_file_nor_log_nor_pickle_nor_screen(
    signing: Any,
    keys: Path,
    openssl: Callable[..., bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("AIGC_HOOKS_TRACE", "1")
    provider = signing("sm2")
    picture = aigc_hooks.label(Image.new("RGB", (96, 96)), provider=provider)
    picture.save(tmp_path / "a.png")
    aigc_hooks.save("Hello", tmp_path / "a.md", provider=provider)
    key = signing_key(provider.security)
    shown = [repr(provider), repr(provider.security), str(key), repr(vars(Provider)), caplog.text, *capfd.readouterr()]
    blobs = [*(path.read_bytes() for path in tmp_path.iterdir()), pickle.dumps(provider), pickle.dumps(picture)]
    everything = [*(text.encode() for text in shown), *blobs]
    for secret in _secrets(keys, openssl):
        assert [blob for blob in everything if secret in blob] == []
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="is not pickled"):
            attempt(key)
    assert fingerprint(key.spki)[:16] in repr(key)


def test_the_variables_of_an_error_hold_no_key(signing: Any, keys: Path, openssl: Callable[..., bytes]) -> None:
    with pytest.raises(ConfigError) as caught:
        signed(LABEL, signing("es256", key=keys / "sm2.pem"))
    secrets = _secrets(keys, openssl)
    traceback, frames = caught.value.__traceback__, 0
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    while traceback is not None:
        if (
            "aigc_hooks" in traceback.tb_frame.f_code.co_filename
            and "tests" not in traceback.tb_frame.f_code.co_filename
        ):
            frames += 1
            text = repr(traceback.tb_frame.f_locals).encode()
            assert not any(secret in text for secret in secrets)
        traceback = traceback.tb_next
    assert frames > 1


def test_a_signed_picture_is_saved_in_another_process(signing: Any, keys: Path, tmp_path: Path) -> None:
    provider = signing("sm2")
    picture = aigc_hooks.label(Image.effect_noise((96, 96), 60).convert("RGB"), provider=provider)
    (tmp_path / "picture").write_bytes(pickle.dumps(picture))
    script = (
        "import pickle, sys; from pathlib import Path\n"
        "picture = pickle.loads(Path(sys.argv[1]).read_bytes()); picture.save(sys.argv[2])"
    )
    subprocess.run(
        [sys.executable, "-c", script, tmp_path / "picture", tmp_path / "a.png"],
        check=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    found = aigc_hooks.verify(tmp_path / "a.png", provider=provider)
    assert (found.status, found.content) == ("intact", "intact")


@pytest.mark.parametrize("algorithm", ["sm2", "es256"])
def test_many_threads_sign_with_one_key(algorithm: str, signing: Any) -> None:
    provider = signing(algorithm)
    failed: list[object] = []

    def work() -> None:
        for _ in range(20):
            picture = aigc_hooks.label(Image.new("RGB", (64, 64)), provider=provider)
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            found = aigc_hooks.verify(buffer.getvalue(), provider=provider)
            if not found.ok:
                failed.append(found)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_without_the_library_the_error_names_it(signing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = signing("sm2", key_id="alone")
    for name in [name for name in sys.modules if name.startswith("tongsuopy")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tongsuopy", None)
    with pytest.raises(ConfigError, match=r"SM3withSM2 needs tongsuopy: pip install 'aigc-hooks\[security\]'"):
        signed(LABEL, provider)
