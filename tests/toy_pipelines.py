"""Toy forms of diffusers' text-to-image pipelines: the real classes, of a few thousand random weights each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import FlowMatchEulerDiscreteScheduler
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from dpg_bench.generate.models.tiny_weights import tiny_base, tiny_text_encoder
from dpg_bench.hub.remarks import quiet_libraries

LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
)


def clip_tokenizer() -> Any:
    return transformers.CLIPTokenizer.from_pretrained(tiny_base().folder / "tokenizer")


def clip_text(kind: Any, width: int) -> Any:
    return kind(
        transformers.CLIPTextConfig(
            vocab_size=514,
            hidden_size=width,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            projection_dim=width,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    )


def t5() -> tuple[Any, Any]:
    folder = tiny_text_encoder().folder
    return transformers.T5EncoderModel.from_pretrained(folder), transformers.T5Tokenizer.from_pretrained(folder)


def umt5(width: int = 24) -> Any:
    _, tokenizer = t5()
    return transformers.UMT5EncoderModel(
        transformers.UMT5Config(
            vocab_size=len(tokenizer),
            d_model=width,
            d_kv=8,
            d_ff=32,
            num_layers=1,
            num_heads=2,
            is_encoder_decoder=False,
        )
    )


def byte_tokenizer(*, side: str = "right", begin: str | None = "<sop>") -> Any:
    """A tokenizer over single bytes, with a chat template."""
    special = ["<pad>", "<sop>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {token: number for number, token in enumerate([*LETTERS, *special])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if begin is not None:
        raw.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, vocabulary[begin])]
        )
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", eos_token="<|im_end|>", padding_side=side
    )
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    made.chat_template = CHAT
    return made


def qwen_tokenizer() -> Any:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    made = transformers.Qwen2Tokenizer(
        vocab={token: number for number, token in enumerate([*LETTERS, *special])}, merges=[]
    )
    made.chat_template = CHAT
    return made


def qwen_vl() -> Any:
    text = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 320,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
    }
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 4, "out_hidden_size": 32}
    names = ("image", "video", "vision_start", "vision_end", "vision", "bos", "eos")
    special = {f"{name}_token_id": 300 + number for number, name in enumerate(names)}
    return transformers.Qwen2_5_VLForConditionalGeneration(
        transformers.Qwen2_5_VLConfig(
            text_config={**text, "bos_token_id": 305, "eos_token_id": 306},
            vision_config=vision,
            hidden_size=32,
            vocab_size=320,
            **special,
        )
    )


def decoder(model: str, config: str, **more: Any) -> Any:
    sizes = {
        "vocab_size": 300,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "pad_token_id": 256,
        "bos_token_id": 257,
        "eos_token_id": 259,
    }
    return getattr(transformers, model)(getattr(transformers, config)(**sizes, **more))


def vae(channels: int = 4, *, blocks: tuple[int, ...] = (4, 8)) -> Any:
    return diffusers.AutoencoderKL(
        sample_size=16,
        block_out_channels=blocks,
        down_block_types=("DownEncoderBlock2D",) * len(blocks),
        up_block_types=("UpDecoderBlock2D",) * len(blocks),
        latent_channels=channels,
        shift_factor=0.0,
        norm_num_groups=2,
        layers_per_block=1,
    )


def dc_vae() -> Any:
    blocks: dict[str, Any] = {}
    for side in ("encoder", "decoder"):
        blocks[f"{side}_block_types"] = ("ResBlock", "EfficientViTBlock")
        blocks[f"{side}_block_out_channels"] = (8, 8)
        blocks[f"{side}_layers_per_block"] = (1, 1)
        blocks[f"{side}_qkv_multiscales"] = ((), (5,))
    return diffusers.AutoencoderDC(
        latent_channels=4,
        attention_head_dim=2,
        encoder_out_shortcut=True,
        decoder_in_shortcut=True,
        upsample_block_type="interpolate",
        downsample_block_type="stride_conv",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        **blocks,
    )


def qwen_vae() -> Any:
    return diffusers.AutoencoderKLQwenImage(
        base_dim=16,
        z_dim=4,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )


def sd_unet(**more: Any) -> Any:
    sizes: dict[str, Any] = {
        "sample_size": 8,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": 2,
        "cross_attention_dim": 16,
        "norm_num_groups": 4,
    }
    return diffusers.UNet2DConditionModel(**{**sizes, **more})


def stable_diffusion() -> Any:
    return diffusers.StableDiffusionPipeline.from_pretrained(
        tiny_base().folder, safety_checker=None, requires_safety_checker=False
    )


def latent_consistency() -> Any:
    return diffusers.LatentConsistencyModelPipeline(
        vae=vae(),
        text_encoder=clip_text(transformers.CLIPTextModel, 16),
        tokenizer=clip_tokenizer(),
        unet=sd_unet(time_cond_proj_dim=8),
        scheduler=diffusers.LCMScheduler(steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl() -> Any:
    return diffusers.StableDiffusionXLPipeline(
        vae=vae(),
        text_encoder=clip_text(transformers.CLIPTextModel, 16),
        text_encoder_2=clip_text(transformers.CLIPTextModelWithProjection, 16),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=sd_unet(
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 16,
            cross_attention_dim=32,
        ),
        scheduler=diffusers.EulerDiscreteScheduler(),
    )


def sd3() -> Any:
    encoder, tokenizer = t5()
    return diffusers.StableDiffusion3Pipeline(
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=8,
            patch_size=1,
            in_channels=4,
            num_layers=1,
            attention_head_dim=4,
            num_attention_heads=4,
            joint_attention_dim=24,
            caption_projection_dim=16,
            pooled_projection_dim=24,
            pos_embed_max_size=16,
            out_channels=4,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae(),
        text_encoder=clip_text(transformers.CLIPTextModelWithProjection, 12),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip_text(transformers.CLIPTextModelWithProjection, 12),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=encoder,
        tokenizer_3=tokenizer,
    )


def flux(*, guided: bool) -> Any:
    encoder, tokenizer = t5()
    return diffusers.FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae(blocks=(4, 4, 8, 8)),
        text_encoder=clip_text(transformers.CLIPTextModel, 16),
        tokenizer=clip_tokenizer(),
        text_encoder_2=encoder,
        tokenizer_2=tokenizer,
        transformer=diffusers.FluxTransformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=24,
            pooled_projection_dim=16,
            guidance_embeds=guided,
            axes_dims_rope=(2, 2, 4),
        ),
    )


def flux2_klein(*, distilled: bool) -> Any:
    return diffusers.Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKLFlux2(
            sample_size=16,
            block_out_channels=(4, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=2,
            layers_per_block=1,
        ),
        text_encoder=decoder("Qwen3ForCausalLM", "Qwen3Config"),
        tokenizer=qwen_tokenizer(),
        transformer=diffusers.Flux2Transformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=96,
            timestep_guidance_channels=8,
            axes_dims_rope=(2, 2, 2, 2),
            guidance_embeds=False,
        ),
        is_distilled=distilled,
    )


def qwen_image() -> Any:
    return diffusers.QwenImagePipeline(
        transformer=diffusers.QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(8, 4, 4),
        ),
        vae=qwen_vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        text_encoder=qwen_vl(),
        tokenizer=qwen_tokenizer(),
    )


def sana(kind: Any, *, sprint: bool) -> Any:
    scheduler = diffusers.SCMScheduler() if sprint else FlowMatchEulerDiscreteScheduler(shift=3.0)
    return kind(
        tokenizer=byte_tokenizer(),
        text_encoder=decoder("Gemma2Model", "Gemma2Config"),
        vae=dc_vae(),
        transformer=diffusers.SanaTransformer2DModel(
            in_channels=4,
            out_channels=4,
            num_layers=1,
            num_attention_heads=2,
            attention_head_dim=4,
            num_cross_attention_heads=2,
            cross_attention_head_dim=4,
            cross_attention_dim=8,
            caption_channels=32,
            sample_size=16,
            patch_size=1,
            **({"guidance_embeds": True, "qk_norm": "rms_norm_across_heads"} if sprint else {}),
        ),
        scheduler=scheduler,
    )


def pixart() -> Any:
    encoder, tokenizer = t5()
    return diffusers.PixArtSigmaPipeline(
        tokenizer=tokenizer,
        text_encoder=encoder,
        vae=vae(),
        transformer=diffusers.PixArtTransformer2DModel(
            sample_size=8,
            num_layers=1,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_channels=24,
            in_channels=4,
            cross_attention_dim=16,
            out_channels=8,
            norm_num_groups=1,
        ),
        scheduler=diffusers.DDIMScheduler(),
    )


def hunyuan_image() -> Any:
    encoder, _ = t5()
    tokenizer = transformers.ByT5Tokenizer()
    return diffusers.HunyuanImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKLHunyuanImage(
            in_channels=3,
            out_channels=3,
            latent_channels=8,
            block_out_channels=(32, 32),
            layers_per_block=1,
            spatial_compression_ratio=2,
            sample_size=16,
            scaling_factor=0.5,
            downsample_match_channel=True,
            upsample_match_channel=True,
        ),
        text_encoder=qwen_vl(),
        tokenizer=qwen_tokenizer(),
        text_encoder_2=encoder,
        tokenizer_2=tokenizer,
        transformer=diffusers.HunyuanImageTransformer2DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=8,
            num_layers=1,
            num_single_layers=1,
            num_refiner_layers=1,
            patch_size=(1, 1),
            text_embed_dim=32,
            text_embed_2_dim=24,
            rope_axes_dim=(4, 4),
        ),
        guider=diffusers.AdaptiveProjectedMixGuidance(),
        ocr_guider=diffusers.AdaptiveProjectedMixGuidance(),
    )


def lumina2() -> Any:
    return diffusers.Lumina2Pipeline(
        transformer=diffusers.Lumina2Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            hidden_size=24,
            num_layers=1,
            num_refiner_layers=1,
            num_attention_heads=3,
            num_kv_heads=1,
            multiple_of=2,
            scaling_factor=1.0,
            axes_dim_rope=(4, 2, 2),
            axes_lens=(512, 64, 64),
            cap_feat_dim=32,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae(blocks=(4, 4, 8, 8)),  # the pipeline counts on its eightfold scale
        text_encoder=decoder("Gemma2Model", "Gemma2Config"),
        tokenizer=byte_tokenizer(),
    )


def z_image() -> Any:
    return diffusers.ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae(16),
        text_encoder=decoder("Qwen3Model", "Qwen3Config"),
        tokenizer=qwen_tokenizer(),
        transformer=diffusers.ZImageTransformer2DModel(
            in_channels=16,
            dim=32,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=32,
            axes_dims=[8, 4, 4],
            axes_lens=[512, 64, 64],
        ),
    )


def chroma() -> Any:
    encoder, tokenizer = t5()
    return diffusers.ChromaPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae(),
        text_encoder=encoder,
        tokenizer=tokenizer,
        transformer=diffusers.ChromaTransformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=24,
            axes_dims_rope=(4, 4, 8),
            approximator_num_channels=8,
            approximator_hidden_dim=16,
            approximator_layers=1,
        ),
    )


def cogview4() -> Any:
    return diffusers.CogView4Pipeline(
        transformer=diffusers.CogView4Transformer2DModel(
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            text_embed_dim=32,
            time_embed_dim=16,
            condition_dim=8,
        ),
        vae=vae(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, time_shift_type="linear"),
        text_encoder=decoder("GlmModel", "GlmConfig"),
        tokenizer=byte_tokenizer(side="left"),
    )


def aura_flow() -> Any:
    _, tokenizer = t5()
    return diffusers.AuraFlowPipeline(
        tokenizer=tokenizer,
        text_encoder=umt5(),
        vae=vae(),
        transformer=diffusers.AuraFlowTransformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            num_mmdit_layers=1,
            num_single_dit_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=24,
            caption_projection_dim=16,
            out_channels=4,
            pos_embed_max_size=64,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def kandinsky5() -> Any:
    return diffusers.Kandinsky5T2IPipeline(
        transformer=diffusers.Kandinsky5Transformer3DModel(
            in_visual_dim=4,
            in_text_dim=32,
            in_text_dim2=16,
            time_dim=16,
            out_visual_dim=4,
            patch_size=(1, 2, 2),
            model_dim=16,
            ff_dim=32,
            num_text_blocks=1,
            num_visual_blocks=1,
            axes_dims=(4, 6, 6),
            visual_cond=False,
        ),
        vae=vae(),
        text_encoder=qwen_vl(),
        tokenizer=qwen_tokenizer(),
        text_encoder_2=clip_text(transformers.CLIPTextModel, 16),
        tokenizer_2=clip_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def wan() -> Any:
    _, tokenizer = t5()
    return diffusers.WanPipeline(
        tokenizer=tokenizer,
        text_encoder=umt5(),
        vae=diffusers.AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        transformer=diffusers.WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=16,
            out_channels=16,
            text_dim=24,
            freq_dim=16,
            ffn_dim=16,
            num_layers=1,
            rope_max_seq_len=32,
        ),
    )


TOYS: Mapping[str, Callable[[], Any]] = {
    "Stable Diffusion": stable_diffusion,
    "SDXL": sdxl,
    "SD3": sd3,
    "LCM": latent_consistency,
    "Flux dev": lambda: flux(guided=True),
    "Flux schnell": lambda: flux(guided=False),
    "Flux.2 klein": lambda: flux2_klein(distilled=False),
    "Flux.2 klein distilled": lambda: flux2_klein(distilled=True),
    "Qwen-Image": qwen_image,
    "Sana": lambda: sana(diffusers.SanaPipeline, sprint=False),
    "SanaSprint": lambda: sana(diffusers.SanaSprintPipeline, sprint=True),
    "PixArt Sigma": pixart,
    "HunyuanImage": hunyuan_image,
    "Lumina 2": lumina2,
    "Z-Image": z_image,
    "Chroma": chroma,
    "CogView4": cogview4,
    "AuraFlow": aura_flow,
    "Kandinsky 5": kandinsky5,
    "Wan, one frame": wan,
}


TOY_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "Flux.2 klein": {"text_encoder_out_layers": "0,1,2"},
    "Flux.2 klein distilled": {"text_encoder_out_layers": "0,1,2"},
    "Sana": {"complex_human_instruction": "none", "use_resolution_binning": "false"},
    "SanaSprint": {"complex_human_instruction": "none", "use_resolution_binning": "false"},
    "PixArt Sigma": {"use_resolution_binning": "false"},
}
"""Arguments that the toys need because they are so small."""


def save_toy(name: str, folder: Path) -> Path:
    """Build the toy `name` from a fixed seed and save it."""
    with quiet_libraries():
        torch.manual_seed(7)
        pipeline = TOYS[name]()
        for part in (getattr(pipeline, "transformer", None), getattr(pipeline, "unet", None)):
            for weight in [] if part is None else part.parameters():
                if not weight.any():  # what starts at zero, to be learnt, would keep prompts out
                    torch.nn.init.normal_(weight, std=0.1)
        pipeline.save_pretrained(folder)
    return folder
