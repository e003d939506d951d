"""The official script's `*_detail.txt`: one line per answer, `path, (left, top, right, bottom), question, answer`.

Source: ELLA's `dpg_bench/compute_dpg_bench.py` at commit 3c228f1. The item id is the file's name up to its first dot,
the image number follows from the box in the 2×2 grid, and the question from its text: the lines of a tile come
in row order, the first row of the whole suite left out. An item that the script dropped ends at the tile where it
raised its error. The script appends to a file that is there: where an item starts over, the new pass counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.records import Question, Suite

_LINE = re.compile(r"(?P<path>.+?), \((?P<box>\d+, \d+, \d+, \d+)\), (?P<rest>.*)")
_GRID = {(0, 0): 0, (1, 0): 1, (0, 1): 2, (1, 1): 3}


@dataclass(frozen=True, slots=True)
class DetailAnswers:
    """The answers of a detail file, and the items whose questions the script can't have asked all, with the reason."""

    table: dict[str, dict[int, dict[int, str]]]
    never_asked: dict[str, str]


@dataclass(slots=True)
class _Pass:
    """One pass of the script over one item's image file: what was answered so far, and where it stands."""

    path: str
    rows: Sequence[Question]
    answers: dict[int, dict[int, str]] = field(default_factory=dict)
    image: int = 0
    row: int = 0
    """The row after the one answered last."""


def is_detail_line(line: str) -> bool:
    """Whether `line` is of a detail file."""
    return _LINE.fullmatch(line) is not None


def read_detail(path: Path, text: str, suite: Suite) -> DetailAnswers:
    """The `text` of the detail file `path` → answers by item, image and proposition id.

    Raises BadInputError, with file and line, for a line of another form, an item or question that the suite doesn't
    have, a box outside the 2×2 grid, a question answered twice about one image, or an item read from two files.
    """
    passes: dict[str, _Pass] = {}
    rows = _asked_rows(suite)
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match is None:
            raise BadInputError(
                f"{where} is damaged: {line[:100]!r} is not 'path, (left, top, right, bottom), question, answer'. "
                "Delete the line if the file was cut off there."
            )
        item_id = re.split(r"[/\\]", match["path"])[-1].split(".")[0]
        if item_id not in rows:
            raise unknown_item(where, item_id, suite)
        image = _image_number(where, match["box"])
        found = passes.setdefault(item_id, _Pass(match["path"], rows[item_id]))
        if found.path != match["path"]:
            raise BadInputError(
                f"{where}: item '{item_id}' is read from {match['path']}, but from {found.path} in an earlier line. "
                "One file may hold one run; delete the lines of the other."
            )
        passes[item_id] = _take(where, found, image, match["rest"])
    table = {item_id: found.answers for item_id, found in passes.items()}
    return DetailAnswers(table, _never_asked(suite, table))


def unknown_item(where: str, item_id: str, suite: Suite) -> BadInputError:
    """The error for an item in line `where` of an answers file that `suite` doesn't have."""
    example = suite.prompts[0].item_id if suite.prompts else ""
    return BadInputError(
        f"{where}: item '{item_id}' is not in the suite '{suite.name}', which has {len(suite.prompts)} items such as "
        f"'{example}'. Name the suite that was asked with {option('suite')}, or delete the item's lines."
    )


def _asked_rows(suite: Suite) -> dict[str, Sequence[Question]]:
    rows: dict[str, Sequence[Question]] = {prompt.item_id: prompt.questions for prompt in suite.prompts}
    first = next((prompt for prompt in suite.prompts if prompt.questions), None)
    if first is not None:
        rows[first.item_id] = first.questions[1:]
    return rows


def _image_number(where: str, box: str) -> int:
    left, top, right, bottom = map(int, box.split(", "))
    side = right - left
    column, row = (left // side, top // side) if side > 0 else (-1, -1)
    number = _GRID.get((column, row))
    if number is None or (left, top, bottom) != (column * side, row * side, top + side):
        raise BadInputError(f"{where}: the box ({box}) is no tile of a 2×2 grid of squares.")
    return number


def _take(where: str, current: _Pass, image: int, rest: str) -> _Pass:
    """The pass after the line that answers `rest` about `image`; a new one if the item starts over."""
    texts = [row.text.strip() for row in current.rows]
    question, answer = _split(where, rest, texts)
    start = current.row if image == current.image else 0
    ahead = (
        next((n for n in range(start, len(texts)) if texts[n] == question), None) if image >= current.image else None
    )
    if ahead is None:
        if image != 0 or texts[0] != question:
            raise BadInputError(
                f"{where}: the question {question!r} about this box is answered twice, or out of the script's "
                "order (tile by tile, row by row). Keep one line of each, in that order."
            )
        current, ahead = _Pass(current.path, current.rows), 0
    current.answers.setdefault(image, {})[current.rows[ahead].proposition_id] = answer
    current.image, current.row = image, ahead + 1
    return current


def _split(where: str, rest: str, texts: Sequence[str]) -> tuple[str, str]:
    """`question, answer` → both. The answer follows the last comma, unless only an earlier one leaves a question."""
    end = len(rest)
    while (end := rest.rfind(", ", 0, end)) >= 0:
        if rest[:end].strip() in texts:
            return rest[:end].strip(), rest[end + 2 :]
    raise BadInputError(
        f"{where}: the suite has no such question for this item: {rest[:200]!r}. "
        f"Name the suite that was asked with {option('suite')}."
    )


def _never_asked(suite: Suite, table: dict[str, dict[int, dict[int, str]]]) -> dict[str, str]:
    reasons = {}
    first = next((prompt for prompt in suite.prompts if prompt.questions), None)
    for prompt in suite.prompts:
        ids = {question.proposition_id for question in prompt.questions}
        if prompt.item_id not in table:
            continue
        if prompt is first:
            reasons[prompt.item_id] = "the official script never asks this item's first question"
        elif any(parent not in ids for question in prompt.questions for parent in question.parents):
            reasons[prompt.item_id] = "the official script drops this item: a question depends on one without a row"
    return reasons
