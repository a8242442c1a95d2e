"""Models and processors that are used without a pipeline."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from aigc_hooks.artifact import Adapter, Call
from aigc_hooks.errors import UnsupportedOutputError
from aigc_hooks.labelling import forgive, passed, prepare
from aigc_hooks.provider import Provider, active
from aigc_hooks_transformers.kinds import FRAMEWORK, is_part, running
from aigc_hooks_transformers.outputs import Release, refuse_sound
from aigc_hooks_transformers.streamers import labelled_during
from aigc_hooks_transformers.watermark import check_mode, keep_own


def _labelled_generate(generate: Callable[..., Any], provider: Provider) -> Callable[..., Any]:
    """``generate``: its token ids pass, for they are no text yet; the streamer that it is given labels."""
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
        refuse_sound(output, settings, call.source)
        passed(call.source, settings, "token ids")
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
        error = UnsupportedOutputError(
            f"{source} made {mode}, which cannot be labelled by this version, and so it is not released", stage="detect"
        )
        forgive(error, settings, source=source, modality=str(mode))
        return output

    return replacement


MODEL = Adapter(FRAMEWORK, {"generate": _labelled_generate})
PROCESSOR = Adapter(FRAMEWORK, {"post_process_multimodal_output": _labelled_output})
