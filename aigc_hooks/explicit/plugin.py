"""The built-in renderer of explicit labels, as a plugin."""

from __future__ import annotations

from collections.abc import Iterable

from aigc_hooks.artifact import Artifact, Finding
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.media import is_array, is_picture, is_tensor
from aigc_hooks.provider import Provider


@hookimpl
def aigc_detect(artifact: Artifact, provider: Provider) -> Iterable[Finding] | None:
    """Sees whether a picture already shows this provider's label."""
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
    """Draws the label into a picture, an array or a tensor."""
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
