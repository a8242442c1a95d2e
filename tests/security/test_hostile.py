"""Labels that somebody made to break the verifier, signers that fail, and processes that split while keys are used."""

from __future__ import annotations

import io
import json
import os
import pickle
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_hooks import Label, LabelError, Provider, verify
from aigc_hooks.labels import KEYS
from aigc_hooks.security.data import SecurityData, UnknownSchemeError
from aigc_hooks.security.judging import Digested, judged
from aigc_hooks.security.keys import known_keys, pinned_keys
from aigc_hooks.security.messages import PRODUCER, PROPAGATOR
from aigc_hooks.security.signing import passed_on, signed

LABEL = Label(content_producer="acme", produce_id="n-1", content_propagator="acme", propagate_id="n-1")
NOTHING = Digested(io.BytesIO(), "")


def markdown(elements: dict[str, str]) -> bytes:
    lines = [f"  {key}: {json.dumps(value)}" for key, value in elements.items()]
    return "\n".join(["---", "AIGC:", *lines, "---", "text", ""]).encode()


@pytest.mark.parametrize("algorithm", ["sm2", "rsa", "es256", "ed25519"])
def test_every_character_of_a_signed_label_altered(algorithm: str, signing: Any) -> None:
    """K-04: of what the producer signed, the reserved code included."""
    provider = signing(algorithm)
    label, known = signed(LABEL, provider), known_keys(provider.security)
    elements = {name: getattr(label, name) for name in KEYS}
    assert judged(label, PRODUCER, NOTHING, known, None).status == "intact"
    for name in ("label", "content_producer", "produce_id", "reserved_code1"):
        value = elements[name]
        for at in range(len(value)):
            for bit in (0, 2, 5):
                changed = value[:at] + chr(ord(value[at]) ^ 1 << bit) + value[at + 1 :]
                if "PubSd" in changed:  # a spelling that others have
                    continue
                found = judged(Label.unchecked(**{**elements, name: changed}), PRODUCER, NOTHING, known, None)
                assert found.status in ("altered", "unsigned"), (name, at, bit)
            for changed in (value[:at] + value[at + 1 :], value[:at] + value[at] + value[at:]):
                found = judged(Label.unchecked(**{**elements, name: changed}), PRODUCER, NOTHING, known, None)
                assert found.status in ("altered", "unsigned"), (name, at)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
            ["SecurityData", "Type", "Version", "PubSD", "PubSd", "AlgID", "TBSData", "Signature", "KeyValue",
             "Bindings", "BType", "Time", "Certificates", "Digest"]), inner, max_size=6),
        max_leaves=20,
    )
)  # fmt: skip
def test_any_json_is_unsigned_and_raises_nothing(value: Any) -> None:
    for whole in (value, {"SecurityData": value}):
        text = json.dumps(whole)
        for part in (PRODUCER, PROPAGATOR):
            with pytest.raises(UnknownSchemeError):
                SecurityData.from_text(text, part)


@pytest.mark.parametrize(
    "code",
    [
        '{"SecurityData":' * 3000 + "1" + "}" * 3000,
        '{"SecurityData":{"Type":"TC260PG","Version":1,"PubSD":[' + '{"Type":"DS"},' * 4000 + "1]}}",
        '{"SecurityData":{"Type":"TC260PG","Version":1e999,"PubSD":[]}}',
        '{"SecurityData":{"Type":"TC260PG","Version":' + "9" * 20_000 + ',"PubSD":[]}}',
        "A" * 500_000,
        "\ud800",
        "[NaN]",
    ],
)
def test_huge_and_odd_codes_are_unsigned_at_once(code: str) -> None:
    label = Label.unchecked(**{**{name: getattr(LABEL, name) for name in KEYS}, "reserved_code1": code})
    found = judged(label, PRODUCER, NOTHING, [], None)
    assert found.status == "unsigned"
    assert all(len(reason) < 400 for reason in found.reasons)


def test_members_that_stand_twice_at_any_depth(signing: Any) -> None:
    text = signed(LABEL, signing("ed25519")).reserved_code1
    for old, new in (
        ('{"SecurityData":', '{"SecurityData":1,"SecurityData":'),
        ('"Type":"DS"', '"Type":"DS","Type":"DS"'),
        ('"TBSData":{', '"TBSData":{"Type":"Content",'),
        ('"KeyValue":', '"KeyValue":"00","KeyValue":'),
        ('"Signature":', '"Signature":"00","\\u0053ignature":'),
    ):
        assert old in text
        with pytest.raises(UnknownSchemeError, match="stands twice"):
            SecurityData.from_text(text.replace(old, new, 1))


