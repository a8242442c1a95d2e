"""Text files: the visible label in the text and, in Markdown, the implicit label in its front matter.

The labels are put between the bytes of the file: what else stands in it is neither decoded and encoded again nor given
other line ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from aigc_hooks.artifact import SNIFFED, Finding
from aigc_hooks.errors import CarrierError, LabelError, UnsupportedCarrierError
from aigc_hooks.implicit import front_matter, markdown
from aigc_hooks.implicit.bounds import opened_file
from aigc_hooks.implicit.field import parse
from aigc_hooks.labels import Label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider
from aigc_hooks.reading import read_label
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.security.signing import bound

SUFFIXES = (".txt", ".md", ".markdown")
"""File name endings of the texts that are labelled as files."""

MAX_SIZE = 64 << 20
"""Longest text file that is labelled, in bytes: 64 MiB."""

NO_PLACE = "TXT has no place for the implicit label"
"""What the audit record of a plain text says; TC260-PG-20258A is not known to name a place."""

_HEAD = 64
# Characters by which text in another code page, read as GBK, is told from Chinese.
_SAMPLE = 1 << 16


def is_text(source: Path, target: Path) -> bool:
    """Whether a file is labelled as a text: a name says so, its own or the target's, and its first bytes agree.

    Raises:
        OSError: It cannot be opened.
    """
    if source.suffix.lower() not in SUFFIXES and target.suffix.lower() not in SUFFIXES:
        return False
    with opened_file(source) as file:
        head = file.read(SNIFFED)
    # A page of HTML or a notebook is text as well: where the name says so, it is labelled as what it is named.
    others = [
        carrier
        for carrier in hooks().carriers
        if carrier.medium != "document" and not set(carrier.suffixes) & set(SUFFIXES)
    ]
    return not any(carrier.sniff(head) for carrier in others)


@dataclass
class TextFile:
    """A text on its way from one file to another.

    Attributes:
        name: What messages call it.
        target: Where it goes.
        data: Its bytes, as they are now.
        mark: The byte order mark that they begin with, or nothing.
        encoding: How what follows is encoded.
        text: What follows.
        unchanged: Whether the target holds these bytes already.
    """

    name: str
    target: Path
    data: bytes
    mark: bytes = b""
    encoding: str = "utf-8"
    text: str = ""
    unchanged: bool = False

    def __post_init__(self) -> None:
        if self.target.suffix.lower() not in SUFFIXES:
            raise UnsupportedCarrierError(
                f"{self.target}: a text is saved as {', '.join(SUFFIXES)}, and the suffix is {self.target.suffix!r}; "
                f"choose for example {self.target.with_suffix('.md').name!r}"
            )
        if len(self.data) > MAX_SIZE:
            raise CarrierError(f"{self.name} has more than {MAX_SIZE} bytes, the most that are labelled: split it")
        try:
            self.mark, self.encoding, self.text = _decode(self.data)
        except ValueError as error:
            raise CarrierError(f"{self.name} cannot be read as text: {error}") from error
        front = front_matter.front_matter(self.text)
        self._start = front.stop if front else 0
        self._findings = [parse(entry.raw) for entry in front.entries] if front else []
        self._final = next((end for end in ("\r\n", "\n", "\r") if self.text.endswith(end)), "")
        self._stop = max(self._start, len(self.text) - len(self._final))
        body = self.text[self._start : self._stop]
        self._end = markdown.line_end(body, markdown.line_end(self.text))
        self._content = body.replace("\r", "\n") if self._end == "\r" else body

    @classmethod
    def open(cls, source: Path, target: Path) -> TextFile:
        """Reads a file whole, so that the target may be the same file.

        Raises:
            CarrierError: It is no text, or too long.
            UnsupportedCarrierError: The target's name is not that of a text.
            OSError: It cannot be opened.
        """
        with source.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
        return cls(str(source), target, data, unchanged=source.resolve() == target.resolve())

    @classmethod
    def of(cls, text: str, target: Path) -> TextFile:
        """A text from memory, which goes to its file in UTF-8.

        Raises:
            CarrierError: It holds what no text file holds.
            UnsupportedCarrierError: The target's name is not that of a text.
        """
        try:
            data = text.encode()
        except UnicodeEncodeError as error:
            raise CarrierError(f"the text for {target} cannot be written in UTF-8: {error}") from error
        return cls(f"the text for {target}", target, data)

    @property
    def content(self) -> str:
        """What is labelled: the text without its front matter and its last line end."""
        return self._content

    @property
    def findings(self) -> list[Finding]:
        """The implicit labels in the front matter."""
        return self._findings

    @property
    def note(self) -> str:
        """Why it gets no implicit label, or nothing."""
        return "" if self._is_markdown else NO_PLACE

    @property
    def _is_markdown(self) -> bool:
        return self.target.suffix.lower() in markdown.CARRIER.suffixes

    def put(self, labelled: str, label: Label, provider: Provider | None) -> list[str]:
        """Takes the labels in.

        Args:
            labelled: ``content`` with the visible label.
            label: The implicit label, for Markdown.
            provider: Whose key signs; None leaves the label as it is.

        Returns:
            Where the implicit label is now.

        Raises:
            CarrierError: The front matter cannot take the label.
            LabelError: The file's encoding lacks a character of a label, or the implicit label did not arrive.
        """
        data = self._with(labelled, label)
        if self._is_markdown:
            signed = label if provider is None else bound(label, provider, BytesIO(data), self.target)
            data, label = (data, label) if signed == label else (self._with(labelled, signed), signed)
            found = [finding.label for finding in read_label(data).findings]
            if found != [label]:
                raise LabelError(
                    f"{self.target} should hold the label {label.to_json()} once, found {len(found)}: "
                    f"{'; '.join(map(str, found))}",
                    stage="read_back",
                )
        self.unchanged = self.unchanged and data == self.data
        self.data = data
        return [front_matter.PLACE] if self._is_markdown else []

    def _with(self, labelled: str, label: Label) -> bytes:
        """The file with its labels."""
        front, done = [], 0
        for edit in self._edits(label):
            front += [self.text[done : edit.start], edit.text]
            done = edit.stop
        front.append(self.text[done : self._start])
        first = len(self.mark) + len(self._encoded(self.text[: self._start]))
        last = len(self.data) - len(self._encoded(self.text[self._stop :]))
        at = _place(self._content, labelled)
        if at is None:  # a plugin changed the text itself
            middle = self._encoded(labelled, self._end)
        else:
            before, after = labelled[:at], labelled[at + len(self._content) :]
            middle = self._encoded(before, self._end) + self.data[first:last] + self._encoded(after, self._end)
        return self.mark + self._encoded("".join(front)) + middle + self.data[last:]

    def _edits(self, label: Label) -> list[markdown.Edit]:
        if not self._is_markdown:
            return []
        try:
            return markdown.merge(self.text, label)
        except CarrierError as error:
            raise CarrierError(f"{self.name} cannot be labelled: {error}") from error

    def _encoded(self, text: str, end: str = "") -> bytes:
        if end in ("\r\n", "\r"):
            text = re.sub(r"(?<!\r)\n", end, text)
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise LabelError(
                f"{self.name} is written in {self.encoding.upper()}, which has no {text[error.start : error.end]!r}: "
                f"the label {text.strip()!r:.200} cannot stand in it; choose another wording, or save the file as "
                "UTF-8 first",
                stage="render_explicit",
            ) from error

    def save(self) -> None:
        """Writes the target; its old content stays until the new one is whole and on the disk.

        Raises:
            LabelError: The file system does not give back what was written.
            OSError: The target cannot be written.
        """
        if self.unchanged:
            return
        with replacing(self.target) as file:
            file.write(self.data)
            if file.readable():  # a pipe is not
                file.seek(0)
                if file.read() != self.data:
                    raise LabelError(f"{self.target} does not hold what was written to it", stage="read_back")


def _place(content: str, labelled: str) -> int | None:
    """Where a text begins in what became of it; None where it is not in it."""
    # Not one search: for a text that long, the search itself would prepare longer than this takes.
    beginning = content[:_HEAD]
    end = len(labelled) - len(content) + len(beginning)
    at = labelled.find(beginning, 0, max(end, 0))
    while at >= 0:
        if labelled.startswith(content, at):
            return at
        at = labelled.find(beginning, at + 1, end)
    return None


def _decode(data: bytes) -> tuple[bytes, str, str]:
    """Byte order mark, encoding and text.

    Raises:
        ValueError: It is no text, or in none of the encodings that are known.
    """
    for mark, encoding in markdown.BOMS.items():
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding)
            if "\0" in text:
                raise ValueError("it holds NUL characters")
            return mark, encoding, text
    if b"\0" in data:
        raise ValueError("it holds NUL bytes; UTF-16 is known by its byte order mark")
    for encoding in ("utf-8", "gbk", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or _is_chinese(text[:_SAMPLE]):
            return b"", encoding, text
    raise ValueError("it is neither UTF-8 nor GB18030, nor UTF-16 with a byte order mark; save it as UTF-8")


def _is_chinese(text: str) -> bool:
    """Whether text that could be GBK is: other code pages, read as GBK, give characters that GB 2312 lacks."""
    wide = "".join(re.findall(r"[^\x00-\x7f]+", text))
    rare = len(wide.encode("gbk", "ignore")) - len(wide.encode("gb2312", "ignore"))
    return 2 * rare <= 3 * len(wide)  # two bytes each: three of four at most
