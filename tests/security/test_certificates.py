"""Certificates by OpenSSL's authorities: who vouches for a signer, and what keeps one from it."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

import aigc_hooks
from aigc_hooks import CarrierError, ConfigError, Label, read_label, verify
from aigc_hooks.security.data import SecurityData
from aigc_hooks.security.keys import known_keys, pinned_keys
from aigc_hooks.security.signing import signed

NOW = datetime.now(timezone.utc).replace(microsecond=0)
LABEL = Label(content_producer="acme", produce_id="n-1", content_propagator="acme", propagate_id="n-1")
SIGNATURES = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
ISSUING = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
ENCIPHERING = x509.KeyUsage(False, False, True, False, False, False, False, False, False)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


class Authority:
    """An authority made here, that issues whatever it is asked for."""

    def __init__(self, text: str = "Root", by: Authority | None = None, **settings: Any) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = text
        self.certificate = (by or self).issue(text, self.key.public_key(), ca=True, **settings)

    def issue(
        self,
        text: str,
        key: Any,
        *,
        begins: float = -9,
        ends: float = 9,
        ca: bool = False,
        usage: Any = None,
        length: int | None = None,
        more: tuple[tuple[Any, bool], ...] = (),
        digest: Any = None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(text))
            .issuer_name(name(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=begins))
            .not_valid_after(NOW + timedelta(days=ends))
            .add_extension(x509.BasicConstraints(ca, length), critical=True)
            .add_extension(usage or (ISSUING if ca else SIGNATURES), critical=True)
        )
        for extension, critical in more:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, digest or hashes.SHA256())


@pytest.fixture
def public(keys: Path) -> Any:
    return serialization.load_pem_public_key((keys / "es256.pub").read_bytes())


def saved(provider: Any) -> bytes:
    buffer = io.BytesIO()
    aigc_hooks.label(Image.new("RGB", (64, 64)), provider=provider).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def made(signing: Any, tmp_path: Path) -> Callable[..., bytes]:
    """A picture that is signed under certificates."""

    def make(*chain: x509.Certificate, algorithm: str = "es256") -> bytes:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.crt"
        path.write_bytes(pem(*chain))
        return saved(signing(algorithm, certificate=path))

    return make


KINDS = {
    "rsa": ["-newkey", "rsa:2048"],
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "sm2": ["-newkey", "sm2"],
}


@pytest.mark.parametrize("with_id", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ["sm2", "rsa", "es256", "ed25519"])
def test_openssls_authorities_vouch(
    algorithm: str, kind: str, with_id: bool, openssl: Callable[..., bytes], keys: Path, tmp_path: Path, signing: Any
) -> None:
    option = ["-sigopt", "distid:1234567812345678"] if with_id and kind == "sm2" else []
    ca, leaf, request = tmp_path / "ca.crt", tmp_path / "leaf.crt", tmp_path / "leaf.csr"
    ca_key = tmp_path / "ca.key"
    if kind == "sm2":
        openssl("genpkey", "-algorithm", "SM2", "-out", ca_key)
        openssl("req", "-new", "-x509", "-key", ca_key, "-subj", "/CN=Root", "-days", "9", "-out", ca, *option)
    else:
        openssl("req", "-new", "-x509", *KINDS[kind], "-nodes", "-keyout", ca_key, "-subj", "/CN=Root", "-days", "9",
                "-out", ca)  # fmt: skip
    openssl("req", "-new", "-key", keys / f"{algorithm}.pem", "-subj", "/O=acme/CN=signer", "-out", request)
    extensions = tmp_path / "ext"
    extensions.write_text("keyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n")
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "5",
            "-extfile", extensions, "-out", leaf, *option)  # fmt: skip
    picture = saved(signing(algorithm, certificate=leaf))
    found = verify(picture, keys={"root": ca})
    assert (found.status, found.content, found.key_id, found.subject) == (
        "intact",
        "intact",
        "root",
        "CN=signer,O=acme",
    )
    assert found.signed_at is not None
    assert abs(found.signed_at - datetime.now(timezone.utc)) < timedelta(minutes=5)
    assert "for which the authority 'root' vouches" in found.reasons[-1]
    # Nobody known; the key itself; its certificate; another authority.
    assert verify(picture, keys=[]).status == "signer unknown"
    assert verify(picture, keys={"key": keys / f"{algorithm}.pub"}).key_id == "key"
    assert verify(picture, keys={"leaf": leaf}).key_id == "leaf"
    found = verify(picture, keys={"other": keys / ("sm2.crt" if algorithm == "es256" else "es256.crt")})
    assert found.status == "signer unknown"
    assert "issued by 'CN=Root', which is not known" in found.reasons[-1]


def test_authorities_in_the_settings(signing: Any, made: Callable[..., bytes], public: Any, tmp_path: Path) -> None:
    root = Authority()
    picture = made(root.issue("signer", public))
    (tmp_path / "root.pem").write_bytes(pem(root.certificate))
    provider = signing("sm2", trusted={"root": tmp_path / "root.pem"})
    assert verify(picture, provider=provider).key_id == "root"
    assert [each.key_id for each in known_keys(provider.security)] == ["root", "2026-01"]


def test_authorities_between(made: Callable[..., bytes], public: Any) -> None:
    root = Authority(length=1)
    middle = Authority("Middle", root)
    leaf = middle.issue("signer", public)
    for chain in ((leaf, middle.certificate), (leaf, middle.certificate, root.certificate)):
        found = verify(made(*chain), keys={"root": pem(root.certificate)})
        assert (found.status, found.key_id, found.subject) == ("intact", "root", "CN=signer")
    data = SecurityData.from_text(read_label(made(leaf, middle.certificate, root.certificate)).label.reserved_code1)  # type: ignore[union-attr]
    assert data.certified is not None
    assert len(data.certified.ders) == 2  # the root says nothing there
    alone = made(leaf)
    assert (
        "issued by 'CN=Middle', which is not known" in verify(alone, keys={"root": pem(root.certificate)}).reasons[-1]
    )
    assert verify(alone, keys=[pem(root.certificate, middle.certificate)]).ok  # a file with several
    assert verify(alone, keys={"middle": pem(middle.certificate)}).key_id == "middle"


def test_a_certificate_for_signing_code_signs_content_too(made: Callable[..., bytes], public: Any) -> None:
    root = Authority()
    leaf = root.issue("signer", public, more=((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), True),))
    assert verify(made(leaf), keys={"root": pem(root.certificate)}).ok


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"begins": -9, "ends": -1}, "its certificate expired on"),
        ({"begins": 1}, "its certificate is not valid before"),
        ({"usage": ENCIPHERING}, r"is not for signatures \(key usage\): ask for one with .* digitalSignature"),
        (
            {"more": ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),)},
            "for other purposes than sign",
        ),
        ({"more": ((x509.PolicyConstraints(0, None), True),)}, "a critical extension that is not understood"),
    ],
)
def test_nothing_is_signed_with_a_certificate_that_is_not_for_it(
    settings: Any, reason: str, made: Callable[..., bytes], public: Any
) -> None:
    with pytest.raises(ConfigError, match=reason):
        made(Authority().issue("signer", public, **settings))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"ends": -1}, "the certificate of the authority 'root' expired on"),
        ({"begins": 1}, "the certificate of the authority 'root' is not valid before"),
        ({"usage": SIGNATURES}, r"the authority 'root' is not for signing certificates \(key usage\)"),
        ({"length": 0}, r"the authority 'root' may not have another authority below it \(path length\)"),
        ({"more": ((x509.NameConstraints([x509.DNSName("a")], None), True),)}, "extension that is not understood"),
        ({"digest": hashes.SHA384()}, ""),
    ],
)
def test_authorities_that_do_not_vouch(settings: Any, reason: str, made: Callable[..., bytes], public: Any) -> None:
    import re

    root = Authority(**settings)
    middle = Authority("Middle", root)
    found = verify(made(middle.issue("signer", public), middle.certificate), keys={"root": pem(root.certificate)})
    assert (found.status, found.content) == ("intact" if not reason else "signer unknown", "intact")
    assert re.search(reason, found.reasons[-1])


def test_what_is_no_authority_vouches_for_nobody(made: Callable[..., bytes], public: Any, tmp_path: Path) -> None:
    root = Authority()
    someone = ec.generate_private_key(ec.SECP256R1())
    between = root.issue("Someone", someone.public_key())  # a signer, and no authority
    forger = Authority("Someone")
    forger.key = someone
    leaf = forger.issue("signer", public)
    found = verify(made(leaf, between), keys={"root": pem(root.certificate)})
    assert found.status == "signer unknown"
    assert "'CN=Someone' is not one of a certificate authority (basic constraints)" in found.reasons[-1]
    # One that only has the name of one that is known.
    other = Authority()
    found = verify(made(other.issue("signer", public)), keys={"root": pem(root.certificate)})
    assert found.status == "signer unknown"
    assert "is issued by 'CN=Root', and 'root', which has that name, did not sign it" in found.reasons[-1]


def test_the_order_of_a_chain_and_its_length(made: Callable[..., bytes], public: Any) -> None:
    root = Authority()
    leaf = root.issue("signer", public)
    with pytest.raises(ConfigError, match=r"is not issued by the next one, .*: put the signer's own first"):
        made(leaf, Authority("Other").certificate)
    with pytest.raises(ConfigError, match="is not of the key in"):
        made(root.certificate)
    chain = [root]
    for number in range(6):
        chain.append(Authority(f"A{number}", chain[-1]))
    certificates = [each.certificate for each in reversed(chain)]
    with pytest.raises(ConfigError, match="holds 8 certificates; a label takes up to 5"):
        made(chain[-1].issue("signer", public), *certificates)


def test_the_time_of_signing_and_that_of_verifying(
    made: Callable[..., bytes], public: Any, keys: Path, signing: Any
) -> None:
    root = Authority(begins=-900, ends=900)
    leaf = root.issue("signer", public, ends=1)
    picture = made(leaf)
    known = {"root": pem(root.certificate)}
    later = NOW + timedelta(days=2)
    found = verify(picture, keys=known, at=later)
    assert (found.status, found.content) == ("signer unknown", "intact")
    assert "'CN=signer' expired on" in found.reasons[-1]
    assert "the label says that it was signed on" in found.reasons[-1]
    assert verify(picture, keys=known, at=NOW).ok  # when it came
    assert verify(picture, keys=known, at=NOW.replace(tzinfo=None).astimezone()).ok
    found = verify(picture, keys=known, at=NOW - timedelta(days=10))
    assert "is not valid before" in found.reasons[-1]
    # Valid now, but not when it says that it signed.
    renewed = root.issue("signer", public, begins=-30, ends=-20)
    found = verify(picture, keys={"renewed": pem(renewed)}, at=NOW - timedelta(days=25))
    assert found.status == "signer unknown"
    assert "and the label says that it was signed on" in found.reasons[-1]
    # A bare key has no time.
    assert verify(picture, keys=[keys / "es256.pub"], at=later).ok
    # One pinned certificate has expired, and the authority vouches all the same.
    found = verify(picture, keys={"old": pem(renewed), **known})
    assert (found.status, found.key_id) == ("intact", "root")


def test_a_pinned_certificate_that_is_not_for_signatures(saved_by_key: bytes, public: Any) -> None:
    wrong = Authority().issue("signer", public, usage=ENCIPHERING)
    found = verify(saved_by_key, keys={"a": pem(wrong)})
    assert found.status == "signer unknown"
    assert "the certificate of key 'a' is not for signatures (key usage)" in found.reasons[-1]


@pytest.fixture
def saved_by_key(signing: Any) -> bytes:
    return saved(signing("es256"))


def test_an_own_certificate_stays_at_home(signing: Any, keys: Path) -> None:
    label = signed(LABEL, signing("es256", certificate=keys / "es256.crt"))
    assert SecurityData.from_text(label.reserved_code1).certified is None


@pytest.mark.parametrize("field", ["Time", "Certificates", "Signature"])
def test_every_altered_digit_of_the_certificate_fails(field: str, made: Callable[..., bytes], public: Any) -> None:
    root = Authority()
    picture = made(root.issue("signer", public))
    known = [*pinned_keys({"root": pem(root.certificate)})]
    text = read_label(picture).label.reserved_code1  # type: ignore[union-attr]
    start = text.index(f'"{field}":', text.index("certificate-1"))
    end = text.index('"', text.index('"', start + len(field) + 3) + 1)
    failed = 0
    from aigc_hooks.security.judging import Digested, judged
    from aigc_hooks.security.messages import PRODUCER

    label = read_label(picture).label
    assert label is not None
    file = Digested(io.BytesIO(picture), "PNG")
    for at in range(start, end, 3):
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        elements = {**{each: getattr(label, each) for each in label.__slots__}, "reserved_code1": changed}
        found = judged(Label.unchecked(**elements), PRODUCER, file, known, None)
        assert found.status in ("altered", "unsigned"), at
        failed += 1
    assert failed > 3


def test_a_certificate_of_another_key_tells_nothing(made: Callable[..., bytes], public: Any, signing: Any) -> None:
    """Whoever signs may put any certificate beside its signature."""
    from dataclasses import replace

    from aigc_hooks.security.certificates import joint_digest
    from aigc_hooks.security.data import Certified
    from aigc_hooks.security.keys import signing_key
    from aigc_hooks.security.messages import certificate_message

    root = Authority()
    stranger = signing("ed25519")
    label = signed(LABEL, stranger)
    data = SecurityData.from_text(label.reserved_code1)
    for der in (root.issue("signer", public).public_bytes(serialization.Encoding.DER), b"\x30\x03\x02\x01\x00"):
        time = "2026-01-01T00:00:00Z"
        text = certificate_message(label, joint_digest([der]), time)
        forged = replace(data, certified=Certified((der,), time, signing_key(stranger.security).sign(text)))
        elements = {each: getattr(label, each) for each in label.__slots__}
        elements["reserved_code1"] = forged.to_text()
        found = verify(_markdown(Label.unchecked(**elements)), keys={"root": pem(root.certificate)})
        assert (found.status, found.subject) == ("signer unknown", "")
        assert any("of another key" in reason or "cannot be read" in reason for reason in found.reasons)


def _markdown(label: Label) -> bytes:
    import json

    lines = [f"  {key}: {json.dumps(value)}" for key, value in label.to_dict().items()]
    return "\n".join(["---", "AIGC:", *lines, "---", "text", ""]).encode()


def test_a_certificate_that_is_cut_is_refused(public: Any) -> None:
    der = Authority().issue("signer", public).public_bytes(serialization.Encoding.DER)
    import base64

    for end in range(0, len(der), 3):
        text = base64.encodebytes(der[:end]).decode()
        with pytest.raises(ConfigError, match="cannot be read"):
            pinned_keys([f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"])


def test_label_with_certificates_in_every_place(made: Callable[..., bytes], public: Any, tmp_path: Path) -> None:
    root = Authority()
    path = tmp_path / "a.png"
    path.write_bytes(made(root.issue("signer", public)))
    for suffix in ("jpg", "webp", "gif"):
        try:
            aigc_hooks.convert(path, tmp_path / f"b.{suffix}")
        except CarrierError:
            pytest.fail(f"a label with certificates does not fit into {suffix}")
        assert verify(tmp_path / f"b.{suffix}", keys={"root": pem(root.certificate)}).ok
