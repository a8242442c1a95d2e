"""check: what a file fulfils, by the ids of the checklist."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy
import pytest
import soundfile
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

import aigc_hooks
from aigc_hooks import (
    CarrierError,
    ConfigError,
    Label,
    Provider,
    Reading,
    Report,
    UnsupportedCarrierError,
    check,
    label,
    write_label,
)
from aigc_hooks.artifact import RawLabel
from aigc_hooks.checks import implicit
from aigc_hooks.checks.rules import EDITION, RULES
from aigc_hooks.implicit.field import parse

BARE = {
    "Label": "1",
    "ContentProducer": "acme",
    "ProduceID": "7",
    "ReservedCode1": "",
    "ContentPropagator": "acme",
    "PropagateID": "7",
    "ReservedCode2": "",
}


def picture(path: Path, size: tuple[int, int] = (320, 240)) -> Path:
    Image.linear_gradient("L").resize(size).convert("RGB").save(path)
    return path


def tone(path: Path, seconds: float = 3.0, rate: int = 16_000) -> Path:
    soundfile.write(path, 0.3 * numpy.sin(numpy.arange(round(seconds * rate)) / 7), rate)
    return path


def png_with(path: Path, text: str) -> Path:
    """A PNG with a text in the place of the image guide's annex B."""
    info = PngInfo()
    info.add_text("AIGC", text)
    Image.new("RGB", (64, 64)).save(path, pnginfo=info)
    return path


def statuses(report: Report) -> dict[str, str]:
    return {each.id: each.status for each in report.checks}


def test_the_report_says_by_what_it_judged(tmp_path: Path) -> None:
    path = picture(tmp_path / "cat.png")
    label(path, producer="acme")
    report = check(path)
    assert report.edition is EDITION
    assert "GB 45438-2025" in str(report.edition)
    assert re.findall(r"TC260-PG-\w+", str(report.edition)) == list(EDITION.guides)
    assert report.library == version("aigc-hooks")
    data = json.loads(json.dumps(report.to_dict()))
    assert data["edition"]["standard"] == "GB 45438-2025"
    assert {each["id"] for each in data["checks"]} == set(statuses(report)) <= set(RULES)
    assert "GB 45438-2025" in report._repr_html_()


def test_every_rule_is_one_of_the_reports_and_has_a_source() -> None:
    assert all(re.fullmatch(r"[A-Z]-\d\d", id) and rule.text and rule.source for id, rule in RULES.items())


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "gif", "avif"])
@pytest.mark.parametrize("position", ["bottom-right", "top", "left"])
def test_a_labelled_picture_passes_in_everything(tmp_path: Path, suffix: str, position: str) -> None:
    path = picture(tmp_path / f"cat.{suffix}")
    label(path, producer="acme", image={"position": position})
    report = check(path)
    unknown = {id for id, status in statuses(report).items() if status != "pass"}
    assert unknown == ({"F-09"} if suffix == "avif" else set()), report  # no guide is known that names AVIF
    assert report.passed
    assert report["I-03"].place == position
    assert {"W-01", "I-01", "I-03", "I-04", "I-05", "M-01", "M-11", "M-21"} <= set(statuses(report))
    place = {"png": "F-03", "jpg": "F-01", "webp": "F-05", "tif": "F-07", "gif": "F-06", "avif": "F-09"}[suffix]
    assert report[place].status == ("unknown" if suffix == "avif" else "pass")


def test_a_label_that_a_viewer_turns_upright_is_found(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.linear_gradient("L").resize((320, 240)).convert("RGB").save(path, exif=exif)
    label(path, producer="acme")
    assert check(path)["I-03"].status == "pass"


def test_other_lettering_in_a_picture_is_unknown_and_not_wrong(tmp_path: Path) -> None:
    path = picture(tmp_path / "cat.png")
    with Image.open(path) as image:
        ImageDraw.Draw(image).text((10, 10), "AI generated", fill="white")
        image.save(path)
    write_label_of(path)
    report = check(path)
    assert {report[id].status for id in ("W-01", "I-01", "I-03", "I-04", "I-05")} == {"unknown"}
    assert report.passed
    assert report["M-21"].status == "pass"


def write_label_of(path: Path) -> None:
    """The implicit label alone, where a picture has no writer that leaves its pixels."""
    with Image.open(path) as image:
        image.load()
        info = PngInfo()
        packet = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"><TC260:AIGC>'
            f"{json.dumps(BARE, separators=(',', ':'))}</TC260:AIGC></rdf:Description></rdf:RDF></x:xmpmeta>"
        )
        info.add_itxt("XML:com.adobe.xmp", packet)
        image.save(path, pnginfo=info)


