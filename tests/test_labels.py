"""The label record (GB 45438-2025, Annex E), its numbers, and the provider code (TC260-PG-20252A)."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_hooks import Label, LabelFormatError, Provider, ProviderCode
from aigc_hooks.labels import DEGREES, KEYS, check_uscc
from aigc_hooks.saving.plugin import aigc_make_label

REAL = json.loads((Path(__file__).parent / "data" / "real_labels.json").read_text(encoding="utf-8"))

ANNEX_E = [
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
]

# Codes that services in the field write into their files.
REAL_CODES = {
    "Doubao": "001191110102MACQD9K64010000",
    "Jimeng": "00119144030008867405X210001",
    "Jimeng, as propagator": "00119144030008867405X220001",
    "StepFun": "001191310104MACE0YX63918020",
    "Tencent": "001191440300708461136T1XGW3",
    "Honor": "001191440300MA5G49LC9K1YO01",
}
USCC = "91110102MACQD9K640"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def a_label(**elements: Any) -> Label:
    return Label(**{"content_producer": "acme", "produce_id": "17", **elements})


def as_file(**changes: Any) -> str:
    return json.dumps({**a_label().to_dict(), **changes})


# --- the record ------------------------------------------------------------------------------------------------------


def test_m01_the_wrapped_value_has_the_one_key_aigc() -> None:
    assert list(json.loads(a_label().to_json(wrapped=True))) == ["AIGC"]


def test_m02_there_are_exactly_the_seven_elements_in_the_order_of_annex_e() -> None:
    label = a_label()
    assert list(label.to_dict()) == ANNEX_E
    assert list(json.loads(label.to_json())) == ANNEX_E
    assert list(json.loads(label.to_json(wrapped=True))["AIGC"]) == ANNEX_E
    assert list(KEYS.values()) == ANNEX_E
    assert tuple(KEYS) == tuple(field.name for field in dataclasses.fields(Label))


def test_m02_an_eighth_element_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'extra'"):
        a_label(extra="1")
    with pytest.raises(LabelFormatError, match="unknown element 'Extra'"):
        Label.from_json(as_file(Extra=""))


@pytest.mark.parametrize("key", ANNEX_E)
def test_m02_a_missing_element_is_refused(key: str) -> None:
    elements = a_label().to_dict()
    del elements[key]
    with pytest.raises(LabelFormatError, match=f"element '{key}' is missing"):
        Label.from_json(json.dumps(elements))


@pytest.mark.parametrize("wrapped", [False, True])
def test_m02_an_element_that_stands_twice_is_refused(wrapped: bool) -> None:
    text = a_label().to_json(wrapped).replace('"Label":"1"', '"Label":"1","Label":"2"')
    with pytest.raises(LabelFormatError, match="'Label' stands twice"):
        Label.from_json(text)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("value", [1, None, True, 1.0, b"1", ["1"], {"a": "1"}])
def test_m03_every_value_is_a_string(name: str, value: Any) -> None:
    with pytest.raises(LabelFormatError, match=f"{KEYS[name]} must be a string, found {type(value).__name__}"):
        a_label(**{name: value})


def test_m03_no_file_brings_in_another_type() -> None:
    for value in (1, None, True, ["1"], {}):
        with pytest.raises(LabelFormatError, match="Label must be a string"):
            Label.from_json(as_file(Label=value))


@pytest.mark.parametrize("degree", DEGREES)
def test_m04_the_three_degrees_are_accepted(degree: str) -> None:
    assert a_label(label=degree).label == degree


@pytest.mark.parametrize("degree", ["0", "4", "AIGC", "", "01", "1 ", "１"])
def test_m04_other_degrees_are_refused(degree: str) -> None:
    with pytest.raises(LabelFormatError, match="Label must be '1', '2' or '3'"):
        a_label(label=degree)


def test_m05_a_producer_writes_1() -> None:
    assert a_label().label == "1"
    assert made().label == "1"


@pytest.mark.parametrize("name", ["content_producer", "produce_id"])
def test_m06_m07_producer_and_number_are_not_empty(name: str) -> None:
    with pytest.raises(LabelFormatError, match=f"{KEYS[name]} is empty"):
        a_label(**{name: ""})


def test_m06_no_producer_is_invented() -> None:
    with pytest.raises(LabelFormatError, match="ContentProducer is empty"):
        Label(produce_id="17")


@pytest.mark.parametrize("degree", ["2", "3"])
def test_m06_a_platform_that_found_no_producer_names_none(degree: str) -> None:
    assert Label(label=degree, content_propagator="acme", propagate_id="17").content_producer == ""


def test_m08_on_first_writing_the_propagator_is_the_producer() -> None:
    label = made()
    assert (label.content_propagator, label.propagate_id) == (label.content_producer, label.produce_id)


def test_m08_the_propagator_may_be_left_empty_on_demand() -> None:
    label = made(propagator="empty")
    assert (label.content_propagator, label.propagate_id) == ("", "")


def test_m09_reserved_elements_are_written_though_empty() -> None:
    text = a_label().to_json()
    assert '"ReservedCode1":""' in text
    assert '"ReservedCode2":""' in text


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("spoilt", ["a b", "a\nb", "a\\b", "a\tb", "a\x00b", "a\x7fb", "中文", "é", "a\xa0b"])
def test_m10_only_printable_ascii_without_space_and_backslash(name: str, spoilt: str) -> None:
    with pytest.raises(LabelFormatError, match=KEYS[name]):
        a_label(**{name: spoilt})


def test_m10_all_other_printable_ascii_is_accepted() -> None:
    allowed = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "\\")
    assert a_label(produce_id=allowed).produce_id == allowed
    assert '\\"' in a_label(reserved_code1='"').to_json()


def test_m10_a_chinese_name_needs_the_explicit_option_and_warns() -> None:
    with pytest.warns(
        UserWarning, match=r"ContentProducer holds characters outside printable ASCII.*Annex E j"
    ) as found:
        assert a_label(content_producer="某科技", strict=False).content_producer == "某科技"
    assert found[0].filename == __file__


@pytest.mark.parametrize("spoilt", ["某 科技", "某\\科技", "某\n", "某\u3000科技", "某\u200b", "\ud800"])
def test_m10_the_option_lets_neither_space_nor_backslash_nor_control_characters_through(spoilt: str) -> None:
    with pytest.raises(LabelFormatError, match="ContentProducer"):
        a_label(content_producer=spoilt, strict=False)


def test_m15_json_is_compact_utf8() -> None:
    with pytest.warns(UserWarning, match="ContentProducer"):
        label = a_label(content_producer="某科技", strict=False)
    assert label.to_json() == (
        '{"Label":"1","ContentProducer":"某科技","ProduceID":"17","ReservedCode1":"","ContentPropagator":"",'
        '"PropagateID":"","ReservedCode2":""}'
    )
    assert label.to_json(wrapped=True) == '{"AIGC":' + label.to_json() + "}"
    assert not re.search(r"\s", label.to_json(wrapped=True))


STRICT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"))
RECORDS = st.fixed_dictionaries(
    {
        "label": st.sampled_from(list(DEGREES)),
        "content_producer": STRICT.filter(bool),
        "produce_id": STRICT.filter(bool),
        **dict.fromkeys(("reserved_code1", "content_propagator", "propagate_id", "reserved_code2"), STRICT),
    }
)


@given(RECORDS, st.booleans())
def test_m16_every_label_comes_back_from_json(elements: dict[str, str], wrapped: bool) -> None:
    label = Label(**elements)
    assert Label.from_json(label.to_json(wrapped)) == label


def test_m16_security_data_comes_back_from_json() -> None:
    security = json.dumps({"SecurityData": {"Type": "TC260PG", "Value": "<&>'\""}}, separators=(",", ":"))
    security = security.replace("\\", "")
    assert Label.from_json(a_label(reserved_code1=security).to_json()).reserved_code1 == security


@pytest.mark.parametrize(
    "text", ["", "AIGC", "[]", "null", '"1"', '{"AIGC":[]}', "[" * 10**5, '{"Label":"1"', "9" * 5000]
)
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(LabelFormatError, match="a label is a JSON object"):
        Label.from_json(text)


def test_a_message_stays_short_whatever_it_found() -> None:
    for text in ("x" * 10**6, as_file(Label=["x" * 10**6]), as_file(ProduceID="中" * 10**6)):
        with pytest.raises(LabelFormatError) as caught:
            Label.from_json(text)
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("entry", REAL, ids=lambda entry: entry["source"].split()[0])
def test_labels_from_the_field_are_told_apart(entry: dict[str, Any]) -> None:
    text = json.dumps(entry["label"], ensure_ascii=False)
    if entry["conforms"]:
        assert Label.from_json(text).to_dict() == entry["label"]
    else:
        with pytest.raises(LabelFormatError, match=r"ContentProducer.*Label must be '1', '2' or '3', found 'AIGC'"):
            Label.from_json(text)


def test_a_label_is_a_frozen_value() -> None:
    label = a_label()
    assert pickle.loads(pickle.dumps(label)) == copy.deepcopy(label) == label
    assert hash(label) == hash(a_label())
    assert dataclasses.replace(label, produce_id="18").produce_id == "18"
    with pytest.raises(dataclasses.FrozenInstanceError):
        label.label = "2"  # type: ignore[misc]


def test_an_unchecked_label_names_its_defects() -> None:
    label = Label.unchecked(label="AIGC", content_producer="Minimax Agent AI")
    assert len(label.defects()) == 2
    assert "ContentProducer 'Minimax Agent AI'" in label.defects()[0]
    assert label.defects()[1] == "Label must be '1', '2' or '3', found 'AIGC'"


# --- numbers ---------------------------------------------------------------------------------------------------------


def made(**settings: Any) -> Label:
    """A label of the built-in plugin."""
    label = aigc_make_label(Provider(producer="acme", **settings))
    assert label is not None
    return label


def test_a_made_label_conforms() -> None:
    assert made().defects() == ()


def test_m07_a_million_numbers_are_unique_and_in_order_of_time() -> None:
    provider = Provider(producer="acme")
    numbers = [aigc_make_label(provider).produce_id for _ in range(10**6)]
    assert len(set(numbers)) == 10**6
    assert numbers == sorted(numbers)


def test_m07_numbers_are_unique_across_threads() -> None:
    provider = Provider(producer="acme")
    numbers: list[list[str]] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        numbers.append([aigc_make_label(provider).produce_id for _ in range(5_000)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({number for one in numbers for number in one}) == 8 * 5_000


def run(script: str) -> str:
    """Runs a script in a Python of its own: a process that forks should have no other threads."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_m07_numbers_are_unique_across_forks() -> None:
    # Each child is forked right after a number was made: from one random state, all would count on alike.
    printed = run("""
        import os
        from aigc_hooks import Provider
        from aigc_hooks.saving.plugin import aigc_make_label
        provider = Provider(producer="acme")
        for _ in range(8):
            numbers = [aigc_make_label(provider).produce_id]
            child = os.fork()
            numbers += [aigc_make_label(provider).produce_id for _ in range(100)]
            if child == 0:
                print(*numbers[1:], flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            print(*numbers, flush=True)
    """).split()
    assert len(printed) == len(set(printed)) == 8 * 201


