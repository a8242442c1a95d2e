"""YAML front matter: where it stands in a text, and which labels are in it, read from YAML's events alone.

Front matter is what stands between a first line ``---`` and the next line ``---`` or ``...``, if that is a YAML mapping
and does not begin with an empty line: a rule across the page is drawn with the same three hyphens.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from aigc_hooks.artifact import RawLabel
from aigc_hooks.implicit.bounds import MAX_TEXT
from aigc_hooks.labels import FIELD_NAME, KEYS

PLACE = "YAML front matter AIGC"
"""Where the label stands, as findings and audit records name it."""

_MAX_EVENTS = 50_000
_MAX_DEPTH = 64
_SCANNED_LINES = 200

OPENING = re.compile(r"---[ \t]*(?:\r\n|\n|\r)(?![ \t]*(?:[\r\n]|\Z))")
"""The first line of a text that may have front matter."""

_CLOSING = re.compile(r"(?<=[\r\n])(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)")
# What begins like this was meant as front matter, even where it is no YAML.
_KEY_LINE = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?[\r\n])*[\w\"'][^\s:]*[ \t]*:(?:\s|\Z)")
_FIELD_LINE = re.compile(rf"(?:\A|(?<=[\r\n]))[\"']?{FIELD_NAME}[\"']?[ \t]*:")


class Entry(NamedTuple):
    """One ``AIGC`` in front matter, from one character of the text to another; empty if it says nothing."""

    start: int
    stop: int
    raw: RawLabel
    empty: bool


@dataclass(slots=True)
class FrontMatter:
    """The front matter of a text.

    Attributes:
        stop: Where the body begins.
        place: Where a new entry goes.
        indent: What stands before each of its keys.
        flow: Whether it is written in braces; ``filled`` then, whether anything stands in them.
        entries: Every ``AIGC`` in it.
        problem: Why it is no YAML, or empty.
    """

    stop: int
    place: int
    indent: str = ""
    flow: bool = False
    filled: bool = False
    entries: list[Entry] = field(default_factory=list)
    problem: str = ""


def front_matter(text: str) -> FrontMatter | None:
    """Finds the front matter of a text that has no byte order mark (any more); None where it has none."""
    opening = OPENING.match(text)
    if opening is None:
        return None
    start = opening.end()
    closing = _CLOSING.search(text, start, start + MAX_TEXT)
    if closing is None:
        # Just a rule, then; but a label that was cut off is somebody's label all the same.
        paragraph = re.split(r"(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)", text[start : start + MAX_TEXT], maxsplit=1)[0]
        problem = "it is not closed by a line --- or ..."
        entries = _scan(paragraph, problem)
        return FrontMatter(0, 0, entries=entries, problem=problem) if entries else None
    inner = text[start : closing.start()]
    front = FrontMatter(closing.end(), closing.start())
    if not inner:
        return front
    try:
        return front if _read(inner, start, front) else None
    except (yaml.YAMLError, ValueError) as error:
        problem = _reason(error)
    front.entries = _scan(inner, problem)
    front.problem = problem
    return front if front.entries or _KEY_LINE.match(inner) else None


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"line {mark.line + 2}: {what}" if mark else what  # the first line is the one with the hyphens


class _Events:
    """The events of a YAML text, as many as are good for it, and where the last thing that was written ends.

    Events, and not values: nothing is built, no alias is followed, and every key is seen, also one that stands twice.
    """

    def __init__(self, text: str) -> None:
        self._events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._depth = self._count = self.end = 0

    def __next__(self) -> Any:
        event = next(self._events)
        self._depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        self._count += 1
        if self._depth > _MAX_DEPTH or self._count > _MAX_EVENTS:
            raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels or has more than {_MAX_EVENTS} parts")
        if isinstance(event, yaml.ScalarEvent) or event.end_mark.index > event.start_mark.index:
            self.end = max(self.end, event.end_mark.index)
        return event


def _read(inner: str, offset: int, front: FrontMatter) -> bool:
    """Takes the entries of a YAML text into the record; False if it is no mapping, and so no front matter."""
    events = _Events(inner)
    next(events)
    next(events)
    top = next(events, None)
    if not isinstance(top, yaml.MappingStartEvent):
        return False
    front.flow = bool(top.flow_style)
    front.indent = " " * (0 if front.flow else top.start_mark.column)
    if front.flow:
        front.place = offset + top.end_mark.index
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        front.filled = True
        start = key.start_mark.index
        name = _node(key, events, [])
        if name.upper() == f'"{FIELD_NAME}"':
            front.entries.append(_entry(json.loads(name), offset + start, events, offset))
        else:
            _node(next(events), events, [])
    if next(events).explicit or not isinstance(next(events), yaml.StreamEndEvent):
        raise ValueError("a YAML document ends in the middle of it")  # lines end at more characters there
    return True


def _entry(name: str, start: int, events: _Events, offset: int) -> Entry:
    defects = [] if name == FIELD_NAME else [f"the key is {name!r}, not {FIELD_NAME!r}"]
    event = next(events)
    text = "" if isinstance(event, yaml.ScalarEvent) else _node(event, events, defects)
    if isinstance(event, yaml.ScalarEvent):
        text = "" if _kind(event) == "null" else event.value
        defects.append(f"the guide asks for the seven keys here, found {'one value' if text else 'nothing'}")
    elif text.startswith(f'{{"{FIELD_NAME}":'):
        defects.append("the guide asks for the bare object here")
    raw = RawLabel(PLACE, text, tuple(defects))
    return Entry(start, offset + events.end, raw, text.strip() in ("", "{}", "[]"))


def _node(event: Any, events: _Events, defects: list[str], key: str = FIELD_NAME) -> str:
    """A YAML node as JSON; what is no string is named."""
    if isinstance(event, yaml.ScalarEvent):
        kind = _kind(event)
        if kind != "str":
            defects.append(f"{key} must be a string, found {kind}; double quotes make it one")
        return json.dumps("" if kind == "null" else event.value, ensure_ascii=False)
    if isinstance(event, yaml.AliasEvent):
        defects.append(f"{key} is a YAML alias, which is not followed")
        return "null"
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            items.append(_node(item, events, defects, key))
        return f"[{','.join(items)}]"
    pairs = []
    while not isinstance(name := next(events), yaml.MappingEndEvent):
        text = _node(name, events, [])
        name = json.loads(text) if text.startswith('"') else text
        pairs.append(f"{json.dumps(name, ensure_ascii=False)}:{_node(next(events), events, defects, name)}")
    return f"{{{','.join(pairs)}}}"


def _kind(event: Any) -> str:
    """What YAML takes a scalar for: ``"str"``, or ``"int"`` where quotes are missing."""
    tag = event.tag or yaml.resolver.Resolver().resolve(yaml.ScalarNode, event.value, event.implicit)
    return str(tag).rpartition(":")[2]


def _scan(text: str, problem: str) -> list[Entry]:
    """The label in front matter that is no YAML, as far as it can be told line by line."""
    found = _FIELD_LINE.search(text)
    if found is None:
        return []
    first, *lines = text[found.start() : found.start() + MAX_TEXT].splitlines()[:_SCANNED_LINES] or [""]
    block = [first]
    for line in lines:
        if line[:1] not in (" ", "\t", '"', "'", "}", ""):
            break
        block.append(line)
    front = FrontMatter(0, 0)
    defect = f"the front matter is no YAML: {problem}"
    try:
        _read("\n".join(block), 0, front)
    except (yaml.YAMLError, ValueError):
        pairs = [line.strip().partition(":") for line in block[1:]]
        values = {name.strip("\"' \t"): value.strip(" \t,").strip("\"'") for name, _, value in pairs}
        known = {key: values[key] for key in KEYS.values() if key in values}
        raw = json.dumps(known, ensure_ascii=False) if known else "\n".join(block).partition(":")[2].strip()
        return [Entry(0, 0, RawLabel(PLACE, raw, (defect,)), False)]
    return [
        entry._replace(raw=RawLabel(PLACE, entry.raw.text, (defect, *entry.raw.defects))) for entry in front.entries
    ]
