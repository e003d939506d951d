"""Rankings: ties where the data can't tell, nothing mixed that can't be compared, published numbers as claimed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.report.leaderboard.data import CSV_COLUMNS, leaderboard_to_csv, leaderboard_to_json
from dpg_bench.report.leaderboard.ranking_pairs import clearly_better
from dpg_bench.report.leaderboard.result import Leaderboard, Ranking, find_runs, rank_runs
from dpg_bench.report.leaderboard.text import leaderboard_to_markdown, print_leaderboard
from dpg_bench.report.published import read_published, shipped_results
from dpg_bench.score.items import item_scores
from dpg_bench.score.scorecard import JudgeCard, RunCard, Scorecard, scorecard_json
from dpg_bench.score.scoring import answers_to_scorecard

QUESTIONS = tuple(
    Question(number, (), category.split(" ", maxsplit=1)[0], category, f"Question {number}?")
    for number, category in enumerate(("global -", "entity - whole", "other - count", "relation - spatial"), start=1)
)


def make_suite(name: str = "dpg-bench", prompts: int = 60) -> Suite:
    return Suite(name, name, tuple(Prompt(f"item{k}", f"{name}, prompt {k}", QUESTIONS) for k in range(prompts)))


SUITE = make_suite()


def write_run(
    folder: Path,
    share: float,
    *,
    suite: Suite = SUITE,
    judge: str = "mplug",
    fingerprint: str | None = "f1" * 32,
    provenance: Mapping[str, Any] | None = None,
    model: str | None = None,
    seed: int = 0,
    items: list[str] | None = None,
    skip: str | None = None,
    allow_missing: bool = False,
    untrained: bool = False,
    more: Mapping[str, Any] | None = None,
) -> None:
    """A scored run that answers `share` of all questions with yes, prompt by prompt alike for equal seeds."""
    rng = np.random.default_rng(seed)
    answers = {
        prompt.item_id: {
            image: {q.proposition_id: "yes" if rng.random() < share else "no" for q in prompt.questions}
            for image in range(2)
        }
        for prompt in suite.prompts
    }
    if skip is not None:
        del answers[skip]
    settings = {**({"steps": 25, "guidance": 7.5, "size": 512} if model else {}), **(more or {})}
    run = RunCard(
        model=model,
        settings=settings,
        images_per_prompt=2,
        allow_missing=allow_missing,
        untrained=untrained,
        scored_by="0.1.0",
    )
    card = answers_to_scorecard(
        suite,
        answers,
        judge=JudgeCard(name=judge, fingerprint=fingerprint, provenance=dict(provenance or {})),
        run=run,
        item_ids=items,
    )
    write_card(folder, judge, card)


def write_card(folder: Path, judge: str, card: Scorecard) -> None:
    file = folder / "judgements" / judge / "scorecard.json"
    file.parent.mkdir(parents=True)
    file.write_text(scorecard_json(card))


def board_of(folder: Path, **options: Any) -> Leaderboard:
    found = find_runs([folder])
    return rank_runs(found.runs, unusable=found.unusable, **options)


def ranks(ranking: Ranking) -> dict[str, tuple[int, bool]]:
    return {place.entry.name: (place.rank, place.tied) for place in ranking.places}


def test_runs_that_the_data_cannot_tell_apart_share_a_rank(tmp_path: Path) -> None:
    write_run(tmp_path / "best", 0.95, seed=1)
    write_run(tmp_path / "good", 0.70, seed=2)
    write_run(tmp_path / "as-good", 0.71, seed=3)
    write_run(tmp_path / "worst", 0.30, seed=4)
    corrected, official = board_of(tmp_path).rankings
    assert (corrected.protocol, official.protocol) == ("corrected", "official")
    for ranking in (corrected, official):
        assert ranks(ranking) == {"best": (1, False), "good": (2, True), "as-good": (2, True), "worst": (4, False)}
        overall = [place.entry.overall for place in ranking.places]
        assert overall == sorted(overall, reverse=True)
    (best, *_) = corrected.places
    assert best.entry.low is not None
    assert best.entry.high is not None
    assert best.entry.low < best.entry.overall < best.entry.high
    assert best.entry.prompts == 60


def test_one_better_answer_is_no_better_run_but_a_gain_on_every_third_prompt_is(tmp_path: Path) -> None:
    """Paired: two runs whose own intervals overlap widely are told apart where one gains on every third prompt."""
    answers = {
        prompt.item_id: {0: {q.proposition_id: "yes" if q.proposition_id <= at % 4 else "no" for q in QUESTIONS}}
        for at, prompt in enumerate(SUITE.prompts)
    }
    better = {
        item_id: {0: {**images[0], 4: "no" if at % 3 else "yes"}}
        for at, (item_id, images) in enumerate(answers.items())
    }
    barely = {**answers, "item0": {0: dict.fromkeys(range(1, 5), "yes")}}
    judge = JudgeCard(name="mplug", fingerprint="f" * 64)
    run = RunCard(model=None, images_per_prompt=1, scored_by="0.1.0")
    cards = [answers_to_scorecard(SUITE, given, judge=judge, run=run) for given in (answers, better, barely)]
    columns = [card["corrected"].items for card in cards]
    first, second = (card["corrected"].interval for card in cards[:2])
    assert first is not None
    assert second is not None
    assert first.high > second.low
    scores = [item_scores(one) for one in columns if one is not None]
    assert clearly_better(scores) == [[False, False, False], [True, False, True], [False, False, False]]


def test_runs_without_a_common_item_are_never_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.9)
    write_run(tmp_path / "b", 0.1)
    strong, weak = (run.items("corrected") for run in find_runs([tmp_path]).runs)
    assert clearly_better([strong, weak]) == [[False, True], [False, False]]
    elsewhere = replace(weak, item_ids=tuple(f"other{k}" for k in range(len(weak.item_ids))))
    assert clearly_better([strong, elsewhere]) == [[False, False], [False, False]]


def test_protocols_suites_judges_and_selections_are_never_mixed(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5)
    write_run(tmp_path / "b", 0.5, suite=make_suite("other"))
    write_run(tmp_path / "c", 0.5, fingerprint="f2" * 32)
    write_run(tmp_path / "d", 0.5, judge="imported", fingerprint=None, provenance={"format": "csv"})
    write_run(tmp_path / "e", 0.5, judge="imported", fingerprint=None, provenance={"format": "detail"})
    write_run(tmp_path / "f", 0.5, items=["item1", "item2"])
    write_run(tmp_path / "g", 0.5, items=["item2", "item3"])
    write_run(tmp_path / "h", 0.5, judge="imported", seed=5)  # the answers of a's judge, brought in from elsewhere
    board = board_of(tmp_path)
    members = {tuple(sorted(ranks(ranking))) for ranking in board.rankings}
    assert members == {("a", "h"), ("b",), ("c",), ("d",), ("e",), ("f",), ("g",)}
    assert len(board.rankings) == 2 * len(members)
    labels = [(ranking.suite, ranking.judge) for ranking in board.rankings if ranking.protocol == "corrected"]
    assert ("dpg-bench", "mplug@f1f1f1f1") in labels
    assert ("dpg-bench", "mplug@f2f2f2f2") in labels
    assert ("dpg-bench (2 of 60 prompts)", "mplug@f1f1f1f1") in labels


def test_an_incomplete_run_has_no_rank_and_says_so_in_every_form(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5)
    write_run(tmp_path / "b", 0.5, skip="item7")
    write_run(tmp_path / "c", 0.99, skip="item7", allow_missing=True)
    board = board_of(tmp_path)
    (corrected, _) = board.rankings
    assert ranks(corrected) == {"a": (1, False)}
    (entry,) = corrected.incomplete
    assert (entry.name, entry.prompts, entry.prompts_expected) == ("c", 59, 60)
    lines = [line for line in shown(board, width=120).splitlines() if line.split()[:2] == ["-", "c"]]
    assert len(lines) == 2
    assert all("59 of 60" in line and "run, incomplete" in line for line in lines)
    assert "Incomplete results have no rank" in shown(board, width=200)
    assert "| - | c |" in leaderboard_to_markdown(board)
    assert "59 of 60 | run, incomplete |" in leaderboard_to_markdown(board)
    rows = [row for row in csv.DictReader(io.StringIO(leaderboard_to_csv(board))) if row["model"] == "c"]
    assert {(row["rank"], row["prompts"], row["prompts_expected"], row["complete"]) for row in rows} == {
        ("", "59", "60", "no")
    }
    results = leaderboard_to_json(board)["rankings"][0]["results"]
    assert [(one["name"], one["rank"], one["complete"]) for one in results] == [("a", 1, True), ("c", None, False)]
    (left_out,) = board.left_out
    assert "59 of 60 prompts" in left_out.reason
    assert "Left out:" in shown(board)


def test_published_results_join_the_ranking_they_can_be_compared_with(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5, model="sd15")
    write_run(tmp_path / "b", 0.5, suite=make_suite("other"))
    board = board_of(tmp_path, published=shipped_results())
    by_label = {(r.protocol, r.suite, r.judge): {place.entry.kind for place in r.places} for r in board.rankings}
    assert by_label[("official", "dpg-bench", "mplug")] == {"run", "original", "quoted", "reproduction"}
    assert by_label[("corrected", "dpg-bench", "mplug")] == {"run"}
    assert by_label[("official", "other", "mplug")] == {"run"}
    assert by_label[("official", "dpg-bench", "mplug (JAX re-implementation)")] == {"original"}
    assert sum(len(r.places) for r in board.rankings) == 4 + len(shipped_results())
    assert "as claimed" in shown(board)


def test_a_reproduction_shows_by_how_much_the_claim_lies_above_it(tmp_path: Path) -> None:
    claims = tmp_path / "claims.csv"
    claims.write_text("model,overall,kind,reproduces\nA,84.5,original,\nA again,80.25,reproduction,A\n")
    board = rank_runs([], published=read_published(claims))
    (ranking,) = board.rankings
    assert [str(place.entry.published_minus_reproduced) for place in ranking.places] == ["None", "4.25"]
    assert re.search(r"A again +80\.25 +\+4\.25 +reproduction", shown(board))
    assert "measured by others" in shown(board, width=200)
    assert "| A again | 80.25 |  | +4.25 |" in leaderboard_to_markdown(board)
    last = list(csv.DictReader(io.StringIO(leaderboard_to_csv(board))))[-1]
    assert (last["reproduces"], last["published"], last["published_minus_reproduced"]) == ("A", "84.5", "4.25")
    assert leaderboard_to_json(board)["rankings"][0]["results"][1]["published_minus_reproduced"] == "4.25"
    claims.write_text("model,overall\nA,84.5\n")
    alone = rank_runs([], published=read_published(claims))
    assert "published - this" not in leaderboard_to_markdown(alone) + shown(alone)


def test_a_published_number_outside_a_runs_interval_is_told_from_it(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "mine", 0.5, seed=6)
    entry = board_of(tmp_path).rankings[1].places[0].entry
    assert entry.low is not None
    assert entry.high is not None
    inside = (entry.low + entry.high) / 2
    claims = tmp_path / "claims.csv"
    claims.write_text(
        f"model,overall\nabove,{entry.high + 1:.2f}\nwithin,{inside:.2f}\nbelow,{entry.low - 1:.2f}\nbelow too,0\n"
    )
    ranking = board_of(tmp_path / "runs", published=read_published(claims)).rankings[1]
    assert ranks(ranking) == {
        "above": (1, False),
        "mine": (2, True),
        "within": (2, True),
        "below": (4, False),
        "below too": (5, False),
    }


def test_the_csv_holds_the_columns_of_the_contract_and_reads_as_results(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "mine", 0.5, model="sd15")
    board = board_of(tmp_path, published=shipped_results())
    text = leaderboard_to_csv(board)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert ",".join(CSV_COLUMNS) == (
        "rank,model,overall,low,high,global,entity,attribute,relation,other,prompts,prompts_expected,"
        "complete,images_per_prompt,protocol,judge,suite,steps,guidance,size,prompt_rewriting,kind,"
        "reproduces,published,published_minus_reproduced,source,date,texts"
    )
    mine = next(row for row in rows if row["kind"] == "run" and row["protocol"] == "corrected")
    assert (mine["model"], mine["steps"], mine["guidance"], mine["size"]) == ("sd15", "25", "7.5", "512")
    assert float(mine["low"]) < float(mine["overall"]) < float(mine["high"])
    file = tmp_path / "board.csv"
    file.write_text(text)
    again = {(r.model, r.overall, r.source) for r in read_published(file) if r.kind != "run"}
    assert again == {(r.model, r.overall, r.source) for r in shipped_results()}
    sana = next(row for row in rows if row["source"] == "SANA-1.5 paper main table" and row["model"] == "Playground v3")
    assert sana["overall"] == "87.0"


def test_names_from_files_stay_text_in_every_form(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5, model="[b]x[/b]|*y*<i>")
    board = board_of(tmp_path)
    assert "[b]x[/b]|*y*<i>" in shown(board)
    assert "\\[b\\]x\\[/b\\]\\|\\*y\\*&lt;i&gt;" in leaderboard_to_markdown(board)
    told = leaderboard_to_markdown(board_of(tmp_path, published=shipped_results()))
    assert "(`dpgbench audit --published`)" in told


def test_categories_are_shown_where_they_fit_and_nothing_is_cut_off(tmp_path: Path) -> None:
    write_run(tmp_path / "a-run-with-a-long-name-that-goes-on", 0.5, model="a-model")
    board = board_of(tmp_path)
    assert "relation" in shown(board, width=120)
    narrow = shown(board, width=80)
    assert "relation" not in narrow
    assert "wider terminal" in narrow
    assert "…" not in narrow + shown(board, width=120)


def test_untrained_weights_are_warned_of(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5, model="tiny", untrained=True)
    assert "Warning: a: model 'tiny': untrained weights" in shown(board_of(tmp_path))


def test_a_judge_that_is_not_recorded_is_warned_of(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5, judge="imported", fingerprint=None)
    write_run(tmp_path / "b", 0.5)
    assert [warning.split(";")[0] for warning in board_of(tmp_path).warnings] == ["a: who judged it is not recorded"]


def test_a_run_found_twice_is_ranked_once(tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "a", 0.5)
    assert len(find_runs([tmp_path, tmp_path / "runs", tmp_path / "runs" / "a"]).runs) == 1


def test_nothing_to_rank_is_said_not_shown_as_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="No scored run lies under"):
        find_runs([tmp_path / "empty"])
    with pytest.raises(BadInputError, match="There is no folder"):
        find_runs([tmp_path / "none"])
    write_run(tmp_path / "runs" / "a", 0.5, skip="item7")
    with pytest.raises(BadInputError, match=r"Nothing can be ranked.*59 of 60"):
        board_of(tmp_path / "runs")


@pytest.mark.parametrize("damage", ["truncated", "edited", "newer"])
def test_a_damaged_scorecard_is_named(tmp_path: Path, damage: str) -> None:
    write_run(tmp_path / "a", 0.5)
    write_run(tmp_path / "b", 0.5, seed=1)
    file = tmp_path / "b" / "judgements" / "mplug" / "scorecard.json"
    text = file.read_text()
    file.write_text(
        {
            "truncated": text[: len(text) // 2],
            "edited": text.replace('"allow_missing": false', '"allow_missing": true'),
            "newer": text.replace('"schema": 3', '"schema": 99'),
        }[damage]
    )
    found = find_runs([tmp_path])
    assert [run.name for run in found.runs] == ["a"]
    assert [(one.source, str(file) in one.reason) for one in found.unusable] == [(str(file), True)]


def test_a_damaged_run_ends_nothing(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.5)
    write_run(tmp_path / "b", 0.6, seed=1)
    (tmp_path / "b" / "run.json").write_text('{"schema": 1, "settings": 7}')
    board = board_of(tmp_path)
    assert [ranks(ranking) for ranking in board.rankings] == [{"a": (1, False)}] * 2
    (left_out,) = board.left_out
    assert "run.json is damaged" in left_out.reason
    assert json.dumps(leaderboard_to_json(board))


def test_equal_published_numbers_tie() -> None:
    main, *_ = rank_runs([], published=shipped_results()).rankings
    for place in main.places:
        equal = [other for other in main.places if other.entry.overall == place.entry.overall]
        assert place.tied == (len(equal) > 1)
        assert place.rank == 1 + sum(other.entry.overall > place.entry.overall for other in main.places)
    assert isinstance(main.places[0].entry.overall, Decimal)


def shown(board: Leaderboard, *, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_leaderboard(board, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_protocol_without_a_score_is_named(tmp_path: Path) -> None:
    """The official protocol skips the suite's first question: of a suite of one, it scores nothing."""
    alone = Suite("one", "one", (Prompt("item0", "One.", QUESTIONS[:1]),))
    write_run(tmp_path / "a", 1.0, suite=alone)
    with pytest.raises(BadInputError, match=r"no overall score under the official protocol: 0 of 1 prompts are scored"):
        board_of(tmp_path)


def test_what_texts_means_is_said_also_where_an_incomplete_run_alone_has_them(tmp_path: Path) -> None:
    rewritten = {"prompts": {"rewritten_by": "a model", "recipe": "dense", "digest": "ab" * 32}}
    write_run(tmp_path / "a", 0.5, skip="item7", allow_missing=True, more=rewritten)
    board = board_of(tmp_path)
    assert all(not ranking.places for ranking in board.rankings)
    assert "texts: who rewrote the prompts" in shown(board, width=200)
