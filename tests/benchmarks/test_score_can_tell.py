"""The page "What the score can tell" says what its results say, these are of today, and its means do what it says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.score_can_tell.__main__ import FOLDER, PAGE, inputs_digest
from benchmarks.score_can_tell.altered import altered_scene, share_true
from benchmarks.score_can_tell.erring import DSG_AGREEMENT, DSG_MPLUG_YES, DSG_PALI_YES, Rates, with_errors
from benchmarks.score_can_tell.material import suite_of, true_answers
from benchmarks.score_can_tell.page import rendered_page
from benchmarks.score_can_tell.plots import PLOTS, draw_plots, results_digest
from benchmarks.score_can_tell.scores import corrected, official, straight_line
from dpg_bench.miniature.suite import suite_items
from dpg_bench.suite.registry import load_suite

DOCS = Path(__file__).parents[2] / "docs"
ITEMS = suite_items()


@pytest.fixture(scope="module")
def results() -> Any:
    return json.loads((DOCS / FOLDER / "results.json").read_text(encoding="utf-8"))


def test_every_figure_of_the_page_is_that_of_the_results(results: Any) -> None:
    assert (DOCS / PAGE).read_text(encoding="utf-8") == rendered_page(results)


def test_every_plot_is_drawn_from_these_results(results: Any) -> None:
    for name in PLOTS:
        for file in (f"{name}.svg", f"{name}_dark.svg"):
            assert results_digest(results) in (DOCS / FOLDER / file).read_text(encoding="utf-8"), file


def test_the_same_results_give_the_same_plots(results: Any, tmp_path: Path) -> None:
    for folder in ("once", "again"):
        (tmp_path / folder).mkdir()
        draw_plots(results, tmp_path / folder)
    for file in (tmp_path / "once").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_the_results_are_of_the_suite_and_the_weights_that_ship(results: Any) -> None:
    assert results["inputs"] == inputs_digest(), (
        "suite or weights have changed: `make score-can-tell`, and read the page"
    )


def test_the_judge_and_the_ends_of_the_scale_are_what_the_miniature_promises(results: Any) -> None:
    table = results["accuracy"]["as drawn"]
    assert min(cell["right"] for cell in table["all"].values()) >= 97
    for category, cells in table.items():
        right = sum(cell["right"] * cell["asked"] for cell in cells.values())
        assert right / sum(cell["asked"] for cell in cells.values()) >= 93, category
    assert results["ends"]["truth"]["corrected"] >= 95
    assert results["ends"]["other prompts"]["corrected"] <= 50
    scores = [row["corrected"] for row in results["rising"]["rows"]]
    assert scores == sorted(scores)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_an_altered_scene_satisfies_the_share_of_the_graph_that_was_asked_for(share: float) -> None:
    for item in ITEMS[:6]:
        facts = item.caption.facts
        scene = altered_scene(item.scene, facts, share, item.item_id)
        assert share_true(facts, scene) == pytest.approx(share, abs=1.5 / len(facts))
        assert scene == altered_scene(item.scene, facts, share, item.item_id)


def test_the_items_make_the_suite_that_ships() -> None:
    assert suite_of(ITEMS, "miniature").digest == load_suite("miniature").digest


def test_a_judge_errs_as_often_as_stated() -> None:
    suite = suite_of(ITEMS[:40], "some")
    truth = true_answers(suite, {item.item_id: [item.scene] * 4 for item in ITEMS[:40]})
    assert with_errors(truth, Rates("never", 0, 0), 0) == truth
    said = with_errors(truth, Rates("often", 0.5, 0.25), 0)
    answers = [answer for images in said.values() for given in images.values() for answer in given.values()]
    assert answers.count("no") / len(answers) == pytest.approx(0.25, abs=0.03)


def test_official_differs_from_corrected_by_the_one_question_that_it_skips() -> None:
    suite = suite_of(ITEMS[:20], "some")
    scenes = {item.item_id: [ITEMS[n + 1].scene] for n, item in enumerate(ITEMS[:20])}
    first, *others = suite.prompts
    less = replace(suite, prompts=(replace(first, questions=first.questions[1:]), *others))
    truth = true_answers(suite, scenes)
    assert official(suite, truth) == pytest.approx(corrected(less, truth).scores.mean())


def test_the_rates_of_dsg_are_those_of_the_page_on_agreement() -> None:
    page = " ".join((DOCS / "agreement.md").read_text(encoding="utf-8").split())
    for figure in (
        f"they agree on {100 * DSG_AGREEMENT:.1f} %",
        f"mPLUG says yes to {100 * DSG_MPLUG_YES:.1f} %, PaLI to {100 * DSG_PALI_YES:.1f} %",
    ):
        assert figure in page


def test_a_straight_line_is_found_with_what_lies_off_it() -> None:
    import numpy as np

    line = straight_line(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
    assert (line.slope, line.start) == (pytest.approx(2), pytest.approx(1))
    assert line.most == pytest.approx(0, abs=1e-9)
