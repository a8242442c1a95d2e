"""Documents on disk: both labels in one pass, all else as it was."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from aigc_hooks.artifact import Carrier, Drawable, Reading
from aigc_hooks.documents import families
from aigc_hooks.documents.plan import Plan
from aigc_hooks.errors import CarrierError, LabelError, UnsupportedCarrierError
from aigc_hooks.implicit.copying import copy
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider
from aigc_hooks.reading import read_label
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.manifests import keep_manifests
from aigc_hooks.saving.writing import refuse_foreign, signed_by, write_into


@dataclass
class DocumentFile(Drawable):
    """A document on its way from one file to another; it is open until it leaves its ``with``.

    Attributes:
        source: Where it comes from.
        target: Where it goes.
        carrier: Its format.
        reading: The implicit labels that it carries already.
        stream: The open file.
        shown: The visible label that is put into it; None where none is.
        by: Whose that is.
        drawn: Whether it is to be put into it.
    """

    source: Path
    target: Path
    carrier: Carrier
    reading: Reading
    stream: BinaryIO
    shown: Plan | None = None
    by: Provider | None = None
    drawn: bool = False

    @classmethod
    def open(cls, source: Path, target: Path, carrier: Carrier) -> DocumentFile:
        """Looks at a document.

        Raises:
            UnsupportedCarrierError: The target is named for another format.
            CarrierError: It is damaged.
            OSError: It cannot be read.
        """
        if target.suffix.lower() != source.suffix.lower():
            raise UnsupportedCarrierError(
                f"{target}: a document keeps its format, and the names are {source.name!r} and {target.name!r}; choose "
                f"for example {target.with_suffix(source.suffix).name!r}"
            )
        return cls(source, target, carrier, read_label(source), source.open("rb"))

    def __enter__(self) -> DocumentFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stream.close()

    def look(self, provider: Provider) -> Plan:
        """What is to be done to it so that it shows its label.

        Raises:
            UnsupportedCarrierError: No label can be put into its format.
            CarrierError: Its label would have no place, or it is damaged.
            UnsupportedOutputError: The wording does not fit.
        """
        if self.shown is None or self.by != provider:
            try:
                self.shown, self.by = families.plan(self.stream, self.carrier.name, provider), provider
            except CarrierError as error:
                raise type(error)(f"{self.source} cannot show its label: {error}") from error
        return self.shown

    def shows(self, provider: Provider) -> bool:
        """Whether it shows the label already, where the settings put it."""
        try:
            return self.look(provider).write is None
        except (CarrierError, LabelError):
            return False  # ``draw`` will say why, unless none is to be drawn

    def draw(self, provider: Provider) -> list[str]:
        """Makes the label with which it will be written.

        Returns:
            Where it will be.

        Raises:
            CarrierError: It has no place for it, or is damaged.
            UnsupportedOutputError: The wording does not fit.
        """
        self.drawn = True
        return [*self.look(provider).places]

    def save(self, label: Label | None, provider: Provider) -> None:
        """Writes the document, whole or not at all, and reads both labels back.

        Args:
            label: The implicit label; None where it goes without one.
            provider: Whose key signs.

        Raises:
            CarrierError: It is damaged, or is signed or encrypted.
            ForeignLabelError: It holds the label of another producer.
            LabelError: A label did not arrive; the old file is as it was.
        """
        if label is not None:
            refuse_foreign(self.source, self.reading, label)
        write = self.shown.write if self.shown is not None and self.drawn else None
        done = label is None or [(found.label, found.defects) for found in self.reading.findings] == [(label, ())]
        if write is None and done and self.source.resolve() == self.target.resolve():
            return
        if write is not None or not done:
            keep_manifests(self.source, self.reading, provider.on_signed_content)
        folder = self.target.resolve().parent  # where there is room for it
        with (
            replacing(self.target, durable=self.target.exists()) as new,
            tempfile.TemporaryFile(dir=folder) as shown,
        ):
            stream, made = self.stream, cast(BinaryIO, new)
            if write is not None:
                stream = cast(BinaryIO, shown)
                write(stream)
            if label is None or (write is None and done):
                copy(stream, made, 0)
            else:
                write_into(stream, made, self.carrier, label, self.target, finish=signed_by(provider))
            if write is not None:
                self._check(made)

    def _check(self, made: BinaryIO) -> None:
        """Looks for the visible label in what was written, before it takes the place of the old file."""
        assert self.by is not None
        made.flush()
        if families.plan(made, self.carrier.name, self.by).write is not None:
            raise LabelError(f"{self.target} does not show the label that was put into it", stage="read_back")
        made.seek(0, 2)
