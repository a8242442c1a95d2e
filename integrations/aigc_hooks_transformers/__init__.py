"""The adapter for transformers: pipelines, models, streamers and multimodal processors label what they generate.

    pipe = aigc_hooks.wrap(transformers.pipeline("text-generation", model), provider="acme")
    pipe("你好")[0]["generated_text"]

Nothing here names a pipeline or a model: classes are known by their base class, outputs by the names of their fields.
"""

from __future__ import annotations

from aigc_hooks.artifact import Adapter
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks_transformers.detection import Detection, detect_watermark
from aigc_hooks_transformers.kinds import check, root
from aigc_hooks_transformers.models import PROCESSOR, model_adapter
from aigc_hooks_transformers.pipelines import PIPELINE
from aigc_hooks_transformers.streamers import STREAMER
from aigc_hooks_transformers.watermark import aigc_prepare

__all__ = ["Detection", "aigc_adapter", "aigc_prepare", "detect_watermark"]

_ADAPTERS = {"Pipeline": PIPELINE, "ProcessorMixin": PROCESSOR, "TextStreamer": STREAMER}


@hookimpl
def aigc_adapter(cls: type) -> Adapter | None:
    """Knows an object by the names of its base classes: asking imports nothing.

    Raises:
        AdapterNotFoundError: It is of transformers and makes no content; the message says what to wrap instead.
    """
    check(cls)
    kind = root(cls)
    return model_adapter(cls) if kind == "PreTrainedModel" else _ADAPTERS.get(kind)
