"""The built-in plugin that makes labels, keeps them with the content, and takes them out of what is fed back."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from aigc_hooks import films, meshes, sounds
from aigc_hooks.artifact import Artifact, Call, Drawable, Finding
from aigc_hooks.carry import carried, carry, covered_by
from aigc_hooks.explicit.video import as_picture, labelled_frames
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.labels import Label
from aigc_hooks.media import NO_PICTURE, channel_axis, is_array, is_picture, is_tensor
from aigc_hooks.provider import Provider


@hookimpl
def aigc_prepare(call: Call) -> None:
    """Gives a model its own labelled pictures back without the label, which it would paint into the next one."""
    call.arguments[:] = [_clean(value) for value in call.arguments]
    for name, value in call.keywords.items():
        call.keywords[name] = _clean(value)


def _clean(value: Any) -> Any:
    """A value without own labels, in lists, tuples and dicts as well; the value itself where it has none."""
    if isinstance(value, dict):
        items = {key: _clean(item) for key, item in value.items()}
        return items if any(items[key] is not value[key] for key in value) else value
    if isinstance(value, (list, tuple)):
        cleaned = [_clean(item) for item in value]
        if all(one is other for one, other in zip(cleaned, value, strict=True)):
            return value
        return type(value)(*cleaned) if hasattr(value, "_fields") else type(value)(cleaned)
    if (is_array(value) or is_tensor(value)) and value.ndim == 5:
        return _stacked([value[number] for number in range(len(value))], value)
    clean = None
    if is_picture(value) and (covered := covered_by(value)):
        from aigc_hooks.explicit import picture

        clean = picture.restored(value, covered)
    elif (is_array(value) or is_tensor(value)) and (covered := covered_by(value)):
        from aigc_hooks.explicit import array

        clean = array.restored(value, covered)
    return value if clean is None else clean


def _stacked(parts: list[Any], whole: Any) -> Any:
    """A batch of films without own labels; the same one where it has none."""
    cleaned = [_clean(part) for part in parts]
    if all(one is other for one, other in zip(cleaned, parts, strict=True)):
        return whole
    if is_tensor(whole):
        import torch

        return torch.stack(cleaned)
    import numpy

    return numpy.stack(cleaned)


@hookimpl
def aigc_detect(artifact: Artifact, provider: Provider) -> Iterable[Finding] | None:
    """Finds the label that content carries in memory, or that an image was opened with."""
    content = artifact.content
    if isinstance(content, Drawable):
        return None  # its file was read when it was opened
    if artifact.modality == "audio":
        found = sounds.label_of(content, artifact.rate) if artifact.rate is not None else None
        return [Finding(found[0], "memory", (), found[0].to_json())] if found else None
    if artifact.modality == "scene":
        known = meshes.label_of(content, near=0.0)  # one that is only much like another is one of its own
        artifact.visible = known is not None
        return [Finding(known[0], "memory", (), known[0].to_json())] if known else None
    if artifact.modality == "video":
        label = _of_film(content)
        return [Finding(label, "memory", (), label.to_json())] if label else None
    if not (is_picture(content) or is_array(content) or is_tensor(content)):
        return None
    if not is_picture(content) and not carried(content):
        owner = _of_copy(content)
        artifact.visible = owner is not None and owner.shown
        return [Finding(owner.label, "memory", (), owner.label.to_json())] if owner else None
    if label := carried(content):
        if not artifact.visible and is_picture(content) and (covered := covered_by(content)):
            from aigc_hooks.explicit import picture

            # A copy, a conversion or a smaller one shows the label as well; one that was cropped or drawn on does not.
            artifact.visible = picture.still_shows(content, covered)
        elif not artifact.visible and not is_picture(content):
            from aigc_hooks.explicit import array

            artifact.visible = array.shows_label(content, provider)
            if not artifact.visible:
                return None  # a buffer that was filled anew: another picture, which gets a number of its own
        return [Finding(label, "memory", (), label.to_json())]
    if is_picture(content) and content.info:
        from aigc_hooks.reading import read_label

        return read_label(content).findings
    return None


def _of_copy(pictures: Any) -> films.Owner | None:
    """Whose the pictures of an array are that was copied from one, or converted; None where they are not of one."""
    if channel_axis(pictures) == NO_PICTURE or 0 in pictures.shape:
        return None
    first, *others = pictures if pictures.ndim == 4 else pictures[None]
    owner = films.owner_of(first)
    return owner if owner and all(films.owner_of(other) == owner for other in others) else None


def _of_film(film: Any) -> Label | None:
    """The label of a film that was labelled before, whole or in part: that of most of its frames."""
    if not len(film):
        return None
    if not isinstance(film, (list, tuple)) or not is_picture(film[0]):
        found = films.label_of(film[0], resized=True)
        return found[0] if found else None
    labels = Counter(label for frame in film if (label := carried(frame)))
    label, count = labels.most_common(1)[0] if labels else (None, 0)
    return label if 2 * count > len(film) else None


@hookimpl
def aigc_make_label(provider: Provider) -> Label | None:
    """A label with a new produce id: UUID version 7 (RFC 9562), ordered by time."""
    # The library takes fresh randomness after a fork and counts up within a millisecond, across threads.
    from uuid_utils import uuid7

    produce_id = uuid7().hex
    again = provider.propagator == "producer"
    # The provider has checked its producer when it was made: no need to do it for every picture.
    return Label.unchecked(
        label="1",
        content_producer=provider.producer,
        produce_id=produce_id,
        content_propagator=provider.producer if again else "",
        propagate_id=produce_id if again else "",
    )


@hookimpl
def aigc_write_metadata(artifact: Artifact, label: Label, provider: Provider) -> None:
    """Keeps the label with the content until it is saved."""
    if isinstance(artifact.content, Drawable):
        return  # it is on its way to its file
    if artifact.modality == "audio":
        if artifact.rate:
            from aigc_hooks.saving import pydub_sound, teaching, torch_sound

            teaching.install({**torch_sound.TEACHERS, **pydub_sound.TEACHERS})
            bare = artifact.exemption is not None and not artifact.visible
            sounds.remember(artifact.content, int(artifact.rate), label, provider, bare=bare)
            _place(artifact, "memory")
        return
    if artifact.modality == "video":
        from aigc_hooks.saving import exports

        exports.install()
        shown = frozenset(labelled_frames(len(artifact.content), provider.video, artifact.fps))
        _carry_film(artifact.content, label, provider, artifact.covered or [], shown)
        films.remember(artifact.content, label, provider, shown)
        artifact.places.append("memory")
        return
    if artifact.modality == "scene":
        from aigc_hooks.saving import exports

        exports.install()
        meshes.remember(artifact.content, label, provider)
        _place(artifact, "memory")
        return
    if not any(kind(artifact.content) for kind in (is_picture, is_array, is_tensor)):
        return
    if carried(artifact.content) == label and artifact.covered is None:
        return
    content = artifact.content
    carry(content, label, provider, artifact.covered)
    if is_picture(content):
        _place(artifact, "info")
        if "numpy" not in sys.modules:
            return  # nobody makes arrays of it
    else:
        _place(artifact, "memory")
    from aigc_hooks.saving import arrays

    arrays.install()
    pictures = [content] if is_picture(content) else content if content.ndim == 4 else content[None]
    bare = artifact.exemption is not None and not artifact.visible
    # Of an image in rare colours, such as LAB, nobody makes an array that could be known again.
    with contextlib.suppress(ValueError) if is_picture(content) else contextlib.nullcontext():
        films.remember(pictures, label, provider, () if bare else range(len(pictures)), still=True)


def _place(artifact: Artifact, name: str) -> None:
    if name not in artifact.places:  # a label that was signed is attached again
        artifact.places.append(name)


def _carry_film(film: Any, label: Label, provider: Provider, drawn: Sequence[Any], shown: Collection[int]) -> None:
    """Every frame carries the label of its film; what lay under it goes with the frames that were drawn on."""
    by = as_picture(provider)
    if not isinstance(film, (list, tuple)):
        carry(film, label, by)
        for run in drawn:
            carry(film[run.frames.start : run.frames.stop], label, by, run.covered)
        return
    covered = {run.frames.start: run.covered for run in drawn}
    for number, frame in enumerate(film):
        if number in covered or carried(frame) != label:
            carry(frame, label, by, covered.get(number), bare=number not in shown)
