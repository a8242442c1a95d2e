"""Tiny real pipelines with random weights, built from configs: nothing is downloaded."""

from __future__ import annotations

import inspect
import json
import tempfile
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import (
    AnimateDiffPipeline,
    AutoencoderKL,
    AutoencoderKLCogVideoX,
    AutoencoderKLWan,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    ControlNetModel,
    DanceDiffusionPipeline,
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    HeunDiscreteScheduler,
    IPNDMScheduler,
    KandinskyV22CombinedPipeline,
    KandinskyV22Pipeline,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    MarigoldDepthPipeline,
    MotionAdapter,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    PriorTransformer,
    SD3Transformer2DModel,
    ShapEPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionLDM3DPipeline,
    StableDiffusionPipeline,
    StableDiffusionUpscalePipeline,
    StableDiffusionXLPipeline,
    UnCLIPScheduler,
    UNet1DModel,
    UNet2DConditionModel,
    UNet2DModel,
    VQModel,
    WanPipeline,
    WanTransformer3DModel,
)
from diffusers.pipelines.kandinsky2_2 import KandinskyV22PriorPipeline
from diffusers.pipelines.shap_e import ShapERenderer
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

# What every tiny pipeline needs to be called with, to be quick: two steps, pictures of 64 × 64.
STEPS = {"num_inference_steps": 2}
VOCABULARY = {"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2, "c": 3, "a": 4, "t</w>": 5, "cat</w>": 6, "ca": 7}


def tokenizer() -> CLIPTokenizer:
    if "vocab" in inspect.signature(CLIPTokenizer.__init__).parameters:
        return CLIPTokenizer(vocab=VOCABULARY, merges=[("c", "a"), ("ca", "t</w>")], model_max_length=77)
    with tempfile.TemporaryDirectory() as folder:  # transformers 4 reads it from files
        vocabulary, merges = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        vocabulary.write_text(json.dumps(VOCABULARY))
        merges.write_text("#version: 0.2\nc a\nca t</w>\n")
        return CLIPTokenizer(vocabulary, merges, model_max_length=77)


def text_config(**changes: Any) -> CLIPTextConfig:
    values = {
        "hidden_size": 8,
        "intermediate_size": 16,
        "projection_dim": 8,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "vocab_size": 260,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        "max_position_embeddings": 77,
    }
    return CLIPTextConfig(**{**values, **changes})


def autoencoder(channels: int = 3, latents: int = 4, **changes: Any) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=[4, 8],
        in_channels=channels,
        out_channels=channels,
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        latent_channels=latents,
        norm_num_groups=2,
        **changes,
    )


def conditional_unet(**changes: Any) -> UNet2DConditionModel:
    values = {
        "block_out_channels": (4, 8),
        "layers_per_block": 1,
        "sample_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 8,
        "norm_num_groups": 2,
    }
    return UNet2DConditionModel(**{**values, **changes})


def ddim() -> DDIMScheduler:
    # Named as in the real pipelines' configs, so that diffusers has nothing to deprecate.
    return DDIMScheduler(clip_sample=False, steps_offset=1)


