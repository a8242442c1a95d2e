"""Members of JSON objects found, set and taken out in the text itself, so that everything else keeps its form.

The text is walked by its brackets and strings alone: nothing is built from it, and what stands between two brackets is
not looked at unless it leads to a label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from aigc_hooks.artifact import RawLabel
from aigc_hooks.implicit.bounds import MAX_PAYLOAD, MAX_TEXT, Source
from aigc_hooks.labels import FIELD_NAME

_MAX_DEPTH = 500
_MAX_MARKS = 5_000_000
_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_MARK = re.compile(rb'["{}\[\]]')
_PLAIN = re.compile(rb"[-+.\w]+")
_CLOSING = {0x7B: 0x7D, 0x5B: 0x5D}
_BOM = b"\xef\xbb\xbf"


class Member(NamedTuple):
    """One member of an object: its name, where the name begins, and where its value stands."""

    name: str
    start: int
    value: int
    stop: int


class Text:
    """A JSON text whose value is an object.

    Args:
        source: The file.
        data: The text, in UTF-8.
        start: Where it begins in the file, for messages.

    Raises:
        CarrierError: It is no JSON object in UTF-8, or is nested too deeply.
    """

    def __init__(self, source: Source, data: bytes, start: int = 0) -> None:
        self.data = data
        self._source = source
        self._start = start
        self.root = self._space(len(_BOM) if data.startswith(_BOM) else 0)
        if data[self.root : self.root + 1] != b"{":
            raise self._fault(self.root, "no JSON object in UTF-8")
        end = self._value(self.root)
        if self._space(end) != len(data):
            raise self._fault(end, "other text follows the JSON object")

    @classmethod
    def whole(cls, source: Source) -> Text:
        """The text of a file that is nothing else."""
        return cls(source, source.payload(0, source.size, "JSON text", MAX_PAYLOAD))

    def members(self, at: int) -> Iterator[Member]:
        """The members of the object that begins at an offset; none of what is no object."""
        if self.data[at : at + 1] != b"{":
            return
        at = self._space(at + 1)
        while self.data[at : at + 1] != b"}":
            name = _STRING.match(self.data, at)
            colon = self._space(name.end()) if name else at
            if name is None or self.data[colon : colon + 1] != b":":
                raise self._fault(at, "a JSON object has no name and colon here")
            value = self._space(colon + 1)
            stop = self._value(value)
            yield Member(self._load(at, name.end()), at, value, stop)
            at = self._space(stop)
            if self.data[at : at + 1] == b",":
                at = self._space(at + 1)
            elif self.data[at : at + 1] != b"}":
                raise self._fault(at, "no comma between two members of a JSON object")

    def at(self, path: Sequence[str]) -> Member | None:
        """The member that a path of names leads to."""
        place, found = self.root, None
        for name in path:
            found = self._member(place, name)
            if found is None:
                return None
            place = found.value
        return found

    def _member(self, place: int, name: str) -> Member | None:
        """A member of the object at a place; readers do not agree which one counts if there are two."""
        found = [member for member in self.members(place) if member.name == name]
        if len(found) > 1:
            raise self._fault(found[1].start, f"the JSON name {name!r} stands twice in one object")
        return found[0] if found else None

    def value(self, member: Member) -> Any:
        """The value of a member, built."""
        return self._load(member.value, member.stop)

    def raw(self, member: Member) -> str:
        """The text of a label: that of an object, or what a string holds."""
        text = self.data[member.value : member.stop]
        if text.startswith(b'"') and len(text) <= MAX_TEXT:
            return str(self.value(member))
        return text[: MAX_TEXT + 4].decode("utf-8", "replace")

    def without(self, member: Member) -> Text:
        """The text without a member and the comma that belongs to it."""
        before = len(self.data[: member.start].rstrip(b" \t\r\n"))
        after = self._space(member.stop)
        if self.data[after : after + 1] == b",":
            return self._with(self.data[: member.start] + self.data[self._space(after + 1) :])
        if self.data[before - 1 : before] == b",":
            before -= 1
        return self._with(self.data[:before] + self.data[member.stop :])

    def put(self, path: Sequence[str], value: str) -> Text:
        """The text with a member set; objects on its way that are missing are made.

        Raises:
            CarrierError: Something on its way is no object.
        """
        place = self.root
        for depth, name in enumerate(path):
            if self.data[place : place + 1] != b"{":
                raise self._fault(place, f"the JSON value {path[depth - 1]!r} is no object, and a label needs one here")
            found = self._member(place, name)
            if found is None:
                return self._with(self._first(place, path[depth:], value))
            if depth == len(path) - 1:
                return self._with(self.data[: found.value] + value.encode() + self.data[found.stop :])
            place = found.value
        raise AssertionError("a path names a member")

    def _first(self, place: int, path: Sequence[str], value: str) -> bytes:
        """The text with a new first member of the object at a place, laid out as its first one is."""
        first = next(self.members(place), None)
        sample = next(self.members(self.root), None)
        gap = b" " if sample and self.data[sample.value - 1 : sample.value] in b" " else b""
        made = value.encode()
        for name in reversed(path[1:]):
            made = b'{"' + name.encode() + b'":' + gap + made + b"}"
        made = b'"' + path[0].encode() + b'":' + gap + made
        if first is None:
            return self.data[: place + 1] + made + self.data[place + 1 :]
        return (
            self.data[: first.start]
            + made
            + b","
            + (self.data[place + 1 : first.start] or gap)
            + self.data[first.start :]
        )

    def _with(self, data: bytes) -> Text:
        return Text(self._source, data, self._start)

    def _space(self, at: int) -> int:
        match = _SPACE.match(self.data, at)
        return match.end() if match else at

    def _value(self, at: int) -> int:
        """Where a value ends."""
        kind = self.data[at : at + 1]
        if kind in (b"{", b"["):
            return self._bracket(at)
        match = _STRING.match(self.data, at) if kind == b'"' else _PLAIN.match(self.data, at)
        if match is None:
            raise self._fault(at, "no JSON value here")
        return match.end()

    def _bracket(self, at: int) -> int:
        """Where an object or array ends."""
        data, closing, count = self.data, [], 0
        while (mark := _MARK.search(data, at)) is not None:
            at = mark.end()
            count += 1
            if count > _MAX_MARKS:
                raise self._fault(at, f"the JSON has more than {_MAX_MARKS} strings and brackets")
            byte = data[at - 1]
            if byte == 0x22:
                string = _STRING.match(data, at - 1)
                if string is None:
                    break
                at = string.end()
            elif byte in _CLOSING:
                closing.append(_CLOSING[byte])
                if len(closing) > _MAX_DEPTH:
                    raise self._fault(at, f"the JSON is nested deeper than {_MAX_DEPTH} levels")
            elif closing.pop() != byte:
                raise self._fault(at - 1, "a JSON bracket closes another one")
            if not closing:
                return at
        raise self._fault(len(data), "the JSON is cut off")

    def _load(self, start: int, stop: int) -> Any:
        try:
            return json.loads(self.data[start:stop])
        except (ValueError, RecursionError) as error:
            raise self._fault(start, f"the JSON cannot be read: {str(error)[:100]}") from error

    def _fault(self, at: int, what: str) -> Exception:
        return self._source.fault(self._start + at, what)


class Places(NamedTuple):
    """Where a format made of JSON holds the label.

    Attributes:
        path: The names that lead to it.
        name: What a finding calls it.
        others: Objects in which others put it; each with its name.
    """

    path: tuple[str, ...]
    name: str
    others: tuple[tuple[str, ...], ...]

    def find(self, text: Text) -> Iterator[tuple[Member, RawLabel]]:
        """The labels in a text, in file order."""
        found = []
        for path in (self.path[:-1], *self.others):
            holder = text.at(path) if path else None
            if path and holder is None:
                continue
            for member in text.members(holder.value if holder else text.root):
                if member.name.upper() == FIELD_NAME:
                    found.append((member, self._raw(text, member, path)))
        return iter(sorted(found, key=lambda item: item[0].start))

    def _raw(self, text: Text, member: Member, path: tuple[str, ...]) -> RawLabel:
        defects = []
        if member.name != FIELD_NAME:
            defects.append(f"the name is {member.name!r}, not {FIELD_NAME!r}")
        if path != self.path[:-1]:
            defects.append(f"it stands in {'.'.join(path) or 'the top object'}, not in {'.'.join(self.path[:-1])}")
        return RawLabel(self.name, text.raw(member), tuple(defects))

    def write(self, text: Text, label: str) -> Text:
        """The text with one label, at its place."""
        while len(found := list(self.find(text))) > 1 or (found and self._is_stray(found[0][1])):
            strays = [member for member, raw in found if self._is_stray(raw)]
            text = text.without(strays[-1] if strays else found[-1][0])
        return text.put(self.path, label)

    def without(self, text: Text) -> bytes:
        """The text without the labels at their place, and without the objects on the way there that hold nothing."""
        while found := [member for member, raw in self.find(text) if not self._is_stray(raw)]:
            text = text.without(found[-1])
        for depth in range(len(self.path) - 1, 0, -1):
            holder = text.at(self.path[:depth])
            if holder and text.data.startswith(b"{", holder.value) and next(text.members(holder.value), None) is None:
                text = text.without(holder)
        return text.data

    @staticmethod
    def _is_stray(raw: RawLabel) -> bool:
        return bool(raw.defects)  # of this place: another name, or another object
