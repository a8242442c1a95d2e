"""What the commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any
from unicodedata import category

import typer
from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from aigc_hooks.artifact import BY_ANALOGY, Finding, Reading
from aigc_hooks.checks.report import Report
from aigc_hooks.labels import DEGREES
from aigc_hooks.plugins import PluginInfo
from aigc_hooks.security.verdict import Verification

# What GB 45438-2025, 6.1 a) and Annex E call the elements.
ELEMENTS = {
    "Label": "生成合成标签",
    "ContentProducer": "生成合成服务提供者",
    "ProduceID": "内容制作编号",
    "ReservedCode1": "预留字段1",
    "ContentPropagator": "内容传播服务提供者",
    "PropagateID": "内容传播编号",
    "ReservedCode2": "预留字段2",
}
_DEGREES_IN_ENGLISH = {"1": "is generated", "2": "may be generated", "3": "is suspected to be generated"}

STATUSES = {"intact": "完好", "altered": "已被改动", "unsigned": "未签名", "signer unknown": "签名者未知"}
"""What ``verify`` finds, in Chinese."""

NOT_FOUND = "未发现隐式标识 no label found"
_NOT_FOUND_NOTE = "不代表内容非生成 this does not mean that the content was not generated"
_MANIFEST_NOTE = "{}: a C2PA manifest, not verified here; a label written now would break it"
_NO_PLACE_NOTE = "纯文本无处存放隐式标识 plain text has no place for the implicit label"


class _Console(Console):
    """A console that obeys nothing which stands in files, labels and rows."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))


def console(*, stderr: bool = False) -> Console:
    """A console that prints file names and labels as they are, whatever brackets or colons they hold."""
    return _Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def harmless(text: str) -> str:
    """A text whose control characters are spelt, as JSON spells them: a terminal would do what they say."""
    if text.isprintable():
        return text
    return "".join(each if each == "\n" or category(each)[0] != "C" else json.dumps(each)[1:-1] for each in text)


def print_json(value: Any) -> None:
    """Prints a value as JSON, with Chinese text as such; file names that are no text are escaped."""
    typer.echo(plain_json(value, indent=2))


def plain_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON that the standard output takes, whatever encoding it has and names hold."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
    return harmless(json.dumps(value, ensure_ascii=encoding not in ("utf-8", "utf8"), indent=indent))


def verdict(reading: Reading) -> Text:
    """One or two words on a reading."""
    if reading.conforms:
        return Text("符合 conforms", "bold green")
    if not reading.findings:
        return Text(NOT_FOUND, "bold yellow")
    return Text("不符合 does not conform", "bold red")


def reading(path: str, found: Reading) -> Group:
    """Everything that was found in one file."""
    parts: list[Any] = [Text.assemble((path, "bold"), f"  {found.carrier}")]
    for finding in found.findings:
        parts.append(_indented(Text(finding.place, "cyan"), 2))
        parts.append(_indented(_elements(finding), 4))
    parts.append(_indented(verdict(found), 2))
    notes = found.defects if found.findings else (_NOT_FOUND_NOTE,)
    notes += (BY_ANALOGY,) if found.findings and found.by_analogy else ()
    notes += (_NO_PLACE_NOTE,) if found.carrier == "text" else ()
    notes += tuple(_MANIFEST_NOTE.format(place) for place in found.manifests)
    parts += [_indented(Text(note), 4) for note in notes]
    return Group(*parts, "")


def unreadable(path: str, reason: str, *, skipped: bool = False) -> Group:
    """A file whose labels could not be read, or one of a folder that was skipped because its format is not known."""
    what = ("跳过 skipped: ", "bold yellow") if skipped else ("无法读取 cannot be read: ", "bold red")
    return Group(Text(path, "bold"), _indented(Text.assemble(what, reason), 2), "")


def verification(path: str, found: Verification) -> Group:
    """What the signature of one file is worth."""
    title = Text(f"{STATUSES[found.status]} {found.status}", _colour(found))
    parts: list[Any] = [Text(path, "bold"), _indented(title, 2)]
    parts += [_indented(Text(reason), 4) for reason in found.reasons]
    if spread := found.propagator:
        title = Text(f"传播者 propagator: {STATUSES[spread.status]} {spread.status}", _colour(spread))
        parts += [_indented(title, 2), *(_indented(Text(reason), 4) for reason in spread.reasons)]
    return Group(*parts, "")


def _colour(found: Verification) -> str:
    return {"intact": "bold green", "altered": "bold red"}.get(found.status, "bold yellow")


_STATUSES = {"pass": ("通过 pass", "green"), "fail": ("不通过 fail", "bold red"), "unknown": ("未知 unknown", "yellow")}


def report(found: Report, *, everything: bool) -> Group:
    """What one file is by the rules; without ``everything``, only the rules that it breaks or leaves open."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in found.checks:
        if everything or check.status != "pass":
            told = Text.assemble(check.rule, "\n", (check.reason, "dim"))
            if check.place and check.place not in check.reason:
                told.append(f" ({check.place})", "dim")
            table.add_row(Text(check.id, "cyan"), Text(*_STATUSES[check.status]), told)
    status = "fail" if found.failed else "unknown" if found.unknown else "pass"
    head = Text.assemble((found.path, "bold"), f"  {found.carrier}  ", _STATUSES[status])
    return Group(head, _indented(table, 2), "") if table.row_count else Group(head)


def _indented(what: Text | Table, columns: int) -> Padding:
    return Padding(what, (0, 0, 0, columns), expand=False)


def _elements(finding: Finding) -> Table | Text:
    if finding.label is None:
        return Text(finding.raw[:400])
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for key, value in finding.label.to_dict().items():
        if key == "Label" and value in DEGREES:
            value = f"{value} ({DEGREES[value]} {_DEGREES_IN_ENGLISH[value]})"
        table.add_row(key, ELEMENTS[key], Text(value) if value else Text("–", "dim"))
    return table


def plugins(infos: Iterable[PluginInfo]) -> Table:
    """The plugins, one a row, each with its hooks or with the reason why it was not loaded."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("Plugin 插件", "Distribution 发行包", "Hooks 钩子"):
        table.add_column(title, overflow="fold")
    for info in infos:
        hooks = Text(f"not loaded 未加载: {info.problem}", "bold red") if info.problem else Text("\n".join(info.hooks))
        table.add_row(Text(info.name), Text(info.distribution), hooks)
    return table


def demo(columns: Sequence[tuple[Path, Reading, Text]]) -> Table:
    """What the demo's files carry, one file a column.

    Args:
        columns: For each file its path, what was read from it, and a word on its visible label.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("File 文件", no_wrap=True)
    for path, _, _ in columns:
        table.add_column(path.name, overflow="fold", max_width=18)
    rows: dict[str, list[Text]] = {
        "Carrier 格式": [Text(found.carrier) for _, found, _ in columns],
        "Place 位置": [Text(", ".join(finding.place for finding in found.findings)) for _, found, _ in columns],
        "Visible 显式标识": [shown for _, _, shown in columns],
        "ProduceID 编号": [Text(_folded(found)) for _, found, _ in columns],
        "Verdict 结论": [verdict(found) for _, found, _ in columns],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table


def _folded(found: Reading) -> str:
    """The produce id in lines that fit a column."""
    return "\n".join(wrap(found.label.produce_id, 16)) if found.label else "–"
