from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ella_models import CONNECTOR_PRESETS, ConnectorConfig, EllaConnector, EllaError

RELEASED = CONNECTOR_PRESETS["sd1.5-t5xl"]


@torch.no_grad()
def test_output_equals_the_reference(golden: Path) -> None:
    folder = golden / "ella" / "tsc"
    described = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / "expected.safetensors")
    connector = EllaConnector.from_sizes(ConnectorConfig(**described["config"]))
    connector.load_state_dict({k.removeprefix("weights."): v for k, v in tensors.items() if k.startswith("weights.")})
    assert described["cases"]
    for case in described["cases"]:
        tokens = connector(tensors[case["features"]], torch.tensor(case["timestep"]))
        torch.testing.assert_close(tokens, tensors[case["tokens"]], atol=1e-5, rtol=0)


def test_full_size_parameters_are_those_of_the_released_file(golden: Path) -> None:
    released = json.loads((golden / "ella" / "ella_sd15_keys.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        connector = EllaConnector.from_sizes(RELEASED)
    assert {name: list(p.shape) for name, p in connector.state_dict().items()} == released
    assert sum(p.numel() for p in connector.parameters()) == pytest.approx(66.8e6, rel=1e-3)


@torch.no_grad()
def test_padding_that_is_not_visible_changes_nothing(connector: EllaConnector) -> None:
    text = torch.randn(3, 7, 16)
    lengths = torch.tensor([1, 4, 7])
    visible = torch.arange(7) < lengths[:, None]
    timesteps = torch.tensor([0, 500, 999])
    together = connector(text, timesteps, visible)
    noise = torch.where(visible[..., None], text, 100 * torch.randn_like(text))
    torch.testing.assert_close(connector(noise, timesteps, visible), together, atol=1e-6, rtol=0)
    for row, length in enumerate(lengths):
        alone = connector(text[row : row + 1, :length], timesteps[row])
        torch.testing.assert_close(together[row], alone[0], atol=1e-6, rtol=0)


@torch.no_grad()
def test_output_depends_on_text_and_timestep(connector: EllaConnector) -> None:
    text = torch.randn(2, 5, 16)
    at_0, at_1 = connector(text, torch.tensor(0)), connector(text, torch.tensor(1))
    assert at_0.shape == (2, 6, 32)
    assert not torch.allclose(at_0, at_1, atol=1e-3)
    assert not torch.allclose(at_0[0], at_0[1], atol=1e-3)


@torch.no_grad()
def test_half_precision_keeps_the_timestep_exact(connector: EllaConnector) -> None:
    text = torch.randn(1, 5, 16)
    exact = connector(text, torch.tensor(999))
    half = connector.to(torch.bfloat16)(text, torch.tensor(999))
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), exact, atol=0.1, rtol=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 5}, "768 does not divide into 5 heads"),
        ({"layers": 0}, "layers must be a whole number from 1 to 1000, not 0"),
        ({"width": True}, "width must be a whole number"),
        ({"time_channel": 321}, "time_channel must be even"),
    ],
)
def test_sizes_that_cannot_be_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(EllaError, match=message):
        replace(RELEASED, **change)


def test_saved_connector_loads_back(connector: EllaConnector, tmp_path: Path) -> None:
    connector.save_pretrained(tmp_path)
    again = EllaConnector.from_pretrained(tmp_path)
    assert asdict(again.sizes) == asdict(connector.sizes)
    for name, value in connector.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
