"""The built-in renderer of explicit labels, as a plugin."""

from __future__ import annotations

from collections.abc import Iterable

from aigc_hooks.artifact import Artifact, Drawable, Finding
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.media import is_array, is_picture, is_tensor
from aigc_hooks.provider import Provider


@hookimpl
def aigc_detect(artifact: Artifact, provider: Provider) -> Iterable[Finding] | None:
    """Sees whether content already shows this provider's label, and whether a text must stay as it is."""
    if isinstance(artifact.content, str):
        from aigc_hooks.explicit import text

        if artifact.part != "head":  # what the text will be is not known yet
            artifact.passes = artifact.passes or text.left_alone(artifact.content)
        artifact.visible = artifact.visible or not _around(artifact, provider)
        return None
    if artifact.modality == "audio":
        from aigc_hooks.explicit import samples, sound

        artifact.rate = samples.check_rate(artifact.rate)
        artifact.visible = not sound.missing(artifact.content, artifact.rate, provider)
        return None
    if isinstance(artifact.content, Drawable):
        artifact.visible = artifact.content.shows(provider)
        return None
    if artifact.modality == "video":
        from aigc_hooks.explicit import video

        if artifact.fps is not None:
            artifact.fps = video.check_fps(artifact.fps)
        video.check_film(artifact.content)
        artifact.visible = next(video.missing(artifact.content, provider, artifact.fps), None) is None
        return None
    if artifact.modality == "scene" and not len(artifact.content.faces):
        raise UnsupportedOutputError("a mesh without faces", stage="detect")
    if artifact.visible:
        return None
    if is_picture(artifact.content):
        from aigc_hooks.explicit import picture

        artifact.visible = picture.shows_label(artifact.content, provider)
    elif is_array(artifact.content) or is_tensor(artifact.content):
        from aigc_hooks.explicit import array

        artifact.visible = array.shows_label(artifact.content, provider)
    return None


@hookimpl
def aigc_render_explicit(artifact: Artifact, provider: Provider) -> bool | None:
    """Puts the label around a text or a sound, or draws it into a picture, an array or a tensor."""
    if isinstance(artifact.content, str):
        before, after = _around(artifact, provider) or ("", "")
        artifact.places += [f"text {place}" for place, label in (("start", before), ("end", after)) if label]
        artifact.content = f"{before}{artifact.content}{after}"
        return True
    if artifact.modality == "audio":
        from aigc_hooks.explicit import samples, sound

        rate = samples.check_rate(artifact.rate)
        places = sound.missing(artifact.content, rate, provider)
        artifact.content = sound.put(artifact.content, rate, provider, places)
        artifact.places += [f"{provider.audio.kind} {place}" for place in places]
        return True
    if isinstance(artifact.content, Drawable):
        artifact.places += artifact.content.draw(provider)
        return True
    if artifact.modality == "scene":
        artifact.places.append("viewer (SceneLabel)")  # who shows the scene lays it over its opening frame
        return True
    if artifact.modality == "video":
        from aigc_hooks.explicit import video

        frames = list(video.missing(artifact.content, provider, artifact.fps))
        artifact.covered = video.draw(artifact.content, provider, frames)
        pace = f"{artifact.fps:g}" if artifact.fps else f"{video.ASSUMED_FPS:g} (assumed)"
        artifact.places.append(f"pixels of {len(frames)} of {len(artifact.content)} frames, {pace} a second")
        return True
    if is_picture(artifact.content):
        from aigc_hooks.explicit import picture

        artifact.covered = picture.draw(artifact.content, provider)
    elif is_array(artifact.content) or is_tensor(artifact.content):
        from aigc_hooks.explicit import array

        artifact.covered = array.draw(artifact.content, provider)
    else:
        return None
    artifact.places.append("pixels")
    return True


def _around(artifact: Artifact, provider: Provider) -> tuple[str, str] | None:
    """What goes before and after a text; None where it has its label."""
    from aigc_hooks.explicit import text

    before = text.before(artifact.content, provider) if artifact.part != "tail" else ""
    after = text.after(artifact.content, provider) if artifact.part != "head" else ""
    return (before, after) if before or after else None
