"""An audit as a terminal table, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dpg_bench.report.audit.arithmetic import as_printed, chance, decimals
from dpg_bench.report.audit.result import CAUSES, IMAGES, PAIR, Audit, CategoryAudit, ResultAudit, Verdict

CSV_COLUMNS = (
    *("row", "model", "kind", "source", "verdict", "cause", "detail"),
    *("category", "printed", "questions", "category_verdict", "share", "nearest_below", "nearest_above"),
)
_SHOWN_DECIMALS = 2
_WIDTH_FOR_SHARES = 150  # of more than two categories
_MARKS: Mapping[Verdict, str] = {"possible": "", "four-image mean": "¼", "impossible": "×"}


def print_audit(audit: Audit, console: Console) -> None:
    """Print a line per result with something to check, what the causes mean, and what the verdicts are worth."""
    counts = ", ".join(f"{name} {n}" for name, n in audit.counts.questions.items())
    _say(console, f"Questions of a complete run: {counts} ({audit.counts.source}).", "bold")
    shown = [name for name in audit.counts.questions if any(_find(one, name) for one in audit.results)]
    compact = len(shown) > len(PAIR) and console.width < _WIDTH_FOR_SHARES
    if compact:
        _say(console, f"{_MARKS['impossible']} impossible, {_MARKS['four-image mean']} only as a four-image mean.")
    else:
        _say(console, "Beside an impossible score: the nearest possible ones.")
    if shown:
        console.print(_table(audit, shown, compact=compact))
    if audit.unchecked:
        _say(
            console,
            f"{audit.unchecked} more results have no score to check: an overall score is a mean of means over prompts, "
            "without such a denominator.",
        )
    for cause, meaning in CAUSES.items():
        if any(result.cause == cause for result in audit.results):
            _say(console, f"{cause}: {meaning}.")
            for result in audit.results:
                if result.cause == cause and result.detail:
                    _say(console, f"  {result.result.model}: {result.detail}")
    _print_pairs(audit, console)


def audit_to_csv(audit: Audit) -> str:
    """One row per result and category. `share` is the possible k/n; the nearest stand with their scores."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for one in audit.results:
        for category in one.categories:
            nearest = [_nearest(category, k) for k in category.nearest]
            writer.writerow(
                [
                    *(one.result.row, one.result.model, one.result.kind or "", one.result.source or ""),
                    *(one.verdict, one.cause or "", one.detail),
                    *(category.category, category.printed, category.questions, category.verdict),
                    *(_share(category), nearest[0], nearest[-1]),
                ]
            )
    return text.getvalue()


def audit_json(audit: Audit) -> str:
    """Everything as JSON; the chances are probabilities."""
    return json.dumps(_content(audit), indent=2, ensure_ascii=False) + "\n"


def _content(audit: Audit) -> dict[str, Any]:
    return {
        "questions": dict(audit.counts.questions),
        "questions_source": audit.counts.source,
        "pairs": {
            "count": audit.pairs.pairs,
            "verdicts": dict(audit.pairs.verdicts),
            "expected_by_chance": float(audit.pairs.expected),
            "expected_by_chance_four_images": float(audit.pairs.expected_four),
        },
        "unchecked": audit.unchecked,
        "results": [
            {
                "row": one.result.row,
                "model": one.result.model,
                "kind": one.result.kind,
                "source": one.result.source,
                "verdict": one.verdict,
                "cause": one.cause,
                "detail": one.detail,
                "categories": [_category_content(category) for category in one.categories],
            }
            for one in audit.results
        ],
    }


def _category_content(category: CategoryAudit) -> dict[str, Any]:
    return {
        "category": category.category,
        "printed": str(category.printed),
        "questions": category.questions,
        "verdict": category.verdict,
        "share": _share(category) or None,
        "nearest": [_nearest(category, k) for k in category.nearest],
        "chance": float(category.chance),
        "chance_four_images": float(category.chance_four),
    }


def _table(audit: Audit, shown: Sequence[str], *, compact: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("model", overflow="fold", min_width=8)
    for name in shown:
        table.add_column(name if compact else f"{name}, of {audit.counts.questions[name]}", no_wrap=compact)
    table.add_column("verdict", no_wrap=True)
    table.add_column("cause" if compact else "likely cause", no_wrap=not compact, min_width=5)
    for one in audit.results:
        cells = [_cell(category, compact=compact) if (category := _find(one, name)) else "-" for name in shown]
        table.add_row(*(Text(cell) for cell in (one.result.model, *cells, one.verdict, one.cause or "")))
    return table


def _find(one: ResultAudit, name: str) -> CategoryAudit | None:
    return next((category for category in one.categories if category.category == name), None)


def _cell(category: CategoryAudit, *, compact: bool) -> str:
    digits = decimals(category.printed)
    printed = str(category.printed) if digits <= _SHOWN_DECIMALS else f"{category.printed:.{_SHOWN_DECIMALS}f}…"
    if compact:
        return f"{printed}{_MARKS[category.verdict]}"
    if category.verdict != "impossible":
        return f"{printed} = {_share(category)}"
    nearest = (as_printed(k, category.questions, min(digits, _SHOWN_DECIMALS)) for k in category.nearest)
    return f"{printed} ({'/'.join(nearest)})"


def _share(category: CategoryAudit) -> str:
    if category.share is None:
        return ""
    n = category.questions * (IMAGES if category.verdict == "four-image mean" else 1)
    return f"{category.share}/{n}"


def _nearest(category: CategoryAudit, k: int) -> str:
    return f"{k}/{category.questions} = {as_printed(k, category.questions, decimals(category.printed))}"


def _print_pairs(audit: Audit, console: Console) -> None:
    pairs = audit.pairs
    if not pairs.pairs:
        return
    verdicts = pairs.verdicts
    _say(
        console,
        f"{pairs.pairs} distinct ({', '.join(PAIR)}) pairs: {verdicts['possible']} possible, "
        f"{verdicts['four-image mean']} only as a four-image mean, {verdicts['impossible']} impossible.",
        "bold",
    )
    counts = [audit.counts.questions[name] for name in PAIR]
    one, four = (prod(chance(images * n, _SHOWN_DECIMALS) for n in counts) for images in (1, IMAGES))
    _say(
        console,
        f"A random pair of two-decimal numbers would be possible once in {round(1 / one):,}, and at least as a "
        f"four-image mean once in {round(1 / four):,}: of these {pairs.pairs}, with the digits they have, "
        f"{float(pairs.expected):.2f} and {float(pairs.expected_four):.2f}.",
    )


def _say(console: Console, line: str, style: str = "") -> None:
    console.print(Text(line, style=style), soft_wrap=not console.is_terminal)
