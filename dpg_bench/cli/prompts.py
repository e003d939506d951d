"""`dpgbench prompts`: a suite's prompts as a file, for models that `run` can't load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.console import say, show
from dpg_bench.cli.options import Force, Items, Limit, PromptsFrom


def prompts(
    suite: Annotated[
        str,
        typer.Option(help="Prompts: dpg-bench, dsg-1k, miniature, sample, a FILE of questions or prompts, hf:DATASET."),
    ] = "dpg-bench",
    limit: Limit = None,
    items: Items = None,
    prompts_from: PromptsFrom = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write a CSV file: item_id, file, prompt.", show_default=False)
    ] = None,
    jsonl: Annotated[Path | None, typer.Option(help="Write JSON lines with the same keys.", show_default=False)] = None,
    force: Force = False,
) -> None:
    """Write the prompts with their ids and file names, for models elsewhere; as CSV on stdout if no file is named."""
    from dpg_bench.cli.mends import say_mends
    from dpg_bench.cli.parse import parse_items
    from dpg_bench.errors import check_positive
    from dpg_bench.files.item_names import check_names
    from dpg_bench.files.outputs import write_outputs
    from dpg_bench.suite.prompt_text import prompts_to_csv, prompts_to_jsonl
    from dpg_bench.suite.registry import load_suite
    from dpg_bench.suite.rewritten import read_rewriting
    from dpg_bench.suite.selection import select_prompts

    check_positive({"limit": limit})
    loaded = load_suite(suite)
    chosen = select_prompts(loaded, limit=limit, items=parse_items(items))
    if prompts_from is not None:
        chosen = read_rewriting(prompts_from).applied(chosen, str(prompts_from))
    check_names(prompt.item_id for prompt in chosen)
    say_mends(loaded)
    files: dict[Path, bytes | Path] = {}
    if csv is not None:
        files[csv] = prompts_to_csv(chosen).encode()
    if jsonl is not None:
        files[jsonl] = prompts_to_jsonl(chosen).encode()
    if not files:
        show(prompts_to_csv(chosen).removesuffix("\n"))
        return
    write_outputs(files, force=force)
    drawn_from = f" --prompts-from {prompts_from}" if prompts_from is not None else ""
    named = " and ".join(map(str, files))
    say(
        f"{len(chosen)} prompts of {loaded.name} are in {named}. Name an item's image by its file: a grid FILE.png, or "
        f"FILE/0.png, FILE/1.png, … Then: dpgbench score FOLDER --suite {loaded.name}{drawn_from}"
    )
