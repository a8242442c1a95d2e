"""The commands and their options. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import importlib
import traceback
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import typer.core

from aigc_hooks.cli import duties
from aigc_hooks.cli.log import app as log
from aigc_hooks.errors import AIGCHooksError, ConfigError


class Format(str, Enum):
    """Formats that have a place for the implicit label, by the names that ``--format`` takes."""

    png = "png"
    jpeg = "jpeg"
    webp = "webp"
    tiff = "tiff"
    gif = "gif"
    avif = "avif"


class Kind(str, Enum):
    """What the demonstration makes."""

    image = "image"
    text = "text"
    audio = "audio"
    video = "video"


class _Commands(typer.core.TyperGroup):
    """Turns expected errors into a message on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of a pipe went away: no error, and the framework's to handle
        except (AIGCHooksError, OSError) as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            typer.echo(f"aigc-hooks: error: {error}", err=True)
            raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from error


app = typer.Typer(
    cls=_Commands,
    help="Labels AI-generated pictures, texts, documents, sounds and films as Chinese law demands (GB 45438-2025), and "
    "reads, judges and verifies the labels (生成合成标识).",
    epilog="Exit codes: 0 done; 1 something could not be labelled, read or verified; 2 wrong call or wrong settings.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(log, name="log")

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|DIR",
        help="Files, and folders with all that is in them; also as URLs that fsspec knows, such as s3://bucket/folder.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="What to leave out in folders, by name or by path below the folder, such as '*.json' or .git; may be "
        "given several times.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        metavar="N",
        help="How many processes work on it. [default: as many as there are cores for a folder, 1 for files]",
        show_default=False,
    ),
]
ProviderName = Annotated[
    str | None,
    typer.Option(
        help="Provider in aigc.toml or pyproject.toml. [default: AIGC_HOOKS_PROVIDER, or the base table]",
        show_default=False,
    ),
]


def _usage(command: str, message: str) -> NoReturn:
    typer.echo(f"aigc-hooks: error: {message} (aigc-hooks {command} --help)", err=True)
    raise typer.Exit(2)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aigc-hooks {version('aigc-hooks')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="AIGC_HOOKS_DEBUG", help="Show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""


@app.command()
def demo(
    kind: Annotated[
        Kind, typer.Argument(help="Which kind of content to make: image, text, audio or video.")
    ] = Kind.image,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", file_okay=False, help="Folder for the files; an earlier demo's are replaced."),
    ] = Path("aigc-hooks-demo"),
    seed: Annotated[int, typer.Option(help="Seed of the random model: another seed, another content.")] = 3,
) -> None:
    """See it work, offline and in seconds (演示).

    image: a tiny diffusers pipeline with random weights paints an abstract picture, which is saved in three formats.
    text: a tiny transformers model with random weights and a LangChain chain stream their answers, which are saved as
    Markdown. audio: a tiny VITS model with random weights speaks, after a fashion, and is saved in three formats.
    video: a tiny diffusers pipeline with random weights makes a film, which is saved as MP4, WebM and GIF. Then the
    labels are read back. Uses the configured provider, or else the producer "aigc-hooks-demo". Needs
    the extra: pip install 'aigc-hooks[demo]'
    """
    room = importlib.import_module(f"aigc_hooks.cli.demos.{kind.value}")
    raise typer.Exit(room.run(out, seed))


@app.command()
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
    from aigc_hooks.cli import files as work
    from aigc_hooks.folders.remote import local

    if in_place == (out is not None):
        _usage("label", "give either --out DIR or --in-place" + (", not both" if in_place else ""))
    if in_place and (format or overwrite):
        _usage("label", f"{'--format' if format else '--overwrite'} goes with --out, not with --in-place")
    if out is not None:
        out = local(out)
        if Path(out).is_file():
            _usage("label", f"--out {out} is a file; give a folder")
        if same := work.same_folder(files, out):
            _usage("label", f"{same} and --out are the same folder; --in-place labels the files there")
    selection = work.gather(files, leave_out=out, exclude=exclude or ())
    jobs = work.plan(selection, out, format.value if format else None)
    if twins := work.collisions(jobs):
        first, second, target = twins[0]
        _usage("label", f"{first} and {second} would both become {target}; label them into different folders")
    if format and (others := [job for job in jobs if job.kind != "image"]):
        kind = {"text": "a text", "video": "a film"}.get(others[0].kind, "a sound")
        _usage("label", f"--format is for pictures, and {others[0].source} is {kind}; label it without")
    if implicit_only:
        if format or position or wording or label_sound:
            _usage(
                "label",
                "--implicit-only changes nothing that --format, --position, --wording or --label-sound could apply to",
            )
        jobs = [job._replace(implicit_only=True) for job in jobs]
    try:
        overrides: dict[str, Any] = dict(work.styles(jobs, position, wording))
    except ValueError as error:
        _usage("label", str(error))
    if label_sound:
        if not any(job.kind == "video" for job in jobs):
            _usage("label", "--label-sound is for the sound of films, and no file is one")
        overrides["video"] = {**overrides.get("video", {}), "track": "label"}
    if producer is not None:
        overrides["producer"] = producer
    assert context.parent is not None
    debug = context.parent.params["debug"]
    raise typer.Exit(
        work.label_all(selection, jobs, out, provider, overrides, overwrite=overwrite, debug=debug, processes=processes)
    )


