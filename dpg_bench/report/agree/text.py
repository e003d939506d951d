"""How judges agree, for the terminal and as Markdown: the same lines in both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from dpg_bench.report.agree.item_scores import Scoring
from dpg_bench.report.agree.pairs import CategoryAgreement, Flip, PairAgreement
from dpg_bench.report.agree.people import People
from dpg_bench.report.agree.result import Agreement, Models
from dpg_bench.report.markdown import escaped, markdown_table
from dpg_bench.report.terminal import Column, Row, say, show_table
from dpg_bench.score.rank_correlation import Correlation
from dpg_bench.score.stats import Interval

_FEW = 20
"""Questions below which a category's kappa is noise: such categories are left to the files."""

SCORING_WORDS: dict[Scoring, str] = {
    "corrected": "corrected",
    "official": "official",
    "soft": "soft, of P(yes)",
    "share of yes": "share of yes",
    "dsg": "DSG's own",
    "dsg without graph": "DSG's, no graph",
}


_PAIR_COLUMNS = (
    *("category", "questions", "agree, %", "interval", "kappa", "interval of kappa"),
    *("A yes, %", "B yes, %", "only A", "only B"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its title, what is said below it, which of its columns are words, not numbers,
    and which can be spared on a narrow terminal.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    words: tuple[str, ...]
    notes: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()


def print_agreement(agreement: Agreement, console: Console, *, top: int) -> None:
    """Print every table, and of each pair the `top` questions that are answered differently."""
    for table in agreement_tables(agreement, top=top):
        say(console, table.title, "bold")
        if table.rows:
            columns = [Column(name, number=name not in table.words) for name in table.columns]
            show_table(console, columns, table.rows, spare=table.spare)
        for note in table.notes:
            say(console, note)
        console.print()
    for remark in agreement.material.remarks:
        say(console, f"Note: {remark}", "yellow")


def agreement_to_markdown(agreement: Agreement, *, top: int) -> str:
    """The same as Markdown; markup in names is escaped."""
    lines = []
    for table in agreement_tables(agreement, top=top):
        lines += [f"### {escaped(table.title)}", ""]
        if table.rows:
            lines += [*markdown_table(table.columns, [row.cells for row in table.rows], left=table.words), ""]
        lines += [f"- {escaped(note.strip())}" for note in table.notes] + [""]
    lines += [f"- Note: {escaped(remark)}" for remark in agreement.material.remarks]
    return "\n".join(lines)


def agreement_tables(agreement: Agreement, *, top: int, few: int = _FEW) -> Iterator[Table]:
    """The judges, every pair of them, the models, and people where there are ratings.

    Of each pair the `top` answers that differ are shown, and level-2 categories of no fewer than `few` questions.
    """
    yield _judges(agreement)
    for pair in agreement.pairs:
        yield _pair(agreement, pair, few)
        if top and pair.flips:
            yield Table(
                f"{len(pair.flips)} answers differ, such as:",
                (),
                (),
                (),
                tuple(_example(agreement, pair, flip) for flip in pair.flips[:top]),
            )
    if agreement.models is not None:
        yield _models(agreement, agreement.models)
    if agreement.people is not None:
        yield _people(agreement.people)


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage."""
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


def coefficient(value: float, *, digits: int = 3) -> str:
    """A coefficient, -1 to 1."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def bounds(interval: Interval | None, *, scale: float = 1, digits: int = 2) -> str:
    """An interval as `0.44 to 0.51`; a dash where there is none."""
    if interval is None:
        return "-"
    if interval.method == "no spread":
        return "no spread"
    return f"{scale * interval.low:.{digits}f} to {scale * interval.high:.{digits}f}"


def _judges(agreement: Agreement) -> Table:
    material = agreement.material
    models = f"{len(material.models)} models" if len(material.models) > 1 else material.models[0]
    rows = [
        Row((one.judge, str(one.answers), percent(one.yes / max(1, one.answers)), str(one.unanswered)))
        for one in agreement.judges
    ]
    notes = []
    if any(one.unanswered for one in agreement.judges):
        notes.append("What is neither yes nor no counts as no below, as in the official script.")
    suite = f"suite {material.suite.name}" if material.has_graph else "no suite: neither categories nor protocols"
    title = f"Judges: {', '.join(material.judges)}; {models}; {suite}"
    return Table(title, ("judge", "answers", "yes, %", "neither"), tuple(rows), ("judge",), tuple(notes))


def _pair(agreement: Agreement, pair: PairAgreement, few: int) -> Table:
    shown = [one for one in pair.categories if one.row.level < 2 or one.counts.answers >= few]
    rows = [_category(one) for one in shown]
    return Table(
        f"A: {pair.first}, B: {pair.second}; {pair.overall.answers} questions in common",
        _PAIR_COLUMNS,
        tuple(rows),
        ("category",),
        tuple(_pair_notes(agreement, pair, len(pair.categories) - len(shown))),
        ("interval", "interval of kappa"),
    )


def _category(one: CategoryAgreement) -> Row:
    counts, intervals = one.counts, one.intervals
    cells = (
        f"{'  ' if one.row.level == 2 else ''}{one.row.own_name}",
        str(counts.answers),
        percent(counts.agreement),
        bounds(intervals.agreement, scale=100, digits=1),
        coefficient(counts.kappa, digits=2),
        bounds(intervals.kappa),
        percent(counts.first_yes),
        percent(counts.second_yes),
        str(counts.only_first),
        str(counts.only_second),
    )
    return Row(cells, "bold" if one.row.level == 0 else "", end_section=one.row.level == 0)


def _pair_notes(agreement: Agreement, pair: PairAgreement, left_out: int) -> Iterator[str]:
    yield (
        f"Intervals: {agreement.confidence:.0%}, over prompts. Kappa is agreement beyond what both would reach by "
        "chance with their shares of yes: 0 is chance, 1 is whole."
    )
    if any(pair.unanswered):
        said = [f"{count} of {judge}" for judge, count in zip((pair.first, pair.second), pair.unanswered, strict=True)]
        yield (
            f"Neither yes nor no: {', '.join(said)}. Without these {pair.answered.answers} questions are left: "
            f"agreement {percent(pair.answered.agreement)} %, kappa {coefficient(pair.answered.kappa, digits=2)}."
        )
    for judge, count in ((pair.first, pair.first_alone), (pair.second, pair.second_alone)):
        if count:
            yield f"{count} questions were put to {judge} alone; they count nowhere here."
    if pair.items is not None:
        yield (
            f"Scores of {pair.items.images} images ({SCORING_WORDS[agreement.scoring]}): "
            f"Spearman {_with_interval(pair.items.spearman)}, Kendall {_with_interval(pair.items.kendall)}."
        )
    if left_out:
        yield f"{left_out} categories of fewer than {_FEW} questions are not shown; --json, --csv and --html have them."


def _example(agreement: Agreement, pair: PairAgreement, flip: Flip) -> str:
    place = flip.place
    about = f"{place.item_id}, image {place.image}"
    if len(agreement.material.models) > 1:
        about = f"{place.model}, {about}"
    said = [
        f"{judge} {answer or 'neither'}{f' (P(yes) {p_yes:.2f})' if p_yes is not None else ''}"
        for judge, answer, p_yes in zip((pair.first, pair.second), (flip.first, flip.second), flip.p_yes, strict=True)
    ]
    text = place.question.text or f"question {place.question.proposition_id}"
    return f"  {about}: {text} {', '.join(said)}"


def _models(agreement: Agreement, models: Models) -> Table:
    judges = list(dict.fromkeys(judge for judge, _ in models.scores))
    people = agreement.people
    ranked = [_ranks([models.scores[judge, model] for model in agreement.material.models]) for judge in judges]
    ratings = {} if people is None else people.by_model
    rows = []
    for place, model in enumerate(agreement.material.models):
        cells = [model]
        for judge, ranks in zip(judges, ranked, strict=True):
            cells.append(f"{models.scores[judge, model]:.2f} ({ranks[place]})")
        if people is not None:
            cells.append(f"{ratings[model]:.2f}" if model in ratings else "-")
        rows.append(Row(tuple(cells)))
    notes = [
        f"{one.first} and {one.second}: Spearman {_with_interval(one.spearman)}, Kendall {_with_interval(one.kendall)}."
        for one in models.orders
    ]
    columns = ("model", *judges, *(("people's mean rating",) if people is not None else ()))
    scoring = SCORING_WORDS[agreement.scoring]
    title = f"Models: mean score in % ({scoring}) and rank, over {models.items} prompts scored everywhere"
    return Table(title, columns, tuple(rows), ("model",), tuple(notes))


def _ranks(scores: Sequence[float]) -> list[int]:
    return [1 + sum(other > one for other in scores) for one in scores]


def _people(people: People) -> Table:
    rows = [
        Row(
            (
                SCORING_WORDS[one.scoring],
                one.judge,
                str(one.images),
                _with_interval(one.spearman),
                _with_interval(one.kendall),
            )
        )
        for one in people.judges
    ]
    ceiling = people.ceiling
    notes = []
    if math.isnan(ceiling.judge.value):
        notes.append("No image was rated by several people, so what they agree on among themselves can't be said.")
    else:
        notes.append(
            f"One rater against the mean of the others: Spearman {_with_interval(ceiling.one_rater_spearman)}, Kendall "
            f"{_with_interval(ceiling.one_rater_kendall)}."
        )
        notes.append(
            f"The ceiling: with {ceiling.per_image:.1f} raters an image, the mean rating has a reliability of "
            f"{_with_interval(ceiling.reliability)}, so that a perfect judge's Spearman is expected at "
            f"{_with_interval(ceiling.judge)}."
        )
    notes += [
        f"{one.second} minus {one.first} ({SCORING_WORDS[one.scoring]}, {one.images} images): Spearman "
        f"{one.spearman.value:+.3f} ({bounds(one.spearman.interval)})."
        for one in people.differences
    ]
    if any(one.scoring.startswith("dsg") for one in people.judges):
        notes.append("DSG's own score gives 0 to an item that can't be scored, as its authors' script does.")
    if people.unknown:
        notes.append(f"{people.unknown} ratings are of images that were not judged here; they count nowhere.")
    title = f"People: {people.ratings} ratings of {people.images} images by {people.raters} raters"
    columns = ("score", "judge", "images", "Spearman", "Kendall")
    return Table(title, columns, tuple(rows), ("score", "judge"), tuple(notes))


def _with_interval(one: Correlation) -> str:
    return f"{coefficient(one.value)} ({bounds(one.interval)})"
