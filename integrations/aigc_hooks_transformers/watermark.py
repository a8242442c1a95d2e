"""The sampling watermark: transformers' own, given with each call and never left on a model, which would save its keys.

GB 45438-2025, 6.2 permits it and asks for none: it stands beside the labels and takes the place of none.
"""

from __future__ import annotations

import copy
from typing import Any

from aigc_hooks.artifact import Call
from aigc_hooks.errors import ConfigError
from aigc_hooks.hookspecs import hookimpl
from aigc_hooks.provider import Provider
from aigc_hooks.styles import SamplingWatermark
from aigc_hooks_transformers.kinds import FRAMEWORK

_KEYWORD = "watermarking_config"


@hookimpl
def aigc_prepare(call: Call, provider: Provider) -> None:
    """Sets the watermark that the settings ask for, unless the user has set one."""
    watermark = provider.text.watermark
    if watermark is None or call.framework != FRAMEWORK or _KEYWORD in call.keywords:
        return
    if call.keywords.get("generation_mode") not in (None, "text"):
        return  # tokens of a picture
    if getattr(call.keywords.get("generation_config"), _KEYWORD, None) is None:
        _set(call, framework_config(watermark))


def _set(call: Call, config: Any) -> None:
    """Gives a call a watermark: with the other arguments, or in a copy of the configuration that stands for them.

    ``generate`` takes the one or the other, and deprecates both together.
    """
    given = call.keywords.get("generation_config")
    if given is None:
        call.keywords[_KEYWORD] = config
    else:
        given = copy.deepcopy(given)
        setattr(given, _KEYWORD, config)
        call.keywords["generation_config"] = given


def framework_config(watermark: SamplingWatermark) -> Any:
    """The settings as transformers' own record."""
    from transformers import SynthIDTextWatermarkingConfig, WatermarkingConfig

    if watermark.scheme == "synthid":
        return SynthIDTextWatermarkingConfig(ngram_len=watermark.ngram_len, keys=list(watermark.keys))
    return WatermarkingConfig(
        greenlist_ratio=watermark.greenlist_ratio, bias=watermark.bias, hashing_key=watermark.keys[0]
    )


def keep_own(call: Call, *objects: Any) -> None:
    """Shows the hooks a watermark that the user has set on a model or a pipeline: it wins."""
    given = call.keywords.get("generation_config")
    if _KEYWORD not in call.keywords and getattr(given, _KEYWORD, None) is None:
        own = _default(_KEYWORD, objects)
        if own is not None:
            _set(call, own)


def check_mode(call: Call, provider: Provider, *objects: Any) -> None:
    """Refuses a way of generating that the watermark cannot follow.

    SynthID remembers the tokens before the next one, and neither beams, which change places, nor an assistant's drafts,
    which are taken back, come in order.

    Raises:
        ConfigError: It says what to change.
    """
    watermark = provider.text.watermark
    if watermark is None or watermark.scheme != "synthid":
        return
    given = call.keywords.get("generation_config")
    if not hasattr(call.keywords.get(_KEYWORD) or getattr(given, _KEYWORD, None), "ngram_len"):
        return
    for name in ("num_beams", "prompt_lookup_num_tokens", "assistant_model", "assistant_early_exit"):
        value = call.keywords.get(name)
        value = _default(name, (given, *objects)) if value is None else value
        if value is not None and not (name == "num_beams" and value == 1):
            raise ConfigError(
                f"text.watermark: scheme 'synthid' cannot follow {call.source} with {name} set: generate without it, "
                "take scheme 'kgw', or set text={'watermark': None} for this object"
            )


def _default(name: str, objects: tuple[Any, ...]) -> Any:
    """What an argument of ``generate`` is where the call leaves it away."""
    for obj in objects:
        own = getattr(obj, "_generate_kwargs", None) or {}  # what a pipeline was built with
        if own.get(name) is not None:
            return own[name]
        for holder in (obj, getattr(obj, "generation_config", None)):
            if (value := getattr(holder, name, None)) is not None:
                return value
    return None
