"""`dpgbench score`: judge images, or take answers from a file, and show the scorecard."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpg_bench.cli.completion import complete_judges, complete_suites
from dpg_bench.cli.console import counting, say, show, show_json, terminal
from dpg_bench.cli.exit_codes import INCOMPLETE
from dpg_bench.cli.options import (
    AllowMissing,
    Csv,
    Device,
    DevicesOption,
    EngineOption,
    Force,
    Items,
    Json,
    Latex,
    Limit,
    Markdown,
    PromptsFrom,
    ShardOption,
    Steal,
    WorkersOption,
    check_one_form,
)

if TYPE_CHECKING:
    from dpg_bench.cli.share import Share
    from dpg_bench.cli.workers import Workers
    from dpg_bench.files.mirror import Mirror
    from dpg_bench.jobs.score_plan import ScorePlan
    from dpg_bench.jobs.scored import ScoreResult
    from dpg_bench.judge.stage import JudgingProgress


def score(
    path: Annotated[
        str | None,
        typer.Argument(
            help="A run folder (or its URL), or any folder of images; the newest run by default.", show_default=False
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help="The questions; the run's own, else dpg-bench.", autocompletion=complete_suites, show_default=False
        ),
    ] = None,
    judge: Annotated[
        str,
        typer.Option(help="Who answers: a name that `dpgbench judges` lists.", autocompletion=complete_judges),
    ] = "mplug",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "-J",
            "--judge-option",
            metavar="KEY=VALUE",
            help="An option of the judge; repeat for more.",
            show_default=False,
        ),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            help="Score the answers of this file, without a judge: answers.jsonl, a CSV, or a *_detail.txt.",
            show_default=False,
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Of --answers, only the rows that have this value, such as t2i_model=sd2dot1; repeat for more.",
            show_default=False,
        ),
    ] = None,
    images_per_prompt: Annotated[
        int | None,
        typer.Option(
            help="Images of every prompt; the run's own, else 4.",
            show_default=False,
        ),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            help="Side of one image of a grid in pixels; worked out from the grid.",
            show_default=False,
        ),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option(
            metavar="COLSxROWS",
            help="How the images lie in a grid, such as 4x1; worked out from its size.",
            show_default=False,
        ),
    ] = None,
    border: Annotated[
        int | None,
        typer.Option(
            help="Pixels of border around and between the images of a grid, 0 for none; looked for.",
            show_default=False,
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Names of image files, such as {item}/sample-{k:04d}.png; the usual ones are known.",
            show_default=False,
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            help="A list of image files: CSV with item_id, file and image, or JSON with the files of each item.",
            show_default=False,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Images judged at once; halved where they don't fit."),
    ] = None,
    device: Device = "auto",
    dtype: Annotated[
        str,
        typer.Option(help="auto, float32, float16 or bfloat16; on NVIDIA GPUs tf32x3 or tf32 too."),
    ] = "auto",
    allow_missing: AllowMissing = False,
    model_name: Annotated[
        str | None,
        typer.Option(help="The model that made images made elsewhere.", show_default=False),
    ] = None,
    note: Annotated[
        str | None,
        typer.Option(help="A note on how these images were made.", show_default=False),
    ] = None,
    prompts_from: PromptsFrom = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where judgements/ goes; the run folder, else runs/FOLDER.", show_default=False),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask everything again: delete this judge's earlier answers.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a suite with odd rows instead of mending them.")
    ] = False,
    limit: Limit = None,
    items: Items = None,
    shard: ShardOption = None,
    steal: Steal = False,
    devices: DevicesOption = None,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    json: Json = False,
    markdown: Markdown = False,
    latex: Latex = False,
    csv: Csv = None,
    force: Force = False,
) -> None:
    """Judge images and score the answers under both protocols, or continue where an earlier judging was stopped."""
    from dpg_bench.cli.mends import say_mends
    from dpg_bench.cli.parse import parse_grid, parse_items, parse_where
    from dpg_bench.cli.place import find_mirror, folder_of, shown
    from dpg_bench.cli.workers import Division, find_scorers
    from dpg_bench.files.outputs import check_output, write_output
    from dpg_bench.jobs.score_plan import plan_score
    from dpg_bench.jobs.score_request import ScoreRequest
    from dpg_bench.judge.registry import find_judge
    from dpg_bench.plugins import split_pairs
    from dpg_bench.report.runs import load_judged
    from dpg_bench.report.scorecard.data import scorecard_to_csv
    from dpg_bench.report.scorecard.paper import scorecard_to_latex, scorecard_to_markdown
    from dpg_bench.report.scorecard.text import print_scorecard, usage_text
    from dpg_bench.score.scorecard import scorecard_json

    check_one_form(json, markdown, latex)
    who = find_scorers(answers, Division(shard, device, devices, engine, workers, steal))
    if who is None:
        return
    mirror = find_mirror(path, who, images=True, fresh=fresh, steal=steal, engine=engine)
    request = ScoreRequest(
        path=folder_of(path, mirror),
        suite=suite,
        judge=judge,
        options=split_pairs(judge, option or []),
        answers=answers,
        where=parse_where(where),
        images_per_prompt=images_per_prompt,
        resolution=resolution,
        grid=parse_grid(grid),
        border=border,
        pattern=pattern,
        files=files,
        batch_size=batch_size,
        device=device if answers is None and find_judge(judge).remote else who.device,
        dtype=dtype,
        allow_missing=allow_missing,
        out=out,
        model_name=model_name,
        note=note,
        prompts_from=prompts_from,
        fresh=fresh,
        strict=strict,
        limit=limit,
        items=parse_items(items),
    )
    plan = plan_score(request)
    if csv is not None and not _holds_scores(csv, plan):
        check_output(csv, force=force)
    say_mends(plan.suite)
    for line in plan.remarks:
        say(line)
    if plan.pending_gigabytes:
        confirm_download(plan)
    result = judge_run(plan, who, steal=steal, mirror=mirror)
    if result is None:
        return
    if csv is not None:
        write_output(csv, scorecard_to_csv(result.scorecard).encode(), force=force)
    if json:
        show_json(scorecard_json(result.scorecard))
    elif markdown:
        show(scorecard_to_markdown(load_judged(result.file)))
    elif latex:
        show(scorecard_to_latex(load_judged(result.file)))
    else:
        print_scorecard(result.scorecard, terminal())
    if usage := usage_text(result.scorecard.judge.provenance.get("usage")):
        say(usage)
    say(f"Scorecard: {shown(result.file, mirror)}")
    if not result.scorecard.complete:
        raise typer.Exit(INCOMPLETE)


def judge_run(plan: ScorePlan, who: Share | Workers, *, steal: bool, mirror: Mirror | None) -> ScoreResult | None:
    """Judge and score, here or by workers; None for a share that isn't the last of several to end."""
    from dpg_bench.cli.place import kept_up
    from dpg_bench.cli.share import say_share
    from dpg_bench.cli.workers import Workers
    from dpg_bench.jobs.executors.judging import execute_score_on
    from dpg_bench.jobs.score import execute_score
    from dpg_bench.jobs.score_share import execute_score_share

    with counting("Judging", "answers") as count, kept_up(mirror):

        def progress(state: JudgingProgress) -> None:
            note = f"{state.failed} items failed" if state.failed else ""
            count(state.asked + state.kept, total=state.questions, start=state.kept, note=note)

        if isinstance(who, Workers):
            say(f"Judged by {who.said}.")
            return execute_score_on(plan, who.start, progress=progress)
        if who.shard is None:
            return execute_score(plan, progress=progress)
        say_share(who.shard, plan.folder.path)
        ended = execute_score_share(plan, who.shard, steal=steal, mirror=mirror, progress=progress)
    if ended.result is None:
        say(
            f"This share is done; {ended.left} of {len(plan.prompts)} items are left to others, and the last to finish "
            "makes the scorecard. What they don't do, the same command with --steal does."
        )
    return ended.result


