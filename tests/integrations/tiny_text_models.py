"""Tiny real text models with random weights, built from configs, that say what a test tells them to."""

from __future__ import annotations

import functools
import json
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    TextGenerationPipeline,
)

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] if part['type'] == 'text' else '<image>' }}"
    "{% endfor %}{% endif %}"
    "{% if not loop.last or add_generation_prompt %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|end|>", "<pad>", "<s>", "<|user|>", "<|system|>", "<|assistant|>", "<|tool|>", "<image>"]
CORPUS = [
    "Hello world, this is a short answer. 你好，世界。这是一个回答。（本内容由AI生成）",
    "the cat sat on the mat",
] * 4


@functools.lru_cache(maxsize=1)
def _bytes() -> Tokenizer:
    """A tokenizer of bytes and common words: whatever is encoded is decoded again, exactly."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def tokenizer(**changes: Any) -> PreTrainedTokenizerFast:
    values: dict[str, Any] = {"eos_token": "<|end|>", "pad_token": "<pad>", "bos_token": "<s>", **changes}
    values["model_input_names"] = ["input_ids", "attention_mask"]
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(_bytes().to_str()), **values)
    made.add_special_tokens({"additional_special_tokens": SPECIAL[3:]})
    made.chat_template = TEMPLATE
    made.clean_up_tokenization_spaces = False
    return made


def sizes(**changes: Any) -> dict[str, Any]:
    return {
        "vocab_size": _bytes().get_vocab_size() + 3,  # as many a real model has, more than its tokenizer
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "eos_token_id": 0,
        "pad_token_id": 1,
        "bos_token_id": 2,
        **changes,
    }


def llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**sizes())).eval()
    model.generation_config = GenerationConfig(eos_token_id=0, pad_token_id=1, bos_token_id=2, max_new_tokens=64)
    return model


def t5() -> T5ForConditionalGeneration:
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=_bytes().get_vocab_size(),
        d_model=16,
        d_kv=8,
        d_ff=16,
        num_layers=1,
        num_heads=2,
        eos_token_id=0,
        pad_token_id=1,
        decoder_start_token_id=1,
    )
    model = T5ForConditionalGeneration(config).eval()
    model.generation_config = GenerationConfig(
        eos_token_id=0, pad_token_id=1, decoder_start_token_id=1, max_new_tokens=64
    )
    return model


def pipe(**arguments: Any) -> TextGenerationPipeline:
    values = {"model": llama(), "tokenizer": tokenizer(), "device": "cpu", **arguments}
    return TextGenerationPipeline(**values)


class Says(LogitsProcessor):  # type: ignore[misc]
    """Makes a model write given texts, one per row; with a single text, every row writes it.

    When all rows have ended, it begins anew: so one object serves every input of a list.

    Attributes:
        seen: What the model was given each time, with its special tokens.
    """

    def __init__(self, *texts: str, fail_after: int | None = None) -> None:
        encode = tokenizer()
        self.rows = [[*encode(text, add_special_tokens=False)["input_ids"], 0] for text in texts]
        self.fail_after = fail_after
        self.step = 0
        self.seen: list[str] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if not self.step:
            self.seen += [tokenizer().decode(row) for row in input_ids]
        if self.step == self.fail_after:
            raise RuntimeError("out of memory")
        forced = torch.full_like(scores, -torch.inf)
        ended = True
        for row in range(len(scores)):
            tokens = self.rows[row % len(self.rows)]
            token = tokens[self.step] if self.step < len(tokens) else 0
            forced[row, token] = 0.0
            ended = ended and self.step >= len(tokens) - 1
        self.step = 0 if ended else self.step + 1
        return forced


def says(*texts: str, fail_after: int | None = None) -> dict[str, Any]:
    """Arguments of a generation whose model writes these texts."""
    return {
        "logits_processor": LogitsProcessorList([Says(*texts, fail_after=fail_after)]),
        "do_sample": False,
        "max_new_tokens": 2000,
    }


def seen(arguments: dict[str, Any]) -> list[str]:
    """What the model was given in the generations with these arguments."""
    prompts: list[str] = arguments["logits_processor"][0].seen
    return prompts


def llava() -> Any:
    """A real pipeline from pictures to text."""
    from transformers import (
        CLIPVisionConfig,
        ImageTextToTextPipeline,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=LlamaConfig(**sizes()),
        image_token_id=SPECIAL.index("<image>"),
        image_token_index=SPECIAL.index("<image>"),
        image_seq_length=4,
        vision_feature_layer=-1,
    )
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config).eval()
    model.generation_config = GenerationConfig(eos_token_id=0, pad_token_id=1, bos_token_id=2, max_new_tokens=64)
    processor = LlavaProcessor(
        clip_images()(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        tokenizer(),
        patch_size=8,
        vision_feature_select_strategy="default",
        image_token="<image>",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    # Each part by itself, too: the base class of transformers 4 takes them from there only.
    return ImageTextToTextPipeline(
        model=model,
        processor=processor,
        tokenizer=processor.tokenizer,
        image_processor=processor.image_processor,
        device="cpu",
    )


def clip_images() -> Any:
    """The image processor that needs no torchvision, under the name that it has in this version."""
    import transformers

    return getattr(transformers, "CLIPImageProcessorPil", None) or transformers.CLIPImageProcessor


def janus_processor() -> Any:
    from transformers import JanusProcessor
    from transformers.models.janus.image_processing_pil_janus import JanusImageProcessorPil

    tokens = tokenizer(extra_special_tokens={"image_token": "<image>", "boi_token": "<boi>", "eoi_token": "<eoi>"})
    return JanusProcessor(JanusImageProcessorPil(), tokens, num_image_tokens=64, chat_template=TEMPLATE)


def janus() -> Any:
    """A real pipeline that makes text or pictures; its model is changed where it would need torchvision."""
    from transformers import (
        AnyToAnyPipeline,
        JanusConfig,
        JanusForConditionalGeneration,
        JanusVisionConfig,
        JanusVQVAEConfig,
    )

    class WithoutTorchvision(JanusForConditionalGeneration):  # type: ignore[misc]
        input_modalities = ("text",)  # reads no pictures, and so the pipeline asks for no torchvision

        def decode_image_tokens(self, tokens: Any) -> Any:
            return super().decode_image_tokens(tokens).permute(0, 3, 1, 2)  # as the PIL image processor wants them

    WithoutTorchvision.__name__ = JanusForConditionalGeneration.__name__
    processor = janus_processor()
    boi = processor.tokenizer.convert_tokens_to_ids("<boi>")
    config = JanusConfig(
        text_config=LlamaConfig(**sizes(vocab_size=len(processor.tokenizer))),
        vision_config=JanusVisionConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=64,
            patch_size=8,
            projection_dim=16,
            num_image_tokens=64,
        ),
        vq_config=JanusVQVAEConfig(
            embed_dim=8,
            num_embeddings=32,
            latent_channels=32,
            base_channels=32,
            channel_multiplier=[1, 1, 1, 1],
            num_res_blocks=1,
            projection_dim=16,
            image_token_embed_dim=16,
            num_hidden_layers=1,
        ),
        image_token_id=SPECIAL.index("<image>"),
    )
    torch.manual_seed(0)
    model = WithoutTorchvision(config).eval()
    model.generation_config = GenerationConfig(
        eos_token_id=0,
        pad_token_id=1,
        bos_token_id=2,
        max_new_tokens=8,
        guidance_scale=5,
        generation_kwargs={"boi_token_id": boi},
    )
    return AnyToAnyPipeline(model=model, processor=processor, device="cpu")


def audited(caplog: Any) -> list[tuple[str, str, str]]:
    """Outcome, source and reason of every audit record so far; the log must be caught at level INFO."""
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "aigc_hooks.audit"]
    return [(line["outcome"], line["source"], line["reason"]) for line in lines]


def vits() -> Any:
    """A model that makes sound of text in one pass."""
    from transformers import VitsConfig, VitsModel

    torch.manual_seed(0)
    config = VitsConfig(
        vocab_size=400,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=16,
        flow_size=16,
        spectrogram_bins=8,
        upsample_initial_channel=16,
        upsample_rates=[4],
        upsample_kernel_sizes=[4],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
        prior_encoder_num_flows=1,
        posterior_encoder_num_wavenet_layers=1,
        prior_encoder_num_wavenet_layers=1,
        duration_predictor_num_flows=1,
    )
    return VitsModel(config).eval()


def speecht5() -> tuple[Any, Any]:
    """A model that makes spectrograms of text, and the vocoder that makes sound of these."""
    from transformers import SpeechT5Config, SpeechT5ForTextToSpeech, SpeechT5HifiGan, SpeechT5HifiGanConfig

    torch.manual_seed(0)
    config = SpeechT5Config(
        vocab_size=400,
        hidden_size=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        speaker_embedding_dim=8,
        num_mel_bins=8,
        speech_decoder_prenet_units=8,
        speech_decoder_postnet_units=8,
        conv_dim=(8,) * 7,
    )
    vocoder = SpeechT5HifiGanConfig(
        model_in_dim=8,
        upsample_initial_channel=16,
        upsample_rates=[4],
        upsample_kernel_sizes=[8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
    )
    return SpeechT5ForTextToSpeech(config).eval(), SpeechT5HifiGan(vocoder).eval()


def musicgen() -> Any:
    """A model that makes music of text, through a codec that knows its rate."""
    from transformers import (
        EncodecConfig,
        MusicgenConfig,
        MusicgenDecoderConfig,
        MusicgenForConditionalGeneration,
        T5Config,
    )

    torch.manual_seed(0)
    text = T5Config(vocab_size=400, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    sound = EncodecConfig(
        num_filters=4,
        hidden_size=16,
        codebook_size=32,
        codebook_dim=16,
        upsampling_ratios=[4, 2],
        num_lstm_layers=1,
        target_bandwidths=[60.0],  # two code books at this rate
    )
    decoder = MusicgenDecoderConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        ffn_dim=16,
        num_codebooks=2,
        pad_token_id=32,
    )
    config = MusicgenConfig(text_encoder=text.to_dict(), audio_encoder=sound.to_dict(), decoder=decoder.to_dict())
    model = MusicgenForConditionalGeneration(config).eval()
    for name in ("decoder_start_token_id", "pad_token_id", "bos_token_id"):
        setattr(model.generation_config, name, 32)
    return model
