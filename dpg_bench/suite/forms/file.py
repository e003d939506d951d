"""A file of a user's own: questions as CSV or JSON, question graphs as OneIG-Bench has them, or prompts alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded, read_content
from dpg_bench.hub.pinned_files import Progress
from dpg_bench.records import Suite
from dpg_bench.suite.base import SuiteSpec
from dpg_bench.suite.columns import QUESTIONS, Record, check_columns, holds_questions, named_columns, question_rows
from dpg_bench.suite.dpg_bench import pinned_manifest
from dpg_bench.suite.forms.csv import csv_rows, read_table
from dpg_bench.suite.forms.graphs import graph_rows, is_question_graph
from dpg_bench.suite.forms.json import json_records
from dpg_bench.suite.forms.prompt_list import listed_prompts, prompt_lines
from dpg_bench.suite.mending import mended_prompts
from dpg_bench.suite.rows import official_prompts

_TABLES = (".csv", ".tsv")
_JSON = (".json", ".jsonl", ".ndjson")
_TEXT = (".txt", "")
_ELSEWHERE = {".parquet": "Name it as hf:FILE", ".xlsx": "Save it as CSV", ".ods": "Save it as CSV"}


def load_file(name: str, *, strict: bool = False, progress: Progress | None = None) -> Suite:
    """The suite in the file at `name`, whatever its form; the benchmark's own CSV is known by its content.

    Raises BadInputError for content that is none of the forms, and for all that `mended_prompts` refuses.
    """
    del progress  # nothing is downloaded
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix in _ELSEWHERE:
        raise BadInputError(f"The suite file {path} is no text. {_ELSEWHERE[suffix]}.")
    content = read_content(path)
    manifest = pinned_manifest()
    if manifest.is_questions(content):
        return Suite(name, name, official_prompts(csv_rows(content, name, strict=False)))
    return records_suite(name, name, _records(content, name, suffix), strict=strict)


def records_suite(name: str, source: str, records: Sequence[Record] | Iterator[Record], *, strict: bool) -> Suite:
    """The suite that records make: of questions where they hold any, else of prompts alone."""
    rest = iter(records)
    first = next(rest, None)
    if first is None:
        raise BadInputError(f"{name} has a header but no questions or prompts below it.")
    records = chain([first], rest)
    if is_question_graph(first.values):
        found = mended_prompts(graph_rows(records, source), name, strict=strict)
        return Suite(name, source, found.prompts, mends=found.mends)
    if holds_questions(first.values) or QUESTIONS in named_columns(first.values):
        if QUESTIONS not in named_columns(first.values):
            check_columns(first.values, first.place)
        found = mended_prompts(question_rows(records), name, strict=strict)
        return Suite(name, source, found.prompts, mends=found.mends)
    return Suite(name, source, listed_prompts(records, name))


def _records(content: bytes, name: str, suffix: str) -> Sequence[Record] | Iterator[Record]:
    text = decoded(content, name)
    if not text.strip():
        raise BadInputError(f"{name} is empty. A suite has one question a row, or one prompt a line.")
    if suffix in _JSON or (suffix not in _TABLES and text.lstrip()[0] in "{["):
        return json_records(content, name)
    header = named_columns(_first_line(text))
    if suffix in _TEXT and not ({"item_id", "text"} <= header.keys()):
        return prompt_lines(content, name)
    if suffix not in (*_TEXT, *_TABLES) and not header:
        raise BadInputError(
            f"{name} is none of the files that a suite may be: CSV, TSV, JSON, JSON lines, or one prompt a line in a "
            ".txt file."
        )
    table = read_table(content, name)
    named = named_columns(table.header)
    if holds_questions(table.header):
        check_columns(table.header, f"{name}, row 1")
    elif "text" not in named and suffix == ".tsv" and text.count("\t") == len(text.strip().splitlines()):
        return prompt_lines(content, name)
    elif "text" not in named:
        check_columns(table.header, f"{name}, row 1")
    return table.records


def _first_line(text: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.strip())
    return next((line.split(one) for one in "\t;," if one in line), [line])


FILE_SPEC: SuiteSpec = SuiteSpec(
    name="FILE",
    summary="questions as CSV with DPG-Bench's columns (DSG-1k and TIFA-style files too) or as JSON, OneIG-Bench's "
    "Q_D/*.json; for `run` alone prompts as CSV, TSV, JSON, JSON lines, {id: prompt}, or one a line",
    source="yours",
    matches=lambda name: os.path.exists(name) and not os.path.isdir(name),  # noqa: PTH110, PTH112 - a name too long
    load=load_file,
)