def test_m07_numbers_are_unique_across_new_processes() -> None:
    script = """
        from aigc_hooks import Provider
        from aigc_hooks.saving.plugin import aigc_make_label
        for _ in range(500):
            print(aigc_make_label(Provider(producer="acme")).produce_id)
    """
    numbers = [number for _ in range(3) for number in run(script).split()]
    assert len(set(numbers)) == 1_500


# --- provider codes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", REAL_CODES.values(), ids=REAL_CODES)
def test_c01_to_c05_real_codes_parse(text: str) -> None:
    code = ProviderCode.parse(text)
    assert str(code) == text
    assert code.verified
    assert (code.subject, code.service) == ("11", text[-5:])


@pytest.mark.parametrize("text", [*REAL_CODES.values(), *(entry["label"]["ContentProducer"] for entry in REAL[:3])])
def test_codes_are_producers_that_a_label_takes(text: str) -> None:
    assert a_label(content_producer=text).content_producer == text


@pytest.mark.parametrize("text", REAL_CODES.values(), ids=REAL_CODES)
def test_c04_every_wrong_character_of_the_credit_code_is_found(text: str) -> None:
    for place in range(4, 22):
        for wrong in set(USCC_ALPHABET) - {text[place]}:
            with pytest.raises(LabelFormatError, match="check character"):
                ProviderCode.parse(text[:place] + wrong + text[place + 1 :])


