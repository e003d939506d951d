"""`dpgbench sweep`: draw and score several models in one go, and rank them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpg_bench.cli.completion import complete_judges, complete_suites
from dpg_bench.cli.console import say, show, show_json, terminal
from dpg_bench.cli.exit_codes import INCOMPLETE
from dpg_bench.cli.options import (
    Device,
    DevicesOption,
    EngineOption,
    ImagesPerPrompt,
    Json,
    Limit,
    Markdown,
    WorkersOption,
    check_one_form,
)

if TYPE_CHECKING:
    from dpg_bench.cli.share import Share
    from dpg_bench.cli.workers import Workers
    from dpg_bench.jobs.run_plan import RunPlan
    from dpg_bench.jobs.score_request import ScoreRequest


def sweep(
    models: Annotated[
        str,
        typer.Option(help="MODEL,MODEL,… as `run --model` takes them, such as checkpoints of one training."),
    ],
    suite: Annotated[
        str, typer.Option(help="The prompts and questions.", autocompletion=complete_suites)
    ] = "dpg-bench",
    judge: Annotated[str, typer.Option(help="Who answers.", autocompletion=complete_judges)] = "mplug",
    judge_option: Annotated[
        list[str] | None,
        typer.Option("-J", "--judge-option", metavar="KEY=VALUE", help="An option of the judge.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder that gets a run folder for each model.")] = Path("runs"),
    images_per_prompt: ImagesPerPrompt = None,
    seed: Annotated[int, typer.Option(help="Derives the seed of every image, by item and number.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Denoising steps; the model's own number by default.")] = None,
    size: Annotated[
        int | None, typer.Option(help="Side of an image in pixels, a multiple of 8; the model's own.")
    ] = None,
    limit: Limit = None,
    device: Device = "auto",
    dtype: Annotated[str, typer.Option(help="Of the models: auto, float32, float16 or bfloat16.")] = "auto",
    devices: DevicesOption = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    json: Json = False,
    markdown: Markdown = False,
) -> None:
    """Draw and score several models one after the other, a run folder each, and rank them: again continues."""
    from dpg_bench.cli.workers import Division, find_workers
    from dpg_bench.errors import BadInputError, DpgBenchError
    from dpg_bench.jobs.run_plan import RunRequest, plan_run
    from dpg_bench.jobs.score_request import ScoreRequest
    from dpg_bench.plugins import split_pairs
    from dpg_bench.suite.registry import own_images_per_prompt

    check_one_form(json, markdown)
    who = find_workers(Division("0/1", device, devices, engine, workers))
    names = [name.strip() for name in models.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise BadInputError(f"--models is '{models}'; it must name at least one model, and each once.")
    plans = []
    for name, folder in zip(names, _folders(names, suite), strict=True):  # all are checked before the first one runs
        request = RunRequest(
            model=name,
            suite=suite,
            out=out / folder,
            images_per_prompt=own_images_per_prompt(suite) if images_per_prompt is None else images_per_prompt,
            seed=seed,
            steps=steps,
            size=size,
            limit=limit,
            device=who.device,
            dtype=dtype,
        )
        plans.append(plan_run(request))
    failed = []
    for number, plan in enumerate(plans, start=1):
        say(f"Model {number} of {len(plans)}: {plan.generator.model} → {plan.run.path}")
        scoring = ScoreRequest(
            path=plan.run.path, judge=judge, options=split_pairs(judge, judge_option or []), device=who.device
        )
        try:
            whole = _draw_and_score(plan, scoring, who)
        except DpgBenchError as error:
            say(f"Failed: {plan.generator.model}: {error.message.on_command_line}")
            whole = False
        if not whole:
            failed.append(plan.generator.model)
    _rank([plan.run.path for plan in plans], json=json, markdown=markdown)
    if failed:
        say(f"Not complete: {', '.join(failed)}. The same command tries just what is missing.")
        raise typer.Exit(INCOMPLETE)


def _folders(models: list[str], suite: str) -> list[str]:
    """A run folder's name for each model: `run`'s own, or the whole of the model's name where these are the same."""
    from dpg_bench.files.item_names import file_stem
    from dpg_bench.jobs.run_plan import run_name

    short = [run_name(model, suite) for model in models]
    several = {name for name, count in Counter(short).items() if count > 1}
    return [
        file_stem(f"{model.replace('/', '-').replace(':', '-')}-{name.rsplit('-', 1)[-1]}") if name in several else name
        for model, name in zip(models, short, strict=True)
    ]


def _draw_and_score(plan: RunPlan, scoring: ScoreRequest, who: Share | Workers) -> bool:
    """Whether all of a model's items are made and judged now. Raises what `run` and `score` raise."""
    from dpg_bench.cli.run import draw
    from dpg_bench.cli.score import judge_run
    from dpg_bench.jobs.score_plan import plan_score

    draw(plan, who, steal=False, mirror=None)
    result = judge_run(plan_score(scoring), who, steal=False, mirror=None)
    return result is not None and result.scorecard.complete


def _rank(folders: list[Path], *, json: bool, markdown: bool) -> None:
    from dpg_bench.files.run_folder import scored_below
    from dpg_bench.report.leaderboard.data import leaderboard_to_json
    from dpg_bench.report.leaderboard.result import find_runs, rank_runs
    from dpg_bench.report.leaderboard.text import leaderboard_to_markdown, print_leaderboard

    scored = [folder for folder in folders if any(scored_below(folder))]
    if not scored:
        return
    found = find_runs(scored)
    board = rank_runs(found.runs, unusable=found.unusable)
    if json:
        show_json(leaderboard_to_json(board))
    elif markdown:
        show(leaderboard_to_markdown(board).rstrip())
    else:
        print_leaderboard(board, terminal())
