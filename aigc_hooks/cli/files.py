"""``label``, ``inspect`` and ``verify``: the commands that work through files and whole folders."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar, get_args

from aigc_hooks.artifact import Reading
from aigc_hooks.cli import tables
from aigc_hooks.folders import remote
from aigc_hooks.folders.pool import WORTH_A_PROCESS, Crash, cores, spread
from aigc_hooks.folders.walking import is_folder, remove_leftovers, walk
from aigc_hooks.folders.work import Job, Outcome, Refusal, kind_of, label_one, read_one, verify_one
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import resolve
from aigc_hooks.security.keys import pinned_keys
from aigc_hooks.security.verification import Verification, keys_of
from aigc_hooks.styles import AudioStyle, ImageStyle, Settings, TextStyle, VideoStyle

R = TypeVar("R")

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


def label_all(
    selection: Selection,
    jobs: Sequence[Job],
    out: str | None,
    provider: str | None,
    overrides: Mapping[str, Any],
    *,
    overwrite: bool,
    debug: bool,
    processes: int | None,
) -> int:
    """Labels every file, whatever happens to each, and prints what became of them.

    Args:
        selection: What the files were chosen from.
        jobs: The files.
        out: Folder for the copies, or its URL; None labels in place.
        provider: Name of a provider in the configuration, or None.
        overrides: Settings from the command line.
        overwrite: Whether a target may exist already.
        debug: Whether to print the traceback of each failure.
        processes: How many work on it; None: all cores for a folder, one for single files.

    Returns:
        The exit code: 0 only if every file has its label, or has nothing to label in it.

    Raises:
        ConfigError: A setting is missing or wrong; nothing was written.
        PluginError: A required plugin is missing; nothing was written.
    """
    # A command whose whole purpose is labels does not count a file without one as done.
    settings = resolve(provider, {**overrides, "on_error": "raise"})
    hooks(settings)
    places = [job.target or job.source for job in jobs if job.walked]
    remove_leftovers(Path(place) for place in places if not remote.is_url(place))
    work = functools.partial(label_one, provider=settings, overwrite=overwrite)
    workers = selection.jobs(processes, out or "")
    # One film takes longer than many pictures, and tells how far it is; other processes do not.
    films = workers == 1 and any(job.kind == "video" and not job.implicit_only for job in jobs)
    counts = dict.fromkeys(("labelled", "done", "nothing", "skipped", "failed"), 0)
    late: list[tuple[int, list[str]]] = []
    with _progress(len(jobs), "labelling 标识中", films) as progress:
        if films and progress:
            work = functools.partial(work, progress=functools.partial(_film_bar, progress))
        screen = progress.console if progress else tables.console(stderr=True)
        for number, answer in spread(work, jobs, workers):
            outcome = Outcome("failed", answer.reason) if isinstance(answer, Crash) else answer
            # What was given by itself is asked for: that it has no label is a failure.
            status = "failed" if outcome.status == "skipped" and not jobs[number].walked else outcome.status
            counts[status] += 1
            lines = _lines(jobs[number], outcome, status, debug)
            if selection.walked:
                late.append((number, lines))
            else:
                _say(screen, lines)
            if progress:
                progress.advance(progress.task_ids[0])
    for _, lines in sorted(late):
        _say(screen, lines)
    _say(screen, [f"passed over 略过: {location}: {reason}" for location, reason in selection.passed_over])
    _say(screen, [f"not labelled 未标识: {location}: {reason}" for location, reason in selection.broken])
    counts["failed"] += len(selection.broken)
    _say(tables.console(), [_summary(counts, len(jobs) + len(selection.broken), out)])
    return 1 if counts["failed"] or counts["skipped"] else 0


def _lines(job: Job, outcome: Outcome, status: str, debug: bool) -> list[str]:
    if status in ("labelled", "done"):
        return []
    if status == "nothing":
        return [f"nothing to label 无需标识: {job.source}: {outcome.reason}"]
    told = "skipped 跳过" if status == "skipped" else "not labelled 未标识"
    lines = [f"{told}: {job.source}: {outcome.reason}{_hint(job, outcome)}"]
    return [outcome.trace, *lines] if debug and outcome.trace else lines


def _hint(job: Job, outcome: Outcome) -> str:
    """Which option would help."""
    named = job.target is not None and remote.name(job.target) != remote.name(job.source)
    if outcome.unsupported and job.kind == "image" and not named and not job.implicit_only:
        return f"; add {'--format png' if job.target else '--out DIR --format png'}"
    return ""


def _summary(counts: Mapping[str, int], total: int, out: str | None) -> str:
    where = f"into {Path(out) if not remote.is_url(out) else out}" if out else "in place"
    done = counts["labelled"]
    parts = [f"labelled {done} of {total} {where} 已标识 {done}/{total}"]
    words = {
        "done": "labelled before 早已标识",
        "nothing": "nothing to label 无需标识",
        "skipped": "skipped 跳过",
        "failed": "failed 失败",
    }
    for status, told in words.items():
        if count := counts[status]:
            english, chinese = told.rsplit(" ", 1)
            parts.append(f"{english} {count} {chinese} {count}")
    return "; ".join(parts)


def _say(screen: Any, lines: Sequence[str]) -> None:
    for line in lines:
        screen.print(line, soft_wrap=True)


def _progress(total: int, what: str, films: bool = False) -> Any:
    """A progress bar on standard error, on a terminal only, and where there is something to wait for."""
    screen = tables.console(stderr=True)
    if not screen.is_terminal or (total < 2 and not films):
        return nullcontext()
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        redirect_stdout=False,  # it may go to a file
    )
    progress.add_task(what, total=total, visible=total > 1)
    return progress


def _film_bar(progress: Any, job: Job) -> Callable[[float], object]:
    """A bar for one film, in place of that of the film before."""
    for task in progress.task_ids[1:]:
        progress.remove_task(task)
    task = progress.add_task(remote.name(job.source), total=100)  # per cent
    return lambda share: progress.update(task, completed=100 * share)


def look(
    selection: Selection, function: Callable[[str], R | Refusal], processes: int | None, what: str
) -> list[tuple[str, bool, R | Refusal]]:
    """Applies a function to every file, on all cores, with a progress bar that calls it by its name.

    Returns:
        For each file its location, whether it was found in a folder, and the answer; in the order of the files.
    """
    locations = [location for location, _ in selection.files]
    answers: dict[int, R | Refusal] = {}
    with _progress(len(locations), what) as progress:
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
        _say(
            tables.console(stderr=True),
            [f"passed over 略过: {location}: {reason}" for location, reason in selection.passed_over],
        )
    return 0 if fine else 1
