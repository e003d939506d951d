"""The suite `miniature`: 200 scenes that no training may use, each with a dense caption and its graph, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from dpg_bench.miniature.captions import DenseCaption, dense_caption
from dpg_bench.miniature.graph import question_graph
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.scene import Scene

PROMPTS = 200
_SEED = "miniature"
_COLUMNS = (
    "item_id",
    "text",
    "keywords",
    "proposition_id",
    "dependency",
    "category_broad",
    "category_detailed",
    "tuple",
    "question_natural_language",
)


@dataclass(frozen=True)
class Item:
    """A prompt of the suite, and the scene that its caption describes."""

    item_id: str
    scene: Scene

    @cached_property
    def caption(self) -> DenseCaption:
        """The prompt, with the facts that its graph asks for."""
        return dense_caption(self.scene, f"{_SEED} {self.item_id}")


def suite_items() -> tuple[Item, ...]:
    """The suite's prompts, in order."""
    scenes: dict[Scene, None] = {}
    number = 0
    while len(scenes) < PROMPTS:
        scenes.setdefault(draw_scene(f"{_SEED} {number}", held_out=True))
        number += 1
    return tuple(Item(f"mini{n:03d}", scene) for n, scene in enumerate(scenes, start=1))


def suite_csv() -> bytes:
    """The suite in the form of DPG-Bench's own `dpg_bench.csv`."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for item in suite_items():
        writer.writerows(_rows(item))
    return file.getvalue().encode()


def _rows(item: Item) -> Iterator[tuple[str, ...]]:
    for node in question_graph(item.caption.facts):
        broad, _, detailed = node.fact.category.partition(" -")
        yield (
            item.item_id,
            item.caption.text,
            "",
            str(node.proposition_id),
            ",".join(map(str, node.parents)) or "0",
            broad,
            detailed.strip(),
            node.fact.tuple_text,
            node.fact.question,
        )
