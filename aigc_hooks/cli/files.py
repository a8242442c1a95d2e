"""``label`` and ``inspect``: the commands that work through a list of files."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, get_args

from aigc_hooks.cli import tables
from aigc_hooks.errors import AIGCHooksError, CarrierError, UnsupportedCarrierError
from aigc_hooks.explicit.text import left_alone
from aigc_hooks.labelling import label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, resolve
from aigc_hooks.reading import read_label
from aigc_hooks.saving.documents import SUFFIXES, TextFile, is_text
from aigc_hooks.saving.recordings import is_sound
from aigc_hooks.styles import AudioStyle, ImageStyle, Settings, TextStyle

_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif", "gif": ".gif", "avif": ".avif"}
_PLACES: dict[str, type[Settings]] = {"image": ImageStyle, "text": TextStyle, "audio": AudioStyle}


class Job(NamedTuple):
    """One file to label, where its copy goes (None labels the file itself), and its kind: text, image or audio."""

    source: Path
    target: Path | None
    kind: str


def plan(files: Sequence[Path], out: Path | None, format: str | None) -> list[Job]:
    """Where each file goes.

    Args:
        files: The files, as given.
        out: Folder for labelled copies; None labels in place.
        format: Format of the copies, by the name that ``--format`` takes; None keeps that of each file.
    """
    if out is None:
        return [Job(path, None, _kind(path)) for path in files]
    return [Job(path, out / (path.stem + _SUFFIXES[format] if format else path.name), _kind(path)) for path in files]


def _kind(path: Path) -> str:
    try:
        if is_text(path, path):
            return "text"
        return "audio" if is_sound(path) else "image"
    except OSError:  # it will be said when its turn comes
        return "text" if path.suffix.lower() in SUFFIXES else "image"


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
            names = {"image": "a picture", "text": "a text", "audio": "a sound"}
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


def collisions(jobs: Sequence[Job]) -> list[tuple[Path, Path, Path]]:
    """Pairs of sources that would be written to one target, with that target."""
    first: dict[Path, Path] = {}
    found = []
    for source, target, _ in jobs:
        if target is not None and first.setdefault(target, source) is not source:
            found.append((first[target], source, target))
    return found


def label_all(
    jobs: Sequence[Job], provider: str | None, overrides: Mapping[str, Any], *, overwrite: bool, debug: bool
) -> int:
    """Labels one file after another, whatever happens to each, and prints what became of them.

    Args:
        jobs: The files.
        provider: Name of a provider in the configuration, or None.
        overrides: Settings from the command line.
        overwrite: Whether a target may exist already.
        debug: Whether to print the traceback of each failure.

    Returns:
        The exit code.

    Raises:
        ConfigError: A setting is missing or wrong; nothing was written.
        PluginError: A required plugin is missing; nothing was written.
    """
    # A command whose whole purpose is labels does not count a file without one as done.
    settings = resolve(provider, {**overrides, "on_error": "raise"})
    hooks(settings)
    failed = passed = 0
    with _progress(len(jobs)) as progress:
        screen = progress.console if progress else tables.console(stderr=True)
        for job in jobs:
            try:
                if nothing := _label_one(job, settings, overwrite):
                    passed += 1
                    screen.print(f"nothing to label 无需标识: {job.source}: {nothing}", soft_wrap=True)
            except Exception as error:  # a broken file can fail anywhere in a decoder, and must not stop the others
                failed += 1
                if debug:
                    screen.print(traceback.format_exc(), soft_wrap=True)
                screen.print(f"not labelled 未标识: {job.source}: {_reason(error, job)}", soft_wrap=True)
            if progress:
                progress.advance(progress.task_ids[0])
    done = len(jobs) - failed - passed
    where = f"into {jobs[0].target.parent}" if jobs[0].target else "in place"
    summary = f"labelled {done} of {len(jobs)} {where} 已标识 {done}/{len(jobs)}"
    summary += f"; nothing to label {passed} 无需标识 {passed}" if passed else ""
    tables.console().print(f"{summary}; failed {failed} 失败 {failed}" if failed else summary, soft_wrap=True)
    return 1 if failed else 0


def _label_one(job: Job, settings: Provider, overwrite: bool) -> str:
    """Labels a file; returns why there was nothing to label in it, or nothing."""
    source, target, kind = job
    # A file without a label is not counted as labelled, whatever the reason.
    nothing = left_alone(TextFile.open(source, target or source).content) if kind == "text" else ""
    if target is None:
        label(source, provider=settings)
        return nothing
    if target.exists():
        if source.exists() and target.samefile(source):
            raise FileExistsError(f"{target} is the file itself; --in-place labels it there")
        if not overwrite:
            raise FileExistsError(f"{target} exists; --overwrite replaces it")
    target.parent.mkdir(parents=True, exist_ok=True)
    label(source, provider=settings, output=target)
    return nothing


def _reason(error: Exception, job: Job) -> str:
    named = job.target is not None and job.target.name != job.source.name
    if isinstance(error, UnsupportedCarrierError) and job.kind == "image" and not named:
        return f"{error}; add {'--format png' if job.target else '--out DIR --format png'}"
    if isinstance(error, OSError):
        return _why(error)
    if isinstance(error, AIGCHooksError):
        return str(error).removeprefix(f"{job.source} ")  # its name stands before it
    return f"{type(error).__name__}: {error}"


def _why(error: OSError) -> str:
    """The operating system's word, without number and file name: the name stands before it."""
    return error.strerror or str(error)


