"""`dpgbench prompts`: the prompts as a file that other models can work from, and `run` too."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from dpg_bench.suite.registry import load_suite
from tests.cli.conftest import Dpgbench


def test_both_files_hold_ids_file_names_and_prompts_as_they_stand(dpgbench: Dpgbench) -> None:
    result = dpgbench("prompts", "--suite", "sample", "--csv", "p.csv", "--jsonl", "p.jsonl")
    assert result.exit_code == 0, result.output
    with Path("p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [json.loads(line) for line in Path("p.jsonl").read_text().splitlines()]
    assert [(row["item_id"], row["prompt"]) for row in rows] == [
        (prompt.item_id, prompt.text) for prompt in load_suite("sample")
    ]
    for name in ("p.csv", "p.jsonl"):
        assert [(p.item_id, p.text) for p in load_suite(name)] == [(row["item_id"], row["prompt"]) for row in rows]


def test_file_names_are_those_that_score_looks_for(dpgbench: Dpgbench) -> None:
    Path("mine.json").write_text(json.dumps({"a/b.c": "A cat.\nOn two lines."}))
    result = dpgbench("prompts", "--suite", "mine.json")
    assert list(csv.reader(result.stdout.splitlines(keepends=True)))[1] == [
        "a/b.c",
        "a%2Fb%2Ec",
        "A cat.\nOn two lines.",
    ]


def test_a_part_is_chosen_and_no_other_file_is_replaced(dpgbench: Dpgbench) -> None:
    item = load_suite("sample").prompts[3].item_id
    assert dpgbench("prompts", "--suite", "sample", "--items", item, "--jsonl", "p.jsonl").exit_code == 0
    assert json.loads(Path("p.jsonl").read_text())["item_id"] == item
    refused = dpgbench("prompts", "--suite", "sample", "--limit", "2", "--jsonl", "p.jsonl")
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert dpgbench("prompts", "--suite", "sample", "--limit", "2", "--jsonl", "p.jsonl", "--force").exit_code == 0
    assert dpgbench("prompts", "--limit", "0").exit_code == 2
