"""Lists of prompts without questions, as generators' users keep them: enough to generate images, not to score them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded
from dpg_bench.records import Prompt
from dpg_bench.suite.columns import Record, cell_text
from dpg_bench.suite.rows import check_item_id, check_length


def listed_prompts(records: Iterable[Record], source: str) -> tuple[Prompt, ...]:
    """The prompts of records with an id and a text, under any of their usual names (`dpg_bench.suite.columns`).

    Records without any id are numbered from 0 with five digits, as GenEval numbers its prompts. A `.txt` that all ids
    end in is left out.

    Raises BadInputError for a record without text, without an id while others have one, or with another's id, and if
    there is none.
    """
    found = [(record.place, record.named()) for record in records]
    if not found:
        raise BadInputError(f"{source} holds no prompt.")
    for place, values in found:
        if not cell_text(values.get("text")).strip():
            raise BadInputError(f"{place}: there is no prompt. A record has its text as 'prompt' or 'text'.")
        check_length(cell_text(values["text"]), place)
    ids = [cell_text(values.get("item_id")).strip() for _, values in found]
    if not any(ids):
        ids = [f"{number:05}" for number in range(len(ids))]
    if all(item_id.endswith(".txt") for item_id in ids):
        ids = [item_id.removesuffix(".txt") for item_id in ids]
    seen: dict[str, str] = {}
    for item_id, (place, _) in zip(ids, found, strict=True):
        check_item_id(item_id, place)
        other = seen.setdefault(item_id, place)
        if other != place:
            raise BadInputError(f"{place}: the id '{item_id}' is that of {other}. Each prompt needs an id of its own.")
    return tuple(
        Prompt(item_id, cell_text(values["text"]), ()) for item_id, (_, values) in zip(ids, found, strict=True)
    )


def prompt_lines(content: bytes, source: str) -> list[Record]:
    """The records of a text file: one prompt a line, or `id<TAB>prompt` on every line. Blank lines don't count.

    Raises BadInputError if the file is no UTF-8.
    """
    lines = [line for line in decoded(content, source).splitlines() if line.strip()]
    return [Record(f"{source}, prompt {number}", values) for number, values in enumerate(_split(lines), start=1)]


def _split(lines: Sequence[str]) -> list[dict[str, str]]:
    if all(line.count("\t") == 1 for line in lines):
        pairs = [line.split("\t") for line in lines]
        return [{"item_id": item_id, "prompt": text} for item_id, text in pairs]
    return [{"prompt": line.strip()} for line in lines]
