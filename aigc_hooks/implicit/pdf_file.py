"""The structure of a PDF file: its cross-references, and single objects looked up through them (ISO 32000, 7.5).

Nothing is read but what leads to the object asked for: of a cross-reference table, one line. A file whose structure is
damaged is refused rather than repaired by guesses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from aigc_hooks.errors import CarrierError
from aigc_hooks.implicit.bounds import Source
from aigc_hooks.implicit.pdf_streams import unpacked, unpredicted
from aigc_hooks.implicit.pdf_syntax import CutOffError, Dictionary, Name, Reference, SyntaxProblemError, parse, skip

T = TypeVar("T")

_TAIL = 2048
_WINDOW = 1024
_START = re.compile(rb"startxref[\0\t\n\f\r ]+(\d{1,19})")
_SUBSECTION = re.compile(rb"[\0\t\n\f\r ]*(\d{1,10})[ \t]+(\d{1,10})[ \t]*(?:\r\n|\r|\n)[\0\t\n\f\r ]*")
_LINE = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n|\r|\n)")
_OBJECT = re.compile(rb"[\0\t\n\f\r ]*(\d{1,10})[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+obj")
_STREAM = re.compile(rb"stream(?:\r\n|\n|\r)")
_MAX_SECTIONS = 4096
_MAX_DEPTH = 4
_FREE, _PLAIN, _PACKED = 0, 1, 2


class Entry(NamedTuple):
    """Where an object stands: its kind, and an offset and generation, or a stream of objects and a place in it."""

    kind: int
    first: int
    second: int


class Table(NamedTuple):
    """One section of a cross-reference table: of each run the first number, the count, the offset, the width."""

    runs: list[tuple[int, int, int, int]]
    trailer: Dictionary


class Packed(NamedTuple):
    """One cross-reference stream: for each run of objects the first number and how many; widths and rows."""

    runs: list[tuple[int, int]]
    widths: list[int]
    rows: bytes
    trailer: Dictionary


class Document:
    """A PDF file.

    Args:
        source: The file.

    Attributes:
        start: Where its last cross-reference section begins.
        sections: All of them, the last one first.
        trailer: The dictionary of the last one.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        tail = source.read(max(source.size - _TAIL, 0), min(source.size, _TAIL), "end of the file")
        starts = _START.findall(tail)
        if not starts or b"%%EOF" not in tail:
            raise source.fault(source.size, "no startxref and %%EOF at its end; it may be cut off")
        self.start = int(starts[-1])
        self._streams: dict[int, tuple[list[int], bytes]] = {}
        self._depth = 0
        self.sections: list[Table | Packed] = []
        for section in self._chain(self.start):
            self.sections.append(section)
        self.trailer = self.sections[0].trailer
        if not isinstance(self.trailer.get("Root"), Reference):
            raise source.fault(self.start, "its trailer names no document catalogue (Root)")

    @property
    def packed(self) -> bool:
        """Whether the last cross-references are a stream."""
        return isinstance(self.sections[0], Packed)

    @property
    def catalogue(self) -> Dictionary:
        """The document catalogue."""
        found = self.get(self.trailer["Root"])
        if not isinstance(found, Dictionary):
            raise self.source.fault(self.start, "its document catalogue (Root) is no dictionary")
        return found

    def free_number(self) -> int:
        """The number of a new object."""
        told = self.trailer.get("Size")
        if not isinstance(told, int) or not 0 < told < 1 << 31:
            raise self.source.fault(self.start, "its trailer tells no Size")
        return max(told, *(run[0] + run[1] for section in self.sections for run in section.runs))

    def get(self, value: Any) -> Any:
        """What a reference leads to, or the value itself if it is none; None for an object that is not there."""
        for _ in range(8):
            if not isinstance(value, Reference):
                return value
            value = self._load(value)
        raise self.source.fault(self.start, "references lead to references without end")

    def stream(self, reference: Reference) -> tuple[Dictionary, bytes] | None:
        """The dictionary and the decoded data of a stream; None if the object is none."""
        entry = self._locate(reference.number)
        return self._stream_at(entry.first, reference.number) if entry and entry.kind == _PLAIN else None

    # -- objects ------------------------------------------------------------------------------------------------------

    def _load(self, reference: Reference) -> Any:
        entry = self._locate(reference.number)
        if entry is None or entry.kind == _FREE:
            return None
        if entry.kind == _PLAIN:
            return self._object(entry.first, reference.number)[0]
        if entry.first not in self._streams:
            self._streams[entry.first] = self._objects_in(entry.first)
        offsets, data = self._streams[entry.first]
        if entry.second >= len(offsets):
            raise self.source.fault(self.start, f"the object stream {entry.first} lacks the object {reference.number}")
        return self._parsed(data, offsets[entry.second], entry.first)

    def _objects_in(self, number: int) -> tuple[list[int], bytes]:
        """The offsets of the objects in an object stream, and its data."""
        found = self.stream(Reference(number, 0))
        if found is None:
            raise self.source.fault(self.start, f"the object stream {number} is missing")
        dictionary, data = found
        count, first = dictionary.get("N"), dictionary.get("First")
        if not isinstance(count, int) or not isinstance(first, int) or not 0 <= count <= len(data):
            raise self.source.fault(self.start, f"the object stream {number} tells no N and First")
        numbers = data[: max(first, 0)].split()
        if len(numbers) < 2 * count or not all(part.isdigit() and len(part) < 11 for part in numbers[: 2 * count]):
            raise self.source.fault(self.start, f"the object stream {number} has no list of {count} objects")
        return [first + int(offset) for offset in numbers[1 : 2 * count : 2]], data

    def _parsed(self, data: bytes, at: int, number: int) -> Any:
        try:
            return parse(data, at)[0]
        except SyntaxProblemError as error:
            raise self.source.fault(self.start, f"the object stream {number} is damaged: {error}") from error

    def _object(self, offset: int, number: int | None) -> tuple[Any, int, bytes]:
        """The object at an offset; where it ends in the file, and some bytes that follow it."""

        def read(data: bytes, last: bool) -> tuple[Any, int, bytes] | None:
            head = _OBJECT.match(data)
            if head is None or (number is not None and int(head[1]) != number):
                raise self.source.fault(offset, f"no object {'' if number is None else number} stands here")
            value, end = parse(data, head.end())
            end = skip(data, end)
            return (value, offset + end, data[end : end + 16]) if end + 16 <= len(data) or last else None

        return self._whole(offset, read)

    def _dictionary(self, offset: int) -> Dictionary:
        value = self._whole(offset, lambda data, last: parse(data, 0))[0]
        if not isinstance(value, Dictionary):
            raise self.source.fault(offset, "a trailer is no dictionary")
        return value

    def _whole(self, offset: int, read: Callable[[bytes, bool], T | None]) -> T:
        """What a function reads at an offset, in a window that grows until it finds all of it.

        Args:
            offset: Where it stands.
            read: Is called with the bytes there, and whether these are the last of the file; None asks for more.
        """
        window = _WINDOW
        while True:
            data = self._window(offset, window)
            last = len(data) < window
            try:
                found = read(data, last)
                if found is not None:
                    return found
            except CutOffError as error:
                if last:
                    raise self.source.fault(offset + error.at, str(error)) from error
            except SyntaxProblemError as error:
                raise self.source.fault(offset + error.at, str(error)) from error
            window *= 8

    def _window(self, offset: int, count: int) -> bytes:
        if not 0 < offset < self.source.size:
            raise self.source.fault(offset, "an offset leads out of the file")
        return self.source.payload(offset, min(count, self.source.size - offset), "object")

    def _stream_at(self, offset: int, number: int | None) -> tuple[Dictionary, bytes] | None:
        dictionary, end, after = self._object(offset, number)
        begun = _STREAM.match(after)
        if not isinstance(dictionary, Dictionary) or begun is None:
            return None
        length = dictionary.get("Length")
        if isinstance(length, Reference):
            length = self._length(length, offset)
        if not isinstance(length, int) or length < 0:
            raise self.source.fault(offset, "a stream tells no Length")
        data = self.source.payload(end + begun.end(), length, "stream")
        return dictionary, self._decoded(dictionary, data, offset)

    def _length(self, reference: Reference, offset: int) -> Any:
        """A length that is an object itself, perhaps in another stream, which must not be this one."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self.source.fault(offset, "the length of a stream leads to other streams without end")
        found = self.get(reference)
        self._depth -= 1
        return found

    def _decoded(self, dictionary: Dictionary, data: bytes, offset: int) -> bytes:
        filters, parameters = self.get(dictionary.get("Filter")), self.get(dictionary.get("DecodeParms"))
        filters = [] if filters is None else filters if isinstance(filters, list) else [filters]
        parameters = parameters if isinstance(parameters, list) else [parameters]
        if filters not in ([], ["FlateDecode"], ["Fl"]):
            raise CarrierError(f"a PDF stream packed by {str(filters)[:60]} at offset {offset} is not read")
        if not filters:
            return data
        data = unpacked(self.source, data, offset)
        return unpredicted(self.source, self.get(parameters[0]), data, offset)

    # -- cross-references ---------------------------------------------------------------------------------------------

    def _locate(self, number: int) -> Entry | None:
        for section in self.sections:
            entry = self._in_table(section, number) if isinstance(section, Table) else _in_stream(section, number)
            if entry is not None:
                return entry
        return None

    def _in_table(self, table: Table, number: int) -> Entry | None:
        for first, count, offset, width in table.runs:
            if first <= number < first + count:
                at = offset + (number - first) * width
                line = _LINE.match(self.source.read(at, min(width, self.source.size - at), "cross-reference"))
                if line is None:
                    raise self.source.fault(at, "no line of a cross-reference table")
                return Entry(_PLAIN if line[3] == b"n" else _FREE, int(line[1]), int(line[2]))
        return None

    def _chain(self, start: int) -> Iterator[Table | Packed]:
        """The sections from the last to the first one."""
        seen: set[int] = set()
        while start not in seen:
            seen.add(start)
            if len(seen) > _MAX_SECTIONS:
                raise self.source.fault(start, f"more than {_MAX_SECTIONS} cross-reference sections")
            data = self._window(start, _WINDOW)
            if data.startswith(b"xref"):
                section: Table | Packed = self._table(start + 4)
                hybrid = section.trailer.get("XRefStm")
                if isinstance(hybrid, int):
                    # It tells of objects that the table hides from old readers.
                    hidden = self._packed(hybrid)
                    if seen == {start}:
                        yield Table([], section.trailer)  # what this section is told by
                    yield hidden
            else:
                section = self._packed(start)
            yield section
            before = section.trailer.get("Prev")
            if before is None or before == 0:  # some write 0 for none
                return
            if not isinstance(before, int):
                raise self.source.fault(start, "a trailer's Prev is no number")
            start = before
        raise self.source.fault(start, "cross-reference sections lead back to one another")

    def _table(self, at: int) -> Table:
        runs: list[tuple[int, int, int, int]] = []
        while True:
            data = self._window(at, 128)
            begun = skip(data, 0)
            if data.startswith(b"trailer", begun):
                return Table(runs, self._dictionary(at + begun + 7))
            head = _SUBSECTION.match(data)
            if head is None:
                raise self.source.fault(at, "no section of a cross-reference table")
            self.source.step(at)
            first, count, at = int(head[1]), int(head[2]), at + head.end()
            if count:
                line = _LINE.match(data, head.end())
                if line is None:
                    raise self.source.fault(at, "no line of a cross-reference table")
                if line[0].startswith(b"0000000000 65535 f") and not runs:
                    first = 0  # some count from 1; the head of the free list is object 0
                runs.append((first, count, at, len(line[0])))
                at += count * len(line[0])

    def _packed(self, offset: int) -> Packed:
        self.source.step(offset)
        found = self._stream_at(offset, None)
        if found is None or found[0].get("Type") != Name("XRef"):
            raise self.source.fault(offset, "neither a cross-reference table nor a stream stands here")
        trailer, rows = found
        widths = _numbers(trailer.get("W"))
        index = _numbers(trailer.get("Index", [0, trailer.get("Size")]))
        if len(widths) != 3 or not 0 < sum(widths) < 64:
            raise self.source.fault(offset, "a cross-reference stream tells no widths (W)")
        if not index or len(index) % 2:
            raise self.source.fault(offset, "a cross-reference stream tells no runs of objects (Index)")
        return Packed(list(zip(index[::2], index[1::2], strict=True)), widths, rows, trailer)


def _numbers(values: Any) -> list[int]:
    """The values of an array that holds nothing but counts; none of any other."""
    known = isinstance(values, list) and all(isinstance(value, int) and value >= 0 for value in values)
    return list(values) if known else []


def _in_stream(section: Packed, number: int) -> Entry | None:
    done, width = 0, sum(section.widths)
    for first, count in section.runs:
        if first <= number < first + count:
            row = section.rows[(done + number - first) * width :][:width]
            if len(row) < width:
                return None
            one, two = section.widths[0], section.widths[0] + section.widths[1]
            kind = int.from_bytes(row[:one], "big") if one else _PLAIN
            return Entry(kind, int.from_bytes(row[one:two], "big"), int.from_bytes(row[two:], "big"))
        done += count
    return None
