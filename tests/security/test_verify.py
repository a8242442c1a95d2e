"""verify: its four answers, and what they rest on."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import aigc_hooks
from aigc_hooks import ConfigError, Label, Provider, verify
from aigc_hooks.security import certificates
from aigc_hooks.security.data import SecurityData
from aigc_hooks.security.signing import signed

REAL = json.loads((Path(__file__).parent.parent / "data" / "real_labels.json").read_text(encoding="utf-8"))


def markdown(elements: dict[str, str], *others: dict[str, str]) -> bytes:
    blocks = [elements, *others]
    lines = ["---"]
    for block in blocks:
        lines += ["AIGC:", *(f"  {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in block.items())]
    return "\n".join([*lines, "---", "text", ""]).encode()


def real(source: str) -> dict[str, str]:
    return dict(next(entry["label"] for entry in REAL if entry["source"].startswith(source)))


@pytest.fixture
def picture(signing: Any) -> bytes:
    buffer = io.BytesIO()
    aigc_hooks.label(Image.new("RGB", (96, 96)), provider=signing()).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_label_of_stepfun() -> None:
    elements = real("StepFun")
    found = verify(markdown(elements))
    assert found.status == "signer unknown"
    assert found.reasons[0].endswith("(SM3withSM2, its digest)")
    assert "anybody's" in found.reasons[-1]
    data = SecurityData.from_text(elements["ReservedCode1"])
    assert data.key is not None
    import base64

    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(data.key).decode()}\n-----END PUBLIC KEY-----\n"
    found = verify(markdown(elements), keys={"StepFun": pem})
    assert (found.status, found.key_id, found.content) == ("intact", "StepFun", "not signed")


@pytest.mark.parametrize("key", ["Label", "ContentProducer", "ProduceID", "ReservedCode1"])
def test_every_altered_character_of_the_label_of_stepfun_fails(key: str) -> None:
    elements = real("StepFun")
    for at in range(len(elements[key])):
        for bit in (1, 2, 4, 16, 32):
            changed = chr(ord(elements[key][at]) ^ bit)
            altered = {**elements, key: elements[key][:at] + changed + elements[key][at + 1 :]}
            # one spelling of others
            assert verify(markdown(altered)).status in ("altered", "unsigned") or "PubSd" in altered[key], at
    assert (
        verify(markdown({**elements, "ContentPropagator": "somebody", "PropagateID": "7"})).status == "signer unknown"
    )


@pytest.mark.parametrize("source", ["Doubao", "MiniMax"])
def test_the_codes_of_others_are_unsigned(source: str) -> None:
    found = verify(markdown(real(source)))
    assert found.status == "unsigned"
    assert found.label is not None
    assert not found.ok


def test_an_embedded_key_is_no_identity(picture: bytes, keys: Path, signing: Any) -> None:
    nobody = verify(picture, keys=[])
    assert (nobody.status, nobody.content, nobody.key_id) == ("signer unknown", "intact", "")
    assert verify(picture, keys=[keys / "sm2.pub"]).status == "intact"
    assert verify(picture, keys={"a": keys / "sm2.crt"}).key_id == "a"
    assert verify(picture, keys=keys / "sm2.pub").ok
    # The same claims, signed anew by somebody else: intact, but not by whom one knows.
    found = verify(picture, keys=[keys / "sm2-2.pub", keys / "rsa.pub"])
    assert found.status == "signer unknown"
    assert "none of those that are known" in found.reasons[-1]
    assert found.fingerprint == nobody.fingerprint


def test_a_certificate_that_has_expired_tells_nothing(
    picture: bytes, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2020, 1, 1, tzinfo=timezone.utc) + timedelta(days=9000)

    monkeypatch.setattr(certificates, "datetime", Later)
    found = verify(picture, keys={"2026": keys / "sm2.crt"})
    assert found.status == "signer unknown"
    assert "the certificate of key '2026' expired on" in found.reasons[-1]
    assert "or its public key" in found.reasons[-1]
    assert verify(picture, keys={"2026": keys / "sm2.crt", "bare": keys / "sm2.pub"}).key_id == "bare"


def test_a_file_without_label_and_one_with_two(picture: bytes, signing: Any, keys: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    found = verify(buffer.getvalue(), keys=[])
    assert (found.status, found.label) == ("unsigned", None)
    label = signed(Label(content_producer="acme", produce_id="1"), signing())
    twice = markdown(label.to_dict(), Label(content_producer="other", produce_id="1").to_dict())
    found = verify(twice, keys=[keys / "sm2.pub"])
    assert found.status == "altered"
    assert found.reasons[0].startswith("the file holds another label too")


def test_a_label_without_a_key_is_verified_by_those_that_are_known(signing: Any, keys: Path) -> None:
    label = signed(Label(content_producer="acme", produce_id="1"), signing())
    code = json.loads(label.reserved_code1)
    code["SecurityData"]["PubSD"].pop()
    elements = {**label.to_dict(), "ReservedCode1": json.dumps(code, separators=(",", ":"))}
    assert verify(markdown(elements), keys={"a": keys / "sm2-2.pub", "b": keys / "sm2.pub"}).key_id == "b"
    assert verify(markdown(elements), keys=[keys / "rsa.pub"]).status == "unsigned"


def test_what_signs_something_unknown_is_not_called_altered(signing: Any) -> None:
    label = signed(Label(content_producer="acme", produce_id="1"), signing("rsa"))
    elements = {**label.to_dict(), "ReservedCode1": label.reserved_code1.replace("LabelMataData", "Content")}
    assert verify(markdown(elements), keys=[]).status == "signer unknown"  # it does sign the label
    found = verify(markdown({**elements, "ProduceID": "2"}), keys=[])
    assert (found.status, found.algorithm) == ("unsigned", "RSA-SHA256")


def test_whoever_only_verifies_needs_no_producer(
    picture: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert verify(picture).status == "signer unknown"
    Path("aigc.toml").write_text(f'[security.trusted]\npartner = "{keys / "sm2.pub"}"\n')
    assert verify(picture).key_id == "partner"
    with pytest.raises(ConfigError, match="unknown provider"):
        verify(picture, provider="nobody")


def test_sources_and_views(picture: bytes, tmp_path: Path, signing: Any) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture)
    provider: Provider = signing()
    with path.open("rb") as file:
        file.seek(7)
        assert verify(file, provider=provider) == verify(str(path), provider=provider)
        assert file.tell() == 7
    found = verify(path, provider=provider)
    assert json.loads(json.dumps(found.to_dict()))["status"] == "intact"
    assert "intact" in found._repr_html_()
    with pytest.raises(TypeError, match="labels are read from"):
        verify(7, keys=[])
