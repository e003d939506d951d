"""From `rewrite` to a ranking: drawn from rewritten prompts, judged by the original questions, never mixed unsaid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Dpgbench
from tests.openai_server import Asked, OpenAIServer, Reply, chat, fail

HEADER = (
    "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language"
)
ROWS = """owl,An owl.,,1,0,entity,whole,entity - whole (owl),Is there an owl?
fox,A red fox.,,1,0,entity,whole,entity - whole (fox),Is there a fox?
fox,A red fox.,,2,1,attribute,color,"attribute - color (fox, red)",Is the fox red?
"""
ANSWERS = "item_id,image,proposition_id,answer\nowl,0,1,yes\nfox,0,1,yes\nfox,0,2,{red}\n"
MANY = "very " * 90


def answer(asked: Asked) -> Reply:
    return chat(f"{MANY} {asked.body['messages'][-1]['content']}")


@pytest.fixture
def toy() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer, models=["toy"]) as server:
        yield server


@pytest.fixture
def drawn(dpgbench: Dpgbench, toy: OpenAIServer) -> Dpgbench:
    """`own` drew from the suite's own prompts, `new` from rewritten ones; both are scored."""
    Path("s.csv").write_text(f"{HEADER}\n{ROWS}", encoding="utf-8")
    made = dpgbench("rewrite", "--suite", "s.csv", "--with", f"toy@{toy.url}", "-o", "new.csv")
    assert made.exit_code == 0, made.output
    assert "2 rewritten" in made.stderr
    toys = ("run", "--model", "tiny-sd15", "--suite", "s.csv", "--images-per-prompt", "1", "--steps", "1")
    assert dpgbench(*toys, "--out", "own").exit_code == 0
    new = dpgbench(*toys, "--out", "new", "--prompts-from", "new.csv")
    assert new.exit_code == 0, new.output
    assert "2 of 2 prompts are longer" in new.stderr
    for name, red in (("own", "no"), ("new", "yes")):
        Path(f"{name}-answers.csv").write_text(ANSWERS.format(red=red), encoding="utf-8")
        scored = dpgbench("score", name, "--answers", f"{name}-answers.csv")
        assert scored.exit_code == 0, scored.output
    return dpgbench


def test_rewritten_prompts_are_drawn_and_recorded_and_the_questions_stay(drawn: Dpgbench) -> None:
    record, own = (json.loads(Path(name, "run.json").read_text(encoding="utf-8")) for name in ("new", "own"))
    assert record["settings"]["prompts"]["rewritten_by"].startswith("toy@")
    assert record["suite"]["digest"] == own["suite"]["digest"]
    assert record["truncated_prompts"][0]["prompts"] == 2
    assert "prompts" not in own["settings"]
    images = [Path(name, "images", "owl.png").read_bytes() for name in ("new", "own")]
    assert images[0] != images[1]
    again = ("run", "--model", "tiny-sd15", "--suite", "s.csv", "--images-per-prompt", "1", "--steps", "1")
    refused = drawn(*again, "--out", "new")
    assert refused.exit_code == 2
    assert "prompts.rewritten_by" in refused.stderr
    assert drawn(*again, "--out", "new", "--prompts-from", "new.csv").exit_code == 0


def test_comparisons_refuse_to_mix_and_say_what_was_mixed(drawn: Dpgbench) -> None:
    for command in (("compare", "own", "new"), ("check", "new", "--baseline", "own")):
        refused = drawn(*command)
        assert refused.exit_code == 2
        assert "--allow-different" in refused.stderr
        allowed = drawn(*command, "--allow-different", "--json")
        assert allowed.exit_code == 0, allowed.output
        assert "rewritten by toy@" in allowed.stdout
        assert "the rewriter's" in allowed.stdout
    assert "prompts is None and" in drawn("same", "own", "new").stderr


def test_the_leaderboard_ranks_them_apart_unless_told(drawn: Dpgbench) -> None:
    apart = json.loads(drawn("leaderboard", ".", "--json").stdout)["rankings"]
    together = json.loads(drawn("leaderboard", ".", "--json", "--allow-different").stdout)["rankings"]
    assert [len(ranking["results"]) for ranking in apart] == [1, 1, 1, 1]
    assert [len(ranking["results"]) for ranking in together] == [2, 2]
    texts = {result["name"]: result["texts"] for result in together[0]["results"]}
    assert texts["own"] == ""
    assert texts["new"].startswith("rewritten by toy@")
    assert "texts" in drawn("leaderboard", ".", "--markdown", "--allow-different").stdout


def test_failed_prompts_leave_no_file_and_exit_code_3(dpgbench: Dpgbench, toy: OpenAIServer) -> None:
    Path("s.csv").write_text(f"{HEADER}\n{ROWS}", encoding="utf-8")
    toy.first.append(fail(400, "no"))
    command = ("rewrite", "--suite", "s.csv", "--with", f"toy@{toy.url}", "-o", "new.csv", "--concurrency", "1")
    failed = dpgbench(*command)
    assert failed.exit_code == 3
    assert "Failed: owl" in failed.stderr
    assert not Path("new.csv").exists()
    missing = dpgbench("run", "--model", "tiny-sd15", "--suite", "s.csv", "--prompts-from", "new.csv")
    assert missing.exit_code == 2
    assert "new.csv can't be read" in missing.stderr
    assert dpgbench(*command).exit_code == 0


def test_a_page_shows_them_side_by_side_and_says_so(drawn: Dpgbench) -> None:
    shown = drawn("report", "own", "new", "--out", "page.html")
    assert shown.exit_code == 0, shown.output
    page = Path("page.html").read_text(encoding="utf-8")
    assert "rewriter&#39;s" in page
    assert "drawn from prompts rewritten by toy@" in drawn("leaderboard", ".", "--latex").stdout


def test_images_made_elsewhere_are_said_to_be_drawn_from_rewritten_prompts(drawn: Dpgbench) -> None:
    texts = drawn("prompts", "--suite", "s.csv", "--prompts-from", "new.csv")
    assert f"{MANY.strip()} An owl." in texts.stdout
    answers = ("score", "--suite", "s.csv", "--answers", "new-answers.csv", "--out", "elsewhere")
    told = drawn(*answers, "--prompts-from", "new.csv")
    assert told.exit_code == 0, told.output
    assert drawn("compare", "elsewhere", "new").exit_code == 0
    assert "--allow-different" in drawn("compare", "elsewhere", "own").stderr
    refused = drawn("score", "new", "--answers", "new-answers.csv", "--prompts-from", "new.csv")
    assert refused.exit_code == 2
    assert "--prompts-from is for images made elsewhere" in refused.stderr
    Path("other.csv").write_text(f"{HEADER}\n{ROWS.replace('An owl.', 'Two owls.')}", encoding="utf-8")
    other = drawn(*answers[:2], "other.csv", *answers[3:5], "--out", "x", "--prompts-from", "new.csv")
    assert other.exit_code == 2
    assert "is of other prompts" in other.stderr
