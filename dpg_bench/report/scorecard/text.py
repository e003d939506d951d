"""The terminal table of a scorecard: both protocols side by side, with the counts behind every number."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from dpg_bench.report.rows import score_rows
from dpg_bench.report.terminal import Column, Row, fits, say, show_table
from dpg_bench.score.scorecard import CategoryCard, IntervalCard, ProtocolCard, Scorecard
from dpg_bench.suite.t2i_compbench import OWN_JUDGES

_SHOWN_EXCLUSIONS = 5


def print_scorecard(card: Scorecard, console: Console) -> None:
    """Print the table, what was left out and why, and what must be known before quoting a number."""
    run, judge = card.run, card.judge
    images = f"{run.images_per_prompt} image{'s' if run.images_per_prompt > 1 else ''} per prompt"
    subject = f"{run.model}, " if run.model else ""
    say(console, f"{subject}suite {card.suite.name}, judge {judge.name}, {images}", "bold")
    if card["corrected"].partial:
        say(console, f"partial: {card['corrected'].partial}")
    _print_products(card, console)
    _print_table(card, console)
    _print_noise(card, console)
    _print_gaps(card, console)
    for note in card.notes:
        say(console, note)
    for warning in card.warnings:
        say(console, f"Warning: {warning}", "bold yellow")


def _print_products(card: Scorecard, console: Console) -> None:
    """T2I-CompBench's own score above the table, which counts answers."""
    if card.products is None:
        return
    about = {"official": "as published, × 100", "corrected": "every object asked"}
    for protocol, found in card.products.items():
        if found.overall is not None:
            interval = "" if found.interval is None else f" {_range(found.interval)}"
            say(console, f"{protocol}, {about[protocol]}: {found.overall:.2f}{interval}", "bold")
    own = OWN_JUDGES.get(card.suite.name)
    if own is not None and not own.is_meant(card.judge.name, card.judge.provenance):
        line = (
            f"T2I-CompBench's own numbers are of the judge {own.name} at {own.side} px; these are of {card.judge.name}."
        )
        say(console, line, "yellow")
    alike = card.judge.name.partition(" ")[0] == "clip"
    below = "nothing is counted as a yes: a similarity is no answer" if alike else "the share of answers that are yes"
    say(console, f"Below, as for any suite, {below}.", "dim")


def _print_table(card: Scorecard, console: Console) -> None:
    protocols = ("corrected", "official")
    columns, rows = _columns(card, protocols), _rows(card, protocols)
    if fits(console, columns, rows):
        show_table(console, columns, rows)
        return
    for protocol in protocols:
        show_table(console, _columns(card, (protocol,)), _rows(card, (protocol,)))


def _columns(card: Scorecard, protocols: Sequence[str]) -> list[Column]:
    columns = [Column("score, %")]
    for protocol in protocols:
        heading = protocol if card.statistics is None else f"{protocol}, {card.statistics.confidence:.0%}"
        columns += [Column(heading, number=True)]
        columns += [Column(name, number=True, style="dim") for name in ("prompts", "q's")]
    return columns


def _rows(card: Scorecard, protocols: Sequence[str]) -> list[Row]:
    total = card.suite.prompts if card["corrected"].partial or not card.complete else None
    return [
        Row(
            [
                f"  {row.own_name}" if row.level == 2 else row.name,
                *(cell for protocol in protocols for cell in _cells(row.cards[protocol], total)),
            ],
            style=("bold", "", "dim")[row.level],
            end_section=row.level == 0,
        )
        for row in score_rows(card)
    ]


def _cells(side: CategoryCard, total: int | None) -> tuple[str, str, str]:
    score = "-" if side.score is None else f"{side.score:.2f}"
    interval = "" if side.interval is None else f" {_range(side.interval):>10}"
    return f"{score}{interval}", f"{side.prompts}/{total}" if total else str(side.prompts), str(side.questions)


def _range(interval: IntervalCard) -> str:
    return interval.method if interval.method == "no spread" else f"{interval.low:.1f}–{interval.high:.1f}"


def _print_noise(card: Scorecard, console: Console) -> None:
    if card.statistics is None:
        return
    say(
        console,
        f"The ranges are {card.statistics.confidence:.0%} confidence intervals over prompts; q's counts questions.",
        "dim",
    )
    soft = card.soft
    if soft is not None and soft.overall is not None:
        interval = "" if soft.interval is None else f" ({soft.interval.low:.1f}–{soft.interval.high:.1f})"
        say(
            console,
            f"Soft score, unofficial: {soft.overall:.2f}{interval}, of the judge's P(yes) in place of its answers.",
            "dim",
        )
    say(console, "Beside published numbers quote official; tell your own runs apart by corrected.", "dim")
    sd = card["corrected"].image_sd
    if sd is not None:
        say(
            console,
            f"Seeds: the corrected overall score of one image per prompt has a standard deviation of {sd:.2f} "
            f"over the {card.run.images_per_prompt} images.",
            "dim",
        )


def _print_gaps(card: Scorecard, console: Console) -> None:
    corrected, official = card["corrected"], card["official"]
    if _gaps(corrected) == _gaps(official):
        _print_gaps_of("corrected and official", corrected, console)
        return
    for name, protocol in (("corrected", corrected), ("official", official)):
        _print_gaps_of(name, protocol, console)


def _gaps(side: ProtocolCard) -> tuple[object, ...]:
    """All that is said of what a protocol leaves out."""
    counts = (side.prompts_scored, side.prompts_expected, side.complete, side.overall is None)
    return (*counts, *((item.item_id, item.reason) for item in side.excluded))


def _print_gaps_of(name: str, protocol: ProtocolCard, console: Console) -> None:
    if not protocol.excluded:
        return
    say(console, f"{name}: {protocol.prompts_scored} of {protocol.prompts_expected} prompts scored; left out:")
    for item in protocol.excluded[:_SHOWN_EXCLUSIONS]:
        say(console, f"  {item.item_id}: {item.reason}")
    rest = len(protocol.excluded) - _SHOWN_EXCLUSIONS
    if rest > 0:
        say(console, f"  and {rest} more, named in scorecard.json")
    which = name.replace(" and ", " or ")
    if not protocol.prompts_scored:
        say(console, f"No {which} overall score: no prompt is scored.")
    elif not protocol.complete and protocol.overall is None:
        say(console, f"No {which} overall score: the run is incomplete. --allow-missing scores what is there.")


def usage_text(usage: object) -> str:
    """What asking a judge came to, in words; empty if it counts nothing."""
    if not isinstance(usage, dict) or not usage.get("requests"):
        return ""
    cost = f", cost {usage['cost']:.4g}" if usage.get("cost") else ""
    tokens = f"{usage.get('prompt_tokens', 0):,.0f} tokens in and {usage.get('completion_tokens', 0):,.0f} out"
    return f"The judge took {usage['requests']:,.0f} requests, {tokens}{cost}, all sessions together."