def confirm_download(plan: ScorePlan) -> None:
    """Say what is downloaded before anything is judged, and ask where somebody can answer."""
    from dpg_bench.judge.registry import judge_made_for

    toy = judge_made_for(plan.suite.name) or "tiny-mplug"
    scored = [name for name, place in plan.out.judged().items() if place.scorecard.exists()]
    before = f" {plan.out.path} was judged by {', '.join(scored)}: --judge NAME scores by that." if scored else ""
    say(
        f"The judge {plan.request.judge} is not on this machine yet: about {plan.pending_gigabytes:g} GB are "
        f"downloaded first, once. To only try things out, --judge {toy} needs no download.{before}"
    )
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        typer.confirm("Download it now?", default=True, abort=True, err=True)


def _holds_scores(csv: Path, plan: ScorePlan) -> bool:
    """Whether the file is the table of the scorecard as it is now, so that scoring again as a rule changes nothing."""
    from dpg_bench.errors import BadInputError
    from dpg_bench.report.scorecard.data import scorecard_to_csv
    from dpg_bench.score.scorecard import read_scorecard

    try:
        return csv.is_file() and csv.read_bytes() == scorecard_to_csv(read_scorecard(plan.folder.scorecard)).encode()
    except BadInputError:  # there is none, or it can't be used
        return False
