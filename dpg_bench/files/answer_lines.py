"""`answers.jsonl`: one line per answer. Its form, its reader and its writer, for whoever has answers to keep."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import read_lines, write_atomic
from dpg_bench.files.reading import validated
from dpg_bench.records import AnswerTable

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # made once: a full run has 57,544 answers


class AnswerLine(BaseModel):
    """One line: what was asked about which image of an item, counted from 0, and what the judge said.

    `p_yes` is the judge's probability of yes against no, 0 to 1. Files from elsewhere, and of earlier versions, may
    hold nothing but item, image, question number and answer; other keys are not looked at. `crc32` is a checksum of
    the other values (see `record`), so that a flipped bit is no other answer.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    item_id: str
    image: Annotated[int, Field(ge=0)]
    proposition_id: int
    question: str | None = None
    answer: str
    p_yes: Annotated[float, Field(ge=0, le=1)] | None = None
    image_sha256: str | None = None
    judge_fingerprint: str | None = None
    crc32: str | None = None

    def record(self) -> dict[str, Any]:
        """The line as it is written: what is known, and the CRC-32 (hex) of all values in the order of the fields."""
        values = self._values()
        known = {key: value for key, value in zip(_FIELDS, values, strict=True) if value is not None}
        return {**known, "crc32": _crc32(values)}

    def intact(self) -> bool:
        """Whether the line says what was written; taken on trust where it has no checksum."""
        return self.crc32 is None or self.crc32 == _crc32(self._values())

    def _values(self) -> tuple[Any, ...]:
        known = (self.item_id, self.image, self.proposition_id, self.question, self.answer)
        return (*known, self.p_yes, self.image_sha256, self.judge_fingerprint)


_FIELDS = tuple(name for name in AnswerLine.model_fields if name != "crc32")


def _crc32(values: tuple[Any, ...]) -> str:
    return f"{zlib.crc32(_encode(values).encode()):08x}"


def read_answer_lines(path: Path) -> Iterator[tuple[int, AnswerLine]]:
    """The lines of our own `answers.jsonl` with their numbers; none if the file doesn't exist.

    A last line without its newline was torn by a crash and is left out. Raises BadInputError, naming file and line,
    for one that is damaged.
    """
    for number, line in read_lines(path):
        yield number, parse_answer_line(line, f"{path}, line {number}")


def answer_table(lines: Iterable[AnswerLine]) -> AnswerTable:
    """The answers of lines; where a question is answered more than once, the last one counts."""
    table: dict[str, dict[int, dict[int, str]]] = {}
    for line in lines:
        table.setdefault(line.item_id, {}).setdefault(line.image, {})[line.proposition_id] = line.answer
    return table


def parse_answer_line(line: bytes | str, place: str) -> AnswerLine:
    """One line of JSON → record; `place` is for the message.

    Raises BadInputError if it is damaged, which a checksum that doesn't fit shows too.
    """
    remedy = "Delete that line to have it made again."
    parsed = validated(AnswerLine, line, place, remedy=remedy)
    if not parsed.intact():
        raise BadInputError(
            f"{place} is damaged: its checksum (crc32) is {parsed.crc32}, which doesn't fit the answer "
            f"{parsed.answer[:40]!r} and what stands beside it. {remedy}"
        )
    return parsed


def write_answer_lines(path: Path, lines: Iterable[AnswerLine]) -> None:
    """Replace the whole file. Raises OSError if it can't be written; then it is as it was."""
    write_atomic(path, "".join(f"{_encode(line.record())}\n" for line in lines).encode())
