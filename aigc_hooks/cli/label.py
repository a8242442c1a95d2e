"""``label``: the command, its options, and which of them go together."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc_hooks.cli.options import Exclude, Files, Jobs, ProviderName, usage

if TYPE_CHECKING:
    from aigc_hooks.folders.work import Job


class Format(str, Enum):
    """Formats that have a place for the implicit label, by the names that ``--format`` takes."""

    png = "png"
    jpeg = "jpeg"
    webp = "webp"
    tiff = "tiff"
    gif = "gif"
    avif = "avif"


def label(
    context: typer.Context,
    files: Files,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder for the labelled copies, or its URL; made if missing.",
            show_default=False,
        ),
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Label the files themselves instead of copies.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that --out already holds.")] = False,
    format: Annotated[
        Format | None,
        typer.Option(
            "--format", help="Format of the copies, for pictures only. [default: that of each file]", show_default=False
        ),
    ] = None,
    provider: ProviderName = None,
    producer: Annotated[
        str | None,
        typer.Option(
            help="Name or code of the service that generated the content. [default: the provider's]", show_default=False
        ),
    ] = None,
    position: Annotated[
        str | None,
        typer.Option(
            help="Place of the visible label. In pictures and films: top-left, top, top-right, right, bottom-right, "
            "bottom, bottom-left or left; in texts and sounds: end, start or both. It goes to the files of its kind. "
            "[default: the provider's, or bottom-right, and end in texts, start in sounds]",
            show_default=False,
        ),
    ] = None,
    wording: Annotated[
        str | None,
        typer.Option(
            help="Text of the visible label; sounds say it aloud. [default: the provider's, or AI生成; in texts "
            "（本内容由AI生成）; in sounds a rhythm]",
            show_default=False,
        ),
    ] = None,
    label_sound: Annotated[
        bool,
        typer.Option(
            "--label-sound",
            help="Lay the label of sound over the sound of films too, where that was generated; it stays in step with "
            "the picture, and is encoded anew.",
        ),
    ] = False,
    implicit_only: Annotated[
        bool,
        typer.Option(
            "--implicit-only",
            help="Write the implicit label alone, into any file that has a place for it, documents too: nothing is "
            "decoded. Their explicit label is your affair.",
        ),
    ] = False,
    exclude: Exclude = None,
    processes: Jobs = None,
) -> None:
    """Put both labels on files and folders (添加标识).

    On pictures, texts, documents, sounds and films: for people, and in the metadata. Goes on after a file that fails,
    and tells at the end. Give either --out or --in-place. Markdown gets the implicit label as front matter; a .txt has
    no place for it and gets the visible label only; a text that is blank or one JSON document is left as it is. Sound
    gets its label before it and is not encoded anew, except Ogg Vorbis; the pictures of films are, and a bar shows how
    far they are. The sound of films stays as it is unless with --label-sound.

    Of a folder, every file in it gets its labelled copy at the same place under --out. A run that was broken off goes
    on where it was: a copy that carries this producer's label is not made again, unless with --overwrite. Files whose
    format is not known are skipped and listed; then the exit code is 1, for they got no label: leave them out with
    --exclude.
    """
    from aigc_hooks.folders.pool import prepare

    prepare(files, processes)
    from aigc_hooks.cli.files import gather, plan
    from aigc_hooks.cli.labelling import label_all

    out = _checked_target(files, out, in_place, format, overwrite)
    selection = gather(files, leave_out=out, exclude=exclude or ())
    jobs = plan(selection, out, format.value if format else None)
    _check_jobs(jobs, format)
    if implicit_only:
        if format or position or wording or label_sound:
            usage(
                "label",
                "--implicit-only changes nothing that --format, --position, --wording or --label-sound could apply to",
            )
        jobs = [job._replace(implicit_only=True) for job in jobs]
    overrides = _overrides(jobs, position, wording, label_sound)
    if producer is not None:
        overrides["producer"] = producer
    assert context.parent is not None
    debug = context.parent.params["debug"]
    raise typer.Exit(
        label_all(selection, jobs, out, provider, overrides, overwrite=overwrite, debug=debug, processes=processes)
    )


def _checked_target(
    files: list[str], out: str | None, in_place: bool, format: Format | None, overwrite: bool
) -> str | None:
    """Where the copies go, if the options agree about it; None: in place."""
    from aigc_hooks.cli.files import same_folder
    from aigc_hooks.folders.remote import local

    if in_place == (out is not None):
        usage("label", "give either --out DIR or --in-place" + (", not both" if in_place else ""))
    if out is None:
        if format or overwrite:
            usage("label", f"{'--format' if format else '--overwrite'} goes with --out, not with --in-place")
        return None
    out = local(out)
    if Path(out).is_file():
        usage("label", f"--out {out} is a file; give a folder")
    if same := same_folder(files, out):
        usage("label", f"{same} and --out are the same folder; --in-place labels the files there")
    return out


def _check_jobs(jobs: Sequence[Job], format: Format | None) -> None:
    """Refuses files that would overwrite each other, or that a format is not for."""
    from aigc_hooks.cli.files import collisions

    if twins := collisions(jobs):
        first, second, target = twins[0]
        usage("label", f"{first} and {second} would both become {target}; label them into different folders")
    if format and (others := [job for job in jobs if job.kind != "image"]):
        kind = {"text": "a text", "video": "a film"}.get(others[0].kind, "a sound")
        usage("label", f"--format is for pictures, and {others[0].source} is {kind}; label it without")


def _overrides(jobs: Sequence[Job], position: str | None, wording: str | None, label_sound: bool) -> dict[str, Any]:
    """The settings that the options of the visible label stand for."""
    from aigc_hooks.cli.files import styles

    try:
        overrides: dict[str, Any] = dict(styles(jobs, position, wording))
    except ValueError as error:
        usage("label", str(error))
    if label_sound:
        if not any(job.kind == "video" for job in jobs):
            usage("label", "--label-sound is for the sound of films, and no file is one")
        overrides["video"] = {**overrides.get("video", {}), "track": "label"}
    return overrides
