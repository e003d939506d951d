"""The README: every command in it is run, on the toy models where it names others, and so is its Python."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.files.grid import make_grid
from dpg_bench.suite.registry import load_suite

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LINES = [line.split("#")[0].strip() for language, block in BLOCKS if language == "" for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("dpgbench ")]
THEIRS = {"my-images", "my-singles", "my-strips", "my-samples", "--answers"}


def on_toys(command: str) -> list[str] | None:
    """The arguments of a README command, with toy models in place of real ones; None if it only downloads."""
    arguments = shlex.split(command)[1:]
    if arguments[0] == "fetch":
        return None
    if arguments[0] == "prompts":
        return [*arguments, "--suite", "sample"]
    if arguments[0] == "run" and not any(name.startswith("tiny-") for name in arguments):
        return [*arguments, "--dry-run"]
    if arguments[0] == "run":
        return [*arguments, "--steps", "1"]
    if arguments[0] == "score":
        toys = [] if any(name.startswith("tiny-") for name in arguments) else ["--judge", "tiny-mplug"]
        suite = ["--suite", "sample", "--allow-missing"] if THEIRS & set(arguments) else []
        return [*arguments, *toys, *suite]
    return arguments


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README takes for granted: images, an old detail file."""
    folder = tmp_path_factory.mktemp("readme")
    prompts = load_suite("sample").prompts
    grid = make_grid([Image.linear_gradient("L").resize((512, 512)).convert("RGB")] * 4)
    lines = []
    for name in ("my-images", "my-singles"):
        (folder / name).mkdir()
        grid.save(folder / name / f"{prompts[0].item_id}.png", compress_level=1)
    (folder / "my-strips").mkdir()
    Image.linear_gradient("L").resize((512, 128)).convert("RGB").save(
        folder / "my-strips" / f"{prompts[0].item_id}.png"
    )
    (folder / "my-samples" / prompts[0].item_id).mkdir(parents=True)
    for k in range(4):
        grid.resize((64, 64)).save(folder / "my-samples" / prompts[0].item_id / f"take-{k:04d}.png")
    for prompt in prompts[1:]:
        for box in ((0, 0, 512, 512), (512, 0, 1024, 512), (0, 512, 512, 1024), (512, 512, 1024, 1024)):
            lines += [f"images/{prompt.item_id}.png, {box}, {question.text}, yes" for question in prompt.questions]
    (folder / "my-table.csv").write_text("model,global,other\nmine,82.37,76.00\n")
    (folder / "evaluation.log").write_text("L1 category scores:\n\tglobal: 82.37082066869301\nDPG-Bench score: 70.0\n")
    (folder / "results_detail.txt").write_text("\n".join(lines) + "\n")
    return folder


def toy_pipe(prompt: str, *, num_images_per_prompt: int) -> SimpleNamespace:
    """What a diffusers pipeline is to the README: a call with a prompt that gives `images`."""
    noise = np.random.default_rng(list(prompt.encode())).integers(0, 256, (num_images_per_prompt, 16, 16, 3), np.uint8)
    return SimpleNamespace(images=[Image.fromarray(pixels) for pixels in noise])


def test_the_readme_has_commands() -> None:
    assert len(COMMANDS) >= 10


def test_every_command_is_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    runner = CliRunner()
    for name in ("sd15", "ella-sd15"):
        made = ["run", "--model", f"tiny-{name}", "--suite", "sample", "--steps", "1", "--limit", "2"]
        assert runner.invoke(app, [*made, "--out", f"runs/{name}-dpg-bench"]).exit_code == 0
    for command in COMMANDS:
        arguments = on_toys(command)
        if arguments is None:
            continue
        if arguments[:2] == ["run", "--model"] and "--dry-run" in arguments and "--out" not in arguments:
            arguments += ["--out", "runs/planned"]
        result = runner.invoke(app, arguments)
        # The folders here hold one item of the suite, and a detail file never has the first.
        # Toy scores of toy images may well have dropped.
        expected = (0, 3) if THEIRS & set(arguments) else (0, 4) if arguments[0] == "check" else (0,)
        assert result.exit_code in expected, (command, result.output)


@pytest.mark.parametrize(
    "block", [block for language, block in BLOCKS if language == "python" and "ella" not in block[:80]]
)
def test_the_python_example_runs(block: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    here = block.replace('"dpg-bench"', '"sample"').replace("(64,", "(2,").replace('"mplug"', '"tiny-mplug"')
    exec(compile(here, "README.md", "exec"), {"pipe": toy_pipe})  # noqa: S102 - the README's own code


def test_ella_in_diffusers_runs_on_the_golden_checkpoints(golden: Path) -> None:
    block = next(block for language, block in BLOCKS if language == "python" and "EllaStableDiffusionPipeline" in block)
    assert len(block.strip().splitlines()) <= 7
    folder = golden / "ella" / "pipeline"
    here = (
        block.replace("stable-diffusion-v1-5/stable-diffusion-v1-5", str(folder / "sd"))
        .replace("QQGYLab/ELLA", str(folder / "ella.safetensors"))
        .replace("google/flan-t5-xl", str(folder / "t5"))
        .replace("float16", "float32")
        .replace('.to("cuda")', "")
        .replace("num_inference_steps=50", "num_inference_steps=2")
    )
    names: dict[str, object] = {}
    exec(compile(here, "README.md", "exec"), names)  # noqa: S102 - the README's own code
    assert isinstance(names["image"], Image.Image)
