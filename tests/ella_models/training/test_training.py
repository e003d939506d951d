"""The loop: it learns, it trains nothing else, and how the work is divided changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch._inductor.exc import InductorError

from ella_models import CONNECTOR_KINDS, EllaError, load_connector
from ella_models.training import TrainingConfig, TrainingResult, TrainingStep, train
from ella_models.training.assembly import assemble
from ella_models.training.loop import _accelerator
from ella_models.training.objective import draw
from ella_models.training.run_folder import RunFolder

Configure = Callable[..., TrainingConfig]

# Adam divides a gradient by its own size, which blows rounding up to whole steps where the true gradient is zero (the
# keys' bias); with a large epsilon a step is as large as its gradient
PLAIN_STEPS = {"learning_rate": 1.0, "epsilon": 1.0}

LEARNED = 0.8
"""What the validation loss of the toy set must fall to, as a share of its first value."""


@pytest.fixture
def unlike_others(configure: Configure, features: Path, tmp_path: Path) -> Configure:
    """Configurations on the precomputed pairs, in a folder of this test."""

    def with_features(name: str, **changes: Any) -> TrainingConfig:
        data = {"precomputed": features, **changes.pop("data", {})}
        return configure(tmp_path / name, data=data, **changes)

    return with_features


def weights(result: TrainingResult) -> dict[str, Tensor]:
    return load_file(result.connector)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=2e-6, rtol=0, msg=name)


def stop_after(step: int) -> Callable[[TrainingStep], None]:
    def report(done: TrainingStep) -> None:
        if done.step == step - 1:  # the run ends after the step that is being done when the signal comes
            signal.raise_signal(signal.SIGINT)

    return report


def make_teachable(base: Path, saved_parts: Path) -> None:
    """The tiny base with latents that differ by colour, which predicts v and listens to its condition."""
    unet = UNet2DConditionModel.from_pretrained(saved_parts / "sd", subfolder="unet")
    vae = AutoencoderKL.from_pretrained(saved_parts / "sd", subfolder="vae")
    with torch.no_grad():
        for name, value in unet.named_parameters():
            if ".attn2." in name:
                value.mul_(4)
        unet.conv_out.weight.mul_(2)
        vae.quant_conv.bias[4:] -= 12
    vae.register_to_config(scaling_factor=8.0)
    unet.save_pretrained(base / "unet")
    vae.save_pretrained(base / "vae")
    schedule = DDPMScheduler.from_pretrained(saved_parts / "sd", subfolder="scheduler")
    schedule.register_to_config(prediction_type="v_prediction")
    schedule.save_pretrained(base / "scheduler")


def test_a_tiny_connector_learns_and_reads_the_text(configure: Configure, saved_parts: Path, tmp_path: Path) -> None:
    make_teachable(tmp_path / "base", saved_parts)
    config = configure(
        tmp_path / "run",
        base=str(tmp_path / "base"),
        optimizer={"learning_rate": 3e-3},
        loss={"caption_dropout": 0.0},
        validation={"every": 30, "hold_out": 8, "timesteps": 2},
        steps=210,  # after 90 it is learnt or just not, as processors round; after these by every seed that was tried
        log_every=210,
    )
    seen: list[float] = []

    def report(step: TrainingStep) -> None:
        if step.validation_loss is not None:
            seen.append(step.validation_loss)

    # validated after the first step, and at the end
    train(config.model_copy(update={"steps": 1}), report=report)
    result = train(config, report=report)
    assert seen[-1] < LEARNED * seen[0]

    with _accelerator(config) as accelerator:
        run = assemble(config, accelerator, RunFolder(tmp_path / "other"))
        connector = load_connector(result.connector)
        assert run.validation.loss(connector, run.objective, accelerator) == pytest.approx(seen[-1], rel=1e-6)
        for examples in run.validation.groups:
            examples.text.copy_(examples.text.roll(1, 0))  # every picture with the caption of another
        assert run.validation.loss(connector, run.objective, accelerator) > 1.05 * seen[-1]


@pytest.mark.parametrize("kind", CONNECTOR_KINDS)
def test_gradients_reach_every_connector_parameter_and_no_other(kind: str, unlike_others: Configure) -> None:
    preset = "resampler-1" if kind == "resampler" else kind
    config = unlike_others("run", connector={"preset": preset})
    with _accelerator(config) as accelerator:
        run = assemble(config, accelerator, RunFolder(config.output))
        # gates that are shut let no gradient through to what is behind them
        for name, value in run.connector.named_parameters():
            if ".gate." in name:
                torch.nn.init.normal_(value)
        batch = next(run.examples.batches(None))
        draws = draw(0, 0, shape=(4, 4, 8, 8), timesteps=1000, caption_dropout=0, device=torch.device("cpu"))
        run.objective.losses(run.connector, batch.examples, draws).mean().backward()
        for name, value in run.connector.named_parameters():
            assert value.grad is not None, name
            assert value.grad.abs().max() > 0, name
        unet = run.objective._unet
        assert not any(value.requires_grad for value in unet.parameters())
        assert all(value.grad is None for value in unet.parameters())


def test_training_changes_every_weight_of_every_kind(unlike_others: Configure) -> None:
    for preset in ("mlp", "resampler-1", "adaln-zero", "tsc"):
        config = unlike_others(preset, connector={"preset": preset}, steps=3)
        begun = unlike_others(f"{preset}-1", connector={"preset": preset}, steps=1)
        before, after = weights(train(begun)), weights(train(config))
        assert {name for name in before if torch.equal(before[name], after[name])} == set(), preset
        assert load_connector(config.output).sizes.kind == preset.removesuffix("-1")


def test_accumulation_equals_a_larger_batch(unlike_others: Configure) -> None:
    whole = weights(train(unlike_others("whole", batch_size=8, optimizer=PLAIN_STEPS)))
    parts = weights(train(unlike_others("parts", batch_size=2, accumulate=4, optimizer=PLAIN_STEPS)))
    assert_close(whole, parts)
    other = weights(train(unlike_others("other", batch_size=8, optimizer=PLAIN_STEPS, seed=1)))
    assert (other["connector.proj_in.weight"] - whole["connector.proj_in.weight"]).abs().max() > 1e-3


def test_two_processes_equal_one(unlike_others: Configure, tmp_path: Path) -> None:
    shared = {"steps": 4, "validation": {"hold_out": 3, "every": 2}, "log_every": 2, "optimizer": PLAIN_STEPS}
    config = unlike_others("two", batch_size=2, **shared)
    one = train(unlike_others("one", batch_size=4, **shared))
    file = tmp_path / "train.yaml"
    file.write_text(json.dumps(config.model_dump(mode="json")), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "ella_models.training", "train", "--config", str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    said = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert [out for out, _ in said] == [f"{config.output / 'ella.safetensors'}\n", ""]
    assert_close(weights(one), load_file(config.output / "ella.safetensors"))
    lines = [json.loads(line) for line in (config.output / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines] == [2, 4]
    assert lines[-1]["validation_loss"] == pytest.approx(one.validation_loss, rel=1e-5)


@pytest.mark.parametrize("way", ["precomputed", "raw", "raw, at the end of an epoch", "buckets", "average"])
def test_a_run_stopped_and_continued_gives_the_same_bits(
    way: str, configure: Configure, features: Path, tmp_path: Path
) -> None:
    shapes = tmp_path / "shapes"
    shapes.mkdir()
    for number in range(11):
        wide = (40, 20) if number % 3 else (20, 40)
        Image.new("RGB", wide, (20 * number, 0, 200)).save(shapes / f"{number}.png")
        (shapes / f"{number}.txt").write_text("a wall " * number, encoding="utf-8")
    crop = {"crop": "buckets", "bucket_step": 8, "resolution": 32, "min_side": 20}
    changes: dict[str, Any] = {
        "precomputed": {"data": {"precomputed": features}},
        "raw": {},
        "raw, at the end of an epoch": {},
        "buckets": {"data": {"folder": shapes, **crop}, "batch_size": 3},
        "average": {"data": {"precomputed": features}, "optimizer": {"ema_decay": 0.9, "warmup_steps": 3}},
    }[way]
    straight = train(configure(tmp_path / "straight", steps=7, **changes))
    config = configure(tmp_path / "stopped", steps=7, **changes)
    end = 4 if way.endswith("epoch") else 3  # sixteen pairs, four a step
    stopped = train(config, report=stop_after(end))
    assert (stopped.steps, stopped.finished) == (end, False)
    continued = train(config)
    assert (continued.steps, continued.finished) == (7, True)
    assert same(weights(straight), weights(continued))
    logs = [
        [
            {name: value for name, value in json.loads(line).items() if name != "images_per_second"}
            for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        for run in (tmp_path / "straight", tmp_path / "stopped")
    ]
    assert logs[0] == logs[1]


def test_the_connector_is_written_as_other_files_are_and_not_through_a_private_one(unlike_others: Configure) -> None:
    config = unlike_others("modes", steps=1)
    train(config)
    names = {file.name for file in config.output.iterdir()}
    assert names == {".lock", "checkpoints", "ella.json", "ella.safetensors", "log.jsonl", "run.json"}
    modes = {(config.output / name).stat().st_mode for name in ("ella.safetensors", "ella.json")}
    assert len(modes) == 1


def test_a_finished_run_is_left_alone_and_can_be_made_longer(unlike_others: Configure) -> None:
    config = unlike_others("run", steps=3)
    first = train(config)
    before = first.connector.read_bytes()
    again = train(config, report=lambda _: pytest.fail("nothing is left to do"))
    assert again == first
    assert again.connector.read_bytes() == before
    longer = train(unlike_others("run", steps=5))
    assert same(weights(longer), weights(train(unlike_others("straight", steps=5))))


def test_changed_settings_are_refused_with_both_values_unless_the_run_is_fresh(unlike_others: Configure) -> None:
    train(unlike_others("run", steps=2))
    changed = unlike_others("run", steps=4, optimizer={"learning_rate": 5e-4})
    with pytest.raises(EllaError, match=r"optimizer.learning_rate 0.0001, which now is 0.0005"):
        train(changed)
    fresh = train(changed, fresh=True)
    assert same(weights(fresh), weights(train(unlike_others("straight", steps=4, optimizer={"learning_rate": 5e-4}))))


def test_the_newest_checkpoints_are_kept_and_half_written_ones_ignored(unlike_others: Configure) -> None:
    config = unlike_others("run", checkpoint_every=1, keep_checkpoints=2)
    train(config, report=stop_after(4))
    folder = config.output / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000003", "step-00000004"]
    (folder / "step-00000004").rename(folder / ".step-00000005.part")
    assert same(weights(train(config)), weights(train(unlike_others("straight"))))


def test_a_damaged_checkpoint_is_one_clear_error(unlike_others: Configure) -> None:
    config = unlike_others("run", checkpoint_every=2)
    train(config, report=stop_after(4))
    checkpoint = config.output / "checkpoints" / "step-00000004"
    for file in checkpoint.iterdir():
        content = file.read_bytes()
        file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        with pytest.raises(EllaError, match=r"step-00000004' is damaged .* Delete it to go on from the one before"):
            train(config)
        file.unlink()
        os.mkfifo(file)
        with pytest.raises(EllaError, match=rf"is damaged \({file.name} is no file\)"):
            train(config)
        file.unlink()
        file.write_bytes(content)
    (checkpoint / "digests.json").unlink()  # as checkpoints were before there were digests
    (checkpoint / "model.safetensors").write_bytes(b"")
    with pytest.raises(EllaError, match="is damaged"):
        train(config)
    shutil.rmtree(checkpoint)
    assert same(weights(train(config)), weights(train(unlike_others("straight"))))


def test_a_checkpoint_that_cannot_be_written_is_one_clear_error(unlike_others: Configure, tmp_path: Path) -> None:
    code = "import resource, sys; from ella_models.training.commands import app\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); app(sys.argv[1:])"
    config = unlike_others("run", steps=2)
    file = tmp_path / "train.yaml"
    file.write_text(json.dumps(config.model_dump(mode="json")), encoding="utf-8")
    command = [sys.executable, "-c", code, "train", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "can't be written" in done.stderr
    assert "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert same(weights(train(config)), weights(train(unlike_others("straight", steps=2))))


def test_a_finished_run_whose_connector_is_gone_writes_it_again(unlike_others: Configure) -> None:
    config = unlike_others("run", steps=2)
    written = {file: file.read_bytes() for file in (train(config).connector, config.output / "ella.json")}
    for file in written:
        file.unlink()
    train(config)
    assert {file: file.read_bytes() for file in written} == written


def test_a_link_in_place_of_a_log_is_refused_and_what_it_points_to_kept(
    unlike_others: Configure, tmp_path: Path
) -> None:
    config = unlike_others("run")
    train(config, report=stop_after(2))
    (tmp_path / "mine").write_text("of the user's, without an end of line")
    for name in ("log.jsonl", ".lock"):
        file = config.output / name
        file.unlink(missing_ok=True)
        file.symlink_to(tmp_path / "mine")
        with pytest.raises(EllaError, match=f"{name}' is no file of its own but a link or a folder. Remove it"):
            train(config)
        file.unlink()
    assert (tmp_path / "mine").read_text() == "of the user's, without an end of line"


def test_a_loss_that_is_no_number_ends_the_run_and_is_never_kept(unlike_others: Configure) -> None:
    config = unlike_others("run", optimizer={"learning_rate": 1e30, "max_grad_norm": None}, log_every=2, steps=20)
    with pytest.raises(EllaError, match=r"The loss was (nan|inf) at step \d+"):
        train(config)
    assert not (config.output / "ella.safetensors").exists()


def test_precisions_checkpointing_and_a_start_from_weights_train(unlike_others: Configure) -> None:
    first = train(unlike_others("first", precision="bfloat16", gradient_checkpointing=True, steps=2))
    assert {value.dtype for value in weights(first).values()} == {torch.float32}
    config = unlike_others("second", connector={"start": str(first.connector)}, export="float16", steps=2)
    second = train(config)
    assert {value.dtype for value in weights(second).values()} == {torch.float16}


def test_a_unet_that_cannot_be_compiled_is_one_clear_error(
    unlike_others: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(*_: object, **__: object) -> None:
        raise InductorError(RuntimeError("no compiler here"), None)

    monkeypatch.setattr(torch, "compile", lambda _: unable)
    with pytest.raises(EllaError, match=r"can't be compiled on this machine \(.*no compiler here.*\)"):
        train(unlike_others("run", compile=True))


def test_memory_that_runs_out_is_one_clear_error(unlike_others: Configure) -> None:
    def report(_: TrainingStep) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(EllaError, match=r"Memory ran out with batch_size 4. Lower it and raise accumulate"):
        train(unlike_others("run"), report=report)


def test_gradient_checkpointing_changes_no_weight(unlike_others: Configure) -> None:
    plain = weights(train(unlike_others("plain", steps=3, optimizer=PLAIN_STEPS)))
    checkpointed = unlike_others("checkpointed", steps=3, optimizer=PLAIN_STEPS, gradient_checkpointing=True)
    assert_close(plain, weights(train(checkpointed)))


def test_precomputed_and_raw_pairs_train_alike_when_they_come_in_the_same_order(
    configure: Configure, features: Path, tmp_path: Path
) -> None:
    # one step over all pairs: only their order within the step could differ, and it does not
    settings: dict[str, Any] = {"batch_size": 16, "steps": 1, "loss": {"caption_dropout": 0.0}}
    config = configure(tmp_path / "ready", data={"precomputed": features}, **settings)
    with _accelerator(config) as accelerator:
        run = assemble(config, accelerator, RunFolder(tmp_path / "ready"))
        ready = next(run.examples.batches(None)).examples
        raw_run = assemble(configure(tmp_path / "raw", **settings), accelerator, RunFolder(tmp_path / "raw"))
        raw = next(raw_run.examples.batches(None)).examples
    for name in ("moments", "text"):
        one, other = getattr(ready, name).flatten(1), getattr(raw, name).flatten(1)
        assert torch.cdist(one, other).min(dim=1).values.max() < 1e-5
    assert ready.text.shape == raw.text.shape == (16, 12, 16)
