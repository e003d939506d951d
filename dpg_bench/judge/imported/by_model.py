"""Answers about the images of several models in one file, parted by the model that its rows name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.answer_lines import AnswerLine
from dpg_bench.files.reading import LARGE, CsvRow, CsvTable, decoded, parse_json, read_content
from dpg_bench.judge.imported.answers import (
    AnswersFormat,
    answers_format,
    json_answers,
    read_answers,
)
from dpg_bench.judge.imported.collector import AnswerCollector
from dpg_bench.judge.imported.tables import answers_csv, is_free_form, table_lines
from dpg_bench.records import AnswerTable, Prompt, PYesTable, Question, Suite

_MODEL_COLUMNS = ("t2i_model", "model")
_MOST_MODELS = 1000
_Placed: TypeAlias = tuple[str, AnswerLine]


@dataclass(frozen=True, slots=True)
class AnswersFile:
    """The lines of an answers file with their places, by model; the model is empty where the file names none.

    `free_text` says that the answers are what a judge said word for word; `sha256` is the file's.
    """

    path: Path
    format: AnswersFormat
    lines: Mapping[str, Sequence[_Placed]]
    free_text: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """What was answered about one model's images.

    `unanswered` are the questions, as item, image and proposition id, to which the file has a line that is empty or
    says neither yes nor no; they are not in `table`.
    """

    table: AnswerTable
    unanswered: frozenset[tuple[str, int, int]]
    p_yes: PYesTable
    image_digests: Mapping[tuple[str, int], str]
    judge_fingerprint: str | None


def parse_answers_file(path: Path) -> AnswersFile:
    """Read a file of answers in any format of `read_answers`; a detail file's are read when the suite is known.

    Raises BadInputError, with file and line, if it can't be read or has none of the formats.
    """
    content = read_content(path, pipe=True, most=LARGE)
    text = decoded(content, str(path))
    form = answers_format(path, text)
    free_text = False
    lines: dict[str, list[_Placed]] = {}
    if form == "csv":
        table = answers_csv(path, text)
        free_text = is_free_form(table)
        for model, part in _parted(table).items():
            lines[model] = list(table_lines(path, part, {}))
    elif form == "jsonl":
        for column, model in _named_models(path, text):
            lines[model] = list(json_answers(path, text, {column: model} if column else {}))
    return AnswersFile(path, form, lines, free_text, hashlib.sha256(content).hexdigest())


def asked_suite(files: Iterable[AnswersFile]) -> Suite:
    """The questions that answers were given to, as far as the files tell: without categories and without a graph.

    Raises BadInputError for a question of which two files have other words, and for a detail file, which numbers none.
    """
    asked: dict[str, dict[int, tuple[str, str]]] = {}
    names = []
    for file in files:
        names.append(str(file.path))
        if file.format == "detail":
            raise BadInputError(
                f"{file.path} is the official script's detail file, which can't be read without its suite. Name it "
                f"with {option('suite')}."
            )
        for lines in file.lines.values():
            for place, line in lines:
                text = (line.question or "").strip()
                known = asked.setdefault(line.item_id, {})
                before = known.get(line.proposition_id, ("", ""))
                if before[0] and text and before[0] != text:
                    raise BadInputError(
                        f"{place}: question {line.proposition_id} of item '{line.item_id}' is {text!r}, but was "
                        f"{before[0]!r} at {before[1]}. Only answers to the same questions can be held against each "
                        "other."
                    )
                known[line.proposition_id] = before if before[0] else (text, place)
    prompts = tuple(
        Prompt(item_id, "", tuple(Question(n, (), "", "", text) for n, (text, _) in sorted(questions.items())))
        for item_id, questions in asked.items()
    )
    return Suite("the questions answered", ", ".join(names), prompts)


def answers_by_model(file: AnswersFile, suite: Suite) -> Mapping[str, ModelAnswers]:
    """The answers of `file` to the questions of `suite`, by model.

    Raises what `read_answers` raises.
    """
    if file.format == "detail":
        detail = read_answers(file.path, suite)
        return {"": ModelAnswers(detail.table, frozenset(), {}, {}, None)}
    found = {}
    for model, lines in file.lines.items():
        collected = AnswerCollector(suite)
        collected.free_text = file.free_text
        for place, line in lines:
            collected.add(place, line)
        found[model] = ModelAnswers(
            collected.table,
            frozenset(collected.unanswered),
            collected.p_yes,
            collected.image_digests,
            collected.fingerprint,
        )
    return found


def _parted(table: CsvTable) -> Mapping[str, CsvTable]:
    """The rows of each model as a table of their own, in the order in which the models come."""
    column = next((name for name in table.header if name.lower() in _MODEL_COLUMNS), None)
    if column is None:
        return {"": table}
    rows: dict[str, list[CsvRow]] = {}
    for row in table.rows:
        rows.setdefault(row.cells[column].strip(), []).append(row)
    return {model: replace(table, rows=iter(own)) for model, own in rows.items()}


def _named_models(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """The models that lines of JSON name, each with the key that names it; an empty pair where there is no such key."""
    named = {
        key: dict.fromkeys(re.findall(rf'"{key}"\s*:\s*("(?:[^"\\]|\\.)*")', text))
        for key in _MODEL_COLUMNS
        if f'"{key}"' in text
    }
    if not any(named.values()):
        yield "", ""
    for key, values in named.items():
        _check_number(path, len(values))
        yield from ((key, str(parse_json(value, f"{path}, {key}"))) for value in values)


def _check_number(path: Path, models: int) -> None:
    if models > _MOST_MODELS:  # each is read on its own
        raise BadInputError(f"{path} names {models} models, more than the {_MOST_MODELS} that are read of one file.")
