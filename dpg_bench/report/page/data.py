"""The items of a page as JSON for its script: compact, since a full run has 1065 prompts and 57,544 answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dpg_bench.files.grid import Cut
from dpg_bench.records import Prompt
from dpg_bench.report.page.question_graph import COUNTS, GATED_NO, GATED_YES, NO, answer_states, depths
from dpg_bench.report.page.shown_runs import ShownRun, ShownRuns
from dpg_bench.report.rows import score_rows
from dpg_bench.report.runs import PROTOCOLS

_SCORE_COLUMNS = ("protocol", "level", "category", "score", "low", "high", "prompts", "prompts_in_suite", "questions")
_PLAIN_WORDS = {COUNTS: "yes", GATED_YES: "yes", NO: "no", GATED_NO: "no"}


def page_data(
    shown: ShownRuns,
    *,
    image_urls: Sequence[Mapping[str, Sequence[str]]],
    thumbnail_urls: Sequence[Mapping[str, Sequence[str]]] = (),
) -> dict[str, Any]:
    """What `assets/store.js` reads. `image_urls` are the addresses of each run's images by item.

    `thumbnail_urls` are of smaller ones, shown until an image is looked at.

    `items`: id, text, questions as [proposition id, parents, index into `categories`, depth, text].
    `runs[].items`, one per item, null where the run isn't about it: `states` as in `question_graph`, `words` the
    answers other than yes and no by place in `states`, as index into `answers`; `scores` by protocol as
    [questions, those that count in image 0, 1, …], and `gaps`, why there is no score; `cut` is the place in the run's
    `cuts`, [columns, rows, width and height of an image, margin, gap], 0 if left out. `scores.rows` begin with the
    run's number.
    """
    categories: dict[str, int] = {}
    for prompt in shown.prompts:
        for question in prompt.questions:
            categories.setdefault(question.category, len(categories))
    answers: dict[str, int] = {}
    runs = [
        {
            "letter": run.letter,
            "name": run.judged.name,
            "images": run.images_per_prompt,
            "cuts": [_cut(cut) for cut in _cuts(run)],
            "items": _run_items(shown, run, urls, small, answers),
        }
        for run, urls, small in zip(shown.runs, image_urls, thumbnail_urls or [{}] * len(shown.runs), strict=True)
    ]
    broad = {question.category: question.category_broad for p in shown.prompts for question in p.questions}
    return {
        "categories": [[name, broad[name]] for name in categories],
        "items": [_item(prompt, categories) for prompt in shown.prompts],
        "runs": runs,
        "scores": {"columns": _SCORE_COLUMNS, "rows": [row for run in enumerate(shown.runs) for row in _scores(*run)]},
        "answers": list(answers),
    }


def json_for_script(content: Any) -> str:
    """`content` as JSON that stays inside its script element whatever it holds: `<` is escaped."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _cuts(run: ShownRun) -> list[Cut]:
    """The ways in which the run's files are cut, each once; few, since a run's images have few sizes."""
    return list(dict.fromkeys(run.cuts.values()))


def _cut(cut: Cut) -> list[int]:
    return [cut.columns, cut.rows, cut.width, cut.height, cut.margin, cut.gap]


def _scores(place: int, run: ShownRun) -> Iterator[list[Any]]:
    for protocol in PROTOCOLS:
        for row in score_rows(run.judged.card):
            side = row.cards[protocol]
            ends = [side.interval.low, side.interval.high] if side.interval else [None, None]
            counts = [side.prompts, run.judged.card.suite.prompts, side.questions]
            yield [place, protocol, row.level, row.name, side.score, *ends, *counts]


def _item(prompt: Prompt, categories: Mapping[str, int]) -> dict[str, Any]:
    depth = depths(prompt)
    return {
        "id": prompt.item_id,
        "text": prompt.text,
        "questions": [
            [q.proposition_id, list(q.parents), categories[q.category], depth[q.proposition_id], q.text]
            for q in prompt.questions
        ],
    }


def _run_items(
    shown: ShownRuns,
    run: ShownRun,
    urls: Mapping[str, Sequence[str]],
    small: Mapping[str, Sequence[str]],
    answers: dict[str, int],
) -> list[dict[str, Any] | None]:
    scores: dict[str, dict[str, list[int]]] = {}
    gaps: dict[str, dict[str, str]] = {}
    for protocol in PROTOCOLS:
        card = run.judged.protocol(protocol)
        if card.items is not None:
            rows = zip(card.items.item_id, card.items.questions, card.items.counted, strict=True)
            for item_id, questions, counted in rows:
                scores.setdefault(item_id, {})[protocol] = [questions, *counted]
        for gap in card.excluded:
            gaps.setdefault(gap.item_id, {})[protocol] = gap.reason
    items: list[dict[str, Any] | None] = []
    cuts = _cuts(run)
    for prompt in shown.prompts:
        item_id = prompt.item_id
        if item_id not in scores and item_id not in gaps:
            items.append(None)
            continue
        given = run.answers_about(item_id)
        states = answer_states(prompt, given)
        entry = {
            "states": states,
            "words": _words(prompt, given, states, answers),
            "scores": scores.get(item_id, {}),
            "gaps": gaps.get(item_id, {}),
            "urls": list(urls.get(item_id, ())),
            "thumbs": list(small.get(item_id, ())),
            "cut": cuts.index(run.cuts[item_id]) if item_id in run.cuts else 0,
        }
        items.append({key: value for key, value in entry.items() if value})
    return items


def _words(prompt: Prompt, given: Sequence[Mapping[int, str]], states: str, answers: dict[str, int]) -> dict[int, int]:
    words = {}
    for place, state in enumerate(states):
        image, row = divmod(place, len(prompt.questions))
        answer = given[image].get(prompt.questions[row].proposition_id)
        if answer is not None and answer != _PLAIN_WORDS.get(state):
            words[place] = answers.setdefault(answer, len(answers))
    return words
