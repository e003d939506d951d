"""What the columns of question files and prompt lists are called, and one record of such a file under those names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.suite.rows import COLUMNS, Row, check_length

QUESTIONS = "questions"
_NAMES = {
    "item_id": ("item_id", "id", "prompt_id", "key", "name", "index", "file", "filename", "file_name"),
    "text": ("text", "prompt", "prompts", "caption", "captions"),
    "proposition_id": ("proposition_id", "question_id"),
    "dependency": ("dependency", "dependency_id", "dependencies", "parents", "parent"),
    "category_broad": ("category_broad",),
    "category_detailed": ("category_detailed",),
    "tuple": ("tuple",),
    "question_natural_language": ("question_natural_language", "question"),
    QUESTIONS: (QUESTIONS,),
}
_QUESTION = ("proposition_id", "dependency", "question_natural_language")
_CATEGORY = (("tuple",), ("category_broad", "category_detailed"))


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file (a row of a table, an object of JSON), and where it was read."""

    place: str
    values: Mapping[str, Any]

    def named(self) -> dict[str, Any]:
        """The values under the names that DPG-Bench's own file uses; whatever is called otherwise is left out."""
        return {name: self.values[key] for name, key in named_columns(self.values).items()}


def named_columns(header: Iterable[str]) -> Mapping[str, str]:
    """For each known column the name that `header` has for it, whatever its case; of several the first of `_NAMES`."""
    return _named(tuple(header))


@lru_cache(maxsize=64)  # every record of a file has the same names, or nearly
def _named(header: tuple[str, ...]) -> Mapping[str, str]:
    found = {name.strip().lower(): name for name in reversed(header)}
    return {
        column: found[alias]
        for column, aliases in _NAMES.items()
        if (alias := next((one for one in aliases if one in found), None)) is not None
    }


def holds_questions(columns: Iterable[str]) -> bool:
    """Whether a table with these columns is one of questions, rather than a list of prompts."""
    named = named_columns(columns)
    return "question_natural_language" in named or "proposition_id" in named


def check_columns(columns: Iterable[str], place: str) -> None:
    """Raises BadInputError, naming them, if columns of a question table are missing."""
    present = list(columns)
    named = named_columns(present)
    lacking = [name for name in ("item_id", "text", *_QUESTION) if name not in named]
    if not any(all(name in named for name in names) for names in _CATEGORY):
        lacking += [name for name in ("category_broad", "tuple") if name not in named]
    if lacking:
        missing = [name for name in COLUMNS if name in lacking]
        raise BadInputError(
            f"{place}: missing columns: {', '.join(missing)}. Found: {', '.join(present)}. "
            "The columns must be named as in DPG-Bench's own CSV."
        )


def question_rows(records: Iterable[Record]) -> Iterator[Row]:
    """The rows of question records: one each, or as many as the list `questions` of a prompt's record holds.

    Raises BadInputError for a record without its id, its text or one of a question's columns.
    """
    for record in records:
        values = record.named()
        _require(values, ("item_id", "text"), record.place, record.values)
        if QUESTIONS not in values:
            check_columns(record.values, record.place)
            yield Row(record.place, _cells(values, record.place))
            continue
        about = {"item_id": values["item_id"], "text": values["text"]}
        listed = _listed(values[QUESTIONS], record.place)
        for index, question in enumerate(listed):
            place = f"{record.place}, question {index}"
            cells = Record(place, question).named()
            _require(cells, _QUESTION, place, question)
            if not any(all(name in cells for name in names) for names in _CATEGORY):
                _require(cells, _CATEGORY[1], place, question)
            yield Row(place, _cells({**cells, **about}, place))
        if not listed:  # the item is there, and asks nothing
            nothing = {"proposition_id": 1, "dependency": 0, "category_broad": "", "category_detailed": ""}
            yield Row(record.place, _cells({**about, **nothing, "question_natural_language": ""}, record.place))


def cell_text(value: Any) -> str:
    """A cell of JSON or of a table as text: lists with commas, nothing (also as pandas writes it) as empty."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(cell_text(one) for one in value)
    return str(value)


def _cells(values: Mapping[str, Any], place: str) -> dict[str, str]:
    cells = {name: cell_text(value) for name, value in values.items() if name != QUESTIONS}
    for text in cells.values():
        check_length(text, place)
    if not isinstance(values["dependency"], str) and not cells["dependency"]:
        cells["dependency"] = "0"  # an empty list, or null
    if "tuple" not in cells:
        cells.setdefault("category_broad", "")
        cells.setdefault("category_detailed", "")
    return cells


def _require(values: Mapping[str, Any], names: Iterable[str], place: str, given: Mapping[str, Any]) -> None:
    missing = [name for name in names if name not in values]
    if missing:
        raise BadInputError(
            f"{place}: it lacks {', '.join(missing)}; it has {', '.join(map(str, given)) or 'nothing'}."
        )


def _listed(questions: Any, place: str) -> list[Mapping[str, Any]]:
    """Questions as a list of records; `datasets` gives a `Sequence` of records as a record of lists."""
    if isinstance(questions, Mapping):
        columns = list(questions.values())
        if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
            raise BadInputError(f"{place}: its questions are a record of values that are no lists of one length.")
        return [dict(zip(questions, values, strict=True)) for values in zip(*columns, strict=True)]
    if questions is None or (isinstance(questions, list | tuple) and not questions):
        return []
    if not isinstance(questions, list | tuple) or not all(isinstance(one, Mapping) for one in questions):
        raise BadInputError(
            f"{place}: its questions are {questions!r:.60}, not a list of records with {', '.join(_QUESTION)} and a "
            "category."
        )
    return list(questions)
