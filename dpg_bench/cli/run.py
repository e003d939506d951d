"""`dpgbench run`: generate the images of a suite."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dpg_bench.cli.completion import complete_models, complete_suites
from dpg_bench.cli.console import counting, say, show
from dpg_bench.cli.exit_codes import INCOMPLETE
from dpg_bench.cli.options import (
    Device,
    DevicesOption,
    Dtype,
    EngineOption,
    ImagesPerPrompt,
    Items,
    Limit,
    PromptsFrom,
    ShardOption,
    Steal,
    WorkersOption,
)

if TYPE_CHECKING:
    from dpg_bench.cli.share import Share
    from dpg_bench.cli.workers import Workers
    from dpg_bench.files.mirror import Mirror
    from dpg_bench.generate.stage import GenerationOutcome, GenerationProgress
    from dpg_bench.jobs.run_plan import RunPlan


_LOADING = "Loading the model"


def run(
    model: Annotated[
        str,
        typer.Option(
            help="What generates: a name that `dpgbench models` lists, diffusers:REPO_OR_FOLDER, or openai:MODEL@URL.",
            autocompletion=complete_models,
            show_default=False,
        ),
    ],
    suite: Annotated[
        str,
        typer.Option(
            help="Prompts: dpg-bench, dsg-1k, miniature, sample, a FILE of questions or prompts, a FOLDER, hf:DATASET.",
            autocompletion=complete_suites,
        ),
    ] = "dpg-bench",
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL", help="The run folder, or s3://…; runs/MODEL-SUITE by default.", show_default=False
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "-M",
            "--model-option",
            metavar="KEY=VALUE",
            help="An option of the model; repeat for more.",
            show_default=False,
        ),
    ] = None,
    images_per_prompt: ImagesPerPrompt = None,
    seed: Annotated[int, typer.Option(help="Derives the seed of every image, by item and number.")] = 0,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Instead of --seed: one seed per image, the same for every item, such as 1001,1002,1003,1004.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Denoising steps; the model's own number by default."),
    ] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; the model's own by default.")] = None,
    negative_prompt: Annotated[
        str | None, typer.Option(help="What images shall not show, for models with guidance.", show_default=False)
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Side of an image in pixels, a multiple of 8; the model's own."),
    ] = None,
    prompts_from: PromptsFrom = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Images made at once; halved where they don't fit."),
    ] = None,
    limit: Limit = None,
    items: Items = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the plan, touch nothing.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over: delete what an earlier run left in the run folder.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a suite with odd rows instead of mending them.")
    ] = False,
    shard: ShardOption = None,
    steal: Steal = False,
    devices: DevicesOption = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
) -> None:
    """Generate the images of a suite, or continue where an earlier run was stopped."""
    from dpg_bench.cli.mends import say_mends
    from dpg_bench.cli.parse import parse_items, parse_seeds
    from dpg_bench.cli.place import find_mirror, folder_of
    from dpg_bench.cli.plan_text import plan_text
    from dpg_bench.cli.workers import Division, find_workers
    from dpg_bench.generate.registry import find_model
    from dpg_bench.jobs.run_plan import RunRequest, plan_run
    from dpg_bench.judge.registry import judge_made_for
    from dpg_bench.plugins import split_pairs
    from dpg_bench.suite.registry import outline_suite, own_images_per_prompt

    who = find_workers(Division(shard, device, devices, engine, workers, steal))
    mirror = find_mirror(out, who, images=False, fresh=fresh, steal=steal, engine=engine)
    request = RunRequest(
        model=model,
        suite=suite,
        out=folder_of(out, mirror),
        options=split_pairs(model, option or []),
        images_per_prompt=own_images_per_prompt(suite) if images_per_prompt is None else images_per_prompt,
        seed=seed,
        seeds=parse_seeds(seeds),
        steps=steps,
        guidance=guidance,
        negative_prompt=negative_prompt,
        size=size,
        prompts_from=prompts_from,
        batch_size=batch_size,
        limit=limit,
        items=parse_items(items),
        device=device if find_model(model).remote else who.device,  # a share's GPU is nothing to a server
        dtype=dtype,
        fresh=fresh,
        strict=strict,
    )
    if dry_run:
        plan = plan_run(request, outline=outline_suite(suite))
        say_mends(plan.suite)
        _say_made_for(plan)
        show(plan_text(plan))
        return
    plan = plan_run(request)
    say_mends(plan.suite)
    _say_made_for(plan)
    say(_headline(plan, mirror))
    outcome = draw(plan, who, steal=steal, mirror=mirror)
    for item_id, error in list(outcome.failed.items())[:5]:
        say(f"Failed: {item_id}: {error}")
    done = len(outcome.made) + len(outcome.kept) + len(outcome.failed)
    if outcome.failed:
        logs = plan.run.shards if outcome.left else plan.run.generation_log
        say(
            f"{len(outcome.failed)} of {done} items failed; tracebacks: {logs}. The same command tries just these "
            "again."
        )
        raise typer.Exit(INCOMPLETE)
    if outcome.left:
        say(
            f"This share is done, {done} items; {outcome.left} of {len(plan.items)} are left to others. What they "
            "don't do, the same command with --steal does."
        )
        return
    kept = f", {len(outcome.kept)} of them before" if outcome.kept else ""
    place = mirror.url if mirror is not None else plan.run.path
    judge = judge_made_for(plan.suite.name)
    own = f" --judge {judge}" if judge is not None else ""
    say(f"{len(plan.items)} items are in {place}/{plan.run.images.name}{kept}. Next: dpgbench score {place}{own}")


def draw(plan: RunPlan, who: Share | Workers, *, steal: bool, mirror: Mirror | None) -> GenerationOutcome:
    """Draw, with progress: here or by workers."""
    from dpg_bench.cli.place import kept_up
    from dpg_bench.cli.share import say_share
    from dpg_bench.cli.workers import Workers
    from dpg_bench.jobs.executors.generation import execute_run_on
    from dpg_bench.jobs.run import execute_run

    with counting(_LOADING, "items") as count, kept_up(mirror):

        def progress(state: GenerationProgress) -> None:
            notes = [f"{state.failed} failed"] if state.failed else []
            if state.stage == "writing" and state.done < state.total:
                notes.append("writing the last")
            what = _LOADING if state.stage == "loading" else "Drawing"
            count(state.done, total=state.total, start=state.kept, note=", ".join(notes), what=what)

        if isinstance(who, Workers):
            say(f"Drawn by {who.said}.")
            return execute_run_on(plan, who.start, command=sys.argv, progress=progress)
        if who.shard is not None:
            say_share(who.shard, plan.run.path)
        return execute_run(plan, shard=who.shard, steal=steal, mirror=mirror, command=sys.argv, progress=progress)


def _say_made_for(plan: RunPlan) -> None:
    suite, own = plan.suite.name, plan.spec.made_for
    if own not in (None, suite):
        say(f"{plan.spec.name} was trained for the suite {own} alone: on {suite} its images mean nothing.")


def _headline(plan: RunPlan, mirror: Mirror | None) -> str:
    settings = plan.generator
    place = mirror.url if mirror is not None else plan.run.path
    sampler = ", ".join(
        f"{value} {name}" if name in ("px", "steps") else f"{name} {value}"
        for name, value in (("px", settings.size), ("steps", settings.steps), ("guidance", settings.guidance))
        if value is not None
    )
    rewritten = f", rewritten by {plan.rewriting.record['rewritten_by']}" if plan.rewriting is not None else ""
    return (
        f"{plan.generator.model} on {plan.suite.name}{rewritten}: {len(plan.items)} prompts × "
        f"{plan.request.images_per_prompt} images, {sampler or 'its own settings'}, "
        f"{'by the server' if plan.spec.remote else f'{settings.dtype} on {settings.device}'} → {place}"
    )
