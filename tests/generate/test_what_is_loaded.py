"""Weights in every form that users have: variants, pickled, sharded, in a single file; LoRAs; saved ELLA pipelines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import Generator, GeneratorSettings, ImageRequest
from dpg_bench.generate.models.ella import EllaOptions, fetch_ella
from dpg_bench.generate.models.lora import Lora
from dpg_bench.generate.models.tiny_weights import tiny_connector, tiny_text_encoder
from dpg_bench.hub.huggingface import pipeline_files
from dpg_bench.hub.remarks import quiet_libraries
from dpg_bench.hub.weights import shards_of, weight_files
from tests.original_layout import original_layout

REQUEST = [ImageRequest("a red fox", 1)]
Load = Callable[..., Generator]


def pixels(generator: Generator) -> Any:
    return np.asarray(generator.generate(REQUEST)[0]).astype(int)


def sd15(load_model: Load, base: Path | str, **options: Any) -> Generator:
    return load_model("sd15", options={"base": str(base), **options}, size=16, steps=2)


def ella(load_model: Load, base: Path | str, **options: Any) -> Generator:
    own = {"ella": str(tiny_connector().folder), "text_encoder": str(tiny_text_encoder().folder)}
    return load_model("ella-sd15", options={"base": str(base), **own, **options}, size=16, steps=2)


@pytest.fixture(scope="module")
def pipeline() -> Any:
    from dpg_bench.generate.models.tiny_weights import tiny_base

    with quiet_libraries():
        return StableDiffusionPipeline.from_pretrained(
            tiny_base().folder, safety_checker=None, requires_safety_checker=False
        )


@pytest.fixture(scope="module")
def forms(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One toy model, saved in every form."""
    root = tmp_path_factory.mktemp("forms")
    with quiet_libraries():
        pipeline.save_pretrained(root / "plain")
        pipeline.save_pretrained(root / "fp16", variant="fp16")
        pipeline.save_pretrained(root / "pickled", safe_serialization=False)
        pipeline.save_pretrained(root / "sharded", max_shard_size="60KB")
        both = Path(shutil.copytree(root / "plain", root / "both"))
        shutil.copytree(root / "fp16", both, dirs_exist_ok=True)
    configs = Path(shutil.copytree(root / "plain", root / "configs"))
    for file in configs.rglob("*.safetensors"):
        file.unlink()
    save_file(original_layout(pipeline), root / "community.safetensors")
    return {path.stem: path for path in root.iterdir()}


@pytest.mark.parametrize("form", ["fp16", "pickled", "sharded", "both"])
def test_a_folder_is_loaded_in_whichever_form_its_weights_are(
    form: str, forms: dict[str, Path], load_model: Load
) -> None:
    for load in (sd15, ella):
        assert np.array_equal(pixels(load(load_model, forms[form])), pixels(load(load_model, forms["plain"])))
    made, plain = (pixels(load_model(f"diffusers:{forms[name]}", size=16, steps=2)) for name in (form, "plain"))
    assert np.abs(made - plain).max() <= 1  # where weights lie in memory can move the last bit of a product
    assert len(list(forms["sharded"].glob("unet/*.safetensors"))) > 2


def test_only_what_was_loaded_is_recorded_and_a_variant_is_taken_where_it_is_asked_for(
    forms: dict[str, Path], load_model: Load
) -> None:
    assert [name for name in pipeline_files(forms["both"]) if "fp16" in name] == []
    generator = sd15(load_model, forms["both"], variant="fp16")
    loaded = [name for name in generator.provenance["weights"]["base"]["sha256"] if name.endswith(".safetensors")]
    assert len(loaded) == 3
    assert all(name.endswith(".fp16.safetensors") for name in loaded)


def test_a_pickled_checkpoint_runs_no_code(forms: dict[str, Path], tmp_path: Path, load_model: Load) -> None:
    copy = Path(shutil.copytree(forms["pickled"], tmp_path / "hostile"))
    opened = tmp_path / "opened"

    class Payload:
        def __reduce__(self) -> Any:
            return (Path.touch, (opened,))

    torch.save({"conv_in.weight": Payload()}, copy / "unet" / "diffusion_pytorch_model.bin")
    for model, options in (("sd15", {"base": str(copy)}), (f"diffusers:{copy}", {})):
        with pytest.raises(BadInputError, match="can't be loaded"):
            load_model(model, options=options, size=16, steps=1)
    assert not opened.exists()


