"""Suites as Hugging Face datasets, on the hub or in a local folder, read through `datasets`.

Two forms are understood: one row per prompt with a list of `questions`, as `Jialuo21/DPG-Bench` has it, and one row
per question with the columns of the CSV form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.records import Prompt
from dpg_bench.suite.rows import COLUMNS, QuestionRow, assemble_prompts, question_row

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

_SPLIT = "test"
_OFFICIAL_COPIES = frozenset({"Jialuo21/DPG-Bench"})  # the benchmark's own oddities are no mistake of the user's
_HUB_FILE = re.compile(r"hf://datasets/[^@]+@([0-9a-f]{40})/")
_QUESTION_KEYS = ("proposition_id", "dependency", "category_broad", "category_detailed", "question")


def read_hub_dataset(address: str) -> tuple[str, tuple[Prompt, ...]]:
    """Where the dataset came from, and its prompts.

    `address` is a folder (written by `save_to_disk`, or holding data files), a parquet or JSON file, or a dataset on
    the hub, as `OWNER/NAME` or `OWNER/NAME@REVISION`; the commit that this came to stands in the source. The split
    is `test`, or the only one there is.

    Raises BadInputError for a path that holds no dataset, a dataset of another form and all that
    `question_row` and `assemble_prompts` refuse; UnavailableError for a dataset that can't be downloaded.
    """
    if Path(address).exists():
        dataset = _choose_split(_open_local(Path(address)), address)
        name, source = "", address
    else:
        name, _, revision = address.partition("@")
        dataset = _choose_split(_open_hub(name, revision or None), address)
        source = f"https://huggingface.co/datasets/{name}/tree/{source_commit(dataset) or revision or 'main'}"
    strict = name not in _OFFICIAL_COPIES
    return source, assemble_prompts(_rows(dataset, f"hf:{address}", strict=strict), strict=strict)


def _open_local(path: Path) -> Dataset | DatasetDict:
    from datasets import load_dataset, load_from_disk
    from datasets.exceptions import DatasetsError

    try:
        if path.is_file():
            return load_dataset("json" if path.suffix in (".json", ".jsonl") else "parquet", data_files=str(path))
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


def _rows(dataset: Dataset, source: str, *, strict: bool) -> Iterator[QuestionRow]:
    per_prompt = "questions" in dataset.column_names
    needed = ("item_id", "prompt", "questions") if per_prompt else COLUMNS
    missing = [column for column in needed if column not in dataset.column_names]
    if missing:
        raise BadInputError(
            f"The dataset {source} lacks the columns {', '.join(missing)}; it has {', '.join(dataset.column_names)}. "
            "It needs item_id, prompt and questions (one row per prompt), or the columns of DPG-Bench's CSV."
        )
    for index, row in enumerate(dataset):
        place = f"{source}, row {index}"
        if per_prompt:
            yield from _questions_of(row, place, strict=strict)
        else:
            yield question_row({column: _text(row[column]) for column in COLUMNS}, place, strict=strict)


def _questions_of(row: Mapping[str, Any], place: str, *, strict: bool) -> Iterator[QuestionRow]:
    questions = _listed(row["questions"])
    if not questions:
        raise BadInputError(f"{place}: item '{row['item_id']}' has no questions.")
    for index, question in enumerate(questions):
        missing = [key for key in _QUESTION_KEYS if key not in question]
        if missing:
            raise BadInputError(f"{place}, question {index}: it lacks {', '.join(missing)}.")
        cells = {key: _text(question[key]) for key in _QUESTION_KEYS}
        cells |= {"item_id": _text(row["item_id"]), "text": _text(row["prompt"])}
        cells["question_natural_language"] = cells.pop("question")
        yield question_row(cells, f"{place}, question {index}", strict=strict)


def _listed(questions: Any) -> list[Mapping[str, Any]]:
    """Questions as a list of records; `datasets` gives a `Sequence` of records as a record of lists."""
    if isinstance(questions, Mapping):
        return [dict(zip(questions, values, strict=True)) for values in zip(*questions.values(), strict=True)]
    return list(questions or [])


def _text(value: object) -> str:
    return "" if value is None else str(value)
