"""ELLA + CLIP: CLIP's tokens after ELLA's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline
from diffusers.callbacks import SDCFGCutoffCallback

from ella_models import EllaConnector, EllaError, EllaPipeline, EllaStableDiffusionPipeline, T5TextEncoder

Draw = Callable[..., torch.Tensor]
PROMPTS = ["a b", "b b a"]


@pytest.fixture
def both(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, t5: T5TextEncoder
) -> EllaStableDiffusionPipeline:
    """An ELLA pipeline that kept the CLIP of the pipeline it was made from."""
    for pipe in (stable_diffusion, made := EllaPipeline.from_pipe(stable_diffusion, ella=connector, text_encoder=t5)):
        pipe.set_progress_bar_config(disable=True)
    return made


def conditions(pipe: Any) -> list[torch.Tensor]:
    """What the U-Net reads at each call from now on."""
    read: list[torch.Tensor] = []

    def keep(_: Any, args: Any, kwargs: dict[str, Any], __: Any) -> None:
        read.append(kwargs["encoder_hidden_states"])

    pipe.unet.register_forward_hook(keep, with_kwargs=True)
    return read


def test_the_unet_reads_ellas_tokens_and_then_those_that_stable_diffusion_makes(
    both: EllaStableDiffusionPipeline, stable_diffusion: StableDiffusionPipeline, draw: Draw
) -> None:
    read = conditions(both)
    draw(both, PROMPTS, negative_prompt="b", num_images_per_prompt=2)
    alone = read.copy()
    read.clear()
    draw(both, PROMPTS, negative_prompt="b", num_images_per_prompt=2, clip=True)
    positive, negative = stable_diffusion.encode_prompt(PROMPTS, "cpu", 2, True, ["b", "b"])
    assert len(read) == len(alone) == 2
    for step, (with_clip, without) in enumerate(zip(read, alone, strict=True)):
        assert with_clip.shape == (8, 6 + 77, 32), step
        assert torch.equal(with_clip[:, :6], without)
        torch.testing.assert_close(with_clip[:, 6:], torch.cat([negative, positive]), atol=1e-6, rtol=0)


def test_clip_reads_other_texts_where_they_are_given(
    both: EllaStableDiffusionPipeline, stable_diffusion: StableDiffusionPipeline, draw: Draw
) -> None:
    read = conditions(both)
    draw(both, "three sheep", clip=True, clip_prompt="b a", clip_negative_prompt="a a")
    positive, negative = stable_diffusion.encode_prompt("b a", "cpu", 1, True, "a a")
    torch.testing.assert_close(read[0][:, 6:], torch.cat([negative, positive]), atol=1e-6, rtol=0)
    read.clear()
    draw(both, "three sheep", clip=True, clip_prompt="b a", guidance_scale=1.0)
    torch.testing.assert_close(read[0][:, 6:], positive, atol=1e-6, rtol=0)


def test_clip_skip_leaves_out_the_last_layers_for_prompt_and_negative_prompt(
    both: EllaStableDiffusionPipeline, draw: Draw
) -> None:
    read = conditions(both)
    draw(both, "a b", negative_prompt="b", clip=True, clip_skip=1)
    encoder, tokenizer = both.clip_text_encoder, both.clip_tokenizer
    ids = tokenizer(["b", "a b"], padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        states = encoder(ids, output_hidden_states=True).hidden_states[-2]
        expected = encoder.final_layer_norm(states)
    torch.testing.assert_close(read[0][:, 6:], expected, atol=1e-6, rtol=0)
    with pytest.raises(EllaError, match="clip_skip must be from 0 to 1 for a CLIP of 2 layers, not 2"):
        draw(both, "a b", clip=True, clip_skip=2)


def test_a_long_text_goes_through_clip_in_chunks_and_none_of_it_is_cut(
    both: EllaStableDiffusionPipeline, stable_diffusion: StableDiffusionPipeline
) -> None:
    words = ["a", "b"] * 50
    tokens = both.encode_clip_prompt(" ".join(words), negative_prompt="b")
    assert tokens.visible is None
    assert tokens.tokens.shape == (2, 154, 32)
    pieces = [" ".join(words[:75]), " ".join(words[75:]), "b", ""]
    first, second, negative, empty = stable_diffusion.encode_prompt(pieces, "cpu", 1, False)[0]
    expected = torch.stack([torch.cat([negative, empty]), torch.cat([first, second])])
    torch.testing.assert_close(tokens.tokens, expected, atol=1e-6, rtol=0)


def test_an_image_does_not_depend_on_how_long_other_texts_of_its_batch_are(
    both: EllaStableDiffusionPipeline, draw: Draw
) -> None:
    prompts = ["a b", "a b " * 60, "b"]
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    together = draw(both, prompts, clip=True, length="flexible", generator=generators)
    for index, prompt in enumerate(prompts):
        generator = torch.Generator().manual_seed(index)
        alone = draw(both, prompt, clip=True, length="flexible", generator=generator)
        torch.testing.assert_close(together[index : index + 1], alone, atol=2e-4, rtol=0)


def test_clip_stays_with_its_images_when_guidance_ends(both: EllaStableDiffusionPipeline, draw: Draw) -> None:
    read = conditions(both)
    cut = SDCFGCutoffCallback(cutoff_step_index=0, cutoff_step_ratio=None)
    draw(both, PROMPTS, clip=True, callback_on_step_end=cut)
    assert [len(tokens) for tokens in read] == [4, 2]
    assert torch.equal(read[1][:, 6:], read[0][2:, 6:])


def test_controlnets_read_clip_too(
    both: EllaStableDiffusionPipeline, controlnets: list[ControlNetModel], stable_diffusion: StableDiffusionPipeline
) -> None:
    plain = StableDiffusionControlNetPipeline(
        **stable_diffusion.components, controlnet=controlnets[0], requires_safety_checker=False
    )
    pipe = EllaPipeline.from_pipe(plain, ella=both.connector, text_encoder=both.text_encoder, tokenizer=both.tokenizer)
    pipe.set_progress_bar_config(disable=True)
    shapes: list[torch.Size] = []
    controlnets[0].register_forward_hook(
        lambda *call: shapes.append(call[2]["encoder_hidden_states"].shape), with_kwargs=True
    )
    picture = {"image": torch.rand(1, 3, 16, 16), "num_inference_steps": 1, "output_type": "latent"}
    pipe("a b", clip=True, **picture)
    assert shapes == [(2, 6 + 77, 32)]
    with pytest.raises(EllaError, match="A ControlNet can't be told where a CLIP text ends"):
        pipe(["a b", "a b " * 60], clip=True, length="flexible", **picture)


def test_what_clip_needs_is_said(pipeline: EllaStableDiffusionPipeline, both: EllaStableDiffusionPipeline) -> None:
    with pytest.raises(EllaError, match="has no CLIP: load it with clip=True"):
        pipeline("a b", clip=True)
    with pytest.raises(EllaError, match="has no CLIP: load it with clip=True"):
        pipeline.load_textual_inversion({"<x>": torch.zeros(32)})
    with pytest.raises(EllaError, match="clip_prompt goes with clip=True"):
        both("a b", clip_prompt="b")
    with pytest.raises(EllaError, match="give clip_prompt as well"):
        both(prompt_embeds=torch.rand(1, 5, 16), clip=True)
    with pytest.raises(EllaError, match="clip_prompt has 3 entries for 2 prompts"):
        both(PROMPTS, clip=True, clip_prompt=["a", "b", "a"])


def test_a_textual_inversion_counts_with_clip_alone_is_warned_of_without_and_unloads(
    both: EllaStableDiffusionPipeline, draw: Draw, caplog: pytest.LogCaptureFixture
) -> None:
    ways: list[dict[str, Any]] = [{}, {"clip": True}]
    before = [draw(both, "a <fox>", **way) for way in ways]
    learned = torch.randn(2, 32, generator=torch.Generator().manual_seed(0)) * 3
    both.load_textual_inversion({"<fox>": learned})
    assert both.clip_tokenizer.tokenize(both.maybe_convert_prompt("<fox>", both.clip_tokenizer)) == ["<fox>", "<fox>_1"]
    loaded = [draw(both, "a <fox>", **way) for way in ways]
    assert [text for text in caplog.messages if "clip" in text] == [
        "'<fox>' was learned for CLIP, which does not read this prompt: draw with clip=True."
    ]
    assert torch.equal(loaded[0], before[0])
    assert not torch.allclose(loaded[1], before[1], atol=1e-3)
    both.unload_textual_inversion()
    unloaded = [draw(both, "a <fox>", **way) for way in ways]
    assert torch.equal(unloaded[0], before[0])
    torch.testing.assert_close(unloaded[1], before[1], atol=1e-5, rtol=0)


def test_a_pipeline_with_clip_is_loaded_with_it_and_saved_with_it(
    both: EllaStableDiffusionPipeline, stable_diffusion: StableDiffusionPipeline, draw: Draw, tmp_path: Path
) -> None:
    expected = draw(both, "a b", clip=True)
    stable_diffusion.save_pretrained(tmp_path / "sd")
    parts = {"connector": both.connector, "text_encoder": both.text_encoder, "tokenizer": both.tokenizer}
    loaded = EllaStableDiffusionPipeline.from_pretrained(tmp_path / "sd", clip=True, **parts)
    loaded.save_pretrained(tmp_path / "ella")
    saved = EllaStableDiffusionPipeline.from_pretrained(tmp_path / "ella")
    for pipe in (loaded, saved):
        torch.testing.assert_close(draw(pipe, "a b", clip=True), expected, atol=1e-5, rtol=0)
    without = EllaStableDiffusionPipeline.from_pretrained(tmp_path / "sd", **parts)
    assert without.clip_text_encoder is None
