"""Runs of full size without a model or a judge: a made-up suite and drawn answers, scored as imported answers.

    python -m benchmarks.results.material FOLDER                     one run: FOLDER/suite.csv, FOLDER/model-a
    python -m benchmarks.results.material FOLDER --runs 10           more models, each a little better
    python -m benchmarks.results.material FOLDER --prompts PROMPTS   with the texts and ids of a folder of prompt files

The suite has the size of DPG-Bench: 1065 prompts, 14,386 questions in its 13 categories at about the official
proportions, graphs up to five deep; with four images that is 57,544 answers. Prompts differ in difficulty and share
it between their questions and images, as real ones do.
"""

from __future__ import annotations

import argparse
import csv
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.material import Row, made_up_prompt, write_question_file
from dpg_bench.jobs import ScoreRequest, ScoreResult, execute_score, plan_score

PROMPTS = 1065
QUESTIONS = 14_386
IMAGES = 4
CATEGORIES = {
    "entity - whole": 45,
    "entity - state": 5,
    "entity - part": 8,
    "attribute - color": 19,
    "attribute - texture": 9,
    "attribute - shape": 4,
    "attribute - size": 5,
    "attribute - other": 11,
    "relation - spatial": 20,
    "relation - non-spatial": 5,
    "other - count": 2,
    "other - text": 1,
    "global - ": 3,
}


@dataclass(frozen=True, slots=True)
class Item:
    """A prompt and, for each of its questions, the category and the parent (0: none)."""

    item_id: str
    text: str
    questions: tuple[tuple[str, int], ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--prompts", type=Path, help="a folder of <item_id>.txt; made-up texts by default")
    arguments = parser.parse_args()
    for path in make_runs(arguments.folder, runs=arguments.runs, prompts=arguments.prompts):
        print(path)


def make_runs(folder: Path, *, runs: int, prompts: Path | None = None) -> Iterator[Path]:
    """Write the suite and `runs` scored run folders, `model-a`, `model-b`, …; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    items = make_suite(folder / "suite.csv", prompts=prompts)
    for number in range(runs):
        name = f"model-{string.ascii_lowercase[number]}"
        answers = folder / f"{name}.csv"
        draw_answers(answers, items, skill=5 + 0.2 * number, seed=number)
        score_answers(answers, folder / "suite.csv", folder / name)
        yield folder / name


def make_suite(path: Path, *, prompts: Path | None = None, seed: int = 0) -> list[Item]:
    """Draw the suite and write it as CSV in DPG-Bench's form."""
    rng = random.Random(seed)
    texts = [made_up_prompt(rng) for _ in range(PROMPTS)]
    named = [(f"madeup{number:04d}", text) for number, text in enumerate(texts)]
    if prompts is not None:
        named = [(file.stem, file.read_text(encoding="utf-8").strip()) for file in sorted(prompts.glob("*.txt"))]
    counts = [13] * len(named)
    for _ in range(QUESTIONS - 13 * PROMPTS):
        counts[rng.randrange(len(counts))] += 1
    for _ in range(4 * len(named)):  # spread the counts, keeping their sum
        taker, giver = rng.randrange(len(counts)), rng.randrange(len(counts))
        if counts[giver] > 3:
            counts[giver] -= 1
            counts[taker] += 1
    items = [
        Item(item_id, text, tuple(draw_question(rng, number) for number in range(1, count + 1)))
        for (item_id, text), count in zip(named, counts, strict=True)
    ]
    write_question_file(
        path,
        (
            Row(item.item_id, item.text, number, parent, category, f"Is part {number} of the prompt there?")
            for item in items
            for number, (category, parent) in enumerate(item.questions, start=1)
        ),
    )
    return items


def draw_question(rng: random.Random, number: int) -> tuple[str, int]:
    """A category and a parent among the questions before."""
    category = rng.choices(list(CATEGORIES), weights=list(CATEGORIES.values()))[0]
    return category, rng.randint(1, number - 1) if number > 1 and rng.random() < 0.6 else 0


def draw_answers(path: Path, items: list[Item], *, skill: float, seed: int) -> None:
    """Answers about four images of each item. The greater `skill` (above zero), the more are yes."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "image", "proposition_id", "answer"])
        for place, item in enumerate(items):
            ease = random.Random(place).betavariate(4, 1) * 0.15  # the same prompts are hard for every model
            for image in range(IMAGES):
                yes = min(1.0, rng.betavariate(skill, 1) + ease)
                for number in range(1, len(item.questions) + 1):
                    writer.writerow([item.item_id, image, number, "yes" if rng.random() < yes else "no"])


def score_answers(answers: Path, suite: Path, out: Path) -> ScoreResult:
    """What `dpgbench score --answers` does."""
    return execute_score(plan_score(ScoreRequest(answers=answers, suite=str(suite), out=out)))


if __name__ == "__main__":
    main()
