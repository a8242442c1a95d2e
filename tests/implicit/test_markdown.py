"""Markdown's front matter: read whoever wrote it, written without touching anything else (F-23, M-11, M-16 to M-18)."""

from __future__ import annotations

import codecs
import io
import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_hooks import CarrierError, ForeignLabelError, Label, UnsupportedCarrierError, read_label
from aigc_hooks.artifact import Finding
from aigc_hooks.implicit import front_matter, markdown
from aigc_hooks.implicit.field import parse
from aigc_hooks.labels import KEYS

LABEL = Label(
    content_producer="acme", produce_id="p-1", reserved_code1='{"a":"<&>\'"}', content_propagator="b", propagate_id="c"
)
ENDS = ("\n", "\r\n", "\r")


def merged(text: str, label: Label = LABEL) -> str:
    """The text as the edits make it."""
    for edit in reversed(markdown.merge(text, label)):
        text = text[: edit.start] + edit.text + text[edit.stop :]
    return text


def findings(text: str | bytes) -> tuple[Finding, ...]:
    data = text.encode() if isinstance(text, str) else text
    reading = read_label(io.BytesIO(data))
    assert reading.carrier == "Markdown"
    return reading.findings


def loaded(text: str) -> Any:
    """The front matter as PyYAML's own loader has it, cut out by a rule of its own."""
    found = re.match(
        r"---[ \t]*(?:\r\n|\r|\n)(.*?)^(?:---|\.\.\.)[ \t]*$",
        text.replace("\r\n", "\n").replace("\r", "\n"),
        re.S | re.M,
    )
    assert found is not None, text
    return yaml.safe_load(found[1])


# Reading


def exported(element: dict[str, str], indent: str, quote: str, order: list[str]) -> str:
    lines = [
        f"{indent}{key}: " + (json.dumps(element[key]) if quote == '"' else "'" + element[key].replace("'", "''") + "'")
        for key in order
    ]
    return "---\nAIGC:\n" + "\n".join(lines) + "\n---\n\n# 标题\n"


@pytest.mark.parametrize("indent", ["  ", "    "])
@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("order", [list(KEYS.values()), sorted(KEYS.values())], ids=["annex", "alphabet"])
def test_real_labels_classify_as_they_are(
    real_labels: list[dict[str, Any]], indent: str, quote: str, order: list[str]
) -> None:
    for entry in real_labels:
        (found,) = findings(exported(entry["label"], indent, quote, order))
        assert found.label is not None
        assert found.label.to_dict() == entry["label"]
        assert (found.defects == ()) is entry["conforms"], entry["source"]


def test_a_producer_that_writes_bare_words_is_read_as_tencent_and_minimax_write() -> None:
    tencent = """---
AIGC:
    Label: "1"
    ContentProducer: 001191440300708461136T1XGW3
    ProduceID: 9f2a11add43fbf12a546606fb2b962ab_206118709f7511f1a54f525400f8a581
    ReservedCode1: IMC3IDBmwjuTRFeF8+SVyfYi1JOCsLgFrl73/gEymwDkjL/FpSC8yxrOF22mLO2vYmEar7im2TbUCRzp8iSHMwMowt/MIp4=
    ContentPropagator: 001191440300708461136T1XGW3
    PropagateID: 3308874814206131#1785416044288
    ReservedCode2: IMC3IDBmwjuTRFeF8+SVyfYi1JOCsLgFrl73/gEymwDkjL/FpSC8yxrOF22mLO2vYmEar7im2TbUCRzp8iSHMwMowt/MIp4=
---
"""
    (found,) = findings(tencent)
    assert found.defects == ()
    assert found.label is not None
    assert found.label.propagate_id == "3308874814206131#1785416044288"
    minimax = (
        "---\nAIGC:\n    ContentProducer: Minimax Agent AI\n    Label: AIGC\n    ProduceID: 5c8b84e774480e55\n---\n"
    )
    (found,) = findings(minimax)
    defects = "; ".join(found.defects)
    assert "Label must be '1', '2' or '3', found 'AIGC'" in defects
    assert "'Minimax Agent AI' holds characters outside" in defects
    assert "'ReservedCode1' is missing" in defects


