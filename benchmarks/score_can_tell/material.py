"""Prompts with their scenes, pictures of them, and what the judge and the truth say about these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from dpg_bench.judge.ask import Asker, Tile
from dpg_bench.judge.in_memory import LoadedJudge
from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.graph import question_graph
from dpg_bench.miniature.oracle import answer
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.scene import Scene
from dpg_bench.miniature.suite import Item
from dpg_bench.records import Prompt, Question, Suite

Answers = dict[str, dict[int, dict[int, str]]]
"""By item id, image (from 0) and proposition id."""

Pictures = Mapping[str, Sequence[Image.Image]]
Scenes = Mapping[str, Sequence[Scene]]
"""By item id, one for each image."""

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Judged:
    """The judge's answers and its P(yes), of the same form."""

    answers: Answers
    p_yes: dict[str, dict[int, dict[int, float]]]


def suite_of(items: Sequence[Item], name: str) -> Suite:
    """The items' prompts and graphs as a suite."""
    return Suite(name, "dpg_bench.miniature", tuple(_prompt(item) for item in items))


def more_items(count: int, seed: str) -> tuple[Item, ...]:
    """Held-out prompts in addition to the suite's."""
    return tuple(Item(f"{seed}{n:04d}", draw_scene(f"{seed} {n}", held_out=True)) for n in range(count))


def drawn(scenes: Scenes, seed: str) -> dict[str, list[Image.Image]]:
    """A picture of every scene, each with a seed of its own."""
    return {
        item_id: [draw(scene, f"{seed} {item_id} {k}") for k, scene in enumerate(given)]
        for item_id, given in scenes.items()
    }


def reworked(pictures: Pictures, rework: Callable[[Image.Image], Image.Image]) -> dict[str, list[Image.Image]]:
    """Every picture as `rework` leaves it."""
    return {item_id: [rework(picture) for picture in given] for item_id, given in pictures.items()}


def judge_pictures(judge: LoadedJudge, suite: Suite, pictures: Pictures) -> Judged:
    """Ask the judge all questions of each prompt about each of its pictures."""
    places = [(item_id, k) for item_id, given in pictures.items() for k in range(len(given))]
    tiles = [
        Tile(judge.preprocess(pictures[item_id][k]), tuple(q.text for q in suite.by_id[item_id].questions))
        for item_id, k in places
    ]
    judged = Judged({}, {})
    for (item_id, k), replies in zip(places, Asker(judge, _BATCH).ask(tiles), strict=True):
        numbers = [question.proposition_id for question in suite.by_id[item_id].questions]
        judged.answers.setdefault(item_id, {})[k] = {n: reply.text for n, reply in zip(numbers, replies, strict=True)}
        judged.p_yes.setdefault(item_id, {})[k] = {
            n: reply.p_yes for n, reply in zip(numbers, replies, strict=True) if reply.p_yes is not None
        }
    return judged


def true_answers(suite: Suite, scenes: Scenes) -> Answers:
    """What a judge that never errs says."""
    return {
        item_id: {
            k: {q.proposition_id: answer(q.text, scene) for q in suite.by_id[item_id].questions}
            for k, scene in enumerate(given)
        }
        for item_id, given in scenes.items()
    }


def _prompt(item: Item) -> Prompt:
    questions = []
    for node in question_graph(item.caption.facts):
        broad = node.fact.category.partition(" -")[0]
        questions.append(Question(node.proposition_id, node.parents, broad, node.fact.category, node.fact.question))
    return Prompt(item.item_id, item.caption.text, tuple(questions))
