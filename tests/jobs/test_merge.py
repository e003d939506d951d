"""Parts of one run, made by several people in folders of their own, become one run; where they differ is said."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.errors import BadInputError
from dpg_bench.files.answer_lines import AnswerLine, read_answer_lines, write_answer_lines
from dpg_bench.files.run_folder import RunDir
from dpg_bench.jobs import RunRequest, ScoreRequest, execute_run, execute_score, plan_run, plan_score
from dpg_bench.jobs.partial_runs import merge_runs

JUDGE = "tiny-mplug"
IDS = ("sample01-lighthouse", "sample02-bakery", "sample03-chess", "sample04-astronaut")


def make(out: Path, *items: str, seed: int = 0) -> Path:
    """A run of these items of the sample suite, judged."""
    request = RunRequest(model="tiny-sd15", suite="sample", items=items, steps=1, size=32, seed=seed, out=out)
    execute_run(plan_run(request))
    execute_score(plan_score(ScoreRequest(path=out, judge=JUDGE)))
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Runs of all four items, of the first three and of the last two."""
    folder = tmp_path_factory.mktemp("made")
    return {
        "all": make(folder / "all", *IDS),
        "anna": make(folder / "anna", *IDS[:3]),
        "bert": make(folder / "bert", *IDS[2:]),
    }


@pytest.fixture
def parts(made: Mapping[str, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Copies of the two parts, to be changed."""
    for name in ("anna", "bert"):
        shutil.copytree(made[name], tmp_path / name)
    return tmp_path / "anna", tmp_path / "bert"


def results(run: Path) -> dict[str, bytes]:
    return {
        file.relative_to(run).as_posix(): file.read_bytes()
        for file in run.rglob("*")
        if file.is_file() and file.name not in ("run.json", "generation.jsonl", ".lock")
    }


def test_two_parts_are_the_whole_run_and_stay_as_they_are(
    made: Mapping[str, Path], parts: tuple[Path, Path], tmp_path: Path
) -> None:
    before = [results(part) for part in parts]
    result = merge_runs(parts, tmp_path / "whole")
    assert (result.items, result.left, result.complete) == (4, 0, True)
    assert results(tmp_path / "whole") == results(made["all"])
    assert [results(part) for part in parts] == before
    record = RunDir(tmp_path / "whole").read_record()
    assert record is not None
    assert record.suite.items == list(IDS)


def test_the_command_says_what_it_did_and_where_the_scores_are(parts: tuple[Path, Path], tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["merge", *map(str, parts), "--out", str(tmp_path / "whole")])
    assert answer.exit_code == 0, answer.output
    assert "4 of 4 items are made" in answer.output
    assert "scorecard.json" in answer.output


def test_parts_are_added_to_a_run_that_is_there(made: Mapping[str, Path], parts: tuple[Path, Path]) -> None:
    anna, bert = parts
    assert merge_runs([bert], anna).complete
    assert results(anna) == results(made["all"])


def test_an_image_that_differs_is_named_and_the_first_wins_if_told(parts: tuple[Path, Path], tmp_path: Path) -> None:
    anna, bert = parts
    image = RunDir(bert).image(IDS[2])
    shutil.copy(RunDir(bert).image(IDS[3]), image)
    log = RunDir(bert).generation_log
    digests = {json.loads(line)["item_id"]: json.loads(line)["image_sha256"] for line in log.read_text().splitlines()}
    log.write_text(log.read_text().replace(digests[IDS[2]], digests[IDS[3]]))
    with pytest.raises(BadInputError, match=f"the image of '{IDS[2]}' in .*anna and in .*bert") as refused:
        merge_runs([anna, bert], tmp_path / "whole")
    assert "--first-wins" in refused.value.message.on_command_line
    assert not (tmp_path / "whole").exists()
    merge_runs([anna, bert], tmp_path / "whole", first_wins=True)
    assert RunDir(tmp_path / "whole").image(IDS[2]).read_bytes() == RunDir(anna).image(IDS[2]).read_bytes()


def test_an_answer_that_differs_is_named(parts: tuple[Path, Path], tmp_path: Path) -> None:
    file = RunDir(parts[1]).judgement(JUDGE).answers
    lines = [line for _, line in read_answer_lines(file)]
    other = "no" if lines[0].answer == "yes" else "yes"
    write_answer_lines(file, [AnswerLine(**{**lines[0].model_dump(), "answer": other, "crc32": None}), *lines[1:]])
    with pytest.raises(BadInputError, match=rf"the answer of {JUDGE} to question 1 about image 0 of '{IDS[2]}'"):
        merge_runs(parts, tmp_path / "whole")


def test_an_image_changed_behind_the_run_s_back_is_not_taken(parts: tuple[Path, Path], tmp_path: Path) -> None:
    RunDir(parts[1]).image(IDS[3]).write_bytes(b"no longer an image")
    result = merge_runs(parts, tmp_path / "whole")
    assert (result.left, result.complete) == (1, False)


def test_other_settings_are_no_part_of_a_run(parts: tuple[Path, Path], tmp_path: Path) -> None:
    other = make(tmp_path / "other", IDS[3], seed=7)
    with pytest.raises(BadInputError, match=r"anna and .*other were made differently: seed was 0, now 7"):
        merge_runs([parts[0], other], tmp_path / "whole")


def test_what_is_no_run_is_told(parts: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="empty holds no run"):
        merge_runs([parts[0], tmp_path / "empty"], tmp_path / "whole")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    with pytest.raises(BadInputError, match="full is there and holds no run"):
        merge_runs(parts, tmp_path / "full")
    answer = CliRunner().invoke(app, ["merge", *map(str, parts)])
    assert (answer.exit_code, "--out" in answer.output) == (2, True)


def test_a_merge_that_is_killed_at_any_write_twice_is_continued(
    made: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [tmp_path / name / "share" for name in ("anna", "bert")]  # of one name, as people's are
    for part in parts:
        shutil.copytree(made[part.parent.name], part)
    undisturbed = RunDir(tmp_path / "whole")
    merge_runs(parts, undisturbed.path)
    whole, record = results(undisturbed.path), undisturbed.read_record()
    assert record is not None
    replace, left = Path.replace, 0

    def killed(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    for write in itertools.count(1):
        out = RunDir(tmp_path / f"killed-{write}")
        interruptions = 0
        for moment in (write, write, 0):
            left = moment
            try:
                merge_runs(parts, out.path)
            except KeyboardInterrupt:
                interruptions += 1
        assert results(out.path) == whole, write
        again = out.read_record()
        assert again is not None
        assert again.seconds <= record.seconds
        if not interruptions:
            break
    assert write > 10


def test_what_a_kill_left_of_emptied_folders_goes_with_the_next_merge(parts: tuple[Path, Path], tmp_path: Path) -> None:
    merge_runs(parts, tmp_path / "whole")
    before = results(tmp_path / "whole")
    run = RunDir(tmp_path / "whole")
    run.shards.mkdir()
    emptied = run.judgement(JUDGE).shard("0-anna").path
    emptied.mkdir(parents=True)
    (emptied / ".lock").touch()
    assert merge_runs(parts, tmp_path / "whole").complete
    assert not run.shards.exists()
    assert not run.judgement(JUDGE).shards.exists()
    assert results(tmp_path / "whole") == before
