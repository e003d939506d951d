"""What a run leaves: a connector that the pipeline loads, samples, a log, and errors that say what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ella_models import CONNECTOR_PRESETS, EllaError, EllaStableDiffusionPipeline, load_connector
from ella_models.training import TrainingConfig, TrainingStep, train

Configure = Callable[..., TrainingConfig]


def test_the_pipeline_loads_the_run_at_once(
    configure: Configure, features: Path, saved_parts: Path, tmp_path: Path
) -> None:
    result = train(configure(tmp_path / "run", data={"precomputed": features}, steps=1))
    assert result.connector == tmp_path / "run" / "ella.safetensors"
    for source in (result.connector, tmp_path / "run"):
        pipe = EllaStableDiffusionPipeline.from_pretrained(
            saved_parts / "sd", ella=source, text_encoder=saved_parts / "t5"
        )
        pipe.set_progress_bar_config(disable=True)
        drawn = pipe("a red wall", num_inference_steps=1, output_type="latent").images
        assert torch.isfinite(drawn).all()
    assert load_connector(result.connector).text_options == {"tokens": 12}


def test_log_validation_and_samples_come_at_their_steps(configure: Configure, features: Path, tmp_path: Path) -> None:
    config = configure(
        tmp_path / "run",
        data={"precomputed": features},
        steps=5,
        log_every=3,
        validation={
            "every": 2,
            "hold_out": 3,
            "prompts": ["a red wall", "a sky"],
            "seeds": [0, 1, 2],
            "sample_steps": 2,
        },
    )
    seen: list[TrainingStep] = []
    result = train(config, report=seen.append)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines] == [2, 3, 4, 5]
    assert [line["step"] for line in lines if "validation_loss" in line] == [2, 4, 5]
    assert [step.step for step in seen] == [1, 2, 3, 4, 5]
    assert seen[0].loss is None
    assert result.validation_loss == lines[-1]["validation_loss"]
    assert result.loss == lines[-1]["loss"]
    names = ["step-00000002.png", "step-00000004.png", "step-00000005.png"]
    assert sorted(path.name for path in (tmp_path / "run" / "samples").iterdir()) == names
    with Image.open(tmp_path / "run" / "samples" / names[-1]) as grid:
        assert grid.size == (3 * 16, 2 * 16)


def test_validation_does_not_depend_on_the_batch_and_changes_no_weight(
    configure: Configure, features: Path, tmp_path: Path
) -> None:
    def run(name: str, **validation: Any) -> Any:
        data = {"precomputed": features}
        return train(configure(tmp_path / name, data=data, steps=2, validation={"hold_out": 5, **validation}))

    often, rarely = run("often", every=1), run("rarely", every=2)
    assert often.validation_loss == pytest.approx(rarely.validation_loss)
    assert all(
        torch.equal(value, load_file(rarely.connector)[name]) for name, value in load_file(often.connector).items()
    )
    config = configure(tmp_path / "b", data={"precomputed": features}, steps=1, validation={"hold_out": 5})
    other = configure(
        tmp_path / "c", data={"precomputed": features}, steps=1, batch_size=2, accumulate=2, validation={"hold_out": 5}
    )
    assert train(config).validation_loss == pytest.approx(train(other).validation_loss, rel=1e-4)


def test_the_average_is_what_is_exported(configure: Configure, features: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"data": {"precomputed": features}, "steps": 4}
    plain = load_file(train(configure(tmp_path / "plain", **settings)).connector)
    config = configure(tmp_path / "average", optimizer={"ema_decay": 0.999}, **settings)
    average = load_file(train(config).connector)
    kept = load_file(tmp_path / "average" / "checkpoints" / "step-00000004" / "model.safetensors")
    name = "connector.proj_in.weight"
    assert torch.equal(kept[name], plain[name])
    assert not torch.equal(average[name], plain[name])
    torch.testing.assert_close(average[name], plain[name], atol=1e-3, rtol=0)


def test_presets_take_width_from_the_models_and_the_rest_from_the_paper(
    configure: Configure, features: Path, tmp_path: Path
) -> None:
    none = dict.fromkeys(["layers", "num_latents", "time_channel", "time_embed_dim"])
    config = configure(
        tmp_path / "run", data={"precomputed": features}, steps=1, connector={"preset": "resampler-1", **none}
    )
    sizes = load_connector(train(config).connector).sizes
    assert (sizes.width, sizes.input_dim, sizes.heads) == (32, 16, 4)
    assert sizes.num_latents == CONNECTOR_PRESETS["resampler-1"].num_latents


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"connector": {"preset": "perceiver"}}, "Unknown connector preset 'perceiver'; known are sd1.5-t5xl"),
        ({"connector": {"preset": "sdxl"}}, "a connector with a pool is for SDXL"),
        ({"connector": {"heads": 5}}, "width 32 does not divide into 5 heads"),
        ({"connector": {"start": "none.safetensors"}}, "No ELLA connector at 'none.safetensors'"),
        ({"base": "/no/such"}, "There is no folder '/no/such' to load the base from"),
        ({"base": "/"}, "The vae could not be loaded from '/'"),
        ({"text_encoder": "/no/such"}, "There is no folder '/no/such' to load the text encoder from"),
        ({"batch_size": 17}, "None of the pairs|fewer than"),
    ],
)
def test_what_cannot_be_used_is_one_clear_error(
    changes: dict[str, Any], message: str, configure: Configure, features: Path, tmp_path: Path
) -> None:
    data = {"precomputed": features} if "batch_size" in changes or "connector" in changes else {}
    with pytest.raises(EllaError, match=message):
        train(configure(tmp_path / "run", data=data, **changes))
    assert not (tmp_path / "run" / "ella.safetensors").exists()


def test_a_tracker_that_is_not_installed_is_one_clear_error(
    configure: Configure, features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(EllaError, match=r"The tracker 'wandb' is not installed: pip install 'dpg-bench\[wandb\]'"):
        train(configure(tmp_path / "run", data={"precomputed": features}, trackers=["wandb"]))


def test_weights_to_start_from_must_fit(configure: Configure, features: Path, tmp_path: Path) -> None:
    data = {"precomputed": features}
    first = train(configure(tmp_path / "first", data=data, steps=1))
    beside = first.connector.with_suffix(".json")
    told = json.loads(beside.read_text(encoding="utf-8"))
    beside.write_text(json.dumps({**told, "text_options": {"tokens": 9}}), encoding="utf-8")
    with pytest.raises(EllaError, match=r"text options {'tokens': 9}, but the configuration says {'tokens': 12}"):
        train(configure(tmp_path / "run", data=data, connector={"start": str(first.connector)}))


def test_a_held_out_pair_that_must_be_left_out_does_not_stop_a_first_run(
    configure: Configure, pairs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pairs"
    shutil.copytree(pairs, folder)
    (folder / "00.png").write_bytes(b"broken")
    config = configure(tmp_path / "run", data={"folder": folder}, steps=1, validation={"hold_out": 2})
    assert train(config).skipped == 1