def quiet(pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    return pipe


def sd_components(**changes: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    components = {
        "unet": conditional_unet(),
        "vae": autoencoder(),
        "text_encoder": CLIPTextModel(text_config()).eval(),
        "tokenizer": tokenizer(),
        "scheduler": ddim(),
        "safety_checker": None,
        "feature_extractor": None,
    }
    return {**components, **changes}


def sd(cls: Any = StableDiffusionPipeline, **changes: Any) -> Any:
    """Stable Diffusion, or another pipeline of the same components."""
    return quiet(cls(**sd_components(**changes), requires_safety_checker=False))


def ddpm(cls: Any = DDPMPipeline, channels: int = 3) -> Any:
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=64,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=1,
        block_out_channels=(4, 8),
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        norm_num_groups=2,
    )
    return quiet(cls(unet=unet, scheduler=DDIMScheduler() if cls is DDIMPipeline else DDPMScheduler()))


def dit() -> Any:
    torch.manual_seed(0)
    transformer = DiTTransformer2DModel(
        sample_size=32,
        num_layers=1,
        patch_size=4,
        attention_head_dim=4,
        num_attention_heads=2,
        in_channels=4,
        out_channels=8,
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_zero",
        norm_elementwise_affine=False,
    )
    return quiet(DiTPipeline(transformer=transformer, vae=autoencoder(), scheduler=ddim()))


def pixart() -> Any:
    torch.manual_seed(0)
    transformer = PixArtTransformer2DModel(
        sample_size=32,
        num_layers=1,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=32,
        in_channels=4,
        cross_attention_dim=24,
        out_channels=8,
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
    )
    return quiet(
        PixArtAlphaPipeline(
            tokenizer=None, text_encoder=None, vae=autoencoder(), transformer=transformer, scheduler=ddim()
        )
    )


PIXART = {
    "prompt": None,
    "negative_prompt": None,
    "prompt_embeds": torch.zeros(1, 4, 32),
    "prompt_attention_mask": torch.ones(1, 4),
    "negative_prompt_embeds": torch.zeros(1, 4, 32),
    "negative_prompt_attention_mask": torch.ones(1, 4),
    "use_resolution_binning": False,
}


def flux() -> Any:
    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=8,
        pooled_projection_dim=8,
        axes_dims_rope=[4, 4, 8],
    )
    vae = autoencoder(latents=1, use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.0, scaling_factor=1.0)
    return quiet(
        FluxPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=vae,
            text_encoder=None,
            tokenizer=None,
            text_encoder_2=None,
            tokenizer_2=None,
            transformer=transformer,
        )
    )


FLUX = {"prompt_embeds": torch.zeros(1, 4, 8), "pooled_prompt_embeds": torch.zeros(1, 8), "height": 64, "width": 64}


def sd3() -> Any:
    torch.manual_seed(0)
    transformer = SD3Transformer2DModel(
        sample_size=32,
        patch_size=1,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_projection_dim=16,
        joint_attention_dim=8,
        pooled_projection_dim=8,
        out_channels=4,
    )
    return quiet(
        StableDiffusion3Pipeline(
            transformer=transformer,
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=autoencoder(shift_factor=0.0),
            text_encoder=None,
            tokenizer=None,
            text_encoder_2=None,
            tokenizer_2=None,
            text_encoder_3=None,
            tokenizer_3=None,
        )
    )


SD3 = {**FLUX, "negative_prompt_embeds": FLUX["prompt_embeds"], "negative_pooled_prompt_embeds": torch.zeros(1, 8)}


def sdxl() -> Any:
    torch.manual_seed(0)
    unet = conditional_unet(
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=6 * 8 + 8,
    )
    return quiet(
        StableDiffusionXLPipeline(
            vae=autoencoder(),
            text_encoder=None,
            text_encoder_2=CLIPTextModelWithProjection(text_config()).eval(),
            tokenizer=None,
            tokenizer_2=tokenizer(),
            unet=unet,
            scheduler=ddim(),
            add_watermarker=False,
        )
    )


def lcm() -> Any:
    return sd(
        LatentConsistencyModelPipeline,
        unet=conditional_unet(time_cond_proj_dim=8),
        scheduler=LCMScheduler(clip_sample=False),
    )


def controlnet() -> Any:
    unet = conditional_unet()
    return sd(
        StableDiffusionControlNetPipeline,
        unet=unet,
        controlnet=ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8)),
    )


def upscaler() -> Any:
    torch.manual_seed(0)
    components = sd_components(
        unet=conditional_unet(in_channels=7, num_class_embeds=1000), vae=autoencoder(scaling_factor=0.08333)
    )
    return quiet(StableDiffusionUpscalePipeline(**components, low_res_scheduler=DDPMScheduler(), max_noise_level=350))


def ldm3d() -> Any:
    return sd(StableDiffusionLDM3DPipeline, vae=autoencoder(channels=6), image_encoder=None)


