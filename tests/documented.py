"""What the documentation says to type, run as it stands but on toys: its blocks, its commands, what they need."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.files.grid import make_grid
from dpg_bench.suite.registry import load_suite

ROOT = Path(__file__).resolve().parents[1]
THEIRS = {"my-images", "my-singles", "my-strips", "my-samples", "--answers"}
_ANYWHERE = ("tiny-", "mini-")
"""Models and judges that need nothing fetched."""

_SHELL = ("", "sh", "bash")


@dataclass(frozen=True)
class Page:
    """A page of the documentation."""

    path: Path

    def blocks(self, *languages: str) -> list[str]:
        """Its fenced blocks in these languages, in order."""
        text = self.path.read_text(encoding="utf-8")
        found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        return [block for language, block in found if language in languages]

    def commands(self) -> list[str]:
        """Every line of its shell blocks that calls dpgbench."""
        lines = [
            re.sub(r"(^|\s)#.*", "", line).strip() for block in self.blocks(*_SHELL) for line in block.splitlines()
        ]
        return [line for line in lines if line.startswith("dpgbench ")]


def on_toys(command: str) -> list[str] | None:
    """The arguments of a documented command, with toy models in place of real ones; None if it only downloads."""
    arguments = shlex.split(command)[1:]
    if arguments[0] == "fetch":
        return None
    if arguments[0] == "prompts":
        return [*arguments, "--suite", "sample", "--force"]
    if arguments[0] == "run" and not any(name.startswith(_ANYWHERE) for name in arguments):
        arguments = ["diffusers:toy" if word == "diffusers:./checkpoint" else word for word in arguments]
        planned = [] if "--out" in arguments else ["--out", "runs/planned"]
        return [*arguments, *planned, *([] if "--dry-run" in arguments else ["--dry-run"])]
    if arguments[0] == "run":
        few = [] if "--items" in arguments else ["--limit", "2"]
        return [*arguments, "--steps", "1", *few]
    if arguments[0] == "score":
        toys = [] if any(name.startswith(_ANYWHERE) for name in arguments) else ["--judge", "tiny-mplug"]
        suite = ["--suite", "sample", "--allow-missing"] if THEIRS & set(arguments) else []
        return [*arguments, *toys, *suite]
    return arguments


def run_documented(command: str) -> None:
    """Run a command of the documentation in the current folder, and see that it ends as it says."""
    arguments = on_toys(command)
    if arguments is None:
        return
    result = CliRunner().invoke(app, arguments)
    # The folders here hold one item of the suite, and a detail file never has the first.
    # Toy scores of toy images may well have dropped.
    expected = (0, 3) if THEIRS & set(arguments) else (0, 4) if arguments[0] in ("check", "same") else (0,)
    assert result.exit_code in expected, (command, result.output, result.exception)


def toy_pipe(prompt: str, *, num_images_per_prompt: int) -> SimpleNamespace:
    """What a diffusers pipeline is to the documentation: a call with a prompt that gives `images`."""
    noise = np.random.default_rng(list(prompt.encode())).integers(0, 256, (num_images_per_prompt, 16, 16, 3), np.uint8)
    return SimpleNamespace(images=[Image.fromarray(pixels) for pixels in noise])


def python_on_toys(block: str) -> str:
    """A block of Python with toys in place of real models and suites."""
    return block.replace('"dpg-bench"', '"sample"').replace("(64,", "(2,").replace('"mplug"', '"tiny-mplug"')


def prepare(folder: Path, checkpoint: Path) -> None:
    """Fill `folder` with what the documentation takes for granted: images, runs, old results, a checkpoint."""
    prompts = load_suite("sample").prompts
    first = prompts[0].item_id
    grid = make_grid([Image.linear_gradient("L").resize((512, 512)).convert("RGB")] * 4)
    for name in ("my-images", "my-singles", "my-strips"):
        (folder / name).mkdir()
        image = grid.resize((512, 128)) if name == "my-strips" else grid
        image.save(folder / name / f"{first}.png", compress_level=1)
    (folder / "my-samples" / first).mkdir(parents=True)
    for k in range(4):
        grid.resize((64, 64)).save(folder / "my-samples" / first / f"take-{k:04d}.png")
    lines = []
    for prompt in prompts[1:]:
        for box in ((0, 0, 512, 512), (512, 0, 1024, 512), (0, 512, 512, 1024), (512, 512, 1024, 1024)):
            lines += [f"images/{prompt.item_id}.png, {box}, {question.text}, yes" for question in prompt.questions]
    (folder / "results_detail.txt").write_text("\n".join(lines) + "\n")
    (folder / "my-table.csv").write_text("model,global,other\nmine,82.37,76.00\n")
    (folder / "evaluation.log").write_text("L1 category scores:\n\tglobal: 82.37082066869301\nDPG-Bench score: 70.0\n")
    (folder / "toy").symlink_to(checkpoint)
    for name in ("sd15", "ella-sd15"):
        made = ["run", "--model", f"tiny-{name}", "--suite", "sample", "--steps", "1", "--limit", "2"]
        out = str(folder / "runs" / f"{name}-dpg-bench")
        assert CliRunner().invoke(app, [*made, "--out", out]).exit_code == 0
        assert CliRunner().invoke(app, ["score", out, "--judge", "tiny-mplug"]).exit_code == 0