def test_numbers_without_quotes_are_named_and_keep_their_digits() -> None:
    (found,) = findings("---\nAIGC:\n  Label: 1\n  ContentProducer: acme\n  ProduceID: 0142_567\n---\n")
    assert found.label is not None
    assert (found.label.label, found.label.produce_id) == ("1", "0142_567")
    assert "Label must be a string, found int; double quotes make it one" in found.defects
    assert "ProduceID must be a string, found int; double quotes make it one" in found.defects


VALUE = LABEL.to_json()


@pytest.mark.parametrize(
    ("entry", "defect"),
    [
        (f"AIGC: {VALUE}", ""),
        (f'"AIGC": {VALUE}', ""),
        (f"AIGC:\n  {VALUE}", ""),
        (f"AIGC: '{VALUE}'".replace("<&>'", "<&>''"), "the guide asks for the seven keys here, found one value"),
        (f"AIGC: |\n  {VALUE}", "found one value"),
        (f"AIGC: |\n  {LABEL.to_json(wrapped=True)}", "found one value"),
        (f"AIGC: {LABEL.to_json(wrapped=True)}", "the guide asks for the bare object here"),
        (f"aigc: {VALUE}", "the key is 'aigc', not 'AIGC'"),
    ],
)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("close", ["---", "..."])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "gb18030"])
def test_every_way_to_write_the_entry_is_read(entry: str, defect: str, end: str, close: str, encoding: str) -> None:
    text = f"--- \ntitle: 猫 # c\n{entry}\n# c\n{close}\n猫\n---\n".replace("\n", end)
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    (found,) = findings(mark + text.encode(encoding))
    assert found.label == LABEL
    assert found.place == "YAML front matter AIGC"
    assert (defect in "; ".join(found.defects)) if defect else found.defects == ()


@pytest.mark.parametrize(
    "text",
    [
        "---\n",
        "---",
        "---\ntext\n\nmore",
        "---\ntext\n---\n",
        "---\n- a\n- b\n---\n",
        "---\n# Title\n---\n",
        "---\n\nAIGC: {}\n\n---\n",
        "---\n \t\nAIGC: {}\n---\n",
        "----\nAIGC: {}\n---\n",
        "--- # no\nAIGC: {}\n---\n",
        "---\ntitle: a: b\n---\n",
        "---\n" + "[" * 500 + "\n---\n",
        "---\n\ttabs: x\n---\n",
        "---\n%YAML 1.2\n---\n",
        "---\n&a *a\n---\n",
        "---\n!!python/object/apply:os.system [x]\n---\n",
        "---\ntitle: x\ntext: |\n  AIGC: {Label: '1'}\n---\n",
        "---\nouter:\n  AIGC: {Label: '1'}\n---\n",
        "---\ntitle: x\n---\n\n---\nAIGC: {Label: '1'}\n---\n",
        "text\n\n---\nAIGC: {Label: '1'}\n---\n",
    ],
)
def test_what_is_no_label_in_front_matter_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(text.encode())
    reading = read_label(path)
    assert (reading.carrier, reading.findings) == ("Markdown", ())


