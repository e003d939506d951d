"""What the page's template shows of the runs: all numbers as text, under one protocol at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dpg_bench.report.compare.result import Comparison, compare_runs
from dpg_bench.report.coverage import prompts_behind
from dpg_bench.report.page.figures import Figure, draw_depth, draw_figures
from dpg_bench.report.page.shown_runs import ShownRun, ShownRuns
from dpg_bench.report.page.wording import UNKNOWN, bounds, p_value, percent, share, signed
from dpg_bench.report.rows import score_rows
from dpg_bench.report.runs import PROTOCOLS, Protocol
from dpg_bench.score.scorecard import ExclusionCard, ProtocolCard, StatisticsCard
from dpg_bench.score.stats import PairedDifference

_OTHER: dict[Protocol, Protocol] = {"corrected": "official", "official": "corrected"}
_EXPLANATIONS: dict[Protocol, str] = {
    "corrected": (
        "Corrected protocol: every question is asked and counted; it counts only if it and all its ancestors were "
        "answered yes. A prompt's score is the mean over its images, the overall score the mean over prompts; "
        "categories are the share of yes among the answers about all images, ancestors aside."
    ),
    "official": (
        "Official protocol: exactly what one process of the official script computes. It skips the suite's first "
        "question, lets parents gate their children in the order of the rows, and takes the categories from the last "
        "image alone, ancestors aside."
    ),
}


@dataclass(frozen=True, slots=True)
class OverallView:
    """A run's overall score; `withheld` says why there is none, `coverage` of how much of the suite it is."""

    score: str
    bounds: str
    confidence: str
    prompts: int
    expected: int
    in_suite: int
    coverage: str
    soft: str
    questions: int
    images: int
    image_sd: str
    withheld: str


@dataclass(frozen=True, slots=True)
class DifferenceView:
    """A run minus the first; `mark` is `up` or `down` where it is clear."""

    value: str = ""
    bounds: str = ""
    p_value: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class GapView:
    """What was left out of the score of run number `place`."""

    place: int
    items: tuple[ExclusionCard, ...]
    expected: int


