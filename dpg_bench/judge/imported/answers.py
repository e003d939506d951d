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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from dpg_bench.errors import BadInputError, option, unknown_name
from dpg_bench.files.answer_lines import AnswerLine, parse_answer_line
from dpg_bench.files.reading import decoded, read_content, read_csv, validated
from dpg_bench.judge.imported.dsg import dsg_lines, filled, whole_number
from dpg_bench.judge.imported.official_detail import is_detail_line, read_detail, unknown_item
from dpg_bench.judge.imported.spelling import NoAnswerError, is_free_text, read_answer
from dpg_bench.records import AnswerTable, PYesTable, Suite

_OFFICIAL_SUMMARY = re.compile(r"L1 category scores:|DPG-Bench score:")

AnswersFormat = Literal["jsonl", "csv", "detail"]
_COLUMNS = ("item_id", "image", "proposition_id", "answer")
_KNOWN = (*_COLUMNS, "question_id", "question")
_DELIMITERS = (",", ";", "\t", "|")
_OURS = ("judge_fingerprint", "crc32")


@dataclass(frozen=True, slots=True)
class ImportedAnswers:
    """What an answers file holds.

    `images_per_prompt` is the highest image number met, plus one, unless the caller gave it. `never_asked` maps
    items to why the program behind the file can't have asked all their questions. `judge_fingerprint` is None
    where the file doesn't say who answered. `as_spelled` says that the official rule holds: exactly `yes` is a yes;
    otherwise the answers were read, and are `yes` and `no` here. `blank` of them were there but empty, and so are
    missing; `unclear` are texts that are neither yes nor no, missing too. `image_digests` are the SHA-256 of image
    files by item and image, and `p_yes` the judge's P(yes), where the file has them; `sha256` is its own.
    """

    table: AnswerTable
    format: AnswersFormat
    images_per_prompt: int
    never_asked: dict[str, str]
    judge_fingerprint: str | None
    as_spelled: bool
    blank: int
    unclear: tuple[str, ...]
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
    content = read_content(path, pipe=True)
    text = decoded(content, str(path))
    form = _format(path, text)
    never_asked: dict[str, str] = {}
    collected = _Collector(suite)
    chosen = dict(where or {})
    if form == "detail":
        if chosen:
            raise BadInputError(f"{path} has no columns, so {option('where')} can't choose among its answers.")
        detail = read_detail(path, text, suite)
        table, never_asked = detail.table, detail.never_asked
    else:
        lines = _json_lines(path, text, chosen) if form == "jsonl" else _csv_lines(path, text, chosen, collected)
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
        image_digests=collected.image_digests,
        p_yes=collected.p_yes,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _format(path: Path, text: str) -> AnswersFormat:
    first = next((line for line in text.splitlines() if line.strip()), None)
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
        f"columns {','.join(_COLUMNS)}, and the official script's *_detail.txt."
    )


def _json_lines(path: Path, text: str, where: Mapping[str, str]) -> Iterator[tuple[str, AnswerLine]]:
    if text.lstrip().startswith("["):
        yield from _json_list(path, text, where)
        return
    # Not splitlines(): answers and ids may hold characters that it takes for the end of a line.
    *lines, last = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            place = f"{path}, line {number}"
            if _is_chosen(line, where):
                yield place, _line(line, place)
    if last.strip() and _is_chosen(last, where):
        place = f"{path}, line {len(lines) + 1}"
        try:
            answer = _line(last, place)
        except BadInputError:
            if not any(line.strip() for line in lines) or _is_json(last):
                raise
            return  # torn by a crash
        yield place, answer


def _json_list(path: Path, text: str, where: Mapping[str, str]) -> Iterator[tuple[str, AnswerLine]]:
    """The same as one list, over however many lines."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path} is damaged: it begins as a list of JSON, but is none ({error}).") from None
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
    if any(f'"{key}"' in text for key in _OURS):
        return parse_answer_line(text, place)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{place} is damaged: it is no JSON ({error}).") from None
    return _foreign_line(content, place) if isinstance(content, dict) else validated(AnswerLine, text, place)


def _foreign_line(content: Mapping[str, Any], place: str) -> AnswerLine:
    """A line as other programs write it: an answer may be true, 1 or null, and an item's id a number."""
    line = dict(content)
    if isinstance(line.get("item_id"), int):
        line["item_id"] = str(line["item_id"])
    if "answer" in line and not isinstance(line["answer"], str):
        line["answer"] = "" if line["answer"] is None else str(line["answer"])
    return validated(AnswerLine, line, place)


