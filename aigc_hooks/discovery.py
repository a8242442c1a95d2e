"""Which plugins are installed, and which of them the environment lets in."""

from __future__ import annotations

import os
import re
import warnings
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any

from aigc_hooks import hookspecs

DISTRIBUTION = "aigc-hooks"
"""Our own distribution, whose adapters come by the same door as other plugins."""


def entry_points() -> list[tuple[EntryPoint, str]]:
    """Our own adapters, then third-party plugins, each by name: the order of the file system decides nothing."""
    found: dict[str, tuple[str, list[EntryPoint]]] = {}
    for distribution in distributions():
        if entry_points := _plugins_of(distribution):
            about: Any = distribution.metadata
            # The first on the path is the one that Python imports.
            found.setdefault(_canonical(about.get("Name", "?")), (about.get("Version", "?"), entry_points))
    return sorted(
        ((entry_point, f"{name} {version}") for name, (version, group) in found.items() for entry_point in group),
        key=lambda pair: (_third_party(pair[1]), pair[0].name, pair[1]),
    )


def _plugins_of(distribution: Distribution) -> list[EntryPoint]:
    # Asked first for the name of the group: most distributions bring no plugin, and need not be parsed.
    if hookspecs.PROJECT not in (distribution.read_text("entry_points.txt") or ""):
        return []
    try:
        return [entry_point for entry_point in distribution.entry_points if entry_point.group == hookspecs.PROJECT]
    except Exception as error:
        about: Any = distribution.metadata
        warnings.warn(
            f"the plugins of {about.get('Name')} were skipped: its entry points cannot be read: {error}", stacklevel=2
        )
        return []


def _third_party(distribution: str) -> bool:
    return not distribution.startswith(f"{DISTRIBUTION} ")


def excluded(name: str, distribution: str) -> str:
    """Why the environment keeps a plugin out; empty if it does not."""
    allowed = os.environ.get("AIGC_HOOKS_PLUGINS")
    if _third_party(distribution) and allowed is not None and name not in _names(allowed):
        return f"not in AIGC_HOOKS_PLUGINS={allowed}"
    if name in _names(os.environ.get("AIGC_HOOKS_BLOCK_PLUGINS", "")):
        return "in AIGC_HOOKS_BLOCK_PLUGINS"
    return ""


def _canonical(name: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(text: str) -> set[str]:
    return {name.strip() for name in text.split(",")}
