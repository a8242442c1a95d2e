"""A language model and a chat model small enough for a demonstration: real classes, nothing to download."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from aigc_hooks.errors import AIGCHooksError

_CHARACTERS = "春花秋月夏雨冬雪山水云风天地日夜江海星光鸟鱼草木琴书诗酒梦影远近来去有无红绿青白明静清"
_SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
_LENGTH = 24

ANSWER = "A cat sat by the river and counted the stars in the water."
"""What the chat model says, whatever it is asked."""


def toy_pipeline(seed: int = 3) -> Any:
    """Builds a ``TextGenerationPipeline`` that writes Chinese characters at random, as many as make a line.

    Args:
        seed: Seed of its weights, and of what it writes.

    Raises:
        AIGCHooksError: transformers or torch is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the frameworks, on importing each other
        try:
            import torch
            import transformers
            from tokenizers import Tokenizer, decoders, models, pre_tokenizers
            from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, TextGenerationPipeline
        except ImportError as error:
            raise AIGCHooksError(
                f"the toy language model needs transformers and torch ({error}): pip install 'aigc-hooks[demo]'"
            ) from error
    transformers.logging.set_verbosity_error()
    torch.manual_seed(seed)
    tokens = [*_SPECIAL, *_CHARACTERS]
    alone = Tokenizer(models.WordLevel({token: number for number, token in enumerate(tokens)}, unk_token="<unk>"))
    alone.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    alone.decoder = decoders.Fuse()
    names = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), _SPECIAL, strict=True))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=alone, clean_up_tokenization_spaces=False, **names)
    config = GPT2Config(
        vocab_size=len(tokens), n_positions=64, n_embd=16, n_layer=1, n_head=2, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    model.generation_config.update(
        do_sample=True, max_new_tokens=_LENGTH, pad_token_id=0, suppress_tokens=list(range(len(_SPECIAL)))
    )
    return TextGenerationPipeline(model=model, tokenizer=tokenizer)


def streamer(pipeline: Any, show: Callable[[str], None]) -> Any:
    """A ``TextStreamer`` that hands over each piece as it comes."""
    from transformers import TextStreamer

    class Shown(TextStreamer):  # type: ignore[misc]
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            show(text)

    return Shown(pipeline.tokenizer, skip_prompt=True)


def toy_chat_model() -> Any:
    """Builds a chat model of LangChain's own that streams one answer, word by word.

    Raises:
        AIGCHooksError: langchain-core is not installed.
    """
    _langchain()
    from langchain_core.language_models import GenericFakeChatModel

    return GenericFakeChatModel(messages=iter([ANSWER]))


def toy_chain(model: Any) -> Any:
    """A chain of a prompt, a chat model and a parser, as LangChain's users write it."""
    _langchain()
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    return ChatPromptTemplate.from_messages([("human", "Tell me of {subject}.")]) | model | StrOutputParser()


def _langchain() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import langchain_core.language_models
            import langchain_core.output_parsers
            import langchain_core.prompts  # noqa: F401
        except ImportError as error:
            raise AIGCHooksError(
                f"the toy chain needs langchain-core ({error}): pip install 'aigc-hooks[demo]'"
            ) from error
