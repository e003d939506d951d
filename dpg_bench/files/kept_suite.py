"""The prompts and questions that were scored, kept beside their scorecard: a line of JSON for each prompt.

A suite that was named by a path is found from no other folder and no other machine, and a file changes; what is kept
stays what was asked.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.durable import write_atomic
from dpg_bench.files.reading import LARGE, read_content
from dpg_bench.records import Prompt, Question, Suite

SUITE_LINE = TypeAdapter(tuple[str, str, tuple[tuple[int, tuple[int, ...], str, str, str], ...]])
"""Item id, prompt, and of every question: number, parents, level-1 category, level-2 category, text."""


def write_kept_suite(path: Path, suite: Suite) -> None:
    """Replace `path` by the prompts of `suite`. Raises OSError if it can't be written."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    lines = [
        encode(
            [
                prompt.item_id,
                prompt.text,
                [[q.proposition_id, q.parents, q.category_broad, q.category, q.text] for q in prompt.questions],
            ]
        )
        for prompt in suite.prompts
    ]
    write_atomic(path, "".join(f"{line}\n" for line in lines).encode())


def kept_item_ids(path: Path) -> Iterator[str]:
    """The item ids of the suite that `path` holds; nothing of lines that are damaged, as `read_kept_suite` tells.

    Raises BadInputError if the file can't be read.
    """
    for line in io.BytesIO(read_content(path, most=LARGE)):
        try:
            item_id, *_ = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(item_id, str):
            yield item_id


def read_kept_suite(path: Path, *, name: str, source: str, digest: str) -> Suite:
    """The suite that `path` holds, called `name`, from `source`.

    Raises BadInputError if the file can't be read, is damaged, or holds another suite than that of `digest`.
    """
    again = f"Score the run again with `dpgbench score`, or name the suite with {option('suite')}."
    prompts = []
    try:
        for line in io.BytesIO(read_content(path, most=LARGE)):
            if line.strip():
                item_id, text, rows = SUITE_LINE.validate_json(line)
                prompts.append(Prompt(item_id, text, tuple(Question(*row) for row in rows)))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise BadInputError(f"{path}, line {len(prompts) + 1} is damaged: {problem['msg']}. {again}") from None
    suite = Suite(name, source, tuple(prompts))
    if suite.digest != digest:
        raise BadInputError(
            f"{path} holds other questions than those that were scored: their digest is {suite.digest[:12]}, the "
            f"scorecard's {digest[:12]}. {again}"
        )
    return suite
