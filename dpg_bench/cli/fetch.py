"""`dpgbench fetch`: download and verify ahead of time, so that everything afterwards works offline."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from dpg_bench.cli.console import Counter, counting, say


def fetch(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="Suites, models and judges by name; dpg-bench, ella-sd15, sd15 and mplug by default.",
            show_default=False,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "-M", "--model-option", metavar="KEY=VALUE", help="An option of the models, as in run.", show_default=False
        ),
    ] = None,
    judge_option: Annotated[
        list[str] | None,
        typer.Option(
            "-J", "--judge-option", metavar="KEY=VALUE", help="An option of the judge, as in score.", show_default=False
        ),
    ] = None,
) -> None:
    """Download and verify suites, models and judges; afterwards run and score work offline."""
    from dpg_bench.errors import unknown_name
    from dpg_bench.generate.registry import find_model, model_specs
    from dpg_bench.judge.registry import PREFIXES, find_judge, judge_specs
    from dpg_bench.plugins import split_pairs
    from dpg_bench.suite.registry import load_suite, suite_specs

    names = what or ["dpg-bench", "sd15", "ella-sd15", "mplug"]
    suites = suite_specs()
    models, judges = model_specs(), judge_specs()
    for name in names:
        if not (
            name in suites or name in models or name in judges or name.startswith(("diffusers:", "hf:", *PREFIXES))
        ):
            raise unknown_name("suite, model or judge", name, [*suites, *models, *judges])
    for name in names:
        say(f"Fetching {name} …")
        if name in judges or name.startswith(PREFIXES):
            judge = find_judge(name)
            if judge.remote:
                say(f"{name} computes elsewhere: there is nothing to fetch.")
                continue
            judge.fetch(judge.options.read(name, split_pairs(name, judge_option or [])))
        elif name in models or name.startswith("diffusers:"):
            model = find_model(name)
            model.fetch(model.options.read(name, split_pairs(name, option or [])))
        else:
            with counting(name, "files") as show:
                load_suite(name, progress=partial(_show_files, show))
        say(f"{name} is here and verified.")


def _show_files(show: Counter, done: int, total: int) -> None:
    show(done, total=total, start=0)
