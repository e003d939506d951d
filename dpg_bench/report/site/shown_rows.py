"""A line of a leaderboard → a row of the site: its numbers, how far they can be believed, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

from dpg_bench.files.differences import flattened
from dpg_bench.report.audit.arithmetic import as_printed, decimals
from dpg_bench.report.audit.data import share
from dpg_bench.report.audit.result import CAUSES, CategoryAudit, ResultAudit
from dpg_bench.report.leaderboard.entry import Entry
from dpg_bench.report.leaderboard.text import interval_text, prompts_text, score_text
from dpg_bench.report.plain_text import without_home
from dpg_bench.report.published import PublishedResult
from dpg_bench.report.rows import CATEGORIES
from dpg_bench.report.runs import JudgedRun
from dpg_bench.report.site.intervals import Drawing, Scale, draw
from dpg_bench.report.site.sources import source_address

Group = Literal["run", "claim", "reproduction"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known of a result: `link` is where it can be read, if anywhere."""

    term: str
    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Badge:
    """A word on how a number came about, and the style that goes with it."""

    word: str
    style: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as it is shown and by which it is sorted, empty if unknown; `impossible` by the audit's arithmetic."""

    text: str
    value: str
    impossible: bool = False


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A row. `report` is the address of the run's own page."""

    rank: str
    order: int
    name: str
    group: Group
    badges: tuple[Badge, ...]
    overall: Cell
    interval: str
    drawing: Drawing
    gap: Cell
    categories: tuple[Cell, ...]
    prompts: Cell
    facts: tuple[Fact, ...]
    report: str | None

    @property
    def words(self) -> str:
        """All that a search looks through."""
        told = [self.name, *(badge.word for badge in self.badges), *(fact.text for fact in self.facts)]
        return " ".join(told).lower()


def site_row(
    entry: Entry, rank: int | None, scale: Scale, *, tied: bool, audit: ResultAudit | None, report: str | None
) -> SiteRow:
    """The row of `entry`; an incomplete one has no `rank`, and stands last."""
    impossible = {one.category for one in audit.categories if one.verdict == "impossible"} if audit else set()
    gap = entry.published_minus_reproduced
    return SiteRow(
        rank="–" if rank is None else f"{'=' if tied else ''}{rank}",
        order=10**6 if rank is None else rank,
        name=public_text(entry.model if entry.name == entry.model else f"{entry.model} ({entry.name})"),
        group="run" if entry.kind == "run" else "reproduction" if entry.kind == "reproduction" else "claim",
        badges=tuple(_badges(entry, audit)),
        overall=_cell(entry.overall),
        interval=interval_text(entry),
        drawing=draw(entry, scale),
        gap=Cell("", "") if gap is None else Cell(_signed(gap), str(gap)),
        categories=tuple(_cell(entry.categories.get(name), impossible=name in impossible) for name in CATEGORIES),
        prompts=Cell(prompts_text(entry), str(entry.prompts or "")),
        facts=tuple(_facts(entry, audit)),
        report=report,
    )


def _cell(score: float | Decimal | None, *, impossible: bool = False) -> Cell:
    return Cell(score_text(score), "" if score is None else str(score), impossible)


def _signed(number: Decimal) -> str:
    return f"{number:+.2f}".replace("-", "−")


def _badges(entry: Entry, audit: ResultAudit | None) -> Iterator[Badge]:
    if entry.kind == "run":
        yield Badge("measured", "run")
        if not entry.complete:
            yield Badge("incomplete", "doubt")
        if isinstance(entry.origin, JudgedRun) and any(
            (entry.origin.card.run.untrained, entry.origin.card.judge.untrained)
        ):
            yield Badge("untrained: means nothing", "doubt")
    elif entry.kind == "reproduction":
        yield Badge("reproduced", "reproduction")
    else:
        yield Badge("claimed", "claim")
    if audit is not None:
        words = {
            "possible": "categories possible",
            "four-image mean": "categories possible over four images",
            "impossible": "categories impossible",
        }
        yield Badge(words[audit.verdict], "doubt" if audit.verdict == "impossible" else "sure")


