"""A diffusers pipeline small enough for a demonstration: real classes, random weights, nothing to download."""

from __future__ import annotations

import warnings
from typing import Any

from aigc_hooks.errors import AIGCHooksError


def toy_pipeline(seed: int = 3) -> Any:
    """Builds a ``StableDiffusionPipeline`` that paints abstract pictures of 512×512 pixels in seconds on a CPU.

    Args:
        seed: Seed of its weights, and of the next pictures.

    Raises:
        AIGCHooksError: diffusers, transformers or torch is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the frameworks, on importing each other
        try:
            import torch
            import transformers
            from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

            transformers.logging.set_verbosity_error()
            from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
        except ImportError as error:
            raise AIGCHooksError(
                f"the toy pipeline needs diffusers, transformers and torch ({error}): pip install 'aigc-hooks[demo]'"
            ) from error
    torch.manual_seed(seed)
    # Six levels of up-sampling turn the model's noise into large brush strokes.
    levels = 6
    vae = AutoencoderKL(
        block_out_channels=[16] * levels,
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        norm_num_groups=4,
    )
    unet = UNet2DConditionModel(
        sample_size=512 // 2 ** (levels - 1),
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        norm_num_groups=4,
    )
    # A vocabulary of single letters, each within a word and at its end.
    letters = [letter + end for letter in map(chr, range(33, 127)) for end in ("", "</w>")]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters]
    text = CLIPTextConfig(
        vocab_size=len(tokens), hidden_size=8, intermediate_size=16, num_attention_heads=2, num_hidden_layers=1,
        max_position_embeddings=77, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    pipeline = StableDiffusionPipeline(
        vae=vae,
        unet=unet,
        text_encoder=CLIPTextModel(text).eval(),
        tokenizer=CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
