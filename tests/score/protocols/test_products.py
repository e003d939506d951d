"""T2I-CompBench's score: products over the phrases of a prompt, as its script computes them, in its scorecards."""

from __future__ import annotations

import random
from statistics import fmean

import pytest
from rich.console import Console

from dpg_bench.records import Prompt, Suite
from dpg_bench.report.scorecard.text import print_scorecard
from dpg_bench.score.protocols.products import product_scores
from dpg_bench.score.scorecard import JudgeCard, RunCard, Scorecard, StatisticsCard, scorecard_json
from dpg_bench.score.scoring import answers_to_scorecard
from dpg_bench.suite.t2i_compbench import Phrases, attribute_prompts

LINES = b"a red fox and a blue lantern\na green acorn and a brown leaf\na hen"
PROMPTS = attribute_prompts(LINES, "color", Phrases("a parser", (((0, 9), (14, 28)), ((18, 30),), ((0, 5),))))
IMAGES = 3


def table(seed: int = 0) -> dict[str, dict[int, dict[int, float]]]:
    rng = random.Random(seed)
    return {
        prompt.item_id: {
            image: {one.proposition_id: round(rng.random(), 4) for one in prompt.questions} for image in range(IMAGES)
        }
        for prompt in PROMPTS
    }


def their_script(prompts: tuple[Prompt, ...], values: dict[str, dict[int, dict[int, float]]]) -> float:
    """`BLIP_vqa.py`: eight passes over all images, each multiplying what the phrase of its number got, 1 for none."""
    phrases = {"color000": [1, 2], "color001": [1], "color002": [1]}
    rewards = []
    for prompt in prompts:
        for image in range(IMAGES):
            reward = 1.0
            for n in range(8):
                asked = phrases[prompt.item_id]
                reward *= values[prompt.item_id][image][asked[n]] if n < len(asked) else 1
            rewards.append(float(f"{reward:.4f}"))
    return fmean(rewards)


def scored(values: dict[str, dict[int, dict[int, float]]], *, name: str = "t2i-compbench/color") -> Scorecard:
    answers = {
        item: {image: {n: "yes" if p > 0.5 else "no" for n, p in one.items()} for image, one in images.items()}
        for item, images in values.items()
    }
    return answers_to_scorecard(
        Suite(name, "drawn", PROMPTS),
        answers,
        p_yes=values,
        judge=JudgeCard(name="blip-vqa", fingerprint="a"),
        run=RunCard(model="sd15", images_per_prompt=IMAGES, scored_by="0"),
        statistics=StatisticsCard(resamples=99),
    )


def test_the_original_score_is_that_of_their_script() -> None:
    values = table()
    card = scored(values)
    assert card.products is not None
    assert card.products["official"].overall == pytest.approx(100 * their_script(PROMPTS, values))


def test_the_corrected_score_multiplies_the_lost_object_too() -> None:
    values = table()
    found = product_scores(PROMPTS, values, images_per_prompt=IMAGES, protocol="corrected")
    assert found is not None
    leaf, acorn = values["color001"][0][1], values["color001"][0][2]
    assert found[1][0] == pytest.approx(100 * round(leaf * acorn, 4))
    official = product_scores(PROMPTS, values, images_per_prompt=IMAGES, protocol="official")
    assert official is not None
    assert official[1][0] == pytest.approx(100 * leaf)
    assert found[0].tolist() == official[0].tolist()


def test_a_judge_without_p_yes_gives_no_such_score() -> None:
    values = table()
    del values["color002"][1][1]
    assert product_scores(PROMPTS, values, images_per_prompt=IMAGES, protocol="official") is None


def test_other_suites_have_no_such_score() -> None:
    assert scored(table(), name="mine.csv").products is None


def test_the_score_is_kept_and_shown_with_its_interval() -> None:
    card = scored(table())
    assert card.products is not None
    kept = Scorecard.model_validate_json(card.model_dump_json(by_alias=True))
    assert kept.products == card.products
    assert '"products"' in scorecard_json(card)
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as shown:
        print_scorecard(card, console)
    text = shown.get()
    assert f"official, as published, × 100: {card.products['official'].overall:.2f}" in text
    assert f"corrected, every object asked: {card.products['corrected'].overall:.2f}" in text
    assert "T2I-CompBench's own numbers are of the judge" not in text


@pytest.mark.parametrize(
    ("judge", "side", "told"),
    [("mplug", 504, True), ("blip-vqa (copy at 384 px)", 384, True), ("blip-vqa (capfilt_large.pth)", 480, False)],
)
def test_whose_numbers_they_are_not_is_said(judge: str, side: int, *, told: bool) -> None:
    card = scored(table())
    named = JudgeCard(name=judge, fingerprint="b", provenance={"image_size": side})
    console = Console(width=120)
    with console.capture() as shown:
        print_scorecard(card.model_copy(update={"judge": named}), console)
    said = f"own numbers are of the judge blip-vqa at 480 px; these are of {judge}"
    assert (said in shown.get()) is told
