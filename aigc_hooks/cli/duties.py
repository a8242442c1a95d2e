"""The commands for what the Measures ask beyond labels, and their options: propagate, prompts, agreement, evidence."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from aigc_hooks.cli.options import ProviderName, usage


class Language(str, Enum):
    """Languages of the clause."""

    both = "both"
    zh = "zh"
    en = "en"


def propagate(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files to spread.", show_default=False)],
    platform: Annotated[
        str | None,
        typer.Option(help="Name or code of the platform. [default: the provider's producer]", show_default=False),
    ] = None,
    declared: Annotated[bool, typer.Option("--declared", help="The user declared the content as generated.")] = False,
    detected: Annotated[
        bool, typer.Option("--detected", help="An explicit label or traces of generation were detected.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", file_okay=False, help="Folder for the copies; made if missing.", show_default=False
        ),
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Write the files themselves instead of copies.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
    provider: ProviderName = None,
) -> None:
    """Mark files as a platform that spreads them (传播).

    Tells what the platform shows around each, and writes its elements into the label. By article 6 of the Measures: the
    metadata says it (Label 1), the user declared it (2), or it was detected (3). What the producer wrote stays. Give
    either --out or --in-place. Goes on after a file that fails.
    """
    if in_place == (out is not None):
        usage("propagate", "give either --out DIR or --in-place" + (", not both" if in_place else ""))
    from aigc_hooks.cli.platform import propagate_all

    assert context.parent is not None
    raise typer.Exit(
        propagate_all(
            files,
            out,
            platform,
            provider,
            declared=declared,
            detected=detected,
            json=json,
            debug=context.parent.params["debug"],
        )
    )


def prompts(
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Print what a platform shows (提示语).

    Around content and players, and to those who upload. By articles 4, 6 and 10 of the Measures: the prompts of the
    three degrees, the declaration that an uploader ticks, and the reminder to declare; each in Chinese, with English to
    go beside it.
    """
    from aigc_hooks.cli import tables
    from aigc_hooks.duties.platform import prompts as texts

    if json:
        tables.print_json(texts())
        return
    for name, told in texts().items():
        tables.console().print(f"{name}:\n  {told['zh']}\n  {told['en']}", soft_wrap=True)


def agreement(
    language: Annotated[Language, typer.Option(help="Language of the clause.")] = Language.both,
    provider: ProviderName = None,
) -> None:
    """Print the clause for the user agreement (用户服务协议条款).

    As Markdown. Article 8 of the Measures asks for it. It tells the methods and styles that the provider's settings
    have, and the users' duties. Have a lawyer read it with the rest of the agreement.
    """
    from aigc_hooks.duties.agreement import agreement as clause
    from aigc_hooks.provider import resolve

    typer.echo(clause(resolve(provider, {}), language.value))


def evidence(
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", file_okay=False, help="Folder for the bundle; made if missing.", show_default=False
        ),
    ],
    provider: ProviderName = None,
) -> None:
    """Build the bundle that app stores and filing ask for (标识材料).

    Articles 7 and 12 of the Measures. It holds the labelling scheme as configured; a text, a document, a picture, a
    sound, a film and a virtual scene labelled by it, how each looks, what was read back, and what check says of it; the
    clause of the user agreement; and versions: evidence.html, evidence.pdf, evidence.json, agreement.md, samples/ and
    screenshots/. An earlier bundle in the folder is replaced. Exit code 1 if a sample does not conform. Needs the
    extras: pip install 'aigc-hooks[audio,video,papers]'
    """
    from aigc_hooks.cli.papers import bundle

    raise typer.Exit(bundle(out, provider))
