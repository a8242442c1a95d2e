"""What ``from aigc_hooks import …`` offers."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import aigc_hooks
from aigc_hooks import errors


def declared() -> dict[str, str]:
    """The imports that type checkers see: name and module."""
    tree = ast.parse(Path(aigc_hooks.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, f"{alias.name} is not re-exported for type checkers"
            found[alias.name] = str(node.module).removeprefix("aigc_hooks.")
    return found


def test_names_are_sorted_and_unique() -> None:
    assert aigc_hooks.__all__ == sorted(set(aigc_hooks.__all__))
    assert list(aigc_hooks._HOMES) == sorted(aigc_hooks._HOMES)


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    assert declared() == aigc_hooks._HOMES
    assert set(declared()) == set(aigc_hooks.__all__)


@pytest.mark.parametrize("name", aigc_hooks.__all__)
def test_every_name_comes_from_its_module_and_is_documented(name: str) -> None:
    home = importlib.import_module(f"aigc_hooks.{aigc_hooks._HOMES[name]}")
    value = getattr(aigc_hooks, name)
    assert value is getattr(home, name)
    assert inspect.getdoc(value)


@pytest.mark.parametrize("name", aigc_hooks.__all__)
def test_every_name_can_be_imported_first(name: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", f"from aigc_hooks import {name}"], check=True, timeout=60)


def test_dir_lists_the_public_names() -> None:
    assert dir(aigc_hooks) == aigc_hooks.__all__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'aigc_hooks' has no attribute 'stamp'"):
        aigc_hooks.stamp  # noqa: B018
    with pytest.raises(ImportError, match="stamp"):
        from aigc_hooks import stamp  # noqa: F401


def test_every_error_is_public_and_in_the_drawing() -> None:
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert classes == set(errors.__all__) <= set(aigc_hooks.__all__)
    assert errors.__doc__
    for name in classes:
        error = getattr(errors, name)
        assert issubclass(error, errors.AIGCHooksError)
        parents = [parent.__name__ for parent in error.__bases__ if parent.__module__ == "builtins"]
        line = next(line for line in errors.__doc__.splitlines() if name in line.split())
        assert all(f"({parent})" in line for parent in parents if parent != "Exception")
