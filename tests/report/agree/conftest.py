"""Answers of drawn judges about drawn images, as files and as scored runs."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from dpg_bench.files.answer_lines import AnswerLine, write_answer_lines
from dpg_bench.files.grid import make_grid
from dpg_bench.files.item_names import file_stem
from dpg_bench.jobs import ScoreRequest, execute_score, plan_score
from dpg_bench.records import Suite
from dpg_bench.suite.registry import load_suite

EXCERPT = Path(__file__).resolve().parents[2] / "data" / "dsg"
Say = Callable[[str, int, int], str]


@pytest.fixture(scope="session")
def sample() -> Suite:
    return load_suite("sample")


def drawn(seed: int, *, yes: float = 0.7) -> Say:
    """Answers drawn from a seed."""

    def say(item_id: str, image: int, number: int) -> str:
        chance = random.Random(f"{seed} {item_id} {image} {number}").random()
        return "yes" if chance < yes else "no"

    return say


def answer_lines(suite: Suite, say: Say, *, images: int = 2, judge: str | None = None) -> list[AnswerLine]:
    return [
        AnswerLine(
            item_id=prompt.item_id,
            image=image,
            proposition_id=question.proposition_id,
            answer=say(prompt.item_id, image, question.proposition_id),
            judge_fingerprint=judge,
        )
        for prompt in suite.prompts
        for image in range(images)
        for question in prompt.questions
    ]


def write_dsg(file: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """A file of answers in the columns of DSG's."""
    names = ("t2i_model", "item_id", "question", "question_id", "answer")
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows({name: row[name] for name in names} for row in rows)
    return file


def read_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def two_judges(tmp_path: Path, sample: Suite) -> Path:
    """A run folder `fox` with drawn images that `one` judged, and beside it `other.jsonl` by another judge."""
    images = tmp_path / "fox" / "images"
    images.mkdir(parents=True)
    for number, prompt in enumerate(sample.prompts):
        tiles = [Image.new("RGB", (16, 16), (90 * image, number * 9, 120)) for image in range(2)]
        make_grid(tiles).save(images / f"{file_stem(prompt.item_id)}.png")
    write_answer_lines(tmp_path / "one.jsonl", answer_lines(sample, drawn(1)))
    write_answer_lines(tmp_path / "other.jsonl", answer_lines(sample, drawn(2, yes=0.5)))
    request = ScoreRequest(answers=tmp_path / "one.jsonl", suite="sample", out=tmp_path / "fox", images_per_prompt=2)
    execute_score(plan_score(request))
    return tmp_path
