"""Where the page goes, what it is made from, and what stops it from being made."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.files.run_folder import RunDir
from dpg_bench.files.source_record import SourceRecord, place_from, write_source
from dpg_bench.records import Prompt, Question
from dpg_bench.report.page import ReportRequest, write_report
from dpg_bench.report.page.score_tables import protocol_views
from dpg_bench.report.page.shown_runs import load_shown_runs
from dpg_bench.report.runs import load_judged
from dpg_bench.score.scorecard import scorecard_json
from dpg_bench.suite.registry import load_suite
from tests.report.page.conftest import drawn

if TYPE_CHECKING:
    from tests.report.page.conftest import Workshop


def data_of(page: Path) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture
def run(workshop: Workshop) -> Path:
    return workshop.run("fox", workshop.suite(workshop.prompts()))


def test_the_page_lies_in_the_run_folder(workshop: Workshop, run: Path) -> None:
    assert workshop.report(run) == run.resolve() / "report.html"
    other = workshop.run("other", workshop.suite(workshop.prompts()))
    assert workshop.report(run, other) == run.resolve() / "report-vs-other.html"


def test_out_may_be_a_file_or_a_folder(workshop: Workshop, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "page.html"
    assert workshop.report(run, out=file) == file
    assert workshop.report(run, out=file.parent) == file.parent / "report.html"
    assert data_of(file)["runs"][0]["items"][0]["urls"] == ["../fox/images/item0.png"]


def test_the_same_run_gives_the_same_page_and_is_left_alone(workshop: Workshop, run: Path) -> None:
    page = workshop.report(run)
    before = page.stat().st_mtime_ns
    assert workshop.report(run) == page
    assert page.stat().st_mtime_ns == before


def test_nothing_is_replaced_without_force(workshop: Workshop, run: Path) -> None:
    page = run / "report.html"
    page.write_text("mine")
    with pytest.raises(BadInputError, match="force=True"):
        workshop.report(run)
    assert page.read_text() == "mine"
    workshop.report(run, force=True)
    assert "DPG-Bench report" in page.read_text()


def test_odd_names_of_items_and_folders_become_addresses_that_work(workshop: Workshop) -> None:
    prompts = [Prompt(name, "A prompt", workshop.prompts(1)[0].questions) for name in ("a/b", "50%", "déjà:vu?#")]
    run = workshop.run("run #1 100%?", workshop.suite(prompts))
    urls = [item["urls"] for item in data_of(workshop.report(run))["runs"][0]["items"]]
    assert urls == [
        ["images/a%252Fb.png"],
        ["images/50%2525.png"],
        ["images/d%25C3%25A9j%25C3%25A0%253Avu%253F%2523.png"],
    ]
    elsewhere = workshop.report(run, out=workshop.folder / "page.html")
    assert data_of(elsewhere)["runs"][0]["items"][0]["urls"] == ["run%20%231%20100%25%3F/images/a%252Fb.png"]


def test_images_may_lie_elsewhere(workshop: Workshop, run: Path) -> None:
    (run / "images").rename(workshop.folder / "pictures")
    assert "urls" not in data_of(workshop.report(run))["runs"][0]["items"][0]
    page = workshop.report(run, images=(workshop.folder / "pictures",), force=True)
    assert data_of(page)["runs"][0]["items"][0]["urls"] == ["../pictures/item0.png"]
    with pytest.raises(BadInputError, match="images is given 1 times for 2 runs"):
        workshop.report(run, run, images=(workshop.folder,))


def test_images_that_were_judged_elsewhere_are_found_where_they_lie(workshop: Workshop, run: Path) -> None:
    pictures = workshop.folder / "my-images"
    (run / "images").rename(pictures)
    record = SourceRecord(images=place_from(RunDir(run), pictures), suite="suite.csv", images_per_prompt=4)
    write_source(RunDir(run), record)
    assert data_of(workshop.report(run))["runs"][0]["items"][0]["urls"] == ["../my-images/item0.png"]


def test_one_file_per_image_is_found_too(workshop: Workshop, run: Path) -> None:
    grid = run / "images" / "item3.png"
    content = grid.read_bytes()
    grid.unlink()
    (run / "images" / "item3").mkdir()
    for image in range(4):
        (run / "images" / "item3" / f"{image}.png").write_bytes(content)
    items = data_of(workshop.report(run))["runs"][0]["items"]
    assert items[3]["urls"] == [f"images/item3/{image}.png" for image in range(4)]


def test_answers_in_other_words_are_kept(workshop: Workshop) -> None:
    suite = workshop.suite(workshop.prompts(1))
    run = workshop.run("fox", suite, lambda _, image, q: "two" if (image, q.proposition_id) == (1, 2) else "yes")
    data = data_of(workshop.report(run))
    assert data["answers"] == ["two"]
    assert data["runs"][0]["items"][0]["words"] == {"6": 0}
    assert data["runs"][0]["items"][0]["states"] == "YYYYY" + "YNYyY" + "Y" * 10


def test_a_scorecard_alone_is_enough(workshop: Workshop, run: Path) -> None:
    (run / "judgements" / "imported" / "answers.jsonl").unlink()
    whole = data_of(workshop.report(run))
    file = workshop.folder / "kept.json"
    file.write_bytes((run / "judgements" / "imported" / "scorecard.json").read_bytes())
    alone = data_of(workshop.report(file))
    assert [item["states"] for item in alone["runs"][0]["items"]] == [i["states"] for i in whole["runs"][0]["items"]]


def test_answers_that_changed_since_they_were_scored_are_refused(workshop: Workshop, run: Path) -> None:
    file = run / "judgements" / "imported" / "answers.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[0]["answer"] = "no" if lines[0]["answer"] == "yes" else "yes"
    del lines[0]["crc32"]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(BadInputError, match=r"no longer fits its run: its answers have changed. Score it again"):
        workshop.report(run)


def test_the_questions_that_were_scored_lie_in_the_run(
    workshop: Workshop, run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    suite = workshop.folder / "suite.csv"
    suite.write_text(suite.read_text().replace("Is the fox red?", "Is the fox blue?"))
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert data_of(workshop.report(run))["items"][0]["questions"][1][4] == "Is the fox red?"


def test_questions_that_were_changed_since_they_were_scored_are_refused(workshop: Workshop, run: Path) -> None:
    kept = run / "judgements" / "imported" / "suite.jsonl"
    content = kept.read_text()
    kept.write_text(content.replace("Is the fox red?", "Is the fox blue?"))
    with pytest.raises(BadInputError, match=r"suite\.jsonl holds other questions.*Score the run again"):
        workshop.report(run)
    kept.write_text(content[: len(content) // 2])
    with pytest.raises(BadInputError, match=r"suite\.jsonl, line 4 is damaged.*with suite"):
        workshop.report(run)
    assert workshop.report(run, suite=str(workshop.folder / "suite.csv")).exists()


def test_a_suite_that_is_not_here_or_another_is_named(workshop: Workshop, run: Path) -> None:
    (run / "judgements" / "imported" / "suite.jsonl").unlink()  # as before questions were kept
    (workshop.folder / "suite.csv").rename(workshop.folder / "moved.csv")
    with pytest.raises(BadInputError, match=r"suite\.csv' .*not here.*with suite"):
        workshop.report(run)
    assert workshop.report(run, suite=str(workshop.folder / "moved.csv")).exists()
    with pytest.raises(BadInputError, match=r"with the digest [0-9a-f]{12}, but 'sample' has"):
        workshop.report(run, suite="sample")


def test_items_that_the_suite_does_not_have_are_refused(workshop: Workshop, run: Path) -> None:
    card = load_judged(run).card
    corrected = card["corrected"]
    assert corrected.items is not None
    odd = corrected.items.model_copy(update={"item_id": ("nobody", *corrected.items.item_id[1:])})
    protocols = {**card.protocols, "corrected": corrected.model_copy(update={"items": odd})}
    file = workshop.folder / "odd.json"
    file.write_text(scorecard_json(card.model_copy(update={"protocols": protocols})))
    with pytest.raises(BadInputError, match=r"odd\.json speaks of the item 'nobody', which its suite doesn't have"):
        workshop.report(file)


def test_runs_that_have_nothing_in_common_are_refused(workshop: Workshop, run: Path) -> None:
    other = workshop.run("other", workshop.suite(workshop.prompts(2), name="another.csv"))
    with pytest.raises(BadInputError, match="Only runs of one suite"):
        workshop.report(run, other)
    assert not list(run.glob("*.html"))


def test_an_unscored_folder_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="Score it first"):
        workshop.report(tmp_path / "empty")


def test_a_broken_image_leaves_its_item_without_thumbnail(workshop: Workshop, run: Path) -> None:
    (run / "images" / "item2.png").write_bytes(b"no image")
    written = write_report(ReportRequest(paths=(run,), embed=True), load_suite=load_suite)
    thumbnails = re.search(r'id="thumbnails">(.*?)</script>', written.file.read_text(), re.DOTALL)
    assert thumbnails is not None
    (embedded,) = json.loads(thumbnails[1])
    assert sorted(embedded) == ["item0", "item1", "item3", "item4", "item5"]


def test_runs_with_different_numbers_of_images_and_items_stand_side_by_side(workshop: Workshop, run: Path) -> None:
    suite = workshop.suite(workshop.prompts())
    single = workshop.run("single", suite, images=1)
    data = data_of(workshop.report(run, single))
    assert [one["images"] for one in data["runs"]] == [4, 1]
    assert [one["letter"] for one in data["runs"]] == ["A", "B"]


def test_runs_without_a_model_are_called_by_their_folders(workshop: Workshop, run: Path) -> None:
    other = workshop.run("wolf", workshop.suite(workshop.prompts()))
    title = re.search(r"<title>(.*?)</title>", workshop.report(run, other).read_text())
    assert title is not None
    assert title[1] == "fox against wolf – DPG-Bench report"


def test_every_size_of_page_is_small(workshop: Workshop) -> None:
    suite = workshop.suite(workshop.prompts(100))
    written = write_report(ReportRequest(paths=(workshop.run("many", suite, draw=False),)), load_suite=load_suite)
    empty = write_report(
        ReportRequest(paths=(workshop.run("few", workshop.suite(workshop.prompts(1), "1.csv")),)), load_suite=load_suite
    )
    per_item = (written.size - empty.size) / 99
    assert per_item < 3_000_000 / 1065


def test_what_difference_would_be_found_is_said_only_where_that_is_known(workshop: Workshop, run: Path) -> None:
    suite = load_suite(str(workshop.folder / "suite.csv"))
    first = suite.prompts[0].item_id
    pairs = {"alone": workshop.run("alone", suite, only=[first]), "alike": workshop.run("alike", suite)}
    for other in pairs.values():
        note = protocol_views(load_shown_runs([run, other], load_suite=load_suite))[0].difference_note
        assert "paired, prompt by prompt" in note
        assert "nan" not in note
        assert "would be found" not in note
    drawn_anew = workshop.run("drawn", suite, drawn(5))
    views = protocol_views(load_shown_runs([run, drawn_anew], load_suite=load_suite))
    assert all("would be found four times in five" in view.difference_note for view in views)


def test_one_image_per_prompt_is_one_image(workshop: Workshop) -> None:
    suite = workshop.suite(workshop.prompts(2))
    page = workshop.report(workshop.run("single", suite, images=1)).read_text(encoding="utf-8")
    assert "1 image per prompt" in page
    assert "1 images per prompt" not in page


def test_a_category_that_is_called_overall_has_a_bar_of_its_own(workshop: Workshop) -> None:
    questions = [
        Question(1, (), "entity", "entity - whole", "Is there a fox?"),
        Question(2, (), "overall", "overall - style", "Is it a drawing?"),
    ]
    run = workshop.run(
        "a", workshop.suite(workshop.prompts(2, questions)), lambda _, __, q: ("yes", "no")[q.proposition_id - 1]
    )
    view = protocol_views(load_shown_runs([run], load_suite=load_suite))[0]
    titles = [bar.title for bar in view.figures[0].chart.bars]
    assert [title.split(",")[0].split(" (")[0] for title in titles] == [
        "overall: 50.00",
        "entity: 100.00",
        "overall: 0.00",
    ]


def test_categories_of_one_name_below_two_others_have_a_row_each(workshop: Workshop) -> None:
    names = ("entity - size", "attribute - size")
    questions = [Question(n, (), name.split(" ", maxsplit=1)[0], name, "?") for n, name in enumerate(names, start=1)]
    suite = workshop.suite(workshop.prompts(3, questions))
    runs = [workshop.run("a", suite), workshop.run("b", suite, drawn(2))]
    differences = protocol_views(load_shown_runs(runs, load_suite=load_suite))[0].figures[1].chart
    assert [label.text for label in differences.labels if label.role == "name"].count("· size") == 2
