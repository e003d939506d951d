"""Question files as people wrote them: every odd row is found, and either mended or refused, all in one message.

What is mended is never silent: `Suite.mends` says of each place what was found and what was made of it, and goes into
the records of runs and scores. Where a row can't be read in one way only, its item is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from dpg_bench.errors import BadInputError, option
from dpg_bench.records import Mend, Prompt, Question
from dpg_bench.suite.rows import NUMBER, Row, broad_category, category_of, check_item_id

WORD = "a dependency holds more than numbers: the numbers in it are taken"
SELF = "a question names itself as parent: it has none"
NO_ROW = "a parent has no row: it is dropped"
EMPTY = "a question is empty: it is not asked"
TWICE = "a question stands there twice: it is asked once"
NEW_ID = "a proposition id is taken or is no number: the question gets the next free one"
CELL = "a cell is empty or has stray white space: it is read as the rest of the file has it"
APART = "an item's rows lie apart: they are read together"
LEFT_OUT = "the item is left out"

NO_CATEGORY = "uncategorised"
_SHOWN = 30
_STANDALONE = re.compile(r"(?<![\w.\-])([0-9]{1,9})(?:\.0*)?(?!\w|\.[0-9])")
_RANGE = re.compile(r"(?<![\w.\-])[0-9]+\s*[-\u2010-\u2015]\s*[0-9]+(?![\w.\-])")
_WHOLE = re.compile(r"[0-9]{1,9}(\.0*)?")


@dataclass(frozen=True, slots=True)
class MendedPrompts:
    """The prompts of a file, and all that was odd in it."""

    prompts: tuple[Prompt, ...]
    mends: tuple[Mend, ...]


def mended_prompts(rows: Iterable[Row], source: str, *, strict: bool) -> MendedPrompts:
    """The prompts of users' rows, in the order in which their items first appear; `source` names the file.

    Raises BadInputError, with a list of all odd rows, if `strict` and there are any, or if no item is left; and for
    rows of which there are none.
    """
    items = _Items()
    for row in rows:
        items.take(row)
    prompts = tuple(prompt for item in items.by_id.values() if (prompt := item.prompt()) is not None)
    found = (*items.mends, *(mend for item in items.by_id.values() for mend in item.mends))
    mends = tuple(replace(mend, place=mend.place.removeprefix(f"{source}, ")) for mend in found)
    if not items.by_id and not mends:
        raise BadInputError(f"{source} has a header but no questions below it.")
    if mends and (strict or not prompts):
        why = "No item of it can be used" if not prompts else f"Mend the file, or leave {option('strict')} out"
        raise BadInputError(f"{mends_text(source, mends)}\n{why}.")
    return MendedPrompts(prompts, mends)


def mends_text(name: str, mends: Sequence[Mend], *, shown: int = _SHOWN) -> str:
    """All odd places of the suite `name`, kind by kind, at most `shown` of each; the rest are counted."""
    lines = [f"{name} has {len(mends)} odd place{'s' if len(mends) != 1 else ''}."]
    for kind, count in Counter(mend.kind for mend in mends).items():
        of_kind = [mend for mend in mends if mend.kind == kind]
        lines.append(f"  {count} × {kind}{'.' if shown == 0 else ':'}")
        lines += [f"    {mend}" for mend in of_kind[:shown]]
        if 0 < shown < count:
            lines.append(f"    … and {count - shown} more")
    return "\n".join(lines)


def recorded(mends: Sequence[Mend], *, most: int = 200) -> list[str]:
    """The mends in words, as run.json and scorecards keep them; beyond `most` they are counted."""
    lines = [str(mend) for mend in mends[:most]]
    return [*lines, f"… and {len(mends) - most} more"] if len(mends) > most else lines


class _Items:
    """Rows on their way to their items."""

    def __init__(self) -> None:
        self.by_id: dict[str, _Item] = {}
        self.mends: list[Mend] = []
        self._previous: _Item | None = None

    def take(self, row: Row) -> None:
        named = row.cells["item_id"]
        item_id = named.strip()
        if not item_id:
            if self._previous is None or row.cells["text"].strip():
                self.mends.append(Mend(LEFT_OUT, row.place, "", "it names no item", "the row is left out"))
                return
            self._previous.note(CELL, row, "the item id is empty", "taken from the row above")
            self._previous.rows.append(row)
            return
        item = self.by_id.setdefault(item_id, _Item(item_id))
        if named != item_id:
            item.note(CELL, row, f"the item id is {named!r}", f"read as {item_id!r}")
        if item.rows and item is not self._previous:
            item.note(APART, row, "other items stand between its rows", "read together")
        item.rows.append(row)
        self._previous = item


@dataclass(slots=True)
class _Item:
    """One item's rows, and what was odd in them."""

    item_id: str
    rows: list[Row] = field(default_factory=list)
    mends: list[Mend] = field(default_factory=list)

    def note(self, kind: str, row: Row, found: str, made: str) -> None:
        self.mends.append(Mend(kind, row.place, self.item_id, found, made))

    def prompt(self) -> Prompt | None:
        """The item's prompt; None, with the reason among the mends, if it is left out."""
        try:
            check_item_id(self.item_id, self.rows[0].place)
            text = self._text()
            numbered = self._numbered([row for row in self.rows if self._asks(row)])
        except _UnclearError as error:
            self.note(LEFT_OUT, error.row, error.found, LEFT_OUT)
            return None
        except BadInputError as error:
            self.note(LEFT_OUT, self.rows[0], str(error), LEFT_OUT)
            return None
        if not numbered:
            self.note(LEFT_OUT, self.rows[0], "it has no question", LEFT_OUT)
            return None
        questions = tuple(self._question(number, row, numbered) for number, row in numbered.items())
        return Prompt(self.item_id, text, questions)

    def _text(self) -> str:
        first = next((row for row in self.rows if row.cells["text"].strip()), None)
        if first is None:
            raise _UnclearError(self.rows[0], "it has no text")
        text = first.cells["text"]
        for row in self.rows:
            other = row.cells["text"]
            if other == text:
                continue
            if other.split() not in ([], text.split()):
                raise _UnclearError(row, "its text differs from that of the rows above")
            if row.cells["item_id"].strip():  # else the whole cell block was noted when the row was taken
                self.note(CELL, row, "the text is empty or differs in white space", "taken from the item's first text")
        return text

    def _asks(self, row: Row) -> bool:
        if row.cells["question_natural_language"].strip():
            return True
        self.note(EMPTY, row, "the question is empty", "not asked")
        return False

    def _numbered(self, rows: Sequence[Row]) -> dict[int, Row]:
        """The rows by proposition id, in their order."""
        for row in rows:
            if _RANGE.search(row.cells["dependency"]):
                cell = row.cells["dependency"]
                raise _UnclearError(row, f"the dependency is {cell!r}, a range or two parents: write them with commas")
        wanted = [self._proposition_id(row) for row in rows]
        named = {parent for row in rows for parent in _numbers(row.cells["dependency"])}
        free = max((number for number in (*wanted, *named) if number is not None), default=0) + 1
        taken: dict[int, Row] = {}
        for number, row in zip(wanted, rows, strict=True):
            twin = None if number is None else taken.get(number)
            if number is not None and twin is None:
                taken[number] = row
                continue
            if twin is not None and _same(twin, row):
                self.note(TWICE, row, f"proposition {number} is there already, word for word", "asked once")
                continue
            if number in named:
                raise _UnclearError(row, f"two questions are proposition {number}, which others depend on")
            cell = row.cells["proposition_id"]
            found = f"there is a proposition {number} already" if twin else f"the proposition id is {cell!r}"
            self.note(NEW_ID, row, found, f"renumbered {free}")
            taken[free] = row
            free += 1
        return taken

    def _proposition_id(self, row: Row) -> int | None:
        cell = row.cells["proposition_id"].strip()
        if not _WHOLE.fullmatch(cell):
            return None
        number = int(cell.partition(".")[0])
        if number == 0:
            raise _UnclearError(row, "it has a proposition 0, while 0 stands for 'no parent'; ids start at 1")
        if not NUMBER.fullmatch(cell):
            self.note(NEW_ID, row, f"the proposition id is {cell!r}", f"read as {number}")
        return number

    def _question(self, number: int, row: Row, numbered: dict[int, Row]) -> Question:
        cell = row.cells["dependency"]
        numbers = _numbers(cell)
        if not all(NUMBER.fullmatch(part.strip()) for part in cell.split(",")):
            made = ", ".join(map(str, numbers)) or "no parent"
            self.note(WORD, row, f"the dependency is {cell!r}", f"read as {made}")
        parents = []
        for parent in numbers:
            if parent == number:
                self.note(SELF, row, f"question {number} names itself as parent", "no parent")
            elif parent and parent not in numbered:
                self.note(NO_ROW, row, f"question {number} has the parent {parent}, which has no row", "dropped")
            elif parent:
                parents.append(parent)
        category = self._category(row)
        return Question(
            number, tuple(parents), broad_category(category), category, row.cells["question_natural_language"]
        )

    def _category(self, row: Row) -> str:
        category = category_of(row.cells)
        if broad_category(category):
            return category
        broad, detailed = (row.cells.get(name, "").strip() for name in ("category_broad", "category_detailed"))
        made = f"{broad} - {detailed}".strip() if broad else NO_CATEGORY
        self.note(CELL, row, f"the tuple {row.cells.get('tuple', '')!r} begins with no category", f"read as {made!r}")
        return made


class _UnclearError(Exception):
    """An item that can be read in more than one way, or in none."""

    def __init__(self, row: Row, found: str) -> None:
        super().__init__(found)
        self.row = row
        self.found = found


def _numbers(cell: str) -> tuple[int, ...]:
    """The whole numbers of a dependency cell, whatever stands beside them."""
    return tuple(int(number) for number in _STANDALONE.findall(cell))


def _same(one: Row, other: Row) -> bool:
    keys = ("question_natural_language", "dependency")
    return all(one.cells[key].split() == other.cells[key].split() for key in keys)
