"""Suites as Hugging Face datasets, on the hub or in a local folder, read through `datasets`.

Two forms are understood: one row per prompt with a list of `questions`, as `Jialuo21/DPG-Bench` has it, and one row
per question with the columns of the CSV form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.files.reading import read_content
from dpg_bench.hub.pinned_files import Progress
from dpg_bench.records import Suite
from dpg_bench.suite.base import SuiteSpec
from dpg_bench.suite.columns import Record, question_rows
from dpg_bench.suite.forms.file import records_suite
from dpg_bench.suite.forms.json import json_records
from dpg_bench.suite.rows import official_prompts

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

_PREFIX = "hf:"
_SPLIT = "test"
_OFFICIAL_COPIES = frozenset({"Jialuo21/DPG-Bench"})  # the benchmark's own oddities are no mistake of the user's
_HUB_FILE = re.compile(r"hf://datasets/[^@]+@([0-9a-f]{40})/")


def read_hub_dataset(address: str, *, strict: bool = False) -> Suite:
    """The suite in a dataset, and where it came from.

    `address` is a folder (written by `save_to_disk`, or holding data files), a parquet or JSON file, or a dataset on
    the hub, as `OWNER/NAME` or `OWNER/NAME@REVISION`; the commit that this came to stands in the source. The split
    is `test`, or the only one there is.

    Raises BadInputError for a path that holds no dataset, a dataset of another form and all that
    `question_rows` and `mended_prompts` refuse; UnavailableError for a dataset that can't be downloaded.
    """
    name = f"{_PREFIX}{address}"
    path = Path(address)
    if path.exists():
        if path.suffix.lower() in (".json", ".jsonl"):
            return records_suite(name, address, json_records(read_content(path), name), strict=strict)
        dataset = _choose_split(_open_local(path), address)
        return records_suite(name, address, _records(dataset, name), strict=strict)
    owner_name, _, revision = address.partition("@")
    dataset = _choose_split(_open_hub(owner_name, revision or None), address)
    commit = source_commit(dataset) or revision or "main"
    source = f"https://huggingface.co/datasets/{owner_name}/tree/{commit}"
    if owner_name in _OFFICIAL_COPIES:
        return Suite(name, source, official_prompts(question_rows(_records(dataset, name))))
    return records_suite(name, source, _records(dataset, name), strict=strict)


def _open_local(path: Path) -> Dataset | DatasetDict:
    from datasets import load_dataset, load_from_disk
    from datasets.exceptions import DatasetsError

    try:
        if path.is_file():
            return load_dataset("parquet", data_files=str(path))
        if any((path / marker).is_file() for marker in ("dataset_dict.json", "state.json")):
            return load_from_disk(str(path))
        return load_dataset(str(path))
    except (OSError, ValueError, LookupError, DatasetsError) as error:  # LookupError: saved without a row
        raise BadInputError(f"{path} can't be read as a dataset: {error}") from error


def _open_hub(name: str, revision: str | None) -> DatasetDict:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        return load_dataset(name, revision=revision)
    except (OSError, ValueError, DatasetsError) as error:
        raise UnavailableError(
            f"The dataset {name} can't be loaded from the Hugging Face hub: {error} Check its name, set HF_TOKEN if "
            "it is private, and run `dpgbench fetch` with HF_HUB_OFFLINE unset to have it offline."
        ) from error


def source_commit(dataset: Dataset) -> str | None:
    """The commit of the hub repository that `dataset` was made from; None if its record of downloads names none.

    `datasets` keeps that record with the cached dataset, so it is there offline too.
    """
    urls: Iterable[str] = dataset.info.download_checksums or {}
    return next((match.group(1) for url in urls if (match := _HUB_FILE.match(url))), None)


def _choose_split(dataset: Dataset | DatasetDict, address: str) -> Dataset:
    if not isinstance(dataset, dict):
        return dataset
    if _SPLIT in dataset:
        return dataset[_SPLIT]
    if len(dataset) == 1:
        return next(iter(dataset.values()))
    raise BadInputError(f"The dataset hf:{address} has no split '{_SPLIT}'; it has {', '.join(dataset)}.")


def _records(dataset: Dataset, source: str) -> Iterator[Record]:
    for index, row in enumerate(dataset):
        yield Record(f"{source}, row {index}", row)


def _load(name: str, *, strict: bool = False, progress: Progress | None = None) -> Suite:
    del progress  # the library shows its own
    return read_hub_dataset(name.removeprefix(_PREFIX), strict=strict)


def _pending(name: str) -> str | None:
    """Only the library knows what is cached, so a dataset on the hub is always named."""
    address = name.removeprefix(_PREFIX)
    return None if Path(address).exists() else f"the dataset {address}, unless it is cached"


HUB_SPEC: SuiteSpec = SuiteSpec(
    name=f"{_PREFIX}DATASET",
    summary="a Hugging Face dataset, such as hf:Jialuo21/DPG-Bench, or a local one",
    matches=lambda name: name.startswith(_PREFIX),
    load=_load,
    pending=_pending,
)
