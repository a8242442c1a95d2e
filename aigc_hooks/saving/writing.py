"""write_label: the implicit label of a file, and nothing else of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from aigc_hooks.artifact import SNIFFED, Carrier, Finding, Reading
from aigc_hooks.errors import CarrierError, ForeignLabelError, LabelError, UnsupportedCarrierError
from aigc_hooks.implicit import field, markdown
from aigc_hooks.implicit.bounds import opened_file
from aigc_hooks.labels import DEGREES, Label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import PicturePlace, Provider
from aigc_hooks.reading import known_carrier, read_label, read_stream
from aigc_hooks.saving.atomic import replacing
from aigc_hooks.saving.documents import NO_PLACE, TextFile
from aigc_hooks.saving.manifests import OnSignedContent, keep_manifests
from aigc_hooks.security.signing import bound


def write_label(
    path: str | os.PathLike[str],
    label: Label,
    *,
    output: str | os.PathLike[str] | None = None,
    on_signed_content: OnSignedContent = "raise",
    place: PicturePlace = "xmp",
) -> Path:
    """Writes the implicit label into a file, losslessly: nothing is decoded, and every other byte of content stays.

    It puts no explicit label on the content; ``label(Path(…))`` does both where it can. The format is told by the
    content, whatever the file is named.

    Args:
        path: The file.
        label: The label; it takes the place of this producer's own.
        output: Where the labelled file goes; None writes it in place.
        on_signed_content: Of a file that holds a C2PA manifest, whose digests a label breaks: ``"raise"`` leaves it
            alone, ``"warn"`` writes the label with a warning. The manifest stays where it is, and verifies no longer.
        place: Where a picture holds the label: ``"xmp"``, or ``"alternative"``: the second place that the guide names
            for JPEG and WebP (Exif UserComment) and for PNG (tEXt). Other formats have one place.

    Returns:
        The path of the labelled file.

    Raises:
        ForeignLabelError: The file holds another producer's label (Measures, article 10).
        SignedContentError: The file holds a C2PA manifest: write the AIGC label first, sign with C2PA after.
        UnsupportedCarrierError: The format is not known, or is not written this way.
        CarrierError: The file is damaged.
        LabelError: The label did not arrive; the old file is as it was.
        OSError: A file cannot be read or written.
    """
    target = Path(output if output is not None else path)
    # There is something to lose only where there is a file.
    _write(Path(path), target, label, refuse_foreign, on_signed_content, durable=target.exists(), place=place)
    return target


def put(path: Path, label: Label, output: Path | None = None) -> None:
    """``write_label`` to a file that was just written, without waiting until the disk has it."""
    _write(path, output or path, label, refuse_foreign, "raise", durable=False)


Finish = Callable[[Label, BinaryIO, Path], Label]
"""Makes a label whole, such as by its signature, once it stands in its file: ``(label, stream, path) -> label``."""


def signed_by(provider: Provider) -> Finish:
    """Puts the signed digest of a file's content into its label, where the provider has a key."""

    def finish(label: Label, stream: BinaryIO, path: Path) -> Label:
        return bound(label, provider, stream, path)

    return finish


def put_signed(
    source: Path, target: Path, label: Label, provider: Provider, *, before: Callable[[Label], None] | None = None
) -> Path:
    """``write_label`` with the signed digest of the file's content, where the provider has a key.

    Args:
        source: The file.
        target: Where the labelled file goes.
        label: The label.
        provider: The settings.
        before: Called with the label when the labelled file is complete, and has not taken its place yet.

    Raises:
        ConfigError: The key cannot be used.
    """
    _write(
        source,
        target,
        label,
        refuse_foreign,
        provider.on_signed_content,
        durable=target.exists(),
        finish=signed_by(provider),
        before=before,
        place=provider.picture_place,
    )
    return target


def pass_on(
    path: str | os.PathLike[str],
    label: Label,
    *,
    output: str | os.PathLike[str] | None = None,
    on_signed_content: OnSignedContent = "raise",
    finish: Finish | None = None,
    before: Callable[[Label], None] | None = None,
) -> Label:
    """Writes a platform's elements into a file, whoever made the content: the one lawful change of a foreign label.

    Everything else of the file stays, as with ``write_label``; of the label, all that is the producer's.

    Args:
        path: The file.
        label: The label. Where the file holds one, its producer, number and first reserved code are those of the file,
            and it says no less about the content.
        output: Where the labelled file goes; None writes it in place.
        on_signed_content: As of ``write_label``.
        finish: Makes the platform's elements whole.
        before: Called with the label when the labelled file is complete, and has not taken its place yet.

    Returns:
        The label that the file holds now.

    Raises:
        SignedContentError: The file holds a C2PA manifest.
        ForeignLabelError: The label would change what is the producer's, or say less than the file's (Measures, article
            10); or the file's cannot be read.
        UnsupportedCarrierError: The format is not known, or is not written this way.
        CarrierError: The file is damaged.
        LabelError: The label did not arrive; the old file is as it was.
        OSError: A file cannot be read or written.
    """
    source, target = Path(path), Path(output if output is not None else path)
    durable = target.exists()
    return _write(
        source, target, label, _refuse_change, on_signed_content, durable=durable, finish=finish, before=before
    )