def test_the_wording_of_a_provider_is_found_with_its_settings_only(tmp_path: Path) -> None:
    path = picture(tmp_path / "cat.png")
    settings = Provider(producer="acme", wording="人工智能合成", image={"position": "top-left", "height": 0.08})
    label(path, provider=settings)
    assert check(path)["W-01"].status == "unknown"
    report = check(path, provider=settings)
    assert report["W-01"].status == "pass"
    assert "人工智能合成" in report["W-01"].reason
    assert report["I-01"].reason.startswith("every character is at least 8%")
    with pytest.raises(ConfigError):
        check(path, provider="nobody")


def test_every_frame_of_an_animation_is_looked_at(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (200, 160), colour) for colour in ("red", "green", "blue")]
    path = tmp_path / "film.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)
    label(path, producer="acme")
    assert check(path)["I-10"].status == "pass"
    with Image.open(path) as image:
        shown = []
        for number in range(3):
            image.seek(number)
            shown.append(image.convert("RGB"))
    shown[2].paste("blue", (0, 0, 200, 160))
    shown[0].save(path, save_all=True, append_images=shown[1:], duration=100, loop=0)
    report = check(path)
    assert report["I-10"].status == "fail"
    assert report["I-10"].place == "frame 3"
    assert report["W-01"].status == "pass"


def test_a_picture_without_a_label_fails_and_is_not_called_human_made(tmp_path: Path) -> None:
    report = check(picture(tmp_path / "cat.png"))
    assert [each.id for each in report.failed] == ["M-21"]
    assert "does not mean that the content was not generated" in report["M-21"].reason
    assert not report.passed
    with pytest.raises(KeyError, match="M-01 does not apply"):
        report["M-01"]


def test_pixels_that_cannot_be_decoded_are_unknown(tmp_path: Path) -> None:
    path = picture(tmp_path / "cat.png")
    label(path, producer="acme")
    data = bytearray(path.read_bytes())
    at = data.index(b"IDAT") + 20
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(data)
    report = check(path)
    assert report["I-01"].status == "unknown"
    assert report["M-21"].status == "pass"


def test_damaged_and_unknown_files_are_errors(tmp_path: Path) -> None:
    broken = picture(tmp_path / "cat.png")
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(CarrierError):
        check(broken)
    other = tmp_path / "data.bin"
    other.write_bytes(b"\1\2\3")
    with pytest.raises(UnsupportedCarrierError):
        check(other)
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "nothing.png")


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_a_labelled_sound_passes(tmp_path: Path, suffix: str) -> None:
    path = tone(tmp_path / f"voice.{suffix}")
    label(path, producer="acme", audio={"position": "both"})
    report = check(path)
    assert set(statuses(report).values()) == {"pass"}, report
    assert "2 times" in report["A-01"].reason
    assert report["A-01"].place.startswith("0.0")


@pytest.mark.parametrize("lead", [8.6, 9.3, 9.9, 10.0, 11.0, 17.5, 19.7])
def test_a_rhythm_across_two_blocks_is_heard_once(tmp_path: Path, lead: float) -> None:
    path = tmp_path / "long.wav"
    rate = 8000
    rng = numpy.random.default_rng(1)
    noise = rng.normal(0, 0.05, round(lead * rate)).astype("float32")
    soundfile.write(path, noise, rate)
    label(path, producer="acme", audio={"position": "end"})
    report = check(path)
    assert "heard once" in report["A-01"].reason
    assert abs(float(report["A-01"].place.split("–")[0]) - lead - 0.3) < 0.1


def test_a_sound_without_a_rhythm_is_unknown(tmp_path: Path) -> None:
    path = tone(tmp_path / "voice.wav", 45)
    write_label(path, Label(content_producer="acme", produce_id="7", content_propagator="acme", propagate_id="7"))
    report = check(path)
    assert report["A-01"].status == "unknown"
    assert "spoken prompt is not recognised" in report["A-01"].reason
    assert report["F-11"].status == "pass"


