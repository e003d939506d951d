"""Answers from elsewhere: our own `answers.jsonl`, a CSV or JSON lines, or the official script's detail file.

A file that leaves answers out is read all the same: scoring finds what is missing, and such items are unscored.
A file that says two things about one question, or speaks of what the suite doesn't have, is refused.

Two rules say what counts as yes. Our own judges' answers and the detail file keep the official script's: exactly
`yes`, and everything else is a no. Answers of other programs are read (`dpg_bench.judge.imported.spelling`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.answer_lines import AnswerLine, parse_answer_line
from dpg_bench.files.reading import LARGE, decoded, parse_json, read_content, text_lines, validated
from dpg_bench.judge.imported.collector import OURS, AnswerCollector
from dpg_bench.judge.imported.dsg import whole_number
from dpg_bench.judge.imported.official_detail import is_detail_line, read_detail
from dpg_bench.judge.imported.tables import ANSWER_COLUMNS, answers_csv, is_free_form, table_lines
from dpg_bench.records import AnswerTable, PYesTable, Suite

_OFFICIAL_SUMMARY = re.compile(r"L1 category scores:|DPG-Bench score:")

AnswersFormat = Literal["jsonl", "csv", "detail"]


@dataclass(frozen=True, slots=True)
class ImportedAnswers:
    """What an answers file holds.

    `images_per_prompt` is the highest image number met, plus one, unless the caller gave it. `never_asked` maps
    items to why the program behind the file can't have asked all their questions. `judge_fingerprint` is None
    where the file doesn't say who answered. `as_spelled` says that the official rule holds: exactly `yes` is a yes;
    otherwise the answers were read, and are `yes` and `no` here. `blank` of them were there but empty, and so are
    missing; `unclear` are texts that are neither yes nor no, missing too; `unanswered` are both, as item, image and
    proposition id. `image_digests` are the SHA-256 of image files by item and image, and `p_yes` the judge's P(yes),
    where the file has them; `sha256` is its own.
    """

    table: AnswerTable
    format: AnswersFormat
    images_per_prompt: int
    never_asked: dict[str, str]
    judge_fingerprint: str | None
    as_spelled: bool
    blank: int
    unclear: tuple[str, ...]
    unanswered: frozenset[tuple[str, int, int]]
    image_digests: Mapping[tuple[str, int], str]
    p_yes: PYesTable
    sha256: str


def read_answers(
    path: Path,
    suite: Suite,
    *,
    images_per_prompt: int | None = None,
    where: Mapping[str, str] | None = None,
) -> ImportedAnswers:
    """Read an answers file in any of the three formats, told apart by content.

    A CSV may also have the columns of the answers that DSG releases: `question_id`, free text in `answer`, and a row
    for the one image of each model. `where` takes of a CSV, or of JSON lines, the rows that have these values alone.

    In `answers.jsonl`, the answers about a newer image (another `image_sha256`) replace those about the older one,
    as they stand after a resumed run; a last line that was torn by a crash is left out.

    Raises BadInputError, with file and line, if the file can't be read or has none of the formats, if no row has the
    values of `where`, and for items
    or questions that the suite doesn't have, an answer that says neither yes nor no, two different answers to one
    question about one image, answers of more than one judge, or an image number of `images_per_prompt` or more.
    """
    content = read_content(path, pipe=True, most=LARGE)
    text = decoded(content, str(path))
    form = answers_format(path, text)
    never_asked: dict[str, str] = {}
    collected = AnswerCollector(suite)
    chosen = dict(where or {})
    if form == "detail":
        if chosen:
            raise BadInputError(f"{path} has no columns, so {option('where')} can't choose among its answers.")
        detail = read_detail(path, text, suite)
        table, never_asked = detail.table, detail.never_asked
    else:
        if form == "jsonl":
            lines = json_answers(path, text, chosen)
        else:
            answers = answers_csv(path, text)
            collected.free_text = is_free_form(answers)
            lines = table_lines(path, answers, chosen)
        for place, line in lines:
            collected.add(place, line)
        table = collected.table
        if chosen and not table:
            asked = " and ".join(f"{name}={value}" for name, value in chosen.items())
            raise BadInputError(f"{path} has no answer with {asked}.")
    images = 1 + max((image for images in table.values() for image in images), default=0)
    if images_per_prompt is not None and images > images_per_prompt:
        item_id = next(item_id for item_id, given in table.items() if images - 1 in given)
        raise BadInputError(
            f"{path} has answers about image {images - 1} of item '{item_id}', counted from 0, but "
            f"{option('images_per_prompt')} says {images_per_prompt}. Give {option('images_per_prompt', images)}, or "
            "leave it out."
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
        judge_fingerprint=collected.fingerprint,
        as_spelled=form == "detail" or collected.ours,
        blank=collected.blank,
        unclear=tuple(collected.unclear),
        unanswered=frozenset(collected.unanswered),
        image_digests=collected.image_digests,
        p_yes=collected.p_yes,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def answers_format(path: Path, text: str) -> AnswersFormat:
    """Which of the formats the text of an answers file has.

    Raises BadInputError if it has none of them.
    """
    first = next((line.rstrip() for line in text_lines(text) if line.strip()), None)
    if first is None:
        raise BadInputError(f"The answers file {path} is empty.")
    if first.lstrip().startswith(("{", "[")):
        return "jsonl"
    if is_detail_line(first):
        return "detail"
    if "item_id" in first.lower():
        return "csv"
    if _OFFICIAL_SUMMARY.search(text):
        detail = path.with_name(f"{path.stem}_detail{path.suffix}")
        raise BadInputError(
            f"{path} is the official script's summary, which holds no answers. The script writes those beside it: give "
            f"{detail}{'' if detail.exists() else ', or whatever its *_detail.txt is called here'}. The scores in the "
            f"summary are for `dpgbench audit {path}`."
        )
    raise BadInputError(
        f"{path} is no answers file: its first line is {first[:100]!r}. Known are answers.jsonl, a CSV with the "
        f"columns {','.join(ANSWER_COLUMNS)}, and the official script's *_detail.txt."
    )


def json_answers(path: Path, text: str, where: Mapping[str, str]) -> Iterator[tuple[str, AnswerLine]]:
    """The answers of JSON lines, or of a JSON list, that have the values of `where`, with their places.

    Raises BadInputError, naming the line, for one that is no answer.
    """
    if text.lstrip().startswith("["):
        yield from _json_list(path, text, where)
        return
    first = True
    for number, line in enumerate(text_lines(text), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        if _is_chosen(line, where):
            try:
                answer = _line(line, place)
            except BadInputError:
                if first or line.endswith("\n") or _is_json(line):
                    raise
                return  # torn by a crash
            yield place, answer
        first = False


def _json_list(path: Path, text: str, where: Mapping[str, str]) -> Iterator[tuple[str, AnswerLine]]:
    """The same as one list, over however many lines."""
    entries = parse_json(text, str(path))
    for number, entry in enumerate(entries, start=1):
        line = json.dumps(entry, ensure_ascii=False)
        if _is_chosen(line, where):
            yield (place := f"{path}, entry {number}"), _line(line, place)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_chosen(line: str, where: Mapping[str, str]) -> bool:
    if not where:
        return True
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):  # said when it is read
        return True
    return isinstance(content, dict) and all(str(content.get(name)) == value for name, value in where.items())


def _line(text: str, place: str) -> AnswerLine:
    if any(f'"{key}"' in text for key in OURS):
        return parse_answer_line(text, place)
    content = parse_json(text, place)
    return _foreign_line(content, place) if isinstance(content, dict) else validated(AnswerLine, text, place)


def _foreign_line(content: Mapping[str, Any], place: str) -> AnswerLine:
    """A line as other programs write it: an answer may be true, 1 or null, an item's id a number, and a number text."""
    line = dict(content)
    for name in ("image", "proposition_id"):
        value = line.get(name)
        if isinstance(value, str | float):  # a CSV's rows turned into JSON, or a data frame's columns with gaps
            line[name] = whole_number(place, name, {name: str(value).strip()})
    if isinstance(line.get("item_id"), int):
        line["item_id"] = str(line["item_id"])
    if "answer" in line and not isinstance(line["answer"], str):
        line["answer"] = "" if line["answer"] is None else str(line["answer"])
    return validated(AnswerLine, line, place)
