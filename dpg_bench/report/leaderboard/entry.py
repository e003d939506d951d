"""A line of a leaderboard: what is known of one run, or of one published result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from dpg_bench.report.published import Kind, PublishedResult
from dpg_bench.report.runs import JudgedRun, Protocol

Score: TypeAlias = float | Decimal
"""A percentage: measured, or as printed, with its digits."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One result under one protocol; None is for unknown.

    `extent` says how much of the suite it is over where that isn't all; it is not `complete` where prompts are missing
    that it set out to score. `low` and `high` bound the 95 % interval of `overall`. `name` tells runs of one model
    apart; `texts` says who rewrote the prompts it drew from, and is empty where nobody did or nobody tells; `source` is
    the run's folder, or where a published result was read. `published` is the claim that a reproduction is held
    against, about the model that it `reproduces`. `origin` is what all this was read from.
    """

    name: str
    model: str
    overall: Score
    low: float | None
    high: float | None
    categories: Mapping[str, Score]
    prompts: int | None
    prompts_expected: int | None
    complete: bool
    extent: str
    images_per_prompt: int | None
    steps: int | None
    guidance: float | None
    size: int | None
    prompt_rewriting: bool | None
    texts: str
    kind: Kind
    reproduces: str | None
    published: Decimal | None
    source: str
    date: str | None
    origin: JudgedRun | PublishedResult

    @property
    def published_minus_reproduced(self) -> Decimal | None:
        """By how many points the claim lies above this reproduction; None for all else."""
        if self.published is None or not isinstance(self.overall, Decimal):
            return None
        return self.published - self.overall


def run_entry(run: JudgedRun, protocol: Protocol) -> Entry | None:
    """What `run` reached under `protocol`; None if its scorecard has no overall score.

    Raises BadInputError if the run's record is damaged.
    """
    card, scores = run.card, run.protocol(protocol)
    if scores.overall is None:
        return None
    settings = card.run.settings
    record = run.run_dir.read_record() if run.run_dir is not None else None
    return Entry(
        name=run.name,
        model=card.run.model or run.name,
        overall=scores.overall,
        low=scores.interval.low if scores.interval else None,
        high=scores.interval.high if scores.interval else None,
        categories={name: one.score for name, one in scores.l1.items() if one.score is not None},
        prompts=scores.prompts_scored,
        prompts_expected=scores.prompts_expected,
        complete=scores.complete,
        extent=run.extent(protocol),
        images_per_prompt=card.run.images_per_prompt,
        steps=_whole(settings.get("steps")),
        guidance=_real(settings.get("guidance")),
        size=_whole(settings.get("size")),
        prompt_rewriting=bool(run.rewriting) if record is not None or run.rewriting else None,
        texts=run.rewriting,
        kind="run",
        reproduces=None,
        published=None,
        source=str(run.run_dir.path if run.run_dir is not None else run.file),
        date=record.finished[:10] if record is not None and record.finished else None,
        origin=run,
    )


def published_entry(result: PublishedResult, *, published: Decimal | None = None) -> Entry | None:
    """What was claimed, or reproduced of what was `published`; None without an overall score."""
    if result.overall is None:
        return None
    return Entry(
        name=result.model,
        model=result.model,
        overall=result.overall,
        low=None,
        high=None,
        categories=result.scores,
        prompts=None,
        prompts_expected=None,
        complete=True,
        extent="",
        images_per_prompt=result.images_per_prompt,
        steps=result.steps,
        guidance=result.guidance,
        size=result.size,
        prompt_rewriting=result.prompt_rewriting,
        texts="rewritten" if result.prompt_rewriting else "",
        kind=result.kind or "quoted",
        reproduces=result.reproduces,
        published=published,
        source=result.source or "",
        date=result.date,
        origin=result,
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