@pytest.mark.parametrize(("rate", "channels"), [(2_000_000_000, 1), (4000, 1), (8000, 12)])
def test_a_sound_of_strange_form_is_unknown(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "voice.wav"
    soundfile.write(path, numpy.zeros((4000, channels)), rate)
    write_label(path, Label(content_producer="acme", produce_id="7", content_propagator="acme", propagate_id="7"))
    report = check(path)
    assert report["A-01"].status == "unknown"
    assert "cannot be decoded here" in report["A-01"].reason


def test_a_sound_is_judged_by_what_comes_out_of_it(tmp_path: Path) -> None:
    path = tone(tmp_path / "voice.mp3")
    label(path, producer="acme")
    path.write_bytes(path.read_bytes()[:-1500])
    assert "heard once" in check(path)["A-01"].reason
    path = tone(tmp_path / "voice.flac")
    label(path, producer="acme")
    path.write_bytes(path.read_bytes()[:-6000])
    assert check(path)["A-01"].status in ("pass", "unknown")


@pytest.mark.parametrize("position", ["end", "start", "both"])
@pytest.mark.parametrize("mark", ["notice", "corner"])
def test_a_labelled_text_passes(tmp_path: Path, position: str, mark: str) -> None:
    path = tmp_path / "report.md"
    path.write_text("猫在河边。\n", encoding="utf-8")
    label(path, producer="acme", text={"position": position, "mark": mark})
    report = check(path)
    assert set(statuses(report).values()) == {"pass"}, report
    assert ("T-02" in statuses(report)) is (mark == "corner")
    assert ("W-01" in statuses(report)) is (mark == "notice")
    assert {"end": "end", "start": "start", "both": "end, start"}[position] == report["T-01"].place
    assert report["F-23"].status == "pass"


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("猫在河边。\n", "fail", "neither 人工智能 nor AI"),
        ("猫在河边。\n\n由人工智能生成，仅供参考\n", "unknown", "由人工智能生成，仅供参考"),
        ("AI is everywhere.\n", "unknown", "was not found"),
        ('{"a": 1}', "unknown", "one JSON document"),
        (" \n", "unknown", "blank text"),
        ("THE AIR IS GOOD\n", "fail", "neither"),
    ],
)
def test_other_texts(tmp_path: Path, text: str, status: str, reason: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text, encoding="utf-8")
    report = check(path)
    assert report["T-01"].status == status
    assert reason in report["T-01"].reason
    assert report["M-21"].status == "unknown"  # plain text has no place for it


def test_a_text_that_is_none_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"\xff\xfe\x00\xd8\n\x00")
    assert check(path)["T-01"].status == "unknown"


DEFECTS = [
    ({**BARE, "Label": 1}, "M-03"),
    ({**BARE, "Label": "AIGC"}, "M-04"),
    ({**BARE, "ContentProducer": ""}, "M-06"),
    ({**BARE, "ProduceID": ""}, "M-07"),
    ({**BARE, "ContentProducer": "Minimax Agent AI"}, "M-10"),
    ({**BARE, "Timestamp": "1"}, "M-02"),
    ({key: value for key, value in BARE.items() if key != "ReservedCode2"}, "M-09"),
    ({key: value for key, value in BARE.items() if "ropagat" not in key}, "M-02"),
    ({("ReserveCode1" if key == "ReservedCode1" else key): value for key, value in BARE.items()}, "M-09"),
    (dict(reversed(list(BARE.items()))), "M-02"),
    ({**BARE, "PropagateID": ""}, "M-08"),
]


@pytest.mark.parametrize(("elements", "id"), DEFECTS)
def test_each_defect_of_the_field_breaks_its_rule(tmp_path: Path, elements: dict[str, object], id: str) -> None:
    path = png_with(tmp_path / "cat.png", json.dumps({"AIGC": elements}, separators=(",", ":"), ensure_ascii=False))
    report = check(path)
    assert [each.id for each in report.failed] == [id], report.failed
    assert report[id].reason != "as it should be"
    assert report["F-04"].status == "pass"