# Signers that are somewhere else


def silent(key_id: str, data: bytes) -> Any:
    return None


def changing(key_id: str, data: bytes) -> Any:
    return bytearray(b"30")


def endless(key_id: str, data: bytes) -> bytes:
    return b"\x30" * 1_000_000


def leaving(key_id: str, data: bytes) -> bytes:
    raise SystemExit("the vault is closed")


class VaultError(Exception):
    """An error of somebody's own, which cannot be pickled."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


def breaking(key_id: str, data: bytes) -> bytes:
    raise VaultError("out of order", "really")


@pytest.mark.parametrize(
    ("signer", "reason"),
    [
        (silent, "returned NoneType, not bytes"),
        (changing, "returned bytearray, not bytes"),
        (endless, "does not verify with the public key"),
        (breaking, "failed: out of order"),
    ],
)
@pytest.mark.parametrize("algorithm", ["sm2", "rsa", "es256", "ed25519"])
def test_a_vault_that_fails_or_returns_rubbish(
    algorithm: str, signer: Any, reason: str, signing: Any, keys: Path
) -> None:
    provider: Provider = signing(algorithm, signer=signer, certificate=keys / f"{algorithm}.pub")
    for work in (
        lambda: signed(LABEL, provider),
        lambda: passed_on(LABEL, provider, io.BytesIO(b"# Title\n"), "a.md"),
    ):
        with pytest.raises(LabelError, match=reason) as caught:
            work()
        assert caught.value.stage == "sign"
        assert len(str(caught.value)) < 500


def test_a_vault_that_ends_the_process_is_not_held_up(signing: Any, keys: Path) -> None:
    with pytest.raises(SystemExit):
        signed(LABEL, signing("sm2", signer=leaving, certificate=keys / "sm2.pub"))


def test_no_traceback_holds_the_key(signing: Any, keys: Path) -> None:
    secret = "".join((keys / "rsa.pem").read_text().splitlines()[1:4])
    provider = signing("rsa", key=keys / "rsa.pem", certificate=keys / "rsa-2.pub")
    try:
        signed(LABEL, provider)
    except Exception as error:
        told = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
        assert secret[:40] not in told
        assert b"PRIVATE" not in pickle.dumps(str(error))
    else:
        pytest.fail("a certificate of another key was taken")


# Processes and threads


def test_a_process_that_splits_while_keys_are_loaded(signing: Any) -> None:
    provider = signing("sm2")
    stop, failed = threading.Event(), []

    def work() -> None:
        while not stop.is_set():
            try:
                signed(LABEL, signing("sm2", key_id=str(len(failed))))
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    code = 0 if signed(LABEL, provider).reserved_code1 else 2
                finally:
                    os._exit(code)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []


def test_keys_that_change_while_many_sign(keys: Path, tmp_path: Path) -> None:
    """Each signature is whole: by the one key or the other, with its own public key beside it."""
    path = tmp_path / "key.pem"
    path.write_bytes((keys / "es256.pem").read_bytes())
    provider = Provider(producer="acme", security={"algorithm": "es256", "key": path, "key_id": "a"})
    known = pinned_keys({"one": keys / "es256.pub", "two": keys / "es256-2.pub"})
    found: list[Any] = []

    def work() -> None:
        for _ in range(40):
            found.append(judged(signed(LABEL, provider), PRODUCER, NOTHING, known, None))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(30):
        (tmp_path / "new").write_bytes((keys / f"es256{('', '-2')[number % 2]}.pem").read_bytes())
        (tmp_path / "new").replace(path)
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert {each.status for each in found} == {"intact"}


def test_what_is_known_goes_to_other_processes(signing: Any, keys: Path, openssl: Callable[..., bytes]) -> None:
    known = pinned_keys({"a": keys / "sm2.crt", "b": keys / "rsa.pub"})
    again = pickle.loads(pickle.dumps(known))
    assert again == known
    label = signed(LABEL, signing())
    assert verify(markdown(label.to_dict()), keys={"a": keys / "sm2.crt"}).key_id == "a"
    assert judged(label, PRODUCER, NOTHING, again, None).key_id == "a"
