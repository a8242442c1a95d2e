"""``aigc-hooks verify``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

import aigc_hooks
from aigc_hooks import Provider
from aigc_hooks.cli.app import app


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with keys, settings and a file of each kind."""
    monkeypatch.chdir(tmp_path)
    for name in ("own", "other"):
        subprocess.run(["openssl", "genpkey", "-algorithm", "SM2", "-out", f"{name}.pem"], check=True)
        subprocess.run(["openssl", "pkey", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub"], check=True)
    Path("aigc.toml").write_text('[providers.acme]\nproducer = "acme"\nsecurity = {key = "own.pem", key_id = "k-1"}\n')
    for name in ("own", "other"):
        provider = Provider(producer="acme", security={"key": f"{name}.pem"})
        aigc_hooks.label(Image.new("RGB", (96, 96)), provider=provider).save(f"{name}.png")
    plain = Provider(producer="acme")
    aigc_hooks.label(Image.new("RGB", (96, 96)), provider=plain).save("plain.png")
    text = aigc_hooks.save("Hello", "altered.md", provider=Provider(producer="acme", security={"key": "own.pem"}))
    text.write_text(text.read_text(encoding="utf-8").replace("Hello", "Hallo"), encoding="utf-8")
    Path("broken.png").write_bytes(Path("own.png").read_bytes()[:100])
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["verify", *arguments])


def test_every_answer_as_json(files: Path) -> None:
    names = ["own.png", "other.png", "plain.png", "altered.md", "broken.png", "none.png"]
    done = run("--provider", "acme", "--json", *names)
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert [item["path"] for item in found] == names
    assert [item.get("status") for item in found] == ["intact", "signer unknown", "unsigned", "altered", None, None]
    assert all(item["reasons"] for item in found[:4])
    assert all(item["error"] for item in found[4:])
    assert (found[0]["key_id"], found[0]["algorithm"], found[0]["content"]) == ("k-1", "SM3withSM2", "intact")
    assert found[3]["content"] == "altered"


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["--provider", "acme", "own.png"], 0, "完好 intact"),
        (["--key", "own.pub", "own.png"], 0, "完好 intact"),
        (["--key", "2026=own.pub", "--key", "old=other.pub", "own.png", "other.png"], 0, "known as 'old'"),
        (["--key", "other.pub", "own.png"], 1, "签名者未知 signer unknown"),
        (["own.png"], 1, "签名者未知 signer unknown"),
        (["--provider", "acme", "altered.md"], 1, "已被改动 altered"),
        (["plain.png"], 1, "未签名 unsigned"),
        (["broken.png"], 1, "cannot be read"),
        (["--key", "own.pem", "own.png"], 2, "holds a private key"),
        (["--key", "none.pub", "own.png"], 2, "cannot be read"),
        (["--key", "own.pub", "--provider", "acme", "own.png"], 2, "not both"),
        (["--provider", "nobody", "own.png"], 2, "unknown provider 'nobody'"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, status: str, files: Path) -> None:
    done = run(*arguments)
    assert done.exit_code == code, done.output
    assert status in " ".join(done.output.split())


def test_a_folder_is_walked(files: Path) -> None:
    folder = Path("labelled")
    folder.mkdir()
    for name in ("own.png", "altered.md"):
        Path(name).rename(folder / name)
    (folder / "data.bin").write_bytes(b"\1\2\3\4")
    done = run("--provider", "acme", "--json", "labelled")
    assert done.exit_code == 1
    found = {Path(item["path"]).name: item for item in json.loads(done.stdout)}
    assert found["own.png"]["status"] == "intact"
    assert found["altered.md"]["status"] == "altered"
    assert "skipped" in found["data.bin"]
    assert run("--key", "own.pub", "labelled", "--exclude", "*.md", "--exclude", "*.bin", "-j", "2").exit_code == 0
