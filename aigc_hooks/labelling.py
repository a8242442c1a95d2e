"""``label`` and ``save``: both labels on content of every kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, overload

from aigc_hooks.carry import labelled_by
from aigc_hooks.contents import labelled, labelled_beside_film, labelled_films, modality_of
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.media import is_picture
from aigc_hooks.on_disk import label_file, label_text
from aigc_hooks.provider import Provider, active, resolve
from aigc_hooks.saving.leaving import leaving

T = TypeVar("T")


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
            is returned. So are without it a tuple that begins with rate and samples, in either order, and a mapping or
            record that names its rate and its sounds (``"audio"``, ``"sampling_rate"``; ``sound_fields``), of which
            each gets its new samples.
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
        return label_file(Path(content), Path(output) if output is not None else None, settings, progress)
    if output is not None:
        raise TypeError("output= goes with a path; save a labelled image with its own save()")
    if progress is not None:
        raise TypeError("progress= goes with the path of a film")
    if fps is not None:
        return labelled_films(content, settings, fps=fps)
    return labelled(content, settings, rate=rate)


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

        return label_text(TextFile.of(content, Path(path)), resolve(provider, settings), "save")
    if (audio is not None and (fps is None or rate is None)) or (
        fps is not None and rate is not None and audio is None
    ):
        raise TypeError("the sound of a film is saved with it: save(frames, path, fps=…, audio=…, rate=…)")
    target = Path(path)
    place = f"{target.suffix[1:].upper()} file"
    if fps is not None:
        from aigc_hooks.saving import films

        shown = films.shown_rate(target, fps)
        films.check_target(target, audio)
        kept = films.known(content) if provider is None and not settings else None
        owner = kept or resolve(provider, settings)
        with leaving(active(owner), "video", "save"):
            heard: list[str] = []
            if audio is not None:
                audio, heard = labelled_beside_film(audio, rate, active(owner), "save")
            labelled_films(content, owner, "save", shown, [place, *heard])
            return films.save(content, target, fps, params, (audio, rate) if audio is not None and rate else None)
    if rate is not None:
        from aigc_hooks.saving import sound

        kept = sound.known(content, rate) if provider is None and not settings else None
        owner = kept or resolve(provider, settings)
        with leaving(active(owner), "audio", "save"):
            return sound.save(labelled(content, owner, "save", rate, place), target, rate, params)
    if not is_picture(content):
        _refuse_untimed(target)
    if modality_of(content) == "scene":
        from aigc_hooks import meshes
        from aigc_hooks.saving import scenes

        found = meshes.label_of(content) if provider is None and not settings else None
        owner = found[1] if found else resolve(provider, settings)
        with leaving(active(owner), "scene", "save"):
            labelled(content, owner, "save", place=place)
            return scenes.save(content, target, params)
    owner = (labelled_by(content) if provider is None and not settings else None) or resolve(provider, settings)
    with leaving(active(owner), "image", "save"):
        # Also where it carries a label: a buffer may have been filled anew since.
        content = labelled(content, owner, "save", place=place)
        if not is_picture(content):
            from aigc_hooks.saving.files import to_picture

            content = to_picture(content, owner)
        content.save(target, **params)
    return target


def _refuse_untimed(path: Path) -> None:
    """Refuses a file of a film or a sound, of which nothing tells how quick it is.

    Raises:
        UnsupportedOutputError: It is one.
    """
    from aigc_hooks.saving import films, sound

    if films.holds(path):
        raise UnsupportedOutputError(f"{path}: of a film give the frames a second: save(frames, path, fps=16)")
    if sound.holds(path):
        raise UnsupportedOutputError(f"{path}: of sound give the samples a second: save(samples, path, rate=24000)")
