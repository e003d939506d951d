from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from ella_models import EllaError, T5TextEncoder
from ella_models.text_encoder import TextInput, TextOptions
from ella_models.training import TrainingConfig, precompute, train
from ella_models.training import precomputed as reading
from ella_models.training.examples import Examples
from ella_models.training.images import Size
from ella_models.training.precomputed import PrecomputedExamples, StepShape

Configure = Callable[..., TrainingConfig]
WHOLE = StepShape(batch_size=4, accumulate=1, processes=1, process=0)


def examples(folder: Path, shape: StepShape = WHOLE, **changes: Any) -> PrecomputedExamples:
    return PrecomputedExamples(folder, **{"shape": shape, "seed": 0, "hold_out": 0, "expected": {}, **changes})


def first(source: PrecomputedExamples, count: int, state: dict[str, Any] | None = None) -> list[Examples]:
    batches = source.batches(state)
    try:
        return [next(batches).examples for _ in range(count)]
    finally:
        batches.close()


def keys(folder: Path) -> list[str]:
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return [key for shard in index["shards"] for group in shard["sizes"] for key in group["keys"]]


def test_features_are_what_vae_and_text_encoder_give(
    configure: Configure, features: Path, saved_parts: Path, pairs: Path
) -> None:
    assert keys(features) == [f"{number:02d}.png" for number in range(16)]
    t5 = T5TextEncoder.from_pretrained(saved_parts / "t5", options=TextOptions(tokens=12))
    with safe_open(features / "shard-00001.safetensors", framework="pt") as tensors:
        text, moments = (tensors.get_tensor(f"16x16.{name}") for name in ("text", "moments"))
    assert moments.shape == (6, 8, 8, 8)
    told = [TextInput((pairs / f"{n:02d}.txt").read_text(encoding="utf-8"), "fixed") for n in range(6, 12)]
    torch.testing.assert_close(text, t5.encode(told, device="cpu").states, atol=1e-6, rtol=0)


def test_interrupted_work_goes_on_after_the_last_whole_shard(
    configure: Configure, features: Path, tmp_path: Path
) -> None:
    config = configure(tmp_path / "run", data={"precomputed": tmp_path / "features"})

    def stop(done: int) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        precompute(config, report=stop)
    with pytest.raises(EllaError, match="isn't finished: run `ella precompute`"):
        train(config)
    made = (tmp_path / "features" / "shard-00000.safetensors").stat().st_mtime_ns
    (tmp_path / "features" / ".shard-00001.safetensors.4711.part").write_bytes(b"as a killed process leaves it")
    assert precompute(config).pairs == 16
    assert not list((tmp_path / "features").glob("*.part"))
    assert (tmp_path / "features" / "shard-00000.safetensors").stat().st_mtime_ns == made
    for name in ("shard-00000", "shard-00002"):
        file = f"{name}.safetensors"
        assert (tmp_path / "features" / file).read_bytes() == (features / file).read_bytes()


def test_pairs_that_changed_are_encoded_again_and_never_go_into_a_run_that_began_without_them(
    configure: Configure, pairs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pairs"
    shutil.copytree(pairs, folder)
    features = tmp_path / "features"
    config = configure(tmp_path / "run", data={"folder": folder, "precomputed": features}, steps=1)
    precompute(config)
    train(config)
    made = {file.name: file.stat().st_mtime_ns for file in features.glob("*.safetensors")}
    (folder / "07.txt").write_text("a wall of another colour", encoding="utf-8")
    shutil.copy(folder / "00.png", folder / "16.png")
    (folder / "16.txt").write_text("one more", encoding="utf-8")
    assert precompute(config).pairs == 17
    again = {file.name: file.stat().st_mtime_ns for file in features.glob("shard-*.safetensors")}
    assert [name for name in sorted(again) if again[name] != made[name]] == [
        "shard-00001.safetensors",
        "shard-00002.safetensors",
    ]
    with pytest.raises(EllaError, match=r"was trained with features '\w+', which now is"):
        train(configure(tmp_path / "run", data={"folder": folder, "precomputed": features}, steps=2))


def test_other_settings_never_mix_with_what_is_there(configure: Configure, features: Path, tmp_path: Path) -> None:
    shutil.copytree(features, tmp_path / "features")
    with pytest.raises(EllaError, match=r"was precomputed with text .*'tokens': 12.* which now is .*'tokens': 9"):
        precompute(configure(tmp_path, text={"tokens": 9}, data={"precomputed": tmp_path / "features"}))
    with pytest.raises(EllaError, match=r"precomputed with text .* but the configuration says"):
        train(configure(tmp_path / "run", text={"tokens": 9}, data={"precomputed": tmp_path / "features"}))


def test_broken_pairs_are_left_out_by_name(configure: Configure, tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    folder.mkdir()
    for name in ("good", "small", "silent", "cut", "text"):
        Image.new("RGB", (8 if name == "small" else 20, 20), "red").save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text("a red wall", encoding="utf-8")
    (folder / "silent.txt").unlink()
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:60])
    (folder / "text.png").write_text("no image", encoding="utf-8")
    features = tmp_path / "features"
    made = precompute(configure(tmp_path / "run", data={"folder": folder, "precomputed": features}))
    assert (made.pairs, made.skipped) == (1, 4)
    lines = (features / "skipped.jsonl").read_text(encoding="utf-8").splitlines()
    reasons = {record["key"]: record["reason"] for record in map(json.loads, lines)}
    assert reasons["small.png"] == "its shorter side has 8 px, fewer than 16"
    assert reasons["silent.png"] == "no caption"
    assert reasons["cut.png"].startswith("cut.png can't be read: ")
    assert reasons["text.png"].startswith("text.png can't be read: cannot identify image file")
    assert precompute(configure(tmp_path / "run", data={"folder": folder, "precomputed": features})) == made