@pytest.mark.parametrize("letter", "IOSVZ")
def test_c04_letters_that_credit_codes_never_use_are_found(letter: str) -> None:
    with pytest.raises(LabelFormatError, match="unified social credit code is 18 of"):
        ProviderCode.parse("0011" + letter + USCC[1:] + "00000")


@pytest.mark.parametrize(
    "text",
    [
        "",
        REAL_CODES["Doubao"][:-1],
        REAL_CODES["Doubao"] + "0",
        REAL_CODES["Doubao"].lower(),
        REAL_CODES["Doubao"][:-1] + "\n",
        REAL_CODES["Doubao"][:-1] + "-",
        REAL_CODES["Doubao"].replace("1", "１"),
        "acme",
    ],
)
def test_c01_a_code_is_27_digits_and_capitals(text: str) -> None:
    with pytest.raises(LabelFormatError, match=r"27 digits and capital letters.*a service without a code may use its"):
        ProviderCode.parse(text)


@pytest.mark.parametrize("value", [None, 27, b"001191110102MACQD9K64010000"])
def test_c01_a_code_is_a_string(value: Any) -> None:
    with pytest.raises(LabelFormatError, match=type(value).__name__):
        ProviderCode.parse(value)


def test_c02_a_code_begins_with_00() -> None:
    with pytest.raises(LabelFormatError, match="begins with '00', found '01'"):
        ProviderCode.parse("01" + REAL_CODES["Doubao"][2:])


