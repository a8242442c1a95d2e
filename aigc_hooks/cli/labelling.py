"""``label``: what it does with its files, and what it tells of each."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aigc_hooks.cli import tables
from aigc_hooks.cli.files import Selection
from aigc_hooks.cli.progress import film_bar, progress_bar, say
from aigc_hooks.folders import remote
from aigc_hooks.folders.pool import Crash, spread
from aigc_hooks.folders.walking import remove_leftovers
from aigc_hooks.folders.work import Job, Outcome, label_one
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import resolve


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
    with progress_bar(len(jobs), "labelling 标识中", films) as progress:
        if films and progress:
            work = functools.partial(work, progress=functools.partial(film_bar, progress))
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
                say(screen, lines)
            if progress:
                progress.advance(progress.task_ids[0])
    for _, lines in sorted(late):
        say(screen, lines)
    say(screen, [f"passed over 略过: {location}: {reason}" for location, reason in selection.passed_over])
    say(screen, [f"not labelled 未标识: {location}: {reason}" for location, reason in selection.broken])
    counts["failed"] += len(selection.broken)
    say(tables.console(), [_summary(counts, len(jobs) + len(selection.broken), out)])
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
