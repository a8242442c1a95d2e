"""Ray: archives of files too large for one machine, labelled over a cluster.

    outcomes = aigc_hooks_ray.label_paths(aigc_hooks_ray.paths("s3://in"), "s3://in", "s3://out", provider="acme")
    outcomes.filter(lambda row: row["status"] in ("failed", "skipped")).show()

Each file goes through the same function as those of ``aigc-hooks label DIR``. Every machine must see the files and have
the settings' provider, fonts and clips at the same paths: a shared folder, or a store that fsspec knows. A file is
written whole or not at all, so that a worker that is lost leaves nothing half done; Ray gives its batch to another,
which does not do again what is done.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigc_hooks.errors import ConfigError
from aigc_hooks.folders import remote
from aigc_hooks.folders.walking import walk
from aigc_hooks.folders.work import Job, Outcome, kind_of, label_one
from aigc_hooks.provider import Provider, resolve

if TYPE_CHECKING:
    from ray.data import Dataset

__all__ = ["label_paths", "paths"]


def paths(root: str, *, exclude: Sequence[str] = ()) -> Dataset:
    """The files below a folder, as a dataset with the column ``"path"``.

    Args:
        root: The folder, or a URL that fsspec knows.
        exclude: Patterns of names and paths that are left out, such as ``*.json``.

    Raises:
        OSError: Something in it cannot be read: what is left out must be left out on purpose.
    """
    import ray

    found = walk(remote.local(root), exclude=exclude)
    if found.broken:
        first, reason = found.broken[0]
        raise OSError(
            f"{len(found.broken)} folders or links below {root} cannot be read, the first is {first}: {reason}"
        )
    return ray.data.from_items([{"path": path} for path, _ in found.files])


def label_paths(
    dataset: Dataset,
    root: str,
    out: str,
    *,
    provider: str | Provider | None = None,
    column: str = "path",
    batch_size: int = 16,
    overwrite: bool = False,
    **overrides: Any,
) -> Dataset:
    """Labels every file of a dataset of paths, each to the same place below another folder.

    Nothing runs before the result is asked for, and nothing raises where a file cannot be labelled: its row tells.

    Args:
        dataset: With a column of paths or URLs, such as ``paths`` makes.
        root: The folder that they lie in.
        out: The folder for the labelled copies, which every worker must see.
        provider: Name of a provider in the configuration of this process, or a ``Provider``.
        column: Name of the column.
        batch_size: How many files a worker takes at a time.
        overwrite: Whether a target that exists may be replaced, whatever it is.
        **overrides: Settings of ``Provider`` for this call.

    Returns:
        One row a file: ``"path"``, ``"target"``, ``"status"`` (``"labelled"``; ``"done"``: it was labelled before;
        ``"nothing"``: there is nothing to label in it; ``"skipped"``: its format has no label; ``"failed"``) and
        ``"reason"``.

    Raises:
        ConfigError: A setting is missing or wrong, or a folder is in the memory of this process.
    """
    root, out = remote.local(root), remote.local(out)
    for location in (root, out):
        if not remote.is_shared(location):
            raise ConfigError(f"{location} is in the memory of one process, which the workers do not see")
    settings = resolve(provider, {**overrides, "on_error": "raise"})
    work = functools.partial(
        _label_batch, column=column, root=_whole(root), out=_whole(out), provider=settings, overwrite=overwrite
    )
    return dataset.map_batches(work, batch_size=batch_size, batch_format="numpy")


def _whole(location: str) -> str:
    """A folder as every worker understands it, wherever that runs."""
    return location.rstrip("/") if remote.is_url(location) else str(Path(location).absolute())


def _label_batch(
    batch: dict[str, Any], *, column: str, root: str, out: str, provider: Provider, overwrite: bool
) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {"path": [], "target": [], "status": [], "reason": []}
    for path in map(str, batch[column]):
        location = _whole(remote.local(path))
        target, outcome = "", Outcome("failed", f"it does not lie in {root}")
        below = _below(location, root)
        if below:
            target = f"{out}/{below}"
            outcome = label_one(Job(location, target, kind_of(location), walked=True), provider, overwrite=overwrite)
        for name, value in zip(rows, (path, target, outcome.status, outcome.reason), strict=True):
            rows[name].append(value)
    return rows


def _below(location: str, root: str) -> str:
    """The path of a file below a folder; empty if it does not lie in it."""
    if remote.is_url(location):
        location, root = remote.full(location), remote.full(root)
    below = location.removeprefix(f"{root.rstrip('/')}/")
    return "" if below == location or ".." in below.split("/") else below
