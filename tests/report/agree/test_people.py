"""Judges against people: what a perfect judge reaches, what raters of chance leave, and ratings that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.files.answer_lines import write_answer_lines
from dpg_bench.records import Suite
from dpg_bench.report.agree.people import People
from dpg_bench.report.agree.ratings import read_ratings
from dpg_bench.report.agree.result import find_agreement
from tests.report.agree.conftest import answer_lines, drawn

Rate = Callable[[str, int, int], float]


@pytest.fixture
def judged(tmp_path: Path, sample: Suite) -> Path:
    """Two files: of a judge whose share of yes is an image's quality, and of one that draws lots."""
    quality = {
        (prompt.item_id, image): quality_of(n, image) for n, prompt in enumerate(sample.prompts) for image in (0, 1)
    }
    asked = {prompt.item_id: len(prompt.questions) for prompt in sample.prompts}
    good = answer_lines(sample, lambda item, image, n: "yes" if n <= quality[item, image] * asked[item] else "no")
    write_answer_lines(tmp_path / "good.jsonl", good)
    write_answer_lines(tmp_path / "lots.jsonl", answer_lines(sample, drawn(3)))
    return tmp_path


def quality_of(item: int, image: int) -> float:
    return float(np.random.default_rng([item, image]).uniform(0.1, 1))


def people(folder: Path, sample: Suite, rate: Rate, *, raters: int = 4, by_image: bool = True) -> People:
    lines = ["item,image,rater,rating" if by_image else "item,rater,rating"]
    for number, prompt in enumerate(sample.prompts):
        for image in (0, 1) if by_image else (0,):
            for rater in range(raters):
                about = f"{prompt.item_id},{image}" if by_image else prompt.item_id
                lines.append(f"{about},{rater},{rate(number, image, rater)}")
    (folder / "ratings.csv").write_text("\n".join(lines))
    found = find_agreement(
        [folder / "good.jsonl", folder / "lots.jsonl"],
        suite="sample",
        human=folder / "ratings.csv",
        resamples=199,
        scoring="share of yes",
    )
    assert found.people is not None
    return found.people


def noisy(item: int, image: int, rater: int) -> float:
    noise = np.random.default_rng([item, image, rater]).normal(0, 0.3)
    return float(quality_of(item, image) + noise + 0.5 * rater)  # some are kinder than others, which moves no rank


def test_a_judge_of_the_same_mind_reaches_the_ceiling_that_raters_set(judged: Path, sample: Suite) -> None:
    found = people(judged, sample, noisy)
    by_judge = {one.judge: one for one in found.judges if one.scoring == "share of yes"}
    ceiling = found.ceiling.judge
    assert abs(by_judge["good"].spearman.value - ceiling.value) < 0.1
    assert abs(by_judge["lots"].spearman.value) < 0.3
    assert found.ceiling.one_rater_spearman.value < ceiling.value < 1
    assert (found.ratings, found.images, found.raters, found.ceiling.per_image) == (
        4 * 2 * len(sample),
        2 * len(sample),
        4,
        4,
    )


def test_the_better_judge_is_told_from_the_other(judged: Path, sample: Suite) -> None:
    (difference,) = people(judged, sample, noisy).differences
    assert (difference.first, difference.second) == ("good", "lots")
    assert difference.spearman.interval is not None
    assert difference.spearman.interval.high < 0


def test_raters_of_one_mind_leave_no_ceiling_below_one(judged: Path, sample: Suite) -> None:
    found = people(judged, sample, lambda item, image, _: quality_of(item, image))
    assert found.ceiling.judge.value == pytest.approx(1)
    assert found.ceiling.one_rater_kendall.value == pytest.approx(1)


def test_one_rater_alone_sets_no_ceiling(judged: Path, sample: Suite) -> None:
    found = people(judged, sample, noisy, raters=1)
    assert np.isnan(found.ceiling.judge.value)
    assert found.judges


def test_ratings_without_an_image_are_of_an_items_images_together(judged: Path, sample: Suite) -> None:
    def mean(item: int, _: int, __: int) -> float:
        return (quality_of(item, 0) + quality_of(item, 1)) / 2

    found = people(judged, sample, mean, by_image=False)
    good = next(one for one in found.judges if (one.judge, one.scoring) == ("good", "share of yes"))
    assert good.images == len(sample)
    assert good.spearman.value > 0.95


def test_a_crowd_in_which_nobody_rates_much_sets_a_ceiling_too(judged: Path, sample: Suite) -> None:
    panel = people(judged, sample, lambda item, image, rater: noisy(item, image, rater) - 0.5 * rater).ceiling
    lines = (judged / "ratings.csv").read_text().splitlines()
    crowd = [lines[0]]
    for number, line in enumerate(lines[1:]):
        item, image, _, rating = line.split(",")
        crowd.append(f"{item},{image},worker{number},{rating}")
    (judged / "crowd.csv").write_text("\n".join(crowd))
    found = find_agreement(
        [judged / "good.jsonl", judged / "lots.jsonl"], suite="sample", human=judged / "crowd.csv", resamples=99
    )
    assert found.people is not None
    assert found.people.raters == len(lines) - 1
    assert found.people.ceiling.judge.value == pytest.approx(panel.judge.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty. It needs a row for each rating"),
        ("item,rating\na,3\n", "lacks the column 'rater'"),
        ("item,rater,rating\n", "has a header but no ratings"),
        ("item,rater,rating\na,x,good\n", "row 2: the rating is 'good', not a number"),
        ("item,rater,rating\na,,3\n", "row 2: the rater is empty"),
        ("item,rater,rating,image\na,x,3,one\n", "row 2: the image is 'one'"),
        ("item,rater,rating\na,x,3\na,x,4\n", "rater 'x' gives item 'a' 4, but gave it 3 at .*row 2"),
        ('{"item": "a", "rater": "x"}\n', "line 1 lacks the column 'rating'"),
        ("{not\n", "line 1 can't be read as JSON"),
    ],
)
def test_ratings_that_cannot_be_read_are_refused_by_row(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text(content)
    with pytest.raises(BadInputError, match=message):
        read_ratings(file)


def test_ratings_are_read_from_lines_of_json(tmp_path: Path) -> None:
    file = tmp_path / "ratings.jsonl"
    file.write_text('{"item_id": "a", "image": 1, "worker_id": 7, "answer": 4}\n\n')
    (rating,) = read_ratings(file)
    assert (rating.item_id, rating.image, rating.rater, rating.value, rating.model) == ("a", 1, "7", 4.0, "")


def test_ratings_of_other_images_are_told(judged: Path) -> None:
    (judged / "other.csv").write_text("item,rater,rating\nnobody,x,3\n")
    with pytest.raises(BadInputError, match=r"None of the 1 ratings is about an image .*row 2 is of item 'nobody'"):
        find_agreement([judged / "good.jsonl", judged / "lots.jsonl"], suite="sample", human=judged / "other.csv")
