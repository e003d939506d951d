"""`compare`, `check` and `same` as Python calls: scorecards, loaded runs or paths in, results out."""

from __future__ import annotations

from pathlib import Path

from dpg_bench.report.check.result import CheckResult, check_run
from dpg_bench.report.compare.result import Comparison, compare_all
from dpg_bench.report.runs import JudgedRun, Protocol, as_judged
from dpg_bench.report.same.result import Sameness, hold_same
from dpg_bench.score.scorecard import Scorecard


def compare(
    first: JudgedRun | Scorecard | Path | str,
    second: JudgedRun | Scorecard | Path | str,
    *,
    protocol: Protocol = "corrected",
    confidence: float = 0.95,
    allow_different: bool = False,
) -> Comparison:
    """Hold `second` against `first`, prompt by prompt; both as a scorecard, a run from `open_run`, or a path.

    `confidence`, between 0.5 and 1, is that of the intervals.

    Raises BadInputError if a path holds no scorecard, or the two can't be compared: other suites, judges or numbers of
    images. Runs that drew from different texts, one of them rewritten, are compared if `allow_different`.

    >>> import dpg_bench as dpg
    >>> result = dpg.compare("runs/demo", "runs/better")
    >>> result.scores[0].paired.value
    25.0
    """
    runs = [as_judged(first, name="first"), as_judged(second, name="second")]
    return compare_all(runs, protocol=protocol, confidence=confidence, allow_different=allow_different)[0]


def check(
    run: JudgedRun | Scorecard | Path | str,
    baseline: JudgedRun | Scorecard | Path | str,
    *,
    max_drop: float = 1.0,
    confidence: float = 0.95,
    categories: bool = False,
    protocol: Protocol = "corrected",
    allow_missing: bool = False,
    strict: bool = False,
    allow_different: bool = False,
) -> CheckResult:
    """Whether `run` is worse than `baseline` by more than `max_drop` points, and by more than noise: see `verdict`.

    `categories` checks the five level-1 categories too. A run without scores of all the baseline's prompts is
    `incomplete`, unless `allow_missing`; with `strict`, what these prompts can't tell isn't `passed`.

    Raises BadInputError for values out of range, and what `compare` raises.

    >>> import dpg_bench as dpg
    >>> dpg.check("runs/demo", "runs/demo").numbers[0].difference
    0.0
    """
    return check_run(
        as_judged(run, name="run"),
        as_judged(baseline, name="baseline"),
        max_drop=max_drop,
        confidence=confidence,
        categories=categories,
        protocol=protocol,
        allow_missing=allow_missing,
        strict=strict,
        allow_different=allow_different,
    )


def same(
    first: Path | str,
    second: Path | str,
    *,
    margin: float = 1.0,
    confidence: float = 0.95,
    min_psnr: float | None = None,
    min_ssim: float | None = None,
    protocol: Protocol = "corrected",
    judge: str | None = None,
    allow_missing: bool = False,
) -> Sameness:
    """Whether two runs of the same prompts from the same seeds drew the same, by pixels and by answers: see `verdict`.

    `margin` [points] is the difference of overall scores that counts as one; `min_psnr` [dB] and `min_ssim` are limits
    for the median image. Prompts that one of them lacks make it `incomplete`, unless `allow_missing`.

    Raises BadInputError for values out of range, runs of other prompts, seeds or judges, and if there is nothing to
    compare.

    >>> import dpg_bench as dpg
    >>> result = dpg.same("runs/demo", "runs/better")
    >>> result.verdict, result.scores.flips[0].to_yes
    ('unclear', 1)
    """
    return hold_same(
        Path(first).expanduser(),
        Path(second).expanduser(),
        judge=judge,
        margin=margin,
        confidence=confidence,
        protocol=protocol,
        min_psnr=min_psnr,
        min_ssim=min_ssim,
        allow_missing=allow_missing,
    )


def open_run(path: Path | str, *, judge: str | None = None) -> JudgedRun:
    """A scored run: its scorecard as `card`, what was answered as `answers`, and the folder it lies in.

    `path` is a run folder, one of its judgements, or a scorecard file; `judge` chooses where a run has several.

    Raises BadInputError if there is nothing scored, or it is damaged.

    >>> import dpg_bench as dpg
    >>> run = dpg.open_run("runs/demo")
    >>> run.name, run.answers["fox"]
    ('demo', {1: (True,), 2: (False,)})
    """
    return as_judged(Path(path), judge=judge)
