"""The images that a folder of results is about, found as they were when they were judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dpg_bench.files.grid import Cut
from dpg_bench.files.image_content import image_size
from dpg_bench.files.image_list import read_image_list
from dpg_bench.files.images import ImageFolder, find_images
from dpg_bench.files.kept_suite import kept_item_ids
from dpg_bench.files.run_folder import RunDir
from dpg_bench.files.source_record import images_of, read_source
from dpg_bench.files.survey import survey_images


def find_recorded_images(
    out: RunDir | None, item_ids: Sequence[str], *, images_per_prompt: int, folder: Path | None = None
) -> ImageFolder | None:
    """The images of the items that have any; None if they aren't there any more.

    `out` is a run, or results about images made elsewhere, whose `source.json` says how these are named. `folder`
    says where they are now, if not where they were. A file is never taken for one of `item_ids` if it is named after
    another item of a suite that was scored here: `a_1.png` is no image of item a where there is an item a_1.

    Raises BadInputError if `source.json` is damaged, or the folder holds other things than these items' images.
    """
    folder = folder if folder is not None else images_of(out) if out is not None else None
    if folder is None or (folder.is_dir() and not any(folder.iterdir())):
        return None
    source = read_source(out) if out is not None else None
    known = {*item_ids, *(_asked_here(out) if out is not None else ())}
    listing = None
    if source is not None and source.files is not None and out is not None:
        listing = read_image_list(out.path.resolve() / source.files, folder, frozenset(item_ids))
    return find_images(
        folder,
        item_ids,
        known=known,
        images_per_prompt=images_per_prompt,
        pattern=source.pattern if source is not None else None,
        resolution=source.resolution if source is not None else None,
        listing=listing,
    )


def _asked_here(run: RunDir) -> Iterator[str]:
    for judgement in run.judged().values():
        if judgement.suite.is_file():
            yield from kept_item_ids(judgement.suite)


def recorded_cuts(out: RunDir | None, images: ImageFolder) -> Mapping[str, Cut]:
    """Where the images lie in the items' grids, by item; `images` is of `find_recorded_images`.

    Items with a file per image are left out, and those whose file can't be read.

    Raises BadInputError if `source.json` is damaged.
    """
    source = read_source(out) if out is not None else None
    grid, border = (source.grid, source.border) if source is not None else (None, None)
    if out is not None and out.record_file.exists() and images.path == out.images:
        border = 0  # grids of our own have none, so no image need be opened to look for it
    cuts = survey_images(images, grid=grid, border=border).images.cuts or {}
    sizes = {item_id: image_size(item.files[0]) for item_id, item in images.items.items() if len(item.files) == 1}
    return {item_id: cuts[size] for item_id, size in sizes.items() if size is not None and size in cuts}