def test_c03_an_organisation_builds_its_code_from_its_credit_code() -> None:
    assert str(ProviderCode.from_uscc(USCC)) == "0011" + USCC + "00000"
    assert str(ProviderCode.from_uscc(USCC, "10000")) == REAL_CODES["Doubao"]


@pytest.mark.parametrize("uscc", ["", USCC[:-1], USCC + "0", USCC[:-1] + "1", USCC.lower(), None, 18])
def test_c03_no_code_is_built_from_a_wrong_credit_code(uscc: Any) -> None:
    with pytest.raises(LabelFormatError, match="unified social credit code"):
        ProviderCode.from_uscc(uscc)


@pytest.mark.parametrize("service", ["", "1000", "100000", "1abcd"])
def test_c03_no_code_is_built_with_a_wrong_service(service: str) -> None:
    with pytest.raises(LabelFormatError, match="27 digits and capital letters"):
        ProviderCode.from_uscc(USCC, service)


@pytest.mark.parametrize("service", ["00000", "10000", "20000", "1XGW3"])
def test_c05_known_services_pass(service: str) -> None:
    assert ProviderCode.from_uscc(USCC, service).service == service


@pytest.mark.parametrize("service", ["3ABCD", "00001", "A0000"])
def test_c05_an_unknown_service_warns(service: str) -> None:
    with pytest.warns(UserWarning, match=f"service '{service}' begins neither with 1"):
        assert ProviderCode.from_uscc(USCC, service).service == service


def test_c06_no_code_is_invented_and_a_name_will_do() -> None:
    assert Provider(producer="acme").producer == "acme"
    with pytest.raises(TypeError, match="text"):
        ProviderCode.parse()  # type: ignore[call-arg]


def test_c07_a_persons_code_is_taken_unverified_with_a_warning() -> None:
    text = "0021" + "11010519491231002X" + "00000"
    with pytest.warns(UserWarning, match="no organisation's code.*unverified"):
        code = ProviderCode.parse(text)
    assert not code.verified
    assert str(code) == text


def test_the_check_character_is_that_of_gb_32100() -> None:
    # Two published credit codes: Tencent's and Honor's.
    check_uscc("91440300708461136T")
    check_uscc("91440300MA5G49LC9K")
    with pytest.raises(LabelFormatError, match="check character 'U', not 'T'"):
        check_uscc("91440300708461136U")
