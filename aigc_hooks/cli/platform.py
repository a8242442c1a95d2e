"""``propagate``: what a platform shows around files, and its elements written into them."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aigc_hooks.cli import tables
from aigc_hooks.duties.platform import Propagation, propagate
from aigc_hooks.errors import AIGCHooksError
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, resolve


def propagate_all(
    files: Sequence[Path],
    out: Path | None,
    platform: str | None,
    provider: str | None,
    *,
    declared: bool,
    detected: bool,
    json: bool,
    debug: bool,
) -> int:
    """Works through the files, whatever happens to each, and prints what to show around them.

    Args:
        files: The files.
        out: Folder for the copies; None writes the files themselves.
        platform: Name or code of the platform; None takes the provider's.
        provider: Name of a provider in the configuration, or None.
        declared: Whether the user declared the content as generated.
        detected: Whether an explicit label or traces of generation were detected.
        json: Whether to print JSON.
        debug: Whether to print the traceback of each failure.

    Returns:
        The exit code.

    Raises:
        ConfigError: A setting is missing or wrong; nothing was written.
    """
    settings = resolve(provider, {} if platform is None else {"producer": platform})
    hooks(settings)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = []
    for path in files:
        try:
            made = _one(path, out, settings, declared, detected)
            found.append(_shown(made))
        except (AIGCHooksError, OSError) as error:
            if debug:
                tables.console(stderr=True).print(traceback.format_exc(), soft_wrap=True)
            found.append({"file": str(path), "error": str(error)})
    if json:
        tables.print_json(found)
    else:
        for line in found:
            _print(line)
    return 1 if any("error" in line for line in found) else 0


def _one(path: Path, out: Path | None, settings: Provider, declared: bool, detected: bool) -> Propagation:
    target = out / path.name if out is not None else None
    if target is not None and target.exists():
        raise FileExistsError(17, "the target is there already; choose another folder", str(target))
    return propagate(path, declared=declared, detected=detected, output=target, provider=settings)


def _shown(made: Propagation) -> dict[str, Any]:
    return {
        "file": str(made.path),
        "degree": made.degree,
        "prompt": made.prompt,
        "prompt_in_english": made.prompt_in_english,
        "label": made.label.to_dict() if made.label else None,
    }


def _print(line: dict[str, Any]) -> None:
    if "error" in line:
        tables.console(stderr=True).print(f"not propagated 未处理: {line['file']}: {line['error']}", soft_wrap=True)
        return
    prompt = line["prompt"] or "无需提示 nothing to show (which does not mean that the content was not generated)"
    tables.console().print(f"{line['file']}: {prompt}", soft_wrap=True)
