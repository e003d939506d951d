"""`graph` as a command: from prompts to a suite that can be drawn and scored, and the page that shows it."""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Dpgbench
from tests.openai_server import Asked, OpenAIServer, Reply, chat, drop


def answer(asked: Asked) -> Reply:
    instruction = asked.body["messages"][0]["content"]
    if "take a description" in instruction:
        return chat("1 | entity - whole (thing)\n2 | attribute - size (thing, small)")
    return chat("1 | Is it there?\n2 | Is it small?" if "Write one question" in instruction else "1 | 0\n2 | 1")


@pytest.fixture
def toy() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer, models=["toy"]) as server:
        yield server


def test_prompts_become_a_suite_that_is_shown_and_taken(
    dpgbench: Dpgbench, toy: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    Path("mine.txt").write_text("a small owl\na small fox\n", encoding="utf-8")
    made = dpgbench("graph", "mine.txt", "--with", f"toy@{toy.url}", "-o", "mine.csv", "--review")
    assert made.exit_code == 0, made.output
    assert "mine.csv: 2 prompts, 4 questions." in made.stderr
    assert opened == [Path("mine.html").resolve().as_uri()]
    assert "a small fox" in Path("mine.html").read_text(encoding="utf-8")
    listed = dpgbench("prompts", "--suite", "mine.csv")
    assert "00001,00001,a small fox" in listed.stdout


def test_a_failure_ends_with_3_and_the_same_command_goes_on(dpgbench: Dpgbench, toy: OpenAIServer) -> None:
    Path("mine.json").write_text(json.dumps({"owl": "a small owl", "fox": "a small fox"}), encoding="utf-8")
    toy.first.extend([chat("no") for _ in range(3)])
    toy.first.append(drop())  # passes
    command = ("graph", "mine.json", "--with", f"toy@{toy.url}", "-o", "mine.csv", "--concurrency", "1")
    failed = dpgbench(*command, "--items", "owl")
    assert failed.exit_code == 3
    assert "Failed: owl: tuples: a line isn't of the form" in failed.stderr
    assert "mine.csv is not written" in failed.stderr
    assert not Path("mine.csv").exists()
    assert dpgbench(*command).exit_code == 0
    again = dpgbench(*command)
    assert again.exit_code == 0
    assert "is there already, made by this very command" in again.stderr
    assert dpgbench("graph", "nowhere.txt", "--with", "toy@http://127.0.0.1:9/v1", "-o", "x.csv").exit_code == 2
    assert dpgbench("graph", "mine.json", "--with", "toy@http://127.0.0.1:9/v1", "-o", "x.csv").exit_code == 1
