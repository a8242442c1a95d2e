"""A clean folder, pictures in it, and the two ways to run the command: in this process, and as users do."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from aigc_hooks.cli.app import app

SCRIPT = Path(sysconfig.get_path("scripts")) / "aigc-hooks"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder without settings."""
    for variable in os.environ:
        if variable.startswith("AIGC_HOOKS_"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def picture() -> Callable[..., Path]:
    """Saves a picture; the format comes from the name."""

    def make(name: str, mode: str = "RGB", **options: Any) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").resize((320, 240)).convert(mode).save(path, **options)
        return path

    return make


@pytest.fixture
def cli() -> Callable[..., Any]:
    """Runs the command in this process; ``output`` of the result holds standard output and standard error."""

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def script() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the installed script in a process of its own."""

    def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [str(SCRIPT), *(str(argument) for argument in arguments)]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **variables}
        return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=240, env=environment)

    return run
