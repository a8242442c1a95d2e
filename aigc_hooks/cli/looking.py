"""``inspect`` and ``verify``: what files carry, read on all cores and told."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aigc_hooks.artifact import Reading
from aigc_hooks.cli import tables
from aigc_hooks.cli.files import Selection
from aigc_hooks.cli.progress import progress_bar, say
from aigc_hooks.folders.pool import Crash, spread
from aigc_hooks.folders.work import Refusal, read_one, verify_one
from aigc_hooks.security.keys import pinned_keys
from aigc_hooks.security.verdict import Verification
from aigc_hooks.security.verification import keys_of

R = TypeVar("R")


def look(
    selection: Selection, function: Callable[[str], R | Refusal], processes: int | None, what: str
) -> list[tuple[str, bool, R | Refusal]]:
    """Applies a function to every file, on all cores, with a progress bar that calls it by its name.

    Returns:
        For each file its location, whether it was found in a folder, and the answer; in the order of the files.
    """
    locations = [location for location, _ in selection.files]
    answers: dict[int, R | Refusal] = {}
    with progress_bar(len(locations), what) as progress:
        for number, answer in spread(function, locations, selection.jobs(processes)):
            answers[number] = Refusal(answer.reason, False) if isinstance(answer, Crash) else answer
            if progress:
                progress.advance(progress.task_ids[0])
    return [(location, below is not None, answers[n]) for n, (location, below) in enumerate(selection.files)]


def verify_all(
    selection: Selection, keys: Sequence[str] | None, provider: str | None, as_json: bool, processes: int | None
) -> int:
    """Verifies every file and prints what it finds.

    Args:
        selection: The files.
        keys: What is known, each ``FILE`` or ``ID=FILE``; None takes the keys of the provider.
        provider: Its name.
        as_json: Whether programs read it.
        processes: How many work on it; None: all cores for a folder, one for single files.

    Returns:
        The exit code: 0 if every file is intact, and signed by a key that is known.

    Raises:
        ConfigError: A key cannot be read, or a setting is wrong.
    """
    known = pinned_keys(dict(map(_known, keys))) if keys else keys_of(provider)
    work = functools.partial(verify_one, known=known)
    return _tell_all(selection, look(selection, work, processes, "verifying 验证中"), as_json)


def _known(key: str) -> tuple[str, Path]:
    """Id and path of a key; a path that exists may hold the sign between them."""
    name, sign, path = key.partition("=")
    return (name, Path(path)) if sign and not Path(key).exists() else (key, Path(key))


def inspect_all(selection: Selection, as_json: bool, processes: int | None) -> int:
    """Reads every file and prints what it carries.

    Returns:
        The exit code: 0 if every file holds exactly one conforming label.
    """
    return _tell_all(selection, look(selection, read_one, processes, "reading 读取中"), as_json)


def _tell_all(
    selection: Selection, answers: Sequence[tuple[str, bool, Reading | Verification | Refusal]], as_json: bool
) -> int:
    """Prints what was found in each file; returns the exit code."""
    screen = tables.console()
    objects: list[dict[str, Any]] = []
    fine = not selection.broken
    for location, walked, found in answers:
        if isinstance(found, Refusal):
            fine = False
            skipped = found.unknown and walked
            objects.append({"path": location, "skipped" if skipped else "error": found.reason})
            if not as_json:
                screen.print(tables.unreadable(location, found.reason, skipped=skipped))
            continue
        if isinstance(found, Verification):
            fine = fine and found.ok
            shown = tables.verification(location, found)
        else:
            fine = fine and found.conforms
            shown = tables.reading(location, found)
        objects.append({"path": location, **found.to_dict()})
        if not as_json:
            screen.print(shown)
    for location, reason in selection.broken:
        objects.append({"path": location, "error": reason})
        if not as_json:
            screen.print(tables.unreadable(location, reason))
    if as_json:
        tables.print_json(objects)
    else:
        say(
            tables.console(stderr=True),
            [f"passed over 略过: {location}: {reason}" for location, reason in selection.passed_over],
        )
    return 0 if fine else 1