def test_no_usable_pair_is_one_clear_error(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "pairs").mkdir()
    data = {"folder": tmp_path / "pairs", "precomputed": tmp_path / "features"}
    with pytest.raises(EllaError, match="holds no images"):
        precompute(configure(tmp_path / "run", data=data))
    Image.new("RGB", (20, 20)).save(tmp_path / "pairs" / "one.png")
    with pytest.raises(EllaError, match=r"No pair could be encoded; 1 were left out: one.png \(no caption\)"):
        precompute(configure(tmp_path / "run", data=data))
    with pytest.raises(EllaError, match=r"None of the pairs can be used; 1 were left out: one.png \(no caption\)"):
        train(configure(tmp_path / "raw", data={"folder": tmp_path / "pairs"}))


def test_an_epoch_shows_every_pair_once_in_an_order_of_its_own(features: Path) -> None:
    whole = first(examples(features), 8)
    epochs = [torch.cat([some.moments for some in whole[start : start + 4]]) for start in (0, 4)]
    assert not torch.equal(epochs[0], epochs[1])
    ordered = [epoch.flatten(1)[epoch.flatten(1)[:, 0].argsort()] for epoch in epochs]
    assert torch.equal(ordered[0], ordered[1])
    assert torch.equal(first(examples(features), 1, {"pass": 5})[0].text, whole[5].text)
    assert not torch.equal(first(examples(features, seed=1), 1)[0].moments, whole[0].moments)


def test_processes_and_passes_share_the_pairs_of_a_step(features: Path) -> None:
    whole = first(examples(features, StepShape(8, 1, 1, 0)), 2)
    for step in range(2):
        parts = []
        for part in range(2):
            for process in range(2):
                parts += first(examples(features, StepShape(2, 2, 2, process)), 1, {"pass": step * 2 + part})
        assert torch.equal(torch.cat([part.text for part in parts]), whole[step].text)
        assert torch.equal(torch.cat([part.moments for part in parts]), whole[step].moments)


def test_held_out_pairs_are_never_trained_on(features: Path) -> None:
    source = examples(features, hold_out=4)
    (held,) = source.held_out()
    assert len(held) == 4
    trained = torch.cat([some.moments for some in first(source, 6)]).flatten(1)
    assert torch.cdist(held.moments.flatten(1), trained).min() > 0


def test_shards_too_large_for_memory_are_read_row_by_row(features: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = first(examples(features), 5)
    monkeypatch.setattr(reading, "IN_MEMORY_BYTES", 0)
    for one, other in zip(in_memory, first(examples(features), 5), strict=True):
        assert torch.equal(one.moments, other.moments)
        assert torch.equal(one.text, other.text)


def test_buckets_keep_to_one_size_a_step(
    configure: Configure, pairs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(6):
        Image.new("RGB", (40, 20), "blue").save(tmp_path / f"wide{number}.png")
        Image.new("RGB", (20, 40), "red").save(tmp_path / f"tall{number}.png")
        for shape in ("wide", "tall"):
            (tmp_path / f"{shape}{number}.txt").write_text(f"a {shape} wall", encoding="utf-8")
    crop = {"crop": "buckets", "bucket_step": 8, "resolution": 32, "min_side": 20}
    precompute(configure(tmp_path / "run", data={"folder": tmp_path, "precomputed": tmp_path / "features", **crop}))
    source = examples(tmp_path / "features", StepShape(3, 1, 1, 0))
    assert source.steps_per_epoch == 4
    sizes = {Size(*some.moments.shape[2:]) for some in first(source, 4)}
    assert sizes == {Size(12, 20), Size(20, 12)}
    assert examples(tmp_path / "features", StepShape(5, 1, 1, 0)).steps_per_epoch == 2
    assert "never trained on" not in caplog.text
    examples(tmp_path / "features", StepShape(5, 1, 1, 0), hold_out=2)
    assert "The 4 pairs of 24 × 40 px are never trained on: a step takes 5 of one size" in caplog.text
    with pytest.raises(EllaError, match="holds 6 pairs to train on of one size, fewer than the 7 of a step"):
        examples(tmp_path / "features", StepShape(7, 1, 1, 0))


def test_a_folder_that_is_not_there_or_damaged_is_one_clear_error(
    configure: Configure, features: Path, tmp_path: Path
) -> None:
    with pytest.raises(EllaError, match="isn't there: run `ella precompute`"):
        train(configure(tmp_path / "run", data={"precomputed": tmp_path / "none"}))
    shutil.copytree(features, tmp_path / "features")
    shard = tmp_path / "features" / "shard-00001.safetensors"
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(EllaError, match="features' is damaged"):
        train(configure(tmp_path / "run", data={"precomputed": tmp_path / "features"}))
    with pytest.raises(EllaError, match="names no folder to write to"):
        precompute(configure(tmp_path / "run"))
