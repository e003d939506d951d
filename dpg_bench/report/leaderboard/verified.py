"""Only those runs whose images, answers and scores are what their folders say."""

from __future__ import annotations

from functools import cache

from dpg_bench.files.run_folder import RunDir
from dpg_bench.report.leaderboard.result import FoundRuns, LeftOut
from dpg_bench.report.runs import JudgedRun
from dpg_bench.report.verify.result import Verification, verify_run


def only_verified(found: FoundRuns) -> FoundRuns:
    """`found` without the runs in which `verify` finds a difference, or has nothing to recompute the scores from."""

    @cache
    def verification(run: RunDir) -> Verification:
        return verify_run(run)

    def problem(run: JudgedRun) -> str | None:
        if run.run_dir is None or run.answers_file is None:
            return "not verified: it is a scorecard alone, without the answers it was made from"
        differences = verification(run.run_dir).differences
        others = f" ({len(differences) - 1} more: `dpgbench verify`)" if len(differences) > 1 else ""
        return f"not verified: {differences[0]}{others}" if differences else None

    reasons = {id(run): problem(run) for run in found.runs}
    return FoundRuns(
        runs=tuple(run for run in found.runs if reasons[id(run)] is None),
        unusable=(
            *found.unusable,
            *(LeftOut(str(run.file), reason) for run in found.runs if (reason := reasons[id(run)]) is not None),
        ),
    )
