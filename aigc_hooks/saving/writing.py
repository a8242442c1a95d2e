"""write_label: the implicit label of a file, and nothing else of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, cast

from aigc_hooks.artifact import Carrier
from aigc_hooks.errors import CarrierError, ForeignLabelError, LabelError, UnsupportedCarrierError
from aigc_hooks.labels import Label
from aigc_hooks.plugins import hooks
from aigc_hooks.reading import read_label, read_stream
from aigc_hooks.saving.atomic import replacing

_HEAD = 64


def write_label(path: str | os.PathLike[str], label: Label, *, output: str | os.PathLike[str] | None = None) -> Path:
    """Writes the implicit label into a file, losslessly: nothing is decoded, and every other byte of content stays.

    It puts no explicit label on the content; ``label(Path(…))`` does both where it can. The format is told by the
    content, whatever the file is named.

    Args:
        path: The file.
        label: The label; it takes the place of this producer's own.
        output: Where the labelled file goes; None writes it in place.

    Returns:
        The path of the labelled file.

    Raises:
        ForeignLabelError: The file holds another producer's label (Measures, article 10).
        UnsupportedCarrierError: The format is not known, or is not written this way.
        CarrierError: The file is damaged.
        LabelError: The label did not arrive; the old file is as it was.
        OSError: A file cannot be read or written.
    """
    target = Path(output if output is not None else path)
    # There is something to lose only where there is a file.
    return put(Path(path), target, label, durable=target.exists())


def put(source: Path, target: Path, label: Label, *, durable: bool) -> Path:
    """``write_label``, where the caller says whether to wait until the disk has the file."""
    with source.open("rb") as stream:
        carrier = _carrier(stream, source)
        _refuse_foreign(source, label)
        with replacing(target, durable=durable) as made:
            write = carrier.write
            assert write is not None
            stream.seek(0)
            write(stream, cast(BinaryIO, made), label.to_json())
            _check(cast(BinaryIO, made), target, label)
    return target


def _carrier(stream: BinaryIO, path: Path) -> Carrier:
    head = stream.read(_HEAD)
    carriers = hooks().carriers
    known = next((carrier for carrier in carriers if carrier.sniff(head)), None)
    writing = ", ".join(carrier.name for carrier in carriers if carrier.write)
    if known is None:
        raise UnsupportedCarrierError(f"{path}: its format is not known; labels are written into {writing}")
    if known.write is None:
        raise UnsupportedCarrierError(
            f"{path}: a {known.name} file gets both labels together: label(Path({str(path)!r})); labels alone are "
            f"written into {writing}"
        )
    return known


def _refuse_foreign(path: Path, label: Label) -> None:
    for finding in read_label(path).findings:
        if finding.label is not None and finding.label.content_producer != label.content_producer:
            raise ForeignLabelError(
                f"{path} already holds the label of {finding.label.content_producer!r} ({finding.place}), which "
                f"{label.content_producer!r} may not replace (Measures, article 10)",
                stage="write_metadata",
            )


def _check(made: BinaryIO, path: Path, label: Label) -> None:
    """Reads what was written, before it takes the place of the old file."""
    made.flush()
    made.seek(0)
    try:
        found = [finding.label for finding in read_stream(made).findings]
    except CarrierError as error:
        raise LabelError(f"{path} cannot be read after its label was written: {error}", stage="read_back") from error
    if found != [label]:
        raise LabelError(f"{path} should hold the label {label.to_json()} once, found {len(found)}", stage="read_back")
    made.seek(0, 2)
