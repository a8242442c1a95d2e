"""The commands and their options. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import importlib
import io
import sys
import traceback
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from aigc_hooks.cli import duties
from aigc_hooks.cli.label import label
from aigc_hooks.cli.log import app as log
from aigc_hooks.cli.options import Exclude, Files, Jobs, Json, usage
from aigc_hooks.errors import AIGCHooksError, ConfigError


class Kind(str, Enum):
    """What the demonstration makes."""

    image = "image"
    text = "text"
    audio = "audio"
    video = "video"


class _Commands(typer.core.TyperGroup):
    """Turns expected errors into a message on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # names of files may be no text, and terminals have less of it
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of a pipe went away: no error, and the framework's to handle
        except (AIGCHooksError, OSError) as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            from aigc_hooks.cli import tables

            typer.echo(f"aigc-hooks: error: {tables.harmless(str(error))}", err=True)
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


app.command()(label)


@app.command()
def inspect(files: Files, json: Json = False, exclude: Exclude = None, processes: Jobs = None) -> None:
    """Show the implicit labels that files carry (查看隐式标识).

    Names what about them breaks the standard. Exit code 0 if every file holds exactly one label, and it conforms. That
    a file holds none does not mean that its content was not generated. With --json: a list with one object per file;
    one that cannot be read has "error", one of a folder whose format is not known "skipped".
    """
    from aigc_hooks.cli.files import gather
    from aigc_hooks.cli.looking import inspect_all

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
        usage("check", f"give one of {', '.join(f'--{name}' for name in forms)}")
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
    from aigc_hooks.cli.files import gather
    from aigc_hooks.cli.looking import verify_all

    if key and provider is not None:
        usage("verify", "give either --key or --provider, not both")
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
