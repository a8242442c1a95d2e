"""A pipeline of films small enough for a demonstration: real classes, random weights, nothing to download."""

from __future__ import annotations

from typing import Any

from aigc_hooks.cli.demos import toy_image


def toy_pipeline(seed: int = 3) -> Any:
    """Builds an ``AnimateDiffPipeline`` around the toy painter: an abstract picture that moves.

    Args:
        seed: Seed of its weights, and of the next films.

    Raises:
        AIGCHooksError: diffusers, transformers or torch is not installed.
    """
    painter = toy_image.toy_pipeline(seed)
    import diffusers
    from diffusers import AnimateDiffPipeline, MotionAdapter

    diffusers.utils.logging.set_verbosity_error()
    adapter = MotionAdapter(
        block_out_channels=(8, 16), motion_layers_per_block=1, motion_norm_num_groups=4, motion_num_attention_heads=2
    )
    pipeline = AnimateDiffPipeline(
        vae=painter.vae,
        text_encoder=painter.text_encoder,
        tokenizer=painter.tokenizer,
        unet=painter.unet,
        motion_adapter=adapter,
        scheduler=painter.scheduler,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