def _progress(total: int) -> Any:
    """A progress bar on standard error, on a terminal only, and where there is something to wait for."""
    screen = tables.console(stderr=True)
    if not screen.is_terminal or total < 2:
        return nullcontext()
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("labelling 标识中"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
    )
    progress.add_task("", total=total)
    return progress


def verify_all(files: Sequence[Path], keys: Sequence[str] | None, provider: str | None, as_json: bool) -> int:
    """Verifies one file after another and prints what it finds.

    Args:
        files: The files.
        keys: What is known, each ``FILE`` or ``ID=FILE``; None takes the keys of the provider.
        provider: Its name.
        as_json: Whether programs read it.

    Returns:
        The exit code: 0 if every file is intact, and signed by a key that is known.
    """
    from aigc_hooks.security.verification import verify

    known = dict(map(_known, keys)) if keys else None
    screen = tables.console()
    objects: list[dict[str, Any]] = []
    fine = True
    for path in files:
        try:
            found = verify(path, keys=known, provider=provider)
        except (CarrierError, OSError) as error:
            fine = False
            reason = _why(error) if isinstance(error, OSError) else str(error)
            objects.append({"path": str(path), "error": reason})
            if not as_json:
                screen.print(tables.unreadable(path, reason))
            continue
        fine = fine and found.ok
        objects.append({"path": str(path), **found.to_dict()})
        if not as_json:
            screen.print(tables.verification(path, found))
    if as_json:
        tables.print_json(objects)
    return 0 if fine else 1


def _known(key: str) -> tuple[str, Path]:
    """Id and path of a key; a path that exists may hold the sign between them."""
    name, sign, path = key.partition("=")
    return (name, Path(path)) if sign and not Path(key).exists() else (key, Path(key))


def inspect_all(files: Sequence[Path], as_json: bool) -> int:
    """Reads one file after another and prints what they carry.

    Returns:
        The exit code: 0 if every file holds exactly one conforming label.
    """
    screen = tables.console()
    objects: list[dict[str, Any]] = []
    fine = True
    for path in files:
        try:
            found = read_label(path)
        except (CarrierError, OSError) as error:
            fine = False
            reason = _why(error) if isinstance(error, OSError) else str(error)
            objects.append({"path": str(path), "error": reason})
            if not as_json:
                screen.print(tables.unreadable(path, reason))
            continue
        fine = fine and found.conforms
        objects.append({"path": str(path), **found.to_dict()})
        if not as_json:
            screen.print(tables.reading(path, found))
    if as_json:
        tables.print_json(objects)
    return 0 if fine else 1
