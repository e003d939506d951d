"""A folder of `<item_id>.txt` prompts, without questions: enough to generate images, not to score them."""

from __future__ import annotations

import os
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.item_names import item_id_of
from dpg_bench.files.reading import read_content
from dpg_bench.hub.pinned_files import Progress
from dpg_bench.records import Prompt, Suite
from dpg_bench.suite.base import SuiteSpec
from dpg_bench.suite.rows import check_item_id, check_length


def read_text_folder(folder: Path) -> tuple[Prompt, ...]:
    """The prompts of the `.txt` files in `folder`, in the order of their names; other files don't matter.

    A prompt is its file's content as it stands, as for DPG-Bench's own prompt files. A name that
    `dpg_bench.files.item_names` encoded is decoded, so that any item id can be given.

    Raises BadInputError if there is no `.txt` file, or one is empty or not UTF-8.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix == ".txt" and path.is_file())
    if not files:
        raise BadInputError(f"The folder {folder} holds no .txt file; a suite has one <item_id>.txt per prompt.")
    return tuple(_prompt(path) for path in files)


def _prompt(path: Path) -> Prompt:
    item_id = item_id_of(path.stem) or path.stem
    check_item_id(item_id, str(path))
    try:
        text = read_content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from None
    if not text.strip():
        raise BadInputError(f"The prompt file {path} is empty.")
    check_length(text, str(path))
    return Prompt(item_id, text, ())


def _load(name: str, *, strict: bool = False, progress: Progress | None = None) -> Suite:
    del strict, progress
    return Suite(name, name, read_text_folder(Path(name)))


FOLDER_SPEC: SuiteSpec = SuiteSpec(
    name="FOLDER",
    summary="a folder of <item_id>.txt prompts, without questions: for `run` alone",
    source="yours",
    matches=os.path.isdir,  # not Path.is_dir, which raises for a name that is too long
    load=_load,
)
