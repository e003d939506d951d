"""The pages about language models and servers: every command in them is run, against a local server and toy models."""

from __future__ import annotations

import shlex
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.language.recipe import find_recipe
from tests.documented import ROOT, Page
from tests.image_server import draws
from tests.openai_server import Asked, OpenAIServer, Reply, chat

PAGES = [Page(ROOT / "docs" / name) for name in ("rewriting.md", "graphs.md", "servers.md", "engines.md")]
SMALL = {"--limit": "2", "--suite": "sample", "--steps": "2", "--size": "16"}


def answer(asked: Asked) -> Reply:
    if asked.path.endswith("/images/generations"):
        return draws()(asked)
    instruction = asked.body["messages"][0]["content"]
    if "take a description" in instruction:
        return chat("1 | entity - whole (thing)\n2 | attribute - size (thing, small)")
    if "You are given a description of an image and its facts" in instruction:
        return chat("1 | Is it there?\n2 | Is it small?" if "Write one question" in instruction else "1 | 0\n2 | 1")
    return chat(f"Written out: {asked.body['messages'][-1]['content']}")


@pytest.fixture
def url() -> Iterator[str]:
    with OpenAIServer(answer) as server:
        yield server.url


def on_toys(command: str, url: str) -> list[str]:
    """The arguments of a documented command with toys in place of what it names."""
    words = shlex.split(command.replace('>> "$GITHUB_STEP_SUMMARY"', ""))[1:]
    made_here = "my-suite.csv" in words
    for place, word in enumerate(words[:-1]):
        if word == "--with":
            words[place + 1] = f"toy@{url}"
        elif word == "--model":
            served = words[place + 1].partition("@")[0]
            words[place + 1] = f"{served}@{url}" if served.startswith("openai:") else "tiny-sd15"
        elif word in SMALL and not (word == "--suite" and made_here):
            words[place + 1] = SMALL[word]
    if words[0] == "run":
        served = any(word.startswith("openai:") for word in words)
        words += ["--images-per-prompt", "1"]
        words += [] if "--limit" in words or made_here else ["--limit", "2"]
        words += [] if "--suite" in words else ["--suite", "sample"]
        words += [] if served or "--steps" in words else ["--steps", "1"]
    if words[0] == "rewrite":
        words += ["--limit", "2", "--force", "--fresh"]
    if words[0] == "score":
        words += ["--judge", "tiny-mplug"]
        words += ["--items", "sample01-lighthouse"] if "my-drawings" in words else []
    if words[0] == "prompts":
        words += ["--limit", "2"]
    return words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_every_command_is_run(page: Page, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(webbrowser, "open", lambda _: True)
    Path("my-prompts.txt").write_text("a small owl\na small fox\n", encoding="utf-8")
    Path("my-drawings/sample01-lighthouse").mkdir(parents=True)
    Image.new("RGB", (16, 16), "red").save("my-drawings/sample01-lighthouse/0.png")
    commands = page.commands()
    assert len(commands) >= 2
    for command in commands:
        result = CliRunner().invoke(app, on_toys(command, url))
        expected = (0, 4) if command.startswith("dpgbench same") else (0,)
        assert result.exit_code in expected, (command, result.output, result.exception)


def test_the_recipe_that_is_shown_is_one(tmp_path: Path) -> None:
    (block,) = PAGES[0].blocks("toml")
    (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
    assert len(find_recipe(str(tmp_path / "mine.toml")).examples) == 1
