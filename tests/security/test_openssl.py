"""Signatures by OpenSSL's command line in each way that it has: verified, or named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import Label, verify
from aigc_hooks.security import sm2
from aigc_hooks.security.algorithms import ALGORITHMS, sm3
from aigc_hooks.security.data import SecurityData
from aigc_hooks.security.messages import message

LABEL = Label(content_producer="acme", produce_id="n-1", content_propagator="acme", propagate_id="n-1")
OPTIONS = {
    "default": [],
    "empty": ["-pkeyopt", "distid:"],
    "usual": ["-pkeyopt", "distid:1234567812345678"],
    "other": ["-pkeyopt", "distid:somebody"],
}


def markdown(label: Label, code: str) -> bytes:
    elements = {**label.to_dict(), "ReservedCode1": code}
    lines = [f"  {key}: {json.dumps(value)}" for key, value in elements.items()]
    return "\n".join(["---", "AIGC:", *lines, "---", "text", ""]).encode()


def code(name: str, signature: bytes, key: bytes, oid: str = "") -> str:
    text = SecurityData(ALGORITHMS[name], signature, key).to_text()
    return text.replace(ALGORITHMS[name].oid, oid) if oid else text


@pytest.fixture
def signature(openssl: Callable[..., bytes], keys: Path, tmp_path: Path) -> Callable[..., tuple[bytes, bytes]]:
    """A signature of some bytes, and the public key."""

    def sign(name: str, data: bytes, *options: str) -> tuple[bytes, bytes]:
        (tmp_path / "data").write_bytes(data)
        digest = {"sm2": ["-digest", "sm3"], "ed25519": []}.get(name, ["-digest", "sha256"])
        made = openssl(
            "pkeyutl", "-sign", "-rawin", *digest, "-inkey", keys / f"{name}.pem", "-in", tmp_path / "data", *options
        )
        return made, openssl("pkey", "-pubin", "-in", keys / f"{name}.pub", "-outform", "DER")

    return sign


@pytest.mark.parametrize("digested", [False, True])
@pytest.mark.parametrize(
    ("user", "how"),
    [
        ("default", "SM3withSM2 without a user id, "),
        ("empty", "SM3withSM2 without a user id, "),
        ("usual", "SM3withSM2, "),
        ("other", None),
    ],
)
def test_sm2(user: str, how: str | None, digested: bool, signature: Any, keys: Path) -> None:
    text = sm3(message(LABEL)) if digested else message(LABEL)
    made, key = signature("sm2", text, *OPTIONS[user])
    found = verify(markdown(LABEL, code("sm2", made, key)), keys={"a": keys / "sm2.pub"})
    assert found.status == ("intact" if how else "altered")
    if how:
        assert f"({how}{'its digest' if digested else 'the message itself'})" in found.reasons[0]
    other = Label(content_producer="acme", produce_id="n-2", content_propagator="acme", propagate_id="n-2")
    assert verify(markdown(other, code("sm2", made, key)), keys={"a": keys / "sm2.pub"}).status == "altered"


@pytest.mark.parametrize(
    ("options", "how"),
    [
        ([], "(RSA-SHA256)"),
        (["-pkeyopt", "rsa_padding_mode:pkcs1"], "(RSA-SHA256)"),
        (["-pkeyopt", "rsa_padding_mode:pss"], "(RSASSA-PSS with SHA-256, though AlgID tells PKCS #1 v1.5)"),
        (["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"], "(RSASSA-PSS with SHA-256"),
    ],
)
def test_rsa(options: list[str], how: str, signature: Any, keys: Path) -> None:
    made, key = signature("rsa", message(LABEL), *options)
    found = verify(markdown(LABEL, code("rsa", made, key)), keys={"a": keys / "rsa.pub"})
    assert (found.status, found.key_id) == ("intact", "a")
    assert how in found.reasons[0]
    broken = made[:-1] + bytes([made[-1] ^ 1])
    assert verify(markdown(LABEL, code("rsa", broken, key)), keys=[]).status == "altered"
    named = verify(markdown(LABEL, code("rsa", made, key, "1.2.840.113549.1.1.10")), keys=[])
    assert named.status == "unsigned"
    assert "algorithm '1.2.840.113549.1.1.10' (RSASSA-PSS)" in named.reasons[0]


@pytest.mark.parametrize("name", ["es256", "ed25519"])
def test_p256_and_ed25519(name: str, signature: Any, keys: Path) -> None:
    made, key = signature(name, message(LABEL))
    found = verify(markdown(LABEL, code(name, made, key)), keys={"a": keys / f"{name}.pub"})
    assert (found.status, found.key_id) == ("intact", "a")


def test_other_curves_and_digests_are_named(signature: Any, keys: Path, openssl: Callable[..., bytes]) -> None:
    made, _ = signature("p384", message(LABEL))
    key = openssl("pkey", "-pubin", "-in", keys / "p384.pub", "-outform", "DER")
    found = verify(markdown(LABEL, code("es256", made, key)), keys=[])
    assert (found.status, found.reasons) == ("unsigned", ("ReservedCode1 holds a key that is not one of ES256",))
    found = verify(markdown(LABEL, code("es256", made, key, "1.2.840.10045.4.3.3")), keys=[])
    assert "(ECDSA with SHA-384)" in found.reasons[0]
    found = verify(markdown(LABEL, code("es256", made, key, "1.2.3.4")), keys=[])
    assert "algorithm '1.2.3.4' (not known here)" in found.reasons[0]


# SM2 with another user id, which is computed here


def test_what_openssl_signs_verifies_with_its_id_alone(signature: Any) -> None:
    for user, name in ((b"", "empty"), (b"1234567812345678", "usual"), (b"somebody", "other")):
        made, key = signature("sm2", b"text", *OPTIONS[name])
        for each in (b"", b"1234567812345678", b"somebody"):
            assert sm2.verifies(key, made, b"text", each) == (each == user)
        assert not sm2.verifies(key, made, b"texts", user)


def test_it_agrees_with_the_library(signature: Any) -> None:
    """Every altered bit of a signature and of its key, judged by both."""
    made, key = signature("sm2", b"text", *OPTIONS["usual"])
    algorithm, user = ALGORITHMS["sm2"], b"1234567812345678"
    assert sm2.verifies(key, made, b"text", user)
    assert algorithm.verifies(key, made, b"text")
    for at in range(len(made)):
        broken = made[:at] + bytes([made[at] ^ 1 << at % 8]) + made[at + 1 :]
        assert not sm2.verifies(key, broken, b"text", user)
        assert not algorithm.verifies(key, broken, b"text")
    for at in range(len(key) - 64, len(key), 3):
        broken = key[:at] + bytes([key[at] ^ 1 << at % 8]) + key[at + 1 :]
        assert not sm2.verifies(broken, made, b"text", user)
        assert not (algorithm.fits(broken) and algorithm.verifies(broken, made, b"text"))


def der(*numbers: int) -> bytes:
    body = b"".join(
        b"\x02" + bytes([len(data)]) + data
        for data in (number.to_bytes(number.bit_length() // 8 + 1, "big") for number in numbers)
    )
    return b"\x30" + bytes([len(body)]) + body


def numbers(signature: bytes) -> tuple[int, int]:
    length = signature[3]
    return int.from_bytes(signature[4 : 4 + length], "big"), int.from_bytes(signature[6 + length :], "big")


@pytest.mark.parametrize("name", ["sm2", "es256"])
def test_other_forms_of_one_signature(name: str, signature: Any) -> None:
    """Malleable forms: other encodings, and numbers beyond the order of the curve."""
    order = {
        "sm2": 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123,
        "es256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    }[name]
    made, key = signature(name, b"text", *(OPTIONS["usual"] if name == "sm2" else ()))
    r, s = numbers(made)
    assert der(r, s) == made
    body = made[2:]
    forms = [
        der(r + order, s), der(r, s + order), der(0, s), der(r, 0), der(order, s), der(r, order),
        made + b"\0", made[:-1], b"\x30\x81" + bytes([len(body)]) + body, b"\x31" + made[1:],
        b"\x30" + bytes([len(body) + 1]) + b"\x02" + bytes([made[3] + 1]) + b"\0" + body[2:],
        b"\x30" + bytes([len(body) + 3]) + body + b"\x02\1\1",
    ]  # fmt: skip
    if name == "sm2":
        forms += [der(r, order - s), der(order - r, s)]
    for form in forms:
        assert not ALGORITHMS[name].verifies(key, form, b"text"), form.hex()
        if name == "sm2":
            assert not sm2.verifies(key, form, b"text", b"1234567812345678"), form.hex()


@pytest.mark.parametrize("name", ["sm2", "rsa", "es256", "ed25519"])
def test_every_truncation_of_a_signature_and_a_key(name: str, signature: Any) -> None:
    made, key = signature(name, b"text", *(OPTIONS["usual"] if name == "sm2" else ()))
    algorithm = ALGORITHMS[name]
    assert algorithm.verifies(key, made, b"text")
    for end in range(len(made)):
        assert not algorithm.verifies(key, made[:end], b"text")
        assert not algorithm.verifies(key, made[end + 1 :], b"text")
        if name == "sm2":
            assert not sm2.verifies(key, made[:end], b"text", b"1234567812345678")
    for end in range(len(key)):
        assert not (algorithm.fits(key[:end]) and algorithm.verifies(key[:end], made, b"text"))


def test_a_point_off_the_curve_is_no_key(signature: Any) -> None:
    made, key = signature("sm2", b"text", *OPTIONS["empty"])
    for point in (bytes(64), b"\xff" * 64, key[-64:-32] + bytes(32)):
        assert not sm2.verifies(key[:-64] + point, made, b"text", b"")