def marigold() -> Any:
    components = sd_components(unet=conditional_unet(in_channels=8))
    parts = {name: components[name] for name in ("unet", "vae", "scheduler", "text_encoder", "tokenizer")}
    return quiet(
        MarigoldDepthPipeline(
            **parts, prediction_type="depth", default_denoising_steps=1, default_processing_resolution=64
        )
    )


def kandinsky_decoder() -> Any:
    torch.manual_seed(0)
    unet = conditional_unet(
        block_out_channels=(32, 64),  # the fewest that this pipeline's groups allow
        norm_num_groups=32,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        out_channels=8,
        attention_head_dim=4,
        cross_attention_dim=8,
        encoder_hid_dim=8,
        encoder_hid_dim_type="image_proj",
        addition_embed_type="image",
        resnet_time_scale_shift="scale_shift",
    )
    movq = VQModel(
        block_out_channels=[32, 64],
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
        up_block_types=["AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
        layers_per_block=1,
        latent_channels=4,
        num_vq_embeddings=12,
        norm_num_groups=32,
        norm_type="spatial",
        vq_embed_dim=4,
    )
    return quiet(KandinskyV22Pipeline(unet=unet, scheduler=ddim(), movq=movq))


def kandinsky_prior() -> Any:
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=8,
        image_size=32,
        projection_dim=8,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=1,
        patch_size=16,
    )
    return quiet(
        KandinskyV22PriorPipeline(
            prior=PriorTransformer(num_attention_heads=2, attention_head_dim=4, embedding_dim=8, num_layers=1),
            image_encoder=CLIPVisionModelWithProjection(vision).eval(),
            text_encoder=CLIPTextModelWithProjection(text_config()).eval(),
            tokenizer=tokenizer(),
            scheduler=UnCLIPScheduler(prediction_type="sample", num_train_timesteps=1000, clip_sample=True),
            image_processor=CLIPImageProcessor(crop_size=32, size=32),
        )
    )


def kandinsky_combined() -> Any:
    prior, decoder = kandinsky_prior(), kandinsky_decoder()
    parts = {f"prior_{name}": part for name, part in prior.components.items()}
    pipe = KandinskyV22CombinedPipeline(**decoder.components, **parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def wan() -> Any:
    torch.manual_seed(0)
    vae = AutoencoderKLWan(
        base_dim=4, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=8,
        freq_dim=16,
        ffn_dim=16,
        num_layers=1,
        cross_attn_norm=True,
        rope_max_seq_len=32,
    )
    return quiet(
        WanPipeline(
            tokenizer=None,
            text_encoder=None,
            transformer=transformer,
            vae=vae,
            scheduler=FlowMatchEulerDiscreteScheduler(),
        )
    )


WAN = {
    "prompt_embeds": torch.zeros(1, 4, 8),
    "negative_prompt_embeds": torch.zeros(1, 4, 8),
    "height": 16,
    "width": 16,
    "num_frames": 5,
}


def animatediff() -> Any:
    torch.manual_seed(0)
    adapter = MotionAdapter(
        block_out_channels=(4, 8), motion_layers_per_block=1, motion_norm_num_groups=2, motion_num_attention_heads=2
    )
    components = sd_components(scheduler=DDIMScheduler(clip_sample=False, beta_schedule="linear", steps_offset=1))
    del components["safety_checker"]
    return quiet(AnimateDiffPipeline(**components, motion_adapter=adapter))


ANIMATEDIFF = {"prompt": "a cat", "num_frames": 2, "height": 64, "width": 64}


def cogvideox() -> Any:
    torch.manual_seed(0)
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=8,
        num_layers=1,
        sample_width=8,
        sample_height=8,
        sample_frames=9,
        patch_size=2,
        temporal_compression_ratio=4,
        max_text_seq_length=4,
    )
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
    )
    return quiet(
        CogVideoXPipeline(
            tokenizer=None, text_encoder=None, transformer=transformer, vae=vae, scheduler=CogVideoXDDIMScheduler()
        )
    )


COGVIDEOX = {
    "prompt_embeds": torch.zeros(1, 4, 8),
    "negative_prompt_embeds": torch.zeros(1, 4, 8),
    "height": 64,
    "width": 64,
    "num_frames": 5,
}


