"""The options that commands share, and how a wrong call ends."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

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


def usage(command: str, message: str) -> NoReturn:
    """Ends a command that was called wrongly: exit code 2."""
    typer.echo(f"aigc-hooks: error: {message} (aigc-hooks {command} --help)", err=True)
    raise typer.Exit(2)
