"""`dpgbench rewrite`: dense prompts from short ones by a language model, frozen in a file that `run` draws from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.completion import complete_suites
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


def rewrite(
    model: WithModel,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file of rewritten prompts, CSV.", show_default=False)],
    suite: Annotated[
        str,
        typer.Option(
            help="Prompts: dpg-bench, dsg-1k, miniature, sample, a FILE of questions or prompts, a FOLDER, hf:DATASET.",
            autocompletion=complete_suites,
        ),
    ] = "dpg-bench",
    recipe: Annotated[
        str, typer.Option(help="How: dense, in the manner of ELLA's README, or a TOML file (docs/rewriting.md).")
    ] = "dense",
    pass_through: Annotated[
        int | None,
        typer.Option(help="Leave prompts of more than so many words as they are.", show_default=False),
    ] = None,
    limit: Limit = None,
    items: Items = None,
    revision: Revision = None,
    temperature: Temperature = 0.0,
    seed: WriterSeed = 0,
    max_tokens: MaxTokens = 512,
    batch_size: WriterBatch = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    key_from: KeyFrom = None,
    concurrency: Concurrency = 8,
    fresh: Fresh = False,
    force: Force = False,
) -> None:
    """Have a language model write a suite's prompts out, for `dpgbench run --prompts-from`.

    A prompt without a good answer is a failure (exit code 3), never its original; the file is written when all have
    one.
    """
    from dpg_bench.cli.mends import say_mends
    from dpg_bench.cli.parse import parse_items
    from dpg_bench.jobs.rewrite import RewriteRequest, execute_rewrite, plan_rewrite
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
    request = RewriteRequest(
        suite=suite,
        writer=writer,
        out=out,
        recipe=recipe,
        pass_through=pass_through,
        limit=limit,
        items=parse_items(items),
        fresh=fresh,
        force=force,
    )
    plan = plan_rewrite(request)
    say_mends(plan.suite)
    say(
        f"{len(plan.asked)} of {len(plan.prompts)} prompts of {plan.suite.name} by {model}, "
        f"recipe {plan.recipe_label} → {out}"
    )
    if plan.done is not None:
        say(f"{out} is there already, made by this very command.")
    with counting("Rewriting", "prompts") as count:
        outcome = execute_rewrite(
            plan,
            progress=lambda done, total, failed: count(
                done, total=total, start=0, note=f"{failed} failed" if failed else ""
            ),
        )
    say_usage(outcome.usage)
    if outcome.rewriting is None:
        say_failures(outcome.failed, of=len(plan.prompts), noun="prompts", fate=f"{out} is not written.")
        raise typer.Exit(INCOMPLETE)
    before, after = outcome.words
    counted = ", ".join(f"{number} {how}" for how, number in outcome.counts.items())
    say(
        f"{out}: {counted}; {before:g} words before, {after:g} after (medians); digest {outcome.rewriting.digest[:12]}."
    )
    say(f"Next: dpgbench run --suite {plan.suite.name} --prompts-from {out} --model MODEL")
