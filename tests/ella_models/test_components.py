"""Loading, saving, sharing, adapting and offloading the pipeline's parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import accelerate
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

from ella_models import ConnectorConfig, EllaConnector, EllaError, EllaStableDiffusionPipeline, T5TextEncoder

Draw = Callable[..., torch.Tensor]


@pytest.fixture
def parts(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, t5: T5TextEncoder, tmp_path: Path
) -> Path:
    """The three things on disk: `sd/` as diffusers saves it, `ella.safetensors` with its sizes, `t5/`."""
    stable_diffusion.save_pretrained(tmp_path / "sd")
    save_file(connector.state_dict(), tmp_path / "ella.safetensors")
    (tmp_path / "ella.json").write_text(json.dumps({"heads": connector.sizes.heads}), encoding="utf-8")
    t5.model.save_pretrained(tmp_path / "t5")
    t5.tokenizer.save_pretrained(tmp_path / "t5")
    return tmp_path


def test_loads_from_its_three_parts(parts: Path, pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    loaded = EllaStableDiffusionPipeline.from_pretrained(
        parts / "sd", ella=parts / "ella.safetensors", text_encoder=parts / "t5"
    )
    assert torch.equal(draw(loaded, "a fox"), draw(pipeline, "a fox"))
    assert type(loaded.scheduler) is type(pipeline.scheduler)


def test_loads_a_base_from_the_hub_cache_at_its_revision(
    parts: Path, pipeline: EllaStableDiffusionPipeline, draw: Draw, hub_cache: Path
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = hub_cache / "models--someone--sd" / "snapshots" / commit
    snapshot.parent.mkdir(parents=True)
    (parts / "sd").rename(snapshot)
    loaded = EllaStableDiffusionPipeline.from_pretrained(
        "someone/sd", revision=commit, ella=parts / "ella.safetensors", text_encoder=parts / "t5", cache_dir=hub_cache
    )
    assert torch.equal(draw(loaded, "a fox"), draw(pipeline, "a fox"))


@pytest.mark.parametrize("precision", ["dtype", "torch_dtype"])
def test_precision_holds_for_every_parameter(parts: Path, precision: str) -> None:
    loaded = EllaStableDiffusionPipeline.from_pretrained(
        parts / "sd", ella=parts / "ella.safetensors", text_encoder=parts / "t5", **{precision: torch.float16}
    )
    loaded.save_pretrained(parts / "saved")
    for pipe in (loaded, EllaStableDiffusionPipeline.from_pretrained(parts / "saved", **{precision: torch.float16})):
        for name in ("vae", "unet", "connector", "text_encoder"):
            assert {p.dtype for p in getattr(pipe, name).parameters()} == {torch.float16}, name


def test_saved_pipeline_loads_back(pipeline: EllaStableDiffusionPipeline, draw: Draw, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    again = EllaStableDiffusionPipeline.from_pretrained(tmp_path)
    assert torch.equal(draw(again, "a fox", length="flexible"), draw(pipeline, "a fox", length="flexible"))
    assert again.connector.sizes == pipeline.connector.sizes


def test_from_pipe_shares_a_loaded_checkpoint(
    parts: Path, stable_diffusion: StableDiffusionPipeline, pipeline: EllaStableDiffusionPipeline, draw: Draw
) -> None:
    made = EllaStableDiffusionPipeline.from_pipe(
        stable_diffusion, ella=parts / "ella.safetensors", text_encoder=parts / "t5"
    )
    assert made.unet is stable_diffusion.unet
    assert made.vae is stable_diffusion.vae
    assert torch.equal(draw(made, "a fox"), draw(pipeline, "a fox"))
    made.save_pretrained(parts / "saved")
    again = EllaStableDiffusionPipeline.from_pretrained(parts / "saved")
    assert torch.equal(draw(again, "a fox"), draw(pipeline, "a fox"))


def test_from_pipe_keeps_the_precision_of_what_it_shares(
    parts: Path, stable_diffusion: StableDiffusionPipeline
) -> None:
    stable_diffusion.to(dtype=torch.bfloat16)
    made = EllaStableDiffusionPipeline.from_pipe(
        stable_diffusion, ella=parts / "ella.safetensors", text_encoder=parts / "t5"
    )
    for name in ("vae", "unet", "connector", "text_encoder"):
        assert {p.dtype for p in getattr(made, name).parameters()} == {torch.bfloat16}, name


def test_from_pipe_of_an_ella_pipeline_keeps_its_parts(pipeline: EllaStableDiffusionPipeline) -> None:
    again = EllaStableDiffusionPipeline.from_pipe(pipeline)
    assert again.connector is pipeline.connector
    assert again.text_encoder is pipeline.text_encoder


def test_a_plain_checkpoint_without_ella_is_one_clear_error(
    parts: Path, stable_diffusion: StableDiffusionPipeline
) -> None:
    with pytest.raises(EllaError, match="sd' holds no ELLA pipeline"):
        EllaStableDiffusionPipeline.from_pretrained(parts / "sd")
    with pytest.raises(EllaError, match=r"There is no folder '.*nowhere'"):
        EllaStableDiffusionPipeline.from_pretrained(parts / "nowhere")
    with pytest.raises(EllaError, match="text_encoder was not given"):
        EllaStableDiffusionPipeline.from_pretrained(parts / "sd", ella=parts / "ella.safetensors")
    with pytest.raises(EllaError, match="ella was not given"):
        EllaStableDiffusionPipeline.from_pipe(stable_diffusion, text_encoder=parts / "t5")


def test_parts_that_do_not_fit_are_refused(stable_diffusion: StableDiffusionPipeline, t5: T5TextEncoder) -> None:
    sizes = {"time_channel": 8, "time_embed_dim": 8, "layers": 1, "heads": 1, "num_latents": 2}
    narrow = EllaConnector.from_sizes(ConnectorConfig(width=32, input_dim=15, **sizes))
    with pytest.raises(EllaError, match="reads text features of width 15, but the text encoder's are 16 wide"):
        EllaStableDiffusionPipeline.from_pipe(stable_diffusion, ella=narrow, text_encoder=t5)
    wide = EllaConnector.from_sizes(ConnectorConfig(width=48, input_dim=16, **sizes))
    with pytest.raises(EllaError, match="writes a condition of width 48, but the U-Net reads one of 32"):
        EllaStableDiffusionPipeline.from_pipe(stable_diffusion, ella=wide, text_encoder=t5)


@torch.no_grad()
def test_connector_can_be_offloaded_by_submodule(connector: EllaConnector) -> None:
    text, timestep = torch.randn(1, 3, 16), torch.tensor(7)
    before = connector(text, timestep)
    accelerate.cpu_offload(connector, execution_device=torch.device("cpu"))
    assert {p.device.type for p in connector.parameters()} == {"meta"}
    assert torch.equal(connector(text, timestep), before)


def test_offloading_by_model_changes_nothing(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    # the CPU stands in for the accelerator: the hooks are the same, only nothing is saved
    before = draw(pipeline, "a fox", output_type="pt")
    pipeline.enable_model_cpu_offload(device="cpu")
    assert torch.equal(draw(pipeline, "a fox", output_type="pt"), before)
    assert torch.equal(draw(pipeline, "a fox", output_type="pt"), before)
