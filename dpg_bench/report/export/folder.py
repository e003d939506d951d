"""A scored run in the forms that other programs read, as a folder ready to be uploaded.

- `model/.eval_results/dpg-bench.yaml`: evaluation results, for the model's repository on the Hub
- `model/README.md`: the same as a model card's `model-index`, with all categories
- `dataset/*.parquet` and `README.md`: scores, items and answers, for pandas and for `datasets.load_dataset`
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import disk_errors, write_atomic
from dpg_bench.report.export.hub import (
    hub_dataset,
    is_dataset_name,
    run_to_dataset_card,
    run_to_eval_results,
    run_to_model_card,
)
from dpg_bench.report.export.tables import run_to_tables, table_to_parquet
from dpg_bench.report.runs import JudgedRun


@dataclass(frozen=True, slots=True)
class Export:
    """The files that were written, and what the user should know about them."""

    files: tuple[Path, ...]
    remarks: tuple[str, ...]


def export_run(run: JudgedRun, out: Path, *, dataset: str | None = None, force: bool = False) -> Export:
    """Write everything into the folder `out`; other files there stay as they are.

    `dataset` is the dataset on the Hub that the results are of; by default the suite's own, where it has one.

    Raises BadInputError if the run has no overall score, its scorecard is of schema 1, or a file is there already and
    `force` is not given, or `dataset` is no name of a dataset.
    """
    if dataset is not None and not is_dataset_name(dataset):
        raise BadInputError(f"--dataset is '{dataset}'; it must be the name of a dataset on the Hub, as in OWNER/NAME.")
    if run.protocol("corrected").overall is None or run.protocol("official").overall is None:
        raise BadInputError(
            f"{run.file} holds no overall score, since the run is incomplete. Finish it, or score it with "
            "--allow-missing."
        )
    contents: dict[str, bytes] = {}
    remarks = [*run.card.warnings]
    dataset = dataset or hub_dataset(run)
    if dataset is not None:
        contents["model/.eval_results/dpg-bench.yaml"] = run_to_eval_results(run, dataset).encode()
    else:
        remarks.append(
            f"No evaluation results: the suite '{run.card.suite.name}' is no dataset on the Hub that is known here. "
            "Name one with --dataset."
        )
    contents["model/README.md"] = run_to_model_card(run, dataset).encode()
    tables = run_to_tables(run)
    contents["dataset/README.md"] = run_to_dataset_card(run, list(tables)).encode()
    contents |= {f"dataset/{name}.parquet": table_to_parquet(table) for name, table in tables.items()}
    files = {out / name: content for name, content in contents.items()}
    present = next((file for file in files if file.exists()), None)
    if present is not None and not force:
        raise BadInputError(f"{present} is there already. Choose another --out, or overwrite it with --force.")
    with disk_errors(out):
        for file, content in files.items():
            write_atomic(file, content)
    return Export(tuple(files), tuple(remarks))
