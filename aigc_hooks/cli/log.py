"""``aigc-hooks log``: the record of what left, shown, exported, verified, merged and purged."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aigc_hooks.errors import ConfigError

if TYPE_CHECKING:
    from aigc_hooks.duties.log.chain import Verification
    from aigc_hooks.duties.log.database import Database
    from aigc_hooks.duties.log.row import Row

app = typer.Typer(
    help="Look after the record of what was released (日志留存).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Path of an SQLite file, or postgresql://user@host/database. [default: the provider's audit_url]",
        show_default=False,
    ),
]
Provider = Annotated[
    str | None,
    typer.Option(help="Provider in aigc.toml or pyproject.toml whose audit_url is meant.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Moment = Annotated[datetime | None, typer.Option(help="Date, or date and time, UTC.", show_default=False)]


class Form(str, Enum):
    """What an export is written as."""

    jsonl = "jsonl"
    csv = "csv"


def _opened(url: str | None, provider: str | None, *, create: bool = False) -> Database:
    from aigc_hooks.provider import resolve

    url = url or resolve(provider, {}).audit_url
    if url is None:
        raise ConfigError(
            'no audit_url is set, and the record goes to the logger "aigc_hooks.audit": set audit_url in aigc.toml, '
            "AIGC_HOOKS_AUDIT_URL, or give --url"
        )
    from aigc_hooks.duties.log.database import Database

    return Database(url, create=create)


@app.command()
def tail(
    url: Url = None,
    provider: Provider = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many rows.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on, and print rows as they come.")] = False,
    json: Json = False,
) -> None:
    """Show the last rows (最近记录)."""
    from aigc_hooks.duties.log import finding

    database = _opened(url, provider)
    seen = finding.ends(database)
    rows = finding.last(database, count)
    _print(rows, json)
    seen.update((row.writer, row.sequence) for row in rows if row.sequence > seen.get(row.writer, 0))
    while follow:
        time.sleep(0.5)
        _print(finding.after(database, seen), json)


@app.command()
def show(
    number: Annotated[str, typer.Argument(metavar="ID", help="ProduceID of the label.", show_default=False)],
    url: Url = None,
    provider: Provider = None,
) -> None:
    """Show the record of one piece of content (查询编号).

    All that there is of it, as JSON. Exit code 1 if nothing is.
    """
    from aigc_hooks.cli import tables
    from aigc_hooks.duties.log import finding

    rows = finding.by_number(_opened(url, provider), number)
    tables.print_json([row.to_dict() for row in rows])
    raise typer.Exit(0 if rows else 1)


@app.command()
def export(
    url: Url = None,
    provider: Provider = None,
    form: Annotated[Form, typer.Option("--format", help="JSON Lines or CSV.")] = Form.jsonl,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write. [default: standard output]", show_default=False)
    ] = None,
    since: Moment = None,
    until: Moment = None,
) -> None:
    """Write rows as JSON Lines or CSV, with their hashes (导出)."""
    from aigc_hooks.duties.log import finding

    database = _opened(url, provider)
    if out is None:
        finding.export(database, sys.stdout, form.value, since, until)
        return
    import io

    from aigc_hooks.saving.atomic import replacing

    with replacing(out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        count = finding.export(database, text, form.value, since, until)
        text.flush()
        text.detach()
    typer.echo(f"{_counted(count, 'row')} 条 → {out}", err=True)


@app.command()
def verify(
    url: Url = None,
    provider: Provider = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHAIN:ROW:HASH",
            help="A head that an earlier verify printed and that was kept elsewhere: it must still be there.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Check that no row was removed, moved or changed (校验完整性).

    Prints the head of each chain: keep them elsewhere, for whoever can write to the database could compute it anew.
    Exit code 1 if anything is wrong.
    """
    from aigc_hooks.cli import tables
    from aigc_hooks.duties.log import chain

    found = chain.verify(_opened(url, provider), [_known(text) for text in known or []])
    if json:
        tables.print_json(found.to_dict())
    else:
        _tell(found)
    raise typer.Exit(0 if found.intact else 1)


@app.command()
def purge(
    before: Annotated[datetime, typer.Option(help="Rows of this date (UTC) and later stay.", show_default=False)],
    by: Annotated[str, typer.Option(help="Who signs it off; it is recorded.", show_default=False)],
    url: Url = None,
    provider: Provider = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
) -> None:
    """Remove rows older than a date, at least six months ago (清理过期记录)."""
    from aigc_hooks.duties.log import keeping

    count = keeping.purge(_opened(url, provider), before, by, reason)
    typer.echo(f"{_counted(count, 'row')} purged 已清理 {count} 条", err=True)


@app.command()
def merge(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="URL or path of the other log.", show_default=False)],
    url: Url = None,
    provider: Provider = None,
) -> None:
    """Copy the rows of another machine's log into this one (合并)."""
    from aigc_hooks.duties.log import keeping

    count = keeping.merge(_opened(source, None), _opened(url, provider, create=True))
    typer.echo(f"{_counted(count, 'row')} merged 已合并 {count} 条", err=True)


@app.command()
def upgrade(url: Url = None, provider: Provider = None) -> None:
    """Bring the tables up to this version (升级表结构).

    The first row that is written does so too.
    """
    database = _opened(url, provider, create=True)
    typer.echo(f"{database.shown}: {'upgraded 已升级' if database.upgrade() else 'up to date 已是最新'}", err=True)


def _known(text: str) -> tuple[str, int, str]:
    writer, _, rest = text.partition(":")
    sequence, _, hash = rest.partition(":")
    if not (writer and sequence.isdecimal() and hash):
        raise ConfigError(f"--known takes CHAIN:ROW:HASH as verify prints it, found {text!r}")
    return writer, int(sequence), hash


def _print(rows: Sequence[Row], json: bool) -> None:
    from aigc_hooks.cli import tables

    if json:
        for row in rows:
            typer.echo(tables.plain_json(row.to_dict()))
        return
    screen = tables.console()
    for row in rows:
        told = " · ".join(part for part in (row.source, row.produce_id, row.reference, row.reason) if part)
        screen.print(f"{row.time}  {row.outcome:<17} {row.modality:<6} {told}", soft_wrap=True)


def _tell(found: Verification) -> None:
    from aigc_hooks.cli import tables

    screen = tables.console()
    for problem in found.problems:
        screen.print(f"{problem.writer} row {problem.sequence}: {problem.what}", style="bold red", soft_wrap=True)
    if found.found > len(found.problems):
        screen.print(f"… and {found.found - len(found.problems)} more", style="bold red")
    for head in found.heads:
        purged = f", purged through {head.purged}" if head.purged else ""
        screen.print(f"{head.writer}:{head.sequence}:{head.hash}  {head.host}{purged}", soft_wrap=True)
    if found.set_back:
        screen.print(f"the clock was set back {_counted(found.set_back, 'time')} 时钟回拨")
    verdict = "完整 intact" if found.intact else f"不完整 not intact: {_counted(found.found, 'problem')}"
    told = f"{_counted(found.rows, 'row')} 条: {verdict}"
    screen.print(told, style="bold green" if found.intact else "bold red", soft_wrap=True)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
