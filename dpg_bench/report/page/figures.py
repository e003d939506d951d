"""The page's charts: which figures there are, what they are called, and what their parts say when pointed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dpg_bench.report.compare.result import Comparison
from dpg_bench.report.page.charts import (
    Chart,
    Group,
    Mark,
    Value,
    bar_chart,
    column_chart,
    dot_chart,
    forest_chart,
    scatter_chart,
)
from dpg_bench.report.page.estimates import (
    HISTOGRAM_BINS,
    DepthEstimate,
    Estimate,
    length_bins,
    prompt_pairs,
    scores_by_depth,
    scores_by_length,
    spread,
)
from dpg_bench.report.page.shown_runs import ShownRun, ShownRuns
from dpg_bench.report.page.wording import bounds, p_value, share, signed
from dpg_bench.report.rows import CategoryRow, score_rows
from dpg_bench.report.runs import Protocol
from dpg_bench.score.scorecard import CategoryCard, IntervalCard, StatisticsCard
from dpg_bench.score.stats import Interval

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its title, and what must be known to read it; `name` is that of its files."""

    name: str
    title: str
    caption: str
    chart: Chart


def draw_figures(
    shown: ShownRuns, protocol: Protocol, comparisons: Sequence[Comparison | None], *, depth: Figure
) -> tuple[Figure, ...]:
    """The charts under `protocol`; `comparisons` hold each run against the first, None where they can't be held.

    `depth` is of `draw_depth`, the same under every protocol.
    """
    confidence = _confidence(shown)
    known = {place: one for place, one in enumerate(comparisons) if one is not None}
    return (
        _categories(shown, protocol, confidence),
        *((_differences(shown, known, confidence), _scatter(shown, protocol, known)) if known else ()),
        _spread(shown, protocol),
        _by_length(shown, protocol, confidence),
        depth,
    )


def _categories(shown: ShownRuns, protocol: Protocol, confidence: str) -> Figure:
    rows: dict[tuple[int, str], dict[int, CategoryCard]] = {}
    for place, run in enumerate(shown.runs):
        for row in score_rows(run.judged.card):
            if row.level < 2:
                rows.setdefault((row.level, row.name), {})[place] = row.cards[protocol]
    groups = [
        Group(
            name,
            tuple(_category_value(shown, name, place, side) for place, side in sides.items() if side.score is not None),
        )
        for (_, name), sides in rows.items()
    ]
    chart = bar_chart(groups, summary=_summary("Scores by category", groups))
    return Figure("categories", "Scores by category", f"Percent, with {confidence} intervals over prompts.", chart)


def _category_value(shown: ShownRuns, name: str, place: int, side: CategoryCard) -> Value:
    interval = side.interval if side.interval is not None and side.interval.method != "no spread" else None
    assert side.score is not None  # noqa: S101 - categories without a score have no bar
    about = f"{side.questions} questions of {side.prompts} prompts"
    return Value(
        score=side.score,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        run=place,
        title=_title(shown, place, name, f"{side.score:.2f}{_aside(side.interval)}, {about}"),
    )


def _differences(shown: ShownRuns, comparisons: Mapping[int, Comparison], confidence: str) -> Figure:
    rows: dict[CategoryRow, list[Value]] = {}
    for place, comparison in comparisons.items():
        for score in comparison.scores:
            row, paired = score.number.row, score.paired
            if row.level == 2 and len(comparisons) > 1:
                continue  # the rows of several runs would not fit on a page
            interval = paired.interval if paired.interval and paired.interval.method != "no spread" else None
            what = f"{signed(paired.value)}{_aside(paired.interval)}, p = {p_value(paired.p_value)}"
            value = Value(
                score=paired.value,
                low=interval.low if interval else None,
                high=interval.high if interval else None,
                run=place,
                title=_title(shown, place, row.name, f"{what}, {paired.prompts} prompts"),
                hollow=not paired.clear,
            )
            rows.setdefault(row, []).append(value)
    groups = [Group(f"· {row.own_name}" if row.level == 2 else row.name, tuple(rows[row])) for row in rows]
    title = f"Differences from {shown.runs[0].letter}"
    chart = forest_chart(groups, axis=f"points more than {shown.runs[0].letter}", summary=_summary(title, groups))
    caption = (
        f"Paired, prompt by prompt, with {confidence} intervals; filled where interval and p-value tell it from zero."
    )
    return Figure("differences", title, caption, chart)


def _scatter(shown: ShownRuns, protocol: Protocol, comparisons: Mapping[int, Comparison]) -> Figure:
    first = shown.runs[0]
    marks, words = [], []
    for place in comparisons:
        run = shown.runs[place]
        found = prompt_pairs(first, run, protocol)
        marks += [
            Mark(
                first=pair.first,
                second=pair.second,
                run=place,
                count=len(pair.item_ids),
                title=f"{first.letter} {pair.first:.1f}, {run.letter} {pair.second:.1f}: {_some(pair.item_ids)}",
            )
            for pair in found
        ]
        higher = sum(len(pair.item_ids) for pair in found if pair.second > pair.first)
        lower = sum(len(pair.item_ids) for pair in found if pair.second < pair.first)
        equal = sum(len(pair.item_ids) for pair in found) - higher - lower
        words.append(f"{higher} prompts score higher in {run.letter}, {lower} lower, {equal} the same")
    others = " and ".join(shown.runs[place].letter for place in comparisons)
    caption = f"{'; '.join(words)}. A spot's area counts the prompts in one place."
    chart = scatter_chart(
        marks,
        across=f"score of a prompt in {first.letter}",
        up=f"score in {others}",
        summary=f"Score of each prompt in {first.letter} against {others}. {'; '.join(words)}.",
    )
    return Figure("scatter", f"Every prompt, {first.letter} against {others}", caption, chart)


