"""``propagate``, ``agreement`` and ``evidence``, as users run them; the papers are read by tools that others wrote."""

from __future__ import annotations

import json
import re
import wave
from base64 import b64decode
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from aigc_hooks import Label, Provider, find_rhythm, override, read_label, verify, write_label
from aigc_hooks.duties.evidence import Evidence

Cli = Callable[..., Any]
DOUBAO = Label(content_producer="001191110102MACQD9K64010000", produce_id="1")


@pytest.fixture
def tone() -> Path:
    path = Path("tone.wav")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(48_000))
    return path


# --- propagate -------------------------------------------------------------------------------------------------------


def test_propagate_writes_copies_and_prints_the_prompt(cli: Cli, tone: Path) -> None:
    write_label(tone, DOUBAO)
    given = tone.read_bytes()
    result = cli("propagate", tone, "--platform", "site", "--out", "spread")
    assert (result.exit_code, result.output) == (0, "spread/tone.wav: 该内容属于AI生成合成内容\n")
    label = read_label("spread/tone.wav").label
    assert label is not None
    assert (label.content_producer, label.content_propagator) == (DOUBAO.content_producer, "site")
    assert tone.read_bytes() == given
    again = cli("propagate", tone, "--platform", "site", "--out", "spread")
    assert again.exit_code == 1
    assert "there already" in again.output


@pytest.mark.parametrize(
    ("options", "degree"), [([], ""), (["--declared"], "2"), (["--detected"], "3"), (["--declared", "--detected"], "2")]
)
def test_propagate_json(options: list[str], degree: str, cli: Cli, tone: Path) -> None:
    result = cli("propagate", tone, "--platform", "site", "--in-place", "--json", *options)
    (line,) = json.loads(result.stdout)
    assert (result.exit_code, line["degree"]) == (0, degree)
    assert (line["label"] or {"Label": ""})["Label"] == degree
    assert bool(line["prompt"]) == bool(degree)


def test_propagate_goes_on_after_a_file_that_fails(cli: Cli, tone: Path) -> None:
    Path("broken.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt ")
    options = ["--platform", "site", "--declared", "--in-place", "--json"]
    result = cli("propagate", "broken.wav", "none.wav", tone, *options)
    lines = json.loads(result.stdout)
    assert result.exit_code == 1
    assert ["error" in line for line in lines] == [True, True, False]
    label = read_label(tone).label
    assert label is not None
    assert label.to_dict() == lines[2]["label"]
    assert "not propagated" in cli("propagate", "none.wav", "--platform", "site", "--in-place").output


def test_propagate_wrong_calls(cli: Cli, tone: Path) -> None:
    assert cli("propagate", tone, "--platform", "site").exit_code == 2
    assert cli("propagate", tone, "--platform", "site", "--out", "x", "--in-place").exit_code == 2
    assert cli("propagate", tone, "--in-place").exit_code == 2
    assert "producer" in cli("propagate", tone, "--in-place").output


def test_prompts_for_interfaces(cli: Cli, tone: Path) -> None:
    texts = json.loads(cli("prompts", "--json").output)
    spread = json.loads(cli("propagate", tone, "--platform", "site", "--in-place", "--json", "--declared").stdout)
    assert texts["2"] == {"zh": spread[0]["prompt"], "en": spread[0]["prompt_in_english"]}
    shown = cli("prompts").output
    for told in texts.values():
        assert told["zh"] in shown
        assert told["en"] in shown


# --- agreement -------------------------------------------------------------------------------------------------------


def test_agreement_of_the_configured_provider(cli: Cli, folder: Path) -> None:
    settings = '[providers.acme]\nproducer = "acme-code"\nwording = "人工智能生成"\n'
    Path("aigc.toml").write_text(settings, encoding="utf-8")
    both = cli("agreement", "--provider", "acme")
    assert both.exit_code == 0
    assert "acme-code" in both.output
    assert "人工智能生成" in both.output
    chinese = cli("agreement", "--provider", "acme", "--language", "zh")
    assert "Please read" not in chinese.output
    assert "Please read" in cli("agreement", "--provider", "acme", "--language", "en").output
    assert cli("agreement").exit_code == 2


