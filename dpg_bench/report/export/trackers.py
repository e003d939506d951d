"""A scored run's numbers in an experiment tracker: wandb, mlflow or trackio, each an extra of this package.

Where a tracker keeps what it gets, on this machine or elsewhere, is set as its own users set it: `WANDB_MODE=offline`,
`MLFLOW_TRACKING_URI`, `TRACKIO_DIR`.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from typing import Literal, get_args

from dpg_bench.errors import DpgBenchError, unknown_name
from dpg_bench.report.coverage import check_scored, prompts_behind
from dpg_bench.report.runs import JudgedRun

Tracker = Literal["wandb", "mlflow", "trackio"]


def find_tracker(name: str) -> Tracker:
    """The tracker of that name, once it is known to be installed.

    Raises BadInputError for an unknown name, DpgBenchError if the library isn't there.
    """
    tracker: Tracker | None = next((known for known in get_args(Tracker) if known == name), None)
    if tracker is None:
        raise unknown_name("tracker", name, get_args(Tracker))
    if importlib.util.find_spec(tracker) is None:
        raise DpgBenchError(f"{tracker} is not installed. Install it with: pip install 'dpg-bench[{tracker}]'")
    return tracker


def log_to_tracker(run: JudgedRun, tracker: Tracker, *, project: str) -> None:
    """Record the scores of `run` as one run of `project`, with what they were made with as its configuration.

    Raises BadInputError if the run has no overall score, DpgBenchError if the tracker can't record it.
    """
    check_scored(run)
    metrics, config = score_metrics(run), run_config(run)
    coverage = prompts_behind(run, "corrected")
    name = f"{run.name} ({coverage})" if coverage else run.name
    try:
        _record(tracker, project, name, metrics, config)
    except Exception as error:  # the trackers raise whatever they like, from no login to no network
        raise DpgBenchError(f"{tracker} did not record the scores: {error}") from error


def _record(
    tracker: Tracker, project: str, name: str, metrics: Mapping[str, float], config: Mapping[str, str | int]
) -> None:
    if tracker == "wandb":
        import wandb

        with wandb.init(project=project, name=name, config=dict(config)) as recorded:
            recorded.log(dict(metrics))
    elif tracker == "mlflow":
        import mlflow

        mlflow.set_experiment(project)
        with mlflow.start_run(run_name=name):
            mlflow.log_params(dict(config))
            mlflow.log_metrics(dict(metrics))
    else:
        import trackio

        trackio.init(project=project, name=name, config=dict(config), embed=False)
        trackio.log(dict(metrics))
        trackio.finish()


def score_metrics(run: JudgedRun) -> Mapping[str, float]:
    """Every number, `corrected/overall`, and the ends of its interval, `corrected/overall low` and `… high`.

    Under `part of the suite/` if it isn't of a whole suite, so that no chart puts it among those that are.
    """
    prefix = "part of the suite/" if prompts_behind(run, "corrected") else ""
    metrics = {}
    for name, value in run.card.flat(prefix).items():
        # A store of files can't have a number `overall` and a folder of that name.
        own = re.sub(r"/(low|high)$", r" \1", name)
        # What trackers accept in a name; categories of a suite of one's own may hold anything.
        metrics[re.sub(r"[^A-Za-z0-9_. /-]", "_", own)] = value
    return metrics


def run_config(run: JudgedRun) -> Mapping[str, str | int]:
    """Model, settings, suite and judge, flat."""
    card = run.card
    config: dict[str, str | int] = {
        "model": card.run.model or run.name,
        "suite": card.suite.name,
        "suite_digest": card.suite.digest,
        "judge": card.judge.name,
        "judge_fingerprint": card.judge.fingerprint or "unknown",
        "images_per_prompt": card.run.images_per_prompt,
        "prompts_scored": card["corrected"].prompts_scored,
        "prompts_in_suite": card.suite.prompts,
        "scored_by": card.run.scored_by,
    }
    settings = {f"settings.{name}": str(value) for name, value in card.run.settings.items() if value is not None}
    return config | settings
