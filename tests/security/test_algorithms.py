"""Signatures of other implementations, and the vectors of the standards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aigc_hooks import Label, LabelError, Provider
from aigc_hooks.security.algorithms import ALGORITHMS, sm3
from aigc_hooks.security.data import SecurityData, UnknownSchemeError
from aigc_hooks.security.messages import message
from aigc_hooks.security.signing import signed

REAL = json.loads((Path(__file__).parent.parent / "data" / "real_labels.json").read_text(encoding="utf-8"))
LABEL = Label(content_producer="acme", produce_id="n-1", content_propagator="acme", propagate_id="n-1")
EC_HEAD = {"sm2": "06082a811ccf5501822d", "es256": "06082a8648ce3d030107"}


def spki(algorithm: str, x: str, y: str = "") -> bytes:
    if algorithm == "ed25519":
        return bytes.fromhex("302a300506032b6570032100" + x)
    return bytes.fromhex("3059301306072a8648ce3d0201" + EC_HEAD[algorithm] + "034200" + "04" + x + y)


def der(r: str, s: str) -> bytes:
    numbers = [int(value, 16) for value in (r, s)]
    body = b"".join(
        b"\x02" + bytes([len(data)]) + data
        for data in (number.to_bytes(number.bit_length() // 8 + 1, "big") for number in numbers)
    )
    return b"\x30" + bytes([len(body)]) + body


VECTORS = {
    # GB/T 32918.5-2017, A.2, with the user id that SecurityData uses
    "sm2": (
        spki(
            "sm2",
            "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020",
            "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13",
        ),
        b"message digest",
        der(
            "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3",
            "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa",
        ),
    ),
    # RFC 6979, A.2.5
    "es256": (
        spki(
            "es256",
            "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        ),
        b"sample",
        der(
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
    ),
    # RFC 8032, 7.1, test 2
    "ed25519": (
        spki("ed25519", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
        b"\x72",
        bytes.fromhex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_standards_verify_and_nothing_else(name: str) -> None:
    key, text, signature = VECTORS[name]
    algorithm = ALGORITHMS[name]
    assert algorithm.fits(key)
    assert algorithm.verifies(key, signature, text)
    assert not algorithm.verifies(key, signature, text + b".")
    for at in range(len(signature)):
        broken = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        assert not algorithm.verifies(key, broken, text), at
    for at in range(len(key)):
        for bit in range(8):
            broken = key[:at] + bytes([key[at] ^ 1 << bit]) + key[at + 1 :]
            assert not (algorithm.fits(broken) and algorithm.verifies(broken, signature, text)), at


def test_every_altered_bit_of_an_rsa_key_and_its_signature_fails(signing: Callable[..., Provider]) -> None:
    data = SecurityData.from_text(signed(LABEL, signing("rsa")).reserved_code1)
    key, algorithm = data.key, data.algorithm
    assert key is not None
    assert algorithm.verifies(key, data.signature, message(LABEL))
    for at in range(len(key)):
        for bit in range(8):
            broken = key[:at] + bytes([key[at] ^ 1 << bit]) + key[at + 1 :]
            assert not (algorithm.fits(broken) and algorithm.verifies(broken, data.signature, message(LABEL))), at
    for at in range(len(data.signature)):
        broken = data.signature[:at] + bytes([data.signature[at] ^ 1]) + data.signature[at + 1 :]
        assert not algorithm.verifies(key, broken, message(LABEL)), at


@pytest.mark.parametrize("signature", [b"", b"\x30", bytes(64), bytes(200), b"\x30\x06\x02\x01\x00\x02\x01\x00"])
@pytest.mark.parametrize("name", VECTORS)
def test_what_is_no_signature_verifies_nothing(name: str, signature: bytes) -> None:
    key, text, _ = VECTORS[name]
    assert not ALGORITHMS[name].verifies(key, signature, text)
    for cut in range(0, len(key), 7):
        assert not ALGORITHMS[name].verifies(key[:cut], VECTORS[name][2], text)


def test_sm3_by_its_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3(b"abc").hex() == expected
    monkeypatch.setattr(hashlib, "algorithms_available", set())  # a Python whose OpenSSL lacks it
    assert sm3(b"abc").hex() == expected


def test_the_label_of_stepfun_verifies() -> None:
    real = next(entry["label"] for entry in REAL if entry["source"].startswith("StepFun"))
    label = Label.from_json(json.dumps(real))
    data = SecurityData.from_text(label.reserved_code1)
    assert data.key is not None
    assert data.algorithm.verifies(data.key, data.signature, sm3(message(label)))
    assert not data.algorithm.verifies(data.key, data.signature, message(label))
    assert data.to_text() == label.reserved_code1  # and is written as it was


@pytest.mark.parametrize("name", ["sm2", "rsa", "es256", "ed25519"])
@pytest.mark.parametrize("mode", ["digest", "raw"])
def test_openssl_verifies_what_is_signed(
    name: str, mode: str, signing: Callable[..., Provider], openssl: Callable[..., bytes], keys: Path, tmp_path: Path
) -> None:
    data = SecurityData.from_text(signed(LABEL, signing(name, message=mode)).reserved_code1)
    text = b'"Label":"1","ContentProducer":"acme","ProduceID":"n-1"'
    digested = name == "sm2" and mode == "digest"
    (tmp_path / "text").write_bytes(
        openssl("dgst", "-sm3", "-binary", _file(tmp_path / "raw", text)) if digested else text
    )
    (tmp_path / "signature").write_bytes(data.signature)
    options = {
        "sm2": ["-digest", "sm3", "-pkeyopt", "distid:1234567812345678"],
        "rsa": ["-digest", "sha256"],
        "es256": ["-digest", "sha256"],
        "ed25519": [],
    }
    openssl(
        "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", keys / f"{name}.pub", "-in", tmp_path / "text",
        "-sigfile", tmp_path / "signature", *options[name],
    )  # fmt: skip
    assert data.key == openssl("pkey", "-pubin", "-in", keys / f"{name}.pub", "-outform", "DER")


def test_what_openssl_signed_verifies(openssl: Callable[..., bytes], keys: Path, tmp_path: Path) -> None:
    signature = openssl(
        "pkeyutl", "-sign", "-rawin", "-inkey", keys / "sm2.pem", "-in", _file(tmp_path / "raw", message(LABEL)),
        "-digest", "sm3", "-pkeyopt", "distid:1234567812345678",
    )  # fmt: skip
    key = openssl("pkey", "-pubin", "-in", keys / "sm2.pub", "-outform", "DER")
    assert ALGORITHMS["sm2"].verifies(key, signature, message(LABEL))


def test_a_value_cannot_pass_for_another_element() -> None:
    one = Label.unchecked(label="1", content_producer='a","ProduceID":"b', produce_id="c")
    other = Label.unchecked(label="1", content_producer="a", produce_id='b","ProduceID":"c')
    assert message(one) != message(other)
    assert message(LABEL) == b'"Label":"1","ContentProducer":"acme","ProduceID":"n-1"'
    assert message(Label.unchecked(label="1", content_producer="\ud800", produce_id="c"))


@pytest.mark.parametrize("name", ["sm2", "rsa", "es256", "ed25519"])
def test_only_what_is_the_guides_is_called_so(name: str, signing: Callable[..., Provider]) -> None:
    made = json.loads(signed(LABEL, signing(name)).reserved_code1)["SecurityData"]
    assert made["Type"] == ("TC260PG" if name in ("sm2", "rsa") else "aigc-hooks")
    assert [entry["Type"] for entry in made["PubSD"]] == ["DS", "PubKey"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data.update(Type="TC260"), "of type 'TC260'"),
        (lambda data: data.update(Version=2), "version 2"),
        (lambda data: data.update(Version=True), "version True"),
        (lambda data: data.update(Bindinks=[]), "with 'Bindinks'"),
        (lambda data: data.update(Bindings=[]), "Bindings of a kind that is not known"),
        (lambda data: data.update(Bindings=[{"BType": "Hash"}]), "Bindings of a kind that is not known"),
        (lambda data: data.update(PubSD={}), "PubSD is no list"),
        (lambda data: data.update(PubSD=[1]), "entries of SecurityData"),
        (lambda data: data["PubSD"].pop(0), "entries of SecurityData"),
        (lambda data: data["PubSD"][0].update(AlgID="1.2.3"), "algorithm '1.2.3'"),
        (lambda data: data["PubSD"][0].update(AlgID=["1.2.3"]), "algorithm"),
        (lambda data: data["PubSD"][0].update(AlgID="1.3.101.112"), "a key of algorithm"),
        (lambda data: data["PubSD"][0].update(TBSData={"Type": "Everything"}), "TBSData of type 'Everything'"),
        (lambda data: data["PubSD"][0].update(TBSData=None), "TBSData is no object"),
        (lambda data: data["PubSD"][0].update(Signature="3045zz"), "Signature is not in hexadecimal"),
        (lambda data: data["PubSD"][0].update(Signature="aB"), "Signature is not in hexadecimal"),
        (lambda data: data["PubSD"][1].pop("KeyValue"), "PubKey without KeyValue"),
    ],
)
def test_what_is_not_known_is_said(
    change: Callable[[dict[str, object]], object], reason: str, signing: Callable[..., Provider]
) -> None:
    whole = json.loads(signed(LABEL, signing()).reserved_code1)
    change(whole["SecurityData"])
    with pytest.raises(UnknownSchemeError, match=reason):
        SecurityData.from_text(json.dumps(whole))


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", "1", '{"SecurityData":1}', "[" * 60_000, "a" * 70_000])
def test_what_is_no_security_data_is_said(text: str) -> None:
    with pytest.raises(UnknownSchemeError):
        SecurityData.from_text(text)


def test_an_element_that_stands_twice_is_refused(signing: Callable[..., Provider]) -> None:
    text = signed(LABEL, signing()).reserved_code1
    with pytest.raises(UnknownSchemeError, match="twice"):
        SecurityData.from_text(text.replace('"Version":1', '"Version":1,"Version":1'))


@pytest.mark.parametrize("kind", ["Md", "LabelMataData"])
def test_the_spellings_of_others_are_read(kind: str, signing: Callable[..., Provider]) -> None:
    text = signed(LABEL, signing("rsa")).reserved_code1
    data = SecurityData.from_text(text.replace("LabelMataData", kind).replace("PubSD", "PubSd"))
    assert data.signature == SecurityData.from_text(text).signature


def test_what_is_signed_already_stays(signing: Callable[..., Provider]) -> None:
    once = signed(LABEL, signing())
    assert signed(once, signing("es256")) is once
    opaque = Label.unchecked(**{**_elements(LABEL), "reserved_code1": "qwen-digest=="})
    assert signed(opaque, signing()) is opaque
    assert signed(LABEL, Provider(producer="acme")) is LABEL


def lying(key_id: str, data: bytes) -> bytes:
    return b"no signature"


def wordy(key_id: str, data: bytes) -> str:
    return "no bytes"


def failing(key_id: str, data: bytes) -> bytes:
    raise TimeoutError("the vault does not answer")


@pytest.mark.parametrize(
    ("signer", "reason"),
    [(lying, "does not verify"), (wordy, "returned str, not bytes"), (failing, "the vault does not answer")],
)
def test_a_signer_that_fails_signs_nothing(
    signer: object, reason: str, signing: Callable[..., Provider], keys: Path
) -> None:
    with pytest.raises(LabelError, match=reason) as caught:
        signed(LABEL, signing(signer=signer, certificate=keys / "sm2.crt"))
    assert caught.value.stage == "sign"


def _elements(label: Label) -> dict[str, str]:
    return {name: getattr(label, name) for name in label.__slots__}


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
