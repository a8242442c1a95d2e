"""aigc-hooks demo, run as a newcomer runs it, and its files checked by other tools."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml
from PIL import Image

from aigc_hooks import check, find_rhythm, read_label
from aigc_hooks.labels import KEYS

Script = Callable[..., subprocess.CompletedProcess[str]]

NAMES = ["aigc-demo.jpg", "aigc-demo.png", "aigc-demo.webp"]


@pytest.fixture
def exiftool(command: Callable[..., bytes]) -> Callable[[Path], dict[str, str]]:
    """The label as ExifTool reads it."""

    def read(path: Path) -> dict[str, str]:
        (found,) = json.loads(command("exiftool", "-json", "-XMP-TC260:all", path))
        value = found["Aigc"]
        return value if isinstance(value, dict) else json.loads(value)

    return read


def packet(path: Path) -> str:
    """The XMP as Pillow reads it."""
    with Image.open(path) as image:
        value = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    return value.decode() if isinstance(value, bytes) else value


def test_demo(script: Script, exiftool: Callable[[Path], dict[str, str]]) -> None:
    result = script("demo")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    folder = Path("aigc-hooks-demo")
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    labels = [exiftool(folder / name) for name in NAMES]
    assert labels[0]["ContentProducer"] == "aigc-hooks-demo"
    assert list(labels[0]) == list(KEYS.values())
    for name, label in zip(NAMES, labels, strict=True):
        assert label == labels[0]
        assert read_label(folder / name).conforms
        assert re.search(r"TC260:AIGC.*ProduceID.*" + label["ProduceID"], packet(folder / name), re.DOTALL)
        with Image.open(folder / name) as image:
            assert image.size == (512, 512)
            corner = image.convert("L").crop((400, 462, 502, 502))
        dark = sum(corner.histogram()[:110]) / (corner.width * corner.height)
        bright = sum(corner.histogram()[230:]) / (corner.width * corner.height)
        assert dark > 0.4, name  # the plate
        assert bright > 0.08, name  # the text
    text = result.stdout
    assert 'pipe = aigc_hooks.wrap(pipe, producer="aigc-hooks-demo")' in text
    assert text.count("符合 conforms") == 3
    assert text.count("bottom-right") == 3
    assert text.count(labels[0]["ProduceID"][:16]) == 3
    assert all(str(folder / name) in text for name in NAMES)


def test_demo_of_texts(script: Script) -> None:
    result = script("demo", "text")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    folder = Path("aigc-hooks-demo")
    assert sorted(path.name for path in folder.iterdir()) == ["aigc-chain.md", "aigc-demo.md"]
    for path in folder.iterdir():
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        label = yaml.safe_load(front)["AIGC"]
        assert list(label) == list(KEYS.values())
        assert label["ContentProducer"] == "aigc-hooks-demo"
        assert label["ProduceID"][:16] in result.stdout
        assert body.endswith("\n\n（本内容由AI生成）")
        assert str(path) in result.stdout
    assert 'pipe = aigc_hooks.wrap(pipe, producer="aigc-hooks-demo")' in result.stdout
    # Every piece ends with a bar: the label is one by itself, and so is each word before it.
    assert result.stdout.count("\n   ⏎⏎（本内容由AI生成）│\n") == 2
    assert "A│ │cat│ │sat│" in result.stdout
    assert result.stdout.count("符合 conforms") == 2


def test_demo_of_texts_with_a_configured_provider(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    Path("aigc.toml").write_text('producer = "acme"\n[text]\nposition = "start"\nmark = "corner"\n', encoding="utf-8")
    result = cli("demo", "text", "--out", "made/here", "--seed", "1")
    assert result.exit_code == 0, result.output
    assert ">>> pipe = aigc_hooks.wrap(pipe)\n" in result.output
    assert result.output.count("\n   ᴬᴵ │\n   ") == 2
    assert Path("made/here/aigc-chain.md").read_text(encoding="utf-8").partition("\n---\n")[2].startswith("ᴬᴵ A cat")


def test_demo_of_sounds(script: Script) -> None:
    result = script("demo", "audio")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    folder = Path("aigc-hooks-demo")
    assert sorted(path.name for path in folder.iterdir()) == ["aigc-demo.flac", "aigc-demo.mp3", "aigc-demo.wav"]
    labels = {read_label(path).label for path in folder.iterdir()}
    assert len(labels) == 1
    for path in folder.iterdir():
        samples, rate = soundfile.read(path)
        assert len(find_rhythm(samples, rate)) == 1
        assert len(samples) > 2 * rate  # there is something behind the label
        assert str(path) in result.stdout
    assert 'tts = aigc_hooks.wrap(tts, producer="aigc-hooks-demo")' in result.stdout
    assert result.stdout.count("符合 conforms") == 3


def test_demo_of_films(script: Script) -> None:
    result = script("demo", "video")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    folder = Path("aigc-hooks-demo")
    assert sorted(path.name for path in folder.iterdir()) == ["aigc-demo.gif", "aigc-demo.mp4", "aigc-demo.webm"]
    assert len({read_label(path).label for path in folder.iterdir()}) == 1
    for name in ("aigc-demo.mp4", "aigc-demo.webm"):
        report = check(folder / name)
        assert {report[id].status for id in ("V-01", "V-02", "V-03", "M-21")} == {"pass"}
    assert result.stdout.count("符合 conforms") == 3


def test_demo_of_sounds_with_a_configured_provider(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    Path("aigc.toml").write_text('producer = "acme"\n[audio]\nposition = "both"\n', encoding="utf-8")
    result = cli("demo", "audio", "--out", "made/here", "--seed", "1")
    assert result.exit_code == 0, result.output
    assert result.output.count("both") == 3
    samples, rate = soundfile.read("made/here/aigc-demo.wav")
    assert len(find_rhythm(samples, rate)) == 2


def test_demo_with_a_configured_provider(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # as the command sets it, and undone after the test
    Path("aigc.toml").write_text(
        'producer = "acme"\nwording = "人工智能生成"\n[image]\nposition = "top-left"\n', encoding="utf-8"
    )
    result = cli("demo", "--out", "made/here", "--seed", "1")
    assert result.exit_code == 0, result.output
    assert ">>> pipe = aigc_hooks.wrap(pipe)\n" in result.output
    assert result.output.count("人工智能生成") == 3
    assert result.output.count("top-left") == 3
    reading = read_label("made/here/aigc-demo.webp")
    assert reading.label is not None
    assert reading.label.content_producer == "acme"


def test_demo_with_a_wrong_configuration(cli: Callable[..., Any]) -> None:
    Path("aigc.toml").write_text('producer = "with space"\n', encoding="utf-8")
    result = cli("demo")
    assert result.exit_code == 2
    assert "with space" in result.output
    assert not Path("aigc-hooks-demo").exists()


def test_demo_says_so_when_a_label_cannot_be_verified(script: Script, folder: Path) -> None:
    # A plugin that says it drew the label, and did not.
    info = folder / "site" / "lazy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lazy\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[aigc_hooks]\nlazy = lazy\n", encoding="utf-8")
    plugin = "from aigc_hooks import hookimpl\n@hookimpl\ndef aigc_render_explicit():\n    return True\n"
    (folder / "site" / "lazy.py").write_text(plugin, encoding="utf-8")
    result = script("demo", PYTHONPATH=str(folder / "site"))
    assert result.returncode == 1
    assert result.stdout.count("未见 not seen") == 3
    assert result.stderr == "aigc-hooks: error: a label could not be verified 标识未通过核验\n"
