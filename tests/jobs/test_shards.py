"""Shares of a run: whoever did which items, the images and the scorecard are those of one process, byte for byte."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.errors import BadInputError
from dpg_bench.files.run_folder import RunDir, lock_folder
from dpg_bench.jobs import RunRequest, ScoreRequest, execute_run, execute_score, plan_run, plan_score
from dpg_bench.jobs.merge import merge_shards
from dpg_bench.jobs.score_share import execute_score_share
from dpg_bench.jobs.shards import Shard, deal, local_index, parse_shard, shard_from_environment

JUDGE = "tiny-mplug"
ITEMS = 7


def request(out: Path, **changes: object) -> RunRequest:
    return RunRequest(model="tiny-sd15", suite="sample", limit=ITEMS, steps=1, size=32, out=out, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that one process made and judged."""
    out = tmp_path_factory.mktemp("alone") / "run"
    execute_run(plan_run(request(out)))
    execute_score(plan_score(ScoreRequest(path=out, judge=JUDGE)))
    return out


def results(run: Path) -> Mapping[str, bytes]:
    """What must not depend on who did what: images, answers, scorecard and the rest of the judgement."""
    files = [file for file in run.rglob("*") if file.is_file()]
    return {
        file.relative_to(run).as_posix(): file.read_bytes()
        for file in files
        if file.name not in ("run.json", "generation.jsonl", ".lock")
    }


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_any_number_of_shares_gives_the_bytes_of_one_process(count: int, alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    order = [*range(1, count), 0]  # whoever comes last
    lefts = [execute_run(plan_run(request(out)), shard=f"{index}/{count}").left for index in order]
    assert lefts[-1] == 0
    assert all(lefts[:-1])
    ends = [execute_score_share(plan_score(ScoreRequest(path=out, judge=JUDGE)), f"{index}/{count}") for index in order]
    assert [end.result is not None for end in ends] == [False] * (count - 1) + [True]
    assert results(out) == results(alone)
    record, whole = RunDir(out).read_record(), RunDir(alone).read_record()
    assert record is not None
    assert whole is not None
    assert (record.status, record.fingerprint, record.suite) == ("complete", whole.fingerprint, whole.suite)


def test_merge_ends_what_the_last_share_could_not(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for index in range(2):
        execute_run(plan_run(request(out)), shard=f"{index}/2")
    execute_score_share(plan_score(ScoreRequest(path=out, judge=JUDGE)), "0/2")
    first = merge_shards(out)
    assert (first.left, first.complete) == (0, False)
    assert first.judged[JUDGE] is not None
    shares = RunDir(out).judgement(JUDGE).shards
    shutil.copytree(shares, tmp_path / "kept")
    execute_score_share(plan_score(ScoreRequest(path=out, judge=JUDGE)), "1/2")
    assert results(out) == results(alone)
    # as if the last had ended before it could make the scorecard
    place = RunDir(out).judgement(JUDGE)
    place.scorecard.unlink()
    shutil.copytree(tmp_path / "kept", shares)
    assert merge_shards(out).complete
    assert results(out) == results(alone)


def test_who_steals_does_what_a_dead_process_left_and_nothing_of_a_living_one(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with lock_folder(RunDir(out).shard("2-of-3").path):  # its process lives: locks of one process are one
        pass
    outcome = execute_run(plan_run(request(out)), shard="0/3", steal=True)
    assert (len(outcome.made), outcome.left) == (ITEMS, 0)
    again = execute_run(plan_run(request(out)), shard="1/3", steal=True)
    assert (again.made, len(again.kept)) == ((), ITEMS)
    end = execute_score_share(plan_score(ScoreRequest(path=out, judge=JUDGE)), "0/3", steal=True)
    assert end.result is not None
    assert results(out) == results(alone)


def test_a_plain_command_ends_what_shares_have_begun(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    execute_run(plan_run(request(out)), shard="1/2")
    outcome = execute_run(plan_run(request(out)))
    assert outcome.made
    assert outcome.kept
    execute_score_share(plan_score(ScoreRequest(path=out, judge=JUDGE)), "1/2")
    execute_score(plan_score(ScoreRequest(path=out, judge=JUDGE)))
    assert results(out) == results(alone)
    assert not RunDir(out).shards.exists()


def test_who_judges_while_others_still_draw_makes_no_scorecard_of_a_part(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    execute_run(plan_run(request(out)), shard="0/2")
    early = plan_score(ScoreRequest(path=out, judge=JUDGE))  # as a job does that draws and then scores its share
    ended = execute_score_share(early, "0/2")
    assert (ended.result, ended.left) == (None, ITEMS // 2)
    execute_run(plan_run(request(out)), shard="1/2")
    assert execute_score_share(plan_score(ScoreRequest(path=out, judge=JUDGE)), "1/2").result is not None
    assert execute_score_share(early, "0/2").result is not None
    assert results(out) == results(alone)


def test_another_number_of_shares_goes_on_where_one_died(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    execute_run(plan_run(request(out)), shard="0/7")
    made = [execute_run(plan_run(request(out)), shard=f"{index}/2").made for index in range(2)]
    assert sum(map(len, made)) == ITEMS - 1
    for index in range(2):
        execute_score_share(plan_score(ScoreRequest(path=out, judge=JUDGE)), f"{index}/2")
    assert results(out) == results(alone)


def test_an_image_that_was_changed_is_made_again_by_whose_share_it_is(tmp_path: Path) -> None:
    out = tmp_path / "run"
    for index in range(2):
        execute_run(plan_run(request(out)), shard=f"{index}/2")
    image = min(RunDir(out).images.iterdir())
    content = image.read_bytes()
    image.write_bytes(content[:-1])
    made = [execute_run(plan_run(request(out)), shard=f"{index}/2").made for index in range(2)]
    assert sum(map(len, made)) == 1
    assert image.read_bytes() == content


def test_starting_over_is_not_for_several(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="every process delete what the others made"):
        execute_run(plan_run(request(tmp_path / "run", fresh=True)), shard="0/2")


def test_a_share_with_other_settings_is_refused(tmp_path: Path) -> None:
    execute_run(plan_run(request(tmp_path / "run")), shard="0/7")
    with pytest.raises(BadInputError, match="made with other settings: seed was 0, now 5"):
        plan_run(request(tmp_path / "run", seed=5))


@given(ids=st.sets(st.text(min_size=1), max_size=60), count=st.integers(1, 9))
def test_shares_are_all_items_once_and_even(ids: set[str], count: int) -> None:
    shares = [deal(sorted(ids), Shard(index, count)) for index in range(count)]
    assert sum(map(len, shares)) == len(ids)
    assert frozenset().union(*shares) == ids
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert shares == [deal(sorted(ids, reverse=True), Shard(index, count)) for index in range(count)]


def test_a_share_depends_on_the_ids_alone() -> None:
    assert sorted(deal([f"item{n}" for n in range(8)], Shard(1, 3))) == ["item0", "item1", "item7"]


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ("", None),
        ("RANK=0 WORLD_SIZE=1", None),
        ("RANK=2 WORLD_SIZE=3", "2/3"),
        ("SLURM_PROCID=1 SLURM_NTASKS=4", "1/4"),
        ("RANK=2 WORLD_SIZE=3 SLURM_PROCID=0 SLURM_NTASKS=1", "2/3"),
        ("SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=5", "2/4"),
        ("SLURM_ARRAY_TASK_ID=8 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=8", "2/3"),
        ("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=3", None),
        ("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=0 RANK=2 WORLD_SIZE=3", "5/6"),
    ],
)
def test_launchers_say_which_share_is_whose(variables: str, wanted: str | None) -> None:
    environment = dict(pair.split("=") for pair in variables.split())
    found = shard_from_environment(environment)
    assert (str(found) if found is not None else None) == wanted


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ("RANK=3 WORLD_SIZE=3", "RANK is 3 and WORLD_SIZE is 3, which can't be"),
        ("RANK=x WORLD_SIZE=3", "The variable RANK is 'x', which is no number"),
        (
            "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7",
            "aren't evenly spaced",
        ),
    ],
)
def test_a_launcher_that_says_what_cannot_be_is_an_error(variables: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        shard_from_environment(dict(pair.split("=") for pair in variables.split()))


@pytest.mark.parametrize("text", ["3/3", "1", "a/b", "-1/2", "0/0", "1/2/3", ""])
def test_what_is_no_share_is_told_with_what_is(text: str) -> None:
    with pytest.raises(BadInputError, match=r"shard is '.*'; it must be I/N, counted from 0"):
        parse_shard(text)


def test_the_number_on_this_machine_is_the_launcher_s() -> None:
    assert local_index({"LOCAL_RANK": "3"}) == 3
    assert local_index({"SLURM_LOCALID": "1"}) == 1
    assert local_index({}) is None


def test_one_gpu_of_several_is_taken_by_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from dpg_bench.device import spread_device

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert [spread_device("auto", index) for index in (0, 3, 5, None)] == ["cuda:0", "cuda:3", "cuda:1", "auto"]
    assert spread_device("cpu", 2) == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # of each process its own
    assert spread_device("auto", 3) == "auto"
