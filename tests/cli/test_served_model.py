"""`run --model openai:MODEL@URL` as a command, and what it says when the server refuses, fails or is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Dpgbench
from tests.image_server import draws
from tests.openai_server import OpenAIServer, fail


@pytest.fixture
def toy() -> Iterator[OpenAIServer]:
    with OpenAIServer(draws(), models=["toy"]) as server:
        yield server


def test_a_served_model_draws_a_suite_and_fails_by_name(dpgbench: Dpgbench, toy: OpenAIServer) -> None:
    command = ("run", "--model", f"openai:toy@{toy.url}", "--suite", "sample", "--limit", "2", "--out", "r")
    plan = dpgbench(*command, "--dry-run")
    assert "a server, 16 images at once" in plan.stdout
    assert toy.posted == []
    first = "loose watercolor"
    toy.answer = lambda asked: (
        fail(400, "no", code="content_policy_violation") if first in asked.body["prompt"] else draws()(asked)
    )
    failed = dpgbench(*command)
    assert failed.exit_code == 3, failed.output
    assert "Failed: sample01-lighthouse: ContentRefusedError: the server refused the content" in failed.stderr
    toy.answer = draws()
    done = dpgbench(*command)
    assert done.exit_code == 0, done.output
    assert len(list(Path("r/images").iterdir())) == 2
    assert dpgbench("same", "r", "r").exit_code == 0
    assert dpgbench(*command, "--steps", "3").exit_code == 2


def test_a_server_that_is_gone_ends_the_run_and_nothing_is_lost(dpgbench: Dpgbench, toy: OpenAIServer) -> None:
    command = ("run", "--model", f"openai:toy@{toy.url}", "--suite", "sample", "--limit", "2", "--out", "r")
    toy.answer = lambda asked: fail(402, "pay") if "watercolor" not in str(asked.body) else draws()(asked)
    gone = dpgbench(*command)
    assert gone.exit_code == 1
    assert "it wants to be paid" in gone.stderr
    assert not Path("r/images").exists()
    assert "runs/toy-sample (new)" in dpgbench(*command[:-2], "--dry-run").stdout
    away = dpgbench("run", "--model", "openai:toy@http://127.0.0.1:9", "--suite", "sample", "--limit", "1")
    assert away.exit_code == 1
    assert "no connection" in away.stderr
    assert "openai:MODEL@URL" in dpgbench("models").stdout


def test_a_share_on_a_machine_with_gpus_draws_as_any_other(
    dpgbench: Dpgbench, toy: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    command = ("run", "--model", f"openai:toy@{toy.url}", "--suite", "sample", "--limit", "2", "--out", "r")
    launched = {"SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2"}
    done = dpgbench(*command, env={**launched, "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"})
    assert done.exit_code == 0, done.output
    assert "does share 1/2" in done.stderr
