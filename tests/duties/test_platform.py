"""Article 6: what a platform shows and writes, on files by other tools, read back by readers that others wrote."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import pytest
import yaml

from aigc_hooks import (
    CarrierError,
    ConfigError,
    ForeignLabelError,
    Label,
    LabelError,
    LabelFormatError,
    Provider,
    UnsupportedCarrierError,
    propagate,
    read_label,
    write_label,
)
from aigc_hooks.duties import platform
from aigc_hooks.explicit.wording import check_wording
from aigc_hooks.saving.writing import pass_on

REAL = json.loads((Path(__file__).parent.parent / "data" / "real_labels.json").read_text(encoding="utf-8"))
DOUBAO = Label(content_producer="001191110102MACQD9K64010000", produce_id="cc75f5e99aae4210960acb722f10974e")
SITE = "001191440300708461136T20001"


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, command: Callable[..., bytes]) -> Path:
    """Sounds without label, as ffmpeg makes them."""
    folder = tmp_path_factory.mktemp("plain")
    for name in ("a.wav", "a.mp3", "a.flac", "a.ogg", "a.m4a"):
        command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=0.2", folder / name)
    return folder


def copied(source: Path, folder: Path, name: str = "") -> Path:
    target = folder / (name or source.name)
    target.write_bytes(source.read_bytes())
    return target


def test_the_eight_combinations() -> None:
    found = {
        (implicit, declared, detected): platform.decide(DOUBAO if implicit else None, declared, detected)
        for implicit in (True, False)
        for declared in (True, False)
        for detected in (True, False)
    }
    assert found == {
        (True, True, True): "1",
        (True, True, False): "1",
        (True, False, True): "1",
        (True, False, False): "1",
        (False, True, True): "2",
        (False, True, False): "2",
        (False, False, True): "3",
        (False, False, False): "",
    }


@pytest.mark.parametrize(("earlier", "declared", "detected", "degree"), [
    ("2", False, False, "2"), ("2", False, True, "2"), ("2", True, True, "2"),
    ("3", False, False, "3"), ("3", False, True, "3"), ("3", True, False, "2"),
    ("1", False, False, "1"),
])  # fmt: skip
def test_the_word_of_an_earlier_platform_is_not_weakened(
    earlier: str, declared: bool, detected: bool, degree: str
) -> None:
    assert platform.decide(Label(earlier, "a", "b"), declared, detected) == degree


def test_prompts_have_both_elements_and_the_degree() -> None:
    for degree, word in (("1", "属于"), ("2", "可能"), ("3", "疑似")):
        assert word in check_wording(platform.PROMPTS[degree])
        assert platform.IN_ENGLISH[degree]
    texts = platform.prompts()
    assert list(texts) == ["1", "2", "3", "declaration", "reminder"]
    for told in texts.values():
        check_wording(told["zh"])
        assert told["en"].isascii()
    for words in ("主动声明", "标识功能", "不得恶意删除、篡改、伪造、隐匿"):
        assert words in texts["reminder"]["zh"]


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("detected", [True, False])
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.ogg", "a.m4a"])
def test_files(
    name: str, implicit: bool, declared: bool, detected: bool, plain: Path, tmp_path: Path, sink: Any
) -> None:
    path = copied(plain / name, tmp_path)
    if implicit:
        write_label(path, DOUBAO)
    given = path.read_bytes()
    made = propagate(path, platform=SITE, declared=declared, detected=detected)
    assert made.degree == platform.decide(DOUBAO if implicit else None, declared, detected)
    assert (made.prompt, made.prompt_in_english) == (platform.PROMPTS[made.degree], platform.IN_ENGLISH[made.degree])
    if not made.degree:
        assert path.read_bytes() == given
        assert (made.label, sink.records) == (None, [])
        return
    (finding,) = read_label(path).findings
    assert finding.defects == ()
    found = finding.label
    assert found == made.label
    producer = (DOUBAO.content_producer, DOUBAO.produce_id) if implicit else ("", "")
    assert (found.content_producer, found.produce_id, found.reserved_code1) == (*producer, "")
    assert (found.label, found.content_propagator, found.reserved_code2) == (made.degree, SITE, "")
    assert len(found.propagate_id) == 32
    assert [(record.outcome, record.label) for record in sink.records] == [("propagated", found)]
    held = path.read_bytes()
    assert propagate(path, platform=SITE, declared=declared, detected=detected).label == found
    assert path.read_bytes() == held


def test_foreign_readers_see_it(plain: Path, tmp_path: Path, exif_tags: Callable[[Path], dict[str, Any]]) -> None:
    mp3, flac = copied(plain / "a.mp3", tmp_path), copied(plain / "a.flac", tmp_path)
    wanted = {}
    for path in (mp3, flac):
        write_label(path, DOUBAO)
        made = propagate(path, platform=SITE, propagate_id="p-1", reserved_code2="sig")
        wanted = {**DOUBAO.to_dict(), "ContentPropagator": SITE, "PropagateID": "p-1", "ReservedCode2": "sig"}
        assert made.label is not None
        assert made.label.to_dict() == wanted
    assert json.loads(mutagen.File(mp3).tags["TXXX:AIGC"].text[0]) == wanted
    assert [json.loads(text) for text in mutagen.File(flac).tags["AIGC"]] == [wanted]
    (tag,) = [value for value in exif_tags(mp3).values() if "ContentProducer" in str(value)]
    assert json.loads(str(tag).removeprefix("(AIGC) ")) == wanted


@pytest.mark.parametrize("real", REAL, ids=lambda real: real["source"])
def test_reserved_codes_and_ids_of_real_labels_stay(real: Any, plain: Path, tmp_path: Path) -> None:
    path, wanted = copied(plain / "a.mp3", tmp_path), real["label"]
    tags = mutagen.File(path)
    tags.add_tags() if tags.tags is None else None
    tags.tags.add(mutagen.id3.TXXX(desc="AIGC", text=[json.dumps(wanted)]))
    tags.save()
    before = read_label(path).label
    assert before is not None
    propagate(path, platform=SITE, propagate_id="p-1")
    after = json.loads(mutagen.File(path).tags["TXXX:AIGC"].text[0])
    assert {key: after[key] for key in ("ContentProducer", "ProduceID", "ReservedCode1")} == {
        key: wanted.get(key, "") for key in ("ContentProducer", "ProduceID", "ReservedCode1")
    }
    assert (after["Label"], after["ContentPropagator"], after["PropagateID"]) == ("1", SITE, "p-1")


def test_what_a_producer_wrote_beside_the_seven_elements_stays(plain: Path, tmp_path: Path) -> None:
    path = copied(plain / "a.flac", tmp_path)
    held = mutagen.File(path)
    held["AIGC"] = json.dumps({**DOUBAO.to_dict(), "Timestamp": "2026-01-01T00:00:00Z"})
    held.save()
    propagate(path, platform=SITE, propagate_id="p-1")
    after = json.loads(mutagen.File(path)["AIGC"][0])
    assert after == {
        **DOUBAO.to_dict(),
        "ContentPropagator": SITE,
        "PropagateID": "p-1",
        "Timestamp": "2026-01-01T00:00:00Z",
    }


def test_the_next_platform_replaces_the_elements_of_the_last(plain: Path, tmp_path: Path) -> None:
    path = copied(plain / "a.wav", tmp_path)
    write_label(path, DOUBAO)
    propagate(path, platform="first", propagate_id="f-1", reserved_code2="sealed")
    assert propagate(path, platform="first").label == read_label(path).label
    assert read_label(path).label.reserved_code2 == "sealed"  # type: ignore[union-attr]
    made = propagate(path, platform="second").label
    assert made is not None
    assert (made.content_propagator, made.reserved_code2) == ("second", "")
    assert made.propagate_id != "f-1"


def test_a_copy_and_a_copy_without_anything_to_write(plain: Path, tmp_path: Path) -> None:
    source, target = copied(plain / "a.wav", tmp_path), tmp_path / "out.wav"
    given = source.read_bytes()
    made = propagate(source, platform=SITE, declared=True, output=target)
    assert (made.path, made.degree, source.read_bytes()) == (target, "2", given)
    assert read_label(target).label == made.label
    other = propagate(source, platform=SITE, output=tmp_path / "same.wav")
    assert (other.degree, (tmp_path / "same.wav").read_bytes()) == ("", given)


def test_markdown(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    front = "\n".join(f'  {key}: "{value}"' for key, value in DOUBAO.to_dict().items())
    path.write_text(f"---\ntitle: 你好 # kept\nAIGC:\n{front}\n---\nbody\n", encoding="utf-8")
    made = propagate(path, platform=SITE, propagate_id="p-1")
    text = path.read_text(encoding="utf-8")
    assert "title: 你好 # kept" in text
    assert text.endswith("---\nbody\n")
    assert yaml.safe_load(text.split("---")[1])["AIGC"] == made.label.to_dict()  # type: ignore[union-attr]
    assert made.label.content_producer == DOUBAO.content_producer  # type: ignore[union-attr]
    (tmp_path / "b.md").write_text("plain text\n", encoding="utf-8")
    assert propagate(tmp_path / "b.md", platform=SITE, detected=True).degree == "3"
    assert read_label(tmp_path / "b.md").label.label == "3"  # type: ignore[union-attr]


def test_a_text_has_no_place(tmp_path: Path, sink: Any) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a text", encoding="utf-8")
    with pytest.raises(UnsupportedCarrierError):
        propagate(path, platform=SITE, declared=True)
    with pytest.warns(UserWarning, match="the platform's elements were not written"):
        made = propagate(
            path, platform=SITE, declared=True, provider=Provider(producer="x", on_unsupported_carrier="warn")
        )
    assert (made.prompt, made.label) == (platform.PROMPTS["2"], None)
    assert path.read_text(encoding="utf-8") == "a text"
    assert [record.outcome for record in sink.records] == ["unsupported-carrier"]


def labels_in_png(*texts: str) -> bytes:
    """A PNG of one pixel with label texts in tEXt chunks."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    marks = b"".join(chunk(b"tEXt", b"AIGC\0" + text.encode()) for text in texts)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + marks
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def test_labels_that_contradict_each_other_or_cannot_be_read_are_left(tmp_path: Path) -> None:
    other = Label(content_producer="other", produce_id="1")
    for texts, message in (
        ([DOUBAO.to_json(), other.to_json()], "different producers"),
        (["{broken"], "cannot be read"),
        ([DOUBAO.to_json(), '{"AIGC":5}'], "cannot be read"),
    ):
        path = tmp_path / "a.png"
        path.write_bytes(labels_in_png(*texts))
        given = path.read_bytes()
        with pytest.raises(ForeignLabelError, match=message):
            propagate(path, platform=SITE, declared=True)
        assert path.read_bytes() == given


