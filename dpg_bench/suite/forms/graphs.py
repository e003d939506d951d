"""Question graphs as OneIG-Bench keeps them: `{id: {"question": {number: text}, "dependency": {number: [parents]}}}`.

Source: `scripts/alignment/Q_D/*.json` of https://github.com/OneIG-Bench/OneIG-Benchmark at 41b4983, where both are JSON
within a text. Such a file has no prompts: those of OneIG-Bench stand in `OneIG-Bench.csv`, those of its Chinese part in
`OneIG-Bench-ZH.csv`, under the same ids and the class that the file is called after. A file of one's own may have each
prompt beside its graph, as `prompt`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded, parse_json, read_content, read_csv
from dpg_bench.suite.columns import Record, cell_text, named_columns
from dpg_bench.suite.mending import NO_CATEGORY
from dpg_bench.suite.rows import Row, check_length

_CLASSES = {
    "anime": "Anime_Stylization",
    "human": "Portrait",
    "object": "General_Object",
    "multilingualism": "Multilingualism",
}
_LANGUAGES = {"": ("OneIG-Bench.csv", "prompt_en"), "_zh": ("OneIG-Bench-ZH.csv", "prompt_cn")}
_ABOVE = 4  # folders: in their repository the prompts lie three above


@dataclass(frozen=True, slots=True)
class _Prompts:
    """The prompts of one class by id, and its name in words."""

    category: str
    texts: Mapping[str, str]


def is_question_graph(values: Mapping[str, Any]) -> bool:
    """Whether a record holds all questions of a prompt by their numbers, and what each depends on."""
    named = named_columns(values)
    keys = [named.get(name) for name in ("question_natural_language", "dependency")]
    return all(key is not None and _is_object(values[key]) for key in keys)


def graph_rows(records: Iterable[Record], source: str) -> Iterator[Row]:
    """The question rows of such records; `source` is their file, around which OneIG-Bench's prompts are looked for.

    Questions have no categories there: they get the prompt's class.

    Raises BadInputError, naming the record, for a graph that can't be read, questions and dependencies of other
    numbers, and prompts that are nowhere.
    """
    prompts: _Prompts | None = None
    for record in records:
        values = record.named()
        item_id = cell_text(values.get("item_id")).strip()
        text, category = cell_text(values.get("text")), NO_CATEGORY
        if not text.strip():
            prompts = prompts or _find_prompts(Path(source), record.place)
            category = prompts.category
            text = prompts.texts.get(item_id, "")
            if not text.strip():
                raise BadInputError(f"{record.place}: OneIG-Bench has no prompt '{item_id}' of the class '{category}'.")
        questions = _numbered(values.get("question_natural_language"), record.place, "question")
        parents = _numbered(values.get("dependency"), record.place, "dependency")
        if questions.keys() != parents.keys():
            lone = min(questions.keys() ^ parents.keys())
            raise BadInputError(
                f"{record.place}: number {lone} has {'no dependency' if lone in questions else 'no question'}. Every "
                "question needs the list of its parents, [0] for none."
            )
        for number, question in questions.items():
            cells = {
                "item_id": item_id,
                "text": text,
                "proposition_id": number,
                "dependency": cell_text(parents[number]) or "0",
                "category_broad": category,
                "category_detailed": "",
                "question_natural_language": cell_text(question),
            }
            place = f"{record.place}, question {number}"
            for cell in cells.values():
                check_length(cell, place)
            yield Row(place, cells)


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, str) and value.lstrip().startswith("{"))


def _numbered(value: Any, place: str, name: str) -> dict[str, Any]:
    """An object, or one written as JSON into a text."""
    content = parse_json(value, f"{place}: its {name}") if isinstance(value, str) else value
    if not isinstance(content, Mapping):
        raise BadInputError(f"{place}: its {name} is {value!r:.60}, not an object of numbers.")
    return {str(number).strip(): one for number, one in content.items()}


def _find_prompts(path: Path, place: str) -> _Prompts:
    name, ending = (path.stem[:-3], "_zh") if path.stem.endswith("_zh") else (path.stem, "")
    file_name, column = _LANGUAGES[ending]
    category = _CLASSES.get(name)
    if category is None:
        raise BadInputError(
            f"{place} has no prompt. Give each record its 'prompt', or call the file as OneIG-Bench does: "
            f"{', '.join(f'{one}.json' for one in _CLASSES)}, or with _zh."
        )
    folders = path.resolve().parents[:_ABOVE]
    file = next((folder / file_name for folder in folders if (folder / file_name).is_file()), None)
    if file is None:
        raise BadInputError(
            f"{place} has no prompt, and OneIG-Bench's prompts are not here. Put its {file_name} beside {path}, or "
            "keep the file where it is in their repository."
        )
    table = read_csv(decoded(read_content(file), str(file)), str(file))
    lacking = [one for one in ("category", "id", column) if one not in table.header]
    if lacking:
        raise BadInputError(f"{file} lacks the column '{lacking[0]}' of OneIG-Bench's prompts.")
    texts = {row.cells["id"].strip(): row.cells[column] for row in table.rows if row.cells["category"] == category}
    return _Prompts(category.replace("_", " ").lower(), texts)