def test_a_single_file_draws_what_the_folder_draws(forms: dict[str, Path], load_model: Load) -> None:
    configs, file = str(forms["configs"]), forms["community"]
    for load in (sd15, ella):
        single = load(load_model, file, config=configs)
        assert np.abs(pixels(single) - pixels(load(load_model, forms["plain"]))).max() <= 1
        recorded = single.provenance["weights"]
        assert list(recorded["base"]["sha256"]) == ["community.safetensors"]
        assert "tokenizer/tokenizer_config.json" in recorded["config"]["sha256"]
    generator = load_model(f"diffusers:{file}", options={"config": configs}, size=16, steps=2)
    folder = load_model(f"diffusers:{forms['plain']}", size=16, steps=2)
    assert np.abs(pixels(generator) - pixels(folder)).max() <= 1
    assert generator.provenance["weights"]["pipeline"]["source"] == str(file)


def test_what_is_wrong_with_a_single_file_is_one_message(
    forms: dict[str, Path], tmp_path: Path, load_model: Load, make_settings: Callable[..., GeneratorSettings[Any]]
) -> None:
    configs = str(forms["configs"])
    state = load_file(forms["community"])
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(forms["community"].read_bytes()[:5000])
    other = tmp_path / "other.safetensors"
    save_file({key: value for key, value in state.items() if "diffusion_model" not in key}, other)
    for file in (cut, other):
        for model, options in (("sd15", {"base": str(file)}), (f"diffusers:{file}", {})):
            with pytest.raises(BadInputError, match=f"{file} can't be loaded as .*Configurations were taken from"):
                load_model(model, options={**options, "config": configs}, size=16, steps=1)
    with pytest.raises(BadInputError, match="no such file"):
        load_model("sd15", options={"base": "not/there.safetensors"})
    with pytest.raises(BadInputError, match=r"it has no model_index\.json"):
        load_model("sd15", options={"base": str(forms["community"]), "config": str(tmp_path)}, size=16)
    with pytest.raises(BadInputError, match=r"config=.* is for checkpoints in a single file"):
        load_model(f"diffusers:{forms['plain']}", options={"config": configs})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"unet/diffusion_pytorch_model.safetensors.index.json": "{"}, "can't be (read|loaded) as"),
        ({"unet/diffusion_pytorch_model.safetensors.index.json": "{}"}, "can't be (read|loaded) as"),
        ({"unet/config.json": '{"_class_name": "UNet2D", "block_out_channels": [2000000000000]}'}, "dam"),
        ({"unet/config.json": "[" * 100_000}, "damaged"),
        ({"text_encoder/config.json": '{"hidden_size": 1099511627776}'}, "damaged"),
        ({"tokenizer/tokenizer.json": '{"model": {"type": "BPE"}}'}, "damaged"),
    ],
)
def test_a_damaged_checkpoint_is_one_message(
    damage: dict[str, str], message: str, forms: dict[str, Path], tmp_path: Path, load_model: Load
) -> None:
    copy = Path(shutil.copytree(forms["sharded"], tmp_path / "damaged"))
    for name, text in damage.items():
        (copy / name).write_text(text)
    for model, options in (("sd15", {"base": str(copy)}), (f"diffusers:{copy}", {})):
        with pytest.raises(BadInputError, match=message):
            load_model(model, options=options, size=16, steps=1)


def test_an_index_without_components_is_one_message(forms: dict[str, Path], tmp_path: Path, load_model: Load) -> None:
    copy = Path(shutil.copytree(forms["plain"], tmp_path / "odd"))
    index = json.loads((copy / "model_index.json").read_text())
    (copy / "model_index.json").write_text(json.dumps({**index, "unet": []}))
    for model, options in (("sd15", {"base": str(copy)}), (f"diffusers:{copy}", {})):
        with pytest.raises(BadInputError, match=r"gives \[\] as unet"):
            load_model(model, options=options, size=16, steps=1)


