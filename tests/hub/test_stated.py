"""What a stranger's configuration states is looked at before a library loops over it, fetches it or imports it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.halving import Halving
from dpg_bench.hub.huggingface import Weights
from dpg_bench.hub.stated import check_stated

CONFIG: dict[str, Any] = {
    "model_type": "clip",
    "text_config": {"num_hidden_layers": 24, "vocab_size": 262_144, "max_position_embeddings": 10_485_760},
    "rope_theta": 10_000_000_000,
    "size": {"shortest_edge": 65_536, "longest_edge": 25_165_824},
    "id2label": {str(number): "x" for number in range(21_000)},
    "trained_betas": [0.1] * 1000,
    "lambda_min_clipped": float("-inf"),
    "_attn_implementation": "sdpa",
}
INDEX: dict[str, Any] = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "safety_checker": [None, None],
    "image_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "connector": ["ella_models.connector.model", "EllaConnector"],
    "layers": [9, 18, 27],
}


def stated(folder: Path, name: str, content: Any) -> Weights:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return Weights("x", None, folder, (name,))


def test_what_models_state_is_taken(tmp_path: Path) -> None:
    check_stated(stated(tmp_path, "config.json", CONFIG))
    check_stated(stated(tmp_path, "tokenizer_config.json", {"model_max_length": 10**30, "extra_ids": 100}))
    check_stated(stated(tmp_path, "model_index.json", INDEX))
    check_stated(stated(tmp_path, "trainer_state.json", {"num_input_tokens_seen": 10**12, "log_history": [1] * 30_000}))
    check_stated(stated(tmp_path, "tekken.json", {"vocab": [{"rank": n, "token": "x" * 50} for n in range(150_000)]}))
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    check_stated(Weights("x", None, tmp_path, ("model.safetensors",)))


@pytest.mark.parametrize(
    "change",
    [
        {"num_hidden_layers": 10**9},
        {"text_config": {"n_layer": 1001}},
        {"transformer_layers_per_block": [1, 2, 1 << 40]},
        {"depths": [2, 10**6]},
        {"hidden_size": 1 << 40},
        {"num_labels": 10**8},
        {"extra_ids": 10**9},
        {"model_max_length": 10**9},
        {"num_train_timesteps": 10**9},
        {"size": {"height": 10**6}},
        {"min_pixels": 10**9},
        {"image_seq_length": 10**7},
        {"num_additional_image_tokens": 10**7},
        {"block_out_channels": [1] * 501},
        {"bad_words": [1] * 20_001},
        {"id2label": {str(number): "x" for number in range(60_000)}},
    ],
)
def test_numbers_that_no_model_has_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match=rf"{tmp_path}/config\.json (states|lists) \d+"):
        check_stated(stated(tmp_path, "config.json", {**CONFIG, **change}))


@pytest.mark.parametrize("name", ["attn_implementation", "_attn_implementation", "experts_implementation"])
def test_code_that_would_be_fetched_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match=f"'someone/kernel' as {name}, which would be downloaded"):
        check_stated(stated(tmp_path, "config.json", {**CONFIG, "text_config": {name: "someone/kernel"}}))


def test_an_adapter_beside_the_model_is_not_merged_in_silently(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "/elsewhere"}')
    with pytest.raises(BadInputError, match="holds an adapter"):
        check_stated(stated(tmp_path, "config.json", CONFIG))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (["antigravity", "x"], "names 'antigravity' as the home of unet"),
        (["diffusers.utils", "x"], "as the home of unet"),
        (["../pipelines", "x"], "as the home of unet"),
        ([], r"gives \[\] as unet"),
        (["diffusers", 1], "as unet"),
        ([["diffusers"], {}], "as unet"),
    ],
)
def test_parts_from_elsewhere_are_refused(tmp_path: Path, entry: list[Any], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        check_stated(stated(tmp_path, "model_index.json", {**INDEX, "unet": entry}))


def test_a_hundred_thousand_parts_are_refused(tmp_path: Path) -> None:
    index = {**INDEX, **{f"u{number}": ["diffusers", "UNet2DConditionModel"] for number in range(100)}}
    with pytest.raises(BadInputError, match="no pipeline has more"):
        check_stated(stated(tmp_path, "model_index.json", index))


@pytest.mark.parametrize(
    "part",
    [
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Replace", "content": "e" * 40}] * 2}},
        {"normalizer": {"type": "Prepend", "prepend": "e" * 10**6}},
        {"padding": {"strategy": {"Fixed": 10**9}}},
    ],
)
def test_a_tokenizer_that_fills_the_memory_is_refused(tmp_path: Path, part: dict[str, Any]) -> None:
    usual = {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, "padding": None}
    check_stated(stated(tmp_path, "tokenizer.json", usual))
    with pytest.raises(BadInputError, match="more than 1000 times longer"):
        check_stated(stated(tmp_path, "tokenizer.json", {**usual, **part}))


def test_a_panic_of_a_library_is_one_message(tmp_path: Path) -> None:
    from tokenizers import Regex, Tokenizer, models, normalizers

    endless = Tokenizer(models.BPE())
    endless.normalizer = normalizers.Replace(Regex("^(([a-z ])+)+$"), "")
    with pytest.raises(DpgBenchError, match="retry-limit-in-match over"):
        Halving(4).work(["a fox " * 40 + "!"], lambda texts: [endless.encode(text) for text in texts])


def headed(text: str) -> bytes:
    return len(text.encode()).to_bytes(8, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (headed(json.dumps({f"x{number}": {} for number in range(20_001)})), "names 20001 tensors"),
        (headed('{"a": {}, "a": {}}'), "'a' is there 2 times"),
        (headed("[" * 100_000), "nested too deeply"),
        (headed("{}" + " " * (1 << 24)), "has a header of 16777218 bytes"),
    ],
)
def test_a_header_of_tensors_is_bounded(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(BadInputError, match=said):
        check_stated(Weights("x", None, tmp_path, ("model.safetensors",)))


def test_a_single_file_s_configurations_import_nothing(
    tmp_path: Path, tiny_folder: Path, load_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "strange_module.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    configs = Path(shutil.copytree(tiny_folder, tmp_path / "configs"))
    index = json.loads((configs / "model_index.json").read_text())
    (configs / "model_index.json").write_text(json.dumps({**index, "extra": ["strange_module", "Strange"]}))
    save_file({"a": torch.zeros(2)}, tmp_path / "one.safetensors")
    with pytest.raises(BadInputError, match="never run"):
        load_model("sd15", options={"base": str(tmp_path / "one.safetensors"), "config": str(configs)})
    assert "strange_module" not in sys.modules


@pytest.mark.nightly  # imports the configurations of some 800 models
def test_what_every_model_of_transformers_states_by_itself_is_taken(tmp_path: Path) -> None:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    written = 0
    for name in CONFIG_MAPPING:
        with suppress(Exception):  # some have no defaults that they take themselves, or need another library
            CONFIG_MAPPING[name]().save_pretrained(tmp_path)
            written += 1
        check_stated(Weights(name, None, tmp_path, ("config.json",)))
    assert written > 500
