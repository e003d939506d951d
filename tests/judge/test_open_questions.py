"""A judge that leaves questions open, counts what asking comes to, or goes away: nothing of it becomes a no."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dpg_bench.errors import UnavailableError
from dpg_bench.files.images import find_images
from dpg_bench.judge.stage import JudgingOutcome, judge_images
from dpg_bench.records import Prompt, Reply


@dataclass
class Reluctant:
    """A `HashJudge` that leaves open what `opens` says, counts its questions, and is gone after `calls` calls."""

    inner: object
    opens: Callable[[str], bool] = lambda _: False
    calls: int = 1000
    asked: int = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    @property
    def usage(self) -> dict[str, float]:
        return {"requests": self.asked}

    def answer(self, pixels: Sequence[np.ndarray], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        self.asked += sum(map(len, questions))
        self.calls -= 1
        if self.calls < 0:
            raise UnavailableError("The server is gone.")
        replies = self.inner.answer(pixels, questions)
        return [
            [
                Reply("", missing="it said 'maybe'") if self.opens(text) else reply
                for text, reply in zip(t, r, strict=True)
            ]
            for t, r in zip(questions, replies, strict=True)
        ]


@pytest.fixture
def judged(prompts: list[Prompt], grids: Path, tmp_path: Path) -> Callable[[object], JudgingOutcome]:
    images = find_images(grids, [prompt.item_id for prompt in prompts])
    return lambda judge: judge_images(prompts, images, judge, folder=tmp_path / "out", batch_size=4)


def test_an_open_question_is_missing_and_asked_again(
    judged: Callable, hash_judge: Callable, tmp_path: Path, undisturbed: bytes
) -> None:
    first = judged(Reluctant(hash_judge(), opens=lambda text: text == "Is 1 in 2?"))
    assert first.missing == {"item2": "question 2 about image 0 ('Is 1 in 2?'): it said 'maybe', and 3 more"}
    assert first.failed == {}
    assert [sorted(answers) for answers in first.answers["item2"].values()] == [[1, 3]] * 4
    lines = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert [(line["item_id"], line["image"], line["proposition_id"]) for line in lines] == [
        ("item2", k, 2) for k in range(4)
    ]
    again = judged(Reluctant(hash_judge()))
    assert (again.missing, again.asked, again.kept) == ({}, 12, 60)
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == undisturbed
    assert not (tmp_path / "out" / "failures.jsonl").exists()


def test_what_asking_came_to_is_counted_over_interruptions(
    judged: Callable, hash_judge: Callable, tmp_path: Path, undisturbed: bytes
) -> None:
    with pytest.raises(UnavailableError, match="gone"):
        judged(Reluctant(hash_judge(), calls=2))
    assert len((tmp_path / "out" / "answers.jsonl").read_bytes().splitlines()) == 24
    outcome = judged(Reluctant(hash_judge()))
    assert outcome.usage == {"requests": 24 + 12 + 48}  # what the lost call asked counts too
    assert (tmp_path / "out" / "answers.jsonl").read_bytes() == undisturbed
    assert judged(Reluctant(hash_judge())).usage == outcome.usage
