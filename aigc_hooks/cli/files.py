"""Which files a command works on, and where each of them goes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import get_args

from aigc_hooks.folders import remote
from aigc_hooks.folders.pool import WORTH_A_PROCESS, cores
from aigc_hooks.folders.walking import is_folder, walk
from aigc_hooks.folders.work import Job, kind_of
from aigc_hooks.settings import Settings
from aigc_hooks.styles import AudioStyle, ImageStyle, TextStyle, VideoStyle

_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif", "gif": ".gif", "avif": ".avif"}
_PLACES: dict[str, type[Settings]] = {
    "image": ImageStyle,
    "text": TextStyle,
    "audio": AudioStyle,
    "video": VideoStyle,
}


@dataclass
class Selection:
    """The files that a command works on.

    Attributes:
        files: Of each its path or URL, and its path below the folder that was given; None if it was given itself.
        broken: What could not be read, with the reason.
        passed_over: What is no file of its own, with the reason.
        walked: Whether a folder was given.
    """

    files: list[tuple[str, str | None]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    walked: bool = False

    def jobs(self, wanted: int | None, others: str = "") -> int:
        """How many processes work on it: all cores for a folder, one for single files, unless told otherwise."""
        if not all(map(remote.is_shared, [others, *(location for location, _ in self.files)])):
            return 1
        return wanted or (min(cores(), 1 + len(self.files) // WORTH_A_PROCESS) if self.walked else 1)


def gather(arguments: Sequence[str], *, leave_out: str | None = None, exclude: Sequence[str] = ()) -> Selection:
    """The files that were given, and those of the folders that were.

    Args:
        arguments: Paths and URLs of files and folders.
        leave_out: A folder that is not looked into: where the copies go.
        exclude: Patterns of what is left out in folders.

    Raises:
        ConfigError: A URL cannot be reached: a package is missing.
    """
    found = Selection()
    for location in map(remote.local, arguments):
        if not is_folder(location):
            found.files.append((_plain(location), None))
            continue
        found.walked = True
        tree = walk(location, leave_out=leave_out, exclude=exclude)
        found.files += [(_plain(path), below) for path, below in tree.files]
        found.broken += tree.broken
        found.passed_over += tree.passed_over
        if not tree.files and not tree.broken:
            found.files.append((_plain(location), None))  # which will be told to be a folder
    return found


def _plain(location: str) -> str:
    return location if remote.is_url(location) else str(Path(location))


def plan(selection: Selection, out: str | None, format: str | None) -> list[Job]:
    """Where each file goes.

    Args:
        selection: The files; those of a folder keep their places in it.
        out: Folder for labelled copies, or its URL; None labels in place, each file once whatever links lead to it.
        format: Format of the copies, by the name that ``--format`` takes; None keeps that of each file.
    """
    jobs = []
    seen: dict[str, str] = {}
    for location, below in selection.files:
        if out is None:
            real = location if remote.is_url(location) else os.path.realpath(location)
            if below is not None and real in seen:
                selection.passed_over.append((location, f"the same file as {seen[real]}"))
                continue
            seen.setdefault(real, location)
            jobs.append(Job(location, None, kind_of(location), below is not None))
            continue
        place = PurePosixPath(below or remote.name(location))
        target = place.with_name(place.stem + _SUFFIXES[format]) if format else place
        whole = f"{out.rstrip('/')}/{target}" if remote.is_url(out) else str(Path(out) / target)
        jobs.append(Job(location, whole, kind_of(location), below is not None))
    return jobs


def styles(jobs: Sequence[Job], position: str | None, wording: str | None) -> dict[str, dict[str, str]]:
    """The settings of each kind among the files, from the options that all of them share.

    Raises:
        ValueError: The position is none of any kind among the files.
    """
    found: dict[str, dict[str, str]] = {kind: {} for kind in sorted({job.kind for job in jobs})}
    if position is not None:
        known = {kind: get_args(_PLACES[kind].model_fields["position"].annotation) for kind in found}
        takers = [kind for kind in found if position in known[kind]]
        if not takers:
            names = {"image": "a picture", "text": "a text", "audio": "a sound", "video": "a film"}
            told = "; ".join(f"{names[kind]} has {', '.join(values)}" for kind, values in known.items())
            raise ValueError(f"--position {position!r} fits none of the files: {told}")
        for kind in takers:
            found[kind]["position"] = position
    if wording is not None:
        for kind, style in found.items():
            style["wording"] = wording
            if kind == "audio":
                style["kind"] = "voice"  # a rhythm has no words
    return {kind: style for kind, style in found.items() if style}


def collisions(jobs: Sequence[Job]) -> list[tuple[str, str, str]]:
    """Pairs of sources that would be written to one target, with that target."""
    first: dict[str, str] = {}
    found = []
    for job in jobs:
        if job.target is None:
            continue
        key = os.path.normcase(job.target)
        if key in first:
            found.append((first[key], job.source, job.target))
        first.setdefault(key, job.source)
    return found


def same_folder(arguments: Sequence[str], out: str) -> str | None:
    """The folder among the arguments that is the one for the copies, or None."""
    for location in map(remote.local, arguments):
        if remote.is_url(location) or remote.is_url(out):
            same = remote.is_url(location) and remote.is_url(out) and remote.full(location) == remote.full(out)
        else:
            same = Path(location).is_dir() and Path(out).is_dir() and Path(location).samefile(out)
        if same and is_folder(location):
            return location
    return None
