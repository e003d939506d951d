"""The images that a folder of results is about, found as they were when they were judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dpg_bench.files.image_list import read_image_list
from dpg_bench.files.images import find_images
from dpg_bench.files.run_folder import RunDir
from dpg_bench.files.source_record import images_of, read_source


def find_recorded_images(
    out: RunDir | None, item_ids: Sequence[str], *, images_per_prompt: int, folder: Path | None = None
) -> Mapping[str, tuple[Path, ...]]:
    """The files of the items that have any: a grid, or one file per image. Empty if the images aren't there any more.

    `out` is a run, or results about images made elsewhere, whose `source.json` says how these are named. `folder`
    says where they are now, if not where they were.

    Raises BadInputError if `source.json` is damaged, or the folder holds other things than these items' images.
    """
    folder = folder if folder is not None else images_of(out) if out is not None else None
    if folder is None or (folder.is_dir() and not any(folder.iterdir())):
        return {}
    source = read_source(out) if out is not None else None
    listing = None
    if source is not None and source.files is not None and out is not None:
        listing = read_image_list(out.path.resolve() / source.files, folder, frozenset(item_ids))
    found = find_images(
        folder,
        item_ids,
        images_per_prompt=images_per_prompt,
        pattern=source.pattern if source is not None else None,
        listing=listing,
    )
    return {item_id: item.files for item_id, item in found.items.items()}
