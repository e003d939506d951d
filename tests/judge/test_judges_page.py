"""The commands of docs/judges.md, run as they stand, on toys that lie where the real models would."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.hub.huggingface import Weights
from dpg_bench.judge.blip_vqa.checkpoint import load_blip_vqa
from dpg_bench.judge.blip_vqa.spec import COPY
from dpg_bench.report.runs import load_judged
from tests.documented import ROOT, Page
from tests.judge.blip_vqa.original_blip import toy_weights
from tests.openai_server import OpenAIServer, chat
from tests.toy_vlms import save_toy_vlm

RUN = "runs/sd15-dpg-bench"
VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nyes\nno\nis\na\nthe\n?\n"
PAGE = Page(ROOT / "docs" / "judges.md").commands()


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(lambda _: chat("Yes", first={"Yes": -0.1, "No": -2.0})) as running:
        yield running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run and toys under the names that the page has."""
    monkeypatch.chdir(tmp_path)
    made = [
        "run",
        "--model",
        "tiny-sd15",
        "--suite",
        "sample",
        "--limit",
        "1",
        "--images-per-prompt",
        "1",
        "--steps",
        "1",
    ]
    assert CliRunner().invoke(app, [*made, "--out", RUN]).exit_code == 0
    save_toy_vlm("llava", Path("Qwen/Qwen2.5-VL-7B-Instruct"))
    save_toy_vlm("internvl", Path("my-vlm"))
    Path("vocab.txt").write_text(VOCABULARY)
    torch.save({"model": toy_weights(12)}, "model_base_vqa_capfilt_large.pth")
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    repository = cache / f"models--{COPY.name.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("a" * 40)
    weights = Weights("toy", None, tmp_path, ("model_base_vqa_capfilt_large.pth",))
    load_blip_vqa(weights, device="cpu", dtype="float32").save_pretrained(snapshot)
    (snapshot / "vocab.txt").write_text(VOCABULARY)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    return tmp_path


def test_every_command_of_the_page_scores_and_judges_are_kept_apart(here: Path, server: OpenAIServer) -> None:
    called = {}
    for command in PAGE:
        words = [
            word.replace("http://localhost:8000/v1", server.url).replace("openai:gpt-4o", f"openai:gpt-4o@{server.url}")
            for word in shlex.split(command)[1:]
        ]
        toys = [] if "--judge" in words else ["--judge", "tiny-mplug"]
        again = ["--fresh"] if "blip-vqa" in words else []  # two of its kind in one folder
        result = CliRunner().invoke(app, [*words, *toys, *again])
        assert result.exit_code == 0, (command, result.output)
        called[command] = result.output
    judgements = sorted(path.name for path in (here / RUN / "judgements").iterdir())
    names = {load_judged(Path(RUN), judge=judge).card.judge.name for judge in judgements}
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert names == {
        "tiny-mplug",
        "vlm:Qwen2.5-VL-7B-Instruct",
        "vlm:my-vlm",
        f"openai:qwen2.5-vl@{host}",
        f"openai:gpt-4o@{host}",
        "blip-vqa (copy at 384 px)",
    }
    assert len(PAGE) == len(names) + 1


def test_weights_of_a_file_of_ones_own_are_not_held_against_the_hubs(here: Path) -> None:
    own = ("score", RUN, "--judge", "blip-vqa", "-J", "path=model_base_vqa_capfilt_large.pth")
    assert CliRunner().invoke(app, own).exit_code == 0
    verified = CliRunner().invoke(app, ["verify", RUN, "--weights"])
    assert verified.exit_code == 0, verified.output
    assert "the weights of 'blip-vqa' came from a folder or file" in verified.output
