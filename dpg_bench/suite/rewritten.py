"""Rewritten prompts as a frozen file: what was drawn from, beside the prompt that the questions are about.

A score from rewritten prompts is a score of the rewriter too, and nobody can repeat it without the very texts. So they
are a CSV file with one row a prompt: `item_id, original, rewritten, how, model, revision, sampling, recipe, digest`,
where the digest is the SHA-256 of the other cells, so that a text that was changed later is noticed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.formulas import guarded
from dpg_bench.files.reading import CsvRow, decoded, read_content, read_csv
from dpg_bench.records import Prompt

How = Literal["rewritten", "unchanged", "passed through"]
COLUMNS = ("item_id", "original", "rewritten", "how", "model", "revision", "sampling", "recipe", "digest")
_ABOUT_ALL = ("model", "sampling", "recipe")


@dataclass(frozen=True, slots=True)
class RewrittenPrompt:
    """One prompt and what was made of it.

    `how`: `unchanged` where the model gave the prompt back as it was, `passed through` where it wasn't asked, by the
    length that the recipe leaves alone. `sampling` is JSON; `recipe` a name and the start of its digest.
    """

    item_id: str
    original: str
    rewritten: str
    how: How
    model: str
    revision: str
    sampling: str
    recipe: str

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it."""
        return hashlib.sha256(json.dumps(astuple(self), ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Rewriting:
    """The rewritten prompts of a file, by item id; all by one model, recipe and sampling."""

    prompts: Mapping[str, RewrittenPrompt]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all texts and how they were made, whatever their order."""
        digests = sorted(prompt.digest for prompt in self.prompts.values())
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    @property
    def record(self) -> dict[str, Any]:
        """What a run's settings keep of it."""
        first = next(iter(self.prompts.values()))
        revisions = sorted({prompt.revision for prompt in self.prompts.values()} - {""})
        return {
            "rewritten_by": first.model,
            "revision": ", ".join(revisions) or None,
            "sampling": json.loads(first.sampling),
            "recipe": first.recipe,
            "how": dict(sorted(Counter(prompt.how for prompt in self.prompts.values()).items())),
            "digest": self.digest,
        }

    def applied(self, prompts: Sequence[Prompt], source: str) -> tuple[Prompt, ...]:
        """`prompts` with the texts to draw from; their questions stay.

        Raises BadInputError if one isn't there, or was another prompt when it was rewritten; `source` is for messages.
        """
        return tuple(replace(prompt, text=self._found(prompt, source).rewritten) for prompt in prompts)

    def _found(self, prompt: Prompt, source: str) -> RewrittenPrompt:
        found = self.prompts.get(prompt.item_id)
        if found is None:
            raise BadInputError(
                f"{source} has no rewritten prompt for '{prompt.item_id}'; it has {len(self.prompts)}. Rewrite the "
                f"whole suite, or choose the items it has with {option('items')}."
            )
        if found.original != prompt.text:
            raise BadInputError(
                f"{source} is of other prompts: '{prompt.item_id}' was {found.original!r:.60} when it was rewritten, "
                f"and is {prompt.text!r:.60} in the suite. Name the suite that was rewritten."
            )
        return found


def rewriting_to_csv(prompts: Sequence[RewrittenPrompt]) -> str:
    """The content of the file, a header first."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(guarded, (*astuple(prompt), prompt.digest)) for prompt in prompts)
    return text.getvalue()


def read_rewriting(path: Path) -> Rewriting:
    """The rewritten prompts in the file at `path`.

    Raises BadInputError, naming the row, if it can't be read, is no such file, was changed after it was written, names
    an item twice, or holds texts of several models, recipes or samplings.
    """
    table = read_csv(decoded(read_content(path), str(path)), str(path))
    if missing := [name for name in COLUMNS if name not in table.header]:
        raise BadInputError(
            f"{path} holds no rewritten prompts: it has no column {', '.join(missing)}. `dpgbench rewrite` makes such "
            "a file."
        )
    prompts: dict[str, RewrittenPrompt] = {}
    for row in table.rows:
        prompt = _prompt(row)
        if prompt.item_id in prompts:
            raise BadInputError(f"{row.place}: the item '{prompt.item_id}' is there twice.")
        first = next(iter(prompts.values()), prompt)
        if other := next((name for name in _ABOUT_ALL if getattr(prompt, name) != getattr(first, name)), None):
            raise BadInputError(
                f"{row.place}: its {other} is '{getattr(prompt, other)}', that of the first row "
                f"'{getattr(first, other)}'. A run draws from prompts that were rewritten in one way."
            )
        prompts[prompt.item_id] = prompt
    if not prompts:
        raise BadInputError(f"{path} has a header but no rewritten prompt below it.")
    return Rewriting(prompts)


def _prompt(row: CsvRow) -> RewrittenPrompt:
    cells = row.cells
    how = cells["how"]
    if how not in get_args(How):
        raise BadInputError(f"{row.place}: how is '{how}'; it must be {', '.join(get_args(How))}.")
    prompt = RewrittenPrompt(**{name: cast("Any", cells[name]) for name in COLUMNS if name != "digest"})
    if prompt.digest != cells["digest"]:
        raise BadInputError(
            f"{row.place}: '{prompt.item_id}' was changed after it was written: its digest is "
            f"'{cells['digest'][:12]}', which doesn't fit the row. Rewritten prompts are frozen; make a new file with "
            "`dpgbench rewrite`."
        )
    if not prompt.rewritten.strip():
        raise BadInputError(f"{row.place}: '{prompt.item_id}' has no rewritten text.")
    try:
        fits = isinstance(json.loads(prompt.sampling), dict)
    except (ValueError, RecursionError):
        fits = False
    if not fits:
        raise BadInputError(f"{row.place}: sampling is no JSON object.")
    return prompt
