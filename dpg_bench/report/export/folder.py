"""A scored run in the forms that other programs read, as a folder ready to be uploaded.

- `model/.eval_results/dpg-bench.yaml`: evaluation results, for the model's repository on the Hub
- `model/README.md`: the same as a model card's `model-index`, with all categories
- `dataset/*.parquet` and `README.md`: scores, items and answers, for pandas and for `datasets.load_dataset`
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError, Message, option
from dpg_bench.files.outputs import write_outputs
from dpg_bench.report.coverage import check_scored, prompts_behind
from dpg_bench.report.export.hub import (
    hub_dataset,
    is_dataset_name,
    run_to_dataset_card,
    run_to_eval_results,
    run_to_model_card,
)
from dpg_bench.report.export.tables import run_to_tables, table_to_parquet
from dpg_bench.report.runs import PROTOCOLS, JudgedRun

_EVAL_RESULTS = "model/.eval_results/dpg-bench.yaml"


@dataclass(frozen=True, slots=True)
class Export:
    """The files that an export consists of, and what the user should know about them."""

    files: tuple[Path, ...]
    remarks: tuple[Message, ...]


def export_run(run: JudgedRun, out: Path, *, dataset: str | None = None, force: bool = False) -> Export:
    """Write everything into the folder `out`; other files there stay as they are, and so do those with this content.

    `dataset` is the dataset on the Hub that the results are of; by default the suite's own, where it has one. What
    isn't of a whole suite gets no evaluation results, which are ranked among whole ones, and says of how much it is.

    Raises BadInputError if the run has no overall score, its scorecard is of schema 1, a file would change and
    `force` is not given, evaluation results of an earlier export don't fit, or `dataset` is no name of a dataset.
    """
    if dataset is not None and not is_dataset_name(dataset):
        raise BadInputError(
            f"{option('dataset')} is '{dataset}'; it must be the name of a dataset on the Hub, as in OWNER/NAME."
        )
    check_scored(run)
    dataset = dataset or hub_dataset(run)
    tables = run_to_tables(run)
    contents: dict[str, bytes] = {
        "model/README.md": run_to_model_card(run, dataset).encode(),
        "dataset/README.md": run_to_dataset_card(run, list(tables)).encode(),
        **{f"dataset/{name}.parquet": table_to_parquet(table) for name, table in tables.items()},
    }
    whole = not any(prompts_behind(run, protocol) for protocol in PROTOCOLS)
    if whole and dataset is not None:
        contents[_EVAL_RESULTS] = run_to_eval_results(run, dataset).encode()
    elif (out / _EVAL_RESULTS).exists():
        raise BadInputError(
            f"{out / _EVAL_RESULTS} is of an earlier export, and these results can have none. Delete it, or choose "
            f"another {option('out')}."
        )
    files = {out / name: content for name, content in contents.items()}
    write_outputs(files, force=force)
    return Export(tuple(files), tuple(map(Message, _remarks(run, dataset))))


def _remarks(run: JudgedRun, dataset: str | None) -> Iterator[str]:
    yield from run.card.warnings
    coverage = next(filter(None, (prompts_behind(run, protocol) for protocol in PROTOCOLS)), "")
    if coverage:
        yield (
            f"These results are of {coverage}: every file says so, and there are no evaluation results, which the Hub "
            "would rank among whole ones."
        )
    elif dataset is None:
        yield (
            f"No evaluation results: the suite '{run.card.suite.name}' is no dataset on the Hub that is known here. "
            f"Name one with {option('dataset')}."
        )
    for protocol in PROTOCOLS:
        if run.protocol(protocol).overall is None:
            yield f"The {protocol} protocol scores none of these prompts, so it has no number here."