class CoarseRenderer(ShapERenderer):  # type: ignore[misc]
    """The real renderer, which looks at fewer points: with its own numbers it takes minutes, whatever its size."""

    def decode_to_image(self, latents: Any, device: Any, size: int = 64, **_: Any) -> Any:
        return super().decode_to_image(latents, device, size, 4096, n_coarse_samples=2, n_fine_samples=2)

    def decode_to_mesh(self, latents: Any, device: Any, **_: Any) -> Any:
        return super().decode_to_mesh(latents, device, grid_size=12)


# The ends of the edges of a cube, in the order in which the decoder numbers them.
EDGES = [
    *((2 * y + 4 * z, 1 + 2 * y + 4 * z) for z in (0, 1) for y in (0, 1)),
    *((x + 4 * z, x + 2 + 4 * z) for z in (0, 1) for x in (0, 1)),
    *((x + 2 * y, x + 2 * y + 4) for y in (0, 1) for x in (0, 1)),
]


def shap_e() -> Any:
    """One that makes scenes: rendered from all sides, or as meshes."""
    torch.manual_seed(0)
    prior = PriorTransformer(
        num_attention_heads=2,
        attention_head_dim=16,
        embedding_dim=16,
        num_embeddings=32,
        embedding_proj_dim=8,
        time_embed_dim=64,
        num_layers=1,
        clip_embed_dim=32,
        additional_embeddings=0,
        time_embed_act_fn="gelu",
        norm_in_type="layer",
        encoder_hid_proj_type=None,
        added_emb_type=None,
    )
    renderer = CoarseRenderer(
        param_shapes=((8, 93), (8, 8), (8, 8), (8, 8)), d_latent=16, d_hidden=8, n_output=12, background=(0.1, 0.1, 0.1)
    )
    scheduler = HeunDiscreteScheduler(
        beta_schedule="exp",
        num_train_timesteps=1024,
        prediction_type="sample",
        use_karras_sigmas=True,
        clip_sample=True,
        clip_sample_range=1.0,
    )
    # What a checkpoint brings: a table of triangles for each way in which a surface crosses a cube.
    decoder = renderer.mesh_decoder
    for case in range(256):
        crossed = [number for number, ends in enumerate(EDGES) if len({case >> end & 1 for end in ends}) == 2]
        for number in range(max(0, min(len(crossed) - 2, 5))):
            decoder.cases[case, number] = torch.tensor([crossed[0], *crossed[number + 1 : number + 3]])
            decoder.masks[case, number] = True
    with torch.no_grad():
        renderer.mlp.mlp[-1].bias[0] = 2.0  # all that the surface is asked of lies inside
    encoder = CLIPTextModelWithProjection(text_config(projection_dim=8))
    return quiet(ShapEPipeline(prior, encoder, tokenizer(), scheduler, renderer))


SHAP_E = {"prompt": "a cat", "frame_size": 32, "num_inference_steps": 1}


def dance() -> Any:
    torch.manual_seed(0)
    unet = UNet1DModel(
        sample_size=512,
        sample_rate=16_000,
        in_channels=2,
        out_channels=2,
        block_out_channels=(8, 32),
        extra_in_channels=16,
        flip_sin_to_cos=True,
        use_timestep_embedding=False,
        time_embedding_type="fourier",
        mid_block_type="UNetMidBlock1D",
        down_block_types=("DownBlock1DNoSkip", "DownBlock1D"),
        up_block_types=("UpBlock1D", "UpBlock1DNoSkip"),
    )
    return quiet(DanceDiffusionPipeline(unet=unet, scheduler=IPNDMScheduler()))


class Published(diffusers.DiffusionPipeline):  # type: ignore[misc]
    """A pipeline of a user, or of tomorrow: it returns what it was built to return."""

    def __init__(self, model: Any = None, result: Any = None) -> None:
        super().__init__()
        self.register_modules(model=model)
        self.result = result

    def __call__(self, prompt: str = "", output_type: str = "pil", return_dict: bool = True) -> Any:
        return self.result(return_dict) if callable(self.result) else self.result