@app.command()
def inspect(files: Files, json: Json = False, exclude: Exclude = None, processes: Jobs = None) -> None:
    """Show the implicit labels that files carry (查看隐式标识).

    Names what about them breaks the standard. Exit code 0 if every file holds exactly one label, and it conforms. That
    a file holds none does not mean that its content was not generated. With --json: a list with one object per file;
    one that cannot be read has "error", one of a folder whose format is not known "skipped".
    """
    from aigc_hooks.cli.files import gather, inspect_all

    raise typer.Exit(inspect_all(gather(files, exclude=exclude or ()), json, processes))


@app.command()
def check(
    files: Files,
    json: Json = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF 2.1.0, for code scanning.")] = False,
    junit: Annotated[bool, typer.Option("--junit", help="Print JUnit XML, for CI.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Let fail what cannot be told from the file, and files that are skipped.")
    ] = False,
    provider: Annotated[
        str | None,
        typer.Option(
            help="Provider in aigc.toml or pyproject.toml whose visible label is looked for beside the default one.",
            show_default=False,
        ),
    ] = None,
    exclude: Exclude = None,
    processes: Jobs = None,
) -> None:
    """Judge files by the rules of the standard and the guides (检查合规).

    Judges the implicit label, and the visible one where it can be seen: in pictures the label of this library, in
    sounds the rhythm, in texts the notice. What is not recognised is unknown, not wrong. Exit code 0 if no file breaks
    a rule, 1 if one does or cannot be read, 2 if nothing was judged. Of folders, tables show only what is not passed.
    """
    from aigc_hooks.cli import checks

    forms = [name for name, wanted in (("json", json), ("sarif", sarif), ("junit", junit)) if wanted]
    if len(forms) > 1:
        _usage("check", f"give one of {', '.join(f'--{name}' for name in forms)}")
    raise typer.Exit(
        checks.check_all(files, provider, forms[0] if forms else "table", strict, exclude or (), processes)
    )


@app.command()
def verify(
    files: Files,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="[ID=]FILE",
            help="A public key or certificate that you know, in PEM; may be given several times. [default: those of "
            "the provider's settings]",
            show_default=False,
        ),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            help="Provider whose keys are known. [default: AIGC_HOOKS_PROVIDER, or the base table]", show_default=False
        ),
    ] = None,
    json: Json = False,
    exclude: Exclude = None,
    processes: Jobs = None,
) -> None:
    """Verify the signatures of labels and of their content (验证签名).

    Says of each file whether it is intact, altered, unsigned, or signed by somebody unknown, and why. Exit code 0 if
    every file is intact and signed by a key that is known. With --json: a list with one object per file; one that
    cannot be read has "error", one of a folder whose format is not known "skipped".
    """
    from aigc_hooks.cli.files import gather, verify_all

    if key and provider is not None:
        _usage("verify", "give either --key or --provider, not both")
    raise typer.Exit(verify_all(gather(files, exclude=exclude or ()), key, provider, json, processes))


@app.command()
def plugins(json: Json = False) -> None:
    """List the plugins found (查看插件).

    Who brought them, which hooks they implement, and why one was not loaded.
    """
    from aigc_hooks.cli import tables
    from aigc_hooks.plugins import hooks

    infos = hooks().plugins()
    if json:
        tables.print_json(
            [{"name": i.name, "distribution": i.distribution, "hooks": i.hooks, "problem": i.problem} for i in infos]
        )
    else:
        tables.console().print(tables.plugins(infos))


app.command()(duties.propagate)
app.command()(duties.prompts)
app.command()(duties.agreement)
app.command()(duties.evidence)
