"""The official protocol gives what the official script gave, from its own detail file and from our formats."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.judge.imported.answers import read_answers
from dpg_bench.score.protocols.corrected import corrected_scores
from dpg_bench.score.protocols.official import official_scores

EXACT = {"rel": 0, "abs": 1e-9}


@pytest.fixture(params=["detail", "jsonl", "csv"])
def answers_file(request: pytest.FixtureRequest, official_case: Any, tmp_path: Path) -> Path:
    if request.param == "detail":
        return official_case.detail
    table = read_answers(official_case.detail, official_case.suite).table
    rows = [
        {"item_id": item_id, "image": image, "proposition_id": proposition_id, "answer": answer}
        for item_id, images in table.items()
        for image, given in images.items()
        for proposition_id, answer in given.items()
    ]
    path = tmp_path / f"answers.{request.param}"
    with path.open("w", encoding="utf-8", newline="") as file:
        if request.param == "jsonl":
            file.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(file, ["item_id", "image", "proposition_id", "answer"])
            writer.writeheader()
            writer.writerows(rows)
    return path


def test_official_scores_equal_the_scripts_to_the_last_digit(official_case: Any, answers_file: Path) -> None:
    answers = read_answers(answers_file, official_case.suite, images_per_prompt=official_case.images_per_prompt)
    result = official_scores(official_case.suite, answers.table, images_per_prompt=official_case.images_per_prompt)
    assert result.overall == pytest.approx(official_case.overall, **EXACT)
    ours = {name: score.score for name, score in {**result.l1, **result.l2}.items() if score.score is not None}
    assert ours == pytest.approx(official_case.categories, **EXACT)


def test_everything_the_script_reported_as_failed_is_excluded(official_case: Any, answers_file: Path) -> None:
    answers = read_answers(answers_file, official_case.suite, images_per_prompt=official_case.images_per_prompt)
    result = official_scores(official_case.suite, answers.table, images_per_prompt=official_case.images_per_prompt)
    excluded = {exclusion.item_id for exclusion in result.excluded}
    absent = official_case.suite.by_id.keys() - answers.table.keys()
    assert excluded == {*official_case.failed, *absent}


def test_a_detail_file_gives_corrected_scores_of_every_item_but_the_suites_first(official_case: Any) -> None:
    answers = read_answers(official_case.detail, official_case.suite, images_per_prompt=official_case.images_per_prompt)
    result = corrected_scores(
        official_case.suite,
        answers.table,
        images_per_prompt=official_case.images_per_prompt,
        never_asked=answers.never_asked,
    )
    first = official_case.suite.prompts[0].item_id
    assert [item.item_id for item in result.items] == [
        name for name in official_case.suite.by_id if name in answers.table and name != first
    ]
    assert {exclusion.item_id: exclusion.cause for exclusion in result.excluded}[first] == "protocol"
