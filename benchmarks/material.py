"""Made-up prompts, and question files in DPG-Bench's form."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

COLUMNS = (
    *("item_id", "text", "keywords", "proposition_id", "dependency", "category_broad", "category_detailed", "tuple"),
    "question_natural_language",
)
WORDS = (
    *("amber", "tower", "beside", "a", "quiet", "harbour", "under", "seven", "paper", "lanterns", "and", "the", "red"),
    *("wooden", "fox", "near", "it"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A question of an item; `category` as in "entity - whole", `parent` 0 for none."""

    item_id: str
    prompt: str
    number: int
    parent: int
    category: str
    question: str


def made_up_prompt(rng: random.Random) -> str:
    """30 to 110 words, as long as DPG-Bench's prompts are."""
    return " ".join(rng.choices(WORDS, k=rng.randint(30, 110)))


def write_question_file(path: Path, rows: Iterable[Row]) -> None:
    """A suite file with these rows, those of an item together."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            broad, _, detailed = row.category.partition("-")
            named = [broad.strip(), detailed.strip(), f"{row.category} (x)"]
            writer.writerow([row.item_id, row.prompt, "", row.number, row.parent, *named, row.question])
