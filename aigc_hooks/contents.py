"""Content in memory: what kind it is, what holds it, and its way through the stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aigc_hooks.artifact import Artifact
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.media import films_in, is_array, is_mesh, is_picture, is_samples, is_tensor
from aigc_hooks.provider import Provider, active
from aigc_hooks.sound_fields import check_known, replaced, tells_rate
from aigc_hooks.stages import passed, record, review, run

_FILE = "Give a file as label(Path(…)), or its implicit label alone as write_label(path, …)"
_ADVICE = {
    **dict.fromkeys(("bytes", "bytearray", "BytesIO", "BufferedReader", "BufferedRandom", "TextIOWrapper"), _FILE),
    "function": "Wrap a function with wrap(function, kind=…), and what it returns is labelled",
    "method": "Wrap a method with wrap(method, kind=…), and what it returns is labelled",
}
"""What to do instead, by the kind of what cannot be labelled."""


def labelled(content: Any, provider: Provider, source: str = "", rate: int | None = None, place: str = "") -> Any:
    """Runs the stages over content and returns it, the same object where that can be.

    Args:
        content: Content in any form that ``label`` takes except a path.
        provider: The settings.
        source: What made it, for the audit record.
        rate: Of sound, samples a second.
        place: The file that it goes to, which is its one place in the record besides those of the stages.
    """
    if tells_rate(content):
        return _held(content, provider, source, rate, place)
    if isinstance(content, (list, tuple)) and not (rate is not None and is_samples(content)):
        if rate is not None and not content:
            raise UnsupportedOutputError("the list is empty: there is no sound in it to label", stage="detect")
        items = [labelled(item, provider, source, rate, place) for item in content]
        if isinstance(content, list):
            content[:] = items
            return content
        return content if all(map(_same, items, content)) else type(content)(items)
    modality = "audio" if rate is not None and not isinstance(content, str) else modality_of(content)
    artifact = Artifact(content, modality, source, rate=rate, places=[place] if place else [])
    settings = active(provider)
    if outcome := run(artifact, settings):
        record(artifact, outcome, settings)
    return artifact.content


def labelled_films(
    content: Any, provider: Provider, source: str = "", fps: float | None = None, places: Sequence[str] = ()
) -> Any:
    """Runs the stages over films, each with a label of its own, and returns the same object.

    Args:
        content: Films in any form that ``label`` takes with ``fps``.
        provider: The settings.
        source: What made it, for the audit record.
        fps: Frames a second; None where nothing tells.
        places: Where else labels of them are, or will be.
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
        artifact = Artifact(film, "video", source, fps=fps, places=[*places])
        settings = active(provider)
        if outcome := run(artifact, settings):
            record(artifact, outcome, settings)
    return content


def beside_film(audio: Any, rate: int, provider: Provider, source: str, name: str) -> Provider | None:
    """The settings for the label of sound that belongs to a film; None where that in the picture stands for it.

    Raises:
        ReviewRefused: A plugin refused the sound.
    """
    if (place := provider.video.sound) == "none":
        review(Artifact(audio, "audio", source, rate=rate), active(provider))
        passed(source, provider, f'{name}: the label in the picture stands for it (video.sound = "none")')
        return None
    return _with_sound_at(place, provider)


def labelled_beside_film(audio: Any, rate: int | None, provider: Provider, source: str) -> tuple[Any, list[str]]:
    """Sound that goes into the file of a film, with its label, and where that is: they have one row together."""
    artifact = Artifact(audio, "audio", source, rate=rate)
    if (place := provider.video.sound) == "none":
        review(artifact, provider)
        return audio, []
    run(artifact, active(_with_sound_at(place, provider)), recorded=True)
    return artifact.content, [f"{each} of the sound" for each in artifact.places if each != "memory"]


def _with_sound_at(place: Any, provider: Provider) -> Provider:
    return provider.model_copy(update={"audio": provider.audio.model_copy(update={"position": place})})


def _held(content: Any, provider: Provider, source: str, rate: int | None, place: str) -> Any:
    """Labels the sound in a container that tells its rate."""
    for _, own in check_known(content, rate, source or "the content"):
        if rate is not None and rate != own:
            raise UnsupportedOutputError(
                f"rate = {rate!r}, and the sound comes with {own!r}: leave rate= away, or give the samples alone",
                stage="detect",
            )
    return replaced(content, lambda sound, own: labelled(sound, provider, source, own, place), rate)


def _same(one: object, other: object) -> bool:
    return one is other


def modality_of(content: Any) -> str:
    """The modality of content that tells it by itself, such as ``"image"``.

    Raises:
        UnsupportedOutputError: It is nothing that can be labelled, or tells too little.
    """
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
        f"cannot label {kind}: labelled are text, PIL images, arrays and tensors of pictures, frames of films with "
        "their fps=, sound with its rate=, meshes with verts and faces, lists of them, and files given as "
        f"pathlib.Path. {_ADVICE.get(type(content).__name__, 'Give label() the part of it that is content')}",
        stage="detect",
    )