# --- evidence --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would fetch and show."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.sources += [values["src"] or ""] if "src" in values else []
        self.links += [values["href"] or ""] if "href" in values else []

    def handle_data(self, data: str) -> None:
        self.text += data


def test_evidence_is_complete(cli: Cli, folder: Path, command: Callable[..., bytes]) -> None:
    Path("aigc.toml").write_text(
        '[providers.acme]\nproducer = "acme<&>code"\n'
        '[providers.acme.image]\nposition = "top-left"\nwording = "AI合成"\n'
        '[providers.acme.text.watermark]\nscheme = "kgw"\nkeys = 987654321\n',
        encoding="utf-8",
    )
    result = cli("evidence", "--provider", "acme", "--out", "bundle")
    assert result.exit_code == 0, result.output
    bundle = Path("bundle")
    found = sorted(str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file())
    samples = [f"samples/sample.{suffix}" for suffix in ("md", "pdf", "png", "wav", "mp4", "html")]
    shots = [f"screenshots/{kind}.png" for kind in ("text", "document", "image", "audio", "video", "scene")]
    papers = ["evidence.html", "evidence.pdf"]
    assert found == sorted(["agreement.md", "evidence.json", *papers, *samples, *shots])

    labels = {}
    for name in [*samples, *shots, *papers]:
        (finding,) = read_label(bundle / name).findings
        assert finding.defects == ()
        labels[name] = finding.label
        assert finding.label is not None
        assert finding.label.content_producer == "acme<&>code"
    assert len({label.produce_id for label in labels.values() if label}) == len(labels)

    page = Page()
    page.feed((bundle / "evidence.html").read_text(encoding="utf-8"))
    kinds = [source.partition(";")[0] for source in page.sources]
    png = "data:image/png"
    assert kinds == [png, png, png, png, "data:audio/wav", png, "data:video/mp4", png]
    embedded = [b64decode(source.partition(",")[2]) for source in page.sources if source.startswith(png)]
    assert embedded == [(bundle / shot).read_bytes() for shot in shots]
    assert all(Image.open(BytesIO(shot)).size[0] > 300 for shot in embedded)
    with Image.open(bundle / shots[2]) as shot, Image.open(bundle / samples[2]) as image:
        assert shot.convert("RGB").tobytes() == image.convert("RGB").tobytes()
    assert page.links == samples

    pdf = bundle / "evidence.pdf"
    text = re.sub(r"\s", "", command("pdftotext", pdf, "-").decode())
    assert len(re.findall(rb"^ +\d+ +\d+ image ", command("pdfimages", "-list", pdf), re.MULTILINE)) == 6
    for label in [labels[name] for name in samples]:
        assert label is not None
        for shown in (page.text, text):
            assert label.produce_id in shown
    told = ("acme<&>code", "AI合成", "左上角", "GB45438-2025", "TC260-PG-20259A", "用户服务协议")
    for words in (*told, version("aigc-hooks")):
        for shown in (re.sub(r"\s", "", page.text), text):
            assert words in shown
    assert b"NotoSansCJK" in command("pdffonts", pdf)
    everything = b"".join((bundle / name).read_bytes() for name in found)
    assert b"987654321" not in everything
    assert str(folder).encode() not in everything

    report = json.loads((bundle / "evidence.json").read_text(encoding="utf-8"))
    assert report["conforms"] is True
    assert [sample["path"] for sample in report["samples"]] == samples
    assert [sample["screenshot"] for sample in report["samples"]] == shots
    for sample in report["samples"]:
        assert sample["check"]["path"] == sample["path"]
        assert sample["check"]["passed"] is True
        checks = {check["id"]: check["status"] for check in sample["check"]["checks"]}
        assert checks["M-11"] == "pass"
        for id in checks:
            assert id in page.text
    seen = [{check["id"] for check in sample["check"]["checks"]} for sample in report["samples"]]
    assert [id in ids for id, ids in zip(("T-01", "F-21", "I-01", "A-02", "V-01", "F-24"), seen, strict=True)] == [
        True
    ] * 6
    document = {check["id"]: check["status"] for check in report["samples"][1]["check"]["checks"]}
    assert (document["T-01"], document["T-03"], document["W-01"]) == ("pass",) * 3
    assert report["versions"]["aigc-hooks"] == version("aigc-hooks")


