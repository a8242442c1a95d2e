"""The errors that a newcomer meets first tell what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aigc_hooks import Label, Provider, check, label, wrap, write_label
from aigc_hooks.errors import AdapterNotFoundError, CarrierError, ConfigError, UnsupportedOutputError

ACME = Provider(producer="acme")
LABEL = Label(content_producer="acme", produce_id="1", content_propagator="acme", propagate_id="1")


def test_without_a_producer_the_lines_to_write_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r'aigc\.toml:\n\n .*\n    producer = ".*"\n\nor set AIGC_HOOKS_PRODUCER'):
        label("text")


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"bytes", r"label\(Path\(…\)\), or .* write_label\(path, …\)"),
        (len, "Give label\\(\\) the part"),
        (lambda: "text", r"wrap\(function, kind=…\)"),
        ({"text": "hello"}, "the part of it that is content"),
    ],
)
def test_a_wrong_type_gets_the_call_that_fits(content: object, advice: str) -> None:
    with pytest.raises(UnsupportedOutputError, match=advice):
        label(content, provider=ACME)


def test_an_open_file_is_given_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with (tmp_path / "a.png").open("rb") as file, pytest.raises(UnsupportedOutputError, match=r"label\(Path\(…\)\)"):
        label(file, provider=ACME)


def test_a_function_without_its_kind_is_told_all_kinds() -> None:
    with pytest.raises(AdapterNotFoundError, match="kind='text'\\), or 'image', 'audio', 'video'"):
        wrap(lambda: "text", provider=ACME)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.bmp", "Convert the picture to one of them, such as PNG"),
        ("a.txt", "Markdown has one: choose for example 'a.md'"),
        ("a.csv", "Convert the file to one of them"),
    ],
)
def test_an_unsupported_format_gets_another_way(tmp_path: Path, name: str, advice: str) -> None:
    (tmp_path / name).write_bytes(b"BM,1\n2,3\n")
    with pytest.raises(CarrierError, match=advice):
        write_label(tmp_path / name, LABEL)


def test_an_unknown_file_is_told_what_label_takes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(CarrierError, match=r"label\(\) takes pictures, \.txt and \.md, sounds, films, .* convert it"):
        label(tmp_path / "a.csv", provider=ACME)


@pytest.mark.parametrize(
    ("call", "extra"),
    [
        ("label([0.0, 0.1] * 24000, rate=24000, producer='acme')", "audio"),
        ("label([Image.new('RGB', (300, 200))] * 3, fps=16, producer='acme')", "video"),
    ],
)
def test_without_its_extra_a_stage_tells_the_pip_line(call: str, extra: str) -> None:
    code = f"import sys; sys.modules['numpy'] = None; from PIL import Image; from aigc_hooks import label; {call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(f"pip install 'aigc-hooks[{extra}]'")


def test_without_soundfile_a_sound_is_unknown_with_the_pip_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(48_000))
    monkeypatch.setitem(sys.modules, "soundfile", None)
    heard = [each for each in check(tmp_path / "a.wav").checks if each.id.startswith("A-")]
    assert {each.status for each in heard} == {"unknown"}
    assert all("pip install 'aigc-hooks[audio]'" in each.reason for each in heard)
