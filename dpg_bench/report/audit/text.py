"""An audit in words and a table, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from statistics import median

from rich.console import Console

from dpg_bench.report.audit.arithmetic import as_printed, chance, decimals
from dpg_bench.report.audit.data import share
from dpg_bench.report.audit.result import CAUSES, IMAGES, PAIR, Audit, CategoryAudit, ResultAudit, Verdict
from dpg_bench.report.reproductions import Reproduction
from dpg_bench.report.terminal import Column, Row, fits, say, show_table

_SHOWN_DECIMALS = 2
_SOURCE = "reproduced in"
_MARKS: Mapping[Verdict, str] = {"possible": "", "four-image mean": "¼", "impossible": "×"}


def print_audit(audit: Audit, console: Console) -> None:
    """Print a line per result with something to check, what the causes mean, and what the verdicts are worth."""
    counts = ", ".join(f"{name} {n}" for name, n in audit.counts.questions.items())
    say(console, f"Questions of a complete run: {counts} ({audit.counts.source}).", "bold")
    shown = [name for name in audit.counts.questions if any(_find(one, name) for one in audit.results)]
    columns, rows = _columns(audit, shown), _rows(audit, shown, compact=False)
    compact = not fits(console, columns, rows)
    if compact:
        columns, rows = _columns(audit, shown, compact=True), _rows(audit, shown, compact=True)
        say(console, f"{_MARKS['impossible']} impossible, {_MARKS['four-image mean']} only as a four-image mean.")
    else:
        say(console, "Beside an impossible score: the nearest possible ones.")
    if shown:
        show_table(console, columns, rows)
    if audit.unchecked:
        say(
            console,
            f"{audit.unchecked} more results have no score to check: an overall score is a mean of means over prompts, "
            "without such a denominator.",
        )
    for cause, meaning in CAUSES.items():
        if any(result.cause == cause for result in audit.results):
            say(console, f"{cause}: {meaning}.")
            for result in audit.results:
                if result.cause == cause and result.detail:
                    say(console, f"  {result.result.model}: {result.detail}")
    _print_pairs(audit, console)
    _print_reproductions(audit.reproductions, console)


def _columns(audit: Audit, shown: Sequence[str], *, compact: bool = False) -> list[Column]:
    scores = [Column(name if compact else f"{name}, of {audit.counts.questions[name]}", number=True) for name in shown]
    return [Column("model"), *scores, Column("verdict")]


def _rows(audit: Audit, shown: Sequence[str], *, compact: bool) -> list[Row]:
    return [
        Row([one.result.model, *(_cell(one, name, compact=compact) for name in shown), _verdict(one)])
        for one in audit.results
    ]


def _verdict(one: ResultAudit) -> str:
    return f"{one.verdict}: {one.cause}" if one.cause else one.verdict


def _find(one: ResultAudit, name: str) -> CategoryAudit | None:
    return next((category for category in one.categories if category.category == name), None)


def _cell(one: ResultAudit, name: str, *, compact: bool) -> str:
    category = _find(one, name)
    if category is None:
        return "-"
    digits = decimals(category.printed)
    printed = str(category.printed) if digits <= _SHOWN_DECIMALS else f"{category.printed:.{_SHOWN_DECIMALS}f}…"
    if compact:
        return f"{printed}{_MARKS[category.verdict]}"
    if category.verdict != "impossible":
        return f"{printed} = {share(category)}"
    nearest = (as_printed(k, category.questions, min(digits, _SHOWN_DECIMALS)) for k in category.nearest)
    return f"{printed} ({'/'.join(nearest)})"


def _print_pairs(audit: Audit, console: Console) -> None:
    pairs = audit.pairs
    if not pairs.pairs:
        return
    verdicts = pairs.verdicts
    say(
        console,
        f"{pairs.pairs} distinct ({', '.join(PAIR)}) pairs: {verdicts['possible']} possible, "
        f"{verdicts['four-image mean']} only as a four-image mean, {verdicts['impossible']} impossible.",
        "bold",
    )
    counts = [audit.counts.questions[name] for name in PAIR]
    one, four = (prod(chance(images * n, _SHOWN_DECIMALS) for n in counts) for images in (1, IMAGES))
    say(
        console,
        f"A random pair of two-decimal numbers would be possible once in {round(1 / one):,}, and at least as a "
        f"four-image mean once in {round(1 / four):,}: of these {pairs.pairs}, with the digits they have, "
        f"{float(pairs.expected):.2f} and {float(pairs.expected_four):.2f}.",
    )


def _print_reproductions(reproductions: Sequence[Reproduction], console: Console) -> None:
    if not reproductions:
        return
    below = sum(one.gap > 0 for one in reproductions)
    say(
        console,
        f"{len(reproductions)} of these results are reproductions by others of a published overall score: {below} lie "
        f"below it, and published minus reproduced is {float(median(one.gap for one in reproductions)):.2f} points in "
        "the median.",
        "bold",
    )
    numbers = ("published", "reproduced", "published - reproduced")
    columns = [Column("model"), *(Column(name, number=True) for name in numbers), Column(_SOURCE)]
    rows = [
        Row(
            [
                one.claim.model,
                *(f"{score:.{min(decimals(score), _SHOWN_DECIMALS)}f}" for score in (one.published, one.reproduced)),
                f"{one.gap:+.{_SHOWN_DECIMALS}f}",
                one.result.source or "",
            ]
        )
        for one in reproductions
    ]
    show_table(console, columns, rows, spare=[_SOURCE])
    say(
        console,
        "What differs between the two (checkpoint, sampler, resolution, prompts) is seldom told.",
    )
