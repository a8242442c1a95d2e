"""The only room where stages run: detect → make label → explicit → watermark → implicit → sign → audit."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from aigc_hooks.artifact import Artifact, AuditRecord, Call, Finding
from aigc_hooks.carry import carried, carry, labelled_by
from aigc_hooks.errors import ExemptionError, ForeignLabelError, LabelError, ReviewRefused, UnsupportedOutputError
from aigc_hooks.labels import Label
from aigc_hooks.media import films_in, is_array, is_mesh, is_picture, is_samples, is_tensor, sound_in
from aigc_hooks.plugins import Hooks, hooks
from aigc_hooks.provider import Provider, active, resolve
from aigc_hooks.reading import carrier_of, read_label
from aigc_hooks.waiver import Exemption, recorded_id

if TYPE_CHECKING:
    from aigc_hooks.saving.document_files import DocumentFile
    from aigc_hooks.saving.documents import TextFile
    from aigc_hooks.saving.film import Film
    from aigc_hooks.saving.recordings import Recording

T = TypeVar("T")

logger = logging.getLogger("aigc_hooks")


@overload
def label(
    content: os.PathLike[str],
    *,
    provider: str | Provider | None = None,
    output: str | os.PathLike[str] | None = None,
    progress: Callable[[float], object] | None = None,
    **overrides: Any,
) -> Path: ...
@overload
def label(
    content: T,
    *,
    provider: str | Provider | None = None,
    rate: int | None = None,
    fps: float | None = None,
    **overrides: Any,
) -> T: ...
def label(
    content: Any,
    *,
    provider: str | Provider | None = None,
    output: str | os.PathLike[str] | None = None,
    rate: int | None = None,
    fps: float | None = None,
    progress: Callable[[float], object] | None = None,
    **overrides: Any,
) -> Any:
    """Puts the visible label and the implicit label on generated content.

    Labelling is idempotent: what this provider has already labelled is left as it is and keeps its produce id.

    Args:
        content: A text: a labelled one is returned, and one that is blank or one JSON document is left as it is. A PIL
            image, a NumPy array or torch tensor of pictures (layouts and ranges: ``explicit.array.draw``): labelled in
            place. A list or tuple of them, nested or not. A path: the file is labelled in place or to ``output``.
            A picture keeps its metadata. A text (``.txt``, ``.md``, ``.markdown``; UTF-8, UTF-16 with byte order mark,
            GB18030) keeps every byte but the labels; Markdown gets the implicit label as front matter, plain text has
            no place for one. A text that is blank or one JSON document is copied as it is and recorded as passed. A
            sound file keeps its format and its tags; one that is stored with losses is encoded anew. A film keeps its
        container and its codecs; its pictures are encoded anew where they show the label, and its sound where
        ``video.track`` is ``"label"``. A document (HTML, DOCX, PPTX, ODT, EPUB, PDF) gets a notice or a corner mark
        by the settings of ``text``, an SVG and a PDF whose pages are pictures the label of a picture, and all else
        in it stays.
            With ``rate``, an array, tensor or list is sound (layouts and ranges: ``explicit.samples``), and a new one
            is returned. So are without it a tuple that begins with rate and samples, in either order, and a dict with
            ``"audio"`` and ``"sampling_rate"``, which gets the new samples.
            With ``fps``, a list of pictures is the frames of one film, and so is an array (F,H,W,C) or a tensor
            (F,C,H,W); a list of such, or (B,F,…), is several films. They are labelled in place.
            A mesh (``verts``, ``faces`` and ``vertex_channels``, as ShapE makes) keeps its label until it is exported
            or saved; what people see of it is for the viewer to show (``SceneLabel``).
        provider: Name of a provider in the configuration, or a ``Provider``.
        output: For a path only: where the labelled file goes; of a picture, its suffix chooses the format.
        rate: For sound: samples a second, 8,000 to 192,000.
        fps: For films: frames a second at normal speed.
        progress: For the path of a film: is told now and then how much of it is done, from 0 to 1. What it raises
            stops the work, and the old file is as it was.
        **overrides: Settings of ``Provider`` for this call.

    Returns:
        The same object; for a text, the labelled text; for a path, the path of the labelled file.

    Raises:
        LabelError: It could not be labelled; ``stage`` and ``plugin`` say where, and nothing was released.
        ConfigError: A setting is missing or wrong.
        CarrierError: The file cannot be read, or its format has no place for the label.
    """
    settings = resolve(provider, overrides)
    if isinstance(content, os.PathLike):
        return _label_file(Path(content), Path(output) if output is not None else None, settings, progress)
    if output is not None:
        raise TypeError("output= goes with a path; save a labelled image with its own save()")
    if progress is not None:
        raise TypeError("progress= goes with the path of a film")
    if fps is not None:
        return labelled_films(content, settings, fps=fps)
    return labelled(content, settings, rate=rate)


def labelled_films(content: Any, provider: Provider, source: str = "", fps: float | None = None) -> Any:
    """Runs the stages over films, each with a label of its own, and returns the same object.

    Args:
        content: Films in any form that ``label`` takes with ``fps``.
        provider: The settings.
        source: What made it, for the audit record.
        fps: Frames a second; None where nothing tells.
    """
    films = films_in(content)
    if not films:
        kind = f"{type(content).__module__}.{type(content).__qualname__}"
        raise UnsupportedOutputError(
            f"{kind} is no film: with fps= are labelled lists of frames, arrays (F,H,W,C) or (B,F,H,W,C), tensors "
            "(F,C,H,W) or (B,F,C,H,W), and lists of them",
            stage="detect",
        )
    for film in films:
        artifact = Artifact(film, "video", source, fps=fps)
        settings = active(provider)
        if outcome := run(artifact, settings):
            record(artifact, outcome, settings)
    return content


def labelled(content: Any, provider: Provider, source: str = "", rate: int | None = None) -> Any:
    """Runs the stages over content and returns it, the same object where that can be.

    Args:
        content: Content in any form that ``label`` takes except a path.
        provider: The settings.
        source: What made it, for the audit record.
        rate: Of sound, samples a second.
    """
    if (held := sound_in(content)) is not None:
        return _held(content, held, provider, source, rate)
    if isinstance(content, (list, tuple)) and not (rate is not None and is_samples(content)):
        if rate is not None and not content:
            raise UnsupportedOutputError("the list is empty: there is no sound in it to label", stage="detect")
        items = [labelled(item, provider, source, rate) for item in content]
        if isinstance(content, list):
            content[:] = items
            return content
        return content if all(map(_same, items, content)) else type(content)(items)
    modality = "audio" if rate is not None and not isinstance(content, str) else _modality(content)
    artifact = Artifact(content, modality, source, rate=rate)
    settings = active(provider)
    if outcome := run(artifact, settings):
        record(artifact, outcome, settings)
    return artifact.content


def _held(content: Any, held: tuple[Any, Any, Any], provider: Provider, source: str, rate: int | None) -> Any:
    """Labels the sound in a container that tells its rate."""
    place, _, own = held
    if rate is not None and rate != own:
        raise UnsupportedOutputError(
            f"rate = {rate!r}, and the sound comes with {own!r}: leave rate= away, or give the samples alone",
            stage="detect",
        )
    made = labelled(content[place], provider, source, own)
    if not isinstance(content, tuple):
        content[place] = made
        return content
    items = [made if at == place else item for at, item in enumerate(content)]
    return type(content)(*items) if hasattr(content, "_fields") else type(content)(items)


def _same(one: object, other: object) -> bool:
    return one is other


def _modality(content: Any) -> str:
    if (is_array(content) or is_tensor(content)) and content.ndim == 1:
        raise UnsupportedOutputError(
            f"an array of shape {tuple(content.shape)} is no picture; of sound give the rate, in samples a second: "
            "label(audio, rate=24000)",
            stage="detect",
        )
    if is_picture(content) or is_array(content) or is_tensor(content):
        return "image"
    if isinstance(content, str):
        return "text"
    if is_mesh(content):
        return "scene"
    kind = f"{type(content).__module__}.{type(content).__qualname__}"
    raise UnsupportedOutputError(
        f"cannot label {kind}: this version labels text, PIL images, arrays and tensors of pictures, meshes with "
        "verts and faces, sound with its rate=, lists of them, and files given as pathlib.Path",
        stage="detect",
    )


def run(artifact: Artifact, provider: Provider, *, reviewed: bool = False) -> str:
    """One artifact through all stages; nothing is released that missed one.

    Args:
        artifact: The content.
        provider: The settings.
        reviewed: Whether its review has been done, or is done of the pieces in which it leaves.

    Returns:
        The outcome, for ``record``; empty where a failure was forgiven and has been recorded.

    Raises:
        LabelError: A stage failed.
    """
    room = hooks(provider)
    if not reviewed:
        review(artifact, provider)
    try:
        known = own_label(room.detect(artifact, provider), provider) or artifact.label
        if artifact.passes:
            return "passed"
        seen = artifact.visible and (known is not None or artifact.modality == "text")
        if seen and known is not None and artifact.part == "whole":
            artifact.label = known
            room.write_metadata(artifact, known, provider)
        else:
            artifact.label = _label(artifact, known, room, provider)
    except LabelError as error:
        forgive(error, provider, source=artifact.source, modality=artifact.modality)
        return ""
    if seen:
        return "already-labelled"
    return "exempted" if artifact.exemption and not artifact.visible else "labelled"


def review(what: Call | Artifact, provider: Provider) -> None:
    """Lets the plugins refuse an input or an output before it leaves (Deep Synthesis Provisions, article 10).

    No setting forgives a refusal, and none a review that could not be done.

    Raises:
        ReviewRefused: A plugin refused it; that has been recorded.
        LabelError: A plugin failed.
    """
    room = hooks(provider)
    if not room.reviews:
        return
    call, artifact = (what, None) if isinstance(what, Call) else (None, what)
    try:
        reason = room.review(call, artifact, provider)
        if reason is None:
            return
        why = f"{what.source or 'content'} was refused: {reason or 'no reason given'}"
        refused = ReviewRefused(why, stage="review")
    except ReviewRefused as error:
        reason, refused = str(error), error
    line = AuditRecord.now(
        "refused",
        artifact.modality if artifact else "",
        source=what.source,
        label=artifact.label if artifact else None,
        reason=reason,
    )
    try:
        room.audit(line, provider)
    except LabelError as error:  # it must not take the place of the refusal
        logger.error("a refusal could not be recorded: %s", error)
    raise refused


def record(artifact: Artifact, outcome: str, provider: Provider, reason: str = "") -> None:
    """Hands the audit sinks one line about an artifact."""
    if outcome == "exempted":
        return  # ``run`` has recorded it before anything could leave
    known = ""
    if provider.audit_url is not None:
        from aigc_hooks.duties.digest import digest

        known = digest(artifact.content)
    line = AuditRecord.now(
        outcome,
        artifact.modality,
        source=artifact.source,
        label=artifact.label,
        places=artifact.places,
        reason=reason or artifact.passes,
        digest=known,
    )
    hooks(provider).audit(line, provider)


def forgive(
    error: LabelError, provider: Provider, *, source: str, modality: str = "", what: str = "released without a label"
) -> None:
    """The error policy: raises, or under ``on_error="warn"`` warns and records what went on without a label."""
    lawless = isinstance(error, (ExemptionError, ReviewRefused)) or error.stage == "review"
    if provider.on_error == "raise" or lawless:
        raise error
    warnings.warn(f'{what} (on_error = "warn"): {error}', stacklevel=3)
    hooks(provider).audit(AuditRecord.now("failed", modality, source=source, reason=str(error)), provider)


def _label(artifact: Artifact, known: Label | None, room: Hooks, provider: Provider) -> Label:
    made = known or room.make_label(artifact, provider)
    if made is None:
        raise LabelError("no plugin made a label", stage="make_label")
    if known is None:
        _check_made(made, provider)
    artifact.label = made
    # Whether a text will show its label cannot be told of its head.
    if artifact.exemption and (not artifact.visible or artifact.part == "head"):
        commit(artifact.exemption, artifact, provider)
    elif not artifact.visible and not room.render_explicit(artifact, made, provider):
        raise UnsupportedOutputError(
            f"no plugin renders the explicit label of {type(artifact.content).__name__}", stage="render_explicit"
        )
    if artifact.part == "head":
        return made  # the rest when the text is complete
    room.embed_watermark(artifact, made, provider)
    room.write_metadata(artifact, made, provider)
    room.sign(artifact, made, provider)
    if artifact.label is not made:
        # Signed where it stands: what was attached is the label without its signature.
        room.write_metadata(artifact, artifact.label, provider)
    return artifact.label


def commit(exemption: Exemption, artifact: Artifact, provider: Provider) -> None:
    """Records that content leaves without explicit label, before it does (Measures, article 9).

    Raises:
        ExemptionError: A sink failed, and so nothing may leave, whatever the settings forgive.
    """
    if artifact.part == "tail":
        return  # it was recorded before its first piece left
    line = AuditRecord.now(
        "exempted",
        artifact.modality,
        source=artifact.source,
        label=artifact.label,
        places=artifact.places,
        reason=exemption.reason,
        user=recorded_id(exemption.user, provider.exemption_ids),
        agreement=recorded_id(exemption.agreement, provider.exemption_ids),
    )
    try:
        hooks(provider).audit(line, provider.model_copy(update={"audit": "required"}))
    except LabelError as error:
        raise ExemptionError(
            f"the exemption could not be recorded, and so nothing was released without its explicit label: {error}",
            stage="audit",
            plugin=error.plugin,
        ) from error


def _check_made(made: Label, provider: Provider) -> None:
    """Refuses a label that a plugin made and that a generating provider may not write (Annex E c to e)."""
    defects = list(made.defects(strict=provider.strict))
    if made.label != "1":
        defects.append(f"a producer writes Label '1', not {made.label!r}")
    if made.content_producer != provider.producer:
        defects.append(f"ContentProducer is {made.content_producer!r}, the provider's is {provider.producer!r}")
    if defects:
        raise LabelError(f"aigc_make_label made a wrong label: {'; '.join(defects)}", stage="make_label")


def own_label(findings: Sequence[Finding], provider: Provider) -> Label | None:
    """The label that content already carries, if it is this provider's own.

    Raises:
        ForeignLabelError: It is another's, which nobody may replace (Measures, article 10).
    """
    for finding in findings:
        found = finding.label
        if found is None:
            continue
        if found.content_producer != provider.producer:
            raise ForeignLabelError(
                f"the content already carries the label of {found.content_producer!r} ({finding.place}, "
                f"{found.produce_id!r}), which {provider.producer!r} may not replace (Measures, article 10); as a "
                "platform that spreads it, keep that label and add your propagator elements",
                stage="detect",
            )
        return found
    return None


def prepare(call: Call, provider: Provider) -> None:
    """Lets the plugins change the arguments of a generation before it runs."""
    try:
        hooks(provider).prepare(call, provider)
    except LabelError as error:
        forgive(error, provider, source=call.source, what="generation goes on unprepared")
    review(call, provider)


def passed(source: str, provider: Provider, reason: str) -> None:
    """Records output that has nothing to label, such as latents."""
    hooks(provider).audit(AuditRecord.now("passed", "", source=source, reason=reason), provider)


def beside_film(provider: Provider, source: str, name: str) -> Provider | None:
    """The settings for the label of sound that belongs to a film; None where that in the picture stands for it."""
    if (place := provider.video.sound) == "none":
        passed(source, provider, f'{name}: the label in the picture stands for it (video.sound = "none")')
        return None
    return provider.model_copy(update={"audio": provider.audio.model_copy(update={"position": place})})


def _label_file(
    path: Path, output: Path | None, provider: Provider, progress: Callable[[float], object] | None
) -> Path:
    from aigc_hooks.saving import documents

    if documents.is_text(path, output or path):
        return _label_text(documents.TextFile.open(path, output or path), provider, path.name)
    from aigc_hooks.saving import recordings

    if recordings.is_sound(path):
        return _label_sound(recordings.Recording.open(path, output or path), provider, path.name)
    carrier = carrier_of(path)
    if carrier is not None and carrier.medium == "video":
        from aigc_hooks.saving.film import Film

        return _label_film(Film.open(path, output or path, progress), provider, path.name)
    if carrier is not None and carrier.medium == "document":
        from aigc_hooks.saving.document_files import DocumentFile

        with DocumentFile.open(path, output or path, carrier) as document:
            return _label_document(document, provider, path.name)
    from aigc_hooks.saving.files import PictureFile

    file = PictureFile.open(path, output or path)
    first, *others = file.frames
    labelled(first, provider, source=path.name)
    made = carried(first)
    for frame in others:
        # One file, one label (GB 45438-2025, 6.1 c): every frame shows it and none gets a number of its own.
        if made is not None and carried(frame) is None:
            carry(frame, made, provider)
        labelled(frame, provider, source=path.name)
    file.save(active(provider).on_signed_content)
    return file.target


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
    own = own_label(reading.findings, settings)
    known = own if own is not None and not own.defects(strict=settings.strict) else None
    artifact.label = made = known or room.make_label(artifact, settings)
    if made is None:
        raise LabelError("no plugin made a label", stage="make_label")
    if known is None:
        _check_made(made, settings)
    room.sign(artifact, made, settings)
    artifact.places.append(f"{reading.carrier} file")

    def recorded(whole: Label) -> None:
        artifact.label = whole
        record(artifact, "labelled", settings, "the implicit label alone")

    return put_signed(path, output or path, artifact.label or made, settings, before=recorded)


def _label_text(file: TextFile, provider: Provider, source: str) -> Path:
    settings = active(provider)
    artifact = Artifact(file.content, "text", source)
    try:
        own = own_label(file.findings, settings)
        if own is not None and not own.defects(strict=settings.strict):
            artifact.label = own
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


def _label_film(file: Film, provider: Provider, source: str) -> Path:
    settings = active(provider)
    artifact = Artifact(file, "video", source)
    own = own_label(file.reading.findings, settings)
    if own is not None and not own.defects(strict=settings.strict):
        artifact.label = own
    outcome = run(artifact, settings)
    if outcome:
        record(artifact, outcome, settings)
    file.save(artifact.label if outcome else None, settings)
    return file.target


def _label_document(file: DocumentFile, provider: Provider, source: str) -> Path:
    settings = active(provider)
    artifact = Artifact(file, "document", source)
    if artifact.exemption is None:
        with suppress(LabelError):
            file.look(settings)  # what is wrong with a file is said before the stages run
    own = own_label(file.findings, settings)
    if own is not None and not own.defects(strict=settings.strict):
        artifact.label = own
    outcome = run(artifact, settings)
    if outcome:
        record(artifact, outcome, settings)
    file.save(artifact.label if outcome else None, settings)
    return file.target


def _label_sound(file: Recording, provider: Provider, source: str) -> Path:
    settings = active(provider)
    artifact = Artifact(file.samples, "audio", source, rate=file.rate)
    own = own_label(file.reading.findings, settings)
    if own is not None and not own.defects(strict=settings.strict):
        artifact.label = own
    outcome = run(artifact, settings)
    if outcome:
        record(artifact, outcome, settings)
    file.save(artifact.content, artifact.label if outcome else None, settings)
    return file.target


def save(
    content: Any,
    path: str | os.PathLike[str],
    *,
    provider: str | Provider | None = None,
    rate: int | None = None,
    fps: float | None = None,
    audio: Any = None,
    **params: Any,
) -> Path:
    """Saves a picture, a text, a sound, a film or a mesh with its labels, which it gets first where it has none.

    It is the twin of ``Image.save`` for arrays, tensors and strings, which have no saver of their own.

    Args:
        content: A PIL image, or one picture as array or tensor: (H,W), (H,W,C) or (C,H,W), or a batch of one. Or a
            text: it is written in UTF-8, to ``.md`` or ``.markdown`` with both labels, to ``.txt`` with the visible one
            only, for no place for the other is known there. Or, with ``rate``, a sound: (N,), (C,N) or (N,C). Or, with
            ``fps``, the frames of a film: a list of pictures, (F,H,W,C) or (F,C,H,W). Or a mesh.
        path: The file; its suffix chooses the format. Of sound: ``.wav``, ``.flac``, ``.ogg``, ``.opus``, ``.mp3``,
            ``.m4a``, ``.aac``, ``.aiff``. Of films: ``.mp4``, ``.mov``, ``.mkv``, ``.webm``, ``.gif``. Of
            meshes: ``.ply``, ``.obj``, ``.glb``.
        provider: Name of a provider in the configuration, or a ``Provider``; content that is already labelled keeps
            its label and needs none.
        rate: For sound: samples a second.
        fps: For a film: frames a second.
        audio: For a film: its sound, as samples of one or two channels, with their ``rate``. It gets its label as the
            setting ``video.sound`` says.
        **params: Settings of ``Provider`` for this call; for a picture, anything else goes to Pillow's saver for the
            format, such as ``quality``, for a sound to ``soundfile.write``, such as ``subtype``; of M4A and
            AAC it is ``bitrate``, in bits a second; of a film it is ``crf``, the quality of its encoder; of a mesh
            saved as GLB it is ``camera``, true for a camera before it in whose view the visible label hangs.

    Returns:
        The path.

    Raises:
        LabelError: It could not be labelled, or is a batch of several pictures.
        CarrierError: The format has no place for the label.
    """
    settings = {name: params.pop(name) for name in list(params) if name in Provider.model_fields}
    if isinstance(content, str):
        if params:
            raise TypeError(f"save() of a text takes settings of Provider and no {', '.join(params)}=")
        from aigc_hooks.saving.documents import TextFile

        return _label_text(TextFile.of(content, Path(path)), resolve(provider, settings), "save")
    if (audio is not None and (fps is None or rate is None)) or (
        fps is not None and rate is not None and audio is None
    ):
        raise TypeError("the sound of a film is saved with it: save(frames, path, fps=…, audio=…, rate=…)")
    if fps is not None:
        from aigc_hooks.saving import films

        target, shown = Path(path), films.shown_rate(Path(path), fps)
        films.check_target(target, audio)
        kept = films.known(content) if provider is None and not settings else None
        owner = kept or resolve(provider, settings)
        labelled_films(content, owner, "save", shown)
        if audio is not None and (by := beside_film(owner, "save", "audio")) is not None:
            audio = labelled(audio, by, "save", rate)
        return films.save(content, target, fps, params, (audio, rate) if audio is not None and rate else None)
    if rate is not None:
        from aigc_hooks.saving import sound

        known = sound.known(content, rate) if provider is None and not settings else None
        made = labelled(content, known or resolve(provider, settings), "save", rate)
        return sound.save(made, Path(path), rate, params)
    if _modality(content) == "scene":
        from aigc_hooks import meshes
        from aigc_hooks.saving import scenes

        found = meshes.label_of(content) if provider is None and not settings else None
        labelled(content, found[1] if found else resolve(provider, settings), "save")
        return scenes.save(content, Path(path), params)
    by = labelled_by(content) if provider is None and not settings else None
    by = by or resolve(provider, settings)
    # Also where it carries a label: a buffer may have been filled anew since.
    content = labelled(content, by, source="save")
    if not is_picture(content):
        from aigc_hooks.saving.files import to_picture

        content = to_picture(content, by)
    content.save(path, **params)
    return Path(path)