@pytest.mark.parametrize(
    ("text", "id"),
    [
        (json.dumps(json.dumps({"AIGC": BARE}, separators=(",", ":"))), "M-13"),
        (json.dumps(BARE, separators=(",", ":")), "M-14"),
        (json.dumps({"AIGC": BARE}), "M-15"),
    ],
)
def test_each_defect_of_the_writing_breaks_its_rule(tmp_path: Path, text: str, id: str) -> None:
    assert id in [each.id for each in check(png_with(tmp_path / "cat.png", text)).failed]


def test_every_sentence_about_the_field_has_a_rule() -> None:
    texts = [
        "{",
        "[1]",
        "[" * 100_000,
        "x" * (2 << 20),
        '{"AIGC":"{}"}',
        '{"AIGC":{"Label":"1","Label":"2"}}',
        '{"aigc":{"Label":"1"},"x":1}',
        '{"AIGC":{"AIGC":{"Label":"1"}}}',
        '{"Label":"1"} more',
        'AIGC:{"Label":"1"}',
        "eyJBSUdDIjp7IkxhYmVsIjoiMSJ9fQ==",
        '{"Label":["1"],"label":"2","ReserveCode1":null,"Foo":"3"}',
        '{"Label":"9","ContentProducer":"","ProduceID":""}',
    ]
    for text in texts:
        for place in ("PNG tEXt AIGC", "JPEG APP1 XMP"):
            defects = parse(RawLabel(place, text)).defects
            assert defects
            assert [defect for defect in defects if implicit.rule_of(defect) is None] == []


def test_two_labels_break_the_rule_of_one(tmp_path: Path) -> None:
    path = picture(tmp_path / "cat.png")
    label(path, producer="acme")
    with Image.open(path) as image:
        image.load()
        info = PngInfo()
        info.add_text("AIGC", json.dumps({"AIGC": BARE}, separators=(",", ":")))
        info.add_itxt("XML:com.adobe.xmp", image.info["XML:com.adobe.xmp"])
        bare = image.copy()
    bare.info.clear()
    bare.save(path, pnginfo=info)
    report = check(path)
    assert {each.id for each in report.failed} == {"M-11", "M-12"}
    assert "PNG tEXt AIGC" in report["M-11"].place
    assert (report["F-03"].status, report["F-04"].status) == ("pass", "pass")


def test_a_wrong_place_breaks_the_rule_of_its_format() -> None:
    raw = json.dumps(BARE, separators=(",", ":"))
    found = parse(RawLabel("WAV LIST INFO AIGC", raw, ("the guide has an AIGC chunk here, not LIST/INFO",)))
    (verdict,) = [each for each in implicit.judge(Reading("WAV", (found,))) if each.id == "F-11"]
    assert (verdict.status, verdict.place) == ("fail", "WAV LIST INFO AIGC")


def test_a_place_that_no_guide_names_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "voice.aiff"
    tone(path)
    label(path, producer="acme")
    report = check(path)
    assert report["F-20"].status == "unknown"
    assert report.passed
    assert report["A-01"].status == "pass"


def test_one_container_of_sound_and_film_is_judged_by_its_guide() -> None:
    raw = json.dumps(BARE, separators=(",", ":"))
    found = Reading("MP4", (parse(RawLabel("moov.udta.meta keys AIGC", raw)),))
    assert {each.id for each in implicit.judge(found, ".m4a")} & {"F-15", "F-16"} == {"F-15"}
    assert {each.id for each in implicit.judge(found, ".MP4")} & {"F-15", "F-16"} == {"F-16"}


def made_by_ffmpeg(path: Path, command: Callable[..., bytes], seconds: float = 3) -> Path:
    source = f"testsrc2=size=320x240:d={seconds}" if path.suffix in (".mp4", ".webm") else f"sine=d={seconds}"
    command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, path)
    return path


def test_films_and_sounds_without_a_label_of_ours_are_unknown(tmp_path: Path, command: Callable[..., bytes]) -> None:
    for name, id in (("film.mp4", "V-01"), ("voice.m4a", "A-01")):
        path = made_by_ffmpeg(tmp_path / name, command, 0.2)
        write_label(path, Label(content_producer="acme", produce_id="7", content_propagator="acme", propagate_id="7"))
        report = check(path)
        assert report[id].status == "unknown"
        assert report["M-21"].status == "pass"
        assert report.passed


