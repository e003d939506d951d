"""An export holds what the scorecard and the answers hold, and reads back through the libraries it is made for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from dpg_bench.errors import BadInputError
from dpg_bench.jobs import ScoreRequest, execute_score, plan_score
from dpg_bench.report.export.folder import export_run
from dpg_bench.report.runs import JudgedRun, load_judged
from dpg_bench.suite.registry import load_suite
from tests.report.conftest import ScoredRun


@pytest.fixture
def run(tmp_path: Path) -> JudgedRun:
    """The sample suite, every third question answered with no, one with `Yes`, which is no yes."""
    lines = ["item_id,image,proposition_id,answer"]
    for prompt in load_suite("sample").prompts:
        for image in range(2):
            for question in prompt.questions:
                answer = ("no", "yes", "yes", "Yes")[(question.proposition_id + image) % 4]
                lines.append(f"{prompt.item_id},{image},{question.proposition_id},{answer}")
    answers = tmp_path / "answers.csv"
    answers.write_text("\n".join(lines) + "\n")
    execute_score(plan_score(ScoreRequest(suite="sample", answers=answers, out=tmp_path / "a-run")))
    return load_judged(tmp_path / "a-run")


def test_evaluation_results_hold_the_overall_scores_of_both_protocols(run: JudgedRun, tmp_path: Path) -> None:
    export_run(run, tmp_path / "out", dataset="someone/a-suite")
    text = (tmp_path / "out/model/.eval_results/dpg-bench.yaml").read_text()
    entries = {entry.task_id: entry for entry in parse_eval_result_entries(yaml.safe_load(text))}
    for protocol in ("official", "corrected"):
        entry = entries[f"dpg_bench_{protocol}"]
        card = run.card["official"] if protocol == "official" else run.card["corrected"]
        assert entry.dataset_id == "someone/a-suite"
        assert entry.value == pytest.approx(card.overall, abs=1e-4)
        assert f"{protocol} protocol; {card.prompts_scored} of 24 prompts; 95 % interval" in str(entry.notes)


def test_the_model_card_has_every_score_in_its_model_index(run: JudgedRun, tmp_path: Path) -> None:
    export_run(run, tmp_path / "out")
    card = ModelCard.load(tmp_path / "out/model/README.md")
    model_index = card.data.to_dict()["model-index"]
    name, results = model_index_to_eval_results(model_index)
    assert name == "a-run"
    found = {(one.metric_type, one.metric_args["protocol"]): one.metric_value for one in results}
    corrected = run.card["corrected"]
    assert len(found) == 2 * (1 + len(corrected.l1))
    assert found["dpg_bench_score", "corrected"] == pytest.approx(corrected.overall, abs=1e-4)
    assert found["dpg_bench_entity", "corrected"] == pytest.approx(corrected.l1["entity"].score, abs=1e-4)
    assert "| official protocol | overall |" in card.content


def test_parquet_holds_all_scores_items_and_answers(run: JudgedRun, tmp_path: Path) -> None:
    export_run(run, tmp_path / "out")
    folder = tmp_path / "out/dataset"
    scores, items, answers = (pd.read_parquet(folder / f"{name}.parquet") for name in ("scores", "items", "answers"))
    corrected = run.card["corrected"]
    assert corrected.interval is not None
    overall = scores[(scores.protocol == "corrected") & (scores.level == 0)].iloc[0]
    assert (overall.score, overall.low, overall.prompts) == (corrected.overall, corrected.interval.low, 24)
    of_corrected = items[items.protocol == "corrected"]
    assert of_corrected.score.mean() == pytest.approx(corrected.overall)
    assert [len(images) for images in of_corrected.images] == [2] * 24
    assert len(answers) == 2 * load_suite("sample").question_count
    assert (answers.yes == (answers.answer == "yes")).all()
    assert set(answers.answer) == {"yes", "no"}


def test_datasets_loads_the_folder_by_name(run: JudgedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    export_run(run, tmp_path / "out")
    for name, rows in (("answers", 2 * load_suite("sample").question_count), ("items", 48)):
        dataset = datasets.load_dataset(
            str(tmp_path / "out/dataset"), name, split="train", cache_dir=str(tmp_path / "c")
        )
        assert len(dataset) == rows


def test_a_scorecard_alone_gives_the_same_yes_and_no(run: JudgedRun, tmp_path: Path) -> None:
    export_run(run, tmp_path / "out")
    alone = tmp_path / "alone.json"
    alone.write_bytes(run.file.read_bytes())
    export_run(load_judged(alone), tmp_path / "alone")
    columns = ["item_id", "image", "proposition_id"]
    both = [
        pd.read_parquet(tmp_path / name / "dataset/answers.parquet").set_index(columns).yes.sort_index()
        for name in ("out", "alone")
    ]
    assert both[0].equals(both[1])


def test_the_official_suite_is_a_dataset_on_the_hub_and_a_file_is_not(run: JudgedRun, tmp_path: Path) -> None:
    sample = export_run(run, tmp_path / "sample")
    assert not (tmp_path / "sample/model/.eval_results").exists()
    assert any("--dataset" in remark.on_command_line for remark in sample.remarks)
    suite = run.card.suite.model_copy(update={"name": "dpg-bench"})
    official = JudgedRun("a", run.card.model_copy(update={"suite": suite}), run.file, None, None)
    export_run(official, tmp_path / "official")
    assert "id: Jialuo21/DPG-Bench" in (tmp_path / "official/model/.eval_results/dpg-bench.yaml").read_text()


def test_nothing_is_overwritten_without_force(run: JudgedRun, tmp_path: Path) -> None:
    export_run(run, tmp_path / "out")
    card = tmp_path / "out/model/README.md"
    card.write_text("mine")
    scores = tmp_path / "out/dataset/scores.parquet"
    scores.unlink()
    with pytest.raises(BadInputError, match="force=True"):
        export_run(run, tmp_path / "out")
    assert card.read_text() == "mine"
    assert not scores.exists()
    mine = tmp_path / "out/model/weights.bin"
    mine.write_text("kept")
    export_run(run, tmp_path / "out", force=True)
    assert "model-index" in card.read_text()
    assert mine.read_text() == "kept"


def test_the_same_run_gives_the_same_bytes(run: JudgedRun, tmp_path: Path) -> None:
    first, second = (export_run(run, tmp_path / name).files for name in ("one", "two"))
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


@pytest.mark.parametrize("dataset", ["nobody", "a/b/c", "/home/x", "../x/y", ""])
def test_a_dataset_that_can_be_none_is_refused(run: JudgedRun, tmp_path: Path, dataset: str) -> None:
    with pytest.raises(BadInputError, match="OWNER/NAME"):
        export_run(run, tmp_path / "out", dataset=dataset)
    assert not (tmp_path / "out").exists()


def test_the_same_export_twice_is_no_error_and_changes_nothing(run: JudgedRun, tmp_path: Path) -> None:
    files = export_run(run, tmp_path / "out", dataset="a/b").files
    before = [file.stat().st_mtime_ns for file in files]
    assert export_run(run, tmp_path / "out", dataset="a/b").files == files
    assert [file.stat().st_mtime_ns for file in files] == before


def scored_in_part(run: JudgedRun, tmp_path: Path, *, allow_missing: bool) -> JudgedRun:
    """Without the answers about the last of its 24 items."""
    assert run.answers_file is not None
    kept = run.answers_file.read_text().splitlines()[:-20]
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("\n".join(kept) + "\n")
    out = tmp_path / "incomplete"
    execute_score(plan_score(ScoreRequest(suite="sample", answers=fewer, out=out, allow_missing=allow_missing)))
    return load_judged(out)


def test_an_incomplete_run_without_a_score_has_nothing_to_publish(run: JudgedRun, tmp_path: Path) -> None:
    part = scored_in_part(run, tmp_path, allow_missing=False)
    scored = part.protocol("corrected").prompts_scored
    with pytest.raises(BadInputError, match=rf"{scored} of 24 prompts are scored.*allow_missing=True"):
        export_run(part, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_part_of_the_suite_is_never_exported_as_the_whole(run: JudgedRun, tmp_path: Path) -> None:
    part = scored_in_part(run, tmp_path, allow_missing=True)
    coverage = f"{part.protocol('corrected').prompts_scored} of 24 prompts"
    out = tmp_path / "out"
    export = export_run(part, out, dataset="a/b")
    assert any(f"These results are of {coverage}" in remark for remark in export.remarks)
    assert not (out / "model/.eval_results").exists()
    card = ModelCard.load(out / "model/README.md")
    _, results = model_index_to_eval_results(card.data.to_dict()["model-index"])
    assert {one.metric_type.startswith("dpg_bench_part_") for one in results} == {True}
    assert all(coverage in str(one.metric_name) for one in results if one.metric_args["protocol"] == "corrected")
    for name in ("model", "dataset"):
        assert coverage in (out / name / "README.md").read_text()
    scores = pd.read_parquet(out / "dataset/scores.parquet")
    assert not scores.complete.any()
    assert set(scores.prompts_in_suite) == {24}
    whole = pd.read_parquet(export_run(run, tmp_path / "whole").files[-1].parent / "scores.parquet")
    assert whole.complete.all()
    (out / "model/.eval_results").mkdir()
    (out / "model/.eval_results/dpg-bench.yaml").write_text("of an earlier run")
    with pytest.raises(BadInputError, match="of an earlier export"):
        export_run(part, out, dataset="a/b", force=True)


def test_a_complete_run_of_the_item_that_official_drops_is_not_called_incomplete(
    scored_run: ScoredRun, tmp_path: Path
) -> None:
    one = scored_run("one", item_ids=["item0"])
    assert one.card.complete
    assert one.protocol("official").overall is None
    export = export_run(one, tmp_path / "out")
    assert any("official protocol scores none of these prompts" in remark for remark in export.remarks)
    assert "1 of 40 prompts" in (tmp_path / "out/model/README.md").read_text()


def test_damaged_answers_are_named_and_nothing_is_written(run: JudgedRun, tmp_path: Path) -> None:
    assert run.answers_file is not None
    run.answers_file.write_text('{"item_id": "a", "image": 0, "proposition_id": 1}\n')
    with pytest.raises(BadInputError, match=r"answers\.jsonl, line 1 is damaged at 'answer': Field required"):
        export_run(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
