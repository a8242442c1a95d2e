"""The text of a label, in all the ways that it is written."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from aigc_hooks.artifact import Finding, RawLabel
from aigc_hooks.implicit.bounds import MAX_TEXT
from aigc_hooks.implicit.field import parse, resembles
from aigc_hooks.labels import KEYS, Label

XMP = "PNG iTXt XML:com.adobe.xmp"


def read(value: Any, place: str = XMP) -> Finding:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    finding = parse(RawLabel(place, text))
    assert finding.raw == text
    assert finding.place == place
    return finding


def test_real_labels_classify_as_they_are(real_labels: list[dict[str, Any]]) -> None:
    assert len(real_labels) == 4
    for entry in real_labels:
        finding = read(entry["label"])
        assert finding.label is not None
        assert finding.label.to_dict() == entry["label"], entry["source"]
        assert (finding.defects == ()) == entry["conforms"], (entry["source"], finding.defects)


def test_minimax_is_flagged_for_its_degree_and_its_spaces(real_labels: list[dict[str, Any]]) -> None:
    finding = read(next(entry["label"] for entry in real_labels if "MiniMax" in entry["source"]))
    assert any("Label must be '1', '2' or '3', found 'AIGC'" in defect for defect in finding.defects)
    assert any("ContentProducer" in defect and "space" in defect for defect in finding.defects)
    assert len(finding.defects) == 3


@pytest.mark.parametrize(
    ("place", "wrapped"),
    [(XMP, False), ("TIFF tag 700", False), ("AVIF mime item", False), ("Exif UserComment", True)]
    + [(f"PNG {kind} AIGC", True) for kind in ("tEXt", "iTXt", "zTXt")],
)
def test_the_wrapper_belongs_where_the_guide_has_it(label: Label, place: str, wrapped: bool) -> None:
    right = parse(RawLabel(place, label.to_json(wrapped=wrapped)))
    assert (right.label, right.defects) == (label, ())
    wrong = parse(RawLabel(place, label.to_json(wrapped=not wrapped)))
    assert wrong.label == label
    assert len(wrong.defects) == 1
    assert "the guide asks for" in wrong.defects[0]


def test_where_the_guides_know_no_place_both_forms_are_read_and_the_caller_may_say_one(label: Label) -> None:
    for wrapped in (True, False):
        raw = RawLabel("MP4 key AIGC", label.to_json(wrapped=wrapped))
        assert parse(raw).defects == ()
        assert (parse(raw, wrapped=False).defects == ()) != wrapped


@pytest.mark.parametrize(
    ("change", "defect", "expected"),
    [
        ({"Label": 1}, "Label must be a string, found int", {}),
        ({"Label": "4"}, "Label must be '1', '2' or '3', found '4'", {"label": "4"}),
        ({"Label": ""}, "Label must be '1', '2' or '3', found ''", {"label": ""}),
        ({"Label": None}, "Label must be a string, found NoneType", {"label": ""}),
        ({"Label": True}, "Label must be a string, found bool", {"label": "true"}),
        ({"ReservedCode1": {"x": [1]}}, "ReservedCode1 must be a string, found dict", {"reserved_code1": '{"x":[1]}'}),
        ({"Timestamp": "1"}, "'Timestamp' is no element of Annex E", {}),
        ({"ContentProducer": ""}, "ContentProducer is empty", {"content_producer": ""}),
        ({"ContentProducer": "某公司"}, "outside printable ASCII", {"content_producer": "某公司"}),
        ({"ProduceID": "a b"}, "outside printable ASCII without space", {"produce_id": "a b"}),
    ],
)
def test_each_wrong_element_is_named(
    label: Label, change: dict[str, Any], defect: str, expected: dict[str, str]
) -> None:
    finding = read(label.to_dict() | change)
    assert finding.label is not None
    assert any(defect in found for found in finding.defects), finding.defects
    fields = {name: getattr(label, name) for name in KEYS} | expected
    assert {name: getattr(finding.label, name) for name in KEYS} == fields


def test_missing_and_misspelt_elements(label: Label) -> None:
    value = label.to_dict()
    del value["ReservedCode2"]
    value["ReserveCode1"] = value.pop("ReservedCode1")
    value["ProduceId"] = value.pop("ProduceID")
    finding = read(value)
    assert finding.label == label
    assert set(finding.defects) == {
        "element 'ReservedCode2' is missing",
        "ReservedCode1 is misspelt 'ReserveCode1'",
        "ProduceID is misspelt 'ProduceId'",
    }


def test_a_missing_element_is_not_called_empty_as_well(label: Label) -> None:
    value = label.to_dict()
    del value["Label"], value["ReservedCode2"]
    finding = read(value)
    assert finding.defects == ("element 'Label' is missing", "element 'ReservedCode2' is missing")


@pytest.mark.parametrize(
    ("write", "defect"),
    [
        (lambda text: json.dumps(text), "encoded twice"),
        (lambda text: json.dumps({"AIGC": text}), "encoded twice"),
        (lambda text: base64.b64encode(text.encode()).decode(), "Base64"),
        (lambda text: f"AIGC{text}", "stands before"),
        (lambda text: f"{text} and more", "other text follows"),
        (lambda text: f'{{"AIGC":{{"AIGC":{text}}}}}', "wrapped more than once"),
        (lambda text: f'{{"aigc":{text}}}', "is named 'aigc'"),
        (lambda text: f'{{"AIGC":{text},"x":1}}', "more than 'AIGC'"),
        (lambda text: text.replace('{"Label":"1"', '{"Label":"2","Label":"1"'), "appears twice"),
    ],
)
def test_layers_around_the_object_are_taken_off(label: Label, write: Callable[[str], str], defect: str) -> None:
    finding = parse(RawLabel("elsewhere", write(label.to_json())))
    assert finding.label == label
    assert any(defect in found for found in finding.defects), finding.defects


def test_white_space_and_padding_around_json_is_no_defect(label: Label) -> None:
    spaced = json.dumps(label.to_dict(), indent=2)
    assert parse(RawLabel(XMP, f"\ufeff\n {spaced}\0\0")) == Finding(label, XMP, (), f"\ufeff\n {spaced}\0\0")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "1",
        '""',
        "{}",
        '{"a":1}',
        "AIGC",
        "NaN",
        "[" * 100_000,
        '{"a":' * 100_000,
        "eyJ!",
        "9" * 9999,
        json.dumps(json.dumps(json.dumps(json.dumps("{}")))),
        "x" * (MAX_TEXT + 1),
    ],
)
def test_what_is_no_label_gives_none_and_says_why(text: str) -> None:
    finding = parse(RawLabel(XMP, text))
    assert finding.label is None
    assert finding.defects


@pytest.mark.parametrize("depth", range(100, 1100, 7))
def test_nested_values_never_raise(depth: int) -> None:
    finding = read('{"Label":' + '{"a":' * depth + "1" + "}" * depth + "}")
    assert finding.defects


def test_the_old_platform_form_has_no_element_of_annex_e() -> None:
    text = '{"ServiceProvider":"x","ServiceUser":"y","Time":"z","ContentId":"1"}'
    assert resembles(text)
    finding = parse(RawLabel("Exif ImageDescription", text))
    assert finding.label is None
    assert "'ServiceProvider' is no element of Annex E" in finding.defects


@pytest.mark.parametrize(
    "text", ["", "AIGC", "a photo, aigc style {x}", '{"prompt":"AIGC"}', "Steps: 20, Sampler: Euler"]
)
def test_free_text_is_not_taken_for_a_label(text: str) -> None:
    assert not resembles(text)
