"""The built-in signer, as a plugin."""

from __future__ import annotations

from aigc_hooks.artifact import Artifact
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider


@hookimpl
def aigc_sign(artifact: Artifact, label: Label, provider: Provider) -> bool | None:
    """Signs the label with the provider's key, where it has one."""
    if not provider.security.signs:
        return None
    from aigc_hooks.security.signing import signed

    made = signed(label, provider)
    if made is label:
        return None
    artifact.label = made
    artifact.places.append("ReservedCode1")
    return True