def _some(item_ids: Sequence[str]) -> str:
    """A few names, since hundreds may lie in one place."""
    few = ", ".join(item_ids[:_NAMED])
    return few if len(item_ids) <= _NAMED else f"{few} and {len(item_ids) - _NAMED} more"


def _spread(shown: ShownRuns, protocol: Protocol) -> Figure:
    found = [spread(run, protocol) for run in shown.runs]
    counts = [one.bins if one else (0,) * HISTOGRAM_BINS for one in found]
    edges = [100 * place // HISTOGRAM_BINS for place in range(HISTOGRAM_BINS + 1)]
    titles = [
        [
            f"{_letter(shown, run)}{low} to {high}: {count} prompts"
            for low, high, count in zip(edges, edges[1:], row, strict=False)
        ]
        for run, row in zip(shown.runs, counts, strict=True)
    ]
    words = ". ".join(
        f"{_letter(shown, run)}median {one.median:.1f}; {one.perfect} of {one.prompts} at 100, {one.zero} at 0"
        for run, one in zip(shown.runs, found, strict=True)
        if one
    )
    chart = column_chart(counts, titles, summary=f"Number of prompts by score. {words}.")
    return Figure("prompts", "Scores of single prompts", f"{words[:1].upper()}{words[1:]}." if words else "", chart)


def _by_length(shown: ShownRuns, protocol: Protocol, confidence: str) -> Figure:
    bins = length_bins(shown)
    columns = [scores_by_length(shown, run, protocol, bins) for run in shown.runs]
    groups = []
    for number, (low, high) in enumerate(bins):
        name = f"{low}–{high}" if low < high else str(low)
        found = [(place, column[number]) for place, column in enumerate(columns)]
        values = tuple(
            _estimate(shown, place, f"{name} words", one, f"{one.prompts} prompts") for place, one in found if one
        )
        groups.append(Group(name, values, note=f"n = {max((one.prompts for _, one in found if one), default=0)}"))
    chart = dot_chart(groups, axis="words in the prompt", summary=_summary("Mean score by prompt length", groups))
    caption = f"Mean over prompts, {confidence} intervals; the axis spans the data."
    return Figure("length", "Score by prompt length", caption, chart)


def draw_depth(shown: ShownRuns) -> Figure:
    """How the questions fare by the number of questions above them: of the answers alone, whatever the protocol."""
    rows: dict[str, list[tuple[int, DepthEstimate]]] = {}
    for place, run in enumerate(shown.runs):
        for row in scores_by_depth(shown, run):
            rows.setdefault(row.label, []).append((place, row))
    groups = [
        Group(
            label,
            tuple(
                value
                for place, row in found
                for value in (
                    _estimate(shown, place, f"depth {label}, counts", row.counts, f"{row.questions} questions"),
                    _estimate(shown, place, f"depth {label}, yes", row.yes, f"{row.questions} questions", hollow=True),
                )
            ),
            note=f"n = {max(row.questions for _, row in found)}",
        )
        for label, found in rows.items()
    ]
    caption = (
        f"Share of questions by the number of questions above them: filled, those that count; hollow, those answered "
        f"yes whether or not their ancestors hold. {_confidence(shown)} intervals; the axis spans the data."
    )
    chart = dot_chart(groups, axis="questions above", summary=_summary("Share of questions by depth", groups))
    return Figure("depth", "Score by question depth", caption, chart)


def _estimate(
    shown: ShownRuns, place: int, name: str, estimate: Estimate, about: str, *, hollow: bool = False
) -> Value:
    interval = estimate.interval
    return Value(
        score=estimate.score,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        run=place,
        title=_title(shown, place, name, f"{estimate.score:.2f}{_aside(interval)}, {about}"),
        hollow=hollow,
    )


def _confidence(shown: ShownRuns) -> str:
    return share((shown.runs[0].judged.card.statistics or StatisticsCard()).confidence)


def _title(shown: ShownRuns, place: int, name: str, what: str) -> str:
    return f"{_letter(shown, shown.runs[place])}{name}: {what}"


def _aside(interval: IntervalCard | Interval | None) -> str:
    return f" ({bounds(interval)})" if interval else ""


def _letter(shown: ShownRuns, run: ShownRun) -> str:
    return f"{run.letter}: " if len(shown.runs) > 1 else ""


def _summary(title: str, groups: Sequence[Group]) -> str:
    return f"{title}. " + "; ".join(value.title for group in groups for value in group.values)
