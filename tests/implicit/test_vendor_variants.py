"""Labels as vendors and tools may write them, none of which the guides have: each is found, and what is wrong is named.

The files are a picture of Pillow's with the label put in by hand, so that no writer of this project has a part in it.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import mutagen.apev2
import pytest
from PIL import Image

from aigc_hooks import Label, check, read_label, write_label

BARE = Label(content_producer="acme", produce_id="7", content_propagator="acme", propagate_id="7").to_json()
WRAPPED = f'{{"AIGC":{BARE}}}'
PAGE = WRAPPED.replace('"', "&quot;")
NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"


def _picture(format: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((16, 16), 50).convert("RGB").save(file, format, **options)
    return file.getvalue()


def _png(kind: bytes, data: bytes | str) -> bytes:
    made = _picture("PNG")
    body = data.encode() if isinstance(data, str) else data
    at = made.index(b"IDAT") - 4
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return made[:at] + chunk + made[at:]


def _jpeg(marker: int, data: bytes | str) -> bytes:
    made = _picture("JPEG")
    body = data.encode() if isinstance(data, str) else data
    return made[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + made[2:]


def _xmp(inner: str, attributes: str = "", encoding: str = "utf-8", mark: bytes = b"") -> bytes:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:TC260="{NAMESPACE}" {attributes}>{inner}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    )
    return _jpeg(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + mark + packet.encode(encoding))


def _exif(tag: int, value: bytes) -> bytes:
    block = Image.Exif()
    block.get_ifd(0x8769)[tag] = value
    return _picture("JPEG", exif=block.tobytes())


_STRUCTURE = "".join(f"<TC260:{key}>{value}</TC260:{key}>" for key, value in json.loads(BARE).items())
_SHORTHAND = " ".join(f'TC260:{key}="{value}"' for key, value in json.loads(BARE).items())
_QUOTED = BARE.replace('"', "&quot;")

VARIANTS: dict[str, tuple[bytes, str]] = {
    "single quotes": (_png(b"tEXt", f"AIGC\0{json.loads(WRAPPED)!r}"), "the JSON has single quotes"),
    "entities": (_png(b"tEXt", f"AIGC\0{PAGE}"), "quotes of the JSON are written as HTML entities"),
    "percent": (_png(b"tEXt", f"AIGC\0{quote(WRAPPED)}"), "the JSON is percent-encoded"),
    "escaped": (_png(b"tEXt", f"AIGC\0{json.dumps(WRAPPED)[1:-1]}"), "the quotes of the JSON are escaped"),
    "encoded twice": (_png(b"tEXt", f"AIGC\0{json.dumps(WRAPPED)}"), "the JSON is encoded twice"),
    "UTF-16": (_png(b"tEXt", b"AIGC\0" + WRAPPED.encode("utf-16")), "the text is UTF-16"),
    "byte order mark": (_png(b"tEXt", b"AIGC\0\xef\xbb\xbf" + WRAPPED.encode()), ""),
    "numeric Label": (_png(b"tEXt", f"AIGC\0{WRAPPED}".replace('"1"', "1")), "Label must be a string, found int"),
    "lower-case keys": (
        _png(b"tEXt", f"AIGC\0{WRAPPED}".replace('"Content', '"content')),
        "ContentProducer is misspelt 'contentProducer'",
    ),
    "lower-case keyword": (_png(b"tEXt", f"aigc\0{WRAPPED}"), "the keyword is 'aigc', not 'AIGC'"),
    "bare in tEXt": (_png(b"tEXt", f"AIGC\0{BARE}"), "the guide asks for the object inside"),
    "zTXt": (_png(b"zTXt", b"AIGC\0\0" + zlib.compress(WRAPPED.encode())), "the text is compressed"),
    "iTXt": (_png(b"iTXt", f"AIGC\0\0\0zh\0标识\0{WRAPPED}"), "the guide has the keyword AIGC in tEXt, not in iTXt"),
    "compressed iTXt": (
        _png(b"iTXt", b"AIGC\0\1\0\0\0" + zlib.compress(WRAPPED.encode())),
        "the text is compressed",
    ),
    "tEXt Comment": (_png(b"tEXt", f"Comment\0{WRAPPED}"), "the label is text with the keyword 'Comment'"),
    "tEXt parameters": (_png(b"tEXt", f"parameters\0{BARE}"), "the label is text with the keyword 'parameters'"),
    "iTXt Description": (
        _png(b"iTXt", f"Description\0\0\0\0\0{WRAPPED}"),
        "the label is text with the keyword 'Description'",
    ),
    "XMP element": (_xmp(f"<TC260:AIGC>{BARE}</TC260:AIGC>"), ""),
    "XMP attribute": (_xmp("", f'TC260:AIGC="{_QUOTED}"'), ""),
    "XMP attribute in single quotes": (_xmp("", f"TC260:AIGC='{BARE}'"), ""),
    "XMP wrapped": (_xmp(f"<TC260:AIGC>{WRAPPED}</TC260:AIGC>"), "the guide asks for the bare object here"),
    "XMP CDATA": (_xmp(f"<TC260:AIGC><![CDATA[{BARE}]]></TC260:AIGC>"), ""),
    "XMP alternatives": (
        _xmp(f'<TC260:AIGC><rdf:Alt><rdf:li xml:lang="x-default">{BARE}</rdf:li></rdf:Alt></TC260:AIGC>'),
        "holds elements, not plain text",
    ),
    "XMP rdf:value": (_xmp(f'<TC260:AIGC rdf:value="{_QUOTED}"/>'), "holds elements, not plain text"),
    "XMP structure": (
        _xmp(f'<TC260:AIGC rdf:parseType="Resource">{_STRUCTURE}</TC260:AIGC>'),
        "holds elements, not plain text",
    ),
    "XMP structure in a description": (
        _xmp(f"<TC260:AIGC><rdf:Description>{_STRUCTURE}</rdf:Description></TC260:AIGC>"),
        "holds elements, not plain text",
    ),
    "XMP structure as attributes": (_xmp(f"<TC260:AIGC {_SHORTHAND}/>"), "holds elements, not plain text"),
    "XMP in UTF-16": (_xmp(f"<TC260:AIGC>{BARE}</TC260:AIGC>", encoding="utf-16-le", mark=b"\xff\xfe"), ""),
    "XMP with a byte order mark": (_xmp(f"<TC260:AIGC>{BARE}</TC260:AIGC>", mark=b"\xef\xbb\xbf"), ""),
    "XMP lower-case": (_xmp(f"<TC260:aigc>{BARE}</TC260:aigc>"), "the XMP property is named 'aigc', not 'AIGC'"),
    "XMP that is broken": (
        _xmp(f"<TC260:AIGC>{BARE}</TC260:AIGC><open>"),
        "not well-formed XML",
    ),
    "COM": (_jpeg(0xFE, WRAPPED), "bare text in segment COM"),
    "COM with single quotes": (_jpeg(0xFE, f"AIGC{json.loads(WRAPPED)!r}"), "the JSON has single quotes"),
    "APP15 as a JSON string": (_jpeg(0xEF, json.dumps(WRAPPED)), "the quotes of the JSON are escaped"),
    "Exif UNICODE": (_exif(0x9286, b"UNICODE\0" + WRAPPED.encode("utf-16-le")), "UserComment is declared UNICODE"),
    "Exif without a code": (_exif(0x9286, WRAPPED.encode()), "begins with no character code"),
}


@pytest.fixture(params=sorted(VARIANTS))
def variant(request: pytest.FixtureRequest) -> tuple[bytes, str]:
    return VARIANTS[request.param]


def test_it_is_found_and_what_is_wrong_is_named(variant: tuple[bytes, str]) -> None:
    data, defect = variant
    (finding,) = read_label(data).findings
    assert finding.label is not None
    assert finding.label.to_json() == BARE
    if defect:
        assert any(defect in each for each in finding.defects), finding.defects
    else:
        assert not finding.defects


def test_a_new_label_takes_its_place(variant: tuple[bytes, str], tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(variant[0])
    before = Image.open(io.BytesIO(variant[0])).tobytes()
    label = Label(content_producer="acme", produce_id="8", content_propagator="acme", propagate_id="8")
    if "<open>" in variant[0].decode("latin-1"):
        with pytest.raises(ValueError, match="take it out first"):
            write_label(path, label)
        return
    write_label(path, label)
    (finding,) = read_label(path).findings
    assert (finding.label, finding.defects) == (label, ())
    assert Image.open(io.BytesIO(path.read_bytes())).tobytes() == before


def test_what_else_stands_in_a_comment_stays(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(_png(b"tEXt", f"Comment\0caf\u00e9 {WRAPPED} at noon".encode("latin-1")))
    write_label(path, Label(content_producer="acme", produce_id="8"))
    assert len(read_label(path).findings) == 1
    with Image.open(path) as image:
        assert image.info["Comment"] == "caf\u00e9  at noon"


@pytest.mark.parametrize("trailing", [b"", b"TAG" + bytes(125)])
@pytest.mark.parametrize("titled", [False, True])
def test_ape_tags(titled: bool, trailing: bytes, tmp_path: Path, command: Callable[..., bytes]) -> None:
    path = tmp_path / "sound.mp3"
    command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=0.1:r=44100", path)
    sound = path.read_bytes().partition(b"\xff\xfb")[2]  # behind the ID3 tag
    tag = mutagen.apev2.APEv2()
    tag["AIGC"] = BARE
    if titled:
        tag["Title"] = "a title"
    tag.save(path)
    tagged = path.read_bytes()
    path.write_bytes(tagged + trailing)
    (finding,) = read_label(path).findings
    assert finding.label is not None
    assert finding.label.to_json() == BARE
    assert (finding.place, finding.defects) == (
        "APEv2 AIGC",
        ("the guide has an ID3v2 frame here, not an APEv2 tag",),
    )
    label = Label(content_producer="acme", produce_id="8", content_propagator="acme", propagate_id="8")
    write_label(path, label)
    (finding,) = read_label(path).findings
    assert (finding.label, finding.defects) == (label, ())
    made = path.read_bytes()
    assert sound in made
    assert made.endswith(trailing)
    assert BARE.encode() not in made
    if titled:
        path.write_bytes(made[: len(made) - len(trailing)])
        assert dict(mutagen.apev2.APEv2(path)) == {"Title": "a title"}
    else:
        assert b"APETAGEX" not in made
    for cut in range(1, 200):  # a tag that is cut is no tag
        path.write_bytes(tagged[:-cut])
        assert len(read_label(path).findings) <= 1


def test_a_prompt_about_labels_is_none(tmp_path: Path) -> None:
    for text in ("AIGC, masterpiece", '{"prompt": "a sign that says AIGC"}', "ContentProducer", ""):
        assert not read_label(_png(b"tEXt", f"parameters\0{text}")).findings


@pytest.mark.parametrize(("name", "rule"), [("percent", "M-13"), ("single quotes", "M-13"), ("tEXt Comment", "F-03")])
def test_check_names_the_rule(name: str, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(VARIANTS[name][0])
    assert rule in {each.id for each in check(path).checks if each.status == "fail"}