def test_a_file_is_markdown_or_text_by_its_name_as_a_last_resort(tmp_path: Path) -> None:
    for name, carrier in (("a.md", "Markdown"), ("a.Markdown", "Markdown"), ("a.txt", "text")):
        for data in (b"# hello\n", "猫".encode("gbk"), codecs.BOM_UTF16_LE + "猫".encode("utf-16-le"), b""):
            (tmp_path / name).write_bytes(data)
            reading = read_label(tmp_path / name)
            assert (reading.carrier, reading.findings) == (carrier, ())
    (tmp_path / "a.log").write_text("# hello\n", encoding="utf-8")
    for source in (tmp_path / "a.log", b"# hello\n"):
        with pytest.raises(UnsupportedCarrierError, match="not known"):
            read_label(source)
    (tmp_path / "a.txt").write_bytes(b"a\0b")
    with pytest.raises(CarrierError, match="damaged text file: a NUL byte, which no text holds, at offset 1"):
        read_label(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("inner", "problem"),
    [
        ('AIGC:\n  Label: "1",\n  "ContentProducer":   "other",\n  "ProduceID":   "u-4",', "line 3"),
        ('AIGC:\n\tLabel: "1"\n\tContentProducer: other\n\tProduceID: u-4', "line 3"),
        ('title: a: b\nAIGC:\n  Label: "1"\n  ContentProducer: other\n  ProduceID: u-4', "line 2"),
        ('AIGC: {"Label":"1","ContentProducer":"other","ProduceID":"u-4"}\nbad: [', "line"),
    ],
)
def test_a_label_in_front_matter_that_is_no_yaml_is_found_and_flagged(inner: str, problem: str) -> None:
    (found,) = findings(f"---\n{inner}\n---\n# x\n")
    assert found.label is not None
    assert (found.label.content_producer, found.label.produce_id) == ("other", "u-4")
    assert found.defects[0].startswith(f"the front matter is no YAML: {problem}")


def test_a_label_in_front_matter_that_does_not_end_is_found_and_flagged() -> None:
    (found,) = findings("---\nAIGC:\n  Label: '1'\n  ContentProducer: other\n  ProduceID: u-4\n\ntext\n")
    assert found.label is not None
    assert found.label.content_producer == "other"
    assert "it is not closed by a line --- or ..." in found.defects[0]


def test_several_labels_and_keys_that_stand_twice_are_named() -> None:
    reading = read_label(b"---\nAIGC:\n  Label: '1'\n  Label: '2'\nAIGC: {ContentProducer: b}\n---\n")
    assert len(reading.findings) == 2
    assert "a key appears twice in the JSON object" in reading.findings[0].defects
    assert any("2 labels in one file" in defect for defect in reading.defects)


@pytest.mark.parametrize(
    "entry", ["AIGC: null", "AIGC:", "AIGC: ~", "AIGC: yes", "AIGC: []", "AIGC: *x", "AIGC: &x [*x]"]
)
def test_an_entry_without_a_label_is_a_finding_without_one(entry: str) -> None:
    (found,) = findings(f"---\n{entry}\n---\n")
    assert found.label is None
    assert found.defects


HOSTILE = {
    "depth": "a: " + "[" * 300_000,
    "depth of mappings": "a: " + "{a: " * 100_000,
    "depth by indent": "\n".join(" " * n + "a:" for n in range(1000)),
    "aliases": "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a]\n" for n in range(30_000)),
    "bomb": "a0: &a0 x\n"
    + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 60))
    + "AIGC: *a59",
    "parts": "- a\n" * 200_000,
    "keys": "".join(f"k{n}: v\n" for n in range(60_000)),
    "one line": "AIGC: " + "x" * 900_000,
    "no end": "AIGC: " + "x" * 3_000_000,
    "spaces": "AIGC:" + " " * 900_000 + "x: [",
    "quotes": "AIGC:\n" + "  Label: 'x\n" * 90_000,
    "comments": "#\n" * 400_000,
    "tabs": "AIGC:\t" + "\t" * 500_000 + "x",
    "many labels": "AIGC: {Label: x}\n" * 99,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_front_matter_takes_little_memory(name: str) -> None:
    data = f"---\n{HOSTILE[name]}\n---\nbody\n".encode()
    tracemalloc.start()
    try:
        for finding in read_label(data).findings:
            assert finding.defects
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


def test_the_pure_python_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"---\ntitle: 猫😀\n# c\nAIGC: {VALUE} # c\n\nb: |+\n  AIGC\n\n---\n", HOSTILE["depth"], merged("# x\n")]
    fast = [(front_matter.front_matter(text), front_matter.front_matter(f"---\n{text}\n---\n")) for text in texts]
    monkeypatch.delattr(yaml, "CSafeLoader")
    slow = [(front_matter.front_matter(text), front_matter.front_matter(f"---\n{text}\n---\n")) for text in texts]
    assert fast == slow
    assert fast[0][0]


