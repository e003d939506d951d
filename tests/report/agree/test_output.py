"""What `agree` prints and writes: the same numbers in every form, and a page on which a user finds the images."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.files.run_folder import JudgementDir, RunDir
from dpg_bench.jobs import ScoreRequest, execute_score, plan_score
from dpg_bench.report.agree.data import CSV_COLUMNS
from dpg_bench.report.agree.result import find_agreement
from dpg_bench.score.scorecard import read_scorecard, scorecard_json
from tests.documented import ROOT, Page
from tests.report.agree.conftest import EXCERPT

if TYPE_CHECKING:
    from tests.browser import Opener

DSG = [str(EXCERPT / "mplug_dsg.csv"), str(EXCERPT / "pali17b_dsg.csv"), "--suite", str(EXCERPT / "dsg-1k-anns.csv")]
HUMAN = ["--human", str(EXCERPT / "tifa160-likert-anns.csv")]


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["agree", *map(str, arguments)], env={"COLUMNS": "140"})
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_every_form_says_the_same(tmp_path: Path) -> None:
    table = tmp_path / "agree.csv"
    content = json.loads(run(*DSG, *HUMAN, "--json", "--csv", table, "--examples", 3))
    text, markdown = run(*DSG, *HUMAN), run(*DSG, *HUMAN, "--markdown")
    (pair,) = content["pairs"]
    overall = pair["categories"][0]
    assert overall["questions"] == 346 - (346 - pair["questions"])
    for form in (text, markdown):
        assert f"{100 * overall['agreement']:.1f}" in form
        assert f"{overall['kappa']:.2f}" in form
        assert f"{content['people']['ceiling']['perfect_judge']['spearman']:.3f}" in form
    assert len(pair["examples"]) == 3
    assert pair["flips"] == overall["only_first"] + overall["only_second"]
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert float(rows[0]["kappa"]) == overall["kappa"]
    assert {row["kind"] for row in rows} == {"answers", "items", "people", "raters", "ceiling"}
    assert content["models"] == ["mini-dalle", "sd2dot1"]
    assert len(content["model_scores"]["scores"]) == 4


def test_wrong_use_is_one_message(tmp_path: Path) -> None:
    assert "Only one of" in run(*DSG, "--json", "--markdown", code=2)
    assert "name its file with --html" in run(*DSG, "--embed", code=2)
    assert "is a folder. Name a file" in run(*DSG, "--csv", tmp_path, code=2)
    assert "Traceback" not in run(tmp_path / "nothing.csv", code=2)


@pytest.mark.parametrize("embed", [False, True])
def test_the_page_shows_the_images_that_are_disputed(two_judges: Path, open_page: Opener, *, embed: bool) -> None:
    file = two_judges / "pages" / "agree.html"
    file.parent.mkdir()
    paths = [two_judges / "fox", two_judges / "other.jsonl"]
    run(*paths, "--html", file, *(["--embed"] if embed else []))
    (pair,) = find_agreement(paths, resamples=99).pairs
    page = open_page(file)
    disputed = {(flip.place.item_id, flip.place.image) for flip in pair.flips}
    assert page.tab.locator(".dispute").count() == len(disputed)
    assert page.text("#count") == f"{len(disputed)} of {len(disputed)} images, {len(pair.flips)} answers"
    assert page.tab.locator(".dispute li").count() == len(pair.flips)
    first = page.tab.locator(".dispute svg image").first
    assert first.get_attribute("href").startswith("data:image/webp" if embed else "../fox/images/")
    page.wait_until("document.querySelector('.dispute svg image').getBoundingClientRect().width > 0")
    page.tab.select_option("#side", "0 first")
    assert page.text("#count").endswith(f"{pair.overall.only_first} answers")
    page.tab.fill("#search", "unicorn")
    assert page.tab.locator("#nothing").is_visible()
    assert page.faults() == []


def test_names_cannot_act_on_the_page(two_judges: Path, open_page: Opener) -> None:
    evil = "<script>alert(1)</script>"
    file = two_judges / "agree.html"
    run(f"{evil}={two_judges / 'one.jsonl'}", two_judges / "other.jsonl", "--html", file)
    page = open_page(file)
    assert evil in page.text("h1")


def test_a_kappa_that_there_is_not_is_a_dash_on_the_page_too(tmp_path: Path) -> None:
    for name in ("one", "other"):  # who both say yes to all leave nothing to chance
        text = "item_id,image,proposition_id,answer\nowl,0,1,yes\nfox,0,1,yes\n"
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    run(tmp_path / "one.csv", tmp_path / "other.csv", "--html", tmp_path / "agree.html")
    assert "2 questions: 100.0 % agree, kappa -" in (tmp_path / "agree.html").read_text(encoding="utf-8")


def test_the_documented_commands_run(two_judges: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two_judges)
    for file in EXCERPT.glob("*.csv"):
        shutil.copy(file, two_judges)
    request = ScoreRequest(answers=Path("other.jsonl"), suite="sample", out=Path("other"), images_per_prompt=2)
    execute_score(plan_score(request))
    shutil.copytree("fox", "runs/fox")
    second = RunDir(Path("runs/fox")).judgement("second").path
    shutil.copytree(RunDir(Path("other")).judgement("imported").path, second)
    file = JudgementDir(second).scorecard
    card = read_scorecard(file)
    named = card.model_copy(update={"judge": card.judge.model_copy(update={"name": "second"})})
    file.write_text(scorecard_json(named), encoding="utf-8")
    commands = Page(ROOT / "docs" / "agreement.md").commands()
    assert len(commands) > 3
    for command in commands:
        run(*shlex.split(command)[2:])
    assert Path("agree.html").exists()
    assert Path("agree.csv").exists()
