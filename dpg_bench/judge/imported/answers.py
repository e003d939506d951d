"""Answers from elsewhere, for `--answers FILE`: our own `answers.jsonl`, a CSV, or the official script's detail file.

A file that leaves answers out is read all the same: scoring finds what is missing, and such items are unscored.
A file that says two things about one question, or speaks of what the suite doesn't have, is refused.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dpg_bench.errors import BadInputError
from dpg_bench.judge.imported.official_detail import is_detail_line, read_detail, unknown_item
from dpg_bench.records import AnswerTable, Suite

AnswersFormat = Literal["jsonl", "csv", "detail"]
_COLUMNS = ("item_id", "image", "proposition_id", "answer")


@dataclass(frozen=True, slots=True)
class ImportedAnswers:
    """What an answers file holds.

    `images_per_prompt` is the highest image number met, plus one, unless the caller gave it. `never_asked` maps
    items to why the program behind the file can't have asked all their questions. `judge_fingerprint` is None
    where the file doesn't say who answered. `sha256` is the file's.
    """

    table: AnswerTable
    format: AnswersFormat
    images_per_prompt: int
    never_asked: dict[str, str]
    judge_fingerprint: str | None
    sha256: str


class _AnswerLine(BaseModel):
    """One answer as `answers.jsonl` has it; other keys are not looked at."""

    model_config = ConfigDict(strict=True)

    item_id: str
    image: Annotated[int, Field(ge=0)]
    proposition_id: int
    answer: str
    question: str | None = None
    image_sha256: str | None = None
    judge_fingerprint: str | None = None


def read_answers(path: Path, suite: Suite, *, images_per_prompt: int | None = None) -> ImportedAnswers:
    """Read an answers file in any of the three formats, told apart by content.

    In `answers.jsonl`, the answers about a newer image (another `image_sha256`) replace those about the older one,
    as they stand after a resumed run; a last line that was torn by a crash is left out.

    Raises BadInputError, with file and line, if the file can't be read or has none of the formats, and for items
    or questions that the suite doesn't have, two different answers to one question about one image, answers of
    more than one judge, or an image number of `images_per_prompt` or more.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise BadInputError(f"The answers file {path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BadInputError(f"The answers file {path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    form = _format(path, text)
    never_asked: dict[str, str] = {}
    fingerprint = None
    if form == "detail":
        detail = read_detail(path, text, suite)
        table, never_asked = detail.table, detail.never_asked
    else:
        collected = _Collector(path, suite)
        for number, line in _json_lines(path, text) if form == "jsonl" else _csv_lines(path, text):
            collected.add(number, line)
        table, fingerprint = collected.table, collected.fingerprint
    images = 1 + max((image for images in table.values() for image in images), default=0)
    if images_per_prompt is not None and images > images_per_prompt:
        item_id = next(item_id for item_id, given in table.items() if images - 1 in given)
        raise BadInputError(
            f"{path} has answers about image {images - 1} of item '{item_id}', counted from 0, but "
            f"--images-per-prompt says {images_per_prompt}. Give --images-per-prompt {images}, or leave it out."
        )
    if not any(0 in given for given in table.values()):
        raise BadInputError(
            f"{path} has no answer about any item's image 0. Images are counted from 0, in the order of the grid."
        )
    return ImportedAnswers(
        table=table,
        format=form,
        images_per_prompt=images_per_prompt or images,
        never_asked=never_asked,
        judge_fingerprint=fingerprint,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _format(path: Path, text: str) -> AnswersFormat:
    first = next((line for line in text.splitlines() if line.strip()), None)
    if first is None:
        raise BadInputError(f"The answers file {path} is empty.")
    if first.lstrip().startswith("{"):
        return "jsonl"
    if is_detail_line(first):
        return "detail"
    if "item_id" in first:
        return "csv"
    raise BadInputError(
        f"{path} is no answers file: its first line is {first[:100]!r}. Known are answers.jsonl, a CSV with the "
        f"columns {','.join(_COLUMNS)}, and the official script's *_detail.txt."
    )


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, _AnswerLine]]:
    # Not splitlines(): answers and ids may hold characters that it takes for the end of a line.
    *lines, last = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, _validated(path, number, line)
    if last.strip():
        try:
            yield len(lines) + 1, _AnswerLine.model_validate_json(last)
        except ValidationError:
            return


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, _AnswerLine]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 1
    try:
        header = next(rows)
        absent = [name for name in _COLUMNS if name not in header]
        if absent:
            raise BadInputError(f"{path} lacks the column '{absent[0]}'; needed are {','.join(_COLUMNS)}.")
        places = {name: header.index(name) for name in _COLUMNS}
        for row in rows:
            number = rows.line_num
            if not row:
                continue
            if len(row) != len(header):
                raise BadInputError(f"{path}, line {number}: {len(row)} cells, but the header has {len(header)}.")
            cells = {name: row[place] for name, place in places.items()}
            empty = [name for name, cell in cells.items() if not cell.strip()]
            if empty:
                raise BadInputError(
                    f"{path}, line {number}: the {empty[0]} is empty. Fill it in, or delete the line: an answer "
                    "that isn't there leaves its item unscored."
                )
            yield (
                number,
                _AnswerLine(
                    item_id=cells["item_id"],
                    image=_whole_number(path, number, "image", cells["image"]),
                    proposition_id=_whole_number(path, number, "proposition_id", cells["proposition_id"]),
                    answer=cells["answer"],
                ),
            )
    except csv.Error as error:
        raise BadInputError(f"{path}, line {number} or after is no CSV: {error}.") from None


