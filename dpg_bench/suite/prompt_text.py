"""A suite's prompts as a file for models outside diffusers: what to draw, and by what name `score` finds it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

from dpg_bench.files.formulas import guarded
from dpg_bench.files.item_names import file_stem
from dpg_bench.records import Prompt

COLUMNS = ("item_id", "file", "prompt")


def prompts_to_csv(prompts: Iterable[Prompt]) -> str:
    """One row a prompt: its id, the name of its image file without suffix, and the text.

    What a spreadsheet would take for a formula has an apostrophe in front; JSON lines have every text as it stands.

    Raises BadInputError for an item id that can't name a file.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((guarded(prompt.item_id), file_stem(prompt.item_id), guarded(prompt.text)) for prompt in prompts)
    return text.getvalue()


def prompts_to_jsonl(prompts: Iterable[Prompt]) -> str:
    """The same, one JSON object a line."""
    rows = ((prompt.item_id, file_stem(prompt.item_id), prompt.text) for prompt in prompts)
    return "".join(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
