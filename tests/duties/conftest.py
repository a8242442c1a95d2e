"""What the duties are tested with: a sink that keeps every record, and sounds that other tools made."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import AuditRecord, plugins

SINK = """
from aigc_hooks import hookimpl

records = []
fails = False


@hookimpl
def aigc_audit(record):
    if fails:
        raise OSError("disk full")
    records.append(record)
"""


class Sink:
    """The sink's records, and a switch that makes it fail."""

    def __init__(self, module: Callable[[], Any]) -> None:
        self._module = module

    @property
    def records(self) -> list[AuditRecord]:
        return list(self._module().records)

    def fail(self) -> None:
        self._module().fails = True

    def outcomes(self) -> list[str]:
        return [record.outcome for record in self.records]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Installs a plugin as pip leaves one; the result gives its module."""
    modules = set(sys.modules)

    def install(name: str, source: str) -> Callable[[], Any]:
        folder = tmp_path / "plugins" / name
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"plugin_{name}.py").write_text(source, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[aigc_hooks]\n{name} = plugin_{name}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(folder))
        plugins.reload()
        plugins.hooks()
        return lambda: sys.modules[f"plugin_{name}"]

    yield install
    monkeypatch.undo()
    for name in set(sys.modules) - modules:
        if name.startswith("plugin_"):
            del sys.modules[name]
    plugins.reload()


@pytest.fixture
def sink(installed: Callable[[str, str], Any]) -> Sink:
    return Sink(installed("sink", SINK))
