"""Files: both labels into what is on the disk already, or the implicit one alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aigc_hooks.artifact import Artifact, Finding, Reading
from aigc_hooks.carry import carried, carry
from aigc_hooks.errors import LabelError
from aigc_hooks.labels import Label
from aigc_hooks.plugins import hooks
from aigc_hooks.provider import Provider, active
from aigc_hooks.reading import carrier_of, read_label
from aigc_hooks.saving.leaving import leaving
from aigc_hooks.stages import check_made, forgive, own_label, record, review, run
from aigc_hooks.waiver import current

if TYPE_CHECKING:
    from aigc_hooks.saving.document_files import DocumentFile
    from aigc_hooks.saving.documents import TextFile
    from aigc_hooks.saving.files import PictureFile
    from aigc_hooks.saving.film import Film
    from aigc_hooks.saving.recordings import Recording


def label_file(path: Path, output: Path | None, provider: Provider, progress: Callable[[float], object] | None) -> Path:
    """Puts both labels into a file.

    Args:
        path: The file.
        output: Where the labelled file goes; None writes it in place.
        provider: The settings.
        progress: Is told how much of a film is done, from 0 to 1.

    Returns:
        The path of the labelled file.

    Raises:
        LabelError: It could not be labelled, and is as it was.
        CarrierError: It cannot be read, or its format has no place for the label.
        OSError: It cannot be read or written.
    """
    from aigc_hooks.saving import documents, recordings

    target, settings = output or path, active(provider)
    if documents.is_text(path, target):
        return label_text(documents.TextFile.open(path, target), settings, path.name)
    if recordings.is_sound(path):
        recording = recordings.Recording.open(path, target)
        with leaving(settings, "audio", path.name):
            return _label_sound(recording, settings, path.name)
    carrier = carrier_of(path)
    if carrier is not None and carrier.medium == "video":
        from aigc_hooks.saving.film import Film

        film = Film.open(path, target, progress)
        with leaving(settings, "video", path.name):
            return _label_drawable(film, "video", settings, path.name)
    if carrier is not None and carrier.medium == "document":
        from aigc_hooks.saving.document_files import DocumentFile

        with DocumentFile.open(path, target, carrier) as document, leaving(settings, "document", path.name):
            if current() is None:
                with suppress(LabelError):
                    document.look(settings)  # what is wrong with a file is said before the stages run
            return _label_drawable(document, "document", settings, path.name)
    from aigc_hooks.saving.files import PictureFile

    picture = PictureFile.open(path, target)
    with leaving(settings, "image", path.name):
        return _label_picture(picture, settings, path.name)


def label_metadata(path: Path, output: Path | None, provider: Provider) -> Path:
    """Writes the implicit label alone into a file; its explicit label must have been put there by other means.

    Args:
        path: The file, of any format that ``write_label`` takes.
        output: Where the labelled file goes; None writes it in place.
        provider: The settings. An own label that is there already is kept.

    Returns:
        The path of the labelled file.

    Raises:
        LabelError: It holds the label of another producer, or the label did not arrive.
        CarrierError: It is damaged, or of a format that is not written this way.
        OSError: It cannot be read or written.
    """
    from aigc_hooks.saving.writing import put_signed

    settings = active(provider)
    room = hooks(settings)
    carrier = carrier_of(path)
    reading = read_label(path)
    artifact = Artifact(path, carrier.medium if carrier is not None else "", path.name)
    review(artifact, settings)
    known = _kept(reading.findings, settings)
    artifact.label = made = known or room.make_label(artifact, settings)
    if made is None:
        raise LabelError("no plugin made a label", stage="make_label")
    if known is None:
        check_made(made, settings)
    room.sign(artifact, made, settings)
    artifact.places.append(f"{reading.carrier} file")

    def recorded(whole: Label) -> None:
        artifact.label = whole
        record(artifact, "labelled", settings, "the implicit label alone")

    with leaving(settings, artifact.modality, path.name):
        return put_signed(path, output or path, artifact.label or made, settings, before=recorded)


def label_text(file: TextFile, provider: Provider, source: str) -> Path:
    """Puts both labels into a text on its way to a file; returns the path of that."""
    settings = active(provider)
    with leaving(settings, "text", source):
        artifact = Artifact(file.content, "text", source)
        try:
            artifact.label = _kept(file.findings, settings)
            outcome = run(artifact, settings)
            if outcome and not artifact.passes:
                assert artifact.label is not None
                artifact.places += file.put(artifact.content, artifact.label, settings)
        except LabelError as error:
            forgive(error, settings, source=source, modality="text")
            outcome = ""
        if outcome:
            record(artifact, outcome, settings, artifact.passes or file.note)
        file.save()
    return file.target


def _label_picture(file: PictureFile, settings: Provider, source: str) -> Path:
    first, *others = file.frames
    artifact = Artifact(first, "image", source, places=[f"{file.format} file"])
    outcome = run(artifact, settings)
    label = artifact.label if outcome else None
    for frame in others:
        # One file, one label (GB 45438-2025, 6.1 c): every frame shows it, and none gets a number or a row of its own.
        if label is not None and carried(frame) is None:
            carry(frame, label, settings)
        run(Artifact(frame, "image", source), settings, recorded=True)
    if outcome:
        artifact.content = file.frames if others else first
        record(artifact, outcome, settings)
    file.save(settings.on_signed_content)
    return file.target


def _label_sound(file: Recording, settings: Provider, source: str) -> Path:
    artifact = Artifact(file.samples, "audio", source, rate=file.rate)
    label = _through(artifact, file.reading, settings)
    file.save(artifact.content, label, settings)
    return file.target


def _label_drawable(file: Film | DocumentFile, modality: str, settings: Provider, source: str) -> Path:
    label = _through(Artifact(file, modality, source), file.reading, settings)
    file.save(label, settings)
    return file.target


def _through(artifact: Artifact, reading: Reading, settings: Provider) -> Label | None:
    """Runs the stages over a file, and returns its label; None where a failure was forgiven."""
    artifact.label = _kept(reading.findings, settings)
    artifact.places.append(f"{reading.carrier} file")
    outcome = run(artifact, settings)
    if not outcome:
        return None
    record(artifact, outcome, settings)
    return artifact.label


def _kept(findings: Sequence[Finding], settings: Provider) -> Label | None:
    """The provider's own label in a file, where it is as it should be."""
    own = own_label(findings, settings)
    return own if own is not None and not own.defects(strict=settings.strict) else None
