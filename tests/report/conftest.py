"""Scored runs made from drawn answers: no model, no judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpg_bench.records import AnswerTable, Prompt, Question, Suite
from dpg_bench.report.runs import JudgedRun, load_judged
from dpg_bench.score.scorecard import JudgeCard, RunCard, StatisticsCard, scorecard_json
from dpg_bench.score.scoring import answers_to_scorecard

CATEGORIES = ("entity - whole", "attribute - color", "relation - spatial", "global -", "other - count")
ScoredRun = Callable[..., JudgedRun]


def make_suite(prompts: int = 40) -> Suite:
    """Prompts of five questions, one of each level-1 category; the second hangs on the first."""
    questions = tuple(
        Question(number, (1,) if number == 2 else (), name.partition("-")[0].strip(), name, f"Is {name} there?")
        for number, name in enumerate(CATEGORIES, start=1)
    )
    return Suite("drawn", "drawn.csv", tuple(Prompt(f"item{i}", f"Prompt {i}.", questions) for i in range(prompts)))


def draw_answers(suite: Suite, *, yes: float, seed: int, images: int = 4) -> dict[str, dict[int, dict[int, str]]]:
    """Answers of which about the share `yes` are yes; prompts differ in difficulty, the same for every seed."""
    rng = np.random.default_rng(seed)
    table: dict[str, dict[int, dict[int, str]]] = {}
    for place, prompt in enumerate(suite.prompts):
        chance = min(1.0, max(0.0, yes + np.random.default_rng(place).uniform(-0.3, 0.3)))
        table[prompt.item_id] = {
            image: {q.proposition_id: "yes" if rng.random() < chance else "no" for q in prompt.questions}
            for image in range(images)
        }
    return table


@pytest.fixture
def scored_run(tmp_path: Path) -> ScoredRun:
    """Scores answers and lays the scorecard into a run folder called `name`."""

    def make(
        name: str,
        *,
        suite: Suite | None = None,
        answers: AnswerTable | None = None,
        yes: float = 0.6,
        seed: int = 0,
        images: int = 4,
        judge: JudgeCard | None = None,
        untrained: bool = False,
        failures: Mapping[str, str] | None = None,
        item_ids: list[str] | None = None,
        settings: Mapping[str, Any] | None = None,
        allow_missing: bool = False,
        model: str = "sd15",
    ) -> JudgedRun:
        asked = suite or make_suite()
        card = answers_to_scorecard(
            asked,
            answers if answers is not None else draw_answers(asked, yes=yes, seed=seed, images=images),
            judge=judge or JudgeCard(name="mplug", fingerprint="abc", provenance={"dtype": "float32"}),
            run=RunCard(
                model=model,
                settings=dict(settings or {}),
                settings_fingerprint=None if settings is None else "abc",
                images_per_prompt=images,
                allow_missing=allow_missing,
                untrained=untrained,
                scored_by="0.1.0",
            ),
            failures=failures,
            item_ids=item_ids,
            statistics=StatisticsCard(resamples=99),  # what is compared is drawn anew
        )
        folder = tmp_path / name / "judgements" / card.judge.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scorecard.json").write_text(scorecard_json(card), encoding="utf-8")
        return load_judged(tmp_path / name, judge=card.judge.name)

    return make