def test_a_big_file_is_read_at_its_head_only(tmp_path: Path) -> None:
    path = tmp_path / "big.md"
    path.write_bytes(merged("# x\n").encode() + b"x" * (50 << 20))
    tracemalloc.start()
    assert read_label(path).label == LABEL
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


@given(st.text(alphabet="-.:{}[]'\"#&*!|>%@`?, \t\r\nAIGCLabel1x猫\x85\u2028\ufeff", max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_behind_three_hyphens_is_a_reading(text: str) -> None:
    for head in (f"---\n{text}", f"---\n{text}\n---\n", f"---\nAIGC: {text}\n---\n"):
        for raw in markdown.CARRIER.read(io.BytesIO(head.encode())):
            assert parse(raw).place == front_matter.PLACE


# Writing


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Title\n",
        "---\n---\nbody",
        "---\ntitle: 猫 # c\nlist:\n- a\n- b\n# end\n---\nbody\n\n---\nx: y\n---\n",
        "---\ntitle: x\n...\nbody\n",
        "---\n  indented: x\n  text: |+\n    t\n\n---\nbody\n",
        "---\n{title: x, n: 1}\n---\nbody\n",
        "---\n{}\n---\nbody\n",
        "---\n{\n}\n---\nbody\n",
        "---\nanchor: &a [1]\nalias: *a\n<<: {m: 1}\n---\nbody\n",
        "---\ntext: >-\n  folded\n\n  more\n# c\n\n---\nbody\n",
        "---\n\nrule\n\n---\n",
        "---\nprose\n---\n",
        "---\n# Title\n---\n",
        "---\nopen: x\nbody\n",
    ],
)
@pytest.mark.parametrize("end", ENDS)
def test_only_the_label_is_added(text: str, end: str) -> None:
    text = text.replace("\n", end)
    (edit,) = markdown.merge(text, LABEL)
    assert edit.start == edit.stop
    result = merged(text)
    assert result.replace(edit.text, "", 1) == text
    front = front_matter.front_matter(text)
    assert (not front) == edit.text.startswith("---")
    new = loaded(result)
    assert new.pop("AIGC") == LABEL.to_dict()
    if front:
        assert (loaded(text) or {}) == new
    (found,) = findings(result)
    assert (found.label, found.defects) == (LABEL, ())
    assert markdown.merge(result, LABEL) == []
    if end != "\n" and end in text:
        assert "\n" not in result.replace(end, "")


def test_the_entry_is_written_as_its_producers_write_it() -> None:
    lines = [f"  {key}: {json.dumps(value)}\n" for key, value in LABEL.to_dict().items()]
    assert merged("# x\n") == "---\nAIGC:\n" + "".join(lines) + "---\n# x\n"


@pytest.mark.parametrize(
    ("entry", "after"),
    [
        ("AIGC:\n    Label: 1\n    ContentProducer: acme\n    ProduceID: old # c\n", "# next\nt: 1\n"),
        ("AIGC: {Label: '1', ContentProducer: acme}\n", "t: 1\n"),
        ("AIGC: {\n  Label: '1',\n  ContentProducer: acme\n  } # c\n", "t: 1\n"),
        ('AIGC: |\n  {"ContentProducer":"acme"}\n\n', "# c\nt: 1\n"),
        ("AIGC: null\n", "t: 1\n"),
        ("AIGC:\n", "t: 1\n"),
        ("AIGC: {}\n", ""),
        ("aigc: ''\n", "\n\n"),
    ],
)
def test_an_own_label_and_an_empty_entry_are_replaced_and_nothing_else(entry: str, after: str) -> None:
    result = merged(f"---\ntitle: x # c\n\n{entry}{after}---\nAIGC: body\n")
    assert result.startswith("---\ntitle: x # c\n\nAIGC:\n  Label:")
    assert result.endswith(f'"\n{after}---\nAIGC: body\n')
    assert [finding.label for finding in findings(result)] == [LABEL]


def test_two_own_labels_become_one() -> None:
    result = merged("---\nAIGC: {ContentProducer: acme}\na: 1\n# c\nAIGC: {}\nb: 2\n---\n")
    assert result.endswith("a: 1\n# c\nb: 2\n---\n")
    assert loaded(result)["AIGC"] == LABEL.to_dict()
    assert len(findings(result)) == 1


