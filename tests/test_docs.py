"""The documentation: every block is run, on toy parts where it names published ones, and every link leads somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from dpg_bench.cli.app import app as dpgbench
from ella_models.training.commands import app as ella

ROOT = Path(__file__).resolve().parents[1]
ELLA = (ROOT / "docs" / "ella.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", ELLA, re.MULTILINE | re.DOTALL)


def test_the_drawing_examples_run_on_the_golden_checkpoints(golden: Path) -> None:
    folder = golden / "ella" / "pipeline"
    names: dict[str, object] = {}
    for block in [block for language, block in BLOCKS if language == "python"]:
        here = (
            block.replace("stable-diffusion-v1-5/stable-diffusion-v1-5", str(folder / "sd"))
            .replace("QQGYLab/ELLA", str(folder / "ella.safetensors"))
            .replace("google/flan-t5-xl", str(folder / "t5"))
            .replace("float16", "float32")
            .replace('.to("cuda")', "")
            .replace("num_inference_steps=50", "num_inference_steps=4")
        )
        exec(compile(here, "ella.md", "exec"), names)  # noqa: S102 - the documentation's own code
    assert isinstance(names["image"], Image.Image)
    assert isinstance(names["softer"], Image.Image)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Eight pictures with captions, in the folder that the printed configuration names."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for number, colour in enumerate(["red", "green", "blue", "white"] * 2):
        Image.new("RGB", (16, 16), colour).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"a {colour} wall", encoding="utf-8")
    return folder


def test_the_training_commands_end_in_a_connector_that_the_benchmark_draws_with(
    golden: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parts = golden / "ella" / "pipeline"
    toy = {"base": str(parts / "sd"), "text_encoder": str(parts / "t5"), "steps": 2, "batch_size": 4, "device": "cpu"}
    toy |= {"precision": "float32", "text": {"tokens": 12}}
    toy |= {"connector": {"heads": 2, "layers": 1, "num_latents": 4, "time_channel": 8, "time_embed_dim": 8}}
    toy |= {"data": {"folder": str(pairs), "resolution": 16, "precomputed": "features", "workers": 1}}
    ran = []
    for line in [line for language, block in BLOCKS if language == "" for line in block.strip().splitlines()]:
        program, *words = shlex.split(line)
        if program == "accelerate":
            assert words[-4:] == ["ella_models.training", "train", "--config", "train.yaml"]
            continue
        if ">" in words:
            printed = CliRunner().invoke(ella, words[: words.index(">")])
            assert printed.exit_code == 0, printed.output
            told = yaml.safe_load(printed.stdout) | {"validation": {"every": 1000}} | toy
            Path(words[-1]).write_text(yaml.safe_dump(told), encoding="utf-8")
        elif program == "ella":
            done = CliRunner().invoke(ella, words)
            assert done.exit_code == 0, done.output
        else:
            toys = ["-M", f"base={parts / 'sd'}", "-M", f"text_encoder={parts / 't5'}", "--suite", "sample"]
            small = ["--limit", "1", "--steps", "1", "--size", "64", "--images-per-prompt", "1", "--out", "run"]
            done = CliRunner().invoke(dpgbench, [*words, *toys, *small])
            assert done.exit_code == 0, done.output
        ran.append(program)
    assert ran == ["ella"] * 4 + ["dpgbench"]
    assert len(list(Path("run/images").iterdir())) == 1


def test_the_program_is_installed_by_the_name_that_the_documentation_gives_it() -> None:
    scripts = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^ella = "ella_models\.training', scripts, re.MULTILINE)
    module = [sys.executable, "-m", "ella_models.training", "train", "--help"]
    assert "--config" in subprocess.run(module, check=True, capture_output=True, text=True).stdout


def test_links_of_the_readme_lead_somewhere() -> None:
    """Those of the other pages are the site's, whose strict build holds them."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_no_text_holds_a_merge_that_nobody_finished() -> None:
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
    assert [
        file.name for file in texts if re.search(r"^(<{7}|>{7}) ", file.read_text(encoding="utf-8"), re.MULTILINE)
    ] == []


def test_the_tests_that_the_page_on_trust_names_are_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "trust.md").read_text(encoding="utf-8"))
    assert len(named) > 10
    assert [name for file, name in named if f"\ndef {name}(" not in (ROOT / file).read_text(encoding="utf-8")] == []
