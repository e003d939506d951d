"""DPG-Bench, reproducible: prompts → images → judge → scorecard.

    import dpg_bench as dpg

    suite = dpg.load_suite("dpg-bench").select(64, seed=0)
    metric = dpg.DPGScore(suite, judge=dpg.load_judge("mplug"))
    for prompt in suite:
        metric.update(prompt.item_id, pipe(prompt.text, num_images_per_prompt=4).images)
    card = metric.compute()

What `__all__` names is the API. Each name is imported when it is first used, so `import dpg_bench` is light.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

__all__ = [
    "BadInputError",
    "DPGScore",
    "DpgBenchError",
    "LoadedJudge",
    "LoadedModel",
    "Prompt",
    "Question",
    "Reply",
    "RunRequest",
    "ScoreRequest",
    "Scorecard",
    "Suite",
    "UnavailableError",
    "__version__",
    "check",
    "compare",
    "execute_run",
    "execute_score",
    "load_judge",
    "load_suite",
    "open_run",
    "plan_run",
    "plan_score",
    "progress_bar",
    "read_scorecard",
    "same",
]

_HOMES = {
    "dpg_bench.errors": ("BadInputError", "DpgBenchError", "UnavailableError"),
    "dpg_bench.generate.in_memory": ("LoadedModel",),
    "dpg_bench.jobs.bar": ("progress_bar",),
    "dpg_bench.jobs.memory": ("DPGScore",),
    "dpg_bench.jobs.run": ("execute_run",),
    "dpg_bench.jobs.run_plan": ("RunRequest", "plan_run"),
    "dpg_bench.jobs.score": ("execute_score",),
    "dpg_bench.jobs.score_plan": ("plan_score",),
    "dpg_bench.jobs.score_request": ("ScoreRequest",),
    "dpg_bench.judge.in_memory": ("LoadedJudge", "load_judge"),
    "dpg_bench.records": ("Prompt", "Question", "Reply", "Suite"),
    "dpg_bench.report.calls": ("check", "compare", "open_run", "same"),
    "dpg_bench.score.scorecard": ("Scorecard", "read_scorecard"),
    "dpg_bench.suite.registry": ("load_suite",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'dpg_bench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
