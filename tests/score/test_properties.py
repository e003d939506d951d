"""What must hold of both protocols for any suite and any answers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.score.protocols.corrected import corrected_scores
from dpg_bench.score.protocols.official import official_scores

CATEGORIES = ("entity - whole", "attribute - color", "relation - spatial", "global -")
Table = dict[str, dict[int, dict[int, str]]]


@dataclass(frozen=True)
class Benchmark:
    suite: Suite
    images: int
    answers: Table


@st.composite
def benchmarks(draw: st.DrawFn, *, parents_first: bool = False, dangling: bool = True) -> Benchmark:
    prompts = []
    for number in range(draw(st.integers(1, 5))):
        count = draw(st.integers(1, 6))
        questions = []
        for row in range(1, count + 1):
            highest = row - 1 if parents_first else count + dangling
            parents = draw(st.lists(st.integers(1, highest), max_size=3, unique=True)) if highest else []
            category = draw(st.sampled_from(CATEGORIES))
            questions.append(Question(row, tuple(parents), category.split()[0], category, f"Question {row}?"))
        prompts.append(Prompt(f"item{number}", "text", tuple(questions)))
    images = draw(st.integers(1, 4))
    answer = st.sampled_from(["yes", "yes", "yes", "no", "two"])
    answers: Table = {
        prompt.item_id: {
            image: {question.proposition_id: draw(answer) for question in prompt.questions} for image in range(images)
        }
        for prompt in prompts
    }
    return Benchmark(Suite("drawn", "drawn", tuple(prompts)), images, answers)


def naive_official(benchmark: Benchmark) -> tuple[float | None, dict[str, float]]:
    """The official script once more, as plainly as can be: rows, dictionaries, exceptions."""
    rows = [(prompt.item_id, question) for prompt in benchmark.suite.prompts for question in prompt.questions][1:]
    items = []
    by_category: dict[str, list[int]] = defaultdict(list)
    for item_id in dict.fromkeys(name for name, _ in rows):
        own = [question for name, question in rows if name == item_id]
        try:
            tiles = []
            for image in range(benchmark.images):
                raw = {q.proposition_id: int(benchmark.answers[item_id][image][q.proposition_id] == "yes") for q in own}
                gated = dict(raw)
                for q in own:
                    if any(gated[parent] == 0 for parent in q.parents):
                        gated[q.proposition_id] = 0
                tiles.append(fmean(gated.values()))
        except KeyError:
            continue
        items.append(fmean(tiles))
        for q in own:
            by_category[q.category_broad].append(raw[q.proposition_id])
            by_category[q.category].append(raw[q.proposition_id])
    overall = 100 * fmean(items) if items else None
    return overall, {name: 100 * fmean(values) for name, values in by_category.items()}


@given(benchmarks())
@settings(deadline=None, max_examples=200)
def test_official_equals_a_second_independent_implementation(benchmark: Benchmark) -> None:
    result = official_scores(benchmark.suite, benchmark.answers, images_per_prompt=benchmark.images)
    overall, categories = naive_official(benchmark)
    assert (result.overall is None) == (overall is None)
    assert (result.overall or 0) == pytest.approx(overall or 0, rel=0, abs=1e-9)
    ours = {name: score.score for name, score in {**result.l1, **result.l2}.items() if score.score is not None}
    assert ours == pytest.approx(categories, rel=0, abs=1e-9)


@given(benchmarks())
@settings(deadline=None)
def test_corrected_counts_what_a_walk_up_the_graph_counts(benchmark: Benchmark) -> None:
    def holds(prompt: Prompt, image: int, proposition_id: int, seen: frozenset[int]) -> bool:
        question = next((q for q in prompt.questions if q.proposition_id == proposition_id), None)
        if question is None or proposition_id in seen:
            return True
        yes = benchmark.answers[prompt.item_id][image][proposition_id] == "yes"
        return yes and all(holds(prompt, image, parent, seen | {proposition_id}) for parent in question.parents)

    result = corrected_scores(benchmark.suite, benchmark.answers, images_per_prompt=benchmark.images)
    for prompt, item in zip(benchmark.suite.prompts, result.items, strict=True):
        for image, score in enumerate(item.images):
            counted = [holds(prompt, image, q.proposition_id, frozenset()) for q in prompt.questions]
            assert score == pytest.approx(100 * fmean(counted))


@given(benchmarks(parents_first=True))
@settings(deadline=None)
def test_both_protocols_agree_where_parents_come_first_and_the_skipped_row_belongs_to_nobody(
    benchmark: Benchmark,
) -> None:
    extra = Prompt("extra", "", (Question(1, (), "entity", "entity - whole", "Skipped?"),))
    suite = replace(benchmark.suite, prompts=(extra, *benchmark.suite.prompts))
    chosen = list(benchmark.suite.by_id)
    official = official_scores(suite, benchmark.answers, images_per_prompt=benchmark.images, item_ids=chosen)
    corrected = corrected_scores(suite, benchmark.answers, images_per_prompt=benchmark.images, item_ids=chosen)
    assert official.overall == corrected.overall
    assert [item.images for item in official.items] == [item.images for item in corrected.items]
    if benchmark.images == 1:
        assert official.l1 == corrected.l1
        assert official.l2 == corrected.l2


@given(benchmarks(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_answers_changes_nothing(benchmark: Benchmark, random: Random) -> None:
    triples = [
        (i, k, p, a) for i, images in benchmark.answers.items() for k, given in images.items() for p, a in given.items()
    ]
    random.shuffle(triples)
    shuffled: Table = {}
    for item_id, image, proposition_id, answer in triples:
        shuffled.setdefault(item_id, {}).setdefault(image, {})[proposition_id] = answer
    for scores in (official_scores, corrected_scores):
        assert scores(benchmark.suite, shuffled, images_per_prompt=benchmark.images) == scores(
            benchmark.suite, benchmark.answers, images_per_prompt=benchmark.images
        )


@given(benchmarks(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_rows_changes_no_corrected_score(benchmark: Benchmark, random: Random) -> None:
    prompts = [
        replace(prompt, questions=tuple(random.sample(prompt.questions, len(prompt.questions))))
        for prompt in benchmark.suite.prompts
    ]
    reordered = replace(benchmark.suite, prompts=tuple(prompts))
    before = corrected_scores(benchmark.suite, benchmark.answers, images_per_prompt=benchmark.images)
    assert corrected_scores(reordered, benchmark.answers, images_per_prompt=benchmark.images) == before


@given(benchmarks(), st.data())
@settings(deadline=None)
def test_an_item_scores_the_same_alone_as_in_the_whole_run(benchmark: Benchmark, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(list(benchmark.suite.by_id)), unique=True))
    for scores in (official_scores, corrected_scores):
        whole = scores(benchmark.suite, benchmark.answers, images_per_prompt=benchmark.images)
        part = scores(benchmark.suite, benchmark.answers, images_per_prompt=benchmark.images, item_ids=chosen)
        assert part.items == tuple(item for item in whole.items if item.item_id in chosen)
        assert part.excluded == tuple(item for item in whole.excluded if item.item_id in chosen)


@given(benchmarks(dangling=False), st.data())
@settings(deadline=None)
def test_losing_an_answer_unscores_its_item_and_touches_no_other(benchmark: Benchmark, data: st.DataObject) -> None:
    item_id = data.draw(st.sampled_from(list(benchmark.answers)))
    image = data.draw(st.integers(0, benchmark.images - 1))
    lost = data.draw(st.sampled_from(list(benchmark.answers[item_id][image])))
    kept = {key: answer for key, answer in benchmark.answers[item_id][image].items() if key != lost}
    answers = {**benchmark.answers, item_id: {**benchmark.answers[item_id], image: kept}}
    whole = corrected_scores(benchmark.suite, benchmark.answers, images_per_prompt=benchmark.images)
    part = corrected_scores(benchmark.suite, answers, images_per_prompt=benchmark.images)
    assert part.items == tuple(item for item in whole.items if item.item_id != item_id)
    assert [exclusion.item_id for exclusion in part.excluded] == [item_id]


@given(benchmarks(), st.data())
@settings(deadline=None)
def test_one_more_yes_lowers_no_corrected_score(benchmark: Benchmark, data: st.DataObject) -> None:
    item_id = data.draw(st.sampled_from(list(benchmark.answers)))
    image = data.draw(st.integers(0, benchmark.images - 1))
    changed = data.draw(st.sampled_from(list(benchmark.answers[item_id][image])))
    better = {**benchmark.answers[item_id][image], changed: "yes"}
    answers = {**benchmark.answers, item_id: {**benchmark.answers[item_id], image: better}}
    before = corrected_scores(benchmark.suite, benchmark.answers, images_per_prompt=benchmark.images)
    after = corrected_scores(benchmark.suite, answers, images_per_prompt=benchmark.images)
    for old, new in zip(before.items, after.items, strict=True):
        assert new.score >= old.score
    assert all((after.l1[name].score or 0) >= (before.l1[name].score or 0) for name in before.l1)
