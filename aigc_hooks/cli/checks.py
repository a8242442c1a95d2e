"""``check``: judges files and folders, and says it in a table, as JSON, as SARIF or as JUnit XML."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import typer

from aigc_hooks.checks.report import Report
from aigc_hooks.checks.rules import EDITION
from aigc_hooks.cli import reports, tables
from aigc_hooks.cli.files import gather
from aigc_hooks.cli.looking import look
from aigc_hooks.cli.reports import Verdicts
from aigc_hooks.folders.walking import is_folder
from aigc_hooks.folders.work import check_one
from aigc_hooks.provider import resolve


def check_all(
    arguments: Sequence[str],
    provider: str | None,
    form: str,
    strict: bool,
    exclude: Sequence[str],
    processes: int | None,
) -> int:
    """Judges every file and prints the verdicts.

    Args:
        arguments: Paths and URLs of files and folders.
        provider: Name of a provider in the configuration, whose visible label is looked for too; or None.
        form: ``"table"``, ``"json"``, ``"sarif"`` or ``"junit"``.
        strict: Whether what is unknown fails.
        exclude: Patterns of what is left out in folders.
        processes: How many processes work on it; None: all cores for a folder, one for single files.

    Returns:
        The exit code: 0 if nothing fails, 1 if something does, 2 if nothing was judged.

    Raises:
        ConfigError: The provider is not known, or its settings are wrong.
    """
    settings = None if provider is None else resolve(provider, {})
    selection = gather(arguments, exclude=exclude)
    found = Verdicts(strict=strict)
    answers = look(selection, functools.partial(check_one, provider=settings), processes, "checking 检查中")
    for location, walked, answer in answers:
        if isinstance(answer, Report):
            found.reports.append(answer)
        elif is_folder(location):
            selection.passed_over.append((location, "there is no file in it"))
        elif answer.unknown and walked:
            found.skipped.append((location, answer.reason))
        else:
            found.broken.append((location, answer.reason))
    found.broken += selection.broken
    _print(found, form, everything=not selection.walked, passed_over=selection.passed_over)
    if found.fails:
        return 1
    if not found.reports:
        typer.echo("aigc-hooks: error: nothing was judged 没有可检查的文件", err=True)
        return 2
    return 0


def _print(found: Verdicts, form: str, *, everything: bool, passed_over: Sequence[tuple[str, str]]) -> None:
    if form == "json":
        tables.print_json(reports.plain(found))
    elif form == "sarif":
        tables.print_json(reports.sarif(found))
    elif form == "junit":
        typer.echo(reports.junit(found))
    else:
        screen = tables.console()
        for report in found.reports:
            screen.print(tables.report(report, everything=everything))
        for location, reason in found.broken:
            screen.print(tables.unreadable(location, reason))
        for location, reason in found.skipped:
            screen.print(tables.unreadable(location, reason, skipped=True))
        for location, reason in passed_over:
            screen.print(f"passed over 略过: {location}: {reason}", soft_wrap=True)
        screen.print(_summary(found), soft_wrap=True)
        screen.print(f"judged by 依据 {EDITION}; aigc-hooks {reports.VERSION}", soft_wrap=True)


def _summary(found: Verdicts) -> str:
    failed = sum(not report.passed for report in found.reports)
    unknown = sum(report.passed and bool(report.unknown) for report in found.reports)
    parts = [f"judged {len(found.reports)} files 已检查 {len(found.reports)} 个文件"]
    for count, words in (
        (len(found.reports) - failed - unknown, "passed {} 通过 {}"),
        (unknown, "passed with unknown {} 部分未知 {}"),
        (failed, "failed {} 不通过 {}"),
        (len(found.broken), "cannot be read {} 无法读取 {}"),
        (len(found.skipped), "skipped {} 跳过 {}"),
    ):
        if count:
            parts.append(words.format(count, count))
    return "; ".join(parts)
