"""What `run.json` says was done was done: settings that act, what libraries warned of, prompts that were cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.conftest import Dpgbench
from tests.toy_pipelines import save_toy

ONE = ("--suite", "sample", "--limit", "1", "--images-per-prompt", "1", "--steps", "2")


def record(out: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(out, "run.json").read_text())
    return content


def pixels(out: str) -> bytes:
    with Image.open(next(Path(out, "images").iterdir())) as image:
        return image.tobytes()


def drawn_size(out: str) -> list[int]:
    """Of one image of a grid of two in a row."""
    with Image.open(next(Path(out, "images").iterdir())) as image:
        return [image.width // 2, image.height]


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_toy("Qwen-Image", tmp_path_factory.mktemp("toys") / "qwen")


def test_guidance_goes_to_what_guides_and_brings_the_negative_prompt_that_it_needs(
    dpgbench: Dpgbench, qwen: Path
) -> None:
    for guidance in ("4", "8"):
        made = dpgbench(
            "run", "--model", f"diffusers:{qwen}", *ONE, "--size", "32", "--guidance", guidance, "--out", guidance
        )
        assert made.exit_code == 0, made.output
        assert "guides only beside a negative prompt" in made.stderr
    call = record("4")["generator"]["call"]
    assert call["arguments"]["true_cfg_scale"] == 4.0
    assert call["arguments"]["negative_prompt"] == " "
    assert call["in_force"]["guidance"] == {"true_cfg_scale": 4.0}
    assert "guidance_scale" not in json.dumps(record("4"))
    assert pixels("4") != pixels("8")


def test_guidance_that_is_off_is_recorded_as_off_and_the_pipeline_s_own_warning_is_told_once(
    dpgbench: Dpgbench, qwen: Path
) -> None:
    made = dpgbench(
        "run", "--model", f"diffusers:{qwen}", *ONE[:-4], "--images-per-prompt", "2", "--steps", "2", "--out", "o"
    )
    assert made.exit_code == 0, made.output
    warning = "classifier-free guidance is not enabled since no negative_prompt is provided"
    assert made.stderr.count(warning) == 1
    assert len([text for text in record("o")["remarks"] if warning in text]) == 1
    force = record("o")["generator"]["call"]["in_force"]
    assert force["guidance"] is None
    assert force["size"] == drawn_size("o")


def test_a_scale_given_by_its_own_name_acts_beside_a_negative_prompt_or_is_refused(
    dpgbench: Dpgbench, qwen: Path
) -> None:
    named = ("run", "--model", f"diffusers:{qwen}", *ONE, "--size", "32", "-M", "true_cfg_scale=4")
    refused = dpgbench(*named, "--out", "refused")
    assert refused.exit_code == 2
    assert "true_cfg_scale is 4.0, but it changes nothing" in refused.stderr
    assert not Path("refused/run.json").exists()
    made = dpgbench(*named, "--negative-prompt", "blurry", "--out", "o")
    assert made.exit_code == 0, made.output
    assert record("o")["settings"]["negative_prompt"] == "blurry"
    both = dpgbench(*named, "--guidance", "4", "--negative-prompt", "blurry", "--out", "both")
    assert both.exit_code == 2
    assert "say only one of them" in both.stderr


def test_a_size_that_the_pipeline_does_not_follow_is_refused_with_what_it_makes(
    dpgbench: Dpgbench, tmp_path: Path
) -> None:
    folder = save_toy("Flux dev", tmp_path / "flux")
    refused = dpgbench("run", "--model", f"diffusers:{folder}", *ONE, "--size", "40", "--out", "o")
    assert refused.exit_code == 2
    assert "size is 40, but FluxPipeline makes 32 × 32 pixels of it" in refused.stderr
    assert not Path("o/run.json").exists()


@pytest.mark.parametrize("model", ["diffusers:FOLDER", "tiny-sd15", "tiny-ella-sd15"])
def test_prompts_that_are_cut_are_counted_told_once_and_recorded(
    dpgbench: Dpgbench, tiny_folder: Path, model: str
) -> None:
    name = model.replace("FOLDER", str(tiny_folder))
    made = dpgbench("run", "--model", name, *ONE, "--size", "64", "--out", "o")
    assert made.exit_code == 0, made.output
    (cut,) = record("o")["truncated_prompts"]
    assert cut["tokens_read"] == (128 if "ella" in model else 77)
    assert (cut["prompts"], cut["prompts_in_all"]) == (1, 1)
    assert cut["longest"] > cut["tokens_read"]
    assert made.stderr.count("what is over is cut off") == 1
    flexible = dpgbench("run", "--model", "tiny-ella-sd15", "-M", "length=flexible", *ONE, "--out", "flexible")
    assert flexible.exit_code == 0
    assert record("flexible")["truncated_prompts"] == []


def test_a_pipeline_s_own_limit_counts_where_it_cuts_after_its_text_encoder(dpgbench: Dpgbench, qwen: Path) -> None:
    for tokens, cut in (("64", 1), ("1000", 0)):
        asked = ("--size", "32", "-M", f"max_sequence_length={tokens}", "--out", tokens)
        assert dpgbench("run", "--model", f"diffusers:{qwen}", *ONE, *asked).exit_code == 0
        assert len(record(tokens)["truncated_prompts"]) == cut


def test_a_negative_prompt_is_the_same_as_a_flag_and_as_an_option(dpgbench: Dpgbench) -> None:
    for out, said in (
        ("flag", ("--negative-prompt", "blurry")),
        ("option", ("-M", "negative_prompt=blurry")),
        ("none", ()),
    ):
        assert dpgbench("run", "--model", "tiny-sd15", *ONE, *said, "--out", out).exit_code == 0
    assert record("flag")["settings"] == record("option")["settings"]
    assert pixels("flag") == pixels("option") != pixels("none")
    twice = dpgbench(
        "run", "--model", "tiny-sd15", *ONE, "--negative-prompt", "a", "-M", "negative_prompt=b", "--out", "x"
    )
    assert twice.exit_code == 2
    assert "given twice" in twice.stderr


def test_an_error_inside_a_pipeline_names_it_and_what_to_try(dpgbench: Dpgbench, tmp_path: Path) -> None:
    folder = save_toy("PixArt Sigma", tmp_path / "pixart")
    made = dpgbench("run", "--model", f"diffusers:{folder}", *ONE, "--size", "32", "--out", "o")
    assert made.exit_code == 2
    assert "PixArtSigmaPipeline failed: Invalid sample size (ValueError). It was called with" in made.stderr
    assert "Try its own settings" in made.stderr
    assert "Traceback" not in made.stderr
