"""aigc-hooks inspect: what files carry, for people and as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from aigc_hooks import read_label
from aigc_hooks.labels import KEYS

Cli = Callable[..., Any]
Picture = Callable[..., Path]


@pytest.fixture
def labelled(cli: Cli, picture: Picture) -> Path:
    path = picture("cat.png")
    assert cli("label", path, "--in-place", "--producer", "acme").exit_code == 0
    return path


@pytest.fixture
def faulty() -> Path:
    """What another tool might write: a number where a string belongs, one element missing, an old place."""
    info = PngImagePlugin.PngInfo()
    info.add_text("AIGC", json.dumps({"AIGC": {"Label": 1, "ContentProducer": "other tool", "ProduceID": "7"}}))
    Image.new("RGB", (64, 64)).save("faulty.png", pnginfo=info)
    return Path("faulty.png")


def test_table_names_place_elements_and_verdict(cli: Cli, labelled: Path) -> None:
    result = cli("inspect", labelled)
    assert result.exit_code == 0, result.output
    label = read_label(labelled).label
    assert label is not None
    assert "PNG iTXt XML:com.adobe.xmp" in result.output
    for text in ("cat.png", "acme", label.produce_id, "属于 is generated", "符合 conforms"):
        assert text in result.output
    assert all(key in result.output for key in KEYS.values())
    assert max(map(len, result.output.splitlines())) <= 80


def test_defects_are_named(cli: Cli, faulty: Path) -> None:
    result = cli("inspect", faulty)
    assert result.exit_code == 1
    assert "不符合 does not conform" in result.output
    for defect in read_label(faulty).defects:
        assert defect.split()[-1] in result.output
    assert "other tool" in result.output


def test_the_front_matter_of_markdown_is_shown(cli: Cli) -> None:
    Path("report.md").write_text("# 报告\n", encoding="utf-8")
    assert cli("inspect", "report.md").exit_code == 1
    assert cli("label", "report.md", "--in-place", "--producer", "acme").exit_code == 0
    result = cli("inspect", "report.md")
    assert result.exit_code == 0, result.output
    label = read_label("report.md").label
    assert label is not None
    for text in ("Markdown", "YAML front matter AIGC", "acme", label.produce_id, "符合 conforms"):
        assert text in result.output


def test_plain_text_has_no_place_and_the_table_says_so(cli: Cli) -> None:
    Path("notes.txt").write_text("你好\n", encoding="utf-8")
    result = cli("inspect", "notes.txt")
    assert result.exit_code == 1
    assert "no label found" in result.output
    assert "plain text has no place for the implicit label" in result.output


def test_no_label_is_not_called_human_made(cli: Cli, picture: Picture) -> None:
    result = cli("inspect", picture("plain.jpg"))
    assert result.exit_code == 1
    assert "no label found" in result.output
    assert "does not mean that the content was not generated" in " ".join(result.output.split())
    assert "human" not in result.output


def test_unreadable_files_do_not_stop_the_others(cli: Cli, labelled: Path) -> None:
    Path("broken.png").write_bytes(labelled.read_bytes()[:300])
    Path("text.dat").write_text("no picture", encoding="utf-8")
    result = cli("inspect", "broken.png", "text.dat", "missing.png", labelled)
    assert result.exit_code == 1
    assert result.output.count("cannot be read:") == 3
    assert result.output.count("符合 conforms") == 1


def test_json(cli: Cli, labelled: Path, faulty: Path, picture: Picture) -> None:
    plain = picture("plain.webp")
    result = cli("inspect", "--json", labelled, faulty, plain, "missing.png")
    assert result.exit_code == 1
    objects = json.loads(result.output)
    assert objects[:3] == [{"path": str(path), **read_label(path).to_dict()} for path in (labelled, faulty, plain)]
    assert [each.get("conforms") for each in objects] == [True, False, False, None]
    assert objects[3] == {"path": "missing.png", "error": "No such file or directory"}
    alone = cli("inspect", "--json", labelled)
    assert alone.exit_code == 0
    assert len(json.loads(alone.output)) == 1


def test_no_files_is_a_wrong_call(cli: Cli) -> None:
    assert cli("inspect").exit_code == 2


def test_script_on_a_terminal_without_chinese(
    script: Callable[..., subprocess.CompletedProcess[str]], labelled: Path
) -> None:
    odd = labelled.rename("猫.png")
    result = script("inspect", "--json", odd, PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)[0]["path"] == "猫.png"
    assert script("inspect", odd, PYTHONIOENCODING="ascii").returncode == 0
    assert script("inspect", odd, "missing.png").returncode == 1
    assert script("inspect").returncode == 2


@pytest.mark.parametrize("command", ["inspect", "verify", "check"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_label_tells_a_terminal_nothing(cli: Cli, command: str, form: list[str]) -> None:
    said = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202e"
    elements = {**dict.fromkeys(KEYS.values(), ""), "Label": "1", "ContentProducer": said, "ProduceID": said}
    info = PngImagePlugin.PngInfo()
    info.add_itxt("AIGC", json.dumps({"AIGC": elements}))
    Image.new("RGB", (64, 64)).save("told.png", pnginfo=info)
    output = cli(command, "told.png", *form).output
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(output)
    if form and command == "inspect":
        assert json.loads(output)[0]["findings"][0]["label"]["ProduceID"] == said


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii", "utf-8"])
@pytest.mark.parametrize(
    "command", [["inspect"], ["inspect", "--json"], ["check"], ["check", "--json"], ["check", "--sarif"]]
)
def test_a_name_that_is_no_text_is_told_on_every_terminal(command: list[str], encoding: str, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff \xe7\x8c\xab.png"
    Image.new("RGB", (40, 30)).save(path)
    program = [sys.executable, "-c", "from aigc_hooks.cli.app import app; app()"]
    done = subprocess.run(
        [*program, *command, path], env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr
    if len(command) > 1:
        assert "\udcff 猫.png" in json.dumps(json.loads(done.stdout), ensure_ascii=False) or command[1] == "--sarif"