def test_evidence_shows_the_labels_that_the_settings_ask_for(cli: Cli, folder: Path) -> None:
    import soundfile

    Path("aigc.toml").write_text('producer = "acme"\n[audio]\nposition = "both"\n', encoding="utf-8")
    assert cli("evidence", "--out", "one").exit_code == 0
    samples, rate = soundfile.read("one/samples/sample.wav")
    assert len(find_rhythm(samples, rate)) == 2
    assert Path("one/samples/sample.md").read_text(encoding="utf-8").rstrip().endswith("（本内容由AI生成）")
    before = read_label("one/samples/sample.png").label
    assert cli("evidence", "--out", "one").exit_code == 0  # an earlier bundle is replaced
    assert read_label("one/samples/sample.png").label != before


def test_evidence_without_a_producer_makes_nothing(cli: Cli, folder: Path) -> None:
    result = cli("evidence", "--out", "bundle")
    assert result.exit_code == 2
    assert not Path("bundle").exists()


def test_evidence_holds_no_secret_and_tells_the_class_of_the_service(cli: Cli, folder: Path) -> None:
    Path("aigc.toml").write_text(
        'producer = "acme"\nservice_class = "c"\naudit_reference = "secret-person"\naudit_url = "secret-place.db"\n'
        '[text]\nmark = "corner"\nposition = "start"\n[image]\nposition = "top"\n'
        '[security]\nkey_env = "SECRET_KEY_NAME"\nkey_id = "k1"\n',
        encoding="utf-8",
    )
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with override(security={"algorithm": "rsa"}), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_KEY_NAME", text)
        assert cli("evidence", "--out", "bundle").exit_code == 0
        for path in Path("bundle").rglob("*.*"):
            if path.suffix not in (".json", ".md") or path.parent.name == "samples":
                assert verify(path, provider=Provider.model_validate({"producer": "acme"})).status != "altered"
    everything = b"".join(path.read_bytes() for path in Path("bundle").rglob("*.*"))
    for secret in ("secret-person", "secret-place", "SECRET_KEY_NAME"):
        assert secret.encode() not in everything
    assert "第十七条第一款第（三）项" in Path("bundle/evidence.html").read_text(encoding="utf-8")
    assert json.loads(Path("bundle/evidence.json").read_text(encoding="utf-8"))["service_class"] == "c"


def test_a_sample_that_does_not_conform_is_told(command: Callable[..., bytes]) -> None:
    from aigc_hooks.artifact import Reading
    from aigc_hooks.checks.report import Check, Report
    from aigc_hooks.duties import evidence_html, evidence_pdf
    from aigc_hooks.duties.evidence import Sample

    shot = BytesIO()
    Image.new("RGB", (400, 40)).save(shot, "PNG")
    report = Report("samples/a.png", "PNG", (Check("I-01", "fail", "it is too small"),))
    names = ("samples/a.png", "screenshots/a.png")
    sample = Sample("image", "图片", *names, shot.getvalue(), Reading("PNG"), report, b"")
    evidence = Evidence(Provider(producer="acme"), "2026-01-01", (sample,), "")
    assert not evidence.conforms
    assert "no label found" in evidence_html.page(evidence)
    assert "it is too small" in evidence_html.page(evidence)
    Path("a.pdf").write_bytes(evidence_pdf.document(evidence))
    assert b"no label found" in command("pdftotext", "a.pdf", "-")
    assert json.loads(evidence.to_json())["conforms"] is False
