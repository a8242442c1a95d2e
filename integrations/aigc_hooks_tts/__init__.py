"""The adapter for libraries that speak: coqui-tts, kokoro, piper-tts, pyttsx3, OpenAI's client and others.

    tts = aigc_hooks.wrap(KPipeline("z"), provider="acme")

They have no base class in common, so that this is the one adapter that names them: which of their methods make sound,
what it looks like, and at what rate it is. What they return is labelled in its own form; the files that they write
carry both labels. Any other function goes with ``wrap(function, kind="audio", rate=…)``.
"""

from __future__ import annotations

from aigc_hooks.artifact import Adapter
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks_tts.client import client_of
from aigc_hooks_tts.engine import ENGINE
from aigc_hooks_tts.libraries import LIBRARIES
from aigc_hooks_tts.online import EDGE, GOOGLE

__all__ = ["aigc_adapter"]

_ENGINES = {("pyttsx3", "Engine"): ENGINE, ("edge_tts", "Communicate"): EDGE, ("gtts", "gTTS"): GOOGLE}
_CLIENTS = {("openai", "OpenAI"), ("openai", "AsyncOpenAI")}


@hookimpl
def aigc_adapter(cls: type) -> Adapter | None:
    """Knows an object by the packages and names of its classes: asking imports nothing."""
    for base in cls.__mro__:
        place = (base.__module__.partition(".")[0], base.__name__)
        if place in _ENGINES:
            return _ENGINES[place]
        if place in _CLIENTS:
            return client_of(cls)
        if place in LIBRARIES:
            seams = {name: seam for name, seam in LIBRARIES[place].items() if hasattr(cls, name)}
            return Adapter(place[0], seams) if seams else None
    return None
