"""write_label: the implicit label of a file, and nothing else of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from aigc_hooks.artifact import SNIFFED, Carrier, Finding
from aigc_hooks.errors import CarrierError, ForeignLabelError, LabelError, UnsupportedCarrierError
from aigc_hooks.implicit import field, markdown
from aigc_hooks.labels import DEGREES, Label
from aigc_hooks.plugins import hooks
from aigc_hooks.reading import known_carrier, read_label, read_stream
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.documents import TextFile


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
    return _write(source, target, label, refuse_foreign, durable=durable)


def pass_on(path: str | os.PathLike[str], label: Label, *, output: str | os.PathLike[str] | None = None) -> Path:
    """Writes a platform's elements into a file, whoever made the content: the one lawful change of a foreign label.

    Everything else of the file stays, as with ``write_label``; of the label, all that is the producer's.

    Args:
        path: The file.
        label: The label. Where the file holds one, its producer, number and first reserved code are those of the file,
            and it says no less about the content.
        output: Where the labelled file goes; None writes it in place.

    Returns:
        The path of the labelled file.

    Raises:
        ForeignLabelError: The label would change what is the producer's, or say less than the file's (Measures, article
            10); or the file's cannot be read.
        UnsupportedCarrierError: The format is not known, or is not written this way.
        CarrierError: The file is damaged.
        LabelError: The label did not arrive; the old file is as it was.
        OSError: A file cannot be read or written.
    """
    source, target = Path(path), Path(output if output is not None else path)
    if target.suffix.lower() in markdown.CARRIER.suffixes and read_label(source).carrier == markdown.CARRIER.name:
        return _write_markdown(source, target, label)
    return _write(source, target, label, _refuse_change, durable=target.exists())


def _write(
    source: Path, target: Path, label: Label, check: Callable[[Path, Label], Sequence[Finding]], *, durable: bool
) -> Path:
    with source.open("rb") as stream:
        carrier = _carrier(stream, source)
        text = _with_others(label, check(source, label))
        with replacing(target, durable=durable) as made:
            _write_into(stream, cast(BinaryIO, made), carrier, text, label, target)
    return target


def write_into(stream: BinaryIO, made: BinaryIO, carrier: Carrier, label: Label, path: Path) -> None:
    """Copies a stream with the label, which is read back.

    Args:
        stream: The file without it, seekable.
        made: An empty stream that can be read too.
        carrier: Its format.
        label: The label.
        path: What the file will be called.

    Raises:
        CarrierError: It is damaged.
        LabelError: The label did not arrive.
    """
    _write_into(stream, made, carrier, _with_others(label, ()), label, path)


def _write_into(stream: BinaryIO, made: BinaryIO, carrier: Carrier, text: str, label: Label, path: Path) -> None:
    write = carrier.write
    assert write is not None
    stream.seek(0)
    write(stream, made, text)
    _check(made, path, label)


def _carrier(stream: BinaryIO, path: Path) -> Carrier:
    head = stream.read(SNIFFED)
    carriers = hooks().carriers
    known = known_carrier(head, path)
    writing = ", ".join(carrier.name for carrier in carriers if carrier.write)
    if known is None:
        raise UnsupportedCarrierError(f"{path}: its format is not known; labels are written into {writing}")
    if known.refusal:
        raise UnsupportedCarrierError(f"{path}: {known.name} cannot be labelled: {known.refusal}")
    if known.write is None:
        raise UnsupportedCarrierError(
            f"{path}: a {known.name} file gets both labels together: label(Path({str(path)!r})); labels alone are "
            f"written into {writing}"
        )
    return known


def _write_markdown(source: Path, target: Path, label: Label) -> Path:
    """A Markdown text keeps every byte but its front matter; it is small, and is written whole."""
    file = TextFile.open(source, target)
    findings = _refuse_change(source, label)
    if _with_others(label, findings) != label.to_json():
        raise ForeignLabelError(
            f"the label of {source} holds elements that Annex E has not, which rewriting its front matter would lose",
            stage="write_metadata",
        )
    file.put(file.content, label, None)
    file.save()
    return target


def refuse_foreign(path: Path, label: Label) -> Sequence[Finding]:
    """Refuses a file that holds the label of another producer.

    Raises:
        ForeignLabelError: It does (Measures, article 10).
    """
    for finding in read_label(path).findings:
        if finding.label is not None and finding.label.content_producer != label.content_producer:
            raise ForeignLabelError(
                f"{path} already holds the label of {finding.label.content_producer!r} ({finding.place}), which "
                f"{label.content_producer!r} may not replace (Measures, article 10)",
                stage="write_metadata",
            )
    return ()


def _refuse_change(path: Path, label: Label) -> Sequence[Finding]:
    """The labels of a file whose producer's part a new label keeps."""
    findings = read_label(path).findings
    for finding in findings:
        found = finding.label
        if found is None:
            raise ForeignLabelError(
                f"{path} holds a label that cannot be read ({finding.place}: {finding.raw[:60]!r}), which nobody may "
                "replace (Measures, article 10); ask who made it for a whole one",
                stage="write_metadata",
            )
        # "1" says the most; what is no degree at all may become one.
        if _producers(found) != _producers(label) or (found.label in DEGREES and found.label < label.label):
            raise ForeignLabelError(
                f"{path} holds the label {found.to_json()} ({finding.place}), of which a platform may change only its "
                f"own elements (Measures, articles 6 and 10), and not make it {label.to_json()}",
                stage="write_metadata",
            )
    return findings


def _producers(label: Label) -> tuple[str, ...]:
    return label.content_producer, label.produce_id, label.reserved_code1


def _with_others(label: Label, findings: Sequence[Finding]) -> str:
    """The text of a label, with what the file's had beside the elements of Annex E: it is not ours to delete."""
    others: dict[str, Any] = {}
    for finding in findings:
        others |= field.others(finding.raw)
    return json.dumps({**label.to_dict(), **others}, ensure_ascii=False, separators=(",", ":"))


def _check(made: BinaryIO, path: Path, label: Label) -> None:
    """Reads what was written, before it takes the place of the old file."""
    made.flush()
    made.seek(0)
    try:
        found = [finding.label for finding in read_stream(made, path).findings]
    except CarrierError as error:
        raise LabelError(f"{path} cannot be read after its label was written: {error}", stage="read_back") from error
    if found != [label]:
        raise LabelError(f"{path} should hold the label {label.to_json()} once, found {len(found)}", stage="read_back")
    made.seek(0, 2)