def _write(
    source: Path,
    target: Path,
    label: Label,
    check: Callable[[Path, Reading, Label], Sequence[Finding]],
    on_signed_content: OnSignedContent,
    *,
    durable: bool,
    finish: Finish | None = None,
    before: Callable[[Label], None] | None = None,
    place: PicturePlace = "xmp",
) -> Label:
    """Writes a file with its label; returns the label that it holds now."""
    with BufferedReader(opened_file(source)) as stream:
        carrier = _carrier(stream, source, target)
        reading = read_label(source)
        others = check(source, reading, label)
        if carrier is markdown.CARRIER:
            return _write_markdown(source, target, label, others, finish, before)
        with replacing(target, durable=durable) as made:
            copy = cast(BinaryIO, made)
            whole = write_into(stream, copy, carrier, label, target, others=others, finish=finish, place=place)
            if whole != reading.label or not reading.conforms:  # else the file stays as it is
                keep_manifests(source, reading, on_signed_content)
            if before is not None:
                before(whole)
    return whole


def write_into(
    stream: BinaryIO,
    made: BinaryIO,
    carrier: Carrier,
    label: Label,
    path: Path,
    *,
    others: Sequence[Finding] = (),
    finish: Finish | None = None,
    place: PicturePlace = "xmp",
) -> Label:
    """Copies a stream with the label, which is read back.

    Args:
        stream: The file without it, seekable.
        made: An empty stream that can be read too.
        carrier: Its format.
        label: The label.
        path: What the file will be called.
        others: The labels in it whose further elements are kept.
        finish: Makes the label whole, once it stands in the file.
        place: Where a picture holds it.

    Returns:
        The label that was written.

    Raises:
        CarrierError: It is damaged.
        LabelError: The label did not arrive.
    """
    write = (carrier.alternative if place == "alternative" else None) or carrier.write
    assert write is not None
    stream.seek(0)
    write(stream, made, _with_others(label, others))
    _check(made, path, label)
    # What is signed is the content of the file as it is written: labels of others may have left it.
    whole = label if finish is None else finish(label, made, path)
    if whole != label:
        made.seek(0)
        made.truncate()
        stream.seek(0)
        write(stream, made, _with_others(whole, others))
        _check(made, path, whole)
    made.seek(0, 2)
    return whole


def _carrier(stream: BinaryIO, source: Path, target: Path) -> Carrier:
    head = stream.read(SNIFFED)
    known = known_carrier(head, source) or markdown.suffix_carrier(source)
    if known is markdown.TEXT or (known is markdown.CARRIER and target.suffix.lower() not in known.suffixes):
        raise UnsupportedCarrierError(
            f"{target}: {NO_PLACE}; Markdown has one: choose for example {target.with_suffix('.md').name!r}"
        )
    if known is None:
        writing = ", ".join(carrier.name for carrier in hooks().carriers if carrier.write)
        raise UnsupportedCarrierError(
            f"{source}: its format is not known; labels are written into {writing}, Markdown. {_advice(source)}"
        )
    if known.refusal:
        raise UnsupportedCarrierError(f"{source}: {known.name} cannot be labelled: {known.refusal}")
    if known.write is None and known is not markdown.CARRIER:
        raise UnsupportedCarrierError(f"{source}: labels in {known.name} files can be read, and not written")
    return known


def _advice(path: Path) -> str:
    """What to do with a file that has no place for the implicit label, by its suffix."""
    if path.suffix.lower() in (".bmp", ".tga", ".ppm", ".ico", ".jp2"):
        return "Convert the picture to one of them, such as PNG, and write its label there"
    return "Convert the file to one of them, and write its label there"


def _write_markdown(
    source: Path,
    target: Path,
    label: Label,
    others: Sequence[Finding],
    finish: Finish | None,
    before: Callable[[Label], None] | None,
) -> Label:
    """A Markdown text keeps every byte but its front matter; it is small, and is written whole."""
    if _with_others(label, others) != label.to_json():
        raise ForeignLabelError(
            f"the label of {source} holds elements that Annex E has not, which rewriting its front matter would lose",
            stage="write_metadata",
        )
    file = TextFile.open(source, target)
    content = file.content
    file.put(content, label, None)
    whole = label if finish is None else finish(label, BytesIO(file.data), target)
    if whole != label:
        file = TextFile.open(source, target)
        file.put(content, whole, None)
    if before is not None:
        before(whole)
    file.save()
    return whole


def refuse_foreign(path: Path, reading: Reading, label: Label) -> Sequence[Finding]:
    """Refuses a file that holds the label of another producer.

    Raises:
        ForeignLabelError: It does (Measures, article 10).
    """
    for finding in reading.findings:
        if finding.label is not None and finding.label.content_producer != label.content_producer:
            raise ForeignLabelError(
                f"{path} already holds the label of {finding.label.content_producer!r} ({finding.place}), which "
                f"{label.content_producer!r} may not replace (Measures, article 10)",
                stage="write_metadata",
            )
    return ()


def _refuse_change(path: Path, reading: Reading, label: Label) -> Sequence[Finding]:
    """The labels of a file whose producer's part a new label keeps."""
    for finding in reading.findings:
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
    return reading.findings


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