@pytest.mark.parametrize("name", ["voice.m4a", "voice.aac", "voice.opus"])
def test_sounds_that_are_decoded_by_others(name: str, tmp_path: Path, command: Callable[..., bytes]) -> None:
    path = aigc_hooks.label(made_by_ffmpeg(tmp_path / name, command), producer="acme")
    report = check(path)
    assert report["A-01"].status == report["A-02"].status == "pass"
    if name == "voice.aac":  # which stands behind an ID3 tag, as MP3 does, and is judged as what it is
        assert report["F-20"].status == "unknown"
        assert "F-12" not in {each.id for each in report.checks}


@pytest.mark.parametrize("name", ["film.mp4", "film.webm"])
def test_films_that_show_the_label(name: str, tmp_path: Path, command: Callable[..., bytes]) -> None:
    path = aigc_hooks.label(made_by_ffmpeg(tmp_path / name, command), producer="acme")
    report = check(path)
    assert {report[id].status for id in ("W-01", "V-01", "V-02", "V-03", "V-04")} == {"pass"}
    other = aigc_hooks.label(
        made_by_ffmpeg(tmp_path / f"b{path.suffix}", command), producer="acme", video={"position": "top-left"}
    )
    assert check(other)["V-04"].reason == "it is at the top-left"


@pytest.mark.parametrize("size", ["320x180", "180x320", "640x360"])
def test_films_whose_sides_are_no_multiple_of_a_block(size: str, tmp_path: Path, command: Callable[..., bytes]) -> None:
    path = tmp_path / "film.mp4"
    command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=10:d=0.5", "-c:v", "libx264", path)
    label(path, provider=Provider(producer="acme"))
    for provider in (None, Provider(producer="acme")):
        report = check(path, provider=provider)
        assert {report[id].status for id in ("W-01", "V-01", "V-02", "V-03", "V-04")} == {"pass"}


def test_a_film_that_loses_its_label_too_early(tmp_path: Path, command: Callable[..., bytes]) -> None:
    bare = made_by_ffmpeg(tmp_path / "a.mp4", command)
    path = aigc_hooks.label(bare, output=tmp_path / "b.mp4", producer="acme")
    short = tmp_path / "c.mp4"
    cut = "[0:v]trim=0:1[a];[1:v]trim=1:3,setpts=PTS-STARTPTS[b];[a][b]concat"
    command("ffmpeg", "-v", "error", "-i", path, "-i", bare, "-filter_complex", cut, short)
    report = check(short)
    assert report["V-01"].status == "pass"
    assert report["V-02"].status == "fail"
    assert "1.0" in report["V-02"].reason


def test_a_short_film_shows_it_throughout(tmp_path: Path, command: Callable[..., bytes]) -> None:
    report = check(aigc_hooks.label(made_by_ffmpeg(tmp_path / "a.mp4", command, 0.5), producer="acme"))
    assert report["V-02"].status == "pass"
    assert "the whole film" in report["V-02"].reason


def test_real_labels_are_judged_as_their_faults_are(tmp_path: Path) -> None:
    doubao = {**BARE, "ContentProducer": "001191110102MACQD9K64010000", "ContentPropagator": "", "PropagateID": ""}
    report = check(png_with(tmp_path / "doubao.png", json.dumps({"AIGC": doubao}, separators=(",", ":"))))
    assert report.passed
    assert report["M-08"].status == "unknown"
    assert report["C-04"].status == "pass"
    wrong = {**doubao, "ContentProducer": "001191110102MACQD9K64110000"}
    report = check(png_with(tmp_path / "wrong.png", json.dumps({"AIGC": wrong}, separators=(",", ":"))))
    assert report["C-04"].status == "unknown"
    spread = {
        **BARE,
        "Label": "3",
        "ContentProducer": "",
        "ProduceID": "",
        "ContentPropagator": "p",
        "PropagateID": "1",
    }
    report = check(png_with(tmp_path / "spread.png", json.dumps({"AIGC": spread}, separators=(",", ":"))))
    assert report.passed
    assert report["M-05"].status == "unknown"
