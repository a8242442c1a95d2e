"""The README says what is: its tables, signatures and commands are held against the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from aigc_hooks import hookspecs
from aigc_hooks.layers import CONTROL_VARIABLES
from aigc_hooks.provider import Provider
from aigc_hooks.settings import Settings, styles_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("aigc_")}
TESTS = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py")]


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_heading_with_its_signature(name: str) -> None:
    signature = str(inspect.signature(HOOKS[name])).replace("'", "")
    assert f"\n#### `{name}{signature}`\n" in README


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_test(name: str) -> None:
    assert any(re.search(rf"^def test_\w*{name}\w*\(", text, re.MULTILINE) for text in TESTS)


def settings(model: type[Settings] = Provider, above: str = "") -> dict[str, Any]:
    """Every setting by its dotted name, with its field; of a table that may be missing, the table itself as well."""
    found = {}
    for name, field in model.model_fields.items():
        style = styles_of(model).get(name)
        if style is None or field.default is None:
            found[f"{above}{name}"] = field
        if style is not None:
            found |= settings(style, f"{above}{name}.")
    return found


def test_every_setting_stands_in_the_table() -> None:
    rows = set(re.findall(r"^\| `([a-z_.]+)` \|", README, re.MULTILINE))
    assert settings().keys() - rows == {"name"}


def test_every_control_variable_is_explained() -> None:
    assert [name for name in CONTROL_VARIABLES if f"`{name}" not in README] == []


def test_the_defaults_in_the_table_are_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| `([^`]*)` \|", README, re.MULTILINE))
    assert len(rows) > 5
    for name, shown in rows.items():
        default = settings()[name].default
        assert shown.strip('"') == (str(default).lower() if isinstance(default, bool) else str(default))


def test_both_commands_begin_in_a_bare_environment() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert len(commands) >= 2
    assert all(" -c constraints.txt " in command for command in commands)
    assert any(command.endswith("aigc-hooks demo") for command in commands)
    assert any("-m pytest" in command for command in commands)


def test_torch_is_pinned() -> None:
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
