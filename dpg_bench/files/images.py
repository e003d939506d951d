"""The images of a folder by item: grids `<item>.png`, or one file per image, in any of the usual layouts.

The folder may be a run's own or any other tool's; `dpg_bench.files.image_names` says which name is whose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.grid import Cut
from dpg_bench.files.image_names import Listing, list_images, shown_name
from dpg_bench.files.item_names import file_stem

MOST_IMAGES = 1000
"""Of a prompt: an item is judged as a whole, and all of its images are read for that."""
GRID_IMAGES = 4  # as the official launcher passes to the script
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ItemFiles:
    """The files of one item: a single grid of all its images, or one file per image in order."""

    item_id: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images of a folder, by item and in the order of the suite.

    `missing` says of every other expected item what is not there. `extra` are the names, relative to `path`, of
    what belongs to no item. `guesses` says what neither the caller nor the files' names told for certain. `assumed` is
    true if nothing told how many images a grid holds. `cuts` are the places of the tiles by a file's width and height
    in pixels, None if nobody has looked (`dpg_bench.files.survey`) and `choose_cut` decides; `resolution` is a tile's
    side that the caller named.
    """

    path: Path
    images_per_prompt: int
    assumed: bool
    items: Mapping[str, ItemFiles]
    missing: Mapping[str, str]
    extra: tuple[str, ...]
    guesses: tuple[str, ...] = ()
    resolution: int | None = None
    cuts: Mapping[tuple[int, int], Cut] | None = None

    @property
    def images_per_file(self) -> int:
        """How many images a file holds: all of an item's or one; 1 if there is no file."""
        files = max((len(item.files) for item in self.items.values()), default=self.images_per_prompt)
        return self.images_per_prompt // files


def find_images(
    folder: Path,
    item_ids: Sequence[str],
    *,
    known: Collection[str] | None = None,
    images_per_prompt: int | None = None,
    guessed: bool = False,
    resolution: int | None = None,
    pattern: str | None = None,
    listing: Listing | None = None,
) -> ImageFolder:
    """The images that `folder` holds for the items `item_ids`. Looks at names alone and opens no file.

    `known` are all item ids that a name may mean (None: `item_ids`), `listing` is what is known of the files (None:
    they are listed by their names, or by `pattern`). `images_per_prompt` None: where items have a file per image, the
    number of files that most of them have; for grids 4, as in the official launcher. `guessed` says that it is what
    was guessed so before, which is still to be said. The numbers of images may begin
    anywhere: those that most items share are taken, in ascending order.

    Raises BadInputError if `folder` is no folder, if an item is there twice (`a.png` beside `a.jpg`, or a grid
    beside a folder), if a number is not positive, or if no item's images are there.
    """
    for name, value in (("images per prompt", images_per_prompt), ("resolution", resolution)):
        if value is not None and value < 1:
            raise BadInputError(f"{value} {name} can't be: give a number of at least 1.")
    if not folder.is_dir():
        raise BadInputError(f"There is no folder '{folder}'. Give a run folder or a folder of images.")
    if listing is None:
        listing = list_images(folder, frozenset(known if known is not None else item_ids), pattern=pattern)
    chosen = [item_id for item_id in item_ids if item_id in listing.grids or item_id in listing.numbered]
    _refuse_doubles(folder, listing, chosen)
    numbered = {
        item: {k: files[0] for k, files in listing.numbered[item].items()}
        for item in chosen
        if item in listing.numbered
    }
    count = images_per_prompt if images_per_prompt is not None else _usual_count(numbered)
    if count > MOST_IMAGES:
        raise BadInputError(
            f"{folder} would have {count} images of every prompt, more than the {MOST_IMAGES} that are judged "
            f"together. Give {option('images_per_prompt', GRID_IMAGES)}, or the number that is meant."
        )
    told = images_per_prompt is not None and not guessed
    labels = _labels(numbered, count)
    items: dict[str, ItemFiles] = {}
    missing: dict[str, str] = {}
    extra = list(listing.extra)
    for item_id in item_ids:
        if item_id in listing.grids:
            items[item_id] = ItemFiles(item_id, (listing.grids[item_id][0],))
        elif item_id in numbered:
            files = numbered[item_id]
            wanted = labels if labels is not None else tuple(sorted(files)[:count])
            absent = [label for label in wanted if label not in files]
            if absent or len(wanted) < count:
                missing[item_id] = _what_is_missing(files, wanted, absent, count)
            else:
                items[item_id] = ItemFiles(item_id, tuple(files[label] for label in wanted))
                extra += [shown_name(files[label], folder) for label in files.keys() - set(wanted)]
        else:
            missing[item_id] = "there is no image"
    if item_ids and not items:
        raise BadInputError(
            _nothing_found(folder, item_ids, missing, extra, others=[*listing.grids, *listing.numbered])
        )
    return ImageFolder(
        path=folder,
        images_per_prompt=count,
        assumed=not told and not numbered,
        items=items,
        missing=missing,
        extra=tuple(sorted(extra)),
        guesses=tuple(_guesses(numbered, labels, count, told=told)),
        resolution=resolution,
    )


