"""A command's whole work: first a plan, in which everything is resolved and checked, then its execution."""

from dpg_bench.jobs.run import execute_run
from dpg_bench.jobs.run_plan import RunPlan, RunRequest, plan_run
from dpg_bench.jobs.score import execute_score
from dpg_bench.jobs.score_plan import ScorePlan, plan_score
from dpg_bench.jobs.score_request import ScoreRequest
from dpg_bench.jobs.scored import ScoreResult

__all__ = [
    "RunPlan",
    "RunRequest",
    "ScorePlan",
    "ScoreRequest",
    "ScoreResult",
    "execute_run",
    "execute_score",
    "plan_run",
    "plan_score",
]
