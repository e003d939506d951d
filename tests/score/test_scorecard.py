"""The scorecard says what it knows, withholds what would mislead, and is read back strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.score.scorecard import JudgeCard, RunCard, Scorecard, read_scorecard, scorecard_json
from dpg_bench.score.scoring import answers_to_scorecard

ENTITY = Question(1, (), "entity", "entity - whole", "Is there a cat?")
COLOR = Question(2, (1,), "attribute", "attribute - color", "Is the cat red?")
SUITE = Suite("test", "test.csv", tuple(Prompt(name, "A red cat.", (ENTITY, COLOR)) for name in "abc"))
YES = {0: {1: "yes", 2: "yes"}}
NO = {0: {1: "no", 2: "yes"}}
COMPLETE = {"a": YES, "b": YES, "c": NO}


def make_card(answers: dict[str, Any], *, allow_missing: bool = False, **settings: Any) -> Scorecard:
    run = RunCard(model="tiny", images_per_prompt=1, allow_missing=allow_missing, scored_by="0.1.0")
    judge = JudgeCard(name="mplug", fingerprint="abc", provenance={"revision": "v1.0.0"})
    return answers_to_scorecard(SUITE, answers, judge=judge, run=run, **settings)


def test_it_has_the_published_form() -> None:
    content = json.loads(scorecard_json(make_card(COMPLETE)))
    parts = ["schema", "suite", "judge", "run", "statistics", "protocols", "soft", "products", "answers", "answered"]
    assert list(content) == [*parts, "checksum"]
    assert content["products"] is None, "that is T2I-CompBench's"
    assert content["schema"] == 3
    assert content["soft"] is None, "these answers came without P(yes)"
    assert content["suite"]["prompts"] == 3
    assert content["suite"]["questions"] == 6
    assert content["statistics"] == {"confidence": 0.95, "resamples": 9999, "seed": 0}
    whole = {"score": pytest.approx(200 / 3), "prompts": 3, "questions": 3}
    whole["interval"] = {"low": 0.0, "high": 100.0, "method": "bca"}
    color = {"score": 100.0, "prompts": 3, "questions": 3}
    color["interval"] = {"low": 100.0, "high": 100.0, "method": "no spread"}
    corrected = content["protocols"]["corrected"]
    items = corrected.pop("items")
    assert corrected == {
        "overall": pytest.approx(200 / 3),
        "interval": {"low": 0.0, "high": 100.0, "method": "bca"},
        "image_sd": None,
        "prompts_scored": 3,
        "prompts_expected": 3,
        "questions": 6,
        "complete": True,
        "partial": None,
        "l1": {"attribute": color, "entity": whole},
        "l2": {"attribute - color": color, "entity - whole": whole},
        "excluded": [],
    }
    assert items == {
        "item_id": ["a", "b", "c"],
        "questions": [2, 2, 2],
        "counted": [[2], [2], [0]],
        "categories": {
            "attribute - color": {"l1": "attribute", "yes": [1, 1, 1], "answers": [1, 1, 1]},
            "entity - whole": {"l1": "entity", "yes": [1, 1, 0], "answers": [1, 1, 1]},
        },
    }
    assert content["answers"] == {"yes": [[3], [3], [2]], "propositions": {}}
    official = content["protocols"]["official"]
    assert official["overall"] == 50
    assert (official["prompts_scored"], official["prompts_expected"]) == (2, 3)
    assert [item["item_id"] for item in official["excluded"]] == ["a"]


def test_what_the_official_protocol_always_leaves_out_does_not_make_a_run_incomplete() -> None:
    card = make_card(COMPLETE)
    assert card.complete
    assert card["official"].excluded[0].cause == "protocol"


def test_an_incomplete_run_has_no_overall_score_but_counts_and_reasons() -> None:
    card = make_card({"a": YES, "b": YES})
    assert not card.complete
    assert card["corrected"].overall is None
    assert card["official"].overall is None
    assert (card["corrected"].prompts_scored, card["corrected"].prompts_expected) == (2, 3)
    assert card["corrected"].excluded[0].item_id == "c"


def test_a_missing_image_and_a_failure_are_told_apart_and_a_failure_wins() -> None:
    card = make_card({}, failures={"a": "boom", "b": "boom"}, missing={"b": "no image", "c": "no image"})
    assert {item.item_id: (item.reason, item.cause) for item in card["corrected"].excluded} == {
        "a": ("boom", "failed"),
        "b": ("boom", "failed"),
        "c": ("no image", "missing"),
    }
    assert card["official"].excluded == card["corrected"].excluded


def test_allow_missing_scores_what_is_there_and_is_recorded() -> None:
    card = make_card({"a": YES, "b": YES}, allow_missing=True)
    assert card["corrected"].overall == 100
    assert card.run.allow_missing
    assert not card.complete


def test_a_run_over_part_of_the_suite_is_complete_and_says_so() -> None:
    card = make_card({"b": YES, "c": NO}, item_ids=["c", "b"])
    assert card.complete
    assert card["corrected"].overall == 50
    assert card["corrected"].partial == card["official"].partial == "2 of 3 prompts"


def test_a_score_over_no_questions_is_null() -> None:
    card = make_card({}, failures={"a": "out of memory"}, allow_missing=True)
    assert card["corrected"].overall is None
    assert card["corrected"].l1["entity"].score is None
    assert card["corrected"].l1["entity"].questions == 0
    assert card["corrected"].excluded[0].cause == "failed"


def test_a_suite_without_questions_is_refused() -> None:
    bare = Suite("folder", "prompts/", (Prompt("a", "A cat.", ()),))
    run = RunCard(model=None, images_per_prompt=1, scored_by="0.1.0")
    with pytest.raises(BadInputError, match="no questions"):
        answers_to_scorecard(bare, {}, judge=JudgeCard(name="x", fingerprint=None), run=run)


def test_the_same_answers_give_the_same_bytes() -> None:
    assert scorecard_json(make_card(COMPLETE)) == scorecard_json(make_card(dict(reversed(COMPLETE.items()))))


@pytest.mark.parametrize("answers", [COMPLETE, {"a": YES}, {}])
def test_it_reads_back_as_it_was_written(tmp_path: Path, answers: dict[str, Any]) -> None:
    path = tmp_path / "scorecard.json"
    card = make_card(answers)
    path.write_text(scorecard_json(card), encoding="utf-8")
    assert read_scorecard(path) == card


def test_schema_1_is_still_read_and_still_checked(tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "data/scorecard_schema_1.json"
    card = read_scorecard(old)
    now = make_card(COMPLETE)
    assert card["corrected"].overall == now.protocols["corrected"].overall
    assert (card.statistics, card.answers, card["official"].items) == (None, None, None)
    edited = tmp_path / "scorecard.json"
    edited.write_text(old.read_text().replace('"model": "tiny"', '"model": "huge"'))
    with pytest.raises(BadInputError, match="changed after"):
        read_scorecard(edited)


def test_every_column_stands_on_one_line() -> None:
    lines = scorecard_json(make_card(COMPLETE)).splitlines()
    assert '        "item_id": ["a","b","c"],' in lines
    assert '            "yes": [1,1,0],' in lines


def test_item_columns_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for column, message in ((["a", "b"], "not equally long"), (["a", "b", "b"], "twice")):
        content = json.loads(scorecard_json(make_card(COMPLETE)))
        content["protocols"]["corrected"]["items"]["item_id"] = column
        (tmp_path / "scorecard.json").write_text(json.dumps(content))
        with pytest.raises(BadInputError, match=message):
            read_scorecard(tmp_path / "scorecard.json")


def test_a_level_2_category_under_two_level_1_categories_is_refused() -> None:
    odd = Suite("odd", "odd.csv", (Prompt("a", "", (ENTITY, Question(2, (), "global", "entity - whole", "?"))),))
    run = RunCard(model=None, images_per_prompt=1, scored_by="0.1.0")
    with pytest.raises(BadInputError, match="'entity - whole' under 'entity' and, in item 'a', under 'global'"):
        answers_to_scorecard(odd, {"a": YES}, judge=JudgeCard(name="x", fingerprint=None), run=run)


def test_reformatting_it_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    content = json.loads(scorecard_json(make_card(COMPLETE)))
    path.write_text(json.dumps(dict(reversed(content.items()))).replace("100.0", "100"), encoding="utf-8")
    assert read_scorecard(path) == make_card(COMPLETE)


def _set(*keys: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(content: dict[str, Any]) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_set("protocols", "corrected", "overall", value=99.5), "was changed after it was written"),
        (_set("run", "model", value="better"), "was changed after it was written"),
        (_set("checksum", value=None), "was changed after it was written"),
        (_set("protocols", "corrected", "overall", value=101.0), r"damaged at 'protocols\.corrected\.overall'"),
        (_set("protocols", "official", "overall", value="49.6"), r"damaged at 'protocols\.official\.overall'"),
        (_set("protocols", "official", "l1", "entity", "questions", value=-1), r"'protocols\.official\.l1\.entity\.q"),
        (_set("protocols", "official", "note", value="hm"), r"damaged at 'protocols\.official\.note'"),
        (_set("protocols", value={}), r"damaged at 'protocols'.*the protocol 'official' is missing"),
        (_set("schema", value=4), "written by a newer dpg-bench: its schema is 4"),
        (_set("schema", value=1), "was changed after it was written"),
        (_set("schema", value=0), "damaged at 'schema'"),
        (_set("schema", value="1"), "no scorecard"),
    ],
)
def test_a_scorecard_that_was_tampered_with_is_refused(
    tmp_path: Path, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = tmp_path / "scorecard.json"
    content = json.loads(scorecard_json(make_card(COMPLETE)))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BadInputError, match=message) as raised:
        read_scorecard(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("keep", [0, 1, 100, -3])
def test_a_truncated_scorecard_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "scorecard.json"
    path.write_text(scorecard_json(make_card(COMPLETE))[:keep], encoding="utf-8")
    with pytest.raises(BadInputError, match=r"scorecard\.json is truncated"):
        read_scorecard(path)


def test_other_files_and_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="can't be read"):
        read_scorecard(tmp_path / "absent.json")
    other = tmp_path / "other.json"
    other.write_bytes(b"[1, 2]")
    with pytest.raises(BadInputError, match="no scorecard"):
        read_scorecard(other)
    other.write_bytes(b"\xff\xfe{}")
    with pytest.raises(BadInputError, match=r"other\.json"):
        read_scorecard(other)


def test_untrained_weights_are_warned_of() -> None:
    run = RunCard(model="tiny-sd15", images_per_prompt=1, untrained=True, scored_by="0.1.0")
    judge = JudgeCard(name="tiny-mplug", fingerprint="abc", untrained=True)
    card = answers_to_scorecard(SUITE, COMPLETE, judge=judge, run=run)
    assert card.warnings == ("model 'tiny-sd15' and judge 'tiny-mplug': untrained weights: these scores mean nothing",)
    assert make_card(COMPLETE).warnings == ()


def test_an_item_of_any_number_of_questions_is_written_and_read(tmp_path: Path) -> None:
    count = 20_000
    questions = tuple(Question(number, (), "entity", "entity - whole", "Is it?") for number in range(1, count + 1))
    suite = Suite("long", "long.csv", (Prompt("item0", "A prompt.", questions),))
    answers = {"item0": {0: dict.fromkeys(range(1, count + 1), "yes")}}
    judge, run = JudgeCard(name="j", fingerprint=None), RunCard(model=None, images_per_prompt=1, scored_by="0")
    card = answers_to_scorecard(suite, answers, judge=judge, run=run)
    (tmp_path / "scorecard.json").write_text(scorecard_json(card))
    read = read_scorecard(tmp_path / "scorecard.json")
    assert read.answers is not None
    assert read.answers.yes == ((2**count - 1,),)


def test_a_category_does_not_take_the_name_of_another_number() -> None:
    """Questions of `entity` alone beside those of `entity - whole`, and a category that is called overall."""
    categories = (("entity", "entity"), ("entity", "entity - whole"), ("overall", "overall - style"))
    questions = tuple(
        Question(number, (), broad, name, "?") for number, (broad, name) in enumerate(categories, start=1)
    )
    suite = Suite("mixed", "mixed.csv", (Prompt("a", "A.", questions), Prompt("b", "B.", questions)))
    answers = {item: {0: {1: "yes", 2: "no", 3: "no"}} for item in ("a", "b")}
    judge = JudgeCard(name="any", fingerprint=None)
    run = RunCard(model=None, images_per_prompt=1, scored_by="0.1.0")
    card = answers_to_scorecard(suite, answers, judge=judge, run=run)
    flat = card.flat()
    assert card["corrected"].l2["entity"].score == 100
    assert flat["corrected/entity"] == card["corrected"].l1["entity"].score == 50
    assert flat["corrected/overall"] == card["corrected"].overall == pytest.approx(100 / 3)
