"""Every option reads its environment variable, flags too, and one variable means one thing in all commands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperOption
from typer.main import get_command

from dpg_bench.cli.app import app
from tests.cli.conftest import SUITE_HEADER, Dpgbench

SUITE = f"""{SUITE_HEADER}
fox,A red fox.,,1,0,entity,whole,entity - whole (fox),Is there a fox?
fox,A red fox.,,2,1,attribute,color,attribute - color (red),Is the fox red?
boat,A boat.,,1,0,entity,whole,entity - whole (boat),Is there a boat?
"""
ANSWERS = "item_id,image,proposition_id,answer\nfox,0,1,yes\nfox,0,2,yes\n"


def options() -> Iterator[tuple[str, TyperOption]]:
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        for option in command.params:
            if isinstance(option, TyperOption):
                yield name, option


def test_every_option_reads_a_variable_of_its_name() -> None:
    names = {(command, max(option.opts, key=len)): option.envvar for command, option in options()}
    assert len(names) > 60
    for (command, flag), variable in names.items():
        stem = flag.removeprefix("--").upper().replace("-", "_")
        assert variable in (f"DPGBENCH_{stem}", f"DPGBENCH_{command.upper()}_{stem}")
    assert names["check", "--categories"] == "DPGBENCH_CATEGORIES"


def test_one_variable_means_one_thing() -> None:
    meanings: defaultdict[str, set[Any]] = defaultdict(set)
    helps: defaultdict[str, set[str | None]] = defaultdict(set)
    files: defaultdict[str, set[str]] = defaultdict(set)
    for command, option in options():
        assert isinstance(option.envvar, str)
        helps[option.envvar].add(option.help)
        meanings[option.envvar].add((tuple(option.opts), option.is_flag, option.multiple))
        if option.opts[0] in ("--out", "--csv", "--jsonl", "-o"):
            files[option.envvar].add(command)
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}
    # Described otherwise where the command does something else with the same thing; read before adding to these.
    assert {name.removeprefix("DPGBENCH_") for name, found in helps.items() if len(found) > 1} <= {
        *("SUITE", "OUT", "MODEL_OPTION", "JUDGE_OPTION", "IMAGES_PER_PROMPT", "BATCH_SIZE", "DTYPE", "FRESH", "FORCE"),
        *("JUDGE", "PUBLISHED", "SEED"),
    }
    assert files.pop("DPGBENCH_OUT") == {"run", "score"}  # both the run folder
    assert {name: found for name, found in files.items() if len(found) > 1} == {}


@pytest.fixture
def scored(dpgbench: Dpgbench) -> Dpgbench:
    Path("suite.csv").write_text(SUITE)
    Path("part.csv").write_text(ANSWERS)
    return dpgbench


SCORE = ("score", "--answers", "part.csv", "--suite", "suite.csv", "--out", "o", "--images-per-prompt", "1")


def test_flags_read_their_variables(scored: Dpgbench) -> None:
    without = scored(*SCORE)
    assert "No corrected overall score" in without.stdout
    allowed = scored(*SCORE, env={"DPGBENCH_ALLOW_MISSING": "1"})
    assert allowed.exit_code == 3
    assert "overall            100.00" in allowed.stdout
    assert scored(*SCORE, env={"DPGBENCH_JSON": "1"}).stdout.startswith("{\n")
    categories = scored("check", "o", "--baseline", "o", env={"DPGBENCH_CATEGORIES": "yes"})
    assert "entity" in categories.stdout
    off = scored("check", "o", "--baseline", "o", env={"DPGBENCH_CATEGORIES": "0"})
    assert "entity" not in off.stdout


def test_a_dry_run_by_variable_draws_nothing(dpgbench: Dpgbench, tmp_path: Path) -> None:
    plan = dpgbench("run", "--model", "tiny-sd15", "--suite", "sample", env={"DPGBENCH_DRY_RUN": "1"})
    assert plan.exit_code == 0, plan.output
    assert "Nothing was written" in plan.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_variable_that_is_neither_yes_nor_no_is_refused(scored: Dpgbench) -> None:
    result = scored(*SCORE, env={"DPGBENCH_JSON": "perhaps"})
    assert result.exit_code == 2
    assert "DPGBENCH_JSON" in result.stderr


def test_the_run_folder_of_a_job_is_not_where_results_go(scored: Dpgbench, tmp_path: Path) -> None:
    job = {"DPGBENCH_OUT": "job", "DPGBENCH_CSV": "scores.csv", "DPGBENCH_ALLOW_MISSING": "1"}
    assert scored(*SCORE[:5], "--images-per-prompt", "1", env=job).exit_code == 3
    assert (tmp_path / "job" / "judgements").is_dir()
    table = (tmp_path / "scores.csv").read_bytes()
    there = sorted(path.name for path in (tmp_path / "job").iterdir())
    assert scored("compare", "job", "job", env=job).exit_code == 0
    assert scored("leaderboard", "job", env=job).exit_code == 2  # an incomplete run has no rank
    assert (tmp_path / "scores.csv").read_bytes() == table
    assert sorted(path.name for path in (tmp_path / "job").iterdir()) == there


def test_help_names_the_variables_that_have_a_name_of_their_own(dpgbench: Dpgbench) -> None:
    assert "DPGBENCH_REPORT_OUT" in dpgbench("report", "--help").stdout
    shown = dpgbench("check", "--help").stdout
    assert "bool" not in shown
    assert "--categories" in shown


def test_a_cache_that_can_not_be_written_to_is_named_with_its_variable(
    dpgbench: Dpgbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    run = ("run", "--model", "tiny-sd15", "--suite", "sample", "--limit", "1", "--steps", "1")
    monkeypatch.setenv("DPGBENCH_CACHE", str(tmp_path / "file" / "cache"))
    refused = dpgbench(*run, "--out", "out")
    assert refused.exit_code == 1
    assert f"{tmp_path / 'file' / 'cache'}" in refused.stderr
    assert "set DPGBENCH_CACHE" in refused.stderr
    monkeypatch.delenv("DPGBENCH_CACHE")
    elsewhere = dpgbench(*run, "--out", str(tmp_path / "file" / "out"))
    assert elsewhere.exit_code != 0
    assert "DPGBENCH_CACHE" not in elsewhere.stderr
