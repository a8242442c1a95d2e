"""Where settings come from: environment variables and configuration files, each a layer that knows its source."""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from aigc_hooks.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENV_PREFIX = "AIGC_HOOKS_"
# Variables that steer the package itself and are no settings of a provider.
CONTROL_VARIABLES = {
    "AIGC_HOOKS_CONFIG": "path of the configuration file",
    "AIGC_HOOKS_PROVIDER": "name of the provider where the call names none",
    "AIGC_HOOKS_PLUGINS": "comma list: load only these third-party plugins; empty: none",
    "AIGC_HOOKS_BLOCK_PLUGINS": "comma list: do not load these plugins",
    "AIGC_HOOKS_TRACE": "1: print every hook call to standard error",
    "AIGC_HOOKS_DEBUG": "1: the command aigc-hooks shows the traceback of an error",
}


class Layer(NamedTuple):
    """Settings from one source, and that source's name for messages."""

    source: str
    values: Mapping[str, Any]


def environment(fields: Iterable[str]) -> list[Layer]:
    """A layer for each variable that sets one of these fields.

    ``AIGC_HOOKS_WORDING`` is ``wording``, ``AIGC_HOOKS_IMAGE__POSITION`` is ``position`` in the table ``image``.
    """
    layers = []
    for variable, text in sorted(os.environ.items()):
        if not variable.startswith(ENV_PREFIX) or variable in CONTROL_VARIABLES or not text:
            continue
        name, *parts = variable.removeprefix(ENV_PREFIX).lower().split("__")
        if name not in fields:
            known = [*CONTROL_VARIABLES, *(ENV_PREFIX + field.upper() for field in fields)]
            hint = did_you_mean(variable, known, prefix=ENV_PREFIX)
            raise ConfigError(f"environment variable {variable}={text!r} is no setting{hint}")
        value: Any = text
        if (name, *parts) == ("required_plugins",):
            value = [plugin.strip() for plugin in text.split(",") if plugin.strip()]
        for part in reversed(parts):
            value = {part: value}
        layers.append(Layer(f"environment variable {variable}", {name: value}))
    return layers


def tables(name: str, origin: str) -> list[Layer]:
    """The provider's table and the base table of the configuration file, strongest first."""
    path = config_file()
    if path is None:
        if name:
            raise ConfigError(
                f"unknown provider {name!r}{origin}: neither aigc.toml nor [tool.aigc_hooks] in pyproject.toml was "
                f"found in {Path.cwd()} or above. Write aigc.toml:\n\n{two_lines(name)}"
            )
        return []
    base = dict(_document(path))
    prefix = "tool.aigc_hooks." if path.name == "pyproject.toml" else ""
    providers = _table(base.pop("providers", {}), path, f"{prefix}providers")
    layers = [Layer(f"{path} [{prefix[:-1]}]" if prefix else str(path), _anchored(base, path.parent))]
    if name:
        if name not in providers:
            raise ConfigError(
                f"unknown provider {name!r}{origin} in {path}{did_you_mean(name, sorted(providers))} To add it:\n\n"
                f"{two_lines(name, prefix)}"
            )
        table = _table(providers[name], path, f"{prefix}providers.{name}")
        layers.insert(0, Layer(f"{path} [{prefix}providers.{name}]", _anchored(table, path.parent)))
    return layers


def _anchored(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A table whose files are found from the file that names them, wherever the program was started."""
    for style, name in (("image", "font"), ("audio", "clip"), ("security", "key"), ("security", "certificate")):
        values = table.get(style)
        if isinstance(values, dict) and isinstance(path := values.get(name), str) and "\n" not in path:
            table = {**table, style: {**values, name: _from(folder, path)}}
    security = table.get("security")
    if isinstance(security, dict) and isinstance(keys := security.get("trusted"), dict):
        anchored = {key: _from(folder, path) if isinstance(path, str) and path else path for key, path in keys.items()}
        table = {**table, "security": {**security, "trusted": anchored}}
    if isinstance(url := table.get("audit_url"), str):
        with suppress(ValueError):  # the settings say what is wrong with it
            table = {**table, "audit_url": record_url(url, folder)}
    return table


def record_url(text: str, folder: Path | None = None) -> str:
    """Where the record is kept, so that it is found again from any working folder: a URL, or an absolute path.

    Args:
        text: A URL of SQLite or PostgreSQL, or a path.
        folder: From where a path is meant; None: from the working folder.

    Raises:
        ValueError: It is neither.
    """
    scheme, found, rest = text.partition("://")
    if not found:
        if not text.strip() or text == ":memory:":
            raise ValueError("the record needs a file, which outlives the process")
        return str((folder or Path.cwd()).absolute() / Path(text).expanduser())
    kind = scheme.partition("+")[0]
    if kind == "sqlite":
        return record_url(rest.removeprefix("/"), folder)
    if kind not in ("postgresql", "postgres"):
        raise ValueError(
            f"the record is kept in SQLite (a path) or PostgreSQL (postgresql://user@host/database), found {scheme}://…"
        )
    return f"postgresql{scheme.removeprefix(kind)}://{rest}"


def _from(folder: Path, path: str) -> str:
    return str(folder.absolute() / Path(path).expanduser())


def providers_in_file() -> list[str]:
    """The names of the providers that the configuration in force has."""
    path = config_file()
    providers = _document(path).get("providers", {}) if path else {}
    return sorted(providers) if isinstance(providers, dict) else []


def _table(value: Any, path: Path, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {key} must be a table, found {value!r}")
    return value


def config_file() -> Path | None:
    """The configuration in force: ``AIGC_HOOKS_CONFIG``, or the nearest file in the working folder or above it."""
    if given := os.environ.get("AIGC_HOOKS_CONFIG"):
        return Path(given)
    try:
        folder = Path.cwd()
        for parent in (folder, *folder.parents):
            if (path := parent / "aigc.toml").is_file():
                return path
            if (path := parent / "pyproject.toml").is_file() and _document(path):
                return path
    except OSError as error:  # the working folder is gone, or closed to us
        raise ConfigError(f"cannot look for aigc.toml: {error}; set AIGC_HOOKS_CONFIG to its path") from error
    return None


def _document(path: Path) -> dict[str, Any]:
    """The settings in one file."""
    try:
        # With or without the byte order mark that Windows editors put first.
        whole = _parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error
    if path.name != "pyproject.toml":
        return whole
    return _table(_table(whole.get("tool", {}), path, "tool").get("aigc_hooks", {}), path, "tool.aigc_hooks")


@lru_cache(maxsize=16)
def _parse(text: str) -> dict[str, Any]:
    # By its text: the time stamp of a file does not tell two quick writes apart.
    document: dict[str, Any] = tomllib.loads(text)
    return document


def two_lines(name: str, prefix: str = "") -> str:
    """The lines of a configuration file that name a provider, indented for a message."""
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    head = f"[{prefix}providers.{key}]" if name else "# aigc.toml"
    return f'    {head}\n    producer = "your-service-or-27-character-code"\n'


def did_you_mean(found: str, known: list[str], *, prefix: str = "") -> str:
    """The known name that was probably meant, or all of them, as the end of a message."""
    # Without what they have in common, which would make any two of them alike.
    close = difflib.get_close_matches(found.removeprefix(prefix), [name.removeprefix(prefix) for name in known], n=1)
    return f"; did you mean {prefix + close[0]!r}?" if close else f"; known: {', '.join(known) or 'none'}."
