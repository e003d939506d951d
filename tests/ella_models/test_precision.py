"""Which component has which precision, however it came into the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from ella_models import (
    EllaConnector,
    EllaError,
    EllaPipeline,
    EllaStableDiffusionImg2ImgPipeline,
    EllaStableDiffusionInpaintPipeline,
    EllaStableDiffusionPipeline,
    T5TextEncoder,
)

Draw = Callable[..., torch.Tensor]
COMPONENTS = ("vae", "unet", "connector", "text_encoder")


def dtypes(pipe: Any) -> dict[str, torch.dtype]:
    return {name: getattr(pipe, name).dtype for name in COMPONENTS}


@pytest.fixture
def folder(stable_diffusion: StableDiffusionPipeline, t5: T5TextEncoder, tmp_path: Path) -> Path:
    stable_diffusion.save_pretrained(tmp_path / "sd")
    t5.model.save_pretrained(tmp_path / "t5")
    t5.tokenizer.save_pretrained(tmp_path / "t5")
    return tmp_path


@pytest.mark.parametrize("argument", ["dtype", "torch_dtype"])
def test_a_connector_given_as_an_object_is_cast_and_draws(
    folder: Path, connector: EllaConnector, draw: Draw, argument: str
) -> None:
    pipe = EllaStableDiffusionPipeline.from_pretrained(
        folder / "sd", ella=connector, text_encoder=folder / "t5", **{argument: torch.bfloat16}
    )
    assert set(dtypes(pipe).values()) == {torch.bfloat16}
    assert draw(pipe, "a fox", output_type="pt").isfinite().all()


def test_a_dictionary_gives_each_component_its_own(folder: Path, connector: EllaConnector, draw: Draw) -> None:
    asked = {"default": torch.bfloat16, "connector": torch.float32, "text_encoder": torch.float32}
    pipe = EllaStableDiffusionPipeline.from_pretrained(
        folder / "sd", ella=connector, text_encoder=folder / "t5", clip=True, dtype=asked
    )
    assert dtypes(pipe) == {name: asked.get(name, torch.bfloat16) for name in COMPONENTS}
    assert pipe.clip_text_encoder.dtype == torch.bfloat16
    assert draw(pipe, "a b", clip=True).isfinite().all()
    pipe.save_pretrained(folder / "saved")
    again = EllaStableDiffusionPipeline.from_pretrained(folder / "saved", dtype=asked)
    assert dtypes(again) == dtypes(pipe)


def test_auto_is_what_the_checkpoint_is_stored_in(
    folder: Path, stable_diffusion: StableDiffusionPipeline, connector: EllaConnector
) -> None:
    stable_diffusion.to(dtype=torch.float16).save_pretrained(folder / "half", variant="fp16")
    pipe = EllaStableDiffusionPipeline.from_pretrained(
        folder / "half", ella=connector, text_encoder=folder / "t5", dtype="auto", variant="fp16"
    )
    assert set(dtypes(pipe).values()) == {torch.float16}
    pipe.save_pretrained(folder / "saved")
    assert set(dtypes(EllaPipeline.from_pretrained(folder / "saved", dtype="auto")).values()) == {torch.float16}
    with pytest.raises(EllaError, match=r"dtype must be a torch.dtype, a dictionary .* or 'auto', not 'half'"):
        EllaStableDiffusionPipeline.from_pretrained(
            folder / "sd", ella=connector, text_encoder=folder / "t5", dtype="half"
        )


@pytest.mark.parametrize("argument", ["dtype", "torch_dtype"])
def test_from_pipe_casts_ellas_parts_and_nothing_that_is_shared(
    folder: Path, stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, draw: Draw, argument: str
) -> None:
    stable_diffusion.unet.to(torch.bfloat16)  # the autoencoder stays in float32, as many keep it
    pipe = EllaPipeline.from_pipe(stable_diffusion, ella=connector, text_encoder=folder / "t5")
    pipe.set_progress_bar_config(disable=True)
    own = dict.fromkeys(("unet", "connector", "text_encoder"), torch.bfloat16)
    assert dtypes(pipe) == own | {"vae": torch.float32}
    assert draw(pipe, "a fox", output_type="pt").isfinite().all()
    exact = EllaPipeline.from_pipe(
        stable_diffusion, ella=connector, text_encoder=folder / "t5", **{argument: torch.float32}
    )
    exact.set_progress_bar_config(disable=True)
    assert dtypes(exact) == dict.fromkeys(COMPONENTS, torch.float32) | {"unet": torch.bfloat16}
    assert draw(exact, "a fox", output_type="pt").isfinite().all()


def test_img2img_and_inpainting_encode_with_a_float32_autoencoder_too(
    folder: Path, stable_diffusion: StableDiffusionPipeline, connector: EllaConnector
) -> None:
    stable_diffusion.unet.to(torch.bfloat16)
    given = {"image": torch.rand(1, 3, 16, 16), "num_inference_steps": 3, "output_type": "pt"}
    for form, more in (
        (EllaStableDiffusionImg2ImgPipeline, {}),
        (EllaStableDiffusionInpaintPipeline, {"mask_image": torch.ones(1, 1, 16, 16)}),
    ):
        pipe = form.from_pipe(stable_diffusion, ella=connector, text_encoder=folder / "t5")
        assert pipe("a fox", **given, **more).images.isfinite().all()
    assert not stable_diffusion.vae.encoder._forward_pre_hooks


def test_a_folder_of_variants_or_old_weight_files_loads(
    folder: Path, stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, draw: Draw
) -> None:
    parts = {"ella": connector, "text_encoder": folder / "t5"}
    expected = draw(EllaStableDiffusionPipeline.from_pretrained(folder / "sd", **parts), "a fox")
    stable_diffusion.save_pretrained(folder / "variant", variant="fp16")
    stable_diffusion.save_pretrained(folder / "old", safe_serialization=False)
    stable_diffusion.save_pretrained(folder / "sharded", max_shard_size="20KB")
    assert len(list((folder / "sharded" / "unet").glob("*.safetensors"))) > 1
    for name, given in (("variant", {"variant": "fp16"}), ("old", {}), ("sharded", {})):
        loaded = EllaStableDiffusionPipeline.from_pretrained(folder / name, **parts, **given)
        assert torch.equal(draw(loaded, "a fox"), expected), name
