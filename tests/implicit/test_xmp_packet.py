"""XMP packets: written, merged, found, and bounded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit import xmp
from aigc_hooks.implicit.field import parse
from aigc_hooks.labels import KEYS, Label

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
TEXT = st.text(st.characters(codec=None), max_size=40)
USER = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="An Editor">'
    f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="uuid:7" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'dc:format="image/png"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">T &amp; Ü</rdf:li></rdf:Alt></dc:title>'
    "</rdf:Description><!-- kept --></rdf:RDF></x:xmpmeta>\n" + " " * 200 + '<?xpacket end="w"?>'
)


def described(inner: str, attributes: str = "", prefix: str = "TC260", namespace: str = xmp.NAMESPACE) -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" '
        f'xmlns:{prefix}="{namespace}" {attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def one(packet: bytes) -> tuple[Label | None, tuple[str, ...]]:
    (raw,) = xmp.find(packet, "JPEG APP1 XMP")
    finding = parse(raw)
    return finding.label, finding.defects


def attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def test_a_new_packet_holds_the_bare_object_in_plain_bytes(label: Label) -> None:
    packet = xmp.packet(label)
    assert packet.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode())
    assert packet.endswith(b'<?xpacket end="w"?>')
    assert b'<TC260:AIGC>{"Label":"1","ContentProducer":"001191110102MACQD9K64010000",' in packet
    assert b'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"' in packet
    (element,) = etree.fromstring(packet).iter(f"{{{xmp.NAMESPACE}}}AIGC")
    assert element.text == label.to_json()
    assert one(packet) == (label, ())


@given(st.fixed_dictionaries(dict.fromkeys(KEYS, TEXT)))
@settings(max_examples=200, deadline=None)
def test_any_label_comes_back_from_packet_and_merge(elements: dict[str, str]) -> None:
    record = Label.unchecked(**elements)
    for packet in (xmp.packet(record), xmp.merge(USER, record)):
        label, _ = one(packet)
        assert label == record


@pytest.mark.parametrize("size", [2_000, 60_000, 70_000, 900_000])
def test_long_values_come_back(label: Label, size: int) -> None:
    record = Label.unchecked(**{**{name: getattr(label, name) for name in KEYS}, "reserved_code1": "x" * size})
    assert one(xmp.packet(record)) == (record, ())
    assert one(xmp.merge(USER, record)) == (record, ())


def test_merge_sets_one_property_and_keeps_everything_else(label: Label) -> None:
    merged = xmp.merge(USER, label)
    assert b'<TC260:AIGC>{"Label":"1"' in merged
    assert one(merged) == (label, ())
    for kept in (
        'x:xmptk="An Editor"',
        'dc:format="image/png"',
        "T &amp; Ü",
        "<!-- kept -->",
        'xml:lang="x-default"',
    ):
        assert kept.encode() in merged
    assert merged.count(b"<?xpacket") == 2
    assert merged.count(b'rdf:about="uuid:7"') == 2  # all descriptions name one resource
    assert xmp.merge(merged, label) == merged


@pytest.mark.parametrize(
    "existing",
    [
        described("<TC260:AIGC>{}</TC260:AIGC>"),
        described("", 'TC260:AIGC="{}"'),
        described("<a:AIGC>{}</a:AIGC><a:AIGC>{}</a:AIGC>", 'a:AIGC="x"', "a"),
        described("<tc:AIGC>{}</tc:AIGC>", "", "tc", "http://ns.adobe.com/xap/1.0/tc/"),
        described("<q:Aigc>{}</q:Aigc>", "", "q", "urn:other"),
        described("<rdf:Bag><rdf:li><TC260:AIGC>{}</TC260:AIGC></rdf:li></rdf:Bag>"),
        described("<TC260:AIGC>{}</TC260:AIGC>") + b"\0" * 2000,
        described("<TC260:other>x</TC260:other>", "", "TC260", "urn:bound-to-something-else"),
        b"\n \0" + USER.encode() + b"   \0\0",
        b"\xef\xbb\xbf" + USER.encode(),
        b'<?xml version="1.0" encoding="UTF-16"?>' + USER.encode(),
        USER.encode("utf-16"),
        USER.encode("utf-16-be"),
        USER.encode("utf-16-le") + b"\0" * 31,
        USER.encode("utf-32"),
        USER.encode("utf-32-be"),
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
        f'<rdf:RDF xmlns:rdf="{RDF}"/>'.encode(),
        b"",
        b"\0" * 64,
    ],
    ids=lambda packet: str(packet[:20]),
)
def test_merge_leaves_exactly_one_label_whatever_was_there(label: Label, existing: bytes) -> None:
    merged = xmp.merge(existing, label)
    assert one(merged) == (label, ())
    assert merged.decode().count("<TC260:AIGC>") == 1


def test_merge_keeps_what_is_bound_to_the_same_prefix(label: Label) -> None:
    merged = etree.fromstring(xmp.merge(described("<TC260:o>x</TC260:o>", "", "TC260", "urn:mine"), label))
    assert merged.findtext(".//{urn:mine}o") == "x"


@pytest.mark.parametrize(
    ("existing", "message"),
    [
        (b"<x:xmpmeta", "not well-formed"),
        (b"no xml", "not well-formed"),
        (b"<a/>", "no rdf:RDF"),
        (b"<AIGC/>", "no rdf:RDF"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "DOCTYPE"),
        (b"<a>\xff\xfe</a>", "not UTF-8"),
        (b"<a/>" * 600_000, "more than 500000"),
        (b" " * (17 << 20), "longer than"),
    ],
)
def test_merge_says_what_is_wrong_with_the_users_packet(label: Label, existing: bytes, message: str) -> None:
    with pytest.raises(CarrierError, match=message):
        xmp.merge(existing, label)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_find_reads_every_encoding(label: Label, encoding: str) -> None:
    assert one(xmp.packet(label).decode().encode(encoding)) == (label, ())


def test_find_reads_elements_attributes_and_any_prefix(label: Label) -> None:
    text = attribute(label.to_json())
    assert one(described(f"<x1:AIGC>{text}</x1:AIGC>", "", "x1")) == (label, ())
    assert one(described("", f'TC260:AIGC="{text}"')) == (label, ())
    assert one(described(f"<TC260:AIGC>\n  <![CDATA[{label.to_json()}]]>\n</TC260:AIGC>")) == (label, ())


@pytest.mark.parametrize(
    ("packet", "defect"),
    [
        (
            lambda text: described(f"<t:AIGC>{text}</t:AIGC>", "", "t", "http://ns.adobe.com/xap/1.0/tc/"),
            "a known wrong",
        ),
        (lambda text: described(f"<t:AIGC>{text}</t:AIGC>", "", "t", "urn:x"), "an unknown one"),
        (lambda text: described(f"<AIGC>{text}</AIGC>"), "an unknown one"),
        (lambda text: described(f"<TC260:Aigc>{text}</TC260:Aigc>"), "is named 'Aigc'"),
        (lambda text: described(f"<TC260:AIGCLabel>{text}</TC260:AIGCLabel>"), "is named 'AIGCLabel'"),
        (lambda text: described(f"<TC260:b><TC260:AIGC>{text}</TC260:AIGC></TC260:b>"), "not directly in"),
        (
            lambda text: described(f"<TC260:AIGC><rdf:Seq><rdf:li>{text}</rdf:li></rdf:Seq></TC260:AIGC>"),
            "holds elements",
        ),
        (lambda text: described(f"<TC260:AIGC>{text}</TC260:AIGC>").replace(b"</rdf:RDF>", b""), "not well-formed"),
        (lambda text: b"<!DOCTYPE a>" + described(f"<TC260:AIGC>{text}</TC260:AIGC>"), "DOCTYPE"),
        (lambda text: described("", f'TC260:AIGC="{text}"')[:-30], "found by searching"),
        (lambda text: described(f"<TC260:AIGC>{text}</TC260:AIGC>") + b"<a/>" * 600_000, "more than 500000"),
        (lambda text: described(f"<TC260:AIGC>{text}</TC260:AIGC>\xff".replace("\xff", "")) + b"\xff", "not UTF-8"),
    ],
)
def test_find_reads_deviations_and_names_them(label: Label, packet: Callable[[str], bytes], defect: str) -> None:
    found, defects = one(packet(attribute(label.to_json())))
    assert found == label
    assert len(defects) == 1
    assert defect in defects[0]


def test_find_lists_every_label(label: Label) -> None:
    text = attribute(label.to_json())
    packet = described(f"<TC260:AIGC>{text}</TC260:AIGC>", f'TC260:AIGC="{text}"')
    assert len(list(xmp.find(packet, "x"))) == 2


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0",
        b"<",
        b"AIGC",
        b"<AIGC",
        USER.encode(),
        described("<TC260:AIGCModel>gpt</TC260:AIGCModel>"),
        b"AIGC=" * 99,
        b"AIGC>" * 200_000,
        b"<AIGC " * 200_000,
        b"AIGC\xff" * 1000,
    ],
)
def test_find_yields_nothing_where_nothing_is(packet: bytes) -> None:
    assert list(xmp.find(packet, "x")) == []


def test_entities_are_neither_expanded_nor_loaded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"Label":"1"}')
    entities = '<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + step)} "{f"&{chr(97 + step)};" * 20}">' for step in range(12)
    )
    for doctype in (f"<!DOCTYPE x [{entities}]>", f'<!DOCTYPE x [<!ENTITY m SYSTEM "{secret.as_uri()}">]>'):
        packet = doctype.encode() + described("<TC260:AIGC>{&m;}</TC260:AIGC>")
        (raw,) = xmp.find(packet, "x")
        assert raw.text == "{&m;}"
        assert "DOCTYPE" in raw.defects[0]


def test_floods_of_attributes_are_refused_before_they_are_parsed(label: Label) -> None:
    flood = described("", " ".join(f'a{index}=""' for index in range(3000)))
    with pytest.raises(CarrierError, match="more than 2000 attributes"):
        xmp.merge(flood, label)
    assert list(xmp.find(flood.replace(b"a7=", b"AIGC="), "x")) == []


def test_deep_and_nested_packets_are_bounded(label: Label) -> None:
    deep = described("<a>" * 100_000 + "<TC260:AIGC>{}</TC260:AIGC>")
    assert len(list(xmp.find(deep, "x"))) == 1
    nested = described("<TC260:AIGC>" * 200 + "x" * 2_000_000 + "</TC260:AIGC>" * 200)
    assert sum(len(raw.text) for raw in xmp.find(nested, "x")) < 250 << 20


def test_neither_import_nor_a_new_packet_loads_an_xml_library() -> None:
    program = (
        "import sys; from aigc_hooks.implicit import xmp; from aigc_hooks.labels import Label; "
        "xmp.packet(Label(content_producer='a', produce_id='b')); list(xmp.find(b'<x/>', 'x')); "
        "sys.exit(' '.join(m for m in sys.modules if m.split('.')[0] in {'lxml', 'xml', 'PIL', 'numpy'}) or None)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