def _whole_number(path: Path, number: int, column: str, cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) < 10):
        raise BadInputError(f"{path}, line {number}: the {column} is {cell[:40]!r}, not a whole number from 0.")
    return int(cell)


def _validated(path: Path, number: int, line: str) -> _AnswerLine:
    try:
        return _AnswerLine.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = f"'{problem['loc'][0]}': " if problem["loc"] else ""
        raise BadInputError(f"{path}, line {number} is damaged: {where}{problem['msg']}.") from None


class _Collector:
    """Gathers the answers of a file line by line, holding each against the suite and the lines before."""

    def __init__(self, path: Path, suite: Suite) -> None:
        self.table: dict[str, dict[int, dict[int, str]]] = {}
        self.fingerprint: str | None = None
        self._path = path
        self._suite = suite
        self._known = {p.item_id: {q.proposition_id: q.text for q in p.questions} for p in suite.prompts}
        self._digests: dict[tuple[str, int], str] = {}

    def add(self, number: int, line: _AnswerLine) -> None:
        """Take the answer of line `number`."""
        where = f"{self._path}, line {number}"
        known = self._known.get(line.item_id)
        if known is None:
            raise unknown_item(where, line.item_id, self._suite)
        if line.proposition_id not in known:
            raise BadInputError(
                f"{where}: item '{line.item_id}' has no question {line.proposition_id} in the suite "
                f"'{self._suite.name}', which has {', '.join(map(str, sorted(known)))}."
            )
        if line.question is not None and line.question != known[line.proposition_id]:
            raise BadInputError(
                f"{where}: question {line.proposition_id} of item '{line.item_id}' was {line.question!r}, but is "
                f"{known[line.proposition_id]!r} in the suite '{self._suite.name}'. Name the suite that was asked with "
                "--suite."
            )
        self._check_judge(where, line.judge_fingerprint)
        answers = self.table.setdefault(line.item_id, {}).setdefault(line.image, {})
        if line.image_sha256 is not None:
            key = (line.item_id, line.image)
            if self._digests.setdefault(key, line.image_sha256) != line.image_sha256:
                self._digests[key] = line.image_sha256
                answers.clear()
        before = answers.setdefault(line.proposition_id, line.answer)
        if before != line.answer:
            raise BadInputError(
                f"{where}: question {line.proposition_id} about image {line.image} of item '{line.item_id}' is "
                f"answered {line.answer!r}, but {before!r} in an earlier line. Keep the one that holds."
            )

    def _check_judge(self, where: str, fingerprint: str | None) -> None:
        if fingerprint is None:
            return
        if self.fingerprint is None:
            self.fingerprint = fingerprint
        if self.fingerprint != fingerprint:
            raise BadInputError(
                f"{where}: the judge's fingerprint is {fingerprint}, but {self.fingerprint} in the lines before. "
                "Scores of two judges can't be mixed; split the file by judge."
            )
