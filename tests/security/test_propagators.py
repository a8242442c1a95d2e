"""Platforms that sign their own elements in ReservedCode2, beside what the producer signed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
from PIL import Image

import aigc_hooks
from aigc_hooks import ConfigError, Label, Provider, propagate, read_label, verify, write_label
from aigc_hooks.labels import KEYS
from aigc_hooks.security.data import SecurityData, UnknownSchemeError
from aigc_hooks.security.judging import Digested, judged
from aigc_hooks.security.messages import PROPAGATOR, message

REAL = json.loads((Path(__file__).parent.parent / "data" / "real_labels.json").read_text(encoding="utf-8"))


@pytest.fixture
def site(keys: Path) -> Provider:
    return Provider(producer="site", security={"algorithm": "sm2", "key": keys / "sm2-2.pem", "key_id": "site-1"})


@pytest.fixture
def known(keys: Path) -> dict[str, Path]:
    return {"acme": keys / "sm2.pub", "site": keys / "sm2-2.pub"}


@pytest.fixture
def path(signing: Any, tmp_path: Path) -> Path:
    place = tmp_path / "a.png"
    aigc_hooks.label(Image.effect_noise((64, 64), 50).convert("RGB"), provider=signing()).save(place)
    return place


def test_both_signatures_are_verified_and_told_apart(path: Path, site: Provider, known: Any, keys: Path) -> None:
    before = read_label(path).label
    assert before is not None
    made = propagate(path, provider=site)
    now = read_label(path).label
    assert now == made.label
    assert now is not None
    assert (now.reserved_code1, now.produce_id) == (before.reserved_code1, before.produce_id)
    found = verify(path, keys=known)
    assert found.propagator is not None
    assert (found.status, found.content, found.key_id) == ("intact", "intact", "acme")
    spread = found.propagator
    assert (spread.status, spread.content, spread.key_id) == ("intact", "intact", "site")
    assert spread.reasons[0].startswith("Label, ContentPropagator and PropagateID are as they were signed")
    assert found.ok
    only = verify(path, keys=[keys / "sm2.pub"])
    assert only.propagator is not None
    assert (only.status, only.propagator.status, only.ok) == ("intact", "signer unknown", True)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["propagator"]["status"] == "intact"
    assert "label" not in told["propagator"]
    assert "propagator" in found._repr_html_()


def test_the_message_is_that_of_the_producer_with_other_elements(path: Path, site: Provider) -> None:
    made = propagate(path, provider=site, propagate_id="p-1")
    assert made.label is not None
    assert message(made.label, PROPAGATOR) == b'"Label":"1","ContentPropagator":"site","PropagateID":"p-1"'
    data = json.loads(made.label.reserved_code2)["SecurityData"]
    assert data["Type"] == "aigc-hooks"  # the guide's form is not known
    assert [entry["Type"] for entry in data["PubSD"]] == ["DS", "PubKey"]
    with pytest.raises(UnknownSchemeError, match="of which is not known what it signs"):
        SecurityData.from_text(made.label.reserved_code2.replace("aigc-hooks", "TC260PG", 1), PROPAGATOR)


def test_a_second_call_changes_nothing_and_another_platform_signs_anew(
    path: Path, site: Provider, known: Any, keys: Path
) -> None:
    propagate(path, provider=site)
    once = path.read_bytes()
    propagate(path, provider=site)
    assert path.read_bytes() == once
    other = Provider(producer="other", security={"algorithm": "ed25519", "key": keys / "ed25519.pem"})
    propagate(path, provider=other)
    found = verify(path, keys={**known, "other": keys / "ed25519.pub"})
    assert found.propagator is not None
    assert (found.status, found.propagator.status, found.propagator.key_id) == ("intact", "intact", "other")
    # A new key of the same platform.
    renewed = Provider(producer="other", security={"algorithm": "es256", "key": keys / "es256.pem"})
    number = read_label(path).label.propagate_id  # type: ignore[union-attr]
    propagate(path, provider=renewed)
    found = verify(path, provider=renewed)
    assert found.propagator is not None
    assert (found.propagator.status, found.propagator.algorithm) == ("intact", "ES256")
    assert read_label(path).label.propagate_id == number  # type: ignore[union-attr]


def test_content_of_others_is_signed_by_the_platform_alone(site: Provider, known: Any, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", [0.1, 0.2] * 4000, 8000)
    made = propagate(tmp_path / "a.wav", declared=True, provider=site)
    assert made.degree == "2"
    found = verify(tmp_path / "a.wav", keys=known)
    assert found.propagator is not None
    assert (found.status, found.propagator.status, found.propagator.content) == ("unsigned", "intact", "intact")
    stronger = propagate(tmp_path / "a.wav", detected=True, declared=True, provider=site)
    assert stronger.label == made.label


@pytest.mark.parametrize("suffix", ["md", "html", "docx", "pdf", "mkv"])
def test_other_formats(suffix: str, site: Provider, known: Any, tmp_path: Path, command: Any) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "mkv":
        command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=64x48:duration=1", path)
    elif suffix == "docx":
        import docx

        docx.Document().save(str(path))
    elif suffix == "pdf":
        Image.new("RGB", (9, 9)).save(path)
    else:
        path.write_text("<!doctype html>\n<p>a" if suffix == "html" else "# Title\n\ntext\n")
    if suffix == "md":
        aigc_hooks.label(path, provider=Provider(producer="acme"))
    propagate(path, declared=True, provider=site)
    found = verify(path, keys=known)
    assert found.propagator is not None
    assert (found.propagator.status, found.propagator.content) == ("intact", "intact")
    once = path.read_bytes()
    propagate(path, declared=True, provider=site)
    assert path.read_bytes() == once
    middle = len(once) // 2 if suffix == "mkv" else once.rindex(b"a") if suffix == "html" else None
    if middle:
        changed = verify(once[:middle] + b"?" + once[middle + 1 :], keys=known)
        assert changed.propagator is not None
        assert (changed.propagator.status, changed.ok) == ("altered", False)


def test_every_altered_character_of_what_the_platform_signed_fails(path: Path, site: Provider, known: Any) -> None:
    from aigc_hooks.security.keys import pinned_keys

    label = propagate(path, provider=site, propagate_id="p-1").label
    assert label is not None
    pins, file = pinned_keys(known), Digested(io.BytesIO(path.read_bytes()), "PNG")
    assert judged(label, PROPAGATOR, file, pins, None).status == "intact"
    elements = {name: getattr(label, name) for name in KEYS}
    for name in ("label", "content_propagator", "propagate_id", "reserved_code2"):
        value = elements[name]
        for at in range(0, len(value), 3):
            changed = value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
            if "PubSe" in changed:
                continue
            found = judged(Label.unchecked(**{**elements, name: changed}), PROPAGATOR, file, pins, None)
            assert found.status in ("altered", "unsigned"), (name, at)


def test_a_platforms_signature_cannot_go_to_other_content(path: Path, site: Provider, known: Any) -> None:
    propagate(path, provider=site)
    stolen = read_label(path).label
    assert stolen is not None
    other = path.with_name("b.png")
    Image.new("RGB", (64, 64), "red").save(other)
    write_label(other, stolen)
    found = verify(other, keys=known)
    assert found.propagator is not None
    assert (found.status, found.propagator.status, found.propagator.content) == ("altered", "altered", "altered")


@pytest.mark.parametrize(
    "code", ["qwen+digest/==", "0123456789abcdef" * 2, "L-1/K-2", '{"SecurityData":{"Type":"Else"}}', "x" * 188]
)
def test_codes_of_others_stay_byte_for_byte(code: str, path: Path, site: Provider, known: Any) -> None:
    """K-07: of the producer whoever writes, of the platform what it gave itself."""
    label = Label(
        content_producer="maker", produce_id="1", reserved_code1=code, content_propagator="maker", propagate_id="1"
    )
    plain = path.with_name("b.png")
    Image.new("RGB", (8, 8)).save(plain)
    write_label(plain, label)
    propagate(plain, provider=site)
    found = verify(plain, keys=known)
    assert found.label is not None
    assert found.label.reserved_code1 == code
    assert found.status == "unsigned"
    assert found.propagator is not None
    assert found.propagator.status == "intact"
    given = propagate(plain, provider=site, reserved_code2=code)
    again = propagate(plain, provider=site)
    assert given.label == again.label
    assert again.label is not None
    assert (again.label.reserved_code1, again.label.reserved_code2) == (code, code)
    found = verify(plain, keys=known)
    assert found.propagator is not None
    assert found.propagator.status == "unsigned"
    assert "ReservedCode2 holds something that cannot be checked here" in found.propagator.reasons[0]


def test_what_others_sign_there_in_the_form_of_the_guide_is_not_called_altered() -> None:
    elements = dict(next(entry["label"] for entry in REAL if entry["source"].startswith("StepFun")))
    elements["ReservedCode2"] = elements["ReservedCode1"]
    lines = [f"  {key}: {json.dumps(value)}" for key, value in elements.items()]
    found = verify("\n".join(["---", "AIGC:", *lines, "---", "text", ""]).encode())
    assert found.propagator is not None
    assert (found.status, found.propagator.status) == ("signer unknown", "unsigned")
    assert "of which is not known what it signs here" in found.propagator.reasons[0]


def test_a_converted_file_keeps_the_signature_without_the_digest(path: Path, site: Provider, known: Any) -> None:
    propagate(path, provider=site)
    aigc_hooks.convert(path, path.with_suffix(".webp"))
    found = verify(path.with_suffix(".webp"), keys=known)
    assert found.propagator is not None
    assert (found.status, found.content) == ("intact", "not signed")
    assert (found.propagator.status, found.propagator.content) == ("intact", "not signed")


def test_without_a_key_nothing_is_signed_and_a_wrong_one_writes_nothing(
    path: Path, site: Provider, known: Any, keys: Path
) -> None:
    made = propagate(path, platform="nobody")
    assert made.label is not None
    assert made.label.reserved_code2 == ""
    assert verify(path, keys=known).propagator is None
    before = path.read_bytes()
    wrong = Provider(producer="site", security={"algorithm": "sm2", "key": keys / "es256.pem"})
    with pytest.raises(ConfigError, match="on the curve P-256"):
        propagate(path, provider=wrong)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["a.png"]
