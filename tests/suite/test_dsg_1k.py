"""DSG-1k as its authors release it: read with every odd row told, by file and by name, and scored as they score it."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
from scipy.stats import kendalltau, spearmanr

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.hub.pinned_files import git_blob_id
from dpg_bench.judge.imported.answers import read_answers
from dpg_bench.records import Suite
from dpg_bench.score.protocols.dsg import dsg_item_scores
from dpg_bench.suite import dsg_1k
from dpg_bench.suite.mending import NO_ROW, SELF, WORD
from dpg_bench.suite.registry import load_suite, pending_download

EXCERPT = Path(__file__).resolve().parents[1] / "data" / "dsg"
MODELS = ("mini-dalle", "sd1dot1", "sd1dot5", "sd2dot1", "vq-diffusion")


def ratings(folder: Path) -> dict[tuple[str, str], float]:
    """People's mean rating by model and item."""
    given = defaultdict(list)
    with (folder / "tifa160-likert-anns.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            given[row["t2i_model"], row["item_id"]].append(int(row["answer"]))
    return {key: fmean(values) for key, values in given.items()}


def correlations(folder: Path, suite: Suite, judge: str, *, graph: bool) -> tuple[float, float]:
    """Spearman and Kendall between DSG's item scores and people's mean ratings, over all models' images."""
    rated = ratings(folder)
    scores: dict[tuple[str, str], float] = {}
    for model in sorted({model for model, _ in rated}):
        items = [item for rated_model, item in rated if rated_model == model]
        answers = read_answers(folder / f"{judge}_dsg.csv", suite, where={"t2i_model": model}).table
        found = dsg_item_scores(suite, answers, item_ids=items, graph=graph)
        scores |= {(model, item): score for item, score in found.items()}
    pairs = [(scores[key], rated[key]) for key in rated]
    return spearmanr(pairs).statistic, kendalltau(*zip(*pairs, strict=True)).statistic


@pytest.mark.parametrize(
    ("judge", "graph", "expected"),
    [
        ("mplug", True, ("0.463", "0.380")),
        ("mplug", False, ("0.464", "0.378")),
        ("pali17b", True, ("0.571", "0.458")),
        ("pali17b", False, ("0.570", "0.457")),
    ],
)
def test_dsgs_own_scores_agree_with_people_as_its_authors_publish(
    real_dsg: Path, judge: str, *, graph: bool, expected: tuple[str, str]
) -> None:
    suite = load_suite(str(real_dsg / "dsg-1k-anns.csv"))
    assert tuple(f"{one:.3f}" for one in correlations(real_dsg, suite, judge, graph=graph)) == expected


def test_the_released_file_loads_whole_and_every_odd_row_is_told(real_dsg: Path) -> None:
    suite = load_suite(str(real_dsg / "dsg-1k-anns.csv"))
    assert (len(suite), suite.question_count) == (1060, 8182)
    assert Counter(mend.kind for mend in suite.mends) == {WORD: 10, SELF: 44, NO_ROW: 8}
    with pytest.raises(BadInputError, match="has 62 odd places"):
        load_suite(str(real_dsg / "dsg-1k-anns.csv"), strict=True)


def test_the_released_file_is_the_one_that_is_pinned(real_dsg: Path) -> None:
    assert dsg_1k.DSG_1K.is_questions((real_dsg / "dsg-1k-anns.csv").read_bytes())


def test_an_excerpt_of_the_released_file_has_the_same_oddities() -> None:
    suite = load_suite(str(EXCERPT / "dsg-1k-anns.csv"))
    kinds = Counter((mend.kind, mend.item_id) for mend in suite.mends)
    assert kinds[WORD, "tifa160_67"] == 1
    assert kinds[WORD, "posescript_19"] == 3
    assert kinds[SELF, "localized_narratives_54"] == 3
    assert kinds[NO_ROW, "tifa160_134"] == 8


@pytest.fixture
def graph_suite() -> Suite:
    return load_suite(str(EXCERPT / "dsg-1k-anns.csv"))


def test_a_no_reaches_children_but_not_their_children(graph_suite: Suite) -> None:
    prompt = graph_suite.by_id["tifa160_1"]  # 3 depends on 1, 4 on 2, 5 on both
    assert [q.parents for q in prompt.questions] == [(), (), (1,), (2,), (1, 2)]
    answers = {"tifa160_1": {0: {1: "no", 2: "yes", 3: "yes", 4: "yes", 5: "yes"}}}
    scored = dsg_item_scores(graph_suite, answers, item_ids=["tifa160_1"])
    assert scored == {"tifa160_1": pytest.approx(40)}
    assert dsg_item_scores(graph_suite, answers, item_ids=["tifa160_1"], graph=False) == {"tifa160_1": 80}


def test_an_item_whose_dependencies_the_authors_script_cannot_read_has_no_graph(graph_suite: Suite) -> None:
    prompt = graph_suite.by_id["tifa160_67"]
    given = {q.proposition_id: "no" if q.proposition_id == 1 else "yes" for q in prompt.questions}
    scored = dsg_item_scores(graph_suite, {"tifa160_67": {0: given}}, item_ids=["tifa160_67"])
    assert scored["tifa160_67"] == pytest.approx(100 * (1 - 1 / len(prompt.questions)))


def test_what_is_not_answered_counts_as_no(graph_suite: Suite) -> None:
    assert dsg_item_scores(graph_suite, {}, item_ids=["tifa160_134"]) == {"tifa160_134": 0}


def test_the_answers_of_one_model_are_taken_and_free_text_is_read(graph_suite: Suite) -> None:
    mplug = read_answers(EXCERPT / "mplug_dsg.csv", graph_suite, where={"t2i_model": "mini-dalle"})
    assert mplug.images_per_prompt == 1
    assert mplug.table["tifa160_90"][0][9] == "no"  # "no bananas"
    assert mplug.unclear == ()
    pali = read_answers(EXCERPT / "pali17b_dsg.csv", graph_suite, where={"t2i_model": "mini-dalle"})
    assert 4 not in pali.table["tifa160_108"][0]
    assert pali.blank == 2
    with pytest.raises(BadInputError, match=r"answers of several kinds.*where='t2i_model=mini-dalle'"):
        read_answers(EXCERPT / "mplug_dsg.csv", graph_suite)
    with pytest.raises(BadInputError, match="no answer with t2i_model=dall-e"):
        read_answers(EXCERPT / "mplug_dsg.csv", graph_suite, where={"t2i_model": "dall-e"})
    with pytest.raises(BadInputError, match="Did you mean 't2i_model'"):
        read_answers(EXCERPT / "mplug_dsg.csv", graph_suite, where={"t2imodel": "dall-e"})


def test_the_suite_comes_by_name_verified_and_once(
    publish: Callable[[Mapping[str, bytes]], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = (EXCERPT / "dsg-1k-anns.csv").read_bytes()
    copy = publish({"0.txt": b"A prompt."})
    copy.server.files["dsg/data/dsg-1k-anns.csv"] = content  # type: ignore[attr-defined]
    monkeypatch.setenv("DPGBENCH_DSG_URL", os.environ["DPGBENCH_ELLA_URL"])
    with pytest.raises(UnavailableError, match="instead of the pinned b1b097f"):
        load_suite("dsg-1k")
    pinned = replace(dsg_1k.DSG_1K, blobs={dsg_1k.DSG_1K.questions: git_blob_id(content)})
    monkeypatch.setattr(dsg_1k, "DSG_1K", pinned)
    assert pending_download("dsg-1k") == "1 file of the suite dsg-1k"
    suite = load_suite("dsg-1k")
    assert pending_download("dsg-1k") is None
    assert suite.source == "https://github.com/j-min/DSG/tree/7330119a39f76ff90e619a8bd3ff321e71aa986b/dsg/data"
    assert suite.digest == load_suite(str(EXCERPT / "dsg-1k-anns.csv")).digest
    assert len(suite.mends) == len(load_suite(str(EXCERPT / "dsg-1k-anns.csv")).mends)
