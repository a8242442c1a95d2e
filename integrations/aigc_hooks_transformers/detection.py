"""Finding the sampling watermark again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

from aigc_hooks.errors import ConfigError
from aigc_hooks.explicit.text import strip_label
from aigc_hooks.provider import Provider, resolve
from aigc_hooks.styles import SamplingWatermark
from aigc_hooks_transformers.watermark import framework_config

LEAST_TOKENS = 50
"""Below this many scored tokens there is no verdict: chance alone could say anything."""

LEAST_Z = 4.0
"""How many standard deviations above chance a watermark must be: by chance, 3 texts in 100 000 reach it."""

_NO_TOKEN = -1


@dataclass(frozen=True, slots=True)
class Detection:
    """What a search for the sampling watermark found.

    It says something about the watermark of these keys, and nothing about who wrote a text: a person may quote a
    watermarked one, and a model may write without.

    Attributes:
        scheme: ``"kgw"`` or ``"synthid"``.
        tokens: How many tokens were scored, each context counted once.
        score: KGW: the z score of the green tokens. SynthID: the mean g value, 0 to 1.
        threshold: What the score had to reach, for that many tokens.
        verdict: ``"watermarked"``, ``"not found"``, or ``"too short"`` below ``LEAST_TOKENS`` scored tokens.
    """

    scheme: Literal["kgw", "synthid"]
    tokens: int
    score: float
    threshold: float
    verdict: Literal["watermarked", "not found", "too short"]


def detect_watermark(
    content: str | Sequence[int] | Any,
    *,
    tokenizer: Any = None,
    model: Any = None,
    vocab_size: int | None = None,
    device: Any = None,
    provider: str | Provider | None = None,
    **overrides: Any,
) -> Detection:
    """Looks for the watermark that the settings put into the choice of tokens.

    Without a watermark, a token is green with the chance of ``greenlist_ratio`` (KGW; Kirchenbauer et al. 2023,
    arXiv:2301.10226, 3) and each g value is 0 or 1 with the same chance (SynthID; Dathathri et al. 2024,
    doi:10.1038/s41586-024-08025-4). So the z score is ``(green - ratio·T) / sqrt(T·ratio·(1 - ratio))`` for T tokens,
    and ``(mean - 1/2) · 2 · sqrt(T·depth)`` for T tokens with a g value of each key. A context that came before counts
    once, or a text that repeats itself would prove anything. ``LEAST_Z`` is asked for.

    Evidence is weak where the model had little choice: names, quotations, code, a low temperature. It is lost where a
    text was rewritten, and some of it where a text is tokenized into other tokens than it was made of.

    Args:
        content: The text, which may carry the provider's label; or the token ids of the answer without its prompt, a
            sequence or a tensor of (T,) or (1,T).
        tokenizer: The model's. A text needs it; for ids it tells where the answer ends.
        model: The model, for its vocabulary and device. It is not run.
        vocab_size: KGW: size of the vocabulary, instead of ``model``. It is the model's and may exceed the tokenizer's.
        device: Where the text was generated; the green list and the g values of another kind of device differ. None
            takes the model's, else the CPU.
        provider: Name of a provider in the configuration, or a ``Provider``, with ``text.watermark``.
        **overrides: Settings of ``Provider`` for this call.

    Raises:
        ConfigError: No watermark is set, or what it takes to look for it is missing.
    """
    settings = resolve(provider, overrides)
    watermark = settings.text.watermark
    if watermark is None:
        raise ConfigError("no watermark is set: text={'watermark': {'scheme': 'kgw', 'keys': …}}")
    config = model.config.get_text_config() if model is not None else None
    ids = _ids(strip_label(content, settings) if isinstance(content, str) else content, tokenizer)
    end = _end(ids, tokenizer, config)
    place = device if device is not None else model.device if model is not None else "cpu"
    if watermark.scheme == "synthid":
        return _synthid(ids[:end], watermark, place)
    size = vocab_size or (config.vocab_size if config is not None else None)
    if size is None:
        raise ConfigError("scheme 'kgw' needs the size of the model's vocabulary: pass model= or vocab_size=")
    return _kgw(ids[:end], watermark, size, place)


def _ids(content: Any, tokenizer: Any) -> list[int]:
    if isinstance(content, str):
        if tokenizer is None:
            raise ConfigError("a text is scored by its tokens: pass tokenizer=, the model's own")
        return list(tokenizer(content, add_special_tokens=False)["input_ids"])
    found = content.tolist() if hasattr(content, "tolist") else list(content)
    if found and isinstance(found[0], list):
        if len(found) > 1:
            raise ConfigError(f"one text at a time: found a batch of {len(found)}")
        found = found[0]
    return [int(token) for token in found]


def _end(ids: list[int], tokenizer: Any, config: Any) -> int:
    """Where an answer ends: what follows the token that says so is padding."""
    ends: set[Any] = set()
    for holder in (tokenizer, config):
        token = getattr(holder, "eos_token_id", None)
        ends.update(token if isinstance(token, list) else [token])
    return next((place for place, token in enumerate(ids) if token in ends), len(ids))


def _kgw(ids: list[int], watermark: SamplingWatermark, vocab_size: int, device: Any) -> Detection:
    import torch
    from transformers import WatermarkDetector

    # Each token with the one before it, and the same two once: older versions of the detector count them every time.
    pairs = sorted(set(itertools.pairwise(ids)))
    if not pairs:
        return _verdict(watermark, 0, 0.0, LEAST_Z)
    known = SimpleNamespace(vocab_size=vocab_size, bos_token_id=_NO_TOKEN, is_encoder_decoder=False)
    detector = WatermarkDetector(known, str(device), framework_config(watermark))
    green = detector(torch.tensor(pairs, device=device), return_dict=True).num_green_tokens.sum()
    count, ratio = len(pairs), watermark.greenlist_ratio
    score = (float(green) - ratio * count) / math.sqrt(count * ratio * (1 - ratio))
    return _verdict(watermark, count, score, LEAST_Z)


def _synthid(ids: list[int], watermark: SamplingWatermark, device: Any) -> Detection:
    import torch

    if len(ids) < watermark.ngram_len:
        return _verdict(watermark, 0, 0.5, 1.0)
    processor = framework_config(watermark).construct_processor(0, device)
    tokens = torch.tensor([ids], device=device)
    fresh = processor.compute_context_repetition_mask(tokens)[0]
    values = processor.compute_g_values(tokens)[0][fresh]  # (T, depth), 0 or 1
    # Keys are taken modulo the size of a table: those that are the same there say the same thing twice.
    size = processor.sampling_table.shape[0]
    layers = list({key % size: layer for layer, key in enumerate(watermark.keys)}.values())
    values = values[:, layers]
    count = int(values.shape[0])
    return _verdict(watermark, count, float(values.float().mean()), 0.5 + LEAST_Z / (2 * math.sqrt(values.numel())))


def _verdict(watermark: SamplingWatermark, tokens: int, score: float, threshold: float) -> Detection:
    verdict: Literal["watermarked", "not found", "too short"] = "watermarked" if score >= threshold else "not found"
    if tokens < LEAST_TOKENS:
        verdict = "too short"
    return Detection(watermark.scheme, tokens, score, threshold, verdict)
