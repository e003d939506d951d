"""Bad input: one clear message, the right exit code, no traceback, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpg_bench.judge.registry import find_judge
from tests.cli.conftest import Dpgbench

TINY = ("run", "--model", "tiny-sd15", "--suite", "sample")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("run", "--model", "ela-sd15"), ["Unknown model 'ela-sd15'", "Did you mean 'ella-sd15'?"]),
        (("run", "--model", "tiny-sd15", "--suite", "sampel"), ["Unknown suite 'sampel'", "Did you mean 'sample'?"]),
        (("run", "--model", "tiny-sd15", "--suite", "none.csv"), ["'none.csv' is neither a file nor a folder"]),
        ((*TINY, "-M", "lenght=fixed"), ["Unknown option of tiny-sd15 'lenght'", "Known: "]),
        ((*TINY, "-M", "scheduler"), ["'scheduler'", "key=value"]),
        ((*TINY, "-M", "scheduler=NoSuchScheduler"), ["NoSuchScheduler"]),
        ((*TINY, "--seeds", "1,2,3"), ["--seeds lists 3 seeds", "4 images per prompt"]),
        ((*TINY, "--seeds", "1,x"), ["--seeds is '1,x'"]),
        ((*TINY, "--seed", "-1"), ["a seed is -1", "from 0 to 2^63 - 1"]),
        ((*TINY, "--size", "100"), ["size is 100", "multiple of 8 pixels, such as 96 or 104"]),
        ((*TINY, "--steps", "0"), ["steps is 0", "at least 1"]),
        ((*TINY, "--guidance", "nan"), ["guidance is nan"]),
        ((*TINY, "--batch-size", "0"), ["batch size is 0"]),
        ((*TINY, "--images-per-prompt", "0"), ["images per prompt is 0"]),
        ((*TINY, "--limit", "0"), ["limit is 0"]),
        (
            (*TINY, "--items", "sample01-lighthouse,lighthouse"),
            ["Unknown item of suite 'sample': 'lighthouse'", "24 items"],
        ),
        ((*TINY, "--items", ","), ["name at least one item id"]),
        ((*TINY, "--items", "a", "--limit", "1"), ["exclude each other"]),
        ((*TINY, "--device", "cuda"), ["The device 'cuda'", "Use --device auto or cpu"]),
        ((*TINY, "--device", "toaster"), ["'toaster' names no device"]),
        ((*TINY, "--dtype", "float8"), ["Unknown dtype 'float8'"]),
        ((*TINY, "--stpes", "3"), ["--stpes", "--steps"]),
        (("run", "--model", "ella-sd15", "-M", "length=long", "--suite", "sample"), ["length", "'long'", "flexible"]),
        (("score",), ["There is no run under runs/"]),
        (("score", "nowhere"), ["There is no folder nowhere"]),
        (("fetch", "dpg-bnech"), ["Unknown suite, model or judge 'dpg-bnech'", "Did you mean 'dpg-bench'?"]),
    ],
)
def test_wrong_use_is_answered_with_what_and_what_to_do(
    dpgbench: Dpgbench, tmp_path: Path, args: tuple[str, ...], words: list[str]
) -> None:
    result = dpgbench(*args)
    assert result.exit_code == 2, result.output
    for word in words:
        assert word in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_two_items_that_would_share_a_file_are_not_run(dpgbench: Dpgbench) -> None:
    rows = ["item_id,text,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language"]
    rows += [f"{item_id},A fox.,1,0,entity,whole,entity - whole (fox),Is there a fox?" for item_id in ("Fox", "fox")]
    Path("own.csv").write_text("\n".join(rows) + "\n")
    result = dpgbench("run", "--model", "tiny-sd15", "--suite", "own.csv", "--out", "made")
    assert result.exit_code == 2
    assert "'Fox' and 'fox' differ in nothing but case" in result.stderr
    assert not Path("made").exists()
    alone = dpgbench(
        "run", "--model", "tiny-sd15", "--suite", "own.csv", "--items", "fox", "--steps", "1", "--out", "made"
    )
    assert alone.exit_code == 0, alone.output


@pytest.fixture
def made(dpgbench: Dpgbench) -> Path:
    assert dpgbench(*TINY, "--limit", "1", "--steps", "1", "--out", "made").exit_code == 0
    return Path("made")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--judge", "mplugg"), ["Unknown judge 'mplugg'", "Did you mean 'mplug'?"]),
        (("--judge", "tiny-mplug", "-J", "path=x"), ["Unknown option of tiny-mplug 'path'"]),
        (("--judge", "mplug", "-J", "path=nowhere"), ["nowhere"]),
        (("--judge", "tiny-mplug", "--images-per-prompt", "2"), ["--images-per-prompt is 2", "was made with 4"]),
        (("--judge", "tiny-mplug", "--resolution", "0"), ["resolution is 0"]),
        (("--judge", "tiny-mplug", "--out", "made/images/x"), ["lies in the image folder"]),
        (("--judge", "tiny-mplug", "--device", "cuda"), ["The device 'cuda'"]),
        (("--answers", "nofile.jsonl"), ["nofile.jsonl can't be read"]),
    ],
)
def test_score_refuses_what_cannot_work(
    dpgbench: Dpgbench, made: Path, args: tuple[str, ...], words: list[str]
) -> None:
    result = dpgbench("score", made, *args)
    assert result.exit_code == 2, result.output
    for word in words:
        assert word in result.stderr
    assert not (made / "judgements").exists()


def test_a_suite_that_changed_under_a_run_is_refused(dpgbench: Dpgbench, made: Path) -> None:
    record = json.loads((made / "run.json").read_text())
    record["suite"]["digest"] = "0" * 64
    (made / "run.json").write_text(json.dumps(record))
    result = dpgbench("score", made, "--judge", "tiny-mplug")
    assert result.exit_code == 2
    assert "was made for the suite 'sample' with the digest 000000000000" in result.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 99}, "was written by a newer dpg-bench"),
        ({"settings": None}, "is damaged at 'settings'"),
    ],
)
def test_a_record_that_cannot_be_understood_is_refused(
    dpgbench: Dpgbench, made: Path, change: dict[str, object], words: str
) -> None:
    record = json.loads((made / "run.json").read_text())
    (made / "run.json").write_text(json.dumps({**record, **change}))
    before = (made / "run.json").read_bytes()
    for command in (("run", "--model", "tiny-sd15", "--suite", "sample", "--out", made), ("score", made)):
        result = dpgbench(*command)
        assert result.exit_code == 2
        assert words in result.stderr
    assert (made / "run.json").read_bytes() == before


def test_images_without_a_record_and_a_log_are_not_taken_for_a_run(dpgbench: Dpgbench, made: Path) -> None:
    (made / "run.json").unlink()
    (made / "generation.jsonl").unlink()
    result = dpgbench(*TINY, "--limit", "1", "--steps", "1", "--out", made)
    assert result.exit_code == 2
    assert "nobody knows how they were made" in result.stderr


def test_a_lost_record_is_written_again_by_the_command_that_began_the_run_alone(dpgbench: Dpgbench, made: Path) -> None:
    before = {file: file.read_bytes() for file in (made / "images").iterdir()}
    (made / "run.json").unlink()
    unknown = dpgbench("score", made, "--judge", "tiny-mplug")
    assert unknown.exit_code == 2
    assert "run.json is not there, so nobody knows what the run in" in unknown.stderr
    other = dpgbench(*TINY, "--limit", "1", "--steps", "7", "--out", made)
    assert other.exit_code == 2
    assert "has images made with other settings" in other.stderr
    assert dpgbench(*TINY, "--limit", "1", "--steps", "1", "--out", made).exit_code == 0
    assert {file: file.read_bytes() for file in (made / "images").iterdir()} == before


def test_a_prompt_folder_runs_but_has_nothing_to_score(dpgbench: Dpgbench, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "cat.txt").write_text("a cat")
    assert dpgbench("run", "--model", "tiny-sd15", "--suite", prompts, "--steps", "1", "--out", "out").exit_code == 0
    result = dpgbench("score", "out", "--judge", "tiny-mplug")
    assert result.exit_code == 2
    assert "no questions" in result.stderr


def test_item_ids_that_no_file_system_likes_get_safe_names_and_are_scored(dpgbench: Dpgbench, tmp_path: Path) -> None:
    ids = ["a/b", "con", "v1.5", "café", "..", "x y"]
    columns = (
        "item_id,text,keywords,proposition_id,dependency,"
        "category_broad,category_detailed,tuple,question_natural_language"
    )
    rows = [f"{item},a cat,,{n},0,entity,whole,entity - whole (cat),Is there a cat?" for item in ids for n in (1, 2)]
    (tmp_path / "odd.csv").write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    made = dpgbench(
        *(
            "run",
            "--model",
            "tiny-sd15",
            "--suite",
            "odd.csv",
            "--steps",
            "1",
            "--out",
            "odd",
            "--images-per-prompt",
            "1",
        )
    )
    assert made.exit_code == 0, made.output
    assert sorted(file.name for file in Path("odd/images").iterdir()) == [
        "%2E%2E.png",
        "%63on.png",
        "a%2Fb.png",
        "caf%C3%A9.png",
        "v1%2E5.png",
        "x%20y.png",
    ]
    scored = dpgbench("score", "odd", "--judge", "tiny-mplug", "--json")
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.stdout)["protocols"]["corrected"]["prompts_scored"] == 6


def test_one_broken_image_is_left_out_and_tried_again(dpgbench: Dpgbench) -> None:
    assert dpgbench(*TINY, "--limit", "2", "--steps", "1", "--out", "made").exit_code == 0
    broken = min(Path("made/images").iterdir())
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    scored = dpgbench("score", "made", "--judge", "tiny-mplug")
    assert scored.exit_code == 3
    assert broken.stem in scored.stdout
    assert "damaged" in scored.stdout
    broken.write_bytes(whole)
    assert dpgbench("score", "made", "--judge", "tiny-mplug").exit_code == 0


def test_the_judge_that_is_not_here_says_how_to_get_it(dpgbench: Dpgbench, made: Path) -> None:
    result = dpgbench("score", made, "--judge", "mplug", env={"HF_HUB_OFFLINE": "1"})
    assert result.exit_code == 1
    assert find_judge("mplug").name in result.stderr
    assert "path=" in result.stderr
    assert not (made / "judgements" / "mplug" / "scorecard.json").exists()
