"""The connectors of the paper's ablation: their sizes, what they read, and that they save and load."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ella_models import CONNECTOR_KINDS, CONNECTOR_PRESETS, ConnectorConfig, EllaConnector, EllaError, load_connector
from ella_models.weights import connector_sizes

TINY = ConnectorConfig(time_channel=8, time_embed_dim=24, width=32, layers=2, heads=4, num_latents=6, input_dim=16)


def parameters(sizes: ConnectorConfig) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in EllaConnector.from_sizes(sizes).parameters())


def tiny(kind: str) -> EllaConnector:
    torch.manual_seed(4)
    connector = EllaConnector.from_sizes(replace(TINY, kind=kind))
    # gates start at zero, which would hide what is behind them
    for name, value in connector.named_parameters():
        if ".gate." in name:
            torch.nn.init.normal_(value)
    return connector.requires_grad_(False).eval()


@pytest.mark.parametrize(
    ("preset", "from_2048", "from_5120"),
    [
        ("mlp", 2_164_224, 4_523_520),
        ("resampler-1", 8_712_192, 11_071_488),
        ("resampler-6", 44_159_232, 46_518_528),
        ("adaln-zero", 73_907_712, 76_267_008),
        ("tsc", 66_820_608, 69_179_904),
    ],
)
def test_every_connector_has_the_papers_number_of_parameters(preset: str, from_2048: int, from_5120: int) -> None:
    sizes = CONNECTOR_PRESETS[preset]
    assert parameters(sizes) == from_2048
    assert parameters(replace(sizes, input_dim=5120)) == from_5120


def test_the_sdxl_connector_has_the_papers_number_of_parameters_beside_its_pool() -> None:
    sizes = CONNECTOR_PRESETS["sdxl"]
    assert parameters(replace(sizes, pooled_dim=None)) == 466_546_688
    assert parameters(sizes) > 466_546_688


@pytest.mark.parametrize("kind", CONNECTOR_KINDS)
def test_weights_say_which_kind_they_are(kind: str, tmp_path: Path) -> None:
    connector = tiny(kind)
    save_file(connector.state_dict(), tmp_path / "ella.safetensors")
    (tmp_path / "ella.json").write_text('{"heads": 4}', encoding="utf-8")
    connector.save_pretrained(tmp_path / "saved")
    text, timestep = torch.randn(2, 5, 16), torch.tensor([3, 700])
    expected = connector(text, timestep)
    for source in (tmp_path / "ella.safetensors", tmp_path / "saved"):
        for loaded in (load_connector(source), EllaConnector.from_pretrained(source)):
            assert loaded.sizes.kind == kind
            assert not loaded.training
            assert torch.equal(loaded(text, timestep), expected), source


def test_a_saved_connector_is_found_on_the_hub(hub_cache: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = hub_cache / "models--someone--mine"
    tiny("mlp").save_pretrained(cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit, encoding="utf-8")
    (cached / ".no_exist" / commit).mkdir(parents=True)
    (cached / ".no_exist" / commit / "ella-sd1.5-tsc-t5xl.safetensors").touch()
    assert load_connector("someone/mine").sizes.kind == "mlp"


def test_a_json_of_another_kind_is_refused(tmp_path: Path) -> None:
    save_file(tiny("resampler").state_dict(), tmp_path / "ella.safetensors")
    beside = tmp_path / "ella.json"
    beside.write_text(json.dumps({"kind": "tsc"}), encoding="utf-8")
    with pytest.raises(EllaError, match=r"kind resampler, but the .json beside it says 'tsc'"):
        load_connector(tmp_path / "ella.safetensors")
    beside.write_text(json.dumps({"kind": "perceiver"}), encoding="utf-8")
    with pytest.raises(EllaError, match=r"kind as 'perceiver'; it must be one of mlp, resampler"):
        load_connector(tmp_path / "ella.safetensors")
    with pytest.raises(EllaError, match="kind must be one of mlp"):
        replace(TINY, kind="perceiver")


def test_an_option_that_a_single_file_cannot_take_is_named(tmp_path: Path) -> None:
    save_file(tiny("tsc").state_dict(), tmp_path / "ella.safetensors")
    assert EllaConnector.from_pretrained(tmp_path / "ella.safetensors", dtype=torch.float16).dtype == torch.float16
    with pytest.raises(EllaError, match="loaded without subfolder"):
        EllaConnector.from_pretrained(tmp_path / "ella.safetensors", subfolder="connector")


@pytest.mark.parametrize("preset", ["mlp", "resampler-1", "resampler-6", "adaln-zero", "tsc", "sdxl"])
def test_sizes_of_every_preset_are_read_off_its_shapes(preset: str) -> None:
    sizes = CONNECTOR_PRESETS[preset]
    with torch.device("meta"):
        shapes = {name: tuple(p.shape) for name, p in EllaConnector.from_sizes(sizes).state_dict().items()}
    assert parameters(connector_sizes(shapes)) == parameters(sizes)
    assert connector_sizes(shapes).kind == sizes.kind


@pytest.mark.parametrize("kind", CONNECTOR_KINDS)
@torch.no_grad()
def test_the_timestep_changes_only_the_timestep_aware_kinds(kind: str) -> None:
    connector, text = tiny(kind), torch.randn(1, 5, 16)
    first, last = connector(text, torch.tensor(0)), connector(text, torch.tensor(999))
    assert first.shape == (1, 5 if kind == "mlp" else 6, 32)
    assert torch.equal(first, last) is not connector.sizes.timestep_aware


@pytest.mark.parametrize("kind", ["resampler", "adaln-zero", "tsc"])
@torch.no_grad()
def test_resamplers_see_nothing_of_invisible_padding(kind: str) -> None:
    connector, text = tiny(kind), torch.randn(2, 7, 16)
    visible = torch.tensor([[True] * 4 + [False] * 3, [True] * 7])
    together = connector(text, torch.tensor(9), visible)
    torch.testing.assert_close(together[:1], connector(text[:1, :4], torch.tensor(9)), atol=1e-6, rtol=0)


def test_an_mlp_refuses_prompts_of_mixed_length() -> None:
    visible = torch.tensor([[True, False], [True, True]])
    with pytest.raises(EllaError, match="use length='fixed'"):
        tiny("mlp")(torch.randn(2, 2, 16), torch.tensor(9), visible)


@torch.no_grad()
def test_closed_gates_leave_the_latents_as_they_are() -> None:
    torch.manual_seed(5)
    connector = EllaConnector.from_sizes(replace(TINY, kind="adaln-zero"))
    one, other = (connector(torch.randn(1, 5, 16), torch.tensor(400)) for _ in range(2))
    assert torch.equal(one, other)


@torch.no_grad()
def test_the_pool_gives_one_embedding_that_depends_on_the_text() -> None:
    torch.manual_seed(6)
    connector = EllaConnector.from_sizes(replace(TINY, pooled_dim=20))
    one, other = (connector.pooled(connector(torch.randn(2, 5, 16), torch.tensor(400))) for _ in range(2))
    assert one.shape == (2, 20)
    assert not torch.allclose(one, other, atol=1e-3)
    with pytest.raises(EllaError, match="no attention pool"):
        tiny("tsc").pooled(torch.randn(1, 6, 32))
