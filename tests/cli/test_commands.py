"""The command as a whole: help, version, plugins, errors, and what it costs to start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks.plugins import hooks

Cli = Callable[..., Any]
Script = Callable[..., subprocess.CompletedProcess[str]]


def python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, env=environment)


def test_version(cli: Cli, script: Script) -> None:
    assert cli("--version").output == f"aigc-hooks {version('aigc-hooks')}\n"
    assert script("--version").stdout == f"aigc-hooks {version('aigc-hooks')}\n"


@pytest.mark.parametrize(
    "command", ["demo", "label", "inspect", "check", "plugins", "propagate", "prompts", "agreement", "evidence"]
)
def test_every_option_is_explained(cli: Cli, command: str) -> None:
    assert command in cli("--help").output
    result = cli(command, "--help")
    assert result.exit_code == 0
    from typer.main import get_command

    from aigc_hooks.cli.app import app

    for parameter in get_command(app).commands[command].params:  # type: ignore[attr-defined]
        assert parameter.help
        assert parameter.opts[-1].lower() in result.output.lower()


def test_help_imports_nothing_heavy() -> None:
    result = python(
        "import sys; sys.argv = ['aigc-hooks', '--help']\n"
        "from aigc_hooks.cli import main\n"
        "assert 'typer' not in sys.modules\n"
        "try:\n    main()\n"
        "except SystemExit as exit:\n    assert not exit.code\n"
        "print(*{'torch', 'diffusers', 'transformers', 'numpy', 'PIL', 'pydantic', 'lxml'} & set(sys.modules), sep='|')"
    )
    assert result.stdout.splitlines()[-1] == "", result.stdout + result.stderr


def test_module_runs_as_the_script_does(folder: Path) -> None:
    result = subprocess.run([sys.executable, "-m", "aigc_hooks.cli", "--version"], capture_output=True, text=True)
    assert result.stdout == f"aigc-hooks {version('aigc-hooks')}\n"


def test_unknown_command(cli: Cli) -> None:
    assert cli("lable").exit_code == 2


def test_plugins_table(cli: Cli) -> None:
    result = cli("plugins")
    assert result.exit_code == 0
    for info in hooks().plugins():
        assert info.name in result.output
        assert all(hook in result.output for hook in info.hooks)
    assert max(map(len, result.output.splitlines())) <= 80


def test_plugins_json(cli: Cli) -> None:
    result = cli("plugins", "--json")
    assert result.exit_code == 0
    found = {each.pop("name"): each for each in json.loads(result.output)}
    assert found["diffusers"]["hooks"] == ["aigc_adapter"]
    assert found["diffusers"]["distribution"].startswith("aigc-hooks")
    assert all(set(each) == {"distribution", "hooks", "problem"} for each in found.values())


def test_plugins_tells_why_one_was_not_loaded(script: Script, folder: Path) -> None:
    info = folder / "site" / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[aigc_hooks]\nacme = acme_plugin\n", encoding="utf-8")
    result = script("plugins", PYTHONPATH=str(folder / "site"))
    assert result.returncode == 0
    assert "not loaded 未加载" in result.stdout
    assert "No module named 'acme_plugin'" in " ".join(result.stdout.split())
    assert result.stderr.startswith("aigc-hooks: warning: plugin 'acme' of acme 1.0 was skipped")
    assert len(result.stderr.splitlines()) == 1  # a warning, not a line of our source
    blocked = script("plugins", "--json", PYTHONPATH=str(folder / "site"), AIGC_HOOKS_BLOCK_PLUGINS="acme")
    assert blocked.stderr == ""
    assert {"AIGC_HOOKS_BLOCK_PLUGINS" in each["problem"] for each in json.loads(blocked.stdout)} == {True, False}


def test_errors_are_one_message_without_a_traceback(script: Script, folder: Path) -> None:
    (folder / "aigc.toml").write_text("producer = ", encoding="utf-8")
    plain = script("label", "cat.png", "--out", "out")
    assert plain.returncode == 2
    assert plain.stderr.startswith("aigc-hooks: error: cannot read the configuration")
    assert len(plain.stderr.splitlines()) == 1
    for debug in (
        script("--debug", "label", "cat.png", "--out", "out"),
        script("label", "cat.png", "--out", "out", AIGC_HOOKS_DEBUG="1"),
    ):
        assert debug.returncode == 2
        assert "Traceback (most recent call last)" in debug.stderr
        assert debug.stderr.splitlines()[-1] == plain.stderr.rstrip("\n")


def test_debug_shows_why_a_file_failed(script: Script, folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    arguments = ("label", "broken.png", "--out", "out", "--producer", "acme")
    assert "Traceback" not in script(*arguments).stderr
    debug = script(*arguments, AIGC_HOOKS_DEBUG="1")
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr


def test_required_plugin_that_is_missing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_HOOKS_REQUIRED_PLUGINS", "ids")
    result = cli("label", "cat.png", "--out", "out", "--producer", "acme")
    assert result.exit_code == 1
    assert "aigc-hooks: error: required plugin 'ids' is not loaded" in result.output
    assert not Path("out").exists()


@pytest.mark.parametrize("module", ["transformers", "langchain_core"])
def test_demo_of_texts_without_its_extra(module: str) -> None:
    result = python(
        f"import sys; sys.modules['{module}'] = None; sys.argv = ['aigc-hooks', 'demo', 'text']\n"
        "from aigc_hooks.cli import main; main()"
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.endswith("pip install 'aigc-hooks[demo]'\n")
    assert not Path("aigc-hooks-demo").exists()


def test_demo_without_its_extra() -> None:
    # None in sys.modules is Python's own way to say that a module cannot be imported.
    result = python(
        "import sys; sys.modules['diffusers'] = None; sys.argv = ['aigc-hooks', 'demo']\n"
        "from aigc_hooks.cli import main; main()"
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.endswith("pip install 'aigc-hooks[demo]'\n")
    assert not Path("aigc-hooks-demo").exists()