def test_the_writer_lets_a_platform_change_nothing_else(plain: Path, tmp_path: Path) -> None:
    path = copied(plain / "a.wav", tmp_path)
    write_label(path, DOUBAO)
    given = path.read_bytes()
    for wrong in (
        {"content_producer": "mine"},
        {"produce_id": "mine"},
        {"reserved_code1": "mine"},
        {"label": "2"},
        {"label": "3"},
    ):
        kept = {"label": "1", "content_producer": DOUBAO.content_producer, "produce_id": DOUBAO.produce_id}
        label = Label(**{**kept, "content_propagator": SITE, "propagate_id": "1", **wrong})
        with pytest.raises(ForeignLabelError, match="only its own elements"):
            pass_on(path, label)
        assert path.read_bytes() == given


def test_platforms_are_named_by_settings_too(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = copied(plain / "a.wav", tmp_path)
    made = propagate(path, declared=True, provider=Provider(producer="from-settings"))
    assert made.label is not None
    assert made.label.content_propagator == "from-settings"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="producer"):
        propagate(path, declared=True)


@pytest.mark.parametrize("wrong", [{"propagate_id": "a b"}, {"reserved_code2": "ü"}])
def test_values_that_break_annex_e_are_refused(wrong: Any, plain: Path, tmp_path: Path) -> None:
    path = copied(plain / "a.wav", tmp_path)
    given = path.read_bytes()
    with pytest.raises(LabelFormatError):
        propagate(path, platform=SITE, declared=True, **wrong)
    assert path.read_bytes() == given


def test_damaged_files_and_failing_sinks(plain: Path, tmp_path: Path, sink: Any) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes((plain / "a.wav").read_bytes()[:20])
    with pytest.raises(CarrierError):
        propagate(path, platform=SITE, declared=True)
    with pytest.raises(FileNotFoundError):
        propagate(tmp_path / "none.wav", platform=SITE)
    sink.fail()
    text = tmp_path / "a.md"
    text.write_text("a text", encoding="utf-8")
    for file in (copied(plain / "a.wav", tmp_path), text):
        given, out = file.read_bytes(), tmp_path / f"out{file.suffix}"
        for output in (None, out):
            with pytest.raises(LabelError, match="disk full"):
                propagate(file, platform=SITE, declared=True, output=output)
        assert file.read_bytes() == given
        assert not out.exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
