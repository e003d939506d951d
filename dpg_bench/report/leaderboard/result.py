"""Runs ranked by overall score, with ties where the data can't tell two of them apart.

A ranking holds one protocol, one suite, one judge and images of the same texts, unless texts may differ; partial runs
are ranked among runs over the same items, and incomplete ones not at all, since what is missing may be what is hard.
The rank of a result is one more than the number of results that are clearly better, so ties share a rank. Two runs
differ clearly where the 95 % interval of their paired difference excludes zero; a run and a published number where
the number lies outside the run's interval. Of two published numbers nothing is known but the numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dpg_bench.errors import BadInputError
from dpg_bench.report.leaderboard.entry import Entry, published_entry, run_entry
from dpg_bench.report.leaderboard.ranking_pairs import clearly_better
from dpg_bench.report.published import PrintedScore, PublishedResult
from dpg_bench.report.reproductions import find_reproductions
from dpg_bench.report.runs import PROTOCOLS, JudgedRun, Protocol, find_scorecards, load_judged

_PUBLISHED_SUITE = "dpg-bench"
_PUBLISHED_JUDGE = "mplug"


@dataclass(frozen=True, slots=True)
class Ranked:
    """An entry with its rank, from 1; `tied` says that others share it."""

    rank: int
    tied: bool
    entry: Entry


@dataclass(frozen=True, slots=True)
class Ranking:
    """Results that can be compared with one another, in order of their overall scores, highest first.

    `incomplete` are those that have no rank because prompts are missing.
    """

    protocol: Protocol
    suite: str
    judge: str
    places: tuple[Ranked, ...]
    incomplete: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A scored run that can't be shown."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All rankings, those of one suite and judge together; what was left out; what must be said beside the runs."""

    rankings: tuple[Ranking, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """The scored runs of some folders, and those of them whose scorecard can't be used."""

    runs: tuple[JudgedRun, ...] = ()
    unusable: tuple[LeftOut, ...] = ()


def find_runs(folders: Sequence[Path]) -> FoundRuns:
    """Every scored run under `folders`, once. One whose scorecard is damaged, of a newer schema or stale is set apart.

    Raises BadInputError for a folder that isn't there or holds no scorecard.
    """
    runs: dict[Path, JudgedRun] = {}
    unusable: dict[Path, LeftOut] = {}
    for folder in folders:
        if not folder.is_dir():
            raise BadInputError(f"There is no folder {folder}. Name a folder of runs.")
        found = list(find_scorecards(folder))
        if not found:
            raise BadInputError(
                f"No scored run lies under {folder}. Make one with `dpgbench run` and `dpgbench score`."
            )
        for file in found:
            if file.resolve() not in runs and file.resolve() not in unusable:
                try:
                    runs[file.resolve()] = load_judged(file)
                except BadInputError as error:
                    unusable[file.resolve()] = LeftOut(str(file), error.message)
    return FoundRuns(tuple(runs.values()), tuple(unusable.values()))


def rank_runs(
    runs: Sequence[JudgedRun],
    *,
    published: Sequence[PublishedResult] = (),
    unusable: Sequence[LeftOut] = (),
    allow_different: bool = False,
) -> Leaderboard:
    """Rank `runs` under both protocols; `unusable` ones are named as left out.

    Runs that drew from rewritten prompts are ranked apart, and so are claims that say so, unless `allow_different`.

    `published` results, which as a rule name neither protocol nor judge, are taken for the official script's and its
    judge's unless they say otherwise, and are ranked with complete runs on dpg-bench of the same protocol and judge.

    Raises BadInputError if there is nothing to show.
    """
    left_out = [*unusable]
    kept = []
    for run in runs:
        reason = _reason_to_leave_out(run)
        if reason is None:
            kept.append(run)
        else:
            left_out.append(LeftOut(str(run.file), reason))
    if not kept and not published:
        raise BadInputError(f"Nothing can be ranked: {left_out[0].source}: {left_out[0].reason}")
    groups: defaultdict[_Key, list[JudgedRun]] = defaultdict(list)
    for run in kept:
        for protocol in PROTOCOLS:
            groups[_key(run, protocol, allow_different=allow_different)].append(run)
    labels = _labels(groups)
    claims = _claims(published, allow_different=allow_different)
    held_against = {one.result.row: one.published for one in find_reproductions(published)}
    rankings = []
    for key, members in groups.items():
        label = labels[key]
        rankings.append(_ranking(label, members, [] if key.partial else claims.pop(label, []), held_against))
    rankings += [_ranking(label, [], results, held_against) for label, results in claims.items()]
    return Leaderboard(
        rankings=tuple(sorted(rankings, key=_order)),
        left_out=tuple(left_out),
        warnings=tuple(dict.fromkeys(f"{run.name}: {warning}" for run in kept for warning in _warnings(run))),
    )


@dataclass(frozen=True, slots=True)
class _Key:
    """What all runs of a ranking share. `judge` is the fingerprint, or what is known of the judge without one."""

    protocol: Protocol
    suite: str
    partial: str
    items: frozenset[str]
    judge: str
    texts: str


@dataclass(frozen=True, slots=True)
class _Label:
    """A ranking's protocol, suite and judge as people name them."""

    protocol: Protocol
    suite: str
    judge: str


_Groups: TypeAlias = Mapping[_Key, Sequence[JudgedRun]]


def _reason_to_leave_out(run: JudgedRun) -> str | None:
    if run.card.schema_version < 2:
        return "scored by an older dpg-bench, without the scores of single items; score it again."
    for protocol in PROTOCOLS:
        scores = run.protocol(protocol)
        if scores.overall is None:
            counts = f"{scores.prompts_scored} of {scores.prompts_expected} prompts are scored"
            return f"it has no overall score under the {protocol} protocol: {counts}."
    try:
        for protocol in PROTOCOLS:
            run_entry(run, protocol)
    except BadInputError as error:  # its record is damaged
        return str(error)
    return None


def _key(run: JudgedRun, protocol: Protocol, *, allow_different: bool) -> _Key:
    card, scores = run.card, run.protocol(protocol)
    expected = {*run.items(protocol).item_ids, *(item.item_id for item in scores.excluded)}
    return _Key(
        protocol=protocol,
        suite=card.suite.digest,
        partial=scores.partial or "",
        items=frozenset(expected if scores.partial else ()),
        judge=card.judge.fingerprint or f"{card.judge.name} {card.judge.provenance.get('format', '')}".strip(),
        texts="" if allow_different else run.rewriting,
    )


def _warnings(run: JudgedRun) -> tuple[str, ...]:
    unknown = "who judged it is not recorded; its rank holds only if the others here have the same judge"
    return (*run.card.warnings, *((unknown,) if run.card.judge.fingerprint is None else ()))


def _labels(groups: _Groups) -> dict[_Key, _Label]:
    suites = {key.suite: members[0].card.suite.name for key, members in groups.items()}
    judges = {key.judge: _judge_name(members) for key, members in groups.items()}
    return {
        key: _Label(
            protocol=key.protocol,
            suite="".join(
                (
                    _distinct(suites, key.suite),
                    f" ({key.partial})" if key.partial else "",
                    f", prompts {key.texts}" if key.texts else "",
                )
            ),
            judge=_distinct(judges, key.judge),
        )
        for key in groups
    }


def _judge_name(runs: Sequence[JudgedRun]) -> str:
    names = [run.card.judge.name for run in runs]
    return next((name for name in names if name != "imported"), names[0])


def _distinct(names: Mapping[str, str], digest: str) -> str:
    """The name that `digest` has, followed by its start where others have the same name."""
    name = names[digest]
    return name if list(names.values()).count(name) == 1 else f"{name}@{digest[:8]}"


def _claims(published: Sequence[PublishedResult], *, allow_different: bool) -> dict[_Label, list[PublishedResult]]:
    claims: defaultdict[_Label, list[PublishedResult]] = defaultdict(list)
    for result in published:
        protocol: Protocol = "corrected" if result.protocol == "corrected" else "official"
        apart = ", prompts rewritten" if result.prompt_rewriting and not allow_different else ""
        suite = f"{result.suite or _PUBLISHED_SUITE}{apart}"
        label = _Label(protocol, suite, result.judge or _PUBLISHED_JUDGE)
        claims[label].append(result)
    return claims


def _ranking(
    label: _Label,
    runs: Sequence[JudgedRun],
    published: Sequence[PublishedResult],
    held_against: Mapping[int, PrintedScore],
) -> Ranking:
    complete = [run for run in runs if run.protocol(label.protocol).complete]
    own = [entry for run in complete if (entry := run_entry(run, label.protocol)) is not None]
    gaps = [run_entry(run, label.protocol) for run in runs if run not in complete]
    claimed = [published_entry(result, published=held_against.get(result.row)) for result in published]
    entries = own + [entry for entry in claimed if entry is not None]
    paired = clearly_better([run.items(label.protocol) for run in complete])

    def better(one: int, other: int) -> bool:
        both_runs = max(one, other) < len(own)
        return paired[one][other] if both_runs else _clearly_above(entries[one], entries[other])

    ranks = [1 + sum(better(other, place) for other in range(len(entries))) for place in range(len(entries))]
    places = [
        Ranked(rank=rank, tied=ranks.count(rank) > 1, entry=entry) for rank, entry in zip(ranks, entries, strict=True)
    ]
    places.sort(key=lambda place: (-place.entry.overall, place.entry.name.lower()))
    incomplete = sorted((entry for entry in gaps if entry is not None), key=lambda entry: entry.name.lower())
    return Ranking(label.protocol, label.suite, label.judge, tuple(places), tuple(incomplete))


def _clearly_above(one: Entry, other: Entry) -> bool:
    """Of two entries, at least one of them published: its number has no interval, so the other's alone counts."""
    below = one.low if one.low is not None else one.overall
    above = other.high if other.high is not None else other.overall
    return below > above


def _order(ranking: Ranking) -> tuple[bool, str, str, str]:
    return (ranking.suite != _PUBLISHED_SUITE, ranking.suite, ranking.judge, ranking.protocol)
