"""The contract with plugins: one stub per hook.

A plugin is a module (or object) whose functions carry the marker ``hookimpl`` and the names below, named in the
entry-point group ``aigc_hooks``. An implementation takes any subset of the arguments, returns None for "not mine", and
is synchronous. Order between stages is the core's; order between plugins of one stage is unspecified, except that
third-party plugins are asked before the built-in ones.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from aigc_hooks.artifact import Adapter, Artifact, AuditRecord, Call, Carrier, Finding
from aigc_hooks.labels import Label
from aigc_hooks.provider import Provider

PROJECT = "aigc_hooks"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def aigc_adapter(cls: type) -> Adapter | None:
    """Says how to wrap objects of a class. Decide by the names in ``cls.__mro__``: importing the framework is late."""


@hookspec
def aigc_carriers() -> Iterable[Carrier] | None:
    """Brings file formats that can hold the implicit label. Asked once, when the plugins are loaded."""


@hookspec
def aigc_prepare(call: Call, provider: Provider) -> None:
    """Changes the arguments of a generation before it runs, such as taking own labels out of the inputs."""


@hookspec(firstresult=True)
def aigc_review(call: Call | None, artifact: Artifact | None, provider: Provider) -> str | None:
    """Reviews an input (``call``) or an output (``artifact``) before it leaves; the reason to refuse it, or None.

    Of a file that gets its implicit label alone, ``artifact.content`` is its path.
    """


@hookspec
def aigc_detect(artifact: Artifact, provider: Provider) -> Iterable[Finding] | None:
    """Reports implicit labels that the content already carries; sets ``artifact.visible`` if it shows its label."""


@hookspec(firstresult=True)
def aigc_make_label(artifact: Artifact, provider: Provider) -> Label | None:
    """Makes the implicit label; a service that numbers content plugs in here."""


@hookspec(firstresult=True)
def aigc_render_explicit(artifact: Artifact, label: Label, provider: Provider) -> bool | None:
    """Puts the explicit label into the content; True when it is done."""


@hookspec
def aigc_embed_watermark(artifact: Artifact, label: Label, provider: Provider) -> None:
    """Puts a watermark into the content (GB 45438-2025, 6.2: permitted, not asked for)."""


@hookspec
def aigc_write_metadata(artifact: Artifact, label: Label, provider: Provider) -> None:
    """Attaches the implicit label, so that it reaches the file; asked again where ``aigc_sign`` changed the label."""


@hookspec(firstresult=True)
def aigc_sign(artifact: Artifact, label: Label, provider: Provider) -> bool | None:
    """Signs the labelled content; a signature in the label itself goes into a new ``artifact.label``."""


@hookspec
def aigc_audit(record: AuditRecord, provider: Provider) -> None:
    """Keeps a record of what was labelled, passed, failed or saved."""