def _usual_count(numbered: Mapping[str, Mapping[int, Path]]) -> int:
    """How many images most items have; of two counts that are as frequent 4, else the larger."""
    counts = Counter(len(files) for files in numbered.values())
    if not counts:
        return GRID_IMAGES
    return min(counts, key=lambda count: (-counts[count], count != GRID_IMAGES, -count))


def _labels(numbered: Mapping[str, Mapping[int, Path]], count: int) -> tuple[int, ...] | None:
    """The numbers of the images, shared by most items; None if items share none and each has its own."""
    shared = Counter(number for files in numbered.values() for number in files)
    usual = sorted(shared, key=lambda number: (-shared[number], number))[:count]
    if not usual or (len(numbered) > 1 and 2 * shared[usual[0]] <= len(numbered)):
        return None
    return tuple(sorted(usual))


def _guesses(
    numbered: Mapping[str, Mapping[int, Path]], labels: tuple[int, ...] | None, count: int, *, told: bool
) -> list[str]:
    said = []
    others = [item_id for item_id, files in numbered.items() if len(files) != count]
    if not told and numbered and others:
        first = others[0]
        said.append(
            f"taking {count} images of every prompt, as most items have; {len(others)} of {len(numbered)} have another "
            f"number: '{first}' has {len(numbered[first])}{' …' if len(others) > 1 else ''}"
        )
    if numbered and labels is None:
        said.append("the images' numbers differ from item to item: taken in ascending order")
    elif labels is not None and labels[0] != 0 and labels != (0,):
        said.append(
            f"images are numbered {', '.join(map(str, labels[:4]))}{' …' if len(labels) > 4 else ''}: in this order"
        )
    return said


def _what_is_missing(files: Mapping[int, Path], wanted: Sequence[int], absent: Sequence[int], count: int) -> str:
    have = ", ".join(files[number].name for number in sorted(files)[:_SHOWN])
    if not absent:
        return f"{count - len(files)} of {count} images are missing (there is {have})"
    first = wanted.index(absent[0]) if absent[0] in wanted else 0
    counted = (
        f"counted from {wanted[0]}"
        if list(wanted) == list(range(wanted[0], wanted[0] + len(wanted)))
        else f"number {absent[0]}"
    )
    return f"image {wanted[first]} of {count} is missing, {counted} (there is {have})"


def _refuse_doubles(folder: Path, listing: Listing, chosen: Collection[str]) -> None:
    clashes = [files for item_id, files in listing.grids.items() if item_id in chosen and len(files) > 1]
    for item_id, numbered in listing.numbered.items():
        if item_id in chosen:
            clashes += [files for files in numbered.values() if len(files) > 1]
            if item_id in listing.grids:
                clashes.append([listing.grids[item_id][0], next(iter(numbered.values()))[0]])
    if clashes:
        first, second = (shown_name(file, folder) for file in clashes[0][:2])
        others = f" {len(clashes) - 1} more are there twice." if len(clashes) > 1 else ""
        raise BadInputError(
            f"In {folder}, '{first}' and '{second}' are both the same image of one item.{others} "
            "Remove or rename one of them."
        )


def _nothing_found(
    folder: Path, item_ids: Sequence[str], missing: Mapping[str, str], extra: Sequence[str], *, others: Sequence[str]
) -> str:
    partial = next((f"item '{item}': {why}" for item, why in missing.items() if "(" in why), None)
    if partial is not None:
        return f"{folder} holds no item's images completely; {partial}. Name them <item>/0.png, <item>/1.png, …"
    if others:
        return (
            f"{folder} holds images of {len(others)} other items, such as '{others[0]}', and none of the "
            f"{len(item_ids)} asked for, such as '{item_ids[0]}'."
        )
    there = f"it holds {', '.join(extra[:_SHOWN])}{' …' if len(extra) > _SHOWN else ''}" if extra else "it is empty"
    stem = file_stem(item_ids[0])
    return (
        f"{folder} holds no image of the {len(item_ids)} items asked for: {there}, while an image would be named "
        f"{stem}.png, {stem}/0.png or {stem}_0.png. Check the folder and {option('suite')}; for names of "
        f"another form give {option('pattern')}, such as {{item}}/sample-{{k}}.png, or a list: {option('files')}."
    )