def test_weights_are_found_by_their_names(tmp_path: Path) -> None:
    assert weight_files(tmp_path / "nothing") is None
    for name in ("model.fp16-00001-of-00002.safetensors", "model.safetensors.index.fp16.json", "config.json"):
        (tmp_path / name).write_text("")
    found = weight_files(tmp_path)
    assert found is not None
    assert found.variant == "fp16"
    assert len(found.names) == 2
    (tmp_path / "model-00001-of-00002.safetensors").write_text("")
    found = weight_files(tmp_path)
    assert found is not None
    assert found.variant == "fp16"  # shards without their index are not to be loaded
    with pytest.raises(BadInputError, match="can't be read as JSON"):
        shards_of(tmp_path / "config.json")


@pytest.fixture(scope="module")
def loras(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("loras")
    for seed, name in enumerate(("style", "subject"), start=1):
        torch.manual_seed(seed)
        unet = pipeline.unet
        unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False), adapter_name=name)
        layers = {key: 5 * value for key, value in get_peft_model_state_dict(unet, adapter_name=name).items()}
        unet.delete_adapters(name)
        StableDiffusionPipeline.save_lora_weights(folder / name, unet_lora_layers=layers)
    save_file({"unet.nothing.lora_A.weight": torch.zeros(2, 8)}, folder / "foreign.safetensors")
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize("model", ["sd15", "ella-sd15", "diffusers", "tiny-sd15", "tiny-ella-sd15"])
def test_loras_change_images_by_their_scale_and_are_recorded(
    model: str, forms: dict[str, Path], loras: dict[str, Path], load_model: Load
) -> None:
    def load(*lora: str) -> Generator:
        chosen = {"lora": list(lora)} if lora else {}
        if model in ("sd15", "ella-sd15"):
            return (sd15 if model == "sd15" else ella)(load_model, forms["plain"], **chosen)
        name = f"diffusers:{forms['plain']}" if model == "diffusers" else model
        return load_model(name, options=chosen, size=16, steps=2)

    style, subject = str(loras["style"]), str(loras["subject"] / "pytorch_lora_weights.safetensors")
    plain, none, half, both = load(), load(f"{style}:0"), load(f"{style}:0.5"), load(f"{style}:0.5", subject)
    assert np.array_equal(pixels(plain), pixels(none))
    assert not np.array_equal(pixels(plain), pixels(half))
    assert not np.array_equal(pixels(half), pixels(both))
    first, second = (both.provenance["weights"][f"lora_{number}"] for number in (1, 2))
    assert (first["scale"], second["scale"]) == (0.5, 1.0)
    assert first["sha256"] != second["sha256"]


def test_a_lora_that_can_not_act_is_refused(
    forms: dict[str, Path], loras: dict[str, Path], load_model: Load, tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match=r"changes nothing in a StableDiffusionPipeline|can't be loaded as a LoRA"):
        sd15(load_model, forms["plain"], lora=[str(loras["foreign"])])
    with pytest.raises(BadInputError, match="no such file"):
        sd15(load_model, forms["plain"], lora=["x.safetensors:0.5"])
    with pytest.raises(BadInputError, match=r"must hold one \.safetensors file"):
        sd15(load_model, forms["plain"], lora=[str(tmp_path)])
    with pytest.raises(BadInputError, match="given twice"):
        load_model("sd15", options={"base": ["a", "b"]})


def test_a_lora_and_its_scale_are_read_from_text() -> None:
    assert Lora.model_validate("a/b:0.7") == Lora(source="a/b", scale=0.7)
    assert Lora.model_validate("C:/x.safetensors") == Lora(source="C:/x.safetensors")
    assert Lora.model_validate("a/b/c.safetensors:-1") == Lora(source="a/b/c.safetensors", scale=-1.0)


