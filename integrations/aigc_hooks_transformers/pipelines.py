"""The seams of a pipeline: what goes in, the generation, and the one way out."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

from aigc_hooks.artifact import Adapter, Call
from aigc_hooks.own_voice import in_own_voice
from aigc_hooks.provider import Provider, active
from aigc_hooks.speech import rate_of
from aigc_hooks.stages import prepare
from aigc_hooks.styles import AudioStyle
from aigc_hooks.wrapping import unwrap
from aigc_hooks_transformers.chats import ASSISTANT, is_chat, without_labels
from aigc_hooks_transformers.kinds import FRAMEWORK, running
from aigc_hooks_transformers.outputs import Release
from aigc_hooks_transformers.streamers import labelled_during
from aigc_hooks_transformers.watermark import check_mode, keep_own

# Whose label the last generation of this thread or task has, and how it sounds in the voice of its model.
_voice: ContextVar[tuple[Any, AudioStyle] | None] = ContextVar("aigc_hooks_transformers_voice", default=None)


def _in_own_voice(
    pipe: Any, settings: Provider, forward: Callable[..., Any], args: Any, kwargs: Any
) -> tuple[Any, AudioStyle] | None:
    """How the label of a pipeline sounds that is to say it itself; None where it is not."""
    if settings.audio.speaker != "model" or not hasattr(pipe, "vocoder"):  # which those that speak have, or None
        return None
    bare = type(unwrap(copy.copy(pipe)))

    def speak(text: str, *args: Any, **kwargs: Any) -> Any:
        inputs = pipe._ensure_tensor_on_device(bare.preprocess(pipe, text), device=pipe.device)
        return bare.postprocess(pipe, forward(pipe, inputs, *args, **kwargs))

    own = in_own_voice(settings, pipe, speak, ("", *args), kwargs, rate_of(pipe, pipe.model))
    return pipe, own.audio


def _labelled_preprocess(preprocess: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``preprocess``: the model must not see the labels of its own answers, or it would write them itself."""

    @functools.wraps(preprocess)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        given: dict[int, tuple[Any, Any]] = {}

        def bare(value: Any) -> Any:
            if not is_chat(value):
                return value
            messages = without_labels(value.messages, active(provider))
            if messages is value.messages:
                return value
            chat = type(value)(messages)
            given[id(chat)] = (chat, value)
            return chat

        prepared = preprocess(self, *map(bare, args), **{name: bare(value) for name, value in kwargs.items()})
        if given and isinstance(prepared, MutableMapping):
            continued = kwargs.get("continue_final_message")
            for name in list(prepared):
                if id(prepared[name]) in given:
                    prepared[name] = _as_given(*given[id(prepared[name])], continued)
        return prepared

    return replacement


def _as_given(bare: Any, chat: Any, continued: bool | None) -> Any:
    """The conversation that the pipeline returns with the answer: what the user gave keeps its labels.

    An answer that goes on is one text with its continuation, and gets one label when that is complete.
    """
    if continued is None:
        continued = bool(chat.messages) and chat.messages[-1]["role"] == ASSISTANT
    return type(chat)([*chat.messages[:-1], bare.messages[-1]]) if continued else chat


def _labelled_forward(forward: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``_forward``: every generation passes here, with all its arguments."""
    parameter = inspect.signature(forward).parameters.get("generate_kwargs")
    nested = parameter is not None and parameter.kind is not inspect.Parameter.VAR_KEYWORD

    @functools.wraps(forward)
    def replacement(self: Any, model_inputs: Any, *args: Any, **kwargs: Any) -> Any:
        keywords = dict((kwargs.get("generate_kwargs") or {}) if nested else kwargs)
        call = Call(type(self).__name__, [], keywords, FRAMEWORK)
        settings = active(provider)
        keep_own(call, self.model, self)
        prepare(call, settings)
        check_mode(call, settings, self.model, self)
        if not nested:
            kwargs = call.keywords
        elif call.keywords:
            kwargs = {**kwargs, "generate_kwargs": call.keywords}
        with running(self):
            _voice.set(_in_own_voice(self, settings, forward, args, kwargs))
            with labelled_during(call.keywords.get("streamer"), provider):
                return forward(self, model_inputs, *args, **kwargs)

    return replacement


def _labelled_postprocess(postprocess: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``postprocess``: what a single input, a list, a batch, a generator and a data set have in common."""
    signature = inspect.signature(postprocess)

    @functools.wraps(postprocess)
    def replacement(self: Any, model_outputs: Any, *args: Any, **kwargs: Any) -> Any:
        prompt = model_outputs.get("prompt_text") if isinstance(model_outputs, MutableMapping) else None
        with running(self):  # a wrapped processor decodes the prompt as well, and must leave both bare
            output = postprocess(self, model_outputs, *args, **kwargs)
        arguments = signature.bind(self, model_outputs, *args, **kwargs)
        arguments.apply_defaults()
        form = getattr(arguments.arguments.get("return_type"), "name", None)
        echoed = None if form is None else form == "FULL_TEXT"
        source, rate = type(self).__name__, rate_of(self, self.model)
        voice = _voice.get()
        settings = active(provider)
        if voice is not None and voice[0] is self:
            settings = settings.model_copy(update={"audio": voice[1]})
        return Release(source, settings, prompt, echoed, self.tokenizer, rate).release(output)

    return replacement


def _labelled_save(save_pretrained: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``save_pretrained`` of a user's own kind of pipeline: it is registered under its bare class."""

    @functools.wraps(save_pretrained)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(self, "_registered_impl"):
            return save_pretrained(self, *args, **kwargs)
        return save_pretrained(unwrap(copy.copy(self)), *args, **kwargs)

    return replacement


PIPELINE = Adapter(
    FRAMEWORK,
    {
        "preprocess": _labelled_preprocess,
        "_forward": _labelled_forward,
        "postprocess": _labelled_postprocess,
        "save_pretrained": _labelled_save,
    },
)
