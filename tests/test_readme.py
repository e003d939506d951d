"""The README and docs/: every command in them is run, on toy models where it names others, and so is their Python."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.documented import ROOT, Page, prepare, python_on_toys, run_documented, toy_pipe

README = Page(ROOT / "README.md")
ELSEWHERE = {
    "ella.md": "tests/test_docs.py",
    "judges.md": "tests/judge",
    "agreement.md": "tests/report/agree",
    **dict.fromkeys(("engines.md", "graphs.md", "rewriting.md", "servers.md"), "tests/test_docs_of_servers.py"),
}
"""Pages whose commands are run by tests of their rooms, since they need what only those have."""
DOCS = [Page(path) for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in ELSEWHERE]
PAGES = [README, *DOCS]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the documentation takes for granted; it stays as it is."""
    from dpg_bench.generate.models.tiny_weights import tiny_base

    folder = tmp_path_factory.mktemp("documented")
    prepare(folder, tiny_base().folder)
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with what the documentation takes for granted."""
    place = shutil.copytree(prepared, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(place)
    return place


def test_the_readme_is_short_and_shows_a_picture_and_commands() -> None:
    text = README.path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert "![" in text
    assert len(README.commands()) >= 8


@pytest.mark.parametrize("page", [page for page in PAGES if page.commands()], ids=lambda page: page.path.name)
def test_every_command_is_run(page: Page, folder: Path) -> None:
    for command in page.commands():
        run_documented(command)


SNIPPETS = [
    pytest.param(block, id=f"{page.path.name}-{number}")
    for page in PAGES
    for number, block in enumerate(page.blocks("python"))
    if "ella" not in block[:80]
]


@pytest.mark.parametrize("block", SNIPPETS)
def test_the_python_examples_run(block: str, folder: Path) -> None:
    exec(compile(python_on_toys(block), "example", "exec"), {"pipe": toy_pipe})  # noqa: S102 - our own code


def test_ella_in_diffusers_runs_on_the_golden_checkpoints(golden: Path) -> None:
    block = next(block for block in README.blocks("python") if "EllaStableDiffusionPipeline" in block)
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