def test_a_saved_ella_pipeline_is_loaded_whole(
    forms: dict[str, Path], loras: dict[str, Path], load_model: Load, tmp_path: Path
) -> None:
    generator: Any = ella(load_model, forms["plain"])
    with quiet_libraries():
        generator._pipeline.save_pretrained(tmp_path / "saved")
    saved = str(tmp_path / "saved")
    again = load_model("ella-sd15", options={"base": saved}, size=16, steps=2)
    assert np.array_equal(pixels(generator), pixels(again))
    assert "connector/diffusion_pytorch_model.safetensors" in again.provenance["weights"]["base"]["sha256"]
    as_it_is = load_model(f"diffusers:{saved}", options={"length": "flexible"}, size=16, steps=2, guidance=12.0)
    assert as_it_is.provenance["pipeline"] == "EllaStableDiffusionPipeline"
    assert not np.array_equal(pixels(as_it_is), pixels(again))
    changed = load_model(f"diffusers:{saved}", options={"lora": str(loras["style"])}, size=16, steps=2)
    assert changed.provenance["weights"]["lora_1"]["scale"] == 1.0
    with pytest.raises(BadInputError, match="is a whole ELLA pipeline"):
        load_model("ella-sd15", options={"base": saved, "ella": str(tiny_connector().folder)})


def test_ella_with_clip_and_no_control_net(forms: dict[str, Path], load_model: Load) -> None:
    assert not np.array_equal(
        pixels(ella(load_model, forms["plain"])), pixels(ella(load_model, forms["plain"], clip="true"))
    )
    with pytest.raises(BadInputError, match=r"'controlnet' of ella-sd15 is refused: .* no control image"):
        ella(load_model, forms["plain"], controlnet="lllyasviel/sd-controlnet-canny")


@pytest.mark.parametrize("scheduler", ["LCMScheduler", "TCDScheduler", "EulerAncestralDiscreteScheduler"])
def test_more_schedulers_serve_stable_diffusion(scheduler: str, load_model: Load) -> None:
    for model in ("tiny-sd15", "tiny-ella-sd15"):
        generator = load_model(model, options={"scheduler": scheduler}, size=16, steps=2)
        assert generator.provenance["scheduler"]["class"] == scheduler
        assert np.array_equal(pixels(generator), pixels(generator))


def test_home_is_understood_wherever_weights_are_named(
    forms: dict[str, Path], loras: dict[str, Path], load_model: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(forms["plain"], tmp_path / "base")
    shutil.copytree(forms["configs"], tmp_path / "configs")
    shutil.copy(forms["community"], tmp_path / "model.safetensors")
    shutil.copytree(loras["style"], tmp_path / "style")
    shutil.copytree(tiny_connector().folder, tmp_path / "ella")
    shutil.copytree(tiny_text_encoder().folder, tmp_path / "t5")
    monkeypatch.setenv("HOME", str(tmp_path))
    parts = {"ella": "~/ella", "text_encoder": "~/t5", "lora": "~/style:0.5"}
    for base in ({"base": "~/base"}, {"base": "~/model.safetensors", "config": "~/configs"}):
        load_model("ella-sd15", options={**base, **parts}, size=16, steps=1)
    load_model("diffusers:~/base", options={"lora": "~/style"}, size=16, steps=1)
    load_model("diffusers:~/model.safetensors", options={"config": "~/configs"}, size=16, steps=1)


def test_offloading_needs_a_gpu(load_model: Load) -> None:
    with pytest.raises(BadInputError, match=r"offload=model moves parts between a GPU .* the device is cpu"):
        load_model("tiny-sd15", options={"offload": "model"})
    with pytest.raises(BadInputError, match="it must be model or sequential"):
        load_model("tiny-sd15", options={"offload": "disk"})


def test_the_loras_of_a_saved_ella_pipeline_are_fetched_too(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "model_index.json").write_text('{"_class_name": "EllaStableDiffusionPipeline"}', encoding="utf-8")
    (tmp_path / "no-lora").mkdir()
    options = EllaOptions(base=str(saved), lora=(Lora(source=str(tmp_path / "no-lora")),))
    with pytest.raises(BadInputError, match=r"must hold one \.safetensors file to be a LoRA"):
        fetch_ella(options)
