"""The terminal table of a scorecard: both protocols side by side, with the counts behind every number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dpg_bench.report.category_order import category_rows
from dpg_bench.score.scorecard import CategoryCard, IntervalCard, ProtocolCard, Scorecard

_SHOWN_EXCLUSIONS = 5


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A line of the table: `level` 0 for the overall score, 1 and 2 for categories.

    `name` is as the scorecard has it, `own_name` without the category above it.
    """

    level: int
    name: str
    own_name: str
    corrected: CategoryCard
    official: CategoryCard


def score_rows(card: Scorecard) -> Iterator[ScoreRow]:
    """The overall score, then every level-1 category followed by its level-2 ones, in the order of the paper."""
    corrected, official = card.protocols.corrected, card.protocols.official
    yield ScoreRow(0, "overall", "overall", _overall(corrected), _overall(official))
    for row in category_rows(corrected.l1, corrected.l2):
        one, other = (protocol.l1 if row.level == 1 else protocol.l2 for protocol in (corrected, official))
        yield ScoreRow(row.level, row.name, row.own_name, one[row.name], other[row.name])


def print_scorecard(card: Scorecard, console: Console) -> None:
    """Print the table, what was left out and why, and what must be known before quoting a number."""
    run, judge = card.run, card.judge
    images = f"{run.images_per_prompt} image{'s' if run.images_per_prompt > 1 else ''} per prompt"
    subject = f"{run.model}, " if run.model else ""
    _say(console, f"{subject}suite {card.suite.name}, judge {judge.name}, {images}", style="bold")
    if card.protocols.corrected.partial:
        _say(console, f"partial: {card.protocols.corrected.partial}")
    console.print(_table(card))
    _print_noise(card, console)
    for name, protocol in (("corrected", card.protocols.corrected), ("official", card.protocols.official)):
        _print_gaps(name, protocol, console)
    for warning in card.warnings:
        _say(console, f"Warning: {warning}", style="bold yellow")


def _table(card: Scorecard) -> Table:
    # Off a terminal rich takes 80 columns for granted; these fit, "999/1065" in both halves included.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("score, %", overflow="fold")
    for protocol in ("corrected", "official"):
        header = protocol if card.statistics is None else f"{protocol}, {card.statistics.confidence:.0%}"
        table.add_column(header, justify="right", no_wrap=True)
        table.add_column("prompts", justify="right", no_wrap=True, style="dim")
        table.add_column("q's", justify="right", no_wrap=True, style="dim")
    total = card.suite.prompts if card.protocols.corrected.partial else None
    for row in score_rows(card):
        cells = [cell for side in (row.corrected, row.official) for cell in _cells(side, total)]
        name = f"  {row.own_name}" if row.level == 2 else row.name
        table.add_row(Text(name), *cells, style=("bold", "", "dim")[row.level], end_section=row.level == 0)
    return table


def _cells(side: CategoryCard, total: int | None) -> tuple[str, str, str]:
    score = "-" if side.score is None else f"{side.score:.2f}"
    interval = "" if side.interval is None else f" {_range(side.interval):>10}"
    return f"{score}{interval}", f"{side.prompts}/{total}" if total else str(side.prompts), str(side.questions)


def _range(interval: IntervalCard) -> str:
    return interval.method if interval.method == "no spread" else f"{interval.low:.1f}–{interval.high:.1f}"


def _print_noise(card: Scorecard, console: Console) -> None:
    if card.statistics is None:
        return
    _say(
        console,
        f"The ranges are {card.statistics.confidence:.0%} confidence intervals over prompts; q's counts questions.",
        style="dim",
    )
    sd = card.protocols.corrected.image_sd
    if sd is not None:
        _say(
            console,
            f"Seeds: the corrected overall score of one image per prompt has a standard deviation of {sd:.2f} "
            f"over the {card.run.images_per_prompt} images.",
            style="dim",
        )


def _print_gaps(name: str, protocol: ProtocolCard, console: Console) -> None:
    if not protocol.excluded:
        return
    _say(console, f"{name}: {protocol.prompts_scored} of {protocol.prompts_expected} prompts scored; left out:")
    for item in protocol.excluded[:_SHOWN_EXCLUSIONS]:
        _say(console, f"  {item.item_id}: {item.reason}")
    rest = len(protocol.excluded) - _SHOWN_EXCLUSIONS
    if rest > 0:
        _say(console, f"  and {rest} more, named in scorecard.json")
    if not protocol.complete and protocol.overall is None:
        _say(console, f"No {name} overall score: the run is incomplete. --allow-missing scores what is there.")


def _overall(protocol: ProtocolCard) -> CategoryCard:
    return CategoryCard(
        score=protocol.overall,
        interval=protocol.interval,
        prompts=protocol.prompts_scored,
        questions=protocol.questions,
    )


def _say(console: Console, line: str, style: str = "") -> None:
    # Text, not markup, since names and reasons come from files; unwrapped, so that `grep` finds them whole.
    console.print(Text(line, style=style), soft_wrap=True)