def _csv_lines(
    path: Path, text: str, where: Mapping[str, str], collected: _Collector
) -> Iterator[tuple[str, AnswerLine]]:
    first = next(line for line in text.splitlines() if line.strip())
    table = read_csv(text, str(path), delimiter=max(_DELIMITERS, key=first.count))
    for name in where:
        if name not in table.header:
            raise unknown_name(f"column of {path}", name, table.header)
    table = replace(
        table,
        header=tuple(name.lower() if name.lower() in _KNOWN else name for name in table.header),
        rows=(replace(row, cells=_known_names(row.cells)) for row in table.rows),
    )
    if "question_id" in table.header and "proposition_id" not in table.header:
        collected.free_text = True
        yield from dsg_lines(path, table, where)
        return
    absent = [name for name in _COLUMNS if name not in table.header]
    if absent:
        raise BadInputError(f"{path} lacks the column '{absent[0]}'; needed are {','.join(_COLUMNS)}.")
    for row in table.rows:
        cells = {name: cell.strip() for name, cell in row.cells.items()}
        if any(cells[name] != value for name, value in where.items()):
            continue
        yield (
            row.place,
            AnswerLine(
                item_id=filled(row.place, "item_id", cells),
                image=whole_number(row.place, "image", cells),
                proposition_id=whole_number(row.place, "proposition_id", cells),
                answer=cells["answer"],
            ),
        )


def _known_names(cells: Mapping[str, str]) -> dict[str, str]:
    return {name.lower() if name.lower() in _KNOWN else name: cell for name, cell in cells.items()}


class _Collector:
    """Gathers the answers of a file line by line, holding each against the suite and the lines before."""

    def __init__(self, suite: Suite) -> None:
        self.table: dict[str, dict[int, dict[int, str]]] = {}
        self.fingerprint: str | None = None
        self.ours = False
        self.blank = 0
        self.free_text = False
        self.unclear: list[str] = []
        self._suite = suite
        self._known = {p.item_id: {q.proposition_id: q.text for q in p.questions} for p in suite.prompts}
        self.image_digests: dict[tuple[str, int], str] = {}
        self.p_yes: dict[str, dict[int, dict[int, float]]] = {}

    def add(self, where: str, line: AnswerLine) -> None:
        """Take the answer of the line that stands at `where`."""
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
                f"{option('suite')}."
            )
        self._check_judge(where, line.judge_fingerprint)
        answers = self.table.setdefault(line.item_id, {}).setdefault(line.image, {})
        if line.image_sha256 is not None:
            key = (line.item_id, line.image)
            if self.image_digests.setdefault(key, line.image_sha256) != line.image_sha256:
                self.image_digests[key] = line.image_sha256
                answers.clear()
                self.p_yes.get(line.item_id, {}).pop(line.image, None)
        answer = self._read(where, line)
        if answer is None:
            return
        before = answers.setdefault(line.proposition_id, answer)
        if before != answer:
            raise BadInputError(
                f"{where}: question {line.proposition_id} about image {line.image} of item '{line.item_id}' is "
                f"answered {answer!r}, but {before!r} in an earlier line. Keep the one that holds."
            )
        if line.p_yes is not None:
            self.p_yes.setdefault(line.item_id, {}).setdefault(line.image, {})[line.proposition_id] = line.p_yes

    def _read(self, where: str, line: AnswerLine) -> str | None:
        if any(getattr(line, key) is not None for key in _OURS):
            self.ours = True
            return line.answer
        try:
            answer = read_answer(line.answer)
        except NoAnswerError:
            if self.free_text:
                return self._free_text(line.answer)
            if is_free_text(line.answer):
                return line.answer.strip()
            raise BadInputError(
                f"{where}: the answer is {line.answer[:60]!r}, which is neither yes nor no. Write yes or no (or true, "
                "false, 1, 0), or leave it empty: an answer that isn't there leaves its item unscored."
            ) from None
        self.blank += answer is None
        return answer

    def _free_text(self, text: str) -> str | None:
        """As the judge said it: "no bus" is a no; what is neither is missing, and remembered."""
        if text.strip().casefold().startswith("no "):
            return "no"
        self.unclear.append(text)
        return None

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
