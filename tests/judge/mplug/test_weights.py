"""A checkpoint is taken whole and exactly, or refused with the reason."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dpg_bench.errors import BadInputError
from dpg_bench.judge.mplug.checkpoint import WEIGHTS_FILE
from dpg_bench.judge.mplug.config import BertConfig, MplugConfig, VisionConfig, read_config
from dpg_bench.judge.mplug.model import MplugModel, checkpoint_name
from dpg_bench.judge.mplug.weights import check_keys, is_unused, load_model

CPU = torch.device("cpu")
LARGE = MplugConfig(
    vision=VisionConfig(),
    bert=BertConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_attention_heads=12,
        num_hidden_layers=12,
        layer_norm_eps=1e-12,
        max_position_embeddings=512,
        vocab_size=30522,
        text_encoder_layers=6,
        fusion_layers=6,
        text_decode_layers=12,
        stride_layer=6,
    ),
)


def _load(folder: Path, precision: str = "float32") -> MplugModel:
    return load_model(read_config(folder), folder, device=CPU, precision=precision)


def _weights(folder: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = torch.load(folder / WEIGHTS_FILE, weights_only=True)["model"]
    return weights


def test_the_full_size_model_has_the_reference_names_and_shapes(golden: Path) -> None:
    published = json.loads((golden / "mplug" / "mplug_large_keys.json").read_text())
    with torch.device("meta"):
        model = MplugModel(LARGE)
        stand_ins = {name: torch.empty(shape) for name, shape in published.items()}
    check_keys(model, stand_ins, Path("published keys"))

    needed = {checkpoint_name(name): list(parameter.shape) for name, parameter in model.named_parameters()}
    assert needed.items() <= published.items()
    unused = published.keys() - needed.keys()
    assert all(is_unused(name, LARGE) for name in unused)
    assert not any(is_unused(name, LARGE) for name in needed)
    kinds = {
        "momentum copies": [name for name in unused if name.split(".")[0].endswith("_m")],
        "CLIP's text tower and projection": [name for name in unused if name.startswith("visual_encoder.")],
        "lower fusion layers": [name for name in unused if name.startswith("fusion_encoder.")],
        "tied bias": [name for name in unused if name == "text_decoder.cls.predictions.bias"],
        "positions": [
            name for name in unused if name.endswith("position_ids") and not name.split(".")[0].endswith("_m")
        ],
    }
    assert {kind: len(names) for kind, names in kinds.items()} == {
        "momentum copies": 1189,
        "CLIP's text tower and projection": 151,
        "lower fusion layers": 156,
        "tied bias": 1,
        "positions": 2,
    }
    assert sum(map(len, kinds.values())) == len(unused)


def _nested(wrapper: str) -> Callable[[dict[str, Tensor]], object]:
    return lambda weights: {wrapper: weights, "global_step": 7}


@pytest.mark.parametrize(
    "form",
    [
        lambda weights: weights,
        _nested("model"),
        _nested("module"),
        lambda weights: {f"model.{name}": value for name, value in weights.items()},
        lambda weights: {"module": {f"model.{name}": value for name, value in weights.items()}},
        lambda weights: weights | {f"{name.replace('.', '_m.', 1)}": value for name, value in weights.items()},
        lambda weights: weights | {"text_encoder.embeddings.position_ids": torch.arange(64)[None]},
    ],
    ids=["plain", "model", "module", "prefix", "module and prefix", "momentum copies", "position ids"],
)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy pickle"])
def test_every_form_of_a_checkpoint_loads(
    checkpoint: Path, form: Callable[[dict[str, Tensor]], object], zipped: bool
) -> None:
    weights = _weights(checkpoint)
    torch.save(form(weights), checkpoint / WEIGHTS_FILE, _use_new_zipfile_serialization=zipped)
    for name, parameter in _load(checkpoint).named_parameters():
        assert torch.equal(parameter, weights[checkpoint_name(name)])


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system doesn't list a process's mapped files")
def test_in_float32_the_parameters_are_the_mapped_file_and_no_copy(checkpoint: Path) -> None:
    model = _load(checkpoint)
    lines = Path("/proc/self/maps").read_text().splitlines()
    ends = [line.split()[0].split("-") for line in lines if line.endswith(str(checkpoint / WEIGHTS_FILE))]
    mapped = [range(int(start, 16), int(end, 16)) for start, end in ends]
    assert all(any(parameter.data_ptr() in area for area in mapped) for parameter in model.parameters())


def test_half_precision_checkpoints_are_read_as_float32(checkpoint: Path) -> None:
    weights = _weights(checkpoint)
    torch.save({name: value.half() for name, value in weights.items()}, checkpoint / WEIGHTS_FILE)
    assert {parameter.dtype for parameter in _load(checkpoint).parameters()} == {torch.float32}


def test_in_half_precision_linear_layers_alone_are_half(checkpoint: Path) -> None:
    model = _load(checkpoint, "bfloat16")
    half = {name for name, parameter in model.named_parameters() if parameter.dtype == torch.bfloat16}
    kept = {name for name, parameter in model.named_parameters() if parameter.dtype == torch.float32}
    assert half | kept == {name for name, _ in model.named_parameters()}
    assert all(re.search(r"in_proj|out_proj|c_fc|c_proj|visn_fc|dense|query|key|value", name) for name in half)
    assert all(re.search(r"ln_|norm|embedding|conv1|predictions\.decoder", name, re.IGNORECASE) for name in kept)


def test_wrong_keys_and_shapes_are_named(checkpoint: Path) -> None:
    weights = _weights(checkpoint)
    del weights["visn_fc.weight"]
    weights["visn_fc.bias"] = torch.zeros(3, 5)
    weights["visn_extra.weight"] = torch.zeros(2)
    torch.save(weights, checkpoint / WEIGHTS_FILE)
    with pytest.raises(BadInputError) as caught:
        _load(checkpoint)
    message = str(caught.value)
    assert str(checkpoint / WEIGHTS_FILE) in message
    assert "1 keys are missing (visn_fc.weight 48×64)" in message
    assert "1 have another shape (visn_fc.bias is 3×5 but should be 48)" in message
    assert "1 are unknown (visn_extra.weight 2)" in message


class _Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this code ran",)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100_000])


def _keep_half_of_a_legacy_pickle(path: Path) -> None:
    torch.save(torch.load(path, weights_only=True), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_truncate, "no complete PyTorch checkpoint"),
        (_keep_half_of_a_legacy_pickle, "no complete PyTorch checkpoint"),
        (lambda path: path.write_bytes(b""), "no complete PyTorch checkpoint"),
        (lambda path: path.write_bytes(b"<html>404</html>"), "could run code"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: torch.save({"model": {"visn_fc.weight": _Code()}}, path), "could run code"),
        (lambda path: path.write_bytes(pickle.dumps({"model": _Code()})), "could run code"),
        (lambda path: torch.save([1, 2], path), "holds no named parameters"),
        (lambda path: torch.save({}, path), "holds no named parameters"),
        (lambda path: torch.save({"model": {"visn_fc.weight": 3}}, path), "'visn_fc.weight' is a int, not a tensor"),
        (lambda path: torch.save({"conv.weight": torch.zeros(3)}, path), "keys are missing"),
    ],
    ids=[
        "truncated",
        "legacy truncated",
        "empty",
        "a web page",
        "missing",
        "code in a zip",
        "code in a pickle",
        "a list",
        "nothing",
        "a number",
        "another architecture",
    ],
)
def test_a_bad_checkpoint_is_one_clear_error(
    checkpoint: Path, damage: Callable[[Path], object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(checkpoint / WEIGHTS_FILE)
    with pytest.raises(BadInputError, match=message) as caught:
        _load(checkpoint)
    assert str(checkpoint / WEIGHTS_FILE) in str(caught.value)
    assert "this code ran" not in capsys.readouterr().out
