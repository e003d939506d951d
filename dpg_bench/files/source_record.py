"""`source.json`: which images, made elsewhere, the judgements beside it are about."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.answer_lines import read_answer_lines
from dpg_bench.files.contents import file_digest
from dpg_bench.files.durable import disk_errors, write_json
from dpg_bench.files.item_names import file_stem
from dpg_bench.files.reading import read_model
from dpg_bench.files.run_folder import RunDir

SOURCE_SCHEMA = 1
_SAMPLE = 500  # lines: some ten items


class SourceRecord(BaseModel):
    """What a folder of results that holds no run of ours has in place of `run.json`.

    `images` is the folder of images as seen from the folder that `source.json` lies in, so that both can be moved
    together; None for answers without images. `suite` is what the user called it. `images_per_prompt` and
    `resolution` are as the images were read, and `guessed` says that nobody told how many there are; `grid` (columns,
    rows), `border`, `pattern` and `files`, the list of images, are what the user said of them. `model` and `note` are
    the user's words on how they were made, `prompts` the record of the rewritten prompts that they were drawn from.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    images: str | None
    suite: str
    images_per_prompt: int
    guessed: bool = False
    resolution: int | None = None
    grid: tuple[int, int] | None = None
    border: int | None = None
    pattern: str | None = None
    files: str | None = None
    model: str | None = None
    note: str | None = None
    prompts: dict[str, JsonValue] | None = None


def read_source(out: RunDir) -> SourceRecord | None:
    """What `source.json` says; None if there is none.

    Raises BadInputError if it is damaged, or written by a newer version.
    """
    if not out.source_file.exists():
        return None
    remedy = f"Delete it and name the images again, or choose another {option('out')}."
    return read_model(SourceRecord, out.source_file, newest=SOURCE_SCHEMA, remedy=remedy)


def write_source(out: RunDir, record: SourceRecord) -> None:
    """Replace `source.json`, atomically. Raises DpgBenchError if it can't be written."""
    with disk_errors(out.source_file):
        write_json(out.source_file, record.model_dump(mode="json", by_alias=True))


def place_from(out: RunDir, images: Path) -> str:
    """How `source.json` in `out` names the folder `images`."""
    try:
        return os.path.relpath(images.resolve(), out.path.resolve())
    except ValueError:  # another drive of Windows
        return str(images.resolve())


def images_of(out: RunDir) -> Path | None:
    """The folder that holds the images which `out` is about: a run's own, or the recorded one; None if there is none.

    Raises BadInputError if `source.json` is damaged.
    """
    if out.images.is_dir():
        return out.images
    source = read_source(out)
    if source is None or source.images is None:
        return None
    folder = Path(os.path.normpath(out.path.resolve() / source.images))
    return folder if folder.is_dir() else None


def check_same_source(out: RunDir, images: Path | None) -> None:
    """Raises BadInputError if `out` holds results about images in another folder than `images`.

    A folder that was moved is the same one if an image that was judged is still in it. For None, answers without
    images, nothing is known and nothing refused.
    """
    source = read_source(out)
    if source is None or source.images is None or images is None or source.images == place_from(out, images):
        return
    other = Path(os.path.normpath(out.path.resolve() / source.images))
    if not other.exists() and _holds_judged(images, out):
        return
    raise other_results(out, f"about the images in {other}, not those in {images.resolve()}", images)


def other_results(out: RunDir, held: str, named: Path) -> BadInputError:
    """The error for results that would go where others are; `held` says what those are about."""
    place = named.resolve()
    free = out.path.with_name(f"{place.parent.name or 'other'}-{place.stem}")
    return BadInputError(f"{out.path} holds results {held}. Choose another folder for these: {option('out', free)}.")


def _holds_judged(images: Path, out: RunDir) -> bool:
    for judgement in out.judged().values():
        for _, line in islice(read_answer_lines(judgement.answers), _SAMPLE):
            stem = file_stem(line.item_id)
            found = [*images.glob(f"{stem}.*"), *images.glob(f"{stem}/*")]
            if any(file.is_file() and file_digest(file) == line.image_sha256 for file in found):
                return True
    return False
