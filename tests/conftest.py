"""What the tests of every room share: a provider, and readers that this project did not write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import Provider

KEYS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)


@pytest.fixture
def provider() -> Provider:
    return Provider(producer="acme")


@pytest.fixture(scope="session")
def command() -> Callable[..., bytes]:
    """Runs a tool of the system. One that is missing fails the test in CI; elsewhere the test is skipped aloud."""

    def run(name: str, *arguments: str | Path) -> bytes:
        path = shutil.which(name)
        if path is None or (name == "tesseract" and b"chi_sim" not in subprocess.check_output([path, "--list-langs"])):
            outcome = pytest.fail if os.environ.get("CI") else pytest.skip
            outcome(f"{name} is not installed: see the README's list of Debian packages")
        done = subprocess.run([path, *map(str, arguments)], capture_output=True, timeout=120)
        assert done.returncode == 0, f"{name}: {done.stderr.decode(errors='replace')}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def exif_tags(command: Callable[..., bytes]) -> Callable[[Path], dict[str, Any]]:
    """Everything that ExifTool reads from a file, keyed ``Group:Tag``; duplicates as lists."""

    def read(path: Path) -> dict[str, Any]:
        (tags,) = json.loads(
            command("exiftool", "-j", "-G1", "-a", "-u", "-struct", "-api", "LargeFileSupport=1", path)
        )
        return tags

    return read


@pytest.fixture(scope="session")
def one_label(command: Callable[..., bytes]) -> Callable[[Path], dict[str, str]]:
    """The one label that ExifTool finds in a file, anywhere in it; more or fewer fail the test."""

    def read(path: Path) -> dict[str, str]:
        lines = command("exiftool", "-a", "-u", "-ee", "-G1", "-s", path).decode().splitlines()
        found = [line for line in lines if "ContentProducer" in line]
        assert len(found) == 1, (path, found)
        place, _, value = found[0].partition(": ")
        assert place.split() == ["[XMP-TC260]", "Aigc"], found
        label: dict[str, str] = json.loads(value)
        assert tuple(label) == KEYS
        return label

    return read