def test_a_label_in_braces_is_replaced() -> None:
    result = merged("---\n{a: 1, AIGC: {ContentProducer: acme}, b: [2]} # c\n---\n")
    assert loaded(result) == {"a": 1, "AIGC": LABEL.to_dict(), "b": [2]}
    assert result.endswith(", b: [2]} # c\n---\n")


@pytest.mark.parametrize(
    "entry", ["AIGC: {ContentProducer: other}", "AIGC: {ContentProducer: acme}\nAIGC: {ProduceID: x}"]
)
def test_the_label_of_another_producer_is_not_replaced(entry: str) -> None:
    with pytest.raises(ForeignLabelError):
        markdown.merge(f"---\n{entry}\n---\n", LABEL)


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("title: a: b", "cannot be read as YAML: line 2: .*mend it, or, .* put an empty line"),
        ("\ttitle: x", "cannot be read as YAML: line 2"),
        ('AIGC:\n  Label: "1",\n', "cannot be read as YAML: line 3"),
        ("AIGC: *x", "an entry AIGC that is no label: 'null'; remove it"),
        ("AIGC: [1]", "an entry AIGC that is no label"),
        ("AIGC: of course", "an entry AIGC that is no label: 'of course'"),
        ("? AIGC\n: {ContentProducer: acme}", "in a way that cannot be replaced"),
        ("{AIGC: {}, AIGC: {}}", "holds AIGC 2 times; leave it once"),
    ],
)
def test_front_matter_that_cannot_take_the_label_is_one_clear_error(inner: str, message: str) -> None:
    if inner.startswith("\t"):
        inner = f"a: 1\n{inner}"
        message = message.replace("line 2", "line 3")
    with pytest.raises(CarrierError, match=message):
        markdown.merge(f"---\n{inner}\n---\nbody\n", LABEL)


values = st.text(max_size=40) | st.text(alphabet="\"\\'{}:#\n\r\t \x00\x7f\x85\u2028\ufeff😀猫/", max_size=20)


@given(
    st.lists(values, min_size=7, max_size=7),
    st.sampled_from(ENDS),
    st.sampled_from(["", "---\n{a: 1}\n---\n", "---\na: 1\n---\n"]),
)
@settings(max_examples=300, deadline=None)
def test_any_value_comes_back_as_it_was(elements: list[str], end: str, text: str) -> None:
    label = Label.unchecked(**dict(zip(KEYS, elements, strict=True)))
    result = merged(text.replace("\n", end), label)
    assert loaded(result)["AIGC"] == label.to_dict()
    front = front_matter.front_matter(result)
    assert front is not None
    assert json.loads(front.entries[0].raw.text) == label.to_dict()


@pytest.mark.parametrize("size", [2_000, 60_000, 70_000, 500_000])
def test_long_values_come_back_as_they_were(size: int) -> None:
    label = Label(content_producer="acme", produce_id="p", reserved_code1="x" * size)
    (found,) = findings(merged("# x\n", label))
    assert (found.label, found.defects) == (label, ())


entries = st.sampled_from(
    [
        "title: 猫",
        "# c",
        "list:\n- a\n- {b: 1}",
        "",
        "n: 1",
        "t: |\n  x\n\n  y",
        "q: 'a: #'",
        "AIGC: ~",
        "AIGC: {ContentProducer: acme}",
    ]
)


@given(st.lists(entries, max_size=6), st.sampled_from(ENDS), st.sampled_from(["---", "..."]), st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_front_matter_keeps_what_it_says(parts: list[str], end: str, close: str, body: str) -> None:
    text = "".join(f"{line}\n" for line in ["---", *parts, close]).replace("\n", end) + body
    result = merged(text)
    assert result.endswith(body)
    assert [finding.label for finding in findings(result)] == [LABEL]
    assert markdown.merge(result, LABEL) == []
    if front_matter.front_matter(text):
        before, after = loaded(text) or {}, loaded(result)
        assert {**before, "AIGC": LABEL.to_dict()} == after
    else:
        assert result.endswith(text)