@dataclass(frozen=True, slots=True)
class CellView:
    """A score of one run, and its difference from the first; `share` is the length of its meter in percent."""

    score: str
    bounds: str
    share: str
    difference: DifferenceView


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of the table of categories; `prompts` and `questions` are those of the run that has most."""

    level: int
    name: str
    cells: tuple[CellView, ...]
    prompts: int
    questions: int


@dataclass(frozen=True, slots=True)
class ProtocolView:
    """Everything above the gallery, under one protocol; tuples of one entry per run are in the order of the runs."""

    protocol: Protocol
    other: Protocol
    overall: tuple[OverallView, ...]
    other_overall: tuple[OverallView, ...]
    differences: tuple[DifferenceView, ...]
    difference_note: str
    comparison_note: str
    gaps: tuple[GapView, ...]
    lines: tuple[LineView, ...]
    figures: tuple[Figure, ...]
    category_note: str
    explanation: str
    remarks: tuple[str, ...]


def protocol_views(shown: ShownRuns) -> tuple[ProtocolView, ...]:
    """The views of `shown`, under one protocol each."""
    depth = draw_depth(shown)
    return tuple(_view(shown, protocol, depth) for protocol in PROTOCOLS)


def _view(shown: ShownRuns, protocol: Protocol, depth: Figure) -> ProtocolView:
    comparisons = _comparisons(shown, protocol)
    statistics = shown.runs[0].judged.card.statistics or StatisticsCard()
    last = ", of the last image alone" if protocol == "official" else ", of all images"
    return ProtocolView(
        protocol=protocol,
        other=_OTHER[protocol],
        overall=tuple(_overall(run, protocol) for run in shown.runs),
        other_overall=tuple(_overall(run, _OTHER[protocol]) for run in shown.runs),
        differences=tuple(_difference(one.scores[0].paired) if one else DifferenceView() for one in comparisons),
        difference_note=_difference_note(comparisons),
        comparison_note=_comparison_note(comparisons),
        gaps=tuple(_gaps(shown.runs, protocol)),
        lines=tuple(_lines(shown, protocol, comparisons)),
        figures=draw_figures(shown, protocol, comparisons, depth=depth),
        category_note=f"The share of questions answered yes{last}, with {share(statistics.confidence)} intervals.",
        explanation=_EXPLANATIONS[protocol],
        remarks=tuple(dict.fromkeys(remark for one in comparisons if one for remark in one.remarks)),
    )


def _comparisons(shown: ShownRuns, protocol: Protocol) -> list[Comparison | None]:
    """Each run held against the first; None for the first itself, and where there is nothing to hold together."""
    first, *others = (run.judged for run in shown.runs)
    found: list[Comparison | None] = [None]
    for other in others:
        common = {*first.items(protocol).item_ids}.intersection(other.items(protocol).item_ids)
        # Side by side on a page is no mixing: what they drew from is said among the remarks.
        together = common and shown.one_judge
        found.append(compare_runs(first, other, protocol=protocol, allow_different=True) if together else None)
    return found


def _overall(run: ShownRun, protocol: Protocol) -> OverallView:
    card = run.judged.protocol(protocol)
    statistics = run.judged.card.statistics or StatisticsCard()
    return OverallView(
        score=percent(card.overall),
        bounds=bounds(card.interval),
        confidence=share(statistics.confidence),
        prompts=card.prompts_scored,
        expected=card.prompts_expected,
        in_suite=run.judged.card.suite.prompts,
        coverage=prompts_behind(run.judged, protocol),
        soft=percent(soft.overall) if (soft := run.judged.card.soft) is not None else "",
        questions=card.questions,
        images=run.images_per_prompt,
        image_sd=UNKNOWN if card.image_sd is None else f"{card.image_sd:.2f}",
        withheld=_withheld(card),
    )


def _withheld(card: ProtocolCard) -> str:
    if card.overall is not None:
        return ""
    if not card.prompts_scored:
        return "no prompt is scored"
    return "The run is incomplete; `score --allow-missing` shows the mean over what is there."


def _difference(paired: PairedDifference) -> DifferenceView:
    interval = paired.interval
    return DifferenceView(
        value=signed(paired.value),
        bounds=f"{signed(interval.low)} – {signed(interval.high)}"
        if interval is not None and interval.method != "no spread"
        else bounds(interval),
        p_value=p_value(paired.p_value),
        mark=("up" if paired.value > 0 else "down") if paired.clear else "",
    )


def _difference_note(comparisons: Sequence[Comparison | None]) -> str:
    known = [one for one in comparisons if one is not None]
    if not known:
        return ""
    prompts = " and ".join(str(count) for count in dict.fromkeys(one.prompts for one in known))
    # NaN over a single prompt, 0 over prompts that all differ alike: neither says what would be found.
    detectable = [smallest for one in known if (smallest := one.scores[0].paired.detectable) > 0]
    found = f" A true difference of {max(detectable):.2f} would be found four times in five." if detectable else ""
    return (
        f"Differences are paired, prompt by prompt, over {prompts} prompts, and marked only where interval and "
        f"p-value both tell them from zero.{found}"
    )


def _comparison_note(comparisons: Sequence[Comparison | None]) -> str:
    known = [one for one in comparisons if one is not None]
    if not known:
        return ""
    numbers = sum(len(one.scores) for one in known)
    return (
        f"{numbers} differences are shown, so expect about {numbers * (1 - known[0].confidence):.0f} marked by chance "
        "alone."
    )


def _gaps(runs: Sequence[ShownRun], protocol: Protocol) -> Iterator[GapView]:
    for place, run in enumerate(runs):
        card = run.judged.protocol(protocol)
        if card.excluded:
            yield GapView(place, card.excluded, card.prompts_expected)


def _lines(shown: ShownRuns, protocol: Protocol, comparisons: Sequence[Comparison | None]) -> Iterator[LineView]:
    tables = [{(row.level, row.name): row for row in score_rows(run.judged.card)} for run in shown.runs]
    paired = [
        {(one.number.row.level, one.number.row.name): _difference(one.paired) for one in comparison.scores}
        if comparison
        else {}
        for comparison in comparisons
    ]
    longest = max(tables, key=len)
    for key, row in longest.items():
        sides = [table[key].cards[protocol] if key in table else None for table in tables]
        yield LineView(
            level=row.level,
            name=row.own_name,
            cells=tuple(
                CellView(
                    score=percent(side.score if side else None),
                    bounds=bounds(side.interval if side else None),
                    share=f"{side.score or 0:.1f}" if side else "0",
                    difference=differences.get(key, DifferenceView()),
                )
                for side, differences in zip(sides, paired, strict=True)
            ),
            prompts=max(side.prompts for side in sides if side),
            questions=max(side.questions for side in sides if side),
        )
