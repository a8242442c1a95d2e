"""What an object of transformers is, by the names of its classes: asking imports nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aigc_hooks.errors import AdapterNotFoundError

FRAMEWORK = "transformers"

# The nearest of these above a class says what it is.
_ROOTS = ("Pipeline", "TextStreamer", "BaseStreamer", "ProcessorMixin", "PreTrainedModel")

# Some pipelines call generate() only to read what is there: what they return was spoken or written by others.
_READING = ("Recognition", "QuestionAnswering")

# Words in the names of models that make sound of spectrograms or codes.
_VOCODERS = (
    "hifigan",
    "vocoder",
    "univnet",
    "vocos",
    "bigvgan",
    "token2wav",
    "encodec",
    "dacmodel",
    "mimimodel",
    "codec",
)


def is_of(cls: type, package: str) -> bool:
    """Whether a class comes from a top-level package."""
    return cls.__module__.partition(".")[0] == package


def root(cls: type) -> str:
    """What a class is: the name of its nearest base class that is known here; empty for a class of others."""
    return next((base.__name__ for base in cls.__mro__ if is_of(base, FRAMEWORK) and base.__name__ in _ROOTS), "")


def is_text_streamer(value: object) -> bool:
    """Whether an object is a streamer that decodes the tokens it is given."""
    return root(type(value)) == "TextStreamer"


def check(cls: type) -> None:
    """Refuses what makes no content, or none that could be labelled there.

    Raises:
        AdapterNotFoundError: It says what to wrap instead.
    """
    kind = root(cls)
    if kind == "Pipeline" and not _generates(cls):
        raise AdapterNotFoundError(
            f"{_name(cls)} recognises, classifies or extracts: it makes no content, and what it returns needs no "
            "label. Wrap the pipeline that generates; finished content is labelled with label()"
        )
    if kind == "BaseStreamer":
        raise AdapterNotFoundError(
            f"{_name(cls)} gets token ids, and a label is text: derive it from transformers' TextStreamer, or label "
            "the text that it makes of them as wrap(function, kind='text') does"
        )
    if kind == "PreTrainedModel" and not (any("generate" in vars(base) for base in cls.__mro__) or speaks(cls)):
        if _is_vocoder(cls):
            raise AdapterNotFoundError(
                f"{_name(cls)} has no generate(): it makes sound of what other models compute. Wrap the model or "
                "pipeline that it belongs to, which labels its sound; alone, wrap your own function that calls it: "
                "wrap(function, kind='audio', rate=vocoder.config.sampling_rate)"
            )
        raise AdapterNotFoundError(
            f"{_name(cls)} has no generate(), and returns tensors that are no content yet. Wrap what makes content of "
            "them: a pipeline, a streamer, or your own function with wrap(function, kind='text'), or kind='audio' with "
            "rate= where it makes sound"
        )


def speaks(cls: type) -> bool:
    """Whether a model makes sound in one pass, without ``generate``: transformers keeps a list of them."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES

    names = set(MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES.values())
    return any(is_of(base, FRAMEWORK) and base.__name__ in names for base in cls.__mro__)


def _is_vocoder(cls: type) -> bool:
    """Whether a model makes sound of spectrograms or codes: a vocoder, or a codec."""
    made_of = str(getattr(cls, "main_input_name", ""))
    named = any(word in base.__name__.lower() for word in _VOCODERS for base in cls.__mro__ if is_of(base, FRAMEWORK))
    return made_of == "spectrogram" or named


def _generates(cls: type) -> bool:
    """Whether a pipeline makes content.

    One of transformers' own says so itself, by a flag that it calls ``generate``. One of a user's that builds on the
    bare base class is believed, and its output is looked at.
    """
    own = next(base for base in cls.__mro__ if is_of(base, FRAMEWORK))
    if own.__name__ in ("Pipeline", "ChunkPipeline"):
        return True
    if any(word in base.__name__ for word in _READING for base in cls.__mro__ if is_of(base, FRAMEWORK)):
        return False
    return bool(getattr(cls, "_pipeline_calls_generate", False))


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


# The wrapped object that runs in this thread or task. What it is made of hands it intermediates, and labels nothing.
_running: ContextVar[Any] = ContextVar("aigc_hooks_transformers_running", default=None)


@contextmanager
def running(obj: Any) -> Iterator[None]:
    """Marks a wrapped object as the one that runs."""
    token = _running.set(obj)
    try:
        yield
    finally:
        _running.reset(token)


def is_part(obj: Any) -> bool:
    """Whether an object works for the one that runs: as itself, as its model, or as another of its parts.

    Any other that is called meanwhile, as from a stopping criterion, hands its output to the user.
    """
    outer = _running.get()
    return outer is not None and (outer is obj or any(part is obj for part in list(vars(outer).values())))
