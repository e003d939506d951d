"""Small scored runs with drawn images."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dpg_bench.files.answer_lines import AnswerLine, write_answer_lines
from dpg_bench.files.grid import make_grid
from dpg_bench.files.item_names import file_stem
from dpg_bench.jobs import ScoreRequest, execute_score, plan_score
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.report.page import ReportRequest, write_report
from dpg_bench.suite.registry import load_suite

COLUMNS = (
    *("item_id", "text", "keywords", "proposition_id", "dependency", "category_broad", "category_detailed", "tuple"),
    "question_natural_language",
)

# A root, two children, a grandchild with both as parents, and a root that nothing hangs on.
GRAPH = (
    Question(1, (), "entity", "entity - whole", "Is there a fox?"),
    Question(2, (1,), "attribute", "attribute - color", "Is the fox red?"),
    Question(3, (1,), "entity", "entity - part", "Does the fox have a tail?"),
    Question(4, (2, 3), "relation", "relation - spatial", "Is the red tail on the left?"),
    Question(5, (), "global", "global -", "Is this a drawing?"),
)

Answering = Callable[[str, int, Question], str]


def drawn(seed: int) -> Answering:
    """Answers drawn from a seed, four in five yes."""

    def answer(item_id: str, image: int, question: Question) -> str:
        rng = random.Random(f"{seed} {item_id} {image} {question.text}")
        return rng.choices(["yes", "no"], [4, 1])[0]

    return answer


@dataclass
class Workshop:
    """Makes a suite and scored runs of it in one folder."""

    folder: Path

    def prompts(self, count: int = 6, questions: Sequence[Question] = GRAPH) -> list[Prompt]:
        return [Prompt(f"item{n}", f"A fox, number {n}{', or so' * n}.", tuple(questions)) for n in range(count)]

    def suite(self, prompts: Sequence[Prompt], name: str = "suite.csv") -> Suite:
        with (self.folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for prompt in prompts:
                for q in prompt.questions:
                    parents = ",".join(map(str, q.parents)) or "0"
                    cells = [prompt.item_id, prompt.text, "", q.proposition_id, parents, q.category_broad, ""]
                    writer.writerow([*cells, f"{q.category} (x)", q.text])
        return load_suite(str(self.folder / name))

    def run(
        self,
        name: str,
        suite: Suite,
        answering: Answering | None = None,
        *,
        images: int = 4,
        draw: bool = True,
        only: Sequence[str] | None = None,
    ) -> Path:
        """A run folder scored with imported answers; `only` leaves the answers about all other items out."""
        answer = answering or drawn(1)
        file = self.folder / f"{name}.jsonl"
        lines = [
            AnswerLine(
                item_id=prompt.item_id,
                image=image,
                proposition_id=q.proposition_id,
                answer=answer(prompt.item_id, image, q),
            )
            for prompt in suite.prompts
            if only is None or prompt.item_id in only
            for image in range(images)
            for q in prompt.questions
        ]
        write_answer_lines(file, lines)
        out = self.folder / name
        if draw:
            (out / "images").mkdir(parents=True)
            for n, prompt in enumerate(suite.prompts):
                tiles = [Image.new("RGB", (16, 16), (40 * image, 90, (n * 37) % 256)) for image in range(images)]
                make_grid(tiles).save(out / "images" / f"{file_stem(prompt.item_id)}.png")
        execute_score(plan_score(ScoreRequest(answers=file, suite=suite.name, out=out, images_per_prompt=images)))
        return out

    def report(self, *paths: Path, **request: Any) -> Path:
        return write_report(ReportRequest(paths=tuple(paths), **request), load_suite=load_suite).file


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
