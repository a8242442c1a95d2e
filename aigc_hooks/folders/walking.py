"""Finding the files of a folder: every file once, in order, whatever links and locks stand in the way."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from aigc_hooks.folders import remote


@dataclass
class Tree:
    """What was found under one folder.

    Attributes:
        files: Of each file its location, and its path below the folder with ``/`` between the names.
        broken: What could not be read, with the reason: a folder without permission, a link to nothing.
        passed_over: What is no file of its own, with the reason, such as a link to a folder that is walked already.
    """

    files: list[tuple[str, str]] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    passed_over: list[tuple[str, str]] = field(default_factory=list)


# As ``saving.atomic`` names what it has not finished.
_LEFTOVER = re.compile(r"\..{0,20}-[0-9a-f]{16}(?:\.[^/]{0,9})?", re.DOTALL)


def is_leftover(name: str) -> bool:
    """Whether a file name is that of an unfinished file, which a killed process left behind."""
    return bool(_LEFTOVER.fullmatch(name))


def is_folder(location: str) -> bool:
    """Whether a path or URL is a folder.

    Raises:
        ConfigError: A URL whose kind of store cannot be reached: a package is missing.
    """
    return remote.is_folder(location) if remote.is_url(location) else Path(location).is_dir()


def walk(root: str, *, leave_out: str | None = None, exclude: Sequence[str] = ()) -> Tree:
    """Finds every file under a folder, in the order of their names; links are followed, each folder is walked once.

    Args:
        root: The folder, or a URL of one.
        leave_out: A folder that is not walked, such as the one that the results go to.
        exclude: Patterns such as ``*.json`` or ``.git``: names of files and folders, or paths below the root, that are
            left out.
    """
    if remote.is_url(root):
        tree = Tree()
        left_out = remote.full(leave_out) if leave_out and remote.is_url(leave_out) else None
        for location, below in remote.files(root):
            if not _excluded(below, exclude, every_part=True) and not _is_in(location, left_out):
                tree.files.append((location, below))
        return tree
    return _Walk(root, leave_out, exclude).tree


def _is_in(location: str, folder: str | None) -> bool:
    return folder is not None and location.startswith(f"{folder.rstrip('/')}/")


def _excluded(below: str, patterns: Sequence[str], *, every_part: bool = False) -> bool:
    """Whether a path is left out; its folders have been looked at already, unless every part shall be."""
    parts = below.split("/")
    paths = ["/".join(parts[: count + 1]) for count in range(len(parts))] if every_part else [below]
    return any(
        fnmatchcase(path, pattern) or fnmatchcase(path.rpartition("/")[2], pattern)
        for path in paths
        for pattern in patterns
    )


class _Walk:
    """One walk. Folders behind links come last, so that each folder is found by its own name where it has one."""

    def __init__(self, root: str, leave_out: str | None, exclude: Sequence[str]) -> None:
        self.tree = Tree()
        self._exclude = exclude
        self._seen: dict[tuple[int, int], str] = {}
        self._links: list[tuple[str, str]] = []
        if leave_out is not None and Path(leave_out).is_dir():
            self._seen[_identity(leave_out)] = ""
        self._all([(root, "")])
        while self._links:
            links, self._links = self._links, []
            for link in links:
                self._all([link])
        self.tree.files.sort(key=lambda found: found[1].split("/"))

    def _all(self, stack: list[tuple[str, str]]) -> None:
        while stack:
            folder, below = stack.pop()
            try:
                key = _identity(folder)
                if key in self._seen:
                    if known := self._seen[key]:
                        self.tree.passed_over.append((folder, f"a link to {known}, which is walked already"))
                    continue
                self._seen[key] = folder
                with os.scandir(folder) as entries:
                    stack += self._entries(sorted(entries, key=lambda entry: entry.name), below)
            except OSError as error:
                self.tree.broken.append((folder, error.strerror or str(error)))

    def _entries(self, entries: list[os.DirEntry[str]], above: str) -> Iterator[tuple[str, str]]:
        """Notes the files and links among some entries, and yields the folders."""
        for entry in entries:
            below = f"{above}/{entry.name}" if above else entry.name
            if _excluded(below, self._exclude):
                continue
            try:
                if entry.is_dir():
                    if entry.is_symlink():
                        self._links.append((entry.path, below))
                    else:
                        yield entry.path, below
                elif entry.is_file():
                    if is_leftover(entry.name):
                        self.tree.passed_over.append((entry.path, "left unfinished by a run that was killed"))
                    else:
                        self.tree.files.append((entry.path, below))
                else:
                    entry.stat()  # a link to nothing says so
                    self.tree.passed_over.append((entry.path, "no file: a pipe, a socket or a device"))
            except OSError as error:
                self.tree.broken.append((entry.path, error.strerror or str(error)))


def _identity(folder: str) -> tuple[int, int]:
    found = Path(folder).stat()
    return found.st_dev, found.st_ino


def remove_leftovers(targets: Iterable[Path], idle: float = 60.0) -> None:
    """Removes what killed runs left of files, unless somebody wrote to it in the last seconds.

    Args:
        targets: The files that they were writing.
        idle: For how many seconds nobody must have written to them.
    """
    beginnings: dict[Path, set[str]] = {}
    for target in targets:
        beginnings.setdefault(target.parent, set()).add(f".{target.stem[:20]}-")
    for folder, known in beginnings.items():
        with suppress(OSError):
            for path in filter(lambda path: is_leftover(path.name), folder.iterdir()):
                if path.name[: path.name.rindex("-") + 1] in known and time.time() - path.stat().st_mtime > idle:
                    path.unlink()
