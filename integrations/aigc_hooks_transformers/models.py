"""Models and processors that are used without a pipeline."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from aigc_hooks.artifact import Adapter, Call, Seam
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.provider import Provider, active
from aigc_hooks.speech import rate_of
from aigc_hooks.stages import forgive, passed, prepare
from aigc_hooks_transformers.kinds import FRAMEWORK, is_part, running
from aigc_hooks_transformers.outputs import Release, labelled_samples, with_lengths
from aigc_hooks_transformers.streamers import labelled_during
from aigc_hooks_transformers.watermark import check_mode, keep_own


def _labelled_generate(generate: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``generate`` and ``generate_speech``: sound is labelled, and the streamer that was given labels text.

    Token ids pass, for they are no text yet.
    """
    signature = inspect.signature(generate)
    positional = [
        name
        for name, parameter in list(signature.parameters.items())[1:]
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]

    @functools.wraps(generate)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_part(self):
            return generate(self, *args, **kwargs)
        settings = active(provider)
        if args and len(args) <= len(positional) and not kwargs.keys() & set(positional[: len(args)]):
            kwargs, args = {**dict(zip(positional, args, strict=False)), **kwargs}, ()
        call = Call(type(self).__name__, list(args), dict(kwargs), FRAMEWORK)
        keep_own(call, self)
        prepare(call, settings)
        check_mode(call, settings, self)
        with running(self), labelled_during(call.keywords.get("streamer"), provider):
            output = generate(self, *call.arguments, **call.keywords)
        output, grown = _sound(self, output, settings, call)
        if grown is None:
            passed(call.source, settings, "token ids")
        elif call.keywords.get("return_output_lengths") or call.keywords.get("return_concrete_lengths"):
            output = with_lengths(output, grown)
        return output

    return replacement


def _sound(model: Any, output: Any, settings: Provider, call: Call) -> tuple[Any, int | None]:
    """An output whose sound is labelled, and how much longer it became; None where there is none."""
    rate = rate_of(call.keywords.get("vocoder"), model)
    speaks = rate is not None or "audio" in getattr(model, "output_modalities", ())
    return labelled_samples(output, Release(call.source, settings, rate=rate), speaks)


def _labelled_waveform(forward: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``forward`` of a model that speaks in one pass, without ``generate``."""

    @functools.wraps(forward)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_part(self):
            return forward(self, *args, **kwargs)
        settings = active(provider)
        call = Call(type(self).__name__, list(args), dict(kwargs), FRAMEWORK)
        prepare(call, settings)
        with running(self):
            output = forward(self, *call.arguments, **call.keywords)
        if isinstance(output, tuple):  # its places have no names, and a spectrogram stands beside the sound
            release = Release(call.source, settings)
            release.refuse("a tuple", "nothing tells which of its places is sound; call it with return_dict=True")
            return output
        output, grown = _sound(self, output, settings, call)
        if grown is None:
            Release(call.source, settings).refuse(", ".join(output), "nothing in it is known as sound")
        return output

    return replacement


def _labelled_output(post_process: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``post_process_multimodal_output``: where a processor turns what a model made into pictures and text.

    It cannot tell a prompt from an answer, and so it is for code without a pipeline: a bare pipeline decodes its prompt
    here as well, and would find the label on it. There, the pipeline is what to wrap.
    """
    signature = inspect.signature(post_process)

    @functools.wraps(post_process)
    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_part(self):
            return post_process(self, *args, **kwargs)
        settings, source = active(provider), type(self).__name__
        mode = signature.bind_partial(self, *args, **kwargs).arguments.get("generation_mode")
        output = post_process(self, *args, **kwargs)
        if mode in (None, "text", "image"):
            return Release(source, settings, echoed=False).release(output)
        # A processor of several media knows the rate of the sound that it reads, and models may speak at another.
        error = UnsupportedOutputError(
            f"{source} made {mode}, which cannot be labelled by this version, and so it is not released", stage="detect"
        )
        forgive(error, settings, source=source, modality=str(mode))
        return output

    return replacement


PROCESSOR = Adapter(FRAMEWORK, {"post_process_multimodal_output": _labelled_output})


def model_adapter(cls: type) -> Adapter:
    """The seams of a model: whatever of it makes token ids or sound."""
    seams: dict[str, Seam] = {"generate": _labelled_generate}
    if not hasattr(cls, "generate"):
        seams = {"forward": _labelled_waveform}
    if hasattr(cls, "generate_speech"):
        seams["generate_speech"] = _labelled_generate
    return Adapter(FRAMEWORK, seams)
