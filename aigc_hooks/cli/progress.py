"""What commands print while they work through files: lines, and a bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from aigc_hooks.cli import tables
from aigc_hooks.folders import remote
from aigc_hooks.folders.work import Job


def say(screen: Any, lines: Sequence[str]) -> None:
    """Prints lines, each as one however long it is."""
    for line in lines:
        screen.print(line, soft_wrap=True)


def progress_bar(total: int, what: str, films: bool = False) -> Any:
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


def film_bar(progress: Any, job: Job) -> Callable[[float], object]:
    """A bar for one film, in place of that of the film before."""
    for task in progress.task_ids[1:]:
        progress.remove_task(task)
    task = progress.add_task(remote.name(job.source), total=100)  # per cent
    return lambda share: progress.update(task, completed=100 * share)
