"""Toy pipelines whose denoiser is a transformer: the real classes, of a few thousand random weights each."""

from __future__ import annotations

from typing import Any

import diffusers
import transformers
from diffusers import FlowMatchEulerDiscreteScheduler

from tests.toy_parts import (
    byte_tokenizer,
    clip_text,
    clip_tokenizer,
    dc_vae,
    decoder,
    qwen_tokenizer,
    qwen_vae,
    qwen_vl,
    t5,
    umt5,
    vae,
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
