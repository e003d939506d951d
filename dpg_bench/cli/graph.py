"""`dpgbench graph`: a suite of a user's own prompts, with question graphs by a language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpg_bench.cli.console import counting, say
from dpg_bench.cli.exit_codes import INCOMPLETE
from dpg_bench.cli.options import Device, Dtype, Force, Items, Limit
from dpg_bench.cli.writing import (
    Concurrency,
    Fresh,
    KeyFrom,
    MaxTokens,
    Revision,
    Temperature,
    WithModel,
    WriterBatch,
    WriterSeed,
    say_failures,
    say_usage,
)

if TYPE_CHECKING:
    from dpg_bench.jobs.graph import GraphOutcome
    from dpg_bench.records import Suite


def graph(
    prompts: Annotated[
        str,
        typer.Argument(
            metavar="PROMPTS",
            help="A FILE of prompts (CSV, TSV, JSON, one a line), a FOLDER of .txt files, or hf:DATASET.",
            show_default=False,
        ),
    ],
    model: WithModel,
    out: Annotated[Path, typer.Option("--out", "-o", help="The suite, CSV.", show_default=False)],
    review: Annotated[
        bool, typer.Option("--review", help="Show the graphs in a browser, from a page beside the suite.")
    ] = False,
    leave_out_failed: Annotated[
        bool, typer.Option("--leave-out-failed", help="Write the suite without prompts that no graph could be made of.")
    ] = False,
    limit: Limit = None,
    items: Items = None,
    revision: Revision = None,
    temperature: Temperature = 0.0,
    seed: WriterSeed = 0,
    max_tokens: MaxTokens = 2048,
    batch_size: WriterBatch = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    key_from: KeyFrom = None,
    concurrency: Concurrency = 8,
    fresh: Fresh = False,
    force: Force = False,
) -> None:
    """Make question graphs for prompts of your own: tuples, questions and dependencies by a language model, checked.

    An answer that can't be used is told why and asked again, twice at most. A prompt that is left without a graph is a
    failure (exit code 3), and then no suite is written, unless --leave-out-failed.
    """
    from dpg_bench.cli.mends import say_mends
    from dpg_bench.cli.parse import parse_items
    from dpg_bench.jobs.graph import GraphProgress, GraphRequest, execute_graph, plan_graph
    from dpg_bench.language.base import Sampling, WriterSettings

    writer = WriterSettings(
        name=model,
        sampling=Sampling(temperature, max_tokens, seed),
        revision=revision,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        key_from=key_from,
        concurrency=concurrency,
    )
    plan = plan_graph(
        GraphRequest(
            prompts=prompts,
            writer=writer,
            out=out,
            limit=limit,
            items=parse_items(items),
            leave_out_failed=leave_out_failed,
            fresh=fresh,
            force=force,
        )
    )
    say_mends(plan.suite)
    say(f"Graphs of {len(plan.prompts)} prompts of {plan.suite.name} by {model} → {out}")
    if plan.done is not None:
        say(f"{out} is there already, made by this very command.")
    with counting("Tuples", "prompts") as count:

        def progress(state: GraphProgress) -> None:
            note = f"{state.failed} failed" if state.failed else ""
            count(state.done, total=state.total, start=0, note=note, what=state.step.capitalize())

        outcome = execute_graph(plan, progress=progress)
    say_usage(outcome.usage)
    if outcome.suite is not None:
        say(f"{out}: {len(outcome.suite)} prompts, {outcome.suite.question_count} questions.")
        if review:
            _show_page(outcome.suite, outcome, out.with_suffix(".html"), force=force)
    if outcome.failed:
        fate = f"{out} is without them." if outcome.suite is not None else f"{out} is not written."
        say_failures(outcome.failed, of=len(plan.prompts), noun="prompts", fate=fate)
        raise typer.Exit(INCOMPLETE)
    look = "" if review else "Look them through (--review shows them). "
    say(f"{look}Next: dpgbench run --suite {out} --model MODEL")


def _show_page(suite: Suite, outcome: GraphOutcome, page: Path, *, force: bool) -> None:
    import webbrowser

    from dpg_bench.files.outputs import write_output
    from dpg_bench.report.review.html import suite_to_html

    origin = outcome.origin
    at = f" ({origin.revision})" if origin.revision else ""
    made_by = f"Made by {origin.model}{at}, recipe {origin.recipe}, sampling {origin.sampling}."
    text = suite_to_html(suite, facts=outcome.facts, made_by=made_by, failed=outcome.failed)
    write_output(page, text.encode(), force=force)
    say(f"Review: {page}")
    webbrowser.open(page.resolve().as_uri())
