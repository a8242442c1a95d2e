"""The floors of the house: imports only go down."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aigc_hooks

ROOT = Path(__file__).parent.parent
PACKAGE = Path(aigc_hooks.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
FRAMEWORKS = {"torch", "diffusers", "transformers", "langchain_core", "langchain", "numpy", "soundfile", "av"}


def test_imports_only_go_down() -> None:
    script = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def imports(tree: ast.AST, *, at_load: bool) -> Iterator[tuple[str, str]]:
    """Every ``(module, name)`` imported; ``at_load``: only by statements that run when the module is loaded."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif not (at_load and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))):
            yield from imports(node, at_load=at_load)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_a_framework_when_it_is_loaded(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert {module.partition(".")[0] for module, _ in imports(tree, at_load=True)} & FRAMEWORKS == set()


def test_visible_and_hidden_labels_do_not_know_each_other() -> None:
    for room, other in (("explicit", "implicit"), ("implicit", "explicit")):
        for path in (PACKAGE / room).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found = {f"{module}.{name}" for module, name in imports(tree, at_load=False)}
            assert not [name for name in found if name.startswith(f"aigc_hooks.{other}")], path


def test_only_the_facade_speaks_to_pluggy() -> None:
    users = set()
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(module.partition(".")[0] == "pluggy" for module, _ in imports(tree, at_load=False)):
            users.add(path.name)
    assert users == {"hookspecs.py", "plugins.py"}


def test_the_package_ships_its_type_marker() -> None:
    assert (PACKAGE / "py.typed").is_file()