def _facts(entry: Entry, audit: ResultAudit | None) -> Iterator[Fact]:
    if interval := interval_text(entry):
        yield Fact("95 % interval", interval)
    for name in CATEGORIES:
        if name in entry.categories:
            yield Fact(name, score_text(entry.categories[name]))
    if audit is not None:
        yield Fact("audit", _audited(audit))
    if entry.published is not None:
        gap = entry.published_minus_reproduced or Decimal(0)
        yield Fact("reproduces", f"{entry.reproduces}, published as {entry.published} ({_signed(gap)} points)")
    if isinstance(entry.origin, PublishedResult):
        yield from _published_facts(entry, entry.origin)
    else:
        yield from _run_facts(entry, entry.origin)


def _published_facts(entry: Entry, result: PublishedResult) -> Iterator[Fact]:
    kinds: Mapping[str, str] = {
        "original": "the authors' own number",
        "quoted": "read in somebody else's table, its origin not followed up",
        "reproduction": "measured by others than the authors",
    }
    yield Fact("kind", f"{entry.kind}: {kinds.get(entry.kind, 'as claimed')}")
    if result.source:
        yield Fact("source", result.source, source_address(result.source))
    for place in result.also_in:
        yield Fact("also in", place, source_address(place))
    known = {
        "parameters": result.params,
        "images per prompt": result.images_per_prompt,
        "protocol": result.protocol or "not told, taken for official",
        "judge": result.judge or "not told, taken for mplug",
        "steps": result.steps,
        "guidance": result.guidance,
        "size": f"{result.size} px" if result.size else None,
        "prompts rewritten": {True: "yes", False: "no", None: None}[result.prompt_rewriting],
        "date": result.date,
        "note": result.note,
    }
    yield from (Fact(term, str(value)) for term, value in known.items() if value is not None)


def _run_facts(entry: Entry, run: JudgedRun) -> Iterator[Fact]:
    card = run.card
    record = run.run_dir.read_record() if run.run_dir is not None else None
    known = {
        "run": run.name,
        "prompts": prompts_text(entry) + (f" ({entry.extent})" if entry.extent else ""),
        "images per prompt": card.run.images_per_prompt,
        **{name: value for name, value in flattened(card.run.settings).items() if name != "images_per_prompt"},
        "settings fingerprint": card.run.settings_fingerprint,
        "suite": f"{public_text(card.suite.name)}, digest {card.suite.digest[:12]}",
        "judge": card.judge.name,
        "judge fingerprint": card.judge.fingerprint,
        "scored by": f"dpg-bench {card.run.scored_by}",
        "made by": f"dpg-bench {record.dpg_bench}" if record is not None else None,
        "commit": record.git_commit if record is not None else None,
        "device": record.device.get("name") if record is not None else None,
        "date": entry.date,
        "warning": "; ".join(card.warnings) or None,
    }
    yield from (Fact(term, public_text(value)) for term, value in known.items() if value is not None)


def public_text(value: object) -> str:
    """A value in words; of a path on this machine, which is nobody else's concern, the name alone."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    prefix, colon, rest = text.rpartition(":")
    path = rest if colon and rest.startswith(("/", "~")) else text
    if path.startswith(("/", "~")):
        text = f"{prefix + colon if path is not text else ''}{Path(path).name}"
    return without_home(text)


def _audited(audit: ResultAudit) -> str:
    told = "; ".join(_audited_category(one) for one in audit.categories)
    return f"{told}. Likely: {CAUSES[audit.cause]}." if audit.cause else f"{told}."


def _audited_category(one: CategoryAudit) -> str:
    if one.verdict != "impossible":
        return f"{one.category} {one.printed} is {share(one)}"
    digits = min(2, decimals(one.printed))
    nearest = " and ".join(as_printed(k, one.questions, digits) for k in one.nearest)
    return f"{one.category} {one.printed} is no share of {one.questions} questions (nearest: {nearest})"
