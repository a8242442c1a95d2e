"""A model that speaks, after a fashion, small enough for a demonstration: real classes, nothing to download."""

from __future__ import annotations

import warnings
from typing import Any

from aigc_hooks.errors import AIGCHooksError

_CHARACTERS = "abcdefghijklmnopqrstuvwxyz '"


def toy_pipeline(seed: int = 3) -> Any:
    """Builds a ``TextToAudioPipeline`` around a tiny VITS: what it says is noise of the rhythm and length of speech.

    Args:
        seed: Seed of its weights, and of what it says.

    Raises:
        AIGCHooksError: transformers or torch is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the frameworks, on importing each other
        try:
            import torch
            import transformers
            from tokenizers import Tokenizer, models, pre_tokenizers
            from transformers import PreTrainedTokenizerFast, TextToAudioPipeline, VitsConfig, VitsModel
        except ImportError as error:
            raise AIGCHooksError(
                f"the toy voice needs transformers and torch ({error}): pip install 'aigc-hooks[demo]'"
            ) from error
    transformers.logging.set_verbosity_error()
    torch.manual_seed(seed)
    tokens = ["<pad>", "<unk>", *_CHARACTERS]
    alone = Tokenizer(models.WordLevel({token: number for number, token in enumerate(tokens)}, unk_token="<unk>"))
    alone.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=alone, pad_token="<pad>", unk_token="<unk>")
    config = VitsConfig(
        vocab_size=len(tokens), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, ffn_dim=32, flow_size=32,
        spectrogram_bins=16, upsample_initial_channel=32, upsample_rates=[8, 8, 4],
        upsample_kernel_sizes=[16, 16, 8], speaking_rate=0.5,
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]], prior_encoder_num_flows=1,
        posterior_encoder_num_wavenet_layers=1, prior_encoder_num_wavenet_layers=1, duration_predictor_num_flows=1,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = VitsModel(config).eval()
    return TextToAudioPipeline(model=model, tokenizer=tokenizer)
